"""Weights from a file into a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any, TypeVar

from tinygrad_edu.files import load
from tinygrad_edu.nn import Module
from tinygrad_edu.nn.starting import blank_weights

__all__ = ["load_weights", "with_weights"]

COUNTER = "num_batches_tracked"
M = TypeVar("M", bound=Module)


def load_weights(model: M, weights: Any) -> M:
    """Fill a model with weights and return it; ``None`` leaves it as it is.

    weights: the path of a ``.safetensors`` or ``.npz`` file that holds a state dict, or the state dict itself. All of
    it is placed or nothing: ValueError that lists every missing, unexpected and misshapen tensor; errors as ``tg.load``
    for a file that can't be read. What counts the batches of a batch norm may be missing, as in older files.
    """
    if weights is None:
        return model
    state = weights if isinstance(weights, Mapping) else load(weights)
    if isinstance(state, Mapping) and isinstance(state.get("model"), Mapping):
        state = state["model"]  # of a checkpoint
    if isinstance(state, Mapping):
        state = {**{path: x for path, x in model.named_buffers() if path.endswith(COUNTER)}, **state}
    model.load_state_dict(state)
    return model


def with_weights(weights: Any, make: Callable[[], M]) -> M:
    """Build a model and fill it; no random weights are drawn for one that gets others."""
    with nullcontext() if weights is None else blank_weights():
        model = make()
    return load_weights(model, weights)
