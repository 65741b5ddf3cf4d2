"""Activation functions with more to set than the ops have."""

from __future__ import annotations

from typing import Any

from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.arguments import number
from tinygrad_edu.engine.tensor import Tensor, as_tensor

__all__ = ["softplus"]

STRAIGHT = 20  # from here on softplus differs from the line by less than 1e-9 of itself


def softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """``log(1 + exp(beta x)) / beta``, a smooth ReLU; x itself where ``beta x`` is above ``threshold``.

    x: any shape, which stays. Nothing overflows, so a threshold of 20 or more, where both are alike, changes nothing.
    Raises ValueError for a beta that is not positive, TypeError for what is no number. Dugas et al. 2001.
    """
    if not number(beta, "beta", "softplus") > 0:
        raise ValueError(f"softplus: beta must be positive, got {beta}")
    inputs, ends_early = as_tensor(x), number(threshold, "threshold", "softplus") < STRAIGHT
    scaled = inputs if beta == 1 else inputs * beta
    y = scaled.softplus() if beta == 1 else scaled.softplus() / beta
    return P.where(scaled._data > threshold, inputs, y) if ends_early else y
