"""The graph with paths drawn over it: each in a colour, a dash and a number of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import graphviz

from viz.graph.caption import caption
from viz.graph.dot import Drawing
from viz.graph.fold import View
from viz.graph.options import Options
from viz.sensitivity.routes.walk import Hop, Trail
from viz.style.escape import label_text
from viz.style.markup import font, table
from viz.style.numbers import number
from viz.style.theme import ROUTES

__all__ = ["SHOWN", "routes_source"]

SHOWN = len(ROUTES["light"])  # paths that can be told apart


def routes_source(view: View, options: Options, trails: Sequence[Trail], rows: Sequence[str], total: str) -> str:
    """Return DOT of the View with the first paths drawn over it. rows: what the legend says of each.

    total: what it says of their sum.
    """
    return RoutesDrawing(view, replace(options, backward=False), trails[:SHOWN], rows, total).source()


class RoutesDrawing(Drawing):
    """A picture with routes over it."""

    def __init__(self, view: View, options: Options, trails: Sequence[Trail], rows: Sequence[str], total: str) -> None:
        super().__init__(view, options)
        self.trails = trails
        self.rows = rows
        self.total = total
        self.holder = {box.value.id: box.id for box in view.boxes if box.value is not None}

    def add_arrows(self, graph: graphviz.Digraph) -> None:
        """Add the paths, a line each, or one for all where all go together; faint, the edges that are on none."""
        edges: dict[tuple[str, str, Hop | None], dict[int, str]] = {}
        for i, trail in enumerate(self.trails):
            for place, hop in enumerate(trail.hops):
                factor = number(trail.factors[place]) if trail.factors else ""
                for source, end, own in self.edges_of(hop):
                    edges.setdefault((source, end, own), {})[i] = factor if own else ""
        taken = {(source, end) for source, end, _ in edges}
        for arrow in self.view.arrows:
            if (arrow.source, arrow.target) not in taken:
                graph.edge(arrow.source, arrow.target, color=self.palette.faint, penwidth="0.8", **{"class": "forward"})
        for (source, end, _), users in edges.items():
            self.add_route(graph, source, end, users)

    def edges_of(self, hop: Hop) -> list[tuple[str, str, Hop | None]]:
        """Return the edges of a hop: from the value used into the box, and on to its value where that stands apart."""
        found: list[tuple[str, str, Hop | None]] = []
        source, end = self.holder.get(hop.used), self.holder.get(hop.made, hop.box)
        if source and source != hop.box:
            found.append((source, hop.box, hop))
        if end != hop.box:
            found.append((hop.box, end, None))
        return found

    def add_route(self, graph: graphviz.Digraph, source: str, end: str, users: dict[int, str]) -> None:
        """Add a line for each path that goes here; one alone where all of several do."""
        together = len(users) == len(self.trails) > 1
        factors = set(users.values())
        if together and len(factors) == 1:
            factor = factors.pop()
            self.add_line(graph, source, end, -1, f"all ×{factor}" if factor else "all")
            return
        for i, factor in users.items():
            self.add_line(graph, source, end, i, f"#{i + 1} ×{factor}" if factor else f"#{i + 1}")

    def add_line(self, graph: graphviz.Digraph, source: str, end: str, i: int, text: str) -> None:
        """Add one line, its head where the gradient goes to; number -1 is that of all paths."""
        colour, dash = (self.palette.text, "solid") if i < 0 else ROUTES[self.options.theme][i]
        label = table([font(f"&#160;{label_text(text)}&#160;", colour, 9)], padding=0, fill=self.palette.background)
        graph.edge(
            source, end, label=label, dir="back", style=dash, color=colour,
            penwidth="3" if dash == "dotted" else "2.2", **{"class": "route"},
        )  # fmt: skip

    def label(self) -> str:
        """The caption: the paths in words, then what is always there."""
        p = self.palette
        options = replace(self.options, show=tuple(word for word in self.options.show if word != "grad"))
        rows = [f"<B>{font(label_text(self.total, 200), p.text, 13)}</B>"]
        if self.trails:
            words = "a line in colour: a path, its arrow where the gradient goes"
            rows.append(font(words + ("; × the local derivative" if self.trails[0].factors else ""), p.faint, 10))
        for i, text in enumerate(self.rows):
            drawn = i < len(self.trails)
            colour, dash = ROUTES[self.options.theme][i] if drawn else (p.faint, "")
            rows.append(font(label_text(f"#{i + 1} ({dash}) {text}" if drawn else text, 150), colour, 11))
        return caption(self.view, options, self.texts.images, tuple(rows))
