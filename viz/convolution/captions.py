"""What stands above and below the cells: title, how the size comes about, the sum, the signs."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from viz.convolution.geometry import Geometry, column_titles
from viz.convolution.scene import Line, Rect, Words, words_width
from viz.convolution.sums import sum_lines
from viz.style.numbers import number
from viz.style.theme import heat_colour

if TYPE_CHECKING:
    from viz.convolution.drawing import Drawing, Look
    from viz.convolution.numbers import Numbers

__all__ = ["caption", "describe"]

_MARGIN = 18.0


def caption(drawing: Drawing, width: float) -> float:
    """Write the title above the cells and everything below them; return the height of the picture."""
    g, ink, faint = drawing.geometry, drawing.look.palette.text, drawing.look.palette.faint
    drawing.things.append(Words(_MARGIN, 20, g.title, 14, ink, "start", True))
    y = drawing.bottom + 22
    lines: list[tuple[str, float, str, bool]] = []
    if drawing.look.values:
        made = f"output {place(g, drawing.step)}"
        lines += [(made, 10.5, drawing.kinds["output"].line, True)]
        sums = sum_lines(drawing.numbers, drawing.step)
        lines += [(text, 10.5, ink, False) for line in sums for text in wrapped(line, width, 10.5)]
        if drawing.look.backward:
            lines += [
                (text, 10.5, drawing.look.palette.backward, False) for text in wrapped(back(drawing), width, 10.5)
            ]
    lines += [(text, 10, ink, False) for line in g.sizes for text in wrapped(line, width, 10)]
    lines += [(text, 10, faint, False) for line in remarks(drawing) for text in wrapped(line, width, 10)]
    for text, size, colour, bold in lines:
        drawing.things.append(Words(_MARGIN, y, text, size, colour, "start", bold))
        y += size * 1.45
    return legend(drawing, y + 2, width) + 12


def place(g: Geometry, step: int) -> str:
    """Return where a number of the output stands, as an index."""
    channel, row, column = g.place(step)
    index = [column] if g.flat else [row, column]
    return str([channel, *index] if g.out_channels > 1 else index)


def back(drawing: Drawing) -> str:
    """Return what the highlighted number of the output's gradient hands back, as a rule with its number."""
    channel, row, column = drawing.geometry.place(drawing.step)
    upstream = number(float(drawing.numbers.upstream[channel, row, column]))
    return (
        f"back: the gradient here is {upstream}; each pixel of the window gets {upstream} · its kernel entry, each "
        f"kernel entry {upstream} · its pixel, added to what other windows hand them"
    )


def remarks(drawing: Drawing) -> list[str]:
    """Return what should be said of this setting."""
    g = drawing.geometry
    found = [g.losses] if g.losses else []
    for channels, planes, word in (
        (g.in_channels, drawing.inputs, "input"),
        (g.out_channels, drawing.outputs, "output"),
    ):
        if len(planes) < channels:
            found.append(f"{len(planes)} of {channels:,} {word} channels are drawn, the sums are of all")
    return found


def wrapped(text: str, width: float, size: float) -> list[str]:
    """Return a text in lines that fit."""
    return wrap(text, max(20, int((width - 2 * _MARGIN) / words_width("0", size))), subsequent_indent="    ")


def legend(drawing: Drawing, y: float, width: float) -> float:
    """Draw the signs that occur, with what they mean; return where they end."""
    x = _MARGIN
    for kind, text in entries(drawing):
        room = words_width(text, 9) + 24
        if x + room > width - _MARGIN and x > _MARGIN:
            x, y = _MARGIN, y + 15
        swatch(drawing, kind, x, y)
        drawing.things.append(Words(x + 17, y, text, 9, drawing.look.palette.faint, "start"))
        x += room
    return y + 6


def entries(drawing: Drawing) -> list[tuple[str, str]]:
    """Return the signs of this picture."""
    g = drawing.geometry
    found = [("input", "input"), ("parameter", "kernel and its window"), ("output", "output")]
    if g.field != g.input:
        between = g.transposed and max(g.rows.stride, g.columns.stride) > 1
        found.append(("constant", "zero inserted or around" if between else "zero around (padding)"))
    if len(g.rows.read) < g.field[0] or len(g.columns.read) < g.field[1]:
        found.append(("hatch", "read by no window"))
    if drawing.heated:
        found.append(("heat", "numbers as colours: blue below 0, white 0, orange above"))
    if drawing.look.backward:
        found.append(("failed", "gradient handed back now"))
    return found


def swatch(drawing: Drawing, kind: str, x: float, y: float) -> None:
    """Draw a small sign."""
    if kind == "heat":
        drawing.things += [Rect(x + 4 * i, y - 5, 4, 10, heat_colour(v, 1.0)) for i, v in enumerate((-1.0, 0.0, 1.0))]
        return
    style = drawing.kinds["constant" if kind == "hatch" else kind]
    dash = "2 2" if kind in ("constant", "hatch") else ""
    drawing.things.append(Rect(x, y - 5, 12, 10, style.fill, style.line, 1.0, dash))
    if kind == "hatch":
        drawing.things += [
            Line(((x + low, y + 5), (x + low + 6, y - 5)), drawing.look.palette.faint, 0.7) for low in (0, 6)
        ]


def describe(numbers: Numbers, step: int, look: Look) -> str:
    """Return the picture in words."""
    g = numbers.geometry
    sizes = ", ".join(" ".join(title) for title in column_titles(g))
    said = f"{g.title}: {sizes}. " + "; ".join(g.sizes) + "."
    said += f" {g.losses}." if g.losses else ""
    return said + (f" Output {place(g, step)} is {'; '.join(sum_lines(numbers, step))}." if look.values else "")
