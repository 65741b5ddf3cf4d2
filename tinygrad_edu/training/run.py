"""Everything that decides how training goes on: taken down after each epoch, and put back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu.engine.creation import generator
from tinygrad_edu.files import load, save
from tinygrad_edu.nn import Module
from tinygrad_edu.optim import Optimizer
from tinygrad_edu.optim.lr_scheduler import LRScheduler
from tinygrad_edu.training.history import Epoch, History

__all__ = ["Run", "in_mode"]

FORMAT = "tinygrad_edu training 1"


class Run:
    """A training run: the model and all that changes beside it."""

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        scheduler: LRScheduler | None,
        loaders: Sequence[Any],
        checkpoint: Any,
    ) -> None:
        self.model, self.optimizer, self.scheduler = model, optimizer, scheduler
        self.loaders = [loader if hasattr(loader, "load_state_dict") else None for loader in loaders]
        self.checkpoint = checkpoint
        self.history = History()
        self.best: dict[str, Any] | None = None  # the model's state after the epoch with the lowest validation loss
        self.whole = self.state()  # after the last whole epoch

    def begin(self, resume: bool) -> bool:
        """Go on from the checkpoint if there is one, else write the first; return whether there was one."""
        if self.checkpoint is None:
            return False
        if not resume or not Path(self.checkpoint).exists():
            save(self.whole, self.checkpoint)
            return False
        self.take_over(load(self.checkpoint))
        self.whole = self.state()
        return True

    def finish(self, row: Epoch) -> None:
        """Take up an epoch that is over."""
        self.history.rows.append(row)
        if self.history.best == row:
            self.best = self.model.state_dict()
        self.whole = self.state()
        if self.checkpoint is not None:
            save(self.whole, self.checkpoint)

    def put_back(self) -> None:
        """Have everything as it was after the last whole epoch."""
        self.restore(self.whole)

    def conclude(self, patience: int | None) -> None:
        """With patience, say whether it ran out, and give the model its best parameters; not after Ctrl-C."""
        if patience is None or self.history.interrupted:
            return
        if self.history.stalled(patience):
            self.history.stop_early(patience)
        if self.best is not None:
            self.model.load_state_dict(self.best)

    def state(self) -> dict[str, Any]:
        """Return copies of everything, as ``tg.save`` takes it."""
        return {
            "format": FORMAT,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "loaders": [None if loader is None else loader.state_dict() for loader in self.loaders],
            "random": [random.bit_generator.state for random in generators(self.model)],
            "history": [tuple(row) for row in self.history.rows],
            "best": self.best,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put everything back as it was when ``state`` was taken; gradients are forgotten."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        for part, saved in zip((self.scheduler, *self.loaders), (state["scheduler"], *state["loaders"])):
            if part is not None and saved is not None:
                part.load_state_dict(saved)
        for random, saved in zip(generators(self.model), state["random"]):
            random.bit_generator.state = saved
        self.history.rows[:] = [Epoch(*row) for row in state["history"]]
        self.best = state["best"]
        self.model.zero_grad()

    def take_over(self, state: Any) -> None:
        """Go on from a checkpoint; ValueError that names the file, and no change, if it is of another run."""
        now = self.state()
        try:
            if not isinstance(state, dict) or state.get("format") != FORMAT or set(state) != set(now):
                raise ValueError("it is no checkpoint of fit")
            if (state["scheduler"] is None) != (now["scheduler"] is None):
                raise ValueError(f"it was made {'without' if state['scheduler'] is None else 'with'} a scheduler")
            if len(state["random"]) != len(now["random"]):
                raise ValueError("it was made with other layers that draw random numbers")
            self.restore(state)
        except (ValueError, TypeError, KeyError) as error:
            self.restore(now)
            raise ValueError(
                f"fit: can't go on from {self.checkpoint}: {error}; give another name, or resume=False to begin anew"
            ) from error


def generators(model: Module) -> list[np.random.Generator]:
    """Return the generator of ``tg.manual_seed``, then those of the layers, each once."""
    found = {id(generator()): generator()}
    for module in model.modules():
        found.update({id(value): value for value in vars(module).values() if isinstance(value, np.random.Generator)})
    return list(found.values())


@contextmanager
def in_mode(model: Module, *, training: bool) -> Iterator[None]:
    """Have a model in training or evaluation mode; afterwards each module is in the mode that it was in."""
    before = [(module, module.training) for module in model.modules()]
    model.train(training)
    try:
        yield
    finally:
        for module, was in before:
            module.training = was
