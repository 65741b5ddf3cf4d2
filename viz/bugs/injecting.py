"""Put a bug into a copy of a graph: the same numbers forward, one wrong rule back."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

from tinygrad_edu import Tensor
from tinygrad_edu.engine.trace.grafting import grafted, with_rule
from viz.bugs.catalogue import BUGS, Bug
from viz.bugs.spots import Rule, Spot, changed_piece, spots_of

__all__ = ["describe", "fitting", "inject", "injected", "names"]

Place = tuple[tuple[Spot, Rule], ...]  # rules that are wrong together


def names() -> tuple[str, ...]:
    """The names of all bugs, for ``inject``."""
    return tuple(BUGS)


def describe(name: str | None = None) -> str:
    """Return what students do wrong and how it shows: of one bug, or of all, a paragraph each.

    Raises ValueError for a name that is none.
    """
    if name is not None:
        return found(name).text
    return "\n\n".join(f"{bug.name}: {bug.text}" for bug in BUGS.values())


def fitting(loss: Any) -> dict[str, tuple[str, ...]]:
    """Return which bugs fit the graph of ``loss``, and where: by name of the bug the ops, such as ``matmul #2``."""
    spots = spots_of(loss)
    places = {bug.name: places_of(bug, spots) for bug in BUGS.values()}
    return {name: calls(held) for name, held in places.items() if held}


def inject(loss: Any, name: str, at: str | int | None = None, *, seed: int = 0) -> Tensor:
    """Return a copy of the graph of ``loss`` with a bug in its backward pass; ``tg.check_graph`` finds it.

    loss: a Tensor of one number; it and all its Tensors stay as they are, and the copy shares the leaves, so that
    ``tg.grad(loss, W)`` and ``tg.grad(inject(loss, ...), W)`` stand side by side. name: one of ``names()``.
    at: where: an op (``"matmul"``), its number in the order of the forward pass (``"matmul #2"`` or ``2``), or the name
    of a Tensor it takes or makes (``"W1"``). seed: which of the places that fit, if there are several.
    The forward pass is the same; what is wrong is one rule, so pictures and steps show its numbers and its formula.
    (The levels that take an op apart, ``scalar`` and the inside of a fused op, show the op as it should be.)
    Raises ValueError for a name that is none, and where the bug fits nowhere, with the bugs that do.
    """
    bug, spots = found(name), spots_of(loss)
    places = places_of(bug, spots)
    if not places:
        raise ValueError(f"inject: {name!r} fits nowhere in this graph; it wants {bug.wants}; {what_fits(spots)}")
    wanted = [place for place in places if at is None or any(meant(spot, at) for spot, _ in place)]
    if not wanted:
        raise ValueError(f"inject: {name!r} does not fit at {at!r}; it fits at {', '.join(calls(places))}")
    return injected(loss, random.Random(seed).choice(wanted), name)


def injected(loss: Tensor, place: Place, label: str) -> Tensor:
    """Return a copy of the graph with the wrong rules of one place, which are named after ``label``."""
    ops: dict[Tensor, Any] = {}
    for spot, rule in place:
        rule.__name__ = f"{spot.right.__name__}_{label}" if label else spot.right.__name__
        ops[spot.output] = with_rule(ops.get(spot.output, spot.op), spot.position, rule)
    return grafted(loss, ops)


def found(name: str) -> Bug:
    """Return the bug of that name."""
    if name not in BUGS:
        raise ValueError(f"bugs: {name!r} is none of {', '.join(BUGS)}")
    return BUGS[name]


def places_of(bug: Bug, spots: Iterable[Spot]) -> list[Place]:
    """Return where a bug fits: it can be made there, and is to be seen."""
    single: list[tuple[Spot, Rule]] = []
    for spot in spots:
        rule = bug.build(spot)
        if rule is not None and changed_piece(spot, rule):
            single.append((spot, rule))
    if not bug.whole:
        return [(one,) for one in single]
    together: dict[Tensor, list[tuple[Spot, Rule]]] = {}
    for one in single:
        together.setdefault(one[0].input, []).append(one)
    return [tuple(ones) for ones in together.values()]


def meant(spot: Spot, at: str | int) -> bool:
    """Whether a place is the one that the user named."""
    return spot.number == at if isinstance(at, int) else at in spot.words()


def calls(places: Iterable[Place]) -> tuple[str, ...]:
    """The ops of places, each once."""
    return tuple(dict.fromkeys(spot.call for place in places for spot, _ in place))


def what_fits(spots: list[Spot]) -> str:
    """Say which bugs fit a graph."""
    able = [bug.name for bug in BUGS.values() if places_of(bug, spots)]
    return f"here fit: {', '.join(able)}" if able else "here fits none: is every gradient 0?"
