"""One step of a convolution as a scene: input with its zeros, kernel, output; below, what flows back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from viz.convolution.backward import draw_backward
from viz.convolution.captions import caption, describe
from viz.convolution.geometry import column_titles
from viz.convolution.numbers import Numbers
from viz.convolution.scene import Line, Rect, Scene, Words, words_width
from viz.convolution.sums import cell_number, letter_size
from viz.style.theme import Palette, heat_colour

__all__ = ["Drawing", "Look", "Panel", "draw_step"]

_GAP, _SMALL_GAP, _MARGIN, _CAPTION, _BETWEEN, _HEADING = 52.0, 24.0, 18.0, 16.0, 12.0, 54.0
_WIDEST, _TALLEST, _CELL = 640.0, 430.0, 34.0
_LEAST = 5.4  # points: smaller letters are left out
_GROUPS = ("op", "module", "output", "input", "parameter", "composite")
_SHOWN = 4  # planes that are drawn of the input, and of the output
_FINE = 20  # pixels a side: of larger planes half as many are drawn


@dataclass(frozen=True)
class Look:
    """What a picture of a step shows. filled: the last step whose number is known; arranged: text above and below."""

    palette: Palette
    values: bool = True
    backward: bool = False
    filled: int | None = None
    arranged: bool = True
    widest: float = _WIDEST


@dataclass(frozen=True)
class Panel:
    """A plane of cells: its corner, and the size of a cell."""

    x: float
    y: float
    cell: float
    rows: int
    columns: int

    @property
    def width(self) -> float:
        return self.columns * self.cell

    @property
    def height(self) -> float:
        return self.rows * self.cell

    def corner(self, row: int, column: int) -> tuple[float, float]:
        """Return the upper left corner of a cell."""
        return self.x + column * self.cell, self.y + row * self.cell


class Drawing:
    """Draws one step; ``scene`` is the result."""

    def __init__(self, numbers: Numbers, step: int, look: Look) -> None:
        self.numbers, self.geometry, self.step, self.look = numbers, numbers.geometry, step, look
        self.channel, self.row, self.column = self.geometry.place(step)
        self.kinds = look.palette.kinds
        most = _SHOWN if max(*self.geometry.field, *self.geometry.output) <= _FINE else _SHOWN // 2
        self.inputs = shown(self.geometry.inputs_of(self.channel), self.geometry.in_channels, most)
        self.outputs = shown(range(self.channel, self.channel + 1), self.geometry.out_channels, most)
        self.things: list[Any] = []
        self.heated = False
        self.cell = self.cell_size()
        self.layout()

    # Where everything stands

    def cell_size(self) -> float:
        """Return how large a cell can be."""
        g = self.geometry
        across = g.field[1] + g.kernel[1] + g.output[1]
        bands = 2 if self.look.backward else 1
        down = bands * max(len(self.inputs) * g.field[0], len(self.outputs) * g.output[0])
        return max(
            4.0,
            min(
                _CELL,
                (self.look.widest - 2 * (_GAP if self.look.arranged else _SMALL_GAP)) / across,
                max(_TALLEST / down, 15.0),
            ),
        )

    def layout(self) -> None:
        """Give every plane its place."""
        g, c = self.geometry, self.cell
        gaps = self.gaps()
        labels = _CAPTION if len(self.inputs) > 1 or len(self.outputs) > 1 else 0.0
        tall = [max(g.field[0], g.kernel[0]) * c + labels, g.output[0] * c + labels]
        heights = [len(self.inputs) * tall[0] + (len(self.inputs) - 1) * _BETWEEN,
                   len(self.outputs) * tall[1] + (len(self.outputs) - 1) * _BETWEEN]  # fmt: skip
        self.block = max(heights)
        self.top = _MARGIN + (58.0 if self.look.arranged else 4.0)
        band = self.block + (_HEADING if self.look.arranged else 14.0)
        self.bands = []
        kernel_x = _MARGIN + g.field[1] * c + gaps[0]
        output_x = kernel_x + g.kernel[1] * c + gaps[1]
        for index in range(2 if self.look.backward else 1):
            y = self.top + index * band
            first, last = (y + (self.block - height) / 2 for height in heights)
            fields, kernels, outputs = {}, {}, {}
            for position, channel in enumerate(self.inputs):
                up = first + position * (tall[0] + _BETWEEN) + labels
                room = tall[0] - labels
                fields[channel] = Panel(_MARGIN, up + (room - g.field[0] * c) / 2, c, *g.field)
                kernels[channel] = Panel(kernel_x, up + (room - g.kernel[0] * c) / 2, c, *g.kernel)
            for position, channel in enumerate(self.outputs):
                outputs[channel] = Panel(output_x, last + position * (tall[1] + _BETWEEN) + labels, c, *g.output)
            self.bands.append((fields, kernels, outputs))
        self.bottom = self.top + self.block + (band if self.look.backward else 0.0)
        self.right = output_x + g.output[1] * c

    def gaps(self) -> tuple[float, float]:
        """Return the room between input, kernel and output: enough for what stands above them."""
        if not self.look.arranged:
            return _SMALL_GAP, _SMALL_GAP
        g, c = self.geometry, self.cell
        halves = [max(words_width(text, 10) for text in title) / 2 for title in column_titles(g)]
        half = [g.field[1] * c / 2, g.kernel[1] * c / 2, g.output[1] * c / 2]
        need = [halves[i] + halves[i + 1] + 12 - half[i] - half[i + 1] for i in (0, 1)]
        return max(_GAP, need[0] + max(0.0, halves[0] - half[0])), max(_GAP, need[1])

    @property
    def read(self) -> list[int]:
        """The shown input channels that the highlighted output reads."""
        return [channel for channel in self.inputs if channel in self.geometry.inputs_of(self.channel)]

    # Parts

    def cells(self, panel: Panel, kind: str, values: Any, tips: bool = False) -> None:
        """Draw a plane of cells of one kind with its numbers; NaN: none."""
        style = self.kinds[kind]
        self.plain(panel, style.fill, style.line)
        self.heat(panel, values)
        self.written(panel, values, style.text)

    def heat(self, panel: Panel, values: Any) -> bool:
        """Paint a plane's numbers as colours where they are too small to read; NaN: none. Return whether it did."""
        if not self.look.values or self.readable(panel, values):
            return False
        largest = float(np.nanmax(np.abs(values))) if np.isfinite(values).any() else 0.0
        for i, j in np.argwhere(~np.isnan(values)):
            x, y = panel.corner(i, j)
            self.things.append(Rect(x, y, panel.cell, panel.cell, heat_colour(float(values[i, j]), largest)))
        self.heated = True
        return True

    def readable(self, panel: Panel, values: Any) -> bool:
        """Whether the numbers of a plane can be written into its cells."""
        longest = max((len(cell_number(v)) for v in np.ravel(values)), default=0)
        return letter_size(panel.cell, longest) >= _LEAST

    def plain(self, panel: Panel, fill: str, line: str, dash: str = "") -> None:
        """Draw a plane of empty cells: one rectangle and the lines between."""
        thin = 0.4 if panel.cell < 12 else 0.8
        self.things.append(Rect(panel.x, panel.y, panel.width, panel.height, fill))
        for row in range(panel.rows):
            for column in range(panel.columns):
                x, y = panel.corner(row, column)
                self.things.append(Rect(x, y, panel.cell, panel.cell, "none", line, thin, dash))

    def written(self, panel: Panel, values: Any, colour: str, bold: Any = None, up: Any = None) -> None:
        """Write the numbers of a plane, all in one size, if they can be read; ``up``: cells that need room below."""
        if not self.look.values:
            return
        texts = [[cell_number(v) for v in row] for row in values]
        longest = max((len(text) for row in texts for text in row), default=0)
        size = letter_size(panel.cell, longest)
        if size < _LEAST:
            return
        for i, row in enumerate(texts):
            for j, text in enumerate(row):
                if text:
                    x, y = panel.corner(i, j)
                    lift = 0.12 * panel.cell if up is not None and up[i, j] else 0.0
                    strong = bool(bold is not None and bold[i, j])
                    self.things.append(Words(x + panel.cell / 2, y + panel.cell / 2 - lift, text, size, colour,
                                             "middle", strong))  # fmt: skip

    def field(self, panel: Panel, channel: int) -> None:
        """Draw an input plane with the zeros around and between, the window, and what nobody reads."""
        g = self.geometry
        touched = self.touched(channel)
        zero, pixel, kernel = self.kinds["constant"], self.kinds["input"], self.kinds["parameter"]
        values = np.zeros(g.field)
        for i, y in enumerate(g.rows.field):
            for j, x in enumerate(g.columns.field):
                real = min(x, y) >= 0
                values[i, j] = self.numbers.x[channel, y, x] if real else 0.0
                style = kernel if touched[i, j] else pixel if real else zero
                left, top = panel.corner(i, j)
                line = pixel.line if real else zero.line
                self.things.append(Rect(left, top, panel.cell, panel.cell, style.fill, line,
                                        0.8 if panel.cell >= 12 else 0.4, "" if real else "2 2"))  # fmt: skip
        pixels = np.outer(np.array(g.rows.field) >= 0, np.array(g.columns.field) >= 0)
        self.heat(panel, np.where(pixels, values, np.nan))
        self.hatch(panel)
        self.written(panel, np.where(touched, np.nan, values), pixel.text)
        lifted = touched if self.letters_of_taps() >= _LEAST else None
        self.written(panel, np.where(touched, values, np.nan), kernel.text, touched, lifted)
        if touched.any():
            self.window(panel, channel)

    def touched(self, channel: int) -> Any:
        """Return which places of the field the highlighted output reads."""
        g = self.geometry
        found = np.zeros(g.field, bool)
        if channel in g.inputs_of(self.channel):
            found[np.ix_(g.rows.taps(self.row), g.columns.taps(self.column))] = True
        return found

    def window(self, panel: Panel, channel: int) -> None:
        """Frame the places that are read, with the kernel's entries small in their corners."""
        g, style = self.geometry, self.kinds["parameter"]
        rows, columns = g.rows.taps(self.row), g.columns.taps(self.column)
        kernel = self.numbers.slid[self.channel, list(g.inputs_of(self.channel)).index(channel)]
        spread = max(g.rows.dilation, g.columns.dilation) > 1
        texts = [[cell_number(v) for v in row] for row in kernel]
        size = self.letters_of_taps()
        for i, row in enumerate(rows):
            for j, column in enumerate(columns):
                x, y = panel.corner(row, column)
                if spread:
                    self.things.append(Rect(x, y, panel.cell, panel.cell, "none", style.line, 2.0))
                if size >= _LEAST and self.look.values:
                    self.things.append(Words(x + panel.cell - 3, y + panel.cell - 0.6 * size - 1.5, f"×{texts[i][j]}",
                                             size, style.line, "end"))  # fmt: skip
        self.things.append(self.frame(panel, rows, columns, style.line, "4 2" if spread else ""))

    def letters_of_taps(self) -> float:
        """Return how large the kernel's entries can stand in the corners of the window's cells."""
        longest = max(len(cell_number(v)) for v in self.numbers.slid[self.channel].ravel())
        return min(0.27 * self.cell, (self.cell - 4) / (0.56 * (longest + 1)))

    def frame(self, panel: Panel, rows: list[int], columns: list[int], colour: str, dash: str = "") -> Rect:
        """Return a thick frame around a range of cells."""
        x, y = panel.corner(rows[0], columns[0])
        width, height = (columns[-1] - columns[0] + 1) * panel.cell, (rows[-1] - rows[0] + 1) * panel.cell
        return Rect(x, y, width, height, "none", colour, 2.6 if panel.cell >= 12 else 1.6, dash)

    def hatch(self, panel: Panel) -> None:
        """Hatch the places that no window reads."""
        g, colour = self.geometry, self.look.palette.faint
        for i in range(panel.rows):
            for j in range(panel.columns):
                if i in g.rows.read and j in g.columns.read:
                    continue
                x, y = panel.corner(i, j)
                for part in (0.5, 1.0, 1.5) if panel.cell >= 12 else (1.0,):
                    low, high = max(part - 1, 0.0) * panel.cell, min(part, 1.0) * panel.cell
                    self.things.append(Line(((x + low, y + high), (x + high, y + low)), colour, 0.7))

    def output(self, panel: Panel, channel: int) -> None:
        """Draw an output plane: what is known so far, and the number that is made now."""
        style, g = self.kinds["output"], self.geometry
        places = np.arange(g.steps).reshape(g.out_channels, *g.output)[channel]
        last = g.steps if self.look.filled is None else self.look.filled
        self.plain(panel, style.fill if last >= places[0, 0] else self.look.palette.background, style.line)
        for i, j in np.argwhere(places > last):
            x, y = panel.corner(i, j)
            self.things.append(Rect(x, y, panel.cell, panel.cell, self.look.palette.background, style.line, 0.8, "2 2"))
        now = places == self.step
        values = np.where(places <= last, self.numbers.y[channel], np.nan)
        self.heat(panel, values)
        self.written(panel, values, style.text, now)
        if channel == self.channel:
            self.things.append(self.frame(panel, [self.row], [self.column], style.line))

    def beams(self, band: int, colour: str, back: bool = False) -> None:
        """Draw lines from the window through the kernel to the output, or back."""
        fields, kernels, outputs = self.bands[band]
        g = self.geometry
        target = outputs[self.channel]
        x, y = target.corner(self.row, self.column)
        for channel in self.read:
            window, kernel = fields[channel], kernels[channel]
            rows, columns = g.rows.taps(self.row), g.columns.taps(self.column)
            right = window.corner(0, columns[-1] + 1)[0]
            for end, at in ((rows[0], 0), (rows[-1] + 1, 1)):
                start = (right, window.corner(end, 0)[1])
                middle = (kernel.x, kernel.y + at * kernel.height)
                out = (kernel.x + kernel.width, middle[1])
                goal = (x, y + at * target.cell)
                self.things.append(Line((start, middle), colour, 0.9, "3 2"))
                self.things.append(Line((out, goal), colour, 0.9, "3 2"))
            if back:
                level = kernel.y + kernel.height / 2
                self.things.append(Line(((kernel.x - 8, level), (kernel.x - _GAP + 8, level)), colour, 1.6, head=True))
        if back:
            level = y + target.cell / 2
            kernel = kernels[self.read[0]]
            self.things.append(Line(((target.x - 8, level), (target.x - _GAP + 8, level)), colour, 1.6, head=True))

    def labels(self, band: int) -> None:
        """Name each plane where there are several; a group by a coloured bar and its number."""
        g = self.geometry
        fields, kernels, outputs = self.bands[band]
        if len(self.inputs) == 1 and len(self.outputs) == 1:
            return
        for panels, share in ((fields, g.in_channels // g.groups), (outputs, g.out_channels // g.groups)):
            for channel, panel in panels.items():
                group = f", group {channel // share}" if g.groups > 1 else ""
                colour = self.kinds[_GROUPS[channel // share % len(_GROUPS)]].line
                self.say(panel.x, panel.y - 8, f"channel {channel}{group}", 9, self.look.palette.text)
                if g.groups > 1:
                    self.things.append(Rect(panel.x - 6, panel.y, 3.5, panel.height, colour))
        for channel, panel in kernels.items():
            if channel in self.read:
                said = f"for {channel} → {self.channel}"
                self.say(panel.x + panel.width / 2, panel.y - 8, said, 9, self.look.palette.text, "middle")

    def say(self, x: float, y: float, text: str, size: float, colour: str, anchor: str = "start") -> None:
        """Write a line."""
        self.things.append(Words(x, y, text, size, colour, anchor))

    # The whole

    def forward(self) -> None:
        """Draw input, kernel and output."""
        fields, kernels, outputs = self.bands[0]
        self.beams(0, self.kinds["parameter"].line)
        for channel, panel in fields.items():
            self.field(panel, channel)
        for channel in self.read:
            at = list(self.geometry.inputs_of(self.channel)).index(channel)
            self.cells(kernels[channel], "parameter", self.numbers.slid[self.channel, at])
        for channel, panel in outputs.items():
            self.output(panel, channel)
        self.labels(0)

    def headings(self, band: int, words: Sequence[tuple[str, str]], colour: str) -> None:
        """Write what the three columns are, and how large."""
        y = self.top + band * (self.block + _HEADING) - 25
        for part, lines in zip(self.bands[band], words):
            panel = next(iter(part.values()))
            half = max(words_width(text, 10) for text in lines) / 2
            centre = max(panel.x + panel.width / 2, half + 8)
            self.things.append(Words(centre, y, lines[0], 11, colour, "middle", True))
            self.say(centre, y + 14, lines[1], 10, colour, "middle")


def shown(wanted: range, channels: int, most: int) -> list[int]:
    """Return which planes are drawn: all of a few, else the first of those that matter."""
    if channels <= most:
        return list(range(channels))
    if len(wanted) > 1:
        return list(wanted)[:most]
    return list(range(most)) if wanted[0] < most else [*range(most - 1), wanted[0]]


def draw_step(numbers: Numbers, step: int, look: Look) -> Scene:
    """Draw a step of a convolution."""
    drawing = Drawing(numbers, step, look)
    drawing.forward()
    if look.arranged:
        drawing.headings(0, column_titles(numbers.geometry), look.palette.text)
    if look.backward:
        draw_backward(drawing)
    width = max(drawing.right + _MARGIN, 460.0 if look.arranged else 0.0)
    bottom = caption(drawing, width) if look.arranged else drawing.bottom + _MARGIN
    return Scene(width, bottom, numbers.geometry.title, describe(numbers, step, look), look.palette.background,
                 drawing.things)  # fmt: skip
