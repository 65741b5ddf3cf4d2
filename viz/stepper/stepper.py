"""``viz.step``: walk through a graph, forward and back, one step at a time."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from viz.save import save_file
from viz.stepper.recording import Recording, record
from viz.stepper.shell import page, still

__all__ = ["Stepper", "step"]

_FRAME = 640  # pixels: the height of the page in a notebook's cell
_THEMES = ("auto", "light", "dark")


class Stepper:
    """A recording that shows itself: in Jupyter in a frame, with ``.save("steps.html")`` as a page of its own."""

    def __init__(self, recording: Recording, theme: str = "auto") -> None:
        self.recording = recording
        self.theme = theme

    def html(self) -> str:
        """The page: needs no kernel, makes no request."""
        return page(self.recording, self.theme)

    def save(self, path: Any) -> Path:
        """Write the page; an existing file is replaced whole. Returns the path; ValueError for another suffix."""
        target = Path(path)
        if target.suffix.lower() not in (".html", ".htm"):
            raise ValueError(
                f"save: the suffix {target.suffix!r} of {target.name} is not .html; "
                "viz.draw(loss).save(...) writes pictures"
            )
        save_file(target, self.html())
        return target

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """The page in a frame, which survives an export without a kernel; SVG and text where scripts are stripped."""
        frame = (
            f'<iframe srcdoc="{html.escape(self.html())}" title="{html.escape(self.recording.title)}" '
            f'sandbox="allow-scripts" style="width:100%;height:{_FRAME}px;border:1px solid #8888;border-radius:6px">'
            "</iframe>"
        )
        return {"text/html": frame, "image/svg+xml": still(self.recording), "text/plain": repr(self)}

    def __repr__(self) -> str:
        levels = ", ".join(f"{len(level.steps)} steps at level {level.name}" for level in self.recording.levels)
        return f"<stepper: {self.recording.title}; {levels}; .save('steps.html') writes the page>"


def step(
    output: Any,
    level: str = "op",
    *,
    levels: Sequence[str] | None = None,
    gradient: Any = None,
    names: Mapping[str, Any] | None = None,
    direction: str = "auto",
    theme: str = "auto",
    title: str | None = None,
    max_nodes: int = 300,
    renderer: str | None = None,
    timeout: float = 30.0,
) -> Stepper:
    """Step through the graph that made ``output``, forward and back.

    output: a Tensor, a list of them, or the ``err.graph`` of a forward pass that failed. level: what is shown first,
    ``module``, ``op``, ``primitive`` or ``scalar``. levels: what the page can zoom to; all that fit if left out.
    gradient: what arrives at an output that is no single number. names: what to call Tensors that have no name.
    direction: ``LR``, ``TB``, or ``auto`` for the one that fits a screen. theme: ``auto``, ``light`` or ``dark``.
    max_nodes: boxes of a level; a level that was asked for and has more is a ValueError, others are left out.
    Your own code stands on the cards if the forward pass ran inside ``with tg.record_lines():``.

    The gradients are those of one backward pass, and nothing is touched.
    """
    for word, value, known in (("theme", theme, _THEMES), ("direction", direction, ("auto", "LR", "RL", "TB", "BT"))):
        if value not in known:
            raise ValueError(f"step: {word}={value!r} is none of {', '.join(known)}")
    recording = record(
        output, level, levels=levels, gradient=gradient, names=names, direction=direction, title=title,
        max_nodes=max_nodes, renderer=renderer, timeout=timeout,
    )  # fmt: skip
    return Stepper(recording, theme)
