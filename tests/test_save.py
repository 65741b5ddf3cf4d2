"""What ``viz.draw`` gives: it saves itself whole or not at all, and shows itself without ever raising."""

from __future__ import annotations

import struct
from pathlib import Path
from xml.etree import ElementTree

import pytest

import tinygrad_edu as tg
import viz
from tinygrad_edu.models import example
from viz.graph import picture as module
from viz.output.render import VARIABLE, GraphvizNotFound, RenderError, RenderTimeout, bundled_program, renderers

needs_bundled = pytest.mark.skipif(bundled_program() is None, reason="graphviz-pure has no wheel here")
needs_pdf = pytest.mark.skipif(not set(renderers()) - {"graphviz-pure"}, reason="nothing here writes PDF")
STARTS = {
    ".svg": b"<svg ", ".png": b"\x89PNG", ".html": b"<!DOCTYPE html>", ".dot": b'digraph "graph"',
    ".gv": b'digraph "graph"',
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_choice(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def circuit():
    return viz.draw(example("circuit")[0])


@pytest.fixture
def without_graphviz(monkeypatch):
    monkeypatch.setattr("viz.output.render.renderers", dict)


def names(folder):
    return sorted(path.name for path in Path(folder).iterdir())


# Saving


@needs_bundled
@pytest.mark.parametrize("suffix", [*STARTS, ".PNG", ".Svg"])
def test_the_suffix_says_what_is_written(circuit, tmp_path, suffix):
    path = circuit.save(tmp_path / f"picture{suffix}")
    assert path == tmp_path / f"picture{suffix}"
    assert path.read_bytes().startswith(STARTS[suffix.lower()])
    assert names(tmp_path) == [path.name]


@needs_bundled
def test_a_path_may_be_a_string_and_an_old_file_is_replaced(circuit, tmp_path):
    path = tmp_path / "a.svg"
    path.write_text("old" * 100_000)
    assert circuit.save(str(path)) == path
    ElementTree.fromstring(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("name", "error", "said"), [
    ("a.gif", ValueError, "the suffix '.gif' of a.gif is none of .svg, .png, .pdf, .dot, .gv, .html"),
    ("a", ValueError, "the suffix '' of a is none of"),
    ("no/a.dot", FileNotFoundError, "does not exist; create it first"),
    ("folder.dot", IsADirectoryError, "is a folder"),
])  # fmt: skip
def test_what_can_not_be_saved_leaves_nothing(circuit, tmp_path, name, error, said):
    (tmp_path / "folder.dot").mkdir()
    with pytest.raises(error, match="save") as caught:
        circuit.save(tmp_path / name)
    assert said in str(caught.value)
    assert names(tmp_path) == ["folder.dot"]


def test_a_picture_that_can_not_be_rendered_leaves_the_old_file(circuit, tmp_path, without_graphviz):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    with pytest.raises(GraphvizNotFound, match="pip install graphviz-pure"):
        circuit.save(path)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.png"]
    circuit.save(tmp_path / "a.dot")
    assert (tmp_path / "a.dot").read_text(encoding="utf-8") == circuit.source


@needs_bundled
def test_pdf_without_a_system_graphviz_says_so(tmp_path):
    with pytest.raises(GraphvizNotFound, match="PDF needs a system Graphviz or pygraphviz"):
        viz.draw(example("circuit")[0], renderer="graphviz-pure").save(tmp_path / "a.pdf")
    assert names(tmp_path) == []


@needs_pdf
def test_pdf_by_another_renderer(circuit, tmp_path):
    assert circuit.save(tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")


@needs_bundled
def test_the_chosen_renderer_and_the_timeout_are_passed_on(tmp_path):
    output = example("two_layer_net")[0]
    with pytest.raises(GraphvizNotFound, match="/no/dot"):
        viz.draw(output, renderer="/no/dot").svg()
    with pytest.raises(RenderTimeout, match="longer than 0"):
        viz.draw(output, timeout=0.0).svg()


@needs_bundled
def test_size_scales_a_picture_to_fit_a_slide():
    output = example("two_layer_net")[0]
    width, height = struct.unpack(">II", viz.draw(output, size=(13.3, 7.5)).png()[16:24])
    assert width <= 13.3 * 144 + 2
    assert height <= 7.5 * 144 + 2
    assert width > 13 * 144
    assert struct.unpack(">II", viz.draw(output).png()[16:24])[0] > width


@needs_bundled
def test_each_kind_is_rendered_once(circuit, monkeypatch):
    calls = []
    real = module.render
    monkeypatch.setattr(module, "render", lambda *a, **k: calls.append(a[1]) or real(*a, **k))
    for _ in range(3):
        circuit.svg(), circuit.png(), circuit.html()
    assert calls == ["svg", "png"]


# Showing


@needs_bundled
def test_in_a_notebook_it_is_an_svg_and_words(circuit):
    bundle = circuit._repr_mimebundle_()
    assert set(bundle) == {"image/svg+xml", "text/plain"}
    ElementTree.fromstring(bundle["image/svg+xml"])
    assert bundle["text/plain"] == circuit.description
    assert circuit._repr_mimebundle_(include={"image/png"})["image/png"].startswith(b"\x89PNG")


@pytest.mark.parametrize("problem", [
    GraphvizNotFound("no Graphviz; pip install graphviz-pure"), RenderError("dot failed"), RenderTimeout("too long"),
    PermissionError("no"),
], ids=lambda problem: type(problem).__name__)  # fmt: skip
def test_display_never_raises_and_says_what_to_do(circuit, monkeypatch, problem):
    def fails(*arguments, **options):
        raise problem

    monkeypatch.setattr(module, "render", fails)
    bundle = circuit._repr_mimebundle_()
    assert set(bundle) == {"text/plain"}
    assert bundle["text/plain"] == f"{circuit.description}\n({problem})"


def test_without_any_graphviz_it_is_words_and_one_line_on_what_to_install(circuit, without_graphviz):
    text = circuit._repr_mimebundle_(include={"image/png"})["text/plain"]
    words, advice = text.split("\n")
    assert words == circuit.description
    assert "pip install graphviz-pure" in advice


def test_the_words_tell_result_and_gradients(circuit):
    assert circuit.description == (
        "Computational graph of f at level op: 5 boxes, 2 operations; result f = −12; gradients x: −4, y: −4, z: 3"
    )
    assert repr(circuit) == f"<picture: {circuit.description}>"
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name="x")
    assert "no gradients: the output has shape (2,)" in viz.draw(x * 2).description


def test_drawing_prints_opens_and_writes_nothing(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    viz.draw(example("circuit")[0])._repr_mimebundle_()
    assert names(tmp_path) == []
    assert capfd.readouterr() == ("", "")


# In a real browser

PARTS = "[...document.querySelectorAll('main > svg *')]"
COLOURS = PARTS + ".map(e => getComputedStyle(e).fill + getComputedStyle(e).stroke)"


@pytest.fixture(scope="module")
def two_layer_net():
    everything = ("value", "grad", "formula", "shape")
    return viz.draw(example("two_layer_net")[0], show=everything, backward=True)


@pytest.mark.browser
@needs_bundled
def test_a_page_in_the_dark_has_the_colours_of_the_dark_picture(shown, two_layer_net):
    light, dark = (shown(two_layer_net.html(), scheme=scheme).evaluate(COLOURS) for scheme in ("light", "dark"))
    output = example("two_layer_net")[0]
    everything = ("value", "grad", "formula", "shape")
    drawn_dark = viz.draw(output, show=everything, backward=True, theme="dark")
    always_dark = shown(drawn_dark.html(), scheme="light").evaluate(COLOURS)
    assert set(dark) == set(always_dark)
    assert "rgb(22, 24, 29)none" in set(dark) - set(light)


@pytest.mark.browser
@needs_bundled
@pytest.mark.parametrize("width", [380, 1280])
def test_a_page_shows_the_whole_picture_and_every_word_can_be_zoomed_to(shown, two_layer_net, width):
    tab = shown(two_layer_net.html(), width=width)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    tab.get_by_role("button", name="Fit").click()
    box = tab.locator("main > svg > g").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width + 1
    for _ in range(12):
        tab.get_by_role("button", name="Zoom in").click()
    word = tab.locator("main > svg text").first.bounding_box()
    assert word["height"] > 12


@pytest.mark.browser
@needs_bundled
def test_words_stay_inside_their_boxes(shown, two_layer_net):
    tab = shown(two_layer_net.html(), width=1280)
    outside = tab.evaluate("""() => [...document.querySelectorAll('main > svg g.node:not(.backward)')].flatMap(node => {
        const shape = node.querySelector('path, polygon, ellipse').getBoundingClientRect();
        return [...node.querySelectorAll('text')].filter(text => {
            const word = text.getBoundingClientRect();
            return word.left < shape.left - 1 || word.right > shape.right + 1 || word.bottom > shape.bottom + 1;
        }).map(text => text.textContent);
    })""")
    assert outside == []


OVERLAPS = """() => {
    const all = (selector) => [...document.querySelectorAll('main > svg ' + selector)];
    const texts = all('text').filter((e) => e.textContent.trim()).map(
        (e) => ({words: e.textContent, box: e.getBoundingClientRect(), node: e.closest('g.node')}));
    const nodes = all('g.node:not(.backward)').map(
        (node) => ({node, box: node.querySelector('path, polygon, ellipse').getBoundingClientRect()}));
    const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 3
        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3;
    const found = [];
    texts.forEach((t, i) => {
        for (const u of texts.slice(i + 1)) if (meet(t.box, u.box)) found.push([t.words, u.words]);
        for (const n of nodes) if (n.node !== t.node && meet(t.box, n.box)) found.push([t.words, 'a box']);
    });
    return [texts.length, nodes.length, found];
}"""


@pytest.mark.browser
@needs_bundled
@pytest.mark.parametrize("direction", ["LR", "TB"])
@pytest.mark.parametrize("level", ["module", "op", "primitive", "scalar"])
@pytest.mark.parametrize("name", ["circuit", "neuron", "two_layer_net"])
def test_no_word_lies_on_another_or_on_a_box_that_is_not_its_own(shown, name, level, direction):
    show = ("value", "grad") if level == "scalar" else ("value", "grad", "formula", "shape")
    drawn = viz.draw(example(name)[0], level, show, backward=True, direction=direction)
    texts, nodes, found = shown(drawn.html(), width=2400).evaluate(OVERLAPS)
    assert texts > 20
    assert nodes >= 5
    assert found == []
