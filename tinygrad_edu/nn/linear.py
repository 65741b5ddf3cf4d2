"""The fully connected layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu import functional as F
from tinygrad_edu.engine.arguments import flag
from tinygrad_edu.engine.creation import generator
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.nn.module import Module
from tinygrad_edu.nn.starting import count, float_dtype, uniform

__all__ = ["Linear"]


class Linear(Module):
    """``y = x @ weight.T + bias``; x ``(..., in_features)`` to ``(..., out_features)``.

    weight ``(out_features, in_features)``, bias ``(out_features,)``; both start uniform within ±1/sqrt(in_features), as
    in PyTorch. rng: a seed or NumPy Generator.
    Raises TypeError for a size that is no integer or a bias that is no bool, ValueError, when called, for an x whose
    last axis is not ``in_features`` long.
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, dtype: Any = np.float32, rng: Any = None
    ) -> None:
        self.in_features = count(in_features, "in_features", "Linear", 0)
        self.out_features = count(out_features, "out_features", "Linear", 0)
        dtype, random = float_dtype(dtype, "Linear"), generator(rng)
        with_bias = flag(bias, "bias", "Linear")
        self.weight = uniform(random, (out_features, in_features), in_features, dtype)
        self.bias = uniform(random, (out_features,), in_features, dtype) if with_bias else None

    def forward(self, x: Any) -> Tensor:
        """Map the last axis of x from ``in_features`` to ``out_features``."""
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"

    def _label(self) -> str:
        return f"Linear({self.in_features}, {self.out_features})"
