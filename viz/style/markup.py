"""HTML-like labels of Graphviz: text in a colour and size, rows under each other. Text in it has passed ``escape``."""

from __future__ import annotations

from viz.style.escape import label_text, plain_text

__all__ = ["font", "lines", "table", "wrapped"]


def font(text: str, colour: str, size: int = 11) -> str:
    """Return text in a colour and size."""
    return f'<FONT COLOR="{colour}" POINT-SIZE="{size}">{text}</FONT>'


def table(rows: list[str], spacing: int = 0, padding: int = 1, fill: str = "") -> str:
    """Return rows of markup as one label."""
    cells = "".join(f"<TR><TD>{row}</TD></TR>" for row in rows)
    colour = f' BGCOLOR="{fill}"' if fill else ""
    gaps = f'CELLSPACING="{spacing}" CELLPADDING="{padding}"'
    return f'<<TABLE BORDER="0" CELLBORDER="0" {gaps}{colour}>{cells}</TABLE>>'


def wrapped(text: str, width: int) -> list[str]:
    """Return text in lines of about ``width`` characters."""
    found: list[str] = []
    for word in text.split():
        if found and len(found[-1]) + len(word) < width:
            found[-1] += " " + word
        else:
            found.append(word)
    return found


def lines(text: str, colour: str, size: int = 10, width: int = 30, limit: int = 160) -> list[str]:
    """Return the user's text, or a formula with her names in it, as rows of markup."""
    return [font(label_text(line, width + 30), colour, size) for line in wrapped(plain_text(text, limit), width)]
