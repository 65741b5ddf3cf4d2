"""NumPy's statistics on Tensors, with NumPy's own arguments; those named ``nan...`` pass over NaN."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.engine import functions as tg
from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.axes import every_axis
from tinygrad_edu.engine.scope import composite
from tinygrad_edu.engine.tensor import Tensor, apply, as_tensor

__all__ = [
    "average", "corrcoef", "cov", "median", "nancumprod", "nancumsum", "nanmax", "nanmean", "nanmin", "nanprod",
    "nanstd", "nansum", "nanvar", "percentile", "ptp", "quantile",
]  # fmt: skip


@composite
def average(a: Any, axis: Any = None, weights: Any = None, keepdims: bool = False) -> Tensor:
    """The mean, each element counted by its weight; weights have the shape of ``a``, or go along ``axis``."""
    x = as_tensor(a)
    if weights is None:
        return x.mean(axis=axis, keepdims=keepdims)
    w = as_tensor(weights, x)
    axes = every_axis(axis, x.ndim, "average")
    if w.shape != x.shape:
        if w.shape != tuple([x.shape[i] for i in axes]):
            raise ValueError(f"np.average: weights {w.shape} must have the shape of a {x.shape}, or of its axis {axis}")
        w = w.reshape([n if i in axes else 1 for i, n in enumerate(x.shape)])
    return (x * w).sum(axes, keepdims) / w.broadcast_to(x.shape).sum(axes, keepdims)


@composite
def ptp(a: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The largest less the smallest."""
    return tg.max(a, axis, keepdims) - tg.min(a, axis, keepdims)


def sorted_rows(a: Any, axis: Any) -> tuple[Tensor, tuple[int, ...]]:
    """Return the elements along ``axis`` sorted, in one last axis, and the shape with those axes kept."""
    x = as_tensor(a)
    axes = every_axis(axis, x.ndim, "quantile")
    rest = [i for i in range(x.ndim) if i not in axes]
    if not all([x.shape[i] for i in axes]):
        raise ValueError(f"np.quantile: shape {x.shape} has no elements along axis {axis}")
    rows = x.transpose([*rest, *axes]) if x.ndim else x
    rows = rows.reshape([*[x.shape[i] for i in rest], -1]).sort()
    return rows, tuple([1 if i in axes else n for i, n in enumerate(x.shape)])


@composite
def median(a: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The one in the middle, or the mean of the two; NaN if one is."""
    rows, kept = sorted_rows(a, axis)
    n = rows.shape[-1]
    out = spread_nan(rows, (rows[..., (n - 1) // 2] + rows[..., n // 2]) / 2.0)
    return out.reshape(kept) if keepdims else out


@composite
def quantile(a: Any, q: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The value below which the share ``q`` lies, on a line between two elements; axes of ``q`` come first."""
    rows, kept = sorted_rows(a, axis)
    q = np.asarray(q.__array__() if isinstance(q, Tensor) else q)
    if ((q < 0) | (q > 1)).any():
        raise ValueError(f"np.quantile: q must lie in 0 to 1 (of a percentile 0 to 100), got {q}")
    place = q * (rows.shape[-1] - 1)
    low, high = np.floor(place).astype(int), np.ceil(place).astype(int)
    share = (place - low).astype(rows.dtype)
    below, above = [row.moveaxis(-1, 0) if q.ndim else row for row in (rows[..., low.ravel()], rows[..., high.ravel()])]
    share = share.reshape((-1,) + (1,) * (rows.ndim - 1)) if q.ndim else share
    if not q.ndim:
        below, above = below[..., 0], above[..., 0]
    out = spread_nan(rows, below + (above - below) * share)
    return out.reshape(q.shape + (kept if keepdims else out.shape[min(q.ndim, 1) :]))


def percentile(a: Any, q: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """As ``quantile``, q in hundredths."""
    return quantile(a, np.true_divide(q.__array__() if isinstance(q, Tensor) else q, 100), axis, keepdims)


def spread_nan(rows: Tensor, out: Tensor) -> Tensor:
    """Return NaN where a row holds one: sorted, it comes last."""
    last = rows[..., -1]
    missing = np.isnan(last.data)
    return tg.where(missing, last, out) if missing.any() else out


@composite
def cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None) -> Tensor:
    """How variables, one per row, vary together: their covariances, over n - 1 observations (n if ``bias``)."""
    x = observations(m, rowvar)
    if y is not None:
        x = tg.concatenate([x, observations(y, rowvar)])
    from_mean = x - x.mean(axis=1, keepdims=True)
    freedom = x.shape[1] - ((0 if bias else 1) if ddof is None else ddof)
    return (from_mean @ from_mean.T / float(freedom)).squeeze()


def observations(m: Any, rowvar: bool) -> Tensor:
    """Return a matrix with a variable per row."""
    x = as_tensor(m)
    if x.ndim > 2:
        raise ValueError(f"np.cov: wants a vector or a matrix, got shape {x.shape}")
    return x.T if x.ndim == 2 and not rowvar else x.reshape(1, -1) if x.ndim < 2 else x


@composite
def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Tensor:
    """Covariances over the standard deviations: between -1 and 1."""
    c = cov(x, y, rowvar)
    if not c.ndim:
        return c / c
    deviation = c.diagonal().sqrt()
    return c / deviation.reshape(-1, 1) / deviation


# Statistics that pass over NaN


def filled(a: Any, value: float) -> tuple[Tensor, Any]:
    """Return a Tensor with ``value`` for each NaN, and where there was none."""
    x = as_tensor(a)
    missing = np.isnan(x.data)
    return tg.where(missing, as_tensor(value, x), x), ~missing


@composite
def nansum(a: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The sum of what is no NaN."""
    return filled(a, 0)[0].sum(axis, keepdims)


@composite
def nanprod(a: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The product of what is no NaN."""
    return filled(a, 1)[0].prod(axis, keepdims)


@composite
def nancumsum(a: Any, axis: int | None = None) -> Tensor:
    """The running sum of what is no NaN."""
    return filled(a, 0)[0].cumsum(axis)


@composite
def nancumprod(a: Any, axis: int | None = None) -> Tensor:
    """The running product of what is no NaN."""
    return filled(a, 1)[0].cumprod(axis)


@composite
def nanmax(a: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The largest that is no NaN; NaN where all are."""
    x, there = filled(a, -np.inf)
    return tg.where(np.any(there, axis, keepdims=keepdims), x.max(axis, keepdims), as_tensor(np.nan, x))


@composite
def nanmin(a: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The smallest that is no NaN; NaN where all are."""
    return -nanmax(-as_tensor(a), axis, keepdims)


@composite
def nanmean(a: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The mean of what is no NaN."""
    x, there = filled(a, 0)
    return x.sum(axis, keepdims) / as_tensor(np.sum(there, axis, x.dtype, keepdims=keepdims))


@composite
def nanvar(a: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
    """The variance of what is no NaN."""
    x, there = filled(a, 0)
    from_mean = tg.where(there, x - nanmean(a, axis, keepdims=True), as_tensor(0, x))
    return from_mean.square().sum(axis, keepdims) / as_tensor(
        np.sum(there, axis, x.dtype, keepdims=keepdims) - x.dtype.type(ddof)
    )


@composite
def nanstd(a: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
    """The standard deviation of what is no NaN; slope 0 where it is 0."""
    return apply(P.tame_sqrt, (nanvar(a, axis, ddof, keepdims),))
