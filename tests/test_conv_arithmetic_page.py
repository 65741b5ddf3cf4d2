"""The page of convolution arithmetic in a browser: its numbers are the engine's, at every setting of the sliders."""

from __future__ import annotations

import numpy as np
import pytest
from test_stepper_page import LUMINANCE

from tinygrad_edu import nn
from viz.convolution import conv_arithmetic
from viz.convolution.sums import cell_number

pytestmark = pytest.mark.browser

SETTINGS = [
    {"input": 6, "stride": 2, "padding": 1},
    {"input": (5, 8), "kernel": (2, 3), "stride": (2, 3), "padding": (1, 0)},
    {"input": 7, "dilation": 2, "padding": 2},
    {"input": 4, "in_channels": 4, "out_channels": 2, "groups": 2},
    {"input": (9,), "kernel": 3, "stride": 2, "padding": 1},
    {"input": 3, "transposed": True, "stride": 2, "padding": 1, "output_padding": 1},
    {"input": 6, "transposed": True, "padding": 3},
    {"input": 3, "transposed": True, "groups": 2, "in_channels": 4, "out_channels": 2, "stride": 2},
    {"input": 6, "padding": ((0, 1), (2, 0)), "kernel": 2},
]
CELLS = """([part, cls]) => [...document.querySelectorAll(`.stage .${part} text.${cls}`)].map(e => e.textContent)"""


@pytest.fixture
def opened(shown):
    def show(width=1200, scheme="light", **setting):
        return shown(conv_arithmetic(**setting).html(), width=width, scheme=scheme)

    return show


def planes(arrays):
    return [cell_number(float(v)) for array in arrays for v in np.ravel(array)]


def on_field(geometry, plane):
    """The numbers of an input plane as they stand in the field, without the zeros."""
    rows, columns = ([i for i in axis.field if i >= 0] for axis in (geometry.rows, geometry.columns))
    return plane[np.ix_(rows, columns)]


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_numbers_and_gradients_are_those_of_the_engine(opened, setting):
    ours = conv_arithmetic(**setting, backward=True)
    g, n = ours.geometry, ours.numbers
    tab = opened(**setting, backward=True)
    assert tab.evaluate(CELLS, ["forward", "output"]) == planes(n.y)
    for step in (g.steps - 1, g.steps // 2, 0):
        tab.locator(".way").fill(str(step + 1))
        dx, dw = n.gradients(0, step)
        channel = g.place(step)[0]
        wanted = []
        for source in range(g.in_channels):
            wanted += planes([on_field(g, dx[source])])
            if source in g.inputs_of(channel):
                wanted += planes([dw[channel, g.inputs_of(channel).index(source)]])
        shown_now = tab.evaluate(CELLS, ["backward", "gradient:not(.head):not(.sub)"])
        assert shown_now[: len(wanted)] == wanted
        assert tab.evaluate(CELLS, ["forward", "output"]) == planes(n.y)[: step + 1]
        total = cell_number(float(n.y.ravel()[step]))
        assert tab.locator(".sum .where").inner_text().endswith(f"= {total}")
    for line in g.sizes:
        assert line.split(": ")[-1].split(";")[0] in tab.locator(".size").inner_text()


@pytest.mark.parametrize("backward", [False, True])
def test_a_live_layer_keeps_its_sizes_and_shows_its_numbers(opened, backward, rng):
    layer = nn.Conv2d(2, 3, 3, stride=2, padding=1, rng=0, dtype=np.float64)
    x = rng.standard_normal((2, 5, 6))
    ours = conv_arithmetic(values=(layer, x), backward=backward)
    tab = opened(values=(layer, x), backward=backward)
    tab.keyboard.press("End")
    assert tab.evaluate(CELLS, ["forward", "output"]) == planes(ours.numbers.y)
    tab.locator("label", has_text="Same for height and width").locator("input").uncheck()
    for name, disabled in [("Input height", True), ("Kernel width", True), ("Groups", True), ("Stride height", False)]:
        assert tab.get_by_role("slider", name=name, exact=True).is_disabled() == disabled, name
    tab.get_by_role("slider", name="Stride height", exact=True).fill("1")
    tab.locator(".way").fill("999")
    other = conv_arithmetic(values=(x, layer.weight, layer.bias), stride=(1, 2), padding=1)
    assert tab.evaluate(CELLS, ["forward", "output"]) == planes(other.numbers.y)


def test_sliders_reckon_anew(opened):
    tab = opened()
    wanted = {}
    for name, value in [
        ("Input", 7),
        ("Kernel", 2),
        ("Stride", 3),
        ("Padding", 2),
        ("Channels in", 2),
        ("Channels out", 3),
    ]:
        tab.get_by_role("slider", name=name, exact=True).fill(str(value))
        wanted[{"Channels in": "in_channels", "Channels out": "out_channels"}.get(name, name.lower())] = value
        tab.locator(".way").fill("9999")
        ours = conv_arithmetic(**wanted)
        assert tab.evaluate(CELLS, ["forward", "output"]) == planes(ours.numbers.y)
        assert tab.locator(".count").inner_text() == f"Step {ours.geometry.steps} of {ours.geometry.steps}"
    assert "are lost" not in tab.locator(".size").inner_text()
    tab.get_by_role("slider", name="Input", exact=True).fill("6")
    assert "1 row at the bottom and 1 column on the right" not in tab.locator(".sum").inner_text()


def test_what_cannot_be_is_said_and_can_be_undone(opened):
    tab = opened(input=4)
    tab.get_by_role("slider", name="Kernel", exact=True).fill("5")
    alert = tab.get_by_role("alert")
    assert "The kernel, which covers 5×5, is larger than the input with its padding, 4×4" in alert.inner_text()
    assert tab.locator(".stage svg").count() == 0
    tab.get_by_role("slider", name="Padding", exact=True).fill("1")
    assert not alert.is_visible()
    tab.get_by_role("slider", name="Groups", exact=True).fill("2")
    assert "2 groups can't share 1 input" in alert.inner_text()


def test_keys_buttons_and_clicks_step(opened):
    tab = opened()
    at = tab.locator(".count")
    for key, where in [
        ("ArrowRight", 2),
        ("ArrowRight", 3),
        ("ArrowLeft", 2),
        ("End", 9),
        ("ArrowRight", 9),
        ("Home", 1),
    ]:
        tab.keyboard.press(key)
        assert at.inner_text() == f"Step {where} of 9"
    for name, where in [("Next", 2), ("Last", 9), ("Previous", 8), ("First", 1)]:
        tab.get_by_role("button", name=name, exact=True).click()
        assert at.inner_text() == f"Step {where} of 9"
    tab.locator("[data-step='4']").click()
    assert at.inner_text() == "Step 5 of 9"
    play = tab.get_by_role("button", name="Play", exact=True)
    play.click()
    assert play.get_attribute("aria-pressed") == "true"
    tab.locator(".count", has_text="Step 9 of 9").wait_for()
    tab.wait_for_selector("[data-act=play][aria-pressed=false]")


def test_transposed_brings_its_slider_and_backward_its_gradients(opened):
    tab = opened(input=3, stride=2)
    assert tab.get_by_role("slider", name="Output padding", exact=True).count() == 0
    tab.get_by_label("Transposed").check()
    tab.get_by_role("slider", name="Output padding", exact=True).fill("1")
    assert "(3 − 1)·2 + 3 − 2·0 + 1 = 8" in tab.locator(".size").inner_text()
    assert tab.locator(".backward").count() == 0
    tab.get_by_label("Backward: gradients").check()
    assert tab.locator(".backward").count() == 1
    assert tab.locator(".sum .back").count() == 1


@pytest.mark.parametrize("width", [380, 640, 1280])
@pytest.mark.parametrize("setting", [{"padding": 1}, {"in_channels": 3, "out_channels": 3, "backward": True}])
def test_nothing_sticks_out_and_everything_can_be_hit(opened, width, setting):
    tab = opened(width=width, **setting)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    for button in [*tab.get_by_role("button").all(), *tab.get_by_role("slider").all()]:
        box = button.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert min(box["width"], box["height"]) >= 24
    words = "[...document.querySelectorAll('.stage text.sub, .stage text.head')].map(e => {"
    boxes = tab.evaluate(f"{words} const b = e.getBoundingClientRect(); return [b.left, b.right, b.top, b.bottom]; }})")
    for i, (left, right, top, bottom) in enumerate(boxes):
        for other in boxes[i + 1 :]:
            assert not (left < other[1] and other[0] < right and top + 2 < other[3] and other[2] + 2 < bottom)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_schemes_have_contrast(opened, scheme):
    tab = opened(scheme=scheme, input=6, stride=2, padding=1, backward=True)
    paper = "getComputedStyle(document.body).backgroundColor"
    assert tab.evaluate(paper) == ("rgb(22, 24, 29)" if scheme == "dark" else "rgb(255, 255, 255)")
    words = tab.locator("h1, label, .count, .words p, .legend li, .source")
    assert words.count() > 15
    for word in words.all():
        assert word.evaluate(LUMINANCE) >= 4.5, word.inner_text()
    tab.get_by_role("button", name="Light or dark").click()
    assert tab.evaluate(paper) == ("rgb(255, 255, 255)" if scheme == "dark" else "rgb(22, 24, 29)")


def test_it_says_what_it_shows(opened):
    tab = opened()
    assert tab.get_by_role("img", name="Step 1 of 9: output 0, 0, 0 is 13").count() == 1
    assert tab.locator("[aria-live]").count() == 1
    assert tab.get_by_role("slider", name="Step").get_attribute("aria-valuetext").startswith("Step 1 of 9: output")


def test_numbers_too_small_to_read_are_painted_and_can_still_be_clicked(opened):
    image = np.zeros((30, 30))
    image[3, 4] = 2.0
    tab = opened(values=(image, np.eye(3)), step=200, width=800)
    painted = tab.evaluate("[...document.querySelectorAll('.stage .heat')].map(e => e.style.fill)")
    assert painted.count("rgb(196, 84, 0)") >= 1
    assert "numbers as colours" in tab.locator(".legend").inner_text()
    tab.locator("[data-step='90']").click()
    assert tab.locator(".count").inner_text() == "Step 91 of 784"
    assert tab.evaluate("document.documentElement.scrollWidth") <= 800
