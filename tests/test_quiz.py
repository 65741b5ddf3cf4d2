"""The quiz's questions: which, in which order, with right answers, with slips and hints, and nothing given away."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import functional as F
from tinygrad_edu.engine.text import number_text
from tinygrad_edu.engine.trace.recompute import recompute
from tinygrad_edu.models import example
from viz.quizzes import quiz
from viz.quizzes.seal import keystream, sealed


def leaf(data, name, needs=True):
    return tg.Tensor(np.array(data, dtype=np.float64), requires_grad=needs, name=name)


def two_layer_net():
    return example("two_layer_net")[0]


def conv_layer():
    rng = np.random.default_rng(7)
    x, w = leaf(rng.standard_normal((1, 1, 4, 4)), "x", False), leaf(rng.standard_normal((2, 1, 3, 3)), "w")
    loss = (F.conv2d(x, w, leaf(rng.standard_normal(2), "b")).sigmoid() ** 2).mean()
    loss.name = "L"
    return loss


def reused():
    a, b = leaf(3, "a"), leaf(4, "b")
    loss = a * b + a
    loss.name = "L"
    return loss


def broadcast():
    loss = ((leaf([[1, 2, 3], [4, 5, 7]], "x") + leaf([0.5, -1, 2], "b")) ** 2).sum()
    loss.name = "L"
    return loss


def square_product():
    loss = ((leaf([[1, 2], [3, 5]], "A") @ leaf([[2, -1], [4, 3]], "B")) * leaf([[1, 7], [-2, 3]], "C", False)).sum()
    loss.name = "L"
    return loss


GRAPHS = [two_layer_net, conv_layer, reused, broadcast, square_product]


# Answers


@pytest.mark.parametrize("graph", GRAPHS)
def test_gradients_agree_with_finite_differences(graph):
    loss = graph()
    made = quiz(loss, 1.0, count=100, cells=3)
    arrays = recompute(loss, {})
    tensors = {x: None for step in tg.backward_steps(loss) for x in (step.output, *step.inputs)}
    asked = [q for q in made.questions if q.kind == "gradient"]
    assert asked
    for question in asked:
        value = made.facts.values[question.target]
        same = [x for x in tensors if np.shape(arrays[x]) == value.data.shape]
        slopes = [
            difference(loss, x, arrays[x], question.place) for x in same if tuple(arrays[x].ravel()) == value.data.data
        ]
        assert any(question.answer == pytest.approx(slope, rel=1e-5, abs=1e-8) for slope in slopes), question.words


def difference(loss, x, array, place):
    """The central difference of the loss with respect to one element of a Tensor of its graph."""
    ends = []
    for eps in (1e-6, -1e-6):
        moved = np.array(array, dtype=np.float64)
        moved.flat[place] += eps
        ends.append(float(recompute(loss, {x: moved})[loss]))
    return (ends[0] - ends[1]) / 2e-6


def test_values_agree_with_numpy():
    made = quiz(two_layer_net(), "values", count=100, cells=100)
    leaves = {name: np.array(x.data) for name, x in example("two_layer_net")[1].items()}

    def sigmoid(v):
        return 1 / (1 + np.exp(-v))

    h = sigmoid(leaves["x"] @ leaves["W1"].T + leaves["b1"])
    y = sigmoid(h @ leaves["W2"].T + leaves["b2"])
    wanted = {"h": h, "y": y, "L": 0.5 * np.sum((y - leaves["t"]) ** 2), "W1ᵀ": leaves["W1"].T}
    seen = 0
    for question in made.questions:
        name, _, where = question.words.partition("[")
        if name in wanted:
            index = tuple(map(int, where.rstrip("]").split(", "))) if where else ()
            array = np.asarray(wanted[name])
            assert question.answer == pytest.approx(float(array[index] if index else array.ravel()[0]), rel=1e-12)
            seen += 1
    assert seen == 3 + 1 + 1 + 6


def test_shapes_agree_with_numpy():
    made = quiz(conv_layer(), "shapes")
    assert [q.answer for q in made.questions] == [(1, 2, 2, 2)] * 3
    assert [q.kind for q in made.questions] == ["shape"] * 3


# Which, and in which order


def test_the_same_seed_asks_the_same():
    asked = [[q.words for q in quiz(two_layer_net(), 0.5, seed=seed).questions] for seed in (0, 0, 1, 2, 3)]
    assert asked[0] == asked[1]
    assert len(set(map(tuple, asked))) == 4


def test_the_same_seed_makes_the_same_page():
    assert quiz(two_layer_net(), seed=4).html() == quiz(two_layer_net(), seed=4).html()


def test_questions_can_be_solved_in_their_order():
    made = quiz(two_layer_net(), 1.0, count=100)
    trace = made.facts.trace
    backward = [x for turn in trace.steps for x in made.facts.calls[turn.call].inputs]
    forward = [call.output for call in trace.calls]
    places = [forward.index(q.target) if q.kind == "value" else 100 + backward.index(q.target) for q in made.questions]
    assert places == sorted(places)
    assert [q.number for q in made.questions] == list(range(1, len(places) + 1))


@pytest.mark.parametrize(("hide", "words"), [
    ("h.grad", ["∂L/∂h[0, 0]", "∂L/∂h[0, 1]", "∂L/∂h[0, 2]"]),
    ("h", ["h[0, 0]", "h[0, 1]", "h[0, 2]"]),
    (["y", "b2"], ["y", "∂L/∂b2"]),
    (["b2.grad"], ["∂L/∂b2"]),
])  # fmt: skip
def test_numbers_are_hidden_by_name(hide, words):
    assert [q.words for q in quiz(two_layer_net(), hide, cells=9).questions] == words


def test_a_share_hides_that_share():
    everything = len(quiz(two_layer_net(), 1.0, count=100).questions)
    assert len(quiz(two_layer_net(), 0.25, count=100).questions) == round(0.25 * everything)


def test_count_and_cells_bound_the_questions():
    assert len(quiz(two_layer_net(), count=3).questions) == 3
    assert len(quiz(two_layer_net(), ["W1"], cells=4).questions) == 4


def test_what_is_zero_is_not_asked_if_something_else_is_there():
    x = leaf([-1, 2, -3], "x")
    loss = (tg.relu(x) * 2).sum()
    for seed in range(5):
        assert all(q.answer for q in quiz(loss, 1.0, count=99, seed=seed).questions)
    assert [q.answer for q in quiz(loss, "x", cells=3).questions] == [2.0]


def test_single_numbers_are_asked_at_scalar_level():
    made = quiz(example("neuron")[0], "gradients", level="scalar", count=99)
    answers = {q.words: q.answer for q in made.questions}
    assert answers["∂y/∂w0"] if "∂y/∂w0" in answers else any("w0" in words for words in answers)


def test_an_output_that_is_no_number_needs_a_gradient():
    x = leaf([1, 2], "x")
    y = x * 3
    with pytest.raises(ValueError, match="gradient="):
        quiz(y)
    assert quiz(y, gradient=[1.0, 10.0], cells=2).questions[1].answer == 30


@pytest.mark.parametrize(("options", "words"), [
    ({"hide": "colours"}, "none of 'values', .*, and no name here: W1, W1ᵀ, x"),
    ({"hide": 1.5}, "none of 'values'"), ({"hide": 0.0}, "none of 'values'"),
    ({"hide": ["W1", "nobody"]}, "hide='nobody' is no name here"), ({"hide": []}, "nothing to ask"),
    ({"level": "module"}, "level='module'"),
    ({"theme": "pink"}, "theme='pink'"), ({"count": 0}, "count=0"), ({"cells": 1.5}, "cells=1.5"),
    ({"direction": "up"}, "direction='up'"), ({"max_nodes": 5}, "12 ops, more than 5"),
    ({"hide": "x"}, "'x' has no gradient"),
])  # fmt: skip
def test_options_that_say_nothing_are_clear_errors(options, words):
    with pytest.raises(ValueError, match=words):
        quiz(two_layer_net(), **options)


@pytest.mark.parametrize(("loss", "error", "words"), [
    (3.0, TypeError, "wanted a Tensor"), (tg.Tensor(3.0), ValueError, "no gradients"),
    (leaf(np.inf, "x") * 2, ValueError, "holds inf, which nobody can work out"),
])  # fmt: skip
def test_what_is_no_graph_of_numbers_is_a_clear_error(loss, error, words):
    with pytest.raises(error, match=words):
        quiz(loss, 1.0)


def test_arrays_that_are_not_printed_are_not_asked():
    x = leaf(np.arange(100.0), "x")
    loss = (x * 2).sum()
    assert [q.words for q in quiz(loss, 1.0).questions] == ["v2"] or len(quiz(loss, 1.0).questions) == 1
    with pytest.raises(ValueError, match="prints up to 36"):
        quiz(loss, "x")


# Slips


def slip(made, number, kind):
    return [(value, words) for value, k, words in made.questions[number - 1].slips if k == kind]


def test_one_part_of_two_is_known():
    made = quiz(reused(), "a")
    assert made.questions[0].answer == 5
    assert {value for value, _ in slip(made, 1, "part")} == {1, 4}
    assert "one of two parts: what multiply #1 hands back. a is used twice" in str(slip(made, 1, "part"))


def test_one_copy_of_a_broadcast_number_is_known():
    made = quiz(broadcast(), "b", cells=3)
    found = made.questions[0]
    x, b = np.array([[1, 2, 3], [4, 5, 7]]), np.array([0.5, -1, 2])
    assert found.answer == (2 * (x + b)).sum(axis=0)[0]
    assert {value for value, _ in slip(made, 1, "broadcast")} >= set((2 * (x + b))[:, 0])


def test_a_product_in_the_wrong_order_or_not_transposed_is_known():
    made = quiz(square_product(), "A", cells=4)
    b, c = np.array([[2, -1], [4, 3]]), np.array([[1, 7], [-2, 3]])
    for question in made.questions:
        index = np.unravel_index(question.place, (2, 2))
        assert question.answer == (c @ b.T)[index]
        known = {value for value, kind, _ in question.slips}
        taken = [question.answer, -question.answer]
        for wrong in ((c @ b)[index], (b @ c)[index], (b.T @ c)[index]):
            assert wrong in known or wrong in taken


def test_half_of_the_chain_rule_is_known():
    x = leaf([0.3, 0.8], "x")
    loss = (tg.tanh(x) * np.array([5.0, 7.0])).sum()
    question = quiz(loss, "x", seed=1).questions[0]
    local = 1 - np.tanh([0.3, 0.8]) ** 2
    found = sorted(value for value, kind, _ in question.slips if kind == "chain")
    assert found == pytest.approx(sorted([local[question.place], [5, 7][question.place]]))


@pytest.mark.parametrize("graph", GRAPHS)
def test_no_slip_is_the_answer_or_its_negative(graph):
    for question in quiz(graph(), 1.0, count=100, cells=3).questions:
        numbers = [value for value, _, _ in question.slips]
        assert all(abs(abs(v) - abs(question.answer)) > 1e-9 for v in numbers)
        assert len(set(numbers)) == len(numbers)


# Nothing given away


def texts_of(answer):
    """How a number that is not plainly everywhere would stand in a page."""
    found = {number_text(answer), number_text(answer).replace("−", "-"), repr(answer), f"{answer:.5g}"}
    return {text for text in found if len(re.sub(r"[^0-9]", "", text).lstrip("0")) >= 3}


@pytest.mark.parametrize("hide", ["values", "gradients", 0.3, 1.0, ["h", "h.grad", "W1"]])
@pytest.mark.parametrize("graph", [two_layer_net, conv_layer])
def test_the_page_and_the_sheet_show_no_answer(graph, hide, tmp_path):
    if isinstance(hide, list) and graph is conv_layer:
        hide = ["w", "b"]
    made = quiz(graph(), hide, cells=3)
    shown = [made.html(), str(made._repr_mimebundle_()), repr(made)]
    shown += [made.handout(tmp_path / f"sheet{suffix}").read_text("utf-8") for suffix in (".svg", ".html")]
    given = {number_text(v) for x in made.facts.trace.values if x.made_by is None for v in x.data.data or ()}
    for question in made.questions:
        if number_text(question.answer) in given:
            continue
        for text in texts_of(question.answer):
            pattern = rf"(?<![0-9.]){re.escape(text)}(?![0-9])"
            for page in shown:
                assert not re.search(pattern, page), (question.words, text)


def test_shapes_stand_nowhere_in_a_quiz_on_shapes():
    text = quiz(conv_layer(), "shapes").html()
    assert not re.search(r"1×2×2×2|\(1, 2, 2, 2\)", text)
    assert "2×1×3×3" in text


def test_a_seal_shows_nothing_and_is_another_for_every_key():
    found = [sealed({"answer": 0.1774, "slips": []}, f"salt|{i}|x") for i in range(50)]
    assert len(set(found)) == 50
    assert len({len(text) for text in found}) == 1
    assert all("0.17" not in text for text in found)
    stream = np.frombuffer(keystream("salt|1|x", 20_000), np.uint8)
    assert abs(np.bincount(stream, minlength=256) - 78).max() < 50


def test_hostile_names_are_text():
    x = leaf([1.5, 2.5], "</script><img src=x onerror=alert(1)>")
    loss = (x * x).sum()
    loss.name = "<b>&amp;"
    text = quiz(loss).html()
    assert "<img" not in text
    data = re.search(r'<script type="application/json" id="qz-data">(.*?)</script>', text, re.S)
    assert data
    assert json.loads(data[1])["questions"]


def test_the_page_is_small_and_strict():
    text = quiz(two_layer_net()).html()
    assert len(text.encode()) < 70_000
    assert "default-src 'none'" in text
    assert not re.search(r"https?://(?!www\.w3\.org/)", text)


def test_save_writes_pages_only(tmp_path):
    made = quiz(two_layer_net())
    assert made.save(tmp_path / "quiz.html").read_text("utf-8") == made.html()
    with pytest.raises(ValueError, match=r"'.svg' of quiz.svg is not .html; .handout"):
        made.save(tmp_path / "quiz.svg")
