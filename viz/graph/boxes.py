"""The text in a box: an operation's symbol and formula, a value's numbers, its gradient and what it hands back."""

from __future__ import annotations

import linecache
import math
import os
from dataclasses import dataclass

from tinygrad_edu.engine.text import place_text
from tinygrad_edu.engine.trace.tracing import Call, Snapshot, Turn, Value
from viz.graph.fold import Box, View
from viz.graph.options import Options
from viz.graph.trouble import unreached
from viz.style.escape import label_text, plain_text
from viz.style.markup import font, lines
from viz.style.numbers import (
    brief,
    grid,
    heat_cells,
    number,
    number_rows,
    number_table,
    printable,
    shape_text,
    signed_sum,
)  # fmt: skip

__all__ = ["UNREACHED", "Ink", "Texts", "is_dead"]

UNREACHED = "no gradient reaches it"
_GLYPHS = {"·": "×"}  # a lone dot is too small to see
_ADDENDS = 6  # of a gradient, that are written out


@dataclass(frozen=True)
class Ink:
    """The colours of the text in a box."""

    text: str
    faint: str
    backward: str
    failed: str


class Texts:
    """Writes the boxes of one picture; ``images`` says whether any has a heat image."""

    def __init__(self, view: View, options: Options) -> None:
        self.options = options
        self.trace = view.trace
        self.names = {value.id: value.name for value in self.trace.values}
        self.turns = {turn.call: turn for turn in self.trace.steps}
        self.pieces = pieces_by_value(self.trace.calls, self.turns)
        self.root = root_name(self.trace.outputs, self.names)
        self.shapes = "shape" in options.show or any(call.failure for call in self.trace.calls)
        self.images = False

    def rows(self, box: Box, ink: Ink) -> list[str]:
        """The rows of a box, from the operation's symbol to what it hands back."""
        rows: list[str] = []
        if box.call is not None:
            rows += self.call_rows(box.call, box.value, ink)
        if box.region is not None:
            rows += self.region_rows(box, ink)
        if box.value is not None:
            rows += self.value_rows(box.value, bool(rows), ink)
            rows += self.options.more.get(box.value.id, ())
            rows += self.back_rows(box, ink)
            if self.options.dead and is_dead(box.value):
                rows.append(font("† dead: gradient 0", ink.failed, 9))
        if box.value is not None and unreached(box.value, self.trace):
            rows.append(font(f"<B>{UNREACHED}</B>", ink.text, 10))
        mark = self.options.marks.get(box.id)
        if mark is not None:
            rows += [font(f"<B>{label_text(words)}</B>", ink.text, 10) for words in mark.words]
        return rows

    # An operation

    def call_rows(self, call: Call, result: Value | None, ink: Ink) -> list[str]:
        """A call: its symbol, its formula, its source line."""
        symbol = f"x{call.symbol}" if call.notation == "postfix" else _GLYPHS.get(call.symbol, call.symbol)
        rows = [f"<B>{font(label_text(symbol), ink.text, 20 if len(symbol) == 1 else 13)}</B>"]
        if call.failure:
            rows += lines(call.failure, ink.text, 10, 60, 600)
        elif "formula" in self.options.show:
            formula = call.numbers or call.formula
            if result is not None and call.numbers and "value" in self.options.show:
                formula = formula.removesuffix(f" = {brief(result.data)}")  # it stands in the next row
            rows += lines(formula, ink.text)
        elif call.params and call.notation != "postfix":
            rows.append(font(label_text(", ".join(call.params), 40), ink.text, 9))
        if ("source" in self.options.show or call.failure) and call.line:
            rows += lines(source_text(call.line), ink.faint, 9, 50)
        return rows

    def region_rows(self, box: Box, ink: Ink) -> list[str]:
        """A folded region: its name, its formulas, the parameters inside."""
        region = box.region
        assert region is not None
        rows = [f"<B>{font(label_text(region.label or region.name, 40), ink.text, 12)}</B>"]
        if region.label and region.name != region.label:
            rows.append(font(label_text(region.name, 40), ink.faint, 9))
        if "formula" in self.options.show and region.formula:
            rows += lines(region.formula, ink.text)
        for value in box.held:
            text = f"{plain_text(value.name or 'parameter', 24)} {shape_text(value.data.shape)}"
            if "grad" in self.options.show and value.gradient is not None:
                word = "gradient" if value.gradient.size == 1 else "gradient norm"
                text += f", {word} {number(value.gradient.norm if value.gradient.size != 1 else only(value.gradient))}"
            rows.append(font(label_text(text, 60), ink.text, 9))
        return rows

    def back_rows(self, box: Box, ink: Ink) -> list[str]:
        """What the box hands back to each of its inputs, as formulas."""
        if "formula" not in self.options.show:
            return []
        found: list[tuple[int, str]] = []
        if box.region is not None:
            found = list(box.region.gradient_formulas)
        elif box.call is not None and box.call.id in self.turns:
            turn = self.turns[box.call.id]
            found = [(x, n or f) for x, n, f in zip(box.call.inputs, turn.numbers, turn.formulas) if f is not None]
        rows = []
        for x, text in found:
            name = plain_text(self.names[x] or "", 20)
            rows += lines(f"→ {name}: {text}" if name else f"→ {text}", ink.backward, 9)
        return rows

    # A value

    def value_rows(self, value: Value, made: bool, ink: Ink) -> list[str]:
        """A value: its name and shape, its numbers, its gradient."""
        show = self.options.show
        name = label_text(value.name, 40) if value.name else ""
        numbers = "value" in show and value.data.size == 1
        head = f"<B>{font(name, ink.text, 12)}</B>" if name else ""
        if numbers and name:
            head += font(f" = {brief(value.data)}", ink.text, 12)
        if value.data.shape and (self.shapes or value.data.data is None):
            head += font(f"{' ' if head else ''}{shape_text(value.data.shape)}", ink.faint, 9)
        rows = [head] if head else []
        pair = self.pair(value)
        if pair is not None:
            rows.append(self.gradient_below(value, pair, ink))
        elif "value" in show and not (numbers and name):
            rows.append(number_table(value.data, ink.text))
        if "image" in show or ("value" in show and self.options.colour_by is None and not printable(value.data)):
            rows += self.image_rows(value.data, ink)
        if "grad" in show and value.gradient is not None:
            rows += self.gradient_rows(value, value.gradient, ink)[2 if pair else 0 :]
        return rows or ([] if made else [font("·", ink.text)])

    def pair(self, value: Value) -> Snapshot | None:
        """The gradient, if its numbers stand right below the value's."""
        wanted = "value" in self.options.show and "grad" in self.options.show and "image" not in self.options.show
        if not wanted or value.gradient is None or value.data.size < 2 or not printable(value.data):
            return None
        return value.gradient if printable(value.gradient) else None

    def gradient_below(self, value: Value, gradient: Snapshot, ink: Ink) -> str:
        """Value and gradient in one grid: their columns stand under each other."""
        title = self.gradient_rows(value, gradient, ink)[0]
        between = f'<TR><TD COLSPAN="{value.data.shape[-1]}">{title}</TD></TR>'
        return grid(number_rows(value.data, ink.text) + between + number_rows(gradient, ink.backward))

    def gradient_rows(self, value: Value, gradient: Snapshot, ink: Ink) -> list[str]:
        """The gradient: numbers, and the sum that made it where a value is used more than once."""
        word = "gradient"
        if self.root and value.name:
            word = f"∂{label_text(self.root)}/∂{label_text(value.name, 20)}"
        pieces = self.pieces.get(value.id, [])
        added = signed_sum([only(piece) for piece in pieces]) if 1 < len(pieces) <= _ADDENDS else ""
        if gradient.size == 1 and added.endswith(f" = {brief(gradient)}"):  # else a hook changed it, or it starts here
            rows = [font(f"{word} = {added}", ink.backward, 10)]
        elif gradient.size == 1:
            rows = [font(f"{word} = {brief(gradient)}", ink.backward, 10)]
        else:
            sum_of = f" (sum of {len(pieces)})" if len(pieces) > 1 else ""
            rows = [font(f"{word}{sum_of}", ink.backward, 9), number_table(gradient, ink.backward)]
            if "image" in self.options.show:
                rows += self.image_rows(gradient, ink)
        if value.stored_gradient is not None and not alike(value.stored_gradient, gradient):
            stored = brief(value.stored_gradient, 6)
            rows += lines(f".grad holds {stored}: of other passes too", ink.faint, 9)
        return rows

    def image_rows(self, data: Snapshot, ink: Ink) -> list[str]:
        """The array as a small image, if it has one, or the first of its planes."""
        cells = heat_cells(data)
        self.images = self.images or bool(cells)
        first = [font(f"first of {data.planes:,}", ink.faint, 8)] if cells and data.planes > 1 else []
        return [cells, *first] if cells else []

    def tooltip(self, box: Box) -> str:
        """The text on hover: all digits, and what the operation is."""
        parts = []
        if box.call is not None and box.call.doc:
            parts.append(f"{box.call.op}: {box.call.doc}")
        if box.region is not None:
            parts.append(f"{box.region.path}: {box.count} operations")
        if box.value is not None:
            value = box.value
            text = f"{value.name or value.kind} {value.data.shape} {value.data.dtype}: {all_digits(value.data)}"
            parts.append(text + (f"; gradient {all_digits(value.gradient)}" if value.gradient else ""))
        return "\n".join(plain_text(part, 400) for part in parts)


def pieces_by_value(calls: tuple[Call, ...], turns: dict[int, Turn]) -> dict[int, list[Snapshot]]:
    """Return what flowed back into each value, in the order of its uses."""
    found: dict[int, list[Snapshot]] = {}
    for call in calls:
        turn = turns.get(call.id)
        for x, piece in zip(call.inputs, turn.contributions if turn else ()):
            if piece is not None:
                found.setdefault(x, []).append(piece)
    return found


def root_name(outputs: tuple[int, ...], names: dict[int, str | None]) -> str:
    """Return the name of what is differentiated, for ∂L/∂w; nothing if there are several, or it is long."""
    name = (names[outputs[0]] or "") if len(outputs) == 1 else ""
    return plain_text(name, 12) if len(name) <= 12 else ""


def is_dead(value: Value) -> bool:
    """Whether a gradient is there and all 0."""
    return value.gradient is not None and value.gradient.size > 0 and value.gradient.zeros == value.gradient.size


def only(data: Snapshot) -> float:
    """Return the number of an array of one; NaN of another."""
    return data.data[0] if data.data is not None and data.size == 1 else float("nan")


def alike(one: Snapshot, other: Snapshot) -> bool:
    """Whether two arrays of one shape hold the same numbers, but for rounding."""
    numbers = [x.data if x.data is not None else (x.low, x.high, x.mean, x.norm) for x in (one, other)]
    return all(math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-12) for a, b in zip(*numbers))


def all_digits(data: Snapshot) -> str:
    """Return the first dozen numbers in full, or what is known of a large array."""
    if data.data is None:
        return f"from {data.low!r} to {data.high!r}, mean {data.mean!r}, norm {data.norm!r}"
    return ", ".join(map(repr, data.data[:12])) + (", …" if data.size > 12 else "")


def source_text(line: tuple[str, int]) -> str:
    """Return the user's line of code, after its place; the place alone if the file cannot be read."""
    code = linecache.getline(*line).strip()
    place = os.path.basename(place_text(*line))
    return f"{place}  {code}" if code else place
