"""Every control of the stepper at every level: over, into and out of modules, to a box by click and by keyboard."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import functional as F
from tinygrad_edu import nn
from tinygrad_edu.models import example
from viz.output.render import bundled_program
from viz.stepper import step

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bundled_program() is None, reason="graphviz-pure has no wheel here"),
]
CONTROLS = ("First", "Previous", "Play", "Next", "Last", "Step over", "Help", "Fit", "Light or dark")


class Residual(nn.Module):
    """x + body(x), and a ReLU."""

    def __init__(self):
        self.body = nn.Sequential(nn.Linear(2, 2), nn.Tanh())

    def forward(self, x):
        return F.relu(x + self.body(x))


def lenet():
    net = tg.models.lenet5()
    return F.cross_entropy(net(np.linspace(0, 1, 784, dtype=np.float32).reshape(1, 1, 28, 28)), np.array([3]))


def nested():
    net = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2), nn.Tanh()))
    return net(tg.Tensor([[1.0, 2.0]], name="x")).sum()


GRAPHS = {
    "two_layer_net": lambda: example("two_layer_net")[0],
    "lenet5": lenet,
    "residual": lambda: (Residual()(tg.Tensor([[1.0, 2.0]], name="x")) ** 2).sum(),
    "nested": nested,
}
LEVELS = dict.fromkeys(GRAPHS, ("module", "op", "primitive", "scalar")) | {"lenet5": ("module", "op", "primitive")}


@pytest.fixture(scope="module")
def pages():
    tg.manual_seed(0)
    return {name: step(make(), check=False).html() for name, make in GRAPHS.items()}


@pytest.fixture
def opened(shown, pages):
    """Open a page at a level, and at the step of a title: → forward, ← back."""

    def show(name, level, at=None):
        tab = shown(pages[name], width=1280)
        tab.set_default_timeout(5000)
        tab.wait_for_selector(".ts-live")
        tab.locator(".ts-levels button", has_text=level).click()
        if at is not None:
            run(tab, at)
        return tab

    return show


def run(tab, title):
    names = tab.locator("select[data-act=run] option").all_text_contents()
    tab.get_by_label("Run to").select_option(next(name for name in names if title in name))


def press(tab, name):
    tab.get_by_role("button", name=name, exact=True).click()


def moment(tab):
    """Level, phase, title of the card, place in the model."""
    place = tab.locator(".ts-where span:not(.ts-doc)").all_text_contents()
    return (
        tab.locator(".ts").get_attribute("data-level"),
        tab.locator(".ts-phase").inner_text(),
        tab.locator(".ts-card h2").inner_text(),
        place[0].removeprefix("in ") if place else "",
    )


def at(tab):
    return tab.locator(".ts-count").inner_text()


@pytest.mark.parametrize(("name", "level"), [(name, level) for name in GRAPHS for level in LEVELS[name]])
def test_the_controls_work_at_every_level(opened, name, level):
    tab = opened(name, level)
    for control in CONTROLS:
        assert tab.get_by_role("button", name=control, exact=True).is_visible(), control
    last = int(at(tab).split()[-1])
    for key, where in [("End", last), ("ArrowLeft", last - 1), ("Home", 1), ("ArrowRight", 2)]:
        tab.keyboard.press(key)
        assert at(tab) == f"Step {where} of {last}"
    for control, where in [("Last", last), ("Previous", last - 1), ("First", 1), ("Next", 2)]:
        press(tab, control)
        assert at(tab) == f"Step {where} of {last}"
    tab.get_by_role("slider", name="Step").fill(str(last // 2))
    assert at(tab) == f"Step {last // 2} of {last}"
    tab.get_by_label("Speed").select_option("2×")
    tab.keyboard.press("Home")
    tab.locator(".ts-card").press("Space")
    tab.locator("[data-act=previous][aria-disabled=false]").wait_for()
    press(tab, "Play")
    assert tab.locator("[data-act=play]").get_attribute("aria-pressed") == "false"
    tab.keyboard.press("?")
    assert tab.get_by_role("dialog").is_visible()


@pytest.mark.parametrize(
    ("name", "level", "start", "end"),
    [
        ("two_layer_net", "module", "→ Linear(2, 3)", ("Forward", "Sigmoid", "TwoLayerNet.squash")),
        ("two_layer_net", "primitive", "→ transpose #1", ("Forward", "sigmoid #4", "TwoLayerNet.squash")),
        ("two_layer_net", "primitive", "→ matmul #2", ("Forward", "sigmoid #4", "TwoLayerNet.squash")),
        ("two_layer_net", "primitive", "← add #3", ("Result", "All gradients", "")),
        ("two_layer_net", "scalar", "→ multiply #1", ("Forward", "sigmoid #13", "TwoLayerNet.squash")),
        ("two_layer_net", "op", "→ subtract #9", ("Forward", "square #10", "")),
        ("residual", "primitive", "→ add #5", ("Forward", "square #7", "")),
        ("residual", "primitive", "← relu #6", ("Result", "All gradients", "")),
        ("nested", "op", "→ tanh #7", ("Forward", "sum #8", "")),
        ("nested", "op", "← sum #8", ("Backward", "tanh #7", "Sequential.1.1")),
    ],
)
def test_step_over_goes_past_what_is_left_of_a_module(opened, name, level, start, end):
    tab = opened(name, level, start)
    press(tab, "Step over")
    assert moment(tab)[1:] == end
    run(tab, start)
    tab.keyboard.press("Shift+ArrowRight")
    assert moment(tab)[1:] == end


@pytest.mark.parametrize(
    ("name", "level", "start", "end"),
    [
        ("two_layer_net", "module", "→ Linear(3, 1)", ("op", "Forward", "linear", "TwoLayerNet.output.linear")),
        ("two_layer_net", "op", "→ linear", ("primitive", "Forward", "transpose #1", "TwoLayerNet.hidden.linear")),
        ("two_layer_net", "op", "← linear", ("primitive", "Backward", "add #7", "TwoLayerNet.output.linear")),
        ("two_layer_net", "primitive", "→ square #10", ("scalar", "Forward", "square #24", "")),
        ("two_layer_net", "primitive", "← sigmoid #4", ("scalar", "Backward", "sigmoid #15", "TwoLayerNet.squash")),
        ("lenet5", "module", "→ MaxPool", ("op", "Forward", "max_pool2d", "LeNet5.s2.max_pool2d")),
        ("residual", "primitive", "→ add #5", ("scalar", "Forward", "add #11", "Residual")),
        ("nested", "module", "→ Tanh", ("op", "Forward", "tanh #7", "Sequential.1.1")),
    ],
)
def test_step_into_goes_to_the_first_finer_step_and_out_comes_back(opened, name, level, start, end):
    tab = opened(name, level, start)
    before = moment(tab)
    press(tab, "Step into")
    assert moment(tab) == end
    press(tab, "Step out")
    assert (moment(tab)[0], moment(tab)[1]) == before[:2]
    assert moment(tab)[2] == before[2]


def test_enter_on_a_box_runs_to_it_and_arrows_go_from_box_to_box(opened):
    tab = opened("two_layer_net", "op")
    tab.keyboard.press("ArrowRight")
    assert tab.locator(".n[tabindex='0']").count() == 1
    tab.locator(".n[tabindex='0']").focus()
    lit = tab.evaluate("document.activeElement.getAttribute('aria-label')")
    assert "linear" in lit
    names = []
    for _ in range(40):
        names.append(tab.evaluate("document.activeElement.getAttribute('aria-label')"))
        if "y" in names[-1].split():
            break
        tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Enter")
    assert moment(tab)[1:3] == ("Forward", "sigmoid #8")
    assert tab.evaluate("document.activeElement.getAttribute('aria-label')") == names[-1]
    tab.keyboard.press("Enter")
    assert moment(tab)[1:3] == ("Backward", "sigmoid #8")
    tab.keyboard.press("ArrowRight")  # steps go on from a box too
    assert moment(tab)[2] == "linear"
    assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_the_help_names_every_key(opened):
    tab = opened("two_layer_net", "op")
    tab.keyboard.press("?")
    words = tab.get_by_role("dialog").inner_text()
    for key in ("→", "←", "Home", "End", "Space", "↓", "↑", "Shift", "Enter", "?"):
        assert key in words
    tab.keyboard.press("ArrowRight")
    assert at(tab).startswith("Step 1 of")
    tab.get_by_role("button", name="Close").click()
    assert not tab.get_by_role("dialog").is_visible()


def test_a_film_is_not_read_out(opened):
    tab = opened("two_layer_net", "op")
    press(tab, "Play")
    assert tab.locator(".ts-say").get_attribute("aria-live") == "off"
    press(tab, "Play")
    assert tab.locator(".ts-say").get_attribute("aria-live") == "polite"


def test_going_there_and_back_gives_the_same_card(opened):
    tab = opened("lenet5", "module")
    seen = []
    for _ in range(5):
        tab.keyboard.press("ArrowRight")
        seen.append(tab.locator(".ts-card").inner_text())
    for text in seen[-2::-1]:
        tab.keyboard.press("ArrowLeft")
        assert tab.locator(".ts-card").inner_text() == text
