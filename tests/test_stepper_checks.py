"""Finite differences on the cards, the first wrong rule on the picture, and what boxes are coloured by."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import functional as F
from tinygrad_edu.engine.checking import numerical_gradient
from tinygrad_edu.models import example
from viz.output.render import bundled_program
from viz.stepper import record, step
from viz.stepper.colours import scaled
from viz.style.theme import size_colour

pytestmark = pytest.mark.skipif(bundled_program() is None, reason="graphviz-pure has no wheel here")


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


def bad():
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name="x")
    w = tg.Tensor([3.0, 5.0], requires_grad=True, name="w")
    return twisted(x, w).sum()


def lenet():
    tg.manual_seed(0)
    return F.cross_entropy(tg.models.lenet5()(np.zeros((1, 1, 28, 28), np.float32)), np.array([3]))


def cards(recording, level, phase):
    found = next(one for one in recording.levels if one.name == level)
    return [recording.cards[s["card"]] for s in found.steps if s["p"] == phase]


@pytest.mark.parametrize("name", ["two_layer_net", "circuit", "neuron"])
def test_every_gradient_of_the_examples_agrees(name):
    recording = record(example(name)[0])
    for level in recording.levels:
        rows = [row for card in cards(recording, level.name, "backward") for row in card["rows"]]
        assert all(row["fd"][0] == 1 for row in rows)
        (end,) = cards(recording, level.name, "end")
        assert [fd[0] for fd in end["fd"]] == [1] * len(end["all"])
        assert "wrong" not in level.extra


def test_the_numbers_of_the_last_card_are_those_of_an_independent_difference():
    x = tg.Tensor(0.7, requires_grad=True, name="x")
    recording = record(tg.exp(x * x))
    (end,) = cards(recording, "op", "end")
    wanted = numerical_gradient(lambda x: tg.exp(x * x), x)
    assert float(end["fd"][0][4]) == pytest.approx(float(wanted), rel=1e-3)
    assert {row["fd"][1] for card in cards(recording, "op", "backward") for row in card["rows"]} == {"a complex step"}


def test_a_wrong_rule_is_named_with_input_index_numbers_and_line():
    recording = record(bad(), level="op")
    level = recording.levels[0]
    assert list(level.extra["wrong"].values()) == ["✗ first wrong rule"]
    card = next(c for c in cards(recording, "op", "backward") if c["t"].startswith("twisted"))
    (said,) = card["bad"]
    for part in (
        "The first wrong rule: twisted_dy",
        "input y of twisted #1",
        "[1]",
        "gives 2,",
        "4",
        "test_stepper_checks.py",
    ):
        assert part in said, said
    assert [row["fd"][0] for row in card["rows"]] == [1, 0]


def test_of_several_wrong_rules_the_one_nearest_the_output_is_the_first():
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name="x")
    w = tg.Tensor([3.0, 5.0], requires_grad=True, name="w")
    recording = record(twisted(w, twisted(x, w)).sum(), level="op", levels="op")
    marks = recording.levels[0].extra["wrong"]
    titles = {s["n"][0]: recording.cards[s["card"]]["t"] for s in recording.levels[0].steps if s["p"] == "backward"}
    assert [(titles[box], text[2:7]) for box, text in marks.items()] == [
        ("twisted #2", "first"),
        ("twisted #1", "also "),
    ]


def test_what_is_too_large_is_not_checked_unless_asked():
    recording = record(lenet(), level="module", levels="module")
    assert "not checked, too large" in recording.levels[0].extra["unchecked"]
    assert not any("fd" in row for c in cards(recording, "module", "backward") for row in c["rows"])
    x = tg.Tensor(np.ones((40, 40)), requires_grad=True, name="x")
    asked = record((x * x).sum(), check=True)
    assert all("fd" in row for c in cards(asked, "op", "backward") for row in c["rows"])
    assert "not asked for" in record(bad(), check=False).levels[0].extra["unchecked"]
    with pytest.raises(ValueError, match="check='no' is none of auto, True, False"):
        step(bad(), check="no")


def test_colours_carry_words():
    level = next(one for one in record(example("two_layer_net")[0], lr=0.5).levels if one.name == "op")
    by = level.extra["by"]
    assert set(by) == {"grad", "ratio", "dead", "nan"}
    assert all(words for name in ("grad", "ratio") for _, words in by[name][1].values())
    assert by["ratio"][0] == "update to weight"
    assert len(level.extra["widths"]) == len(level.layout.edges)


def test_sizes_are_coloured_from_the_least_to_the_largest_of_the_level():
    found, said = scaled({"a": 1e-3, "b": 0.1, "c": 10.0, "none": 0.0, "bad": float("inf")})
    pale, middle, orange = (found[box][0] for box in "abc")
    assert (pale, orange) == (size_colour(-8), size_colour(0))
    assert middle == size_colour(-4)
    assert [found[box][1] for box in ("a", "none", "bad")] == ["0.001", "0", "inf"]
    assert "pale 0.001, orange 10" in said
    near, _ = scaled({"a": 1.0, "b": 1.1})
    assert near["a"][0] != size_colour(-8)  # what is nearly alike looks so


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_wrong_rule_is_marked_by_text_and_colour(shown, scheme):
    tab = shown(step(bad(), level="op").html(), width=1280, scheme=scheme)
    tab.wait_for_selector(".ts-live")
    assert tab.locator("text.tag").all_text_contents() == ["✗ first wrong rule"]
    assert tab.locator(".n.wrong").count() == 1
    tab.get_by_label("Run to").select_option(label="6. ← twisted #1")
    assert "twisted_dy" in tab.locator(".ts-fail").inner_text()
    assert tab.locator(".ts-fd.ts-bad").count() == 1


@pytest.mark.browser
def test_how_far_differences_are_from_the_rule_is_said_where_it_is_most(shown):
    tab = shown(step(example("two_layer_net")[0]).html(), width=1280)
    tab.wait_for_selector(".ts-live")
    tab.keyboard.press("End")
    weights, *_, bias = tab.locator(".ts-fd").all_text_contents()
    assert re.fullmatch(r"✓ central differences: at most \S+ from the rule, at \[\d, \d\] \(there −?0\.\d+\)", weights)
    assert re.fullmatch(r"✓ central differences: 0\.1198, \S+ from the rule", bias)  # one number: no index


@pytest.mark.browser
def test_colour_by_changes_fills_words_and_legend_and_moves_nothing(shown):
    tab = shown(step(example("two_layer_net")[0]).html(), width=1280)
    tab.wait_for_selector(".ts-live")
    places = """() => [...document.querySelectorAll('.n > rect:first-child')].map(e => {
      const b = e.getBBox(); return [b.x, b.y]; })"""
    before = tab.evaluate(places)
    for mode, name in [("grad", "norm of the gradient"), ("ratio", "gradient to weight"), ("nan", "NaN or Inf")]:
        tab.get_by_label("Colour by").select_option(mode)
        assert f"Colour: {name}" in tab.locator(".ts-legend").inner_text()
        assert (tab.locator(".n.by").count() == tab.locator("text.tag").count() > 0) == (mode != "nan")
        assert tab.evaluate(places) == before
    tab.get_by_label("Colour by").select_option("kind")
    assert tab.locator(".n.by, .n.pale, text.tag").count() == 0
