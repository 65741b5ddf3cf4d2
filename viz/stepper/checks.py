"""Finite differences beside each gradient of a level; the first rule that is wrong is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_edu.engine.checking import Verdict, compared, rule_verdict, widened
from tinygrad_edu.engine.text import place_of
from tinygrad_edu.engine.trace.recompute import recompute
from tinygrad_edu.engine.trace.tracing import Turn
from viz.graph.fold import Box, View
from viz.stepper.arrays import SMALL, Pool
from viz.stepper.behind import Behind
from viz.stepper.cards import Cards, clean
from viz.style.escape import plain_text
from viz.style.numbers import number

__all__ = ["ENOUGH", "Checks"]

ENOUGH = 1_000  # numbers of a level whose slopes are checked without being asked
_EACH = 256  # numbers of a parameter, each of which is nudged through the whole graph; of a larger one, all at once


class Checks:
    """Checks the rules of a level, each on what its op saw, and writes on the cards what differences say.

    wanted: ``"auto"`` checks what is small, True everything (a random direction stands for a large array), False none.
    """

    def __init__(self, view: View, behind: Behind, writer: Cards, wanted: bool | str) -> None:
        self.view = view
        self.behind = behind
        self.writer = writer
        self.pool: Pool = writer.pool
        pairs = list(zip(view.trace.steps, behind.steps))
        size = sum(x.size for turn, step in pairs for x, c in zip(step.inputs, turn.contributions) if c is not None)
        self.note = ""
        if wanted is False:
            self.note = "Finite differences: not asked for."
        elif wanted == "auto" and size > ENOUGH:
            self.note = (
                f"Finite differences: not checked, too large ({size:,} numbers, more than {ENOUGH:,}); "
                "viz.step(..., check=True) checks a random direction of each large array."
            )
        self.on = not self.note
        self.rules: dict[tuple[int, int], Verdict] = {}
        self.wrong: list[tuple[int, int]] = []
        self.places: dict[int, Any] = {}
        self._gradients: dict[Any, Any] = {}
        for turn, step in pairs if self.on else ():
            for i, piece in enumerate(turn.contributions):
                if piece is not None:
                    found = self.rules[turn.call, i] = rule_verdict(step, i)
                    if found.wrong:
                        self.wrong.append((turn.call, i))
                        self.places[turn.call] = step

    def marks(self, maker: dict[int, Box]) -> dict[str, str]:
        """What stands at the boxes with a wrong rule; the one nearest the output is the first."""
        found: dict[str, str] = {}
        for call, _ in self.wrong:
            found.setdefault(maker[call].id, "✗ also a wrong rule" if found else "✗ first wrong rule")
        return found

    def annotate(self, card: dict[str, Any], box: Box, turns: list[Turn]) -> None:
        """Write on the card of a backward step what differences say of each row, and what is wrong."""
        if not self.on:
            return
        rows = card.get("rows", [])
        if box.call is not None:
            given = [i for i, piece in enumerate(turns[0].contributions) if piece is not None]
            for row, i in zip(rows, given):
                self.write(row, self.rules[turns[0].call, i])
        else:
            for row in rows:
                verdict = self.of_region(turns, row["x"])
                if verdict is not None:
                    self.write(row, verdict)
        bad = [place for place in self.wrong if place[0] in [turn.call for turn in turns]]
        if bad:
            card["bad"] = [self.sentence(*place) for place in bad]

    def sentence(self, call: int, position: int) -> str:
        """What is wrong with a rule: op, input, where, both numbers, the line to look at."""
        verdict, step = self.rules[call, position], self.places[call]
        op, made = step.op, self.writer.call_by_id(call)
        rule = op.rules[0 if op.variadic else position]
        name, where = clean(made.input_names[position]), verdict.index
        at = f"along {where}" if isinstance(where, str) else f"at index {where}" if where else "here"
        first = "The first wrong rule" if (call, position) == self.wrong[0] else "A wrong rule"
        return (
            f"{first}: {clean(rule.__name__)}, of input {name} of {self.writer.call_name(made)}: {at} it gives "
            f"{number(verdict.analytic)}, {verdict.how} {'gives' if verdict.how.startswith('a') else 'give'} "
            f"{number(verdict.numeric)}. See {plain_text(place_of(rule), 200)}."
        )

    def write(self, row: dict[str, Any], verdict: Verdict) -> None:
        """Write a verdict: right or not, how, where it is worst, both numbers there, and all of a small array."""
        single = verdict.index == [] or (verdict.numbers is not None and np.size(verdict.numbers) == 1)
        where = "" if single else str(verdict.index)
        found: list[Any] = [
            int(not verdict.wrong), verdict.how, where,
            number(verdict.analytic), number(verdict.numeric), f"{abs(verdict.analytic - verdict.numeric):.1g}",
        ]  # fmt: skip
        if verdict.numbers is not None and 1 < np.size(verdict.numbers) <= SMALL and verdict.wrong:
            found.append(self.pool.add_numbers(verdict.numbers.shape, short(verdict.numbers)))
        row["fd"] = found

    def of_region(self, turns: list[Turn], x: int) -> Verdict | None:
        """What differences say of what a folded region hands to x: the region alone, its other inputs held."""
        calls = [self.writer.call(turn) for turn in turns]
        made = {call.output for call in calls}
        out = calls[0].output
        uses = sum(x == i for call in calls for i in call.inputs)
        if out is None or uses != len(self.writer.uses.parts.get(x, ())):
            return None
        if any(y in self.view.trace.outputs or self.used_outside(y, calls) for y in made if y != out):
            return None
        tensors = self.behind.tensors
        y = tensors[out]
        held = {tensors[i]: widened(tensors[i].data) for c in calls for i in c.inputs if i not in made and i in tensors}
        gradient = np.asarray(self.behind.steps[self.view.trace.steps.index(turns[0])].upstream.data, float)
        analytic = sum(
            np.asarray(piece.data, float)
            for turn in turns
            for i, piece in zip(self.writer.call(turn).inputs, self.step(turn).contributions)
            if i == x and piece is not None
        )
        return compared(lambda data: recompute(y, {**held, tensors[x]: data})[y], held[tensors[x]], gradient, analytic)

    def used_outside(self, y: int | None, calls: list[Any]) -> bool:
        """Whether a value is used by other calls too."""
        return any(y in call.inputs for call in self.view.trace.calls if call not in calls)

    def step(self, turn: Turn) -> Any:
        """The step behind a turn."""
        return self.behind.steps[self.view.trace.steps.index(turn)]

    def end(self, card: dict[str, Any]) -> None:
        """Write beside each parameter's gradient what differences of the whole graph say."""
        if not self.on or not card.get("all"):
            return
        values = [v for v in self.view.trace.values if v.kind == "parameter" and v.gradient is not None]
        leaves = {x: widened(x.data) for i, x in self.behind.tensors.items() if self.writer.value(i).made_by is None}
        card["fd"] = [self.of_leaf(value.id, leaves) for value in values]
        if self.wrong:
            card["bad"] = [self.sentence(*self.wrong[0])]

    def of_leaf(self, x: int, leaves: dict[Any, Any]) -> list[Any]:
        """What differences of the outputs say of a leaf's gradient."""
        tensor, outputs = self.behind.tensors[x], self.behind.outputs
        seeds = [1.0 if g is None else np.asarray(getattr(g, "data", g), float) for g in self.behind.gradients]
        analytic = np.asarray(self.gradients()[tensor], float)

        def total(there: Any) -> Any:
            found = recompute(outputs, {**leaves, tensor: there})
            return sum(np.sum(g * np.asarray(found[y], float)) for y, g in zip(outputs, seeds))

        here, row = leaves[tensor], dict[str, Any]()
        if np.size(here) <= _EACH:
            self.write(row, compared(total, here, 1.0, analytic))
        else:
            way = np.random.default_rng(0).standard_normal(here.shape)
            found = compared(lambda size: total(here + size * way), np.float64(0.0), 1.0, np.sum(analytic * way))
            self.write(row, replace(found, index="a random direction", numbers=None))
        return list(row["fd"])

    def gradients(self) -> dict[Any, Any]:
        """The gradient of every leaf, as the steps give it."""
        if not self._gradients:
            for step in self.behind.steps:
                for x, piece in zip(step.inputs, step.contributions):
                    if piece is not None:
                        self._gradients[x] = self._gradients.get(x, 0) + np.asarray(piece.data, float)
        return self._gradients


def short(numbers: Any) -> tuple[float, ...]:
    """Numbers to as many digits as differences have."""
    return tuple([float(f"{v:.7g}") for v in np.ravel(numbers).tolist()])
