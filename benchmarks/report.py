"""The table of ratios, the machine it was measured on, and the place in README.md where both stand."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.timing import OURS, Target

__all__ = ["Row", "heading", "machine", "table", "write_readme"]

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- table: python -m benchmarks --write -->", "<!-- end of table -->"
COLUMNS = ["case", "beside", f"{OURS}, ms", "peer, ms", "ratio (of minima)", "to reach", "extreme"]


@dataclass(frozen=True)
class Row:
    """One case against one peer: CPU seconds of each, or MiB; nothing where the peer is missing.

    over: the two follow each other, and what counts is our time itself in ms, not a ratio. memory: what stands here are
    MiB, and what counts is how many are ours.
    """

    case: str
    peer: str
    ours: list[float]
    theirs: list[float]
    target: Target | None = None
    over: bool = False
    memory: bool = False

    def cells(self) -> list[str]:
        """The row of the table."""
        if not self.ours or not self.theirs:
            result = "–"
        elif self.over:
            result = f"+{median(self.ours) * 1000:.1f} ms ({min(self.ours) * 1000:.1f})"
        else:
            result = f"{median(self.ours) / median(self.theirs):.2f} ({min(self.ours) / min(self.theirs):.2f})"
        unit = " MiB" if self.memory else " ms" if self.over else ""
        bounds = (self.target.reach, self.target.extreme) if self.target else (None, None)
        wanted = ["" if bound is None else f"{bound:g}{unit}" for bound in bounds]
        return [self.case, self.peer, self.middle(self.ours), self.middle(self.theirs), result, *wanted]

    def middle(self, found: list[float]) -> str:
        """Return the median as text, of times in ms; a dash for none."""
        if not found:
            return "–"
        return f"{median(found):.1f} MiB" if self.memory else f"{median(found) * 1000:.3g}"


def table(rows: list[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = [COLUMNS, ["---"] * 2 + ["---:"] * (len(COLUMNS) - 2), *[row.cells() for row in rows]]
    return "\n".join(["| " + " | ".join(cells) + " |" for cells in lines])


def machine() -> dict[str, str]:
    """Return what the times depend on: processor, load, versions."""
    found = {
        "date": date.today().isoformat(),
        "processor": processor(),
        "system": platform.platform(terse=True),
        "Python": platform.python_version(),
        "NumPy": f"{np.__version__} ({blas()})",
    }
    peers = {"PyTorch": "torch", "HIPS autograd": "autograd", "micrograd": "micrograd", "DeZero": "dezero"}
    return found | {label: version(name) for label, name in peers.items()}


def version(name: str) -> str:
    """Return the version of an installed distribution."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def processor() -> str:
    """Return the name of the processor, the vector instructions NumPy found on it, and how busy it is."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        name = names[0] if names else name
    found = np.show_config(mode="dicts").get("SIMD Extensions", {}).get("found", [])
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{name} ({' '.join(found[-1:])}), {os.cpu_count()} cores{load}"


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
    before, begin, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{README}: no lines {BEGIN!r} and {END!r} to write between")
    README.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")
