"""NumPy's functions that compute: differences, products, ranges; composed from ``tg.*`` with NumPy's own arguments."""

from __future__ import annotations

import math
from string import ascii_letters
from typing import Any

import numpy as np

from tinygrad_edu.engine import functions as tg
from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.arrays import plain
from tinygrad_edu.engine.axes import one_axis
from tinygrad_edu.engine.scope import composite
from tinygrad_edu.engine.tensor import Tensor, apply, as_tensor

__all__ = [
    "angle", "clip", "convolve", "correlate", "cross", "diff", "ediff1d", "einsum", "fix", "gradient", "imag",
    "linspace", "logspace", "nan_to_num", "polyval", "real", "round", "sinc", "trapezoid", "vander", "vdot",
]  # fmt: skip


def along(axis: int, part: Any) -> tuple[Any, ...]:
    """Return the index of ``part`` of one axis, counted from the front, and all of those before it."""
    return (slice(None),) * axis + (part,)


# Elementwise


def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Tensor:
    """Each element, held between two bounds."""
    if (a_min is not None and min is not None) or (a_max is not None and max is not None):
        raise ValueError("np.clip: a_min and min, as a_max and max, mean the same; give one of them")
    return tg.clip(a, a_min if min is None else min, a_max if max is None else max)


def round(a: Any, decimals: int = 0) -> Tensor:
    """The nearest number with so many decimals, halves to the even one; slope 0."""
    return as_tensor(a).round(decimals)


def fix(x: Any) -> Tensor:
    """Cut off after the point; slope 0."""
    return apply(P.trunc, (as_tensor(x),))


def real(val: Any) -> Tensor:
    """The same: Tensors hold no complex numbers."""
    return as_tensor(val)


def imag(val: Any) -> Tensor:
    """0: Tensors hold no complex numbers."""
    return apply(P.zeros_like, (as_tensor(val),))


def angle(z: Any, deg: bool = False) -> Tensor:
    """0 for what is positive, pi (180 degrees) for what is negative; slope 0."""
    out = tg.where(np.signbit(plain(z)), 180.0 if deg else math.pi, 0.0)
    return out.astype(as_tensor(z).dtype) + imag(z)


def sinc(x: Any) -> Tensor:
    """sin(pi x) / (pi x), and 1 at 0."""
    return apply(P.sinc, (as_tensor(x),))


def nan_to_num(
    x: Any, copy: bool = True, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """NaN and infinities replaced, always in a copy; slope 0 there."""
    return apply(P.nan_to_num, (as_tensor(x),), {"nan": nan, "posinf": posinf, "neginf": neginf})


# Differences


@composite
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Tensor:
    """Each element less the one before it, along ``axis``, ``n`` times over."""
    x = as_tensor(a)
    axis = one_axis(axis, x.ndim, "diff")
    if n < 0:
        raise ValueError(f"np.diff: n must not be negative, got {n}")
    ends = [end if end is None else as_tensor(end, x) for end in (prepend, append)]
    edge = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    before, after = [end if end is None or end.ndim else end.broadcast_to(edge) for end in ends]
    if n and (before is not None or after is not None):
        x = tg.concatenate([part for part in (before, x, after) if part is not None], axis)
    for _ in range(n):
        x = x[along(axis, slice(1, None))] - x[along(axis, slice(None, -1))]
    return x


@composite
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Tensor:
    """Differences of the flattened elements, with others put before and after them."""
    parts = [to_begin, diff(as_tensor(ary).ravel()), to_end]
    return tg.concatenate([part for part in parts if part is not None], axis=None)


@composite
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Slopes of sampled values: central differences inside, one-sided at both ends; a tuple over several axes.

    varargs: one spacing for all axes, or one per axis: a number, or the coordinates along it. edge_order: 1.
    """
    x = as_tensor(f)
    axes = (axis,) if isinstance(axis, int) else axis
    axes = range(x.ndim) if axes is None else [one_axis(part, x.ndim, "gradient") for part in axes]
    steps = varargs * len(axes) if len(varargs) == 1 and not np.ndim(varargs[0]) else varargs or (1.0,) * len(axes)
    if len(steps) != len(axes):
        raise TypeError(f"np.gradient: {len(varargs)} spacings for {len(axes)} axes; give one for each, or one for all")
    if edge_order != 1:
        raise TypeError("np.gradient: edge_order=2 is not supported for Tensors; use 1")
    found = tuple([slope_along(x, step, i) for i, step in zip(axes, steps)])
    return found[0] if len(found) == 1 else found


def slope_along(x: Tensor, step: Any, axis: int) -> Tensor:
    """Return the slope along one axis; a point weighs the steps to its neighbours by the lengths of the other step."""
    n = x.shape[axis]
    if n < 2:
        raise ValueError(f"np.gradient: axis {axis} of shape {x.shape} needs two elements at least")
    step = as_tensor(step)
    if step.ndim and step.shape != (n,):
        raise ValueError(f"np.gradient: {step.size} coordinates for axis {axis} of length {n}")
    widths = (diff(step) if step.ndim else step.broadcast_to(n - 1)).reshape([-1] + [1] * (x.ndim - axis - 1))
    rises = diff(x, axis=axis) / widths
    left, right = [part[:-1] for part in (widths, flipped_ahead(widths))]
    inner = (rises[along(axis, slice(None, -1))] * right + rises[along(axis, slice(1, None))] * left) / (left + right)
    return tg.concatenate([rises[along(axis, slice(0, 1))], inner, rises[along(axis, slice(-1, None))]], axis)


def flipped_ahead(widths: Tensor) -> Tensor:
    """Return the widths one place ahead, the first at the end."""
    return widths.roll(-1, axis=0)


@composite
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Tensor:
    """The area under sampled values, by straight lines between them."""
    heights = as_tensor(y)
    axis = one_axis(axis, heights.ndim, "trapezoid")
    if x is not None:
        x = as_tensor(x)
        dx = diff(x, axis=axis) if x.ndim == heights.ndim else diff(x).reshape([-1] + [1] * (heights.ndim - axis - 1))
    both = heights[along(axis, slice(1, None))] + heights[along(axis, slice(None, -1))]
    return tg.multiply(both, dx / 2.0).sum(axis=axis)


# Products


@composite
def vdot(a: Any, b: Any) -> Tensor:
    """The inner product of all elements, flattened."""
    return tg.dot(tg.ravel(a), tg.ravel(b))


@composite
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Tensor:
    """The cross product of vectors of three elements."""
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = tg.moveaxis(a, axisa, -1), tg.moveaxis(b, axisb, -1)
    if x.shape[-1] != 3 or y.shape[-1] != 3:
        raise ValueError(f"np.cross: vectors must have 3 elements, but x is {x.shape} and y {y.shape} (vectors last)")
    ahead, behind = [1, 2, 0], [2, 0, 1]
    out = x[..., ahead] * y[..., behind] - x[..., behind] * y[..., ahead]
    return out.moveaxis(-1, axisc)


def einsum(*operands: Any, optimize: Any = False) -> Tensor:
    """Einstein's summation, with subscripts as a string, or as a list of numbers after each operand."""
    if isinstance(operands[0], str):
        return tg.einsum(*operands)
    pairs = len(operands) // 2
    terms = ["".join([spelled(label) for label in labels]) for labels in operands[1 : 2 * pairs : 2]]
    arrow = "->" + "".join([spelled(label) for label in operands[-1]]) if len(operands) % 2 else ""
    return tg.einsum(",".join(terms) + arrow, *operands[: 2 * pairs : 2])


def spelled(label: Any) -> str:
    """Return a number of einsum as a letter."""
    return "..." if label is Ellipsis else ascii_letters[label]


@composite
def convolve(a: Any, v: Any, mode: str = "full") -> Tensor:
    """Slide ``v``, reversed, over ``a``; both 1-D. mode: "full" (all overlaps), "same" (length), "valid" (inside)."""
    x, kernel = as_tensor(a), as_tensor(v)
    if x.ndim > 1 or kernel.ndim > 1 or not x.size or not kernel.size:
        raise ValueError(f"np.convolve: wants two vectors of one element at least, got {x.shape} and {kernel.shape}")
    if mode not in ("full", "same", "valid"):
        raise ValueError(f'np.convolve: mode must be "full", "same" or "valid", not {mode!r}')
    if kernel.size > x.size:
        x, kernel = kernel, x
    n = kernel.size
    before = {"full": n - 1, "same": n // 2, "valid": 0}[mode]
    after = {"full": n - 1, "same": (n - 1) // 2, "valid": 0}[mode]
    padded = tg.pad(x.ravel(), (before, after))
    windows = tg.sliding_windows(padded.reshape(1, -1), (1, n)).reshape(-1, n)
    return windows @ kernel.ravel().flip()


@composite
def correlate(a: Any, v: Any, mode: str = "valid") -> Tensor:
    """Slide ``v`` over ``a``; both 1-D."""
    return convolve(a, tg.flip(v), mode)


@composite
def polyval(p: Any, x: Any) -> Tensor:
    """The polynomial with coefficients ``p``, highest power first, at ``x`` (Horner's rule)."""
    at = as_tensor(x)
    out = apply(P.zeros_like, (at,))
    for coefficient in as_tensor(p):
        out = out * at + coefficient
    return out


@composite
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Tensor:
    """Powers of each element of a vector along a row, the highest first unless ``increasing``."""
    column = as_tensor(x).reshape(-1, 1)
    powers = np.arange(column.size if N is None else N)
    return column ** (powers if increasing else powers[::-1]).astype(column.dtype)


# Ranges


@composite
def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True) -> Tensor:
    """``num`` evenly spaced numbers from ``start`` to ``stop``, along a new first axis; without the end if asked."""
    first, last = as_tensor(start), as_tensor(stop)
    share = np.arange(num) / max(num - 1 if endpoint else num, 1)
    share = share.reshape((-1,) + (1,) * max(first.ndim, last.ndim))
    return first * (1 - share) + last * share


@composite
def logspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0) -> Tensor:
    """``base`` to the power of evenly spaced exponents."""
    return tg.power(base, linspace(start, stop, num, endpoint))
