"""Whole networks as drawings: few boxes, true shapes, honest folding, and names that do no harm."""

from __future__ import annotations

import functools
import re
from collections import Counter

import pytest

import tinygrad_edu as tg
from tinygrad_edu import functional as F
from tinygrad_edu import nn
from tinygrad_edu.models.catalogue import CATALOGUE, blank
from viz.architectures import architecture
from viz.architectures.drawing import Drawing
from viz.architectures.kinds import KINDS
from viz.style.numbers import shape_text

DRAWN = (
    "lenet5", "alexnet", "vgg16", "inception_v1", "inception_v3", "resnet50", "resnext50", "xception",
    "inception_resnet_v2",
)  # fmt: skip


@functools.cache
def drawn(name):
    return architecture(name)


@functools.cache
def tabled(name):
    return tg.summary(blank(name), CATALOGUE[name].input_shape)


class Block(nn.Module):
    def __init__(self, width=8):
        self.layer = nn.Linear(width, width)

    def forward(self, x):
        return F.relu(self.layer(x)) + x


class Again(nn.Module):
    """One block called three times, then three blocks that are alike."""

    def __init__(self):
        self.same = Block()
        self.alike = nn.Sequential(Block(), Block(), Block())

    def forward(self, x):
        for _ in range(3):
            x = self.same(x)
        return self.alike(x)


class Crossed(nn.Module):
    """No row of rows: what q makes goes to both sides."""

    def __init__(self):
        self.p, self.q, self.r, self.t = [nn.Linear(8, 8) for _ in range(4)]

    def forward(self, x):
        u, v = self.p(x), self.q(x)
        return self.r(u + v) + self.t(v) + u


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_model_fits_on_a_page(name):
    assert len(drawn(name).view.boxes) <= 60
    assert len({box.id for box in drawn(name).view.boxes}) == len(drawn(name).view.boxes)


def test_a_picture_keeps_no_activations():
    nodes = [node for leaf in drawn("lenet5").network.root.leaves() for node in leaf.call.nodes]
    arrays = [array for node in nodes for array in (node.data, *[x.data for x in node.inputs if x.inputs])]
    assert len(arrays) > 10
    assert not any(any(array.strides) for array in arrays)


@pytest.mark.parametrize("name", DRAWN)
def test_boxes_hold_every_parameter_once(name):
    parts = [part for box in drawn(name).view.boxes for part in [*box.more, *([box.part] if box.part else [])]]
    rows = tabled(name).rows  # Inception v1's auxiliary classifiers are not called, and not drawn
    assert sum(part.count() for part in parts) == drawn(name).parameters == sum(row.parameters for row in rows)


@pytest.mark.parametrize("name", DRAWN)
def test_shapes_on_arrows_are_those_of_the_summary(name):
    shapes = {row.name: row.output_shape for row in tabled(name).lines}
    compared = 0
    for arrow in drawn(name).view.arrows:
        part = arrow.source.part or arrow.source.more[-1]
        layers = part.parts[part.parts.index(part.head) :] if part.head is not None else [part]
        known = [layer.name for layer in layers if layer.name in shapes]  # a function belongs to the layer before it
        if known:
            assert arrow.shape == shapes[known[-1]], known
            compared += 1
    assert compared > len(drawn(name).view.arrows) / 2


@pytest.mark.parametrize("name", DRAWN)
def test_networks_of_papers_are_placed_as_rows_that_fork_and_join(name):
    assert "layout=nop2" in drawn(name).source


@pytest.mark.parametrize("most", [6, 12, 30, 200])
def test_no_more_boxes_than_allowed(most):
    long = nn.Sequential(*[nn.Linear(i, i + 1) for i in range(2, 130)])
    for model, shape in ((long, (2,)), (blank("resnet18"), (3, 64, 64))):
        shown = architecture(model, shape, max_boxes=most)
        tops = len(shown.network.root.parts) + 2
        assert len(shown.view.boxes) <= max(most, tops if model is not long else 0)


def test_weights_that_are_shared_are_told_from_equal_blocks():
    more = [box for box in architecture(Again(), (8,)).view.boxes if box.kind == "more"]
    assert [(box.shared, len(box.more)) for box in more] == [(True, 2), (False, 2)]
    source = architecture(Again(), (8,)).source
    assert "×3: the same weights" in source
    assert "+2 more like this" in source


def test_shared_and_equal_layers_in_a_row_are_two_folds():
    def model(x):
        for layer in (same, same, same, other, other2):
            x = layer(x)
        return x

    same, other, other2 = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
    boxes = architecture(model, (4,)).view.boxes
    assert not any(box.more and not box.shared for box in boxes)


def test_blocks_of_other_sizes_are_not_folded():
    model = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 6), nn.Linear(6, 7), nn.Linear(7, 8))
    assert not any(box.more for box in architecture(model, (4,)).view.boxes)


def test_each_kind_of_layer_is_known():
    kinds = Counter(box.kind for box in drawn("inception_resnet_v2").view.boxes)
    assert kinds["concatenation"] == 5
    assert kinds["addition"] == 2
    assert {"pooling", "dense", "convolution", "activation", "arithmetic", "block", "more"} <= set(kinds)
    unit = next(box.part for box in drawn("resnet50").view.boxes if box.kind == "convolution")
    assert [leaf.kind for leaf in unit.parts] == ["arrangement", "convolution", "normalisation", "activation"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("resnet50", "7×7 conv, 64, /2"), ("resnext50", "3×3 conv, 128, 32 groups"),
        ("alexnet", "5×5 conv, 256, 2 groups"), ("xception", "3×3 separable conv, 728"),
        ("inception_v3", "1×7 conv, 128"), ("vgg16", "dense, 4,096"),
        ("inception_resnet_v2", "×0.17"),
    ],
)  # fmt: skip
def test_boxes_say_what_papers_write(name, words):
    assert words in drawn(name).source


class Attention(nn.Module):
    def __init__(self):
        self.words, self.query, self.key = nn.Embedding(9, 4), nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, words):
        x = F.layer_norm(self.words(words), (4,))
        return self.query(x) @ self.key(x).transpose(0, 2, 1)


LAYERS = {
    "group norm": (nn.Sequential(nn.Conv2d(3, 4, 1), nn.GroupNorm(2, 4)), (3, 8, 8), ["conv", ">GN<"], ["BN"]),
    "transposed": (nn.ConvTranspose2d(3, 4, 2, stride=2), (3, 8, 8), ["2×2 transposed conv, 4, ×2"], ["/2"]),
    "attention": (Attention(), (5,), ["Embedding", "LayerNorm", "dense, 4", "matmul"], ["dense, 5"]),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_that_no_paper_of_the_course_has_are_told_apart(name):
    model, shape, words, others = LAYERS[name]
    source = architecture(model, shape).source
    assert [word for word in words if word not in source] == []
    assert [word for word in others if word in source] == []


def test_a_graph_that_does_not_fork_and_join_is_laid_out_by_graphviz():
    shown = architecture(Crossed(), (8,))
    assert "nop2" not in shown.source
    assert shown.svg().count("<ellipse") >= 3


def test_names_do_no_harm(tmp_path):
    bad = '</script><img src=x onerror=alert(1)>"\\N&'
    hostile = type(bad, (Block,), {})
    model = nn.Sequential(hostile(), nn.Linear(8, 8))
    shown = architecture(model, (8,), max_boxes=6)
    for text in (shown.svg(), shown.html()):
        assert "<img" not in text
        assert "onerror=alert(1)>" not in text.replace("&gt;", "")
    assert shown.save(tmp_path / "x.png").stat().st_size > 1000


@pytest.mark.parametrize("suffix", [".svg", ".png", ".html", ".dot"])
@pytest.mark.parametrize("direction", ["TB", "LR"])
def test_it_saves_itself(tmp_path, suffix, direction):
    shown = architecture(Again(), (8,), direction=direction, theme="dark")
    assert shown.save(tmp_path / f"net{suffix}").stat().st_size > 500


@pytest.mark.parametrize("name", ["lenet5", "alexnet", "vgg16", "resnet50", "xception"])
def test_a_png_is_as_wide_as_a_slide(name):
    width = int.from_bytes(drawn(name).png()[16:20], "big")
    assert 1600 <= width <= 2400


def test_what_the_legend_says_begins_at_one_place():
    svg = drawn("vgg16").svg()
    said = [re.findall(rf'<text[^>]* x="([-\d.]+)"[^>]*>{re.escape(words)}<', svg) for words in KINDS.values()]
    starts = [found[-1] for found in said if found]
    assert len(starts) >= 5
    assert len(set(starts)) == 1


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("direction", ["TB", "LR"])
def test_no_frame_crosses_the_shape_on_an_arrow(name, direction):
    drawing = Drawing(drawn(name).view, "light", direction, None)
    for arrow in drawn(name).view.arrows:
        words = shape_text(arrow.shape)
        x, y = map(float, drawing.path(arrow, words)["lp"].split(","))
        across, up = 2.2 * len(words), 4.0
        for left, bottom, right, top in drawing.places.frames.values():
            beside = x + across < left or x - across > right or y + up < bottom or y - up > top
            inside = left < x - across and x + across < right and bottom < y - up and y + up < top
            assert beside or inside or not words, words


@pytest.mark.parametrize("name", ["lenet5", "alexnet", "vgg16", "resnet50"])
def test_what_stands_in_a_hexagon_stays_in_it(name):
    nodes = re.split(r'class="(?=node |edge )', drawn(name).svg())
    found = [node for node in nodes if node.startswith("node dense")]
    assert len(found) == sum(box.kind == "dense" for box in drawn(name).view.boxes)
    for node in found:
        hexagon, *badges = [corners(points) for points in re.findall(r'<polygon[^>]* points="([^"]*)"', node)]
        middle = sum(y for _, y in hexagon[:6]) / 6
        half, high = [(max(p) - min(p)) / 2 for p in zip(*hexagon)]
        x0 = min(x for x, _ in hexagon) + half
        texts = re.findall(r'<text[^>]*? x="([-\d.]+)" y="([-\d.]+)"[^>]*? font-size="([\d.]+)"[^>]*>([^<]*)<', node)
        assert len(texts) >= 2
        spots = [point for badge in badges for point in badge]
        for x, y, size, words in [(float(x), float(y), float(size), words) for x, y, size, words in texts]:
            spots += [(x + 0.5 * size * len(words), y + 0.2 * size), (x, y + 0.2 * size), (x, y - 0.7 * size)]
        for x, y in spots:
            assert abs(x - x0) <= half * (1 - abs(y - middle) / high / 2), node


def corners(points):
    return [tuple(map(float, point.split(","))) for point in points.split()]


@pytest.mark.parametrize(
    ("name", "words"), [("resnet50", "25,583,592 learned parameters"), ("vgg16", "138,357,544 parameters")]
)
def test_parameters_are_learned_ones_where_running_statistics_are_left_out(name, words):
    assert words in drawn(name).description
    assert ("learned" in drawn(name).source) is ("learned" in words)


def test_it_shows_itself_with_words_beside():
    bundle = drawn("lenet5")._repr_mimebundle_()
    assert bundle["image/svg+xml"].startswith("<svg")
    assert "61,706 parameters" in bundle["text/plain"]
    assert "5×5 conv, 6 (c1) to 6×28×28" in bundle["text/plain"]


def test_the_same_bytes_every_time():
    assert architecture("lenet5").html() == architecture("lenet5").html()


@pytest.mark.parametrize("name", ["resnet50", "inception_resnet_v2"])
def test_the_page_is_small(name):
    assert len(drawn(name).html().encode()) < 500_000


@pytest.mark.parametrize(
    ("arguments", "options", "problem", "words"),
    [
        (("resnet51",), {}, ValueError, "did you mean resnet50"),
        ((nn.Linear(2, 2),), {}, TypeError, "input_shape"),
        (("lenet5",), {"direction": "BT"}, ValueError, "direction"),
        (("lenet5",), {"theme": "blue"}, ValueError, "theme"),
        (("lenet5",), {"max_boxes": 3}, ValueError, "max_boxes"),
        (("lenet5", (1, 5, 5)), {}, ValueError, "lenet5|conv2d|Conv2d"),
    ],
)
def test_wrong_calls_are_told_so(arguments, options, problem, words):
    with pytest.raises(problem, match=words):
        architecture(*arguments, **options)
