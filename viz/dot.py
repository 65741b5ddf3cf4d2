"""A View to DOT text: pure, and the same bytes every time."""

from __future__ import annotations

import math
from dataclasses import replace

import graphviz

from tinygrad_edu.engine.tracing import Region, Value
from viz.boxes import Ink, Texts, is_dead
from viz.caption import caption
from viz.escape import label_text
from viz.fold import Arrow, Box, View
from viz.markup import font, table
from viz.numbers import brief, shape_text
from viz.options import Options
from viz.theme import DARK_TEXT, PALETTES, Style, size_colour

__all__ = ["Options", "dot_text"]

_FONT = "Helvetica"


def dot_text(view: View, options: Options) -> str:
    """Return the picture of a View as DOT."""
    return Drawing(view, options).source()


class Drawing:
    """One picture in the making."""

    def __init__(self, view: View, options: Options) -> None:
        self.view = view
        self.options = options
        self.palette = PALETTES[options.theme]
        self.texts = Texts(view, options)
        self.inside: dict[int | None, list[Box]] = {}
        for box in view.boxes:
            self.inside.setdefault(box.cluster, []).append(box)
        owners = [region.owner for region in view.trace.scopes]
        self.shared = {owner for owner in owners if owner is not None and owners.count(owner) > 1}

    def source(self) -> str:
        """The DOT text."""
        p, options = self.palette, self.options
        graph = graphviz.Digraph("graph")
        attributes = {
            "rankdir": options.direction, "bgcolor": p.background, "fontname": _FONT, "fontcolor": p.text,
            "nodesep": "0.25", "ranksep": "0.3" if options.backward else "0.4", "pad": "0.2", "splines": "true",
            "newrank": "true", "labelloc": "b", "outputorder": "edgesfirst",
        }  # fmt: skip
        if options.size:
            attributes["size"] = f"{options.size[0]:g},{options.size[1]:g}"
        graph.attr("graph", **attributes)
        graph.attr("node", fontname=_FONT, fontsize="11", fontcolor=p.text, style="filled", margin="0.07,0.04")
        graph.attr("edge", fontname=_FONT, fontsize="9", arrowsize="0.7", color=p.forward, fontcolor=p.faint)
        self.add_cluster(graph, None)
        for arrow in self.view.arrows:
            self.add_arrow(graph, arrow)
        label = caption(self.view, options, self.texts.images)
        if label:
            graph.attr("graph", label=label)
        return str(graph.source)

    def add_cluster(self, graph: graphviz.Digraph, region: Region | None) -> None:
        """Add the boxes of a cluster, then the clusters inside it."""
        number = region.id if region else None
        for box in self.inside.get(number, ()):
            self.add_box(graph, box)
        for inner in self.view.clusters:
            if inner.parent == number:
                with graph.subgraph(name=f"cluster_{inner.id}") as cluster:
                    cluster.attr(
                        label=f"<{label_text(self.region_title(inner), 50)}>", color=self.palette.faint,
                        fontcolor=self.palette.faint, fontsize="10", labeljust="l", labelloc="t", penwidth="0.8",
                        style="rounded", margin="8",
                    )  # fmt: skip
                    self.add_cluster(cluster, inner)

    def region_title(self, region: Region) -> str:
        """A region's name, and what it is; twice the same module shares its weights."""
        label = f"{region.name}: {region.label}" if region.label and region.label != region.name else region.name
        return label + (" (shared weights)" if region.owner in self.shared else "")

    def add_box(self, graph: graphviz.Digraph, box: Box) -> None:
        """Add one node."""
        p = self.palette
        style = p.kinds[box.kind]
        ink = Ink(style.text, p.faint, p.backward, p.failed)
        if self.options.colour_by == "grad" and box.value is not None and box.value.gradient is not None:
            style = coloured(style, box.value)
            ink = Ink(DARK_TEXT, DARK_TEXT, DARK_TEXT, DARK_TEXT)
        rows = self.texts.rows(box, ink)
        dead = self.options.dead and box.value is not None and is_dead(box.value)
        pattern = [style.pattern] if style.pattern else []
        graph.node(
            box.id,
            label=table(rows),
            shape="ellipse" if box.kind == "op" and len(rows) == 1 else style.shape,
            style=",".join(["filled", *pattern, *(["dashed"] if dead else [])]),
            fillcolor=style.fill,
            color=style.line,
            fontcolor=style.text,
            penwidth=f"{style.width:g}",
            peripheries=str(style.peripheries),
            tooltip=graphviz.escape(self.texts.tooltip(box)).replace("\n", "\\n"),
            **{"class": box.kind},
        )

    def add_arrow(self, graph: graphviz.Digraph, arrow: Arrow) -> None:
        """Add the forward edge and, with ``backward``, the gradient's beside it, its head at the other end."""
        beside = self.options.backward and arrow.back and not self.options.horizontal
        room = {"label": " " * 6} if beside else {}  # or the two arrows lie on each other where they go straight down
        graph.edge(arrow.source, arrow.target, **room, **{"class": "forward"})
        if self.options.backward and arrow.back:
            graph.edge(
                arrow.source, arrow.target, label=self.arrow_label(arrow), dir="back", style="dashed",
                color=self.palette.backward, **{"class": "backward"},
            )  # fmt: skip

    def arrow_label(self, arrow: Arrow) -> str:
        """What flows back along an arrow, and the shape that it was summed from."""
        separator = "\n" if self.options.horizontal else ", "
        text = " + ".join(brief(piece, separator=separator) for piece in arrow.back[:4])
        text += " + …" if len(arrow.back) > 4 else ""
        if arrow.summed is not None:
            text += f"\n{shape_text(arrow.summed)} summed to {shape_text(arrow.back[0].shape) or 'a number'}"
        rows = [font(f"&#160;{label_text(line)}&#160;", self.palette.backward, 9) for line in text.split("\n")]
        return table(rows, padding=0, fill=self.palette.background)  # a line that crosses it stays legible


def coloured(style: Style, value: Value) -> Style:
    """Return a style whose fill tells the size of the value's gradient."""
    norm = value.gradient.norm if value.gradient is not None else 0.0
    return replace(style, fill=size_colour(math.log10(norm) if norm > 0 else -20))
