"""The numbers that Keras gives to layers in files that do not name them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.engine.scope import MODE, inside
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.models.keras_layout import keras_layers
from tinygrad_edu.models.layers import GroupedConv2d, SeparableConv2d
from tinygrad_edu.nn import BatchNorm2d, Conv2d, Linear, Module

__all__ = ["kind_of", "numbered"]

KINDS: dict[type[Module], str] = {  # a kind before what it is derived from
    GroupedConv2d: "depthwise_conv2d",
    SeparableConv2d: "separable_conv2d",
    Conv2d: "conv2d",
    Linear: "dense",
    BatchNorm2d: "batch_normalization",
}
SIDES = (75, 224)  # pixels of an image that every network takes, one or the other


def kind_of(module: Module) -> str:
    """Return what Keras calls a layer's class in its files."""
    return next(name for kind, name in KINDS.items() if isinstance(module, kind))


def numbered(model: Any) -> dict[str, str]:
    """Return by Keras's name of each layer its kind and its number among those of its kind, ``conv2d 5``.

    Keras lists a model's layers by the longest way from them to the output, the farthest first. Of two that are as
    far, the one comes first that is met first on a walk from the output which follows every layer's inputs in turn
    (Keras 3, ``map_graph`` in ``keras/src/ops/function.py``). A graph recorded in eval mode has those ways.
    """
    names = {model.get_submodule(path): name for path, name in keras_layers(model).items()}
    places = places_of(output_of(model), names)
    counts: dict[str, int] = {}
    found = {}
    for module in sorted(names, key=places.__getitem__):
        kind = kind_of(module)
        found[names[module]] = f"{kind} {counts.get(kind, 0)}"
        counts[kind] = counts.get(kind, 0) + 1
    return found


def output_of(model: Any) -> Any:
    """Return what a model makes of an empty image, recorded; the model is left as it was."""
    modules = [(module, module.training) for module in model.modules()]
    mode = MODE.get().but(recording=True, scope=None, anomaly=False, unfused=False)
    try:
        model.eval()
        with inside(mode), np.errstate(all="ignore"):
            for side in SIDES:
                x = Tensor(np.zeros((1, model.in_channels, side, side), np.float32), requires_grad=True)
                try:
                    return model(x)
                except ValueError:  # this size is not its own
                    if side == SIDES[-1]:
                        raise
    finally:
        for module, training in modules:
            module.training = training


def places_of(output: Any, layers: Any) -> dict[Any, tuple[int, int]]:
    """Return for each of the layers minus its ops' longest way to the output, and when the walk meets it."""
    met: dict[Any, int] = {}
    stack = [output]
    while stack:
        node = stack.pop()
        if node not in met and node._op is not None:
            met[node] = len(met)
            stack.extend(reversed(node._inputs))
    far = dict.fromkeys(met, 0)
    places: dict[Any, tuple[int, int]] = {}
    for node in sorted(met, key=lambda node: -node._serial):
        for x in node._inputs:
            if x in far:
                far[x] = max(far[x], far[node] + 1)
        scope = node._scope
        while scope is not None and scope.owner not in layers:
            scope = scope.parent
        if scope is not None:
            places.setdefault(scope.owner, (-far[node], met[node]))
    return places
