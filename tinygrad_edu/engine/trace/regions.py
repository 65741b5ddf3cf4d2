"""The formulas of a composite: its steps, forward and back, run with Symbols. No second text to drift from the code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_edu.engine.record import call_rule, unbroadcast
from tinygrad_edu.engine.symbol import Symbol, applied

__all__ = ["region_formulas"]


def region_formulas(
    nodes: Sequence[Any], words: dict[Any, str], upstream: Any
) -> tuple[Symbol | None, dict[Any, Symbol]]:
    """Return what a region computes, and the gradient of each of its inputs; None where a rule refuses Symbols.

    nodes: the region's recorded nodes, oldest first, the last being its output. words: what to call inputs and output.
    upstream: the gradient that arrives at the output; None to skip the gradients.
    """
    inside = set(nodes)
    symbols: dict[Any, Symbol] = {}
    last = nodes[-1]
    try:
        for node in nodes:
            inputs = []
            for x, seen in zip(node._inputs, node._seen):
                if x not in inside:
                    symbols[x] = Symbol(words.get(x, "x"), seen)
                inputs.append(symbols[x])
            symbols[node] = applied_to(node, inputs)
        gradients = {} if upstream is None else pulled_back(nodes, symbols, words, upstream)
    except (TypeError, ValueError, AttributeError, IndexError):
        return None, {}
    return symbols[last], gradients


def applied_to(node: Any, inputs: list[Symbol]) -> Symbol:
    """Return a node's op applied to expressions."""
    if node._op.symbol in "+−·/@" and len(inputs) == 2:
        symbol: Symbol = inputs[0].__apply_op__(node._op, tuple(inputs), node._params or {})
        return symbol
    return applied(node._op, node._data, tuple(inputs), node._params or {})


def pulled_back(
    nodes: Sequence[Any], symbols: dict[Any, Symbol], words: dict[Any, str], upstream: Any
) -> dict[Any, Symbol]:
    """Return the gradient of every input of the region."""
    inside = set(nodes)
    last = nodes[-1]
    outs = {**symbols, last: Symbol(words.get(last, "y"), last._data)}
    grads: dict[Any, Symbol] = {last: Symbol("ḡ", upstream)}
    with np.errstate(all="ignore"):
        for node in reversed(nodes):
            if node not in grads:
                continue
            inputs = tuple([outs[x] if x in inside else symbols[x] for x in node._inputs])
            for position, x in enumerate(node._inputs):
                if not x._needs:
                    continue
                piece = call_rule(node, position, grads[node], outs[node], inputs)
                if piece is None:
                    continue
                piece = unbroadcast(piece, x.shape)
                grads[x] = grads[x] + piece if x in grads else piece
    return {x: g for x, g in grads.items() if x not in inside}
