"""Batch norms folded into the layers before them, for inference: a network that computes the same with fewer steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_edu.engine.modes import enable_grad
from tinygrad_edu.engine.primitives import rescale
from tinygrad_edu.engine.tensor import Tensor, as_tensor
from tinygrad_edu.engine.trace.tracing import recorded
from tinygrad_edu.nn.conv import Conv1d, Conv2d
from tinygrad_edu.nn.linear import Linear
from tinygrad_edu.nn.module import Module, Parameter
from tinygrad_edu.nn.normalization import BatchNorm
from tinygrad_edu.nn.shaping import Identity
from tinygrad_edu.nn.trial import example_input, shared_copy

__all__ = ["fuse"]


def fuse(model: Module, x: Any = None) -> Module:
    """A copy of a model for inference, its batch norms folded into the convolutions and linear layers before them.

    With running mean m and variance v, ``(W x + b − m) / √(v + eps) · weight + bias`` is a layer with the weights
    ``W · weight / √(v + eps)`` and ``bias + (b − m) · weight / √(v + eps)``: outputs are equal to rounding. Which layer
    feeds which batch norm is read off a recorded call: a layer that others use too, or that is called twice, stays.
    Other layers that end in weights (out_channels, ...) and a bias take part by naming them: ``takes_in``.
    x: an example of the input; where there is none, images of some sizes (or features) are tried.
    The copy is in evaluation; of what is not folded it shares the arrays, and the model itself is untouched.
    Raises TypeError for what is no module, ValueError where the model runs on no example that is known.
    """
    if not isinstance(model, Module):
        raise TypeError(f"fuse: wanted a module, got {type(model).__name__}")
    twin: Module = shared_copy(model).eval()
    frozen = [p for p in twin.parameters() if not p.requires_grad]
    for p in frozen:
        p.requires_grad = True
    try:
        with enable_grad():
            example = example_input(twin) if x is None else as_tensor(x)
            pairs = [] if example is None else list(foldable(tensors(twin(example))))
    finally:
        for p in frozen:
            p.requires_grad = False
    gone = set()
    for layer, norm in pairs:
        fold(layer, norm)
        gone.add(norm)
    for module in list(twin.modules()):
        for name, child in module.named_children():
            if child in gone:
                setattr(module, name, Identity())
    return twin


def tensors(output: Any) -> list[Tensor]:
    """Return the Tensors of an output, which may be a tuple, a list or a dict of them."""
    if isinstance(output, Tensor):
        return [output]
    parts = output.values() if isinstance(output, dict) else output if isinstance(output, (tuple, list)) else ()
    return [x for part in parts for x in tensors(part)]


def foldable(outputs: list[Tensor]) -> Iterator[tuple[Any, BatchNorm]]:
    """Yield each layer whose one use in the graph is a batch norm, and that batch norm; both are called once."""
    nodes: list[Any] = recorded(outputs)
    users: dict[Any, int] = dict.fromkeys(outputs, 2)
    calls: dict[Any, set[Any]] = {}
    for node in nodes:
        for x in node._inputs:
            users[x] = users.get(x, 0) + 1
        scope = call_of(node)
        if scope is not None:
            calls.setdefault(scope.owner, set()).add(scope)
    for node in nodes:
        made = node._inputs[0]
        ends = [call_of(node), call_of(made)]
        if node._op is not rescale or None in ends or users[made] > 1:
            continue
        norm, layer = [scope.owner for scope in ends]
        once = all(len(calls[module]) == 1 for module in (norm, layer))
        if once and isinstance(norm, BatchNorm) and names_of(layer):
            yield layer, norm


def call_of(node: Any) -> Any:
    """Return the scope of the innermost module in whose call a Tensor was made, or None."""
    scope = node._scope
    while scope is not None and scope.owner is None:
        scope = scope.parent
    return scope


def names_of(layer: Any) -> tuple[str, str] | None:
    """Return what a layer calls the weights and the bias that it ends in, or None."""
    found: tuple[str, str] | None = getattr(layer, "takes_in", None)
    return ("weight", "bias") if found is None and isinstance(layer, (Conv1d, Conv2d, Linear)) else found


def fold(layer: Any, norm: Any) -> None:
    """Give a layer the weights with which it does what a batch norm did after it."""
    names = names_of(layer)
    assert names is not None
    weight, bias = [getattr(layer, name) for name in names]
    mean, variance = [running.data.astype(np.float64) for running in (norm.running_mean, norm.running_var)]
    factor = (1.0 if norm.weight is None else norm.weight.data) / np.sqrt(variance + norm.eps)
    shift = (0.0 if bias is None else bias.data) - mean
    moved = shift * factor + (0.0 if norm.bias is None else norm.bias.data)
    column = factor.reshape(-1, *(1,) * (weight.ndim - 1))
    for name, data in zip(names, (weight.data * column, moved)):
        setattr(layer, name, Parameter(data.astype(weight.dtype), weight.requires_grad, copy=False))
