"""Adam, and AdamW with its decoupled weight decay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_edu.engine.arguments import short
from tinygrad_edu.optim.checks import at_least_zero, flags, share
from tinygrad_edu.optim.optimizer import Optimizer
from tinygrad_edu.optim.sgd import moved, towards

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    """``p = p - lr · m̂ / (√v̂ + eps)``: m and v are running means of g and g², m̂ and v̂ corrected for starting at 0.

    Kingma and Ba 2015, Adam: A method for stochastic optimization, algorithm 1. betas: how much of m and of v is kept
    each step. weight_decay: g becomes ``g + weight_decay · p``. amsgrad: divide by the largest v so far (Reddi, Kale,
    Kumar 2018, On the convergence of Adam and beyond). maximize: climb instead. Raises ValueError for negative
    settings or a beta that is not below 1.
    """

    slots = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
    decoupled = False

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad,
            "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults)

    def check(self, settings: Mapping[str, Any]) -> None:
        """Refuse negative settings and betas that are no shares."""
        name, betas = type(self).__name__, settings["betas"]
        at_least_zero(name, settings, "lr", "eps", "weight_decay")
        flags(name, settings, "amsgrad", "maximize")
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise ValueError(f"{name}: betas must be two numbers, got {short(betas)}")
        for i, beta in enumerate(betas):
            share(name, f"betas[{i}]", beta)

    def updated(self, p: Any, g: Any, state: dict[str, Any], settings: dict[str, Any]) -> Any:
        """Return ``p`` a step along the mean gradient, each element by its own usual size."""
        beta1, beta2 = settings["betas"]
        lr, decay = settings["lr"], settings["weight_decay"]
        if decay and self.decoupled:
            p = p * (1 - lr * decay)
        elif decay:
            g = g + decay * p
        if not state:
            state.update(step=0, exp_avg=np.zeros_like(p), exp_avg_sq=np.zeros_like(p))
        state["step"] += 1
        m, v = state["exp_avg"], state["exp_avg_sq"]
        towards(m, g, 1 - beta1)
        v *= beta2
        v += (1 - beta2) * (g * g)
        if settings["amsgrad"]:
            largest = state.get("max_exp_avg_sq", v)
            v = state["max_exp_avg_sq"] = np.array(np.maximum(largest, v))
        size = np.sqrt(v)
        size /= (1 - beta2 ** state["step"]) ** 0.5
        size += settings["eps"]
        return moved(p, m / size, lr / (1 - beta1 ** state["step"]))


class AdamW(Adam):
    """Adam whose weight decay shrinks p itself, ``p = (1 - lr · weight_decay) · p``, and never enters m and v.

    Loshchilov and Hutter 2019, Decoupled weight decay regularization, algorithm 2. Arguments as ``Adam``.
    """

    decoupled = True

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)
