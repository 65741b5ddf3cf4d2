"""DOT to SVG, PNG or PDF through whichever Graphviz is there; the bundled one needs nothing installed.

The bundled ``graphviz-pure`` comes first: its pictures are the same everywhere, and at 1,000 and 3,000 nodes it is as
fast as a system ``dot`` or faster (see benchmarks/README.md). What costs time beyond that is tangled layouts, which are
cut short, and pixels: a PNG that would be too large gets fewer dots an inch.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["SLIDE", "GraphvizNotFound", "RenderError", "RenderTimeout", "render", "renderers"]

VARIABLE = "TINYGRAD_EDU_DOT"
_FORMATS = ("svg", "png", "pdf")
SLIDE = 1600  # pixels across a slide
_DPI = 144.0  # of PNG
_PIXELS, _SIDE = 40e6, 30_000  # of the largest PNG: a gigapixel takes a minute, and few programs open one
_CROWDED = 400  # lines of DOT (some 150 nodes), above which the layout tries less hard
_HURRY = ("-Gnslimit=0.1", "-Gnslimit1=0.1", "-Gmclimit=0.1")  # 1,000 nodes with long skips: 9 s, without over 60
_PYGRAPHVIZ = """\
import sys, pygraphviz
kind, *options = sys.argv[1:]
graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())
sys.stdout.buffer.write(graph.draw(prog="dot", format=kind, args=" ".join(options)))
"""
_REMEDIES = {
    "graphviz-pure": "pip install graphviz-pure (no rights needed)",
    "system": "install Graphviz (apt install graphviz, brew install graphviz)",
    "pygraphviz": "pip install pygraphviz",
}
_INSTALL = f"{_REMEDIES['graphviz-pure']}, or {_REMEDIES['system']}"


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
    return next((str(program) for program in bundled_places() if program.is_file()), None)


def bundled_places() -> Iterator[Path]:
    """Where pip may have put graphviz-pure: the scripts folders, beside Python, where its wheel's record says, PATH."""
    name = "graphviz-pure.exe" if os.name == "nt" else "graphviz-pure"
    yield Path(sysconfig.get_path("scripts")) / name
    yield Path(sys.executable).parent / name
    yield Path(sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user"))) / name
    try:
        recorded = importlib.metadata.files("graphviz-pure") or []
    except importlib.metadata.PackageNotFoundError:
        recorded = []
    for file in recorded:
        if file.name == name:
            yield Path(str(file.locate()))
    on_path = shutil.which("graphviz-pure")
    if on_path:
        yield Path(on_path)


def render(dot: str, format: str, *, renderer: str | None = None, timeout: float = 30.0, across: int = 0) -> bytes:
    """Return the picture of a DOT text.

    format: ``svg``, ``png`` (144 dots an inch, fewer where it would be larger than 40 million pixels) or ``pdf``.
    across: pixels that a PNG is wide at least, by more dots an inch, where it fits those 40 million.
    renderer: ``graphviz-pure``, ``system``, ``pygraphviz`` or the path of a dot program; the environment variable
    TINYGRAD_EDU_DOT chooses if it is left out. timeout: seconds, for all of it.
    Raises GraphvizNotFound, RenderError with Graphviz's own words, RenderTimeout; ValueError for another format.
    """
    if format not in _FORMATS:
        raise ValueError(f"render: format {format!r} is none of {', '.join(_FORMATS)}")
    name, program = chosen(renderer or os.environ.get(VARIABLE) or None, format)
    command = [sys.executable, "-c", _PYGRAPHVIZ] if name == "pygraphviz" else [program]
    crowded = dot.count("\n") > _CROWDED
    options = list(_HURRY) if crowded else []
    start = time.monotonic()
    if format == "png":
        resolution = _DPI
        if crowded or across:
            svg = run([*command, *kind(name, "svg"), *options], dot, timeout, timeout)
            resolution = fitting_dpi(svg.decode("utf-8", "replace"), across)
        options.append(f"-Gdpi={resolution:.6g}")
    left = timeout - (time.monotonic() - start)
    return run([*command, *kind(name, format), *options], dot, left, timeout)


def kind(name: str, format: str) -> list[str]:
    """Return the argument that says what to make."""
    return [format] if name == "pygraphviz" else [f"-T{format}"]


def fitting_dpi(svg: str, across: int = 0) -> float:
    """Return the dots an inch at which a picture is so wide, and makes a PNG that can be made and opened."""
    sizes = [re.search(rf'<svg[^>]*\s{side}="([0-9.]+)pt"', svg) for side in ("width", "height")]
    if not all(sizes):
        return _DPI
    width, height = (float(size.group(1)) / 72 for size in sizes if size)
    wanted = max(_DPI, (across + 2) / max(width, 1e-9)) if across else _DPI  # the points of an SVG are rounded
    return min(wanted, math.sqrt(_PIXELS / max(width * height, 1e-9)), _SIDE / max(width, height, 1e-9))


def chosen(wanted: str | None, format: str) -> tuple[str, str]:
    """Return name and program of the renderer to use."""
    there = renderers()
    if wanted is not None:
        if wanted in there:
            name, program = wanted, there[wanted]
        elif wanted in _REMEDIES:
            have = ", ".join(there) or "none"
            raise GraphvizNotFound(
                f"render: {wanted} was asked for but is not here (here: {have}); {_REMEDIES[wanted]}"
            )
        elif shutil.which(wanted):
            name, program = "path", str(shutil.which(wanted))
        else:
            raise GraphvizNotFound(f"render: {wanted!r} is no program here; name one, or {', '.join(_REMEDIES)}")
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


def run(command: list[str], dot: str, seconds: float, timeout: float) -> bytes:
    """Run a program on a DOT text; stop it, and what it started, when time is up."""
    try:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **apart()
        )
    except OSError as error:
        raise GraphvizNotFound(f"render: {command[0]} can't be run ({error}); {_INSTALL}") from error
    try:
        out, err = process.communicate(dot.encode("utf-8", "replace"), timeout=max(seconds, 0.001))
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
        said = err.decode("utf-8", "replace").strip().splitlines()
        words = " ".join(said[-1:] if any(line.startswith("Traceback") for line in said) else said[:3])[:600]
        raise RenderError(f"{Path(command[0]).name} failed with code {process.returncode}: {words or 'no output'}")
    return out  # a complaint at code 0 (the bundled one knows no width of ∂) is none of the reader's business


def apart() -> Mapping[str, Any]:
    """Return what makes a program run in a group of its own (and, on Windows, without a window)."""
    if os.name == "nt":
        return {"creationflags": getattr(subprocess, "CREATE_NO_WINDOW", 0)}
    return {"start_new_session": True}


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a program and its children."""
    if os.name == "nt":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
