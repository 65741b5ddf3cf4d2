"""One picture per level, laid out once: a View to DOT, Graphviz's geometry to a compact SVG with stable ids."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from xml.etree import ElementTree

import graphviz

from tinygrad_edu.engine.trace.tracing import Region, Snapshot, Value
from viz.graph.boxes import root_name
from viz.graph.fold import Box, View
from viz.output.render import RenderError, render
from viz.stepper.arrays import Pool, tiles
from viz.style.escape import label_text, plain_text
from viz.style.markup import font, table
from viz.style.numbers import brief, number, printable, shape_text

__all__ = ["Layout", "images", "laid_out"]

_SVG = "{http://www.w3.org/2000/svg}"
_FONT = "Helvetica"
# Graphviz lays out text of these colours; in the page they are classes.
_HEAD, _VALUE, _SLOPE, _FAINT, _IMAGE, _SLOPES = "#000001", "#000002", "#000003", "#000004", "#000005", "#000006"
_HELD = "#000007"
_CLASSES = {_HEAD: "h", _VALUE: "v", _SLOPE: "g", _FAINT: "f", _HELD: "q"}
_GLYPHS = {"·": "×"}
_SIDE = 54.0  # points of an image's longer side
_THIN = 10  # at least, of its shorter side
_PRINTED = 12  # numbers that a box prints


@dataclass(frozen=True)
class Layout:
    """A picture: its SVG element, its width and height in points, and the ids of its nodes and edges."""

    svg: str
    width: float
    height: float
    nodes: tuple[str, ...]
    edges: tuple[str, ...]


def laid_out(
    view: View, key: str, *, direction: str = "auto", renderer: str | None = None, timeout: float = 30.0
) -> Layout:
    """Return the picture of a View, every id in it beginning with ``key``.

    direction: as Graphviz's rankdir; ``auto`` takes the one that fits better into a screen.
    Raises what ``viz.output.render`` raises.
    """
    found = []
    for way in ("LR", "TB") if direction == "auto" else (direction,):
        raw = render(dot_text(view, way), "svg", renderer=renderer, timeout=timeout).decode("utf-8")
        found.append(Reader(view, key, raw).layout())
    return min(found, key=lambda layout: max(layout.width / 760, layout.height / 520))


# What Graphviz is told


def dot_text(view: View, direction: str) -> str:
    """Return the DOT text: boxes with room for everything they will ever show."""
    graph = graphviz.Digraph("graph")
    graph.attr("graph", rankdir=direction, fontname=_FONT, nodesep="0.2", ranksep="0.38", pad="0.12", newrank="true")
    graph.attr("node", fontname=_FONT, fontsize="11", shape="box", margin="0.08,0.05")
    graph.attr("edge", arrowhead="none")
    inside: dict[int | None, list[Box]] = {}
    for box in view.boxes:
        inside.setdefault(box.cluster, []).append(box)
    root = root_name(view.trace.outputs, {value.id: value.name for value in view.trace.values})
    add_cluster(graph, view, None, inside, root)
    for i, arrow in enumerate(view.arrows):
        graph.edge(arrow.source, arrow.target, id=f"e{i}")
    return str(graph.source)


def add_cluster(
    graph: graphviz.Digraph, view: View, region: Region | None, inside: dict[int | None, list[Box]], root: str
) -> None:
    """Add the boxes of a cluster, then the clusters inside it."""
    number = region.id if region else None
    for box in inside.get(number, ()):
        graph.node(box.id, label=table(rows_of(box, root)), id=box.id)
    for inner in view.clusters:
        if inner.parent == number:
            with graph.subgraph(name=f"cluster_{inner.id}") as cluster:
                title = f"{inner.name}: {inner.label}" if inner.label not in ("", inner.name) else inner.name
                cluster.attr(label=f"<{font(label_text(title, 50), _FAINT, 10)}>", labeljust="l", margin="7")
                add_cluster(cluster, view, inner, inside, root)


def rows_of(box: Box, root: str) -> list[str]:
    """The rows of a box: what it does, the value it makes, the gradient that will arrive there."""
    rows: list[str] = []
    if box.call is not None:
        symbol = f"x{box.call.symbol}" if box.call.notation == "postfix" else box.call.symbol
        symbol = _GLYPHS.get(symbol, symbol)
        rows.append(f"<B>{font(label_text(symbol, 30), _HEAD, 20 if len(symbol) == 1 else 13)}</B>")
    if box.region is not None:
        rows.append(f"<B>{font(label_text(box.region.label or box.region.name, 40), _HEAD, 12)}</B>")
        if box.region.label not in ("", box.region.name):
            rows.append(font(label_text(box.region.name, 40), _FAINT, 10))
        for value in box.held:
            rows += held_rows(value)
    if box.value is not None:
        rows += value_rows(box.value, root)
    return rows


def held_rows(value: Value) -> list[str]:
    """A parameter inside a folded module."""
    name = plain_text(value.name or "parameter", 24)
    rows = [font(label_text(f"{name} {shape_text(value.data.shape)}", 60), _VALUE, 10)]
    if value.gradient is not None:
        rows.append(font(f"gradient {label_text(size_text(value.gradient))}", _HELD, 10))
    return rows


def size_text(data: Snapshot) -> str:
    """A gradient in a word: the number, or the norm."""
    return number(data.data[0]) if data.data and data.size == 1 else f"norm {number(data.norm)}"


def value_rows(value: Value, root: str) -> list[str]:
    """A value: name, shape, numbers or room for an image; then the same of its gradient."""
    name = label_text(value.name, 30) if value.name else ""
    rows = []
    if value.data.size == 1:
        shown = f" = {brief(value.data)}" if name else brief(value.data)
        rows.append((f"<B>{font(name, _HEAD, 12)}</B>" if name else "") + font(shown, _VALUE, 12))
    else:
        shape = font(f"{' ' if name else ''}{shape_text(value.data.shape)}", _FAINT, 10)
        rows += [(f"<B>{font(name, _HEAD, 12)}</B>" if name else "") + shape, numbers_or_room(value.data, False)]
    if value.gradient is not None:
        word = f"∂{label_text(root)}/∂{label_text(value.name, 20)}" if root and value.name else "gradient"
        if value.gradient.size == 1:
            rows.append(font(f"{word} = {brief(value.gradient)}", _SLOPE, 10))
        else:
            rows += [font(word, _SLOPE, 10), numbers_or_room(value.gradient, True)]
    return [row for row in rows if row]


def numbers_or_room(data: Snapshot, slope: bool) -> str:
    """The numbers of a small array, or an empty cell in which the page paints its image."""
    colour = _SLOPE if slope else _VALUE
    if is_printed(data) and data.data is not None:
        columns = data.shape[-1]
        rows = [data.data[i : i + columns] for i in range(0, data.size, columns)]
        cells = "".join(
            "<TR>" + "".join(f'<TD ALIGN="RIGHT">{font(number(v), colour)}</TD>' for v in row) + "</TR>" for row in rows
        )
        return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2">{cells}</TABLE>'
    layout = tiles(data)
    if layout is None:
        return font(brief(data), colour)
    width, height = layout.size
    scale = _SIDE / max(width, height)
    sides = f'WIDTH="{max(_THIN, round(width * scale))}" HEIGHT="{max(_THIN, round(height * scale))}"'
    cell = f'<TD FIXEDSIZE="TRUE" {sides} BGCOLOR="{_SLOPES if slope else _IMAGE}"></TD>'
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="3" CELLPADDING="0"><TR>{cell}</TR></TABLE>'


def is_printed(data: Snapshot) -> bool:
    """Whether a box prints the numbers of an array."""
    return 0 < data.size <= _PRINTED and printable(data)


def images(view: View, pool: Pool) -> dict[str, dict[str, int]]:
    """Return by box which arrays the page paints there: the value's ``iv``, the gradient's ``ig``."""
    found: dict[str, dict[str, int]] = {}
    for box in view.boxes:
        pair = (("iv", box.value.data), ("ig", box.value.gradient)) if box.value is not None else ()
        rooms = {word: pool.add(data) for word, data in pair if data is not None and has_room(data)}
        if rooms:
            found[box.id] = rooms
    return found


def has_room(data: Snapshot) -> bool:
    """Whether a box has room for the image of an array."""
    return data.size > 1 and not is_printed(data) and tiles(data) is not None


# What Graphviz answers


class Reader:
    """Reads Graphviz's SVG, and writes the same geometry with classes in place of colours."""

    def __init__(self, view: View, key: str, raw: str) -> None:
        self.view = view
        self.key = key
        try:
            self.root = ElementTree.fromstring(raw[raw.index("<svg") :])
        except (ElementTree.ParseError, ValueError) as error:
            raise RenderError(f"Graphviz wrote something that is no SVG ({error}); please report it") from error
        box = [float(part) for part in self.root.get("viewBox", "0 0 100 100").split()]
        self.width, self.height = box[2], box[3]
        graph = self.root.find(f"{_SVG}g")
        assert graph is not None
        self.graph = graph
        moved = re.search(r"translate\(([-0-9.]+)[ ,]+([-0-9.]+)\)", graph.get("transform", ""))
        self.dx, self.dy = (float(moved[1]), float(moved[2])) if moved else (0.0, 0.0)
        self.boxes = {box.id: box for box in view.boxes}

    def layout(self) -> Layout:
        """Return the picture."""
        clusters, edges, nodes = [], [], []
        names, ways = [], []
        for group in self.graph.findall(f"{_SVG}g"):
            kind, name = group.get("class", ""), group.get("id", "")
            if kind == "cluster":
                clusters.append(self.cluster(group))
            elif kind == "edge":
                edges.append(self.edge(group, name))
                ways.append(name)
            elif kind == "node":
                nodes.append(self.node(group, name))
                names.append(name)
        head = (
            f'<svg viewBox="0 0 {short(self.width)} {short(self.height)}" width="{short(self.width * 4 / 3)}" '
            f'height="{short(self.height * 4 / 3)}" role="img" xmlns="http://www.w3.org/2000/svg" '
            f'style="--head:url(#{self.key}a);--head-f:url(#{self.key}f);--head-b:url(#{self.key}b)">'
        )
        svg = head + self.markers() + "".join([*clusters, *edges, *nodes]) + "</svg>"
        return Layout(svg, self.width, self.height, tuple(names), tuple(ways))

    def markers(self) -> str:
        """The heads of arrows: at rest, forward, back."""
        return "<defs>" + "".join(
            f'<marker id="{self.key}{name}" class="m{name}" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
            f'markerHeight="7" markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path d="M0 .6 8 4 0 7.4z"/>'
            "</marker>"
            for name in "afb"
        ) + "</defs>"  # fmt: skip

    def cluster(self, group: ElementTree.Element) -> str:
        """The frame around a module's boxes."""
        xs, ys = self.outline(group)
        frame = rectangle(min(xs), min(ys), max(xs), max(ys), 6)
        return f'<g class="k">{frame}{self.texts(group)}</g>'

    def edge(self, group: ElementTree.Element, name: str) -> str:
        """An arrow: one path, whose head is at either end as the step wants it."""
        path = group.find(f"{_SVG}path")
        d = "" if path is None else self.path(path.get("d", ""))
        return f'<path id="{self.key}{name}" class="e" d="{d}"/>'

    def node(self, group: ElementTree.Element, name: str) -> str:
        """A box: its outline by its kind, its text, room for images."""
        box = self.boxes[name]
        shapes = [p for p in group.iter(f"{_SVG}polygon") if p.get("fill") not in (_IMAGE, _SLOPES)]
        xs, ys = self.points(shapes[0].get("points", ""))
        x0, x1, y0, y1 = min(xs), max(xs), min(ys), max(ys)
        rounded = box.kind in ("op", "parameter", "composite", "module")
        parts = [rectangle(x0, y0, x1, y1, 7 if rounded else 1.5)]
        if box.kind == "module":
            parts.append(f'<path class="l" d="M{short(x0 + 4)} {short(y0 + 5)}V{short(y1 - 5)}"/>')
        elif box.kind == "composite":
            parts.append(rectangle(x0 + 2.5, y0 + 2.5, x1 - 2.5, y1 - 2.5, 5, "l"))
        elif box.kind == "input":
            parts.append(f'<path class="l" d="M{short(x1 - 7)} {short(y0)}v7h7"/>')
        parts.append(self.texts(group))
        for room in group.iter(f"{_SVG}polygon"):
            if room.get("fill") in (_IMAGE, _SLOPES):
                xs, ys = self.points(room.get("points", ""))
                word = "iv" if room.get("fill") == _IMAGE else "ig"
                parts.append(rectangle(min(xs), min(ys), max(xs), max(ys), 0, word))
        return f'<g id="{self.key}{name}" class="n {box.kind}">{"".join(parts)}</g>'

    def texts(self, group: ElementTree.Element) -> str:
        """The text of a box or frame."""
        found = []
        for text in group.iter(f"{_SVG}text"):
            word = _CLASSES.get(text.get("fill", ""), "f") + (" b" if text.get("font-weight") == "bold" else "")
            points = float(text.get("font-size", "11"))
            size = "" if points == 11 else f' font-size="{short(points)}"'
            x, y = float(text.get("x", "0")) + self.dx, float(text.get("y", "0")) + self.dy
            middle = ' text-anchor="middle"' if text.get("text-anchor") == "middle" else ""
            found.append(
                f'<text x="{short(x)}" y="{short(y)}" class="{word}"{middle}{size}>'
                f"{html.escape(text.text or '', quote=False)}</text>"
            )
        return "".join(found)

    def outline(self, group: ElementTree.Element) -> tuple[list[float], list[float]]:
        """The corners of what is around a cluster."""
        polygon = group.find(f"{_SVG}polygon")
        return self.points("" if polygon is None else polygon.get("points", ""))

    def points(self, text: str) -> tuple[list[float], list[float]]:
        """The corners of a polygon."""
        numbers = [float(part) for part in re.findall(r"-?[0-9.]+", text)] or [0.0, 0.0]
        return [x + self.dx for x in numbers[::2]], [y + self.dy for y in numbers[1::2]]

    def path(self, d: str) -> str:
        """A path in the picture's own coordinates."""
        parts = re.findall(r"[A-Za-z]|-?[0-9.]+", d)
        found, odd = [], False
        for part in parts:
            if part.isalpha():
                found.append(part)
            else:
                found.append(f"{float(part) + (self.dy if odd else self.dx):.0f}")
                odd = not odd
        return re.sub(r" ?([A-Za-z]) ?", r"\1", " ".join(found))


def rectangle(x0: float, y0: float, x1: float, y1: float, radius: float, word: str = "") -> str:
    """A rectangle by its corners."""
    name = f' class="{word}"' if word else ""
    corner = f' rx="{short(radius)}"' if radius else ""
    return f'<rect{name} x="{short(x0)}" y="{short(y0)}" width="{short(x1 - x0)}" height="{short(y1 - y0)}"{corner}/>'


def short(value: float) -> str:
    """Return a length to half a point: what is written at all levels should be short."""
    return f"{round(2 * value) / 2:g}"
