"""What a case is, and how one is timed: engines take turns in one process, and CPU time is counted."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from time import process_time
from typing import Any, Protocol

import numpy as np

__all__ = ["OURS", "Case", "Engine", "Target", "check_agreement", "measure", "peer"]

OURS = "tinygrad_edu"


class Engine(Protocol):
    """One library doing the work of a case."""

    def step(self) -> None:
        """Do the work once: forward, backward, and whatever else the case times. What it makes dies in it."""

    def read(self) -> list[Any]:
        """Return the numbers that the last step found, for comparison."""


@dataclass(frozen=True)
class Target:
    """The ratio to a peer that the project set itself, and the one it would be proud of."""

    reach: float
    extreme: float | None = None


@dataclass(frozen=True)
class Case:
    """Work that several engines do alike.

    build: makes the engines by name, tiny ones for a test; None for a peer that is not installed.
    collector: whether Python's cyclic collector runs during the timed part. calls: steps per timing. variants: the
    engines that are ours too.
    """

    name: str
    build: Callable[[bool], dict[str, Engine | None]]
    targets: Mapping[str, Target] = field(default_factory=dict)
    collector: bool = True
    calls: int = 1
    tolerance: float = 1e-4
    variants: tuple[str, ...] = ()


def peer(name: str) -> Any:
    """Import a peer, or return None if it is not installed. PyTorch is held to one thread.

    DeZero 0.0.13 needs ``np.int``, which NumPy no longer has: it is lent while DeZero is imported.
    """
    try:
        with lent_int() if name == "dezero" else nullcontext():
            module = importlib.import_module(name)
    except ModuleNotFoundError:
        return None
    if name == "torch":
        module.set_num_threads(1)
    return module


@contextmanager
def lent_int() -> Iterator[None]:
    """Give NumPy its old name ``np.int`` for a while."""
    had = "int" in vars(np)
    if not had:
        np.int = int  # type: ignore[attr-defined]
    try:
        yield
    finally:
        if not had:
            del np.int  # type: ignore[attr-defined]


def check_agreement(case: Case, engines: Mapping[str, Engine]) -> None:
    """Let every engine take one step, and raise AssertionError unless all found the same numbers."""
    wanted: list[Any] = []
    for name, engine in engines.items():
        engine.step()
        found = engine.read()
        wanted = wanted or found
        assert len(found) == len(wanted), f"{case.name}: {name} found {len(found)} results, not {len(wanted)}"
        for a, b in zip(found, wanted):
            np.testing.assert_allclose(
                a,
                b,
                rtol=case.tolerance,
                atol=case.tolerance * float(np.max(np.abs(b))),
                err_msg=f"{case.name}: {name}",
            )


def measure(
    engines: Mapping[str, Engine], repeat: int, collector: bool = True, calls: int = 1
) -> dict[str, list[float]]:
    """Return CPU seconds a step, ``repeat`` of them for each engine, which take turns after one unnoted round.

    Before each timing, outside of it, ``gc.collect()`` removes what the engine before left behind; what was there
    when the first began, whole libraries, is kept out of it. An engine that runs alone with the collector on is left to
    itself.
    """
    times: dict[str, list[float]] = {name: [] for name in engines}
    clean = len(engines) > 1 or not collector
    if clean:
        gc.collect()
        gc.freeze()
    try:
        for turn in range(repeat + 1):
            for name in sorted(engines, reverse=bool(turn % 2)):
                step = engines[name].step
                if clean:
                    gc.collect()
                if not collector:
                    gc.disable()
                start = process_time()
                for _ in range(calls):
                    step()
                spent = process_time() - start
                gc.enable()
                if turn:
                    times[name].append(spent / calls)
    finally:
        gc.enable()
        gc.unfreeze()
    return times
