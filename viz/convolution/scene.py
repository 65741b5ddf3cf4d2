"""A picture as a list of rectangles, lines and words: to SVG text of its own, or to pixels through matplotlib."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from viz.figures.figure import Figure, blank, rendering, slide_dpi
from viz.output.svg import finish_svg
from viz.style.escape import plain_text
from viz.style.theme import LIGHT, dark_css

__all__ = ["Line", "Rect", "Scene", "Words", "words_width"]

_FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"
_WIDE = 0.56  # of a letter's height: the mean width of digits and letters


@dataclass(frozen=True)
class Rect:
    """A rectangle in points; ``fill`` and ``line`` are colours, or "none"."""

    x: float
    y: float
    width: float
    height: float
    fill: str = "none"
    line: str = "none"
    thickness: float = 1.0
    dash: str = ""
    tip: str = ""


@dataclass(frozen=True)
class Line:
    """A line from point to point."""

    points: tuple[tuple[float, float], ...]
    line: str
    thickness: float = 1.0
    dash: str = ""
    head: bool = False


@dataclass(frozen=True)
class Words:
    """Text whose middle (vertically) is at y; ``anchor``: start, middle or end."""

    x: float
    y: float
    text: str
    size: float
    fill: str
    anchor: str = "middle"
    bold: bool = False


@dataclass
class Scene:
    """Things to draw, back to front; width and height in points (1/72 inch)."""

    width: float
    height: float
    title: str
    description: str
    background: str = LIGHT.background
    things: list[Rect | Line | Words] = field(default_factory=list)

    def svg(self, follow: bool = True, widest: float | None = None) -> str:
        """The picture as an SVG element; ``follow``: it turns dark with the page around it."""
        body = "".join(grouped(self.things))
        paper = f'<rect width="{n(self.width)}" height="{n(self.height)}" fill="{self.background}"/>'
        raw = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{n(self.width)}pt" height="{n(self.height)}pt" '
            f'viewBox="0 0 {n(self.width)} {n(self.height)}">{paper}<g font-family="{_FONT}">{body}</g></svg>'
        )
        dark = dark_css() if follow else {}
        return finish_svg(raw, title=self.title, description=self.description, dark=dark, widest=widest)

    def png(self) -> bytes:
        """The picture as PNG, as wide as a slide or wider; ImportError where matplotlib is missing."""
        return self.figure().png(slide_dpi(self.width / 72))

    def pdf(self) -> bytes:
        """The picture as PDF; ImportError where matplotlib is missing."""
        return self.figure().pdf()

    def figure(self) -> Figure:
        """The picture as a matplotlib figure; ImportError where that is missing."""
        figure = Figure(description=self.description, size=(self.width / 72, self.height / 72))
        paint(figure.canvas, self)
        return figure

    def pixels(self, dpi: float) -> Any:
        """The picture as an array (height, width, 4) of bytes; ImportError where matplotlib is missing."""
        import numpy as np

        canvas = blank((self.width / 72, self.height / 72))
        paint(canvas, self)
        canvas.set_dpi(dpi)
        with rendering():
            canvas.canvas.draw()
        return np.array(canvas.canvas.buffer_rgba())  # type: ignore[attr-defined]


def words_width(text: str, size: float) -> float:
    """Return about how wide a text is, in points."""
    return _WIDE * size * len(text)


def n(value: float) -> str:
    """Return a number for SVG, in hundredths of a point."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


# To SVG


def grouped(things: Iterable[Rect | Line | Words]) -> Iterable[str]:
    """Give SVG elements, those that look the same in a group that says how once."""
    look = ""
    held: list[str] = []
    for thing in things:
        other = look_of(thing)
        if other != look and held:
            yield f"<g{look}>{''.join(held)}</g>"
            held = []
        look = other
        held.append(element(thing))
    if held:
        yield f"<g{look}>{''.join(held)}</g>"


def look_of(thing: Rect | Line | Words) -> str:
    """Return the attributes that neighbours may share."""
    if isinstance(thing, Words):
        weight = ' font-weight="700"' if thing.bold else ""
        return f' fill="{thing.fill}" font-size="{n(thing.size)}" text-anchor="{thing.anchor}"{weight}'
    fill = thing.fill if isinstance(thing, Rect) else "none"
    dash = f' stroke-dasharray="{thing.dash}"' if thing.dash else ""
    line = "" if thing.line == "none" else f' stroke="{thing.line}" stroke-width="{n(thing.thickness)}"{dash}'
    return f' fill="{fill}"{line}'


def element(thing: Rect | Line | Words) -> str:
    """Return one SVG element."""
    if isinstance(thing, Words):
        text = html.escape(plain_text(thing.text, 400))
        return f'<text x="{n(thing.x)}" y="{n(thing.y + 0.36 * thing.size)}">{text}</text>'
    if isinstance(thing, Line):
        points = " ".join(f"{n(x)},{n(y)}" for x, y in thing.points)
        found = f'<polyline points="{points}"/>'
        if thing.head:
            tip = " ".join(f"{n(x)},{n(y)}" for x, y in arrow_head(thing))
            found += f'<polygon points="{tip}" fill="{thing.line}" stroke="none"/>'
        return found
    place = f'x="{n(thing.x)}" y="{n(thing.y)}" width="{n(thing.width)}" height="{n(thing.height)}"'
    return f"<rect {place}/>" if not thing.tip else f"<rect {place}><title>{html.escape(thing.tip)}</title></rect>"


def arrow_head(line: Line) -> list[tuple[float, float]]:
    """Return the three corners of an arrow's head at the line's end."""
    (x0, y0), (x1, y1) = line.points[-2:]
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5 or 1.0
    dx, dy = (x1 - x0) / length, (y1 - y0) / length
    size = 5 + line.thickness
    foot = (x1 - size * dx, y1 - size * dy)
    return [(x1, y1), (foot[0] - size * 0.5 * dy, foot[1] + size * 0.5 * dx),
            (foot[0] + size * 0.5 * dy, foot[1] - size * 0.5 * dx)]  # fmt: skip


# To pixels


def paint(canvas: Any, scene: Scene) -> None:
    """Draw a scene onto an empty matplotlib figure."""
    canvas.set_layout_engine("none")
    canvas.set_facecolor(scene.background)
    axes = canvas.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, scene.width)
    axes.set_ylim(scene.height, 0)
    axes.axis("off")
    painters = {Words: paint_words, Line: paint_lines, Rect: paint_rects}
    for order, (kind, things) in enumerate(groupby(scene.things, type)):
        painters[kind](axes, list(things), order)


def paint_words(axes: Any, things: list[Any], order: int) -> None:
    """Write texts; a dollar sign is one."""
    aligned = {"start": "left", "middle": "center", "end": "right"}
    for thing in things:
        text = plain_text(thing.text, 400).replace("$", r"\$")
        axes.text(thing.x, thing.y + 0.36 * thing.size, text, fontsize=0.93 * thing.size, color=thing.fill,
                  ha=aligned[thing.anchor], va="baseline", fontweight="bold" if thing.bold else "normal",
                  zorder=order)  # fmt: skip


def paint_lines(axes: Any, things: list[Any], order: int) -> None:
    """Draw lines, with their heads, at once."""
    from matplotlib.collections import LineCollection
    from matplotlib.patches import Polygon

    axes.add_collection(LineCollection([thing.points for thing in things], **strokes(things), zorder=order), False)
    for thing in things:
        if thing.head:
            axes.add_patch(Polygon(arrow_head(thing), facecolor=thing.line, edgecolor="none", zorder=order))


def paint_rects(axes: Any, things: list[Any], order: int) -> None:
    """Draw rectangles at once, which is far faster than one by one."""
    from matplotlib.collections import PolyCollection

    corners = [
        [(t.x, t.y), (t.x + t.width, t.y), (t.x + t.width, t.y + t.height), (t.x, t.y + t.height)] for t in things
    ]
    fills = [thing.fill for thing in things]
    look = {**strokes(things), "facecolors": fills, "joinstyle": "miter", "zorder": order}
    axes.add_collection(PolyCollection(corners, **look), False)


def strokes(things: list[Any]) -> dict[str, Any]:
    """Return the lines of things as a collection wants them."""
    return {
        "edgecolors" if isinstance(things[0], Rect) else "colors": [thing.line for thing in things],
        "linewidths": [thing.thickness if thing.line != "none" else 0.0 for thing in things],
        "linestyles": [dashes(thing) for thing in things],
    }


def dashes(thing: Rect | Line) -> Any:
    """Return a dash pattern as matplotlib wants it, in units of the line's thickness."""
    if not thing.dash:
        return "-"
    lengths: Sequence[float] = [float(part) / thing.thickness for part in thing.dash.split()]
    return (0, tuple(lengths))
