"""A View to DOT text: pure, and the same bytes every time."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

import graphviz

from tinygrad_edu.engine.tracing import Call, Region, Snapshot, Value
from viz.escape import label_text, plain_text
from viz.fold import Arrow, Box, View
from viz.numbers import brief, font, heat_cells, number_table, shape_text, signed_sum
from viz.theme import LEGEND, PALETTES, Palette, size_colour

__all__ = ["Options", "dot_text"]

_FONT = "Helvetica"
_GLYPHS = {"·": "×"}  # a lone dot is too small to see


@dataclass(frozen=True)
class Options:
    """What is shown, and how."""

    show: tuple[str, ...] = ("value", "grad")
    backward: bool = False
    direction: str = "LR"
    theme: str = "light"
    colour_by: str | None = None  # "grad": fill values by the size of their gradient
    dead: bool = False  # mark values whose gradient is all 0
    legend: bool = True
    size: tuple[float, float] | None = None  # inches that the picture must fit in
    title: str | None = None


def dot_text(view: View, options: Options) -> str:
    """Return the picture of a View as DOT."""
    return Drawing(view, options).source()


class Drawing:
    """One picture in the making."""

    def __init__(self, view: View, options: Options) -> None:
        self.view = view
        self.options = options
        self.palette: Palette = PALETTES[options.theme]
        self.trace = view.trace
        self.root = self.root_name()
        self.pieces: dict[int, list[Snapshot]] = {}  # what flowed back into each value, in order
        for turn in self.trace.steps:
            call = next(c for c in self.trace.calls if c.id == turn.call)
            for x, piece in zip(call.inputs, turn.contributions):
                if piece is not None:
                    self.pieces.setdefault(x, []).append(piece)
        self.turns = {turn.call: turn for turn in self.trace.steps}

    def root_name(self) -> str:
        """The name of what is differentiated, for ∂L/∂w."""
        if len(self.trace.outputs) != 1:
            return ""
        node = self.trace.nodes[self.trace.outputs[0]]
        return plain_text(node.name, 12) if isinstance(node, Value) and node.name and len(node.name) <= 12 else ""

    def source(self) -> str:
        """The DOT text."""
        p, options = self.palette, self.options
        graph = graphviz.Digraph("graph")
        attributes = {
            "rankdir": options.direction, "bgcolor": p.background, "fontname": _FONT, "fontcolor": p.text,
            "nodesep": "0.28", "ranksep": "0.42", "pad": "0.2", "splines": "true", "newrank": "true",
            "labelloc": "b", "outputorder": "edgesfirst",
        }  # fmt: skip
        if options.size:
            attributes["size"] = f"{options.size[0]:g},{options.size[1]:g}"
        graph.attr("graph", **attributes)
        graph.attr("node", fontname=_FONT, fontsize="11", fontcolor=p.text, style="filled", margin="0.08,0.05")
        graph.attr("edge", fontname=_FONT, fontsize="9", arrowsize="0.7", color=p.forward, fontcolor=p.faint)
        label = self.caption()
        if label:
            graph.attr("graph", label=label)
        self.add_cluster(graph, None)
        for arrow in self.view.arrows:
            self.add_arrow(graph, arrow)
        return str(graph.source)

    def add_cluster(self, graph: graphviz.Digraph, region: Region | None) -> None:
        """Add the boxes of a cluster, then the clusters inside it."""
        number = region.id if region else None
        for box in self.view.boxes:
            if box.cluster == number:
                self.add_box(graph, box)
        for inner in self.view.clusters:
            if inner.parent == number:
                with graph.subgraph(name=f"cluster_{inner.id}") as cluster:
                    cluster.attr(
                        label=f"<{label_text(self.region_title(inner), 50)}>", style="rounded", color=self.palette.faint,
                        fontcolor=self.palette.faint, fontsize="10", labeljust="l", labelloc="t", penwidth="0.8",
                        margin="10",
                    )  # fmt: skip
                    self.add_cluster(cluster, inner)

    def region_title(self, region: Region) -> str:
        """A region's name, and what it is; twice the same module shares its weights."""
        shared = region.owner is not None and sum(r.owner == region.owner for r in self.trace.scopes) > 1
        label = f"{region.name}: {region.label}" if region.label and region.label != region.name else region.name
        return label + (" (shared weights)" if shared else "")

    # Boxes

    def add_box(self, graph: graphviz.Digraph, box: Box) -> None:
        """Add one node."""
        style = self.palette.kinds[box.kind]
        fill = style.fill
        rows: list[str] = []
        if box.call is not None:
            rows += self.call_rows(box.call, style.text)
        if box.region is not None:
            rows += self.region_rows(box, style.text)
        if box.value is not None:
            rows += self.value_rows(box.value, style.text, made=bool(rows))
            rows += self.back_rows(box)
            if self.options.colour_by == "grad":
                fill = self.gradient_fill(box.value, fill)
        dead = self.options.dead and box.value is not None and is_dead(box.value)
        if dead:
            rows.append(font("✝ dead: gradient 0", self.palette.failed, 9))
        pattern = "dashed" if dead else style.pattern
        graph.node(
            box.id,
            label=table(rows),
            shape="ellipse" if box.kind == "op" and len(rows) == 1 else style.shape,
            style=f"filled,{pattern}" if pattern != "solid" else "filled",
            fillcolor=fill,
            color=style.line,
            fontcolor=style.text,
            penwidth=f"{style.width:g}",
            peripheries=str(style.peripheries),
            tooltip=graphviz.escape(self.tooltip(box)),
            **{"class": box.kind},
        )

    def value_rows(self, value: Value, colour: str, made: bool) -> list[str]:
        """A value: its name and shape, its numbers, its gradient."""
        show = self.options.show
        name = label_text(value.name, 40) if value.name else ""
        numbers = "value" in show and value.data.size == 1
        head = f"<B>{font(name, colour, 12)}</B>" if name else ""
        if numbers and name:
            head += font(f" = {brief(value.data)}", colour, 12)
        if value.data.shape and ("shape" in show or value.data.data is None):
            head += font(f"{' ' if head else ''}{shape_text(value.data.shape)}", self.palette.faint, 9)
        rows = [head] if head and (name or not made) else []
        if "value" in show and not (numbers and name):
            rows.append(number_table(value.data, colour))
        if ("image" in show or ("value" in show and value.data.data is None)) and heat_cells(value.data):
            rows.append(heat_cells(value.data))
        if "grad" in show and value.gradient is not None:
            rows += self.gradient_rows(value, value.gradient)
        return rows or ([] if made else [font("·", colour)])

    def gradient_rows(self, value: Value, gradient: Snapshot) -> list[str]:
        """The gradient: numbers, and the sum that made it where a value is used more than once."""
        colour = self.palette.backward
        word = f"∂{label_text(self.root)}/∂{label_text(value.name, 20)}" if self.root and value.name else "gradient"
        pieces = self.pieces.get(value.id, [])
        scalars = [piece.data[0] for piece in pieces if piece.data is not None and piece.size == 1]
        if len(pieces) > 1 and len(scalars) == len(pieces) and len(pieces) <= 6:
            rows = [font(f"{word} = {signed_sum(scalars)}", colour, 10)]
        elif gradient.size == 1:
            rows = [font(f"{word} = {brief(gradient)}", colour, 10)]
        else:
            sum_of = f" (sum of {len(pieces)})" if len(pieces) > 1 else ""
            rows = [font(f"{word}{sum_of}", colour, 9), number_table(gradient, colour)]
            if "image" in self.options.show and heat_cells(gradient):
                rows.append(heat_cells(gradient))
        if value.stored_gradient is not None and value.stored_gradient != gradient:
            stored = value.stored_gradient
            rows.append(font(f".grad holds {brief(stored, 6)}, of earlier passes too", self.palette.faint, 9))
        return rows

    def call_rows(self, call: Call, colour: str) -> list[str]:
        """A call: its symbol, its formula, its source line."""
        symbol = f"x{call.symbol}" if call.notation == "postfix" else _GLYPHS.get(call.symbol, call.symbol)
        rows = [f"<B>{font(label_text(symbol), colour, 20 if len(symbol) == 1 else 13)}</B>"]
        if call.failure:
            rows += [font(label_text(line, 80), colour, 10) for line in wrapped(call.failure, 60)]
        elif "formula" in self.options.show:
            rows.append(font(label_text(call.numbers or call.formula, 70), colour, 10))
        elif call.params and call.notation != "postfix":
            rows.append(font(label_text(", ".join(call.params), 40), colour, 9))
        if ("source" in self.options.show or call.failure) and call.line:
            rows.append(font(label_text(source_text(call.line), 70), self.palette.faint, 9))
        return rows

    def back_rows(self, box: Box) -> list[str]:
        """What the box hands back to each of its inputs, as formulas."""
        if "formula" not in self.options.show:
            return []
        found: list[tuple[int, str]] = []
        if box.region is not None:
            found = list(box.region.gradient_formulas)
        elif box.call is not None and box.call.id in self.turns:
            turn = self.turns[box.call.id]
            found = [(x, n or f) for x, n, f in zip(box.call.inputs, turn.numbers, turn.formulas) if f is not None]
        return [font(label_text(f"{self.partial(x)}: {text}", 80), self.palette.backward, 9) for x, text in found]

    def partial(self, x: int) -> str:
        """How the contribution to a value is written."""
        node = self.trace.nodes[x]
        name = node.name if isinstance(node, Value) else None
        return f"→ {name}" if name else "→"

    def region_rows(self, box: Box, colour: str) -> list[str]:
        """A folded region: its name, its formulas, the parameters inside."""
        region = box.region
        assert region is not None
        rows = [f"<B>{font(label_text(region.label or region.name, 40), colour, 12)}</B>"]
        if region.label and region.name != region.label:
            rows.append(font(label_text(region.name, 40), self.palette.faint, 9))
        if "formula" in self.options.show and region.formula:
            rows.append(font(label_text(region.formula, 80), colour, 10))
        for value in box.held:
            text = f"{plain_text(value.name or 'parameter', 24)} {shape_text(value.data.shape)}"
            if "grad" in self.options.show and value.gradient is not None:
                text += (
                    f", ‖gradient‖ {brief(value.gradient) if value.gradient.size == 1 else norm_text(value.gradient)}"
                )
            rows.append(font(label_text(text, 60), colour, 9))
        return rows

    def gradient_fill(self, value: Value, fill: str) -> str:
        """A colour for the size of a gradient; the usual one where there is none."""
        if value.gradient is None:
            return fill
        norm = value.gradient.norm
        return size_colour(math.log10(norm) if norm > 0 else -20)

    def tooltip(self, box: Box) -> str:
        """The text on hover: all digits, and what the operation is."""
        if box.value is not None:
            data = box.value.data
            numbers = ", ".join(repr(v) for v in data.data[:12]) if data.data is not None else f"mean {data.mean!r}"
            grad = box.value.gradient
            slopes = ""
            if grad is not None:
                slopes = "; gradient " + (", ".join(map(repr, grad.data[:12])) if grad.data else f"norm {grad.norm!r}")
            return plain_text(f"{box.value.name or box.kind} {data.shape} {data.dtype}: {numbers}{slopes}", 400)
        if box.call is not None:
            return plain_text(f"{box.call.op}: {box.call.doc}", 200)
        region = box.region
        return plain_text(f"{region.path}: {box.count} operations", 200) if region else ""

    # Arrows

    def add_arrow(self, graph: graphviz.Digraph, arrow: Arrow) -> None:
        """Add the forward edge and, with ``backward``, the gradient's."""
        graph.edge(arrow.source, arrow.target, **{"class": "forward"})
        if not self.options.backward or not arrow.back:
            return
        text = " + ".join(brief(piece) for piece in arrow.back[:4]) + (" + …" if len(arrow.back) > 4 else "")
        if arrow.summed is not None:
            shape = arrow.back[0].shape
            text += f"\n{shape_text(arrow.summed)} summed to {shape_text(shape) or 'a number'}"
        graph.edge(
            arrow.target, arrow.source, label=graphviz.escape(text).replace("\n", "\\n"), style="dashed", color=self.palette.backward, fontcolor=self.palette.backward, constraint="false",
            **{"class": "backward"},
        )  # fmt: skip

    # Around the picture

    def caption(self) -> str:
        """Title, note and legend, under the picture."""
        p = self.palette
        rows = []
        if self.options.title:
            rows.append(f"<B>{font(label_text(self.options.title, 100), p.text, 14)}</B>")
        if self.trace.note and (self.options.backward or "grad" in self.options.show):
            rows += [font(label_text(line, 100), p.failed if "failed" in self.trace.note else p.faint, 11)
                     for line in wrapped(self.trace.note, 90)]  # fmt: skip
        if self.options.legend:
            rows.append(self.legend())
        return table(rows, spacing=4) if rows else ""

    def legend(self) -> str:
        """What each kind of box means, and the two kinds of arrow."""
        p = self.palette
        present = [kind for kind in LEGEND if any(box.kind == kind for box in self.view.boxes)]
        cells = "".join(
            f'<TD BORDER="1" COLOR="{p.kinds[kind].line}" BGCOLOR="{p.kinds[kind].fill}" STYLE="{legend_style(kind)}">'
            f"{font(LEGEND[kind], p.kinds[kind].text, 9)}</TD>"
            for kind in present
        )
        arrows = font("→ forward", p.forward, 9)
        if self.options.backward and self.trace.steps:
            arrows += font("   dashed: gradient, what each operation hands back", p.backward, 9)
        elif "grad" in self.options.show and self.trace.steps:
            arrows += font("   red: gradient", p.backward, 9)
        if self.options.colour_by == "grad":
            scale = "".join(
                f'<TD BGCOLOR="{size_colour(e)}">{font(f"1e{e}" if e else "1", "#1a1a1a", 8)}</TD>'
                for e in (-8, -6, -4, -2, 0)
            )
            cells += f"<TD>{font('size of gradient', p.faint, 9)}</TD>{scale}"
        return (
            '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="6" CELLPADDING="3">'
            f"<TR>{cells}<TD>{arrows}</TD></TR></TABLE>"
        )


def legend_style(kind: str) -> str:
    """The line of a legend's cell."""
    return {"parameter": "ROUNDED", "composite": "ROUNDED", "op": "ROUNDED", "constant": "DOTTED"}.get(kind, "SOLID")


def table(rows: list[str], spacing: int = 0) -> str:
    """Rows of markup as one HTML-like label."""
    cells = "".join(f"<TR><TD>{row}</TD></TR>" for row in rows)
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="{spacing}" CELLPADDING="1">{cells}</TABLE>>'


def is_dead(value: Value) -> bool:
    """Whether a gradient is there and all 0."""
    return value.gradient is not None and value.gradient.size > 0 and value.gradient.zeros == value.gradient.size


def norm_text(data: Snapshot) -> str:
    """The norm of an array as text."""
    return f"{data.norm:.4g}"


def wrapped(text: str, width: int) -> list[str]:
    """Text in lines of about ``width`` characters."""
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + len(word) < width:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines


def source_text(line: tuple[str, int]) -> str:
    """The user's line of code, after its place; the place alone if the file cannot be read."""
    import linecache

    code = linecache.getline(*line).strip()
    place = f"{os.path.basename(line[0])}:{line[1]}"
    return f"{place}  {code}" if code else place
