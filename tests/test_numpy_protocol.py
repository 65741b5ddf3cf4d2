"""NumPy speaks Tensor: every function in the tables gives NumPy's values and right gradients; the rest is refused."""

from __future__ import annotations

import operator

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine import numpy_functions, numpy_protocol
from tinygrad_edu.engine.numpy_functions import FUNCTIONS, NO_GRADIENT
from tinygrad_edu.engine.tensor import Tensor

rng = np.random.default_rng(7)
SLIDING = np.lib.stride_tricks.sliding_window_view


class C:
    """A call: what goes between the parentheses. Float arrays in it become Tensors that need a gradient."""

    def __init__(self, *args, **kwargs):
        self.args, self.kwargs = args, kwargs

    def arrays(self):
        found = []
        self.filled(lambda a: found.append(a) or a)
        return found

    def filled(self, change):
        """Return the arguments, every float array replaced by what ``change`` makes of it."""

        def walk(value):
            if isinstance(value, np.ndarray) and value.dtype.kind == "f":
                return change(value)
            return type(value)([walk(part) for part in value]) if isinstance(value, (list, tuple)) else value

        return walk(self.args), {key: walk(value) for key, value in self.kwargs.items()}


def R(*shape):
    """Different numbers, a tenth apart at least."""
    n = int(np.prod(shape))
    return (rng.permutation(n) / 4 - n / 8 + 0.1 + rng.random(n) / 10).reshape(shape)


def with_nan(*shape):
    x = R(*shape)
    x.flat[1] = np.nan
    return x


def spd(n, *batch):
    x = rng.standard_normal((*batch, n, n))
    return x @ np.swapaxes(x, -1, -2) + n * np.eye(n)


MASK = np.array([[True, False, True], [False, False, True]])
X23, X34, X3, SQUARE = R(2, 3), R(3, 4), R(3), R(3, 3) + 3 * np.eye(3)
REDUCED = [C(X23), C(X23, 0), C(X23, axis=(0, 1)), C(X23, axis=-1, keepdims=True), C(X23, None, None)]
DISPERSED = [*REDUCED, C(X23, 0, None, None, 1), C(X23, axis=1, ddof=1, keepdims=True)]
RUNNING = [C(X23), C(X23, 1), C(X23, axis=0, dtype=np.float64)]
JOINED = [C([X23, R(2, 3)]), C((X23, X23))]
SHAPED = [C(X3), C(X23), C(R(2, 1, 2))]

SAMPLES = {
    np.angle: [C(X23), C(X23, deg=True)],
    np.append: [C(X23, X3), C(X23, R(1, 3), axis=0), C(X3, 1.0)],
    np.array_split: [C(R(7), 3), C(R(2, 5), [1, 3], axis=1), C(R(4, 2), 2)],
    np.around: [C(X23 * 10), C(X23, 1), C(X23, decimals=1)],
    np.atleast_1d: [*SHAPED, C(X3, X23)],
    np.atleast_2d: [*SHAPED, C(X3, X23)],
    np.atleast_3d: [*SHAPED, C(X3, X23)],
    np.average: [C(X23), C(X23, 0), C(X23, 1, abs(X3)), C(X23, weights=abs(R(2, 3)), axis=0), C(X23, keepdims=True)],
    np.block: [C([[X23, R(2, 1)], [R(1, 3), R(1, 1)]]), C([X3, X3])],
    np.broadcast_arrays: [C(X3, R(2, 1)), C(X23)],
    np.broadcast_to: [C(X3, (2, 3)), C(X3, shape=(2, 3))],
    np.choose: [C(np.array([0, 1, 1]), [X3, R(3)]), C(np.array([0, 5, 1]), [X3, R(3)], mode="clip")],
    np.clip: [C(X23, -0.3, 0.4), C(X23, a_min=-0.3, a_max=None), C(X23, None, 0.4), C(X23, -R(3) ** 2, X3**2 + 0.5)],
    np.column_stack: [*JOINED, C([X3, R(3), R(3, 2)])],
    np.compress: [C([True, False, True], X23, axis=1), C([0, 1], X23)],
    np.concatenate: [*JOINED, C([X23, R(2, 1)], axis=1), C([X23, X3], None), C([X3, R(3)], -1)],
    np.convolve: [C(R(5), X3, mode) for mode in ("full", "same", "valid")] + [C(X3, R(4), "same"), C(X3, R(4))],
    np.copy: [C(X23), C(X23, order="K")],
    np.corrcoef: [C(R(3, 5)), C(R(4), R(4)), C(R(5, 2), rowvar=False)],
    np.correlate: [C(R(5), X3, mode) for mode in ("full", "same", "valid")] + [C(R(5), R(2), "same"), C(R(5), X3)],
    np.cov: [C(R(3, 5)), C(R(4), R(4)), C(R(5, 2), rowvar=False), C(X23, bias=True), C(X23, ddof=0), C(R(4))],
    np.cross: [C(X23, R(2, 3)), C(X3, X23), C(R(3, 2), R(3, 2), axis=0), C(R(3, 2), X23, axisa=0, axisc=0)],
    np.cumprod: [C(X23), C(X23, 1)],
    np.cumsum: RUNNING,
    np.delete: [C(X23, 1, axis=1), C(X23, [0, 4]), C(X23, slice(0, 1), 0)],
    np.diag: [C(X3), C(X3, 1), C(X34, k=-1), C(X34)],
    np.diagflat: [C(X23), C(X3, -1)],
    np.diagonal: [C(X34), C(R(2, 3, 4), 1, 2, 1), C(X34, offset=-1)],
    np.diff: [C(R(5)), C(X23, 2), C(X34, axis=0), C(X3, prepend=0.5), C(X23, axis=0, append=R(1, 3)), C(X3, n=0)],
    np.dot: [C(X23, R(3, 2)), C(X3, R(3)), C(X3, 2.0), C(X23, R(2, 3, 2))],
    np.dsplit: [C(R(2, 1, 4), 2)],
    np.dstack: [*JOINED, C([X3, R(3)])],
    np.ediff1d: [C(X23), C(X3, to_begin=0.5, to_end=R(2))],
    np.einsum: [
        C("ij,jk->ik", X23, R(3, 2)), C("ii", SQUARE), C(X23, [0, 1], R(3, 2), [1, 2], [0, 2]), C(SQUARE, [0, 0]),
        C("ij,jk,k", X23, R(3, 2), R(2), optimize=True), C(X23, [..., 1], X23, [..., 1], [...]),
    ],
    np.expand_dims: [C(X23, 1), C(X23, axis=(0, -1))],
    np.extract: [C(MASK, X23)],
    np.fix: [C(X23 * 3)],
    np.flip: [C(X23), C(X23, 1), C(X23, axis=(0, 1))],
    np.fliplr: [C(X23)],
    np.flipud: [C(X23), C(X3)],
    np.full_like: [C(X23, R(3)), C(R(4, 3), R(3), shape=(2, 3))],
    np.gradient: [
        C(R(4)), C(X34), C(X34, axis=1), C(X34, 0.5), C(X34, 2.0, axis=(0, -1)), C(X34, 0.5, 2.0),
        C(R(4), np.cumsum(abs(R(4)))), C(X34, np.cumsum(abs(R(4))), axis=1),
    ],
    np.hsplit: [C(R(2, 4), 2), C(R(4), [1, 2])],
    np.hstack: [*JOINED, C([X3, R(2)])],
    np.imag: [C(X23)],
    np.inner: [C(X23, R(4, 3)), C(X3, R(3)), C(X3, 2.0)],
    np.insert: [C(X23, 1, R(3), axis=0), C(X3, [0, 2], R(2)), C(X3, 1, 9.0)],
    np.kron: [C(X23, R(2, 2)), C(X3, R(2))],
    np.linspace: [C(R(1)[0], X3, 4), C(X3, R(3), num=1), C(X3, 2.0, 3, endpoint=False)],
    np.logspace: [C(X3 / 9, R(3) / 9, 3), C(X3, 1.0, 3, base=2.0)],
    np.max: REDUCED,
    np.mean: [*REDUCED, C(X23, 0, np.float64)],
    np.median: [*REDUCED[:4], C(X34, 1), C(R(2, 3, 2), axis=(0, 2))],
    np.meshgrid: [C(X3, R(2)), C(X3, R(2), R(2), indexing="ij"), C(X3, R(2), sparse=True), C(X3)],
    np.min: REDUCED,
    np.moveaxis: [C(R(2, 3, 2), 0, -1), C(R(2, 3, 1), [0, 1], [-1, 0])],
    np.nan_to_num: [C(X23), C(with_nan(2, 3), nan=1.0)],
    np.nancumprod: [C(with_nan(2, 3)), C(with_nan(2, 3), axis=1)],
    np.nancumsum: [C(with_nan(2, 3)), C(with_nan(2, 3), axis=1)],
    np.nanmax: [C(with_nan(2, 3)), C(with_nan(2, 3), 1, keepdims=True)],
    np.nanmean: [C(with_nan(2, 3)), C(with_nan(2, 3), 1, keepdims=True), C(with_nan(2, 3), axis=0)],
    np.nanmin: [C(with_nan(2, 3)), C(with_nan(2, 3), 1, keepdims=True)],
    np.nanprod: [C(with_nan(2, 3)), C(with_nan(2, 3), 1, keepdims=True)],
    np.nanstd: [C(with_nan(2, 3)), C(with_nan(2, 3), 1, ddof=1, keepdims=True)],
    np.nansum: [C(with_nan(2, 3)), C(with_nan(2, 3), 1, keepdims=True)],
    np.nanvar: [C(with_nan(2, 3)), C(with_nan(2, 3), 1, ddof=1, keepdims=True)],
    np.outer: [C(X3, R(2)), C(X23, X3)],
    np.pad: [C(X23, 1), C(X23, ((1, 0), (0, 2)), constant_values=2.0), C(X23, 1, mode="reflect"), C(X3, 2, "edge")],
    np.partition: [C(R(7), 3), C(X34, 1, axis=0), C(X23, 2, None)],
    np.percentile: [C(R(5), 30), C(X34, [10, 80], axis=1)],
    np.piecewise: [
        C(X23, [MASK], [np.exp, np.sin]), C(X23, [MASK, MASK.T.reshape(2, 3)], [np.exp, np.square]),
        C(X3, [np.array([True, False, True])], [lambda x, k: k * x**2], 3.0), C(X3, np.array([True, False, True]), [2.0, np.exp]),
    ],
    np.polyval: [C(X3, R(2)), C([1.0, 2.0, 3.0], X23), C(X3, R(1))],
    np.prod: [*REDUCED, C(np.array([0.0, 2.0, 0.0]))],
    np.ptp: [C(X23), C(X23, axis=0), C(X23, axis=1, keepdims=True)],
    np.quantile: [
        C(R(5), 0.3), C(X34, [0.1, 0.5], 1), C(X34, 0.75, axis=0, keepdims=True), C(X34, [[0.2], [1.0]]),
        C(R(2, 3, 2), [0.2, 0.9], axis=(0, 2), keepdims=True),
    ],
    np.ravel: [C(X23), C(X23, "F"), C(X23, order="C")],
    np.real: [C(X23)],
    np.real_if_close: [C(X23)],
    np.repeat: [C(X23, 2), C(X23, [1, 0, 2], axis=1)],
    np.reshape: [C(X23, (3, 2)), C(X23, -1), C(X23, (3, -1), order="F"), C(X23, shape=6)],
    np.resize: [C(X23, (3, 3)), C(X23, 4)],
    np.roll: [C(X23, 1), C(X23, (1, 2), axis=(0, 1)), C(X23, -1, 1)],
    np.rollaxis: [C(R(2, 3, 2), axis, start) for axis in (0, 1, 2, -1) for start in (0, 1, 3, -1)] + [C(X23, 1)],
    np.rot90: [C(X23), C(X23, 2), C(R(2, 3, 2), 3, axes=(1, 2))],
    np.select: [C([MASK, ~MASK], [X23, R(2, 3)]), C([MASK], [X23], default=1.5), C([MASK, MASK], [X23, R(1, 3)], X3)],
    np.sinc: [C(X23), C(np.array([0.0, 1e-3, 1.0]))],
    np.sort: [C(X23), C(X23, 0), C(X23, axis=None, kind="stable")],
    np.split: [C(R(4), 2), C(X34, [1, 3], axis=1), C(X34, 3)],
    np.squeeze: [C(R(1, 3, 1)), C(R(1, 3, 1), axis=0)],
    np.stack: [*JOINED, C([X23, R(2, 3)], axis=-1), C([X23, R(2, 3)], 1)],
    np.std: DISPERSED,
    np.sum: [*REDUCED, C(X23, 0, None, None, True), C(X23, axis=0, dtype=np.float64)],
    np.swapaxes: [C(R(2, 3, 1), 0, 2)],
    np.take: [C(X23, [0, 2, 2], axis=1), C(X23, np.array([[0, 5]])), C(X23, -1, 0)],
    np.take_along_axis: [C(X23, np.argsort(X23, axis=1), axis=1), C(X23, np.array([3, 3]), None)],
    np.tensordot: [C(X23, R(3, 2), 1), C(X23, R(2, 3)), C(X23, R(2, 3), axes=([1], [1]))],
    np.tile: [C(X3, 2), C(X23, (2, 1, 2))],
    np.trace: [C(X34), C(R(2, 3, 3), 1, 1, 2), C(X34, offset=-1)],
    np.transpose: [C(X23), C(R(2, 3, 1), (2, 0, 1)), C(R(2, 3, 1), axes=[1, 0, 2]), C(X23, None)],
    np.tril: [C(X34), C(X34, 1), C(R(2, 3, 3), k=-1)],
    np.triu: [C(X34), C(X34, 1), C(R(2, 3, 3), k=-1)],
    np.vander: [C(X3), C(X3, 2), C(X3, increasing=True)],
    np.var: DISPERSED,
    np.vdot: [C(X23, R(2, 3)), C(X3, R(3))],
    np.vsplit: [C(R(4, 2), 2)],
    np.vstack: [*JOINED, C([X3, X23])],
    np.where: [C(MASK, X23, R(2, 3)), C(MASK, X3, 2.0), C(MASK, 0.0, X23)],
    SLIDING: [C(R(4), 2), C(X34, (2, 2)), C(X34, 2, axis=0)],
    np.linalg.cholesky: [C(spd(3)), C(spd(2, 2))],
    np.linalg.cond: [C(SQUARE), C(X23), C(SQUARE, -2), C(SQUARE, 1), C(SQUARE, "fro")],
    np.linalg.det: [C(SQUARE), C(spd(2, 2))],
    np.linalg.eigh: [C(spd(3)), C(spd(3), "U"), C(spd(2, 3))],
    np.linalg.eigvalsh: [C(spd(3)), C(spd(3), UPLO="U"), C(spd(2, 3))],
    np.linalg.inv: [C(SQUARE), C(spd(2, 2))],
    np.linalg.matrix_power: [C(SQUARE, n) for n in (-2, 0, 1, 3, 6)],
    np.linalg.multi_dot: [C([X3, SQUARE, R(3, 2)]), C([X23, SQUARE, X3])],
    np.linalg.norm: [
        *[C(X23, ord) for ord in (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)], C(X3, 3), C(R(2, 3, 2), axis=1),
        C(R(2, 3, 2), "nuc", (2, 0)), C(R(2, 3, 2), 2, axis=(0, 1), keepdims=True), C(X23, 1, 0), C(R(2, 3, 2)),
    ],
    np.linalg.pinv: [C(X23), C(R(3, 2))],
    np.linalg.slogdet: [C(SQUARE), C(-spd(3, 2))],
    np.linalg.solve: [C(SQUARE, X3), C(SQUARE, R(3, 2)), C(spd(2, 2), R(2, 2, 1))],
    np.linalg.svd: [C(X23, compute_uv=False), C(R(2, 3, 2), False, False)],
}  # fmt: skip
SAMPLES |= {np.amax: REDUCED, np.amin: REDUCED, np.round: SAMPLES[np.around]}
LATER = {  # functions that NumPy got in 2.0 or after
    "concat": JOINED,
    "permute_dims": SAMPLES[np.transpose],
    "matrix_transpose": [C(X23), C(R(2, 3, 1))],
    "astype": [C(X23, np.float64)],
    "cumulative_prod": [C(X3), C(X23, axis=1)],
    "cumulative_sum": [C(X3), C(X23, axis=1)],
    "unstack": [C(X23), C(X23, axis=1)],
    "trapezoid": [C(X23), C(X34, dx=0.5, axis=0), C(X3, np.cumsum(abs(R(3)))), C(X34, R(4), axis=1)],
    "linalg.cross": [C(X23, R(2, 3)), C(R(3, 2), R(3, 2), axis=0)],
    "linalg.diagonal": [C(X34), C(R(2, 3, 3), offset=1)],
    "linalg.matmul": [C(X23, R(3, 2))],
    "linalg.matrix_norm": [C(X23), C(R(2, 3, 2), ord="nuc"), C(X23, ord=1, keepdims=True)],
    "linalg.matrix_transpose": [C(X23)],
    "linalg.outer": [C(X3, R(2))],
    "linalg.svdvals": [C(X23)],
    "linalg.tensordot": [C(X23, R(3, 2), axes=1)],
    "linalg.trace": [C(X34), C(R(2, 3, 3), offset=1)],
    "linalg.vecdot": [C(X23, R(2, 3)), C(X23, R(2, 3), axis=0)],
    "linalg.vector_norm": [C(X23), C(X23, axis=0, ord=3), C(X23, ord=np.inf), C(X23, keepdims=True)],
}
for name, calls in LATER.items():
    module, _, short = name.rpartition(".")
    found = getattr(np.linalg if module else np, short, None)
    if found is not None:
        SAMPLES[found] = calls
CASES = [(function, call) for function, calls in SAMPLES.items() for call in calls]
IDS = [f"{function.__name__}-{i}" for function, calls in SAMPLES.items() for i in range(len(calls))]


OF_SYMMETRIC = (np.linalg.cholesky, np.linalg.eigh, np.linalg.eigvalsh)


def symmetric(x):
    return (x + np.swapaxes(x, -1, -2)) / 2


def parts(result):
    """Return a result, or the several that a tuple or a list holds."""
    return list(result) if isinstance(result, (list, tuple)) else [result]


def tensors_of(call, requires_grad=True):
    return [Tensor(a, requires_grad=requires_grad) for a in call.arrays()]


def as_function(function, call):
    """Return ``function`` as a function of the call's float arrays alone, in order; a list of Tensors.

    Where NumPy reads half of a symmetric matrix, what counts is the gradient over symmetric matrices.
    """

    def f(*tensors):
        left = list(tensors)
        args, kwargs = call.filled(lambda _: symmetric(left.pop(0)) if function in OF_SYMMETRIC else left.pop(0))
        return [part for part in parts(function(*args, **kwargs)) if isinstance(part, Tensor)]

    return f


def slope_of(f, inputs, seed=0):
    """Return the function that gives the gradient of a random weighing of f's outputs: for second derivatives."""

    def slope(*tensors):
        with tg.enable_grad():
            leaves = [x if x.requires_grad else Tensor(x, requires_grad=True) for x in tensors]
            outputs = f(*leaves)
            weights = [np.random.default_rng(seed).standard_normal(y.shape) for y in outputs]
            total = sum([(y * w).sum() for y, w in zip(outputs, weights)])
            found = tg.grad(total, leaves, create_graph=True, allow_unused=True)
        return [x * 0.0 if g is None else g for x, g in zip(leaves, found)]

    return slope


def test_every_function_of_the_table_has_samples():
    assert set(SAMPLES) == set(FUNCTIONS)


@pytest.mark.parametrize(("function", "call"), CASES, ids=IDS)
def test_value_is_numpys(function, call):
    args, kwargs = call.filled(lambda a: Tensor(a, requires_grad=True))
    results, wanted = parts(function(*args, **kwargs)), parts(function(*call.args, **call.kwargs))
    assert len(results) == len(wanted)
    for result, want in zip(results, wanted):
        value = result.data if isinstance(result, Tensor) else result
        assert np.shape(value) == np.shape(want)
        assert value.dtype == want.dtype
        if function is np.linalg.eigh:  # the signs of eigenvectors are arbitrary
            value, want = np.abs(value), np.abs(want)
        np.testing.assert_allclose(value, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("function", "call"), CASES, ids=IDS)
def test_gradient_is_recorded(function, call):
    f = as_function(function, call)
    outputs = f(*tensors_of(call))
    assert outputs
    assert all(y.requires_grad for y in outputs)


@pytest.mark.parametrize(("function", "call"), CASES, ids=IDS)
def test_first_and_second_derivative_are_right(function, call):
    inputs = tensors_of(call)
    f = as_function(function, call)
    if any(np.isnan(x.data).any() for x in inputs):
        inputs, f = without_nan(inputs, f)
    tg.gradcheck(f, inputs)
    tg.gradcheck(slope_of(f, inputs), inputs, atol=1e-4)


def without_nan(inputs, f):
    """Return the function of zeros that are added to the inputs: finite differences need numbers."""
    return [Tensor(np.zeros(x.shape), requires_grad=True) for x in inputs], lambda *zeros: f(
        *[zero + x.data for zero, x in zip(zeros, inputs)]
    )


@pytest.mark.parametrize(("function", "call"), CASES, ids=IDS)
def test_without_a_gradient_the_result_is_a_tensor_too(function, call):
    args, kwargs = call.filled(Tensor)
    assert any(isinstance(part, Tensor) for part in parts(function(*args, **kwargs)))


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.1.0", reason="upper= is of NumPy 2.1")
def test_cholesky_takes_upper():
    x = Tensor(spd(3), requires_grad=True)
    np.testing.assert_allclose(np.linalg.cholesky(x, upper=True).data, np.linalg.cholesky(x.data, upper=True))


def test_results_of_linalg_have_numpys_names():
    x = Tensor(spd(3), requires_grad=True)
    assert np.linalg.slogdet(x).logabsdet.requires_grad
    assert type(np.linalg.slogdet(x).sign) is np.float64
    assert np.linalg.eigh(x).eigenvectors.shape == (3, 3)


# ufuncs

UNARY = {
    "arccosh": (1.2, 3), "arcsin": (-0.9, 0.9), "arccos": (-0.9, 0.9), "arctanh": (-0.9, 0.9), "log": (0.2, 3),
    "log10": (0.2, 3), "log1p": (-0.5, 3), "log2": (0.2, 3), "sqrt": (0.2, 3), "tan": (-1, 1),
}  # fmt: skip
BINARY = ["add", "arctan2", "divide", "fmax", "fmin", "hypot", "logaddexp", "logaddexp2", "maximum", "minimum", "multiply",
          "power", "remainder", "subtract"]  # fmt: skip
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
    (np.floor_divide, C(X23, 0.5)), (np.logical_and, C(X23, X3)), (np.greater, C(X23, X3)), (np.digitize, C(X23, np.sort(X3))),
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
    (lambda: np.linalg.svd(x33), r"np\.linalg\.svd: singular vectors .* compute_uv=False"),
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
    assert np.reshape(x23, (3, 2), order="C", copy=None).requires_grad
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
    assert numpy_functions.FUNCTIONS[np.cov](x23)._scope.name == "cov"


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
        (index(), x()), (index(), [x(), x()]), ([x(), x()],), ([x(), x()], [x(), x()]), (mask(), x()), ([mask()], [x()]),
        ("i...", x()), (zeros(), x()), (x(), np.float64), (x(), a()), (a(), x()), (1.0, x()), (x(), 1.0), (2, x()),
        (zeros(), index(), x()), (zeros(), mask(), x()), (len, 0, x()), (a(), 1, x()), (a(), a(), x()), (a(), x(), a()),
        (x(), a(), a()), (a(), 0, x()), (x(), 0, 1), (x(), [mask()], [np.exp]), (x(), data.shape), (x(), x(), 1), (x(), True, False),
    ]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("function", SWEPT, ids=lambda f: f"{getattr(f, '__module__', 'ufunc')}.{f.__name__}")
def test_no_function_drops_a_gradient_silently(function, monkeypatch):
    """Whatever NumPy asks a Tensor gives a Tensor that needs a gradient, or no floats, or an error."""
    asked, worked = [], 0
    for door in ("__array_ufunc__", "__array_function__"):
        method = getattr(Tensor, door)
        monkeypatch.setattr(Tensor, door, lambda *args, method=method, **kw: asked.append(door) or method(*args, **kw))
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
    assert set(FUNCTIONS) - {SLIDING} <= set(SWEPT)
