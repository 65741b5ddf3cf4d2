"""What stands around the pictures: controls, card, colours; a page of it that needs no kernel and makes no request."""

from __future__ import annotations

import html
import json
import zlib
from base64 import b85encode
from typing import Any

from viz.output.page import document, fill, static
from viz.stepper.recording import Recording
from viz.style.roles import DARK_HOST, LIGHT_HOST, kinds, roles, variables
from viz.style.theme import PALETTES

__all__ = [
    "alone", "colours_css", "pack", "packed", "page", "payload", "script", "shell", "shell_of", "still", "style",
    "unpacking",
]  # fmt: skip

_PARTS = ("unpacked", "words", "numbers", "arrays", "cards", "picture", "stepper")  # of the one script
_HARMLESS = str.maketrans({"<": ",", "&": "."})
_PACKAGE = "viz.stepper"


def shell(recording: Recording, theme: str = "auto") -> str:
    """Return the stepper's HTML: controls and an empty card, which the script fills."""
    return shell_of(_PACKAGE, recording.key, theme, recording.title)


def shell_of(package: str, key: str, theme: str, title: str) -> str:
    """Return a package's ``shell.html``: controls, with the keys to step, and an empty card."""
    keys = static("keys.html", "viz.output")
    return fill(static("shell.html", package), key=key, theme=theme, title=html.escape(title), keys=keys)


def payload(recording: Recording) -> dict[str, Any]:
    """Return what the script is given: the recording and the pictures of its levels."""
    data = recording.to_dict()
    for level, plain in zip(recording.levels, data["levels"]):
        plain["svg"] = level.layout.svg
    return data


def packed(recording: Recording) -> str:
    """Return the payload as text for a page; see ``pack``."""
    return pack(payload(recording))


def pack(data: Any) -> str:
    """Return data as JSON, deflated, in base 85: a fifth of its size, and nothing that a page could misread."""
    text = json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    letters = b85encode(zlib.compress(text.encode("utf-8", "replace"), 9)).decode("ascii")
    return letters.translate(_HARMLESS)


def page(recording: Recording, theme: str = "auto") -> str:
    """Return a page of its own."""
    return unpacking(
        shell(recording, theme), style(), script(), packed(recording),
        key=recording.key, title=recording.title, theme=theme, kind="ts-page",
    )  # fmt: skip


def unpacking(inside: str, css: str, script: str, data: str, *, key: str, title: str, theme: str, kind: str) -> str:
    """Return a page that unpacks its data, its style and its script by itself.

    inside: the HTML in it. data: what ``pack`` gave, for the script to find at ``key``. kind: the class of its body.
    """
    bootstrap = static("unpacked.js", _PACKAGE) + "\n" + static("bootstrap.js", _PACKAGE)
    body = fill(static("packed.html", _PACKAGE), inside=inside, key=key, data=data, code=pack([css, script]))
    hidden = "@media (scripting:enabled){.ts{visibility:hidden}}"  # until its style is there
    return document(body, title=title, style=hidden, script=bootstrap, also=[script], theme=theme, kind=kind)


def script() -> str:
    """Return the script that a page and a widget share: ``mount``, and ``unpacked`` for what ``pack`` gave."""
    return "\n".join(static(f"{name}.js", _PACKAGE) for name in _PARTS)


def style() -> str:
    """Return the style sheet; every rule of it is about what stands in ``.ts``."""
    return colours_css() + static("stepper.css", _PACKAGE)


def colours_css() -> str:
    """Return the colours of ``viz.style.theme`` as CSS variables, light and dark; print is light."""
    light, dark = ({f"ts-{role}": colour for role, colour in roles(name).items()} | kinds(name) for name in PALETTES)
    return (
        f".ts{{color-scheme:light dark;{variables(light, dark)}}}"
        f'{LIGHT_HOST} .ts,.ts[data-theme="light"]{{color-scheme:light}}'
        f'{DARK_HOST} .ts:not([data-theme="light"]),.ts[data-theme="dark"]{{color-scheme:dark}}'
        f"@media print{{.ts.ts{{color-scheme:light!important}}}}{kinds_css()}"
    )


def kinds_css() -> str:
    """Return which colours each kind of box has."""
    return "".join(
        f".ts .n.{kind}{{--fill:var(--{kind}-f);--line:var(--{kind}-l);--text:var(--{kind}-t)}}"
        for kind in PALETTES["light"].kinds
    )


def still(recording: Recording) -> str:
    """Return the first level's picture with everything known: an SVG that stands alone, in light colours."""
    level = next(level for level in recording.levels if level.name == recording.start)
    return alone(level.layout.svg, recording.key, recording.title)


def alone(svg: str, key: str, title: str) -> str:
    """Return a picture of a page as an SVG that stands alone, in light colours."""
    style = (
        f"#{key}{{font:11px Helvetica,Arial,sans-serif}}#{key} text{{white-space:pre}}"
        + "".join(
            f"#{key} {selector}{{{declarations}}}"
            for selector, declarations in {
                ".b": "font-weight:700", ".k rect": "fill:none;stroke:#767b83;stroke-dasharray:2 2",
                ".e": "fill:none;stroke:#5f6368;marker-end:var(--head)", ".ma path": "fill:#5f6368",
                ".iv,.ig": "display:none", ".l": "fill:none!important",
            }.items()
        )
        + "".join(
            f"#{key} .{kind} rect,#{key} .{kind} .l{{fill:{style.fill};stroke:{style.line}}}"
            f"#{key} .{kind} text{{fill:{style.text}}}"
            for kind, style in PALETTES["light"].kinds.items()
        )
        + f"#{key} text.g,#{key} text.q{{fill:{PALETTES['light'].backward}}}"
    )  # fmt: skip
    title = html.escape(title)
    return svg.replace("<svg ", f'<svg id="{key}" aria-label="{title}" ', 1).replace(
        "><defs>", f"><title>{title}</title><style>{style}</style><defs>", 1
    )
