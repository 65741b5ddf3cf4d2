"""Numbers as text: in a cell, and as the sum of products that makes one of the output."""

from __future__ import annotations

import math

from viz.convolution.numbers import Numbers
from viz.style.numbers import number

__all__ = ["cell_number", "letter_size", "sum_lines"]

_SHOWN = 4  # channels whose products are written out
_TERMS = 36  # products that are, else the first
_FIRST = 9


def cell_number(value: float) -> str:
    """Return a number as short as a cell needs it; nothing for NaN that stands for no number."""
    if math.isnan(value):
        return ""
    if float(value).is_integer() and abs(value) < 10_000:
        return number(value)
    short = f"{value:.2f}".replace("-", "−")
    if abs(value) >= 1000 or short in ("0.00", "−0.00"):
        return number(float(f"{value:.0e}"))
    return short


def letter_size(cell: float, longest: int) -> float:
    """Return the size of letters that fit into a cell."""
    return min(0.42 * cell, (cell - 3) / (0.56 * max(longest, 1)))


def sum_lines(numbers: Numbers, step: int) -> list[str]:
    """Return the products that make one number of the output, a line for each input channel, and their sum."""
    g = numbers.geometry
    channel, row, column = g.place(step)
    bias = "" if numbers.bias is None else f" {signed(float(numbers.bias[channel]))} (bias)"
    result = number(float(numbers.y[channel, row, column]))
    products = numbers.products(step)
    sources = list(g.inputs_of(channel))
    if len(sources) == 1:
        return [f"{written_sum([(p, w) for _, p, w in products])}{bias} = {result}"]
    parts = {source: [(p, w) for at, p, w in products if at == source] for source in sources}
    sums = [math.fsum(p * w for p, w in part) for part in parts.values()]
    said = [f"channel {at}: {written_sum(part)} = {number(total)}" for (at, part), total in zip(parts.items(), sums)]
    total = number(sums[0]) + "".join(f" {signed(part)}" for part in sums[1:_SHOWN])
    if len(sources) > _SHOWN:
        said = said[:_SHOWN]
        total += f" + … ({len(sources)} channels)"
    return [*said, f"together: {total}{bias} = {result}"]


def written_sum(terms: list[tuple[float, float]]) -> str:
    """Return products as a sum, the first of very many."""
    more = ""
    if len(terms) > _TERMS:
        more, terms = f" + … ({len(terms)} products)", terms[:_FIRST]
    return " + ".join([f"{bracketed(p)}·{bracketed(w)}" for p, w in terms]) + more


def bracketed(value: float) -> str:
    """Return a number, in brackets if it is below 0."""
    return f"({number(value)})" if value < 0 else number(value)


def signed(value: float) -> str:
    """Return a number with the sign that adds it."""
    return f"− {number(-value)}" if value < 0 else f"+ {number(value)}"
