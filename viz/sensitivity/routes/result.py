"""What ``viz.paths`` gives: the paths, their sum beside the gradient, the groups; as text, HTML, picture and data."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any

import numpy as np

from viz.graph.picture import Picture
from viz.output.render import GraphvizNotFound, RenderError
from viz.output.save import save_file
from viz.style.escape import plain_text
from viz.style.numbers import number

__all__ = ["Group", "Path", "Paths", "share_of"]

_WORDS = 160  # characters of a path that is written out
_ADDENDS = 6  # of a sum that is written out
_CELL = 720.0  # points that a notebook's cell is wide


@dataclass(frozen=True, eq=False)
class Path:
    """One path from the loss back to the value.

    nodes: what lies on it, from the loss to the value. factors: the local derivative of each step, where all values
    are single numbers; their product times the loss's own gradient is ``gradient``. gradient: what this path
    contributes, in the value's shape. norm: its norm; norms: on the way, from the loss on. share: ⟨gradient, total⟩ /
    ‖total‖²; the shares of all paths add up to 1, and one that points against the total is negative.
    bodies: the residual blocks through whose body it leads, by number from 1; None where the graph has none.
    """

    nodes: tuple[str, ...]
    factors: tuple[float, ...] | None
    gradient: np.ndarray
    norm: float
    norms: tuple[float, ...]
    share: float
    bodies: tuple[int, ...] | None = None

    @property
    def product(self) -> float | None:
        """The product of the factors; None where values are no single numbers."""
        return None if self.factors is None else math.prod(self.factors)

    def __str__(self) -> str:
        return " ← ".join(self.nodes)


@dataclass(frozen=True, eq=False)
class Group:
    """Several paths summed: how many, the gradient they contribute together, its norm and share (see ``Path``)."""

    name: str
    count: int
    gradient: np.ndarray
    norm: float
    share: float


@dataclass(frozen=True, eq=False)
class Paths:
    """Every path from a value to the loss. ``print`` it, show it in Jupyter, or ``.save`` it.

    loss, value: their names. level: the zoom level. count: of paths at that level; operations: of paths through single
    recorded operations. paths: the largest first. rest: the others, summed; None if all are here. total: the gradient,
    as backpropagation gives it. by_bodies: paths grouped by how many residual bodies they lead through; blocks: for
    each residual block, what comes by its skip and through its body. notes: what was left out, and why.
    """

    loss: str
    value: str
    level: str
    count: int
    operations: int
    start: float
    paths: tuple[Path, ...]
    rest: Group | None
    total: np.ndarray
    by_bodies: tuple[Group, ...]
    blocks: tuple[tuple[str, Group, Group], ...]
    notes: tuple[str, ...]
    picture: Picture

    @property
    def title(self) -> str:
        """What the picture is called."""
        return f"{counted(self.count)} from {self.loss} back to {self.value}"

    @property
    def sum(self) -> str:
        """The contributions and what they make: ``0.12 + 0.3 = 0.42``, or the norm of the sum for an array."""
        return sum_text(self.loss, self.value, self.count, self.addends(), self.total)

    def addends(self) -> list[Path | Group]:
        """The paths, the others' sum last."""
        return [*self.paths, *([self.rest] if self.rest else [])]

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Number, share, product or norm, and the path, as text; the sum of the others last."""
        found = [
            (f"#{i}", percent(path.share), worth(path, self.start), clipped(path) + bodies_text(path))
            for i, path in enumerate(self.paths, 1)
        ]
        if self.rest:
            size = value_text(self.rest.gradient, self.rest.norm)
            found.append(("", percent(self.rest.share), size, self.rest.name))
        return found

    def group_rows(self) -> list[tuple[str, str, str, str]]:
        """Name, number of paths, size and share of each group, as text."""
        return [(g.name, f"{g.count:,}", value_text(g.gradient, g.norm), percent(g.share)) for g in self.by_bodies]

    def block_rows(self) -> list[tuple[str, str, str]]:
        """Each residual block with the share of its skip and of its body, as text."""
        return [(name, percent(skip.share), percent(body.share)) for name, skip, body in self.blocks]

    def __str__(self) -> str:
        lines = [f"{self.title} (level {self.level})", self.sum, ""]
        lines += aligned(self.rows())
        if self.by_bodies:
            lines += ["", "by the number of residual bodies on the way:"]
            lines += aligned([(g[0], *g[2:], counted(int(g[1].replace(",", "")))) for g in self.group_rows()])
        if self.blocks:
            lines += ["", "of each residual block, what comes by the skip and through the body:"]
            lines += aligned([(name, f"skip {skip}", f"body {body}") for name, skip, body in self.block_rows()])
        return "\n".join(line.rstrip() for line in [*lines, *([""] if self.notes else []), *self.notes])

    def __repr__(self) -> str:
        return f"<{self.title}: {self.sum}>"

    def html(self) -> str:
        """The tables as a piece of HTML, for a cell or a page."""
        parts = []
        last = "product" if self.total.size == 1 else "norm"
        parts.append(html_table(("", "share", last, "path, from the loss back"), self.rows()))
        if self.by_bodies:
            parts.append(html_table(("residual bodies on the way", "paths", last, "share"), self.group_rows()))
        if self.blocks:
            parts.append(html_table(("residual block", "by the skip", "through the body"), self.block_rows()))
        parts += [f"<p><small>{safe(note)}</small></p>" for note in self.notes]
        return "".join(parts)

    def save(self, path: Any) -> File:
        """Write the picture (.svg .png .pdf .dot .html) or the text (.txt); an existing file is replaced whole."""
        target = File(path)
        if target.suffix.lower() != ".txt":
            return self.picture.save(target)
        save_file(target, str(self) + "\n")
        return target

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        try:
            picture = self.picture.svg(widest=_CELL)
        except (GraphvizNotFound, RenderError, TimeoutError, OSError) as problem:
            picture = f"<p>({safe(str(problem))})</p>"
        head = f"<p><b>{safe(self.title)}</b> (level {self.level})<br>{safe(self.sum)}</p>"
        return {"text/plain": str(self), "text/html": f"<div>{head}{picture}{self.html()}</div>"}


def sum_text(loss: str, value: str, count: int, parts: Sequence[Path | Group], total: np.ndarray) -> str:
    """Return the contributions and what they make: ``0.12 + 0.3 = 0.42``, or shares of the norm of an array."""
    word = f"∂{loss}/∂{value}"
    size = f"{word} = {number(float(total.sum()))}" if total.size == 1 else f"‖{word}‖ = {number(norm_of(total))}"
    if count <= 1:
        return f"{size}: there is {'one' if count else 'no'} path"
    if total.size == 1:
        return f"{word} = {added([float(part.gradient.sum()) for part in parts], float(total.sum()))}"
    return f"{size}, of which the paths bring {added([part.share for part in parts], None)}"


def share_of(g: Any, total: Any) -> float:
    """Return ⟨g, total⟩ / ‖total‖², NaN where the total is 0."""
    square = float(np.square(total, dtype=np.float64).sum())
    return float((np.asarray(g, np.float64) * total).sum()) / square if square > 0 else math.nan


def norm_of(g: Any) -> float:
    """Return the norm, in float64."""
    return float(np.sqrt(np.square(g, dtype=np.float64).sum()))


def added(parts: list[float], total: float | None) -> str:
    """Return ``0.12 + 0.3 − 0.1 = 0.32``; of many parts the first few. Without a total, shares, which make 100 %."""
    write = number if total is not None else percent
    text = write(parts[0])
    for part in parts[1:_ADDENDS]:
        text += f" − {write(-part)}" if part < 0 else f" + {write(part)}"
    if len(parts) > _ADDENDS:
        text += " + …"
    return f"{text} = {number(total) if total is not None else percent(math.fsum(parts))}"


def percent(share: float) -> str:
    """Return a share as text; of an undefined one, that."""
    return "undefined" if math.isnan(share) else f"{number(round(100 * share, 1))} %"


def counted(n: int) -> str:
    """Return ``1 path``, ``12 paths``; a huge count in powers of ten."""
    words = f"{n:,}" if n < 10**9 else f"about 10^{len(str(n)) - 1}"
    return f"{words} path{'' if n == 1 else 's'}"


def worth(path: Path, start: float) -> str:
    """Return a path's product with its factors, or its norm."""
    if path.factors is None:
        return value_text(path.gradient, path.norm)
    factors = [*([start] if start != 1 or not path.factors else []), *path.factors]
    product = number(float(path.gradient.sum()))
    if len(factors) < 2:
        return product
    text = " × ".join(f"({number(f)})" if f < 0 and i else number(f) for i, f in enumerate(factors))
    return f"{text} = {product}"


def bodies_text(path: Path) -> str:
    """Return through which residual bodies a path leads, in brackets; nothing where there are none."""
    if path.bodies is None:
        return ""
    many = "ies" if len(path.bodies) > 1 else "y"
    return f" (bod{many} {', '.join(map(str, path.bodies))})" if path.bodies else " (skips alone)"


def value_text(g: np.ndarray, norm: float) -> str:
    """Return a number as it is, an array by its norm."""
    return number(float(g.sum())) if g.size == 1 else f"norm {number(norm)}"


def clipped(path: Path) -> str:
    """Return a path on a line, its middle left out where it is long."""
    text = str(path)
    if len(text) <= _WORDS:
        return text
    half = _WORDS // 2 - 2
    return f"{text[:half].rsplit(' ← ', 1)[0]} ← … ← {text[-half:].split(' ← ', 1)[-1]}"


def aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return rows as lines with columns under each other."""
    widths = [max(map(len, column)) for column in zip(*rows)] if rows else []
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)) for row in rows]


def safe(text: str) -> str:
    """Return text for HTML."""
    return html.escape(plain_text(text, 2000))


def unbroken(text: str) -> str:
    """Return text for a table's cell, numbers kept beside their words."""
    return safe(text).replace(" %", "&nbsp;%").replace("norm ", "norm&nbsp;")


def html_table(head: tuple[str, ...], rows: list[Any]) -> str:
    """Return a table."""
    top = "".join(f'<th scope="col" style="text-align:left">{safe(cell)}</th>' for cell in head)
    body = "".join(
        "<tr>" + "".join(f'<td style="text-align:left">{unbroken(cell)}</td>' for cell in row) + "</tr>" for row in rows
    )
    return f'<table style="margin:1em 0"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'
