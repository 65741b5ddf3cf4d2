"""What is shown on a picture, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tinygrad_edu.engine.trace.tracing import Value
from viz.graph.trouble import Mark

__all__ = ["Options"]


@dataclass(frozen=True)
class Options:
    """What ``viz.draw`` was asked for; see there."""

    show: tuple[str, ...] = ("value", "grad")
    backward: bool = False
    direction: str = "LR"
    theme: str = "light"
    colour_by: str | None = None  # "grad", "ratio", "dead" or "nan": what the fills tell; see ``trouble``
    marks: Mapping[str, Mark] = field(default_factory=dict)  # by the id of a box: its fill and words then
    widths: bool = False  # edges as wide as what flows back along them is large
    unreached: tuple[Value, ...] = ()  # parameters that no gradient reaches, and that are in the graph no more
    dead: bool = False  # mark values whose gradient is all 0
    legend: bool = True
    size: tuple[float, float] | None = None  # inches that the picture must fit in
    title: str | None = None
    more: Mapping[int, tuple[str, ...]] = field(default_factory=dict)  # rows of markup under a value, by its id

    @property
    def horizontal(self) -> bool:
        """Whether values flow from side to side."""
        return self.direction in ("LR", "RL")
