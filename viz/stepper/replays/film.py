"""The frames of a replay: the numbers and images of every box at the steps that are kept, for one layout of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tinygrad_edu.engine.trace.snapshot import SMALL, snapshot
from tinygrad_edu.engine.trace.tracing import Snapshot, Trace, Value
from viz.graph.fold import Box, View, fold
from viz.stepper.arrays import picked, plain_number, tiles
from viz.stepper.layout import Layout, has_room, is_printed, laid_out
from viz.stepper.replays.plane import letters
from viz.style.numbers import number

__all__ = ["FULL", "Film", "Frame", "Update"]

FULL = 256  # elements of an array, up to which its image shows all of them
_EXACT = 64  # numbers of a parameter, up to which the table has each
_TABLE = 600  # numbers of all parameters together


@dataclass(frozen=True)
class Update:
    """What one step does to a parameter: its array before, its gradient, and the array after."""

    value: Any
    gradient: Any
    new: Any

    @property
    def change(self) -> Any:
        """By how much it moves: −lr · gradient, with plain SGD."""
        return self.new - self.value


@dataclass(frozen=True)
class Frame:
    """A step that is kept: its number, counted from 1, its loss, and each parameter's update by name."""

    step: int
    loss: float
    updates: Mapping[str, Update] = field(repr=False)
    trace: Trace = field(repr=False)
    after: Mapping[int, Snapshot] = field(repr=False)  # parameters after the step, by their number in the graph
    plane: str = field(repr=False)


class Slot:
    """A place in a box for numbers or an image: its value ``v``, the gradient ``g``, or that of one inside, ``q``."""

    def __init__(self, box: Box, word: str, value: Value, order: int = 0) -> None:
        self.box, self.word, self.id, self.order = box.id, word, value.id, order
        data = self.data(value)
        self.printed = word == "q" or data.size == 1 or is_printed(data)

    def data(self, value: Value) -> Snapshot:
        """The array that is shown."""
        found = value.data if self.word == "v" else value.gradient
        assert found is not None
        return found

    def numbers(self, data: Snapshot) -> list[float]:
        """The numbers that are shown, or those of the image."""
        if self.word == "q" and data.size != 1:
            return [data.norm]
        if data.data is not None and (self.printed or data.size <= SMALL):
            return list(data.data)
        layout = tiles(data)
        return [] if layout is None else picked(data, layout)


class Film:
    """Frames of one graph. All must have the graph of the first; ``fits`` says whether a Trace has."""

    def __init__(self, trace: Trace, level: str) -> None:
        self.first = trace
        self.view = fold(trace, level)
        self.pattern = pattern(trace)
        self.slots = slots_of(self.view)
        self.frames: list[Frame] = []

    def fits(self, trace: Trace) -> bool:
        """Whether a Trace has the shapes of the first; ValueError where it has other operations."""
        calls, shapes = pattern(trace)
        if calls != self.pattern[0]:
            raise ValueError(
                "replay: the model computes with other operations than at the first step, so one picture can't show "
                "both; replay a model whose forward pass is the same each time"
            )
        return shapes == self.pattern[1]

    def bytes_per_frame(self, updates: Mapping[str, Update], plane: str) -> float:
        """About how much of a page one frame takes, packed: 4.4 letters a number, 0.35 an image's cell (measured)."""
        values = {value.id: value for value in self.first.values}
        table = sum(4 * u.value.size if self.exact(updates, name) else 4 for name, u in updates.items())
        total = 4.4 * table + 0.35 * len(plane) + 20
        for slot in self.slots:
            count = len(slot.numbers(slot.data(values[slot.id])))
            total += count * (4.4 if slot.printed else 0.35) * (2 if slot.word == "v" else 1)
        return total

    def exact(self, updates: Mapping[str, Update], name: str) -> bool:
        """Whether the table has every number of a parameter."""
        sizes = sorted((u.value.size, other) for other, u in updates.items())
        room = _TABLE
        for size, other in sizes:
            room -= size
            if other == name:
                return bool(size <= _EXACT and room >= 0)
        return False

    def layout(self, key: str, **options: Any) -> Layout:
        """Return the one picture, with room for the widest number that any frame shows."""
        widest: dict[tuple[int, str], Snapshot] = {}
        for slot in self.slots:
            if slot.printed:
                found = [slot.numbers(data) for data in self.every(slot)]
                data = slot.data(self.value(self.first, slot.id))
                texts = [max(column, key=lambda v: len(number(v))) for column in zip(*found)]
                full = slot.word == "q" and data.size != 1
                wide = replace(data, norm=texts[0]) if full else replace(data, data=tuple(texts), nans=0)
                widest[slot.id, "v" if slot.word == "v" else "g"] = wide
        values = tuple(
            replace(
                value,
                data=widest.get((value.id, "v"), value.data),
                gradient=widest.get((value.id, "g"), value.gradient),
            )
            for value in self.first.values
        )
        trace = Trace(values, self.first.calls, self.first.scopes, self.first.steps, self.first.outputs)
        return laid_out(fold(trace, self.view.level), key, **options)

    def value(self, trace: Trace, number: int) -> Value:
        """A value of a Trace by its number."""
        found = trace.nodes[number]
        assert isinstance(found, Value)
        return found

    def every(self, slot: Slot) -> list[Snapshot]:
        """What a slot shows at all frames, and after their updates."""
        found = [slot.data(self.value(frame.trace, slot.id)) for frame in self.frames]
        return found + ([frame.after.get(slot.id, found[i]) for i, frame in enumerate(self.frames)]
                        if slot.word == "v" else [])  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Return what the boxes show, frame by frame, as lists, numbers and strings."""
        view, count = self.view, len(self.frames)
        texts, images = [], []
        for slot in self.slots:
            found = [slot.numbers(data) for data in self.every(slot)]
            plain: dict[str, Any] = {"b": slot.box, "w": slot.word}
            if slot.printed:
                shown = [[short(v) for v in numbers] for numbers in found]
                plain |= {"k": slot.order} if slot.word == "q" else {}
                texts.append(plain | parted(shown, count))
            else:
                layout = tiles(slot.data(self.value(self.first, slot.id)))
                assert layout is not None
                most = largest(found)
                shades = [letters(numbers, most if slot.word == "v" else largest([numbers])) for numbers in found]
                grid = [layout.planes, layout.height, layout.width, layout.columns]
                images.append(plain | {"g": grid} | parted(shades, count))
        return {
            "texts": texts,
            "images": images,
            "leaves": [box.id for box in view.boxes if box.value is not None and box.value.made_by is None],
            "weights": [box.id for box in view.boxes if box.kind == "parameter" or box.held],
            "back": [i for i, arrow in enumerate(view.arrows) if arrow.back],
        }

    def table(self, called: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return each parameter's value, gradient, change and new value, frame by frame; norms of a large one.

        called: what a parameter is called in the graph, by its path.
        """
        found = []
        for name, update in self.frames[0].updates.items():
            exact = self.exact(self.frames[0].updates, name)
            rows = [columns(frame.updates[name], exact) for frame in self.frames]
            found.append({"name": called.get(name, name), "s": list(update.value.shape), "exact": exact, "d": rows})
        return found


def slots_of(view: View) -> list[Slot]:
    """Return every place of a picture that changes from step to step."""
    found = []
    for box in view.boxes:
        graded = [value for value in box.held if value.gradient is not None]
        found += [Slot(box, "q", value, order) for order, value in enumerate(graded)]
        if box.value is None:
            continue
        for word, data in (("v", box.value.data), ("g", box.value.gradient)):
            if data is not None and (data.size == 1 or is_printed(data) or has_room(data)):
                found.append(Slot(box, word, box.value))
    return found


def pattern(trace: Trace) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return what two graphs must share: operations and how they hang together; shapes."""
    calls = tuple((call.op, call.inputs, call.output) for call in trace.calls)
    return calls, tuple((value.data.shape, value.gradient is None) for value in trace.values)


def parted(found: list[Any], count: int) -> dict[str, Any]:
    """The frames, and what is there after their updates, where that is something else."""
    after = found[count:]
    return {"d": found[:count]} | ({"u": after} if after and after != found[:count] else {})


def columns(update: Update, exact: bool) -> list[Any]:
    """Value, gradient, change and new value: all numbers, or their norms."""
    parts = (update.value, update.gradient, update.change, update.new)
    if exact:
        return [[short(float(v)) for v in np.ravel(part)] for part in parts]
    return [short(float(np.linalg.norm(np.ravel(part).astype(float)))) for part in parts]


def largest(found: list[list[float]]) -> float:
    """The largest size of a finite number at any frame: one scale for all, so that a colour means one number.

    Gradients shrink so much while a model learns that each step has its own.
    """
    sizes = np.abs(np.array([v for numbers in found for v in numbers], dtype=float))
    return float(np.max(sizes[np.isfinite(sizes)], initial=0.0))


def short(value: float) -> float | str:
    """A number with five digits, for JSON."""
    plain = plain_number(value)
    return plain if isinstance(plain, str) else plain_number(float(f"{value:.5g}"))


def after_step(graph: Mapping[Any, int], parameters: Mapping[str, Any], updates: Mapping[str, Update]) -> Any:
    """Return the arrays that a step left in the parameters, by their number in the graph."""
    return {graph[p]: snapshot(updates[name].new, FULL) for name, p in parameters.items() if p in graph}
