"""An optimiser's settings and state as a flat dict of arrays, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.engine.arguments import array_of
from tinygrad_edu.engine.tensor import Tensor

__all__ = ["from_arrays", "to_arrays"]

Groups = Sequence[Mapping[str, Any]]


def to_arrays(groups: Groups, kept: Mapping[Tensor, Mapping[str, Any]]) -> dict[str, Any]:
    """Return copies by position; what is neither number nor array, such as a group's name, is left out."""
    found: dict[str, Any] = {}
    position = 0
    for i, group in enumerate(groups):
        places = np.arange(position, position + len(group["params"]))
        settings = {**group, "params": places}
        for key, value in settings.items():
            array = np.array(value)
            if array.dtype.kind in "fiub":
                found[f"param_groups.{i}.{key}"] = array
        for place, parameter in zip(places, group["params"]):
            found.update({f"state.{place}.{key}": np.array(value) for key, value in kept.get(parameter, {}).items()})
        position += len(places)
    return found


def from_arrays(
    saved: Mapping[str, Any], groups: Groups, defaults: Mapping[str, Any], slots: Sequence[str], name: str
) -> tuple[list[dict[str, Any]], dict[Tensor, dict[str, Any]]]:
    """Return the settings of each group and the state of each parameter; ValueError that lists all that is wrong."""
    parameters = [p for group in groups for p in group["params"]]
    settings: list[dict[str, Any]] = [{} for _ in groups]
    kept: dict[Tensor, dict[str, Any]] = {}
    known = ("params", "initial_lr", *defaults)
    wrong: list[str] = []
    for key, value in saved.items():
        room, _, rest = str(key).partition(".")
        place, _, entry = rest.partition(".")
        array = array_of(value)
        if array.dtype.kind not in "fiub":
            wrong.append(f"{key}: dtype {array.dtype}, wanted numbers")
        elif room == "param_groups" and place.isdecimal() and int(place) < len(groups) and entry in known:
            settings[int(place)][entry] = array
        elif room == "state" and place.isdecimal() and int(place) < len(parameters) and entry in (*slots, "step"):
            parameter = parameters[int(place)]
            wanted = () if entry == "step" else parameter.shape
            if array.shape != wanted:
                wrong.append(f"{key}: shape {array.shape}, wanted {wanted}")
                continue
            if entry == "step" and not (0 <= array < math.inf and array == int(array)):
                wrong.append(f"{key}: wanted a number of steps, got {array}")
                continue
            number = int(array) if entry == "step" else np.array(array, dtype=parameter.dtype)
            kept.setdefault(parameter, {})[entry] = number
        else:
            wrong.append(f"{key}: unexpected")
    for i, (group, found) in enumerate(zip(groups, settings)):
        wrong += [f"param_groups.{i}.{key}: missing" for key in ("params", *defaults) if key not in found]
        n = np.size(found.pop("params", ()))
        if n != len(group["params"]):
            wrong.append(f"param_groups.{i}.params: {n} parameters, wanted {len(group['params'])}")
    if wrong:
        raise ValueError(f"load_state_dict into {name}: " + "; ".join(wrong))
    return [{key: as_setting(value) for key, value in found.items()} for found in settings], kept


def as_setting(array: Any) -> Any:
    """Return a saved setting as a Python number, or a tuple of them."""
    found = array.tolist()
    return tuple(found) if isinstance(found, list) else found
