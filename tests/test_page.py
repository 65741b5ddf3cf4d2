"""The page of a picture: it zooms, loads nothing and runs no script but its own, whatever its words are."""

from __future__ import annotations

import re

import pytest
from svg_samples import HOSTILE, Tags, finished, hostile, plain_text_lines

import viz
from tinygrad_edu.models import example
from viz.graph.page import page
from viz.style.escape import plain_text


def test_page_is_whole_and_allows_its_one_script_only():
    text = page(finished(), title="T", description="D")
    assert text.startswith("<!DOCTYPE html>")
    assert "{{" not in text
    assert "default-src 'none'" in text
    assert "script-src 'sha256-" in text
    assert not re.search(r"\b(src|href)=", text)
    assert len(re.search(r'<script type="module">(.*)</script>', text, re.S).group(1)) < 4000


def test_every_button_has_a_name():
    text = page(finished(), title="T", description="D")
    for words in ('aria-label="Zoom in">+<', 'aria-label="Zoom out">−<', ">Fit<", ">1:1<"):
        assert text.count(words + "/button>") == 1
    assert text.count("<button type=") == 4


@hostile
def test_hostile_words_are_text_in_the_page(text):
    seen = Tags(page(finished(title=text, description=text), title=text, description=text))
    assert seen.tags == Tags(page(finished(), title="T", description="D")).tags
    assert plain_text(text, 200) in seen.text


# A real browser


def view(tab) -> list[float]:
    return [float(part) for part in tab.locator("main > svg").get_attribute("viewBox").split()]


def under(tab, x: float, y: float) -> list[float]:
    """The point of the picture that is under a point of the screen."""
    return tab.evaluate(
        "([x, y]) => { const svg = document.querySelector('main > svg');"
        "const p = new DOMPoint(x, y).matrixTransform(svg.getScreenCTM().inverse()); return [p.x, p.y]; }",
        [x, y],
    )


@pytest.mark.browser
def test_wheel_zooms_around_the_cursor_and_drag_moves_with_the_hand(shown):
    tab = shown(page(finished(), title="T", description="D"))
    whole = view(tab)
    tab.mouse.move(300, 250)
    before = under(tab, 300, 250)
    tab.mouse.wheel(0, -400)
    tab.wait_for_function(f"document.querySelector('main > svg').viewBox.baseVal.width < {0.9 * whole[2]}")
    assert under(tab, 300, 250) == pytest.approx(before, abs=0.01)
    tab.mouse.down()
    tab.mouse.move(420, 300, steps=4)
    assert under(tab, 420, 300) == pytest.approx(before, abs=0.01)
    tab.mouse.up()
    moved = view(tab)
    tab.mouse.move(500, 400)
    assert view(tab) == moved
    tab.keyboard.press("0")
    assert view(tab) == whole


@pytest.mark.browser
def test_buttons_and_keys(shown):
    tab = shown(page(finished(), title="T", description="D"))
    whole = view(tab)
    tab.get_by_role("button", name="Zoom in").click()
    assert view(tab)[2] == pytest.approx(0.8 * whole[2])
    tab.get_by_role("button", name="Zoom out").click()
    assert view(tab) == pytest.approx(whole)
    tab.get_by_role("button", name="1:1").click()
    point = [under(tab, x, 300)[0] for x in (400, 500)]
    assert point[1] - point[0] == pytest.approx(75)  # 100 px are 75 pt
    tab.get_by_role("button", name="Fit").click()
    assert view(tab) == whole
    tab.keyboard.press("+")
    assert view(tab)[2] < whole[2]
    tab.keyboard.press("-")
    tab.keyboard.press("ArrowRight")
    assert view(tab)[0] == pytest.approx(whole[2] / 10)
    tab.keyboard.press("ArrowUp")
    assert view(tab)[1] < 0


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scale"), [(380, 0.9), (1280, None)])
def test_a_phone_opens_a_wide_picture_at_its_output_in_letters_that_can_be_read(shown, width, scale):
    tab = shown(viz.draw(example("two_layer_net")[0], backward=True).html(), width=width)
    opened = view(tab)
    output = tab.locator(".node.output").bounding_box()
    assert output["x"] >= 0
    assert output["x"] + output["width"] <= width
    tab.keyboard.press("0")
    whole = view(tab)
    if scale is None:
        assert opened == whole
    else:
        assert width / opened[2] == pytest.approx(scale, rel=0.02)
        assert opened[0] + opened[2] <= whole[2] + 1
        assert whole[2] > 3 * opened[2]


@pytest.mark.browser
def test_everything_can_be_reached_by_tab_and_shows_where_it_is(shown):
    tab = shown(page(finished(), title="T", description="D"))
    for _ in range(6):
        tab.keyboard.press("Tab")
        assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert tab.evaluate("document.activeElement.tagName") == "SUMMARY"


@pytest.mark.browser
@pytest.mark.parametrize("width", [380, 1280])
def test_nothing_sticks_out(shown, width):
    tab = shown(page(finished(), title="a very long title " * 9 + "x" * 90, description="D" * 900), width=width)
    tab.locator("summary").click()
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    for button in tab.get_by_role("button").all():
        box = button.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["width"] >= 24
        assert box["height"] >= 24


@pytest.mark.browser
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_words_do_nothing_in_a_browser(shown, name):
    text = HOSTILE[name]
    tab = shown(page(finished(title=text, description=text), title=text, description=text))
    assert tab.title() != "hacked"
    assert tab.locator("script").count() == 1
    assert tab.locator("h1").count() == 1
    assert " ".join(tab.locator("h1").inner_text().split()) == " ".join(plain_text(text, 200).split())
    label = tab.locator("main > svg > title").first.text_content()
    assert label == plain_text_lines(text, 200).replace("\r", "\n")


@pytest.mark.browser
def test_even_a_script_that_got_in_does_not_run(chromium, tmp_path):
    file = tmp_path / "a.html"
    harm = "<script>document.title='hacked'</script><img src=x onerror=\"document.title='hacked'\"></svg>"
    file.write_text(page(finished().replace("</svg>", harm), title="T", description="D"), encoding="utf-8")
    tab = chromium.new_page()
    tab.goto(file.as_uri())
    tab.wait_for_timeout(100)
    assert tab.title() == "T"
    tab.close()


@pytest.mark.browser
@pytest.mark.parametrize(
    ("theme", "scheme", "paper"),
    [("auto", "light", 255), ("auto", "dark", 22), ("light", "dark", 255), ("dark", "light", 22)],
)
def test_the_page_has_the_theme_of_its_picture(shown, theme, scheme, paper):
    tab = shown(page(finished(), title="T", description="D", theme=theme), scheme=scheme)
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor").startswith(f"rgb({paper}, ")
