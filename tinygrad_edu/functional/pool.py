"""Pooling: the largest or the mean of each window; PyTorch's arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.arguments import flag, number
from tinygrad_edu.engine.failure import with_graph
from tinygrad_edu.engine.scope import composite
from tinygrad_edu.engine.tensor import Tensor, as_tensor
from tinygrad_edu.functional.sizes import Pads, Pair, images_of, pair, too_large

__all__ = ["adaptive_avg_pool2d", "avg_pool2d", "max_pool2d"]


@composite
def max_pool2d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Tensor:
    """The largest number of each window; of equal ones the first gets the gradient, as in PyTorch.

    x ``(batch, channels, height, width)``, or without the batch. stride: that of the kernel unless given. padding: −∞
    around, at most half the kernel. ceil_mode: also windows that start inside and reach beyond the last row or column.
    Raises ValueError where sizes do not fit, TypeError for one that is no integer or a flag that is no bool.
    """
    images, single = images_of(as_tensor(x), "max_pool2d")
    kernel, down, around, spread = window_of("max_pool2d", images, kernel_size, stride, padding, dilation)
    around = reaching("max_pool2d", images, kernel, down, around, spread, ceil_mode)
    y = P.max_pool(images, kernel=kernel, stride=down, padding=around, dilation=spread)
    return y[0] if single else y  # type: ignore[no-any-return]


@composite
def avg_pool2d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """The mean of each window.

    x ``(batch, channels, height, width)``, or without the batch. stride: that of the kernel unless given. padding:
    zeros around, at most half the kernel. ceil_mode: also windows that start inside and reach beyond the last row or
    column. count_include_pad: whether the zeros of the padding count as numbers. divisor_override: what to divide by.
    Raises ValueError where sizes do not fit, TypeError for one that is no integer or a flag that is no bool.
    """
    images, single = images_of(as_tensor(x), "avg_pool2d")
    kernel, down, around, spread = window_of("avg_pool2d", images, kernel_size, stride, padding, 1)
    if divisor_override is not None and not number(divisor_override, "divisor_override", "avg_pool2d"):
        raise ValueError("avg_pool2d: divisor_override must not be 0")
    count_include_pad = flag(count_include_pad, "count_include_pad", "avg_pool2d")
    wide = reaching("avg_pool2d", images, kernel, down, around, spread, ceil_mode)
    padded = images.pad(((0, 0), (0, 0), *wide)) if any(map(any, wide)) else images
    total = padded.sliding_windows(kernel, down).sum(axis=(-2, -1))
    counts = counted(images.shape[2:], total.shape[2:], kernel, down, around, count_include_pad)
    divisor: Any = divisor_override
    if divisor is None:
        divisor = int(counts.flat[0]) if (counts == counts.flat[0]).all() else counts.astype(total.dtype)
    y = total / divisor
    return y[0] if single else y  # type: ignore[no-any-return]


@composite
def adaptive_avg_pool2d(x: Any, output_size: Any) -> Tensor:
    """The mean over as many windows as wanted: output row i is the mean of rows ⌊i·H/h⌋ to ⌈(i+1)·H/h⌉.

    x ``(batch, channels, height, width)``, or without the batch. output_size: h, or (h, w); None keeps a side.
    Returns ``(batch, channels, h, w)``. Raises ValueError for images without pixels or a negative size, TypeError for a
    size that is no integer.
    """
    images, single = images_of(as_tensor(x), "adaptive_avg_pool2d")
    both = output_size if isinstance(output_size, (tuple, list)) else (output_size, output_size)
    wanted = tuple([images.shape[2 + i] if n is None and i < 2 else n for i, n in enumerate(both)])
    size = pair(wanted, "output_size", "adaptive_avg_pool2d", 0)
    if 0 in images.shape[2:]:
        raise ValueError(f"adaptive_avg_pool2d: the images {images.shape} have no pixels")
    if size == (1, 1):
        y = images.mean(axis=(2, 3), keepdims=True)
    else:
        dtype = images.dtype if images.dtype.kind == "f" else np.float64  # as of a mean
        rows, columns = [sharing(n, m, dtype) for n, m in zip(images.shape[2:], size)]
        y = Tensor(rows, name="rows") @ images @ Tensor(columns.T, name="columns")
    return y[0] if single else y  # type: ignore[no-any-return]


def sharing(length: int, parts: int, dtype: Any) -> Any:
    """Return the matrix (parts, length) that takes the mean of each part of an axis."""
    matrix = np.zeros((parts, length), dtype)
    for i in range(parts):
        start, stop = i * length // parts, -(-(i + 1) * length // parts)
        matrix[i, start:stop] = 1 / (stop - start)
    return matrix


def window_of(
    op: str, x: Tensor, kernel_size: Any, stride: Any, padding: Any, dilation: Any
) -> tuple[Pair, Pair, Pads, Pair]:
    """Return kernel, stride, padding and dilation of a pooling, checked."""
    if 0 in x.shape[2:]:
        raise ValueError(f"{op}: the images {x.shape} have no pixels")
    kernel = pair(kernel_size, "kernel_size", op)
    no_stride = stride is None or (isinstance(stride, (tuple, list)) and not stride)
    down = kernel if no_stride else pair(stride, "stride", op)
    spread = pair(dilation, "dilation", op)
    rows, columns = pair(padding, "padding", op, 0)
    if 2 * rows > kernel[0] or 2 * columns > kernel[1]:
        raise ValueError(
            f"{op}: padding {(rows, columns)} must be at most half the kernel {kernel}, or windows would be empty"
        )
    return kernel, down, ((rows, rows), (columns, columns)), spread


def reaching(op: str, x: Tensor, kernel: Pair, stride: Pair, padding: Pads, dilation: Pair, ceil_mode: bool) -> Pads:
    """Return the padding with what ``ceil_mode`` adds below and on the right; ValueError if no window fits.

    The last window must start in the image or in the padding before it, as in PyTorch.
    """
    wide = with_ceil(x.shape[2:], kernel, stride, padding, dilation) if flag(ceil_mode, "ceil_mode", op) else padding
    problem = too_large(op, x.shape[2:], kernel, dilation, wide)
    if problem:
        raise with_graph(ValueError(problem), P.max_pool, (x,))
    return wide


def with_ceil(size: Any, kernel: Pair, stride: Pair, padding: Pads, dilation: Pair) -> Pads:
    """Return the padding that gives the last, incomplete window room."""
    sides = []
    for n, k, s, (before, after), d in zip(size, kernel, stride, padding, dilation):
        reach = (k - 1) * d + 1
        count = -(-(n + before + after - reach) // s) + 1
        count -= (count - 1) * s >= n + before
        sides.append((before, max(after, (count - 1) * s + reach - n - before)))
    return sides[0], sides[1]


def counted(size: Any, out: Any, kernel: Pair, stride: Pair, padding: Pads, with_padding: bool) -> Any:
    """Return how many numbers each window's sum is divided by, (out_h, out_w)."""
    counts = []
    for n, m, k, s, (before, after) in zip(size, out, kernel, stride, padding):
        start = np.arange(m) * s - before
        stop = np.minimum(start + k, n + after)  # what ceil_mode adds never counts
        counts.append(stop - start if with_padding else np.minimum(stop, n) - np.maximum(start, 0))
    return np.multiply.outer(*counts)
