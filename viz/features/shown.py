"""What shows and saves itself by its figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from viz.figures.figure import Figure

__all__ = ["Shown"]


class Shown:
    """A result with a ``figure``: saves itself as svg, png or pdf, shows itself in Jupyter; both need matplotlib."""

    @property
    def figure(self) -> Figure:
        """The picture; ImportError where matplotlib is missing."""
        raise NotImplementedError

    def save(self, path: Any) -> Path:
        """Write the figure: .svg .png .pdf; ValueError for another suffix."""
        return self.figure.save(path)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        try:
            return self.figure._repr_mimebundle_(include, exclude)
        except ImportError as problem:
            return {"text/plain": f"{self!r}\n({problem})"}
