"""Sliding windows over an image, and their adjoint: what convolution and pooling are made of."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tinygrad_edu.engine.op import op
from tinygrad_edu.engine.primitives.index import sum_at

__all__ = ["overlap_add", "windows"]

Pair = tuple[int, int]


@op
def windows(x: Any, *, kernel: Pair, stride: Pair = (1, 1), dilation: Pair = (1, 1)) -> Any:
    """Every window of ``kernel`` over the last two axes: a read-only view (..., out_h, out_w, k_h, k_w), no copy.

    A window starts every ``stride`` elements and takes every ``dilation``-th; ``out = (n - reach) // stride + 1`` with
    ``reach = (k - 1) * dilation + 1`` (Dumoulin & Visin, A guide to convolution arithmetic, section 2).
    """
    *lead, height, width = x.shape
    rows = _count(height, kernel[0], stride[0], dilation[0])
    columns = _count(width, kernel[1], stride[1], dilation[1])
    if rows < 1 or columns < 1:
        raise ValueError(_too_large(x.shape, kernel, dilation))
    *steps, down, right = x.strides
    return as_strided(
        x,
        (*lead, rows, columns, *kernel),
        (*steps, down * stride[0], right * stride[1], down * dilation[0], right * dilation[1]),
        writeable=False,
    )


@windows.vjp("x")
def windows_dx(g: Any, out: Any, x: Any, *, kernel: Pair, stride: Pair, dilation: Pair) -> Any:
    return overlap_add(g, stride=stride, dilation=dilation, size=x.shape[-2:])


@windows.explains
def _(x: Any, *, kernel: Pair, stride: Pair, dilation: Pair) -> str | None:
    if x.ndim < 2:
        return f"windows: x {x.shape} must have at least two axes, height and width"
    fits = all(_count(n, k, s, d) > 0 for n, k, s, d in zip(x.shape[-2:], kernel, stride, dilation))
    return None if fits else _too_large(x.shape, kernel, dilation)


@op
def overlap_add(x: Any, *, stride: Pair = (1, 1), dilation: Pair = (1, 1), size: Pair) -> Any:
    """Lay windows (..., out_h, out_w, k_h, k_w) back onto an image of ``size`` and add where they overlap.

    The adjoint of ``windows``; the memory order of the image follows the windows'.
    """
    *lead, rows, columns, k_h, k_w = x.shape
    if not _fits(x.shape, stride, dilation, size):
        raise ValueError(_too_small(x.shape, stride, dilation, size))
    out = np.empty_like(x[..., 0, 0], shape=(*lead, *size))
    apart = (k_h - 1) * dilation[0] < stride[0] and (k_w - 1) * dilation[1] < stride[1]  # nothing overlaps
    if not apart or (rows * k_h, columns * k_w) != tuple(size):
        out.fill(0)
    for i in range(k_h):
        down = slice(i * dilation[0], i * dilation[0] + (rows - 1) * stride[0] + 1, stride[0])
        for j in range(k_w):
            right = slice(j * dilation[1], j * dilation[1] + (columns - 1) * stride[1] + 1, stride[1])
            if apart:
                out[..., down, right] = x[..., i, j]
            else:
                out[..., down, right] += x[..., i, j]
    return out


@overlap_add.vjp("x")
def overlap_add_dx(g: Any, out: Any, x: Any, *, stride: Pair, dilation: Pair, size: Pair) -> Any:
    *_, rows, columns, k_h, k_w = x.shape
    views = windows(g, kernel=(k_h, k_w), stride=stride, dilation=dilation)
    if (_count(size[0], k_h, stride[0], dilation[0]), _count(size[1], k_w, stride[1], dilation[1])) == (rows, columns):
        return views
    return views[..., :rows, :columns, :, :]


@overlap_add.scalar_form
def overlap_add_scalars(x: Any, *, stride: Pair, dilation: Pair, size: Pair) -> Any:
    """On objects: what arrives first is taken as it is, so that no ``0 +`` enters the graph."""
    *lead, rows, columns, k_h, k_w = x.shape
    shape = (*lead, *size)
    places = windows.forward(np.arange(prod(shape)).reshape(shape), kernel=(k_h, k_w), stride=stride, dilation=dilation)
    return sum_at(places[..., :rows, :columns, :, :], x, shape)


@overlap_add.explains
def _(x: Any, *, stride: Pair, dilation: Pair, size: Pair) -> str | None:
    if x.ndim < 4:
        return f"overlap_add: x {x.shape} must have at least four axes (out_h, out_w, k_h, k_w)"
    return None if _fits(x.shape, stride, dilation, size) else _too_small(x.shape, stride, dilation, size)


def _count(length: int, kernel: int, stride: int, dilation: int) -> int:
    """Return how many windows fit along an axis; not positive if none does."""
    return (length - (kernel - 1) * dilation - 1) // stride + 1


def _reach(shape: tuple[int, ...], stride: Pair, dilation: Pair) -> Pair:
    """Return the height and width that windows of ``shape`` cover."""
    *_, rows, columns, k_h, k_w = shape
    return (
        (rows - 1) * stride[0] + (k_h - 1) * dilation[0] + 1,
        (columns - 1) * stride[1] + (k_w - 1) * dilation[1] + 1,
    )


def _fits(shape: tuple[int, ...], stride: Pair, dilation: Pair, size: Pair) -> bool:
    height, width = _reach(shape, stride, dilation)
    return height <= size[0] and width <= size[1]


def _too_large(shape: tuple[int, ...], kernel: Pair, dilation: Pair) -> str:
    spread = f" with dilation {dilation}" if dilation != (1, 1) else ""
    needed = tuple([(k - 1) * d + 1 for k, d in zip(kernel, dilation)])
    return (
        f"windows: a kernel {kernel}{spread} covers {needed} but the image is only {shape[-2:]} (x {shape}); "
        "pad the image, or take a smaller kernel"
    )


def _too_small(shape: tuple[int, ...], stride: Pair, dilation: Pair, size: Pair) -> str:
    needed = _reach(shape, stride, dilation)
    return f"overlap_add: the windows {shape} cover {needed} but size is {size}; size must be at least that"
