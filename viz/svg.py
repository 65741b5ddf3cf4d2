"""An SVG as Graphviz writes it, made fit to stand in a page: scoped, described, scaling, light and dark."""

from __future__ import annotations

import hashlib
import html
import re

from viz.escape import plain_text

__all__ = ["finish_svg"]


def finish_svg(
    svg: str, *, title: str, description: str, light: dict[str, str] | None = None, dark: dict[str, str] | None = None
) -> str:
    """Return the SVG element alone, with ids of its own, a title and a description, and colours for light and dark.

    light, dark: CSS declarations by selector; dark ones hold where the page, or the notebook, is dark.
    """
    start = svg.index("<svg")
    body = svg[start:]
    key = "g" + hashlib.sha256((body + title).encode("utf-8")).hexdigest()[:10]
    body = re.sub(r"<!--.*?-->\s*", "", body, flags=re.S)
    body = re.sub(r'\bid="([^"]*)"', rf'id="{key}-\1"', body)
    body = re.sub(r'(xlink:href|href)="#([^"]*)"', rf'\1="#{key}-\2"', body)
    body = re.sub(r"url\(#([^)]*)\)", rf"url(#{key}-\1)", body)
    head_end = body.index(">")
    head = body[4:head_end]
    head = re.sub(r'\s(width|height|class|role)="[^"]*"', "", head)
    width = natural_width(svg)
    words = (
        f'<title id="{key}-title">{html.escape(plain_text(title, 200))}</title>'
        f'<desc id="{key}-desc">{html.escape(plain_text(description, 2000))}</desc>'
    )
    style = scoped(f".{key}", light or {}, dark or {})
    inner = re.sub(r"<title>[^<]*</title>", "", body[head_end + 1 :], count=1)
    return (
        f'<svg class="{key}" role="img" aria-labelledby="{key}-title {key}-desc" width="{width}" '
        f'style="max-width:100%;height:auto"{head}>{words}{style}{inner.strip()}'
    )


def natural_width(svg: str) -> str:
    """Return the width that Graphviz gave, in pt; all there is if it gave none."""
    found = re.search(r'<svg[^>]*\swidth="([0-9.]+(?:pt|px|in)?)"', svg)
    return found.group(1) if found else "100%"


def scoped(root: str, light: dict[str, str], dark: dict[str, str]) -> str:
    """Return a style element whose rules touch this picture alone."""
    if not light and not dark:
        return ""

    def rules(before: str, colours: dict[str, str]) -> str:
        return "".join(
            ",".join(f"{before}{root} {part}" for part in selector.split(",")) + "{" + declaration + "}"
            for selector, declaration in colours.items()
        )

    hosts = ('[data-jp-theme-light="false"] ', ".vscode-dark ", ".dark-theme ")
    dim = "".join(rules(host, dark) for host in hosts)
    bright = ':root:not([data-jp-theme-light="true"]):not(.light-theme) '
    return (
        f"<style>{rules('', light)}@media screen and (prefers-color-scheme:dark){{{rules(bright, dark)}}}{dim}</style>"
    )
