"""The matrix of a convolution as a scene: image, kernel and output above; below, one row for each number made."""

from __future__ import annotations

import colorsys
import math
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from viz.convolution.scene import Line, Rect, Scene, Words, words_width
from viz.convolution.sums import cell_number
from viz.style.theme import DARK_TEXT, PALETTES

if TYPE_CHECKING:
    from viz.convolution.matrix import Toeplitz

__all__ = ["draw_matrix", "entry_colour"]

_MARGIN, _GAP, _WIDEST, _TALLEST, _LARGEST = 18.0, 46.0, 640.0, 520.0, 26.0
_READABLE = 11.0  # points of a cell whose number is written
_BLOCKS = 120  # a side: more rows or columns are drawn together


def entry_colour(a: int, b: int, rows: int, columns: int) -> str:
    """Return the colour of a place in the kernel: a hue for each, light enough for dark text, in two shades."""
    index, count = a * columns + b, max(rows * columns, 1)
    light = (0.80, 0.70)[(a + b) % 2]
    red, green, blue = colorsys.hls_to_rgb(0.95 * index / count, light, 0.62)
    return "#" + "".join(f"{round(255 * part):02x}" for part in (red, green, blue))


class MatrixDrawing:
    """Draws the matrix; ``scene`` is the result."""

    def __init__(self, shown: Toeplitz) -> None:
        self.shown, self.layout = shown, shown.layout
        self.palette = PALETTES["dark" if shown.theme == "dark" else "light"]
        self.things: list[Any] = []
        rows, columns = shown.shape
        self.block = max(1, math.ceil(max(rows, columns) / _BLOCKS))
        self.drawn = math.ceil(rows / self.block), math.ceil(columns / self.block)
        self.cell = min(_LARGEST, _WIDEST / (self.drawn[1] + 2), max(_TALLEST / (self.drawn[0] + 2), 4.0))
        row, column, entry = shown.places
        self.lit = {int(c): int(e) for r, c, e in zip(row, column, entry) if r == shown.row}

    def colour(self, entry: int) -> str:
        """Return the colour of an index into the weight."""
        k = (self.layout.rows.kernel, self.layout.columns.kernel)
        a, b = divmod(entry % (k[0] * k[1]), k[1])
        return entry_colour(a, b, *k)

    def scene(self) -> Scene:
        """Draw everything."""
        x, y = _MARGIN, 20.0
        self.say(x, y, "The convolution as a matrix", 14, bold=True)
        bottom, right = self.panels(y + 22)
        matrix_right, bottom = self.matrix(bottom + 30)
        width = max(right, matrix_right, 420.0) + _MARGIN
        bottom = self.captions(bottom + 18, width)
        return Scene(
            width, bottom, "The convolution as a matrix", self.shown.description, self.palette.background, self.things
        )

    def say(
        self, x: float, y: float, text: str, size: float, colour: str = "", anchor: str = "start", bold: bool = False
    ) -> None:
        """Write a line."""
        self.things.append(Words(x, y, text, size, colour or self.palette.text, anchor, bold))

    # Image, kernel, output

    def panels(self, top: float) -> tuple[float, float]:
        """Draw the image with the window of the highlighted row, the kernel and the output; return bottom and right."""
        layout, shown = self.layout, self.shown
        output, place = divmod(shown.row, math.prod(layout.output))
        group = output // (layout.out_channels // layout.groups)
        source = group * (layout.in_channels // layout.groups)
        tall = max(*layout.image, layout.rows.kernel, *layout.output)
        c = max(
            3.0,
            min(24.0, 150 / tall, (_WIDEST - 2 * _GAP) / (layout.image[1] + layout.columns.kernel + layout.output[1])),
        )
        base = source * math.prod(layout.image)
        named = layout.in_channels + layout.out_channels > 2
        words = (
            (f"x, channel {source}", f"kernel {source} → {output}", f"y, channel {output}")
            if named
            else ("x", "kernel", "y")
        )
        weight = shown.weight.reshape(layout.out_channels, -1, layout.rows.kernel, layout.columns.kernel)[output, 0]
        entries = np.arange(weight.size).reshape(weight.shape)
        pixels = [
            [self.lit.get(base + i * layout.image[1] + j) for j in range(layout.image[1])]
            for i in range(layout.image[0])
        ]
        made = [[None] * layout.output[1] for _ in range(layout.output[0])]
        x, bottom = _MARGIN, top
        parts: list[tuple[Any, Any, str]] = [
            (shown.x[source], pixels, "input"), (weight, entries.tolist(), "parameter"),
            (shown.y[output], made, "output"),
        ]  # fmt: skip
        for (values, marks, kind), word in zip(parts, words):
            width = max(len(values[0]) * c, words_width(word, 10))
            self.say(x + width / 2, top, word, 10, "", "middle", True)
            self.grid(x + (width - len(values[0]) * c) / 2, top + 12, c, values, marks, kind)
            if kind == "output":
                i, j = divmod(place, layout.output[1])
                left = x + (width - len(values[0]) * c) / 2 + j * c
                self.things.append(Rect(left, top + 12 + i * c, c, c, "none", self.palette.kinds["output"].line, 2.4))
            bottom, x = max(bottom, top + 12 + len(values) * c), x + width + _GAP
        return bottom, x - _GAP

    def grid(self, x: float, y: float, c: float, values: Any, marks: Any, kind: str) -> None:
        """Draw a small plane; marked cells have the colour of their kernel entry."""
        style = self.palette.kinds[kind]
        texts = [[cell_number(float(v)) for v in row] for row in values]
        longest = max(len(text) for row in texts for text in row)
        size = min(0.42 * c, (c - 2) / (0.56 * longest))
        for i, row in enumerate(texts):
            for j, text in enumerate(row):
                mark = marks[i][j]
                fill = style.fill if mark is None else self.colour(mark)
                self.things.append(Rect(x + j * c, y + i * c, c, c, fill, style.line, 0.8 if c > 8 else 0.3))
                if size >= 5:
                    ink = style.text if mark is None else DARK_TEXT
                    self.say(x + (j + 0.5) * c, y + (i + 0.5) * c, text, size, ink, "middle")

    # The matrix

    def matrix(self, top: float) -> tuple[float, float]:
        """Draw x along the top, the matrix under it, y at the right; return right and bottom."""
        c, (rows, columns) = self.cell, self.drawn
        x, y = _MARGIN, top + 1.5 * c
        if self.block == 1:
            self.say(
                x, top - 9, "x.ravel() along the top, the matrix, and what it makes: y.ravel()", 9, self.palette.faint
            )
            self.strip(x, top, self.shown.x.ravel(), "input", down=False)
            self.strip(x + (columns + 0.5) * c, y, self.shown.y.ravel(), "output", down=True)
        self.things.append(Rect(x, y, columns * c, rows * c, self.palette.kinds["constant"].fill))
        self.cells(x, y)
        self.rules(x, y)
        line = self.palette.kinds["output"].line
        self.things.append(Rect(x, y + self.shown.row // self.block * c, columns * c, c, "none", line, 2.0))
        return x + (columns + (1.5 if self.block == 1 else 0)) * c, y + rows * c

    def strip(self, x: float, y: float, values: Any, kind: str, down: bool) -> None:
        """Draw a vector along the matrix."""
        c, style = self.cell, self.palette.kinds[kind]
        texts = [cell_number(float(v)) for v in values]
        size = min(0.42 * c, (c - 2) / (0.56 * max(map(len, texts))))
        for index, text in enumerate(texts):
            at = (x, y + index * c) if down else (x + index * c, y)
            lit = index == self.shown.row if down else index in self.lit
            fill = self.colour(self.lit[index]) if lit and not down else style.fill
            self.things.append(Rect(*at, c, c, fill, style.line, 2.0 if lit and down else 0.6 if c > 8 else 0.3))
            if c >= _READABLE and size >= 4.5:
                self.say(
                    at[0] + c / 2, at[1] + c / 2, text, size, DARK_TEXT if lit and not down else style.text, "middle"
                )

    def cells(self, x: float, y: float) -> None:
        """Draw what comes from the kernel; of many entries drawn together, the first."""
        c, block = self.cell, self.block
        row, column, entry = self.shown.places
        found: dict[tuple[int, int], int] = {}
        if block > 1:
            keys, first = np.unique(row // block * self.drawn[1] + column // block, return_index=True)
            found = {divmod(int(key), self.drawn[1]): int(entry[at]) for key, at in zip(keys, first)}
        else:
            found = {(int(r), int(k)): int(e) for r, k, e in zip(row, column, entry)}
        values = self.shown.weight.ravel()
        for (r, k), e in sorted(found.items(), key=lambda item: (self.colour(item[1]), item[0])):
            self.things.append(Rect(x + k * c, y + r * c, c, c, self.colour(e)))
        if block > 1 or c < _READABLE:
            return
        texts = {e: cell_number(float(values[e])) for e in set(found.values())}
        size = min(0.42 * c, (c - 2) / (0.56 * max(map(len, texts.values()))))
        for r in range(self.drawn[0]):
            for k in range(self.drawn[1]):
                text = texts[found[r, k]] if (r, k) in found else "0"
                ink = DARK_TEXT if (r, k) in found else self.palette.faint
                if size >= 4.5:
                    self.say(x + (k + 0.5) * c, y + (r + 0.5) * c, text, size, ink, "middle")

    def rules(self, x: float, y: float) -> None:
        """Draw the lines between the cells, and stronger ones between the rows of pixels."""
        c, (rows, columns) = self.cell, self.drawn
        grey = self.palette.kinds["constant"].line
        steps: list[tuple[int, float]] = [(1, 0.25)] if c >= 6 else []
        for count, length, across, group in (
            (columns, rows * c, True, self.layout.image[1]), (rows, columns * c, False, self.layout.output[1])
        ):  # fmt: skip
            for step, thick in [*steps, *([(group, 0.9)] if self.block == 1 and group > 1 and c >= 3 else [])]:
                for n in range(0, count + 1, step):
                    ends = (
                        ((x + n * c, y), (x + n * c, y + length))
                        if across
                        else ((x, y + n * c), (x + length, y + n * c))
                    )
                    self.things.append(Line(ends, grey, thick))
        self.things.append(Rect(x, y, columns * c, rows * c, "none", grey, 1.0))

    def captions(self, y: float, width: float) -> float:
        """Write what there is to say; return where it ends."""
        shown = self.shown
        lines = [(shown.counts, self.palette.text)]
        if self.block > 1:
            lines.append((f"drawn together: {self.block} × {self.block} entries to a cell", self.palette.faint))
        lines.append((
            f"framed: row {shown.row}, which makes y.ravel()[{shown.row}]; a row has a column for each pixel, so all "
            "rows are equally long; strong lines part the rows of pixels", self.palette.faint,
        ))  # fmt: skip
        lines.append(("the kernel is not flipped: mathematics calls this cross-correlation", self.palette.faint))
        for text, colour in lines:
            for part in wrap(text, int((width - 2 * _MARGIN) / words_width("0", 10.5))):
                self.say(_MARGIN, y, part, 10.5, colour)
                y += 15
        return y + 6


def draw_matrix(shown: Toeplitz) -> Scene:
    """Draw the matrix of a convolution."""
    return MatrixDrawing(shown).scene()
