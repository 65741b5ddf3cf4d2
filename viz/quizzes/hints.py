"""Hints: first the rule in symbols, then the same with numbers, each hidden one as the number of its blank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_edu.engine.mathml import Math
from tinygrad_edu.engine.text import number_text
from tinygrad_edu.engine.trace.tracing import Call
from viz.quizzes.facts import Facts, columns_of
from viz.quizzes.questions import Question

__all__ = ["ANOTHER", "Blanks", "blanks_of", "hints_of"]

_TABLE, _WIDE = 16, 6  # numbers, and columns, of an array that stands in a formula

Blanks = dict[tuple[str, int, int | None], int]  # kind, value and element of a blank to its number
ANOTHER = 0  # the number of a blank that is not asked for: it would give another away


def blanks_of(facts: Facts, questions: Sequence[Question]) -> Blanks:
    """Return what is left out: the blanks, and whatever else was computed and holds the very number of one.

    So a gradient that an add hands on, or a transposed matrix, can't be copied from beside it.
    """
    blanks: Blanks = {(q.kind, q.target, q.place): q.number for q in questions}
    texts = {number_text(q.answer) for q in questions if not isinstance(q.answer, tuple) and q.answer}
    computed = [("value", x, facts.data(x)) for x, value in facts.values.items() if value.made_by is not None]
    computed += [("gradient", x, facts.gradient(x)) for x in facts.values if x not in facts.trace.outputs]
    for kind, x, array in computed:
        if array is not None and facts.is_printed(x):
            for i, v in enumerate(array.ravel()):
                if number_text(v) in texts:
                    blanks.setdefault((kind, x, i), ANOTHER)
    return blanks


def hints_of(facts: Facts, question: Question, blanks: Blanks) -> list[list[Any]]:
    """Return the hints of a question, each a list of paragraphs: text, or a formula as a tree of MathML."""
    x = question.target
    call = facts.calls[facts.values[x].made_by or 0] if facts.values[x].made_by is not None else None
    if question.kind == "shape":
        assert call is not None
        return shape_hints(facts, call)
    if question.kind == "value":
        assert call is not None
        first: list[Any] = [doc(call), *equation(facts.name(x), math_of(call))]
        known = {word: ("value", y) for word, y in words_of(facts, call).items()}
        second = equation(facts.name(x), with_numbers(facts, math_of(call), known, blanks))
        return [first, [*second, *lines_of(facts, question, call.symbol == "@")]]
    return gradient_hints(facts, question, blanks)


def gradient_hints(facts: Facts, question: Question, blanks: Blanks) -> list[list[Any]]:
    """The rules through which a gradient arrives, one for each use."""
    x, uses = question.target, facts.uses[question.target]
    name = facts.name(x)
    first: list[Any] = []
    second: list[Any] = []
    if len(uses) > 1:
        first.append(f"{name} is used {len(uses)} times: its gradient is the sum of {len(uses)} parts.")
    for use in uses:
        out = use.call.output or 0
        first.append(f"From {facts.call_name(use.call)}, with ḡ = {facts.slope(out)}:")
        left = facts.slope(x) if len(uses) == 1 else f"part of {facts.slope(x)}"
        first += equation(left, use.formula) or [f"the rule {getattr(use.turn.details[use.position], 'rule', '')}"]
        wide = use.turn.summed[use.position]
        if wide is not None:
            first.append(f"{name} was broadcast to {wide}: then sum over the copies, down to {shape_of(facts, x)}.")
        known = {word: ("value", y) for word, y in words_of(facts, use.call).items()}
        second += equation(left, with_numbers(facts, use.formula, {**known, "ḡ": ("gradient", out)}, blanks))
    return [first, [*second, *lines_of(facts, question, any(use.call.symbol == "@" for use in uses))]]


def shape_hints(facts: Facts, call: Call) -> list[list[Any]]:
    """What an op makes of shapes: its sentence and formula, then the shapes of its inputs that are no blanks."""
    leaves = [y for y in call.inputs if facts.values[y].made_by is None]
    known = [f"{facts.name(y)} has shape {shape_of(facts, y)}." for y in dict.fromkeys(leaves)]
    first = [doc(call), *equation("", math_of(call))]
    return [first, [*known, *call.params]] if known else [[*first, *call.params]]


def math_of(call: Call) -> Math | None:
    """What an op computes, as a formula."""
    return call.detail.math if call.detail is not None else None


def doc(call: Call) -> str:
    """What an op does, in its own words."""
    return f"{call.op}: {call.doc}".replace("``", "") if call.doc else call.op


def equation(left: str, right: Math | None) -> list[Any]:
    """An equation as a paragraph; nothing where a side is missing."""
    if right is None:
        return []
    return [("mrow", ("mi", left), ("mo", "="), right)] if left else [right]


def words_of(facts: Facts, call: Call) -> dict[str, int]:
    """What the formulas of a call name: its inputs and its output. A name of two values names neither."""
    found: dict[str, int] = {}
    twice = set()
    for i, y in enumerate([*call.inputs, call.output or 0]):
        word = facts.values[y].name or (call.input_names[i] if i < len(call.inputs) else "y")
        if found.get(word, y) != y:
            twice.add(word)
        found[word] = y
    return {word: y for word, y in found.items() if word not in twice}


def with_numbers(facts: Facts, tree: Math | None, known: dict[str, tuple[str, int]], blanks: Blanks) -> Math | None:
    """Return a formula with numbers in place of names; None where an array would be too large."""
    if tree is None:
        return None
    tag, *rest = tree
    word = named(tree)
    if word in known:
        return numbers_tree(facts, *known[word], blanks)
    if tag in ("mi", "mn", "mo", "mtext", "array"):
        return tree
    return (tag, *[part if isinstance(part, str) else with_numbers(facts, part, known, blanks) for part in rest])


def named(tree: Math) -> str | None:
    """The name that a leaf of a formula is: also one with a ᵀ behind it, which is set apart."""
    if tree[0] == "mi":
        return str(tree[1])
    if tree[0] == "msup" and tree[1][0] == "mi" and tree[2] == ("mo", "ᵀ"):
        return f"{tree[1][1]}ᵀ"
    return None


def numbers_tree(facts: Facts, kind: str, x: int, blanks: Blanks) -> Math:
    """Return a value's or a gradient's numbers as a tree: blanks by their number, what is too large by its name."""
    data = facts.values[x].data if kind == "value" else facts.values[x].gradient
    if ("shape", x, None) in blanks or data is None or data.data is None:
        return ("mi", facts.name(x) if kind == "value" else facts.slope(x))
    cells = [cell(v, blanks.get((kind, x, i))) for i, v in enumerate(data.data)]
    if data.size == 1 and not data.shape:
        return cells[0]
    columns = columns_of(data.shape)
    flat = all(n == 1 for n in data.shape[:-2])
    if data.size > _TABLE or columns > _WIDE or not flat:
        return ("mi", facts.name(x) if kind == "value" else facts.slope(x))
    rows = [("mtr", *[("mtd", one) for one in cells[i : i + columns]]) for i in range(0, len(cells), columns)]
    return ("mrow", ("mo", "["), ("mtable", *rows), ("mo", "]"))


def cell(value: float, number: int | None) -> Math:
    """A number, or the blank that stands for it."""
    if number is None:
        return ("mn", number_text(value))
    return ("mtext", "?" if number == ANOTHER else f"({number})")


def lines_of(facts: Facts, question: Question, product: bool) -> list[Any]:
    """Say which element is asked for, and how a product of matrices makes it."""
    shape = facts.values[question.target].data.shape
    if not shape or question.place is None or facts.values[question.target].data.size == 1:
        return []
    where = question.words[question.words.rindex("[") :]
    if product and len(shape) == 2:
        row, column = divmod(question.place, shape[1])
        return [f"Asked is {where}: row {row} of the first factor times column {column} of the second, added up."]
    return [f"Asked is the element {where}."]


def shape_of(facts: Facts, x: int) -> str:
    """A value's shape as text."""
    return str(facts.values[x].data.shape)
