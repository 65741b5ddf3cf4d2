"""The linear map of a layer."""

from __future__ import annotations

from typing import Any

from tinygrad_edu.engine.scope import composite
from tinygrad_edu.engine.tensor import Tensor, as_tensor

__all__ = ["linear"]


@composite
def linear(x: Any, weight: Any, bias: Any = None) -> Tensor:
    """``x @ weight.T + bias``; x ``(..., in_features)``, weight ``(out_features, in_features)``, bias ``(out_features,)``.

    Raises ValueError if the last axis of x is not ``in_features`` long.
    """
    x, weight = as_tensor(x), as_tensor(weight)
    if weight.ndim != 2 or not x.ndim or x.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: x has shape {x.shape} and weight {weight.shape}; the last axis of x must be as long as the last "
            "axis of weight (out_features, in_features)"
        )
    y = x @ weight.T
    return y if bias is None else y + bias
