"""Where Keras keeps each weight of our models: the layer's name, the weight's name, and how its axes lie.

A model whose layers have a counterpart in Keras has a method ``keras_layers()``: ``{path of our layer: name of
Keras's layer}``, in the order in which Keras makes them, for the layers that hold weights. All else follows from the
kind of a layer:

=====================  =============================================================================================
``Conv2d``             weight is ``kernel`` with axes (h, w, in, out) for our (out, in, h, w); bias is ``bias``
``GroupedConv2d``      weight is ``depthwise_kernel``, (h, w, in, multiplier), whose sums over a group are our maps
``SeparableConv2d``    depthwise_weight is ``depthwise_kernel``, pointwise_weight ``pointwise_kernel`` (1, 1, in, out)
``Linear``             weight is ``kernel`` with axes (in, out) for our (out, in); bias is ``bias``
``MapsLinear``         the same, and in runs over (h, w, channels), for our (channels, h, w)
``BatchNorm2d``        weight, bias, running_mean, running_var are ``gamma beta moving_mean moving_variance``
=====================  =============================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from tinygrad_edu.models.layers import GroupedConv2d, MapsLinear, SeparableConv2d
from tinygrad_edu.nn import BatchNorm2d, Conv2d, Linear, Module

__all__ = ["KerasWeight", "from_keras", "keras_layers", "keras_names"]


class KerasWeight(NamedTuple):
    """Where Keras keeps one of our tensors. ``turn`` gives its array our axes; ``shape`` is what Keras's array has."""

    layer: str
    weight: str
    shape: tuple[int, ...]
    turn: Callable[[Any], Any]


def keras_layers(model: Any) -> dict[str, str]:
    """Return Keras's name of each layer with weights, by our dotted path; ValueError if Keras has no such model."""
    named = getattr(model, "keras_layers", None)
    if named is None:
        raise ValueError(f"{type(model).__name__} has no counterpart in Keras, so no Keras weights fit it")
    found: dict[str, str] = named()
    return found


def keras_names(model: Module) -> dict[str, KerasWeight]:
    """Return for every parameter and running statistic, by its key in ``state_dict``, where Keras keeps it.

    ``num_batches_tracked``, which Keras does not have, is left out. Raises ValueError if Keras has no such model.
    """
    found: dict[str, KerasWeight] = {}
    for path, layer in keras_layers(model).items():
        module = model.get_submodule(path)
        for ours, (theirs, shape, turn) in weights_of(module).items():
            found[f"{path}.{ours}"] = KerasWeight(layer, theirs, shape, turn)
    return found


def from_keras(model: Module, arrays: Mapping[tuple[str, str], Any]) -> dict[str, Any]:
    """Return the state dict for ``model`` of Keras's arrays by (layer, weight); KeyError for one that is missing.

    ``num_batches_tracked`` is not in it: load it with ``strict=False``, or add what the model holds.
    """
    return {key: w.turn(np.asarray(arrays[w.layer, w.weight])) for key, w in keras_names(model).items()}


def weights_of(module: Any) -> dict[str, tuple[str, tuple[int, ...], Callable[[Any], Any]]]:
    """Return of each of a layer's own tensors Keras's name, Keras's shape, and what gives Keras's array our axes."""
    rules = next((rules for kind, rules in RULES.items() if isinstance(module, kind)), None)
    if rules is None:
        known = ", ".join(kind.__name__ for kind in RULES)
        raise TypeError(f"keras_names: no rule for {type(module).__name__}; there are rules for {known}")
    held = {ours: getattr(module, ours, None) for ours in rules}
    return {
        ours: (rules[ours].name, rules[ours].shape(tensor.shape), partial(rules[ours].turn, module=module))
        for ours, tensor in held.items()
        if tensor is not None
    }


class Rule(NamedTuple):
    """Keras's name for a tensor, the shape it has there by ours, and what gives its array our axes."""

    name: str
    shape: Callable[[tuple[int, ...]], tuple[int, ...]]
    turn: Callable[..., Any]  # (array, module)


def plain(name: str) -> Rule:
    """Return the rule of a tensor that is the same in both."""
    return Rule(name, lambda shape: shape, lambda array, module: array)


def to_groups(kernel: Any, module: Any) -> Any:
    """Turn a depthwise kernel whose maps Keras sums over the channels of a group.

    Map j of group g is the sum over m of channel g · size + m filtered with ``kernel[:, :, g · size + m, j]``.
    """
    size = module.in_channels // module.groups
    parts = kernel.reshape(*kernel.shape[:2], module.groups, size, -1)  # (h, w, g, m, j)
    return parts.transpose(2, 4, 3, 0, 1).reshape(module.weight.shape)


def of_maps(kernel: Any, module: Any) -> Any:
    """Turn a dense kernel over flattened maps, whose channels Keras has last."""
    channels, height, width = module.maps
    return kernel.reshape(height, width, channels, -1).transpose(3, 2, 0, 1).reshape(module.weight.shape)


BIAS = plain("bias")
KERNEL = Rule(
    "kernel", lambda shape: (*shape[2:], shape[1], shape[0]), lambda array, module: array.transpose(3, 2, 0, 1)
)
DENSE = Rule("kernel", lambda shape: shape[::-1], lambda array, module: array.T)
DEPTHWISE = Rule(
    "depthwise_kernel", lambda shape: (*shape[2:], *shape[:2]), lambda array, module: array.transpose(2, 3, 0, 1)
)
RULES: dict[type[Module], dict[str, Rule]] = {  # a kind before what it is derived from
    GroupedConv2d: {"weight": DEPTHWISE._replace(turn=to_groups)},
    SeparableConv2d: {"depthwise_weight": DEPTHWISE, "pointwise_weight": KERNEL._replace(name="pointwise_kernel")},
    Conv2d: {"weight": KERNEL, "bias": BIAS},
    MapsLinear: {"weight": DENSE._replace(turn=of_maps), "bias": BIAS},
    Linear: {"weight": DENSE, "bias": BIAS},
    BatchNorm2d: {
        "weight": plain("gamma"),
        "bias": plain("beta"),
        "running_mean": plain("moving_mean"),
        "running_var": plain("moving_variance"),
    },
}
