"""RMSprop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_edu.optim.checks import at_least_zero, flags, share
from tinygrad_edu.optim.optimizer import Optimizer
from tinygrad_edu.optim.sgd import moved, towards

__all__ = ["RMSprop"]


class RMSprop(Optimizer):
    """``p = p - lr · g / (√s + eps)``: s is a running mean of g², ``s = alpha · s + (1 - alpha) · g²``.

    Tieleman and Hinton 2012, Neural networks for machine learning, lecture 6.5. centered: divide by the standard
    deviation, ``√(s - mean(g)²)``, instead (Graves 2013, Generating sequences with recurrent neural networks, section
    4.2). momentum: move along a running sum of the steps. weight_decay: g becomes ``g + weight_decay · p``. maximize:
    climb instead. Raises ValueError for negative settings or alpha not below 1.
    """

    slots = ("square_avg", "grad_avg", "momentum_buffer")

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay, "momentum": momentum,
            "centered": centered, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults)

    def check(self, settings: Mapping[str, Any]) -> None:
        """Refuse negative settings and an alpha that is no share."""
        at_least_zero("RMSprop", settings, "lr", "eps", "weight_decay", "momentum")
        flags("RMSprop", settings, "centered", "maximize")
        share("RMSprop", "alpha", settings["alpha"])

    def updated(self, p: Any, g: Any, state: dict[str, Any], settings: dict[str, Any]) -> Any:
        """Return ``p`` a step down the gradient, each element by its own usual size."""
        alpha, momentum = settings["alpha"], settings["momentum"]
        if settings["weight_decay"]:
            g = g + settings["weight_decay"] * p
        s = state.setdefault("square_avg", np.zeros_like(p))
        s *= alpha
        s += (1 - alpha) * (g * g)
        spread = s
        if settings["centered"]:
            mean = state.setdefault("grad_avg", np.zeros_like(p))
            towards(mean, g, 1 - alpha)
            spread = s - mean * mean
        size = np.sqrt(spread)
        size += settings["eps"]
        step = g / size
        if momentum:
            v = state.setdefault("momentum_buffer", np.zeros_like(p))
            v *= momentum
            v += step
            step = v
        return moved(p, step, settings["lr"])
