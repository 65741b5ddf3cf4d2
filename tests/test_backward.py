"""Backpropagation: accumulation, hooks, the contract of ``backward_steps``, gradients that are a graph themselves."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg


def leaf(value, dtype=np.float64, **options):
    return tg.Tensor(np.asarray(value, dtype), requires_grad=True, **options)


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


@pytest.mark.parametrize("f", [tg.exp, tg.sum, lambda x: x.reshape(2, 1), lambda x: x * 3, lambda x: tg.stack([x, x])])
@pytest.mark.parametrize("create_graph", [False, True])
def test_a_leaf_that_is_switched_off_after_the_forward_pass_gets_nothing(f, create_graph):
    x, w = leaf([1, 2]), leaf(3)
    loss = (f(x) * w).sum()
    x.requires_grad = False
    loss.backward(create_graph=create_graph)
    assert x.grad is None
    np.testing.assert_allclose(w.grad.data, f(x).data.sum())


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
