"""A model tried out without being touched: a copy that shares its arrays, and an input on which it runs."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from tinygrad_edu.engine.modes import no_grad
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.nn.module import Module, Parameter

__all__ = ["example_input", "shared_copy"]

_SIDES = (28, 32, 75, 96, 139, 224, 227, 299)  # pixels: smallest first, the sizes that the networks of the course take


def shared_copy(model: Module) -> Any:
    """Return a copy of a model with parameters of its own, which share the arrays; its buffers are copied."""
    parts: dict[int, Any] = {}
    for p in model.parameters():
        parts[id(p)] = Parameter(p.data, p.requires_grad, name=p.name, copy=False)
    return copy.deepcopy(model, parts)


def example_input(model: Module) -> Tensor | None:
    """Return zeros in a shape that a model takes, found by trying; None for a model without layers that tell.

    The first convolution or linear layer tells the channels or features; images are square, of the smallest side that
    works. Raises ValueError where none does.
    """
    found = next((pair for pair in map(sizes_of, model.modules()) if pair), None)
    if found is None:
        return None
    numbers, sides, dtype = found
    shapes = [(1, numbers, *(side,) * sides) for side in _SIDES] if sides else [(2, numbers)]
    trial = shared_copy(model).eval()
    for shape in shapes:
        x = Tensor(np.zeros(shape, dtype))
        try:
            with no_grad():
                trial(x)
        except (ValueError, IndexError) as error:
            failure = error
        else:
            return x
    raise ValueError(
        f"{type(model).__name__} ran on no input that was tried, the last of shape {shapes[-1]}; give one that it "
        f"takes. It said: {failure}"
    )


def sizes_of(module: Any) -> tuple[int, int, Any] | None:
    """Return the channels or features that a layer takes, the axes of its images, its dtype; None if it says none."""
    weights = [p for _, p in module._own_parameters() if p.ndim > 1]
    numbers = getattr(module, "in_channels", None) or getattr(module, "in_features", None)
    if not weights or not isinstance(numbers, int):
        return None
    return numbers, weights[0].ndim - 2, weights[0].dtype
