"""gradcheck and check_graph: what they accept, and how they name what is wrong."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.checking import numerical_gradient


def leaf(value, dtype=np.float64, **options):
    return tg.Tensor(np.asarray(value, dtype), requires_grad=True, **options)


@tg.primitive
def twisted(x, y):
    """x² y, with a wrong rule for y."""
    return x * x * y


@twisted.vjp("x")
def twisted_dx(g, out, x, y):
    return g * 2 * x * y


@twisted.vjp("y")
def twisted_dy(g, out, x, y):
    return g * x


# gradcheck


def test_right_gradients_pass():
    assert tg.gradcheck(lambda x, w: tg.tanh(x @ w), [leaf([[1, 2]]), leaf([[0.3], [0.1]])]) is True
    assert tg.gradcheck(tg.exp, leaf(1)) is True
    assert tg.gradcheck(lambda x, c: x * c, (leaf([1, 2]), tg.Tensor([3, 4])))
    assert tg.gradcheck(lambda x: (x * 2, x * x), leaf([1, 2]))
    assert tg.gradcheck(lambda x: x.sum(), leaf(np.zeros((0, 2))))
    assert tg.gradcheck(lambda x, y: x * 2, (leaf([1, 2]), leaf([1, 2])))


def test_message_names_input_index_and_both_values():
    x, y = leaf([1, 2], name="x"), leaf([3, 5], name="weights")
    with pytest.raises(tg.GradcheckError) as caught:
        tg.gradcheck(twisted, (x, y))
    message = str(caught.value)
    for part in ("output 0 element [1]", "input 1", "'weights'", "(2,)", "index [1]", "is 2 ", "but 4"):
        assert part in message, message
    assert tg.gradcheck(twisted, (x, y), raise_exception=False) is False
    assert tg.gradcheck(twisted, (x, y.detach()))
    assert x.grad is None
    assert y.grad is None


def test_the_second_of_two_outputs_is_named():
    with pytest.raises(tg.GradcheckError, match="output 1 element"):
        tg.gradcheck(lambda x: (x * 2, twisted(1.5, x)), leaf([1, 2]))


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_coarse_numbers_are_refused_with_the_remedy(dtype):
    with pytest.raises(ValueError, match=rf"input 1 \('w'\) is {np.dtype(dtype)}.*astype\(np\.float64\)"):
        tg.gradcheck(lambda x, w: x * w, (leaf([1, 2]), leaf([1, 2], dtype, name="w")))


@pytest.mark.parametrize(("f", "inputs", "error", "said"), [
    (lambda x: x * 2, tg.Tensor([1.0]), ValueError, "requires_grad=True"),
    (lambda x: 3.0, leaf([1.0]), TypeError, "float"), (lambda x: x.data, leaf([1.0]), TypeError, "ndarray"),
])  # fmt: skip
def test_what_can_not_be_checked(f, inputs, error, said):
    with pytest.raises(error, match=said):
        tg.gradcheck(f, inputs)


@pytest.mark.parametrize(("f", "x"), [
    (tg.relu, [0, -1, 1]), (tg.abs, [0, 2]), (lambda x: tg.maximum(x, 1.0), [1, 2]), (lambda x: x.max(), [3, 3, 1]),
    (lambda x: tg.clip(x, -1, 1), [-1, 0, 1]), (lambda x: tg.norm(x), [0, 0]), (lambda x: tg.leaky_relu(x), [0, 1]),
    (lambda x: tg.sort(x), [1, 1, 0]), (lambda x: tg.std(x, axis=0), [2, 2]),
])  # fmt: skip
def test_a_slope_between_those_of_both_sides_of_a_kink_passes(f, x):
    assert tg.gradcheck(f, leaf(x))
    y = leaf(x)
    assert tg.check_graph(f(y).sum())


def test_a_slope_outside_of_a_kink_does_not_pass():
    @tg.primitive
    def bent(x):
        return np.maximum(x, 0)

    @bent.vjp("x")
    def bent_dx(g, out, x):
        return g * np.where(x >= 0, 1.5, 0)

    with pytest.raises(tg.GradcheckError, match=r"index \[0\]"):
        tg.gradcheck(bent, leaf([0, -1]))


def test_a_rule_that_gives_nan_is_found():
    @tg.primitive
    def fragile(x):
        return x * x

    @fragile.vjp("x")
    def fragile_dx(g, out, x):
        return g * np.where(x == 1, np.nan, 2 * x)

    with pytest.raises(tg.GradcheckError, match=r"index \[1\] is nan"):
        tg.gradcheck(fragile, leaf([2, 1]))
    with pytest.raises(tg.GradcheckError, match="fragile_dx"):
        tg.check_graph(fragile(leaf([2, 1])).sum())


def test_large_inputs_are_checked_along_one_direction(rng):
    calls = []

    def f(x, y):
        calls.append(1)
        return twisted(x, y).sum()

    big = leaf(rng.standard_normal((100, 100)))
    assert tg.gradcheck(lambda x: f(x, tg.Tensor(2.0)), big)
    assert len(calls) < 20
    with pytest.raises(tg.GradcheckError, match="random direction"):
        tg.gradcheck(lambda y: f(tg.Tensor(2.5), y), big)


def test_functions_that_ask_for_gradients_can_be_checked():
    assert tg.gradcheck(lambda x: tg.grad((x**3).sum(), x, create_graph=True), leaf([1, 2]))
    with tg.no_grad():
        assert tg.gradcheck(lambda x: tg.grad((x**3).sum(), x, create_graph=True), leaf([1, 2]))


def test_numerical_gradient(rng):
    x = rng.standard_normal((2, 3))
    np.testing.assert_allclose(numerical_gradient(lambda t: (t**3).sum(), x), 3 * x**2, rtol=1e-7)
    np.testing.assert_allclose(numerical_gradient(lambda t: t * t, tg.Tensor(3.0)), 6)


def test_the_error_is_found_within_the_package():
    assert issubclass(tg.GradcheckError, RuntimeError)


# check_graph


def line_of(function):
    code = function.__code__
    return f"{code.co_filename}:{code.co_firstlineno}"


def test_check_graph_names_the_wrong_op_its_input_and_its_rule():
    x, y = leaf([1, 2], name="x"), leaf([3, 5], name="y")
    loss = (tg.exp(twisted(tg.sin(x), y)) * 2).sum()
    with pytest.raises(tg.GradcheckError) as caught:
        tg.check_graph(loss)
    message = str(caught.value)
    for part in ("twisted", "twisted_dy", "input y", "'y'", "index", line_of(twisted_dy)):
        assert part in message, message
    assert x.grad is None


def test_check_graph_says_in_which_scope():
    with tg.scope("decoder"):
        loss = twisted(leaf([1, 2]), leaf([3, 5])).sum()
    with pytest.raises(tg.GradcheckError, match="in decoder"):
        tg.check_graph(loss)


@pytest.mark.parametrize("name", ["multiply", "matmul", "concatenate", "sum", "exp"])
def test_check_graph_finds_a_broken_built_in(name, monkeypatch):
    op = getattr(P, name)
    right = op.rules

    def broken(g, out, *xs, **params):
        return right[0](g, out, *xs, **params) * 1.01

    x, w = leaf([[1, 2]], name="x"), leaf([[0.3], [0.4]], name="w")
    h = x @ w
    loss = (tg.exp(tg.concatenate([h, h * 2])) * 3).sum()
    assert tg.check_graph(loss)
    monkeypatch.setattr(op, "rules", (broken, *right[1:]))
    with pytest.raises(tg.GradcheckError, match=rf"{name}.*broken.*{line_of(broken)}"):
        tg.check_graph(loss)


def test_check_graph_passes_a_network_of_float32(rng):
    model = nn.Sequential(nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 2))
    x = tg.Tensor(rng.standard_normal((5, 3)).astype(np.float32))
    y = model(x)
    assert tg.check_graph(tg.logsumexp(y * y, axis=1).mean())
    assert tg.check_graph(y, gradient=np.ones(y.shape, np.float32))
    assert all(p.grad is None for p in model.parameters())


def test_check_graph_passes_a_change_of_precision():
    for dtype, other in [(np.float64, np.float32), (np.float32, np.float64), (np.float64, np.float16)]:
        assert tg.check_graph((leaf([1.3, 2.7], dtype).astype(other) ** 2).sum())


def test_check_graph_sees_small_errors():
    @tg.primitive
    def nearly(x):
        return np.exp(x)

    @nearly.vjp("x")
    def nearly_dx(g, out, x):
        return g * out * (1 + 1e-6)

    with pytest.raises(tg.GradcheckError, match="nearly_dx"):
        tg.check_graph(nearly(leaf([0.5, 1])).sum())


def test_check_graph_uses_the_inputs_that_the_op_saw():
    x = leaf([1, 2])
    y = twisted(x, tg.Tensor(2.0)).sum()
    x.data = np.array([np.nan, 0])
    assert tg.check_graph(y)


def test_check_graph_needs_a_recorded_number():
    with pytest.raises(ValueError, match="gradient="):
        tg.check_graph(leaf([1, 2]) * 2)
    with pytest.raises(RuntimeError, match="needs no gradient"):
        tg.check_graph(tg.Tensor(1.0))
    with pytest.raises(TypeError, match="float"):
        tg.check_graph(1.0)


def test_ties_of_a_large_max_pool_are_kinks_along_a_random_direction(rng):
    x = leaf(np.maximum(rng.standard_normal((1, 6, 28, 28)), 0.5))  # as after a ReLU: many windows are all alike
    assert tg.check_graph(tg.functional.max_pool2d(x, 2) * rng.standard_normal((1, 6, 14, 14)), np.ones((1, 6, 14, 14)))
