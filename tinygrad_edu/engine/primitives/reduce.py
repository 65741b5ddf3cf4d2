"""Ops that bring an axis down to one number: sums, means, extremes, norms. ``axis`` is a tuple, ``()`` for none."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.engine.op import Op, op
from tinygrad_edu.engine.primitives.elementwise import exp, ratio, tame_sqrt
from tinygrad_edu.engine.primitives.selection import gate, largest, smallest
from tinygrad_edu.engine.primitives.shape import broadcast_to

__all__ = [
    "argmax", "argmin", "argsort", "count_nonzero", "log_softmax", "logsumexp", "max", "mean", "min", "norm", "softmax",
    "std", "sum", "tie_shares", "var",
]  # fmt: skip

Axes = tuple[int, ...]
_FEW = 32  # elements of a window
_MANY = 2**14  # elements of all windows
# Called by position (axis, dtype, out, keepdims, initial), a tenth faster than by keyword
add_up: Any = np.add.reduce
greatest: Any = np.maximum.reduce
least: Any = np.minimum.reduce


@op(symbol="Σ")
def sum(x: Any, *, axis: Axes, keepdims: bool) -> Any:
    """The sum over the axes; bool and int add up as NumPy's do."""
    if (
        x.size > _MANY
        and x.dtype.kind == "f"
        and axis == (x.ndim - 2, x.ndim - 1)
        and 1 < x.shape[-2] * x.shape[-1] <= _FEW
    ):
        return sum_of_windows(x, keepdims)
    return add_up(x, axis, None, None, keepdims)


def sum_of_windows(x: Any, keepdims: bool) -> Any:
    """Return the sum over two short last axes: a few additions of many, where NumPy makes many of a few, far slower."""
    parts = [x[..., i, j] for i, j in np.ndindex(x.shape[-2:])]
    out = parts[0] + parts[1]
    for part in parts[2:]:
        out += part
    return out[..., None, None] if keepdims else out


@sum.vjp("x")
def sum_dx(g: Any, out: Any, x: Any, *, axis: Axes, keepdims: bool) -> Any:
    return broadcast_to(kept(g, x, axis, keepdims), shape=x.shape)


@op
def mean(x: Any, *, axis: Axes, keepdims: bool) -> Any:
    """The sum over the axes divided by how many were added; float16 is added up in float32."""
    return narrow(add_up(wide(x), axis, None, None, keepdims) / count(x, axis), x)


@mean.vjp("x")
def mean_dx(g: Any, out: Any, x: Any, *, axis: Axes, keepdims: bool) -> Any:
    return broadcast_to(kept(g, x, axis, keepdims) / count(x, axis), shape=x.shape)


@op
def max(x: Any, *, axis: Axes, keepdims: bool) -> Any:
    """The largest along the axes; equal ones share the gradient evenly, as in ``torch.amax``. NaN spreads."""
    return greatest(x, axis, None, None, keepdims)


@max.vjp("x")
def max_dx(g: Any, out: Any, x: Any, *, axis: Axes, keepdims: bool) -> Any:
    return gate(kept(g, x, axis, keepdims), tie_shares(x, kept(out, x, axis, keepdims), axis=axis))


@max.scalar_form
def max_of_scalars(x: Any, *, axis: Axes, keepdims: bool) -> Any:
    return fold(largest, x, axis, keepdims)


@max.explains
def _(x: Any, *, axis: Axes, keepdims: bool) -> str | None:
    return nothing_to_choose("max", "largest", x, axis)


@op
def min(x: Any, *, axis: Axes, keepdims: bool) -> Any:
    """The smallest along the axes; equal ones share the gradient evenly, as in ``torch.amin``. NaN spreads."""
    return least(x, axis, None, None, keepdims)


@min.vjp("x")
def min_dx(g: Any, out: Any, x: Any, *, axis: Axes, keepdims: bool) -> Any:
    return gate(kept(g, x, axis, keepdims), tie_shares(x, kept(out, x, axis, keepdims), axis=axis))


@min.scalar_form
def min_of_scalars(x: Any, *, axis: Axes, keepdims: bool) -> Any:
    return fold(smallest, x, axis, keepdims)


@min.explains
def _(x: Any, *, axis: Axes, keepdims: bool) -> str | None:
    return nothing_to_choose("min", "smallest", x, axis)


@op(differentiable=False)
def tie_shares(x: Any, chosen: Any, *, axis: Axes) -> Any:
    """1 / k for each of the k numbers along the axes that equal ``chosen``, 0 for the others; NaN beside a NaN."""
    equal = x == chosen
    ties = add_up(equal, axis, None, None, True)
    with np.errstate(invalid="ignore"):  # 0 / 0 where a NaN was chosen, which equals nothing
        return np.true_divide(equal, ties, dtype=np.result_type(x, np.float16))


@op
def logsumexp(x: Any, *, axis: Axes, keepdims: bool) -> Any:
    """log Σ eˣ over the axes, the smooth maximum; the largest is taken out first, so that nothing overflows."""
    x_wide = wide(x)
    peak = greatest(x_wide, axis, None, None, True, -np.inf)
    peak = np.where(np.isfinite(peak), peak, 0)
    with np.errstate(divide="ignore", over="ignore"):  # log 0 = −∞ where all are −∞
        out = np.log(add_up(np.exp(x_wide - peak), axis, None, None, keepdims))
    return narrow(out + (peak if keepdims else peak.reshape(out.shape))[()], x)


@logsumexp.vjp("x")
def logsumexp_dx(g: Any, out: Any, x: Any, *, axis: Axes, keepdims: bool) -> Any:
    return kept(g, x, axis, keepdims) * exp(x - kept(out, x, axis, keepdims))


@logsumexp.scalar_form
def logsumexp_of_scalars(x: Any, *, axis: Axes, keepdims: bool) -> Any:
    x = x[()]
    peak = max_of_scalars(x, axis=axis, keepdims=True)
    out = np.log(total(np.exp(x - peak), axis, keepdims))
    if isinstance(peak, np.ndarray) and not keepdims:
        peak = peak.reshape(out.shape)[()]
    return peak + out


@op
def softmax(x: Any, *, axis: int) -> Any:
    """eˣ / Σ eˣ along the axis: positive numbers that add up to 1; the largest is taken out first."""
    x_wide = wide(x)
    out = x_wide - greatest(x_wide, axis, None, None, True, -np.inf)
    np.exp(out, out=out)
    out /= add_up(out, axis, None, None, True)
    return narrow(out, x)


@softmax.vjp("x")
def softmax_dx(g: Any, out: Any, x: Any, *, axis: int) -> Any:
    return out * (g - (g * out).sum(axis=(axis,), keepdims=True))


@softmax.scalar_form
def softmax_of_scalars(x: Any, *, axis: int) -> Any:
    if not x.size:
        return x
    powers = np.exp(x - max_of_scalars(x, axis=(axis,), keepdims=True))
    return powers / total(powers, (axis,), keepdims=True)


@op
def log_softmax(x: Any, *, axis: int) -> Any:
    """The logarithm of ``softmax``, x − log Σ eˣ, exact also where softmax rounds to 0."""
    x_wide = wide(x)
    out = x_wide - greatest(x_wide, axis, None, None, True, -np.inf)
    if out.size:
        out -= np.log(add_up(np.exp(out), axis, None, None, True))
    return narrow(out, x)


@log_softmax.vjp("x")
def log_softmax_dx(g: Any, out: Any, x: Any, *, axis: int) -> Any:
    return g - exp(out) * g.sum(axis=(axis,), keepdims=True)


@log_softmax.scalar_form
def log_softmax_of_scalars(x: Any, *, axis: int) -> Any:
    if not x.size:
        return x
    return x - logsumexp_of_scalars(x, axis=(axis,), keepdims=True)


@op
def var(x: Any, *, axis: Axes, keepdims: bool, ddof: float) -> Any:
    """The mean square distance from the mean; divided by their number less ``ddof`` (NaN if that is 0)."""
    x_wide = wide(x)
    from_mean = x_wide - add_up(x_wide, axis, None, None, True) / count(x, axis)
    return narrow(add_up(from_mean * from_mean, axis, None, None, keepdims) / freedom(x, axis, ddof), x)


@var.vjp("x")
def var_dx(g: Any, out: Any, x: Any, *, axis: Axes, keepdims: bool, ddof: float) -> Any:
    return (2 * kept(g, x, axis, keepdims) / freedom(x, axis, ddof)) * (x - mean(x, axis=axis, keepdims=True))


@var.scalar_form
def var_of_scalars(x: Any, *, axis: Axes, keepdims: bool, ddof: float) -> Any:
    x = x[()]
    from_mean = x - total(x, axis, keepdims=True) / count(x, axis)
    return total(from_mean * from_mean, axis, keepdims) / freedom(x, axis, ddof)


@op
def std(x: Any, *, axis: Axes, keepdims: bool, ddof: float) -> Any:
    """The root of ``var``; slope 0 where it is 0, as in PyTorch."""
    return np.sqrt(var.forward(x, axis=axis, keepdims=keepdims, ddof=ddof))


@std.vjp("x")
def std_dx(g: Any, out: Any, x: Any, *, axis: Axes, keepdims: bool, ddof: float) -> Any:
    scale = freedom(x, axis, ddof) * kept(out, x, axis, keepdims)
    return ratio(kept(g, x, axis, keepdims), scale) * (x - mean(x, axis=axis, keepdims=True))


@std.scalar_form
def std_of_scalars(x: Any, *, axis: Axes, keepdims: bool, ddof: float) -> Any:
    return each(tame_sqrt, var_of_scalars(x, axis=axis, keepdims=keepdims, ddof=ddof))


@op
def norm(x: Any, *, axis: Axes, keepdims: bool) -> Any:
    """The length √Σx² of vectors along the axes; slope 0 where it is 0."""
    x_wide = wide(x)
    return narrow(np.sqrt(add_up(x_wide * x_wide, axis, None, None, keepdims)), x)


@norm.vjp("x")
def norm_dx(g: Any, out: Any, x: Any, *, axis: Axes, keepdims: bool) -> Any:
    return ratio(kept(g, x, axis, keepdims), kept(out, x, axis, keepdims)) * x


@norm.scalar_form
def norm_of_scalars(x: Any, *, axis: Axes, keepdims: bool) -> Any:
    return each(tame_sqrt, total(x * x, axis, keepdims))


@op(differentiable=False)
def argmax(x: Any, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """Where the first of the largest stands: along one axis, or in the whole of x laid out flat."""
    return np.argmax(x, axis=axis, keepdims=keepdims)


@argmax.explains
def _(x: Any, *, axis: int | None = None, keepdims: bool = False) -> str | None:
    return nothing_to_choose("argmax", "largest", x, tuple(range(x.ndim)) if axis is None else (axis,))


@op(differentiable=False)
def argmin(x: Any, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """Where the first of the smallest stands: along one axis, or in the whole of x laid out flat."""
    return np.argmin(x, axis=axis, keepdims=keepdims)


@argmin.explains
def _(x: Any, *, axis: int | None = None, keepdims: bool = False) -> str | None:
    return nothing_to_choose("argmin", "smallest", x, tuple(range(x.ndim)) if axis is None else (axis,))


@op(differentiable=False)
def argsort(x: Any, *, axis: int | None = -1, kind: Any = None) -> Any:
    """The indices that sort x along one axis, or laid out flat; ``kind`` as in ``np.argsort`` ("stable", …)."""
    return np.argsort(x, axis=axis, kind=kind)


@op(differentiable=False)
def count_nonzero(x: Any, *, axis: Axes | None = None, keepdims: bool = False) -> Any:
    """How many are not 0, over the axes or in all."""
    return add_up(x != 0, axis, None, None, keepdims)


def kept(y: Any, x: Any, axis: Axes, keepdims: bool) -> Any:
    """Return ``y``, which x was reduced to, with the reduced axes back in length 1, so that it broadcasts to x."""
    if keepdims or not axis or not y.ndim:
        return y
    return y.reshape(tuple([1 if i in axis else n for i, n in enumerate(x.shape)]))


def count(x: Any, axis: Axes) -> int:
    """Return how many numbers of x go into one."""
    n = 1
    for i in axis:
        n *= x.shape[i]
    return n


def freedom(x: Any, axis: Axes, ddof: float) -> float:
    """Return how many degrees of freedom are left of those numbers once ``ddof`` are used up; not below 0."""
    n = count(x, axis) - ddof
    return n if n > 0 else 0


def wide(x: Any) -> Any:
    """Return x in a dtype fit for adding up: float16 as float32, whole numbers and bools as float64."""
    if x.dtype == np.float16:
        return x.astype(np.float32)
    return x.astype(np.float64) if x.dtype.kind in "biu" else x


def narrow(value: Any, x: Any) -> Any:
    """Return ``value`` in float16 if x is: what ``wide`` widened."""
    return value.astype(np.float16) if x.dtype == np.float16 else value


def nothing_to_choose(name: str, superlative: str, x: Any, axis: Axes) -> str | None:
    """Say what is wrong with a choice among no numbers."""
    empty = [i for i in axis if x.shape[i] == 0]
    if not empty:
        return None
    return (
        f"{name}: x {x.shape} has length 0 along axis {empty[0]}, and of no numbers none is the {superlative}; check "
        "x.size first, or what made x empty"
    )


def each(op: Op, x: Any) -> Any:
    """Apply an elementwise op to the elements of an object array, or to a bare element."""
    return np.frompyfunc(op, 1, 1)(x) if isinstance(x, np.ndarray) else op(x)


def total(x: Any, axis: Axes, keepdims: bool) -> Any:
    """Add up an object array; a bare element, as arithmetic makes of a 0-d one, is its own sum."""
    return add_up(x, axis, None, None, keepdims) if isinstance(x, np.ndarray) else x


def fold(op: Op, x: Any, axis: Axes, keepdims: bool) -> Any:
    """Reduce an object array by an op of several inputs, which is given all elements along the axes at once."""
    if not isinstance(x, np.ndarray):
        return op(x)
    others = tuple([i for i in range(x.ndim) if i not in axis])
    shape = tuple([x.shape[i] for i in others])
    rows = x.transpose(others + axis).reshape(int(np.prod(shape)), count(x, axis))
    out = np.empty(len(rows), object)
    for i, row in enumerate(rows):
        out[i] = op(*row)
    out = out.reshape(tuple([1 if i in axis else n for i, n in enumerate(x.shape)]) if keepdims else shape)
    return out if out.ndim else out[()]
