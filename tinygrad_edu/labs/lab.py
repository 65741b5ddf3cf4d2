"""What a lab gives: curves, a table of numbers, and what they say; and how its networks are trained."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from textwrap import fill
from typing import Any

from tinygrad_edu import data, optim
from tinygrad_edu.nn import Module
from tinygrad_edu.training import fit

__all__ = ["Lab", "Series", "trained"]

_WIDTH = 100  # characters of a line, so that a notebook breaks none in the middle of a word


@dataclass(frozen=True)
class Series:
    """One variant: its name and a number per epoch, or a single number, for a bar."""

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Lab:
    """The result of a lab. Printed, a table; ``viz.lab(result)`` draws it.

    question: what it asks. quantity: what the series hold; logarithmic: whether they are best drawn so. columns, rows:
    the numbers, each row beginning with a variant's name. conclusion: what these numbers say, made from them.
    """

    name: str
    question: str
    quantity: str
    series: tuple[Series, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    conclusion: str
    logarithmic: bool = False

    def __str__(self) -> str:
        lines = [self.columns, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        text = [self.question, ""]
        for number, line in enumerate(lines):
            first, *others = line
            text.append("  ".join([first.ljust(widths[0]), *[c.rjust(w) for c, w in zip(others, widths[1:])]]).rstrip())
            if not number:
                text.append("  ".join("-" * w for w in widths))
        return "\n".join([*text, "", fill(self.conclusion, _WIDTH)])


def trained(
    model: Module,
    x: Any,
    y: Any,
    *,
    epochs: int,
    lr: float,
    seed: int,
    batch_size: int = 64,
    momentum: float = 0.9,
    validation: Any = None,
) -> Sequence[Any]:
    """Train by SGD and return the epochs' rows; those before a loss that became NaN or infinite."""
    rows: list[Any] = []
    loader = data.DataLoader((x, y), batch_size, shuffle=True, seed=seed)
    optimizer = optim.SGD(model.parameters(), lr, momentum=momentum)
    with suppress(FloatingPointError):  # it diverged: that is a result
        fit(
            model, loader, epochs=epochs, optimizer=optimizer, validation=validation, progress=False,
            on_epoch=rows.append,
        )  # fmt: skip
    return rows
