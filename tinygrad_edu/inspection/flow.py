"""What flows through a model in one forward and backward pass: activations and gradients, layer by layer.

Read from the recorded graph: each op knows the module that it was recorded in, and ``backward_steps`` gives every
gradient on its way. Nothing is hooked, nothing is changed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.record import backward_steps
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.engine.trace.tracing import recorded

__all__ = ["NONLINEAR", "OFF", "LayerFlow", "dead_units", "layer_flow"]

OFF = 0.06  # a slope below it lets (nearly) no gradient through: tanh beyond ±0.97, a ReLU at 0
NONLINEAR = {P.tanh, P.sigmoid, P.relu, P.leaky_relu, P.elu, P.gelu, P.silu, P.softplus}


@dataclass(frozen=True)
class LayerFlow:
    """One layer with weights, and the nonlinearity that follows it: sizes over the whole batch.

    The activation is what the nonlinearity gives, or the layer itself where none follows; gradients are those of the
    loss with respect to it. ``off``: the share of values at which the nonlinearity's slope is below 0.06, so that
    (nearly) no gradient passes. ``dead``: the share of units (features, or channels) that are off for the whole batch.
    Theory: what ``inspection.theory`` predicts, NaN where it says nothing.
    """

    layer: str  # dotted path in the model
    kind: str  # the layer's class
    activation: str  # the nonlinearity's name; empty for none
    units: int
    fan_in: int
    fan_out: int
    activation_mean: float
    activation_std: float
    off: float
    dead: float
    gradient_mean: float
    gradient_std: float
    weight_size: int
    weight_std: float
    weight_norm: float
    weight_gradient_norm: float
    update_ratio: float  # weight_gradient_norm / weight_norm: times the learning rate, how much a step of SGD changes
    activation_std_theory: float = math.nan
    gradient_std_theory: float = math.nan
    rule: str = ""  # how the weights were drawn, in an init_lab


@dataclass(eq=False)
class Layer:
    """A layer's call as the graph shows it: where its parts are, and what was measured there."""

    path: str
    module: Any
    weights: list[Any]
    output: Any  # the Tensor z that the layer gave
    given: Any  # the Tensor that it was given, and of that the array it saw
    seen: Any
    active: Any = None  # the Tensor after the nonlinearity; z where none follows
    at_output: Any = None  # gradients, as arrays
    at_active: Any = None
    at_arriving: Any = None
    at_given: Any = None
    at_weights: dict[Any, Any] = field(default_factory=dict)

    @property
    def arriving(self) -> Any:
        """The array that the nonlinearity was given; z itself where none follows."""
        return self.output._data if self.active is self.output else self.active._seen[0]


def layer_flow(model: Any, loss: Any, gradient: Any = None) -> list[LayerFlow]:
    """Return a row for each call of a layer that holds weights, in the order of the calls; nothing is changed.

    loss: what ``model(x)`` was made into: a Tensor of one element, or of any shape with ``gradient`` of the same.
    A layer holds weights if a parameter of two or more axes is an attribute of it (Linear, Conv2d, Embedding).
    Raises TypeError for a model that is no module, ValueError if no layer with weights is in the loss's graph.

    >>> import tinygrad_edu as tg
    >>> model = tg.nn.Sequential(tg.nn.Linear(4, 8), tg.nn.Tanh(), tg.nn.Linear(8, 1))
    >>> [(row.layer, row.activation) for row in layer_flow(model, model(tg.ones(3, 4)).sum())]
    [('0', 'tanh'), ('2', '')]
    """
    return [row_of(layer) for layer in measured_layers(model, loss, gradient)]


def measured_layers(model: Any, loss: Any, gradient: Any = None) -> list[Layer]:
    """Return the model's layers with the gradients that arrive in one backward pass, as arrays."""
    if not hasattr(model, "named_modules"):
        raise TypeError(f"layer_flow: wanted a module, got {type(model).__name__}")
    if not isinstance(loss, Tensor):
        raise TypeError(f"layer_flow: loss must be the Tensor that the model's output was made into, got {loss!r}")
    steps = backward_steps(loss, gradient)  # says so if nothing was recorded
    nodes = recorded([loss])
    layers = list(found_layers(model, nodes))
    if not layers:
        raise ValueError(
            f"layer_flow: no layer of this {type(model).__name__} is in the graph of the loss; make it from model(x), "
            "with parameters that need a gradient"
        )
    collect(steps, layers)
    return layers


def found_layers(model: Any, nodes: list[Any]) -> Iterator[Layer]:
    """Yield the calls of layers with weights, and what each was given and gave."""
    paths = {id(module): path for path, module in model.named_modules()}
    own = {id(module): weights_of(module) for module in model.modules()}
    inside: dict[Any, list[Any]] = {}
    for node in nodes:
        for scope in scopes_of(node):
            if scope.owner is not None and own.get(id(scope.owner)):
                inside.setdefault(scope, []).append(node)
    calls: dict[int, int] = {}
    for scope, made in sorted(inside.items(), key=lambda item: item[1][0]._serial):
        module, key = scope.owner, id(scope.owner)
        calls[key] = calls.get(key, 0) + 1
        path = paths[key] or type(module).__name__
        given, seen = given_to(made, module)
        found = Layer(path if calls[key] == 1 else f"{path} ({calls[key]})", module, own[key], made[-1], given, seen)
        found.active = active_after(found.output, nodes, paths, own)
        yield found


def weights_of(module: Any) -> list[Any]:
    """Return the parameters of two or more axes that are a module's own attributes."""
    return [p for path, p in module.named_parameters() if "." not in path and p.ndim >= 2]


def scopes_of(node: Any) -> Iterator[Any]:
    """Yield the scopes that a node was recorded in, innermost first."""
    scope = node._scope
    while scope is not None:
        yield scope
        scope = scope.parent


def given_to(made: list[Any], module: Any) -> tuple[Any, Any]:
    """Return the largest Tensor from outside that a module's ops were given, and the array that they saw."""
    within = {*made, *module.parameters(), *module.buffers()}
    outside = [(x, a) for node in made for x, a in zip(node._inputs, node._seen) if x not in within]
    return max(outside, key=lambda pair: np.size(pair[1]), default=(None, None))


def active_after(output: Any, nodes: list[Any], paths: dict[int, str], own: dict[int, list[Any]]) -> Any:
    """Return what the first nonlinearity after ``output`` and before the next layer with weights made of it."""
    around = set(scopes_of(output))
    reached = {output}
    for node in nodes:
        if node._serial <= output._serial or not any(x in reached for x in node._inputs):
            continue
        called = [scope for scope in scopes_of(node) if id(scope.owner) in paths]
        if not called or any(own[id(scope.owner)] and scope not in around for scope in called):
            continue
        if node._op in NONLINEAR:
            return node
        reached.add(node)
    return output


def collect(steps: Any, layers: list[Layer]) -> None:
    """Run the backward pass and keep the gradients that the layers ask for."""
    outputs = {layer.output: layer for layer in layers}
    actives: dict[Any, list[Layer]] = {}
    for layer in layers:
        actives.setdefault(layer.active, []).append(layer)
    weights: dict[Any, Any] = {p: None for layer in layers for p in layer.weights}
    around: dict[Any, Layer] = {}  # by scope: the layer whose call it is
    for layer in layers:
        around.update({scope: layer for scope in scopes_of(layer.output) if scope.owner is layer.module})
    for step in steps:
        node = step.output
        if node in outputs:
            outputs[node].at_output = step.upstream.data
        for layer in actives.get(node, ()):
            layer.at_active = step.upstream.data
            layer.at_arriving = step.upstream.data if node is layer.output else step.contributions[0].data
        here = next((around[scope] for scope in scopes_of(node) if scope in around), None)
        for x, piece in zip(step.inputs, step.contributions):
            if piece is None:
                continue
            if x in weights:
                weights[x] = piece.data if weights[x] is None else weights[x] + piece.data
            elif here is not None and x is here.given:
                here.at_given = piece.data if here.at_given is None else here.at_given + piece.data
    for layer in layers:
        layer.at_weights = {p: weights[p] for p in layer.weights if weights[p] is not None}


def row_of(layer: Layer) -> LayerFlow:
    """Return the numbers of one layer."""
    h, g = layer.active._data, layer.at_active
    weights = [p.data for p in layer.weights]
    norm = total_norm(weights)
    gradient_norm = total_norm(list(layer.at_weights.values()))
    shape = weights[0].shape
    receptive = math.prod(shape[2:])
    off, dead = switched_off(layer)
    return LayerFlow(
        layer=layer.path, kind=type(layer.module).__name__,
        activation="" if layer.active is layer.output else layer.active._op.name,
        units=shape[0], fan_in=shape[1] * receptive, fan_out=shape[0] * receptive,
        activation_mean=mean_of(h), activation_std=std_of(h), off=off, dead=dead,
        gradient_mean=mean_of(g), gradient_std=std_of(g),
        weight_size=sum(w.size for w in weights), weight_std=std_of(np.concatenate([w.ravel() for w in weights])),
        weight_norm=norm, weight_gradient_norm=gradient_norm, update_ratio=gradient_norm / norm if norm else math.nan,
    )  # fmt: skip


def switched_off(layer: Layer) -> tuple[float, float]:
    """Return the share of values where the nonlinearity's slope is small, and of units where it is for all examples.

    The slope is what the op's own rule says for an upstream of 1.
    """
    node = layer.active
    if node is layer.output or not node.size:
        return 0.0, 0.0
    slope = slope_of(node._op, node._params, node._seen[0], node._data)
    return float((np.abs(slope) < OFF).mean()), float(dead_units(slope).mean())


def dead_units(slope: Any) -> Any:
    """Return, unit by unit, whether the slope is below 0.06 for all examples: a bool array.

    slope: the nonlinearity's, in its output's shape. A unit is a channel of an image, else an entry of the last axis.
    """
    small = np.abs(slope) < OFF
    units = 1 if small.ndim > 2 else -1
    others = tuple([axis for axis in range(small.ndim) if axis != units % small.ndim])
    return small.all(axis=others)


def slope_of(op: Any, params: dict[str, Any] | None, x: Any, out: Any) -> Any:
    """Return the derivative of an elementwise op at x, from its rule."""
    return op.rules[0](np.ones_like(x), out, x, **(params or {}))


def total_norm(arrays: list[Any]) -> float:
    """Return the norm of all elements together."""
    return math.sqrt(sum(square_sum(a) for a in arrays))


def square_sum(a: Any) -> float:
    """Return the sum of the squares, in float64; 0 for no gradient."""
    return 0.0 if a is None else float(np.square(a, dtype=np.float64).sum())


def mean_square(a: Any) -> float:
    """Return the mean of the squares; NaN where there is nothing."""
    return square_sum(a) / np.size(a) if a is not None and np.size(a) else math.nan


def mean_of(a: Any) -> float:
    """Return the mean, in float64; NaN where there is nothing."""
    return float(np.mean(a, dtype=np.float64)) if a is not None and np.size(a) else math.nan


def std_of(a: Any) -> float:
    """Return the standard deviation, in float64; NaN where there is nothing."""
    return float(np.std(a, dtype=np.float64)) if a is not None and np.size(a) else math.nan
