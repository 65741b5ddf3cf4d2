"""Long arrays take ways of their own through an activation; they must not be seen in the result."""

import itertools

import numpy as np
import pytest

from tinygrad_edu.engine.primitives import leaky_relu, relu, sigmoid, silu, softplus

LONG = [(2**13 + 1,), (2**14,), (2**14 + 1,), (3, 5, 40, 41), (2, 2**14)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", LONG)
def test_relu_of_a_long_array_in_any_memory_order(shape, dtype, rng):
    x = rng.normal(size=shape).astype(dtype)
    x.flat[:4] = np.nan, -0.0, np.inf, -np.inf
    for order in itertools.permutations(range(x.ndim)):
        back = [order.index(axis) for axis in range(x.ndim)]
        same = np.ascontiguousarray(x.transpose(order)).transpose(back)
        for given in (same, same[::-1], np.repeat(same, 2, axis=-1)[..., ::2]):
            out = relu(given)
            np.testing.assert_array_equal(out, np.where(given <= 0, 0, given))
            assert out.dtype == dtype
            assert not np.shares_memory(out, given)
        assert relu(same).strides == same.strides


def test_leaky_relu_with_slope_0_lets_infinity_through():
    np.testing.assert_array_equal(leaky_relu(np.array([np.inf, 2.0, -2.0]), negative_slope=0.0), [np.inf, 2.0, 0.0])


@pytest.mark.parametrize("op", [sigmoid, silu, softplus], ids=lambda op: op.name)
@pytest.mark.parametrize("dtype", [np.uint8, np.bool_, np.int8])
def test_numbers_without_a_sign_are_taken_as_floats(op, dtype):
    x = np.array([0, 1], dtype)
    np.testing.assert_allclose(op(x), op(x.astype(float)), rtol=1e-3)
