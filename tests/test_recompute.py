"""recompute: a recorded graph run again with other numbers."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.trace.recompute import recompute


def test_every_value_is_what_the_program_would_have_made(rng):
    x = tg.Tensor(rng.normal(size=(3, 4)), requires_grad=True)
    w = tg.Tensor(rng.normal(size=(4, 2)), requires_grad=True)
    hidden = (x @ w).tanh()
    loss = (hidden * hidden).mean()
    other = rng.normal(size=(4, 2))
    found = recompute(loss, {w: other})
    again = np.tanh(x.data @ other)
    np.testing.assert_allclose(found[hidden], again)
    np.testing.assert_allclose(found[loss], (again * again).mean())
    assert found[x] is x.data


def test_nothing_is_touched(rng):
    x = tg.Tensor(rng.normal(size=3), requires_grad=True)
    y = tg.sum(x * 2)
    before = x.data.copy(), y.data
    recompute(y, {x: np.ones(3)})
    np.testing.assert_array_equal(x.data, before[0])
    assert y.data == before[1]
    assert x.grad is None


def test_an_intermediate_value_can_be_replaced():
    x = tg.Tensor(2.0, requires_grad=True)
    middle = x * 3
    y = middle * middle
    found = recompute(y, {middle: 10.0})
    assert found[y] == 100.0
    assert found[x] == 2.0


def test_what_does_not_depend_on_a_change_is_not_run_again():
    x = tg.Tensor(np.ones(2), requires_grad=True)
    z = tg.Tensor(np.ones(2), requires_grad=True)
    kept = tg.exp(x)
    y = kept + z
    assert recompute(y, {z: np.zeros(2)})[kept] is kept.data


def test_a_rebound_leaf_counts_as_the_op_saw_it():
    x = tg.Tensor(2.0, requires_grad=True)
    w = tg.Tensor(1.0, requires_grad=True)
    y = x * w
    x.data = 100.0
    assert recompute(y, {w: 5.0})[y] == 10.0


def test_a_fused_op_with_parameters(rng):
    x = tg.Tensor(rng.normal(size=(1, 2, 6, 6)), requires_grad=True)
    w = tg.Tensor(rng.normal(size=(3, 2, 3, 3)), requires_grad=True)
    y = tg.functional.max_pool2d(tg.functional.conv2d(x, w, padding=1, stride=1), 2)
    other = rng.normal(size=w.shape)
    wanted = tg.functional.max_pool2d(tg.functional.conv2d(x.data, other, padding=1, stride=1), 2)
    np.testing.assert_allclose(recompute(y, {w: other})[y], wanted.data)


@pytest.mark.parametrize(
    ("change", "words"),
    [(lambda x: {tg.Tensor(1.0): 2.0}, "not in the graph"), (lambda x: {x: np.ones(3)}, r"shape \(2,\).*shape \(3,\)")],
)
def test_what_does_not_fit_is_refused(change, words):
    x = tg.Tensor(np.ones(2), requires_grad=True)
    with pytest.raises(ValueError, match=words):
        recompute(tg.sum(x), change(x))
