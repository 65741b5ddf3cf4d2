"""The page of a convolution's matrix: pixels, kernel entries and rows light each other up."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from viz.convolution.matrix_drawing import entry_colour
from viz.convolution.page import PACKAGE, page_colours
from viz.convolution.sums import cell_number
from viz.output.page import document, fill, inlined, static

if TYPE_CHECKING:
    from viz.convolution.matrix import Toeplitz

__all__ = ["matrix_page"]

_CELLS = 20_000  # of a page


def matrix_page(shown: Toeplitz) -> str:
    """Return a page of its own; ValueError for a matrix that has no room on one."""
    rows, columns = shown.shape
    if rows * columns > _CELLS:
        raise ValueError(
            f"toeplitz: a page has a cell for every entry, at most {_CELLS:,}; this matrix has {rows:,} × {columns:,}. "
            "Save an .svg or .png, which draw the structure, or take a smaller input"
        )
    body = fill(
        static("matrix.html", PACKAGE),
        counts=html.escape(shown.counts),
        svg=shown.svg(),
        data=inlined(payload(shown)),
    )
    style = page_colours() + static("conv.css", PACKAGE) + "\n" + static("matrix.css", PACKAGE)
    title = "The convolution as a matrix"
    return document(body, title=title, style=style, script=static("matrix.js", PACKAGE), theme=shown.theme)


def payload(shown: Toeplitz) -> dict[str, Any]:
    """Return sizes, numbers as text, and what stands where."""
    layout = shown.layout
    kernel = (layout.rows.kernel, layout.columns.kernel)
    row, column, entry = shown.places.tolist()
    colours = [entry_colour(a, b, *kernel) for a in range(kernel[0]) for b in range(kernel[1])]
    texts = {name: [cell_number(float(v)) for v in array.ravel()] for name, array in
             (("x", shown.x), ("y", shown.y), ("weight", shown.weight))}  # fmt: skip
    return {
        "image": layout.image, "kernel": kernel, "output": layout.output, "channels": layout.in_channels,
        "made": layout.out_channels, "shape": shown.shape, "row": shown.row, "places": [row, column, entry],
        "colours": colours, **texts,
    }  # fmt: skip
