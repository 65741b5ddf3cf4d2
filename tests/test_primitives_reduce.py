"""Reductions and running totals: rules, ties, zeros, empties, scalar twins, and PyTorch's word on all of them."""

from __future__ import annotations

import functools
import itertools
import operator

import numpy as np
import pytest

from tinygrad_edu.engine.primitives import accumulate, reduce
from tinygrad_edu.engine.symbol import Symbol
from tinygrad_edu.engine.tensor import Tensor

inf, nan = np.inf, np.nan
ALL_OPS = [getattr(module, name) for module in (reduce, accumulate) for name in module.__all__]
OPS = [op for op in ALL_OPS if op.differentiable]
OVER_AXES = [reduce.sum, reduce.mean, reduce.max, reduce.min, reduce.logsumexp, reduce.norm, accumulate.prod]
SPREADS = [reduce.var, reduce.std]
ALONG = [reduce.softmax, reduce.log_softmax, accumulate.cumsum, accumulate.cumprod]

SHAPES_AND_AXES = [
    ((), ()), ((4,), ()), ((4,), (0,)), ((3, 4), (0,)), ((3, 4), (1,)), ((3, 4), (0, 1)), ((2, 3, 5), (0, 2)),
    ((2, 3, 5), (1,)), ((3, 1), (1,)), ((1,), (0,)), ((0, 3), (1,)), ((3, 7), (1,)),
]  # fmt: skip
SHAPES_AND_AXIS = [
    ((4,), 0),
    ((3, 4), 0),
    ((3, 4), 1),
    ((2, 5, 3), 1),
    ((3, 1), 1),
    ((1,), 0),
    ((0, 3), 1),
    ((3, 0), 1),
]


@pytest.fixture
def rng():
    return np.random.default_rng(21)


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def samples(op):
    """Return the shapes of the inputs and the parameters to try."""
    if op in OVER_AXES or op in SPREADS:
        more = [{"ddof": 0}, {"ddof": 0.5}] if op in SPREADS else [{}]
        return [
            ([shape], {"axis": axis, "keepdims": keepdims, **extra})
            for (shape, axis), keepdims, extra in itertools.product(SHAPES_AND_AXES, [False, True], more)
            if op is not reduce.std
            or np.prod([shape[i] for i in axis]) > 1  # of one number it is 0, where it has a kink
        ]
    if op in ALONG:
        return [([shape], {"axis": axis}) for shape, axis in SHAPES_AND_AXIS]
    steps = [-1, 1]
    return {
        accumulate.prod_others: [
            ([shape] * n, {"axis": axis}) for shape, axis in [*SHAPES_AND_AXES, ((3, 0), (1,))] for n in (1, 2, 3)
        ],
        accumulate.shifted: [
            ([shape], {"axis": axis, "step": step, "fill": 0.5}) for (shape, axis) in SHAPES_AND_AXIS for step in steps
        ],
        accumulate.carried: [
            ([shape, shape], {"axis": axis, "step": step}) for (shape, axis) in SHAPES_AND_AXIS for step in steps
        ],
    }[op]


every_op = pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)


def cases(op, rng, dtype=np.float64):
    """Yield inputs, a gradient for the output, and parameters."""
    for shapes, params in samples(op):
        inputs = [draw(rng, shape, dtype) for shape in shapes]
        yield inputs, draw(rng, np.shape(op(*inputs, **params)), dtype), params


def draw(rng, shape, dtype=np.float64):
    return np.asarray(rng.standard_normal(shape), dtype)[()]


def differences(f, x, eps=1e-6):
    """Return the central differences of a number-valued f at x."""
    found = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        up, down = np.array(x), np.array(x)
        up[place] += eps
        down[place] -= eps
        found[place] = (f(up[()]) - f(down[()])) / (2 * eps)
    return found


def put(inputs, position, x):
    return [*inputs[:position], x, *inputs[position + 1 :]]


def slope(op, position, g, inputs, params):
    return rule(op, position)(g, op(*inputs, **params), *inputs, **params)


def rule(op, position):
    return functools.partial(op.rule_of(position), position=position) if op.variadic else op.rule_of(position)


@every_op
def test_rule_matches_finite_differences(op, rng):
    for inputs, g, params in cases(op, rng):
        for i, x in enumerate(inputs):
            got = slope(op, i, g, inputs, params)
            if op in (reduce.max, reduce.min) and not params["axis"]:
                got = np.broadcast_to(got, x.shape)
            assert np.shape(got) == x.shape
            want = differences(lambda x: np.sum(g * op(*put(inputs, i, x), **params)), x)  # noqa: B023
            np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-8)


@every_op
def test_rule_can_be_differentiated_again(op, rng):
    for inputs, g, params in cases(op, rng):
        h = draw(rng, inputs[0].shape)
        for i, j in itertools.product(range(len(inputs)), repeat=2):
            x = Tensor(inputs[j], requires_grad=True)
            twice = slope(op, i, Tensor(g), put(inputs, j, x), params)
            got = np.zeros(x.shape)
            if isinstance(twice, Tensor) and twice.requires_grad:
                (twice * h).sum().backward()
                got = x.grad.data
            want = differences(lambda x: np.sum(h * slope(op, i, g, put(inputs, j, x), params)), inputs[j])  # noqa: B023
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@every_op
def test_rule_on_symbols_has_the_value_that_it_has_on_arrays(op, rng):
    for inputs, g, params in cases(op, rng):
        out = op(*inputs, **params)
        symbols = [Symbol(f"x{k}", x) for k, x in enumerate(inputs)]
        for i in range(len(inputs)):
            formula = rule(op, i)(Symbol("ḡ", g), Symbol("y", out), *symbols, **params)
            np.testing.assert_allclose(formula.value, slope(op, i, g, inputs, params), rtol=1e-10, atol=1e-12)
            assert str(formula)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@every_op
def test_dtype_stays(op, dtype, rng):
    for inputs, _, params in cases(op, rng, dtype):
        out = op(*inputs, **params)
        assert out.dtype == dtype
        assert not (isinstance(out, np.ndarray) and out.ndim == 0), "a 0-d array, not a scalar"
        for i in range(len(inputs)):
            assert slope(op, i, out, inputs, params).dtype == dtype


@every_op
def test_strided_and_reversed_inputs_give_the_same(op, rng):
    for inputs, _, params in cases(op, rng):
        odd = [np.repeat(np.asfortranarray(x), 2, axis=-1)[::-1][..., ::2][::-1] if np.ndim(x) else x for x in inputs]
        before = [np.array(x) for x in odd]
        out = op(*inputs, **params)
        np.testing.assert_allclose(op(*odd, **params), out, rtol=1e-13)
        for i in range(len(inputs)):
            want = slope(op, i, out, inputs, params)
            np.testing.assert_allclose(slope(op, i, out, odd, params), want, rtol=1e-11, atol=1e-13)
        for x, y in zip(odd, before, strict=True):
            np.testing.assert_array_equal(x, y, err_msg=f"{op} wrote into its input")


@every_op
def test_complex_step_gives_the_slope(op, rng):
    for inputs, g, params in cases(op, rng):
        for i, x in enumerate(inputs):
            direction = draw(rng, x.shape)
            step = op(*put(inputs, i, x + 1e-30j * direction), **params).imag / 1e-30
            want = np.sum(slope(op, i, g, inputs, params) * direction)
            np.testing.assert_allclose(np.sum(g * step), want, rtol=1e-9, atol=1e-11)


def test_every_op_is_documented_and_ruled():
    for op in ALL_OPS:
        assert op.__doc__
        assert not op.differentiable or all(op.rule_of(i).__name__.startswith(op.name) for i in range(len(op.inputs)))


# Scalar twins

TWINS = [op for op in OPS if op.scalars is not None]
TIED = np.array([[1.0, 3, 3, -1], [2, 2, 2, 2], [0.5, 0, -4, 0.25]])


def test_ops_that_choose_or_guard_have_a_scalar_twin():
    wanted = [reduce.max, reduce.min, reduce.logsumexp, reduce.softmax, reduce.log_softmax, reduce.norm]
    wanted += SPREADS
    assert set(wanted) == set(TWINS)


@pytest.mark.parametrize("op", OVER_AXES + SPREADS + ALONG, ids=lambda op: op.name)
@pytest.mark.parametrize("tied", [False, True])
def test_replay_on_scalars_gives_the_same_values_and_slopes(op, tied, rng):
    for (x,), g, params in cases(op, rng):
        x = np.round(x)[()] if tied else x
        if not x.size:
            continue
        leaves = [Tensor(value, requires_grad=True) for value in np.ravel(x)]
        replayed = (op.scalars or op.forward)(objects(leaves, x.shape), **params)
        found = list(replayed.ravel()) if isinstance(replayed, np.ndarray) else [replayed]
        assert np.shape(g) == (replayed.shape if isinstance(replayed, np.ndarray) else ())
        np.testing.assert_allclose([y.data for y in found], np.ravel(op(x, **params)), rtol=1e-12, atol=1e-15)
        total = Tensor(0.0)
        for y, weight in zip(found, np.ravel(g), strict=True):
            total = y * weight + total
        total.backward()
        got = [0.0 if leaf.grad is None else leaf.grad.item() for leaf in leaves]
        want = np.broadcast_to(slope(op, 0, g, [x], params), x.shape)
        np.testing.assert_allclose(got, np.ravel(want), rtol=1e-9, atol=1e-12, err_msg=f"{params}")


def objects(elements, shape):
    """Return an object array; element by element, since NumPy would ask a Tensor for its array."""
    array = np.empty(len(elements), object)
    for i, element in enumerate(elements):
        array[i] = element
    return array.reshape(shape)


# Delicate places


@pytest.mark.parametrize(("op", "values", "shares"), [
    (reduce.max, [1, 3, 3, 3.0], [0, 1 / 3, 1 / 3, 1 / 3]),
    (reduce.min, [1, 3, 1, 3.0], [0.5, 0, 0.5, 0]),
    (reduce.max, [-inf, -inf], [0.5, 0.5]),
    (reduce.max, [1, nan], [nan, nan]),
])  # fmt: skip
def test_ties_share_the_gradient_evenly(op, values, shares):
    x = np.array(values)
    np.testing.assert_array_equal(slope(op, 0, np.float64(1), [x], {"axis": (0,), "keepdims": False}), shares)


def test_an_infinite_gradient_reaches_only_the_largest():
    got = slope(reduce.max, 0, np.float64(inf), [np.array([1.0, 2, 0])], {"axis": (0,), "keepdims": False})
    np.testing.assert_array_equal(got, [0, inf, 0])


@pytest.mark.parametrize("op", [reduce.norm, reduce.std, reduce.var])
def test_slope_and_its_slope_are_0_where_nothing_varies(op):
    params = {"axis": (1,), "keepdims": False, **({} if op is reduce.norm else {"ddof": 1})}
    x = Tensor(np.zeros((2, 3)), requires_grad=True)
    first = op.rule_of(0)(Tensor(np.ones(2)), op(x, **params), x, **params)
    np.testing.assert_array_equal(first.data, 0)
    (first * np.arange(6.0).reshape(2, 3)).sum().backward()
    assert np.isfinite(x.grad.data).all()


@pytest.mark.parametrize("values", [[2, 0, 3, 4.0], [0, 0, 3, 4.0], [0, 0, 0, 4.0], [2, 3, 4, 5.0], [0.0, 0, 0, 0]])
@pytest.mark.parametrize("op", [accumulate.prod, accumulate.cumprod])
def test_products_with_zeros_have_right_first_and_second_slopes(op, values):
    params = {"axis": 0} if op is accumulate.cumprod else {"axis": (0,), "keepdims": False}
    x = np.array(values)
    weight = np.array([1.0, -2, 3, 0.5]) if op is accumulate.cumprod else np.float64(1.5)
    n = len(x)

    def total(y):
        return np.sum(weight * op(y, **params))

    hessian = np.zeros((n, n))  # multilinear: differences with a step of 1 are exact
    for i, j in itertools.permutations(range(n), 2):
        for a, b in itertools.product([0, 1], repeat=2):
            y = x.copy()
            y[i], y[j] = a, b
            hessian[i, j] += (1 if a == b else -1) * total(y)
    gradient = [total(np.where(np.arange(n) == i, 1, x)) - total(np.where(np.arange(n) == i, 0, x)) for i in range(n)]
    np.testing.assert_allclose(slope(op, 0, weight, [x], params), gradient, rtol=1e-14)
    for i in range(n):
        t = Tensor(x, requires_grad=True)
        slope(op, 0, Tensor(weight), [t], params)[i].backward()
        np.testing.assert_allclose(t.grad.data, hessian[i], rtol=1e-14)


def test_third_slopes_of_a_product_with_zeros():
    x, e0, e1 = np.array([0.0, 0, 0, 7]), np.array([1.0, 0, 0, 0]), np.array([0.0, 1, 0, 0])
    np.testing.assert_array_equal(accumulate.prod_others(x, axis=(0,)), 0)
    np.testing.assert_array_equal(accumulate.prod_others(x, e0, axis=(0,)), 0)
    np.testing.assert_array_equal(accumulate.prod_others(x, e0, e1, axis=(0,)), [0, 0, 7, 0])  # ∂³/∂x₀∂x₁∂x₂


def test_large_and_infinite_numbers_do_not_overflow_or_warn():
    x = np.array([[1e4, 1e4 - 1, -1e4], [-inf, -inf, -inf], [inf, 0, 1e4], [-inf, 0, 0]])
    out = reduce.logsumexp(x, axis=(1,), keepdims=False)
    np.testing.assert_allclose(out, [1e4 + np.log1p(np.exp(-1)), -inf, inf, np.log(2)], rtol=1e-15)
    finite = x[[0, 3]]
    np.testing.assert_allclose(reduce.softmax(finite, axis=1)[1], [0, 0.5, 0.5])
    np.testing.assert_allclose(reduce.softmax(finite, axis=1).sum(axis=1), 1, rtol=1e-15)
    assert reduce.log_softmax(finite, axis=1)[0, 2] == pytest.approx(-2e4 - np.log1p(np.exp(-1)))
    assert reduce.logsumexp(np.zeros((2, 0)), axis=(1,), keepdims=False).tolist() == [-inf, -inf]


def test_float16_is_added_up_in_float32():
    x = np.full(40_000, 60, np.float16)
    for op, want in [(reduce.mean, 60), (reduce.logsumexp, 60 + np.log(40_000)), (reduce.norm, 12_000)]:
        out = op(x, axis=(0,), keepdims=False)
        assert out.dtype == np.float16
        assert float(out) == pytest.approx(want, rel=1e-3)
    assert reduce.var(np.float16([200, -200]), axis=(0,), keepdims=False, ddof=0) == 40_000


def test_integers_and_bools_do_as_numpy_does():
    for x in (np.array([[1, 2, 0], [3, 4, 5]]), np.array([[True, False, True], [True, True, True]])):
        for op, twin in [
            (reduce.sum, np.sum),
            (reduce.mean, np.mean),
            (reduce.max, np.max),
            (accumulate.prod, np.prod),
        ]:
            got, want = op(x, axis=(1,), keepdims=False), twin(x, axis=1)
            np.testing.assert_array_equal(got, want)
            assert got.dtype == want.dtype
        for op, twin in [(accumulate.cumsum, np.cumsum), (accumulate.cumprod, np.cumprod)]:
            np.testing.assert_array_equal(op(x, axis=1), twin(x, axis=1))
            assert op(x, axis=1).dtype == twin(x, axis=1).dtype
        np.testing.assert_allclose(reduce.var(x, axis=(0, 1), keepdims=False, ddof=1), np.var(x, ddof=1))
        np.testing.assert_allclose(reduce.std(x, axis=(0,), keepdims=True, ddof=0), np.std(x, axis=0, keepdims=True))
        np.testing.assert_allclose(reduce.norm(x, axis=(1,), keepdims=False), np.linalg.norm(x.astype(float), axis=1))
        assert reduce.softmax(x, axis=1).dtype == np.float64


def test_too_few_degrees_of_freedom_give_nan_as_in_numpy_and_torch():
    for op in SPREADS:
        params = {"axis": (0,), "keepdims": False, "ddof": 1}
        with np.errstate(all="ignore"):
            assert np.isnan(op(np.ones(1), **params))
            assert np.isnan(slope(op, 0, np.float64(1), [np.ones(1)], params)).all()


@pytest.mark.parametrize("op", [reduce.max, reduce.min, reduce.argmax, reduce.argmin])
def test_choosing_among_nothing_is_explained(op):
    x = np.zeros((2, 0))
    many = op in OVER_AXES
    with pytest.raises(ValueError, match=r"empty|zero-size"):
        op(x, axis=(1,) if many else 1, keepdims=False)
    said = op.explain(x, axis=(1,) if many else 1, keepdims=False)
    assert all(fact in said for fact in (op.name, "(2, 0)", "axis 1"))
    assert op.explain(np.ones((2, 1)), axis=(1,) if many else 1, keepdims=False) is None


def test_questions_have_numpys_answers():
    x = np.array([[3, 0, 3], [-1, 5, 5]])
    for axis in (0, 1, None):
        for ours, theirs in [(reduce.argmax, np.argmax), (reduce.argmin, np.argmin)]:
            got = ours(x, axis=axis, keepdims=True)
            np.testing.assert_array_equal(got, theirs(x, axis=axis, keepdims=True))
        np.testing.assert_array_equal(reduce.argsort(x, axis=axis, kind="stable"), np.argsort(x, axis, "stable"))
    assert reduce.count_nonzero(x, axis=(0, 1), keepdims=False) == reduce.count_nonzero(x) == 5
    assert reduce.count_nonzero(x, axis=(1,), keepdims=False).tolist() == [2, 3]
    assert reduce.argmax(np.float64(3), axis=None, keepdims=False) == 0
    assert reduce.argmax(Tensor([1.0, 3], requires_grad=True), axis=None, keepdims=False) == 1


TORCH = {
    reduce.sum: "sum", reduce.mean: "mean", reduce.max: "amax", reduce.min: "amin", reduce.logsumexp: "logsumexp",
    reduce.norm: "linalg.vector_norm", reduce.var: "var", reduce.std: "std", reduce.softmax: "softmax",
    reduce.log_softmax: "log_softmax", accumulate.prod: "prod", accumulate.cumsum: "cumsum",
    accumulate.cumprod: "cumprod",
}  # fmt: skip
EDGES = [TIED, np.array([[0, 0, 0], [0, 2, 3], [4, 0, 5]], float), np.array([[1, nan, 2], [1, 2, 3]])]


@pytest.mark.oracle
@pytest.mark.parametrize("op", TORCH, ids=lambda op: op.name)
def test_values_and_slopes_match_torch(op, rng, torch):
    theirs = operator.attrgetter(TORCH[op])(torch)
    edges = EDGES[:2] if op in (accumulate.prod, accumulate.cumprod) else EDGES  # all others of a NaN may be no NaN
    for x, axis, keepdims in itertools.product([draw(rng, (3, 4)), *edges], [(0,), (1,)], [False, True]):
        params = {"axis": axis[0]} if op in ALONG else {"axis": axis, "keepdims": keepdims}
        options = {"dim": axis[0]} if op in [*ALONG, accumulate.prod] else {"dim": axis}
        if op not in ALONG:
            options["keepdim"] = keepdims
        if op in SPREADS:
            params["ddof"] = options["correction"] = 1
        given = torch.tensor(x, requires_grad=True)
        value = theirs(given, **options)
        np.testing.assert_allclose(op(x, **params), value.detach().numpy(), rtol=1e-12)
        g = rng.standard_normal(tuple(value.shape))
        value.backward(torch.tensor(g))
        np.testing.assert_allclose(slope(op, 0, g, [x], params), given.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_many_short_windows_are_summed_as_any_others(rng):
    x = rng.standard_normal((40, 50, 3, 4))
    for keepdims in (False, True):
        np.testing.assert_allclose(
            reduce.sum(x, axis=(2, 3), keepdims=keepdims), x.sum(axis=(2, 3), keepdims=keepdims), rtol=1e-13, atol=1e-13
        )
    assert reduce.sum(x > 0, axis=(2, 3), keepdims=False).max() > 1  # truth values are counted
    assert reduce.sum(x.astype(np.float32), axis=(2, 3), keepdims=False).dtype == np.float32
