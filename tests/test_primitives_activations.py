"""Long arrays take ways of their own through an activation; they must not be seen in the result."""

import itertools

import numpy as np
import pytest

from tinygrad_edu.engine.primitives import relu

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
