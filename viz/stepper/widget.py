"""The stepper as a widget for JupyterLab, Notebook, VS Code and marimo: the page's own script and style, and a kernel.

anywidget is loaded when a widget is made, never on import.
"""

from __future__ import annotations

import sys
from array import array
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from viz.output.page import static
from viz.stepper.recording import Recording
from viz.stepper.shell import packed, script, shell, style

__all__ = ["has_host", "widget_of"]


def has_host() -> bool:
    """Whether somebody sits at a notebook that can show a widget.

    False without anywidget, outside a kernel, and where a notebook is run by a program (nbclient, ``nbconvert
    --execute``, papermill): what it writes is read without a kernel.
    """
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    kernel = getattr(shell, "kernel", None)
    if kernel is None or find_spec("anywidget") is None:
        return False
    request: dict[str, Any] = kernel.get_parent() or {}
    return bool(request.get("content", {}).get("allow_stdin", True))


def widget_of(recording: Recording, theme: str = "auto") -> Any:
    """Return an ``anywidget.AnyWidget`` that steps through a recording; ImportError that says what to install."""
    made = widget_class()(data=packed(recording), shell=shell(recording, theme))
    made.on_msg(lambda _, content, buffers: answer(made, recording, content))
    return made


@lru_cache(maxsize=1)
def widget_class() -> Any:
    """Return the class of the widgets; it is made once, at the first one."""
    try:
        anywidget, traitlets = import_module("anywidget"), import_module("traitlets")
    except ImportError as error:
        raise ImportError(
            'a widget needs anywidget, which is not installed; pip install "tinygrad-edu[notebook]". '
            "Without it a notebook shows the stepper as a page in a frame"
        ) from error
    members = {
        "__doc__": "A stepper: ``data`` is a packed recording, ``shell`` the HTML around it.",
        "__module__": __name__,
        "_esm": script() + "\n" + static("widget.js", "viz.stepper"),
        "_css": style(),
        "data": traitlets.Unicode().tag(sync=True),
        "shell": traitlets.Unicode().tag(sync=True),
    }
    return type("StepperWidget", (anywidget.AnyWidget,), members)


def answer(made: Any, recording: Recording, content: Any) -> None:
    """Send the numbers of the array that a view asked for, as float64; what is no such array is told so."""
    number = content.get("array") if isinstance(content, dict) else None
    numbers = recording.numbers.get(number) if type(number) is int else None
    if numbers is None:
        made.send({"array": number, "known": False})
    else:
        made.send({"array": number, "known": True}, buffers=[array("d", numbers).tobytes()])
