"""Backpropagation: accumulation, hooks, the contract of ``backward_steps``, modes, and what must never be wrong."""

from __future__ import annotations

import asyncio
import gc
import itertools
import sys
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn


def leaf(value, dtype=np.float64, **options):
    return tg.Tensor(np.asarray(value, dtype), requires_grad=True, **options)


def recorded(*tensors):
    """Whether each of them was recorded."""
    return [t.requires_grad for t in tensors]


# Accumulation


def test_backward_fills_leaves_only():
    x, w, c = leaf([1, 2]), leaf([3, 4]), tg.Tensor([5.0, 6])
    h = x * w
    (h * c).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [15, 24])
    np.testing.assert_array_equal(w.grad.data, [5, 12])
    assert h.grad is None
    assert c.grad is None
    assert not x.grad.requires_grad


def test_a_value_used_twice_has_two_edges():
    x = leaf(3)
    y = x * x
    assert y.inputs == (x, x)
    y.backward()
    assert x.grad.item() == 6
    (step,) = tg.backward_steps(y)
    assert [piece.item() for piece in step.contributions] == [3, 3]


def test_paths_add_up():
    x = leaf([1, 2])
    a = x * 2
    b = a + x
    (a * b * x).sum().backward()
    np.testing.assert_allclose(x.grad.data, 3 * 6 * np.array([1, 4]))


def test_backward_twice_adds_twice():
    x = leaf(3)
    y = x**2
    y.backward()
    y.backward()
    assert x.grad.item() == 12
    (x * 5).backward()
    assert x.grad.item() == 17


def test_backward_from_a_leaf_and_into_the_same_leaf():
    x = leaf([1, 2])
    x.backward([3, 4])
    np.testing.assert_array_equal(x.grad.data, [3, 4])
    leaf(2).backward()
    x.grad = None
    (x + x).backward(np.ones(2))
    np.testing.assert_array_equal(x.grad.data, [2, 2])


@pytest.mark.parametrize(("shape", "gradient", "error", "said"), [
    ((2,), None, ValueError, ["(2,)", "gradient="]), ((0,), None, ValueError, ["0 elements"]),
    ((2, 3), np.ones(3), ValueError, ["(3,)", "(2, 3)"]), ((2,), 1.0, ValueError, ["()", "(2,)"]),
    ((2,), "a", TypeError, ["str"]), ((), np.ones(1), ValueError, ["(1,)", "()"]),
])  # fmt: skip
def test_gradient_of_another_shape_is_refused(shape, gradient, error, said):
    x = leaf(np.ones(shape))
    y = x * 2
    for call in (lambda: y.backward(gradient), lambda: list(tg.backward_steps(y, gradient)),
                 lambda: tg.grad(y, x, gradient=gradient)):  # fmt: skip
        with pytest.raises(error) as caught:
            call()
        assert all(part in str(caught.value) for part in said)
    assert x.grad is None


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_one_element_of_any_shape_needs_no_gradient(shape):
    x = leaf(np.ones(shape))
    (x * 3).backward()
    np.testing.assert_array_equal(x.grad.data, np.full(shape, 3))
    assert x.grad.shape == shape


def test_nothing_recorded_is_an_error_that_says_why():
    x = leaf([1, 2])
    with tg.no_grad():
        quiet = x.sum()
    for y in (quiet, x.detach().sum(), tg.Tensor(1.0), x.astype(int).sum()):
        with pytest.raises(RuntimeError, match="requires_grad=True"):
            y.backward()
    assert x.grad is None


def test_gradient_is_cast_to_the_dtype():
    x = leaf([1, 2], np.float32)
    (x * 2).backward(np.array([1.0, 2]))
    assert x.grad.dtype == np.float32
    y = leaf([1, 2], np.float32)
    (y * np.ones((3, 2))).sum().backward()
    assert y.grad.dtype == np.float32
    np.testing.assert_array_equal(y.grad.data, [3, 3])


# All or nothing


def exploding(kind=ValueError):
    """An op whose rule fails."""

    @tg.primitive
    def bomb(x):
        return x * 1

    @bomb.vjp("x")
    def bomb_dx(g, out, x):
        raise kind("boom")

    return bomb


def test_a_failed_backward_changes_no_gradient():
    x, w = leaf([1, 2]), leaf([3, 4])
    w.grad = [7, 7]
    loss = (exploding()(x) * 1 + w * 2).sum()
    with pytest.raises(ValueError, match="boom"):
        loss.backward()
    assert x.grad is None
    np.testing.assert_array_equal(w.grad.data, [7, 7])


def test_a_failed_hook_changes_no_gradient():
    x, w = leaf([1, 2]), leaf([3, 4])
    x.register_hook(lambda g: g.sum())
    with pytest.raises(ValueError, match=r"\(\).*\(2,\)"):
        (x * w).sum().backward()
    assert x.grad is None
    assert w.grad is None


# Hooks


def test_hook_sees_the_whole_gradient_once_and_may_replace_it():
    x = leaf([1, 2])
    h = x * 3
    seen = []
    h.register_hook(lambda g: seen.append(g.data.copy()))
    h.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    (h * h + h).sum().backward()
    np.testing.assert_array_equal(seen, [[7, 13]])
    np.testing.assert_array_equal(x.grad.data, [211, 391])


def test_hook_on_a_leaf_gets_what_this_pass_adds():
    x = leaf(1)
    seen = []
    handle = x.register_hook(lambda g: seen.append(g.item()))
    y = x * 2 + x * 3
    y.backward()
    y.backward()
    assert seen == [5, 5]
    assert x.grad.item() == 10
    handle.remove()
    handle.remove()
    y.backward()
    assert seen == [5, 5]


def test_hooks_run_in_grad_and_in_steps_too():
    x = leaf(2)
    h = x * x
    h.register_hook(lambda g: g * 10)
    assert tg.grad(h * 3, x).item() == 120
    assert tg.grad(h * 3, h).item() == 30
    assert [step.upstream.item() for step in tg.backward_steps(h * 3)] == [1, 30]
    x.register_hook(lambda g: -g)
    assert tg.grad(h * 3, x).item() == -120


def test_hooks_see_tensors_that_can_be_differentiated_again():
    x = leaf(2)
    h = x * x
    handle = h.register_hook(lambda g: g * g)
    g = tg.grad(h * h, x, create_graph=True)  # (2h)² · 2x = 8x⁵
    handle.remove()
    assert g.item() == 256
    assert tg.grad(g, x).item() == 640


def test_retain_grad_keeps_what_arrives():
    x = leaf([1, 2])
    h = x * 3
    h.retain_grad()
    (h * h).sum().backward()
    np.testing.assert_array_equal(h.grad.data, [6, 12])
    (h * h).sum().backward()
    np.testing.assert_array_equal(h.grad.data, [12, 24])
    x.retain_grad()
    assert not h.is_leaf


def test_hooks_need_a_gradient_and_a_function():
    for method in (lambda t: t.register_hook(print), lambda t: t.retain_grad()):
        with pytest.raises(RuntimeError, match="requires_grad=True"):
            method(tg.Tensor(1.0))
    with pytest.raises(TypeError, match="function"):
        leaf(1).register_hook(3)


# The contract of backward_steps


def test_steps_are_light_lazy_newest_first_and_one_per_op():
    x, w, b = leaf([[1, 2]]), leaf([[1], [2]]), leaf([3])
    h = x @ w
    y = h + b
    loss = (y * y).sum()
    steps = list(tg.backward_steps(loss))
    assert [step.op.name for step in steps] == ["sum", "multiply", "add", "matmul"]
    assert [step.output for step in steps][2] is y
    assert steps[3].inputs == (x, w)
    assert steps[2].inputs[0] is h
    assert steps[0].params["axis"] == (0, 1)
    assert (x.grad, w.grad, b.grad, h.grad) == (None,) * 4
    assert "matmul" in repr(steps[3])


def test_step_says_what_arrived_and_what_each_input_gets():
    x, w, b, c = leaf(np.ones((4, 2)), np.float32), leaf(np.ones((2, 3))), leaf(np.ones(3)), tg.Tensor(2.0)
    loss = ((x @ w + b) * c).mean()
    for step in tg.backward_steps(loss):
        assert isinstance(step.upstream, tg.Tensor)
        assert step.upstream.shape == step.output.shape
        assert step.upstream.dtype == step.output.dtype
        assert len(step.contributions) == len(step.inputs)
        for value, piece in zip(step.inputs, step.contributions):
            if not value.requires_grad:
                assert piece is None
                continue
            assert isinstance(piece, tg.Tensor)
            assert (piece.shape, piece.dtype) == (value.shape, value.dtype)


def test_step_knows_the_contribution_before_the_broadcast_sum():
    x, b = leaf(np.arange(6.0).reshape(2, 3)), leaf([1, 2, 3])
    step = next(tg.backward_steps(x * b, np.ones((2, 3))))
    np.testing.assert_array_equal(step.before_sum(1).data, x.data)
    np.testing.assert_array_equal(step.contributions[1].data, x.data.sum(axis=0))


def test_contributions_add_up_to_the_gradient(rng):
    x, w = leaf(rng.standard_normal((3, 2))), leaf(rng.standard_normal(2))
    h = tg.tanh(x * w)
    loss = (h * h + h @ w[:, None] + x.sum()).sum()
    totals = {}
    for step in tg.backward_steps(loss):
        for value, piece in zip(step.inputs, step.contributions):
            if piece is not None:
                totals[value] = totals.get(value, 0) + piece.data
    for value in (x, w, h):
        np.testing.assert_allclose(totals[value], tg.grad(loss, value).data, rtol=1e-13)
    assert x.grad is None


def test_a_sweep_stopped_halfway_changes_nothing():
    x = leaf(2)
    steps = tg.backward_steps(tg.exp(x * x))
    next(steps)
    steps.close()
    assert x.grad is None
    assert tg.is_grad_enabled()


def test_steps_with_a_graph_carry_tensors_that_were_recorded():
    x = leaf(2)
    (step,) = tg.backward_steps(x**3, create_graph=True)
    assert tg.grad(step.contributions[0], x).item() == 12


def test_errors_come_before_the_first_step():
    with pytest.raises(ValueError, match="gradient="):
        tg.backward_steps(leaf([1, 2]) * 2)
    with pytest.raises(RuntimeError, match="needs no gradient"):
        tg.backward_steps(tg.Tensor(1.0))


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
    try:
        y @ np.ones(3)
    except ValueError as error:
        assert error.graph.inputs[0] is y
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


# Modes


def test_no_grad_as_context_and_decorator():
    x = leaf(2)

    @tg.no_grad()
    def quiet():
        return x * x, tg.is_grad_enabled()

    with tg.no_grad():
        inside = x * x
        with tg.enable_grad():
            again = x * x
        after = x * x
    assert recorded(inside, again, after, x * x) == [False, True, False, True]
    assert quiet()[1] is False
    assert recorded(quiet()[0]) == [False]
    assert inside.is_leaf
    assert inside.inputs == ()


def test_no_grad_ends_with_an_error_and_may_be_entered_twice():
    x, switch = leaf(2), tg.no_grad()
    with pytest.raises(ZeroDivisionError), switch, switch:
        1 / 0  # noqa: B018
    assert recorded(x * x) == [True]


def test_no_grad_on_a_generator_says_what_to_do():
    with pytest.raises(TypeError, match="with"):

        @tg.no_grad()
        def numbers():
            yield 1


def test_threads_do_not_share_modes():
    x, entered, leave = leaf(2), threading.Event(), threading.Event()
    found = {}

    def quiet():
        with tg.no_grad(), tg.scope("thread"):
            entered.set()
            assert leave.wait(10)
            found["inside"] = x * x

    thread = threading.Thread(target=quiet)
    thread.start()
    assert entered.wait(10)
    here = x * x
    leave.set()
    thread.join()
    assert recorded(here, found["inside"]) == [True, False]
    assert next(tg.backward_steps(here)).scope is None


def test_asyncio_tasks_do_not_share_modes():
    x = leaf(2)

    async def task(name, mode):
        with mode, tg.scope(name):
            await asyncio.sleep(0)
            y = x * x
            await asyncio.sleep(0)
            return y

    @tg.no_grad()
    async def quiet():
        await asyncio.sleep(0)
        return x * x

    async def both():
        return await asyncio.gather(task("a", tg.no_grad()), task("b", tg.enable_grad()), quiet(), task("c", tg.no_grad()))

    a, b, q, c = asyncio.run(both())
    assert recorded(a, b, q, c, x * x) == [False, True, False, False, True]
    assert next(tg.backward_steps(b)).scope.path == "b"


def test_many_threads_backpropagate_at_once():
    x = leaf(np.arange(4.0))
    found = []

    def work():
        for _ in range(50):
            found.append(tg.grad((tg.exp(x) * x).sum(), x).data)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 200
    for g in found:
        np.testing.assert_allclose(g, np.exp(x.data) * (1 + x.data))


def test_backward_inside_no_grad_works():
    x = leaf(3)
    y = x * x
    with tg.no_grad():
        y.backward()
        x.data -= 0.1 * x.grad
    assert x.data == pytest.approx(2.4)
    with tg.no_grad():
        g = tg.grad(y, x)
    assert g.item() == 6


def test_detach_cuts_the_way_back():
    x = leaf(3)
    y = x * x
    (y.detach() * x).backward()
    assert x.grad.item() == 9


def test_scope_names_what_is_recorded():
    x = leaf([[1.0, 2]])
    with tg.scope("encoder"):
        with tg.scope("inner"):
            h = x * 2
        y = h + 1
    z = y.sum()
    scopes = [step.scope for step in tg.backward_steps(z)]
    assert [scope and scope.path for scope in scopes] == [None, "encoder", "encoder.inner"]
    with pytest.raises(TypeError, match="string"), tg.scope(3):
        pass
    with pytest.raises(ZeroDivisionError), tg.scope("a"):
        1 / 0  # noqa: B018
    assert next(tg.backward_steps(x * 2, np.ones((1, 2)))).scope is None


def test_modules_are_scopes_by_their_place():
    model = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid())
    paths = [step.scope.path for step in tg.backward_steps(model(leaf([[1, 2]])).sum()) if step.scope]
    assert paths[0].startswith("Sequential.1")
    assert paths[-1].startswith("Sequential.0")


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


# create_graph


def test_backward_with_a_graph_leaves_gradients_that_can_be_differentiated():
    x = leaf(3)
    (x**3).backward(create_graph=True)
    assert x.grad.item() == 27
    first = x.grad
    x.grad = None
    first.backward()
    assert x.grad.item() == 18


def test_backward_with_a_graph_adds_what_was_there():
    x = leaf(2)
    (x * x).backward(create_graph=True)
    (x**3).backward(create_graph=True)
    assert x.grad.item() == 4 + 12
    assert tg.grad(x.grad, x).item() == 2 + 12


def test_gradients_that_are_one_tensor_do_not_share_their_place():
    x, y = leaf([1, 2]), leaf([3, 4])
    seed = leaf([5, 6])
    (x + y).backward(seed, create_graph=True)
    assert x.grad is not y.grad
    assert x.grad is not seed
    np.testing.assert_array_equal(tg.grad(x.grad.sum(), seed).data, [1, 1])


# detect_anomaly


@pytest.mark.parametrize(("make", "said"), [
    (lambda x: tg.log(x), ["log", "Inf", "index [1]", "'x'"]), (lambda x: tg.sqrt(x - 1), ["sqrt", "NaN"]),
    (lambda x: tg.exp(x * 1e4), ["exp", "Inf"]), (lambda x: x / x, ["divide", "NaN"]),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_anomaly_forward_names_the_op(make, said):
    x = leaf([1, 0], name="x")
    with tg.detect_anomaly(), pytest.raises(tg.AnomalyError) as caught:
        make(x)
    message = str(caught.value)
    assert all(part in message for part in said), message
    assert "test_backward.py" in message
    make(x)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_anomaly_backward_names_the_rule():
    x = leaf([0, 4], name="x")
    loss = (tg.sqrt(x) * 2).sum()
    with tg.detect_anomaly(), pytest.raises(RuntimeError, match=r"sqrt.*Inf.*sqrt_dx.*index \[0\]"):
        loss.backward()
    assert x.grad is None
    with tg.detect_anomaly(), pytest.raises(tg.AnomalyError, match="sqrt"):
        tg.grad(loss, x, create_graph=True)
    loss.backward()
    np.testing.assert_array_equal(x.grad.data, [np.inf, 0.5])


def test_anomaly_says_in_which_scope():
    with tg.detect_anomaly(), tg.scope("head"), np.errstate(all="ignore"), pytest.raises(tg.AnomalyError, match="head"):
        tg.log(leaf(0))


def test_healthy_numbers_pass_the_anomaly_check():
    x = leaf([1, 2])
    with tg.detect_anomaly():
        (tg.log(x) * x).sum().backward()
    np.testing.assert_allclose(x.grad.data, np.log([1, 2]) + 1)


def test_lines_are_recorded_when_asked_for():
    x = leaf(2)
    with tg.record_lines():
        y = x * x
    (step,) = tg.backward_steps(y)
    assert step.line[0].endswith("test_backward.py")
    assert "y = x * x" in Path(step.line[0]).read_text().splitlines()[step.line[1] - 1]
    assert next(tg.backward_steps(x * x)).line is None
