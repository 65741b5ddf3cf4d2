"""What ``fit`` and ``evaluate`` refuse, and how they read what they are given."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu.data import DataLoader
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.nn import Module
from tinygrad_edu.optim import Optimizer

__all__ = ["batches_to_test", "check_fit", "pair", "refuse_broken", "scalar"]

TEST_BATCH = 256


def check_fit(
    model: Any, loader: Any, epochs: Any, optimizer: Any, validation: Any, scheduler: Any, clip: Any, patience: Any
) -> None:
    """Raise TypeError or ValueError for arguments that don't fit together."""
    if not isinstance(model, Module):
        raise TypeError(f"fit: model must be an nn.Module, got {type(model).__name__}")
    if are_arrays(loader):
        raise TypeError(
            "fit: got arrays (x, y) to train on; say how: data.DataLoader((x, y), batch_size=32, shuffle=True)"
        )
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"fit: optimizer must be one of tg.optim, made, got {optimizer!r}")
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if not any(id(p) in held for p in model.parameters()):
        raise ValueError("fit: the optimizer holds none of this model's parameters; make it from model.parameters()")
    if scheduler is not None and getattr(scheduler, "optimizer", None) is not optimizer:
        raise ValueError("fit: the scheduler belongs to another optimizer; make it from this one")
    for name, value in (("epochs", epochs), ("patience", patience)):
        if (name, value) != ("patience", None) and (isinstance(value, bool) or not is_positive_integer(value)):
            raise ValueError(f"fit: {name} must be an integer above 0, got {value!r}")
    if patience is not None and validation is None:
        raise ValueError("fit: patience watches the validation loss; give validation= too")
    if clip is not None and not 0 < clip < math.inf:
        raise ValueError(f"fit: clip is the largest norm of the gradients and must be above 0, got {clip}")


def is_positive_integer(value: Any) -> bool:
    """Whether a value counts something."""
    return isinstance(value, (int, np.integer)) and int(value) > 0


def are_arrays(given: Any) -> bool:
    """Whether this is a pair (x, y) of whole arrays and no loader."""
    return (
        isinstance(given, tuple) and len(given) == 2 and all([isinstance(part, (np.ndarray, Tensor)) for part in given])
    )


def batches_to_test(given: Any, who: str) -> Any:
    """Return batches as they are, arrays (x, y) in batches."""
    if are_arrays(given):
        return DataLoader(given, TEST_BATCH, seed=0)
    if isinstance(given, (np.ndarray, Tensor, str)) or not hasattr(given, "__iter__"):
        raise TypeError(f"{who}: wanted a DataLoader, a list of batches, or arrays (x, y); got {type(given).__name__}")
    return given


def pair(batch: Any) -> tuple[Any, Any]:
    """Return a batch as (x, y); ValueError if it is none."""
    if isinstance(batch, (tuple, list)) and len(batch) == 2:
        x, y = batch
        if np.ndim(y.data if isinstance(y, Tensor) else y):
            return x, y
    got = f"{len(batch)} things" if isinstance(batch, (tuple, list)) else type(batch).__name__
    raise ValueError(f"fit and evaluate want batches (x, y), y with one entry per example; got {got}")


def scalar(loss: Any, who: str) -> float:
    """Return a loss as a number; ValueError if it is more than one."""
    if not isinstance(loss, Tensor):
        raise TypeError(f"{who}: loss must return a Tensor, got {type(loss).__name__}")
    if loss.size != 1:
        raise ValueError(f"{who}: loss gave shape {loss.shape}, wanted one number; average it: reduction='mean'")
    return float(loss.item())


def refuse_broken(model: Module, number: int) -> None:
    """Raise FloatingPointError that names the first parameter which is not finite."""
    for path, parameter in model.named_parameters():
        if not np.isfinite(parameter.data).all():
            raise FloatingPointError(
                f"fit: the last step of epoch {number} put NaN or Inf into {path}; everything is as it was before this "
                "epoch. Call fit again inside `with tg.detect_anomaly():` to see which op makes it"
            )
