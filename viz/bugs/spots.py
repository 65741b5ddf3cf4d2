"""The places of a graph where a rule could be wrong: one for each input that an op hands a gradient to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu import Op, Tensor, backward_steps
from tinygrad_edu.engine.trace.grafting import with_op, with_rule
from tinygrad_edu.engine.trace.recompute import recompute

__all__ = ["Rule", "Spot", "changed_piece", "spots_of"]

Rule = Callable[..., Any]
_VISIBLE = 0.01  # of the largest number: a bug that changes less is not to be seen among four digits
_SMALLEST = 5e-5  # that finite differences tell from rounding, five times over


@dataclass(frozen=True)
class Spot:
    """One rule of one recorded op, with the numbers it was given."""

    output: Tensor
    position: int
    number: int  # of the op, in the order of the forward pass, from 1
    arrays: tuple[Any, ...]  # what the op saw
    params: dict[str, Any]
    out: Any
    upstream: Any
    piece: Any  # what the right rule hands back
    totals: tuple[Any, ...]  # the whole gradient of each input; None where none is needed
    turn: int  # how many uses of this input had their turn before in the backward pass
    uses: int

    @property
    def op(self) -> Op:
        """The recorded op."""
        assert self.output.op is not None
        return self.output.op

    @property
    def right(self) -> Rule:
        """Its right rule for this input."""
        return self.op.rules[0 if self.op.variadic else self.position]

    @property
    def input(self) -> Tensor:
        """The input that the rule hands a gradient to."""
        return self.output.inputs[self.position]

    @property
    def x(self) -> Any:
        """The array of that input."""
        return self.arrays[self.position]

    @property
    def call(self) -> str:
        """The op and its number: ``matmul #2``."""
        return f"{self.op.name} #{self.number}"

    def words(self) -> set[str]:
        """What a user may call this place."""
        around = [self.output.name, self.input.name]
        return {self.op.name, self.call, f"#{self.number}", *[name for name in around if name]}


def spots_of(loss: Any) -> list[Spot]:
    """Return every rule that the backward pass of ``loss`` asks, in the order of the forward pass.

    Raises what ``backward_steps`` raises: for what is no Tensor, needs no gradient, or is no single number.
    """
    steps = list(backward_steps(loss))
    arrays = recompute(loss, {})
    totals: dict[Tensor, Any] = {}
    uses: dict[Tensor, int] = {}
    for step in steps:
        for x, piece in zip(step.inputs, step.contributions):
            if piece is not None:
                totals[x] = totals[x] + piece.data if x in totals else piece.data
                uses[x] = uses.get(x, 0) + 1
    found: list[Spot] = []
    turns: dict[Tensor, int] = {}
    for i, step in enumerate(steps):
        seen = tuple([arrays[x] for x in step.inputs])
        for position, (x, piece) in enumerate(zip(step.inputs, step.contributions)):
            if piece is not None:
                turns[x] = turns.get(x, 0) + 1
                found.append(
                    Spot(
                        step.output, position, len(steps) - i, seen, step.params, arrays[step.output],
                        step.upstream.data, piece.data, tuple([totals.get(y) for y in step.inputs]), turns[x] - 1,
                        uses[x],
                    )
                )  # fmt: skip
    return sorted(found, key=lambda spot: (spot.number, spot.position))


def changed_piece(spot: Spot, rule: Rule) -> bool:
    """Whether a wrong rule gives something that can be seen: other numbers, in a shape that backpropagation takes."""
    with np.errstate(all="ignore"):
        try:
            twin = with_op(spot.output, with_rule(spot.op, spot.position, rule))
            step = next(first_step(twin, spot.upstream))
            wrong = step.contributions[spot.position].data
        except (ValueError, TypeError, IndexError, AttributeError):
            return False
        if not (np.isfinite(wrong).all() and np.isfinite(spot.piece).all()) or not np.size(wrong):
            return False
        difference = np.max(np.abs(wrong - spot.piece))
    return bool(difference > _VISIBLE * np.max(np.abs(spot.piece)) and difference > _SMALLEST)


def first_step(twin: Tensor, upstream: Any) -> Iterator[Any]:
    """The backward pass from one op on, of which only the first step is asked for."""
    return backward_steps(twin, gradient=np.asarray(upstream))
