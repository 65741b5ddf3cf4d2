"""The ways from a value of a graph to its loss: counted, walked one by one, and summed in groups.

It stands on the recorded steps alone: the gradient along a path is what their rules make of the part of the upstream
that comes along that path. Rules are linear in the upstream, so the parts add up to the gradient.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import islice
from typing import Any

import numpy as np

from tinygrad_edu import Step
from tinygrad_edu.engine.trace.tracing import Call, Trace
from viz.graph.fold import folded_regions

__all__ = ["Hop", "Trail", "Walk"]

_MOST = 700.0  # the largest logarithm of a gain that is told apart


@dataclass(frozen=True)
class Hop:
    """One box crossed backwards: from the value it made to a value it used; ``position`` None in a folded box."""

    box: str
    made: int
    used: int
    position: int | None


@dataclass(frozen=True)
class Trail:
    """One path, from the loss to the value: its hops, the factor of each if all are numbers, and what arrives.

    norms: of the gradient along this path, at the loss and after each hop.
    """

    hops: tuple[Hop, ...]
    factors: tuple[float, ...] | None
    norms: tuple[float, ...]
    arrived: Any


class Walk:
    """The part of a graph that lies between a value and the loss, at one zoom level.

    steps: those of the backward pass, newest first, as ``trace.steps`` has them. target: the id of the value.
    """

    def __init__(self, trace: Trace, steps: Sequence[Step], level: str, target: int) -> None:
        self.trace = trace
        self.target = target
        self.root = trace.outputs[0]
        self.made: dict[int, tuple[Step, Call]] = {}  # by the value
        for turn, step in zip(trace.steps, steps):
            call = trace.nodes[turn.call]
            assert isinstance(call, Call)
            assert call.output is not None
            self.made[call.output] = step, call
        self.seed = steps[0].upstream.data if steps else None
        self.folded = folded_regions(trace, level)
        self.between = self.reaching()
        self.hops = {v: self.hops_from(v) for v in self.stops()}

    # What leads where

    def reaching(self) -> set[int]:
        """Return the values that depend on the target, and itself."""
        found = {self.target}
        for v in sorted(self.made):
            if any(x in found for _, x in self.operands(v)):
                found.add(v)
        return found

    def operands(self, v: int) -> list[tuple[int, int]]:
        """Return position and id of each operand of the call that made ``v`` to which a gradient is handed."""
        step, call = self.made[v]
        return [(i, x) for i, (x, g) in enumerate(zip(call.inputs, step.contributions)) if g is not None]

    def ways(self, v: int) -> list[tuple[int, int]]:
        """Return those operands through which a path to the target leads."""
        return [] if v == self.target else [(i, x) for i, x in self.operands(v) if x in self.between]

    def region(self, v: int) -> int | None:
        """Return the folded region in which ``v`` was made."""
        return self.folded[self.made[v][1].id] if v in self.made else None

    def leaves_box(self, x: int, region: int) -> bool:
        """Whether a value that a folded region used comes from outside, or is where the path ends."""
        return x == self.target or self.region(x) != region

    def stops(self) -> list[int]:
        """Return the values at which a path can be between two boxes, newest first."""
        found: set[int] = set()
        waiting = [self.root] if self.root in self.between else []
        while waiting:
            v = waiting.pop()
            if v not in found and v != self.target:
                found.add(v)
                waiting += [hop.used for hop in self.hops_from(v)]
        return sorted(found, reverse=True)

    def hops_from(self, v: int) -> tuple[Hop, ...]:
        """Return the ways back from ``v`` through the box that made it: one per operand, of a folded box per input."""
        region, call = self.region(v), self.made[v][1]
        if region is None:
            return tuple([Hop(f"c{call.id}", v, x, i) for i, x in self.ways(v)])
        found: dict[int, None] = {}
        waiting, seen = [v], {v}
        while waiting:
            for _, x in self.ways(waiting.pop()):
                if self.leaves_box(x, region):
                    found[x] = None
                elif x not in seen:
                    seen.add(x)
                    waiting.append(x)
        return tuple([Hop(f"r{region}", v, x, None) for x in sorted(found)])

    # How many

    def count(self) -> int:
        """Return how many paths there are at this level: exactly, without walking them."""
        paths = {self.target: 1}
        for v in sorted(self.hops):
            paths[v] = sum([paths[hop.used] for hop in self.hops[v]])
        return paths.get(self.root, 0)

    def count_of_operations(self) -> int:
        """Return how many paths there are through single recorded operations."""
        paths = {self.target: 1}
        for v in sorted(self.between - {self.target}):
            paths[v] = sum([paths[x] for _, x in self.ways(v)])
        return paths.get(self.root, 0)

    # One by one

    def pulled(self, v: int, g: Any) -> dict[Hop, Any]:
        """Return what each way back from ``v`` hands on, if ``g`` arrives at ``v``."""
        region = self.region(v)
        if region is None:
            step = self.made[v][0]
            return {hop: step.pull(hop.position or 0, g) for hop in self.hops[v]}
        out = self.through(v, g, region)
        return {hop: out[hop.used] for hop in self.hops[v]}

    def through(self, v: int, g: Any, region: int) -> dict[int, Any]:
        """Return what a folded region hands to each value from outside, if ``g`` arrives at its value ``v``."""
        out: dict[int, Any] = {}
        waiting = {v: g}
        while waiting:
            made = max(waiting)
            arrived = waiting.pop(made)
            for i, x in self.ways(made):
                place = out if self.leaves_box(x, region) else waiting
                add_to(place, x, self.made[made][0].pull(i, arrived))
        return out

    def trails(self, limit: int) -> Iterator[Trail]:
        """Yield up to ``limit`` paths, each at most once: those that promise most, see ``best``."""
        chosen = sorted(islice(self.best(), limit), key=lambda hops: [(hop.used, hop.position or 0) for hop in hops])
        arrived = [np.ones(()) if self.seed is None else self.seed]
        before: tuple[Hop, ...] = ()
        for hops in chosen:  # sorted, so that the next path shares as much as can be with the one before
            shared = next((i for i, (one, other) in enumerate(zip(before, hops)) if one != other), len(before))
            del arrived[shared + 1 :]
            for hop in hops[shared:]:
                arrived.append(self.pulled(hop.made, arrived[-1])[hop])
            yield Trail(hops, self.factors(hops), tuple(map(norm_of, arrived)), arrived[-1])
            before = hops

    def best(self) -> Iterator[tuple[Hop, ...]]:
        """Yield every path, the most promising first: by the product of its hops' gains, and then the shorter.

        A hop's gain is by how much the norm of the whole gradient grows along it: of numbers the exact size of the
        factor, of arrays an estimate. No rule runs here, so the first of 10^20 paths are found at once.
        """
        if self.root not in self.between:
            return
        gains = self.gains()
        ahead: dict[int, tuple[float, int]] = {self.target: (0.0, 0)}  # the best that is still to come, by value
        for v in sorted(self.hops):
            ahead[v] = max([(gains[hop] + ahead[hop.used][0], ahead[hop.used][1] - 1) for hop in self.hops[v]])
        count = itertools.count()
        heap: list[Any] = [(0.0, 0, 0, self.root, 0.0, ())]
        while heap:
            *_, v, gained, hops = heappop(heap)
            if v == self.target:
                yield hops
                continue
            for hop in self.hops[v]:
                gain, (rest, left) = gained + gains[hop], ahead[hop.used]
                way = (*hops, hop)
                # Of equals the newest is next, or all would be begun before one is done; rounding makes no difference.
                heappush(heap, (-round(gain + rest, 9), len(way) - left, -next(count), hop.used, gain, way))

    def gains(self) -> dict[Hop, float]:
        """Return by how much the whole gradient grows along each hop, as a logarithm."""
        found = {}
        for v in self.hops:
            g = self.made[v][0].upstream.data
            size = norm_of(g)
            for hop, piece in self.pulled(v, g).items():
                ratio = norm_of(piece) / size if size else 0.0
                found[hop] = min(_MOST, max(-_MOST, np.log(ratio))) if 0 < ratio < np.inf else -_MOST
        return found

    def factors(self, hops: Sequence[Hop]) -> tuple[float, ...] | None:
        """Return the derivative of each hop, if all values along the path are single numbers."""
        sizes = [self.trace.nodes[v].data.size for hop in hops for v in (hop.made, hop.used)]  # type: ignore[union-attr]
        if any(size != 1 for size in sizes):
            return None
        found = []
        for hop in hops:
            data = self.made[hop.made][0].output.data
            found.append(float(np.sum(self.pulled(hop.made, np.ones_like(data))[hop])))
        return tuple(found)

    # In groups

    def sums(self, advance: Callable[[Any, Step], Any], start: Any) -> dict[Any, tuple[int, Any]]:
        """Return count and gradient of all paths by their state: one backward pass per state, no path is walked.

        advance: from the state so far, and the step that is crossed next (seen from the loss), to the state after it.
        """
        found: dict[Any, tuple[int, Any]] = {}
        if self.root not in self.between or self.seed is None:
            return found
        waiting: dict[int, dict[Any, tuple[int, Any]]] = {self.root: {start: (1, self.seed)}}
        while waiting:
            v = max(waiting)
            arrived = waiting.pop(v)
            if v == self.target:
                return arrived
            step = self.made[v][0]
            after: dict[Any, tuple[int, Any]] = {}
            for state, part in arrived.items():
                add_part(after, advance(state, step), part)
            for i, x in self.ways(v):
                place = waiting.setdefault(x, {})
                for state, (count, g) in after.items():
                    add_part(place, state, (count, step.pull(i, g)))
        return found


def add_to(place: dict[int, Any], x: int, piece: Any) -> None:
    """Add a piece to what a value has received."""
    place[x] = place[x] + piece if x in place else piece


def add_part(place: dict[Any, tuple[int, Any]], state: Any, part: tuple[int, Any]) -> None:
    """Add a number of paths, and what they bring, to those of the same state."""
    before = place.get(state)
    place[state] = part if before is None else (before[0] + part[0], before[1] + part[1])


def norm_of(g: Any) -> float:
    """Return the norm of a gradient, in float64."""
    return float(np.sqrt(np.square(g, dtype=np.float64).sum()))
