"""Linear algebra on the last two axes. Formulas: M. Giles, An extended collection of matrix derivative results (2008).

``cholesky``, ``eigvalsh`` and ``eigvecsh`` read one triangle of a symmetric x; their gradient is the symmetric one, as
PyTorch's.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np

from tinygrad_edu.engine.op import Op, op
from tinygrad_edu.engine.primitives.elementwise import log, sqrt
from tinygrad_edu.engine.primitives.linear import matrix_transpose as t

__all__ = [
    "cholesky", "cofactor", "det", "eigvalsh", "eigvecsh", "half_lower", "inv", "inverse_gaps", "logabsdet",
    "mirrored", "pinv", "signdet", "solve", "svdvals", "symmetric",
]  # fmt: skip


@op(symbol="inv")
def inv(x: Any) -> Any:
    """Inverse of square matrices; LinAlgError (a ValueError) if one is singular."""
    return np.linalg.inv(x)


@inv.vjp("x")
def inv_dx(g: Any, out: Any, x: Any) -> Any:
    return -(t(out) @ g @ t(out))


@op
def det(x: Any) -> Any:
    """Determinant of square matrices."""
    return np.linalg.det(x)


@det.vjp("x")
def det_dx(g: Any, out: Any, x: Any) -> Any:
    return (g if x.ndim == 2 else g[..., None, None]) * cofactor(x)


@op(symbol="cof")
def cofactor(x: Any) -> Any:
    """Cofactor matrix, the slope of ``det`` (Jacobi's formula): ``det(x) · inv(x)ᵀ``, but x may be singular.

    From the singular value decomposition U S Vᵀ: each entry of S becomes the product of the others.
    """
    u, s, vt = np.linalg.svd(x)
    others = np.where(np.eye(s.shape[-1], dtype=bool), 1, s[..., None, :]).prod(-1, dtype=s.dtype)
    signs = np.linalg.det(u) * np.linalg.det(vt)
    return (u * others[..., None, :]) @ vt * np.sign(signs)[..., None, None]


@cofactor.vjp("x")
def cofactor_dx(g: Any, out: Any, x: Any) -> Any:
    back = t(inv(x))
    return (g * out).sum(axis=(x.ndim - 2, x.ndim - 1), keepdims=True) * back - out @ t(g) @ back


@op
def logabsdet(x: Any) -> Any:
    """Logarithm of the absolute value of the determinant of square matrices; -inf if singular."""
    return np.linalg.slogdet(x)[1]


@logabsdet.vjp("x")
def logabsdet_dx(g: Any, out: Any, x: Any) -> Any:
    return (g if x.ndim == 2 else g[..., None, None]) * t(inv(x))


@op(differentiable=False)
def signdet(x: Any) -> Any:
    """Sign of the determinant of square matrices: -1, 0 or 1."""
    return np.linalg.slogdet(x)[0]


@op
def solve(a: Any, b: Any) -> Any:
    """The x with ``a @ x = b``. A 1-D b is one vector; any other b holds matrices, whose columns are solved for."""
    return np.linalg.solve(a, b)


@solve.vjp("a")
def solve_da(g: Any, out: Any, a: Any, b: Any) -> Any:
    if b.ndim == 1:
        return -(solve_db(g, out, a, b)[..., :, None] * out[..., None, :])
    return -(solve(t(a), g) @ t(out))


@solve.vjp("b")
def solve_db(g: Any, out: Any, a: Any, b: Any) -> Any:
    if b.ndim == 1 and a.ndim > 2:
        return solve(t(a), g[..., None])[..., 0]
    return solve(t(a), g)


@op
def cholesky(x: Any) -> Any:
    """The lower triangular L with ``L @ Lᵀ = x`` for symmetric positive definite x, of which the lower half is read."""
    return np.linalg.cholesky(x)


@cholesky.vjp("x")
def cholesky_dx(g: Any, out: Any, x: Any) -> Any:
    """Murray, Differentiation of the Cholesky decomposition (2016), equation 9."""
    return symmetric(t(solve(t(out), t(solve(t(out), half_lower(t(out) @ g))))))


@op(symbol="Φ")
def half_lower(x: Any) -> Any:
    """The lower triangle, with half of the diagonal; zero above it."""
    return (np.tril(x) + np.tril(x, -1)) / 2


@half_lower.vjp("x")
def half_lower_dx(g: Any, out: Any, x: Any) -> Any:
    return half_lower(g)


@op(symbol="sym")
def symmetric(x: Any) -> Any:
    """The symmetric part of square matrices: ``(x + xᵀ) / 2``."""
    return (x + t(x)) / 2


@symmetric.vjp("x")
def symmetric_dx(g: Any, out: Any, x: Any) -> Any:
    return symmetric(g)


@op(symbol="pinv")
def pinv(x: Any) -> Any:
    """Moore-Penrose inverse; its slope holds where the rank does not change (Golub & Pereyra, 1973)."""
    return np.linalg.pinv(x)


@pinv.vjp("x")
def pinv_dx(g: Any, out: Any, x: Any) -> Any:
    left = out @ t(out) @ g
    right = g @ t(out) @ out
    return t((left - left @ x @ out) + (right - out @ x @ right) - out @ t(g) @ out)


@op
def eigvalsh(x: Any) -> Any:
    """Eigenvalues of a symmetric matrix in rising order, of which the lower half is read."""
    return np.linalg.eigvalsh(x)


@eigvalsh.vjp("x")
def eigvalsh_dx(g: Any, out: Any, x: Any) -> Any:
    v = eigvecsh(x)
    return v * g[..., None, :] @ t(v)


@op
def eigvecsh(x: Any) -> Any:
    """Eigenvectors, in columns, of a symmetric matrix, of which the lower half is read; their signs are arbitrary."""
    return np.linalg.eigh(x)[1]


@eigvecsh.vjp("x")
def eigvecsh_dx(g: Any, out: Any, x: Any) -> Any:
    return symmetric(out @ (inverse_gaps(eigvalsh(x)) * (t(out) @ g)) @ t(out))


@op
def inverse_gaps(w: Any) -> Any:
    """``1 / (w_j − w_i)`` at (i, j), and 0 where they are equal: inside one eigenspace nothing is determined."""
    gaps = w[..., None, :] - w[..., :, None]
    return np.divide(1, gaps, out=np.zeros_like(gaps), where=gaps != 0)


@inverse_gaps.vjp("w")
def inverse_gaps_dw(g: Any, out: Any, w: Any) -> Any:
    slope = g * out * out
    return slope.sum(axis=(w.ndim,)) - slope.sum(axis=(w.ndim - 1,))


@op
def svdvals(x: Any) -> Any:
    """Singular values in falling order."""
    return np.linalg.svd(x, compute_uv=False)


@svdvals.vjp("x")
def svdvals_dx(g: Any, out: Any, x: Any) -> Any:
    """``U diag(g) Vᵀ``, from eigenvectors (u, v)/√2 of the symmetric matrix of blocks x and xᵀ (Jordan-Wielandt)."""
    rows, columns = x.shape[-2:]
    pairs = eigvecsh(mirrored(x))[..., :, : -1 - min(rows, columns) : -1]  # of the largest eigenvalues
    return 2 * (pairs[..., :rows, :] * g[..., None, :]) @ t(pairs[..., rows:, :])


@op
def mirrored(x: Any) -> Any:
    """The symmetric block matrix of 0 and x above xᵀ and 0, whose eigenvalues are ± the singular values of x."""
    *batch, rows, columns = x.shape
    out = np.zeros((*batch, rows + columns, rows + columns), x.dtype)
    out[..., :rows, rows:] = x
    out[..., rows:, :rows] = t(x)
    return out


@mirrored.vjp("x")
def mirrored_dx(g: Any, out: Any, x: Any) -> Any:
    rows = x.shape[-2]
    return g[..., :rows, rows:] + t(g[..., rows:, :rows])


# How failures are told


def _tells_squareness(one: Op) -> None:
    """Let ``one``, an op of square matrices, say what is wrong with the matrix it was given."""

    @one.explains
    def _(x: Any, *others: Any) -> str | None:
        name = one.inputs[0]
        if x.ndim < 2 or x.shape[-2] != x.shape[-1]:
            return f"{one.name}: {name} {x.shape} must be square in its last two axes"
        if others and x.shape[-1] != others[0].shape[-2 if others[0].ndim > 1 else 0]:
            return (
                f"solve: a {x.shape} has {x.shape[-1]} rows but b {others[0].shape} not; b must be (..., n, k) or (n,)"
            )
        if any(array.dtype == np.float16 for array in (x, *others)):
            return _no_float16(one.name, name, x)
        if one is cholesky:
            return f"cholesky: x {x.shape} is not positive definite; add a little to its diagonal, or look at eigvalsh"
        if one in (inv, solve):
            return f"{one.name}: {name} {x.shape} is singular: its columns depend on each other; pinv takes it"
        return None


def _no_float16(op_name: str, name: str, x: Any) -> str:
    """Say what to do about half precision, which LAPACK does not know."""
    return f"{op_name}: NumPy has no linear algebra of float16 ({name} {x.shape}); use .astype(np.float32)"


@pinv.explains
def _(x: Any) -> str | None:
    return _no_float16("pinv", "x", x) if x.dtype == np.float16 else None


@svdvals.explains
def _(x: Any) -> str | None:
    return _no_float16("svdvals", "x", x) if x.dtype == np.float16 else None


for _op in (inv, det, cofactor, logabsdet, signdet, solve, cholesky, eigvalsh, eigvecsh):
    _tells_squareness(_op)


# On objects (a scalar replay) the ops are spelt out by Laplace, Cramer and Cholesky: for matrices small enough to draw


def _per_matrix(function: Callable[..., Any], *arrays: Any) -> Any:
    """Call ``function`` on every matrix of a batch, and return its results as one object array."""
    batch = np.broadcast_shapes(*[x.shape[:-2] for x in arrays])
    spread = [np.broadcast_to(x, (*batch, *x.shape[-2:])) for x in arrays]
    results = [function(*[x[i] for x in spread]) for i in np.ndindex(batch)]
    if not batch:
        return results[0]
    out = np.empty((*batch, *np.shape(results[0])) if isinstance(results[0], np.ndarray) else batch, object)
    for i, result in zip(np.ndindex(batch), results):
        out[i] = result
    return out


def _laplace(x: Any) -> Any:
    """Determinant of one matrix: minors of the first rows, each from those one row shorter."""
    n = len(x)
    minors: dict[tuple[int, ...], Any] = {(j,): x[0, j] for j in range(n)} if n else {(): 1.0}
    for i in range(1, n):
        longer = {}
        for columns in combinations(range(n), i + 1):
            total = x[i, columns[i]] * minors[columns[:i]]
            for k in range(i):
                term = x[i, columns[k]] * minors[columns[:k] + columns[k + 1 :]]
                total = total - term if (i - k) % 2 else total + term
            longer[columns] = total
        minors = longer
    return minors[tuple(range(n))]


def _cofactors(x: Any) -> Any:
    out = np.empty(x.shape, object)
    for i, j in np.ndindex(x.shape):
        minor = _laplace(np.delete(np.delete(x, i, 0), j, 1))
        out[i, j] = -minor if (i + j) % 2 else minor
    return out


def _inverse(x: Any) -> Any:
    whole = np.empty((), object)  # a bare Tensor would take the division over, and refuse an array of objects
    whole[()] = _laplace(x)
    return _cofactors(x).T / whole


@det.scalar_form
def det_scalars(x: Any) -> Any:
    return _per_matrix(_laplace, x)


@cofactor.scalar_form
def cofactor_scalars(x: Any) -> Any:
    return _per_matrix(_cofactors, x)


@inv.scalar_form
def inv_scalars(x: Any) -> Any:
    return _per_matrix(_inverse, x)


@logabsdet.scalar_form
def logabsdet_scalars(x: Any) -> Any:
    return _per_matrix(lambda one: log(abs(_laplace(one))), x)


@solve.scalar_form
def solve_scalars(a: Any, b: Any) -> Any:
    return np.matmul(_per_matrix(_inverse, a), b)


@cholesky.scalar_form
def cholesky_scalars(x: Any) -> Any:
    return _per_matrix(_cholesky, x)


def _cholesky(x: Any) -> Any:
    """Row by row, as by hand (Cholesky-Banachiewicz)."""
    out = np.zeros(x.shape, object)
    for i in range(len(x)):
        for j in range(i + 1):
            left = x[i, j]
            for k in range(j):
                left = left - out[i, k] * out[j, k]
            out[i, j] = sqrt(left) if i == j else left / out[j, j]
    return out


@pinv.scalar_form
def pinv_scalars(x: Any) -> Any:
    return _per_matrix(_left_or_right_inverse, x)


def _left_or_right_inverse(x: Any) -> Any:
    """For a matrix of full rank."""
    tall = x.shape[0] >= x.shape[1]
    return np.matmul(_inverse(np.matmul(x.T, x)), x.T) if tall else np.matmul(x.T, _inverse(np.matmul(x, x.T)))


@inverse_gaps.scalar_form
def inverse_gaps_scalars(w: Any) -> Any:
    out = np.zeros((*w.shape, w.shape[-1]), object)
    for place in np.ndindex(out.shape):
        *lead, i, j = place
        row = w[tuple(lead)]
        gap = row[j] - row[i]
        if gap != 0:
            out[place] = 1 / gap
    return out


def _no_scalar_form(one: Op) -> None:
    @one.scalar_form
    def _(x: Any) -> Any:
        raise ValueError(f"{one.name} is found by iteration and has no finite scalar graph; draw it as one op")


for _op in (eigvalsh, eigvecsh, svdvals):
    _no_scalar_form(_op)
