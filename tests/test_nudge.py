"""viz.nudge: predicted and actual changes against an independent computation, kinks named, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import functional as F
from tinygrad_edu import nn
from tinygrad_edu.models import example
from viz.output.render import bundled_program
from viz.sensitivity.nudges import nudge

drawn = pytest.mark.skipif(bundled_program() is None, reason="graphviz-pure has no wheel here")


def leaf(data, name="x"):
    return tg.Tensor(np.array(data, dtype=float), requires_grad=True, name=name)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def course(numbers):
    """The course's net by hand: every value of it."""
    v1 = numbers["x"] @ numbers["W1"].T + numbers["b1"]
    h = sigmoid(v1)
    y = sigmoid(h @ numbers["W2"].T + numbers["b2"])
    return {"h": h, "y": y, "L": 0.5 * ((y - numbers["t"]) ** 2).sum()}


@pytest.mark.parametrize("name", ["x", "W1", "b1", "W2", "b2", "t"])
def test_both_changes_of_the_two_layer_net_are_those_of_a_computation_by_hand(name, rng):
    loss, leaves = example("two_layer_net")
    numbers = {word: np.array(t.data) for word, t in leaves.items()}
    eps = rng.normal(size=numbers[name].shape) * 0.1
    found = nudge(loss, leaves[name], eps)
    before = course(numbers)
    after = course(numbers | {name: numbers[name] + eps})
    tiny = 1e-6
    ahead = course(numbers | {name: numbers[name] + tiny * eps})
    behind = course(numbers | {name: numbers[name] - tiny * eps})
    for word, value in before.items():
        row = found.row(word)
        np.testing.assert_allclose(row.before, value, rtol=1e-12)
        np.testing.assert_allclose(row.actual, after[word] - value, rtol=1e-9, atol=1e-15)
        slope = (ahead[word] - behind[word]) / (2 * tiny)
        np.testing.assert_allclose(
            np.zeros_like(slope) if row.predicted is None else row.predicted, slope, rtol=1e-7, atol=1e-9
        )
        np.testing.assert_allclose(row.difference, row.actual - row.predicted if row.reached else 0.0, atol=1e-14)
    assert found.kinks == ()
    assert found.safe == 1


def test_the_loss_is_told_as_in_the_textbook():
    loss, leaves = example("two_layer_net")
    slope = tg.grad(loss, leaves["W1"]).data[0, 1]
    found = nudge(loss, (leaves["W1"], (0, 1)), 0.1)
    assert found.slope == pytest.approx(slope)
    assert found.output.predicted == pytest.approx(slope * 0.1)
    assert "ΔL ≈ dL/dW1[0,1] · eps = −0.01216 · 0.1 = −0.001216" in str(found)
    assert str(nudge(loss, "W1[0,1]", 0.1)) == str(found)
    assert nudge(loss, leaves["x"], 0.1).output.predicted == pytest.approx(tangent_of_x(leaves))


def tangent_of_x(leaves):
    numbers = {word: np.array(t.data) for word, t in leaves.items()}
    up, down = (course(numbers | {"x": numbers["x"] + s * 1e-6})["L"] for s in (1, -1))
    return (up - down) / 2e-6 * 0.1


def test_the_error_falls_with_the_square_of_eps():
    loss, leaves = example("two_layer_net")
    errors = [nudge(loss, leaves["W2"], eps).output.error for eps in (1e-2, 1e-3)]
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.05)


def test_an_intermediate_value_moves_what_comes_after_it():
    loss, _ = example("two_layer_net")
    found = nudge(loss, "h", 0.05)
    assert next(row.name for row in found.rows if row.reached) == "h"
    assert not found.row("W1").reached
    np.testing.assert_allclose(found.row("h").actual, 0.05)


@pytest.mark.parametrize("level", ["module", "op", "primitive"])
def test_a_convolutional_net(level, rng):
    tg.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(8, 3))
    x, y = rng.normal(size=(2, 1, 6, 6)).astype(np.float32), np.array([0, 2])
    loss = F.cross_entropy(model(x), y)
    weight = model[0].weight
    eps = rng.normal(size=weight.shape) * 1e-2
    found = nudge(loss, weight, eps, level=level)

    wide = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(8, 3)).double()
    wide.load_state_dict(model.state_dict())
    values = []
    for share in (0, 1, 1e-5, -1e-5):
        wide[0].weight.data = weight.data.astype(float) + share * eps
        values.append(F.cross_entropy(wide(x.astype(float)), y).item())
    assert found.output.actual == pytest.approx(values[1] - values[0], rel=1e-9)
    assert found.output.predicted == pytest.approx((values[2] - values[3]) / 2e-5, rel=1e-6)
    np.testing.assert_allclose(found.slope, tg.grad(loss, weight).data)


def test_a_relu_kink_is_named_with_its_element():
    x = leaf([[-0.03, 0.5, 0.2], [1.0, -2.0, 0.1]])
    loss = (x * 2).relu().sum()
    found = nudge(loss, x, np.array([[0.05, -0.2, 0.2], [0.0, 0.0, -0.2]]))
    assert [str(kink) for kink in found.kinks] == [
        "relu #2: element [0,0] crossed 0 (−0.06 to 0.04)",
        "relu #2: element [1,2] crossed 0 (0.2 to −0.2)",
    ]
    assert [kink.index for kink in found.kinks] == [(0, 0), (1, 2)]
    assert found.output.predicted == pytest.approx(2 * (-0.2 + 0.2 - 0.2))
    assert found.output.actual == pytest.approx(0.04 - 0.4 + 0.4 - 0.2)
    assert found.safe == pytest.approx(0.5, abs=1e-3)  # [1,2] reaches 0 half-way
    assert "2 kinks lie between" in str(found)


def test_up_to_the_safe_share_there_is_no_kink():
    x = leaf([-0.03, 0.5])
    loss = x.relu().sum()
    found = nudge(loss, (x, 0), 0.1)
    assert found.safe == pytest.approx(0.3, abs=1e-3)
    assert nudge(loss, (x, 0), 0.1 * found.safe).kinks == ()


def test_a_max_pool_kink_names_window_and_winners():
    image = np.arange(16.0).reshape(1, 1, 4, 4)
    x = leaf(image)
    loss = F.max_pool2d(x, 2).sum()
    found = nudge(loss, (x, (0, 0, 2, 0)), 10.0)  # 8 becomes 18 and overtakes 13
    (kink,) = found.kinks
    assert str(kink) == "max_pool #1: at [0,0,1,0]: [0,0,2,0] took over from [0,0,3,1]"
    assert (kink.index, kink.before, kink.after) == ((0, 0, 1, 0), 5.0, -5.0)
    assert found.output.predicted == 0
    assert found.output.actual == 5
    assert found.safe == pytest.approx(0.5, abs=1e-3)
    opened = nudge(loss, (x, (0, 0, 2, 0)), 10.0, level="primitive")
    assert [kink.op for kink in opened.kinks] == ["first_max #2"]


def test_every_window_that_an_element_wins_is_found(rng):
    x = leaf(rng.normal(size=(1, 2, 5, 5)))
    loss = F.max_pool2d(x, 3, stride=1).sum()
    found = nudge(loss, (x, (0, 1, 2, 2)), 100.0)
    windows = {kink.index for kink in found.kinks}
    expected = {(0, 1, i, j) for i in range(3) for j in range(3)
                if x.data[0, 1, 2, 2] != x.data[0, 1, i : i + 3, j : j + 3].max()}  # fmt: skip
    assert windows == expected


KINKS = {
    "abs": (lambda x: abs(x), [0.1, 1.0], [-0.2, 0.0], "absolute #1: element [0] crossed 0 (0.1 to −0.1)"),
    "leaky": (lambda x: F.leaky_relu(x), [0.1, 1.0], [-0.2, 0.0], "leaky_relu #1: element [0] crossed 0 (0.1 to −0.1)"),
    "from 0": (lambda x: x.relu(), [0.0, 1.0], [0.1, 0.0], "relu #1: element [0] left 0 (0 to 0.1)"),
    "to 0": (lambda x: x.relu(), [0.5, 1.0], [-0.5, 0.0], "relu #1: element [0] reached 0 (0.5 to 0)"),
    "maximum": (lambda x: tg.maximum(x, 0.5), [0.4, 1.0], [0.2, 0.0], "maximum #1: at [0]: x took over from 0.5"),
    "minimum": (lambda x: tg.minimum(0.5, x), [0.4, 1.0], [0.2, 0.0], "minimum #1: at [0]: 0.5 took over from x"),
    "clip": (
        lambda x: tg.clip(x, 0, 1),
        [0.9, 0.5],
        [0.2, 0.0],
        "clip #1: element [0] crossed the bound 1 (0.9 to 1.1)",
    ),
    "max": (lambda x: x.max(), [0.9, 0.8], [0.0, 0.2], "max #1: [1] took over from [0]"),
    "min": (lambda x: x.min(axis=0), [0.9, 0.8], [0.0, 0.2], "min #1: [0] took over from [1]"),
    "tie": (lambda x: x.max(), [0.5, 0.5], [0.0, 0.2], "max #1: [1] got ahead of [0]"),
    "sort": (lambda x: tg.sort(x), [0.9, 0.8], [0.0, 0.2], "sort #1: at [0]: [0] took over from [1]"),
    "floor": (lambda x: np.floor(x) * x, [0.9, 0.5], [0.2, 0.0], "floor #1: element [0] jumped from 0 to 1"),
}


@pytest.mark.parametrize("name", KINKS)
def test_kinks_of_other_ops(name):
    f, data, eps, text = KINKS[name]
    x = leaf(data)
    found = nudge(f(x).sum(), x, np.array(eps))
    assert str(found.kinks[0]) == text


@pytest.mark.parametrize("name", KINKS)
def test_a_move_that_stays_on_its_side_has_no_kink(name):
    f, data, eps, _ = KINKS[name]
    x = leaf(data)
    if name in ("from 0", "tie"):
        return
    assert nudge(f(x).sum(), x, -0.01 * np.array(eps)).kinks == ()


def test_a_choice_that_was_recorded_as_data_is_said_to_stay():
    x = leaf([-0.1, 1.0])
    found = nudge(tg.where(x > 0, x, 0.1 * x).sum(), x, 0.5)
    assert found.kinks == ()
    assert any("where #2 keeps the branch" in note for note in found.notes)


def test_both_runs_are_in_float64_and_nothing_is_touched():
    x = tg.Tensor(np.array([0.5, 2.0], np.float32), requires_grad=True, name="x")
    loss = (x * x * x).sum()
    found = nudge(loss, x, 1e-6)
    exact = sum((v + 1e-6) ** 3 - v**3 for v in (0.5, 2.0))
    assert found.output.actual == pytest.approx(exact, rel=1e-9)
    assert x.grad is None
    assert x.data.dtype == np.float32
    np.testing.assert_array_equal(x.data, [0.5, 2.0])


def test_a_value_used_twice_gets_both_changes():
    a = leaf(3.0, "a")
    loss = a * a + a
    found = nudge(loss, a, 0.5)
    assert found.output.predicted == pytest.approx(3.5)
    assert found.output.actual == pytest.approx(3.5**2 + 3.5 - 12)


def test_a_wrong_rule_shows_as_a_prediction_that_does_not_come_true():
    @tg.primitive
    def tripled(x):
        """3 x."""
        return 3 * x

    @tripled.vjp("x")
    def tripled_dx(g, out, x):
        return 2 * g

    x = leaf(1.0)
    found = nudge(tripled(x), x, 0.1)
    assert (found.output.predicted, found.output.actual) == (pytest.approx(0.2), pytest.approx(0.3))
    assert found.kinks == ()


def test_an_output_of_several_numbers_has_rows_and_no_textbook_line():
    x = leaf([1.0, 2.0])
    found = nudge(x * x, x, 0.1)
    np.testing.assert_allclose(found.output.predicted, [0.2, 0.4])
    assert found.slope is None
    assert "≈ d" not in str(found)


class Doubling(nn.Module):
    def forward(self, x):
        return x.relu() * 2


def no_graph():
    return leaf([1.0])


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda L, t: nudge(3.0, t["x"]), TypeError, "loss must be a Tensor, got float"),
        (lambda L, t: nudge(no_graph(), t["x"]), TypeError, "not computed from others"),
        (lambda L, t: nudge(L, leaf(1.0, "W3")), ValueError, "W3 is not in the graph; did you mean W"),
        (
            lambda L, t: nudge(L, leaf(1.0, None)),
            ValueError,
            "this Tensor is not in the graph; there are W1, W1ᵀ, x, b1, h",
        ),
        (lambda L, t: nudge(L, "w1"), ValueError, "no value is called 'w1'; did you mean"),
        (lambda L, t: nudge(L, 7), TypeError, "x must be a Tensor, .* got int"),
        (lambda L, t: nudge(L, (t["W1"], 0, 1)), TypeError, "got a tuple of 3"),
        (lambda L, t: nudge(L, t["W1"], 0), ValueError, "eps is 0"),
        (lambda L, t: nudge(L, t["W1"], np.zeros((3, 2))), ValueError, "eps is 0"),
        (lambda L, t: nudge(L, t["W1"], np.inf), ValueError, "eps must be finite"),
        (lambda L, t: nudge(L, t["W1"], "0.1"), TypeError, "eps must be a number or an array of numbers, got str"),
        (lambda L, t: nudge(L, t["W1"], np.ones((2, 3))), ValueError, r"eps has shape \(2, 3\), .* shape \(3, 2\)"),
        (lambda L, t: nudge(L, (t["W1"], (0, 5)), 0.1), IndexError, r"W1 has shape \(3, 2\)"),
        (lambda L, t: nudge(L, t["W1"], 0.1, level="scalar"), ValueError, "level='scalar' is none of"),
    ],
)
def test_what_is_refused(make, error, words):
    loss, leaves = example("two_layer_net")
    with pytest.raises(error, match=words):
        make(loss, leaves)


def test_integers_do_not_move():
    words = tg.Tensor(np.array([2, 3]), name="counts")
    x = leaf([1.0, 2.0])
    with pytest.raises(TypeError, match="counts holds int64"):
        nudge((x * words).sum(), words, 0.1)


def test_the_row_of_an_unknown_name_says_which_come_close():
    loss, leaves = example("two_layer_net")
    with pytest.raises(ValueError, match="did you mean W1"):
        nudge(loss, leaves["W1"], 0.1).row("W11")


@drawn
def test_the_picture_has_both_changes_in_every_box(tmp_path):
    x = leaf([[-0.03, 0.5], [1.0, -2.0]])
    found = nudge((x * 2).relu().sum(), x, np.array([[0.05, 0.0], [0.0, 0.0]]))
    source = found.picture.source
    assert source.count("Δ predicted") == source.count("Δ actual") == 3
    assert "moved by" in source
    assert "kink: element [0,0]" in source
    assert "crossed 0" in found.picture.description
    for suffix in ("svg", "png", "dot", "html"):
        assert found.save(tmp_path / f"n.{suffix}").stat().st_size > 500


@drawn
def test_a_kink_inside_a_folded_layer_stands_on_its_box():
    found = nudge(Doubling()(leaf([[0.3, -0.2]])).sum(), "x", 2.0, level="module")
    (kink,) = found.kinks
    folded = next(line for line in found.picture.source.splitlines() if "Doubling" in line and "label=<<TABLE" in line)
    assert "kink: relu #1: element" in folded
    assert kink.index == (0, 1)


@drawn
def test_html_has_table_and_picture_and_escapes_names():
    x = leaf([1.0], "<b>x</b>")
    bundle = nudge((x * x).sum(), x, 0.1)._repr_mimebundle_()
    assert "<b>x</b>" not in bundle["text/html"]
    assert "&lt;b&gt;x" in bundle["text/html"]
    assert "<table" in bundle["text/html"]
    assert "<svg" in bundle["text/html"]
    assert bundle["text/plain"].startswith("<b>x</b> moves by eps = 0.1")
