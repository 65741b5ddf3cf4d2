"""Schedules: the learning rate of every group, epoch by epoch; PyTorch's names, arguments and numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tinygrad_edu.engine.arguments import short
from tinygrad_edu.optim.checks import at_least_zero, positive_integer
from tinygrad_edu.optim.optimizer import Optimizer

__all__ = ["CosineAnnealingLR", "ExponentialLR", "LRScheduler", "LambdaLR", "MultiStepLR", "StepLR"]


class LRScheduler:
    """Sets ``lr`` of every group when made, and anew at each ``step()``, called once an epoch after training.

    Each rate follows from the one before, so that schedules can be combined and a rate set by hand is kept, as in
    PyTorch. optimizer: whose rates. last_epoch: -1 for a new start; a later one needs ``initial_lr`` in every group.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(self).__name__}: wanted an optimiser, got {type(optimizer).__name__}")
        if isinstance(last_epoch, bool) or not isinstance(last_epoch, (int, np.integer)):
            raise TypeError(f"{type(self).__name__}: last_epoch must be an integer, got {short(last_epoch)}")
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    f"{type(self).__name__}: group {i} has no initial_lr, which last_epoch={last_epoch} needs; make "
                    "the schedule with last_epoch=-1 and call load_state_dict"
                )
        self.optimizer = optimizer
        self.base_lrs = [float(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self.step()

    def rate(self, group: int, lr: float, base: float, epoch: int) -> float:
        """Return the rate of a group in ``epoch``, from the rate before and the one it started with."""
        raise NotImplementedError(f"{type(self).__name__} needs a method rate(self, group, lr, base, epoch)")

    def step(self) -> None:
        """Go on to the next epoch."""
        epoch = self.last_epoch + 1
        groups = self.optimizer.param_groups
        rates = [
            float(self.rate(i, float(group["lr"]), base, epoch))
            for i, (group, base) in enumerate(zip(groups, self.base_lrs))
        ]
        self.last_epoch = epoch
        for group, rate in zip(groups, rates):
            group["lr"] = rate

    def get_last_lr(self) -> list[float]:
        """Return the rate of every group now."""
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return where it stands as arrays; the rates themselves are in the optimiser's ``state_dict``."""
        return {"last_epoch": np.array(self.last_epoch), "base_lrs": np.array(self.base_lrs)}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Stand where ``state_dict`` was taken; ValueError, and no change, for other keys or another number of groups.

        Load the optimiser's state too: it holds the rates.
        """
        if not isinstance(saved, Mapping):
            raise TypeError(f"load_state_dict: wanted a dict of arrays, got {short(saved)}")
        if set(saved) != {"last_epoch", "base_lrs"}:
            raise ValueError(
                f"load_state_dict into {type(self).__name__}: wanted last_epoch and base_lrs, got {', '.join(saved)}"
            )
        rates = np.asarray(saved["base_lrs"], dtype=np.float64).ravel().tolist()
        if len(rates) != len(self.base_lrs):
            raise ValueError(
                f"load_state_dict into {type(self).__name__}: base_lrs has {len(rates)} rates, but the optimiser "
                f"{len(self.base_lrs)} groups"
            )
        self.last_epoch, self.base_lrs = int(saved["last_epoch"]), rates


class StepLR(LRScheduler):
    """Times ``gamma`` every ``step_size`` epochs: ``lr = initial · gamma^⌊epoch / step_size⌋``."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        positive_integer("StepLR", "step_size", step_size)
        at_least_zero("StepLR", {"gamma": gamma}, "gamma")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, group: int, lr: float, base: float, epoch: int) -> float:
        """Drop at every multiple of ``step_size``."""
        return lr * self.gamma if epoch and epoch % self.step_size == 0 else lr


class MultiStepLR(LRScheduler):
    """Times ``gamma`` at each of the ``milestones``; an epoch that is listed twice counts twice."""

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones = list(milestones)
        for epoch in self.milestones:
            positive_integer("MultiStepLR", "each milestone", epoch)
        at_least_zero("MultiStepLR", {"gamma": gamma}, "gamma")
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, group: int, lr: float, base: float, epoch: int) -> float:
        """Drop at the milestones."""
        return lr * self.gamma ** self.milestones.count(epoch)


class ExponentialLR(LRScheduler):
    """Times ``gamma`` every epoch: ``lr = initial · gamma^epoch``."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        at_least_zero("ExponentialLR", {"gamma": gamma}, "gamma")
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, group: int, lr: float, base: float, epoch: int) -> float:
        """Drop each epoch but the first."""
        return lr * self.gamma if epoch else lr


class LambdaLR(LRScheduler):
    """``lr = initial · f(epoch)``; lr_lambda: one function of the epoch, or one for each group (not saved)."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        groups = len(optimizer.param_groups) if isinstance(optimizer, Optimizer) else 1
        self.lr_lambdas = list(lr_lambda) if isinstance(lr_lambda, (list, tuple)) else [lr_lambda] * groups
        if len(self.lr_lambdas) != groups or not all(map(callable, self.lr_lambdas)):
            raise ValueError(f"LambdaLR: wanted one function or {groups}, one for each group, got {lr_lambda!r}")
        super().__init__(optimizer, last_epoch)

    def rate(self, group: int, lr: float, base: float, epoch: int) -> float:
        """Ask the function."""
        return base * self.lr_lambdas[group](epoch)


class CosineAnnealingLR(LRScheduler):
    """``lr = eta_min + (initial - eta_min) · (1 + cos(π · epoch / T_max)) / 2``: half a cosine down, then up again.

    Loshchilov and Hutter 2017, SGDR: Stochastic gradient descent with warm restarts, equation 5, without restarts.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        positive_integer("CosineAnnealingLR", "T_max", T_max)
        at_least_zero("CosineAnnealingLR", {"eta_min": eta_min}, "eta_min")
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, group: int, lr: float, base: float, epoch: int) -> float:
        """Keep the share of the way that is left, as the cosine says; from the bottom, where none is, start anew."""
        if epoch == 0:
            return lr
        before, now = [1 + math.cos(math.pi * e / self.T_max) for e in (epoch - 1, epoch)]
        if (epoch - 1 - self.T_max) % (2 * self.T_max) == 0:
            return lr + (base - self.eta_min) * now / 2
        rate = self.eta_min + (lr - self.eta_min) * now / before
        return 0.0 if -1e-12 * self.eta_min < rate < 0 else rate  # a rate of 0 that rounding made negative
