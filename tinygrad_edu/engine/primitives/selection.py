"""Choosing between numbers: what is chosen gets the whole gradient, what is not exactly 0, and ties share."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from tinygrad_edu.engine.op import elementwise

__all__ = [
    "above", "below", "clip", "first_largest", "first_taken", "fmax", "fmin", "gate", "inside", "is_finite", "is_first",
    "largest", "maximum", "minimum", "nan_to_num", "second_taken", "smallest", "tie_share", "where", "wins",
]  # fmt: skip


@elementwise(symbol="·", notation="infix")
def gate(x: Any, share: Any) -> Any:
    """x · share, and exactly 0 where the share is 0, also of an infinite x."""
    if np.isfinite(x).all():
        return x * share
    return np.where(share == 0, 0, x) * share


gate.constant("share")


@gate.vjp("x")
def gate_dx(g: Any, out: Any, x: Any, share: Any) -> Any:
    return gate(g, share)


@elementwise
def where(condition: Any, x: Any, y: Any) -> Any:
    """x where the condition holds, y elsewhere; the branch not taken gets the gradient 0, whatever it holds."""
    chosen = np.where(condition, x, y)
    return chosen if chosen.ndim else chosen[()]


where.constant("condition")


@where.vjp("x")
def where_dx(g: Any, out: Any, condition: Any, x: Any, y: Any) -> Any:
    return where(condition, g, 0.0)


@where.vjp("y")
def where_dy(g: Any, out: Any, condition: Any, x: Any, y: Any) -> Any:
    return where(condition, 0.0, g)


@elementwise(symbol="max")
def maximum(x: Any, y: Any) -> Any:
    """The larger of two numbers; NaN if one is. Equal ones share the gradient."""
    return np.maximum(x, y)


@maximum.vjp("x")
def maximum_dx(g: Any, out: Any, x: Any, y: Any) -> Any:
    return gate(g, wins(x, y))


@maximum.vjp("y")
def maximum_dy(g: Any, out: Any, x: Any, y: Any) -> Any:
    return gate(g, wins(y, x))


@elementwise(symbol="min")
def minimum(x: Any, y: Any) -> Any:
    """The smaller of two numbers; NaN if one is. Equal ones share the gradient."""
    return np.minimum(x, y)


@minimum.vjp("x")
def minimum_dx(g: Any, out: Any, x: Any, y: Any) -> Any:
    return gate(g, wins(y, x))


@minimum.vjp("y")
def minimum_dy(g: Any, out: Any, x: Any, y: Any) -> Any:
    return gate(g, wins(x, y))


@elementwise(differentiable=False)
def wins(x: Any, y: Any) -> Any:
    """1 where x is above y, ½ where they are equal, 0 below; 1 beside a NaN, which is to spread."""
    share = np.asarray(~(x < y), dtype=np.result_type(x, y, np.float16))
    share[x == y] = 0.5
    return share[()]


@elementwise
def fmax(x: Any, y: Any) -> Any:
    """The larger of two numbers, or the one that is no NaN. Of equal ones the first gets the gradient (PyTorch)."""
    return np.fmax(x, y)


@fmax.vjp("x")
def fmax_dx(g: Any, out: Any, x: Any, y: Any) -> Any:
    return gate(g, first_taken(x, y))


@fmax.vjp("y")
def fmax_dy(g: Any, out: Any, x: Any, y: Any) -> Any:
    return gate(g, second_taken(x, y))


@elementwise
def fmin(x: Any, y: Any) -> Any:
    """The smaller of two numbers, or the one that is no NaN. Of equal ones the first gets the gradient (PyTorch)."""
    return np.fmin(x, y)


@fmin.vjp("x")
def fmin_dx(g: Any, out: Any, x: Any, y: Any) -> Any:
    return gate(g, first_taken(-x, -y))


@fmin.vjp("y")
def fmin_dy(g: Any, out: Any, x: Any, y: Any) -> Any:
    return gate(g, second_taken(-x, -y))


@elementwise(differentiable=False)
def first_taken(x: Any, y: Any) -> Any:
    """Whether ``fmax`` takes x."""
    return (x >= y) | np.isnan(y)


@elementwise(differentiable=False)
def second_taken(x: Any, y: Any) -> Any:
    """Whether ``fmax`` takes y."""
    return ~first_taken(x, y)


@elementwise
def clip(x: Any, *, low: Any, high: Any) -> Any:
    """x, kept between ``low`` and ``high`` (numbers, arrays or None); slope 1 inside and at the bounds, 0 outside."""
    kept = x.copy() if low is None else np.maximum(x, low)
    return kept if high is None else np.minimum(kept, high)


@clip.vjp("x")
def clip_dx(g: Any, out: Any, x: Any, *, low: Any, high: Any) -> Any:
    return gate(g, inside(x, low=low, high=high))


@clip.scalar_form
def clip_of_scalars(x: Any, *, low: Any, high: Any) -> Any:
    return np.frompyfunc(lambda element, least, most: clip(element, low=least, high=most), 3, 1)(x, low, high)


@elementwise(differentiable=False)
def above(x: Any, y: Any) -> Any:
    """Whether x is greater than y, or NaN."""
    return (x > y) | (x != x)


@elementwise(differentiable=False)
def below(x: Any, y: Any) -> Any:
    """Whether x is less than y, or NaN."""
    return (x < y) | (x != x)


@elementwise(differentiable=False)
def inside(x: Any, *, low: Any, high: Any) -> Any:
    """Whether x is no NaN and within the bounds."""
    within = x == x if low is None else x >= low
    return within if high is None else within & (x <= high)


@elementwise
def nan_to_num(x: Any, *, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Any:
    """x with NaN and infinities replaced (by default by 0 and the largest finite numbers); slope 0 there."""
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


@nan_to_num.vjp("x")
def nan_to_num_dx(g: Any, out: Any, x: Any, *, nan: float, posinf: float | None, neginf: float | None) -> Any:
    return gate(g, is_finite(x))


@elementwise(differentiable=False)
def is_finite(x: Any) -> Any:
    """Whether x is neither NaN nor infinite."""
    return np.isfinite(x)


@elementwise(symbol="max")
def largest(*xs: Any) -> Any:
    """The largest of several numbers, element by element; equal ones share the gradient evenly."""
    return functools.reduce(np.maximum, xs)


@largest.vjp("xs")
def largest_dx(g: Any, out: Any, *xs: Any, position: int) -> Any:
    return gate(g, tie_share(out, *xs, position=position))


@elementwise(symbol="max")
def first_largest(*xs: Any) -> Any:
    """The largest of several numbers, element by element; of equal ones the first gets the gradient."""
    return functools.reduce(np.maximum, xs)


@first_largest.vjp("xs")
def first_largest_dx(g: Any, out: Any, *xs: Any, position: int) -> Any:
    return gate(g, is_first(out, *xs, position=position))


@elementwise(symbol="min")
def smallest(*xs: Any) -> Any:
    """The smallest of several numbers, element by element; equal ones share the gradient evenly."""
    return functools.reduce(np.minimum, xs)


@smallest.vjp("xs")
def smallest_dx(g: Any, out: Any, *xs: Any, position: int) -> Any:
    return gate(g, tie_share(out, *xs, position=position))


@elementwise(differentiable=False)
def tie_share(*xs: Any, position: int) -> Any:
    """1 over the number of those equal to the first of ``xs``, for the one after it at ``position``; 0 if it is not."""
    chosen, *among = xs
    equal = [chosen == x for x in among]
    count = functools.reduce(np.add, equal, np.zeros((), np.int64))
    with np.errstate(invalid="ignore"):  # beside a NaN nothing is equal: 0 / 0 spreads it
        return np.true_divide(equal[position], count, dtype=np.result_type(chosen, np.float16))[()]


@elementwise(differentiable=False)
def is_first(*xs: Any, position: int) -> Any:
    """1 for the one at ``position`` after the first of ``xs`` if it is the earliest that equals it, else 0."""
    chosen, *among = xs
    won = chosen == among[position]
    for x in among[:position]:
        won = won & (chosen != x)
    return np.asarray(won, np.result_type(chosen, np.float16))[()]
