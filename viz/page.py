"""A page of its own around a picture: pans, zooms, makes no request."""

from __future__ import annotations

import html
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

from viz.escape import plain_text

__all__ = ["page"]


def page(svg: str, *, title: str, description: str) -> str:
    """Return a self-contained HTML page: the picture, buttons to zoom, the description in words.

    svg: as ``finish_svg`` gives it. title, description: plain text, escaped here. The page's own policy lets it load
    nothing and run its one script alone.
    """
    static = files("viz") / "static"
    parts = {name: (static / name).read_text(encoding="utf-8") for name in ("page.html", "page.css", "page.js")}
    return fill(
        parts["page.html"],
        css=parts["page.css"],
        js=parts["page.js"],
        script_hash="sha256-" + b64encode(sha256(parts["page.js"].encode("utf-8")).digest()).decode("ascii"),
        title=html.escape(plain_text(title, 200)),
        description=html.escape(plain_text(description, 2000)),
        svg=svg,
    )


def fill(template: str, **values: str) -> str:
    """Return a template with each ``{{name}}`` replaced once; what is put in is not looked at again."""
    pieces = template.split("{{")
    filled = [pieces[0]]
    for piece in pieces[1:]:
        name, rest = piece.split("}}", 1)
        filled += [values[name], rest]
    return "".join(filled)
