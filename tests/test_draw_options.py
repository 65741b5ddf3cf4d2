"""``viz.draw``: no gradients, a failed forward pass, the legend, every option, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from dot_reading import read
from test_draw import NAMES, drawn, kinds, leaf

import tinygrad_edu as tg
import viz
from tinygrad_edu import nn
from tinygrad_edu.models import example
from viz.graph.fold import LEVELS
from viz.style.theme import LEGEND, PALETTES


@pytest.fixture
def net():
    return example("two_layer_net")[0]


# When there are no gradients


@pytest.mark.parametrize(("make", "said"), [
    (lambda: leaf([1, 2], "p") * 2, "shape (2,), and a gradient starts from one number; pass gradient="),
    (lambda: tg.Tensor(2.0, name="c") * 3, "no input has requires_grad=True"),
])  # fmt: skip
def test_no_gradients_is_said_and_never_0(make, said):
    for level in LEVELS:
        picture = drawn(make(), level, backward=True)
        assert said in " ".join(picture.caption)
        assert picture.backward == []
        assert not any("gradient" in row or "∂" in row for box in picture.boxes.values() for row in box.words)
    assert "no gradients" not in " ".join(drawn(make(), show="value").caption)


def test_a_gradient_that_is_given_is_used():
    p = leaf([1, 2], "p")
    for level in ("primitive", "scalar"):
        picture = drawn(p * 2, level, gradient=[1.0, 10.0])
        assert "no gradients" not in " ".join(picture.caption)
        text = picture.text
        assert ("2 20" in text) if level == "primitive" else ("= 20" in text)


def test_a_list_of_outputs_is_one_picture():
    x = leaf(2, "x")
    y, z = x * 3, x + 1
    y.name, z.name = "y", "z"
    picture = drawn([y, z])
    assert kinds(picture).count("output") == 2
    assert picture.of("x").words == ["x = 2", "gradient = +3 +1 = 4"]


def test_a_leaf_alone_is_a_picture():
    picture = drawn(leaf(2, "x"))
    assert kinds(picture) == ["parameter"]
    assert picture.of("x").words == ["x = 2", "∂x/∂x = 1"]


# A forward pass that failed


def test_what_failed_is_drawn_with_its_shapes_and_the_users_line():
    a, b = leaf(np.ones((2, 3)), "a"), leaf(np.ones((2, 3)), "b")
    with pytest.raises(ValueError, match="matmul") as caught:
        (a * 2) @ b  # the line that fails
    for level in LEVELS:
        picture = drawn(caught.value.graph, level)
        (failed,) = [box for box in picture.boxes.values() if box.kind == "failed"]
        text = " ".join(failed.words)
        assert text.startswith("@ matmul: x has 3 columns but y has 2 rows")
        assert "test_draw_options.py:" in text
        assert "# the line that fails" in text
        assert failed.attributes["color"] == PALETTES["light"].failed
        assert picture.of("a").words[0] == "a 2×3"
        assert "failed at the red box" in " ".join(picture.caption)
        assert not any("∂" in row for box in picture.boxes.values() for row in box.words)
        assert len([arrow for arrow in picture.forward if arrow.target == failed.id]) == 2


def test_a_failed_layer_is_opened(rng):
    layer = nn.Linear(2, 3, rng=rng)
    with pytest.raises(ValueError, match="Linear") as caught:
        layer(np.ones((2, 5), np.float32))
    for level in ("module", "op", "primitive"):
        assert "failed" in kinds(drawn(caught.value.graph, level))


# The look


def words_of_legend(picture):
    return " ".join(picture.caption)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", LEVELS)
def test_the_legend_names_the_kinds_that_are_there_and_no_other(name, level):
    picture = drawn(example(name)[0], level)
    present = {box.kind for box in picture.boxes.values()}
    text = words_of_legend(picture)
    for kind, words in LEGEND.items():
        assert (words in text) == (kind in present), kind


def test_the_legend_can_be_left_out(net):
    assert drawn(net, legend=False).caption == []


def test_every_kind_has_its_own_look():
    for palette in PALETTES.values():
        looks = [(s.shape, s.pattern, s.peripheries, s.width) for s in palette.kinds.values()]
        fills = [(s.fill, s.line) for s in palette.kinds.values()]
        assert len(set(fills)) == len(fills)
        repeated = [kind for kind, look in zip(palette.kinds, looks) if looks.count(look) > 1]
        assert repeated in ([], ["parameter", "op"])  # one is a leaf, the other has its symbol on top


@pytest.mark.parametrize("direction", ["LR", "RL", "TB", "BT"])
def test_direction(net, direction):
    assert drawn(net, direction=direction).graph["rankdir"] == direction


def test_size_title_and_theme(net):
    picture = drawn(net, size=(13.3, 7.5), title="A title", theme="dark")
    assert picture.graph["size"] == "13.3,7.5"
    assert picture.caption[0] == "A title"
    assert picture.graph["bgcolor"] == PALETTES["dark"].background
    dark = viz.draw(net, theme="dark").source
    light = [style.fill for style in PALETTES["light"].kinds.values()]
    assert not any(fill in dark for fill in light)


def test_names_can_be_given():
    a, b = leaf(2), leaf(3)
    picture = drawn(a * b, names={"first": a, "second": b, "other": 3})
    assert picture.of("first").words[0] == "first = 2"
    assert picture.of("second").words[0] == "second = 3"
    assert a.name is None


def test_colour_by_gradient():
    x = leaf([1e-3, 0], "x")
    picture = drawn(x.sum() * 1e-3 + leaf(0, "zero") * 0, color_by="grad")
    assert picture.of("zero").attributes["fillcolor"] == "#fff9db"  # the palest
    fills = {box.attributes["fillcolor"] for box in picture.boxes.values() if box.kind == "output"}
    assert fills == {"#d95f0e"}  # a gradient of 1
    assert "norm of the gradient: ≤ 1e−8 1e−6 1e−4 1e−2 ≥ 1" in words_of_legend(picture)
    assert "norm of the gradient" not in words_of_legend(drawn(x.sum()))


def test_dead_values_are_marked_on_request():
    y = (leaf([-1, -2], "x").relu() * leaf([1, 1], "w")).sum()
    picture = drawn(y, dead=True)
    assert picture.of("x").words[-1] == "† dead: gradient 0"
    assert "dashed" in picture.of("x").attributes["style"]
    assert not any("dead" in row for row in drawn(y).of("x").words)
    assert not any("dead" in row for row in picture.of("v1").words)


# Asked for something that can't be


@pytest.mark.parametrize(("options", "said"), [
    ({"level": "layer"}, "level='layer' is none of module, op, primitive, scalar"),
    ({"show": ("value", "gradients")}, "show='gradients' is none of value, grad, formula"),
    ({"direction": "up"}, "direction='up' is none of LR"),
    ({"theme": "blue"}, "theme='blue' is none of auto"),
    ({"color_by": "value"}, "color_by='value' is none of"),
])  # fmt: skip
def test_unknown_options(net, options, said):
    with pytest.raises(ValueError, match="draw:") as caught:
        viz.draw(net, **options)
    assert said in str(caught.value)


@pytest.mark.parametrize("thing", [3, "x", None, np.ones(2), [1.0]], ids=repr)
def test_what_is_no_graph(thing):
    for level in ("op", "scalar"):
        with pytest.raises(TypeError, match="wanted a Tensor"):
            viz.draw(thing, level)


def test_too_many_boxes_say_how_many_and_how_to_draw_less():
    y = leaf(1, "x")
    for _ in range(300):
        y = y * y
    with pytest.raises(ValueError, match=r"level='op' has 301 boxes, more than 100; draw a part: .* max_nodes="):
        viz.draw(y, max_nodes=100)
    assert len(read(viz.draw(y, max_nodes=1000).source).boxes) == 301


def test_a_coarser_level_is_advised_only_where_it_helps(net):
    with pytest.raises(ValueError, match=r'has 19 boxes, more than 5; draw it at level="op" \(15 boxes'):
        viz.draw(net, "primitive", max_nodes=5)
    with pytest.raises(ValueError, match=r'draw it at level="module" \(11 boxes\), or draw a part'):
        viz.draw(net, max_nodes=5)
    with pytest.raises(ValueError, match=r"operations on single numbers, more than 5; draw a part"):
        viz.draw(net, "scalar", max_nodes=5)


def test_a_trace_can_be_drawn(net):
    assert viz.draw(tg.graph(net)).source == viz.draw(net).source


# Those who come from elsewhere


def test_draw_dot_and_make_dot():
    output, leaves = example("circuit")
    assert viz.draw_dot(output).source == viz.draw(output, level="primitive").source
    assert read(viz.draw_dot(output, format="png", rankdir="TB").source).graph["rankdir"] == "TB"
    a, b = leaf(2), leaf(3)
    assert read(viz.make_dot(a * b, params={"a": a}, show_attrs=True).source).of("a").words[0] == "a = 2"
    assert viz.make_dot(output, params=dict(leaves)).source == viz.draw(output).source
