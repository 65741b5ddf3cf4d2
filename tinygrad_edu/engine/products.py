"""A Tensor's methods that are sums of products, composed from ``matmul`` and ``multiply``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.arrays import plain
from tinygrad_edu.engine.axes import one_axis

if TYPE_CHECKING:
    from tinygrad_edu.engine.tensor import Tensor

__all__ = ["Products"]


class Products:
    """Products of vectors and matrices; each returns a Tensor."""

    __slots__ = ()

    if TYPE_CHECKING:
        _apply: Any
        _lift: Any
        reshape: Any
        ravel: Any

        @property
        def ndim(self) -> int: ...

        @property
        def shape(self) -> tuple[int, ...]: ...

    def matmul(self, other: Any) -> Tensor:
        """Matrix product, batched over leading axes, as ``@``."""
        return self._apply(P.matmul, other)  # type: ignore[no-any-return]

    def dot(self, other: Any) -> Tensor:
        """``np.dot``: the inner product of vectors, the product of matrices, a multiple by a number."""
        y = self._lift(other)
        if not self.ndim or not y.ndim:
            return self._apply(P.multiply, y)  # type: ignore[no-any-return]
        if y.ndim <= 2:
            return self._apply(P.matmul, y)  # type: ignore[no-any-return]
        return self.tensordot(y, axes=([self.ndim - 1], [y.ndim - 2]))

    def inner(self, other: Any) -> Tensor:
        """Sum of products over the last axis of both, as ``np.inner``."""
        y = self._lift(other)
        if not self.ndim or not y.ndim:
            return self._apply(P.multiply, y)  # type: ignore[no-any-return]
        return self.tensordot(y, axes=([self.ndim - 1], [y.ndim - 1]))

    def outer(self, other: Any) -> Tensor:
        """Every element times every element of ``other``, both flattened: (n,), (m,) to (n, m)."""
        return self.reshape(-1, 1) * self._lift(other).ravel()  # type: ignore[no-any-return]

    def kron(self, other: Any) -> Tensor:
        """The Kronecker product: every element times the whole of ``other``."""
        right = self._lift(other)
        ndim = max(self.ndim, right.ndim)
        a, b = [(1,) * (ndim - len(shape)) + shape for shape in (self.shape, right.shape)]
        apart = self.reshape([n for n in a for n in (n, 1)]) * right.reshape([n for n in b for n in (1, n)])
        return apart.reshape([n * m for n, m in zip(a, b)])  # type: ignore[no-any-return]

    def tensordot(self, other: Any, axes: Any = 2) -> Tensor:
        """Sum of products over ``axes``: that many, last with first, or a pair of lists."""
        x: Any = self
        y = self._lift(other)
        over_x, over_y = paired_axes(x, y, plain(axes))
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
        return product.reshape([*rows, *columns])  # type: ignore[no-any-return]


def paired_axes(x: Any, y: Any, axes: Any) -> tuple[list[int], list[int]]:
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
