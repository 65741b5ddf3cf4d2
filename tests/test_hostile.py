"""Whatever a name, a title, a scope or a line of code holds, it is shown as text, and the picture still renders."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest
from dot_reading import read
from svg_samples import HOSTILE as WORDS
from svg_samples import needs_bundled

import tinygrad_edu as tg
import viz
from viz.style.escape import label_text, plain_text

HOSTILE = {
    **WORDS,
    "emoji": "🧠👩‍🔬é",
    "right to left marks": "\u200f\u202e\u2066abc\u061c",
    "combining": "a" + "\u0301" * 200,
    "html label": "<TABLE><TR><TD>x</TD></TR></TABLE>",
    "end of label": '>>]; evil [label=<<B>x</B>>]; x [label="',
    "port": "a:b:n",
    "keyword": "digraph",
    "nothing": "",
    "space": "   ",
    "surrogate": "\ud83d",
    "entity of Graphviz": "&amp;lt;",
    "line separator": "a\u2028b\u2029c",
    "not a character": "a\uffffb",
    "formula": "=1+1",
    "bold": "<B>b</B>",
}
SVG = "{http://www.w3.org/2000/svg}"
hostile = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())


def graph(text):
    """A graph in which everything that can be named bears this name."""
    x = tg.Tensor(2.0, requires_grad=True, name=text)
    with tg.scope(text):
        y = x * tg.Tensor(3.0, name=text) + x
    y.name = text
    return y


def picture(text, **options):
    everything = ("value", "grad", "formula", "shape", "source")
    return viz.draw(graph(text), show=everything, backward=True, title=text, **options)


@pytest.fixture(scope="module")
def plain():
    """What the same picture is made of, with a harmless name."""
    return picture("name")


def elements(svg):
    """The tags of an SVG and its attributes' names, in order; how many tspans and polygons a text takes is its own."""
    return sorted({(e.tag, *sorted(e.attrib)) for e in ElementTree.fromstring(svg).iter()})


def words(svg):
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


# DOT


@hostile
def test_in_dot_nothing_is_added(text, plain):
    found, want = read(picture(text).source), read(plain.source)
    assert set(found.boxes) == set(want.boxes)
    assert [(a.source, a.target) for a in found.arrows] == [(a.source, a.target) for a in want.arrows]
    for box in found.boxes:
        assert set(found.boxes[box].attributes) == set(want.boxes[box].attributes)
    assert picture(text).source.count("\n") == plain.source.count("\n")


@hostile
def test_the_name_is_there_as_text(text):
    name = label_text(text, 40)
    if text.strip():
        assert name in picture(text).source
        assert len(plain_text(text, 40)) <= 40


# SVG


@needs_bundled
@hostile
def test_in_svg_no_element_is_added_and_the_name_is_shown(text, plain):
    drawn = picture(text)
    svg = drawn.svg()
    allowed = {tag for tag, *_ in elements(plain.svg())}
    assert {tag for tag, *_ in elements(svg)} <= allowed
    extra = {name for _, *names in elements(svg) for name in names} - {
        n for _, *ns in elements(plain.svg()) for n in ns
    }
    assert extra == set()
    root = ElementTree.fromstring(svg)
    nodes = [e for e in root.iter(f"{SVG}g") if {"parameter", "op", "output"} & set(e.get("class", "").split())]
    assert len(nodes) == 3
    shown = "".join("".join(words(svg)).replace("\u00a0", " ").split())
    want = "".join(plain_text(text, 40).split())
    assert want in shown


@needs_bundled
@hostile
def test_in_png_it_renders(text):
    assert picture(text).png().startswith(b"\x89PNG")


# HTML


class Reader(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.handlers, self.links = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.links += [value for name, value in attrs if name in ("href", "src", "xlink:href", "action")]


@needs_bundled
@hostile
def test_in_html_no_element_is_added(text, plain):
    page, want = Reader(picture(text).html()), Reader(plain.html())
    assert set(page.tags) <= set(want.tags)
    for tag in ("script", "style", "title", "h1", "svg", "main"):
        assert page.tags.count(tag) == want.tags.count(tag)
    assert page.handlers == []
    assert page.links == []


@hostile
def test_the_words_for_those_who_hear_it_are_one_line(text):
    drawn = picture(text)
    assert not re.search(r"[\x00-\x1f]", drawn.description)
    assert len(drawn.description) < 600


# Lines of code


@pytest.mark.parametrize("text", [t for t in HOSTILE.values() if "\n" not in t and "\r" not in t and t.strip()])
def test_source_lines_are_text(text, tmp_path, plain):
    code = f"import tinygrad_edu as tg\nx = tg.Tensor(2.0, requires_grad=True)\ny = x * 3  # {text}\n"
    file = tmp_path / "quote'and<angle>.py"
    try:
        file.write_text(code, encoding="utf-8")
    except UnicodeEncodeError:
        pytest.skip("a file can't hold it")
    try:
        compiled = compile(file.read_text(encoding="utf-8"), str(file), "exec")
    except (SyntaxError, ValueError):
        pytest.skip("Python can't read it")
    names: dict = {}
    with tg.record_lines():
        exec(compiled, names)
    drawn = viz.draw(names["y"], show=("value", "source"))
    found = read(drawn.source)
    assert len(found.boxes) == 3
    text_of_box = " ".join(found.boxes["c2"].words)
    assert "quote'and<angle>.py:3" in text_of_box
    ElementTree.fromstring(drawn.svg())


# Error messages of a failed call


@hostile
def test_a_failed_call_with_hostile_names_is_drawn(text):
    x = tg.Tensor(np.ones((2, 3)), requires_grad=True, name=text)
    with pytest.raises(ValueError, match="matmul") as caught, tg.scope(text):
        x @ x
    drawn = viz.draw(caught.value.graph)
    assert len(read(drawn.source).boxes) == 2
    ElementTree.fromstring(drawn.svg())


# The door


@pytest.mark.parametrize(("text", "shown"), [
    ("👩\u200d🔬", "👩\u200d🔬"), ("a\uffff\ufdd0\U0001ffffb", "a���b"), ("\U0001fae9", "\U0001fae9"),
    ("a\nb", "a⏎b"), ("a\u2028b", "a⏎b"), ("a\tb", "a b"), ("a\x00b", "a�b"), ("\u202eabc", "�abc"),
    ("a" * 61, "a" * 59 + "…"),
    ("a" * 60, "a" * 60), ("é", "é"), ("\ud800", "�"),
])  # fmt: skip
def test_what_can_not_be_seen_is_made_visible(text, shown):
    assert plain_text(text) == shown


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_label_can_be_read_back(text):
    assert html.unescape(label_text(text).replace("\\\\", "\\")) == plain_text(text)
    assert not re.search(r"[<>\"]", label_text(text))
