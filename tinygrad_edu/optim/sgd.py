"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_edu.engine.arguments import number
from tinygrad_edu.optim.checks import at_least_zero, flags
from tinygrad_edu.optim.optimizer import Optimizer

__all__ = ["SGD", "moved"]


class SGD(Optimizer):
    """``p = p - lr · g``, with momentum ``v = momentum · v + (1 - dampening) · g`` and then ``p = p - lr · v``.

    The first v is g itself, as in PyTorch. nesterov: the step is ``g + momentum · v`` (Sutskever et al. 2013, On the
    importance of initialization and momentum in deep learning, section 2, in PyTorch's form). weight_decay: g becomes
    ``g + weight_decay · p``. maximize: climb instead. Raises ValueError for negative settings, and for nesterov
    without momentum or with dampening.
    """

    slots = ("momentum_buffer",)

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov,
            "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults)

    def check(self, settings: Mapping[str, Any]) -> None:
        """Refuse negative settings, and nesterov without plain momentum."""
        at_least_zero("SGD", settings, "lr", "momentum", "weight_decay")
        number(settings["dampening"], "dampening", "SGD")
        flags("SGD", settings, "nesterov", "maximize")
        if settings["nesterov"] and (settings["momentum"] == 0 or settings["dampening"] != 0):
            raise ValueError(
                f"SGD: nesterov=True needs momentum above 0 and dampening 0, got momentum={settings['momentum']}, "
                f"dampening={settings['dampening']}"
            )

    def updated(self, p: Any, g: Any, state: dict[str, Any], settings: dict[str, Any]) -> Any:
        """Return ``p`` a step down the gradient, or the momentum, from where it is."""
        momentum = settings["momentum"]
        if settings["weight_decay"]:
            g = g + settings["weight_decay"] * p
        if momentum:
            v = state.get("momentum_buffer")
            if v is None:
                v = state["momentum_buffer"] = np.array(g)
            else:
                v *= momentum
                v += g if settings["dampening"] == 0 else (1 - settings["dampening"]) * g
            g = g + momentum * v if settings["nesterov"] else v
        return moved(p, g, settings["lr"])


def moved(p: Any, direction: Any, lr: float) -> Any:
    """Return ``p - lr · direction`` as one new array that lies in memory as p does."""
    new = np.multiply(direction, -lr, out=np.empty_like(p))
    new += p
    return new


def towards(mean: Any, g: Any, share: float) -> None:
    """Move ``mean`` that share of the way to g, in place; from the nearer end, or a g far smaller would be lost."""
    gap = g - mean
    if share < 0.5:
        mean += share * gap
    else:
        np.subtract(g, (1 - share) * gap, out=mean)
