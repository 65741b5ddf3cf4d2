"""The page of a convolution's matrix: pixels, kernel entries and rows light each other up."""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any

from viz.convolution.matrix_drawing import entry_colour
from viz.convolution.page import page_colours, script_hash, static
from viz.convolution.sums import cell_number
from viz.page import fill

if TYPE_CHECKING:
    from viz.toeplitz_matrix import Toeplitz

__all__ = ["matrix_page"]

_CELLS = 20_000  # of a page


def matrix_page(shown: Toeplitz) -> str:
    """Return a page of its own. Its policy lets it load nothing, and run its one script alone."""
    rows, columns = shown.shape
    if rows * columns > _CELLS:
        raise ValueError(
            f"toeplitz: a page has a cell for every entry, at most {_CELLS:,}; this matrix has {rows:,} × {columns:,}. "
            "Save an .svg or .png, which draw the structure, or take a smaller input"
        )
    script = static("matrix.js")
    return fill(
        static("matrix.html"),
        theme=shown.theme,
        script_hash=script_hash(script),
        css=page_colours() + static("conv.css") + static("matrix.css"),
        counts=html.escape(shown.counts),
        svg=shown.svg(),
        data=json.dumps(payload(shown), separators=(",", ":")).replace("<", "\\u003c"),
        js=script,
    )


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
