"""From the ways of a walk to what ``viz.paths`` says of them: names, shares, groups, notes, the picture."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_edu import Step, nn
from tinygrad_edu.engine.scope import Scope
from tinygrad_edu.engine.trace.tracing import Region, Trace
from viz.graph.fold import View
from viz.graph.options import Options
from viz.graph.picture import Picture
from viz.sensitivity.routes.picture import SHOWN, routes_source
from viz.sensitivity.routes.result import (
    Group,
    Path,
    Paths,
    bodies_text,
    counted,
    norm_of,
    percent,
    share_of,
    sum_text,
    worth,
)
from viz.sensitivity.routes.walk import Hop, Trail, Walk
from viz.style.escape import plain_text

__all__ = ["AUTO", "Follower"]

_FEW = 6  # numbers in a box
AUTO = re.compile(r"v\d+")  # a name that nobody gave


class Follower:
    """Follows the paths of one graph, and gathers what is known of them."""

    def __init__(self, trace: Trace, steps: Sequence[Step], view: View, target: int, total: Any) -> None:
        self.trace = trace
        self.view = view
        self.target = target
        self.total = np.asarray(total)
        self.walk = Walk(trace, steps, view.level, target)
        self.names = {value.id: plain_text(value.name or "v", 40) for value in trace.values}
        self.boxes = {box.id: box for box in view.boxes}
        self.blocks = residual_blocks([self.walk.made[v][0] for v in sorted(self.walk.between) if v in self.walk.made])
        self.summed = self.walk.sums(lambda state, _: state, 0).get(0, (0, np.zeros_like(self.total)))[1]

    def result(self, limit: int, options: Options, **kept: Any) -> Paths:
        """Return what there is to say, and the picture."""
        found = list(self.walk.trails(limit))
        found.sort(key=lambda trail: -np.nan_to_num(trail.norms[-1], nan=np.inf))
        followed = tuple([self.path(trail) for trail in found])
        count = self.walk.count()
        rest = self.rest(count, followed)
        loss, value = self.names[self.trace.outputs[0]], self.names[self.target]
        start = float(np.sum(self.walk.seed)) if self.walk.seed is not None else 1.0
        rows = [f"{percent(p.share)}: {worth(p, start)}{bodies_text(p)}" for p in followed[:SHOWN]]
        if count > len(rows):
            others = float(1 - sum(p.share for p in followed[:SHOWN]))
            rows.append(f"the other {counted(count - len(rows))}, not drawn: {percent(others)}")
        options = replace(options, show=("value", "grad") if self.few_numbers() else ("shape",))
        both = sum_text(loss, value, count, [*followed, *([rest] if rest else [])], self.total)
        source = routes_source(self.view, options, found, rows, both)
        title = f"{counted(count)} from {loss} back to {value}"
        picture = Picture(source, title=title, description="; ".join([title, both, *rows]), **kept)
        return Paths(
            loss, value, self.view.level, count, self.walk.count_of_operations(), start, followed, rest, self.total,
            self.by_bodies(), self.by_block(), tuple(self.notes(count, followed)), picture,
        )  # fmt: skip

    def few_numbers(self) -> bool:
        """Whether the boxes of the picture have room for their numbers."""
        return all(box.value.data.size <= _FEW for box in self.view.boxes if box.value is not None)

    def path(self, trail: Trail) -> Path:
        """Return a trail in words and numbers."""
        g = np.asarray(trail.arrived)
        nodes = [self.word(hop) for hop in trail.hops] + [self.names[self.target]]
        passed = {n for hop in trail.hops for n in self.bodies(self.walk.made[hop.made][0])}
        share = share_of(g, self.total)
        bodies = tuple(sorted(passed)) if self.blocks else None
        return Path(tuple(nodes), trail.factors, g, trail.norms[-1], trail.norms, share, bodies)

    def word(self, hop: Hop) -> str:
        """Return what a step of a path is called: the name that somebody gave, the module's, or the operation's."""
        name = self.names[hop.made]
        found = self.boxes[hop.box]
        call = found.call
        if AUTO.fullmatch(name):
            region, call_name = found.region, f"{call.op} {name}" if call else name
            name = f"{region.label.split('(')[0]} {inner_path(self.trace, region)}".strip() if region else call_name
        if call is not None and call.inputs.count(hop.used) > 1:
            name += f" (operand {(hop.position or 0) + 1})"
        return name

    def rest(self, count: int, followed: Sequence[Path]) -> Group | None:
        """Return the sum of the paths that were not followed."""
        if count == len(followed):
            return None
        g = self.summed - sum([path.gradient for path in followed], np.zeros_like(self.total))
        return self.group(f"the other {counted(count - len(followed))}, summed", count - len(followed), g)

    def group(self, name: str, count: int, g: Any) -> Group:
        """Return a sum of paths with its norm and share."""
        g = np.asarray(g)
        return Group(name, count, g, norm_of(g), share_of(g, self.total))

    def notes(self, count: int, followed: Sequence[Path]) -> Iterator[str]:
        """Yield what was left out, and what does not fit."""
        operations = self.walk.count_of_operations()
        if operations > count:
            yield f"Inside the boxes paths are summed: there are {counted(operations)} through single operations."
        if count > len(followed):
            coarser = "" if self.view.level == "module" else '; level="module" has fewer'
            yield (
                f"Paths multiply: {len(followed):,} of {count:,} were followed, those that promise most by the gains "
                f"of their steps; limit= allows more{coarser}."
            )
        scale = max(norm_of(self.total), norm_of(self.summed))
        slack = 1e-3 if self.total.dtype.itemsize < 8 else 1e-8
        if not np.isfinite(scale):
            yield "There is a NaN or Inf among the gradients: what it reaches has no share."
        elif norm_of(self.summed - self.total) > slack * scale:
            yield (
                f"The paths sum to norm {norm_of(self.summed):.4g} but backpropagation gives "
                f"{norm_of(self.total):.4g}: a hook changed a gradient on its way."
            )
        elif scale == 0:
            yield "The gradient is 0, so there are no shares of it."
        elif self.total.size > 1:
            yield "A share is measured along the whole gradient g: ⟨g_path, g⟩ / ‖g‖²; all shares make 100 %."

    # Residual blocks

    def bodies(self, step: Step) -> frozenset[int]:
        """Return the numbers of the residual blocks in whose body a step was recorded."""
        return frozenset([self.blocks[s.parent] for s in scopes_of(step) if is_body(s) and s.parent in self.blocks])

    def by_bodies(self) -> tuple[Group, ...]:
        """Return the paths grouped by how many bodies they lead through."""
        if not self.blocks:
            return ()

        def advance(state: tuple[int, frozenset[int]], step: Step) -> tuple[int, frozenset[int]]:
            here = self.bodies(step)
            return state[0] + len(here - state[1]), here  # what is left is never entered again

        found: dict[int, tuple[int, Any]] = {}
        for (k, _), (count, g) in self.walk.sums(advance, (0, frozenset())).items():
            before = found.get(k, (0, 0))
            found[k] = before[0] + count, before[1] + g
        return tuple([self.group(f"{k} of {len(self.blocks)}", *found[k]) for k in sorted(found)])

    def by_block(self) -> tuple[tuple[str, Group, Group], ...]:
        """Return, for each residual block, its name and the sums of the paths by its skip and through its body."""
        found = []
        for scope, number in self.blocks.items():

            def advance(state: int, step: Step, scope: Scope = scope, number: int = number) -> int:
                return max(state, 2 if number in self.bodies(step) else int(scope in scopes_of(step)))

            sums = self.walk.sums(advance, 0)
            empty = (0, np.zeros_like(self.total))
            skip, body = (self.group(word, *sums.get(i, empty)) for i, word in ((1, "skip"), (2, "body")))
            found.append((plain_text(scope.path, 60), skip, body))
        return tuple(found)


def inner_path(trace: Trace, region: Region) -> str:
    """Return a region's path, without the module around all."""
    outer = region
    while outer.parent is not None:
        outer = trace.scopes[outer.parent]
    path = region.path.removeprefix(f"{outer.path}.") if outer.kind == "module" else region.path
    return plain_text(path, 40)


def scopes_of(step: Step) -> Iterator[Scope]:
    """Yield the scopes in which a step was recorded, innermost first."""
    scope = step.scope
    while scope is not None:
        yield scope
        scope = scope.parent


def is_body(scope: Scope) -> bool:
    """Whether a scope is the call of a residual block's body."""
    outer = scope.parent
    return outer is not None and isinstance(outer.owner, nn.Residual) and scope.owner is outer.owner.body


def residual_blocks(steps: Sequence[Step]) -> dict[Scope, int]:
    """Return the calls of residual blocks, numbered from 1 as they were called. steps: oldest first."""
    found: dict[Scope, int] = {}
    for step in steps:
        for scope in [s for s in scopes_of(step) if isinstance(s.owner, nn.Residual)][::-1]:
            found.setdefault(scope, len(found) + 1)
    return found
