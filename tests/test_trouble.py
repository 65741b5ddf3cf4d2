"""``viz.draw`` that shows trouble: sizes of gradients and of steps, dead units, NaN, what no gradient reaches.

The numbers on the pictures are compared with ones that are worked out here, by NumPy alone.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from dot_reading import read
from test_theme import AA, contrast, turned

import tinygrad_edu as tg
import viz
from tinygrad_edu import nn, optim
from tinygrad_edu.engine.trace.tracing import graph
from tinygrad_edu.models import example
from viz.graph.trouble import COLOURS, ratio_colour, share_colour
from viz.style.theme import DARK_TEXT, NAN_COLOUR, NAN_PALE, NAN_PALEST, PALETTES


def leaf(value, name=None):
    return tg.Tensor(np.asarray(value, np.float64), requires_grad=True, name=name)


def drawn(output, *args, **options):
    return read(viz.draw(output, *args, **options).source)


def caption(picture):
    return " ".join(picture.caption)


def fill(box):
    return box.attributes["fillcolor"]


def net(rng, dead=0):
    """Linear, ReLU, Linear on float64; the first ``dead`` of 8 units never fire."""
    model = nn.Sequential(
        nn.Linear(3, 8, dtype=float, rng=rng), nn.ReLU(), nn.Linear(8, 2, dtype=float, rng=rng)
    )  # fmt: skip
    bias = np.full(8, 10.0)
    bias[:dead] = -100
    model[0].bias.data = bias
    x = tg.Tensor(rng.normal(size=(5, 3)), name="x")
    return model, (model(x) ** 2).mean()


def labelled(picture, text):
    (found,) = [box for box in picture.boxes.values() if any(text in row for row in box.words)]
    return found


# The size of the gradient


def test_the_gradient_s_norm_is_told_in_words_too():
    x = leaf([3e-3, 4e-3], "x")
    picture = drawn(((x**2) / 2).sum(), color_by="grad")
    assert picture.of("x").words[-1] == "gradient norm 0.005"
    assert "norm of the gradient: ≤ 1e−8" in caption(picture)


def test_sizes_between_are_coloured_between():
    fills = [fill(drawn(leaf([1.0, 0.0], "x").sum() * 10.0**p, color_by="grad").of("x")) for p in (-9, -6, -3, 0, 3)]
    reds = [int(colour[3:5], 16) for colour in fills]
    assert reds == sorted(reds, reverse=True)
    assert fills[3] == fills[4] != fills[2] != fills[1] != fills[0]


# How far a step goes


def test_the_ratio_of_a_step_to_the_weights():
    w = leaf([3.0, 4.0], "w")
    loss = (w * [0.3, 0.4]).sum()
    for lr, verdict, said in ((0.01, "about right", "0.001"), (1e-4, "low", "1e−5"), (1.0, "high", "0.1")):
        picture = drawn(loss, color_by="ratio", lr=lr)
        assert picture.of("w").words[-1] == f"step/weight {said}: {verdict}"
        assert fill(picture.of("w")) == ratio_colour({"0.001": 0, "1e−5": -2, "0.1": 2}[said])
    assert "rule of thumb: about 1e−3 (Karpathy, CS231n)" in caption(picture)


def test_a_layer_s_ratio_is_that_of_its_parameters_together(rng):
    model, loss = net(rng)
    grads = tg.grad(loss, list(model.parameters()))
    picture = drawn(loss, "module", color_by="ratio", lr=0.1)
    pairs = list(zip(model.parameters(), grads))
    for i, name in ((0, "Linear(3, 8)"), (2, "Linear(8, 2)")):
        update = 0.1 * np.linalg.norm(np.concatenate([g.data.ravel() for _, g in pairs[i : i + 2]]))
        weight = np.linalg.norm(np.concatenate([p.data.ravel() for p, _ in pairs[i : i + 2]]))
        row = labelled(picture, name).words[-1]
        assert float(re.search(r"weight ([\d.]+)", row).group(1)) == pytest.approx(update / weight, rel=1e-3)


def test_without_a_rate_the_ratio_is_that_of_the_step_that_was_made(rng):
    model, loss = net(rng)
    before = {path: p.data.copy() for path, p in model.named_parameters()}
    loss.backward()
    optim.Adam(model.parameters(), lr=0.01).step()
    picture = drawn(loss, color_by="ratio")
    for path, p in model.named_parameters():
        want = np.linalg.norm(p.data - before[path]) / np.linalg.norm(before[path])
        row = picture.of(path).words[-1]
        assert float(re.search(r"weight ([\d.]+)", row).group(1)) == pytest.approx(want, rel=1e-3)


def test_weights_that_are_0_have_no_ratio():
    w = leaf([0.0, 0.0], "w")
    assert drawn((w * 2).sum(), color_by="ratio", lr=1).of("w").words[-1] == "the weights are 0: no ratio"
    still = leaf([1.0], "still")
    row = drawn((still * 0).sum(), color_by="ratio", lr=1).of("still").words[-1]
    assert row == "step/weight 0: low"


def test_what_has_no_weights_steps_back(rng):
    picture = drawn(net(rng)[1], "module", color_by="ratio", lr=0.1)
    assert fill(labelled(picture, "ReLU")) == PALETTES["light"].background


# Dead units


@pytest.mark.parametrize("level", ["module", "op", "primitive"])
@pytest.mark.parametrize("dead", [0, 3, 8])
def test_dead_units_are_counted(rng, dead, level):
    _, loss = net(rng, dead)
    picture = drawn(loss, level, color_by="dead")
    box = labelled(picture, "dead")
    assert box.words[-1] == f"dead {100 * dead / 8:g} %: {dead} of 8 units"
    assert fill(box) == share_colour(dead / 8)
    assert "dead units: slope 0 for every example of the batch: 0 % 25 %" in caption(picture)


def test_a_unit_that_fires_once_is_not_dead():
    h = leaf([[-1.0, -1, 2], [-1, 1, 2]], "h")
    assert labelled(drawn(h.relu().sum(), color_by="dead"), "dead").words[-1] == "dead 33.3 %: 1 of 3 units"


def test_channels_are_the_units_of_images(rng):
    x = leaf(np.stack([np.full((2, 4, 4), -1.0), rng.normal(size=(2, 4, 4))], axis=1), "x")
    assert labelled(drawn(x.relu().sum(), color_by="dead"), "dead").words[-1] == "dead 50 %: 1 of 2 units"


# NaN and Inf


def test_where_nan_starts_is_marked():
    x = leaf([1.0, -1.0], "x")
    with np.errstate(invalid="ignore"):
        loss = (tg.log(x) * 2).sum()
    for by in COLOURS:
        picture = drawn(loss, color_by=by, **({"lr": 1} if by == "ratio" else {}))
        start = labelled(picture, "NaN or Inf starts here")
        assert start.words[0] == "log"
        assert "value: 1 of 2 NaN or Inf" in start.words
        assert fill(start) == NAN_COLOUR
        assert float(start.attributes["penwidth"]) > 3
        assert fill(labelled(picture, "Σ")) == NAN_PALE


def test_nan_in_a_weight_inside_a_layer_is_found(rng):
    model, _ = net(rng)
    data = model[2].weight.data.copy()
    data[1, 2] = np.nan
    model[2].weight.data = data
    loss = model(tg.Tensor(rng.normal(size=(5, 3)))).sum()
    picture = drawn(loss, "module", color_by="nan")
    assert "2.weight: 1 of 16 NaN or Inf" in labelled(picture, "starts here").words
    assert labelled(picture, "starts here").words[0] == "Linear(8, 2)"
    assert fill(labelled(picture, "Linear(3, 8)")) == NAN_PALEST
    assert "NaN or Inf starts here" in caption(picture)


def test_a_rule_that_makes_inf_is_marked():
    x = leaf([0.0, 4.0], "x")
    with np.errstate(divide="ignore"):
        picture = drawn(tg.sqrt(x).sum(), color_by="nan")
    assert fill(labelled(picture, "the rule of sqrt makes NaN or Inf")) == NAN_COLOUR
    assert picture.of("x").words[-1] == "gradient: 1 of 2 NaN or Inf"


def test_none_is_said():
    assert "NaN and Inf: none here" in caption(drawn(leaf(1, "x") * 2, color_by="nan"))


def test_nan_is_seen_without_a_backward_pass():
    x = leaf([np.nan, 1.0], "x")
    assert fill(drawn(x * 2, color_by="nan").of("x")) == NAN_COLOUR


# What no gradient reaches


def test_parameters_that_are_cut_off_are_striped(rng):
    model, _ = net(rng)
    loss = (model[2](model[1](model[0](tg.ones(5, 3))).detach()) ** 2).sum()
    picture = drawn(loss, parameters=model)
    cut = [box for box in picture.boxes.values() if box.kind == "unreached"]
    assert [box.words for box in cut] == [
        ["0.weight 8×3", "no gradient reaches it"],
        ["0.bias 8", "no gradient reaches it"],
    ]
    assert all(box.attributes["style"] == "striped,dashed" for box in cut)
    assert "striped: no gradient reaches it" in caption(picture)
    assert "outside the graph: no gradient reaches 2 parameters" in picture.clusters
    assert not [box for box in drawn(loss).boxes.values() if box.kind == "unreached"]


def test_all_reached_shows_nothing(rng):
    model, loss = net(rng)
    assert "unreached" not in viz.draw(loss, parameters=model).source
    assert viz.draw(loss, parameters=model).source == viz.draw(loss).source


def test_a_frozen_parameter_is_not_missed(rng):
    model, _ = net(rng)
    model[0].weight.requires_grad = False
    assert "unreached" not in viz.draw(model(tg.ones(5, 3)).sum(), parameters=model).source


def test_where_nothing_is_recorded_all_are_cut_off(rng):
    model, _ = net(rng)
    with tg.no_grad():
        loss = model(tg.ones(5, 3)).sum()
    assert viz.draw(loss, parameters=model).source.count("no gradient reaches it</B>") == 4


def test_many_that_are_cut_off_are_counted():
    given = [leaf(i, f"p{i}") for i in range(40)]
    picture = drawn(leaf(1, "x") * 2, parameters=given)
    assert sum(box.kind == "unreached" for box in picture.boxes.values()) == 13
    assert "and 28 more" in picture.text


@pytest.mark.parametrize("given", [3, leaf(1), [1.0], {"a": np.ones(2)}], ids=["int", "Tensor", "list", "dict"])
def test_parameters_of_another_kind(given):
    with pytest.raises(TypeError, match="draw: parameters= wants a module, or a dict or list of Tensors"):
        viz.draw(leaf(1) * 2, parameters=given)


# Widths


@pytest.mark.parametrize("backward", [False, True])
def test_edges_are_as_wide_as_what_flows_back(backward):
    x, y, z = leaf(1, "x"), leaf(1, "y"), leaf(1, "z")
    picture = drawn(1e-4 * x + 1e-2 * y + 0 * z, width_by="grad", backward=backward)
    edges = picture.backward if backward else picture.forward
    by = {arrow.source: arrow.attributes for arrow in edges if arrow.target.startswith("c")}
    wide = {name: float(by[picture.of(name).id]["penwidth"]) for name in "xyz"}
    assert wide["z"] < wide["x"] == 1 < wide["y"] == 4 < 7  # decades −4, −2 and 0
    assert by[picture.of("z").id]["style"] == "dotted"
    assert "width of an edge: norm of what flows back along it" in caption(picture)
    assert "0.0001" in caption(picture)
    assert "0.01" in caption(picture)
    assert "dotted: 0" in caption(picture)
    tip = by[picture.of("y").id]["tooltip"]
    assert tip == "norm of what flows back: 0.01"


def test_without_a_wish_edges_are_alike():
    assert "penwidth" not in {k for a in drawn(leaf(1, "x") * 2).arrows for k in a.attributes}


# All of it, in both themes


OPTIONS = [
    {"color_by": "grad", "width_by": "grad"}, {"color_by": "ratio", "lr": 0.1}, {"color_by": "dead"},
    {"color_by": "nan"}, {"parameters": [leaf(1, "lost")]},
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: str(next(iter(options.values()))))
@pytest.mark.parametrize("level", ["module", "op"])
def test_css_makes_of_the_light_picture_the_dark_one(level, options):
    output = example("two_layer_net")[0]
    light = viz.draw(output, level, theme="light", **options).source
    assert turned(light) == viz.draw(output, level, theme="dark", **options).source


def test_text_can_be_read_on_every_mark():
    marks = [ratio_colour(d / 4) for d in range(-16, 17)] + [share_colour(s / 10) for s in range(11)]
    for colour in (*marks, NAN_COLOUR, NAN_PALE, NAN_PALEST):
        assert contrast(DARK_TEXT, colour) >= AA, colour
    for palette in PALETTES.values():  # on both kinds of stripe
        style = palette.kinds["parameter"]
        assert contrast(style.text, style.fill) >= AA
        assert contrast(style.text, palette.background) >= AA


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: str(next(iter(options.values()))))
def test_every_renderer_makes_a_png_of_it(options):
    assert viz.draw(example("two_layer_net")[0], **options).png().startswith(b"\x89PNG")


# Asked for something that can't be


@pytest.mark.parametrize(("options", "said"), [
    ({"color_by": "size"}, "color_by='size' is none of None, grad, ratio, dead, nan"),
    ({"width_by": "value"}, "width_by='value' is none of None, grad"),
    ({"lr": 0.1}, 'lr= says how far a step goes, for color_by="ratio" alone'),
    ({"color_by": "ratio", "lr": -1}, "lr must be a positive number, got -1"),
    ({"color_by": "ratio", "lr": "big"}, "lr must be a positive number, got 'big'"),
    ({"color_by": "ratio"}, "wants lr=, for a step of SGD, or weights that changed since this loss was recorded"),
    ({"color_by": "dead", "level": "scalar"}, 'at level module, op or primitive, not level="scalar"'),
])  # fmt: skip
def test_unknown_options(options, said):
    with pytest.raises(ValueError, match="draw: ") as caught:
        viz.draw(example("two_layer_net")[0], **options)
    assert said in str(caught.value)


def test_a_frozen_trace_shows_what_it_can():
    trace = graph(example("two_layer_net")[0])
    for options in ({"color_by": "grad"}, {"color_by": "nan"}, {"color_by": "ratio", "lr": 1}, {"width_by": "grad"}):
        viz.draw(trace, **options)
    for options in ({"color_by": "dead"}, {"color_by": "ratio"}):
        with pytest.raises(ValueError, match=r"read the Tensors of one output at level .*, not Trace"):
            viz.draw(trace, **options)
    with pytest.raises(ValueError, match="parameters= wants a Tensor to draw, not Trace"):
        viz.draw(trace, parameters=[])


def test_nothing_is_touched(rng):
    model, loss = net(rng)
    for options in OPTIONS:
        viz.draw(loss, **options)
    assert all(p.grad is None for p in model.parameters())
