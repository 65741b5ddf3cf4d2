"""``numpy.linalg`` on Tensors: its functions with their arguments, over the ops of ``primitives.linalg``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinygrad_edu.engine import functions as tg
from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.axes import every_axis
from tinygrad_edu.engine.numpy_calls.numbers import cross as any_cross
from tinygrad_edu.engine.op import Op
from tinygrad_edu.engine.scope import composite
from tinygrad_edu.engine.tensor import Tensor, apply, as_tensor

__all__ = [
    "EighResult", "SVDResult", "SlogdetResult", "cholesky", "cond", "cross", "det", "diagonal", "eigh", "eigvalsh",
    "inv",
    "matrix_norm", "matrix_power", "matrix_transpose", "multi_dot", "norm", "outer", "pinv", "slogdet", "solve", "svd",
    "svdvals", "trace", "vecdot", "vector_norm",
]  # fmt: skip


class SlogdetResult(NamedTuple):
    """Sign, plain, and logarithm of a determinant."""

    sign: Any
    logabsdet: Tensor


class EighResult(NamedTuple):
    """Eigenvalues in rising order, and eigenvectors in columns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class SVDResult(NamedTuple):
    """Left singular vectors in columns, singular values in falling order, right singular vectors in rows."""

    U: Tensor
    S: Tensor
    Vh: Tensor


def function_of_matrix(op: Op) -> Callable[[Any], Tensor]:
    """Make an op of one matrix a function."""

    def function(a: Any) -> Tensor:
        return apply(op, (as_tensor(a),))

    function.__name__ = function.__qualname__ = op.name
    function.__doc__ = op.__doc__
    return function


inv = function_of_matrix(P.inv)
det = function_of_matrix(P.det)
pinv = function_of_matrix(P.pinv)
svdvals = function_of_matrix(P.svdvals)


def solve(a: Any, b: Any) -> Tensor:
    """The x with ``a @ x = b``."""
    return apply(P.solve, (as_tensor(a), as_tensor(b)))


def slogdet(a: Any) -> SlogdetResult:
    """Sign and logarithm of the determinant; the sign is plain."""
    x = as_tensor(a)
    return SlogdetResult(P.signdet(x), apply(P.logabsdet, (x,)))


def cholesky(a: Any, upper: bool = False) -> Tensor:
    """The lower triangular L with ``L @ L.T = a``, or the upper U with ``U.T @ U = a``; only that half of a is read."""
    x = as_tensor(a)
    return apply(P.cholesky, (x.mT,)).mT if upper else apply(P.cholesky, (x,))


def lower_half(a: Any, UPLO: str) -> Tensor:
    """Return a matrix whose lower half is the half that is to be read."""
    if UPLO.upper() not in ("L", "U"):
        raise ValueError(f'np.linalg.eigh: UPLO must be "L" or "U", not {UPLO!r}')
    x = as_tensor(a)
    return x if UPLO.upper() == "L" else x.mT


def eigvalsh(a: Any, UPLO: str = "L") -> Tensor:
    """Eigenvalues of a symmetric matrix in rising order; the gradient is symmetric, as PyTorch's."""
    return apply(P.eigvalsh, (lower_half(a, UPLO),))


def eigh(a: Any, UPLO: str = "L") -> EighResult:
    """Eigenvalues and eigenvectors of a symmetric matrix; the gradient is symmetric, as PyTorch's."""
    x = lower_half(a, UPLO)
    return EighResult(apply(P.eigvalsh, (x,)), apply(P.eigvecsh, (x,)))


@composite
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Singular vectors and values, U, S, Vh: ``U * S @ Vh`` is ``a``; the values alone with ``compute_uv=False``.

    The vectors come from eigenvectors (u, v)/√2 of the symmetric matrix of blocks a and aᵀ (Jordan-Wielandt). Those of
    a singular value 0, and a full U or Vh of a matrix that is not square, are not determined, so have no gradient.
    """
    x = as_tensor(a)
    values = svdvals(x)
    if not compute_uv:
        return values
    rows, columns = x.shape[-2:]
    k = min(rows, columns)
    noise = values.data[..., :1] * np.finfo(values.dtype).eps * max(rows, columns)
    deficient = bool((values.data <= noise).any())
    if deficient or (full_matrices and rows != columns):
        if not x.requires_grad:
            return SVDResult(*map(Tensor._wrap, np.linalg.svd(x.data, full_matrices)))
        why = "has a singular value 0" if deficient else "is not square; use full_matrices=False"
        raise TypeError(f"np.linalg.svd: not all singular vectors of a {x.shape} have a gradient, since it {why}")
    pairs = apply(P.eigvecsh, (apply(P.mirrored, (x,)),))[..., :, : -1 - k : -1] * float(np.sqrt(2))
    same = (pairs.data[..., :rows, :] * np.linalg.svd(x.data, full_matrices=False)[0]).sum(axis=-2, keepdims=True)
    pairs = tg.where(same < 0, -pairs, pairs)  # the signs are arbitrary: NumPy's
    return SVDResult(pairs[..., :rows, :], values, pairs[..., rows:, :].mT)


@composite
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Norm of vectors over one axis, of matrices over two; with NumPy's meaning of ``ord``, also 2, -2 and "nuc"."""
    given = as_tensor(x)
    axes = tuple(range(given.ndim)) if axis is None else axis
    if ord not in (2, -2, "nuc") or not isinstance(axes, tuple) or len(axes) != 2:
        return given.norm(ord, axis, keepdims)
    values = svdvals(given.moveaxis(axes, (-2, -1)))
    out = values.sum(axis=-1) if ord == "nuc" else values[..., 0 if ord == 2 else -1]
    return out.expand_dims(every_axis(axes, given.ndim, "norm")) if keepdims else out


def matrix_norm(x: Any, keepdims: bool = False, ord: Any = "fro") -> Tensor:
    """Norm of the matrices in the last two axes."""
    return norm(x, ord, (-2, -1), keepdims)


def vector_norm(x: Any, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Tensor:
    """Norm of all elements over ``axis``, as one vector."""
    given = as_tensor(x)
    axes = every_axis(axis, given.ndim, "vector_norm")
    return given.norm(None, axes, keepdims) if ord == 2 else given._vector_norm(ord, axes, keepdims)


@composite
def cond(x: Any, p: Any = None) -> Tensor:
    """How much solving can blow up an error: the largest singular value over the smallest, or by another norm."""
    if p in (None, 2, -2):
        values = svdvals(x)
        return values[..., -1] / values[..., 0] if p == -2 else values[..., 0] / values[..., -1]
    return norm(x, p, (-2, -1)) * norm(inv(x), p, (-2, -1))


@composite
def matrix_power(a: Any, n: int) -> Tensor:
    """A square matrix multiplied with itself, by squaring; of the inverse if ``n`` is negative."""
    x = inv(a) if n < 0 else as_tensor(a)
    out = None
    bits = abs(n)
    while bits:
        if bits % 2:
            out = x if out is None else out @ x
        bits //= 2
        x = x @ x if bits else x
    return P.zeros_like(x) + np.eye(x.shape[-1], dtype=x.dtype) if out is None else out


@composite
def multi_dot(arrays: Any) -> Tensor:
    """The matrix product of several, from left to right; the first and the last may be vectors."""
    return functools.reduce(tg.matmul, arrays)  # type: ignore[no-any-return]


def matrix_transpose(x: Any) -> Tensor:
    """The last two axes swapped."""
    return as_tensor(x).mT


def diagonal(x: Any, offset: int = 0) -> Tensor:
    """The diagonal of the matrices in the last two axes."""
    return as_tensor(x).diagonal(offset, -2, -1)


def trace(x: Any, offset: int = 0) -> Tensor:
    """The sum of the diagonal of the matrices in the last two axes."""
    return diagonal(x, offset).sum(axis=-1)


@composite
def vecdot(x1: Any, x2: Any, axis: int = -1) -> Tensor:
    """The inner products of the vectors along ``axis``."""
    return tg.multiply(x1, x2).sum(axis)


def cross(x1: Any, x2: Any, axis: int = -1) -> Tensor:
    """The cross product of vectors of three elements along ``axis``."""
    return any_cross(x1, x2, axis=axis)


def outer(x1: Any, x2: Any) -> Tensor:
    """Every element of one vector times every element of another."""
    return tg.outer(x1, x2)
