"""What stands under a picture: its title, a note, and the legend of what it shows."""

from __future__ import annotations

import math

from viz.escape import label_text
from viz.fold import View
from viz.markup import font, lines, table
from viz.options import Options
from viz.theme import DARK_TEXT, LEGEND, PALETTES, heat_colour, size_colour

__all__ = ["caption"]

_CELLS = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="{}" CELLPADDING="3"><TR>{}</TR></TABLE>'
_GAP = "&#160;" * 4


def caption(view: View, options: Options, images: bool) -> str:
    """Return title, note and legend as one label; nothing if there are none. images: whether any box has one."""
    p = PALETTES[options.theme]
    failed = any(call.failure for call in view.trace.calls)
    note = "the forward pass failed at the red box: nothing after it was computed" if failed else view.trace.note
    rows = []
    if options.title:
        rows.append(f"<B>{font(label_text(options.title, 100), p.text, 14)}</B>")
    if note and (options.backward or "grad" in options.show):
        rows += lines(note, p.failed if failed else p.faint, 11, 80, 600)
    if options.legend:
        rows.append(kinds_legend(view, options))
        more = [*arrows_legend(view, options), *colours_legend(view, options, images)]
        rows.append(_CELLS.format(4, "".join(more)))
    return table(rows) if rows else ""


def kinds_legend(view: View, options: Options) -> str:
    """What each kind of box means: only the kinds that are there."""
    kinds = PALETTES[options.theme].kinds
    present = {box.kind for box in view.boxes}
    cells = "".join(
        f'<TD BORDER="1" COLOR="{kinds[kind].line}" BGCOLOR="{kinds[kind].fill}" STYLE="{border(kind)}">'
        f"{font(words, kinds[kind].text, 9)}</TD>"
        for kind, words in LEGEND.items()
        if kind in present
    )
    return _CELLS.format(6, cells)


def border(kind: str) -> str:
    """The line of a legend's cell."""
    return {"parameter": "ROUNDED", "composite": "ROUNDED", "op": "ROUNDED", "constant": "DOTTED"}.get(kind, "SOLID")


def arrows_legend(view: View, options: Options) -> list[str]:
    """What the arrows mean, and the numbers in red."""
    p = PALETTES[options.theme]
    found = [font("→ forward: a value's way", p.forward, 9)] if view.arrows else []
    seen = any(value.gradient is not None for value in view.trace.values)
    if view.trace.steps and options.backward:
        found.append(font("← dashed: the gradient that each operation hands back", p.backward, 9))
    elif seen and "grad" in options.show and options.colour_by is None:
        found.append(font("red: gradients", p.backward, 9))
    return [f"<TD>{_GAP.join(found)}</TD>"]


def colours_legend(view: View, options: Options, images: bool) -> list[str]:
    """The scale of the gradients' sizes, and that of the images."""
    faint = PALETTES[options.theme].faint
    cells = []
    if options.colour_by == "grad" and any(value.gradient is not None for value in view.trace.values):
        cells.append(f"<TD>{font('norm of the gradient:', faint, 9)}</TD>")
        for power in (-8, -6, -4, -2, 0):
            text = {-8: "≤ 1e−8", 0: "≥ 1"}.get(power, f"1e−{-power}")
            cells.append(f'<TD BGCOLOR="{size_colour(power)}">{font(text, DARK_TEXT, 8)}</TD>')
    if images:
        cells.append(f"<TD>{font('images:', faint, 9)}</TD>")
        for share, text in ((-1.0, "negative"), (0.0, "0"), (1.0, "positive")):
            cells.append(f'<TD BGCOLOR="{heat_colour(share, 1.6)}">{font(text, DARK_TEXT, 8)}</TD>')
        if any(value.data.nans for value in view.trace.values):
            cells.append(f'<TD BGCOLOR="{heat_colour(math.nan, 1)}">{font("NaN", DARK_TEXT, 8)}</TD>')
    return cells
