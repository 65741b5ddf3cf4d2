"""Activation functions as modules."""

from __future__ import annotations

from typing import Any

from tinygrad_edu import functional as F
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.nn.module import Module

__all__ = ["ReLU", "Sigmoid", "Tanh"]


class Sigmoid(Module):
    """1 / (1 + exp(-x)), elementwise."""

    def forward(self, x: Any) -> Tensor:
        """Squash to (0, 1)."""
        return F.sigmoid(x)


class Tanh(Module):
    """Hyperbolic tangent, elementwise."""

    def forward(self, x: Any) -> Tensor:
        """Squash to (-1, 1)."""
        return F.tanh(x)


class ReLU(Module):
    """max(x, 0), elementwise; the slope at 0 is 0."""

    def forward(self, x: Any) -> Tensor:
        """Cut off what is negative."""
        return F.relu(x)
