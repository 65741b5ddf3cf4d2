"""Max-pooling: the largest number of each window; equal ones leave the whole gradient to the first, as in PyTorch.

One op does it on the image itself, since ``windows`` would copy every pixel several times. It opens into ``pad``,
``windows`` and ``first_max``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_edu.engine.op import op
from tinygrad_edu.engine.primitives.columns import batch_last, images
from tinygrad_edu.engine.primitives.reduce import fold
from tinygrad_edu.engine.primitives.selection import first_largest, where
from tinygrad_edu.engine.primitives.shape import crop, pad
from tinygrad_edu.engine.primitives.sliding import overlap_add, windows

__all__ = ["first_max", "first_max_back", "first_winners", "max_pick", "max_pool", "max_unpool"]

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]

NONE = ((0, 0), (0, 0))
_SHORT = 32  # pixels of a row that are few, and samples of a batch that are many
_PART = 2**19  # bytes of images that are worked on at once


@op
def first_max(x: Any) -> Any:
    """The largest over the last two axes; of equal ones the first in row-major order gets the gradient."""
    return greatest([x[..., i, j] for i, j in np.ndindex(x.shape[-2:])])


@first_max.vjp("x")
def first_max_dx(g: Any, out: Any, x: Any) -> Any:
    return first_max_back(g, x)


@first_max.scalar_form
def first_max_of_scalars(x: Any) -> Any:
    return fold(first_largest, x, (x.ndim - 2, x.ndim - 1), False)


@op
def first_max_back(g: Any, x: Any) -> Any:
    """Each g at the place where the last two axes of x have their first largest, 0 elsewhere: x's shape."""
    if x.ndim == 2:
        return first_max_back.forward(np.reshape(g, 1), x[None])[0]
    first = x[..., 0, 0]
    order = sorted(range(first.ndim), key=lambda axis: -first.strides[axis])
    k_h, k_w = x.shape[-2:]
    memory = np.empty((k_h, k_w, *[first.shape[axis] for axis in order]), np.result_type(g, x))
    back = memory.transpose((*[2 + order.index(axis) for axis in range(first.ndim)], 0, 1))
    out = first_max.forward(x)
    places = [(back[..., i, j], x[..., i, j]) for i in range(k_h) for j in range(k_w)]
    hand_out(g, out, places, False, bool(np.isnan(out).any()))
    return back


@first_max_back.vjp("g")
def first_max_back_dg(upstream: Any, out: Any, g: Any, x: Any) -> Any:
    return where(first_winners(x), upstream, 0).sum(axis=(-2, -1))


@first_max_back.scalar_form
def first_max_back_of_scalars(g: Any, x: Any) -> Any:
    winners = first_winners.forward(np.frompyfunc(lambda element: element.item(), 1, 1)(x).astype(float))
    return np.where(winners, g[..., None, None], 0)


first_max_back.constant("x")


@op(differentiable=False)
def first_winners(x: Any) -> Any:
    """True at the first largest number over the last two axes, False elsewhere; a NaN is larger than any number."""
    k_h, k_w = x.shape[-2:]
    flat = x.reshape((*x.shape[:-2], k_h * k_w))
    return (flat.argmax(axis=-1)[..., None] == np.arange(k_h * k_w)).reshape(x.shape)


@op
def max_pool(x: Any, *, kernel: Pair, stride: Pair, padding: Pads = NONE, dilation: Pair = (1, 1)) -> Any:
    """The largest number of each window of the images x (N, C, H, W), −∞ being around them: (N, C, h, w)."""
    x = small_batch_last(x)
    spots = Spots(x.shape, kernel, stride, padding, dilation)
    out = np.empty_like(x, shape=(*x.shape[:2], *spots.size))
    for part in parts_of(x):
        out[part] = pooled(with_margins(x[part], padding), spots)[1]
    return out


@max_pool.vjp("x")
def max_pool_dx(g: Any, out: Any, x: Any, *, kernel: Pair, stride: Pair, padding: Pads, dilation: Pair) -> Any:
    return max_unpool(g, x, kernel=kernel, stride=stride, padding=padding, dilation=dilation)


@max_pool.opens
def max_pool_steps(x: Any, *, kernel: Pair, stride: Pair, padding: Pads, dilation: Pair) -> Any:
    """Pad with −∞, cut windows, take the largest of each."""
    return first_max(cut(x, kernel, stride, padding, dilation))


@op
def max_unpool(g: Any, x: Any, *, kernel: Pair, stride: Pair, padding: Pads = NONE, dilation: Pair = (1, 1)) -> Any:
    """Each g (N, C, h, w) laid where its window of x has its first largest number, and added up: (N, C, H, W)."""
    x = small_batch_last(x)
    spots = Spots(x.shape, kernel, stride, padding, dilation)
    back = np.empty_like(x, dtype=np.result_type(g, x))
    for part in parts_of(x):
        unpooled(g[part], with_margins(x[part], padding), spots, back[part])
    return back


@max_unpool.vjp("g")
def max_unpool_dg(
    upstream: Any, out: Any, g: Any, x: Any, *, kernel: Pair, stride: Pair, padding: Pads, dilation: Pair
) -> Any:
    return max_pick(upstream, x, kernel=kernel, stride=stride, padding=padding, dilation=dilation)


@max_unpool.opens
def max_unpool_steps(g: Any, x: Any, *, kernel: Pair, stride: Pair, padding: Pads, dilation: Pair) -> Any:
    """Give each window's g to its winner, and add up where windows overlap."""
    views = cut(x, kernel, stride, padding, dilation)
    parts = first_max_back(g, views)
    whole = tuple([n + before + after for n, (before, after) in zip(x.shape[2:], padding)])
    return without_margins(overlap_add(parts, stride=stride, dilation=dilation, size=whole), padding)


max_unpool.constant("x")


@op
def max_pick(v: Any, x: Any, *, kernel: Pair, stride: Pair, padding: Pads = NONE, dilation: Pair = (1, 1)) -> Any:
    """The number of v (N, C, H, W) at the place where each window of x has its first largest: (N, C, h, w)."""
    winners = first_winners.forward(cut(x, kernel, stride, padding, dilation))
    return np.where(winners, cut(v, kernel, stride, padding, dilation), 0).sum(axis=(-2, -1), dtype=v.dtype)


@max_pick.vjp("v")
def max_pick_dv(g: Any, out: Any, v: Any, x: Any, *, kernel: Pair, stride: Pair, padding: Pads, dilation: Pair) -> Any:
    return max_unpool(g, x, kernel=kernel, stride=stride, padding=padding, dilation=dilation)


@max_pick.opens
def max_pick_steps(v: Any, x: Any, *, kernel: Pair, stride: Pair, padding: Pads, dilation: Pair) -> Any:
    """Cut windows of v, keep what stands at the winners of x."""
    winners = first_winners(cut(x, kernel, stride, padding, dilation))
    views = windows(with_margins(v, padding, 0), kernel=kernel, stride=stride, dilation=dilation)
    return where(winners, views, 0).sum(axis=(-2, -1))


max_pick.constant("x")


class Spots:
    """Where the windows over padded images find their first pixel, their second ...: an index for each."""

    def __init__(self, shape: tuple[int, ...], kernel: Pair, stride: Pair, padding: Pads, dilation: Pair) -> None:
        self.kernel, self.stride, self.padding, self.dilation = kernel, stride, padding, dilation
        self.room = [n + before + after for n, (before, after) in zip(shape[2:], padding)]
        self.size = [(n - (k - 1) * d - 1) // s + 1 for n, k, s, d in zip(self.room, kernel, stride, dilation)]
        if min(self.size) < 1:
            raise ValueError(f"max_pool: no window of {kernel} fits into the images {shape[2:]} with padding {padding}")

    def one(self, axis: int, offset: int) -> slice:
        """Return, along an axis, the pixels that come ``offset``-th in each window."""
        start, step = offset * self.dilation[axis], self.stride[axis]
        return slice(start, start + (self.size[axis] - 1) * step + 1, step)

    def down(self) -> Iterator[tuple[Any, ...]]:
        """Yield the places of the windows' first row, second row ..."""
        for i in range(self.kernel[0]):
            yield ..., self.one(0, i), slice(None)

    def across(self) -> Iterator[tuple[Any, ...]]:
        """Yield the places of the windows' first column, second column ..."""
        for j in range(self.kernel[1]):
            yield ..., self.one(1, j)

    def both(self) -> Iterator[tuple[Any, ...]]:
        """Yield the places of the windows' pixels in row-major order."""
        for i in range(self.kernel[0]):
            for j in range(self.kernel[1]):
                yield ..., self.one(0, i), self.one(1, j)

    def overlap(self) -> bool:
        """Whether a pixel may lie in two windows."""
        return any((k - 1) * d >= s for k, d, s in zip(self.kernel, self.dilation, self.stride))

    def covering(self) -> bool:
        """Whether every pixel lies in exactly one window."""
        return self.kernel == self.stride and [n * k for n, k in zip(self.size, self.kernel)] == self.room


def small_batch_last(x: Any) -> Any:
    """Return small images of a large batch with the batch last in memory: their rows are too short to work on."""
    small = x.ndim == 4 and x.strides[0] > x.strides[1] and x.shape[3] <= _SHORT <= x.shape[0]
    return images(batch_last(x)) if small else x


def parts_of(x: Any) -> Iterator[tuple[slice, slice]]:
    """Yield samples and channels in parts that stay in the cache, along the axis that is outermost in memory."""
    batch, channels = x.shape[:2]
    image = max(1, x[:1, :1].nbytes)
    if x.strides[0] < x.strides[1]:  # batch last
        step = max(1, _PART // (image * max(1, batch)))
        for start in range(0, channels, step):
            yield slice(None), slice(start, start + step)
        return
    samples, step = max(1, _PART // (image * max(1, channels))), max(1, _PART // image)
    for first in range(0, batch, samples):
        for start in range(0, channels, step if samples == 1 else channels):
            yield slice(first, first + samples), slice(start, start + (step if samples == 1 else channels))


def pooled(x: Any, spots: Spots) -> tuple[Any, Any]:
    """Return the largest over each window; where windows overlap, also those over its rows, which they share."""
    if not spots.overlap():
        return None, greatest([x[place] for place in spots.both()])
    rows = greatest([x[place] for place in spots.across()])
    return rows, greatest([rows[place] for place in spots.down()])


def unpooled(g: Any, x: Any, spots: Spots, back: Any) -> None:
    """Write into ``back`` what g leaves at the winners of the padded images x."""
    rows, out = pooled(x, spots)
    nans = bool(np.isnan(out).any())
    inside = back if x.shape == back.shape else np.empty_like(x, dtype=back.dtype)
    if not spots.covering():
        inside[...] = 0
    if rows is None:
        hand_out(g, out, [(inside[place], x[place]) for place in spots.both()], False, nans)
    else:
        per_row = np.zeros_like(rows, dtype=back.dtype)
        hand_out(g, out, [(per_row[place], rows[place]) for place in spots.down()], True, nans)
        hand_out(per_row, rows, [(inside[place], x[place]) for place in spots.across()], True, nans)
    if inside is not back:
        back[...] = without_margins(inside, spots.padding)


def greatest(parts: list[Any]) -> Any:
    """Return the elementwise maximum; memory stays in the order of the first."""
    out = np.positive(parts[0]) if len(parts) == 1 else np.maximum(parts[0], parts[1])
    for part in parts[2:]:
        out = np.maximum(out, part, out=out if isinstance(out, np.ndarray) else None)
    return out


def hand_out(g: Any, out: Any, places: list[tuple[Any, Any]], shared: bool, nans: bool) -> None:
    """Give g to the first of the places (gradient, number) whose number is ``out``, the largest of them.

    shared: a place may be given to again, so add. nans: the largest may be NaN, which equals nothing.
    """
    if g.strides != out.strides:  # in memory as the images are: much faster
        there = np.empty_like(out, dtype=g.dtype)
        there[...] = g
        g = there
    left = g
    for target, x in places[:-1]:
        won = x == out
        if nans:
            won |= np.isnan(x)
        part = left * won
        if shared:
            target += part
        else:
            target[...] = part
        left = np.subtract(left, part, out=None if left is g else left)
    target = places[-1][0]  # what nobody before has won
    if shared:
        target += left
    else:
        target[...] = left


def with_margins(x: Any, padding: Pads, value: float | None = None) -> Any:
    """Return images with the least of numbers around, or ``value``."""
    if not any(map(any, padding)):
        return x
    kind = np.dtype(x.dtype)
    least = -np.inf if kind.kind in "fcO" else np.iinfo(kind).min
    return pad(x, widths=((0, 0), (0, 0), *padding), value=least if value is None else value)


def without_margins(x: Any, padding: Pads) -> Any:
    """Return images without what is around them."""
    return crop(x, widths=((0, 0), (0, 0), *padding)) if any(map(any, padding)) else x


def cut(x: Any, kernel: Pair, stride: Pair, padding: Pads, dilation: Pair) -> Any:
    """Return every window of padded images, (N, C, h, w, k_h, k_w)."""
    return windows(with_margins(x, padding), kernel=kernel, stride=stride, dilation=dilation)
