"""Products and running totals. The slope of a product is the product of all the others: right also where some are 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.engine.op import op
from tinygrad_edu.engine.primitives.reduce import kept
from tinygrad_edu.engine.primitives.rounding import zeros_like
from tinygrad_edu.engine.primitives.selection import where
from tinygrad_edu.engine.primitives.shape import flip

__all__ = ["carried", "cumprod", "cumsum", "prod", "prod_others", "shifted"]

Axes = tuple[int, ...]


@op(symbol="Π")
def prod(x: Any, *, axis: Axes, keepdims: bool) -> Any:
    """The product over the axes."""
    return np.multiply.reduce(x, axis, None, None, keepdims)


@prod.vjp("x")
def prod_dx(g: Any, out: Any, x: Any, *, axis: Axes, keepdims: bool) -> Any:
    return kept(g, x, axis, keepdims) * prod_others(x, axis=axis)


@op
def prod_others(x: Any, *, axis: Axes) -> Any:
    """For each number the product of all the others along the axes: out / x, but right at zeros too."""
    if not x.size:
        return x.copy()
    rows = in_rows(x, axis)
    before, after = np.ones_like(rows), np.ones_like(rows)
    np.multiply.accumulate(rows[..., :-1], -1, None, before[..., 1:])
    np.multiply.accumulate(rows[..., :0:-1], -1, None, after[..., -2::-1])
    return out_of_rows(before * after, x.shape, axis)[()]


@prod_others.vjp("x")
def prod_others_dx(g: Any, out: Any, x: Any, *, axis: Axes) -> Any:
    if not x.size:
        return g
    moved = others_moved(padded(in_rows(x, axis), 1.0), padded(in_rows(g, axis), 0.0))
    return out_of_rows(moved[..., : in_rows(x, axis).shape[-1]], x.shape, axis)


def in_rows(x: Any, axis: Axes) -> Any:
    """Return x with the axes at the end, laid out as one."""
    others = tuple([i for i in range(x.ndim) if i not in axis])
    n = 1
    for i in axis:
        n *= x.shape[i]
    return x.transpose(others + axis).reshape((*[x.shape[i] for i in others], n))


def out_of_rows(rows: Any, shape: tuple[int, ...], axis: Axes) -> Any:
    """Undo ``in_rows`` of an array of that shape."""
    order = (*[i for i in range(len(shape)) if i not in axis], *axis)
    back = tuple([order.index(i) for i in range(len(shape))])
    return rows.reshape(tuple([shape[i] for i in order])).transpose(back)


def padded(rows: Any, fill: float) -> Any:
    """Return rows as long as the next power of two."""
    n = rows.shape[-1]
    place = np.arange(1 << (n - 1).bit_length())
    return rows if len(place) == n else where(place < n, rows[..., np.minimum(place, n - 1)], fill)


def others_moved(x: Any, dx: Any) -> Any:
    """Return how fast the products of others move when x moves by ``dx``, along rows of 2ᵏ numbers.

    The Hessian of a product is symmetric, so this is also what the rule of ``prod_others`` wants. Products are built up
    a tree, pair by pair, and handed down again: all others are my neighbour times all others of our pair. There is no
    division, and it is all operators, so that it can be differentiated again and again.
    """
    neighbours = []
    while x.shape[-1] > 1:
        pairs = (*x.shape[:-1], x.shape[-1] // 2, 2)
        x, dx = x.reshape(pairs), dx.reshape(pairs)
        neighbours.append((x[..., ::-1], dx[..., ::-1]))
        dx = x[..., 0] * dx[..., 1] + dx[..., 0] * x[..., 1]
        x = x[..., 0] * x[..., 1]
    others, moved = zeros_like(x) + 1, zeros_like(dx)
    for y, dy in reversed(neighbours):
        others, moved = others.reshape((*others.shape, 1)), moved.reshape((*moved.shape, 1))
        others, moved = others * y, others * dy + moved * y
        flat = (*y.shape[:-2], y.shape[-2] * 2)
        others, moved = others.reshape(flat), moved.reshape(flat)
    return moved


@op
def cumsum(x: Any, *, axis: int) -> Any:
    """The running sum along the axis."""
    return x.cumsum(axis)


@cumsum.vjp("x")
def cumsum_dx(g: Any, out: Any, x: Any, *, axis: int) -> Any:
    return flip(cumsum(flip(g, axis=(axis,)), axis=axis), axis=(axis,))


@op
def cumprod(x: Any, *, axis: int) -> Any:
    """The running product along the axis."""
    return x.cumprod(axis)


@cumprod.vjp("x")
def cumprod_dx(g: Any, out: Any, x: Any, *, axis: int) -> Any:
    before = shifted(out, axis=axis, step=1, fill=1.0)
    return before * carried(shifted(x, axis=axis, step=-1, fill=0.0), g, axis=axis, step=-1)


@op
def shifted(x: Any, *, axis: int, step: int, fill: float) -> Any:
    """The numbers moved one place along the axis, forward (``step`` 1) or backward (−1); ``fill`` takes the gap."""
    out = np.full_like(x, fill)
    into, taken = np.moveaxis(out, axis, 0), np.moveaxis(x, axis, 0)
    if step > 0:
        into[1:] = taken[:-1]
    else:
        into[:-1] = taken[1:]
    return out


@shifted.vjp("x")
def shifted_dx(g: Any, out: Any, x: Any, *, axis: int, step: int, fill: float) -> Any:
    return shifted(g, axis=axis, step=-step, fill=0.0)


@op
def carried(rate: Any, x: Any, *, axis: int, step: int) -> Any:
    """outᵢ = xᵢ + rateᵢ · outᵢ₋₁ along the axis (``step`` 1), or · outᵢ₊₁ (−1): Horner's scheme, every stage kept."""
    out = x.astype(np.result_type(rate, x))
    rates, outs = np.moveaxis(rate, axis, 0)[::step], np.moveaxis(out, axis, 0)[::step]
    for i in range(1, len(outs)):
        outs[i] += rates[i] * outs[i - 1]
    return out


@carried.vjp("rate")
def carried_drate(g: Any, out: Any, rate: Any, x: Any, *, axis: int, step: int) -> Any:
    return carried_dx(g, out, rate, x, axis=axis, step=step) * shifted(out, axis=axis, step=step, fill=0.0)


@carried.vjp("x")
def carried_dx(g: Any, out: Any, rate: Any, x: Any, *, axis: int, step: int) -> Any:
    return carried(shifted(rate, axis=axis, step=-step, fill=0.0), g, axis=axis, step=-step)
