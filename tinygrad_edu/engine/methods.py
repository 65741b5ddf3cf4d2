"""A Tensor's methods that act on elements and that reduce: each tidies its arguments and calls one op."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.arguments import integer, number
from tinygrad_edu.engine.axes import every_axis, maybe_axis, one_axis, torch_spelling
from tinygrad_edu.engine.op import Op
from tinygrad_edu.engine.scope import MODE
from tinygrad_edu.engine.shaping import Shaping

if TYPE_CHECKING:
    from tinygrad_edu.engine.tensor import Tensor

__all__ = ["Methods"]


class Methods(Shaping):
    """Elementwise functions, reductions and questions; ``Shaping`` holds the rearrangements."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def is_leaf(self) -> bool: ...

        @property
        def requires_grad(self) -> bool: ...

        def _label(self) -> str: ...

        def _apply(self, op: Op, *others: Any, **params: Any) -> Tensor: ...

    # Elementwise

    def exp(self) -> Tensor:
        """e to the power of each element."""
        return self._apply(P.exp)

    def log(self) -> Tensor:
        """Natural logarithm of each element."""
        return self._apply(P.log)

    def log1p(self) -> Tensor:
        """log(1 + x), exact for small x."""
        return self._apply(P.log1p)

    def expm1(self) -> Tensor:
        """exp(x) - 1, exact for small x."""
        return self._apply(P.expm1)

    def sqrt(self) -> Tensor:
        """Square root of each element; the slope at 0 is infinite."""
        return self._apply(P.sqrt)

    def square(self) -> Tensor:
        """Each element times itself."""
        return self._apply(P.square)

    def abs(self) -> Tensor:
        """Absolute value; the slope at 0 is 0."""
        return self._apply(P.absolute)

    def sign(self) -> Tensor:
        """-1, 0 or 1; its slope is 0."""
        return self._apply(P.sign)

    def negative(self) -> Tensor:
        """Each element with the other sign."""
        return self._apply(P.negative)

    def round(self, decimals: int = 0) -> Tensor:
        """The nearest number with so many decimals, halves to the even one; slope 0."""
        places = integer(decimals, "decimals", "round")
        if self.dtype.kind in "iu" and places >= 0:
            return self._apply(P.copy)
        if not places:
            return self._apply(P.rint)
        scale = float(f"1e{abs(places)}")
        if places > 0:
            return self.multiply(scale)._apply(P.rint).divide(scale)
        return self.divide(scale)._apply(P.rint).multiply(scale).astype(self.dtype)

    def sin(self) -> Tensor:
        """Sine, of radians."""
        return self._apply(P.sin)

    def cos(self) -> Tensor:
        """Cosine, of radians."""
        return self._apply(P.cos)

    def tan(self) -> Tensor:
        """Tangent, of radians."""
        return self._apply(P.tan)

    def arcsin(self) -> Tensor:
        """Inverse sine, in radians."""
        return self._apply(P.arcsin)

    def arccos(self) -> Tensor:
        """Inverse cosine, in radians."""
        return self._apply(P.arccos)

    def arctan(self) -> Tensor:
        """Inverse tangent, in radians."""
        return self._apply(P.arctan)

    def sinh(self) -> Tensor:
        """Hyperbolic sine."""
        return self._apply(P.sinh)

    def cosh(self) -> Tensor:
        """Hyperbolic cosine."""
        return self._apply(P.cosh)

    def tanh(self) -> Tensor:
        """Hyperbolic tangent."""
        return self._apply(P.tanh)

    def sigmoid(self) -> Tensor:
        """1 / (1 + exp(-x)), without overflow."""
        return self._apply(P.sigmoid)

    def relu(self) -> Tensor:
        """max(x, 0); the slope at 0 is 0."""
        return self._apply(P.relu)

    def leaky_relu(self, negative_slope: float = 0.01) -> Tensor:
        """x where x > 0, else ``negative_slope`` times x."""
        return self._apply(P.leaky_relu, negative_slope=float(number(negative_slope, "negative_slope", "leaky_relu")))

    def elu(self, alpha: float = 1.0) -> Tensor:
        """x where x > 0, else alpha (exp(x) - 1)."""
        return self._apply(P.elu, alpha=float(number(alpha, "alpha", "elu")))

    def gelu(self, approximate: str = "none") -> Tensor:
        """x times the normal distribution function of x; ``approximate="tanh"`` for the usual approximation."""
        if approximate not in ("none", "tanh"):
            raise ValueError(f'gelu: approximate must be "none" or "tanh", got {approximate!r}')
        return self._apply(P.gelu, approximate=approximate)

    def silu(self) -> Tensor:
        """x times its sigmoid, also called swish."""
        return self._apply(P.silu)

    def softplus(self) -> Tensor:
        """log(1 + exp(x)), without overflow."""
        return self._apply(P.softplus)

    def add(self, other: Any) -> Tensor:
        """Elementwise sum."""
        return self._apply(P.add, other)

    def subtract(self, other: Any) -> Tensor:
        """Elementwise difference."""
        return self._apply(P.subtract, other)

    def __isub__(self, other: Any) -> Tensor:
        if self.requires_grad and self.is_leaf and not MODE.get().recording:
            warnings.warn(
                f"-= makes a new Tensor, so {self._label()}, a parameter, stays as it was; to update it in no_grad() "
                "write w.data -= lr * w.grad, or take an optimiser",
                UserWarning,
                stacklevel=2,
            )
        return self.subtract(other)

    def multiply(self, other: Any) -> Tensor:
        """Elementwise product."""
        return self._apply(P.multiply, other)

    def divide(self, other: Any) -> Tensor:
        """Elementwise quotient."""
        return self._apply(P.divide, other)

    def power(self, exponent: Any) -> Tensor:
        """Each element to the power of ``exponent``."""
        return self._apply(P.power, exponent)

    def maximum(self, other: Any) -> Tensor:
        """The larger of each pair; a tie shares the gradient evenly."""
        return self._apply(P.maximum, other)

    def minimum(self, other: Any) -> Tensor:
        """The smaller of each pair; a tie shares the gradient evenly."""
        return self._apply(P.minimum, other)

    def clip(self, min: Any = None, max: Any = None) -> Tensor:
        """Each element, held between ``min`` and ``max`` (None: no bound); the slope is 0 outside, 1 at the bounds."""
        if all(bound is None or isinstance(bound, (int, float)) for bound in (min, max)):
            return self._apply(P.clip, low=min, high=max)
        held: Any = self if min is None else P.where(P.above(min, self), min, self)
        return held if max is None else P.where(P.below(max, held), max, held)  # type: ignore[no-any-return]

    # Reductions

    @torch_spelling
    def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Sum over ``axis``: an int, a tuple of ints, or None for all."""
        return self._apply(P.sum, axis=every_axis(axis, self.ndim, "sum"), keepdims=bool(keepdims))

    @torch_spelling
    def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Arithmetic mean over ``axis``."""
        return self._apply(P.mean, axis=every_axis(axis, self.ndim, "mean"), keepdims=bool(keepdims))

    @torch_spelling
    def var(self, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
        """Variance over ``axis``: squared deviations summed, over n - ``ddof`` (NumPy's 0; PyTorch's default is 1)."""
        return self._apply(P.var, axis=every_axis(axis, self.ndim, "var"), keepdims=bool(keepdims), ddof=ddof)

    @torch_spelling
    def std(self, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
        """Standard deviation over ``axis``; its slope is 0 where it is 0."""
        return self._apply(P.std, axis=every_axis(axis, self.ndim, "std"), keepdims=bool(keepdims), ddof=ddof)

    @torch_spelling
    def max(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Largest element over ``axis``; ties share the gradient evenly."""
        return self._apply(P.max, axis=every_axis(axis, self.ndim, "max"), keepdims=bool(keepdims))

    @torch_spelling
    def min(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Smallest element over ``axis``; ties share the gradient evenly."""
        return self._apply(P.min, axis=every_axis(axis, self.ndim, "min"), keepdims=bool(keepdims))

    @torch_spelling
    def prod(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Product over ``axis``; right also where elements are 0."""
        return self._apply(P.prod, axis=every_axis(axis, self.ndim, "prod"), keepdims=bool(keepdims))

    @torch_spelling
    def logsumexp(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """log(sum(exp(x))) over ``axis``, without overflow."""
        return self._apply(P.logsumexp, axis=every_axis(axis, self.ndim, "logsumexp"), keepdims=bool(keepdims))

    @torch_spelling
    def softmax(self, axis: int = -1) -> Tensor:
        """exp(x) over its sum along ``axis``, without overflow."""
        if not self.ndim and axis in (0, -1):  # as in PyTorch
            return self.reshape(1).softmax(0).reshape(())
        return self._apply(P.softmax, axis=one_axis(axis, self.ndim, "softmax"))

    @torch_spelling
    def log_softmax(self, axis: int = -1) -> Tensor:
        """Logarithm of softmax along ``axis``, without overflow."""
        if not self.ndim and axis in (0, -1):  # as in PyTorch
            return self.reshape(1).log_softmax(0).reshape(())
        return self._apply(P.log_softmax, axis=one_axis(axis, self.ndim, "log_softmax"))

    @torch_spelling
    def cumsum(self, axis: int | None = None) -> Tensor:
        """Running sum along ``axis``; of the flattened Tensor if None."""
        x = self.ravel() if axis is None else self
        return x._apply(P.cumsum, axis=one_axis(0 if axis is None else axis, x.ndim, "cumsum"))

    @torch_spelling
    def cumprod(self, axis: int | None = None) -> Tensor:
        """Running product along ``axis``; of the flattened Tensor if None."""
        x = self.ravel() if axis is None else self
        return x._apply(P.cumprod, axis=one_axis(0 if axis is None else axis, x.ndim, "cumprod"))

    @torch_spelling
    def norm(self, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Norm over ``axis``, with NumPy's meaning of ``ord``; the slope of the 2-norm at 0 is 0.

        With ``ord`` and two axes a matrix norm is meant: 1, -1, inf, -inf or "fro".
        """
        axes = every_axis(axis, self.ndim, "norm")
        if ord is None or ord == "fro" or (ord == 2 and len(axes) == 1):
            return self._apply(P.norm, axis=axes, keepdims=bool(keepdims))
        if len(axes) == 1:
            return self._vector_norm(ord, axes, keepdims)
        if len(axes) == 2 and ord in (1, -1, np.inf, -np.inf):
            rows, columns = axes if axis is None else [one_axis(part, self.ndim, "norm") for part in axis]
            summed, chosen = (rows, columns) if abs(ord) == 1 else (columns, rows)
            sums = self.abs().sum(axis=summed, keepdims=True)
            found = sums.max(axis=chosen, keepdims=True) if ord > 0 else sums.min(axis=chosen, keepdims=True)
            return found if keepdims else found.squeeze(axis=axes)
        raise ValueError(f"norm: ord={ord!r} over {len(axes)} axes is not supported; use None, 1, inf or name one axis")

    def _vector_norm(self, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Tensor:
        size = self.abs()
        if ord == np.inf:
            return size.max(axis=axes, keepdims=keepdims)
        if ord == -np.inf:
            return size.min(axis=axes, keepdims=keepdims)
        if ord == 1:
            return size.sum(axis=axes, keepdims=keepdims)
        if not isinstance(ord, (int, float)) or ord == 0:
            raise ValueError(f"norm: ord={ord!r} is not supported; use a number other than 0, inf or -inf")
        return (size**ord).sum(axis=axes, keepdims=keepdims) ** (1.0 / ord)

    # Questions: plain arrays, not recorded

    @torch_spelling
    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Any:
        """Index of the largest element along ``axis`` (of the flattened Tensor if None): plain integers."""
        return P.argmax(self, axis=maybe_axis(axis, self.ndim, "argmax"), keepdims=bool(keepdims))

    @torch_spelling
    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Any:
        """Index of the smallest element along ``axis``: plain integers."""
        return P.argmin(self, axis=maybe_axis(axis, self.ndim, "argmin"), keepdims=bool(keepdims))

    @torch_spelling
    def argsort(self, axis: int | None = -1) -> Any:
        """The order that sorts along ``axis``: plain integers."""
        return np.argsort(self.data, axis=maybe_axis(axis, self.ndim, "argsort"), kind="stable")

    @torch_spelling
    def any(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Whether any element is not 0: plain."""
        return np.any(self.data, axis=axis, keepdims=keepdims)

    @torch_spelling
    def all(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Whether no element is 0: plain."""
        return np.all(self.data, axis=axis, keepdims=keepdims)
