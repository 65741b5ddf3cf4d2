"""``tg.networks``: the course's table of architectures, counted from the models themselves."""

from __future__ import annotations

import html as markup
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tinygrad_edu.inspection.layers import Summary, summary
from tinygrad_edu.inspection.table import CSS, cell, columns
from tinygrad_edu.models.catalogue import CATALOGUE, Published, blank, entry

__all__ = ["Network", "Networks", "network", "networks"]

HEADINGS = ("network", "image", "top-1", "top-5", "MB", "parameters", "multiply-adds", "depth", "accuracies from")
TEXT = (0, len(HEADINGS) - 1)  # columns of words
MIB = 2**20
REMARKS = (
    "Accuracies in %, as published, on ImageNet's validation images. MB: 2²⁰ bytes of float32. Parameters: with moving "
    "means and variances, without what serves training alone. Depth: the layers on the longest path, with input, "
    "padding, normalisation, activations (where they are layers), additions and concatenations."
)


@dataclass(frozen=True)
class Network:
    """A line of the table. top1, top5: published accuracies in %, from ``source``; the rest is counted.

    parameters: with moving statistics, as Keras counts them, without what is used in training alone (the auxiliary
    classifiers of Inception v1). megabytes: of 2²⁰ bytes, in float32. depth: layers on the longest path.
    """

    name: str
    title: str
    input_shape: tuple[int, ...]
    top1: float | None
    top5: float | None
    source: str
    megabytes: float
    parameters: int
    multiply_adds: int
    depth: int


class Networks:
    """The course's table: text when printed, HTML in Jupyter, ``.rows`` for code."""

    def __init__(self, rows: list[Network]) -> None:
        self.rows = tuple(rows)

    def __str__(self) -> str:
        lines = [HEADINGS, *map(cells, self.rows)]
        head, *body = columns([line[:-1] for line in lines], 1)
        width = max(map(len, (head, *body)))
        head, *body = [f"{row.ljust(width)}  {line[-1]}".rstrip() for row, line in zip([head, *body], lines)]
        return "\n".join([head, "─" * max(map(len, (head, *body))), *body])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        def row(tag: str, words: tuple[str, ...]) -> str:
            return f"<tr>{''.join([cell(tag, w, i in TEXT) for i, w in enumerate(words)])}</tr>"

        body = "".join([row("td", cells(found)) for found in self.rows])
        return (
            f'<style>{CSS}</style><table class="tg-summary"><thead>{row("th", HEADINGS)}</thead><tbody>{body}</tbody>'
            f"</table><p>{markup.escape(REMARKS)}</p>"
        )


def networks(*names: str, say: Callable[[str], Any] | None = None) -> Networks:
    """Build each network, count it, and return the course's table: accuracies, size, parameters, work, depth.

    names: those of ``tg.models``; without any, all that are in the catalogue, which takes some seconds and 1 GiB of
    memory at most. say: called with each name before it is built.
    Raises ValueError for a name that the catalogue does not have.
    """
    for name in names:
        entry(name)
    rows = []
    for name in names or CATALOGUE:
        if say is not None:
            say(name)
        found = entry(name)
        rows.append(network(name, found, summary(blank(name), found.input_shape)))
    return Networks(rows)


def network(name: str, found: Published, counted: Summary) -> Network:
    """Return the line of a network whose layers have been counted."""
    parameters = sum(row.parameters + row.buffers for row in counted.rows)
    published = (found.top1, found.top5, found.source)
    size = 4 * parameters / MIB
    shape = counted.rows[0].output_shape
    return Network(name, found.title, shape, *published, size, parameters, counted.total_multiply_adds, counted.depth)


def cells(row: Network) -> tuple[str, ...]:
    """Return what stands in a line."""
    image = "×".join(map(str, (*row.input_shape[1:], row.input_shape[0]))) if len(row.input_shape) == 3 else "–"
    accuracies = ["–" if value is None else f"{value:.1f}" for value in (row.top1, row.top5)]
    megabytes = f"{row.megabytes:,.0f}" if row.megabytes >= 10 else f"{row.megabytes:.2f}"
    counts = (f"{row.parameters:,}", f"{row.multiply_adds:,}", str(row.depth))
    return (row.title, image, *accuracies, megabytes, *counts, row.source or "–")
