"""Convolution as three ops, each the others' derivative: y is linear in the images x and in the kernels w.

Each op stands for a few smaller ones, into which it opens: ``pad``, ``windows``, ``matmul``. As in PyTorch and in all
deep learning the kernel is not flipped: strictly, this is cross-correlation.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from tinygrad_edu.engine.op import op
from tinygrad_edu.engine.primitives.columns import batch_last, correlate, correlate_weights, images, spread
from tinygrad_edu.engine.primitives.shape import crop, pad
from tinygrad_edu.engine.primitives.sliding import overlap_add, windows

__all__ = ["convolve", "convolve_back", "convolve_plus", "convolve_weights"]

Pair = tuple[int, int]
NONE = ((0, 0), (0, 0))
WIDE = 512  # pixels of one image that make a product wide enough
Pads = tuple[Pair, Pair]  # rows above and below, columns left and right


@op
def convolve(
    x: Any, w: Any, *, stride: Pair = (1, 1), padding: Pads = NONE, dilation: Pair = (1, 1), groups: int = 1
) -> Any:
    """The sum of products of kernels w (O, C / groups, k_h, k_w) with each window of x (N, C, H, W): (N, O, h, w).

    ``h = (H + padding − (k_h − 1) · dilation − 1) // stride + 1`` (Dumoulin and Visin 2016, relationship 15).
    """
    return convolved(x, w, None, stride, padding, dilation, groups)


@convolve.vjp("x")
def convolve_dx(g: Any, out: Any, x: Any, w: Any, *, stride: Pair, padding: Pads, dilation: Pair, groups: int) -> Any:
    return convolve_back(g, w, stride=stride, padding=padding, dilation=dilation, groups=groups, size=x.shape[2:])


@convolve.vjp("w")
def convolve_dw(g: Any, out: Any, x: Any, w: Any, *, stride: Pair, padding: Pads, dilation: Pair, groups: int) -> Any:
    return convolve_weights(g, x, stride=stride, padding=padding, dilation=dilation, groups=groups, kernel=w.shape[2:])


@convolve.opens
def convolve_steps(x: Any, w: Any, *, stride: Pair, padding: Pads, dilation: Pair, groups: int) -> Any:
    """Pad, cut windows, lay each out as a column, and multiply by the kernels laid out as rows."""
    batch, features = x.shape[0], w.shape[0]
    cut = windows(padded(x, padding), kernel=w.shape[2:], stride=stride, dilation=dilation)
    height, width = cut.shape[2:4]
    columns = cut.transpose((1, 4, 5, 2, 3, 0))
    depth = prod(w.shape[1:])
    if groups == 1:
        y = w.reshape((features, depth)) @ columns.reshape((depth, height * width * batch))
    else:
        apart = columns.reshape((groups, depth, height * width * batch))
        y = w.reshape((groups, features // groups, depth)) @ apart
    return y.reshape((features, height, width, batch)).transpose((3, 0, 1, 2))


@op(symbol="convolve")
def convolve_plus(
    x: Any,
    w: Any,
    b: Any,
    *,
    stride: Pair = (1, 1),
    padding: Pads = NONE,
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Any:
    """``convolve``, plus a number b (O,) per channel, added while the output is in the cache."""
    return convolved(x, w, b, stride, padding, dilation, groups)


@convolve_plus.vjp("x")
def convolve_plus_dx(
    g: Any, out: Any, x: Any, w: Any, b: Any, *, stride: Pair, padding: Pads, dilation: Pair, groups: int
) -> Any:
    return convolve_back(g, w, stride=stride, padding=padding, dilation=dilation, groups=groups, size=x.shape[2:])


@convolve_plus.vjp("w")
def convolve_plus_dw(
    g: Any, out: Any, x: Any, w: Any, b: Any, *, stride: Pair, padding: Pads, dilation: Pair, groups: int
) -> Any:
    return convolve_weights(g, x, stride=stride, padding=padding, dilation=dilation, groups=groups, kernel=w.shape[2:])


@convolve_plus.vjp("b")
def convolve_plus_db(
    g: Any, out: Any, x: Any, w: Any, b: Any, *, stride: Pair, padding: Pads, dilation: Pair, groups: int
) -> Any:
    return g.sum(axis=(0, 2, 3))


@convolve_plus.opens
def convolve_plus_steps(x: Any, w: Any, b: Any, *, stride: Pair, padding: Pads, dilation: Pair, groups: int) -> Any:
    """Convolve, then add."""
    y = convolve_steps(x, w, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return y + b.reshape((-1, 1, 1))


@op
def convolve_back(
    g: Any, w: Any, *, stride: Pair = (1, 1), padding: Pads = NONE, dilation: Pair = (1, 1), groups: int = 1, size: Pair
) -> Any:
    """Each g (N, O, h, w) times its kernel, laid where the window was and added up: images (N, C, *size).

    The adjoint of ``convolve`` in x; as a layer it is called transposed convolution.
    """
    if pointwise(g, w.shape[2:], stride, padding, groups):
        return np.matmul(w[:, :, 0, 0].T, flat_images(g)).reshape(g.shape[0], -1, *size)
    out = spread(batch_last(g), w, size, stride, start_of(padding), dilation, groups)
    return images(out)


@convolve_back.vjp("g")
def convolve_back_dg(
    upstream: Any, out: Any, g: Any, w: Any, *, stride: Pair, padding: Pads, dilation: Pair, groups: int, size: Pair
) -> Any:
    whole = convolve(upstream, w, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return whole if whole.shape == g.shape else whole[:, :, : g.shape[2], : g.shape[3]]


@convolve_back.vjp("w")
def convolve_back_dw(
    upstream: Any, out: Any, g: Any, w: Any, *, stride: Pair, padding: Pads, dilation: Pair, groups: int, size: Pair
) -> Any:
    return convolve_weights(
        g, upstream, stride=stride, padding=padding, dilation=dilation, groups=groups, kernel=w.shape[2:]
    )


@convolve_back.opens
def convolve_back_steps(g: Any, w: Any, *, stride: Pair, padding: Pads, dilation: Pair, groups: int, size: Pair) -> Any:
    """Multiply by the kernels the other way, and add the windows up where they overlap."""
    batch, features, height, width = g.shape
    channels, *kernel = w.shape[1:]
    depth, places = channels * prod(kernel), height * width * batch
    rows = g.transpose((1, 2, 3, 0))
    if groups == 1:
        columns = w.reshape((features, depth)).T @ rows.reshape((features, places))
    else:
        apart = w.reshape((groups, features // groups, depth)).transpose((0, 2, 1))
        columns = apart @ rows.reshape((groups, features // groups, places))
    cut = columns.reshape((channels * groups, *kernel, height, width, batch)).transpose((5, 0, 3, 4, 1, 2))
    whole = tuple([n + before + after for n, (before, after) in zip(size, padding)])
    return cropped(overlap_add(cut, stride=stride, dilation=dilation, size=whole), padding)


@op
def convolve_weights(
    g: Any,
    x: Any,
    *,
    stride: Pair = (1, 1),
    padding: Pads = NONE,
    dilation: Pair = (1, 1),
    groups: int = 1,
    kernel: Pair,
) -> Any:
    """The sum over all windows of x (N, C, H, W) of the window times its g (N, O, h, w): (O, C / groups, *kernel).

    The adjoint of ``convolve`` in w.
    """
    if pointwise(x, kernel, stride, padding, groups) and g.flags.c_contiguous:
        return np.matmul(flat_images(g), flat_images(x).transpose(0, 2, 1)).sum(axis=0)[:, :, None, None]
    return correlate_weights(
        np.ascontiguousarray(batch_last(g)), batch_last(x), kernel, stride, start_of(padding), dilation, groups
    )


@convolve_weights.vjp("g")
def convolve_weights_dg(
    upstream: Any, out: Any, g: Any, x: Any, *, stride: Pair, padding: Pads, dilation: Pair, groups: int, kernel: Pair
) -> Any:
    whole = convolve(x, upstream, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return whole if whole.shape == g.shape else whole[:, :, : g.shape[2], : g.shape[3]]


@convolve_weights.vjp("x")
def convolve_weights_dx(
    upstream: Any, out: Any, g: Any, x: Any, *, stride: Pair, padding: Pads, dilation: Pair, groups: int, kernel: Pair
) -> Any:
    return convolve_back(
        g, upstream, stride=stride, padding=padding, dilation=dilation, groups=groups, size=x.shape[2:]
    )


@convolve_weights.opens
def convolve_weights_steps(
    g: Any, x: Any, *, stride: Pair, padding: Pads, dilation: Pair, groups: int, kernel: Pair
) -> Any:
    """Lay the windows out as columns, and multiply g, laid out as rows, by their transpose."""
    batch, features, height, width = g.shape
    channels = x.shape[1] // groups
    cut = windows(padded(x, padding), kernel=kernel, stride=stride, dilation=dilation)
    cut = cut if cut.shape[2:4] == (height, width) else cut[:, :, :height, :width]
    depth, places = channels * prod(kernel), height * width * batch
    rows, columns = g.transpose((1, 2, 3, 0)), cut.transpose((1, 4, 5, 2, 3, 0))
    if groups == 1:
        dw = rows.reshape((features, places)) @ columns.reshape((depth, places)).T
    else:
        apart = columns.reshape((groups, depth, places)).transpose((0, 2, 1))
        dw = rows.reshape((groups, features // groups, places)) @ apart
    return dw.reshape((features, channels, *kernel))


def convolved(x: Any, w: Any, b: Any, stride: Pair, padding: Pads, dilation: Pair, groups: int) -> Any:
    """Compute a convolution, with a bias b unless it is None."""
    size = output_size(x.shape, w.shape, stride, padding, dilation)
    if pointwise(x, w.shape[2:], stride, padding, groups):
        y = np.matmul(w[:, :, 0, 0], flat_images(x))
        if b is not None:
            y = y + b[:, None]
        return y.reshape(x.shape[0], -1, *size)
    dtype = np.result_type(x, w) if b is None else np.result_type(x, w, b)
    out = np.empty((w.shape[0], *size, x.shape[0]), dtype)
    correlate(batch_last(x), w, out, stride, start_of(padding), dilation, groups, b)
    return images(out)


def pointwise(x: Any, kernel: Any, stride: Pair, padding: Pads, groups: int) -> bool:
    """Whether kernels of one pixel meet every pixel, and images lie in memory one by one: products need no columns."""
    plain = kernel == stride == (1, 1) and groups == 1 and not any(map(any, padding))
    return plain and x.flags.c_contiguous and (x.shape[0] == 1 or x.shape[2] * x.shape[3] >= WIDE)


def flat_images(x: Any) -> Any:
    """Return images (N, C, H, W) as matrices (N, C, H · W), a view."""
    return x.reshape((*x.shape[:2], x.shape[2] * x.shape[3]))


def padded(x: Any, padding: Pads) -> Any:
    """Return images with zeros around."""
    return pad(x, widths=((0, 0), (0, 0), *padding), value=0) if any(map(any, padding)) else x


def cropped(x: Any, padding: Pads) -> Any:
    """Return images without their margins."""
    return crop(x, widths=((0, 0), (0, 0), *padding)) if any(map(any, padding)) else x


def start_of(padding: Pads) -> Pair:
    """Return where the first window starts: before the image, by the padding."""
    return -padding[0][0], -padding[1][0]


def output_size(x: tuple[int, ...], w: tuple[int, ...], stride: Pair, padding: Pads, dilation: Pair) -> Pair:
    """Return height and width of the output; ValueError if no window fits."""
    sizes = [
        (n + before + after - (k - 1) * d - 1) // s + 1
        for n, k, s, (before, after), d in zip(x[2:], w[2:], stride, padding, dilation)
    ]
    if min(sizes) < 1:
        raise ValueError(f"convolve: no window of {w[2:]} fits into the images {x[2:]} with padding {padding}")
    return sizes[0], sizes[1]
