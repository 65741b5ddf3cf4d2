"""NumPy speaks Tensor: ufuncs, operators and questions; what is refused, how, and that nothing drops a gradient."""

from __future__ import annotations

import operator

import numpy as np
import pytest
from numpy_calls import MASK, SQUARE, X3, X23, C, R, as_function, parts, slope_of, spd, tensors_of

import tinygrad_edu as tg
from tinygrad_edu.engine.numpy_calls import protocol as numpy_protocol
from tinygrad_edu.engine.numpy_calls.functions import FUNCTIONS, NO_GRADIENT
from tinygrad_edu.engine.tensor import Tensor

# ufuncs

UNARY = {
    "arccosh": (1.2, 3), "arcsin": (-0.9, 0.9), "arccos": (-0.9, 0.9), "arctanh": (-0.9, 0.9), "log": (0.2, 3),
    "log10": (0.2, 3), "log1p": (-0.5, 3), "log2": (0.2, 3), "sqrt": (0.2, 3), "tan": (-1, 1),
}  # fmt: skip
BINARY = [
    "add", "arctan2", "divide", "fmax", "fmin", "hypot", "logaddexp", "logaddexp2", "maximum", "minimum", "multiply",
    "power", "remainder", "subtract",
]  # fmt: skip
OTHERS = ["positive", "conjugate", "reciprocal", "deg2rad", "radians", "rad2deg", "degrees"]
VECTORS = [name for name in ("matmul", "vecdot", "matvec", "vecmat") if hasattr(np, name)]
ONE = [np.fabs, *[getattr(np, name) for name in numpy_protocol.ALIKE.split() if name not in (*BINARY, "matmul")],
       *[getattr(np, name) for name in OTHERS]]  # fmt: skip


@pytest.mark.parametrize("ufunc", ONE, ids=lambda ufunc: ufunc.__name__)
def test_unary_ufunc(ufunc):
    low, high = UNARY.get(ufunc.__name__, (-2.1, 1.9))
    data = np.linspace(low, high, 5)
    x = Tensor(data, requires_grad=True)
    np.testing.assert_allclose(ufunc(x).data, ufunc(data), rtol=1e-14)
    assert ufunc(x).requires_grad
    tg.gradcheck(ufunc, x)
    tg.gradcheck(slope_of(lambda x: [ufunc(x)], x), x, atol=1e-4)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("sides", ["both", "left", "right", "number"])
def test_binary_ufunc_with_arrays_and_numbers_on_either_side(name, sides):
    ufunc = getattr(np, name)
    a, b = np.abs(R(2, 3)) + 0.5, np.abs(R(3)) + 0.6
    x = Tensor(a, requires_grad=True) if sides != "right" else a
    y = Tensor(b, requires_grad=True) if sides in ("both", "right") else 1.5 if sides == "number" else b
    out = ufunc(x, y)
    np.testing.assert_allclose(out.data, ufunc(a, getattr(y, "data", y) if sides == "number" else b), rtol=1e-14)
    inputs = [t for t in (x, y) if isinstance(t, Tensor)]
    f = {"both": ufunc, "right": lambda y: ufunc(a, y)}.get(sides, lambda x: ufunc(x, y))
    assert out.requires_grad
    tg.gradcheck(f, inputs)


@pytest.mark.parametrize("name", VECTORS)
def test_products_of_vectors(name):
    shapes = {
        "matmul": [(2, 3), (3, 2)],
        "vecdot": [(2, 3), (2, 3)],
        "matvec": [(2, 2, 3), (2, 3)],
        "vecmat": [(3,), (2, 3, 2)],
    }
    ufunc = getattr(np, name)
    x, y = [Tensor(R(*shape), requires_grad=True) for shape in shapes[name]]
    np.testing.assert_allclose(ufunc(x, y).data, ufunc(x.data, y.data))
    tg.gradcheck(ufunc, [x, y])


METHODS = [
    (np.add.reduce, C(X23)), (np.add.reduce, C(X23, axis=1, keepdims=True)), (np.add.reduce, C(X23, 0, None, None)),
    (np.add.reduce, C(X23, axis=None)), (np.multiply.reduce, C(X23)), (np.maximum.reduce, C(X23, axis=1)),
    (np.minimum.reduce, C(X23)), (np.logaddexp.reduce, C(X23)), (np.add.accumulate, C(X23)),
    (np.multiply.accumulate, C(X23, axis=1)), (np.subtract.outer, C(X23, X3)), (np.multiply.outer, C(X3, 2.0)),
]  # fmt: skip


@pytest.mark.parametrize(("method", "call"), METHODS, ids=lambda v: getattr(v, "__name__", ""))
def test_reduce_accumulate_outer(method, call):
    f = as_function(method, call)
    inputs = tensors_of(call)
    np.testing.assert_allclose(f(*inputs)[0].data, method(*call.args, **call.kwargs))
    tg.gradcheck(f, inputs)


# Operators

OPERATORS = ["add", "sub", "mul", "truediv", "pow", "mod", "matmul"]


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("other", [np.array([0.5, 2.0, 1.5]), np.float64(1.7), [0.5, 2.0, 1.5], 2, 1.5], ids=repr)
def test_operators_with_arrays_numbers_and_lists_on_either_side(name, other):
    if name == "matmul" and not np.ndim(other):
        other = np.full((3,), float(other))
    op = getattr(operator, name)
    data = np.array([1.2, 3.1, 0.7])
    x = Tensor(data, requires_grad=True)
    for mine, numpys in ((op(x, other), op(data, other)), (op(other, x), op(np.asarray(other), data))):
        assert isinstance(mine, Tensor)
        assert mine.requires_grad
        np.testing.assert_allclose(mine.data, numpys)
    tg.gradcheck(lambda x: [op(x, other), op(other, x)], x)


@pytest.mark.parametrize("name", ["lt", "le", "gt", "ge", "eq", "ne"])
def test_comparisons_are_plain_on_either_side(name):
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    other = np.array([1.0, 5.0, 0.0])
    for left, right in ((x, other), (other, x), (x, x), (np.float64(2), x), (2, x)):
        answer = getattr(operator, name)(left, right)
        assert type(answer) is np.ndarray
        np.testing.assert_array_equal(
            answer, getattr(operator, name)(np.asarray(getattr(left, "data", left)), getattr(right, "data", right))
        )


def test_adding_a_tensor_into_an_array_is_refused_and_writes_nothing():
    a = np.zeros(3)
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    with pytest.raises(TypeError, match=r"np\.add: out= would overwrite .*write a = a \+ x, not a \+= x"):
        a += x
    assert not a.any()
    a += x.detach()
    assert a.tolist() == [1.0, 2.0, 3.0]


def test_writing_into_a_tensor_that_a_graph_saw_is_noticed():
    x = Tensor([1.0, 2.0], requires_grad=True)
    c = Tensor([3.0, 4.0])
    y = (x * c).sum()
    assert np.multiply(c, 2.0, out=c) is c
    assert c.tolist() == [6.0, 8.0]
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_a_function_with_out_writes_where_no_gradient_is_needed():
    out = np.zeros(3)
    assert np.sum(Tensor(X23), axis=0, out=out) is out
    np.testing.assert_allclose(out, X23.sum(0))


# Questions

QUESTIONS = [
    (np.argmax, C(X23)), (np.argmin, C(X23, axis=1)), (np.argsort, C(X23, axis=0)), (np.isnan, C(X23)),
    (np.isfinite, C(X23)), (np.allclose, C(X23, X23)), (np.isclose, C(X23, X23 + 1)), (np.array_equal, C(X23, X23)),
    (np.shape, C(X23)), (np.ndim, C(X23)), (np.size, C(X23)), (np.nonzero, C(X23)), (np.argwhere, C(X23)),
    (np.count_nonzero, C(X23)), (np.searchsorted, C(np.sort(X3), X23)), (np.zeros_like, C(X23)), (np.any, C(X23)),
    (np.ones_like, C(X23)), (np.full_like, C(X23, 2.0)), (np.result_type, C(X23, np.float32)), (np.all, C(X23, axis=0)),
    (np.iscomplexobj, C(X23)), (np.isrealobj, C(X23)), (np.where, C(X23)), (np.signbit, C(X23)), (np.isin, C(X23, X3)),
    (np.floor_divide, C(X23, 0.5)), (np.logical_and, C(X23, X3)), (np.greater, C(X23, X3)),
    (np.digitize, C(X23, np.sort(X3))),
    (np.lexsort, C((X3, X3))), (np.linalg.matrix_rank, C(X23)), (np.unravel_index, C(np.array([3]), (2, 3))),
    (np.tril_indices_from, C(SQUARE)), (np.array_repr, C(X3)), (np.equal, C(X23, X3)),
]  # fmt: skip


@pytest.mark.parametrize(("function", "call"), QUESTIONS, ids=[f.__name__ for f, _ in QUESTIONS])
def test_questions_give_plain_answers(function, call):
    args, kwargs = call.filled(lambda a: Tensor(a, requires_grad=True))
    answers, wanted = parts(function(*args, **kwargs)), parts(function(*call.args, **call.kwargs))
    for answer, want in zip(answers, wanted):
        assert type(answer) is type(want)
        np.testing.assert_array_equal(answer, want)


def test_questions_are_not_functions_too():
    assert not NO_GRADIENT & set(FUNCTIONS)


# Refusals

x23, x33 = Tensor(X23, requires_grad=True), Tensor(SQUARE, requires_grad=True)
DETACH = r".*x\.detach\(\) where no gradient should flow$"
REFUSED = [
    (lambda: np.sum(x23, where=MASK), r"np\.sum: where= is not supported for Tensors; choose .* tg\.where" + DETACH),
    (lambda: np.sum(x23, 0, None, np.zeros(3)), r"np\.sum: out= is not supported" + DETACH),
    (lambda: np.max(x23, initial=9.0), r"np\.max: initial= is not supported" + DETACH),
    (lambda: np.sum(x23, dtype=int), r"dtype=int64 has no gradient; use a float dtype"),
    (lambda: np.stack([x23, x23], out=np.zeros((2, 2, 3))), r"np\.stack: out= is not supported"),
    (lambda: np.concatenate([x23], dtype=np.float32), r"np\.concatenate: dtype= is not supported.*x\.astype\(dtype\)"),
    (lambda: np.quantile(x23, 0.5, method="nearest"), r"np\.quantile: method= is not supported"),
    (lambda: np.linalg.pinv(x23, rcond=0.1), r"np\.linalg\.pinv: rcond= is not supported"),
    (lambda: np.take(x23, [9], mode="wrap"), r"np\.take: mode= is not supported"),
    (lambda: np.pad(x23, 1, mode="reflect", reflect_type="odd"), r"np\.pad: reflect_type= is not supported"),
    (lambda: np.exp(x23, where=MASK), r"np\.exp: not differentiable here with where="),
    (lambda: np.exp(x23, dtype=np.float32), r"np\.exp: not differentiable here with dtype="),
    (lambda: np.exp(x23, out=np.zeros((2, 3))), r"np\.exp: out= would overwrite"),
    (lambda: np.add.reduceat(x23, [0, 1]), r"np\.add\.reduceat: not differentiable here"),
    (lambda: np.add.at(x23, [0], 1.0), r"np\.add\.at: would write into a Tensor"),
    (lambda: np.add.at(np.zeros(3), [0], x23), r"np\.add\.at: not differentiable here"),
    (lambda: np.modf(x23), r"np\.modf: not differentiable here"),
    (lambda: np.nextafter(x23, 1.0), r"np\.nextafter: not differentiable here"),
    (lambda: np.fft.fft(x23), r"np\.fft\.fft: complex numbers are not supported; compose it from matrix"),
    (lambda: np.linalg.qr(x23), r"np\.linalg\.qr: .* use np\.linalg\.cholesky" + DETACH),
    (lambda: np.linalg.eig(x33), r"np\.linalg\.eig: .* use np\.linalg\.eigh" + DETACH),
    (lambda: np.linalg.svd(x23), r"np\.linalg\.svd: .* is not square; use full_matrices=False"),
    (lambda: np.linalg.svd(x23[[0, 0]], full_matrices=False), r"np\.linalg\.svd: .* has a singular value 0"),
    (lambda: np.linalg.lstsq(x33, x33), r"np\.linalg\.lstsq: .* use np\.linalg\.pinv\(a\) @ b"),
    (lambda: np.unique(x23), r"np\.unique: not differentiable here; use np\.argsort"),
    (lambda: np.interp(x23, [0, 1], [0, 1]), r"np\.interp: not differentiable here"),
    (lambda: np.histogram(x23), r"np\.histogram: not differentiable here; compose it from the functions of tg\.\*"),
    (lambda: np.copyto(np.zeros((2, 3)), x23), r"np\.copyto: would write into an array .* tg\.where"),
    (lambda: np.fill_diagonal(x33.detach(), 0.0), r"np\.fill_diagonal: would write .* tg\.where\(np\.eye"),
    (lambda: np.put(x33.detach(), 0, 0.0), r"np\.put: would write into an array"),
    (lambda: np.array([x23, x23]), r"a plain array would lose it silently.*tg\.stack"),
    (lambda: np.asarray(x23), r"a plain array would lose it silently.*\.detach\(\)"),
    (lambda: np.gradient(x23, edge_order=2), r"np\.gradient: edge_order=2 is not supported"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_refused_with_a_typeerror_that_says_what_to_use(call, message):
    with pytest.raises(TypeError, match=message):
        call()


BAD = [
    (lambda: np.reshape(x23, 6, order="A"), "how memory is laid out"),
    (lambda: np.diag(Tensor(R(1, 2, 3), requires_grad=True)), "wants a vector or a matrix"),
    (lambda: np.select([MASK], []), None),
    (lambda: np.select([MASK], [x23, x23]), "1 conditions for 2 choices"),
    (lambda: np.piecewise(x23, [MASK], [np.exp, np.exp, np.exp]), "3 functions for 1 conditions"),
    (lambda: np.cross(x23[:, :2], x23[:, :2]), "3 elements"),
    (lambda: np.quantile(x23, 1.5), "q must lie in 0 to 1"),
    (lambda: np.average(x23, 0, Tensor(R(3))), "weights"),
    (lambda: np.convolve(x23, x23), "two vectors"),
    (lambda: np.convolve(x23[0], x23[0], "half"), "mode must be"),
    (lambda: np.gradient(x23[:1]), "two elements at least"),
    (lambda: np.diff(x23, -1), "must not be negative"),
    (lambda: np.array_split(x23, 0), "positive number"),
    (lambda: np.meshgrid(x23[0], x23[1], indexing="yx"), "indexing"),
    (lambda: np.clip(x23, 0, 1, min=0, max=1), None),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_values_are_a_valueerror(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_what_is_refused_works_plainly_on_a_detached_tensor():
    x = x23.detach()
    assert np.sum(x, where=MASK).item() == X23[MASK].sum()
    np.testing.assert_array_equal(np.unique(x), np.unique(X23))
    np.testing.assert_array_equal(np.fft.fft(x), np.fft.fft(X23))
    np.testing.assert_array_equal(np.modf(x)[0].data, np.modf(X23)[0])
    assert isinstance(np.exp(x, dtype=np.float64), Tensor)


def test_defaults_spelled_out_are_accepted():
    assert np.sum(x23, axis=None, dtype=None, out=None, keepdims=False, where=np._NoValue).requires_grad
    assert np.sum(a=x23, axis=0).requires_grad
    assert np.reshape(x23, (3, 2), order="C").requires_grad
    assert np.concatenate([x23, x23], axis=0, out=None, dtype=None, casting="same_kind").requires_grad
    assert np.exp(x23, out=None).requires_grad
    assert np.take(x23, [0], None, None, "raise").requires_grad


def test_dtype_of_a_sum_is_the_one_to_add_in():
    x = Tensor(X23.astype(np.float32), requires_grad=True)
    y = np.mean(x, dtype=np.float64)
    assert y.dtype == np.float64
    y.backward()
    assert x.grad.dtype == np.float32


def test_a_class_that_numpy_asks_too_gets_its_turn():
    class Labelled:
        def __array_ufunc__(self, ufunc, method, *inputs, **options):
            return "mine"

        def __array_function__(self, func, types, args, kwargs):
            return "mine"

    assert np.add(x23, Labelled()) == "mine"
    assert np.dot(x23, Labelled()) == "mine"
    assert x23 + Labelled() == "mine" if hasattr(Labelled, "__radd__") else True


def test_composites_are_scopes():
    assert FUNCTIONS[np.cov](x23)._scope.name == "cov"


# Nothing drops a gradient: a sweep over all of NumPy

SWEPT = [
    getattr(module, name)
    for module in (np, np.linalg, np.fft)
    for name in sorted(dir(module))
    if hasattr(getattr(module, name), "_implementation") or isinstance(getattr(module, name), np.ufunc)
]
PLAIN = NO_GRADIENT | numpy_protocol.PLAIN
CHOOSING = (np.choose, np.compress, np.extract, np.select, np.where)  # the first argument has no gradient
OPTIONAL = (np.full_like, np.polyint, *([np.astype] if hasattr(np, "astype") else []))  # the others have none


def attempts(data):
    """Return arguments that one function or another takes; Tensors and arrays anew in each."""
    x, a = (lambda: Tensor(data, requires_grad=True)), (lambda: data.copy())
    zeros, mask, index = (lambda: np.zeros(data.shape)), (lambda: data > 0), (lambda: np.array([0, 1, 2]))
    return [
        (x(),), (x(), x()), (x(), x(), x()), (x(), 1), (x(), 1, x()), (x(), (1,)), (x(), index()), (x(), index(), x()),
        (index(), x()), (index(), [x(), x()]), ([x(), x()],), ([x(), x()], [x(), x()]),
        (mask(), x()), ([mask()], [x()]),
        ("i...", x()), (zeros(), x()), (x(), np.float64), (x(), a()), (a(), x()), (1.0, x()), (x(), 1.0), (2, x()),
        (zeros(), index(), x()), (zeros(), mask(), x()), (len, 0, x()), (a(), 1, x()), (a(), a(), x()), (a(), x(), a()),
        (x(), a(), a()), (a(), 0, x()), (x(), 0, 1), (x(), [mask()], [np.exp]), (x(), data.shape),
        (x(), x(), 1), (x(), True, False), (x(), np.argsort(data, 0), 0),
    ]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("function", SWEPT, ids=lambda f: f"{getattr(f, '__module__', 'ufunc')}.{f.__name__}")
def test_no_function_drops_a_gradient_silently(function, monkeypatch):
    """Whatever NumPy asks a Tensor gives a Tensor that needs a gradient, or no floats, or an error."""
    asked, worked = [], 0
    for door in ("__array_ufunc__", "__array_function__"):
        method = getattr(Tensor, door)
        monkeypatch.setattr(Tensor, door, lambda *args, do=method, **options: asked.append(1) or do(*args, **options))
    for data in (np.array([0.3, 0.7, 0.5, 0.9]), spd(3), R(2, 2, 2)):
        for pieces in attempts(data):
            asked.clear()
            try:
                result = function(*pieces)
            except (TypeError, ValueError, IndexError, AttributeError):  # the last from NumPy's own code
                continue
            if function in CHOOSING and not has_tensor(pieces[1:]):
                continue
            if (
                not asked
                or function in PLAIN
                or (function in OPTIONAL and not has_tensor(pieces[1 if function is np.full_like else 0]))
            ):
                continue
            worked += 1
            floats = [part for part in parts(result) if np.asarray(getattr(part, "data", part)).dtype.kind in "fc"]
            needed = [part for part in floats if isinstance(part, Tensor) and part.requires_grad]
            assert needed or not floats, f"{function.__name__}{pieces} gave {result!r}"
    assert worked or function not in FUNCTIONS


def has_tensor(value):
    return isinstance(value, Tensor) or (isinstance(value, (list, tuple)) and any(map(has_tensor, value)))


def test_the_sweep_sees_all_of_numpy():
    assert len(SWEPT) > 250
    assert set(FUNCTIONS) - {np.lib.stride_tricks.sliding_window_view} <= set(SWEPT)


class Column:
    """What a table's column is to a Tensor: no array, but one can be made of it."""

    def __init__(self, values):
        self.values = np.asarray(values)

    def __array__(self, dtype=None, copy=None):
        return self.values


def test_operators_take_what_an_array_can_be_made_of():
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    y = (x * Column([3.0, 4.0])).sum()
    y.backward()
    np.testing.assert_array_equal(x.grad.data, [3, 4])
    assert (x == Column([1.0, 3.0])).tolist() == [True, False]


def test_a_column_of_pandas_leaves_operators_to_the_tensor():
    pandas = pytest.importorskip("pandas")
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    for y in (pandas.Series([3.0, 4.0]) * x, x * pandas.Series([3.0, 4.0])):
        assert isinstance(y, tg.Tensor)
        np.testing.assert_array_equal(tg.grad(y.sum(), x).data, [3, 4])
    assert (pandas.Series([0.5, 3.0]) > x).tolist() == [False, True]
