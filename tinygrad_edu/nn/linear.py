"""The fully connected layer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu import functional as F
from tinygrad_edu.engine.creation import generator
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.nn.module import Module, Parameter

__all__ = ["Linear"]


class Linear(Module):
    """``y = x @ weight.T + bias``; x ``(..., in_features)``, weight ``(out_features, in_features)``.

    Weights and bias start uniform within ±1/sqrt(in_features), as in PyTorch. rng: a seed or NumPy Generator.
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, dtype: Any = np.float32, rng: Any = None
    ) -> None:
        for name, n in (("in_features", in_features), ("out_features", out_features)):
            if not isinstance(n, (int, np.integer)) or n < 0:
                raise ValueError(f"Linear: {name} must be a non-negative integer, got {n!r}")
        bound = 1 / math.sqrt(in_features) if in_features else 0.0
        random = generator(rng)
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(random.uniform(-bound, bound, (out_features, in_features)).astype(dtype))
        self.bias = Parameter(random.uniform(-bound, bound, out_features).astype(dtype)) if bias else None

    def forward(self, x: Any) -> Tensor:
        """Map the last axis of x from ``in_features`` to ``out_features``."""
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"

    def _label(self) -> str:
        return f"Linear({self.in_features}, {self.out_features})"
