"""A view as DOT: pure, and the same bytes every time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection

import graphviz

from viz.architectures.glyphs import GLYPHS, look
from viz.architectures.kinds import KINDS
from viz.architectures.placing import Places, place
from viz.architectures.rows import NotSeriesParallel
from viz.architectures.structure import Part, counted
from viz.architectures.views import Arrow, Box, Frame, View
from viz.output.render import render
from viz.output.svg import finish_svg
from viz.style.escape import label_text, plain_text
from viz.style.markup import font
from viz.style.numbers import shape_text

__all__ = ["dot_of", "is_placed", "kinds_in", "legend_items"]

_FONT = "Helvetica"
_ROOM = {
    "block": 4.0,
    "convolution": 5.0,
    "dense": 8.0,
    "parameter": 14.0,
    "statistic": 14.0,
}  # points for a shape's own lines
_PLACED = "nop2"  # what Graphviz calls it when all places are given
_HEAD = 6.0  # points of an arrow's head
_BADGES = {
    "BatchNorm": "BN", "GroupNorm": "GN", "LayerNorm": "LN", "flatten": "flat", "dropout": "drop", "relu": "ReLU",
}  # fmt: skip
_ROUND = ("addition",)
Link = Callable[[Part], str | None]


def dot_of(view: View, *, theme: str, direction: str, legend: bool = False, link: Link | None = None) -> str:
    """Return a drawing as DOT. link: where a box that opens leads."""
    return Drawing(view, theme, direction, link).source(legend)


def is_placed(dot: str) -> bool:
    """Whether a drawing says where everything stands."""
    return _PLACED in dot[:600]


def started(theme: str, direction: str) -> graphviz.Digraph:
    """Return a graph that holds nothing yet."""
    ink = look(theme)
    graph = graphviz.Digraph("network")
    graph.attr(
        "graph", rankdir=direction, bgcolor=ink.background, fontname=_FONT, fontcolor=ink.text, nodesep="0.25",
        ranksep="0.2", ordering="out", pad="0.15", splines="true", newrank="true", outputorder="edgesfirst",
    )  # fmt: skip
    graph.attr("node", fontname=_FONT, fontsize="11", fontcolor=ink.text, margin="0.08,0.05", style="filled")
    graph.attr("edge", fontname=_FONT, fontsize="9", fontcolor=ink.faint, color=ink.line, arrowsize="0.6")
    return graph


class Drawing:
    """One drawing in the making."""

    def __init__(self, view: View, theme: str, direction: str, link: Link | None) -> None:
        self.view = view
        self.theme = theme
        self.direction = direction
        self.link = link
        self.ink = look(theme)
        self.inside: dict[Frame | None, list[Box]] = {}
        for box in view.boxes:
            self.inside.setdefault(box.frame, []).append(box)
        self.sizes = {box: self.size(box) for box in view.boxes}
        self.places = self.placed()

    def source(self, legend: bool) -> str:
        """The DOT text."""
        graph = started(self.theme, self.direction)
        if self.places is not None:
            graph.attr("graph", layout=_PLACED)
        self.add_frame(graph, None)
        self.add_arrows(graph)
        present = {kind for box in self.view.boxes for kind in kinds_in(box)}
        kinds = [kind for kind in KINDS if kind in present]
        if legend:
            add_legend(graph, kinds, self.theme, self.free_corner(), 6 if self.direction == "LR" else 1)
        return str(graph.source)

    def free_corner(self) -> tuple[float, float] | None:
        """Return where the legend starts: beside a drawing that goes down, below one that goes across."""
        if self.places is None:
            return None
        corners = list(self.places.frames.values())
        for box, (x, y) in self.places.boxes.items():
            width, height = self.sizes[box]
            corners.append((x - width / 2, y - height / 2, x + width / 2, y + height / 2))
        left, bottom, right, top = [f(c[i] for c in corners) for i, f in enumerate((min, min, max, max))]
        return (left + 17, bottom - 40) if self.direction == "LR" else (right + 50, top - 12)

    def placed(self) -> Places | None:
        """Return where everything stands; None where Graphviz is to find out."""
        if self.direction not in ("TB", "LR"):
            return None
        across = self.direction == "LR"
        titles = {frame: 5.2 * len(self.frame_label(frame)) + 8 for frame in self.view.frames}
        long = (lambda arrow: 5.0 * len(shape_text(arrow.shape)) + 4) if across else (lambda arrow: 10.0)
        try:
            return place(self.view, self.sizes, titles, long, across)
        except NotSeriesParallel:
            return None

    def add_frame(self, graph: graphviz.Digraph, frame: Frame | None) -> None:
        """Add the boxes of an opened part, then the parts opened inside it."""
        for box in self.inside.get(frame, ()):
            self.add_box(graph, box)
        for inner in self.view.frames:
            if inner.outer is frame:
                with graph.subgraph(name=f"cluster_{inner.id}") as cluster:
                    cluster.attr(
                        label=f"<{label_text(self.frame_label(inner), 99)}>", color=self.ink.faint,
                        fontcolor=self.ink.faint, fontsize="10", labeljust="l", labelloc="t", penwidth="0.8",
                        style="rounded", margin="9",
                        **self.around(inner), **self.opening(inner.part),
                    )  # fmt: skip
                    self.add_frame(cluster, inner)

    def frame_label(self, frame: Frame) -> str:
        """What stands over an opened part."""
        name = relative(frame.part, frame.outer.part if frame.outer else self.view.part)
        what = f" {frame.part.text}" if frame.part.text not in ("", "Sequential", frame.part.name) else ""
        return plain_text(f"{name}:{what}" if what else name, 60)

    def around(self, frame: Frame) -> dict[str, str]:
        """Return the corners of a frame and the middle of what stands over it, as attributes."""
        if self.places is None:
            return {}
        left, bottom, right, top = self.places.frames[frame]
        half = 2.5 * len(self.frame_label(frame)) + 5
        return {"bb": f"{left:.1f},{bottom:.1f},{right:.1f},{top:.1f}", "lp": f"{left + half + 3:.1f},{top - 9:.1f}"}

    def add_box(self, graph: graphviz.Digraph, box: Box) -> None:
        """Add one node."""
        glyph = GLYPHS[box.kind]
        fill, line, text = glyph.dark if self.ink.dark else glyph.light
        part = box.part if box.part is not None else (box.more[0] if box.more else None)
        graph.node(
            box.id, label=self.label(box, text), shape=glyph.shape, fillcolor=fill, color=line, fontcolor=text,
            style=",".join(["filled", *([glyph.pattern] if glyph.pattern else [])]), penwidth=f"{glyph.width:g}",
            tooltip=graphviz.escape(self.tip(box)).replace("\n", "\\n"),
            **self.at(box), **glyph.more,
            **(self.opening(part) if part is not None else {}),
            **{"class": box.kind},
        )  # fmt: skip

    def size(self, box: Box) -> tuple[float, float]:
        """Return width and height of a box in points."""
        if box.kind in _ROUND:
            return 22.0, 22.0
        lines = self.texts(box)
        before, after = badges(box.part) if box.part is not None else ([], [])
        first = 6.3 * len(lines[0]) + sum(4.8 * len(word(leaf)) + 9 for leaf in [*before, *after])
        width = max(first, 4.7 * max([len(line) for line in lines[1:]], default=0)) + 16
        height = 21.0 if len(lines) == 1 else 34.0
        more = {
            "dense": 0.4 * width + 8,
            "pooling": 0.1 * width + 12,
            "concatenation": 0.1 * width + 14,
            "normalisation": 24.0,
        }
        return round(width + more.get(box.kind, 0.0)), height + _ROOM.get(box.kind, 0.0)

    def at(self, box: Box) -> dict[str, str]:
        """Return size and place of a box as attributes."""
        width, height = self.sizes[box]
        fixed = {"fixedsize": "true", "width": f"{width / 72:.3f}", "height": f"{height / 72:.3f}"}
        if self.places is None:
            return fixed
        x, y = self.places.boxes[box]
        return {**fixed, "pos": f"{x:.1f},{y:.1f}"}

    def opening(self, part: Part) -> dict[str, str]:
        """Return where a part leads, if it leads somewhere."""
        target = self.link(part) if self.link is not None else None
        return {"URL": f"#{target}"} if target else {}

    def label(self, box: Box, colour: str) -> str:
        """What stands in a box."""
        if box.kind in _ROUND:
            return f"<{font('<B>+</B>', colour, 16)}>"
        rows = self.rows(box, colour)
        cells = "".join(f"<TR>{row}</TR>" for row in rows)
        return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{cells}</TABLE>>'

    def texts(self, box: Box) -> list[str]:
        """Return the lines of a box: what it is, then its name and its parameters where there are any."""
        part = box.part
        if box.more:
            return [more_text(box), self.names_of_more(box)]
        if part is None or box.kind == "input":
            words = box.text or {"entry": "in", "output": "out"}.get(box.kind, part.name if part else "")
            return [plain_text(words, 40), *([box.note] if box.kind in ("parameter", "statistic") else [])]
        more = [plain_text(self.second(box, part), 60)] if box.kind == "block" or part.count() else []
        return [plain_text(part.text, 40), *more]

    def rows(self, box: Box, colour: str) -> list[str]:
        """Return the rows of a box, as table cells."""
        first, *others = self.texts(box)
        before, after = badges(box.part) if box.part is not None else ([], [])
        row = cell(font(f"<B>{label_text(first, 99)}</B>", colour, 11))
        if before or after:
            cells = "".join([*map(self.badge, before), row, *map(self.badge, after)])
            row = cell(f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="2" CELLPADDING="1"><TR>{cells}</TR></TABLE>')
        return [row, *[cell(font(label_text(line, 99), colour, 9)) for line in others]]

    def second(self, box: Box, part: Part) -> str:
        """Return the second line of a box: its name in what is around it, and its parameters."""
        name = relative(part, box.frame.part if box.frame else self.view.part)
        return f"{name} · {counted([part])}" if part.count() else name

    def names_of_more(self, box: Box) -> str:
        """Return the names of folded parts."""
        around = box.frame.part if box.frame else self.view.part
        names = [relative(part, around) for part in box.more]
        said = plain_text(names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}", 60)
        count = sum(part.count() for part in box.more)
        return said if box.shared or not count else f"{said} · {counted(box.more)}"

    def badge(self, leaf: Part) -> str:
        """Return a small layer that is written on another as a cell with its own colour and corners."""
        glyph = GLYPHS[leaf.kind]
        fill, line, text = glyph.dark if self.ink.dark else glyph.light
        style = ' STYLE="ROUNDED"' if leaf.kind == "activation" else ""
        words = font(label_text(word(leaf)), text, 8)
        return f'<TD BORDER="1" COLOR="{line}" BGCOLOR="{fill}"{style}>{words}</TD>'

    def tip(self, box: Box) -> str:
        """Return what a box says when asked."""
        part = box.part
        if box.more:
            return f"{more_text(box)}: {', '.join(relative(p, self.view.part) for p in box.more[:20])}"
        if part is None:
            return plain_text(box.note or box.text or box.kind, 200)
        what = " → ".join([leaf.text for leaf in part.parts]) if part.head else part.text
        lines = [f"{relative(part, self.view.part)}: {what}"]
        if part.outputs:
            lines.append(f"gives {shape_text(part.shape()) or 'a number'}")
        if part.count():
            lines.append(counted([part]))
        return plain_text(", ".join(lines), 300)

    def add_arrows(self, graph: graphviz.Digraph) -> None:
        """Add all edges, each with the shape of what flows."""
        leaving = Counter([arrow.source for arrow in self.view.arrows])
        coming = Counter([arrow.target for arrow in self.view.arrows])
        said: set[tuple[Box, tuple[int, ...]]] = set()
        for arrow in self.view.arrows:
            words = shape_text(arrow.shape)
            look: dict[str, str] = {"tooltip": words} if words else {}
            if words and (arrow.source, arrow.shape) not in said:  # what forks is labelled once
                look["label"] = f"<&#160;{font(label_text(words), self.ink.faint, 9)}>"
            said.add((arrow.source, arrow.shape))
            if self.places is not None:
                look |= self.path(arrow, words)
            elif leaving[arrow.source] == coming[arrow.target] == 1:
                look["weight"] = "8"
            graph.edge(arrow.source.id, arrow.target.id, **look, **{"class": "flow"})

    def path(self, arrow: Arrow, words: str) -> dict[str, str]:
        """Return the way of an arrow and the middle of its label, as attributes."""
        assert self.places is not None
        points = self.places.paths[arrow]
        (x1, y1), (x0, y0) = points[-1], next(p for p in reversed(points) if p != points[-1])
        back = _HEAD / max(math.hypot(x1 - x0, y1 - y0), 1e-9)
        points = [*points[:-1], (x1 - (x1 - x0) * back, y1 - (y1 - y0) * back)]
        x, y = self.places.labels[arrow]
        half = 2.5 * len(words) + 4
        x, y = (x, y + 7) if self.direction == "LR" else (x + half, y)
        way = " ".join([f"{a:.1f},{b:.1f}" for a, b in points])
        return {"pos": f"e,{x1:.1f},{y1:.1f} {way}", "lp": f"{x:.1f},{y:.1f}"}


def badges(part: Part) -> tuple[list[Part], list[Part]]:
    """Return the small layers before and after the layer that a unit is named after."""
    if part.head is None:
        return [], []
    at = part.parts.index(part.head)
    return part.parts[:at], part.parts[at + 1 :]


def word(leaf: Part) -> str:
    """Return what stands on a badge."""
    return plain_text(_BADGES.get(leaf.text, leaf.text), 12)


def kinds_in(box: Box) -> list[str]:
    """Return the kinds that a box shows: its own, and those of its badges."""
    before, after = badges(box.part) if box.part is not None else ([], [])
    return [box.kind, *[leaf.kind for leaf in [*before, *after]]]


def more_text(box: Box) -> str:
    """Say how many parts are folded, and whether their weights are shared."""
    return f"×{len(box.more) + 1}: the same weights again" if box.shared else f"+{len(box.more)} more like this"


def relative(part: Part, around: Part) -> str:
    """Return a part's name as it is called inside another; drawings of equal parts are the same."""
    name, before = part.name, f"{around.name}."
    if around.outer is None and around.head is None:
        return name
    if not name.startswith(before):
        return name.split(".")[-1] if around.head is not None or around.call is not None else name
    inside = name[len(before) :]
    return f"{before.split('.')[-2]}.{inside}" if inside[:1].isdigit() else inside  # a number alone says nothing


def cell(content: str) -> str:
    """Return a table cell."""
    return f"<TD>{content}</TD>"


def add_legend(
    graph: graphviz.Digraph, kinds: list[str], theme: str, at: tuple[float, float] | None, columns: int
) -> None:
    """Add what each glyph means: in columns from a place on, or wherever Graphviz puts it."""
    for i, kind in enumerate(kinds):
        words = KINDS[kind]
        x, y = (at[0] + 190.0 * (i % columns), at[1] - 24.0 * (i // columns)) if at is not None else (0.0, 0.0)
        here = {"pos": f"{x:.1f},{y:.1f}"} if at is not None else {}
        wide = 5.4 * len(words)  # points, so that it holds the words: they begin at its left
        beside = {"pos": f"{x + 26 + wide / 2:.1f},{y:.1f}"} if at is not None else {}
        beside |= {"width": f"{wide / 72:.3f}", "height": "0.2", "fixedsize": "true"}
        add_glyph(graph, kind, look(theme).dark, here)
        graph.node(f"meaning_{kind}", label=f"{words}\\l", shape="none", style="", margin="0", fontsize="10", **beside)
        if at is None:
            with graph.subgraph() as line:
                line.attr(rank="same")
                line.edge(f"legend_{kind}", f"meaning_{kind}", style="invis")
        if at is None and i:
            graph.edge(f"legend_{kinds[i - 1]}", f"legend_{kind}", style="invis")


def add_glyph(graph: graphviz.Digraph, kind: str, dark: bool, place: dict[str, str]) -> None:
    """Add the shape of a kind, small."""
    glyph = GLYPHS[kind]
    fill, line, text = glyph.dark if dark else glyph.light
    wide, high = (16, 16) if kind == "addition" else (34, 16)
    label = {"addition": "+", "more": "+n"}.get(kind, "")
    graph.node(
        f"legend_{kind}", label=label, shape=glyph.shape, fillcolor=fill, color=line, fontcolor=text, fontsize="10",
        style=",".join(["filled", *([glyph.pattern] if glyph.pattern else [])]), penwidth=f"{glyph.width:g}",
        fixedsize="true", width=f"{wide / 72:.3f}", height=f"{high / 72:.3f}", **place, **glyph.more,
        **{"class": "legend"},
    )  # fmt: skip


def legend_items(kinds: Collection[str], theme: str) -> str:
    """Return the legend as HTML list items, each glyph drawn by itself."""
    present = [kind for kind in KINDS if kind in kinds]
    return "".join([f"<li>{glyph_svg(kind, theme)}{KINDS[kind]}</li>" for kind in present])


def glyph_svg(kind: str, theme: str) -> str:
    """Return one glyph as a small SVG."""
    graph = started(theme, "TB")
    graph.attr("graph", pad="0.03", bgcolor="transparent")
    add_glyph(graph, kind, look(theme).dark, {})
    svg = finish_svg(render(str(graph.source), "svg").decode("utf-8"), title=KINDS[kind], description="")
    return svg.replace('role="img"', 'aria-hidden="true"')
