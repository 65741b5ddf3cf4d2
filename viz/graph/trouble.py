"""What may be wrong with a net, as marks on its picture: gradients that vanish, steps too large, dead units, NaN."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu import Step
from tinygrad_edu.engine.trace.recompute import recompute
from tinygrad_edu.engine.trace.snapshot import snapshot
from tinygrad_edu.engine.trace.tracing import Call, Snapshot, Trace, Value
from tinygrad_edu.inspection.flow import NONLINEAR, dead_units
from viz.graph.fold import Box, View, folded_regions
from viz.graph.live import tensors_by_id
from viz.style.numbers import number
from viz.style.theme import NAN_COLOUR, NAN_PALE, NAN_PALEST, heat_colour, size_colour

__all__ = [
    "COLOURS", "RATIO_RULE", "Mark", "marks_of", "norm_of_sum", "ratio_colour", "share_colour", "unreached", "width_of",
    "width_scale",
]  # fmt: skip

COLOURS = ("grad", "ratio", "dead", "nan")
RATIO_RULE = 1e-3  # Karpathy, CS231n notes, "Neural Networks Part 3: Learning and Evaluation"
_LOW, _HIGH = 1e-4, 1e-2  # where that rule of thumb is far off


@dataclass(frozen=True)
class Mark:
    """How a box shows what was measured there: its fill, and words, for colour is never the only sign."""

    fill: str
    words: tuple[str, ...]
    alarm: bool = False  # trouble starts here: a heavier line


def marks_of(
    view: View, colour_by: str, lr: float | None, live: Callable[[], tuple[Any, Sequence[Step]]]
) -> dict[str, Mark]:
    """Return the marks of the boxes, by id. live: gives the output and the steps of its backward pass."""
    begun = starts_by_box(view)
    bad = {box.id: mark for box in view.boxes if (mark := nan_mark(box, begun.get(box.id, ())))}
    if colour_by == "grad":
        found = {box.id: mark for box in view.boxes if (mark := gradient_mark(box))}
    elif colour_by == "ratio":
        found = ratio_marks(view, lr, live)
    elif colour_by == "dead":
        found = dead_marks(view, live) if view.trace.steps else {}
    else:
        found = {}
    return {**found, **bad}


# The size of the gradient


def gradient_mark(box: Box) -> Mark | None:
    """Return a mark by the size of the gradient at a box's value, on a logarithmic scale."""
    gradient = box.value.gradient if box.value is not None else None
    if gradient is None:
        return None
    words = (f"gradient norm {number(gradient.norm)}",) if gradient.size != 1 else ()
    return Mark(size_colour(math.log10(gradient.norm) if gradient.norm > 0 else -20), words)


# How far a step moves the weights


def ratio_marks(view: View, lr: float | None, live: Callable[[], Any]) -> dict[str, Mark]:
    """Return a mark for each box with parameters: the norm of their update over their own norm."""
    trace = view.trace
    if lr is not None:
        moved = {v.id: lr * v.gradient.norm for v in trace.values if v.gradient is not None}
    else:
        moved = changes(trace, live)
    found = {}
    for box in view.boxes:
        values = [v for v in (*box.held, *([box.value] if box.value is not None else [])) if v.kind == "parameter"]
        values = [v for v in values if v.id in moved]
        if values:
            update = math.hypot(*[moved[v.id] for v in values])
            found[box.id] = ratio_mark(update, math.hypot(*[v.data.norm for v in values]))
    return found


def changes(trace: Trace, live: Callable[[], Any]) -> dict[int, float]:
    """Return how far each parameter has moved since the loss saw it; ValueError if none has."""
    output, steps = live()
    seen = recompute(output, {})
    leaves = [v.id for v in trace.values if v.kind == "parameter"]
    tensors = {i: x for i, x in tensors_by_id(trace, steps).items() if i in leaves}
    moved = {i: snapshot(np.asarray(x.data, float) - seen[x]).norm for i, x in tensors.items()}
    if not any(moved.values()):
        raise ValueError(
            'draw: color_by="ratio" wants lr=, for a step of SGD, or weights that changed since this loss was recorded '
            "(call optimizer.step() first); none has"
        )
    return moved


def ratio_mark(update: float, weight: float) -> Mark:
    """Return the mark of an update."""
    ratio = update / weight if weight else math.inf if update else 0.0
    verdict = "low" if ratio < _LOW else "high" if ratio > _HIGH else "about right"
    if not weight and update:
        return Mark(ratio_colour(3), ("the weights are 0: no ratio",))
    words = (f"step/weight {number(ratio)}: {verdict}",)
    return Mark(ratio_colour(math.log10(ratio / RATIO_RULE) if ratio else -3), words)


def ratio_colour(decades: float) -> str:
    """Return a colour for decades above (orange) or below (blue) the rule of thumb."""
    return heat_colour(max(-3.0, min(3.0, decades)), 5.0)


# Units that are off for all examples


def dead_marks(view: View, live: Callable[[], Any]) -> dict[str, Mark]:
    """Return a mark for each box with a nonlinearity: the share of units whose slope is 0 for the whole batch."""
    owner = owners(view)
    counts: dict[str, list[int]] = {}
    for turn, step in zip(view.trace.steps, live()[1]):
        if step.op in NONLINEAR:
            units = dead_units(step.pull(0, np.ones_like(step.output.data)))
            count = counts.setdefault(owner[turn.call], [0, 0])
            count[0] += int(np.count_nonzero(units))
            count[1] += int(np.size(units))
    return {box: dead_mark(*count) for box, count in counts.items() if count[1]}


def owners(view: View) -> dict[int, str]:
    """Return the id of the box that each call is in."""
    folded = folded_regions(view.trace, view.level)
    return {call: f"c{call}" if region is None else f"r{region}" for call, region in folded.items()}


def dead_mark(dead: int, units: int) -> Mark:
    """Return the mark of a nonlinearity."""
    percent = f"{round(100 * dead / units, 1):g} %"
    return Mark(share_colour(dead / units), (f"dead {percent}: {dead:,} of {units:,} units",))


def share_colour(share: float) -> str:
    """Return a colour for a share: pale at 0, orange at 1."""
    return size_colour(8 * share - 8)


# NaN and Inf


def starts_by_box(view: View) -> dict[str, list[str]]:
    """Return the ids of the boxes in which NaN or Inf comes up, forward or back, and words for each."""
    trace, owner = view.trace, owners(view)
    holder = {value.id: box.id for box in view.boxes for value in box.held}
    by_id = {value.id: value for value in trace.values}
    calls = {call.id: call for call in trace.calls}
    found: dict[str, list[str]] = {}
    for value in trace.values:
        call = calls.get(value.made_by) if value.made_by is not None else None
        if value.data.nans and not any(by_id[x].data.nans for x in (call.inputs if call else ())):
            box = owner[call.id] if call else holder.get(value.id, f"v{value.id}")
            found.setdefault(box, ["NaN or Inf starts here"])
    for turn in trace.steps:
        call = calls[turn.call]
        seen = [turn.upstream, *[by_id[x].data for x in call.inputs], *[by_id[y].data for y in outputs_of(call)]]
        made = any(piece is not None and piece.nans for piece in turn.contributions)
        if made and not any(data.nans for data in seen):
            found.setdefault(owner[call.id], []).append(f"the rule of {call.op} makes NaN or Inf")
    return found


def outputs_of(call: Call) -> list[int]:
    """Return the id of what a call made, in a list."""
    return [] if call.output is None else [call.output]


def nan_mark(box: Box, begun: Sequence[str]) -> Mark | None:
    """Return the mark of a box that holds NaN or Inf; begun: what is to be said where they come up."""
    own = [box.value] if box.value is not None else []
    words = [f"{v.name}: {bad_share(v.data)}" for v in box.held if v.data.nans]
    words += [f"value: {bad_share(v.data)}" for v in own if v.data.nans]
    fill = NAN_COLOUR if begun else NAN_PALE if words else NAN_PALEST
    words += [f"gradient: {bad_share(v.gradient)}" for v in own if v.gradient is not None and v.gradient.nans]
    return Mark(fill, (*words, *dict.fromkeys(begun)), bool(begun)) if words or begun else None


def bad_share(data: Snapshot) -> str:
    """Return how many numbers of an array are none."""
    return f"{data.nans:,} of {data.size:,} NaN or Inf"


# What flows back along an edge


def norm_of_sum(pieces: Iterable[Snapshot]) -> float:
    """Return the norm of what flows back, or of several pieces together; NaN where one holds NaN."""
    found = list(pieces)
    return math.nan if any(piece.nans for piece in found) else math.hypot(*[piece.norm for piece in found])


def width_scale(view: View) -> tuple[float, float] | None:
    """Return the decades between which the picture's edges lie; None if nothing flows back."""
    norms = [norm_of_sum(arrow.back) for arrow in view.arrows if arrow.back]
    logs = [math.log10(norm) for norm in norms if 0 < norm < math.inf]
    if not logs:
        return None
    low, high = math.floor(min(logs)), math.ceil(max(logs))
    return low, max(high, low + 1)


def width_of(norm: float, scale: tuple[float, float] | None) -> float:
    """Return how wide an edge is, in points, on a logarithmic scale."""
    if scale is None or not 0 < norm < math.inf:
        return 0.8
    return 1 + 6 * (math.log10(norm) - scale[0]) / (scale[1] - scale[0])


def unreached(value: Value, trace: Trace) -> bool:
    """Whether a parameter gets no gradient though the backward pass ran."""
    return bool(trace.steps) and value.kind == "parameter" and value.gradient is None
