"""``fit`` and ``evaluate``: forward, loss, backward, step, batch after batch and epoch after epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from tinygrad_edu import functional as F
from tinygrad_edu.engine.modes import no_grad
from tinygrad_edu.nn import Module
from tinygrad_edu.optim import Optimizer, clip_grad_norm_
from tinygrad_edu.optim.lr_scheduler import LRScheduler
from tinygrad_edu.training.checks import batches_to_test, check_fit, pair, refuse_broken, scalar
from tinygrad_edu.training.history import Epoch, History
from tinygrad_edu.training.progress import progress_of
from tinygrad_edu.training.run import Run, in_mode
from tinygrad_edu.training.tally import Tally, right_answers

__all__ = ["Evaluation", "evaluate", "fit"]


class Evaluation(NamedTuple):
    """The mean loss over the examples, and the share of them that is right (None where targets are no classes)."""

    loss: float
    accuracy: float | None


def fit(
    model: Module,
    loader: Iterable[Any],
    *,
    epochs: int,
    optimizer: Optimizer,
    loss: Callable[[Any, Any], Any] = F.cross_entropy,
    validation: Any = None,
    scheduler: LRScheduler | None = None,
    clip: float | None = None,
    checkpoint: Any = None,
    resume: bool = True,
    patience: int | None = None,
    progress: bool = True,
    on_epoch: Callable[[Epoch], Any] | None = None,
) -> History:
    """Train a model on batches ``(x, y)``, in training mode, and return what each epoch came to.

    loader: a DataLoader, or a list of batches. loss: a function of the model's output and y that gives one number.
    validation: batches, or arrays ``(x, y)``, to test on after each epoch. scheduler: its ``step()`` ends an epoch.
    clip: the largest norm of all gradients together. on_epoch: is called with each epoch's row.

    checkpoint: a ``.npz`` or ``.safetensors`` file, written whole at the start and after each epoch. If it is there and
    ``resume``, training goes on from it, up to ``epochs`` in all, to the same numbers as if it had never stopped:
    model, running statistics, optimiser with its settings, schedule, the loaders' epochs and random numbers (those of
    ``tg.manual_seed`` and of the layers; a Generator that a transform holds itself is not known here).
    patience: stop after so many epochs in a row without a lower validation loss. With it the model ends with the
    parameters of its best epoch, ``history.best``; without, with those of the last.

    Ctrl-C (KeyboardInterrupt) ends training: the epoch that ran is dropped, everything is put back to where the last
    whole epoch left it, and the history so far is returned. An error puts everything back in the same way and is
    raised; such is FloatingPointError when the loss or a parameter becomes NaN or infinite. So the same call inside
    ``tg.detect_anomaly()`` runs into it again, and names the first op.

    Raises TypeError and ValueError for arguments that don't fit together, before anything is done.
    """
    check_fit(model, loader, epochs, optimizer, validation, scheduler, clip, patience)
    tests = None if validation is None else batches_to_test(validation, "fit")
    run = Run(model, optimizer, scheduler, (loader, tests), checkpoint)
    history = run.history
    resumed = run.begin(resume)
    with progress_of(progress, loader, len(history.rows), epochs) as shown, in_mode(model, training=True):
        if resumed:
            shown.say(f"going on after epoch {len(history.rows)}, from {checkpoint}")
        try:
            while len(history.rows) < epochs and not history.stalled(patience):
                row = one_epoch(run, loader, tests, loss, clip, shown.batch)
                run.finish(row)
                shown.epoch(row)
                if on_epoch is not None:
                    on_epoch(row)
        except KeyboardInterrupt:
            run.put_back()
            history.interrupt()
        except BaseException:
            run.put_back()
            raise
        run.conclude(patience)
        if history.stopped:
            shown.say(history.stopped)
    return history


def one_epoch(
    run: Run,
    loader: Iterable[Any],
    tests: Any,
    loss: Callable[[Any, Any], Any],
    clip: float | None,
    after_batch: Callable[[], None],
) -> Epoch:
    """Train for an epoch, test, go on in the schedule; return what came of it."""
    began, number = time.perf_counter(), len(run.history.rows) + 1
    lr = float(run.optimizer.param_groups[0]["lr"])
    trained_loss, accuracy = train_epoch(run.model, loader, run.optimizer, loss, clip, number, after_batch)
    tested_loss, tested_accuracy = (None, None) if tests is None else evaluate(run.model, tests, loss)
    if run.scheduler is not None:
        run.scheduler.step()
    seconds = time.perf_counter() - began
    return Epoch(number, trained_loss, accuracy, tested_loss, tested_accuracy, lr, seconds)


def train_epoch(
    model: Module,
    loader: Iterable[Any],
    optimizer: Optimizer,
    loss: Callable[[Any, Any], Any],
    clip: float | None,
    number: int,
    after_batch: Callable[[], None],
) -> tuple[float, float | None]:
    """Go through all batches once; return the mean loss and the share of right answers as they were on the way."""
    tally = Tally()
    for batch in loader:
        x, y = pair(batch)
        tally.add(len(y), *train_step(model, x, y, optimizer, loss, clip, f"epoch {number}, batch {tally.batches + 1}"))
        after_batch()
    refuse_broken(model, number)
    return tally.means("fit")


def train_step(
    model: Module,
    x: Any,
    y: Any,
    optimizer: Optimizer,
    loss: Callable[[Any, Any], Any],
    clip: float | None,
    place: str,
) -> tuple[float, tuple[int, int]]:
    """Learn from one batch: the whole of training is in these lines."""
    output = model(x)
    error = loss(output, y)
    value = scalar(error, "fit")
    if not math.isfinite(value):
        raise FloatingPointError(
            f"fit: the loss is {value} in {place}; everything is as it was before this epoch. Call fit again inside "
            "`with tg.detect_anomaly():` to see which op makes it; a lower lr or clip=1.0 may help"
        )
    optimizer.zero_grad()
    error.backward()
    if clip is not None:
        clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    return value, right_answers(output, y)


def evaluate(model: Module, loader: Any, loss: Callable[[Any, Any], Any] = F.cross_entropy) -> Evaluation:
    """Return mean loss and accuracy over batches ``(x, y)``, in evaluation mode, recording and changing nothing.

    loader: a DataLoader or a list of batches, or arrays ``(x, y)``, which go through in batches. The accuracy is None
    where y are no class labels. Afterwards each module is in the mode that it was in.
    """
    tally = Tally()
    with in_mode(model, training=False), no_grad():
        for batch in batches_to_test(loader, "evaluate"):
            x, y = pair(batch)
            output = model(x)
            tally.add(len(y), scalar(loss(output, y), "evaluate"), right_answers(output, y))
    return Evaluation(*tally.means("evaluate"))
