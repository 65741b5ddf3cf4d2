"""DOT to SVG, PNG or PDF through whichever Graphviz is there; the bundled one needs nothing installed.

The bundled ``graphviz-pure`` comes first: its pictures are the same everywhere, and at 1,000 and 3,000 nodes it is as
fast as a system ``dot`` or faster (see benchmarks/README.md).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

__all__ = ["GraphvizNotFound", "RenderError", "RenderTimeout", "render", "renderers"]

VARIABLE = "TINYGRAD_EDU_DOT"
_FORMATS = ("svg", "png", "pdf")
_DPI = "144"  # of PNG
_CROWDED = 500  # nodes, above which the layout works less hard for short edges
_INSTALL = (
    "pip install graphviz-pure (no rights needed), or install Graphviz (apt install graphviz, brew install graphviz)"
)


class GraphvizNotFound(RuntimeError):
    """Nothing on this machine can lay out a graph."""


class RenderError(RuntimeError):
    """Graphviz refused the graph."""


class RenderTimeout(RenderError, TimeoutError):
    """The layout took too long, and was stopped."""


def renderers() -> dict[str, str]:
    """Return what can lay out graphs here, the preferred first: name to program (or module)."""
    found = {}
    bundled = bundled_program()
    if bundled:
        found["graphviz-pure"] = bundled
    system = shutil.which("dot")
    if system:
        found["system"] = system
    if importlib.util.find_spec("pygraphviz") is not None:
        found["pygraphviz"] = "pygraphviz"
    return found


def bundled_program() -> str | None:
    """Return the path of graphviz-pure: a program in the environment's scripts folder, which need not be on PATH."""
    name = "graphviz-pure.exe" if os.name == "nt" else "graphviz-pure"
    folders = [sysconfig.get_path("scripts"), str(Path(sys.executable).parent)]
    if hasattr(sysconfig, "get_preferred_scheme"):
        folders.append(sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user")))
    for folder in folders:
        program = Path(folder) / name
        if program.is_file():
            return str(program)
    return shutil.which("graphviz-pure")


def render(dot: str, format: str, *, renderer: str | None = None, timeout: float = 30.0) -> bytes:
    """Return the picture of a DOT text.

    format: ``svg``, ``png`` (144 dots an inch) or ``pdf``. renderer: ``graphviz-pure``, ``system``, ``pygraphviz`` or the
    path of a dot program; the environment variable TINYGRAD_EDU_DOT chooses if it is left out. timeout: seconds.
    Raises GraphvizNotFound, RenderError with Graphviz's own words, RenderTimeout; ValueError for another format.
    """
    if format not in _FORMATS:
        raise ValueError(f"render: format {format!r} is none of {', '.join(_FORMATS)}")
    name, program = chosen(renderer or os.environ.get(VARIABLE) or None, format)
    if dot.count(";") + dot.count("\n") > 2 * _CROWDED:
        dot = dot.replace("{", "{\n\tgraph [nslimit=1 nslimit1=1]", 1)
    if name == "pygraphviz":
        return with_pygraphviz(dot, format)
    return with_program(program, dot, format, timeout)


def chosen(wanted: str | None, format: str) -> tuple[str, str]:
    """Return name and program of the renderer to use."""
    there = renderers()
    if wanted is not None:
        if wanted in there:
            name, program = wanted, there[wanted]
        elif wanted in ("graphviz-pure", "system", "pygraphviz"):
            have = ", ".join(there) or "none"
            raise GraphvizNotFound(f"render: {wanted} was asked for but is not here (here: {have}); {_INSTALL}")
        elif shutil.which(wanted):
            name, program = "path", str(shutil.which(wanted))
        else:
            raise GraphvizNotFound(
                f"render: {wanted!r} is no program here; name one, or graphviz-pure, system, pygraphviz"
            )
        if format == "pdf" and name == "graphviz-pure":
            raise GraphvizNotFound(no_pdf())
        return name, program
    able = {name: program for name, program in there.items() if format != "pdf" or name != "graphviz-pure"}
    if able:
        return next(iter(able.items()))
    raise GraphvizNotFound(no_pdf() if there else f"no Graphviz found to lay out the graph; {_INSTALL}")


def no_pdf() -> str:
    """What to tell someone who wants a PDF of the bundled renderer."""
    return (
        "PDF needs a system Graphviz or pygraphviz, which the bundled graphviz-pure is not: apt install graphviz, "
        "brew install graphviz or pip install pygraphviz; SVG and PNG work without"
    )


def with_program(program: str, dot: str, format: str, timeout: float) -> bytes:
    """Run a dot program; stop it, and what it started, when time is up."""
    command = [program, f"-T{format}", *([f"-Gdpi={_DPI}"] if format == "png" else [])]
    own_group: dict[str, bool] = {"start_new_session": True} if os.name == "posix" else {}
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **own_group
        )  # type: ignore[call-overload]
    except OSError as error:
        raise GraphvizNotFound(f"render: {program} can't be run ({error}); {_INSTALL}") from error
    try:
        out, err = process.communicate(dot.encode("utf-8"), timeout=timeout)
    except subprocess.TimeoutExpired:
        stop(process)
        raise RenderTimeout(
            f'the layout took longer than {timeout:g} s and was stopped; draw less (level="module", or a part of the '
            "graph), or pass a longer timeout="
        ) from None
    except BaseException:
        stop(process)
        raise
    if process.returncode or not out:
        said = err.decode("utf-8", "replace").strip().splitlines()[:3]
        raise RenderError(
            f"{Path(program).name} failed with code {process.returncode}: {' '.join(said) or 'no output'}"
        )
    return bytes(out)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a program and its children."""
    ended: Callable[[], None] = process.kill
    if os.name == "posix":
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    else:
        ended()
    process.communicate()


def with_pygraphviz(dot: str, format: str) -> bytes:
    """Render in this process, by the Graphviz inside pygraphviz."""
    import pygraphviz

    return bytes(pygraphviz.AGraph(string=dot).draw(prog="dot", format=format))
