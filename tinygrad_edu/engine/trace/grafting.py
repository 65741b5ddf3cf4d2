"""A copy of a recorded graph in which some ops are others: the same numbers forward, another rule back."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from tinygrad_edu.engine.op import Op
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.engine.trace.opening import copied, copy_of
from tinygrad_edu.engine.trace.tracing import names_of, recorded

__all__ = ["grafted", "with_op", "with_rule"]


def with_rule(op: Op, position: int, rule: Callable[..., Any]) -> Op:
    """Return an op that differs from ``op`` in the rule of one input; pictures do not open it into smaller ops.

    rule: as for ``Op.vjp``; for an op with ``*inputs`` it is asked about the input at ``position`` alone.
    """
    twin = copy.copy(op)
    twin.steps = None
    twin.rules = (*op.rules[:position], rule, *op.rules[position + 1 :])
    if op.variadic:
        twin.rules = (rule_for_one(op.rules[0], position, rule),)
    return twin


def rule_for_one(right: Callable[..., Any], wanted: int, rule: Callable[..., Any]) -> Callable[..., Any]:
    """Return the rule of an op with ``*inputs`` that is another for one of them."""

    def chosen(g: Any, out: Any, *xs: Any, position: int, **params: Any) -> Any:
        return (rule if position == wanted else right)(g, out, *xs, position=position, **params)

    chosen.__name__ = rule.__name__
    return chosen


def with_op(node: Tensor, op: Op) -> Tensor:
    """Return a recorded Tensor again, of the same inputs, as if ``op`` had made it."""
    twin = copied(node, node._inputs)
    twin._op, twin._name = op, node._name
    return twin


def grafted(output: Tensor, ops: Mapping[Tensor, Op]) -> Tensor:
    """Return a copy of the graph of ``output`` in which some Tensors are as if other ops had made them.

    ops: by recorded Tensor the op that takes the place of its own, which must compute the same. Leaves are shared, all
    else is copied: nothing of the graph that was given is touched. Hooks are left behind.
    Raises ValueError for a Tensor that is not in the graph.
    """
    nodes = recorded([output])
    there = set(nodes)
    strange = [x._label() for x in ops if x not in there]
    if strange:
        raise ValueError(f"grafted: {strange[0]} was made by no op of this graph")
    called = names_of(nodes)
    copies: dict[Any, Any] = {}
    for node in nodes:
        inputs = tuple([copy_of(x, seen, copies, called) for x, seen in zip(node._inputs, node._seen)])
        twin = copied(node, inputs)
        twin._op, twin._name = ops.get(node, node._op), node._name
        copies[node] = twin
    return copies.get(output, output)  # type: ignore[no-any-return]
