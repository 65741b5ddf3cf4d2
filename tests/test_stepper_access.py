"""The stepper for everybody: an axe scan, names, focus, contrast, narrow and zoomed screens, print, less motion."""

from __future__ import annotations

import numpy as np
import pytest
from screenshots import keep

import tinygrad_edu as tg
from tinygrad_edu import functional as F
from tinygrad_edu.models import example
from viz.output.render import bundled_program
from viz.stepper import step

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bundled_program() is None, reason="graphviz-pure has no wheel here"),
]
SCREENS = {"wide": (1280, 800), "zoomed": (640, 400), "narrow": (380, 700)}  # zoomed: 1280 by 800 at 200 %

NAME = """e => (e.getAttribute('aria-label') || (e.labels && e.labels.length && e.labels[0].textContent)
  || e.textContent).trim()"""


@pytest.fixture(scope="module")
def pages():
    """Two pages: one of tables and formulas, with code and a ledger; one of images."""
    with tg.record_lines():
        a = tg.Tensor(3.0, requires_grad=True, name="a")
        b = 2 * a
        diamond = (b + 1) + 3 * b
    tg.manual_seed(0)
    image = np.linspace(0, 1, 784, dtype=np.float32).reshape(1, 1, 28, 28)
    loss = F.cross_entropy(tg.models.lenet5()(image), np.array([3]))
    return {
        "ledger": step(diamond, title="A value that is used twice").html(),
        "net": step(example("two_layer_net")[0]).html(),
        "lenet": step(loss, level="module").html(),
    }


@pytest.fixture
def opened(shown, pages):
    def show(name, screen="wide", scheme="light"):
        width, height = SCREENS[screen]
        tab = shown(pages[name], width=width, scheme=scheme)
        tab.set_viewport_size({"width": width, "height": height})
        tab.wait_for_selector(".ts-live")
        return tab

    return show


def go(tab, k):
    """Show a step, and all that can be opened on its card."""
    tab.get_by_label("Run to").select_option(str(k))
    tab.evaluate("document.querySelectorAll('.ts-card details').forEach((d) => { d.open = true; })")


def back(tab):
    """The number of a step in the middle of the backward pass."""
    return int(tab.locator(".ts-count").inner_text().split()[-1]) * 3 // 4


@pytest.mark.parametrize(
    ("name", "screen", "scheme"),
    [
        *[("net", screen, scheme) for screen in SCREENS for scheme in ("light", "dark")],
        ("ledger", "wide", "dark"), ("ledger", "narrow", "light"), ("lenet", "wide", "light"),
        ("lenet", "narrow", "dark"),
    ],
)  # fmt: skip
def test_axe_finds_nothing_serious(opened, name, screen, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    tab = opened(name, screen, scheme)
    for place in ("back",) if name == "lenet" else ("start", "back", "end", "help"):
        if place == "help":
            tab.keyboard.press("?")
            tab.get_by_role("dialog").wait_for()
        else:
            last = int(tab.locator(".ts-count").inner_text().split()[-1]) - 1
            go(tab, {"start": 0, "back": back(tab), "end": last}[place])
            keep(tab, f"{name}-{screen}-{scheme}-{place}")
        found = axe.run(tab).response
        bad = [v for v in found["violations"] if v["impact"] in ("serious", "critical")]
        assert not bad, [(v["id"], [node["html"][:200] for node in v["nodes"][:3]]) for v in bad]


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("name", ["net", "lenet"])
def test_no_control_is_lost_and_the_page_never_scrolls_sideways(opened, name, screen):
    tab = opened(name, screen)
    go(tab, back(tab))
    width = SCREENS[screen][0]
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    controls = tab.locator(".ts-head button, .ts-bar button, .ts-bar input, .ts-bar select")
    assert controls.count() >= 15
    for control in controls.all():
        control.scroll_into_view_if_needed()
        box = control.bounding_box()
        assert box, control.evaluate("e => e.outerHTML")
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width + 0.5
        assert min(box["width"], box["height"]) >= 24
        middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
        hit = "(e, [x, y]) => { const h = document.elementFromPoint(x, y); return e === h || e.contains(h); }"
        assert control.evaluate(hit, middle), control.evaluate("e => e.outerHTML")


@pytest.mark.parametrize("screen", ["zoomed", "narrow"])
def test_the_bar_stays_and_leaves_room_for_what_is_read(opened, screen):
    tab = opened("net", screen)
    tab.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    box = tab.get_by_role("button", name="Next", exact=True).bounding_box()
    assert 0 <= box["y"] < SCREENS[screen][1]
    assert tab.locator(".ts-bar").bounding_box()["height"] <= 0.4 * SCREENS[screen][1]


def test_every_control_has_a_name_and_shows_the_focus(opened):
    tab = opened("net")
    tab.keyboard.press("ArrowRight")
    seen = []
    for _ in range(40):
        tab.keyboard.press("Tab")
        seen.append(tab.evaluate("document.activeElement.className + document.activeElement.tagName"))
        style = tab.evaluate(
            "(s => [s.outlineStyle, parseFloat(s.outlineWidth)])(getComputedStyle(document.activeElement))"
        )
        if seen[-1].endswith("BODY"):
            break
        assert style == ["solid", 3], seen[-1]
    wanted = tab.locator(":is(button, input, select, summary, [tabindex='0']):not([disabled])").all()
    shown = [one for one in wanted if one.is_visible()]
    assert len(seen) - 1 >= len(shown) > 15
    for one in shown:
        assert one.evaluate(NAME) or one.evaluate("e => e.tagName") == "PRE", one.evaluate("e => e.outerHTML")


def test_boxes_are_told_apart_without_colour(opened):
    tab = opened("net")
    look = """word => { const e = document.querySelector(`.n.${word} > rect`); if (!e) return null;
      const s = getComputedStyle(e); return [s.strokeDasharray, parseFloat(s.strokeWidth)].join(); }"""
    unknown = tab.evaluate(look, "op:not(.known)")
    assert unknown
    tab.get_by_role("button", name="Next", exact=True).click()
    now = tab.evaluate(look, "now")
    assert now != unknown
    go(tab, back(tab))
    assert tab.evaluate("getComputedStyle(document.querySelector('.e.bwd')).strokeDasharray") != "none"
    assert tab.locator(".ts-phase").inner_text() == "Backward"


def test_the_card_is_announced_when_it_changes(opened):
    tab = opened("net")
    live = tab.locator("[aria-live=polite]")
    before = live.inner_text()
    tab.keyboard.press("ArrowRight")
    assert live.count() == 1
    assert live.inner_text() != before
    assert live.is_visible()


def test_the_numbers_of_an_image_can_be_read_without_a_mouse(opened):
    tab = opened("lenet")
    summary = tab.locator(".ts-card summary", has_text="the numbers").first
    summary.focus()
    tab.keyboard.press("Enter")
    table = tab.locator(".ts-card .ts-all table").first
    table.locator("td").first.wait_for()
    assert tab.locator(".ts-card .ts-all p").first.inner_text().startswith("as the image has them, to within 0.0")
    assert table.locator("td").count() >= 25
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.closest('.ts-all') !== null")


def test_less_motion_where_it_is_wanted(opened):
    tab = opened("net")
    moving = (
        "[...document.querySelectorAll('.ts *')].filter(e => parseFloat(getComputedStyle(e).transitionDuration)).length"
    )
    assert tab.evaluate(moving) > 10
    tab.emulate_media(reduced_motion="reduce")
    assert tab.evaluate(moving) == 0
    assert tab.evaluate("document.getAnimations().length") == 0


@pytest.mark.parametrize("name", ["net", "lenet"])
def test_on_paper_there_are_the_picture_and_the_card_in_light_colours(opened, name):
    tab = opened(name, scheme="dark")
    go(tab, back(tab))
    tab.emulate_media(media="print", color_scheme="dark")
    tab.set_viewport_size({"width": 720, "height": 1000})  # A4 less its margins
    keep(tab, f"{name}-print", full_page=True)
    assert tab.evaluate("getComputedStyle(document.querySelector('.ts')).backgroundColor") == "rgb(255, 255, 255)"
    for selector in (".ts h1", ".ts-count", ".ts-stage svg", ".ts-card h2", ".ts-say"):
        assert tab.locator(selector).first.is_visible(), selector
    for selector in (".ts-keys", ".ts-way", ".ts-more", ".ts-tools", ".ts-levels"):
        assert not tab.locator(selector).first.is_visible(), selector
    picture, stage = (tab.locator(s).first.bounding_box() for s in (".ts-stage svg", ".ts-stage"))
    assert picture["x"] >= stage["x"]
    assert picture["x"] + picture["width"] <= stage["x"] + stage["width"] + 0.5
    assert tab.evaluate("document.documentElement.scrollWidth") <= 720
