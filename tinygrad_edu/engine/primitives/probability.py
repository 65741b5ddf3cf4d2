"""Ops of probabilities: logarithms that stop above −∞, and the surprise at an outcome of which they are made."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.engine.op import elementwise
from tinygrad_edu.engine.primitives.selection import clip

__all__ = ["held_log", "surprise"]

LEAST_LOG = -100.0
LEAST_CHANCE = 1e-12


@elementwise(symbol="log")
def held_log(x: Any) -> Any:
    """log x, but not below −100; its slope is 1 / x, but not above 10¹², as in PyTorch."""
    with np.errstate(divide="ignore"):  # log 0 = −∞, which is held
        return np.maximum(np.log(x), LEAST_LOG)


@held_log.vjp("x")
def held_log_dx(g: Any, out: Any, x: Any) -> Any:
    return g / clip(x, low=LEAST_CHANCE, high=None)


@elementwise
def surprise(x: Any, t: Any) -> Any:
    """−(t log x + (1 − t) log(1 − x)): how surprising an outcome t, 1 or 0, is to one who gave 1 the chance x."""
    return -(t * held_log.forward(x) + (1 - t) * held_log.forward(1 - x))


@surprise.vjp("x")
def surprise_dx(g: Any, out: Any, x: Any, t: Any) -> Any:
    return g * ((x - t) / clip(x * (1 - x), low=LEAST_CHANCE, high=None))


@surprise.vjp("t")
def surprise_dt(g: Any, out: Any, x: Any, t: Any) -> Any:
    return g * (held_log(1 - x) - held_log(x))
