"""``viz.replay``: train a model, and look at one and the same graph at every step of it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu import Tensor
from tinygrad_edu.engine.trace.opening import opened
from tinygrad_edu.engine.trace.recompute import recompute
from tinygrad_edu.engine.trace.tracing import Trace, graph
from tinygrad_edu.nn import Module
from tinygrad_edu.training.run import in_mode
from viz.output.save import save_file
from viz.stepper.arrays import plain_number
from viz.stepper.layout import Layout
from viz.stepper.replays.film import FULL, Film, Frame, Update, after_step
from viz.stepper.replays.page import page, still
from viz.stepper.replays.plane import Plane, plane_of
from viz.stepper.replays.training import Training, checked_steps, plain, seeded
from viz.stepper.stepper import frame as framed
from viz.style.numbers import number

__all__ = ["Replay", "replay"]

_LEVELS = ("module", "op", "primitive")
_THEMES = ("auto", "light", "dark")
_BUDGET = 240_000  # letters of a page that the frames may take, about


@dataclass(frozen=True, eq=False)
class Replay:
    """A training that was recorded. In Jupyter it shows itself; ``.save("replay.html")`` writes a page of its own.

    frames: the steps that are kept, see ``Frame``: ``.step``, ``.loss``, ``.updates[name]``. losses: the loss of every
    step, before its update. model: the one that was trained. notes: what was left out, and why training stopped.
    """

    title: str
    model: Module = field(repr=False)
    frames: tuple[Frame, ...]
    losses: tuple[float, ...]
    notes: tuple[str, ...]
    said: Mapping[str, Any]
    film: Film = field(repr=False)
    layout: Layout = field(repr=False)
    plane: Plane | None = field(repr=False)
    key: str = field(repr=False)
    theme: str = field(repr=False)

    def html(self) -> str:
        """The page: needs no kernel, makes no request."""
        return page(self)

    def save(self, path: Any) -> Path:
        """Write the page; an existing file is replaced whole. Returns the path; ValueError for another suffix."""
        target = Path(path)
        if target.suffix.lower() not in (".html", ".htm"):
            raise ValueError(f"save: the suffix {target.suffix!r} of {target.name} is not .html, which a replay is")
        save_file(target, self.html())
        return target

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """The page in a frame, which survives an export without a kernel; SVG and text where scripts are stripped."""
        return {
            "text/html": framed(self.title, self.html()), "image/svg+xml": still(self), "text/plain": repr(self),
        }  # fmt: skip

    def __repr__(self) -> str:
        first, last = number(self.losses[0]), number(self.losses[-1])
        return (
            f"<replay: {self.title}; loss {first} at step 1, {last} at step {len(self.losses)}; {len(self.frames)} "
            "steps kept; .save('replay.html') writes the page>"
        )


def replay(
    model: Module,
    data: Any,
    steps: int = 50,
    *,
    loss: Callable[[Any, Any], Any] | None = None,
    optimizer: Any = None,
    lr: float | None = None,
    every: int | None = None,
    seed: int | None = None,
    names: Mapping[str, Any] | None = None,
    level: str = "op",
    copy: bool = True,
    direction: str = "auto",
    theme: str = "auto",
    title: str | None = None,
    max_nodes: int = 300,
    renderer: str | None = None,
    timeout: float = 30.0,
) -> Replay:
    """Train ``model`` for ``steps`` steps, and show the graph, the weights and the loss at each.

    data: ``(x, y)`` as arrays, all of them at every step, or a DataLoader, a batch a step, epoch after epoch.
    loss: a function of the model's output and y; if not given, cross entropy for integer labels and a row of scores
    each, else the mean squared error. optimizer: one of ``tg.optim``, made from this model's parameters, or its class;
    plain SGD if not given. lr: its learning rate (0.1). every: keep every so many steps; as many as fit into a page of
    a few hundred kB if not given, or if more are wanted than fit. seed: of the library's random numbers (dropout)
    during this training; None draws from those of ``tg.manual_seed``.

    The training runs on a deep copy, with the optimiser's: model, optimiser, loader and (with a seed) random numbers
    are left as they were; ``.model`` of the result is the trained one. ``copy=False`` trains the model itself.
    names, direction, theme, title, max_nodes, renderer, timeout: as for ``viz.step``; level: ``module``, ``op`` or
    ``primitive``. For x of shape (n, 2) the page also shows what the model says all over the plane.

    A loss that is NaN or infinite ends the replay at that step, before its update, and ``notes`` say so.
    Raises TypeError and ValueError for what can't be trained or fitted together, before any step.
    """
    steps = checked_steps(steps, "steps")
    every = None if every is None else checked_steps(every, "every")
    for word, value, known in (("level", level, _LEVELS), ("theme", theme, _THEMES)):
        if value not in known:
            raise ValueError(f"replay: {word}={value!r} is none of {', '.join(known)}")
    training = Training(model, data, loss, optimizer, lr, copy)
    state: dict[str, Any] = getattr(data, "state_dict", dict)() if copy else {}
    try:
        with seeded(seed), in_mode(training.model, training=True), np.errstate(all="ignore"):  # NaN is reported
            camera = Camera(training, steps, every, names, level, max_nodes)
            camera.run()
    finally:
        if state:
            data.load_state_dict(state)
    return camera.result(title, theme, direction=direction, renderer=renderer, timeout=timeout)


class Camera:
    """Trains, and keeps what is to be seen."""

    def __init__(
        self, training: Training, steps: int, every: int | None, names: Any, level: str, max_nodes: int
    ) -> None:
        self.training, self.steps, self.every = training, steps, every
        self.names, self.level, self.max_nodes = names, level, max_nodes
        self.film: Film | None = None
        self.plane: Plane | None = None
        self.losses: list[float] = []
        self.notes: list[str] = []
        self.due = 1  # the next step to keep

    def run(self) -> None:
        """Train to the end, or until the loss is no number."""
        for step in range(1, self.steps + 1):
            loss = self.training.forward()
            if loss is None:
                self.notes.append(f"The data ended after {step - 1} steps.")
                return
            value = float(loss.item())
            self.losses.append(value)
            last = step == self.steps or not math.isfinite(value)
            shot = self.shot(loss) if step >= self.due or last else None
            if not math.isfinite(value):
                updates = {name: still_there(p) for name, p in self.training.parameters.items()}
                self.keep(step, value, shot, updates)
                self.notes.append(
                    f"Training stopped at step {step}: the loss is {plain_number(value)}. Take a smaller learning "
                    "rate, or look for the first op that makes it with tg.detect_anomaly()."
                )
                return
            updates = {name: update_of(*parts) for name, parts in self.training.update(loss).items()}
            self.keep(step, value, shot, updates)

    def shot(self, loss: Tensor) -> tuple[Trace, dict[Any, int], str] | None:
        """Return the graph with its numbers, and what the model says; None if shapes are not the first's."""
        output, names = loss, self.names
        if self.level == "primitive":
            (output,), names = opened([loss], names)
        trace = graph(output, names=names, full=FULL, formulas=False)
        if self.film is None:
            self.film = Film(trace, self.level)
            self.check_size(self.film)
            x, y = self.training.examples() or (plain(self.training.x), plain(self.training.y))
            self.plane = plane_of(x, y, self.training.output.data, self.training.loss_name)
        elif not self.film.fits(trace):
            return None
        ids = {t: value.id for t, value in zip(recompute(output, {}), trace.values)}
        return trace, ids, self.plane.shot(self.training.model) if self.plane else ""

    def check_size(self, film: Film) -> None:
        """Raise for a graph that is too large to be seen."""
        boxes = len(film.view.boxes)
        if boxes > self.max_nodes:
            raise ValueError(
                f"replay: level={self.level!r} has {boxes:,} boxes, more than {self.max_nodes:,}; "
                'take level="module", or pass max_nodes= to allow more'
            )

    def keep(self, step: int, loss: float, shot: Any, updates: Mapping[str, Update]) -> None:
        """Keep a step that was looked at, and say which is next."""
        if shot is None or self.film is None:
            return
        trace, ids, plane = shot
        after = after_step(ids, self.training.parameters, updates)
        if not self.film.frames:
            self.every = self.affordable(self.film.bytes_per_frame(updates, plane))
        self.film.frames.append(Frame(step, loss, updates, trace, after, plane))
        self.due = step + (self.every or 1)

    def affordable(self, size: float) -> int:
        """Return every how many steps one can be kept, and say so where that is not what was asked for."""
        fit = max(2, int(_BUDGET / size))
        needed = math.ceil(self.steps / fit)
        wanted = self.every or needed
        if wanted < needed or (self.every is None and needed > 1):
            self.notes.append(
                f"One step in {max(wanted, needed)} is kept, and the last: more would make the page larger than it "
                "should be. The loss curve has every step."
            )
        return max(wanted, needed)

    def result(self, title: str | None, theme: str, **options: Any) -> Replay:
        """Lay the graph out once, for all frames."""
        film, training = self.film, self.training
        assert film is not None
        name = type(training.optimizer).__name__
        words = title or f"Training replay: {type(training.model).__name__}, {len(self.losses)} steps of {name}"
        digest = hashlib.sha256(repr((words, self.losses, film.pattern)).encode("utf-8", "replace")).hexdigest()
        key = "r" + digest[:7]
        said = {"optimizer": name, "lr": training.lr, "plain": training.plain, "loss": training.loss_name}
        layout = film.layout(f"{key}-", **options)
        return Replay(
            words, training.model, tuple(film.frames), tuple(self.losses), tuple(self.notes), said, film, layout,
            self.plane, key, theme,
        )  # fmt: skip


def update_of(value: Any, gradient: Any, new: Any) -> Update:
    """What a step did; a parameter without a gradient stays where it is."""
    return Update(value, np.zeros_like(value) if gradient is None else gradient, new)


def still_there(p: Tensor) -> Update:
    """What a step that was not taken does."""
    return Update(np.array(p.data), np.full_like(p.data, np.nan), np.array(p.data))
