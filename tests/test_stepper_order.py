"""The naive order beside the right one: depth first fires too early, and the page says where and with what numbers."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.naive import firing_count, naive_firings
from tinygrad_edu.models import example
from viz.output.render import bundled_program
from viz.stepper import record, step
from viz.stepper.naive import AGREE

drawn = pytest.mark.skipif(bundled_program() is None, reason="graphviz-pure has no wheel here")


def diamond(value=3.0):
    a = tg.Tensor(value, requires_grad=True, name="a")
    b = 2 * a
    b.name = "b"
    e = (b + 1) + 3 * b
    e.name = "e"
    return a, e


def naive_gradient(leaf, output):
    total = None
    for firing in naive_firings([output], [None]):
        for x, piece, arrived in zip(firing.node._inputs, firing.pieces, firing.totals):
            if x is leaf and piece is not None:
                total = arrived
    return total


def test_the_example_of_the_course_gives_14_in_place_of_8():
    a, e = diamond()
    assert naive_gradient(a, e) == 14.0
    assert tg.grad(e, a).item() == 8.0


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_a_value_used_n_times_hands_on_every_partial_sum(n):
    a = tg.Tensor(1.0, requires_grad=True)
    b = 2 * a
    total = b * 1.0
    for _ in range(n - 1):
        total = total + b * 1.0
    assert naive_gradient(a, total) == 2 * n * (n + 1) / 2  # b hands on 1, then 2, ... then n
    assert tg.grad(total, a).item() == 2 * n


def test_tensors_are_counted_twice_too(rng):
    x = tg.Tensor(rng.standard_normal((2, 3)), requires_grad=True)
    w = rng.standard_normal((3, 2))
    h = x @ w
    loss = h.sum() + (3 * h).sum()
    found = naive_gradient(x, loss)
    np.testing.assert_allclose(found, (np.full((2, 2), 3.0 + 4.0)) @ w.T, rtol=1e-12)


def test_nothing_is_touched_and_paths_are_counted_before():
    a, e = diamond()
    assert len(list(naive_firings([e], [None]))) == firing_count([e], [None]) == 5
    assert a.grad is None
    x = tg.Tensor(1.0, requires_grad=True)
    y = x * 1.0
    for _ in range(60):
        y = y + y * 1.0
    assert firing_count([y], [None]) > 2**60


@drawn
def test_cards_mark_what_fires_too_early_and_show_both_numbers():
    recording = record(diamond()[1], order="dfs")
    steps = recording.levels[0].extra["naive"]
    early = [recording.cards[s["card"]] for s in steps if s.get("y")]
    assert [card["t"] for card in early] == ["multiply #1 fires, turn 1 of 2"]
    assert "b has 3" in early[0]["say"]
    assert "whole gradient is 4" in early[0]["say"]
    end = recording.cards[steps[-1]["card"]]
    assert "a gets 14, right is 8" in end["say"]
    ((_, mine, right, _, same),) = end["both"]
    assert [recording.arrays[k]["d"] for k in (mine, right)] == [[14], [8]]
    assert same == 0
    assert "✗ 14, right: 8" in steps[-1]["t"].values()


@drawn
def test_where_no_result_is_used_twice_both_agree_and_it_is_said():
    recording = record(example("neuron")[0], order="dfs")
    assert AGREE in recording.notes
    assert all(not s.get("y") for level in recording.levels for s in level.extra["naive"])


@drawn
def test_too_many_paths_are_said_and_walked_by_none():
    x = tg.Tensor(1.0, requires_grad=True, name="x")
    y = x * 1.0
    for _ in range(12):
        y = y + y * 1.0
    recording = record(y, order="dfs")
    assert "naive" not in recording.levels[0].extra
    assert "every path" in recording.notes[0]


@drawn
def test_an_unknown_order_is_refused():
    with pytest.raises(ValueError, match="order='bfs' is none of newest, dfs"):
        step(diamond()[1], order="bfs")


@drawn
@pytest.mark.browser
def test_the_page_shows_both_orders_on_one_layout(shown):
    tab = shown(step(diamond()[1], order="dfs").html(), width=1280)
    tab.wait_for_selector(".ts-live")
    places = """() => [...document.querySelectorAll('.n > rect:first-child')].map(e => {
      const b = e.getBoundingClientRect(); return [b.x, b.y]; })"""
    before = tab.evaluate(places)
    tab.get_by_label("Run to").select_option("9. ← multiply #1 fires, turn 1 of 2")
    assert tab.locator(".n.wrong", has_text="b = 6").count() == 1
    assert "fires too early" in tab.locator("text.tag.tb").all_text_contents()[0]
    tab.keyboard.press("End")
    assert "a gets 14, right is 8" in tab.locator(".ts-say").inner_text()
    assert "✗ 14, right: 8" in tab.locator("text.tag").all_text_contents()
    assert tab.evaluate(places) == before
    tab.get_by_label("Order").select_option("newest")
    tab.keyboard.press("End")
    assert tab.locator(".ts-count").inner_text() == "Step 11 of 11"
    assert tab.locator("text.tag").count() == 0
    assert tab.evaluate(places) == before
