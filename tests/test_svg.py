"""SVG in a page: harmless whatever it is called, alone with its ids, light and dark."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import graphviz
import pytest
from svg_samples import DARK, DOT, RAW, Tags, finished, hostile, needs_bundled, plain_text_lines

from viz.graph.page import page
from viz.output.render import RenderError, render
from viz.style.escape import label_text, plain_text


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


# A real browser

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
