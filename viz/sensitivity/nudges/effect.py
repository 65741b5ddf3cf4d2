"""``viz.nudge``: move one value of a graph, and compare what the derivative predicts with what happens."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu import Step, Tensor
from tinygrad_edu.engine.trace.opening import opened
from tinygrad_edu.engine.trace.recompute import recompute
from tinygrad_edu.engine.trace.tracing import Trace, Value, graph
from viz.graph.picture import Picture
from viz.sensitivity.nudges import shown
from viz.sensitivity.nudges.kinks import HELD, Kink, kinks_between
from viz.sensitivity.nudges.tangents import tangents
from viz.style.escape import plain_text
from viz.style.numbers import brief

__all__ = ["Nudge", "Row", "nudge"]

_LEVELS = ("module", "op", "primitive")
_MOST = 50  # kinks of one op that are listed
_HALVINGS = 12
_ROUNDING = 1e-14  # of a number, that float64 may be off after a few operations
_COUNTED = re.compile(r"v\d+")  # what a value is called that got no name
_ELEMENT = re.compile(r"(?P<name>.+?)\[(?P<index>\s*-?\d+\s*(?:,\s*-?\d+\s*)*)\]")


@dataclass(frozen=True)
class Row:
    """One value of the graph: its array before, the change that the derivative predicts, and the change that came.

    predicted: None where no rule leads from x to the value. op: what made it, ``relu #3``; nothing for a leaf.
    """

    id: int
    name: str
    op: str
    before: Any
    predicted: Any
    actual: Any
    kinks: tuple[Kink, ...] = ()

    @property
    def difference(self) -> Any:
        """The actual change less the predicted one; what is rounding alone is 0."""
        found = self.actual - (0 if self.predicted is None else self.predicted)
        rounding = _ROUNDING * float(np.max(np.abs(self.before) + np.abs(self.actual), initial=0.0))
        return np.where(np.abs(found) <= rounding, 0.0, found)[()]

    @property
    def error(self) -> float:
        """The largest difference of an element, in size."""
        return float(np.max(np.abs(self.difference), initial=0.0))

    @property
    def reached(self) -> bool:
        """Whether the nudge gets here at all."""
        return self.predicted is not None or bool(np.any(self.actual))


@dataclass(frozen=True, eq=False)
class Nudge:
    """What a nudge does to every value: ``rows``, ``kinks``, text, a table in Jupyter, and ``picture``.

    x, moved: what was moved, in words, and its number in the graph. safe: the largest share of eps up to which no kink
    lies on the way, 1 if none does. notes: what the numbers leave out.
    """

    x: str
    moved: int
    eps: Any
    rows: tuple[Row, ...]
    kinks: tuple[Kink, ...]
    safe: float
    slope: Any  # of the output with respect to x; None unless the output is one number
    notes: tuple[str, ...]
    trace: Trace = field(repr=False)
    options: dict[str, Any] = field(repr=False)

    @property
    def output(self) -> Row:
        """The row of what was computed in the end: the loss."""
        return next(row for row in self.rows if row.id == self.trace.outputs[0])

    def row(self, name: str) -> Row:
        """The row of a value by its name; ValueError, with the nearest names, for one that is not there."""
        found = [row for row in self.rows if row.name == name]
        if not found:
            raise ValueError(f"nudge: no value is called {name!r}; {nearest(name, [row.name for row in self.rows])}")
        return found[-1]

    @cached_property
    def picture(self) -> Picture:
        """The graph with the predicted and the actual change in every box."""
        return shown.picture(self)

    def save(self, path: Any) -> Path:
        """Write the picture; the suffix says how: .svg .png .pdf .dot .html. Returns the path."""
        return self.picture.save(path)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": shown.html(self)}

    def __str__(self) -> str:
        return shown.text(self)

    def __repr__(self) -> str:
        return shown.text(self)


def nudge(
    loss: Tensor,
    x: Any,
    eps: Any = 1e-3,
    *,
    level: str = "op",
    names: Mapping[str, Any] | None = None,
    direction: str = "LR",
    theme: str = "auto",
    title: str | None = None,
    max_nodes: int = 400,
    renderer: str | None = None,
    timeout: float = 30.0,
) -> Nudge:
    """Move ``x`` by ``eps``: for every value of the graph of ``loss``, the change predicted, and the change that comes.

    x: a Tensor of the graph, leaf or not; ``(tensor, index)`` for one element; or a name, ``"W1"``, ``"W1[0,2]"``.
    eps: a number, or an array of the shape of what is moved. level: of the picture, ``module``, ``op`` or
    ``primitive``; names, direction, theme, title, max_nodes, renderer, timeout: as for ``viz.draw``.

    The predicted change is the derivative times eps, pushed forward op by op (for the loss it is ΔL ≈ dL/dx · eps); the
    actual one is that of the recorded graph run again, both in float64. Where a kink (ReLU, max, abs, a bound, a pool's
    winner) lies between, the two part; it is named with its index. Nothing is touched. A choice that the program
    recorded as data (the mask of ``where``, of dropout) stays as it was.

    Raises TypeError for data of integers and what is no graph; ValueError for an x that is not in the graph, an eps
    that is 0 or not finite, and a wrong shape.
    """
    if level not in _LEVELS:
        raise ValueError(f"nudge: level={level!r} is none of {', '.join(_LEVELS)}")
    if not isinstance(loss, Tensor):
        raise TypeError(f"nudge: loss must be a Tensor, got {type(loss).__name__}")
    if loss.is_leaf:
        raise TypeError("nudge: this Tensor was not computed from others, so nothing follows from moving a value")
    run = Run(loss, x, level, names)
    change = change_of(run, eps)
    options = {"direction": direction, "theme": theme, "title": title, "max_nodes": max_nodes, "level": level}
    return run.result(change, eps, {**options, "renderer": renderer, "timeout": timeout})


class Run:
    """A graph before and after: its Tensors by number, its steps, the arrays of both runs."""

    def __init__(self, loss: Tensor, x: Any, level: str, names: Mapping[str, Any] | None) -> None:
        given = x[0] if isinstance(x, tuple) and x else x
        if level == "primitive":
            marked = {**(names or {}), **({"moved": given} if isinstance(given, Tensor) else {})}
            (loss,), found = opened([loss], marked)
            given = (found or {}).get("moved", given) if isinstance(given, Tensor) else given
            names = names and {name: (found or {}).get(name, t) for name, t in names.items()}
        self.loss = loss
        self.trace = graph(loss, None if loss.size == 1 else np.ones(loss.shape, loss.dtype), names=names)
        recorded = recompute(loss, {})
        self.tensors = list(recorded)  # in the order in which the Trace numbers its values
        self.ids = {t: value.id for t, value in zip(self.tensors, self.trace.values)}
        self.names = [value.name or unnamed(value) for value in self.trace.values]
        self.called = dict(zip(self.tensors, self.names))
        calls = {call.output: f"{call.op} #{i + 1}" for i, call in enumerate(self.trace.calls)}
        self.ops = {t: calls.get(number, "") for t, number in self.ids.items()}
        self.x, self.index = self.find(given, x[1:] if isinstance(x, tuple) else ())
        self.leaves = {t: widened(a) for t, a in recorded.items() if t.is_leaf and np.asarray(a).dtype.kind == "f"}
        self.before = recompute(loss, self.leaves)
        seed = np.ones(loss.shape, loss.dtype)[()]
        self.steps: list[Step] = list(tg.backward_steps(loss, seed))[::-1] if loss.requires_grad else []

    def find(self, given: Any, index: tuple[Any, ...]) -> tuple[Tensor, Any]:
        """Return the Tensor that is meant, and the index of what is moved in it, or None for all of it."""
        if len(index) > 1:
            raise TypeError(f"nudge: x is a Tensor, (tensor, index) or a name; got a tuple of {len(index) + 1}")
        place = index[0] if index else None
        if isinstance(given, str):
            given, element = self.named(given)
            place = element if place is None else place
        if not isinstance(given, Tensor):
            raise TypeError(f"nudge: x must be a Tensor, (tensor, index) or a name, got {type(given).__name__}")
        if given not in self.ids:
            word = given.name or "this Tensor"
            raise ValueError(f"nudge: {plain_text(word)} is not in the graph; {nearest(given.name or '', self.names)}")
        if given.dtype.kind != "f":
            raise TypeError(f"nudge: {self.word(given)} holds {given.dtype}, which can't move by a little; want floats")
        return given, place

    def named(self, name: str) -> tuple[Tensor, Any]:
        """Return the Tensor of a name, and the index after it."""
        for word, place in ((name, None), *element_of(name)):
            found = [t for t, called in zip(self.tensors, self.names) if called == word]
            if len(found) > 1:
                raise ValueError(f"nudge: {len(found)} values are called {word!r}; give the Tensor itself")
            if found:
                return found[0], place
        raise ValueError(f"nudge: no value is called {name!r}; {nearest(name, self.names)}")

    def word(self, t: Tensor) -> str:
        """What a Tensor is called."""
        return plain_text(self.called[t], 30)

    def moved(self, change: Any, share: float = 1.0) -> dict[Tensor, Any]:
        """Run again with x moved by a share of the change."""
        return recompute(self.loss, {**self.leaves, self.x: self.before[self.x] + share * change})

    def kinks(self, after: Mapping[Tensor, Any]) -> Iterator[Kink]:
        """Yield the kinks between before and after."""
        return kinks_between(self.steps, self.before, after, self.ids, self.ops, self.called, _MOST)

    def safe(self, change: Any) -> float:
        """Return the largest share of the change that no kink was found in, by halving."""
        low, high = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            bent = next(self.kinks(self.moved(change, middle)), None) is not None
            low, high = (low, middle) if bent else (middle, high)
        return low

    def result(self, change: Any, eps: Any, options: dict[str, Any]) -> Nudge:
        """Compare the two runs."""
        after = self.moved(change)
        predicted = tangents(self.steps, self.before, self.x, change)
        kinks = list(self.kinks(after))
        rows = tuple(
            Row(
                self.ids[t], name, self.ops[t], self.before[t], predicted.get(t), after[t] - self.before[t],
                tuple([kink for kink in kinks if kink.value == self.ids[t]]),
            )
            for t, name in zip(self.tensors, self.names)
            if np.asarray(self.before[t]).dtype.kind == "f"
        )  # fmt: skip
        place = "" if self.index is None else f"[{index_text(self.index)}]"
        return Nudge(
            self.word(self.x) + place, self.ids[self.x], eps, rows, tuple(kinks), self.safe(change) if kinks else 1.0,
            self.slope(change, predicted), tuple(self.notes(after, kinks)), self.trace, options,
        )  # fmt: skip

    def slope(self, change: Any, predicted: Mapping[Tensor, Any]) -> Any:
        """The gradient of the output with respect to what is moved, by the backward pass where x needs one."""
        if self.loss.size != 1:
            return None
        if self.x.requires_grad:
            gradient = tg.grad(self.loss, self.x, gradient=np.ones(self.loss.shape, self.loss.dtype)[()]).data
            return gradient if self.index is None else gradient[self.index]
        one = np.count_nonzero(change) == 1 and self.loss in predicted
        return float(np.asarray(predicted[self.loss]).item() / np.sum(change)) if one else None

    def notes(self, after: Mapping[Tensor, Any], kinks: list[Kink]) -> list[str]:
        """Say what the numbers leave out."""
        counts = Counter([kink.op for kink in kinks])
        found = [f"{op} has more kinks than the {_MOST} listed" for op, n in counts.items() if n == _MOST]
        for step in self.steps:
            moved = any([not np.array_equal(self.before[t], after[t], equal_nan=True) for t in step.inputs])
            if step.op.name in HELD and moved:
                found.append(
                    f"{self.ops[step.output]} keeps the branch that the program took: its condition is data; run the "
                    "program with the moved value to see the other"
                )
        broken = [self.ops[t] for t in self.tensors if t in self.ops and not np.isfinite(after[t]).all()]
        if broken and all([np.isfinite(self.before[t]).all() for t in self.tensors]):
            found.append(f"{broken[0] or 'x'} holds NaN or Inf after the move; take a smaller eps")
        return found


def change_of(run: Run, eps: Any) -> Any:
    """Return the change of the whole of x; the errors of eps are raised here."""
    change = np.zeros(run.x.shape)
    try:
        part = change[... if run.index is None else run.index]
    except IndexError as error:
        raise IndexError(f"nudge: {run.word(run.x)} has shape {run.x.shape}: {error}") from None
    step = np.asarray(eps.data if isinstance(eps, Tensor) else eps)
    if step.dtype.kind not in "fiu":
        raise TypeError(f"nudge: eps must be a number or an array of numbers, got {type(eps).__name__}")
    if step.ndim and step.shape != part.shape:
        raise ValueError(
            f"nudge: eps has shape {step.shape}, but what is moved, {run.word(run.x)}, has shape {part.shape}; give an "
            "array of that shape, or one number"
        )
    if not np.isfinite(step).all():
        raise ValueError("nudge: eps must be finite")
    if not np.any(step):
        raise ValueError("nudge: eps is 0, so nothing moves; give a small number such as 1e-3")
    if not part.size:
        raise ValueError(f"nudge: what is moved of {run.word(run.x)} is empty")
    change[... if run.index is None else run.index] = step
    return change[()]


def widened(array: Any) -> Any:
    """Return an array of floats in float64."""
    return np.asarray(array).astype(np.float64)[()]


def element_of(name: str) -> list[tuple[str, Any]]:
    """Take ``W[0,2]`` apart into name and index."""
    found = _ELEMENT.fullmatch(name)
    return [(found["name"], tuple([int(i) for i in found["index"].split(",")]))] if found else []


def index_text(index: Any) -> str:
    """An index as it was written."""
    parts: Sequence[Any] = index if isinstance(index, tuple) else (index,)
    return plain_text(",".join(slice_text(part) for part in parts), 40)


def slice_text(part: Any) -> str:
    """One part of an index."""
    if part is Ellipsis:
        return "..."
    if isinstance(part, slice):
        return ":".join("" if p is None else str(p) for p in (part.start, part.stop))
    return str(part)


def unnamed(value: Value) -> str:
    """What a value without a name is called: a number by itself."""
    return brief(value.data) if value.data.size == 1 else value.kind


def nearest(name: str, names: Sequence[str]) -> str:
    """Say which names come close, or which there are."""
    there = sorted(dict.fromkeys(names), key=lambda word: _COUNTED.fullmatch(word) is not None)
    given = [word for word in there if not _COUNTED.fullmatch(word)]
    close = difflib.get_close_matches(name, given, n=3, cutoff=0.5) if name else []
    if close:
        return f"did you mean {' or '.join(plain_text(word, 30) for word in close)}?"
    more = f" … ({len(there)} in all)" if len(there) > 8 else ""
    return f"there are {', '.join(plain_text(word, 30) for word in there[:8])}{more}"
