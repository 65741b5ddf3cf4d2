"""``viz.step``: walk through a graph, forward and back, one step at a time."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from viz.output.save import save_file
from viz.stepper.recording import Recording, record
from viz.stepper.shell import page, still
from viz.stepper.widget import has_host, widget_of

__all__ = ["Stepper", "step"]

_FRAME = 640  # pixels: the height of the page in a notebook's cell
_THEMES = ("auto", "light", "dark")


class Static:
    """A stepper's page in a frame: what a notebook shows without a widget, and what an export keeps working."""

    def __init__(self, stepper: Stepper) -> None:
        self._stepper = stepper

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """The page in a frame; SVG and text where scripts or frames are stripped."""
        recording = self._stepper.recording
        return {
            "text/html": frame(recording.title, self._stepper.html()),
            "image/svg+xml": still(recording),
            "text/plain": repr(self._stepper),
        }

    def _repr_html_(self) -> str:
        return str(self._repr_mimebundle_()["text/html"])

    def __repr__(self) -> str:
        return repr(self._stepper)


class Stepper:
    """A recording that shows itself: in Jupyter as a widget, with ``.save("steps.html")`` as a page of its own.

    Without anywidget, and where a notebook is run by a program, a cell shows the page in a frame.
    """

    def __init__(self, recording: Recording, theme: str = "auto") -> None:
        self.recording = recording
        self.theme = theme
        self._widget: Any = None

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

    def static(self) -> Static:
        """The page in a frame and no widget: for a notebook that is read without a kernel."""
        return Static(self)

    def widget(self) -> Any:
        """The ``anywidget.AnyWidget`` of this stepper, for layouts and ``mo.ui.anywidget``; made at the first call.

        Raises ImportError where anywidget is missing.
        """
        if self._widget is None:
            self._widget = widget_of(self.recording, self.theme)
        return self._widget

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """The widget where a notebook can show one; beside it all that ``static()`` has, for whoever reads the file."""
        bundle = self.static()._repr_mimebundle_()
        if not has_host():
            return bundle
        try:
            view, metadata = self.widget()._repr_mimebundle_()
        except ImportError:  # there, but broken: the frame needs nothing
            return bundle
        return view | bundle, metadata

    def _display_(self) -> Any:
        """What marimo shows."""
        return self.widget() if find_spec("anywidget") else self.static()

    def __repr__(self) -> str:
        levels = ", ".join(f"{len(level.steps)} steps at level {level.name}" for level in self.recording.levels)
        return f"<stepper: {self.recording.title}; {levels}; .save('steps.html') writes the page>"


def frame(title: str, text: str) -> str:
    """Return HTML that shows a page in a frame of its own, which can reach nothing outside."""
    return (
        f'<iframe srcdoc="{html.escape(text)}" title="{html.escape(title)}" sandbox="allow-scripts" '
        f'style="width:100%;height:{_FRAME}px;border:1px solid #8888;border-radius:6px"></iframe>'
    )


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
    order: str = "newest",
    check: bool | str = "auto",
    lr: float | None = None,
) -> Stepper:
    """Step through the graph that made ``output``, forward and back.

    output: a Tensor, a list of them, or the ``err.graph`` of a forward pass that failed. level: what is shown first,
    ``module``, ``op``, ``primitive`` or ``scalar``. levels: what the page can zoom to; all that fit if left out.
    gradient: what arrives at an output that is no single number. names: what to call Tensors that have no name.
    direction: ``LR``, ``TB``, or ``auto`` for the one that fits a screen. theme: ``auto``, ``light`` or ``dark``.
    max_nodes: boxes of a level; a level that was asked for and has more is a ValueError, others are left out.
    order: ``"dfs"`` also runs the naive recursion, depth first, and shows where it goes wrong beside the right order.
    check: finite differences beside each gradient: ``"auto"`` where the graph is small, True, or False.
    lr: the learning rate, for colours by how far a step of SGD would move the weights.
    Your own code stands on the cards if the forward pass ran inside ``with tg.record_lines():``.

    The gradients are those of one backward pass, and nothing is touched.
    """
    for word, value, known in (
        ("theme", theme, _THEMES), ("direction", direction, ("auto", "LR", "RL", "TB", "BT")),
        ("order", order, ("newest", "dfs")), ("check", check, ("auto", True, False)),
    ):  # fmt: skip
        if not isinstance(value, (str, bool)) or value not in known:
            raise ValueError(f"step: {word}={value!r} is none of {', '.join(map(str, known))}")
    if not isinstance(max_nodes, Integral) or max_nodes < 1:
        raise ValueError(f"step: max_nodes={max_nodes!r} is no number of boxes; pass a whole number, 300 if left out")
    if names is not None and not isinstance(names, Mapping):
        raise TypeError(f"step: names wants a dict of names and Tensors, like {{'x': x}}, got {type(names).__name__}")
    if lr is not None and not (isinstance(lr, Real) and 0 < lr < math.inf):
        raise ValueError(f"step: lr={lr!r} is no learning rate; pass a number above 0, or leave it out")
    recording = record(
        output, level, levels=levels, gradient=gradient, names=names, direction=direction, title=title,
        max_nodes=max_nodes, renderer=renderer, timeout=timeout, order=order, check=check, lr=lr,
    )  # fmt: skip
    return Stepper(recording, theme)
