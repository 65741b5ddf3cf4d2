"""What a quiz knows of a graph: every value, gradient and step of one backward pass, with whole arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_edu import Tensor, backward_steps
from tinygrad_edu.engine.trace.replay import replay
from tinygrad_edu.engine.trace.tracing import Call, Trace, Turn, Value, graph

__all__ = ["Facts", "Use", "element"]

_WHOLE = 4096  # elements of an array that mistakes are worked out for
_PRINTED, _WIDE = 36, 9  # elements, and columns, of an array that is printed


class Use:
    """One use of a value: the call, which of its inputs the value is, and the step back through it."""

    def __init__(self, call: Call, position: int, turn: Turn, step: Any) -> None:
        self.call = call
        self.position = position
        self.turn = turn
        self.step = step

    @property
    def formula(self) -> Any:
        """What the rule says, as a tree of MathML; None if it refused symbols."""
        detail = self.turn.details[self.position] if self.turn.details else None
        return None if detail is None else detail.math


class Facts:
    """A graph of recorded ops, or of single numbers, and its gradients."""

    def __init__(
        self, loss: Any, level: str, gradient: Any, names: Mapping[str, Any] | None, max_nodes: int | None
    ) -> None:
        if not isinstance(loss, Tensor):
            raise TypeError(f"quiz: wanted a Tensor with a graph, got {type(loss).__name__}")
        if level == "scalar":
            if loss.size != 1:
                raise ValueError(f'quiz: level="scalar" wants a loss of one number, got shape {loss.shape}')
            (loss,) = replay([loss], max_nodes, names)
        self.trace: Trace = graph(loss, gradient, full=_WHOLE, names=names, details=True)
        if not self.trace.steps:
            raise ValueError(f"quiz: {self.trace.note or 'this Tensor has no graph'}")
        self.steps = list(backward_steps(loss, gradient))
        self.values: dict[int, Value] = {value.id: value for value in self.trace.values}
        self.calls: dict[int, Call] = {call.id: call for call in self.trace.calls}
        self.numbers = {call.id: i + 1 for i, call in enumerate(self.trace.calls)}
        self.turns = {turn.call: (turn, step) for turn, step in zip(self.trace.steps, self.steps)}
        self.uses: dict[int, list[Use]] = {}
        for turn, step in zip(self.trace.steps, self.steps):
            call = self.calls[turn.call]
            for position, (x, piece) in enumerate(zip(call.inputs, turn.contributions)):
                if piece is not None:
                    self.uses.setdefault(x, []).append(Use(call, position, turn, step))
        self.root = self.name(self.trace.outputs[0])

    def name(self, x: int) -> str:
        """What a value is called; an unnamed number is the number."""
        value = self.values[x]
        if value.name:
            return value.name
        return f"{value.data.data[0]:.4g}" if value.data.size == 1 and value.data.data else value.kind

    def slope(self, x: int) -> str:
        """What the gradient of a value is called."""
        return f"∂{self.root if len(self.root) <= 12 else 'L'}/∂{self.name(x)}"

    def call_name(self, call: Call) -> str:
        """An op, and its number in the order of the forward pass."""
        return f"{call.op} #{self.numbers[call.id]}"

    def data(self, x: int) -> Any:
        """A value's array; None if it is too large."""
        return array_of(self.values[x].data)

    def gradient(self, x: int) -> Any:
        """A value's gradient; None if there is none, or it is too large."""
        found = self.values[x].gradient
        return None if found is None else array_of(found)

    def is_printed(self, x: int) -> bool:
        """Whether the picture has all numbers of a value."""
        data = self.values[x].data
        return 0 < data.size <= _PRINTED and columns_of(data.shape) <= _WIDE


def array_of(data: Any) -> Any:
    """Return a snapshot as an array; None if it was too large to be kept."""
    return None if data.data is None else np.array(data.data, dtype=np.float64).reshape(data.shape)


def columns_of(shape: tuple[int, ...]) -> int:
    """How many numbers stand in a row of the table of an array."""
    return shape[-1] if shape else 1


def element(shape: tuple[int, ...], flat: int) -> tuple[int, ...]:
    """Return the index of an element by its place in the order of memory."""
    if math.prod(shape) == 1:
        return ()
    return tuple([int(i) for i in np.unravel_index(flat, shape)])
