"""Where things stand on a picture of ``viz.draw``: labels cut no frame, arrows cross no title, columns are straight."""

from __future__ import annotations

import re
import struct
from xml.etree import ElementTree

import numpy as np
import pytest
from dot_reading import read

import tinygrad_edu as tg
import viz
from tinygrad_edu import nn
from tinygrad_edu.models import example
from viz.output.render import bundled_program, render

SVG = "{http://www.w3.org/2000/svg}"
laid_out = pytest.mark.skipif(bundled_program() is None, reason="graphviz-pure has no wheel here")


@pytest.fixture
def net():
    return example("two_layer_net")[0]


def clusters_of(source):
    """The innermost cluster of every box, by reading the DOT text line by line."""
    found, open_ones = {}, []
    for line in map(str.strip, source.split("\n")):
        if line.endswith("{"):
            open_ones.append(
                line.split()[1] if line.startswith("subgraph cluster") else open_ones[-1:] and open_ones[-1]
            )
        elif line == "}":
            open_ones.pop()
        elif match := re.match(r"(\w+) \[", line):
            found[match[1]] = open_ones[-1]
    return found


def test_what_flows_from_frame_to_frame_stands_in_no_frame_that_it_would_cut(net):
    source = viz.draw(net, "op", backward=True).source
    inside = clusters_of(source)
    labels = {(a, c): b for a, b in re.findall(r"(v\d+|[cr]\d+) -> (b\d+) ", source)
              for c in re.findall(rf"\b{b} -> (\w+) ", source)}  # fmt: skip
    hidden, squash, output = (read(source).of(name).id for name in ("v2", "h", "v4"))
    outer = inside[labels[hidden, squash]]
    assert inside[labels[squash, output]] == outer
    assert outer.startswith("cluster")
    assert outer not in (inside[hidden], inside[squash], inside[output])
    assert inside[labels[read(source).of("W1").id, hidden]] == inside[hidden]


@pytest.mark.parametrize(("direction", "room"), [("LR", 0), ("TB", 2)])
def test_arrows_from_above_find_room_beside_the_title_of_a_frame(net, direction, room):
    source = viz.draw(net, "op", direction=direction).source
    assert (
        len(re.findall(r"\w+ \[.*style=invis width", source)) == room
    )  # the two sigmoids; linear has parameters above


def test_numbers_of_value_and_gradient_stand_in_one_grid(net):
    label = read(viz.draw(net).source).of("W1").attributes["label"]
    assert label.count("<TABLE") == 2  # the box, and the grid
    assert '<TD COLSPAN="2">' in label
    assert read(viz.draw(net).source).of("W1").words[-4:-3] == ["∂L/∂W1"]


@pytest.mark.parametrize(
    ("name", "level", "word"),
    [
        ("circuit", "module", "no layer to fold"), ("circuit", "primitive", "no function to open"),
        ("circuit", "op", None), ("circuit", "scalar", None), ("two_layer_net", "module", None),
        ("two_layer_net", "primitive", None),
    ],
)  # fmt: skip
def test_a_level_that_adds_nothing_says_why(name, level, word):
    picture = viz.draw(example(name)[0], level)
    for text in (" ".join(read(picture.source).caption), picture.description):
        assert ("the same picture as at level op" in text) == (word is not None)
        assert word is None or word in text


def test_a_folded_module_of_one_operation_is_no_same_picture():
    loss = nn.Sigmoid()(tg.Tensor([1.0, 2.0], requires_grad=True)).sum()
    assert "same picture" not in viz.draw(loss, "module").description


def along(curve):
    """Points of the cubic Bézier curves of an SVG path, given its numbers."""
    corners = list(zip(curve[::2], curve[1::2]))
    for i in range(0, len(corners) - 3, 3):
        for t in np.linspace(0, 1, 50):
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
            yield tuple(sum(w * corner[axis] for w, corner in zip(weights, corners[i : i + 4])) for axis in (0, 1))


@laid_out
@pytest.mark.parametrize("backward", [False, True])
def test_no_arrow_from_above_crosses_the_title_of_a_frame(net, backward):
    source = viz.draw(net, "op", ("value",), backward=backward, direction="TB").source
    root = ElementTree.fromstring(render(source, "svg"))
    titles = {text.text: (float(text.get("x")), float(text.get("y"))) for text in root.iter(f"{SVG}text")}
    lines = [[float(n) for n in re.findall(r"-?[0-9.]+", path.get("d"))] for group in root.iter(f"{SVG}g")
             if "edge" in group.get("class", "") for path in group.iter(f"{SVG}path")]  # fmt: skip
    for title in ("squash: Sigmoid", "answer: Sigmoid"):
        left, base = titles[title]
        points = [point for line in lines for point in along(line) if abs(point[1] - base + 3) < 5]
        assert points
        assert not [x for x, _ in points if left - 2 < x < left + 5 * len(title)]


@pytest.mark.parametrize(("show", "named"), [(("value",), False), (("value", "formula"), True), (("grad",), True)])
def test_the_legend_says_what_is_red_where_anything_is(net, show, named):
    assert ("red: gradients" in " ".join(read(viz.draw(net, show=show).source).caption)) == named


@laid_out
@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_a_png_is_as_wide_as_a_slide(direction):
    width, height = struct.unpack(">II", viz.draw(example("circuit")[0], direction=direction).png()[16:24])
    assert 1600 <= width <= 1620
    assert height > 800
