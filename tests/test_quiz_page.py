"""The quiz's page in a real browser: what it says of each mistake, hints, keys, points; it gives nothing away."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.text import number_text
from tinygrad_edu.models import example
from viz.quizzes import quiz

pytestmark = pytest.mark.browser


def leaf(data, name, needs=True):
    return tg.Tensor(np.array(data, dtype=np.float64), requires_grad=needs, name=name)


def named(loss):
    loss.name = "L"
    return loss


def reused():
    a, b = leaf(3, "a"), leaf(4, "b")
    return named(a * b + a)  # dL/da = b + 1


def doubled():
    return named(leaf(0.6, "a") * leaf(-1 / 3, "b"))


def broadcast():
    return named(((leaf([[1, 2], [4, 7]], "x") + leaf([0.5, -1], "b")) ** 2).sum())


def square_product():
    return named(
        ((leaf([[1, 2], [3, 5]], "A") @ leaf([[2, -1], [4, 3]], "B")) * leaf([[1, 7], [-2, 3]], "C", False)).sum()
    )


def curved():
    return named((tg.tanh(leaf(0.5, "x")) * 7.0) * 1.0)


def product():
    return named((leaf(np.ones((2, 3)), "x") @ leaf(np.ones((3, 4)), "W") + leaf(np.ones(4), "b")).sum(axis=0).sum())


def kept():
    return named(leaf(np.ones((2, 3)), "x").sum(axis=1, keepdims=True).sum())


NUMBERS = [
    (reused, "a", "5", "right", "Right"), (reused, "a", "5.0", "right", ""), (reused, "a", "10/2", "right", ""),
    (reused, "a", "-5", "sign", "The sign is wrong"), (reused, "a", "−5", "sign", ""),
    (reused, "a", "10", "factor", "a factor of 2.*2 times too large"),
    (reused, "a", "2.5", "factor", "a factor of 2.*2 times too small"),
    (reused, "a", "-15", "factor", "a factor of 3.*The sign is wrong too"),
    (reused, "a", "4", "part", "one of two parts: what multiply #1 hands back"),
    (reused, "a", "1", "part", "what add #2 hands back"), (reused, "a", "-4", "part", "And the sign is wrong"),
    (reused, "a", "3", "other", "the value of a, not its gradient"),
    (reused, "a", "7.3", "other", "the size is too large"),
    (reused, "a", "0", "other", "It is not 0"), (reused, "a", "five", "note", "no number"),
    (reused, "a", "1/0", "note", "no number"), (reused, "a", " ", "note", "Nothing typed"),
    (doubled, "a", "-1/3", "right", ""), (doubled, "a", "-0.33", "right", ""), (doubled, "a", "-0,333", "right", ""),
    (doubled, "a", "-3.33e-1", "right", ""), (doubled, "a", "−.3333", "right", ""),
    (doubled, "a", "-0.3", "note", "two digits"),
    (doubled, "a", "-0.35", "other", "The sign is right; the size is too large"),
    (doubled, "a", "1/3", "sign", ""), (doubled, "a", "-0.0333", "factor", "a factor of 10"),
    (broadcast, "b", "14", "right", ""), (broadcast, "b", "-12", "broadcast", "And the sign is wrong"),
    (square_product, "A", None, "order", "ḡ @ B|transposed"),
    (curved, "x", "0.786", "chain", "hands back where ḡ is 1"), (curved, "x", "7", "chain", "as it arrives"),
    (curved, "x", "5.505", "right", ""), (curved, "x", "5.5", "right", ""),
]  # fmt: skip
SHAPES = [
    (product, 0, "2,4", "right", ""), (product, 0, "(2, 4)", "right", ""), (product, 0, "2x4", "right", ""),
    (product, 0, "[2 4]", "right", ""), (product, 0, "4×2", "order", "Transposed"),
    (product, 0, "2,3", "shape", "shape of x"),
    (product, 0, "3,4", "shape", "shape of W"), (product, 0, "8", "axes", "Yours has 1 axis"),
    (product, 0, "2,4,1", "axes", "axes of length 1 count"), (product, 0, "2,5", "shape", "axis 1"),
    (product, 0, "8,1", "shape", "number of elements is right"), (product, 0, "two", "note", "no shape"),
    (product, 2, "4", "right", ""), (product, 2, "(4,)", "right", ""), (product, 2, "()", "axes", "0"),
    (kept, 0, "2", "axes", "axes of length 1 count"), (kept, 0, "2,1", "right", ""),
]  # fmt: skip


def feedback(tab):
    return tab.get_attribute(".qz-said", "data-kind"), tab.inner_text(".qz-said")


def answered(tab, text):
    tab.fill("input", text)
    tab.keyboard.press("Enter")
    return feedback(tab)


def wrong_order():
    """What B, not transposed, gives for the first element that is asked."""
    question = quiz(square_product(), "A").questions[0]
    index = np.unravel_index(question.place, (2, 2))
    return str((np.array([[1, 7], [-2, 3]]) @ np.array([[2, -1], [4, 3]]))[index])


def test_each_mistake_in_a_number_is_told_apart(shown):
    tabs = {}
    for graph, hide, typed, kind, words in NUMBERS:
        tab = tabs.pop((graph, hide), None) or shown(quiz(graph(), hide).html())
        if kind != "right":  # what is solved takes no more answers
            tabs[graph, hide] = tab
        found, said = answered(tab, wrong_order() if typed is None else typed)
        assert (found, bool(re.search(words, said, re.S))) == (kind, True), (graph.__name__, typed, found, said)


def test_each_mistake_in_a_shape_is_told_apart(shown):
    tabs = {}
    for graph, number, typed, kind, words in SHAPES:
        tab = tabs.pop(graph, None) or shown(quiz(graph(), "shapes").html())
        if kind != "right":
            tabs[graph] = tab
        tab.locator(".qz-dots button").nth(number).click()
        found, said = answered(tab, typed)
        assert (found, words in said) == (kind, True), (typed, found, said)


def test_a_broadcast_that_was_not_summed_is_told(shown):
    made = quiz(broadcast(), "b")
    place = made.questions[0].place
    one_row = 2 * (np.array([1, 2]) + np.array([0.5, -1]))[place]
    found, said = answered(shown(made.html()), str(one_row))
    assert found == "broadcast"
    assert "b was broadcast to (2, 2), so its gradient is the sum over all 2 copies" in said


def digits(value):
    """A number as a student types it."""
    return f"{value:.4g}"


def test_every_answer_is_accepted_and_the_points_add_up(shown):
    made = quiz(example("two_layer_net")[0], 0.6, count=20, cells=2)
    tab = shown(made.html())
    for question in made.questions:
        assert tab.inner_text("h2") == f"Question {question.number} of {len(made.questions)}"
        assert answered(tab, digits(question.answer))[0] == "right", question.words
        tab.keyboard.press("Enter")
    total = 3 * len(made.questions)
    assert (
        tab.inner_text(".qz-score")
        == f"All solved: {len(made.questions)} of {len(made.questions)} right, {total} of {total} points"
    )


def test_a_right_answer_stands_in_the_picture(shown):
    tab = shown(quiz(reused(), "a").html())
    assert tab.text_content(".qz-stage a text") == "(1)"
    answered(tab, "5.00")
    assert tab.text_content(".qz-stage a text") == "5.00"
    assert tab.locator("input").get_attribute("readonly") is not None


def test_wrong_answers_and_hints_cost_points(shown):
    tab = shown(quiz(reused(), ["a", "b"]).html())
    answered(tab, "4")
    tab.get_by_role("button", name="Hint (2 left)").click()
    tab.get_by_role("button", name="Hint (1 left)").click()
    assert tab.get_by_role("button", name="No more hints").is_disabled()
    answered(tab, "5")
    assert "1 of 2 right, 1 of 6 points" in tab.inner_text(".qz-score")
    tab.keyboard.press("Enter")
    answered(tab, "3")
    assert tab.inner_text(".qz-score") == "All solved: 2 of 2 right, 4 of 6 points"


def test_what_was_no_number_costs_nothing(shown):
    tab = shown(quiz(reused(), "a").html())
    answered(tab, "five")
    answered(tab, "5")
    assert "3 of 3 points" in tab.inner_text(".qz-score")


def test_hints_open_the_rule_then_its_numbers(shown):
    tab = shown(quiz(reused(), ["a", "v1"]).html())
    tab.locator(".qz-dots button").first.click()
    tab.keyboard.press("Alt+h")
    first = tab.inner_text(".qz-hints")
    assert "a is used 2 times" in first
    assert "multiply #1, with ḡ = ∂L/∂v1" in first
    tab.keyboard.press("Alt+h")
    math = tab.locator(".qz-hints > div").nth(1).locator("math").all_text_contents()
    assert any("4" in text for text in math)
    assert tab.locator(".qz-hints math mi").first.is_visible()


def test_another_blank_stands_in_a_hint_by_its_number(shown):
    tab = shown(quiz(square_product(), ["v1", "v2"], cells=4).html())
    tab.locator(".qz-dots button").nth(4).click()
    tab.keyboard.press("Alt+h")
    tab.keyboard.press("Alt+h")
    assert tab.locator(".qz-hints mtext.blank").all_text_contents() == ["(1)", "(2)", "(3)", "(4)"]


def test_it_can_be_done_by_keyboard_alone(shown):
    made = quiz(example("two_layer_net")[0], count=3)
    tab = shown(made.html())
    for question in made.questions:
        assert tab.evaluate("document.activeElement.id") == "qz-typed"
        tab.keyboard.type(digits(question.answer))
        tab.keyboard.press("Enter")
        tab.keyboard.press("Enter")
    assert "All solved" in tab.inner_text(".qz-score")
    tab.keyboard.press("PageUp")
    assert tab.inner_text("h2") == "Question 2 of 3"
    tab.keyboard.press("PageDown")
    assert tab.inner_text("h2") == "Question 3 of 3"


def test_a_blank_in_the_picture_is_a_link_to_its_question(shown):
    tab = shown(quiz(example("two_layer_net")[0]).html())
    tab.locator(".qz-stage a").filter(has_text="(5)").click()
    assert tab.inner_text("h2") == "Question 5 of 8"
    assert "∂L/∂W2" in tab.inner_text(".qz-ask")
    blank = tab.locator(".qz-stage a.now").bounding_box()
    assert 0 <= blank["x"] <= 1000


def test_what_was_typed_stays_with_its_question(shown):
    tab = shown(quiz(example("two_layer_net")[0]).html())
    answered(tab, "0.77")
    tab.keyboard.press("PageDown")
    assert tab.input_value("input") == ""
    tab.keyboard.press("PageUp")
    assert tab.input_value("input") == "0.77"
    assert feedback(tab)[0] == "other"
    assert tab.locator(".qz-dots button").first.get_attribute("aria-label") == "Question 1, tried"


def test_neither_source_nor_dom_shows_an_answer_before_or_after_checking(shown):
    made = quiz(example("two_layer_net")[0], "gradients", cells=2)
    tab = shown(made.html())
    tab.evaluate("""() => {
      window.seen = new Set();
      const look = () => window.seen.add(document.documentElement.outerHTML);
      new MutationObserver(look).observe(document, {subtree: true, childList: true, attributes: true});
    }""")  # fmt: skip
    pages = [tab.content(), tab.evaluate("JSON.stringify(Object.keys(window))")]
    for question in made.questions:
        tab.locator(".qz-dots button").nth(question.number - 1).click()
        tab.keyboard.press("Alt+h")
        tab.keyboard.press("Alt+h")
        assert answered(tab, "12345.678")[0] == "other"
        pages.append(tab.content())
    pages += tab.evaluate("[...window.seen]")
    assert len(pages) > 10
    for question in made.questions:
        for text in {
            number_text(question.answer),
            number_text(question.answer).replace("−", "-"),
            repr(question.answer),
        }:
            if len(re.sub("[^1-9]", "", text)) > 2:
                assert not any(text in page for page in pages), (question.words, text)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1300, 380])
def test_nothing_is_cut_off_and_text_stands_out(shown, scheme, width):
    tab = shown(quiz(example("two_layer_net")[0], 0.5).html(), width=width, scheme=scheme)
    tab.keyboard.press("Alt+h")
    tab.keyboard.press("Alt+h")
    answered(tab, "0.123")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    for selector in (
        "h1",
        "h2",
        "label",
        "#qz-help",
        ".qz-said",
        ".qz-score",
        "button.qz-main",
        "[data-act=hint]",
        "summary",
    ):
        assert tab.locator(selector).first.is_visible()
        assert contrast(tab, selector) >= 4.5, selector


def contrast(tab, selector):
    """The contrast of a text with what is behind it, as WCAG 2 measures it."""
    colours = tab.evaluate(
        """(selector) => {
          const element = document.querySelector(selector);
          let behind = element;
          while (/rgba\\(0, 0, 0, 0\\)/.test(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
          return [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor];
        }""",
        selector,
    )
    light, dark = sorted([luminance(colour) for colour in colours], reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(("theme", "scheme", "paper"), [
    ("auto", "dark", "rgb(22, 24, 29)"), ("auto", "light", "rgb(255, 255, 255)"), ("dark", "light", "rgb(22, 24, 29)"),
    ("light", "dark", "rgb(255, 255, 255)"),
])  # fmt: skip
def test_the_theme_is_the_readers_or_the_one_that_was_asked_for(shown, theme, scheme, paper):
    tab = shown(quiz(reused(), "a", theme=theme).html(), scheme=scheme)
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == paper
    fill = tab.evaluate(
        "getComputedStyle(document.querySelector('.qz-stage g.node polygon, .qz-stage g.node path')).fill"
    )
    assert (luminance(fill) < 0.2) == (paper == "rgb(22, 24, 29)")


def test_it_works_in_the_frame_of_a_notebook(shown):
    made = quiz(reused(), "a")
    tab = shown(f"<!DOCTYPE html><title>cell</title>{made._repr_mimebundle_()['text/html']}")
    frame = tab.frame_locator("iframe")
    frame.locator("input").fill("4")
    frame.get_by_role("button", name="Check").click()
    assert frame.locator(".qz-said").get_attribute("data-kind") == "part"
