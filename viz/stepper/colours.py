"""What the boxes of a level can be coloured by: fill and words for each, for colour is never the only sign."""

from __future__ import annotations

import math
from typing import Any

from viz.graph.fold import Box, View
from viz.graph.trouble import marks_of, norm_of_sum, unreached, width_of, width_scale
from viz.stepper.behind import Behind
from viz.style.numbers import number
from viz.style.theme import size_colour

__all__ = ["colours", "scaled"]

_NAMES = {
    "grad": "norm of the gradient", "ratio": "gradient to weight", "dead": "dead units", "nan": "NaN or Inf",
}  # fmt: skip
_SPAN = 2.0  # decades that the colours span at least: what is nearly alike should look so


def colours(view: View, live: Behind, lr: float | None) -> dict[str, Any]:
    """Return ``by``: for each way to colour, its name, by box fill and words, and its scale in words;
    ``widths`` of arrows; ``cut``, the boxes that no gradient reached.

    Norms are coloured by where they lie between the least and the largest of the level, on a logarithmic scale.
    Without a learning rate the norm of a gradient over that of its weights stands for how far a step goes.
    """
    steps = (live.outputs[0], live.steps)
    marks = {mode: marks_of(view, mode, lr, lambda: steps) for mode in _NAMES if mode != "ratio" or lr is not None}
    by: dict[str, Any] = {}
    for mode, name in _NAMES.items():
        if mode == "grad":
            by[mode] = [name, *scaled({box.id: norm for box in view.boxes if (norm := gradient_norm(box)) is not None})]
        elif mode == "ratio" and lr is None:
            by[mode] = [name, *scaled(plain_ratios(view))]
        else:
            title = "update to weight" if mode == "ratio" else name
            by[mode] = [title, {box: [mark.fill, shortened(mark.words)] for box, mark in marks[mode].items()}]
    for box, mark in marks["nan"].items():  # trouble is shown in every mode
        for mode in ("grad", "ratio"):
            by[mode][1][box] = [mark.fill, shortened(mark.words)]
    scale = width_scale(view)
    widths = [round(width_of(norm_of_sum(arrow.back), scale), 1) if arrow.back else 0 for arrow in view.arrows]
    cut = [box.id for box in view.boxes if any(unreached(v, view.trace) for v in held(box))]
    return {"by": by, "widths": widths, "cut": cut}


def scaled(sizes: dict[str, float]) -> tuple[dict[str, list[str]], str]:
    """Return fill and words for sizes, from pale for the least to orange for the largest; and the scale in words."""
    logarithms = [math.log10(v) for v in sizes.values() if 0 < v < math.inf]
    if not logarithms:
        return {box: [size_colour(-8), number(v)] for box, v in sizes.items()}, ""
    high, low = max(logarithms), min(logarithms)
    span = max(_SPAN, high - low)
    found = {}
    for box, v in sizes.items():
        share = (math.log10(v) - high) / span + 1 if 0 < v < math.inf else 0.0
        found[box] = [size_colour(8 * share - 8), number(v)]
    ends = f"pale {number(10 ** (high - span))}, orange {number(10**high)}"
    return found, f", logarithmic: {ends}; the number stands at the box"


def shortened(words: tuple[str, ...]) -> str:
    """The first of a mark's words, without what the legend says."""
    return words[0].removeprefix("step/weight ").removeprefix("dead ") if words else ""


def gradient_norm(box: Box) -> float | None:
    """The norm of the gradient at a box's value."""
    gradient = box.value.gradient if box.value is not None else None
    return None if gradient is None else gradient.norm


def held(box: Box) -> list[Any]:
    """The values that a box shows."""
    return [*box.held, *([box.value] if box.value is not None else [])]


def plain_ratios(view: View) -> dict[str, float]:
    """Return the norm of the gradient of a box's parameters over their own."""
    found = {}
    for box in view.boxes:
        values = [v for v in held(box) if v.kind == "parameter" and v.gradient is not None]
        weight = math.hypot(*[v.data.norm for v in values])
        if values and weight:
            found[box.id] = math.hypot(*[v.gradient.norm for v in values]) / weight
    return found
