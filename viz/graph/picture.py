"""What ``viz.draw`` gives: shows itself in a notebook, saves itself to a file. Display never raises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from viz.graph.page import page
from viz.output.render import SLIDE, GraphvizNotFound, RenderError, render
from viz.output.save import save_file
from viz.output.svg import finish_svg
from viz.style.theme import dark_css

__all__ = ["Picture"]

_CELL = 720.0  # points: notebooks show an SVG at its own width, and cut off what is wider than a cell
_FORMATS = (".svg", ".png", ".pdf", ".dot", ".gv", ".html")


class Picture:
    """A drawn graph. In Jupyter it shows itself; ``.save(path)`` writes svg, png, pdf, dot or html by the suffix.

    source: the DOT text. title and description: for people who hear the picture instead of seeing it.
    """

    def __init__(
        self,
        source: str,
        *,
        title: str,
        description: str,
        theme: str = "auto",
        renderer: str | None = None,
        timeout: float = 30.0,
    ) -> None:
        self.source = source
        self.title = title
        self.description = description
        self.theme = theme
        self._renderer = renderer
        self._timeout = timeout
        self._rendered: dict[str, bytes] = {}

    def svg(self, widest: float | None = None) -> str:
        """The picture as an SVG element, for a page; follows the page's light or dark theme if ``theme="auto"``.

        widest: points that it may be wide, where what shows it does not scale it down.
        """
        raw = self._render("svg").decode("utf-8")
        dark = dark_css() if self.theme == "auto" else {}
        return finish_svg(raw, title=self.title, description=self.description, dark=dark, widest=widest)

    def png(self) -> bytes:
        """The picture as PNG, 144 dots an inch, and more where it would be narrower than a slide."""
        return self._render("png")

    def pdf(self) -> bytes:
        """The picture as PDF; needs a system Graphviz or pygraphviz, and says so without."""
        return self._render("pdf")

    def html(self) -> str:
        """The picture as a page of its own that pans and zooms and makes no request."""
        return page(self.svg(), title=self.title, description=self.description, theme=self.theme)

    def save(self, path: Any) -> Path:
        """Write the picture; the suffix says how: .svg .png .pdf .dot .html. An existing file is replaced whole.

        Returns the path. Raises ValueError for another suffix.
        """
        target = Path(path)
        makers: dict[str, Callable[[], str | bytes]] = {
            ".svg": self.svg, ".png": self.png, ".pdf": self.pdf, ".html": self.html,
            ".dot": lambda: self.source, ".gv": lambda: self.source,
        }  # fmt: skip
        maker = makers.get(target.suffix.lower())
        if maker is None:
            raise ValueError(f"save: the suffix {target.suffix!r} of {target.name} is none of {', '.join(_FORMATS)}")
        save_file(target, maker())
        return target

    def _render(self, kind: str) -> bytes:
        if kind not in self._rendered:
            self._rendered[kind] = render(
                self.source, kind, renderer=self._renderer, timeout=self._timeout, across=SLIDE
            )
        return self._rendered[kind]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str | bytes]:
        """SVG, PNG where it is asked for, and text; if nothing can lay out the graph, text that says what to do."""
        bundle: dict[str, str | bytes] = {"text/plain": self.description}
        try:
            bundle["image/svg+xml"] = self.svg(widest=_CELL)
            if include is not None and "image/png" in include:
                bundle["image/png"] = self.png()
            return bundle
        except (GraphvizNotFound, RenderError, TimeoutError, OSError) as problem:
            return {"text/plain": f"{self.description}\n({problem})"}

    def __repr__(self) -> str:
        return f"<picture: {self.description}>"
