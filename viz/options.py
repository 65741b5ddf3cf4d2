"""What is shown on a picture, and how."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Options"]


@dataclass(frozen=True)
class Options:
    """What ``viz.draw`` was asked for; see there."""

    show: tuple[str, ...] = ("value", "grad")
    backward: bool = False
    direction: str = "LR"
    theme: str = "light"
    colour_by: str | None = None  # "grad": fill values by the size of their gradient
    dead: bool = False  # mark values whose gradient is all 0
    legend: bool = True
    size: tuple[float, float] | None = None  # inches that the picture must fit in
    title: str | None = None

    @property
    def horizontal(self) -> bool:
        """Whether values flow from side to side."""
        return self.direction in ("LR", "RL")
