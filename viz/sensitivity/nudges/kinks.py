"""Kinks between two runs of one graph: where an op took another branch, or another element won."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from tinygrad_edu import Step, Tensor
from viz.style.numbers import number

__all__ = ["HELD", "Kink", "kinks_between"]

Arrays = Mapping[Tensor, Any]
Index = tuple[int, ...]

HELD = frozenset({"where"})  # their choice was recorded as data, so running the graph again can't change it
_SIGN = frozenset({"relu", "leaky_relu", "elu", "absolute"})  # bend where their input is 0
_JUMP = frozenset({"floor", "ceil", "rint", "trunc", "sign"})  # flat, then a jump
_CHOICE = frozenset({"maximum", "minimum", "fmax", "fmin", "largest", "smallest", "first_largest"})
_WINNER = frozenset({"max", "min", "first_max", "max_pool", "sort"})
_CALLS = 600  # of a rule, to find the outputs that another element won


@dataclass(frozen=True)
class Kink:
    """One element at which an op bends or jumps between the two runs.

    op: name and number in the order of the forward pass, ``relu #3``. index: the element of the op's output.
    before, after: the number that crossed; for a choice, the margin by which its winner led, and no longer leads.
    """

    op: str
    value: int  # the number of its output in the graph
    index: Index
    before: float
    after: float
    text: str

    def __str__(self) -> str:
        return f"{self.op}: {self.text}"


def kinks_between(
    steps: Sequence[Step],
    before: Arrays,
    after: Arrays,
    ids: Mapping[Tensor, int],
    ops: Mapping[Tensor, str],
    words: Mapping[Tensor, str],
    most: int,
) -> Iterator[Kink]:
    """Yield the kinks between two runs, up to ``most`` an op, op by op in the order of the forward pass.

    steps: those of the backward pass, oldest first. before, after: each Tensor's array in the two runs.
    ids, ops, words: each Tensor's number in the graph, the op that made it, and what it is called.
    """
    for step in steps:
        changed = [not np.array_equal(before[x], after[x], equal_nan=True) for x in step.inputs]
        finder = _FINDERS.get(step.op.name)
        if finder is None or not any(changed):
            continue
        one = [np.asarray(before[x]) for x in step.inputs]
        other = [np.asarray(after[x]) for x in step.inputs]
        for index, was, now, text in islice(finder(step, one, other, [words[x] for x in step.inputs]), most):
            yield Kink(ops[step.output], ids[step.output], index, was, now, text)


Found = Iterator[tuple[Index, float, float, str]]


def crossings(step: Step, one: list[Any], other: list[Any], words: list[str]) -> Found:
    """Elements of an input that got to the other side of 0, or left it, or landed on it."""
    a, b = one[0], other[0]
    changed = np.sign(a) != np.sign(b) if step.op.name == "absolute" else (a > 0) != (b > 0)
    for index in places(changed):
        word = "left" if a[index] == 0 else "reached" if b[index] == 0 else "crossed"
        yield index, float(a[index]), float(b[index]), f"{element(index)} {word} 0{way(a[index], b[index])}"


def jumps(step: Step, one: list[Any], other: list[Any], words: list[str]) -> Found:
    """Elements of a step function that got to another step."""
    params = step.params
    a, b = (np.asarray(step.op.forward(*arrays, **params)) for arrays in (one, other))
    for index in places(a != b):
        yield (
            index, float(one[0][index]), float(other[0][index]),
            f"{element(index)} jumped from {number(a[index])} to {number(b[index])}",
        )  # fmt: skip


def wraps(step: Step, one: list[Any], other: list[Any], words: list[str]) -> Found:
    """Elements of a remainder that wrapped around."""
    a, b = (np.floor(np.asarray(x / y)) for x, y in (one, other))
    for index in places(a != b):
        yield index, float(a[index]), float(b[index]), f"{element(index)} wrapped around"


def bounds(step: Step, one: list[Any], other: list[Any], words: list[str]) -> Found:
    """Elements of a clip that went over a bound."""
    a, b = one[0], other[0]
    for word, bound in (("low", step.params["low"]), ("high", step.params["high"])):
        if bound is None:
            continue
        limit = np.broadcast_to(np.asarray(bound), a.shape)
        changed = (a < limit) != (b < limit) if word == "low" else (a > limit) != (b > limit)
        for index in places(changed):
            text = f"{element(index)} crossed the bound {number(limit[index])}{way(a[index], b[index])}"
            yield index, float(a[index]), float(b[index]), text


def choices(step: Step, one: list[Any], other: list[Any], words: list[str]) -> Found:
    """Elements at which another of several inputs was taken."""
    a, b = (np.broadcast_arrays(*arrays) for arrays in (one, other))
    out, then = (np.asarray(step.op.forward(*arrays, **step.params)) for arrays in (one, other))
    changed = np.zeros(out.shape, bool)
    for x, y in zip(a, b):
        changed |= (x == out) != (y == then)
    for index in places(changed):
        won = [i for i, x in enumerate(a) if x[index] == out[index]]
        wins = [i for i, y in enumerate(b) if y[index] == then[index]]
        who = takes([words[i] for i in won], [words[i] for i in wins])
        text = f"at [{','.join(map(str, index))}]: {who}" if index else who
        yield index, *margins(a, b, index, won, wins), text


def margins(a: Sequence[Any], b: Sequence[Any], index: Index, won: list[int], wins: list[int]) -> tuple[float, float]:
    """By how much the old winner was away from the new one, before and after."""
    if not won or not wins:
        return float("nan"), float("nan")
    new = next((i for i in wins if i not in won), wins[0])
    return float(a[won[0]][index] - a[new][index]), float(b[won[0]][index] - b[new][index])


def winners(step: Step, one: list[Any], other: list[Any], words: list[str]) -> Found:
    """Outputs that another element of the input has won: seen by what the rule hands back, output by output."""
    rule, params = step.op.rule_of(0), step.params
    if rule is None:
        return
    runs = [(np.asarray(step.op.forward(*arrays, **params)), arrays) for arrays in (one, other)]
    size = runs[0][0].size
    generic = np.random.default_rng(0).uniform(1, 2, size)
    left = _CALLS

    def back(g: Any, run: int) -> Any:
        out, arrays = runs[run]
        return np.asarray(rule(g.reshape(out.shape)[()], out[()], *arrays, **params))

    waiting = [(0, size)]
    while waiting and left > 0:
        start, end = waiting.pop()
        g = np.zeros(size)
        g[start:end] = generic[start:end]
        pieces = [back(g, run) for run in (0, 1)]
        left -= 1
        if np.array_equal(*pieces):
            continue
        if end - start > 1:
            middle = (start + end) // 2
            waiting += [(middle, end), (start, middle)]
            continue
        index = tuple(int(i) for i in np.unravel_index(start, runs[0][0].shape))
        won, wins = ([tuple(map(int, place)) for place in np.argwhere(piece)] for piece in pieces)
        who = takes([f"[{','.join(map(str, i))}]" for i in won], [f"[{','.join(map(str, i))}]" for i in wins])
        a, b = one[0], other[0]
        new = next((i for i in wins if i not in won), wins[0] if wins else ())
        was, now = (float(x[won[0]] - x[new]) if won and wins else float("nan") for x in (a, b))
        yield index, was, now, f"at [{','.join(map(str, index))}]: {who}" if index else who


def takes(won: list[str], wins: list[str]) -> str:
    """Say who takes over from whom."""
    new, gone = [x for x in wins if x not in won], [x for x in won if x not in wins]
    if new and gone:
        return f"{joined(new)} took over from {joined(gone)}"
    return f"{joined(new)} drew level with {joined(won)}" if new else f"{joined(wins)} got ahead of {joined(gone)}"


def joined(words: list[str]) -> str:
    """A few words, and how many more."""
    return " and ".join(words[:3]) + (f" and {len(words) - 3} more" if len(words) > 3 else "")


def places(changed: Any) -> list[Index]:
    """Where an array of bool is true."""
    return [tuple(map(int, index)) for index in np.argwhere(changed)]


def element(index: Index) -> str:
    """How an element is written."""
    return f"element [{','.join(map(str, index))}]" if index else "the value"


def way(before: Any, after: Any) -> str:
    """From where to where."""
    return f" ({number(float(before))} to {number(float(after))})"


_FINDERS = {
    **dict.fromkeys(_SIGN, crossings),
    **dict.fromkeys(_JUMP, jumps),
    **dict.fromkeys(_CHOICE, choices),
    **dict.fromkeys(_WINNER, winners),
    "clip": bounds,
    "remainder": wraps,
}
