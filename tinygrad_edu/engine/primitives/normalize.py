"""Standardizing: numbers shifted and stretched to mean 0 and variance 1, fused so that a block of them stays in cache.

Three ops that differentiate into one another: ``standardize``, its slope, and the sum of products with what it makes.
``rescale`` is given mean and variance, instead of taking those of its input.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from tinygrad_edu.engine.op import op
from tinygrad_edu.engine.primitives.elementwise import sqrt
from tinygrad_edu.engine.primitives.reduce import mean, narrow, var, wide

__all__ = ["rescale", "standardize", "standardize_dot", "standardize_slope"]

Axes = tuple[int, ...]
BUFFER = 1 << 11  # rows shorter than its buffer NumPy spells out, to run over several at once: too many at 8,192
SHORT = 1 << 12  # so few numbers take two small steps
BLOCK = 1 << 16  # so many numbers at a time: a quarter of a MiB in float32


@op
def standardize(x: Any, scale: Any, shift: Any, *, axis: Axes, eps: float) -> Any:
    """(x − mean) / √(variance + ``eps``) · scale + shift, with mean and variance of x over the axes.

    scale and shift are numbers, or arrays with length 1 along the axes. Ioffe and Szegedy 2015, algorithm 1.
    """
    if not fused(x, scale, shift):
        y = standardize_steps(wide(x), scale, shift, axis=axis, eps=eps)
        return narrow(y, x) if np.result_type(x, scale, shift) == np.float16 else y
    rows = Rows(x, axis, np.result_type(x, scale, shift))
    stretch = scale / np.sqrt(rows.variance + eps)
    return rows.combined((rows.x, stretch), offset=shift - stretch * rows.mean)


@standardize.vjp("x")
def standardize_dx(g: Any, out: Any, x: Any, scale: Any, shift: Any, *, axis: Axes, eps: float) -> Any:
    return standardize_slope(g, x, scale, axis=axis, eps=eps)


@standardize.vjp("scale")
def standardize_dscale(g: Any, out: Any, x: Any, scale: Any, shift: Any, *, axis: Axes, eps: float) -> Any:
    return standardize_dot(g, x, axis=axis, eps=eps)


@standardize.vjp("shift")
def standardize_dshift(g: Any, out: Any, x: Any, scale: Any, shift: Any, *, axis: Axes, eps: float) -> Any:
    return g


@standardize.scalar_form
@standardize.opens
def standardize_steps(x: Any, scale: Any, shift: Any, *, axis: Axes, eps: float) -> Any:
    """Take the mean away, divide by the root of the mean square that is left, stretch and shift."""
    from_mean = x - mean(x, axis=axis, keepdims=True)
    variance = mean(from_mean * from_mean, axis=axis, keepdims=True)
    return from_mean / sqrt(variance + eps) * scale + shift


@op(symbol="slope")
def standardize_slope(g: Any, x: Any, scale: Any, *, axis: Axes, eps: float) -> Any:
    """The gradient g of ``standardize(x, scale, ...)``, brought back to x: (g − mean g − z · mean(g z)) / σ · scale.

    What would shift or stretch all of x alike is taken out of g, since the output does not change with it.
    """
    if not fused(x, g, scale):
        return narrow(standardize_slope_steps(wide(g), wide(x), scale, axis=axis, eps=eps), x)
    rows = Rows(x, axis, np.result_type(g, x, scale))
    precision = 1 / (rows.variance + eps)
    stretch = scale * np.sqrt(precision)
    g_mean, with_z = rows.measured(g)
    share = -stretch * precision * with_z
    return rows.combined((g, stretch), (rows.x, share), offset=-(stretch * g_mean + share * rows.mean))


@standardize_slope.vjp("g")
def standardize_slope_dg(h: Any, out: Any, g: Any, x: Any, scale: Any, *, axis: Axes, eps: float) -> Any:
    return standardize_slope(h, x, scale, axis=axis, eps=eps)


@standardize_slope.vjp("x")
def standardize_slope_dx(h: Any, out: Any, g: Any, x: Any, scale: Any, *, axis: Axes, eps: float) -> Any:
    over = {"axis": axis, "keepdims": True}
    z = standardize(x, 1.0, 0.0, axis=axis, eps=eps)
    precision = 1 / (var(x, ddof=0, **over) + eps)
    with_g, with_h = mean(g * z, **over), mean(h * z, **over)
    bent = standardize_slope(g * with_h + h * with_g, x, sqrt(precision), axis=axis, eps=eps)
    shared = mean(g * h, **over) - mean(g, **over) * mean(h, **over) - with_g * with_h
    return -scale * (bent + precision * shared * z)


@standardize_slope.vjp("scale")
def standardize_slope_dscale(h: Any, out: Any, g: Any, x: Any, scale: Any, *, axis: Axes, eps: float) -> Any:
    return h * standardize_slope(g, x, 1.0, axis=axis, eps=eps)


@standardize_slope.scalar_form
@standardize_slope.opens
def standardize_slope_steps(g: Any, x: Any, scale: Any, *, axis: Axes, eps: float) -> Any:
    """Take out of g its mean and what goes along with z, divide by the deviation of x, stretch."""
    z = standardize(x, 1.0, 0.0, axis=axis, eps=eps)
    along = z * mean(g * z, axis=axis, keepdims=True)
    return (g - mean(g, axis=axis, keepdims=True) - along) / deviation(x, axis, eps) * scale


@op(symbol="dot")
def standardize_dot(g: Any, x: Any, *, axis: Axes, eps: float) -> Any:
    """Σ g · z over the axes, kept in length 1, where z is the standardized x: the gradient of its scale."""
    if not fused(x, g):
        return narrow(standardize_dot_steps(wide(g), wide(x), axis=axis, eps=eps), x)
    rows = Rows(x, axis, np.result_type(g, x))
    _, with_z = rows.measured(g)
    return (with_z * rows.count / np.sqrt(rows.variance + eps)).astype(rows.dtype)


@standardize_dot.vjp("g")
def standardize_dot_dg(h: Any, out: Any, g: Any, x: Any, *, axis: Axes, eps: float) -> Any:
    return h * standardize(x, 1.0, 0.0, axis=axis, eps=eps)


@standardize_dot.vjp("x")
def standardize_dot_dx(h: Any, out: Any, g: Any, x: Any, *, axis: Axes, eps: float) -> Any:
    return standardize_slope(g, x, h, axis=axis, eps=eps)


@standardize_dot.scalar_form
@standardize_dot.opens
def standardize_dot_steps(g: Any, x: Any, *, axis: Axes, eps: float) -> Any:
    """Multiply and add up."""
    return (g * standardize(x, 1.0, 0.0, axis=axis, eps=eps)).sum(axis=axis, keepdims=True)


@op
def rescale(x: Any, mean: Any, variance: Any, scale: Any, shift: Any, *, eps: float) -> Any:
    """(x − mean) / √(variance + ``eps``) · scale + shift, with mean and variance as given.

    All but x are numbers, or arrays that broadcast to x. Ioffe and Szegedy 2015, algorithm 2, line 11.
    """
    factor = scale / np.sqrt(variance + eps)
    offset = shift - factor * mean
    alike = x.dtype == factor.dtype == offset.dtype and x.ndim == factor.ndim == offset.ndim
    if not (alike and x.dtype.char in "fd" and x.size > SHORT and covers(x, factor) and covers(x, offset)):
        return x * factor + offset
    strides = x.strides
    return combine(np.empty_like(x), strides.index(max(strides)), [(x, factor)], offset)


def covers(x: Any, factor: Any) -> bool:
    """Whether a factor of as many axes broadcasts to the shape of x."""
    return all([n in (1, m) for n, m in zip(factor.shape, x.shape)])


@rescale.vjp("x")
def rescale_dx(g: Any, out: Any, x: Any, mean: Any, variance: Any, scale: Any, shift: Any, *, eps: float) -> Any:
    return g * (scale / sqrt(variance + eps))


@rescale.vjp("mean")
def rescale_dmean(g: Any, out: Any, x: Any, mean: Any, variance: Any, scale: Any, shift: Any, *, eps: float) -> Any:
    return -g * (scale / sqrt(variance + eps))


@rescale.vjp("variance")
def rescale_dvariance(g: Any, out: Any, x: Any, mean: Any, variance: Any, scale: Any, shift: Any, *, eps: float) -> Any:
    return g * (x - mean) * (-0.5 * scale / ((variance + eps) * sqrt(variance + eps)))


@rescale.vjp("scale")
def rescale_dscale(g: Any, out: Any, x: Any, mean: Any, variance: Any, scale: Any, shift: Any, *, eps: float) -> Any:
    return g * ((x - mean) / sqrt(variance + eps))


@rescale.vjp("shift")
def rescale_dshift(g: Any, out: Any, x: Any, mean: Any, variance: Any, scale: Any, shift: Any, *, eps: float) -> Any:
    return g


@rescale.scalar_form
@rescale.opens
def rescale_steps(x: Any, mean: Any, variance: Any, scale: Any, shift: Any, *, eps: float) -> Any:
    """Multiply by one number, and add another, that the other four make."""
    factor = scale / sqrt(variance + eps)
    return x * factor + (shift - factor * mean)


def moments(x: Any, axis: Axes) -> tuple[Any, Any]:
    """Return mean and variance of an array over the axes, which are kept in length 1."""
    if not fused(x):
        return mean(x, axis=axis, keepdims=True), var(x, axis=axis, keepdims=True, ddof=0)
    rows = Rows(x, axis, x.dtype)
    return rows.center + rows.mean, rows.variance


def deviation(x: Any, axis: Axes, eps: float) -> Any:
    """Return √(variance + eps)."""
    return sqrt(var(x, axis=axis, keepdims=True, ddof=0) + eps)


def fused(x: Any, *others: Any) -> bool:
    """Whether these are what the fused loops are made for; small steps do for anything else."""
    return x.size > 0 < x.ndim and all([np.result_type(y).char in "fd" for y in (x, *others)])


class Rows:
    """An array seen as rows, each of numbers that share a mean and lie side by side in memory, where they do.

    Means and variances are float64, with length 1 along the axes. ``x`` is the array less ``center``: 0, unless some
    mean is further from 0 than the numbers are from each other, so that the mean square would lose digits.
    """

    def __init__(self, x: Any, axis: Axes, dtype: Any) -> None:
        order = sorted(range(x.ndim), key=lambda i: -abs(x.strides[i]))
        if order[-1] not in axis:
            order = [*[i for i in order if i not in axis], *[i for i in order if i in axis]]
        cut = x.ndim
        while cut and order[cut - 1] in axis:
            cut -= 1
        self.order = order
        self.dtype = np.dtype(dtype)
        self.lead = [x.shape[i] for i in order[:cut]]
        self.length = prod([x.shape[i] for i in order[cut:]])
        self.partial = tuple([place for place, i in enumerate(order[:cut]) if i in axis])
        self.kept = [1 if i in axis else x.shape[i] for i in order]
        self.back = sorted(range(x.ndim), key=order.__getitem__)
        self.count = prod([x.shape[i] for i in axis])
        self.center: Any = 0.0
        self._take(x)
        if (self.mean * self.mean > self.variance).any():
            self.center = self.mean
            self._take(np.subtract(x, self.center.astype(x.dtype)))

    def _take(self, x: Any) -> None:
        self.x = x
        self.rows = self._rows(x)
        self.mean = self._average(self.rows)
        self.variance = np.maximum(self._average(self.rows, self.rows) - self.mean * self.mean, 0)

    def measured(self, g: Any) -> tuple[Any, Any]:
        """Return the mean of another array, and the mean of its products with x less its mean."""
        rows = self._rows(g)
        g_mean = self._average(rows)
        return g_mean, self._average(rows, self.rows) - g_mean * self.mean

    def _rows(self, x: Any) -> Any:
        return x.transpose(self.order).reshape(-1, self.length)

    def _average(self, rows: Any, others: Any = None) -> Any:
        """Return the means over the axes, of products if there are others; BLAS adds up faster than ``np.sum``."""
        sums = rows @ np.ones(self.length, rows.dtype) if others is None else np.vecdot(rows, others)
        if self.partial:
            sums = np.add.reduce(sums.reshape(self.lead), self.partial, np.float64)
        return np.divide(sums, self.count, dtype=np.float64).reshape(self.kept).transpose(self.back)

    def combined(self, *terms: tuple[Any, Any], offset: Any) -> Any:
        """Return the sum of arrays, each times its factor, and of an offset; laid out as x, block by block."""
        weighted = [(array, factor.astype(self.dtype)) for array, factor in terms]
        return combine(np.empty_like(self.x, self.dtype), self.order[0], weighted, offset.astype(self.dtype))


def combine(out: Any, axis: int, terms: list[tuple[Any, Any]], offset: Any) -> Any:
    """Write into ``out`` the sum of arrays, each times its factor, and of an offset, block by block along ``axis``."""
    step = max(1, BLOCK * out.shape[axis] // out.size)
    (x, factor), *others = terms
    before = np.setbufsize(BUFFER)
    try:
        for start in range(0, out.shape[axis], step):
            block = (slice(None),) * axis + (slice(start, start + step),)
            part = np.multiply(x[block], shared(factor, axis, block), out=out[block])
            for other, its_factor in others:
                part += other[block] * shared(its_factor, axis, block)
            part += shared(offset, axis, block)
    finally:
        np.setbufsize(before)
    return out


def shared(factor: Any, axis: int, block: Any) -> Any:
    """Return the part of a factor that belongs to a block: all of it where it has length 1 along the axis."""
    return factor[block] if factor.shape[axis] > 1 else factor
