"""The page of a network: the drawing, and beside it the inside of whatever box was opened. It makes no request."""

from __future__ import annotations

import gzip
import html
import json
from base64 import b64encode
from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from viz.architectures.drawing import legend_items
from viz.architectures.glyphs import dark_rules, look
from viz.architectures.structure import counted
from viz.output.page import document, fill, static
from viz.style.escape import plain_text
from viz.style.roles import variables

if TYPE_CHECKING:
    from viz.architectures.network import Architecture

__all__ = ["page"]

_PACKAGE = "viz.architectures"


def page(shown: Architecture, whole: str, drawn: Mapping[str, tuple[str, str, str]], kinds: Collection[str]) -> str:
    """Return the page.

    whole: the network's drawing; drawn: title, words and drawing of what its boxes open into; kinds: those in them.
    """
    body = fill(
        static("architecture.html", _PACKAGE),
        title=html.escape(plain_text(shown.title, 200)),
        facts=html.escape(facts(shown)),
        legend=legend_items(kinds, shown.theme),
        svg=whole,
        description=html.escape(plain_text(shown.description, 8000)),
        inside=packed(drawn),
    )
    style = colours(shown.theme) + static("architecture.css", _PACKAGE)
    return document(body, title=shown.title, style=style, script=static("architecture.js", _PACKAGE), theme=shown.theme)


def packed(drawn: Mapping[str, tuple[str, str, str]]) -> str:
    """Return all drawings as JSON, compressed as gzip, in letters: browsers unpack it; it takes a tenth of the room."""
    text = json.dumps(drawn, separators=(",", ":")).encode("utf-8")
    return b64encode(gzip.compress(text, 9, mtime=0)).decode("ascii")


def facts(shown: Architecture) -> str:
    """Return a line on the network."""
    return f"{counted([shown.network.root])} · {len(shown.view.boxes)} boxes"


def colours(theme: str) -> str:
    """Return the page's colours as CSS variables, and the rules that turn drawings dark."""
    found = f":root{{{variables(asdict(look('light')), asdict(look('dark')))}}}"
    if theme != "auto":
        return found
    rules = "".join([f"svg {at}{{{style}}}" for at, style in dark_rules().items()])
    return f"{found}@media screen and (prefers-color-scheme:dark){{{rules}}}"
