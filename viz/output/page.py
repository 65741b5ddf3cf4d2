"""The shell around every page: it makes no request, and runs no script but its own."""

from __future__ import annotations

import html
import json
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from typing import Any

from viz.style.escape import plain_text

__all__ = ["document", "fill", "inlined", "static"]


def document(
    body: str,
    *,
    title: str,
    style: str,
    script: str = "",
    also: Sequence[str] = (),
    theme: str = "auto",
    kind: str = "",
) -> str:
    """Return a self-contained HTML page.

    body: HTML, in which the user's words are escaped. title: plain text, escaped here. script: what the page runs, and
    ``also`` what that starts: the page's own policy lets it load nothing and run these alone. theme: ``auto``,
    ``light`` or ``dark``; colours by ``light-dark()`` follow it, and print is light. kind: the class of the body.
    """
    hashes = [b64encode(sha256(text.encode("utf-8")).digest()).decode("ascii") for text in (script, *also) if text]
    return fill(
        static("page.html", "viz.output"),
        theme=theme,
        scripts=" ".join(f"'sha256-{letters}'" for letters in hashes) or "'none'",
        title=html.escape(plain_text(title, 200)),
        style=style,
        kind=kind,
        body=body,
        run=f'<script type="module">{script}</script>' if script else "",
    )


def fill(template: str, **values: str) -> str:
    """Return a template with each ``{{name}}`` replaced once; what is put in is not looked at again."""
    pieces = template.split("{{")
    filled = [pieces[0]]
    for piece in pieces[1:]:
        name, rest = piece.split("}}", 1)
        filled += [values[name], rest]
    return "".join(filled)


def inlined(data: Any) -> str:
    """Return data as strict JSON for a ``<script type="application/json">``, in which no tag begins or ends."""
    return json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def static(name: str, package: str) -> str:
    """Return the text of a package's static file without indentation and the lines that are comments.

    All else stays as it was written: a file has no string, template or comment that goes over lines.
    """
    text = (files(package) / "static" / name).read_text(encoding="utf-8")
    lines = [line.strip() for line in text.splitlines()]
    return "\n".join(line for line in lines if line and not line.startswith(("//", "/*")))
