"""What stands around the pictures: controls, card, colours; a page of it that needs no kernel and makes no request."""

from __future__ import annotations

import html
import json
import re
import zlib
from base64 import b64encode, b85encode
from hashlib import sha256
from importlib.resources import files
from typing import Any

from viz.escape import plain_text
from viz.page import fill
from viz.stepper.recording import Recording
from viz.theme import PALETTES

__all__ = [
    "alone", "colours_css", "document", "pack", "packed", "page", "payload", "script", "shell", "static", "still",
    "style",
]  # fmt: skip

# A page or a notebook that says whether it is dark is believed; only where none does, the system is asked.
_DARK_HOST = ':is([data-jp-theme-light="false"],[data-theme="dark"],.vscode-dark,.vscode-high-contrast,.dark-theme)'
_LIGHT_HOST = ':is([data-jp-theme-light="true"],[data-theme="light"],.vscode-light,.light-theme)'
# Strings, templates and patterns stay; of the rest, blanks around signs that need none go.
_BLANKS = re.compile(
    r'"(?:\\.|[^"\\])*"|`[^`]*`|/(?![ /*])(?:\\.|\[[^\]]*\]|[^/\\\n])+/[a-z]*(?=[.,)])'
    r"| ?([=<>?:*&|,;{}()[\]]+) ?| ([-+/]=?) (?![-+/])"
)
_PARTS = ("unpacked", "words", "numbers", "arrays", "cards", "picture", "stepper")  # of the one script
_HARMLESS = str.maketrans({"<": ",", "&": "."})
_EXTRA = {
    "light": {
        "panel": "#f7f8fa", "rule": "#dcdfe4", "line": "#767b83", "edge": "#8a9099", "button": "#ffffff",
        "fwd": "#0b57d0", "num": "#3c4043", "accent": "#0b57d0", "on-accent": "#ffffff", "focus": "#0b57d0",
        "mark": "#fff1b8",
    },
    "dark": {
        "panel": "#1d2026", "rule": "#343840", "line": "#9aa0a6", "edge": "#7f858e", "button": "#2a2d33",
        "fwd": "#8ab4f8", "num": "#c4c8ce", "accent": "#8ab4f8", "on-accent": "#0c1b33", "focus": "#8ab4f8",
        "mark": "#4a3d00",
    },
}  # fmt: skip


def shell(recording: Recording, theme: str = "auto") -> str:
    """Return the stepper's HTML: controls and an empty card, which the script fills."""
    return fill(static("shell.html"), key=recording.key, theme=theme, title=html.escape(recording.title))


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
    return document(
        "ts-page", recording.key, recording.title, style(), shell(recording, theme), packed(recording),
        script(),
    )  # fmt: skip


def document(body: str, key: str, title: str, css: str, inside: str, data: str, script: str) -> str:
    """Return a page that loads nothing: its policy lets it run its one script, and what unpacks it, and no other.

    body: the class of its body. inside: the HTML in it. data: what ``pack`` gave, for the script to find at ``key``.
    """
    bootstrap = static("unpacked.js") + "\n" + static("bootstrap.js")
    hashes = [b64encode(sha256(text.encode("utf-8")).digest()).decode("ascii") for text in (bootstrap, script)]
    return fill(
        static("page.html"),
        hashes=" ".join(f"'sha256-{letters}'" for letters in hashes),
        title=html.escape(plain_text(title, 200)),
        body=body,
        shell=inside,
        key=key,
        data=data,
        code=pack([css, script]),
        bootstrap=bootstrap,
    )


def script() -> str:
    """Return the script that a page and a widget share: ``mount``, and ``unpacked`` for what ``pack`` gave."""
    return "\n".join(static(f"{name}.js") for name in _PARTS)


def style() -> str:
    """Return the style sheet; every rule of it is about what stands in ``.ts``."""
    return colours_css() + static("stepper.css")


def colours_css() -> str:
    """Return the colours of ``viz.theme`` as CSS variables, light and dark; print is light."""
    light, dark = roles("light"), roles("dark")
    found = ";".join(f"--{name}:light-dark({colour},{dark[name]})" for name, colour in light.items())
    return (
        f".ts{{color-scheme:light dark;{found}}}"
        f'{_LIGHT_HOST} .ts,.ts[data-theme="light"]{{color-scheme:light}}'
        f'{_DARK_HOST} .ts:not([data-theme="light"]),.ts[data-theme="dark"]{{color-scheme:dark}}'
        f"@media print{{.ts.ts{{color-scheme:light!important}}}}{kinds_css()}"
    )


def roles(name: str) -> dict[str, str]:
    """Return one palette's colours by what they are for."""
    palette = PALETTES[name]
    found = {"paper": palette.background, "ink": palette.text, "faint": palette.faint, "bwd": palette.backward}
    found = {f"ts-{word}": colour for word, colour in (found | _EXTRA[name]).items()}
    for kind, style in palette.kinds.items():
        found |= {f"{kind}-f": style.fill, f"{kind}-l": style.line, f"{kind}-t": style.text}
    return found


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


def static(name: str, package: str = "viz.stepper") -> str:
    """Return the text of a package's static file, without comments and the space at the ends of its lines."""
    text = (files(package) / "static" / name).read_text(encoding="utf-8")
    kept = [line.strip() for line in text.splitlines()]
    text = "\n".join(line for line in kept if line and not line.startswith(("//", "/*")))
    if name.endswith(".css"):
        return re.sub(r" ?([{};,>]) ?|(?<=[a-z]:) ", r"\1", text)
    return _BLANKS.sub(lambda found: found[1] or found[2] or found[0], text) if name.endswith(".js") else text
