"""The picture of a lab: its curves, or bars where each variant has a single number."""

from __future__ import annotations

from typing import Any

from tinygrad_edu.labs import Lab
from viz.figures.figure import COLOURS, Figure, dress, figure_text, known_theme, legend
from viz.style.numbers import number as text_of

__all__ = ["lab"]


def lab(result: Lab, *, theme: str = "light") -> Figure:
    """Draw what a lab found; ``tinygrad_edu.labs.run(name)`` gives the result. TypeError for anything else.

    theme: ``light`` or ``dark``, ValueError for another.
    """
    known_theme(theme, "lab")
    if not isinstance(result, Lab):
        raise TypeError(f"lab: wanted the result of tinygrad_edu.labs.run(...), got {type(result).__name__}")
    said = f"{result.question} {result.conclusion}"
    figure = Figure(title=result.question, description=said, size=(8.2, 4.2), theme=theme)
    (axes,) = figure.axes()
    if all(len(one.values) == 1 for one in result.series):
        bars(axes, result)
    else:
        for one in result.series:
            label = f"{figure_text(one.name)}, last {text_of(one.values[-1])}"
            axes.plot(range(1, len(one.values) + 1), one.values, label=label)
        dress(axes, x="epoch", y=result.quantity)
        axes.set_prop_cycle(None)
        if result.logarithmic:
            axes.set_yscale("log")
        else:
            axes.set_ylim(bottom=0)
        axes.locator_params(axis="x", integer=True)
        legend(axes)
    return figure


def bars(axes: Any, result: Lab) -> None:
    """Draw a bar for each variant."""
    names = [figure_text(one.name) for one in result.series]
    drawn = axes.barh(names, [one.values[0] for one in result.series], color=COLOURS[: len(names)], height=0.55)
    dress(axes, x=result.quantity)
    axes.bar_label(drawn, labels=[text_of(one.values[0]) for one in result.series], padding=4, fontsize=10.5)
    axes.invert_yaxis()
    axes.margins(x=0.12)
