"""What kind of thing a layer is, by the ops that it recorded, and what a figure writes on it: ``3×3 conv, 64, /2``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_edu import nn
from tinygrad_edu.engine import primitives as P
from tinygrad_edu.inspection.calls import Call
from viz.style.numbers import number, shape_text

__all__ = ["KINDS", "kind_of", "text_of"]

# The kinds, the word on a badge or a legend, and what the legend says.
KINDS = {
    "input": "input",
    "convolution": "convolution",
    "pooling": "pooling",
    "dense": "dense (fully connected)",
    "addition": "addition",
    "concatenation": "concatenation",
    "normalisation": "normalisation",
    "activation": "activation",
    "arrangement": "padding, flattening",
    "dropout": "dropout, in training alone",
    "arithmetic": "other operation",
    "block": "block of layers",
    "more": "more of the same",
    "op": "op of the engine",
    "parameter": "parameter",
    "statistic": "running statistic",
    "output": "output",
}
_CONVOLUTIONS = {P.convolve, P.convolve_plus, P.convolve_back}
_NORMS = {P.rescale, P.standardize}
_NORM_LAYERS: dict[Any, str] = {
    nn.BatchNorm1d: "BatchNorm", nn.BatchNorm2d: "BatchNorm", nn.GroupNorm: "GroupNorm", nn.LayerNorm: "LayerNorm",
    nn.LocalResponseNorm: "LRN",
}  # fmt: skip
_NORM_FUNCTIONS = {"batch_norm": "BatchNorm", "group_norm": "GroupNorm", "layer_norm": "LayerNorm"}
_POOL_LAYERS = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d)
_REDUCTIONS = {P.mean, P.sum, P.max}
_JOINS = {P.concatenate, P.stack}
_PLACES = {P.pad, P.transpose, P.reshape, P.getitem}


def kind_of(call: Call, sources: int) -> str:
    """Return the kind of a call without calls in it; sources: how many other layers feed it."""
    ops = [node._op for node in call.nodes]
    if not ops:
        return "dropout"
    for found, kind in (
        (any(op in _CONVOLUTIONS for op in ops), "convolution"),
        (isinstance(call.module, tuple(_NORM_LAYERS)) or any(op in _NORMS for op in ops), "normalisation"),
        (sources < 2 and (P.matmul in ops or P.einsum in ops), "dense"),
        (isinstance(call.module, nn.Embedding), "arithmetic"),
        (isinstance(call.module, _POOL_LAYERS) or pools(call.nodes), "pooling"),
        (ops[-1] in _JOINS, "concatenation"),
        (ops == [P.add] and sources > 1, "addition"),
        (all(op in _PLACES or op.notation == "arrange" for op in ops), "arrangement"),
        (all(op.elementwise for op in ops) and sources == 1 and not constants(call.nodes), "activation"),
    ):
        if found:
            return kind
    return "activation" if isinstance(call.module, (nn.Softmax, nn.LogSoftmax)) else "arithmetic"


def pools(nodes: Sequence[Any]) -> bool:
    """Whether ops take one number of many pixels: of windows, or of whole maps."""
    if any(node._op is P.max_pool for node in nodes):
        return True
    reduced = [node for node in nodes if node._op in _REDUCTIONS]
    return bool(reduced) and all(node._seen[0].ndim >= 4 for node in reduced)


def constants(nodes: Sequence[Any]) -> list[float]:
    """Return the single numbers that ops are given: a scale of 0.17."""
    leaves = [x for node in nodes for x in node._inputs if x._op is None and not x._needs]
    return [float(x._data) for x in leaves if x.size == 1]


def text_of(call: Call, kind: str) -> str:
    """Return what a figure writes on a layer."""
    nodes = call.nodes
    if kind == "convolution":
        return convolution_text([node for node in nodes if node._op in _CONVOLUTIONS])
    if kind == "dense":
        return f"dense, {call.nodes[-1].shape[-1]:,}"
    if kind == "pooling":
        return pooling_text(call)
    if kind == "dropout":
        return "dropout" if isinstance(call.module, (nn.Dropout, nn.Dropout2d)) else "nothing"
    if kind == "arrangement":
        return arrangement_text(call)
    if kind == "normalisation":
        known = [word for layer, word in _NORM_LAYERS.items() if isinstance(call.module, layer)]
        return known[0] if known else _NORM_FUNCTIONS.get(call.kind, call.kind)
    if kind == "addition":
        return "+"
    if kind == "concatenation":
        return "concat"
    numbers = constants(nodes)
    if kind == "arithmetic" and [node._op for node in nodes] == [P.multiply] and numbers:
        return f"×{number(numbers[0])}"
    return call.kind


def convolution_text(nodes: Sequence[Any]) -> str:
    """Return size, number and stride of kernels, as ResNet's figure 3 writes them."""
    params = [node._params or {} for node in nodes]
    stride = [max(options.get("stride", (1, 1))) for options in params]
    first, last = nodes[0]._seen[1], nodes[-1]
    name = "conv"
    groups = params[0].get("groups", 1)
    more = f", {groups} groups" if groups > 1 else ""
    if nodes[0]._op is P.convolve_back:
        name = "transposed conv"
    elif groups > 1 and groups == nodes[0]._seen[0].shape[1]:
        name, more = ("separable conv", "") if len(nodes) > 1 else ("depthwise conv", "")
    text = f"{shape_text(first.shape[2:])} {name}, {last.shape[1]}{more}"
    times = "×" if nodes[0]._op is P.convolve_back else "/"
    return text + (f", {times}{max(stride)}" if max(stride) > 1 else "")


def pooling_text(call: Call) -> str:
    """Return kind and size of a pooling."""
    module = call.module
    for node in call.nodes:
        if node._op is P.max_pool or node._op is P.windows:
            params = node._params or {}
            word = "max" if node._op is P.max_pool else "avg"
            size, stride = params.get("kernel", ()), max(params.get("stride", (1,)))
            return f"{shape_text(size)} {word} pool" + (f", /{stride}" if stride > 1 else "")
    largest = any(node._op is P.max for node in call.nodes)
    word = "max" if largest else "avg"
    if call.nodes[-1].ndim == 2 or call.nodes[-1].shape[2:] == (1, 1):
        return f"global {word} pool"
    return "avg pool" if module is None else f"{word} pool to {shape_text(call.nodes[-1].shape[2:])}"


def arrangement_text(call: Call) -> str:
    """Return what an op that only moves numbers does."""
    ops = [node._op for node in call.nodes]
    if P.pad in ops:
        return "pad"
    return "flatten" if ops[-1] is P.reshape and call.nodes[-1].ndim == 2 else call.kind
