"""Products and running totals. The slope of a product is the product of all the others: right also where some are 0."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu.engine.op import op
from tinygrad_edu.engine.primitives.reduce import kept
from tinygrad_edu.engine.primitives.shape import flip

__all__ = ["carried", "cumprod", "cumsum", "prod", "prod_others", "shifted"]

Axes = tuple[int, ...]


@op(symbol="Π")
def prod(x: Any, *, axis: Axes, keepdims: bool) -> Any:
    """The product over the axes."""
    return np.multiply.reduce(x, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]


@prod.vjp("x")
def prod_dx(g: Any, out: Any, x: Any, *, axis: Axes, keepdims: bool) -> Any:
    return kept(g, x, axis, keepdims) * prod_others(x, axis=axis)


@op
def prod_others(*xs: Any, axis: Axes) -> Any:
    """For each number in ``xs[0]`` the product of all the others along the axes: prod / x, but right at zeros too.

    Given further arrays, the derivative of that in those directions, one after the other. All orders are this one op,
    as the k-th derivative of a product is a symmetric tensor: it does not matter which of its sides is left open.
    """
    if not xs[0].size:
        return xs[0].copy()
    rows = [in_rows(x, axis) for x in xs]
    *others, n = rows[0].shape
    levels = [np.zeros((1 << (len(xs) - 1), *others, 1 << (n - 1).bit_length()), np.result_type(*xs))]
    levels[0][0] = 1  # also what fills a row up to a power of two
    levels[0][0, ..., :n] = rows[0]
    for i, direction in enumerate(rows[1:]):
        levels[0][1 << i, ..., :n] = direction
    while levels[-1].shape[-1] > 1:
        levels.append(products(levels[-1][..., 0::2], levels[-1][..., 1::2]))
    outside = np.zeros_like(levels.pop())
    outside[0] = 1
    for level in reversed(levels):  # what is outside of me is my neighbour, and what is outside of us two
        neighbours = level.reshape((*level.shape[:-1], -1, 2))[..., ::-1]
        outside = products(outside[..., None], neighbours).reshape(level.shape)
    return out_of_rows(outside[-1, ..., :n], xs[0].shape, axis)[()]


@prod_others.vjp("xs")
def prod_others_dx(g: Any, out: Any, *xs: Any, axis: Axes, position: int) -> Any:
    if position == 0:
        return prod_others(*xs, g, axis=axis)
    return prod_others(*xs[:position], g, *xs[position + 1 :], axis=axis)


def products(x: Any, y: Any) -> Any:
    """Multiply numbers with small parts: ``x[3]`` goes with ε₀ε₁, as 3 is binary 11, and every ε² is 0."""
    sizes = range(len(x))
    return np.stack([sum(x[part] * y[whole - part] for part in sizes if part & whole == part) for whole in sizes])


def in_rows(x: Any, axis: Axes) -> Any:
    """Return x with the axes at the end, laid out as one."""
    others = tuple([i for i in range(x.ndim) if i not in axis])
    return x.transpose(others + axis).reshape((*[x.shape[i] for i in others], math.prod(x.shape[i] for i in axis)))


def out_of_rows(rows: Any, shape: tuple[int, ...], axis: Axes) -> Any:
    """Undo ``in_rows`` of an array of that shape."""
    order = (*[i for i in range(len(shape)) if i not in axis], *axis)
    back = tuple([order.index(i) for i in range(len(shape))])
    return rows.reshape(tuple([shape[i] for i in order])).transpose(back)


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
