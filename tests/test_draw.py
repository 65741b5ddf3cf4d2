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
from viz.graph.fold import LEVELS
from viz.style.theme import PALETTES

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


@pytest.mark.parametrize("join", [tg.stack, lambda xs: tg.concatenate([x.reshape(1) for x in xs])])
def test_single_numbers_joined_are_drawn(join):
    picture = drawn(join([leaf(2, "x"), leaf(3, "y")]).sum(), backward=True)
    assert [picture.of(name).words[-1].split()[-1] for name in "xy"] == ["1", "1"]


def test_the_backward_graph_itself_is_drawn():
    x = leaf(2, "x")
    slope = tg.grad(x * x * x, x, create_graph=True)
    picture = drawn(slope)
    assert len(picture.forward) > 6
    (output,) = [box for box in picture.boxes.values() if box.kind == "output"]
    assert any(row.endswith(" = 12") for row in output.words)  # 3x² at 2
    assert picture.of("x").words[-1].endswith(" = 12")  # 6x at 2


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for example_name in NAMES:
        for zoom in LEVELS:
            (GOLDEN / f"{example_name}-{zoom}.dot").write_text(golden_text(example_name, zoom), encoding="utf-8")
    print(f"written to {GOLDEN}: look at the pictures before you commit them")
