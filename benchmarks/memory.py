"""Memory that a step adds: the peak of the resident set during it, above what was there before.

Each engine has a process of its own, whose allocator gives back every freed block of 128 KiB and more at once, so that
what counts is memory in use and not what the allocator keeps for later. After two whole steps the small freed blocks
are given back too (``malloc_trim``), the kernel's mark of the peak is set back to the present size (5 into
``clear_refs``; proc(5)), a step runs, and the mark is read (``VmHWM``). What a step keeps from one to the next, as
workspaces of BLAS, was there before. Linux only.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import inference, layers, lenet
from benchmarks.timing import OURS, peer

__all__ = ["CASES", "Memory", "can_measure", "memory_of", "peaks"]

PROC = Path("/proc/self")
AT_ONCE = {"MALLOC_MMAP_THRESHOLD_": str(2**17)}  # fixed, where glibc would raise it to the largest block freed


@dataclass(frozen=True)
class Memory:
    """A step whose memory is measured; reach: the MiB to stay below, None for what the peer takes.

    engines: made alone, tiny ones for a test.
    """

    name: str
    engines: Mapping[str, Callable[[bool], Any]]
    reach: float | None


def can_measure() -> bool:
    """Whether this system says how large the resident set was at its largest, and forgets it when told to."""
    try:
        (PROC / "clear_refs").write_text("5")
        return resident("VmHWM") > 0 and hasattr(ctypes.CDLL(None), "malloc_trim")
    except (OSError, KeyError, TypeError):
        return False


def resident(field: str) -> float:
    """Return MiB from the process's status: ``VmRSS`` now, ``VmHWM`` at its largest."""
    lines = dict(line.split(":", 1) for line in (PROC / "status").read_text().splitlines())
    return float(lines[field].split()[0]) / 1024


def peaks(engine: Any, repeat: int) -> list[float]:
    """Return the MiB that each of ``repeat`` steps added at its peak, after two to warm up."""
    found = []
    for turn in range(repeat + 2):
        engine.forget()
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        (PROC / "clear_refs").write_text("5")
        before = resident("VmRSS")
        engine.step()
        if turn >= 2:
            found.append(resident("VmHWM") - before)
    return found


def memory_of(case: Memory, repeat: int, tiny: bool = False) -> dict[str, list[float]]:
    """Measure each engine in a process of its own; nothing for a peer that is not installed."""
    found: dict[str, list[float]] = {}
    for name in case.engines:
        if not can_measure() or (name == "PyTorch" and peer("torch") is None):
            continue
        command = [sys.executable, "-m", "benchmarks.memory", case.name, name, str(repeat), str(int(tiny))]
        root = Path(__file__).resolve().parents[1]
        env = {**os.environ, **AT_ONCE}
        ran = subprocess.run(command, cwd=root, env=env, stdout=subprocess.PIPE, text=True, check=True)
        found[name] = json.loads(ran.stdout)
    return found


def lenet_engines(batch: int) -> dict[str, Callable[[bool], Any]]:
    """Return what makes each engine train LeNet-5."""
    return {
        OURS: lambda tiny: lenet.Ours(2 if tiny else batch),
        "PyTorch": lambda tiny: lenet.PyTorch(peer("torch"), 2 if tiny else batch),
    }


def layer_engines(layer: layers.Layer) -> dict[str, Callable[[bool], Any]]:
    """Return what makes each engine run a layer."""
    return {OURS: lambda tiny: layers.Ours(layer, tiny), "PyTorch": lambda tiny: layers.PyTorch(layer, tiny)}


CASES = [
    Memory("memory of a step, LeNet-5, batch 256", lenet_engines(256), 30),
    Memory(f"memory of a step, {layers.LAYERS[0].name}", layer_engines(layers.LAYERS[0]), 20),
    Memory("memory of inference, ResNet-50, batch 1", inference.memory_engines("ResNet-50", 1), None),
    Memory("memory of inference, ResNet-50, batch 8", inference.memory_engines("ResNet-50", 8), None),
    Memory("memory of inference, VGG-16, batch 1", inference.memory_engines("VGG-16", 1), None),
]

if __name__ == "__main__":
    wanted, engine_name, times, small = sys.argv[1:]
    chosen = next(case for case in CASES if case.name == wanted)
    print(json.dumps(peaks(chosen.engines[engine_name](bool(int(small))), int(times))))
