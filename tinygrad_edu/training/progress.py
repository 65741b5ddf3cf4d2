"""What is seen of a training run: a bar on a terminal, else a line for each epoch."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from tinygrad_edu.training.history import Epoch

__all__ = ["Bar", "Lines", "progress_of"]


class Lines:
    """Says each epoch in a line."""

    def __init__(self, say: Callable[[str], Any], epochs: int) -> None:
        self.say = say
        self.epochs = epochs

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing is left to do."""

    def batch(self) -> None:
        """A batch is done."""

    def epoch(self, row: Epoch) -> None:
        """An epoch is done."""
        self.say(str(row).replace(":", f" of {self.epochs}:", 1))


class Bar(Lines):
    """A bar of batches over all epochs, with the last epoch's numbers beside it (tqdm)."""

    def __init__(self, loader: Any, done: int, epochs: int) -> None:
        tqdm = importlib.import_module("tqdm").tqdm
        batches = len(loader) if hasattr(loader, "__len__") else None
        total, initial = (None, 0) if batches is None else (epochs * batches, done * batches)
        self.bar = tqdm(total=total, initial=min(initial, total or 0), unit=" batches", dynamic_ncols=True)
        super().__init__(self.bar.write, epochs)

    def __exit__(self, *error: object) -> None:
        self.bar.close()

    def batch(self) -> None:
        """Move on by one."""
        self.bar.update(1)

    def epoch(self, row: Epoch) -> None:
        """Show the epoch's numbers."""
        self.bar.set_postfix_str(str(row).replace(":", f"/{self.epochs}:", 1))


def progress_of(wanted: bool, loader: Any, done: int, epochs: int) -> Lines:
    """Return what is shown: nothing unless wanted, a bar where there is a terminal and tqdm, else lines."""
    if not wanted:
        return Lines(lambda text: None, epochs)
    terminal = sys.stderr is not None and sys.stderr.isatty()
    if terminal and find_spec("tqdm") is not None:
        return Bar(loader, done, epochs)
    return Lines(lambda text: print(text, flush=True), epochs)
