"""The table of ratios, the machine it was measured on, and the place in README.md where both stand."""

from __future__ import annotations

import importlib.metadata
import io
import os
import platform
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.timing import OURS, Target

__all__ = ["Row", "heading", "machine", "table", "write_readme"]

BEGIN, END = "<!-- table: python -m benchmarks --write -->", "<!-- end of table -->"
COLUMNS = ["case", "beside", f"{OURS}, ms", "peer, ms", "ratio (of minima)", "to reach", "extreme"]


@dataclass(frozen=True)
class Row:
    """One case against one peer: CPU seconds of each, or no times where the peer is missing.

    over: the two follow each other, and what counts is our time itself in ms, not a ratio.
    """

    case: str
    peer: str
    ours: list[float]
    theirs: list[float]
    target: Target | None = None
    over: bool = False

    def cells(self) -> list[str]:
        """The row of the table."""
        if not self.theirs:
            result = "–"
        elif self.over:
            result = f"+{median(self.ours) * 1000:.1f} ms ({min(self.ours) * 1000:.1f})"
        else:
            result = f"{median(self.ours) / median(self.theirs):.2f} ({min(self.ours) / min(self.theirs):.2f})"
        unit = " ms" if self.over else ""
        wanted = [
            "" if bound is None else f"{bound:g}{unit}"
            for bound in (self.target and self.target.reach, self.target and self.target.extreme)
        ]
        return [self.case, self.peer, milliseconds(self.ours), milliseconds(self.theirs), result, *wanted]


def milliseconds(times: list[float]) -> str:
    """Return the median as text; a dash for no times."""
    return f"{median(times) * 1000:.3g}" if times else "–"


def table(rows: list[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = [COLUMNS, ["---", "---", *["---:"] * (len(COLUMNS) - 2)], *[row.cells() for row in rows]]
    return "\n".join(["| " + " | ".join(cells) + " |" for cells in lines])


def machine() -> dict[str, str]:
    """Return what the times depend on: processor, load, versions."""
    found = {
        "date": date.today().isoformat(),
        "processor": f"{processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
        if hasattr(os, "getloadavg")
        else processor(),
        "system": platform.platform(terse=True),
        "Python": platform.python_version(),
        "NumPy": f"{np.__version__} ({blas()})",
    }
    for label, name in {"PyTorch": "torch", "HIPS autograd": "autograd", "micrograd": "micrograd"}.items():
        try:
            found[label] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[label] = "not installed"
    return found


def processor() -> str:
    """Return the name of the processor, and which vector instructions NumPy uses on it."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        name = names[0] if names else name
    shown = io.StringIO()
    with redirect_stdout(shown):
        np.show_config()
    return f"{name} with AVX-512" if "AVX512_SKX" in shown.getvalue().partition("not found")[0] else name


def blas() -> str:
    """Return the name and version of NumPy's BLAS."""
    found = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{found.get('name', 'BLAS unknown')} {found.get('version', '')}".strip()


def heading(repeat: int) -> str:
    """Return the lines above the table: the machine, and how it was measured."""
    facts = "; ".join([f"{name} {value}" for name, value in machine().items()])
    return (
        f"{facts}.\n\nCPU time on one thread, medians of {repeat}; ratio: {OURS} over the peer, of medians "
        "(of minima), so below 1 is faster."
    )


def write_readme(text: str) -> None:
    """Put the text between the two markers in README.md, in place of what stands there."""
    path = Path(__file__).with_name("README.md")
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path}: no lines {BEGIN!r} and {END!r} to write between")
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")
