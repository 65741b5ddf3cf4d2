"""A nudge as text, as HTML and as a picture."""

from __future__ import annotations

import html as markup
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu.engine.trace.snapshot import snapshot
from tinygrad_edu.engine.trace.tracing import Call, Value
from viz.graph.dot import Options, dot_text
from viz.graph.fold import View, fold
from viz.graph.picture import Picture
from viz.style.escape import plain_text
from viz.style.markup import font, lines
from viz.style.numbers import brief, number, number_table, shape_text
from viz.style.theme import PALETTES, Palette

if TYPE_CHECKING:
    from viz.sensitivity.nudges.effect import Nudge, Row

__all__ = ["html", "picture", "text"]

HEADINGS = ("value", "made by", "before", "predicted Δ", "actual Δ", "difference", "")
_LEFT = (0, 1, 6)  # columns that are text
_NAMED = 4  # kinks that are named in one place
_IN_BOX = 2  # of them in a box
_ELEMENTS = 4  # numbers of an array that stand in the table
_CSS = (
    ".tg-nudge{border-collapse:collapse}.tg-nudge td,.tg-nudge th{text-align:right;padding:2px 9px;white-space:pre;"
    "font-variant-numeric:tabular-nums}.tg-nudge .tg-text{text-align:left}.tg-nudge thead th,.tg-nudge tbody"
    "{border-bottom:1px solid currentColor}.tg-nudge .tg-kink td:last-child{font-weight:bold;white-space:normal;"
    "min-width:12em}.tg-said{white-space:pre-wrap}"
)


def text(nudge: Nudge) -> str:
    """Return what happened, and the table with spaces between columns."""
    table = [HEADINGS, *[cells(row) for row in told(nudge)]]
    widths = [max(len(line[i]) for line in table) for i in range(len(HEADINGS))]

    def written(line: Sequence[str]) -> str:
        padded = [c.ljust(n) if i in _LEFT else c.rjust(n) for i, (c, n) in enumerate(zip(line, widths))]
        return "  ".join(padded).rstrip()

    rule = "─" * len(written([*["x" * n for n in widths[:-1]], ""]))
    return "\n".join([*said(nudge), "", written(table[0]), rule, *map(written, table[1:]), *after(nudge)])


def html(nudge: Nudge) -> str:
    """Return the same as HTML, every name escaped, and the picture below where it can be laid out."""
    head = "".join(cell("th", words, i, ' scope="col"') for i, words in enumerate(HEADINGS))
    body = ""
    for row in told(nudge):
        kind = ' class="tg-kink"' if row.kinks else ""
        body += f"<tr{kind}>{''.join(cell('td', words, i) for i, words in enumerate(cells(row)))}</tr>"
    words = [f'<p class="tg-said">{markup.escape(chr(10).join(part(nudge)))}</p>' for part in (said, after)]
    table = f'<table class="tg-nudge"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    drawn = nudge.picture._repr_mimebundle_().get("image/svg+xml", "")
    return f"<style>{_CSS}</style>{words[0]}{table}{words[1]}{drawn if isinstance(drawn, str) else ''}"


def cell(tag: str, words: str, column: int, more: str = "") -> str:
    """Return one cell of the HTML table."""
    kind = ' class="tg-text"' if column in _LEFT else ""
    return f"<{tag}{kind}{more}>{markup.escape(words)}</{tag}>"


# Words


def said(nudge: Nudge) -> list[str]:
    """What was moved, what the loss was to do, what it did, and what lies between."""
    found = [f"{nudge.x} moves by {eps_text(nudge.eps)}"]
    out = nudge.output
    name = plain_text(out.name, 20)
    if np.size(out.before) == 1:
        found.append(textbook(nudge, out, name))
        found.append(
            f"actual Δ{name} = {number(float(np.asarray(out.actual).item()))}, "
            f"off by {number(float(np.asarray(out.difference).item()))}"
            + ("" if nudge.kinks else ": what the curvature adds, which a derivative leaves out")
        )
    if nudge.kinks:
        found.append(f"{kinks_text(nudge)} between: the derivative at the start says nothing of what is beyond")
        found += [f"  {kink}" for kink in nudge.kinks[:_NAMED]]
        if len(nudge.kinks) > _NAMED:
            found.append(f"  and {len(nudge.kinks) - _NAMED} more")
        if nudge.safe > 0:
            found.append(f"  no kink up to {number(nudge.safe)} · eps")
    return found


def textbook(nudge: Nudge, out: Row, name: str) -> str:
    """ΔL ≈ dL/dx · eps, with its numbers."""
    if out.predicted is None:
        return f"Δ{name} ≈ 0: no derivative leads from {nudge.x} to {name}"
    rule = f"Δ{name} ≈ d{name}/d{nudge.x} · eps"
    result = number(float(np.asarray(out.predicted).item()))
    if np.size(nudge.slope) == 1 and np.size(nudge.eps) == 1 and nudge.slope is not None:
        factors = [number(float(np.asarray(v).item())) for v in (nudge.slope, np.asarray(nudge.eps))]
        return f"{rule} = {factors[0]} · {factors[1]} = {result}"
    return f"{rule}, summed over the elements, = {result}"


def kinks_text(nudge: Nudge) -> str:
    """How many there are."""
    more = "more than " if any("more kinks" in note for note in nudge.notes) else ""
    return "a kink lies" if len(nudge.kinks) == 1 else f"{more}{len(nudge.kinks)} kinks lie"


def after(nudge: Nudge) -> list[str]:
    """What stands under the table."""
    rest = len(nudge.rows) - len(told(nudge))
    found = [f"{rest} value{'s do' if rest > 1 else ' does'} not depend on {nudge.x}"] if rest else []
    return [*found, *nudge.notes]


def told(nudge: Nudge) -> list[Row]:
    """The rows of what moves."""
    return [row for row in nudge.rows if row.reached]


def cells(row: Row) -> tuple[str, ...]:
    """What stands in a row of the table."""
    kinks = "" if not row.kinks else row.kinks[0].text if len(row.kinks) == 1 else f"{len(row.kinks)} kinks"
    shape = np.shape(row.before)
    name = plain_text(row.name, 24) + (f" {shape_text(shape)}" if shape else "")
    predicted = "–" if row.predicted is None else short(row.predicted)
    return (name, row.op, short(row.before), predicted, short(row.actual), short(row.difference), kinks)


def short(array: Any) -> str:
    """An array in a few words."""
    return brief(snapshot(array), _ELEMENTS) if np.any(array) else "0"


def eps_text(eps: Any) -> str:
    """What it moves by."""
    array = np.asarray(eps)
    return f"eps = {number(float(array.item()))}" if array.size == 1 else f"eps, {short(array)}"


# The picture


def picture(nudge: Nudge) -> Picture:
    """Return the graph with the changes on every value."""
    options = nudge.options
    view = fold(nudge.trace, options["level"])
    if len(view.boxes) > options["max_nodes"]:
        raise ValueError(
            f"nudge: level={options['level']!r} has {len(view.boxes):,} boxes, more than {options['max_nodes']:,}; "
            'take level="module", or pass max_nodes= to allow more'
        )
    theme = options["theme"]
    title = options["title"] or f"{nudge.x} moves by {eps_text(nudge.eps)}"
    shown = Options(
        show=("value",), direction=options["direction"], theme="dark" if theme == "dark" else "light",
        title=title, more=more_rows(nudge, view),
    )  # fmt: skip
    return Picture(
        dot_text(view, shown), title=title, description=plain_text(". ".join(said(nudge)), 2000), theme=theme,
        renderer=options["renderer"], timeout=options["timeout"],
    )  # fmt: skip


def more_rows(nudge: Nudge, view: View) -> dict[int, tuple[str, ...]]:
    """The rows of every box, by the value it shows: the changes, and the kinks inside it."""
    theme = nudge.options["theme"]
    palette = PALETTES["dark" if theme == "dark" else "light"]
    found: dict[int, list[str]] = {row.id: changes(row, row.id == nudge.moved, palette) for row in told(nudge)}
    inside: dict[int, list[str]] = {}
    for kink in nudge.kinks:
        inside.setdefault(holder(view, kink.value), []).append(
            kink.text if kink.value in {box.value.id for box in view.boxes if box.value} else str(kink)
        )
    for value, texts in inside.items():
        rows = found.setdefault(value, [])
        for words in texts[:_IN_BOX]:
            rows += lines(f"kink: {words}", palette.failed, 10, 26)
        if len(texts) > _IN_BOX:
            rows.append(font(f"and {len(texts) - _IN_BOX} kinks more", palette.failed, 10))
    return {value: tuple(rows) for value, rows in found.items()}


def holder(view: View, value: int) -> int:
    """The value that is shown by the box in which another is made."""
    shown = {box.value.id for box in view.boxes if box.value is not None}
    if value in shown:
        return value
    made = view.trace.nodes[value]
    call = view.trace.nodes[made.made_by] if isinstance(made, Value) and made.made_by is not None else None
    region = call.region if isinstance(call, Call) else None
    while region is not None:
        for box in view.boxes:
            if box.region is not None and box.region.id == region and box.value is not None:
                return box.value.id
        region = view.trace.scopes[region].parent
    return value


def changes(row: Row, given: bool, palette: Palette) -> list[str]:
    """What was predicted and what came; of the value that was moved itself there is nothing to predict."""
    found = []
    pairs = [("predicted", row.predicted, palette.kinds["parameter"].line), ("actual", row.actual, palette.text)]
    for word, array, colour in [("moved by", row.actual, palette.failed)] if given else pairs:
        if array is None:
            continue
        data = snapshot(array)
        label = word if given else f"Δ {word}"
        if data.size == 1:
            found.append(font(f"{label} {brief(data)}", colour, 10))
        else:
            found += [font(label, colour, 9), number_table(data, colour)]
    return found
