"""Which numbers and shapes of a graph are left out, and what is asked about each."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from viz.quizzes.facts import Facts, element
from viz.quizzes.mistakes import Slip, slips_of_gradient, slips_of_shape, slips_of_value

__all__ = ["HIDDEN", "Question", "questions_of"]

HIDDEN = ("values", "gradients", "shapes")


@dataclass(frozen=True)
class Question:
    """A blank: ``number`` counts from 1; ``kind`` is ``value``, ``gradient`` or ``shape`` of the value ``target``.

    place: which element, in the order of memory; None for a shape. words: what is asked for, as text.
    answer: the number, or the shape. slips: wrong answers that tell what went wrong.
    """

    number: int
    kind: str
    target: int
    place: int | None
    words: str
    answer: float | tuple[int, ...]
    slips: tuple[Slip, ...] = ()


Blank = tuple[str, int]  # kind and value


def questions_of(facts: Facts, hide: Any, count: int, cells: int, seed: int) -> list[Question]:
    """Return the questions, in an order in which they can be solved: forward, then backward.

    Raises ValueError for a ``hide`` that says nothing, and where there is nothing to hide.
    """
    chosen = random.Random(seed)
    named = isinstance(hide, (list, tuple, set)) or (isinstance(hide, str) and hide not in HIDDEN)
    if named:
        blanks = named_blanks(facts, [hide] if isinstance(hide, str) else list(hide))
    else:
        blanks = [(kind, x) for kind, x in blanks_of(facts, hide) if kind == "shape" or any_number(facts, kind, x)]
    if not blanks:
        raise ValueError(
            f"quiz: hide={hide!r} leaves nothing to ask: the graph has no such number that is printed (arrays of up to "
            "36 elements are); take a smaller net or a part of it"
        )
    if isinstance(hide, float):
        blanks = sample(chosen, blanks, max(1, round(hide * len(blanks))))
    if not named:
        blanks = sample(chosen, blanks, count)
    found: list[Question] = []
    for kind, x in blanks:
        places: Sequence[int | None] = [None] if kind == "shape" else sample(chosen, telling(facts, kind, x), cells)
        for place in places:
            found.append(question(facts, len(found) + 1, kind, x, place))
    return found


def sample(chosen: random.Random, things: list[Any], count: int) -> list[Any]:
    """Return up to ``count`` of the things, in their order."""
    kept = sorted(chosen.sample(range(len(things)), min(count, len(things))))
    return [things[i] for i in kept]


def numbers_of(facts: Facts, kind: str, x: int) -> list[float]:
    """Return the numbers of a value, or of its gradient, in the order of memory."""
    array = facts.gradient(x) if kind == "gradient" else facts.data(x)
    return [float(v) for v in array.ravel()]


def any_number(facts: Facts, kind: str, x: int) -> bool:
    """Whether there is more to find out than zeros."""
    return any(v != 0 for v in numbers_of(facts, kind, x))


def telling(facts: Facts, kind: str, x: int) -> list[int]:
    """Return which elements to ask about: those that are not 0, or all if there are no others."""
    numbers = numbers_of(facts, kind, x)
    return [i for i, v in enumerate(numbers) if v != 0] or list(range(len(numbers)))


def blanks_of(facts: Facts, hide: Any) -> list[Blank]:
    """Return all that ``hide`` allows to be left out."""
    made = [call.output for call in facts.trace.calls if call.output is not None]
    values = [("value", x) for x in made if facts.is_printed(x)]
    if hide == "shapes":
        return [("shape", x) for x in made if facts.values[x].data.shape]
    if hide == "values":
        return values
    arriving = [x for turn in facts.trace.steps for x in facts.calls[turn.call].inputs if x in facts.uses]
    outputs = set(facts.trace.outputs)
    slopes = [("gradient", x) for x in dict.fromkeys(arriving) if facts.is_printed(x) and x not in outputs]
    if hide == "gradients":
        return slopes
    if isinstance(hide, float) and 0 < hide <= 1:
        return [*values, *slopes]
    raise ValueError(
        f"quiz: hide={hide!r} is none of {', '.join(map(repr, HIDDEN))}, a share such as 0.3, or names of values"
    )


def named_blanks(facts: Facts, names: list[Any]) -> list[Blank]:
    """Return the blanks that are named: ``h`` for a computed value, ``h.grad`` for a gradient, ``W`` for a leaf's."""
    found: list[Blank] = []
    by_name = {value.name: value for value in facts.trace.values if value.name}
    for name in names:
        word, dot, what = str(name).rpartition(".")
        value = by_name.get(str(name)) or (by_name.get(word) if dot and what == "grad" else None)
        if value is None:
            here = ", ".join(map(str, by_name))
            if len(names) == 1:
                words = ", ".join(map(repr, HIDDEN))
                raise ValueError(f"quiz: hide={name!r} is none of {words}, and no name here: {here}")
            raise ValueError(f"quiz: hide={name!r} is no name here: {here}")
        wants_gradient = value.name != name or value.made_by is None
        if not facts.is_printed(value.id) or (wants_gradient and value.gradient is None):
            word = "gradient" if wants_gradient else "value"
            raise ValueError(f"quiz: {name!r} has no {word} that the picture prints: it prints up to 36 numbers")
        found.append(("gradient" if wants_gradient else "value", value.id))
    return list(dict.fromkeys(found))


def question(facts: Facts, number: int, kind: str, x: int, place: int | None) -> Question:
    """Return the question about one blank."""
    value = facts.values[x]
    if kind == "shape" or place is None:
        shape = value.data.shape
        return Question(number, kind, x, None, f"shape of {facts.name(x)}", shape, slips_of_shape(facts, x))
    index = element(value.data.shape, place)
    where = f"[{', '.join(map(str, index))}]" if index else ""
    slope = kind == "gradient"
    array = facts.gradient(x) if slope else facts.data(x)
    answer = float(array.ravel()[place])
    if not math.isfinite(answer):
        raise ValueError(f"quiz: {facts.name(x)} holds {answer}, which nobody can work out; fix the graph first")
    slips = (slips_of_gradient if slope else slips_of_value)(facts, x, index, answer)
    return Question(number, kind, x, place, (facts.slope(x) if slope else facts.name(x)) + where, answer, slips)
