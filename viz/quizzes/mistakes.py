"""Wrong answers that tell what went wrong: one part of a sum, a product in the wrong order, a broadcast not summed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from viz.quizzes.facts import Facts, Use

__all__ = ["Slip", "slips_of_gradient", "slips_of_shape", "slips_of_value"]

Slip = tuple[Any, str, str]  # the wrong answer, what kind of mistake it is, what to say
_COPIES = 12  # of a broadcast number that are told apart
_LIKE = 4e-3  # relative: closer numbers cannot be told apart at the digits that are typed


def slips_of_gradient(facts: Facts, x: int, index: tuple[int, ...], answer: float) -> tuple[Slip, ...]:
    """Return wrong gradients of one element of a value."""
    uses, name = facts.uses.get(x, []), facts.name(x)
    found: list[Slip] = list(parts(facts, uses, name, index))
    for use in uses:
        found += copies(use, name, index)
        found += products(facts, use, index)
        found += halves_of_chain_rule(facts, use, index)
    found += transposed(facts.gradient(x), index)
    found += [(picked(facts.data(x), index), "other", f"That is the value of {name}, not its gradient.")]
    return told_apart([*found, *neighbours(facts.gradient(x), index)], answer)


def slips_of_value(facts: Facts, x: int, index: tuple[int, ...], answer: float) -> tuple[Slip, ...]:
    """Return wrong values of one element of what an op made."""
    made_by = facts.values[x].made_by
    assert made_by is not None
    call = facts.calls[made_by]
    arrays = [facts.data(y) for y in call.inputs]
    step = facts.turns[call.id][1] if call.id in facts.turns else None
    found: list[Slip] = []
    if step is not None and len(arrays) == 2 and all(a is not None for a in arrays):
        swapped = computed(step.op, arrays[::-1], step.params)
        words = f"The operands of {call.op} are swapped: the order matters."
        found.append((picked(swapped, index, facts.values[x].data.shape), "order", words))
        if call.notation == "infix" and call.symbol == "@":
            found += other_products(arrays, [facts.name(y) for y in call.inputs], facts.data(x), index)
    for y, data in zip(call.inputs, arrays):
        same = data is not None and data.shape == facts.values[x].data.shape
        if same:
            found.append((picked(data, index), "step", f"That is {facts.name(y)}, before {call.op} acts on it."))
    found += transposed(facts.data(x), index)
    return told_apart([*found, *neighbours(facts.data(x), index)], answer)


def slips_of_shape(facts: Facts, x: int) -> tuple[Slip, ...]:
    """Return wrong shapes of what an op made."""
    made_by, right = facts.values[x].made_by, facts.values[x].data.shape
    inputs = facts.calls[made_by].inputs if made_by is not None else ()
    shapes = {facts.values[y].data.shape: facts.name(y) for y in inputs}
    others = {shape: name for shape, name in shapes.items() if shape not in (right, ())}
    return tuple([(list(shape), "shape", f"That is the shape of {name}.") for shape, name in others.items()])


# The kinds


def parts(facts: Facts, uses: list[Use], name: str, index: tuple[int, ...]) -> Iterator[Slip]:
    """One part of a gradient that adds up, or several but not all."""
    pieces = [picked(use.step.contributions[use.position].data, index) for use in uses]
    count = len(pieces)
    for size in range(1, count if count <= 5 else min(count, 2)):
        for some in itertools.combinations(range(count), size):
            who = " and ".join(facts.call_name(uses[i].call) for i in some)
            words = f"{'one' if size == 1 else size} of {'two' if count == 2 else count} parts"
            times = "twice" if count == 2 else f"{count} times"
            said = f"That is only {words}: what {who} hands back. {name} is used {times}, and the parts add up."
            yield math.fsum(pieces[i] for i in some), "part", said


def copies(use: Use, name: str, index: tuple[int, ...]) -> Iterator[Slip]:
    """One copy of a number that was broadcast, where the sum over all copies is right; or their mean."""
    wide = use.turn.summed[use.position]
    if wide is None:
        return
    whole = np.broadcast_to(np.asarray(use.step.before_sum(use.position).data, dtype=np.float64), wide)
    shape = use.step.inputs[use.position].shape
    lead = len(wide) - len(shape)
    inner = [slice(None) if n == 1 else i for n, i in zip(shape, index or (0,) * len(shape))]
    column = whole[tuple([slice(None)] * lead + inner)].ravel()
    said = f"{name} was broadcast to {wide}, so its gradient is the sum over all {column.size} copies."
    for number in column[:_COPIES]:
        yield float(number), "broadcast", f"That is what one copy of {name} gets. {said}"
    yield float(column.mean()), "broadcast", f"That is the mean over the copies. {said}"


def products(facts: Facts, use: Use, index: tuple[int, ...]) -> list[Slip]:
    """A matrix product's rule with a factor not transposed, or in the wrong order."""
    if use.call.symbol != "@" or use.call.notation != "infix" or len(use.call.inputs) != 2:
        return []
    other = use.call.inputs[1 - use.position]
    arrays = [np.asarray(use.step.upstream.data), facts.data(other)]
    return other_products(
        arrays, ["ḡ", facts.name(other)], np.asarray(use.step.contributions[use.position].data), index
    )


def other_products(arrays: list[Any], names: list[str], right: Any, index: tuple[int, ...]) -> list[Slip]:
    """All products of two matrices, transposed or not, in either order, that have the right shape and other numbers."""
    found: list[Slip] = []
    if any(a is None or a.ndim != 2 for a in arrays) or right is None:
        return found
    for (i, j), left, second in itertools.product(((0, 1), (1, 0)), (False, True), (False, True)):
        a, b = arrays[i].T if left else arrays[i], arrays[j].T if second else arrays[j]
        if a.shape[1] == b.shape[0] and (a.shape[0], b.shape[1]) == right.shape:
            text = f"{names[i]}{'ᵀ' * left} @ {names[j]}{'ᵀ' * second}"
            said = f"That comes from {text}: look again at which factor is transposed, and which stands first."
            found.append((picked(a @ b, index), "order", said))
    return found


def halves_of_chain_rule(facts: Facts, use: Use, index: tuple[int, ...]) -> Iterator[Slip]:
    """The local derivative without what arrives, or what arrives without the local derivative."""
    shape = use.step.inputs[use.position].shape
    upstream = np.asarray(use.step.upstream.data, dtype=np.float64)
    op, arriving = facts.call_name(use.call), f"ḡ = {facts.slope(use.call.output or 0)}"
    if upstream.shape == shape:
        said = f"That is {arriving}, as it arrives: multiply by the local derivative of {op}."
        yield picked(upstream, index), "chain", said
    with np.errstate(all="ignore"):
        local = use.step.pull(use.position, np.ones_like(use.step.upstream.data))
    said = f"That is what {op} hands back where ḡ is 1: put in {arriving}, which arrives there."
    yield picked(local, index), "chain", said


def transposed(array: Any, index: tuple[int, ...]) -> Iterator[Slip]:
    """The element on the other side of the diagonal."""
    if array is not None and array.ndim == 2 and len(index) == 2 and index[0] != index[1]:
        row, column = index
        if column < array.shape[0] and row < array.shape[1]:
            said = f"That is the element [{column}, {row}]: rows and columns are swapped, as in a transposed matrix."
            yield float(array[column, row]), "order", said


def neighbours(array: Any, index: tuple[int, ...]) -> Iterator[Slip]:
    """Another element of the same array."""
    if array is None or not index:
        return
    for other in np.ndindex(array.shape):
        if other != index:
            where = ", ".join(map(str, other))
            yield float(array[other]), "element", f"That is the element [{where}]; asked for is another."


# Their numbers


def picked(array: Any, index: tuple[int, ...], shape: tuple[int, ...] | None = None) -> float:
    """Return an element, NaN where there is none."""
    if array is None or (shape is not None and np.shape(array) != shape):
        return math.nan
    flat = np.asarray(array, dtype=np.float64)
    if not index:
        return float(flat.ravel()[0]) if flat.size == 1 else math.nan
    return float(flat[index]) if flat.ndim == len(index) else math.nan


def computed(op: Any, arrays: list[Any], params: dict[str, Any]) -> Any:
    """Return an op of other operands; None if it refuses them."""
    try:
        with np.errstate(all="ignore"):
            return op(*arrays, **params)
    except (ValueError, TypeError, IndexError):
        return None


def told_apart(slips: list[Slip], answer: float) -> tuple[Slip, ...]:
    """Return the slips whose numbers differ from the answer, from its negative, and from those before; at most 40."""
    kept: list[Slip] = []
    for number, kind, words in slips:
        taken = [answer, -answer, *[slip[0] for slip in kept]]
        if math.isfinite(number) and not any(alike(number, other) for other in taken):
            kept.append((number, kind, words))
    return tuple(kept[:40])


def alike(one: float, other: float) -> bool:
    """Whether two numbers look the same in a few digits."""
    return abs(one - other) <= max(_LIKE * max(abs(one), abs(other)), 1e-9)
