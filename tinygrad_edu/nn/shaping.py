"""Modules that compute nothing: they lay numbers out anew, or let them through."""

from __future__ import annotations

from typing import Any

from tinygrad_edu.engine.tensor import Tensor, as_tensor
from tinygrad_edu.nn.module import Module

__all__ = ["Flatten", "Identity"]


class Flatten(Module):
    """Lay the axes from ``start_dim`` to ``end_dim``, both included, out as one; the first, the batch, stays.

    Raises AxisError, when called, for an axis that x has not, ValueError where ``start_dim`` comes after ``end_dim``.
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x: Any) -> Tensor:
        """``(batch, channels, height, width)`` to ``(batch, channels · height · width)``."""
        return as_tensor(x).flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """The axes."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"

    def _label(self) -> str:
        return "Flatten"


class Identity(Module):
    """Give back what comes in; takes any arguments, so that it can stand in for another layer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def forward(self, x: Any) -> Any:
        """Return x."""
        return x
