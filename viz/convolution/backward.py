"""The way back: what each number of the output's gradient hands to the pixels and to the kernel that made it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from viz.convolution.scene import Rect

if TYPE_CHECKING:
    from viz.convolution.drawing import Drawing, Panel

__all__ = ["draw_backward"]


def draw_backward(drawing: Drawing) -> None:
    """Draw the second row: the gradients so far, and what this step adds."""
    numbers, g = drawing.numbers, drawing.geometry
    fields, kernels, outputs = drawing.bands[1]
    last = g.steps - 1 if drawing.look.filled is None else drawing.look.filled
    dx, dw = numbers.gradients(0, last)
    red = drawing.look.palette.backward
    drawing.beams(1, red, back=True)
    for channel, panel in fields.items():
        input_gradient(drawing, panel, channel, dx[channel], red)
    for channel in drawing.read:
        at = list(g.inputs_of(drawing.channel)).index(channel)
        panel = kernels[channel]
        drawing.plain(panel, drawing.kinds["failed"].fill, drawing.kinds["parameter"].line)
        drawing.heat(panel, dw[drawing.channel, at])
        drawing.written(panel, dw[drawing.channel, at], red)
    for channel, panel in outputs.items():
        drawing.plain(panel, drawing.look.palette.background, drawing.kinds["output"].line)
        drawing.heat(panel, numbers.upstream[channel])
        drawing.written(panel, numbers.upstream[channel], red)
        if channel == drawing.channel:
            x, y = panel.corner(drawing.row, drawing.column)
            drawing.things.append(Rect(x, y, panel.cell, panel.cell, drawing.kinds["failed"].fill, red, 2.6))
            value = np.full(numbers.upstream[channel].shape, np.nan)
            value[drawing.row, drawing.column] = numbers.upstream[channel, drawing.row, drawing.column]
            drawing.written(panel, value, red, np.ones(value.shape, bool))
    whole = last >= g.steps - 1
    done = "complete" if whole else f"after {last + 1} of {g.steps}"
    if drawing.look.arranged:
        drawing.headings(1, [("gradient: input", done), ("kernel", done), ("output", "given")], red)


def input_gradient(drawing: Drawing, panel: Panel, channel: int, dx: Any, red: str) -> None:
    """Draw the gradient of an input plane; what falls onto zeros, which are no pixels, goes nowhere."""
    g, zero, pixel = drawing.geometry, drawing.kinds["constant"], drawing.kinds["input"]
    touched = drawing.touched(channel)
    values = np.full(g.field, np.nan)
    for i, y in enumerate(g.rows.field):
        for j, x in enumerate(g.columns.field):
            real = min(x, y) >= 0
            if real:
                values[i, j] = dx[y, x]
            paper = drawing.look.palette.background if real else zero.fill
            fill = drawing.kinds["failed"].fill if touched[i, j] and real else paper
            left, top = panel.corner(i, j)
            line = pixel.line if real else zero.line
            drawing.things.append(Rect(left, top, panel.cell, panel.cell, fill, line, 0.8, "" if real else "2 2"))
    drawing.heat(panel, values)
    drawing.written(panel, values, red, touched)
    if touched.any():
        rows, columns = g.rows.taps(drawing.row), g.columns.taps(drawing.column)
        spread = max(g.rows.dilation, g.columns.dilation) > 1
        drawing.things.append(drawing.frame(panel, rows, columns, red, "4 2" if spread else ""))
