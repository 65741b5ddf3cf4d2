"""The one door for text that comes from users: names, labels, source lines."""

from __future__ import annotations

import html
import unicodedata

__all__ = ["label_text", "plain_text"]


def plain_text(text: str, limit: int = 60) -> str:
    """Return text on one line, its control characters made visible, cut to ``limit`` characters."""
    shown = "".join(visible(c) for c in text[: limit + 1])
    return shown if len(text) <= limit else shown[: limit - 1] + "…"


def visible(c: str) -> str:
    """Return a character as it may stand in XML."""
    if c in "\n\r\u2028\u2029":
        return "⏎"
    if c == "\t":
        return " "
    if c in "\u200c\u200d":  # joiners: emoji and Persian need them
        return c
    code = ord(c)
    no_character = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    return "�" if no_character or unicodedata.category(c) in ("Cc", "Cs", "Cf") else c


def label_text(text: str, limit: int = 60) -> str:
    """Return text for an HTML-like label of Graphviz, where a backslash would name the node or the graph."""
    return html.escape(plain_text(text, limit)).replace("\\", "\\\\")
