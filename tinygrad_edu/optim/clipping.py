"""Gradients held in bounds before a step."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_edu.engine.arguments import number
from tinygrad_edu.engine.tensor import Tensor

__all__ = ["clip_grad_norm_", "clip_grad_value_"]


def clip_grad_norm_(params: Any, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False) -> float:
    """Scale all gradients by one factor so that their common norm is at most ``max_norm``; return the norm before.

    The norm is that of all gradients laid out in one vector; ``norm_type`` may be any number above 0, or inf. Each
    ``.grad`` is rebound. Pascanu, Mikolov, Bengio 2013, On the difficulty of training recurrent neural networks,
    algorithm 1. Raises RuntimeError, and changes nothing, if ``error_if_nonfinite`` and the norm is NaN or infinite.
    """
    order = float(number(norm_type, "norm_type", "clip_grad_norm_"))
    if not order > 0:
        raise ValueError(f"clip_grad_norm_: norm_type must be above 0, or inf, got {norm_type}")
    number(max_norm, "max_norm", "clip_grad_norm_", least=0)
    held = with_gradients(params, "clip_grad_norm_")
    norms = np.array([float(np.linalg.norm(np.ravel(p.grad.data, order="K"), order)) for p in held])
    total = float(np.linalg.norm(norms, order)) if held else 0.0
    if error_if_nonfinite and not math.isfinite(total):
        raise RuntimeError(
            f"clip_grad_norm_: the norm of the gradients is {total}, so they can't be scaled; look for the first NaN "
            "or Inf with tg.detect_anomaly()"
        )
    factor = float(max_norm) / (total + 1e-6)
    if not factor >= 1:
        with np.errstate(invalid="ignore"):  # a NaN or Inf spreads to all gradients, as in PyTorch
            for p in held:
                p.grad = p.grad.data * factor
    return total


def clip_grad_value_(params: Any, clip_value: float) -> None:
    """Hold every element of every gradient between ``-clip_value`` and ``clip_value``; each ``.grad`` is rebound."""
    bound = float(number(clip_value, "clip_value", "clip_grad_value_", least=0))
    for p in with_gradients(params, "clip_grad_value_"):
        p.grad = np.clip(p.grad.data, -bound, bound)


def with_gradients(params: Any, who: str) -> list[Any]:
    """Return the parameters that have a gradient, each once; TypeError for what is no Tensor."""
    if not isinstance(params, (Tensor, Iterable)) or hasattr(params, "parameters"):
        raise TypeError(f"{who}: wanted Tensors, got {type(params).__name__}; pass model.parameters()")
    given = [params] if isinstance(params, Tensor) else list(params)
    for p in given:
        if not isinstance(p, Tensor):
            raise TypeError(f"{who}: wanted Tensors, got {type(p).__name__}; pass model.parameters()")
    return [p for p in dict.fromkeys(given) if p.grad is not None]
