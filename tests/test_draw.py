"""``viz.draw``: what stands on a picture, at every level, with every option; the same bytes every time.

``tests/golden`` holds the DOT text of the course's examples. After a change that is wanted, and looked at:
``python tests/test_draw.py`` writes them anew.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from dot_reading import read

import tinygrad_edu as tg
import viz
from tinygrad_edu import nn
from tinygrad_edu.models import example
from viz.fold import LEVELS
from viz.theme import LEGEND, PALETTES

GOLDEN = Path(__file__).parent / "golden"
NAMES = ("circuit", "neuron", "two_layer_net")
EVERYTHING = ("value", "grad", "formula", "shape")


def leaf(value, name=None, dtype=np.float64):
    return tg.Tensor(np.asarray(value, dtype), requires_grad=True, name=name)


def drawn(output, *args, **options):
    return read(viz.draw(output, *args, **options).source)


def golden_text(name, level):
    """The picture that is compared: with formulas and the way back, but at scalar level the numbers alone."""
    show = ("value", "grad") if level == "scalar" else EVERYTHING
    return viz.draw(example(name)[0], level, show, backward=True).source


@pytest.fixture
def twice():
    """y = 3x + x at x = 3: x is used twice."""
    x = leaf(3, "x")
    y = x * 3 + x
    y.name = "y"
    return y


@pytest.fixture
def net():
    return example("two_layer_net")[0]


# The examples, as they were when they were last looked at


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", NAMES)
def test_golden(name, level):
    want = (GOLDEN / f"{name}-{level}.dot").read_text(encoding="utf-8")
    assert golden_text(name, level) == want, "looked at, and wanted? then: python tests/test_draw.py"


def test_the_bytes_are_the_same_in_every_process():
    program = (
        "import viz, tinygrad_edu as tg\n"
        "for level in ('module', 'op', 'primitive', 'scalar'):\n"
        "    print(viz.draw(tg.models.example('two_layer_net')[0], level, backward=True).source)\n"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
        ).stdout
        for seed in ("0", "1", "77")
    ]  # fmt: skip
    assert len(set(runs)) == 1
    assert runs[0]


# Levels


def kinds(picture):
    return sorted(box.kind for box in picture.boxes.values())


@pytest.mark.parametrize(
    ("level", "boxes", "composites", "clusters"),
    [
        ("module", 11, 0, ["TwoLayerNet"]),
        ("op", 15, 2, ["TwoLayerNet", "hidden: Linear(2, 3)", "squash: Sigmoid", "output: Linear(3, 1)",
                       "answer: Sigmoid"]),
        ("primitive", 19, 0, ["TwoLayerNet", "hidden: Linear(2, 3)", "linear", "squash: Sigmoid",
                              "output: Linear(3, 1)", "linear", "answer: Sigmoid"]),
        ("scalar", 42, 0, None),
    ],
)  # fmt: skip
def test_four_levels_of_one_recording(net, level, boxes, composites, clusters):
    picture = drawn(net, level)
    assert len(picture.boxes) == boxes
    assert kinds(picture).count("composite") == composites
    assert kinds(picture).count("module") == (4 if level == "module" else 0)
    assert clusters is None or picture.clusters == clusters
    assert kinds(picture).count("output") == 1


def test_a_module_box_holds_its_parameters(net):
    rows = drawn(net, "module").of("v2").words
    assert rows[:4] == ["Linear(2, 3)", "hidden", "W1 3×2, gradient norm 0.03911", "b1 3, gradient norm 0.03615"]


def test_a_folded_function_has_the_formulas_of_its_steps(net):
    rows = drawn(net, "op", EVERYTHING).of("v2").words
    assert rows[:2] == ["linear", "x @ W1ᵀ + b1"]
    assert rows[-2:] == ["→ b1: Σ(ḡ, axis=0)", "→ W1: ḡᵀ @ x"]


def test_scopes_are_clusters_around_what_they_hold():
    x = leaf(2, "x")
    with tg.scope("outer"), tg.scope("inner"):
        y = x * x
    assert drawn(y).clusters == ["outer", "inner"]


def test_a_module_used_twice_is_two_boxes_that_say_they_share(rng):
    layer = nn.Linear(2, 2, rng=rng)
    picture = drawn(layer(layer(np.ones((1, 2), np.float32))).sum())
    assert picture.clusters == ["Linear: Linear(2, 2) (shared weights)"] * 2
    assert kinds(picture).count("parameter") == 2


def test_every_operand_is_an_arrow():
    x = leaf(3, "x")
    picture = drawn(x * x)
    assert len(picture.forward) == 2
    assert {(arrow.source, arrow.target) for arrow in picture.forward} == {("v0", "c1")}


# Numbers, gradients, formulas


def test_gradients_are_there_before_backward_and_nothing_is_touched():
    output, leaves = example("circuit")
    picture = drawn(output)
    assert picture.of("x").words == ["x = −2", "∂f/∂x = −4"]
    assert picture.of("z").words == ["z = −4", "∂f/∂z = 3"]
    assert all(value.grad is None for value in leaves.values())


def test_the_textbook_numbers_of_the_neuron():
    picture = drawn(example("neuron")[0])
    found = {name: picture.of(name).words[-1].split(" = ")[1] for name in ("w0", "x0", "w1", "x1", "w2")}
    assert found == {"w0": "−0.1966", "x0": "0.3932", "w1": "−0.3932", "x1": "−0.5898", "w2": "0.1966"}
    assert "f = 0.7311" in picture.of("f").words


def test_a_value_used_twice_shows_the_sum_that_makes_its_gradient(twice):
    assert drawn(twice).of("x").words == ["x = 3", "∂y/∂x = +3 +1 = 4"]


def test_a_value_used_more_often_than_fits_shows_the_sum_alone():
    x = leaf(1, "x")
    y = x + x + x + x + x + x + x
    assert drawn(y).of("x").words[-1] == "∂v6/∂x = 7"


def test_an_array_used_twice_says_how_many_were_added():
    x = leaf([1, 2], "x")
    assert drawn((x * 3 + x).sum()).of("x").words == ["x", "1 2", "∂v3/∂x (sum of 2)", "4 4"]


def test_a_gradient_that_a_hook_changed_is_no_false_sum(twice):
    x = twice._inputs[1]
    x.register_hook(lambda g: g * 10)
    assert drawn(twice).of("x").words[-1] == "∂y/∂x = 40"


def test_an_output_that_another_output_uses_is_no_false_sum():
    x = leaf(2, "x")
    y = x * 3
    y.name = "y"
    z = y * y
    z.name = "z"
    assert drawn([y, z]).of("y").words[-1] == "gradient = 13"  # 1 to start with, and twice 6


def test_what_grad_holds_of_earlier_passes_is_shown_beside(twice):
    twice.backward()
    assert not any(".grad" in row for row in drawn(twice).of("x").words)
    twice.backward()
    assert " ".join(drawn(twice).of("x").words[2:]) == ".grad holds 8: of other passes too"


@pytest.mark.parametrize(("show", "rows"), [
    ((), ["×", "f"]),
    ("value", ["×", "f = −12"]),
    (("value", "grad"), ["×", "f = −12", "∂f/∂f = 1"]),
    (("grad",), ["×", "f", "∂f/∂f = 1"]),
    (("value", "formula"), ["×", "3 · (−4)", "f = −12", "→ q: 1 · (−4) = −4", "→ z: 1 · 3 = 3"]),
    (("formula",), ["×", "3 · (−4) = −12", "f", "→ q: 1 · (−4) = −4", "→ z: 1 · 3 = 3"]),
])  # fmt: skip
def test_show(show, rows):
    assert drawn(example("circuit")[0], show=show).of("f").words == rows


def test_shapes_and_source_lines():
    with tg.record_lines():
        y = (leaf([[1, 2], [3, 4]], "W") * 2).sum()  # this very line
    picture = drawn(y, show=("shape", "source"))
    assert picture.of("W").words == ["W 2×2"]
    text = " ".join(picture.boxes["c2"].words)
    assert "test_draw.py:" in text
    assert "# this very line" in text


@pytest.mark.parametrize(("array", "rows"), [
    (2.0, ["x = 2"]),
    ([2.0], ["x = 2"]),
    ([[1, -2, 3]], ["x", "1 −2 3"]),
    ([[1, 2], [3, 4]], ["x", "1 2", "3 4"]),
    (np.zeros((0, 3)), ["x", "empty"]),
    ([np.nan, np.inf], ["x", "nan inf"]),
    (123456.0, ["x = 1.235e5"]),
    (-0.0, ["x = 0"]),
    (1e-7, ["x = 1e−7"]),
    (2 / 3, ["x = 0.6667"]),
])  # fmt: skip
def test_small_arrays_are_printed_to_four_digits(array, rows):
    assert drawn(tg.Tensor(np.asarray(array, float), name="x"), show="value").boxes["v0"].words == rows


def test_large_arrays_are_a_summary_and_a_small_image(rng):
    x = tg.Tensor(rng.uniform(-1, 2, (64, 784)).astype(np.float32), name="x")
    source = viz.draw(x, show="value").source
    rows = read(source).of("x").words
    assert rows[0] == "x 64×784"
    assert rows[1].startswith("−1 … 2, mean 0.4")
    assert source.count('WIDTH="7" HEIGHT="7"') == 144
    assert "images: negative 0 positive" in " ".join(read(source).caption)
    assert "images:" not in " ".join(drawn(leaf(1, "x")).caption)


def test_not_a_number_is_counted_and_coloured(rng):
    numbers = rng.standard_normal((10, 10))
    numbers[0, 0] = np.nan
    picture = viz.draw(tg.Tensor(numbers, name="x"), show="value").source
    assert any("1 NaN or Inf" in row for row in read(picture).of("x").words)
    assert "#ff00ff" in picture
    assert "NaN" in " ".join(read(picture).caption)


def test_all_digits_are_in_the_tooltip():
    tip = drawn(leaf(1 / 3, "x")).of("x").attributes["tooltip"]
    assert "0.3333333333333333" in tip
    assert "gradient 1.0" in tip


def test_a_name_that_looks_like_a_formula_stays_whole():
    a, b = leaf([1, 2], "a = 1"), leaf([3, 4], "b")
    assert drawn(a * b, show=("value", "formula")).boxes["c2"].words[1] == "a = 1 · b"


# The way back


def test_backward_arrows_are_dashed_and_carry_the_contributions(twice):
    picture = drawn(twice, backward=True)
    assert drawn(twice).backward == []
    assert [(a.source, a.target, a.words) for a in picture.backward] == [
        ("v0", "c2", ["3"]), ("c2", "c4", ["1"]), ("v0", "c4", ["1"]),
    ]  # fmt: skip
    for arrow in picture.backward:
        assert arrow.attributes["style"] == "dashed"
        assert arrow.attributes["dir"] == "back"
        assert arrow.attributes["color"] == PALETTES["light"].backward
    assert all("style" not in arrow.attributes for arrow in picture.forward)


def test_x_times_x_has_two_arrows_back():
    x = leaf(3, "x")
    assert [arrow.words for arrow in drawn(x * x, backward=True).backward] == [["3"], ["3"]]


def test_a_sum_over_broadcast_rows_is_told_on_the_arrow(rng):
    b = leaf([1, 2, 3], "b")
    arrows = drawn((leaf(np.ones((32, 3)), "h") + b).sum(), backward=True).backward
    assert ["32", "32", "32", "32×3 summed to 3"] in [arrow.words for arrow in arrows]


def test_the_backward_graph_itself_is_drawn():
    x = leaf(2, "x")
    slope = tg.grad(x * x * x, x, create_graph=True)
    picture = drawn(slope)
    assert len(picture.forward) > 6
    (output,) = [box for box in picture.boxes.values() if box.kind == "output"]
    assert any(row.endswith(" = 12") for row in output.words)  # 3x² at 2
    assert picture.of("x").words[-1].endswith(" = 12")  # 6x at 2


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
        assert "test_draw.py:" in text
        assert "# the line that fails" in text
        assert failed.attributes["color"] == PALETTES["light"].failed
        assert picture.of("a").words[0] == "a 2×3"
        assert "failed at the red box" in " ".join(picture.caption)
        assert not any("∂" in row for box in picture.boxes.values() for row in box.words)
        assert len([arrow for arrow in picture.forward if arrow.target == failed.id]) == 2


def test_a_failed_layer_is_opened(rng):
    layer = nn.Linear(2, 3, rng=rng)
    with pytest.raises(ValueError, match="linear") as caught:
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


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for example_name in NAMES:
        for zoom in LEVELS:
            (GOLDEN / f"{example_name}-{zoom}.dot").write_text(golden_text(example_name, zoom), encoding="utf-8")
    print(f"written to {GOLDEN}: look at the pictures before you commit them")
