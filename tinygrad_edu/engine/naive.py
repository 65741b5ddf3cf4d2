"""Backpropagation done wrong, for teaching: the recursion that does not wait until a gradient is complete."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tinygrad_edu.engine.record import call_rule, fit, seeds_of, sweep

__all__ = ["Firing", "firing_count", "naive_firings"]


@dataclass(frozen=True)
class Firing:
    """One op's turn in the naive recursion; a node that is used twice has two turns.

    node: the Tensor whose op fires. upstream: what had arrived there so far, all of which it hands on. pieces: what
    it hands to each input, None where no gradient is needed. totals: what has arrived at each input after that.
    turn: which turn of this node it is, from 1.
    """

    node: Any
    upstream: Any
    pieces: tuple[Any, ...]
    totals: tuple[Any, ...]
    turn: int


def naive_firings(outputs: Sequence[Any], gradients: Sequence[Any]) -> Iterator[Firing]:
    """Yield the turns of the naive recursion: depth first from the outputs, at each node the newest input first.

    A node adds what its rules say to its inputs, then each of them does the same with all that it has got by then,
    though other uses have not reported yet, and does it again when they have: ``backward`` without the topological
    order. The rules are those of the recorded ops. Ask ``firing_count`` first: every path takes a turn.
    """
    seeds = seeds_of(outputs, gradients)
    arrived = dict(seeds)
    turns: dict[Any, int] = {}
    stack = [y for y in reversed(list(seeds)) if y._op is not None]
    while stack:
        node = stack.pop()
        g = arrived[node]
        pieces = tuple([piece_of(node, i, g) if x._needs else None for i, x in enumerate(node._inputs)])
        for x, piece in zip(node._inputs, pieces):
            if piece is not None:
                arrived[x] = arrived[x] + piece if x in arrived else piece
        turns[node] = turns.get(node, 0) + 1
        yield Firing(node, g, pieces, tuple([arrived.get(x) for x in node._inputs]), turns[node])
        stack += sorted(fed(node), key=lambda x: int(x._serial))


def piece_of(node: Any, position: int, g: Any) -> Any:
    """Return what a node's rule makes of ``g`` for one input, in that input's shape and dtype."""
    seen = node._seen
    return fit(call_rule(node, position, g, node._data, seen), seen[position], node, position)


def fed(node: Any) -> list[Any]:
    """Return the recorded inputs of a node that want a gradient, each once."""
    return list(dict.fromkeys(x for x in node._inputs if x._needs and x._op is not None))


def firing_count(outputs: Sequence[Any], gradients: Sequence[Any]) -> int:
    """Return how many turns the naive recursion takes: the paths from the outputs, which may be very many."""
    paths = {y: 1 for y in seeds_of(outputs, gradients) if y._op is not None}
    total = 0
    for step in sweep(seeds_of(outputs, gradients), {}):
        count = paths[step.output]
        total += count
        for x in fed(step.output):
            paths[x] = paths.get(x, 0) + count
    return total
