"""Reductions at delicate places: ties, zeros, infinities, nothing at all, integers, overflow, too little freedom."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from reduce_cases import OVER_AXES, SPREADS, slope

import tinygrad_edu as tg
from tinygrad_edu.engine.primitives import accumulate, reduce
from tinygrad_edu.engine.tensor import Tensor

inf, nan = np.inf, np.nan


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


@pytest.mark.parametrize(("name", "value"), [("softmax", 1.0), ("log_softmax", 0.0)])
@pytest.mark.parametrize("axis", [0, -1])
def test_softmax_of_one_number_is_certain(name, value, axis):
    x = tg.Tensor(2.5, requires_grad=True)
    y = getattr(tg, name)(x, axis=axis)
    assert (y.shape, y.item()) == ((), value)
    assert tg.grad(y, x).item() == 0
    with pytest.raises(ValueError, match=f"{name}: axis 1"):
        getattr(x, name)(1)
