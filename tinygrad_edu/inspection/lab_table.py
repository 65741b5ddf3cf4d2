"""The table of an init_lab, as text and as HTML."""

from __future__ import annotations

import html
import math
from typing import Any

from tinygrad_edu.inspection.flow import LayerFlow

__all__ = ["html_of", "text_of"]

_HEADS = (
    "layer", "kind", "activation", "mean", "std", "theory", "off", "dead", "gradient mean", "std", "theory",
    "|∇w|/|w|",
)  # fmt: skip
_WORDS = 3  # the first columns are text, the others numbers


def cells(row: LayerFlow) -> list[str]:
    """Return what stands in a line."""
    numbers = [
        number(row.activation_mean), number(row.activation_std), number(row.activation_std_theory),
        share(row.off) if row.activation else "", share(row.dead) if row.activation else "",
        number(row.gradient_mean), number(row.gradient_std), number(row.gradient_std_theory), number(row.update_ratio),
    ]  # fmt: skip
    return [row.layer, row.kind, row.activation or "–", *numbers]


def number(value: float) -> str:
    """Return a number to 3 digits."""
    if math.isnan(value):
        return "–"
    return f"{value:.3g}".replace("e-0", "e-").replace("e+0", "e").replace("-", "−")


def share(value: float) -> str:
    """Return a share in percent."""
    return f"{100 * value:.0f} %"


def head(result: Any) -> str:
    """Return a rule's name, formula and verdict in a line."""
    formula = f" (std {result.formula})" if result.formula else ""
    return f"{result.rule}{formula}: {result.verdict}; {result.reason}"


def text_of(result: Any) -> str:
    """Return a rule's verdict and rows, in columns."""
    table = [list(_HEADS), *[cells(row) for row in result.rows]]
    widths = [max(len(line[i]) for line in table) for i in range(len(_HEADS))]
    lines = []
    for line in table:
        words = [text.ljust(widths[i]) if i < _WORDS else text.rjust(widths[i]) for i, text in enumerate(line)]
        lines.append("  " + "  ".join(words).rstrip())
    return "\n".join([head(result), *lines])


def html_of(result: Any) -> str:
    """Return a rule's verdict and rows as an HTML table; names of layers are escaped."""
    left = ' style="text-align:left"'
    heads = "".join(f"<th{left if i < _WORDS else ''}>{html.escape(text)}</th>" for i, text in enumerate(_HEADS))
    rows = "".join(
        "<tr>"
        + "".join(f"<td{left if i < _WORDS else ''}>{html.escape(text)}</td>" for i, text in enumerate(cells(row)))
        + "</tr>"
        for row in result.rows
    )
    caption = f'<caption style="text-align:left;caption-side:top">{html.escape(head(result))}</caption>'
    return f"<table>{caption}<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
