"""SVG in a page: harmless whatever it is called, alone with its ids, light and dark; files whole or not at all."""

from __future__ import annotations

import os
import re
import stat
import threading
from html.parser import HTMLParser
from xml.etree import ElementTree

import graphviz
import pytest

from viz.escape import label_text, plain_text
from viz.page import page
from viz.render import RenderError, bundled_program, render
from viz.save import save_file
from viz.svg import finish_svg

HOSTILE = {
    "quotes": "a\"b'c`",
    "angles": "<b>bold</b>",
    "script": "</script><script>document.title='hacked'</script>",
    "handler": "<img src=x onerror=\"document.title='hacked'\">",
    "end of title": "</title></svg></style><h1>hacked</h1>",
    "cdata": "]]><![CDATA[x",
    "comment": "--><!--",
    "entity": "&lt;&amp;&#60;&bogus;",
    "backslashes": "a\\b\\\\c\\",
    "escapes of Graphviz": "\\N \\G \\L",
    "backslash and quote": 'a\\"];hacked [label="x',
    "dot injection": '"]; hacked [URL="javascript:alert(1)"]; x [label="',
    "newlines": "a\nb\r\nc\\nd",
    "controls": "a\x00b\x1bc\ufffed",
    "braces": "{{svg}}{{js}}{}%s",
    "long": "m" * 10_000,
    "right to left": "a\u202eb",
}
DOT = """digraph {
  bgcolor="#ffffff"
  a [id="a" class="op" label="a·b" tooltip="full \\"numbers\\" <1.23456789>" style=filled fillcolor="#dcebff"]
  b [id="b" label=<<TABLE><TR><TD BGCOLOR="#ff0000:#0000ff">x</TD></TR></TABLE>>]
  a -> b
}"""
RAW = """<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/svg11.dtd">
<svg width="300pt" height="100pt" viewBox="0 0 300 100" xmlns="http://www.w3.org/2000/svg"
 xmlns:xlink="http://www.w3.org/1999/xlink"><g id="graph0" class="graph"><title>graph</title>
<polygon fill="#ffffff" stroke="none" points="0,0 300,0 300,100 0,100"/>
<g id="a" class="node op"><title>a</title><g id="a_a"><a xlink:title="tip url(#x) &lt;1&gt;">
<text x="5" y="50" font-size="14">id="a"</text></a></g></g>
<g id="b" class="node"><title>b</title><defs><linearGradient id="l0"><stop offset="0" style="stop-color:red;"/>
</linearGradient></defs><polygon fill="url(#l0)" points="200,20 290,20 290,80 200,80"/></g></g></svg>"""
DARK = {'[fill="#ffffff"]': "fill:#111111", '[fill="#abcdef"]': "fill:#222222", ".op text, .op path": "fill:#eeeeee"}
needs_bundled = pytest.mark.skipif(bundled_program() is None, reason="graphviz-pure has no wheel here")
hostile = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())


def finished(svg: str = RAW, title: str = "T", description: str = "D", **colours: dict[str, str]) -> str:
    return finish_svg(svg, title=title, description=description, **colours)


class Tags(HTMLParser):
    """What an HTML parser sees: tags, attributes, text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


# finish_svg


def test_svg_is_alone_with_its_name_and_scales():
    root = ElementTree.fromstring(finished())
    assert finished().startswith("<svg ")
    assert root.get("role") == "img"
    title, description = root[0], root[1]
    assert (title.text, description.text) == ("T", "D")
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert (root.get("width"), root.get("height"), root.get("viewBox")) == ("300pt", "100pt", "0 0 300 100")
    assert root.get("style") == "max-width:100%;height:auto"


def test_ids_are_of_this_picture_and_the_same_every_time():
    one, again, other = finished(), finished(), finished(title="other")
    assert one == again

    def ids(svg):
        return {element.get("id") for element in ElementTree.fromstring(svg).iter()} - {None}

    assert ids(one)
    assert not ids(one) & ids(other)
    (gradient,) = (name for name in ids(one) if name.endswith("-l0"))
    assert f'fill="url(#{gradient})"' in one
    assert 'id="a"</text>' in one  # text that looks like an id stays as it is


def test_tooltips_are_titles_and_the_names_of_dot_are_gone():
    svg = finished()
    titles = [element.text for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}title")]
    assert titles == ["T", "tip url(#x) <1>"]
    assert not re.search(r"<a[\s>]", svg)  # a tooltip is no link


@pytest.mark.parametrize(
    "harm",
    [
        "<script>alert(1)</script>",
        "<foreignObject><body xmlns='http://www.w3.org/1999/xhtml'><script>1</script></body></foreignObject>",
        "<x:script xmlns:x='http://www.w3.org/2000/svg'>alert(1)</x:script>",
        "<h:script xmlns:h='http://www.w3.org/1999/xhtml'>alert(1)</h:script>",
        "<g onclick='alert(1)'/>",
        "<a xlink:href='javascript:alert(1)'><text>x</text></a>",
        "<a href=' JaVaScRiPt:alert(1)'><text>x</text></a>",
        "<a xlink:href='data:text/html,alert(1)'><text>x</text></a>",
        "<image xlink:href='https://example.com/alert(1).png'/>",
        "<image href='file:///alert(1)'/>",
        "<style>@import 'https://example.com/alert(1)'</style>",
        "<path style='fill:url(https://example.com/alert(1))'/>",
        "<set attributeName='href' to='javascript:alert(1)'/>",
        "<!-- alert(1) --><?alert (1)?>",
    ],
)
def test_what_could_run_or_load_is_left_out(harm):
    svg = finished(RAW.replace("</svg>", harm + "</svg>"))
    assert "alert" not in svg
    assert "example.com" not in svg


def test_links_to_pages_stay():
    svg = finished(RAW.replace("</svg>", "<a xlink:href='https://example.com/'><text>x</text></a></svg>"))
    assert '<a xlink:href="https://example.com/">' in svg


@hostile
def test_hostile_title_and_description_are_text(text):
    svg = finished(title=text, description=text)
    root = ElementTree.fromstring(svg)
    assert root[0].text == plain_text_lines(text, 200)
    assert Tags(svg).tags == Tags(finished()).tags
    assert len(svg) < len(finished()) + 4 * 2300


def plain_text_lines(text: str, limit: int) -> str:
    return "\n".join(plain_text(line, limit) for line in text[: limit + 1].splitlines())


@needs_bundled
@hostile
def test_hostile_labels_are_text_all_the_way_from_dot(text):
    graph = graphviz.Digraph("graph")
    label, tip = f"<{label_text(text)}>", graphviz.escape(plain_text(text))
    graph.node("a", label=label, tooltip=tip)
    svg = finished(render(graph.source, "svg").decode())
    root = ElementTree.fromstring(svg)
    texts = ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == [plain_text(text)]
    assert svg.count('class="node"') == 1
    page_of_it = Tags(page(svg, title=text, description=text))
    assert page_of_it.tags.count("script") == 1
    assert not [name for name, _ in page_of_it.attributes if name.startswith("on")]


def test_colours_follow_page_notebook_and_system_but_never_print():
    svg = finished(dark=DARK, light={".op": "stroke:#333333"})
    style = ElementTree.fromstring(svg).find("{http://www.w3.org/2000/svg}style").text
    key = ElementTree.fromstring(svg).get("class")
    assert style.startswith(f".{key} .op{{stroke:#333333}}@media screen{{")
    assert style.count("fill:#111111") == 2
    assert "#222222" not in style  # no such colour in this picture
    for sign in ('[data-jp-theme-light="false"]', ".vscode-dark", "@media screen and (prefers-color-scheme:dark)"):
        assert sign in style
    assert style.count(key) == 1 + 2 * 3  # every part of every selector is of this picture


def test_without_colours_there_is_no_style():
    assert "<style" not in finished()


@pytest.mark.parametrize("rule", [("a", "fill:red}</style>"), ("a{", "fill:red"), ("</style>", "x:y")])
def test_what_is_no_css_is_refused(rule):
    with pytest.raises(ValueError, match="is no CSS selector with declarations"):
        finished(dark=dict([rule]))


@pytest.mark.parametrize("text", ["", "<svg", "no picture", "<svg><g></svg>", "<svg>&bogus;</svg>"])
def test_what_is_no_svg_is_said(text):
    with pytest.raises(RenderError, match="no SVG"):
        finished(text)


# page


def test_page_is_whole_and_allows_its_one_script_only():
    text = page(finished(), title="T", description="D")
    assert text.startswith("<!DOCTYPE html>")
    assert "{{" not in text
    assert "default-src 'none'" in text
    assert "script-src 'sha256-" in text
    assert not re.search(r"\b(src|href)=", text)
    assert len(re.search("<script>(.*)</script>", text, re.S).group(1)) < 4000


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


# save_file


def test_a_new_file_has_the_permissions_that_open_gives(tmp_path):
    save_file(tmp_path / "a.txt", "ḡ\n")
    with open(tmp_path / "b.txt", "w", encoding="utf-8") as file:
        file.write("ḡ\n")
    assert (tmp_path / "a.txt").read_bytes() == "ḡ\n".encode()
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == stat.S_IMODE((tmp_path / "b.txt").stat().st_mode)


@pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX")
def test_a_replaced_file_keeps_its_permissions_and_a_link_stays_a_link(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    save_file(str(link), b"new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


@pytest.mark.parametrize("step", ["write", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step):
    target = tmp_path / "a.png"
    target.write_bytes(b"old")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    if step == "replace":
        monkeypatch.setattr(os, "replace", full)
    content = b"new" if step == "replace" else object()
    with pytest.raises((OSError, TypeError)):
        save_file(target, content)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_readers_see_the_old_file_or_the_new_one(tmp_path):
    target = tmp_path / "a"
    contents = [bytes([c]) * 200_000 for c in b"xy"]
    save_file(target, contents[0])
    torn: list[int] = []

    def read():
        for _ in range(200):
            data = target.read_bytes()
            if data not in contents:
                torn.append(len(data))

    reader = threading.Thread(target=read)
    reader.start()
    while reader.is_alive():
        for content in contents:
            save_file(target, content)
    assert not torn


@pytest.mark.parametrize(
    ("where", "error", "words"),
    [
        ("", IsADirectoryError, "is a folder; give the name of a file in it"),
        ("no/a.svg", FileNotFoundError, r"the folder .*no does not exist; create it first"),
    ],
)
def test_where_no_file_can_be(tmp_path, where, error, words):
    with pytest.raises(error, match=words):
        save_file(tmp_path / where, "x")
    assert list(tmp_path.iterdir()) == []


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


COLOUR = "getComputedStyle(document.querySelector('svg polygon')).fill"


@pytest.mark.browser
@pytest.mark.parametrize(
    ("scheme", "body", "dark"),
    [
        ("light", "", False),
        ("dark", "", True),
        ("light", 'data-jp-theme-light="false"', True),
        ("dark", 'data-jp-theme-light="true"', False),
        ("light", 'class="vscode-dark"', True),
        ("dark", 'class="vscode-light"', False),
    ],
)
def test_the_host_says_whether_it_is_dark_and_else_the_system(shown, scheme, body, dark):
    tab = shown(f"<!DOCTYPE html><body {body}>{finished(dark=DARK)}</body>", scheme=scheme)
    assert tab.evaluate(COLOUR) == ("rgb(17, 17, 17)" if dark else "rgb(255, 255, 255)")
    tab.emulate_media(media="print", color_scheme=scheme)
    assert tab.evaluate(COLOUR) == "rgb(255, 255, 255)"


@pytest.mark.browser
def test_two_pictures_in_one_page_do_not_touch_each_other(shown):
    other = finished(RAW.replace("stop-color:red", "stop-color:blue"), title="other")
    tab = shown(finished(dark=DARK) + other, scheme="dark", width=250)
    fills = tab.evaluate(
        "[...document.querySelectorAll('svg')].map(s => getComputedStyle(s.querySelector('polygon')).fill)"
    )
    assert fills == ["rgb(17, 17, 17)", "rgb(255, 255, 255)"]
    assert (
        tab.evaluate("new Set([...document.querySelectorAll('[id]')].map(e => e.id)).size")
        == tab.locator("[id]").count()
    )
    assert tab.evaluate("document.querySelector('svg').getBoundingClientRect().width") <= 250


@pytest.mark.browser
@needs_bundled
def test_a_picture_of_graphviz_has_its_words_for_those_who_hear_it(shown):
    tab = shown(page(finished(render(DOT, "svg").decode(), title="Graph of L"), title="Graph of L", description="D"))
    assert tab.get_by_role("img", name="Graph of L").count() == 1
    assert tab.locator("svg g.op title").text_content() == 'full "numbers" <1.23456789>'
