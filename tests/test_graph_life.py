"""The life of a recorded graph: how large it may grow, when it is freed, and data that changes under it."""

from __future__ import annotations

import contextlib
import gc
import itertools
import sys
import weakref

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn


def leaf(value, dtype=np.float64, **options):
    return tg.Tensor(np.asarray(value, dtype), requires_grad=True, **options)


# Size


def test_a_chain_of_200_000_ops_neither_recurses_nor_stays():
    n = 200_000
    x = leaf(1)
    y = x
    for _ in range(n):
        y = y + 1.0
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(200)
    try:
        y.backward()
        assert x.grad.item() == 1
        assert sum(1 for _ in tg.backward_steps(y)) == n
        assert tg.grad(y, x).item() == 1
        gone = weakref.ref(y)
        del y
        assert gone() is None
    finally:
        sys.setrecursionlimit(limit)


def calls_of_backward(n):
    """How many Python calls backpropagation makes on a ladder of n rungs, on which there are 2ⁿ paths."""
    x = leaf(1)
    y = x
    for _ in range(n):
        y = (y + y) * 0.5
    calls = itertools.count()
    sys.setprofile(lambda frame, event, arg: next(calls) if event == "call" else None)
    try:
        y.backward()
    finally:
        sys.setprofile(None)
    assert x.grad.item() == 1
    return next(calls)


def test_work_grows_with_ops_not_with_paths():
    few, twice, four = [calls_of_backward(n) for n in (100, 200, 400)]
    assert four - twice == 2 * (twice - few)


def test_a_wide_graph_is_no_slower_per_op():
    x = leaf(1)
    parts = [x * float(i) for i in range(2_000)]
    tg.stack(parts).sum().backward()
    assert x.grad.item() == 1_999_000


# Life and death


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def models():
    mlp = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 1))
    x = leaf([[1, 2]])
    yield "ops", lambda: tg.logsumexp(tg.tanh(x @ x.T) + x[0, [0, 0]], axis=None)
    yield "module", lambda: mlp(x).sum()
    yield "scope", lambda: scoped(x)
    yield "backward graph", lambda: tg.grad((x**3).sum(), x, create_graph=True).sum()
    yield "numpy", lambda: np.exp(x * np.ones(2)).sum()


def scoped(x):
    with tg.scope("encoder"):
        return (x * x).sum()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize(("name", "make"), list(models()))
def test_a_dropped_graph_is_freed_without_the_collector(name, make):
    y = make()
    inner = y.inputs[0]
    gone = [weakref.ref(y), weakref.ref(inner)]
    y.backward()
    list(tg.backward_steps(y))
    del inner
    assert gone[1]() is not None
    del y
    assert [ref() for ref in gone] == [None, None]


@pytest.mark.usefixtures("no_collector")
def test_an_error_leaves_no_cycle_behind():
    x = leaf([1, 2])
    y = x * 2
    gone = weakref.ref(y)
    with contextlib.suppress(ValueError):
        y @ np.ones(3)
    del y
    assert gone() is None


@pytest.mark.usefixtures("no_collector")
def test_a_graph_keeps_no_array_that_its_leaves_have_let_go(rng):
    x = leaf(rng.standard_normal(1000))
    old = weakref.ref(x.data)
    y = (x * 2).sum()
    x.data = np.zeros(1000)
    assert old() is not None
    del y
    assert old() is None


# Data that changes between forward and backward


def in_place(p):
    p.data -= 0.1


def in_place_multiply(p):
    p.data *= 2


def under_no_grad(p):
    with tg.no_grad():
        p.data += 0.5 * p


@pytest.mark.parametrize("write", [in_place, in_place_multiply, under_no_grad])
@pytest.mark.parametrize("use", [
    lambda p, x: p * p, lambda p, x: (p * x).exp(), lambda p, x: p.reshape(1, 2) @ p, lambda p, x: p[::-1] * p,
    lambda p, x: p.T.reshape(2) * x, lambda p, x: p.detach() * x, lambda p, x: x * quietly_viewed(p),
    lambda p, x: tg.Tensor(p.data, copy=False) * x, lambda p, x: p.data * x,
])  # fmt: skip
def test_a_write_in_place_between_forward_and_backward_is_an_error(use, write):
    p, x = leaf([1, 2], name="p"), leaf([3, 4])
    loss = use(p, x).sum()
    write(p)
    for call in (loss.backward, lambda: list(tg.backward_steps(loss)), lambda: tg.grad(loss, x, allow_unused=True),
                 lambda: loss.backward(create_graph=True)):  # fmt: skip
        with pytest.raises(RuntimeError, match="in place"):
            call()
    assert p.grad is None
    assert x.grad is None
    use(p, x).sum().backward()


def quietly_viewed(p):
    with tg.no_grad():
        return p[::-1]


def test_a_write_in_place_spares_graphs_that_did_not_see_it():
    p, q = leaf([1, 2]), leaf([3, 4])
    loss = (q * q).sum()
    p.data -= 1
    loss.backward()
    np.testing.assert_array_equal(q.grad.data, [6, 8])


def test_rebinding_between_forward_and_backward_is_harmless():
    p, x = leaf([1, 2]), leaf([3, 4])
    loss = (p * p * x).sum()
    p.data = p.data - 100.0
    loss.backward()
    np.testing.assert_array_equal(p.grad.data, [6, 16])
    np.testing.assert_array_equal(x.grad.data, [1, 4])
    s = leaf(3)
    y = s * s
    s.data -= 1.0
    y.backward()
    assert s.grad.item() == 6


def test_rebinding_before_a_recorded_backward_is_an_error():
    p = leaf([1, 2], name="p")
    loss = (p * p).sum()
    p.data = np.zeros(2)
    with pytest.raises(RuntimeError, match=r"'p' was rebound"):
        tg.grad(loss, p, create_graph=True)


def test_rebinding_what_an_op_made_is_an_error():
    x = leaf([1, 2])
    h = tg.exp(x)
    loss = (h * 3).sum()
    h.data = np.zeros(2)
    with pytest.raises(RuntimeError, match="exp"):
        loss.backward()
    assert x.grad is None


def test_rebinding_to_another_shape_is_an_error_not_a_gradient_that_does_not_fit():
    p, w = leaf([1, 2], name="p"), leaf([3, 4])
    loss = (p * w).sum()
    p.data = np.ones(3)
    with pytest.raises(RuntimeError, match=r"'p'.*\(2,\).*\(3,\)"):
        loss.backward()
    assert w.grad is None
    loss = (p * p).sum()
    loss.backward()
    p.data = np.ones(1)
    with pytest.raises(RuntimeError, match=r"'p'.*\(3,\).*zero_grad"):
        (p * p).sum().backward()
    p.grad = None
    (p * p).sum().backward()
    assert p.grad.shape == (1,)
