"""The colours of a page by what they are for, as CSS variables that are light or dark with the page."""

from __future__ import annotations

from collections.abc import Mapping

from viz.style.theme import PALETTES

__all__ = ["DARK_HOST", "LIGHT_HOST", "kinds", "roles", "variables"]

# A page or a notebook that says whether it is dark is believed; only where none does, the system is asked.
DARK_HOST = ':is([data-jp-theme-light="false"],[data-theme="dark"],.vscode-dark,.vscode-high-contrast,.dark-theme)'
LIGHT_HOST = ':is([data-jp-theme-light="true"],[data-theme="light"],.vscode-light,.light-theme)'

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


def roles(name: str) -> dict[str, str]:
    """Return the colours of a page's parts in a theme: ``paper``, ``ink``, ``panel``, ``button`` and others."""
    palette = PALETTES[name]
    found = {"paper": palette.background, "ink": palette.text, "faint": palette.faint, "bwd": palette.backward}
    return found | _EXTRA[name]


def kinds(name: str) -> dict[str, str]:
    """Return the fill, line and text of each kind of box in a theme: ``op-f``, ``op-l``, ``op-t`` and so on."""
    found: dict[str, str] = {}
    for kind, style in PALETTES[name].kinds.items():
        found |= {f"{kind}-f": style.fill, f"{kind}-l": style.line, f"{kind}-t": style.text}
    return found


def variables(light: Mapping[str, str], dark: Mapping[str, str]) -> str:
    """Return declarations of CSS variables that follow the ``color-scheme``."""
    return ";".join(f"--{name}:light-dark({colour},{dark[name]})" for name, colour in light.items())
