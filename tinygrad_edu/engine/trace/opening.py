"""A recorded graph with every fused op opened into the smaller ops it stands for: what the finer pictures show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tinygrad_edu.engine.record import Node
from tinygrad_edu.engine.scope import MODE, inside, next_serial
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.engine.trace.tracing import names_of, recorded

__all__ = ["opened"]


def opened(
    outputs: Sequence[Tensor], names: Mapping[str, Any] | None = None
) -> tuple[list[Tensor], Mapping[str, Any] | None]:
    """Return a copy of a graph in which each fused op is replaced by its steps, run on the arrays it saw.

    Also returns ``names``, what to call its Tensors. A graph without fused ops is returned as it is.
    """
    nodes = recorded(outputs)
    if not any(node._op.steps is not None for node in nodes):
        return list(outputs), names
    called = names_of(nodes, names)
    copies: dict[Any, Any] = {}
    for node in nodes:
        inputs = tuple([copy_of(x, seen, copies, called) for x, seen in zip(node._inputs, node._seen)])
        if node._op.steps is None:
            copies[node] = copied(node, inputs)
        else:
            copies[node] = ran(node, inputs)
        copies[node]._name = node._name
    found = {name: copies.get(x, x) for name, x in (names or {}).items() if isinstance(x, Tensor)}
    return [copies.get(y, y) for y in outputs], found


def copy_of(x: Any, seen: Any, copies: dict[Any, Any], called: Mapping[Any, str]) -> Any:
    """Return what stands for an input: a leaf itself, unless its data has been rebound since the op saw it."""
    if x in copies:
        return copies[x]
    if x._op is not None or x._data is seen:
        return x
    leaf = Tensor._wrap(seen)
    leaf._needs, leaf._name, leaf._grad = x._needs, called.get(x), x._grad
    copies[x] = leaf
    return leaf


def copied(node: Any, inputs: tuple[Any, ...]) -> Tensor:
    """Return a recorded Tensor again, with other inputs."""
    twin = Tensor._wrap(node._data)
    for slot in Node.__slots__:
        setattr(twin, slot, getattr(node, slot))
    twin._grad, twin._hooks, twin._written, twin._serial = node._grad, None, 0, next_serial()
    if type(node._x) is tuple:
        twin._x = inputs
    else:
        twin._x, twin._y = inputs[0], inputs[1] if len(inputs) > 1 else None
    return twin


def ran(node: Any, inputs: tuple[Any, ...]) -> Any:
    """Record a fused op's steps in its place, with the line of the user's call."""
    before = next_serial()
    with inside(MODE.get().but(recording=True, anomaly=False, lines=False, scope=node._scope, unfused=True)):
        result = node._op.steps(*inputs, **(node._params or {}))
    waiting = [result]
    while waiting:
        made = waiting.pop()
        if made._serial > before and made._line is None:
            made._line = node._line
            waiting.extend(made._inputs)
    return result
