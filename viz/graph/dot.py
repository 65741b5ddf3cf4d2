"""A View to DOT text: pure, and the same bytes every time."""

from __future__ import annotations

from dataclasses import replace

import graphviz

from tinygrad_edu.engine.trace.tracing import Region
from viz.graph.boxes import UNREACHED, Ink, Texts, is_dead
from viz.graph.caption import caption
from viz.graph.fold import Arrow, Box, View, ancestors
from viz.graph.options import Options
from viz.graph.trouble import norm_of_sum, unreached, width_of, width_scale
from viz.style.escape import label_text, plain_text
from viz.style.markup import font, table
from viz.style.numbers import brief, number, shape_text
from viz.style.theme import DARK_TEXT, PALETTES

__all__ = ["Drawing", "Options", "dot_text"]

_FONT = "Helvetica"
_STRIPES = 6  # pairs of them in a box
_LETTER, _HALF = 5.2, 20.0  # points: a letter of a title; half of a narrow box
_CUT_OFF = 12  # parameters out of reach that have a box each


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
        self.scale = width_scale(view) if options.widths else None
        self.inside: dict[int | None, list[Box]] = {}
        for box in view.boxes:
            self.inside.setdefault(box.cluster, []).append(box)
        self.around = {box.id: ancestors(view.trace, box.cluster) for box in view.boxes}
        self.labels: dict[int | None, list[tuple[str, Arrow]]] = {}  # of the way back, by the cluster they stand in
        for i, arrow in enumerate(view.arrows):
            if options.backward and arrow.back:
                self.labels.setdefault(self.shared_cluster(arrow), []).append((f"b{i}", arrow))
        owners = [region.owner for region in view.trace.scopes]
        self.shared = {owner for owner in owners if owner is not None and owners.count(owner) > 1}

    def source(self) -> str:
        """The DOT text."""
        p, options = self.palette, self.options
        graph = graphviz.Digraph("graph")
        attributes = {
            "rankdir": options.direction, "bgcolor": p.background, "fontname": _FONT, "fontcolor": p.text,
            "nodesep": "0.25", "ranksep": "0.2" if options.backward else "0.4", "pad": "0.2", "splines": "true",
            "newrank": "true", "labelloc": "b", "outputorder": "edgesfirst",
        }  # fmt: skip
        if options.size:
            attributes["size"] = f"{options.size[0]:g},{options.size[1]:g}"
        graph.attr("graph", **attributes)
        graph.attr("node", fontname=_FONT, fontsize="11", fontcolor=p.text, style="filled", margin="0.07,0.04")
        graph.attr("edge", fontname=_FONT, fontsize="9", arrowsize="0.7", color=p.forward, fontcolor=p.faint)
        self.add_cluster(graph, None)
        self.add_cut_off(graph)
        self.add_arrows(graph)
        label = self.label()
        if label:
            graph.attr("graph", label=label)
        return str(graph.source)

    def label(self) -> str:
        """What stands under the picture."""
        return caption(self.view, self.options, self.texts.images)

    def add_cluster(self, graph: graphviz.Digraph, region: Region | None) -> None:
        """Add the boxes of a cluster, then the clusters inside it."""
        number = region.id if region else None
        for box in self.inside.get(number, ()):
            self.add_box(graph, box)
        for name, arrow in self.labels.get(number, ()):
            graph.node(name, label=self.arrow_label(arrow), shape="plain", style="", **{"class": "backward"})
        for inner in self.view.clusters:
            if inner.parent == number:
                with graph.subgraph(name=f"cluster_{inner.id}") as cluster:
                    cluster.attr(
                        label=f"<{label_text(self.region_title(inner), 50)}>", color=self.palette.faint,
                        fontcolor=self.palette.faint, fontsize="10", labeljust="l", labelloc="t", penwidth="0.8",
                        style="rounded", margin="8",
                    )  # fmt: skip
                    self.add_cluster(cluster, inner)
                    self.add_room(cluster, inner)

    def add_room(self, cluster: graphviz.Digraph, region: Region) -> None:
        """Where arrows come down into a cluster, add room at the left of their box: they would cross the title."""
        entry = None if self.options.horizontal else self.entry(region)
        if entry is None:
            return
        titles = [self.region_title(self.view.trace.scopes[number]) for number in self.around[entry.id]]
        half = 0.0 if self.options.backward else _HALF  # the way back keeps to the left
        width = _LETTER * min(max(map(len, titles)), 50) - half
        if width > 0:
            name = f"s{region.id}"
            with cluster.subgraph() as row:
                row.attr(rank="same")
                row.node(name, label="", shape="box", style="invis", width=f"{width / 72:.2f}", height="0.1")
                row.edge(name, entry.id, style="invis", weight="5")

    def entry(self, region: Region) -> Box | None:
        """The first box right in a cluster that all its arrows reach from outside; None if none does."""
        for box in self.inside.get(region.id, ()):
            sources = [arrow.source for arrow in self.view.arrows if arrow.target == box.id]
            if sources and not any(region.id in self.around[source] for source in sources):
                return box
        return None

    def shared_cluster(self, arrow: Arrow) -> int | None:
        """The innermost cluster that both ends of an arrow are in: its label there cuts through no frame."""
        return next((r for r in self.around[arrow.source] if r in self.around[arrow.target]), None)

    def region_title(self, region: Region) -> str:
        """A region's name, and what it is; twice the same module shares its weights."""
        label = f"{region.name}: {region.label}" if region.label and region.label != region.name else region.name
        return label + (" (shared weights)" if region.owner in self.shared else "")

    def add_box(self, graph: graphviz.Digraph, box: Box) -> None:
        """Add one node."""
        p = self.palette
        style = p.kinds[box.kind]
        ink = Ink(style.text, p.faint, p.backward, p.failed)
        mark = self.options.marks.get(box.id)
        if mark is not None:
            style = replace(style, fill=mark.fill, width=3.5 if mark.alarm else style.width)
            ink = Ink(DARK_TEXT, DARK_TEXT, DARK_TEXT, DARK_TEXT)
        elif self.options.colour_by in ("ratio", "dead", "nan"):
            style = replace(style, fill=p.background)  # what has nothing to tell steps back
        rows = self.texts.rows(box, ink)
        dead = self.options.dead and box.value is not None and is_dead(box.value)
        pattern = [style.pattern] if style.pattern else []
        if box.value is not None and unreached(box.value, self.view.trace):
            self.add_unreached(graph, box.id, rows)
            return
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

    def add_unreached(self, graph: graphviz.Digraph, name: str, rows: list[str]) -> None:
        """Add a parameter that no gradient reaches: striped, for Graphviz has no hatching."""
        style = self.palette.kinds["parameter"]
        stripes = ":".join([style.fill, self.palette.background] * _STRIPES)
        graph.node(
            name, label=table(rows), shape="box", style="striped,dashed", fillcolor=stripes, color=style.line,
            fontcolor=style.text, penwidth="1.2", **{"class": "unreached"},
        )  # fmt: skip

    def add_cut_off(self, graph: graphviz.Digraph) -> None:
        """Add the parameters that are not in the graph at all."""
        p = self.palette
        values = self.options.unreached
        if not values:
            return
        with graph.subgraph(name="cluster_unreached") as cluster:
            cluster.attr(
                label=f"<outside the graph: no gradient reaches {len(values):,} parameters>", color=p.faint,
                fontcolor=p.faint, fontsize="10", labeljust="l", labelloc="t", penwidth="0.8",
                style="rounded,dashed", margin="8",
            )  # fmt: skip
            ink = p.kinds["parameter"].text
            for i, value in enumerate(values[:_CUT_OFF]):
                text = f"{plain_text(value.name or 'parameter', 40)} {shape_text(value.data.shape)}"
                rows = [font(label_text(text, 60), ink, 11), font(f"<B>{UNREACHED}</B>", ink, 10)]
                self.add_unreached(cluster, f"u{i}", rows)
            if len(values) > _CUT_OFF:
                more = font(f"and {len(values) - _CUT_OFF:,} more", p.text, 11)
                cluster.node("u_more", label=table([more]), shape="plain", style="", **{"class": "unreached"})

    def add_arrows(self, graph: graphviz.Digraph) -> None:
        """Add all edges."""
        labels = {id(arrow): name for found in self.labels.values() for name, arrow in found}
        for arrow in self.view.arrows:
            self.add_arrow(graph, arrow, labels.get(id(arrow)))

    def add_arrow(self, graph: graphviz.Digraph, arrow: Arrow, label: str | None) -> None:
        """Add the forward edge and, if there is one, the gradient's beside it, its head at the other end.

        label: the box of its label, on the way; every forward edge is then as long as two.
        """
        length = {"minlen": "2"} if self.labels else {}
        width = self.width(arrow)
        graph.edge(arrow.source, arrow.target, **length, **({} if label else width), **{"class": "forward"})
        if label:
            look = {"style": "dashed", "color": self.palette.backward, **width, "class": "backward"}
            graph.edge(arrow.source, label, dir="back", **look)
            graph.edge(label, arrow.target, dir="none", **look)

    def width(self, arrow: Arrow) -> dict[str, str]:
        """Return how wide an edge is by the norm of what flows back along it, if that is asked for."""
        if not self.options.widths:
            return {}
        norm = norm_of_sum(arrow.back) if arrow.back else -1.0
        wide = {"penwidth": f"{width_of(norm, self.scale):.3g}"}
        if norm == norm and norm < 0:
            return wide
        wide["tooltip"] = f"norm of what flows back: {number(norm)}"
        return wide if norm else {**wide, "style": "dotted"}

    def arrow_label(self, arrow: Arrow) -> str:
        """What flows back along an arrow, and the shape that it was summed from."""
        separator = "\n" if self.options.horizontal else ", "
        text = " + ".join(brief(piece, separator=separator) for piece in arrow.back[:4])
        text += " + …" if len(arrow.back) > 4 else ""
        if arrow.summed is not None:
            text += f"\n{shape_text(arrow.summed)} summed to {shape_text(arrow.back[0].shape) or 'a number'}"
        rows = [font(label_text(line), self.palette.backward, 9) for line in text.split("\n")]
        return table(rows, padding=2)
