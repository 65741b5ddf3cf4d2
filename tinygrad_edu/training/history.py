"""What each epoch came to."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = ["Epoch", "History"]

SHOWN = 20  # rows of a long history; the middle is left out


class Epoch(NamedTuple):
    """One epoch: means over its examples, the learning rate of the first group, and how long it took."""

    epoch: int
    loss: float
    accuracy: float | None
    validation_loss: float | None
    validation_accuracy: float | None
    lr: float
    seconds: float

    def __str__(self) -> str:
        parts = [f"epoch {self.epoch}: loss {self.loss:.4f}"]
        if self.accuracy is not None:
            parts.append(f"accuracy {100 * self.accuracy:.2f} %")
        if self.validation_loss is not None:
            parts.append(f"validation loss {self.validation_loss:.4f}")
        if self.validation_accuracy is not None:
            parts.append(f"accuracy {100 * self.validation_accuracy:.2f} %")
        return ", ".join([*parts, f"lr {self.lr:.3g}", f"{self.seconds:.1f} s"])


@dataclass(repr=False)
class History:
    """What ``fit`` returns: ``rows``, one ``Epoch`` each; printed, a table. ``viz.curves`` draws it.

    stopped: why training ended before its last epoch, or nothing. interrupted: whether Ctrl-C did it.
    """

    rows: list[Epoch] = field(default_factory=list)
    stopped: str = ""
    interrupted: bool = False

    @property
    def columns(self) -> dict[str, list[Any]]:
        """The rows as lists by name: ``loss``, ``accuracy`` and so on."""
        return {name: [getattr(row, name) for row in self.rows] for name in Epoch._fields}

    @property
    def best(self) -> Epoch | None:
        """The first epoch with the lowest validation loss; None where there was no validation."""
        tested = [row for row in self.rows if row.validation_loss is not None and not math.isnan(row.validation_loss)]
        return min(tested, key=lambda row: float(row.validation_loss or 0.0), default=None)

    def stalled(self, patience: int | None) -> bool:
        """Whether the validation loss has not fallen for so many epochs."""
        best = self.best.epoch if self.best else 0
        return patience is not None and len(self.rows) - best >= patience

    def stop_early(self, patience: int) -> None:
        """Note that patience ran out."""
        best = f"; the model is that of epoch {self.best.epoch}" if self.best else ""
        self.stopped = f"stopped after epoch {len(self.rows)}: no lower validation loss for {patience} epochs{best}"

    def interrupt(self) -> None:
        """Note that Ctrl-C was pressed."""
        self.interrupted = True
        self.stopped = f"interrupted: everything is as it was {self.place()}"

    def place(self) -> str:
        """Where training stands, in words."""
        return f"after epoch {len(self.rows)}" if self.rows else "at the start"

    def __repr__(self) -> str:
        if not self.rows:
            return f"History: no epochs; {self.stopped}" if self.stopped else "History: no epochs"
        names = [name for name in Epoch._fields if any([getattr(row, name) is not None for row in self.rows])]
        lines = [[name.replace("_", " ") for name in names]]
        lines += [[written(name, getattr(row, name)) for name in names] for row in self.rows]
        widths = [max([len(line[i]) for line in lines]) for i in range(len(names))]
        table = ["  ".join([cell.rjust(width) for cell, width in zip(line, widths)]) for line in lines]
        if len(self.rows) > SHOWN:
            table[1 + SHOWN // 2 : -SHOWN // 2] = ["…".rjust(widths[0])]
        return "\n".join([*table, *([self.stopped] if self.stopped else [])])


def written(name: str, value: Any) -> str:
    """Return a number of the table as text."""
    if value is None:
        return "-"
    if name == "epoch":
        return str(value)
    if "accuracy" in name:
        return f"{100 * value:.2f} %"
    return f"{value:.3g}" if name == "lr" else f"{value:.1f}" if name == "seconds" else f"{value:.4f}"
