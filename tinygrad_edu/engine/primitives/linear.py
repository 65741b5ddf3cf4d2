"""Products that sum: ``matmul`` and ``einsum``. Dot, outer, tensordot and trace are made of them at the public door."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from string import ascii_letters
from typing import Any

import numpy as np
from numpy import ndarray

from tinygrad_edu.engine.op import op
from tinygrad_edu.engine.primitives.gemm import product
from tinygrad_edu.engine.primitives.shape import broadcast_to, diagonal_fill

__all__ = ["einsum", "matmul"]

_BIG = 2**14  # multiplications from which BLAS repays the 12 µs that np.einsum takes to plan


def matrix_transpose(x: Any) -> Any:
    """Return x with its last two axes exchanged."""
    ndim = x.ndim
    return x.T if ndim == 2 else x.transpose((*range(ndim - 2), ndim - 1, ndim - 2))


def _flat(x: Any) -> Any:
    """Return x as one tall matrix: the rows of all its batches."""
    return x.reshape((prod(x.shape[:-1]), x.shape[-1]))


def _laid_out_as(y: Any, x: Any, g: Any) -> Any:
    """Return ``x.T @ g``, in memory the way y is: the gradient of a transposed weight needs no transposing copy."""
    if type(y) is ndarray and y.flags.f_contiguous:
        return product(g.T, x).T
    return product(x.T, g)


@op(symbol="@", notation="infix")
def matmul(x: Any, y: Any) -> Any:
    """Matrix product over the last axis of x and the last but one of y; leading axes are batches and broadcast."""
    if x.ndim == y.ndim == 2:
        return product(x, y)
    if y.ndim == 2 and x.ndim > 2 and x.flags.c_contiguous:  # one tall product beats many small ones
        return product(_flat(x), y).reshape(*x.shape[:-1], y.shape[-1])
    return np.matmul(x, y)


@matmul.vjp("x")
def matmul_dx(g: Any, out: Any, x: Any, y: Any) -> Any:
    if y.ndim == 2:
        return product(g, y.T) if g.ndim == 2 else g @ y.T
    if y.ndim == 1:
        return g * y if x.ndim == 1 else g[..., None] * y
    if x.ndim == 1:
        return (y @ g[..., None])[..., 0]
    return g @ matrix_transpose(y)


@matmul.vjp("y")
def matmul_dy(g: Any, out: Any, x: Any, y: Any) -> Any:
    if x.ndim == y.ndim == 2:
        return _laid_out_as(y, x, g)
    if x.ndim == 2 and y.ndim == 1:
        return x.T @ g
    if x.ndim == 1:
        return x * g if y.ndim == 1 else x[:, None] * g[..., None, :]
    if y.ndim == 1:
        return g.reshape((prod(out.shape),)) @ _flat(x)
    if y.ndim == 2:
        return _laid_out_as(y, _flat(x), g.reshape((prod(x.shape[:-1]), y.shape[-1])))
    return matrix_transpose(x) @ g


@matmul.explains
def _(x: Any, y: Any) -> str | None:
    if not x.ndim or not y.ndim:
        name = "y" if x.ndim else "x"
        return f"matmul: {name} is a number (x {x.shape}, y {y.shape}); multiply by a number with *, not @"
    columns, rows = x.shape[-1], y.shape[-2] if y.ndim > 1 else y.shape[0]
    if columns == rows:
        return f"matmul: the batch axes of x {x.shape} and y {y.shape} do not broadcast; they must be equal or 1"
    said = (
        f"matmul: x has {columns} {'columns' if x.ndim > 1 else 'elements'} but y has {rows} "
        f"{'rows' if y.ndim > 1 else 'elements'} (x {x.shape}, y {y.shape}); "
    )
    if y.ndim == 2 and y.shape[1] == columns:
        return f"{said}did you mean y.T, {y.shape[::-1]}?"
    if x.ndim == 2 and x.shape[0] == rows:
        return f"{said}did you mean x.T, {x.shape[::-1]}?"
    if x.ndim == y.ndim == 2 and x.shape[0] == y.shape[1]:
        return f"{said}did you mean y @ x, {(y.shape[0], columns)}?" if rows != columns else said
    return f"{said}the last axis of x must be as long as {'the last but one' if y.ndim > 1 else 'the axis'} of y"


@op
def einsum(*xs: Any, subscripts: str) -> Any:
    """Multiply and sum over the labels that ``subscripts`` leaves out of its output, as ``np.einsum``."""
    planned = len(xs) > 2 or (len(xs) == 2 and xs[0].size * xs[1].size >= _BIG and _contracts(*xs, subscripts))
    return np.einsum(subscripts, *xs, optimize=planned)


def _contracts(x: Any, y: Any, subscripts: str) -> bool:
    """Whether two operands make a product so large, against their own size, that it should go to BLAS."""
    (left, right), _ = _labels(subscripts, (x.ndim, y.ndim))
    work = np.prod([*dict([*zip(left, x.shape), *zip(right, y.shape)]).values()], dtype=float)
    return bool(work >= _BIG and work > 2 * max(x.size, y.size))


@einsum.vjp("xs")
def einsum_dx(g: Any, out: Any, *xs: Any, position: int, subscripts: str) -> Any:
    """Swap g with the operand, then undo what the sum lost: stretch lone labels, put repeated ones on a diagonal."""
    terms, result = _labels(subscripts, tuple([x.ndim for x in xs]))
    term = terms[position]
    size = dict(zip(term, xs[position].shape))
    operands = [g, *xs[:position], *xs[position + 1 :]]
    incoming = [result, *terms[:position], *terms[position + 1 :]]
    arriving: dict[str, int] = {}
    for labels, shape in zip(incoming, [out.shape, *[x.shape for x in operands[1:]]]):
        for label, n in zip(labels, shape):
            arriving[label] = max(n, arriving.get(label, n)) if n else 0
    kept = "".join([label for label in size if label in arriving and size[label] != 1])
    piece = g if incoming == [kept] else einsum(*operands, subscripts=f"{','.join(incoming)}->{kept}")
    full = tuple(size.values())
    narrow = tuple([arriving[label] if label in kept else 1 for label in size])
    if kept and len(kept) < len(size):
        piece = piece.reshape(narrow)
    if narrow != full or len(kept) < len(size):
        piece = broadcast_to(piece, shape=full)
    return piece if len(size) == len(term) else _onto_diagonals(piece, term, size)


def _onto_diagonals(x: Any, term: str, size: dict[str, int]) -> Any:
    """Return x, which has an axis per label of ``term``, with the axes of ``term``: zero where equal labels differ."""
    axes = list(size)
    for place, label in enumerate(term):
        if label not in term[:place]:
            continue
        at = axes.index(label)
        x = x.transpose((*range(at), *range(at + 1, len(axes)), at))
        axes = [*axes[:at], *axes[at + 1 :], label, label]
        shape = tuple([size[axis] for axis in axes])
        x = diagonal_fill(x, offset=0, axis1=len(axes) - 2, axis2=len(axes) - 1, shape=shape)
    order: list[int] = []
    for label in term:
        order.append(next(i for i, axis in enumerate(axes) if axis == label and i not in order))
    return x.transpose(tuple(order))


@lru_cache(maxsize=256)
def _labels(subscripts: str, ndims: tuple[int, ...]) -> tuple[list[str], str]:
    """Return the labels of each operand and of the output, one letter per axis, ellipses spelt out."""
    text = "".join(subscripts.split())
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    free = "".join([letter for letter in ascii_letters if letter not in text])
    hidden = [ndim - len(term) + 3 if "..." in term else 0 for term, ndim in zip(terms, ndims)]
    shared = free[: max(hidden)]
    spelt = [term.replace("...", shared[len(shared) - n :]) for term, n in zip(terms, hidden)]
    once = [label for label in sorted(set(left) - {".", ","}) if left.count(label) == 1]
    return spelt, right.replace("...", shared) if arrow else shared + "".join(once)


@einsum.explains
def _(*xs: Any, subscripts: str) -> str | None:
    terms = "".join(subscripts.split()).partition("->")[0].split(",")
    if len(terms) != len(xs):
        return f"einsum: {subscripts!r} describes {len(terms)} operands but {len(xs)} were given"
    size: dict[str, int] = {}
    for i, (term, x) in enumerate(zip(terms, xs)):
        if "..." not in term and len(term) != x.ndim:
            return f"einsum: {term!r} has {len(term)} labels but xs[{i}] {x.shape} has {x.ndim} axes"
        if "..." in term:
            continue
        for label, n in zip(term, x.shape):
            if size.setdefault(label, n) != n and 1 not in (n, size[label]):
                first = size[label]
                return f"einsum: label {label!r} of {subscripts!r} has length {first}, but {n} in xs[{i}] {x.shape}"
    return None
