"""The linear map of a layer."""

from __future__ import annotations

from typing import Any

from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.failure import with_graph
from tinygrad_edu.engine.scope import composite
from tinygrad_edu.engine.tensor import Tensor, as_tensor

__all__ = ["linear"]


@composite
def linear(x: Any, weight: Any, bias: Any = None) -> Tensor:
    """``x @ weight.T + bias``.

    x ``(..., in_features)``, weight ``(out_features, in_features)``, bias ``(out_features,)``.
    Raises ValueError if the last axis of x is not ``in_features`` long.
    """
    inputs, matrix = as_tensor(x), as_tensor(weight)
    if matrix.ndim != 2 or not inputs.ndim or inputs.shape[-1] != matrix.shape[1]:
        message = (
            f"linear: x has shape {inputs.shape} and weight {matrix.shape}; the last axis of x must be as long as "
            "the last axis of weight (out_features, in_features)"
        )
        raise with_graph(ValueError(message), P.matmul, (inputs, matrix))
    y = inputs @ matrix.T
    return y if bias is None else y + bias
