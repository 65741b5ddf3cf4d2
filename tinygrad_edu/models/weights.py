"""Weights from a file into a model."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from tinygrad_edu.engine.arguments import short
from tinygrad_edu.files import load
from tinygrad_edu.models.keras_files import Layers, is_hdf5, is_keras_zip, ranked, read_keras
from tinygrad_edu.models.keras_layout import KerasWeight, keras_layers, keras_names
from tinygrad_edu.models.keras_order import numbered
from tinygrad_edu.models.suspects import KERAS_KINDS, KERAS_NAMES, STATE, Contents, of_kinds, seems_to_be, strange_file
from tinygrad_edu.nn import Module
from tinygrad_edu.nn.starting import blank_weights

__all__ = ["load_weights", "with_weights"]

COUNTER = "num_batches_tracked"
M = TypeVar("M", bound=Module)
_SHOWN = 8  # problems that a message lists


def load_weights(model: M, weights: Any) -> M:
    """Fill a model with weights and return it; ``None`` leaves it as it is.

    weights: the path of a Keras file (``.h5``, ``.weights.h5``, ``.keras``; needs h5py, ``pip install
    "tinygrad-edu[keras]"``) for a model with Keras's layout, of a ``.safetensors`` or ``.npz`` file that holds a state
    dict, or the state dict itself. All of it is placed or nothing: ValueError that lists what is missing, unexpected
    and misshapen, and says what the file seems to be; errors as ``tg.load`` for a file that can't be read. What
    counts the batches of a batch norm may be missing, as in older files.
    """
    if weights is None:
        return model
    state, file = weights, "this state dict"
    if isinstance(weights, (str, os.PathLike)):
        path = Path(weights)
        strange_file(path)
        if is_hdf5(path) or is_keras_zip(path):
            return load_keras(model, path)
        state, file = load(path), path.name
    if isinstance(state, Mapping) and isinstance(state.get("model"), Mapping):
        state = state["model"]  # of a checkpoint
    if not isinstance(state, Mapping) or not all(isinstance(key, str) for key in state):
        raise TypeError(f"load_weights: wanted a file's path or a state dict, arrays by path; got {short(state)}")
    try:
        model.load_state_dict({**counters(model), **state})
    except ValueError as error:
        raise ValueError(shortened(str(error)) + seems_to_be(model, shapes_of(state), file, STATE)) from error
    return model


def with_weights(weights: Any, make: Callable[[], M]) -> M:
    """Build a model and fill it; no random weights are drawn for one that gets others."""
    with nullcontext() if weights is None else blank_weights():
        model = make()
    return load_weights(model, weights)


def counters(model: Module) -> dict[str, Any]:
    """Return what counts the batches of a model's batch norms, by path."""
    return {path: x for path, x in model.named_buffers() if path.endswith(COUNTER)}


def load_keras(model: M, path: Path) -> M:
    """Fill a model from a Keras file."""
    layers, named = read_keras(path)
    theirs = ranked(layers)
    layer_of = {rank: name for name, rank in theirs.items()}
    state: dict[str, Any] = {}
    try:
        wanted = keras_names(model)
    except ValueError as error:
        problems = [str(error)]
    else:
        ours = ranked(keras_layers(model).values()) if named else numbered(model)
        names = {name: layer_of[rank] for name, rank in ours.items() if rank in layer_of}
        state, problems = placed(layers, names, wanted)
        used = set(names.values())
        problems += [f"{name}: unexpected" for name in layers if name not in used]
    if problems:
        shapes = [(theirs[name], tuple([np.shape(array) for _, array in held])) for name, held in layers.items()]
        held = set(shapes) if named else of_kinds([(rank.split()[0], shape) for rank, shape in shapes])
        hint = seems_to_be(model, held, path.name, KERAS_NAMES if named else KERAS_KINDS)
        raise ValueError(f"{path.name} into {title(model)}: {listed(problems)}{hint}")
    model.load_state_dict({**counters(model), **state})
    return model


def shapes_of(state: Mapping[str, Any]) -> Contents:
    """Return the paths and shapes of a state dict."""
    return {(key, tuple(np.shape(array))) for key, array in state.items() if not key.endswith(COUNTER)}


def placed(
    layers: Layers, names: Mapping[str, str], wanted: Mapping[str, KerasWeight]
) -> tuple[dict[str, Any], list[str]]:
    """Return the state dict, as far as the arrays of the layers give it, and what is wrong."""
    problems: list[str] = []
    state: dict[str, Any] = {}
    of_layer: dict[str, list[tuple[str, KerasWeight]]] = {}
    for key, weight in wanted.items():
        of_layer.setdefault(weight.layer, []).append((key, weight))
    for layer, weights in of_layer.items():
        if layer not in names:
            problems.append(f"{layer}: missing")
            continue
        held = layers[names[layer]]
        if len(held) != len(weights):
            problems.append(f"{layer}: {len(held)} arrays, wanted {len(weights)}")
            continue
        by_name: dict[str, Any] = dict(held) if {w.weight for _, w in weights} == {name for name, _ in held} else {}
        for (key, weight), (_, in_order) in zip(weights, held):
            array: Any = by_name.get(weight.weight, in_order)
            if np.shape(array) != weight.shape:
                problems.append(f"{layer}/{weight.weight}: shape {np.shape(array)}, wanted {weight.shape}")
            else:
                state[key] = weight.turn(array)
    return state, problems


def shortened(message: str) -> str:
    """Return an error's list of problems, the first few and how many more."""
    return listed(message.split("; "))


def listed(problems: list[str]) -> str:
    """Return the first few problems and how many more."""
    more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    return "; ".join(problems[:_SHOWN]) + more


def title(model: Any) -> str:
    """Return what a model is called."""
    return str(getattr(model, "title", type(model).__name__))
