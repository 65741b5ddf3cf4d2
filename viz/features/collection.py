"""The favourite images of several units, side by side."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from viz.features.ascent import maximize, show, span
from viz.figures.figure import Figure, known_theme
from viz.style.numbers import number as text_of

__all__ = ["gallery"]

_ACROSS = 5


def gallery(
    model: Any = None, layer: Any = None, units: Iterable[Any] = range(10), *, theme: str = "light", **options: Any
) -> Figure:
    """Draw what each of several units of a layer looks for; arguments, options and errors as ``maximize``.

    theme: ``light`` or ``dark``. Raises ValueError for no units, ImportError where matplotlib is missing.
    """
    known_theme(theme, "gallery")
    wanted = list(units)
    if not wanted:
        raise ValueError("gallery: give one unit at least")
    found = [maximize(model, layer, unit, **options) for unit in wanted]
    name = found[0].unit.partition(" of ")[2]
    lines = math.ceil(len(found) / _ACROSS)
    columns = min(_ACROSS, len(found))
    said = "; ".join(f"{one.unit}: {text_of(one.activations[0])} → {text_of(one.activations[-1])}" for one in found)
    title = f"What the units of {name} look for"
    figure = Figure(title=title, description=said, size=(1.5 * columns, 1.75 * lines + 0.5), theme=theme)
    for axes in figure.canvas.subplots(lines, columns, squeeze=False).flat:
        axes.set_axis_off()
    for axes, unit, one in zip(figure.canvas.axes, wanted, found):
        show(axes, one.image, *span([one.image]))
        axes.set_title(f"unit {unit}\na = {text_of(one.activations[-1])}", fontsize=9.5)
    return figure
