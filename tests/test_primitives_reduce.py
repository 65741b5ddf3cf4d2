"""Reductions and running totals: rules, scalar twins, and NumPy's and PyTorch's word on all of them."""

from __future__ import annotations

import itertools
import operator

import numpy as np
import pytest
from reduce_cases import ALL_OPS, ALONG, OPS, OVER_AXES, SPREADS, cases, draw, put, rule, slope

from tinygrad_edu.engine.primitives import accumulate, reduce
from tinygrad_edu.engine.symbol import Symbol
from tinygrad_edu.engine.tensor import Tensor

inf, nan = np.inf, np.nan


@pytest.fixture
def rng():
    return np.random.default_rng(21)


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


every_op = pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)


def differences(f, x, eps=1e-6):
    """Return the central differences of a number-valued f at x."""
    found = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        up, down = np.array(x), np.array(x)
        up[place] += eps
        down[place] -= eps
        found[place] = (f(up[()]) - f(down[()])) / (2 * eps)
    return found


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
