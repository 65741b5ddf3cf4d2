"""A summary as text and as HTML."""

from __future__ import annotations

import html as markup
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinygrad_edu.inspection.layers import Row, Summary

__all__ = ["CSS", "bytes_text", "cell", "columns", "html", "text"]

HEADINGS = (
    "layer", "kind", "activation shape", "activation size", "parameters", "share", "multiply-adds", "share",
    "weights", "activations",
)  # fmt: skip
_LEFT = 2  # columns that are text
CSS = (
    ".tg-summary{border-collapse:collapse}.tg-summary td,.tg-summary th{text-align:right;padding:2px 9px;"
    "white-space:pre;font-variant-numeric:tabular-nums}.tg-summary td.tg-text,.tg-summary th.tg-text{text-align:left}"
    ".tg-summary thead th,.tg-summary tbody{border-bottom:1px solid currentColor}"
    ".tg-summary caption{text-align:left;font-weight:bold;padding:2px 9px}.tg-summary .tg-group td{font-style:italic}"
    ".tg-summary .tg-note td{text-align:left;padding-left:30px;white-space:normal}"
)


def text(summary: Summary, folded: bool = False) -> str:
    """Return the table with spaces between columns; ``folded`` has the sums of a block in place of its content."""
    rows = blocks(summary.lines) if folded else summary.lines
    head, *lines, foot = columns([HEADINGS, *[cells(row, summary) for row in rows], total(summary)], _LEFT)
    rule = "─" * max(map(len, (head, *lines, foot)))
    said = [title(summary), head, rule]
    for row, line in zip(rows, lines):
        said += [line, "  " * (row.level + 1) + f"! {row.note}"] if row.note else [line]
    return "\n".join([*said, rule, foot, *remarks(summary)])


def blocks(lines: Sequence[Row]) -> list[Row]:
    """Return the lines without what is in a block: a module of modules that does more than put them in a row."""
    found: list[Row] = []
    level = None  # of the block that is left out at the moment
    for row in lines:
        if level is not None and row.level > level:
            continue
        is_block = row.is_group and row.kind != "Sequential"
        level = row.level if is_block else None
        found.append(replace(row, is_group=False) if is_block else row)
    return found


def columns(lines: Sequence[Sequence[str]], left: int) -> list[str]:
    """Return lines of cells as text whose columns stand below each other, the first ``left`` of them flush left."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return [
        "  ".join([c.ljust(n) if i < left else c.rjust(n) for i, (c, n) in enumerate(zip(line, widths))]).rstrip()
        for line in lines
    ]


def html(summary: Summary) -> str:
    """Return the table as HTML; every name in it is escaped."""
    head = "".join(cell("th", words, i < _LEFT, ' scope="col"') for i, words in enumerate(HEADINGS))
    body = ""
    for row in summary.lines:
        kind = ' class="tg-group"' if row.is_group else ""
        body += f"<tr{kind}>{''.join(cell('td', c, i < _LEFT) for i, c in enumerate(cells(row, summary)))}</tr>"
        if row.note:
            body += f'<tr class="tg-note"><td colspan="{len(HEADINGS)}">⚠ {markup.escape(row.note)}</td></tr>'
    foot = "".join(cell("th", words, i < _LEFT) for i, words in enumerate(total(summary)))
    said = "".join(f"<p>{markup.escape(line)}</p>" for line in remarks(summary))
    return (
        f'<style>{CSS}</style><table class="tg-summary"><caption>{markup.escape(title(summary))}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody><tfoot><tr>{foot}</tr></tfoot></table>{said}"
    )


def cell(tag: str, words: str, is_text: bool, more: str = "") -> str:
    """Return one cell of the HTML table."""
    kind = ' class="tg-text"' if is_text else ""
    return f"<{tag}{kind}{more}>{markup.escape(words)}</{tag}>"


def cells(row: Row, summary: Summary) -> tuple[str, ...]:
    """Return what stands in a row; a group says only what it is, so that each column adds up."""
    start = ("  " * row.level + row.name, row.kind, shape_text(row.output_shape, summary.channels_last))
    if row.is_group:
        return (*start, *[""] * (len(HEADINGS) - len(start)))
    return (
        *start,
        f"{row.output_size:,}",
        f"{row.parameters:,}",
        percent(row.parameter_share) if row.parameters else "",
        f"{row.multiply_adds:,}",
        percent(row.multiply_add_share) if row.multiply_adds else "",
        bytes_text(row.parameter_bytes),
        bytes_text(row.activation_bytes),
    )


def total(summary: Summary) -> tuple[str, ...]:
    """Return the last row; the size of all activations is that of one example."""
    return (
        "total", "", "", f"{sum(row.output_size for row in summary.rows):,}",
        f"{sum(row.parameters for row in summary.rows):,}", "", f"{summary.total_multiply_adds:,}", "",
        bytes_text(summary.parameter_bytes), bytes_text(summary.activation_bytes),
    )  # fmt: skip


def title(summary: Summary) -> str:
    """Say what the table is of."""
    batch = "no batch axis" if summary.batch is None else f"batch {summary.batch}"
    return f"{summary.model}: {batch}, {summary.rows[0].dtype}"


def remarks(summary: Summary) -> list[str]:
    """Return the lines below the table."""
    frozen = summary.total_parameters - summary.trainable_parameters
    said = [f"{summary.total_parameters:,} parameters" + (f", {frozen:,} of them frozen" if frozen else "")]
    if summary.total_buffers:
        both = summary.total_parameters + summary.total_buffers
        said[0] += f", and {summary.total_buffers:,} moving statistics and other numbers in buffers, {both:,} together"
    said[0] += f"; longest path {summary.depth} layers, the input counted"
    if summary.not_called:
        left = summary.total_parameters - sum(row.parameters for row in summary.rows)
        said.append(f"not called in this run: {', '.join(summary.not_called)} ({left:,} parameters)")
    return said


def shape_text(shape: tuple[int, ...], channels_last: bool) -> str:
    """Return a shape; that of an image with its channels last, if wanted."""
    shown: tuple[Any, ...] = (*shape[1:], shape[0]) if channels_last and len(shape) == 3 else shape
    return str(shown)


def percent(share: float) -> str:
    """Return a share with one decimal."""
    return f"{100 * share:.1f} %"


def bytes_text(n: int) -> str:
    """Return a number of bytes in the unit that fits: B, KiB, MiB, GiB."""
    if n < 1024:
        return f"{n} B"
    value, units = float(n), ["KiB", "MiB", "GiB"]
    value /= 1024
    while value >= 1024 and len(units) > 1:
        value /= 1024
        units.pop(0)
    return f"{value:.1f} {units[0]}"
