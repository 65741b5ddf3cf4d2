"""``viz.toeplitz``: the convolution as one sparse matrix whose rows share the kernel's entries."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.functional.sizes import Pair, pads, pair, too_large, whole
from viz.convolution.arithmetic import save_as
from viz.convolution.geometry import Axis
from viz.convolution.numbers import example_pixels
from viz.style.theme import PALETTES

__all__ = ["Toeplitz", "toeplitz"]

_ENTRIES = 10_000_000  # of the matrix that are not 0: some 300 MB while it is made
_DENSE = 256 * 2**20  # bytes of a matrix without scipy
_CELL = 720.0  # points that a notebook's cell shows


@dataclass(frozen=True)
class Layout:
    """Sizes of the convolution: channels, image (height, width), axes with their windows."""

    in_channels: int
    out_channels: int
    groups: int
    rows: Axis
    columns: Axis
    flat: bool

    @property
    def image(self) -> Pair:
        return self.rows.size, self.columns.size

    @property
    def output(self) -> Pair:
        return self.rows.out, self.columns.out

    @property
    def shape(self) -> Pair:
        """Rows and columns of the matrix: numbers of the output, pixels of the input."""
        return self.out_channels * math.prod(self.output), self.in_channels * math.prod(self.image)

    @property
    def taps(self) -> int:
        """About how many entries of the matrix come from the kernel, padding counted."""
        share = self.in_channels // self.groups
        return self.shape[0] * share * self.rows.kernel * self.columns.kernel


class Toeplitz:
    """A convolution as a matrix. In Jupyter it shows itself; ``.save(path)`` writes svg, png, pdf or html.

    matrix: a ``scipy.sparse.csr_array`` where scipy is, else an array; ``matrix @ x.ravel()`` is the convolution of x
    (channels, height, width) without bias, and ``matrix.T @ g.ravel()`` its gradient for x. places: (3, n), row,
    column and kernel entry (an index into ``weight.ravel()``) of all that is not 0 by construction.
    """

    def __init__(self, weight: Any, layout: Layout, x: Any, row: int, theme: str) -> None:
        self.weight, self.layout, self.x, self.row, self.theme = weight, layout, x, row, theme
        self.places = places_of(layout)
        self.matrix = matrix_of(self.places, weight, layout.shape)

    @property
    def shape(self) -> Pair:
        """Rows, one for each number of the output; columns, one for each pixel of the input."""
        return self.layout.shape

    @cached_property
    def y(self) -> Any:
        """The output for ``x``."""
        return np.asarray(self.matrix @ self.x.ravel()).reshape(self.layout.out_channels, *self.layout.output)

    @property
    def parameters(self) -> int:
        """The kernel's numbers: what is learned."""
        return int(self.weight.size)

    @property
    def dense_parameters(self) -> int:
        """What a dense layer between the same numbers would have to learn: every entry of the matrix."""
        return math.prod(self.shape)

    @property
    def nonzeros(self) -> int:
        """The entries that come from the kernel."""
        return int(self.places.shape[1])

    @property
    def zeros(self) -> int:
        """The entries that are 0 by construction."""
        return self.dense_parameters - self.nonzeros

    @cached_property
    def uses(self) -> Any:
        """How often each kernel entry stands in the matrix, in the shape of the weight."""
        return np.bincount(self.places[2], minlength=self.parameters).reshape(self.weight.shape)

    @property
    def counts(self) -> str:
        """Parameters, zeros and shared entries beside a dense layer, in a sentence."""
        least, most = int(self.uses.min()), int(self.uses.max())
        times = f"{most:,}" if least == most else f"{least:,} to {most:,}"
        size = "×".join(f"{n:,}" for n in self.shape)
        return (
            f"{self.parameters:,} parameters instead of {self.dense_parameters:,}: a dense layer learns all {size} "
            f"entries; here {self.zeros:,} are 0 ({self.zeros / self.dense_parameters:.1%}) and the other "
            f"{self.nonzeros:,} are the kernel's, each of them {times} times"
        )

    @property
    def description(self) -> str:
        """The picture in words."""
        return (
            f"The convolution as a matrix of {self.shape[0]:,} rows and {self.shape[1]:,} columns. {self.counts}. "
            "Every row has a column for each pixel, so that all rows are equally long. The kernel is not flipped: "
            "mathematics calls this cross-correlation."
        )

    def svg(self, widest: float | None = None) -> str:
        """The picture as an SVG element, for a page; follows the page's light or dark theme if ``theme="auto"``."""
        from viz.convolution.matrix_drawing import draw_matrix

        return draw_matrix(self).svg(self.theme == "auto", widest)

    def png(self) -> bytes:
        """The picture as PNG, 1,600 pixels wide or more; needs matplotlib."""
        from viz.convolution.matrix_drawing import draw_matrix

        return draw_matrix(self).png()

    def pdf(self) -> bytes:
        """The picture as PDF; needs matplotlib."""
        from viz.convolution.matrix_drawing import draw_matrix

        return draw_matrix(self).pdf()

    def html(self) -> str:
        """A page where pixels, kernel entries and rows light each other up; ValueError for a large matrix."""
        from viz.convolution.matrix_page import matrix_page

        return matrix_page(self)

    def save(self, path: Any) -> Path:
        """Write the picture; the suffix says how: .svg .png .pdf .html. An existing file is replaced whole.

        Returns the path. Raises ValueError for another suffix, ImportError where matplotlib is missing for .png
        and .pdf.
        """
        return save_as(path, {".svg": self.svg, ".png": self.png, ".pdf": self.pdf, ".html": self.html})

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """SVG and text."""
        return {"image/svg+xml": self.svg(widest=_CELL), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<toeplitz: {self.counts}>"


def toeplitz(
    weight: Any,
    input_shape: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    *,
    x: Any = None,
    row: int = 0,
    theme: str = "auto",
) -> Toeplitz:
    """A convolution as a matrix: ``.matrix @ x.ravel()`` is ``conv2d(x, weight)``, ``.matrix.T @ g`` its gradient.

    weight: (out_channels, in_channels / groups, k_h, k_w), or a kernel (k_h, k_w) alone, or (out, in / groups, k) for a
    sequence; an array, a Tensor or a layer (whose settings then hold). input_shape: (channels, height, width), or
    (height, width) for one channel; (channels, length) for a sequence. stride, padding, dilation, groups: as
    ``tg.functional.conv2d``. x: the image whose numbers the picture shows, small whole ones if left out. row: which row
    it highlights. theme: ``auto``, ``light`` or ``dark``.
    Block Toeplitz where stride is 1 and there is no padding: each row is the one above, moved by a pixel. The kernel is
    not flipped: mathematics calls it cross-correlation.
    Raises ValueError where shapes do not fit, for a kernel larger than the padded input, and for more than 10 million
    entries (without scipy: 256 MB), before it is made; TypeError for what is no number.
    """
    if theme not in ("auto", *PALETTES):
        raise ValueError(f"toeplitz: theme={theme!r} is none of auto, {', '.join(PALETTES)}")
    if hasattr(weight, "kernel_size"):
        if getattr(weight, "transposed", False) or weight.padding_mode != "zeros":
            raise ValueError(f"toeplitz: {weight} is no plain convolution; of a transposed one take the matrix's .T")
        stride, padding, dilation, groups = weight.stride, weight.padding, weight.dilation, weight.groups
        weight = weight.weight
    kernel = kernel_array(weight)
    layout = layout_of(kernel, input_shape, stride, padding, dilation, groups)
    if isinstance(row, bool) or not isinstance(row, int) or not -layout.shape[0] <= row < layout.shape[0]:
        raise IndexError(f"toeplitz: there are {layout.shape[0]} rows; got row {row!r}")
    refuse_large(layout, kernel.dtype.itemsize)
    pixels = example_pixels((layout.in_channels, *layout.image)) if x is None else np.asarray(getattr(x, "data", x))
    if pixels.size != layout.shape[1]:
        raise ValueError(f"toeplitz: x {pixels.shape} must have the {layout.shape[1]} numbers of {input_shape}")
    pixels = pixels.astype(kernel.dtype).reshape(layout.in_channels, *layout.image)
    return Toeplitz(kernel, layout, pixels, row % layout.shape[0], theme)


def kernel_array(weight: Any) -> Any:
    """Return a copy of the weight as floating numbers, a kernel alone with its two channels; ValueError for others."""
    kernel = np.array(weight.data if isinstance(weight, tg.Tensor) else weight)
    if kernel.dtype.kind not in "buif" or kernel.ndim not in (2, 3, 4) or not kernel.size:
        raise ValueError(
            f"toeplitz: weight must be (out, in / groups, k_h, k_w) numbers, got {kernel.dtype} {kernel.shape}"
        )
    kernel = kernel.astype(np.result_type(kernel.dtype, np.float32))
    return kernel[None, None] if kernel.ndim == 2 else kernel


def layout_of(kernel: Any, input_shape: Any, stride: Any, padding: Any, dilation: Any, groups: Any) -> Layout:
    """Check shapes and settings; return the sizes."""
    flat = kernel.ndim == 3
    shape = tuple(input_shape) if isinstance(input_shape, (tuple, list)) else (input_shape,)
    shape = shape if len(shape) == (2 if flat else 3) else (1, *shape)
    if len(shape) != (2 if flat else 3):
        wanted = "(channels, length)" if flat else "(channels, height, width)"
        raise ValueError(f"toeplitz: input_shape must be {wanted}, got {input_shape!r}")
    channels, *size = [whole(n, "input_shape", "toeplitz", 1) for n in shape]
    groups = whole(groups, "groups", "toeplitz", 1)
    if kernel.shape[0] % groups or kernel.shape[1] * groups != channels:
        raise ValueError(
            f"toeplitz: weight {kernel.shape} with {groups} groups wants {kernel.shape[1] * groups} channels and "
            f"output channels that {groups} divides; input_shape {tuple(shape)} has {channels}"
        )
    image: Any = (1, size[0]) if flat else tuple(size)
    window: Any = (1, kernel.shape[2]) if flat else kernel.shape[2:]
    across = [(1, single(n)) if flat else n for n in (stride, dilation)]
    if flat and not isinstance(padding, str):
        side = single(padding)
        padding = ((0, 0), tuple(side) if isinstance(side, (tuple, list)) else (side, side))
    down, spread = (pair(n, name, "toeplitz") for n, name in zip(across, ("stride", "dilation")))
    around = pads(padding, window, down, spread, "toeplitz")
    problem = too_large("toeplitz", image, window, spread, around, flat)
    if problem:
        raise ValueError(problem)
    rows, columns = (Axis(*axis) for axis in zip(image, window, down, around, spread))
    return Layout(channels, kernel.shape[0], groups, rows, columns, flat)


def single(value: Any) -> Any:
    """Return what a tuple of one holds."""
    return value[0] if isinstance(value, (tuple, list)) and len(value) == 1 else value


def refuse_large(layout: Layout, itemsize: int) -> None:
    """Raise ValueError for a matrix that would not fit into memory in comfort."""
    rows, columns = layout.shape
    if layout.taps > _ENTRIES:
        raise ValueError(
            f"toeplitz: the matrix of {rows:,} × {columns:,} would hold about {layout.taps:,} entries, more than "
            f"{_ENTRIES:,}; take a crop of the input or fewer channels"
        )
    if sparse() is None and rows * columns * itemsize > _DENSE:
        raise ValueError(
            f"toeplitz: {rows:,} × {columns:,} entries take {rows * columns * itemsize / 2**20:,.0f} MiB without "
            "scipy; pip install scipy, or take a smaller input"
        )


def sparse() -> Any:
    """Return ``scipy.sparse``, None where there is none."""
    try:
        return import_module("scipy.sparse")
    except ImportError:
        return None


def places_of(layout: Layout) -> Any:
    """Return row, column and kernel entry of all that is not 0 by construction, (3, n), row by row."""
    down, across = (
        np.array(axis.field)[[axis.taps(o) for o in range(axis.out)]] for axis in (layout.rows, layout.columns)
    )
    share = layout.in_channels // layout.groups
    made = layout.out_channels // layout.groups
    o, r, q, c, a, b = np.ix_(*map(np.arange, (layout.out_channels, *layout.output, share, *kernel_of(layout))))
    y, x = down[r, a], across[q, b]
    column = ((o // made * share + c) * layout.rows.size + y) * layout.columns.size + x
    row = (o * layout.rows.out + r) * layout.columns.out + q
    entry = ((o * share + c) * layout.rows.kernel + a) * layout.columns.kernel + b
    real = np.broadcast_to((y >= 0) & (x >= 0), column.shape)
    return np.stack([np.broadcast_to(part, column.shape)[real] for part in (row, column, entry)])


def kernel_of(layout: Layout) -> Pair:
    """Return the kernel's height and width."""
    return layout.rows.kernel, layout.columns.kernel


def matrix_of(places: Any, weight: Any, shape: Pair) -> Any:
    """Return the matrix: sparse with scipy, else dense."""
    row, column, entry = places
    values = weight.ravel()[entry]
    module = sparse()
    if module is not None:
        return module.coo_array((values, (row, column)), shape=shape).tocsr()
    matrix = np.zeros(shape, weight.dtype)
    matrix[row, column] = values
    return matrix
