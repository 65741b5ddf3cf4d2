"""The stepper in a real browser: every control and key, nothing moves, the right numbers, light, dark and narrow."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import functional as F
from tinygrad_edu.models import example
from viz.output.render import bundled_program
from viz.stepper import step
from viz.style.escape import plain_text

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bundled_program() is None, reason="graphviz-pure has no wheel here"),
]
BOXES = """() => [...document.querySelectorAll('.ts-stage svg .n, .ts-stage svg .e, .ts-stage svg .k')].map(e => {
  const b = e.getBBox(), m = e.getScreenCTM(); return [e.id, b.x, b.y, b.width, b.height, m.a, m.d]; })"""


def diamond():
    a = tg.Tensor(3.0, requires_grad=True, name="a")
    b = 2 * a
    b.name = "b"
    e = (b + 1) + 3 * b
    e.name = "e"
    return e


@pytest.fixture
def opened(shown):
    """Open the page of a graph."""

    def show(loss, *, width=1280, scheme="light", **options):
        tab = shown(step(loss, **options).html(), width=width, scheme=scheme)
        tab.wait_for_selector(".ts-live")
        return tab

    return show


def press(tab, name):
    tab.get_by_role("button", name=name, exact=True).click()


def at(tab):
    return tab.locator(".ts-count").inner_text()


def test_buttons_have_names_and_do_what_they_say(opened):
    tab = opened(diamond())
    assert at(tab) == "Step 1 of 11"
    for name, where in [
        ("Next", 2),
        ("Next", 3),
        ("Previous", 2),
        ("Last", 11),
        ("First", 1),
    ]:
        press(tab, name)
        assert at(tab) == f"Step {where} of 11"
    tab.get_by_label("Speed").select_option("5×")
    press(tab, "Play")
    assert tab.get_by_role("button", name="Play", exact=True).get_attribute("aria-pressed") == "true"
    tab.locator(".ts-count", has_text="Step 11 of 11").wait_for()
    tab.wait_for_selector("[data-act=play][aria-pressed=false]")


def test_keys(opened):
    tab = opened(diamond())
    for key, where in [("ArrowRight", 2), ("ArrowRight", 3), ("ArrowLeft", 2), ("End", 11), ("Home", 1)]:
        tab.keyboard.press(key)
        assert at(tab) == f"Step {where} of 11"
    tab.keyboard.press("Space")
    assert tab.locator("[data-act=play]").get_attribute("aria-pressed") == "true"
    tab.keyboard.press("Space")
    assert tab.locator("[data-act=play]").get_attribute("aria-pressed") == "false"
    tab.keyboard.press("?")
    assert tab.get_by_role("dialog").is_visible()
    tab.keyboard.press("Escape")
    assert not tab.get_by_role("dialog").is_visible()
    tab.keyboard.press("Control+ArrowRight")
    assert at(tab) == "Step 1 of 11"


def test_the_slider_and_the_list_run_to_a_step(opened):
    tab = opened(diamond())
    slider = tab.get_by_role("slider", name="Step")
    slider.fill("7")
    assert at(tab) == "Step 7 of 11"
    slider.press("ArrowRight")
    assert at(tab) == "Step 8 of 11"
    tab.get_by_label("Run to").select_option("4. → multiply #3")
    assert at(tab) == "Step 4 of 11"
    assert slider.input_value() == "4"
    assert slider.get_attribute("aria-valuetext") == "Step 4 of 11: multiply #3"


def test_a_click_on_a_box_runs_to_it_forward_then_back(opened):
    tab = opened(diamond())
    box = tab.locator(".n", has_text="v2")
    box.click()
    assert tab.locator(".ts-card h2").inner_text() == "multiply #3"
    assert tab.locator(".ts-phase").inner_text() == "Forward"
    box.click()
    assert tab.locator(".ts-phase").inner_text() == "Backward"
    tab.locator(".n", has_text="a = 3").click()  # its gradient is complete at the next step
    assert at(tab) == "Step 10 of 11"


@pytest.mark.parametrize("level", ["module", "op", "primitive", "scalar"])
def test_nothing_moves_between_steps(opened, level):
    tab = opened(example("two_layer_net")[0], level=level)
    before = tab.evaluate(BOXES)
    assert len(before) > 15
    count = int(at(tab).split()[-1])
    for _ in range(count - 1):
        tab.keyboard.press("ArrowRight")
        assert tab.evaluate(BOXES) == before
    assert at(tab) == f"Step {count} of {count}"


def test_a_graph_that_fits_stays_where_it_is_on_the_screen(opened):
    tab = opened(diamond())
    where = """() => [...document.querySelectorAll('.n')].map(e => {
      const b = e.getBoundingClientRect(); return [b.x, b.y]; })"""
    before = tab.evaluate(where)
    for _ in range(10):
        tab.keyboard.press("ArrowRight")
        assert tab.evaluate(where) == before


def test_values_appear_forward_and_gradients_backward(opened):
    tab = opened(diamond())
    visible = "e => getComputedStyle(e).visibility === 'visible'"
    value, slope = (tab.locator(".n", has_text="v2").locator(f"text.{word}").last for word in "vg")
    seen = []
    for _ in range(11):
        seen.append((value.evaluate(visible), slope.evaluate(visible)))
        tab.keyboard.press("ArrowRight")
    assert seen == [(False, False)] * 3 + [(True, False)] * 3 + [(True, True)] * 5


def test_the_numbers_on_the_cards_are_those_of_a_computation_by_hand(opened):
    tab = opened(example("circuit")[0])
    said = []
    for _ in range(int(at(tab).split()[-1])):
        said.append(tab.locator(".ts-say").inner_text())
        tab.keyboard.press("ArrowRight")
    x, y, z = -2, 5, -4
    assert f"makes q = {x + y}." in said[1]
    assert f"makes f = {(x + y) * z}.".replace("-", "−") in said[2]
    assert "is 1." in said[3]
    assert f"1 arrives at f; multiply #2 hands {z} to q, {x + y} to z.".replace("-", "−") in said[4]
    assert f"{z} arrives at q; add #1 hands {z} to x, {z} to y.".replace("-", "−") in said[5]


def test_the_ledger_stands_on_the_card(opened):
    tab = opened(diamond())
    tab.get_by_label("Run to").select_option("8. ← multiply #3")
    assert tab.locator(".ts-sum").inner_text().split(" = ")[1].startswith("+3 (multiply #3) + ? (add #2)")
    assert tab.locator(".n.part").count() == 1
    press(tab, "Next")
    assert "+3 (multiply #3) +1 (add #2) = 4" in tab.locator(".ts-sum").inner_text()
    assert tab.locator(".n.part").count() == 0


def test_formulas_are_mathml(opened):
    tab = opened(example("neuron")[0], level="primitive")
    tab.keyboard.press("End")
    tab.keyboard.press("ArrowLeft")
    assert tab.locator(".ts-formula math").count() >= 2
    assert tab.locator(".ts-formula math mfrac").first.evaluate("e => e.getBoundingClientRect().height") > 15


def test_tall_arrays_in_a_formula_have_brackets_as_tall_as_they_are(opened):
    x = tg.Tensor([[1.0], [2.0], [3.0]], requires_grad=True, name="x")
    tab = opened((x * tg.Tensor([[4.0], [5.0], [6.0]], name="w")).sum(), level="primitive")
    press(tab, "Next")
    table = tab.locator(".ts-numbers mtable").first
    assert table.evaluate("e => e.getBoundingClientRect().height") > 40
    sides = "e => ['Left', 'Right'].map(side => parseFloat(getComputedStyle(e)[`border${side}Width`]))"
    assert min(table.evaluate(sides)) >= 1
    assert tab.locator(".ts-numbers mo", has_text="[").count() == 0


def test_levels_keep_the_moment_and_steps_go_into_boxes(opened):
    tab = opened(example("two_layer_net")[0], level="module")
    tab.get_by_label("Run to").select_option("3. → Sigmoid")
    press(tab, "Step into")
    assert tab.locator(".ts-card h2").inner_text() == "sigmoid #4"
    assert tab.get_by_role("button", name="op", exact=True).get_attribute("aria-pressed") == "true"
    press(tab, "primitive")
    assert tab.locator(".ts-card h2").inner_text() == "sigmoid #4"
    tab.keyboard.press("ArrowUp")
    tab.keyboard.press("ArrowUp")
    assert tab.locator(".ts-card h2").inner_text() == "Sigmoid"
    tab.get_by_label("Run to").select_option("16. ← Linear(3, 1)")
    press(tab, "primitive")
    assert tab.locator(".ts-phase").inner_text() == "Backward"
    assert tab.locator(".ts-card h2").inner_text() == "add #7"


def test_images_are_painted_and_tell_their_numbers(opened):
    data = np.linspace(-1, 2, 100).reshape(10, 10)
    loss = (tg.Tensor(data, requires_grad=True, name="x") * 2).sum()
    tab = opened(loss)
    assert tab.locator(".ts-stage image").count() == 4
    press(tab, "Last")
    image = tab.locator(".ts-heat").first
    tab.keyboard.press("Home")
    box = tab.locator(".ts-heat").first.bounding_box()
    tab.mouse.move(box["x"] + 2, box["y"] + 2)
    assert tab.locator(".ts-hover").first.inner_text() == "[0, 0] ≈ −1"
    tab.mouse.move(box["x"] + box["width"] - 3, box["y"] + box["height"] - 3)
    assert tab.locator(".ts-hover").first.inner_text() == "[9, 9] ≈ 2"
    assert "mean 0.5" in image.get_attribute("alt")


LUMINANCE = """e => { const f = c => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
  const lum = s => { const [r, g, b] = s.match(/[0-9.]+/g).map(Number).map(f);
    return .2126 * r + .7152 * g + .0722 * b; };
  let p = e, back = 'rgba(0, 0, 0, 0)';
  while (p && /, 0\\)$/.test(back)) { back = getComputedStyle(p).backgroundColor; p = p.parentElement; }
  const [a, b] = [lum(getComputedStyle(e).color), lum(back)];
  return (Math.max(a, b) + .05) / (Math.min(a, b) + .05); }"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_schemes_have_contrast(opened, scheme):
    with tg.record_lines():
        loss = diamond()
    tab = opened(loss, scheme=scheme)
    dark = "getComputedStyle(document.querySelector('.ts')).backgroundColor"
    assert tab.evaluate(dark) == ("rgb(22, 24, 29)" if scheme == "dark" else "rgb(255, 255, 255)")
    tab.get_by_label("Run to").select_option("9. ← add #2")
    words = tab.locator(
        ".ts-card :is(h2, h3, h4, p, summary, .ts-who, .ts-here, .ts-phase, code), .ts-legend li, .ts-bar label"
    )
    assert words.count() > 15
    for word in words.all():
        assert word.evaluate(LUMINANCE) >= 4.5, word.inner_text()
    press(tab, "Light or dark")
    assert tab.evaluate(dark) == ("rgb(255, 255, 255)" if scheme == "dark" else "rgb(22, 24, 29)")
    tab.emulate_media(media="print")
    assert tab.evaluate(dark) == "rgb(255, 255, 255)" or scheme == "light"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_theme_that_was_asked_for_holds(opened, theme):
    tab = opened(diamond(), theme=theme, scheme="dark" if theme == "light" else "light")
    assert tab.evaluate("getComputedStyle(document.querySelector('.ts')).colorScheme") == theme


@pytest.mark.parametrize("width", [380, 640, 1280])
def test_nothing_sticks_out_and_everything_can_be_hit(opened, width):
    tg.manual_seed(0)
    loss = F.cross_entropy(tg.models.lenet5()(np.zeros((1, 1, 28, 28), np.float32)), np.array([3]))
    tab = opened(loss, width=width)
    for key in ("Home", "ArrowRight", "End", "ArrowLeft"):
        tab.keyboard.press(key)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    for button in tab.get_by_role("button").all():
        box = button.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert min(box["width"], box["height"]) >= 24


def test_everything_can_be_reached_by_tab_and_shows_where_it_is(opened):
    tab = opened(example("two_layer_net")[0])
    tab.keyboard.press("ArrowRight")
    reached = []
    for _ in range(22):
        tab.keyboard.press("Tab")
        reached.append(
            tab.evaluate("(e => e.getAttribute('aria-label') || e.textContent.trim())(document.activeElement)")
        )
        assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", reached[-1]
        if reached[-1] == "This step":
            break
    for name in ("First", "Previous", "Play", "Next", "Last", "Step", "Help", "Step into", "module", "This step"):
        assert name in reached


def test_the_card_is_announced_politely(opened):
    tab = opened(diamond())
    assert tab.locator(".ts-say").get_attribute("aria-live") == "polite"
    assert tab.locator("[aria-live]").count() == 1
    assert tab.get_by_role("group", name="Step through e, level op").count() == 1


def test_less_motion_where_it_is_wanted(opened):
    tab = opened(diamond())
    moving = "getComputedStyle(document.querySelector('.n rect')).transitionProperty"
    assert tab.evaluate(moving) != "none"
    tab.emulate_media(reduced_motion="reduce")
    assert tab.evaluate(moving) == "none"


@pytest.mark.parametrize(
    "text",
    [
        "</script><script>document.title='hacked'</script>",
        "<img src=x onerror=\"document.title='hacked'\">",
        "]]></style></svg><h1>hacked</h1>",
        "{{svg}}${document.title='hacked'}\\",
        "a\u202eb\u2028c\x00",
    ],
)
def test_hostile_words_are_text(opened, text):
    with tg.scope(text):
        x = tg.Tensor(2.0, requires_grad=True, name=text)
        y = x * x + x
    tab = opened(y, title=text)
    for _ in range(int(at(tab).split()[-1])):
        tab.keyboard.press("ArrowRight")
    assert tab.title() != "hacked"
    assert tab.locator("h1").count() == 1
    assert tab.locator("img, .ts-card script, .ts-stage script").count() == 0
    assert plain_text(text)[:8] in tab.locator(".ts-card").inner_text()


def test_two_frames_in_one_notebook_do_not_touch_each_other(shown):
    tab = shown("".join(step(diamond())._repr_mimebundle_()["text/html"] for _ in range(2)))
    one, other = (tab.frame_locator("iframe").nth(i) for i in (0, 1))
    one.get_by_role("button", name="Next", exact=True).click()
    assert one.locator(".ts-count").inner_text() == "Step 2 of 11"
    assert other.locator(".ts-count").inner_text() == "Step 1 of 11"


def test_a_step_of_lenet_is_quick(opened):
    tg.manual_seed(0)
    loss = F.cross_entropy(tg.models.lenet5()(np.zeros((1, 1, 28, 28), np.float32)), np.array([3]))
    tab = opened(loss, level="module")
    press(tab, "Last")  # no time is asserted; every step is taken once, back to the first
    for _ in range(28):
        tab.keyboard.press("ArrowLeft")
    assert at(tab).startswith("Step 1 of")
