"""How a convolution is computed: windows are laid out as columns, a few output rows at a time, and multiplied by BLAS.

Shapes are those of images, (N, C, H, W); in memory the batch comes last, (C, H, W, N), so that each of the k · k
strided slices that make the columns is long contiguous runs. A block of columns stays in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd, prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tinygrad_edu.engine.primitives.gemm import product

__all__ = ["batch_last", "correlate", "correlate_weights", "images", "spread"]

Pair = tuple[int, int]

_BLOCK = 2**20  # bytes of columns that are made at once
_NARROW = 384  # columns from which a product runs at full speed
_SMALL = 10**6  # multiplications up to which BLAS multiplies without packing, the faster way for few rows
_FEW = 32  # rows that are few
_FLIPPED = 0.8  # the share of outputs to inputs from which correlating with the flipped kernel beats adding up windows


def batch_last(x: Any) -> Any:
    """Return images (N, C, H, W) as (C, H, W, N), contiguous along the batch; a view where they lie so already."""
    view = x.transpose(1, 2, 3, 0)
    if view.shape[3] == 1 or view.strides[3] == view.itemsize:
        return view
    return np.ascontiguousarray(view)


def images(y: Any) -> Any:
    """Return (C, H, W, N) as images (N, C, H, W), a view."""
    return y.transpose(3, 0, 1, 2)


class Windows:
    """The windows of images (C, H, W, N), laid out as columns block by block of output rows.

    offset: the row and column at which the first window starts, negative in the padding. What lies outside is 0.
    """

    def __init__(self, x: Any, kernel: Pair, size: Pair, stride: Pair, offset: Pair, dilation: Pair) -> None:
        self.x, self.kernel, self.size = x, kernel, size
        self.stride, self.offset, self.dilation = stride, offset, dilation
        self.channels, self.height, self.width, self.batch = x.shape
        self.run = size[1] * self.batch  # columns that one output row makes
        self.depth = self.channels * prod(kernel)
        self.reach = [(n - 1) * s + (k - 1) * d + 1 for n, s, k, d in zip(size, stride, kernel, dilation)]

    def blocks(self) -> Iterator[tuple[slice, Any]]:
        """Yield which output rows, and their columns (C, k_h · k_w, rows · out_w · N), in memory that is used again."""
        if self.are_pixels():
            part = self.x[:, self.offset[0] : self.offset[0] + self.size[0]]
            yield slice(0, self.size[0]), part.reshape(self.channels, 1, -1)
            return
        rows = rows_per_block(self.depth * self.run * self.x.itemsize, self.run, self.size[0])
        memory = np.empty((self.channels, *self.kernel, rows, self.size[1], self.batch), self.x.dtype)
        stage = None if self.lie_inside() else self.new_stage(rows)
        views = self.views(self.x, self.size[0]) if stage is None else self.views(stage, rows)
        for start in range(0, self.size[0], rows):
            stop = min(start + rows, self.size[0])
            columns = memory if stop - start == rows else np.empty_like(memory[:, :, :, : stop - start])
            if stage is not None:
                self.fill(stage, start * self.stride[0] + self.offset[0])
            for j, view in views:
                here = view[..., start:stop, :, :] if stage is None else view[..., : stop - start, :, :]
                np.copyto(columns if j is None else columns[:, :, j], here)
            yield slice(start, stop), columns.reshape(self.channels, prod(self.kernel), -1)

    def are_pixels(self) -> bool:
        """Whether the images are their own columns: a kernel of one pixel that meets every pixel of its rows."""
        return (
            self.kernel == self.stride == (1, 1)
            and self.lie_inside()
            and self.size[1] == self.width
            and self.x.strides[1:] == (self.run * self.x.itemsize, self.batch * self.x.itemsize, self.x.itemsize)
        )

    def lie_inside(self) -> bool:
        """Whether every window lies in the image, and its pixels are runs: the columns can be copied from there."""
        fits = all(at >= 0 and at + r <= n for at, r, n in zip(self.offset, self.reach, (self.height, self.width)))
        return fits and self.stride[1] == 1

    def new_stage(self, rows: int) -> Any:
        """Return memory for the input rows of a block, (C, rows, s_w, columns / s_w, N), with its margins 0.

        Columns are sorted by what their number leaves when divided by the stride, so that windows are runs again.
        """
        height = (rows - 1) * self.stride[0] + (self.kernel[0] - 1) * self.dilation[0] + 1
        right = self.stride[1]
        return np.zeros((self.channels, height, right, -(-self.reach[1] // right), self.batch), self.x.dtype)

    def views(self, source: Any, rows: int) -> list[tuple[int | None, Any]]:
        """Return all windows as a view in the order of columns; of several phases one view per kernel column."""
        (down, right), (d_h, d_w), (k_h, k_w) = self.stride, self.dilation, self.kernel
        tail = rows, self.size[1], self.batch
        if source.ndim == 5 and right > 1:
            a, b, _, c, e = source.strides
            phases = [source[:, :, j * d_w % right, j * d_w // right :] for j in range(k_w)]
            shape, steps = (self.channels, k_h, *tail), (a, b * d_h, b * down, c, e)
            return [(j, as_strided(phase, shape, steps, writeable=False)) for j, phase in enumerate(phases)]
        pixels = source[:, :, 0] if source.ndim == 5 else source[:, self.offset[0] :, self.offset[1] :]
        a, b, c, e = pixels.strides
        every = as_strided(
            pixels, (self.channels, k_h, k_w, *tail), (a, b * d_h, c * d_w, b * down, c, e), writeable=False
        )
        return [(None, every)]

    def fill(self, stage: Any, first: int) -> None:
        """Copy input rows from ``first`` on, where there are any, and zeros where there are none."""
        rows = stage.shape[1]
        top = min(max(0, -first), rows)
        bottom = max(top, min(rows, self.height - first))
        if top:
            stage[:, :top] = 0
        if bottom < rows:
            stage[:, bottom:] = 0
        if bottom == top:
            return
        source = self.x[:, first + top : first + bottom]
        step, left = self.stride[1], self.offset[1]
        for phase in range(step):
            low = max(0, -(-(-left - phase) // step))  # the first column of this phase in the image
            high = min(stage.shape[3], -(-(self.width - left - phase) // step))
            if low < high:
                begin = phase + step * low + left
                stage[:, top:bottom, phase, low:high] = source[:, :, begin : begin + step * (high - low - 1) + 1 : step]


def rows_per_block(row_bytes: int, run: int, most: int) -> int:
    """Return how many output rows make columns that stay in the cache and a product that is wide enough."""
    return max(1, min(most, max(_BLOCK // max(1, row_bytes), -(-_NARROW // max(1, run)))))


def multiply_into(out: Any, left: Any, right: Any) -> None:
    """Compute ``out = left @ right``, in slices of columns where there are few rows and much to sum over."""
    rows, depth = left.shape[-2:]
    width = right.shape[-1]
    if rows > _FEW or rows * depth * width <= _SMALL:
        np.matmul(left, right, out=out)
        return
    step = max(64, _SMALL // (rows * depth))
    for start in range(0, width, step):
        part = slice(start, start + step)
        np.matmul(left, right[..., part], out=out[..., part])


def correlate(
    x: Any, w: Any, out: Any, stride: Pair, offset: Pair, dilation: Pair, groups: int, bias: Any = None
) -> None:
    """Write into ``out`` (O, h, w, N) what the kernels w (O, C / groups, k_h, k_w) find in x (C, H, W, N); add bias."""
    features, height, width, batch = out.shape
    windows = Windows(x, w.shape[2:], (height, width), stride, offset, dilation)
    weight = np.ascontiguousarray(w).reshape(groups, features // groups, -1)
    direct = out.flags.c_contiguous
    flat = out.reshape(groups, features // groups, -1) if direct else None
    shift = None if bias is None else bias.reshape(groups, features // groups, 1)
    for rows, columns in windows.blocks():
        columns = columns.reshape(groups, weight.shape[2], -1)
        if flat is not None:
            part = flat[:, :, rows.start * windows.run : rows.stop * windows.run]
            multiply_into(part, weight, columns)
            if shift is not None:
                part += shift
        else:
            out[:, rows] = np.matmul(weight, columns).reshape(features, rows.stop - rows.start, width, batch)


def correlate_weights(g: Any, x: Any, kernel: Pair, stride: Pair, offset: Pair, dilation: Pair, groups: int) -> Any:
    """Return Σ g · window over all windows of x (C, H, W, N), for g (O, h, w, N): (O, C / groups, k_h, k_w)."""
    features, height, width, _ = g.shape
    windows = Windows(x, kernel, (height, width), stride, offset, dilation)
    channels = x.shape[0] // groups
    total = np.zeros((groups, channels * prod(kernel), features // groups), np.result_type(g, x))
    flat = g.reshape(groups, features // groups, -1).transpose(0, 2, 1)
    for rows, columns in windows.blocks():
        columns = columns.reshape(groups, total.shape[1], -1)
        part = flat[:, rows.start * windows.run : rows.stop * windows.run]
        if groups == 1:
            total[0] += product(columns[0], part[0])  # up to four times as fast as part.T @ columns.T
        else:
            total += np.matmul(columns, part)
    return total.transpose(0, 2, 1).reshape(features, channels, *kernel)


def spread(g: Any, w: Any, size: Pair, stride: Pair, offset: Pair, dilation: Pair, groups: int) -> Any:
    """Return the adjoint of ``correlate`` in x: each g (O, h, w, N) times the kernel, added up into (C, H, W, N)."""
    features, height, width, batch = g.shape
    if height == width == 1:
        return one_window(g, w, size, offset, dilation, groups)
    if stride != (1, 1) or height * width >= _FLIPPED * size[0] * size[1]:
        return by_phases(g, w, size, stride, offset, dilation, groups)
    k_h, k_w = w.shape[2:]
    channels, share = w.shape[1], features // groups
    start = 0, -offset[1] - (k_w - 1) * dilation[1]
    windows = Windows(g, (1, k_w), (height, size[1]), stride, start, (1, dilation[1]))
    flipped = w[..., ::-1].reshape(groups, share, channels, k_h, k_w).transpose(0, 2, 3, 1, 4)
    weight = flipped.reshape(groups, channels * k_h, share * k_w)
    out = np.zeros((channels * groups, *size, batch), np.result_type(g, w))
    for rows, columns in windows.blocks():
        columns = columns.reshape(groups, weight.shape[2], -1)
        parts = np.empty((*weight.shape[:2], columns.shape[2]), out.dtype)
        multiply_into(parts, weight, columns)
        parts = parts.reshape(channels * groups, k_h, rows.stop - rows.start, size[1], batch)
        for i in range(k_h):
            start = rows.start + i * dilation[0] + offset[0]
            first, last = max(0, -start), min(rows.stop - rows.start, size[0] - start)
            if first < last:
                out[:, start + first : start + last] += parts[:, i, first:last]
    return out


def one_window(g: Any, w: Any, size: Pair, offset: Pair, dilation: Pair, groups: int) -> Any:
    """Compute ``spread`` where each image has one window only: its pixels are g times the kernel."""
    features, channels, k_h, k_w = w.shape
    weight = w.reshape(groups, features // groups, -1).transpose(0, 2, 1)
    parts = np.matmul(weight, g.reshape(groups, features // groups, -1))
    parts = parts.reshape(channels * groups, k_h, k_w, g.shape[3])
    out = np.zeros((channels * groups, *size, g.shape[3]), parts.dtype)
    chosen, places = [], []
    for n, k, start, d in zip(size, (k_h, k_w), offset, dilation):
        first, last = max(0, -(start // d)), min(k, -((start - n) // d))
        chosen.append(slice(first, last))
        places.append(slice(start + first * d, start + (last - 1) * d + 1, d) if first < last else slice(0, 0))
    out[:, places[0], places[1]] = parts[:, chosen[0], chosen[1]]
    return out


def by_phases(g: Any, w: Any, size: Pair, stride: Pair, offset: Pair, dilation: Pair, groups: int) -> Any:
    """Compute ``spread`` as a correlation of g with flipped kernels, one for each phase of the stride."""
    features, _, k_h, k_w = w.shape
    channels, batch = w.shape[1] * groups, g.shape[3]
    grouped = w.reshape(groups, features // groups, *w.shape[1:]).transpose(0, 2, 1, 3, 4)
    swapped = grouped.reshape(channels, features // groups, k_h, k_w)  # C and O have changed places
    dtype = np.result_type(g, w)
    whole = stride == (1, 1)
    out = (np.empty if whole else np.zeros)((channels, *size, batch), dtype)
    for down in taps(size[0], k_h, stride[0], offset[0], dilation[0]):
        for right in taps(size[1], k_w, stride[1], offset[1], dilation[1]):
            part = swapped[:, :, down.chosen, right.chosen][:, :, ::-1, ::-1]
            target = out[:, down.targets, right.targets]
            start, spacing = (down.start, right.start), (down.spacing, right.spacing)
            correlate(g, part, target, (1, 1), start, spacing, groups)
    return out


class Taps:
    """The kernel rows that meet one phase of the input rows, and where they find g."""

    __slots__ = ("chosen", "spacing", "start", "targets")

    def __init__(self, chosen: slice, spacing: int, start: int, targets: slice) -> None:
        self.chosen, self.spacing, self.start, self.targets = chosen, spacing, start, targets


def taps(length: int, kernel: int, stride: int, offset: int, dilation: int) -> Iterator[Taps]:
    """Yield, per phase of the stride along one axis, the kernel's taps and the inputs that they meet.

    Input h meets output o at tap i where o · stride + i · dilation + offset = h. With h − offset = a + stride · u, the
    taps are those with i · dilation ≡ a modulo stride: every (stride / common)-th, spaced dilation / common apart in o.
    """
    common = gcd(stride, dilation)
    every, spacing = stride // common, dilation // common
    for phase in range(stride):
        first = next((i for i in range(min(every, kernel)) if (i * dilation - phase) % stride == 0), None)
        lowest = -(-(-offset - phase) // stride)  # the smallest u whose input is in the image
        begin = phase + stride * lowest + offset
        if first is None or begin >= length:
            continue
        count = -(-(kernel - first) // every)
        start = lowest - (first * dilation - phase) // stride - (count - 1) * spacing
        yield Taps(slice(first, None, every), spacing, start, slice(begin, None, stride))
