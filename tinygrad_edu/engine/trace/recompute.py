"""A recorded graph run forward again with other numbers: what a nudge, a finite difference and a replay ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.engine.trace.tracing import recorded

__all__ = ["recompute"]


def recompute(outputs: Tensor | Sequence[Tensor], changes: Mapping[Tensor, Any]) -> dict[Tensor, Any]:
    """Run the recorded graph of ``outputs`` again with some Tensors' arrays replaced; nothing is touched or recorded.

    outputs: a Tensor or several. changes: by Tensor of that graph, leaf or not, the array it is to have, of its shape.
    Returns the array of every Tensor of the graph. Only what depends on a change is run again; the rest is the very
    array that was recorded, a leaf's the one that its first op saw. A choice recorded as data stays as it was: the mask
    of ``where``, that of dropout, an integer index.
    Raises ValueError for a Tensor that is not in the graph, and for a wrong shape; what an op raises on the new arrays.

    >>> x = Tensor(3.0, requires_grad=True)
    >>> y = x * x + 1
    >>> float(recompute(y, {x: 4.0})[y])
    17.0
    """
    given: list[Tensor] = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    nodes = recorded(given)
    found: dict[Tensor, Any] = {}
    for node in nodes:
        for x, seen in zip(node._inputs, node._seen):
            found.setdefault(x, seen)
        found[node] = node._data
    for y in given:
        found.setdefault(y, y._data)
    for x, array in changes.items():
        if x not in found:
            raise ValueError(f"recompute: {x._label()} is not in the graph of the output")
        if np.shape(array) != np.shape(found[x]):
            raise ValueError(
                f"recompute: {x._label()} has shape {np.shape(found[x])}, so it can't become an array of shape "
                f"{np.shape(array)}"
            )
        found[x] = array if isinstance(array, np.ndarray) and array.ndim else np.asarray(array)[()]
    changed = set(changes)
    for node in nodes:
        if node not in changes and not changed.isdisjoint(node._inputs):
            found[node] = node._op.forward(*[found[x] for x in node._inputs], **(node._params or {}))
            changed.add(node)
    return found
