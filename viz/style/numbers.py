"""Arrays as the cells of a label: all numbers of a small one, summary and heat image of a large one."""

from __future__ import annotations

import math

from tinygrad_edu.engine.trace.tracing import Snapshot
from viz.style.markup import font
from viz.style.theme import heat_colour

__all__ = [
    "brief", "grid", "heat_cells", "number", "number_rows", "number_table", "printable", "shape_text", "signed_sum",
]  # fmt: skip

_COLUMNS = 6  # widest array whose numbers are printed
_CELLS = 12  # rows and columns of a heat image
_SIDE = 7  # points of its cells


def number(value: float) -> str:
    """Return a number to 4 significant digits with a real minus sign; never -0."""
    text = f"{value + 0.0:.4g}"
    return text.replace("e-0", "e-").replace("e+0", "e").replace("e+", "e").replace("-", "−")


def shape_text(shape: tuple[int, ...]) -> str:
    """Return a shape as 3×2; a scalar has none."""
    return "×".join(map(str, shape))


def brief(data: Snapshot, limit: int = 3, separator: str = ", ") -> str:
    """Return an array in short: its numbers if they are few, else its norm, and how many are no numbers."""
    if data.size == 0:
        return "empty"
    if data.data is not None and data.size <= limit:
        return separator.join(number(v) for v in data.data) if data.size == 1 else bracketed(data.data, separator)
    return f"{data.nans} of {data.size} NaN or Inf" if data.nans else f"norm {number(data.norm)}"


def bracketed(numbers: tuple[float, ...], separator: str) -> str:
    """Return numbers on a line in brackets, or one under the other without."""
    text = separator.join(map(number, numbers))
    return f"[{text}]" if separator == ", " else text


def signed_sum(parts: list[float]) -> str:
    """Return ``+3 +1 = 4``."""
    return " ".join(("+" if part >= 0 else "") + number(part) for part in parts) + f" = {number(math.fsum(parts))}"


def printable(data: Snapshot) -> bool:
    """Whether the numbers of an array are printed one by one."""
    flat = all(n == 1 for n in data.shape[:-2])  # also one image of one channel
    return data.data is not None and flat and (not data.shape or data.shape[-1] <= _COLUMNS)


def number_table(data: Snapshot, colour: str) -> str:
    """Return the numbers of a small array as an HTML-like table, one number alone as text, a large one's summary."""
    if data.size == 0:
        return font("empty", colour)
    if data.data is not None and data.size == 1:
        return font(number(data.data[0]), colour)
    if not printable(data) or data.data is None:
        return summary(data, colour)
    return grid(number_rows(data, colour))


def number_rows(data: Snapshot, colour: str) -> str:
    """Return the numbers of a printable array as rows of a grid."""
    numbers, columns = data.data or (), data.shape[-1] if data.shape else 1
    rows = [numbers[i : i + columns] for i in range(0, data.size, columns)]
    return "".join(
        "<TR>" + "".join(f'<TD ALIGN="RIGHT">{font(number(v), colour)}</TD>' for v in row) + "</TR>" for row in rows
    )


def grid(rows: str) -> str:
    """Return rows of cells as a table."""
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2">{rows}</TABLE>'


def summary(data: Snapshot, colour: str) -> str:
    """Return range and mean, and how many are not finite."""
    text = f"{number(data.low)} … {number(data.high)}, mean {number(data.mean)}"
    return font(text + (f", {data.nans} NaN or Inf" if data.nans else ""), colour, 9)


def heat_cells(data: Snapshot) -> str:
    """Return a small image of an array as a table of coloured cells; nothing for one without numbers."""
    image = data.image
    if image is None and data.data is not None and len(data.shape) >= 1 and data.size > 1:
        columns = data.shape[-1]
        image = tuple(tuple(data.data[i : i + columns]) for i in range(0, data.size, columns))
    if image is None:
        return ""
    rows = thinned(image)
    largest = max(abs(data.low), abs(data.high))
    if data.planes > 1:  # the first of many may be far from the largest
        largest = max([abs(v) for row in rows for v in row if math.isfinite(v)], default=0.0)
    cells = "".join(
        "<TR>"
        + "".join(
            f'<TD WIDTH="{_SIDE}" HEIGHT="{_SIDE}" FIXEDSIZE="TRUE" BGCOLOR="{heat_colour(v, largest)}"></TD>'
            for v in row
        )
        + "</TR>"
        for row in rows
    )
    fixed = f'FIXEDSIZE="TRUE" WIDTH="{_SIDE * len(rows[0]) + 2}" HEIGHT="{_SIDE * len(rows) + 2}"'
    return f'<TABLE {fixed} BORDER="1" COLOR="#808080" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">{cells}</TABLE>'


def thinned(image: tuple[tuple[float, ...], ...]) -> list[list[float]]:
    """Return at most 12 rows and columns of an image."""
    rows = image[:: math.ceil(len(image) / _CELLS)]
    return [list(row[:: math.ceil(len(row) / _CELLS)]) for row in rows]
