"""The change that derivatives predict: forward mode, op by op through the graph that was recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu import Step, Tensor

__all__ = ["pushed", "tangents"]


def tangents(steps: Sequence[Step], values: Mapping[Tensor, Any], x: Tensor, change: Any) -> dict[Tensor, Any]:
    """Return the first-order change of every Tensor that depends on x, x itself moved by ``change``.

    steps: those of the backward pass, oldest first. values: each Tensor's array.
    """
    found = {x: change}
    for step in steps:
        moving = [i for i, t in enumerate(step.inputs) if t in found and step.op.rule_of(i) is not None]
        if moving:
            found[step.output] = pushed(step, values, found, moving)
    return found


def pushed(step: Step, values: Mapping[Tensor, Any], found: Mapping[Tensor, Any], moving: Sequence[int]) -> Any:
    """Return the Jacobian of one op times the changes of its inputs at the positions ``moving``."""
    arrays = [values[t] for t in step.inputs]
    params = step.params

    def run(*moved: Tensor) -> Any:
        given = dict(zip(moving, moved))
        return step.op(*[given.get(i, a) for i, a in enumerate(arrays)], **params)

    at = tuple(Tensor(arrays[i]) for i in moving)
    along = tuple(Tensor(np.asarray(found[step.inputs[i]], np.asarray(arrays[i]).dtype)) for i in moving)
    return tg.jvp(run, at, along)[1].data
