"""Activation functions as modules."""

from __future__ import annotations

from typing import Any

from tinygrad_edu import functional as F
from tinygrad_edu.engine.arguments import flag, number
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.nn.module import Module

__all__ = ["ELU", "GELU", "LeakyReLU", "LogSoftmax", "ReLU", "SiLU", "Sigmoid", "Softmax", "Softplus", "Tanh"]


class Activation(Module):
    """A function of each element. ``inplace`` is taken, so that PyTorch's code runs: nothing here works in place."""

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = flag(inplace, "inplace", type(self).__name__)

    def extra_repr(self) -> str:
        """Whether PyTorch would work in place."""
        return "inplace=True" if self.inplace else ""


class ReLU(Activation):
    """max(x, 0), elementwise; the slope at 0 is 0. Nair, Hinton 2010.

    x: any shape, which stays. Raises TypeError for an x that holds no numbers.
    """

    def forward(self, x: Any) -> Tensor:
        """Cut off what is negative."""
        return F.relu(x)


class SiLU(Activation):
    """x times its sigmoid, also called swish. Elfwing, Uchibe, Doya 2017. Shapes and errors as ``ReLU``."""

    def forward(self, x: Any) -> Tensor:
        """Let large numbers through, and little of what is negative."""
        return F.silu(x)


class LeakyReLU(Activation):
    """x where x > 0, else ``negative_slope`` times x. Maas, Hannun, Ng 2013.

    Shapes and errors as ``ReLU``; TypeError also for a slope that is no number.
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.negative_slope = number(negative_slope, "negative_slope", "LeakyReLU")

    def forward(self, x: Any) -> Tensor:
        """Make what is negative small."""
        return F.leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        """The slope."""
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class ELU(Activation):
    """x where x > 0, else alpha (exp(x) − 1). Clevert, Unterthiner, Hochreiter 2015.

    Shapes and errors as ``ReLU``; TypeError also for an alpha that is no number.
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = number(alpha, "alpha", "ELU")

    def forward(self, x: Any) -> Tensor:
        """Let what is negative come to rest at −alpha."""
        return F.elu(x, self.alpha)

    def extra_repr(self) -> str:
        """Where it comes to rest."""
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class Sigmoid(Module):
    """1 / (1 + exp(-x)), elementwise. Shapes and errors as ``ReLU``."""

    def forward(self, x: Any) -> Tensor:
        """Squash to (0, 1)."""
        return F.sigmoid(x)


class Tanh(Module):
    """Hyperbolic tangent, elementwise. Shapes and errors as ``ReLU``."""

    def forward(self, x: Any) -> Tensor:
        """Squash to (-1, 1)."""
        return F.tanh(x)


class GELU(Module):
    """x times the normal distribution function of x; approximate: ``"none"`` or ``"tanh"``. Hendrycks, Gimpel 2016.

    Shapes and errors as ``ReLU``; ValueError for another approximate.
    """

    def __init__(self, approximate: str = "none") -> None:
        if not isinstance(approximate, str) or approximate not in ("none", "tanh"):
            raise ValueError(f'GELU: approximate must be "none" or "tanh", got {approximate!r}')
        self.approximate = approximate

    def forward(self, x: Any) -> Tensor:
        """Let large numbers through, and little of what is negative."""
        return F.gelu(x, self.approximate)

    def extra_repr(self) -> str:
        """Which formula."""
        return f"approximate={self.approximate!r}"


class Softplus(Module):
    """log(1 + exp(beta x)) / beta, a smooth ReLU. Dugas et al. 2001.

    threshold: x itself where beta x is larger; one of 20 or more changes nothing here, where nothing overflows.
    Shapes and errors as ``ReLU``; ValueError for a beta that is not positive, TypeError for what is no number.
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        if not number(beta, "beta", "Softplus") > 0:
            raise ValueError(f"Softplus: beta must be positive, got {beta}")
        self.beta = beta
        self.threshold = number(threshold, "threshold", "Softplus")

    def forward(self, x: Any) -> Tensor:
        """Make everything positive."""
        return F.softplus(x, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """How sharp the bend is."""
        return f"beta={self.beta}, threshold={self.threshold}"


class Softmax(Module):
    """exp(x) divided by its sum over an axis, so that each slice is a distribution. Bridle 1990.

    x: any shape with the axis ``dim``; the shape stays. Raises TypeError for a dim that is no integer or an x that
    holds no numbers, and AxisError, when called, where x has no such axis.
    """

    def __init__(self, dim: int) -> None:
        if isinstance(dim, bool) or not isinstance(dim, int):
            raise TypeError(f"{type(self).__name__}: dim must be an axis, -1 for (batch, classes), got {dim!r}")
        self.dim = dim

    def forward(self, x: Any) -> Tensor:
        """Return the distribution."""
        return F.softmax(x, axis=self.dim)

    def extra_repr(self) -> str:
        """The axis."""
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """The logarithm of ``Softmax``, without its rounding. Shapes and errors as ``Softmax``."""

    def forward(self, x: Any) -> Tensor:
        """Return the logarithms of the distribution."""
        return F.log_softmax(x, axis=self.dim)
