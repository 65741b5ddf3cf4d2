"""``viz.paths``: every path from a value to the loss, its product and share; their sum is the gradient.

Compared with sums made by hand, with finite differences, and with gradients of nets whose other paths are cut.
"""

from __future__ import annotations

import numpy as np
import pytest
from dot_reading import read
from path_samples import leaf, named, products, slope

import tinygrad_edu as tg
from tinygrad_edu.models import example
from viz.graph.fold import LEVELS
from viz.sensitivity.routes import paths

# Numbers


def test_x_squared_and_3x():
    x = leaf(2, "x")
    found = paths(named(x * x + 3 * x, "L"), x)
    assert found.count == found.operations == 3
    assert products(found) == [2, 2, 3]  # x·x has two operands
    assert found.sum == "∂L/∂x = 3 + 2 + 2 = 7"
    assert [path.share for path in found.paths] == pytest.approx([3 / 7, 2 / 7, 2 / 7])
    assert str(found.paths[1]) == "L ← multiply v1 (operand 1) ← x"


def test_products_are_the_derivatives_along_each_way():
    a = leaf(0.3, "a")
    u, v = np.sin(0.3), np.exp(0.6)
    loss = tg.sin(a) * tg.exp(2 * a)
    found = paths(loss, a)
    assert products(found) == pytest.approx(sorted([np.cos(0.3) * v, u * v * 2]))
    assert found.total == pytest.approx(slope(lambda t: np.sin(t) * np.exp(2 * t), 0.3), rel=1e-8)
    assert sum(products(found)) == pytest.approx(float(tg.grad(loss, a).data), rel=1e-12)


def test_negative_products_are_subtracted_in_words():
    x = leaf(1, "x")
    found = paths(named(2 * x - 5 * x, "L"), x)
    assert found.sum == "∂L/∂x = −5 + 2 = −3"
    assert "1" in str(found)


def test_a_gradient_that_arrives_at_the_loss_is_a_factor():
    x = leaf(2, "x")
    found = paths(named(3 * x, "y"), x, gradient=10.0)
    assert found.total == 30
    assert found.paths[0].product == 3
    assert "10 × 3 = 30" in str(found)


def test_intermediate_values_and_the_loss_itself():
    x = leaf(2, "x")
    h = named(x * 3, "h")
    loss = named(h * h, "L")
    assert products(paths(loss, h)) == [6, 6]
    own = paths(loss, loss)
    assert (own.count, own.total, own.paths[0].nodes) == (1, 1, ("L",))


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_sums_to_the_gradient(level):
    loss, leaves = example("two_layer_net")
    name = "W1[0,1]" if level == "scalar" else "W1"
    found = paths(loss, name, level)
    want = tg.grad(loss, leaves["W1"]).data
    want = want[0, 1] if level == "scalar" else want
    np.testing.assert_allclose(sum(path.gradient for path in found.paths), want, rtol=1e-12)
    np.testing.assert_allclose(found.total, want, rtol=1e-12)


def test_one_weight_at_scalar_level_reaches_the_loss_by_each_use():
    x = leaf([[1.0, 2.0]], "x")
    W = tg.Tensor([[1.0, -1.0], [0.5, 2.0]], name="W")
    loss = named((x @ W).sum(), "L")
    found = paths(loss, "x[0,1]", level="scalar")
    assert products(found) == [0.5, 2.0]
    assert found.total == 2.5


def test_arrays_contribute_jacobian_products(rng):
    x = leaf(rng.normal(size=4), "x")
    A, B = rng.normal(size=(2, 4, 4))
    loss = (tg.tanh(A @ x) + B @ x).sum()
    found = paths(loss, x)
    one = np.ones(4)
    want = {id(A): A.T @ (one * (1 - np.tanh(A @ x.data) ** 2)), id(B): B.T @ one}
    assert found.count == 2
    got = sorted([path.gradient for path in found.paths], key=lambda g: g[0])
    for g, w in zip(got, sorted(want.values(), key=lambda g: g[0])):
        np.testing.assert_allclose(g, w, rtol=1e-12)
    total = sum(want.values())
    for path in found.paths:
        assert path.share == pytest.approx(path.gradient @ total / (total @ total))
    assert sum(path.share for path in found.paths) == pytest.approx(1)
    assert found.paths[0].norm >= found.paths[1].norm
    assert found.paths[0].norms[-1] == pytest.approx(np.linalg.norm(found.paths[0].gradient))


def test_broadcast_contributions_have_the_shape_of_the_value(rng):
    b = leaf(rng.normal(size=3), "b")
    loss = (tg.Tensor(rng.normal(size=(5, 3))) * b + b).sum()
    found = paths(loss, b)
    assert [path.gradient.shape for path in found.paths] == [(3,), (3,)]
    np.testing.assert_allclose(sum(p.gradient for p in found.paths), tg.grad(loss, b).data, rtol=1e-12)


# What is strange


def test_a_gradient_of_0_has_no_shares():
    x = leaf(2, "x")
    found = paths(named(x - x, "L"), x)
    assert all(np.isnan(path.share) for path in found.paths)
    assert "The gradient is 0, so there are no shares of it." in str(found)
    assert "undefined" in str(found)


def test_a_hook_that_changes_a_gradient_is_told():
    x = leaf(2, "x")
    x.register_hook(lambda g: 2 * g)
    found = paths(x * x, x)
    assert "a hook changed a gradient" in str(found)


def test_nan_is_told_and_breaks_nothing():
    x = leaf([1.0, np.nan], "x")
    found = paths((x * x + x).sum(), x)
    assert "NaN or Inf among the gradients" in str(found)
    read(found.picture.source)


def test_nothing_is_touched():
    loss, leaves = example("two_layer_net")
    paths(loss, "W1")
    assert all(x.grad is None for x in leaves.values())


# Errors


@pytest.mark.parametrize(("w", "said"), [
    ("W11", "nothing in the graph is called 'W11'; there are W1,"),
    ("x", "'x' needs no gradient, so no path was recorded; give it requires_grad=True"),
    (tg.Tensor(1.0, requires_grad=True, name="far"), "the loss does not depend on 'far', of shape ()"),
    (tg.Tensor(1.0), "w needs no gradient"),
])  # fmt: skip
def test_what_is_not_in_the_graph(w, said):
    with pytest.raises(ValueError, match="paths: ") as caught:
        paths(example("two_layer_net")[0], w)
    assert said in str(caught.value)


def test_a_name_that_two_have():
    a, b = leaf(1, "a"), leaf(2, "a")
    with pytest.raises(ValueError, match="2 values are called 'a'; pass the Tensor itself"):
        paths(a * b, "a")
    assert paths(a * b, b).total == 1


@pytest.mark.parametrize(("make", "options", "error", "said"), [
    (lambda x: x * 2, {}, ValueError, r"the loss has shape \(2,\), but a gradient starts from one number"),
    (lambda x: x.sum(), {"level": "layer"}, ValueError, "level='layer' is none of module, op"),
    (lambda x: x.sum(), {"limit": 0}, ValueError, "limit must be a number of paths, 1 or more, got 0"),
    (lambda x: x.sum(), {"level": "scalar"}, ValueError, r'follows one number; .* such as "x\[0\]"'),
    (lambda x: x.sum(), {"max_nodes": 1}, ValueError, "has 2 boxes, more than 1"),
    (lambda x: x.detach().sum(), {}, ValueError, "the loss needs no gradient"),
    (lambda x: 3.0, {}, TypeError, "loss must be a Tensor, got float"),
])  # fmt: skip
def test_what_cannot_be_followed(make, options, error, said):
    x = leaf([1, 2], "x")
    with pytest.raises(error, match=said):
        paths(make(x), x, **options)


def test_w_that_is_neither_tensor_nor_name():
    with pytest.raises(TypeError, match="w must be a Tensor of the graph or its name, got int"):
        paths(leaf(1) * 2, 3)
