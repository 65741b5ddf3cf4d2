"""A recording: every state of a graph, forward and back, at every zoom level, as plain data. It stands on the Trace."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tinygrad_edu.engine.trace.tracing import Call, Trace, Turn
from viz.graph.drawing import root_title, traced
from viz.graph.fold import LEVELS, Box, View, fold
from viz.stepper.arrays import KEPT, Pool
from viz.stepper.behind import Behind, behind
from viz.stepper.cards import Cards, Sources, piece_of
from viz.stepper.checks import Checks
from viz.stepper.colours import colours
from viz.stepper.layout import Layout, images, laid_out
from viz.stepper.naive import AGREE, Naive

__all__ = ["Level", "Recording", "record"]


@dataclass(frozen=True)
class Level:
    """One zoom level: its picture, and its steps, which change classes and text and move nothing."""

    name: str
    layout: Layout
    steps: tuple[dict[str, Any], ...]
    images: dict[str, dict[str, int]]
    group: int  # levels of one group are of one Trace: the ids of their calls are the same
    extra: Mapping[str, Any] = field(default_factory=dict)  # see ``extras``

    @property
    def boxes(self) -> int:
        """How many boxes the picture has."""
        return len(self.layout.nodes)


@dataclass(frozen=True)
class Recording:
    """What the stepper shows: levels, cards, arrays and code, each once. ``to_dict()`` is strict JSON.

    start: the level that is shown first. notes: what was left out, and why. numbers: every number of the arrays that
    are sent as an image, by their place in ``arrays``; they stay here until a widget asks.
    """

    key: str
    title: str
    start: str
    levels: tuple[Level, ...]
    cards: tuple[dict[str, Any], ...]
    arrays: tuple[dict[str, Any], ...]
    ops: dict[str, list[str]]
    rules: tuple[list[Any], ...]
    sources: tuple[list[Any], ...]
    notes: tuple[str, ...] = ()
    numbers: Mapping[int, tuple[float, ...]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The recording as dicts, lists, strings and finite numbers; NaN and Inf are strings. Pictures not included."""
        return {
            "key": self.key,
            "title": self.title,
            "start": self.start,
            "levels": [
                {"name": level.name, "group": level.group, "steps": list(level.steps), "images": level.images}
                | dict(level.extra)
                for level in self.levels
            ],
            "cards": list(self.cards),
            "arrays": list(self.arrays),
            "ops": self.ops,
            "rules": list(self.rules),
            "sources": list(self.sources),
            "notes": list(self.notes),
        }

    def card(self, level: str, step: int) -> dict[str, Any]:
        """The card of a step, counted from 1."""
        found = next(one for one in self.levels if one.name == level)
        number: int = found.steps[step - 1]["card"]
        return self.cards[number]


def record(
    output: Any,
    level: str = "op",
    *,
    levels: Sequence[str] | None = None,
    gradient: Any = None,
    names: Mapping[str, Any] | None = None,
    direction: str = "auto",
    title: str | None = None,
    max_nodes: int = 300,
    renderer: str | None = None,
    timeout: float = 30.0,
    order: str = "newest",
    check: bool | str = "auto",
    lr: float | None = None,
) -> Recording:
    """Record the graph of ``output``, forward and back; arguments as of ``viz.step``.

    Raises ValueError for a level that is none, and for one that was asked for and has more than ``max_nodes`` boxes;
    TypeError for what is no graph; what ``viz.output.render`` raises.
    """
    wanted = checked(level, levels)
    views, notes = views_of(output, wanted, level, levels is not None, gradient, names, max_nodes)
    first = views[0].trace
    seen = [list(view.trace.values) for view in views]
    key = "t" + hashlib.sha256(repr((title, wanted, seen)).encode("utf-8", "replace")).hexdigest()[:7]
    pool, sources, cards = Pool(), Sources(), CardPool()
    found: list[Level] = []
    for view in views:
        live = behind(view.trace, output, view.level, gradient, names, max_nodes)
        layout = laid_out(view, f"{key}{view.level[0]}-", direction=direction, renderer=renderer, timeout=timeout)
        writer = Cards(view, pool, sources)
        group = next(i for i, other in enumerate(views) if other.trace == view.trace)
        checks = Checks(view, live, writer, check) if live else None
        steps = tuple(steps_of(view, writer, cards, checks))
        more = extras(view, writer, cards, live, checks, order, lr) if live else {}
        found.append(Level(view.level, layout, steps, images(view, pool), group, more))
    if order == "dfs":
        notes += said_of_order(found)
    start = level if level in [view.level for view in views] else shown_instead(level, views)
    return Recording(
        key, title or root_title(first).replace("Computational graph of", "Step through"), start, tuple(found),
        tuple(cards.cards), tuple(pool.arrays), sources.ops, tuple(sources.rules),
        tuple(sources.to_list()), tuple(notes), pool.numbers,
    )  # fmt: skip


def checked(level: str, levels: Sequence[str] | None) -> tuple[str, ...]:
    """Return the levels that are wanted, coarsest first."""
    if isinstance(levels, str):
        levels = (levels,)
    for name in (level, *(levels or ())):
        if name not in LEVELS:
            raise ValueError(f"step: level={name!r} is none of {', '.join(LEVELS)}")
    if levels is not None and not levels:
        raise ValueError(f"step: levels is empty; leave it out for all that fit, or name some of {', '.join(LEVELS)}")
    return tuple([name for name in LEVELS if levels is None or name in levels])


def shown_instead(level: str, views: Sequence[View]) -> str:
    """Return the finest level that is there and no finer than the one wanted; else the coarsest."""
    names = [view.level for view in views]
    coarser = [name for name in LEVELS[: LEVELS.index(level)] if name in names]
    return coarser[-1] if coarser else names[0]


def views_of(
    output: Any, wanted: Sequence[str], start: str, all_of_them: bool, gradient: Any, names: Any, max_nodes: int
) -> tuple[list[View], list[str]]:
    """Return a View for each level that shows something new; what was left out is said.

    start: the level that must be there, of two alike the one that stays. all_of_them: whether every level must.
    """
    views: list[View] = []
    notes: list[str] = []
    plain = traced(output, "op", gradient, names, max_nodes)  # says what is wrong with graph or gradient
    if not plain.calls:
        raise TypeError(
            "step: this was not computed from Tensors with requires_grad=True, so there is nothing to step through; "
            "step through the loss, computed outside tg.no_grad()"
        )
    for level in wanted:
        try:
            trace = traced(output, level, gradient, names, max_nodes, details=True, full=KEPT)
            view = fold(trace, level)
            if not trace.calls:
                raise ValueError(f"step: level={level!r} has nothing in it, for all values are empty")
            if len(view.boxes) > max_nodes:
                raise ValueError(f"step: level={level!r} has {len(view.boxes):,} boxes, more than {max_nodes:,}")
        except ValueError as error:
            if all_of_them or level == start or (not views and level == wanted[-1]):
                raise ValueError(f"{error}; {smaller(level)}") from error
            notes.append(f"Level {level} is left out: {error}.")
            continue
        if not views or not alike(views[-1], view):
            views.append(view)
        elif level == start:
            views[-1] = view
    return views, notes


def smaller(level: str) -> str:
    """Say how to step through less."""
    coarser = LEVELS[: LEVELS.index(level)]
    return (f'step at level="{coarser[-1]}", ' if coarser else "") + (
        "step through a part (the output of one layer, a smaller batch), or pass max_nodes= to allow more"
    )


def alike(one: View, other: View) -> bool:
    """Whether two levels show the same boxes and arrows."""
    return pattern(one) == pattern(other)


def pattern(view: View) -> list[tuple[str, ...]]:
    """What a view draws, without its ids."""
    boxes = [(box.kind, box.call.op if box.call else "", box.region.path if box.region else "") for box in view.boxes]
    return [*boxes, (str(len(view.arrows)),)]


class CardPool:
    """Cards, each once: one op's card is the same at several levels."""

    def __init__(self) -> None:
        self.cards: list[dict[str, Any]] = []
        self._known: dict[str, int] = {}

    def add(self, card: dict[str, Any]) -> int:
        """Return the number of a card."""
        text = json.dumps(card, allow_nan=False)
        if text not in self._known:
            self._known[text] = len(self.cards)
            self.cards.append(card)
        return self._known[text]


def extras(
    view: View, writer: Cards, cards: CardPool, live: Behind, checks: Checks | None, order: str, lr: float | None
) -> dict[str, Any]:
    """Return what else a level can show.

    wrong: the marks of boxes with a wrong rule. unchecked: why differences are not on the cards. by, widths: what
    boxes and arrows are coloured by, see ``colours``. cut: boxes of parameters that no gradient reached. naive: the
    backward steps depth first; why: why there are none.
    """
    maker = {call.id: box for box in view.boxes for call in writer.calls_of(box)}
    found: dict[str, Any] = colours(view, live, lr)
    if checks is not None:
        found |= {"wrong": checks.marks(maker), "unchecked": checks.note}
    if order == "dfs":
        naive = Naive(view, live, writer)
        found |= {"why": naive.note, "agrees": int(naive.agrees)}
        found["naive"] = [] if naive.note else list(naive.steps(maker, cards.add))
    return {key: value for key, value in found.items() if value not in ("", {}, [])}


def said_of_order(levels: Sequence[Level]) -> list[str]:
    """Return what is to be said of the naive order: at which levels it agrees, at which it is not there."""
    found = [f"Level {level.name}: {level.extra['why']}." for level in levels if "why" in level.extra]
    with_it = [level for level in levels if "naive" in level.extra]
    return found + ([AGREE] if with_it and all(level.extra["agrees"] for level in with_it) else [])


def steps_of(view: View, writer: Cards, cards: CardPool, checks: Checks | None = None) -> Iterator[dict[str, Any]]:
    """Yield the steps of a level: the leaves, each value forward, the seed, each op back, all gradients.

    p: phase; n: boxes that are lit; e: arrows that are lit, with the text each bears; v, g: boxes whose value, whose
    gradient is known from now on; h: boxes whose parameters' gradients are; w: boxes whose gradient has got a part and
    waits for more; c: the calls it is about.
    """
    trace = view.trace
    maker = {call.id: box for box in view.boxes for call in writer.calls_of(box)}
    groups = grouped([(maker[call.id], call) for call in trace.calls])
    leaves = [box.id for box in view.boxes if box.value is not None and box.value.made_by is None]
    yield {"p": "start", "n": leaves, "v": leaves, "card": cards.add(writer.start())}
    for box, calls in groups:
        made = results(view, box, writer)
        yield {
            "p": "forward", "n": [box.id], "v": [box.id, *made], "c": [call.id for call in calls],
            "e": arrows(view, box, made, False), "card": cards.add(writer.forward(box, calls)),
        }  # fmt: skip
    if trace.steps:
        known: set[int] = set(trace.outputs)
        holder = holders(view)
        seeded = [holder[x] for x in trace.outputs if x in holder]
        yield {"p": "seed", "n": seeded, "g": seeded, "card": cards.add(writer.seed())}
        left = {x: len(parts) for x, parts in writer.uses.parts.items()}
        for box, turns in grouped([(maker[turn.call], turn) for turn in trace.steps]):
            complete, waiting = arrived(trace, turns, left, known)
            made = results(view, box, writer)
            card = writer.backward(box, turns)
            if checks is not None:
                checks.annotate(card, box, turns)
            yield {
                "p": "backward", "n": [box.id], "c": [turn.call for turn in turns],
                "e": arrows(view, box, made, True), "g": shown(complete, holder), "w": shown(waiting, holder),
                "h": [box.id] if any(value.id in complete for value in box.held) else [],
                "card": cards.add(card),
            }  # fmt: skip
    ends = [box.id for box in view.boxes if box.kind == "parameter" or box.held]
    card = writer.end()
    if checks is not None:
        checks.end(card)
    yield {"p": "end", "n": ends if trace.steps else [], "card": cards.add(card)}


def grouped(pairs: list[tuple[Box, Any]]) -> list[tuple[Box, list[Any]]]:
    """Gather what follows each other in one box."""
    found: list[tuple[Box, list[Any]]] = []
    for box, thing in pairs:
        if found and found[-1][0] is box and box.region is not None:
            found[-1][1].append(thing)
        else:
            found.append((box, [thing]))
    return found


def results(view: View, box: Box, writer: Cards) -> list[str]:
    """The boxes of values that a box made and does not hold itself."""
    made = {call.output for call in writer.calls_of(box)}
    return [other.id for other in view.boxes if other is not box and other.value and other.value.id in made]


def holders(view: View) -> dict[int, str]:
    """Which box shows a value's gradient."""
    return {box.value.id: box.id for box in view.boxes if box.value is not None}


def arrived(trace: Trace, turns: list[Turn], left: dict[int, int], known: set[int]) -> tuple[list[int], list[int]]:
    """Count off what these turns hand back; return whose gradient is complete, and whose is not yet."""
    complete, waiting = [], []
    for turn in turns:
        call = trace.nodes[turn.call]
        assert isinstance(call, Call)
        for x, piece in zip(call.inputs, turn.contributions):
            if piece is None:
                continue
            left[x] -= 1
            if left[x] == 0 and x not in known:
                complete.append(x)
                known.add(x)
            elif left[x]:
                waiting.append(x)
    return complete, [x for x in waiting if left[x]]


def shown(values: Sequence[int], holder: dict[int, str]) -> list[str]:
    """The boxes in which values are seen."""
    return list(dict.fromkeys(holder[x] for x in values if x in holder))


def arrows(view: View, box: Box, made: list[str], back: bool) -> list[list[Any]]:
    """The arrows into a box, and out of it to values of its own, with what each bears."""
    found = []
    for i, arrow in enumerate(view.arrows):
        mine = arrow.target == box.id or (arrow.source == box.id and arrow.target in made)
        if not mine or (back and not arrow.back):
            continue
        value = view.trace.nodes[arrow.value]
        forward = () if isinstance(value, Call) else (value.data,)
        found.append([i, piece_of(arrow.back if back else forward)])
    return found
