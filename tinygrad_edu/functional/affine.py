"""The linear map of a layer."""

from __future__ import annotations

import math
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
        raise with_graph(ValueError(misfit(inputs.shape, matrix.shape)), P.matmul, (inputs, matrix))
    y = inputs @ matrix.T
    if bias is None:
        return y
    shift = as_tensor(bias)
    if shift.shape != matrix.shape[:1]:
        message = f"linear: bias {shift.shape} must hold one number for each of the {matrix.shape[0]} out_features"
        raise with_graph(ValueError(message), P.add, (y, shift))
    return y + shift


def misfit(x: tuple[int, ...], weight: tuple[int, ...]) -> str:
    """Say why x and weight do not fit, and what would."""
    if len(weight) != 2:
        return f"linear: weight must be (out_features, in_features), got {weight}"
    wanted, got = weight[1], x[-1] if x else "a number"
    message = f"linear: expected {wanted} features, got {got} (x {x}); "
    if len(x) > 2 and math.prod(x[1:]) == wanted:
        return f"{message}flatten x first, to {(x[0], wanted)}"
    return f"{message}the last axis of x must be as long as that of the weight {weight}, (out_features, in_features)"
