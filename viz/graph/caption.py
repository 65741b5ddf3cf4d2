"""What stands under a picture: its title, a note, and the legend of what it shows."""

from __future__ import annotations

from viz.graph.fold import View, fold
from viz.graph.options import Options
from viz.graph.trouble import norm_of_sum, ratio_colour, share_colour, unreached, width_of, width_scale
from viz.style.escape import label_text
from viz.style.markup import font, lines, table
from viz.style.numbers import number
from viz.style.theme import DARK_TEXT, LEGEND, NAN_COLOUR, NAN_PALE, NAN_PALEST, PALETTES, heat_colour, size_colour

__all__ = ["caption", "level_note"]

_CELLS = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="{}" CELLPADDING="3"><TR>{}</TR></TABLE>'
_LACKS = {"module": "layer to fold", "primitive": "function to open into its operations"}
_GAP = "&#160;" * 4


def caption(view: View, options: Options, images: bool, above: tuple[str, ...] = ()) -> str:
    """Return title, note and legend as one label; nothing if there are none.

    images: whether any box has one. above: rows of markup that stand before the legend.
    """
    p = PALETTES[options.theme]
    failed = any(call.failure for call in view.trace.calls)
    note = "the forward pass failed at the red box: nothing after it was computed" if failed else view.trace.note
    rows = []
    if options.title:
        rows.append(f"<B>{font(label_text(options.title, 100), p.text, 14)}</B>")
    if note and (options.backward or "grad" in options.show):
        rows += lines(note, p.failed if failed else p.faint, 11, 80, 600)
    rows += above
    if options.legend:
        rows.append(kinds_legend(view, options))
        more = [*arrows_legend(view, options), *image_legend(view, options, images)]
        rows.append(_CELLS.format(2, "".join(more)))
        scales = [colours_legend(view, options), widths_legend(view, options)]
        rows += [_CELLS.format(2, "".join(cells)) for cells in scales if cells]
        same = level_note(view)
        rows += [font(same, p.faint, 9)] if same else []
    return table(rows) if rows else ""


def level_note(view: View) -> str:
    """Why a picture at a level that was asked for looks like that at level op, the usual one; else nothing."""
    lack = _LACKS.get(view.level)
    if lack is None or [box.id for box in fold(view.trace, "op").boxes] != [box.id for box in view.boxes]:
        return ""
    return f"the same picture as at level op: there is no {lack} here"


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
    elif seen and {"grad", "formula"} & set(options.show) and options.colour_by is None:
        found.append(font("red: gradients", p.backward, 9))
    return [f"<TD>{_GAP.join(found)}</TD>"]


def image_legend(view: View, options: Options, images: bool) -> list[str]:
    """The scale of the images."""
    if not images:
        return []
    cells = [f"<TD>{font('images:', PALETTES[options.theme].faint, 9)}</TD>"]
    for share, text in ((-1.0, "negative"), (0.0, "0"), (1.0, "positive")):
        cells.append(patch(heat_colour(share, 1.6), text))
    if any(value.data.nans for value in view.trace.values):
        cells.append(patch(NAN_COLOUR, "NaN"))
    return cells


def colours_legend(view: View, options: Options) -> list[str]:
    """What the fills tell, where they tell anything, and the hatching."""
    faint = PALETTES[options.theme].faint
    cells = []
    if options.colour_by in _SCALES and (options.marks or options.colour_by == "nan"):
        words, patches = _SCALES[options.colour_by]
        cells = [f"<TD>{font(words, faint, 9)}</TD>", *[patch(colour, text) for colour, text in patches]]
        fills = {mark.fill for mark in options.marks.values()}
        bad = [patch(colour, text) for colour, text in _NANS if colour in fills]
        cells += bad
        if not bad and options.colour_by == "nan":
            cells.append(f"<TD>{font('none here', faint, 9)}</TD>")
    if options.unreached or any(unreached(value, view.trace) for value in view.trace.values):
        cells.append(f"<TD>{font(_GAP + 'striped: no gradient reaches it', faint, 9)}</TD>")
    return cells


def patch(colour: str, text: str) -> str:
    """Return a cell in a colour."""
    return f'<TD BGCOLOR="{colour}">{font(text, DARK_TEXT, 8)}</TD>'


def widths_legend(view: View, options: Options) -> list[str]:
    """What the widths of the edges tell."""
    scale = width_scale(view) if options.widths else None
    if scale is None:
        return []
    p = PALETTES[options.theme]
    colour = p.backward if options.backward else p.forward
    cells = [f"<TD>{font('width of an edge: norm of what flows back along it', p.faint, 9)}</TD>"]
    for power in (scale[0], (scale[0] + scale[1]) / 2, scale[1]):
        thick = round(width_of(10**power, scale))
        bar = (
            f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0"><TR><TD FIXEDSIZE="TRUE" WIDTH="28" '
            f'HEIGHT="{thick}" BGCOLOR="{colour}"></TD></TR></TABLE>'
        )
        cells.append(f"<TD>{bar}</TD><TD>{font(number(10**power), p.faint, 8)}</TD>")
    none = any(arrow.back and norm_of_sum(arrow.back) == 0 for arrow in view.arrows)
    return [*cells, *([f"<TD>{font('dotted: 0', p.faint, 8)}</TD>"] if none else [])]


def powers(step: int = 2) -> list[tuple[str, str]]:
    """Return the scale of gradients' sizes."""
    ends = {-8: "≤ 1e−8", 0: "≥ 1"}
    return [(size_colour(power), ends.get(power, f"1e−{-power}")) for power in range(-8, 1, step)]


_NANS = (
    (NAN_COLOUR, "NaN or Inf starts here"), (NAN_PALE, "value has NaN or Inf"),
    (NAN_PALEST, "only the gradient has"),
)  # fmt: skip
_SCALES = {
    "grad": ("norm of the gradient:", powers()),
    "ratio": (
        "norm of a step / norm of the weights; rule of thumb: about 1e−3 (Karpathy, CS231n):",
        [(ratio_colour(d), text) for d, text in ((-3, "≤ 1e−6"), (-1, "1e−4: low"), (0, "1e−3"), (1, "1e−2: high"),
                                                 (3, "≥ 1"))],
    ),
    "dead": (
        "dead units: slope 0 for every example of the batch:",
        [(share_colour(s), f"{100 * s:g} %") for s in (0.0, 0.25, 0.5, 0.75, 1.0)],
    ),
    "nan": ("NaN and Inf:", []),
}  # fmt: skip
