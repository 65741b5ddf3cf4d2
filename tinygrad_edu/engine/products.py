"""Sums of products, composed from ``matmul``, ``multiply`` and ``einsum``."""

from __future__ import annotations

import math
from typing import Any

from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.arrays import plain
from tinygrad_edu.engine.axes import one_axis
from tinygrad_edu.engine.tensor import Tensor, apply, as_tensor

__all__ = ["dot", "einsum", "inner", "kron", "outer", "tensordot"]


def einsum(subscripts: Any, *operands: Any) -> Tensor:
    """Einstein's summation, as ``np.einsum``: ``einsum("ij,jk->ik", x, y)`` is a matrix product.

    Raises ValueError where labels and shapes do not fit.
    """
    if not isinstance(subscripts, str):
        raise TypeError('einsum: give the subscripts first, as a string, such as "ij,jk->ik"')
    if not operands:
        raise ValueError(f"einsum: no operands for {subscripts!r}")
    inputs = tuple([as_tensor(x) for x in operands])
    return apply(P.einsum, inputs, {"subscripts": subscripts.replace(" ", "")})


def dot(x: Any, y: Any) -> Tensor:
    """``np.dot``: the inner product of vectors, the product of matrices, a multiple by a number."""
    a, b = as_tensor(x), as_tensor(y)
    if not a.ndim or not b.ndim:
        return a * b
    if b.ndim <= 2:
        return apply(P.matmul, (a, b))
    return tensordot(a, b, axes=([a.ndim - 1], [b.ndim - 2]))


def inner(x: Any, y: Any) -> Tensor:
    """Sum of products over the last axis of both, as ``np.inner``."""
    a, b = as_tensor(x), as_tensor(y)
    if not a.ndim or not b.ndim:
        return a * b
    return tensordot(a, b, axes=([a.ndim - 1], [b.ndim - 1]))


def outer(x: Any, y: Any) -> Tensor:
    """Every element of ``x`` times every element of ``y``, both flattened: (n,), (m,) to (n, m)."""
    return as_tensor(x).reshape(-1, 1) * as_tensor(y).ravel()


def kron(x: Any, y: Any) -> Tensor:
    """The Kronecker product: every element of ``x`` times the whole of ``y``."""
    left, right = as_tensor(x), as_tensor(y)
    ndim = max(left.ndim, right.ndim)
    a, b = [(1,) * (ndim - t.ndim) + t.shape for t in (left, right)]
    apart = left.reshape([n for n in a for n in (n, 1)]) * right.reshape([n for n in b for n in (1, n)])
    return apart.reshape([n * m for n, m in zip(a, b)])


def tensordot(x: Any, y: Any, axes: Any = 2) -> Tensor:
    """Sum of products over ``axes``: that many last axes of x with first axes of y, or a pair of lists of axes."""
    return contracted(as_tensor(x), as_tensor(y), plain(axes))


def contracted(x: Tensor, y: Tensor, axes: Any) -> Tensor:
    """``tensordot`` by one matrix product of two matrices."""
    over_x, over_y = paired_axes(x, y, axes)
    lengths = [x.shape[i] for i in over_x], [y.shape[i] for i in over_y]
    if lengths[0] != lengths[1]:
        raise ValueError(
            f"tensordot: axes {over_x} of x {x.shape} have lengths {lengths[0]}, but axes {over_y} of y {y.shape} "
            f"have {lengths[1]}; they must agree"
        )
    free_x = [i for i in range(x.ndim) if i not in over_x]
    free_y = [i for i in range(y.ndim) if i not in over_y]
    rows = [x.shape[i] for i in free_x]
    columns = [y.shape[i] for i in free_y]
    summed = math.prod(lengths[0])
    left = x.transpose([*free_x, *over_x]) if x.ndim else x
    right = y.transpose([*over_y, *free_y]) if y.ndim else y
    product = left.reshape([math.prod(rows), summed]) @ right.reshape([summed, math.prod(columns)])
    return product.reshape([*rows, *columns])


def paired_axes(x: Tensor, y: Tensor, axes: Any) -> tuple[list[int], list[int]]:
    """Return which axes of x are summed against which of y."""
    if isinstance(axes, int):
        if not 0 <= axes <= min(x.ndim, y.ndim):
            raise ValueError(f"tensordot: axes={axes}, but x has {x.ndim} axes {x.shape} and y has {y.ndim} {y.shape}")
        return list(range(x.ndim - axes, x.ndim)), list(range(axes))
    first, second = [list(part) if isinstance(part, (list, tuple)) else [part] for part in axes]
    if len(first) != len(second):
        raise ValueError(f"tensordot: {len(first)} axes of x against {len(second)} of y; give as many of each")
    over = [one_axis(i, x.ndim, "tensordot") for i in first], [one_axis(i, y.ndim, "tensordot") for i in second]
    if any(len(set(part)) < len(part) for part in over):
        raise ValueError(f"tensordot: axes {axes} name an axis twice")
    return over
