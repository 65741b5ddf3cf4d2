"""``viz.paths``: every path from a value to the loss, its product and share; their sum is the gradient.

Compared with sums made by hand, with finite differences, and with gradients of nets whose other paths are cut.
"""

from __future__ import annotations

import numpy as np
import pytest
from dot_reading import read
from test_theme import AA, contrast, turned

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.models import example
from viz.fold import LEVELS
from viz.routes import paths
from viz.theme import PALETTES, ROUTES


def leaf(value, name=None):
    return tg.Tensor(np.asarray(value, np.float64), requires_grad=True, name=name)


def named(tensor, name):
    tensor.name = name
    return tensor


def slope(f, x, eps=1e-6):
    return (f(x + eps) - f(x - eps)) / (2 * eps)


def products(found):
    return sorted(path.product for path in found.paths)


def residual(rng, blocks=3, width=4):
    """A stack of residual blocks on float64, its input and its loss."""
    made = [nn.Residual(nn.Sequential(nn.Linear(width, width, dtype=float, rng=rng), nn.Tanh())) for _ in range(blocks)]
    model = nn.Sequential(*made)
    x = leaf(rng.normal(size=(3, width)), "x")
    return model, x, named((model(x) ** 2).mean(), "loss")


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


# Many paths


def doubling(n, start=1.0):
    x = leaf(start, "x")
    y = x
    for _ in range(n):
        y = y + y
    return x, named(y, "y")


def test_paths_multiply_and_are_counted_exactly():
    x, y = doubling(70)
    found = paths(y, x, limit=5)
    assert found.count == 2**70
    assert len(found.paths) == 5
    assert found.rest.count == 2**70 - 5
    assert found.total == 2.0**70
    assert float(found.rest.gradient) == pytest.approx(2.0**70 - 5)
    assert "about 10^21 paths" in found.title
    assert "5 of 1,180,591,620,717,411,303,424 were followed" in str(found)


def test_the_others_are_summed(rng):
    x, y = doubling(4)
    whole, part = paths(y, x), paths(y, x, limit=3)
    assert (whole.count, whole.rest, len(whole.paths)) == (16, None, 16)
    assert part.rest.count == 13
    assert float(part.rest.gradient) == 13
    assert part.rest.share == pytest.approx(13 / 16)
    assert "the other 13 paths, summed" in str(part)


def test_of_numbers_the_largest_are_followed(rng):
    x = leaf(1.0, "x")
    y = (0.1 * x + 5 * x) * (3 + 0 * x) + 0.01 * x
    whole = paths(y, x)
    for n in range(1, 4):
        assert [p.product for p in paths(y, x, limit=n).paths] == [p.product for p in whole.paths[:n]]
    assert whole.paths[0].product == pytest.approx(15)


def test_of_arrays_the_followed_ones_bring_nearly_all(rng):
    _, x, loss = residual(rng, blocks=10)
    found = paths(loss, x, "module", limit=300)
    assert len({str(p) for p in found.paths}) == 300
    whole = sorted([p.norm for p in paths(loss, x, "module", limit=2000).paths], reverse=True)
    assert len(whole) == 1024
    assert sum(p.norm for p in found.paths) > 0.9 * sum(whole[:300])


@pytest.mark.parametrize("level", ["module", "op"])
def test_inside_a_box_paths_are_summed(rng, level):
    x = leaf(rng.normal(size=(2, 3)), "x")
    loss = (tg.functional.softmax(x, axis=-1) * tg.Tensor(rng.normal(size=(2, 3)))).sum()
    found = paths(loss, x, level)
    assert found.count <= found.operations
    np.testing.assert_allclose(sum(p.gradient for p in found.paths), tg.grad(loss, x).data, rtol=1e-10)


@pytest.mark.parametrize("level", ["module", "op", "primitive"])
def test_fused_operations_are_opened_where_the_level_wants_it(rng, level):
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3, dtype=float, rng=rng), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3, dtype=float)
    )
    weight = model[0].weight
    loss = tg.functional.cross_entropy(model(tg.Tensor(rng.normal(size=(2, 1, 4, 4)))), np.array([0, 2]))
    for w in (weight, "0.weight"):
        found = paths(loss, w, level)
        summed = sum(part.gradient for part in found.addends())
        np.testing.assert_allclose(summed, tg.grad(loss, weight).data, rtol=1e-9, atol=1e-12)
        assert found.value == "0.weight"


@tg.composite
def both_ways(x, kept):
    """A function with a value inside that is asked for, and two that are used outside."""
    h = tg.exp(x)
    kept.append(h)
    return h * h, h + x


@pytest.mark.parametrize(("level", "count"), [("op", 2), ("primitive", 4)])
def test_a_folded_function_of_two_results(level, count):
    x, kept = leaf(0.5, "x"), []
    a, b = both_ways(x, kept)
    loss = named(a * 3 + b, "L")
    found = paths(loss, x, level)
    e = np.exp(0.5)
    assert sum(products(found)) == pytest.approx(6 * e * e + e + 1)
    assert (found.count, found.operations) == (count, 4)
    inside = paths(loss, kept[0], level)
    assert sum(products(inside)) == pytest.approx(6 * e + 1)
    assert inside.operations == 3


def test_a_parameter_hidden_in_a_layer_is_found(rng):
    model, _, loss = residual(rng)
    name, weight = next(iter(model.named_parameters()))
    found = paths(loss, weight, "module")
    assert found.value == name
    np.testing.assert_allclose(sum(p.gradient for p in found.paths), tg.grad(loss, weight).data, rtol=1e-10)
    assert [p.bodies for p in found.paths if 1 not in p.bodies] == []  # its own body lies on every path


# Residual blocks


def test_residual_paths_are_grouped_by_the_bodies_they_pass(rng):
    model, x, loss = residual(rng)
    found = paths(loss, x, "module")
    assert found.count == 8
    assert [(g.name, g.count) for g in found.by_bodies] == [("0 of 3", 1), ("1 of 3", 3), ("2 of 3", 3), ("3 of 3", 1)]
    for k, group in enumerate(found.by_bodies):
        want = sum(p.gradient for p in found.paths if len(p.bodies) == k)
        np.testing.assert_allclose(group.gradient, want, rtol=1e-10, atol=1e-15)
    assert sum(g.share for g in found.by_bodies) == pytest.approx(1)
    # skips alone: the gradient at the last block's output comes through unchanged
    y = model(x)
    np.testing.assert_allclose(found.by_bodies[0].gradient, 2 * y.data / y.size, rtol=1e-12)


def test_skip_and_body_of_a_block_are_told_apart(rng):
    _, x, loss = residual(rng, blocks=2)
    found = paths(loss, x, "module")
    assert [name for name, _, _ in found.blocks] == ["Sequential.0", "Sequential.1"]
    for number, (_, skip, body) in enumerate(found.blocks, 1):
        through = sum(p.gradient for p in found.paths if number in p.bodies)
        np.testing.assert_allclose(body.gradient, through, rtol=1e-10, atol=1e-15)
        np.testing.assert_allclose(skip.gradient + body.gradient, found.total, rtol=1e-10)
        assert skip.count == body.count == 2
        assert skip.share + body.share == pytest.approx(1)


def test_the_skip_of_a_block_is_the_gradient_with_its_body_detached(rng):
    model, x, loss = residual(rng, blocks=2)
    h = model[0](x)
    cut = model[1].body(h).detach() + h
    cut_loss = (cut * 2 * model(x).data / cut.size).sum()  # the same upstream at the end
    want = tg.grad(cut_loss, x).data
    _, skip, _ = paths(loss, x, "module").blocks[1]
    np.testing.assert_allclose(skip.gradient, want, rtol=1e-10)


def test_a_block_that_is_called_twice_is_two_blocks(rng):
    block = nn.Residual(nn.Linear(3, 3, dtype=float, rng=rng))
    x = leaf(rng.normal(size=(2, 3)), "x")
    found = paths(block(block(x)).sum(), x, "module")
    assert found.count == 4
    assert [g.count for g in found.by_bodies] == [1, 2, 1]


def test_deep_stacks_need_no_walking(rng):
    _, x, loss = residual(rng, blocks=12)
    found = paths(loss, x, "module", limit=4)
    assert found.count == 2**12
    assert [g.count for g in found.by_bodies] == [1, 12, 66, 220, 495, 792, 924, 792, 495, 220, 66, 12, 1]
    np.testing.assert_allclose(sum(g.gradient for g in found.by_bodies), found.total, rtol=1e-9)


def test_no_residual_blocks_no_groups():
    x = leaf(2, "x")
    found = paths(x * x, x)
    assert (found.by_bodies, found.blocks, found.paths[0].bodies) == ((), (), None)


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


# The picture


def test_each_path_has_its_colour_dash_and_number():
    x = leaf(2, "x")
    found = paths(named(x * x + 3 * x, "L"), x)
    picture = read(found.picture.source)
    routes = [arrow for arrow in picture.arrows if arrow.attributes["class"] == "route"]
    words = sorted(word.strip() for arrow in routes for word in arrow.words)
    assert words == ["#1 ×1", "#1 ×3", "#2 ×1", "#2 ×2", "#3 ×1", "#3 ×2"]
    looks = {(a.words[0].strip()[:2], a.attributes["color"], a.attributes["style"]) for a in routes}
    assert looks == {(f"#{i + 1}", *ROUTES["light"][i]) for i in range(3)}
    assert all(a.attributes["dir"] == "back" for a in routes)
    text = "\n".join(picture.caption)
    assert "∂L/∂x = 3 + 2 + 2 = 7" in text
    assert "#2 (dashed) 28.6 %: 1 × 2 = 2" in text


def test_what_all_paths_share_is_one_line():
    x = leaf(2, "x")
    picture = read(paths((x * x) * 7, x).picture.source)
    words = sorted(word.strip() for arrow in picture.arrows for word in arrow.words)
    assert words == ["#1 ×2", "#2 ×2", "all ×7"]


def test_six_are_told_apart_and_the_others_counted(rng):
    _, x, loss = residual(rng)
    picture = read(paths(loss, x, "module").picture.source)
    words = {word.strip() for arrow in picture.arrows for word in arrow.words}
    assert words == {"all", *[f"#{i}" for i in range(1, 7)]}
    assert "the other 2 paths, not drawn:" in "\n".join(picture.caption)


def test_routes_look_different_in_both_themes():
    for name, looks in ROUTES.items():
        assert len({colour for colour, _ in looks}) == len(looks) == 6
        assert len({PALETTES[name].background, *[colour for colour, _ in looks]}) == 7
    assert [dash for _, dash in ROUTES["light"]] == [dash for _, dash in ROUTES["dark"]]


def test_css_makes_of_the_light_picture_the_dark_one(rng):
    _, x, loss = residual(rng)
    light, dark = (paths(loss, x, "module", theme=theme).picture.source for theme in ("light", "dark"))
    assert turned(light) == dark


def test_routes_can_be_seen_and_read_on_the_paper():
    for name, looks in ROUTES.items():
        assert all(contrast(colour, PALETTES[name].background) >= AA for colour, _ in looks)
    others = [colour for kind in PALETTES["light"].kinds.values() for colour in (kind.fill, kind.line, kind.text)]
    assert not {colour for colour, _ in ROUTES["light"]} & set(others)


def test_it_shows_and_saves_itself(tmp_path):
    x = leaf(2, "x<b>")
    found = paths(named(x * x + 3 * x, "L&"), x)
    bundle = found._repr_mimebundle_()
    assert bundle["text/plain"] == str(found)
    assert "<svg" in bundle["text/html"]
    assert "x&lt;b&gt;" in bundle["text/html"]
    assert "<b>>" not in bundle["text/html"]
    for suffix in (".svg", ".png", ".dot", ".html", ".txt"):
        assert found.save(tmp_path / f"p{suffix}").stat().st_size > 100
    assert (tmp_path / "p.txt").read_text(encoding="utf-8") == str(found) + "\n"
    assert repr(found).startswith("<3 paths from L& back to x<b>: ")


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
