"""What ``import tinygrad_edu`` costs beside NumPy's own import, in fresh interpreters."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

__all__ = ["EXTREME", "REACH", "import_times"]

REACH, EXTREME = 0.025, 0.010  # seconds over NumPy's own import
PROGRAM = """
from time import process_time
start = process_time()
import numpy
middle = process_time()
import tinygrad_edu
print(middle - start, process_time() - middle)
"""


def import_times(repeat: int) -> dict[str, list[float]]:
    """Return CPU seconds of ``import numpy``, and of ``import tinygrad_edu`` after it, from compiled bytecode.

    The first run fills a bytecode cache of its own, so that one which is stale or switched off does not matter.
    """
    times: dict[str, list[float]] = {"numpy": [], "tinygrad_edu": []}
    with tempfile.TemporaryDirectory() as cache:
        env = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        for turn in range(repeat + 1):
            ran = subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=True)
            if turn:
                for name, spent in zip(times, ran.stdout.split()):
                    times[name].append(float(spent))
    return times
