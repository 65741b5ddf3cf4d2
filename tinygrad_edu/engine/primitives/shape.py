"""Ops that rearrange: every output element is one input element, or a constant. Each rule undoes the rearrangement."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import generic, ndarray

from tinygrad_edu.engine.op import elementwise, op
from tinygrad_edu.engine.primitives.index import scatter_add

__all__ = [
    "astype", "broadcast_to", "concatenate", "copy", "crop", "diagonal", "diagonal_fill", "flip", "pad", "repeat",
    "reshape", "roll", "stack", "transpose", "tril", "triu",
]  # fmt: skip

Widths = tuple[tuple[int, int], ...]


@elementwise(notation="arrange")
def copy(x: Any) -> Any:
    """The same numbers in memory of their own."""
    return x.copy()


@copy.vjp("x")
def copy_dx(g: Any, out: Any, x: Any) -> Any:
    return g


@elementwise(notation="arrange")
def astype(x: Any, *, dtype: Any) -> Any:
    """The same numbers, rounded to ``dtype``; complex ones, of a complex step, stay complex."""
    return x.astype(np.result_type(dtype, np.complex64) if x.dtype.kind == "c" else dtype)


@astype.vjp("x")
def astype_dx(g: Any, out: Any, x: Any, *, dtype: Any) -> Any:
    return g.astype(x.dtype)


@op(notation="arrange")
def reshape(x: Any, *, shape: tuple[int, ...]) -> Any:
    """The same numbers in the same row-major order, in another ``shape``; a view where NumPy can."""
    return x.reshape(shape) if shape else x.reshape(())[()]


@reshape.vjp("x")
def reshape_dx(g: Any, out: Any, x: Any, *, shape: tuple[int, ...]) -> Any:
    return g.reshape(x.shape)


@reshape.explains
def _(x: Any, *, shape: tuple[int, ...]) -> str | None:
    size = int(np.prod([n for n in shape if n >= 0]))
    if -1 in shape and not (size and x.size % size):
        return None
    wanted = f"a multiple of {size}" if -1 in shape else size
    return f"reshape: x {x.shape} has {x.size} elements but shape {shape} wants {wanted}; keep their product equal"


@op(symbol="ᵀ", notation="postfix")
def transpose(x: Any, *, axes: tuple[int, ...]) -> Any:
    """A view with the axes in another order: axis i of the output is axis ``axes[i]`` of x."""
    return x.transpose(axes)


@transpose.vjp("x")
def transpose_dx(g: Any, out: Any, x: Any, *, axes: tuple[int, ...]) -> Any:
    if axes == (1, 0):
        return g.T
    back = [0] * len(axes)
    for place, axis in enumerate(axes):
        back[axis] = place
    return g.transpose(tuple(back))


@transpose.explains
def _(x: Any, *, axes: tuple[int, ...]) -> str | None:
    return f"transpose: axes {axes} must name each of the {x.ndim} axes of x {x.shape} once"


@op(symbol="broadcast", notation="arrange")
def broadcast_to(x: Any, *, shape: tuple[int, ...]) -> Any:
    """A read-only view that repeats x along new axes and along axes of length 1."""
    if not shape:
        return x
    if isinstance(x, generic):  # a third of the time of np.broadcast_to
        return ndarray(shape, x.dtype, x, 0, (0,) * len(shape))
    return np.broadcast_to(x, shape)


@broadcast_to.vjp("x")
def broadcast_to_dx(g: Any, out: Any, x: Any, *, shape: tuple[int, ...]) -> Any:
    return g  # the sum over the copies happens where all broadcasting is undone


@broadcast_to.explains
def _(x: Any, *, shape: tuple[int, ...]) -> str | None:
    if x.ndim > len(shape):
        return f"broadcast_to: x {x.shape} has more axes than shape {shape}; broadcasting only adds axes in front"
    return (
        f"broadcast_to: x {x.shape} can't be stretched to {shape}; counted from the end, each axis must be equal or 1"
    )


@op
def concatenate(*xs: Any, axis: int) -> Any:
    """Join arrays end to end along ``axis``."""
    return np.concatenate(xs, axis=axis)


@concatenate.vjp("xs")
def concatenate_dx(g: Any, out: Any, *xs: Any, position: int, axis: int) -> Any:
    start = sum([x.shape[axis] for x in xs[:position]])
    return g[(slice(None),) * axis + (slice(start, start + xs[position].shape[axis]),)]


@concatenate.explains
def _(*xs: Any, axis: int) -> str | None:
    if not xs:
        return "concatenate: nothing to join; give at least one array"
    first = xs[0].shape
    for i, x in enumerate(xs):
        if not x.ndim:
            return f"concatenate: xs[{i}] is 0-d and has no axis to join along; use stack"
        if x.shape[:axis] + x.shape[axis + 1 :] != first[:axis] + first[axis + 1 :] or x.ndim != len(first):
            return f"concatenate: xs[{i}] {x.shape} does not fit xs[0] {first}; all axes but axis {axis} must agree"
    return None


@op
def stack(*xs: Any, axis: int) -> Any:
    """Join arrays of one shape along a new ``axis``."""
    return np.stack(xs, axis=axis)


@stack.vjp("xs")
def stack_dx(g: Any, out: Any, *xs: Any, position: int, axis: int) -> Any:
    return g[(slice(None),) * axis + (position,)]


@stack.explains
def _(*xs: Any, axis: int) -> str | None:
    for i, x in enumerate(xs):
        if x.shape != xs[0].shape:
            return f"stack: xs[{i}] has shape {x.shape} but xs[0] {xs[0].shape}; all must have the same shape"
    return None if xs else "stack: nothing to join; give at least one array"


@op
def flip(x: Any, *, axis: tuple[int, ...]) -> Any:
    """A view with the order along each axis in ``axis`` reversed."""
    if not axis:
        return x
    index = [slice(None)] * (max(axis) + 1)
    for i in axis:
        index[i] = slice(None, None, -1)
    return x[tuple(index)]


@flip.vjp("x")
def flip_dx(g: Any, out: Any, x: Any, *, axis: tuple[int, ...]) -> Any:
    return flip(g, axis=axis)


@op
def roll(x: Any, *, shift: tuple[int, ...], axis: tuple[int, ...]) -> Any:
    """Move every element ``shift`` places along ``axis``; what falls off the end comes back at the start."""
    return np.roll(x, shift, axis) if axis else x.copy()


@roll.vjp("x")
def roll_dx(g: Any, out: Any, x: Any, *, shift: tuple[int, ...], axis: tuple[int, ...]) -> Any:
    return roll(g, shift=tuple([-n for n in shift]), axis=axis)


@op
def repeat(x: Any, *, repeats: int | tuple[int, ...], axis: int) -> Any:
    """Each element along ``axis`` several times in a row: ``repeats`` times, or its own entry of ``repeats``."""
    return np.repeat(x, repeats, axis=axis)


@repeat.vjp("x")
def repeat_dx(g: Any, out: Any, x: Any, *, repeats: int | tuple[int, ...], axis: int) -> Any:
    n = x.shape[axis]
    if isinstance(repeats, int):
        return g.reshape((*x.shape[: axis + 1], repeats, *x.shape[axis + 1 :])).sum(axis=(axis + 1,))
    source = np.repeat(np.arange(n), repeats)
    return scatter_add(g, index=(slice(None),) * axis + (source,), shape=x.shape)


@op
def pad(x: Any, *, widths: Widths, value: float) -> Any:
    """Put ``widths[i] = (before, after)`` elements of ``value`` around axis i.

    The memory order stays x's, but of images it becomes batch last, as windows over them want it.
    """
    if not widths:
        return x.copy()
    shape = tuple([before + n + after for n, (before, after) in zip(x.shape, widths, strict=True)])
    if len(shape) == 4 and len(x) > 1 and not any(widths[0] + widths[1]):
        out = np.full((*shape[1:], len(x)), value, x.dtype).transpose((3, 0, 1, 2))
    elif value == 0 and x.flags.c_contiguous:
        out = np.zeros(shape, x.dtype)
    else:
        out = np.empty_like(x, shape=shape)
        out.fill(value)
    out[tuple([slice(before, before + n) for n, (before, _) in zip(x.shape, widths)])] = x
    return out


@pad.vjp("x")
def pad_dx(g: Any, out: Any, x: Any, *, widths: Widths, value: float) -> Any:
    return crop(g, widths=widths)


@op
def crop(x: Any, *, widths: Widths) -> Any:
    """Cut ``widths[i] = (before, after)`` elements off axis i; a view. The adjoint of ``pad``."""
    return x[tuple([slice(before, n - after) for n, (before, after) in zip(x.shape, widths)])] if widths else x


@crop.vjp("x")
def crop_dx(g: Any, out: Any, x: Any, *, widths: Widths) -> Any:
    return pad(g, widths=widths, value=0)


@op
def tril(x: Any, *, k: int) -> Any:
    """The lower triangle of the last two axes, up to diagonal ``k``; zero above it. A vector is taken as equal rows."""
    return np.tril(x, k)


@tril.explains
def _(x: Any, *, k: int) -> str | None:
    return None if x.ndim else "tril: x is a number; a triangle needs rows, so give a vector or matrices"


@tril.vjp("x")
def tril_dx(g: Any, out: Any, x: Any, *, k: int) -> Any:
    return tril(g, k=k)


@op
def triu(x: Any, *, k: int) -> Any:
    """The upper triangle of the last two axes, from diagonal ``k``; zero below it. A vector is taken as equal rows."""
    return np.triu(x, k)


@triu.explains
def _(x: Any, *, k: int) -> str | None:
    return None if x.ndim else "triu: x is a number; a triangle needs rows, so give a vector or matrices"


@triu.vjp("x")
def triu_dx(g: Any, out: Any, x: Any, *, k: int) -> Any:
    return triu(g, k=k)


@op(symbol="diag")
def diagonal(x: Any, *, offset: int, axis1: int, axis2: int) -> Any:
    """A view of the diagonals of two axes, as a new last axis; ``offset`` counts to the right of the main one."""
    return x.diagonal(offset, axis1, axis2)


@diagonal.vjp("x")
def diagonal_dx(g: Any, out: Any, x: Any, *, offset: int, axis1: int, axis2: int) -> Any:
    return diagonal_fill(g, offset=offset, axis1=axis1, axis2=axis2, shape=x.shape)


@op(symbol="diag")
def diagonal_fill(x: Any, *, offset: int, axis1: int, axis2: int, shape: tuple[int, ...]) -> Any:
    """Zeros of ``shape`` with the last axis of x on the diagonals of two axes. The adjoint of ``diagonal``."""
    out = np.zeros(shape, x.dtype)
    diagonals = out.diagonal(offset, axis1, axis2)
    diagonals.flags.writeable = True  # NumPy hands the view out read-only
    diagonals[...] = x
    return out


@diagonal_fill.vjp("x")
def diagonal_fill_dx(g: Any, out: Any, x: Any, *, offset: int, axis1: int, axis2: int, shape: tuple[int, ...]) -> Any:
    return diagonal(g, offset=offset, axis1=axis1, axis2=axis2)
