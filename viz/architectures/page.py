"""The page of a network: the drawing, and beside it the inside of whatever box was opened. It makes no request."""

from __future__ import annotations

import gzip
import html
import json
from base64 import b64encode
from collections.abc import Collection, Mapping
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING

from viz.architectures.drawing import legend_items
from viz.architectures.glyphs import dark_rules, look
from viz.escape import plain_text
from viz.page import fill

if TYPE_CHECKING:
    from viz.architectures.network import Architecture

__all__ = ["page"]


def page(shown: Architecture, whole: str, drawn: Mapping[str, tuple[str, str, str]], kinds: Collection[str]) -> str:
    """Return the page.

    whole: the network's drawing; drawn: title, words and drawing of what its boxes open into; kinds: those in them.
    """
    script = static("architecture.js")
    return fill(
        static("architecture.html"),
        theme=shown.theme,
        script_hash="sha256-" + b64encode(sha256(script.encode("utf-8")).digest()).decode("ascii"),
        title=html.escape(plain_text(shown.title, 200)),
        facts=html.escape(facts(shown)),
        css=colours(shown.theme) + static("architecture.css"),
        legend=legend_items(kinds, shown.theme),
        svg=whole,
        description=html.escape(plain_text(shown.description, 8000)),
        inside=packed(drawn),
        js=script,
    )


def packed(drawn: Mapping[str, tuple[str, str, str]]) -> str:
    """Return all drawings as JSON, compressed as gzip, in letters: browsers unpack it; it takes a tenth of the room."""
    text = json.dumps(drawn, separators=(",", ":")).encode("utf-8")
    return b64encode(gzip.compress(text, 9, mtime=0)).decode("ascii")


def facts(shown: Architecture) -> str:
    """Return a line on the network."""
    return f"{shown.parameters:,} parameters · {len(shown.view.boxes)} boxes"


def colours(theme: str) -> str:
    """Return the page's colours as CSS variables, and the rules that turn drawings dark."""
    light, dark = look("light"), look("dark")
    roles = ("background", "text", "faint", "line")
    if theme == "auto":
        pairs = [f"--{role}:light-dark({getattr(light, role)},{getattr(dark, role)})" for role in roles]
        rules = "".join([f"svg {at}{{{style}}}" for at, style in dark_rules().items()])
        dark_page = f"@media screen and (prefers-color-scheme:dark){{{rules}}}"
        return f":root{{color-scheme:light dark;{';'.join(pairs)}}}{dark_page}"
    pairs = [f"--{role}:{getattr(look(theme), role)}" for role in roles]
    return f":root{{color-scheme:{theme};{';'.join(pairs)}}}"


def static(name: str) -> str:
    """Return the text of a file beside this one."""
    return (files("viz.architectures") / "static" / name).read_text(encoding="utf-8")
