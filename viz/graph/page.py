"""The page of a picture: it pans and zooms."""

from __future__ import annotations

import html

from viz.output.page import document, fill, static
from viz.style.escape import plain_text

__all__ = ["page"]

_PACKAGE = "viz.graph"


def page(svg: str, *, title: str, description: str, theme: str = "auto") -> str:
    """Return a self-contained HTML page: the picture, buttons to zoom, the description in words.

    svg: as ``finish_svg`` gives it. title, description: plain text, escaped here. theme: ``auto``, ``light``, ``dark``.
    """
    body = fill(
        static("graph.html", _PACKAGE),
        title=html.escape(plain_text(title, 200)),
        description=html.escape(plain_text(description, 2000)),
        svg=svg,
    )
    style, script = static("graph.css", _PACKAGE), static("graph.js", _PACKAGE)
    return document(body, title=title, style=style, script=script, theme=theme)
