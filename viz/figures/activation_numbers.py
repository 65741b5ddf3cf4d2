"""What can be said of a function of one number: its range, where its slope dies, whether it rises, where it breaks.

Every value is the engine's, every slope comes from its rules by ``tg.grad``; nothing here knows a formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.engine.trace.tracing import graph
from viz.style.numbers import number

__all__ = ["Kink", "Study", "interval_text", "study"]

_POINTS = 2401
_WIDE = 40.0  # where a function that has an end has reached it
_FAR = (400.0, 800.0)  # where one that has none shows it
_NEAR = 1e-9
_NAMED = 3  # intervals that are said one by one
_EVEN = 1e-9  # a slope nearer to 0 than this may be rounding
_FADED = 1e-100  # and one nearer than this underflows soon


@dataclass(frozen=True)
class Kink:
    """A place where the slope jumps: its value on the left, at the place as the engine has it, on the right."""

    x: float
    left: float
    here: float
    right: float


@dataclass(frozen=True)
class Study:
    """A function of one number, looked at: x, y, slope are arrays; intervals are pairs (from, to), ±inf at the ends.

    low, high: what its values come to. dead: where |slope| is below ``threshold``. mean: of its values for standard
    normal inputs. falls: where it falls. formula: as recorded; rules: how the engine hands the gradient ḡ back.
    """

    x: Any
    y: Any
    slope: Any
    low: float
    high: float
    steepest: float
    threshold: float
    dead: tuple[tuple[float, float], ...]
    mean: float
    falls: tuple[tuple[float, float], ...]
    rises: bool
    kinks: tuple[Kink, ...]
    formula: str
    rules: tuple[str, ...]

    @property
    def monotone(self) -> bool:
        """Whether it never falls, or never rises."""
        return not self.falls or not self.rises

    @property
    def zero_centred(self) -> bool:
        """Whether its values lie about 0 when its inputs do."""
        return abs(self.mean) < 1e-3


def study(f: Callable[[Any], Any], name: str, low: float, high: float, threshold: float) -> Study:
    """Look at a function between two numbers and far beyond; ValueError or TypeError if it is none of one number."""
    x = np.linspace(low, high, _POINTS)
    y, slope = evaluated(f, x, name)
    wide = np.linspace(-_WIDE, _WIDE, 16_001)
    held, steep = evaluated(f, wide, name)
    formula, rules = formulas(f)
    return Study(
        x, y, slope, *ends(f, held, name), float(np.nanmax(np.abs(steep))), threshold,
        dying(f, wide, steep, threshold, name),
        mean_of(f, name), falling(f, wide, steep, name), bool((steep > _EVEN).any()),
        kinks(f, wide, steep, name), formula, rules,
    )  # fmt: skip


def evaluated(f: Callable[[Any], Any], x: Any, name: str) -> tuple[Any, Any]:
    """Return values and slopes at an array of places."""
    given = tg.Tensor(x, requires_grad=True, name="x")
    with np.errstate(all="ignore"):
        y = f(given)
        if not isinstance(y, tg.Tensor) or y.shape != given.shape:
            made = f"shape {y.shape}" if isinstance(y, tg.Tensor) else type(y).__name__
            raise ValueError(
                f"activation: {name} of {given.shape} numbers gave {made}; wanted a number for each, a Tensor"
            )
        if not y.requires_grad:
            raise ValueError(f"activation: {name} does not depend on its input in a way that has a gradient")
        slope = tg.grad(y, given, gradient=np.ones_like(x))
    return y.data, slope.data


def slope_at(f: Callable[[Any], Any], x: float, name: str) -> float:
    """Return the slope at one place."""
    return float(evaluated(f, np.array([x]), name)[1][0])


def ends(f: Callable[[Any], Any], held: Any, name: str) -> tuple[float, float]:
    """Return the least and the largest value; infinite where it goes on growing."""
    near = held[np.isfinite(held)]
    if not near.size:
        raise ValueError(f"activation: {name} has no finite value between −{_WIDE:g} and {_WIDE:g}")
    low, high = float(near.min()), float(near.max())
    out = np.linspace(*_FAR, 97)
    far = evaluated(f, np.concatenate([-out, out]), name)[0]
    far = far[~np.isnan(far)]
    size = max(abs(low), abs(high))
    if far.size and far.min() < low - 0.05 * size:
        low = -math.inf
    if far.size and far.max() > high + 0.05 * size:
        high = math.inf
    return tuple(0.0 if abs(v) < 1e-12 else v for v in (low, high))  # type: ignore[return-value]


def intervals(
    f: Callable[[Any], Any], x: Any, inside: Any, holds: Callable[[float], bool], name: str
) -> tuple[tuple[float, float], ...]:
    """Return where a condition on the slope holds, its ends found by halving; to infinity where it holds at the rim."""
    found, start = [], -math.inf if inside[0] else None
    for i in np.flatnonzero(inside[1:] != inside[:-1]).tolist():
        left, right = float(x[i]), float(x[i + 1])
        for _ in range(40):
            middle = (left + right) / 2
            left, right = (middle, right) if holds(slope_at(f, middle, name)) == bool(inside[i]) else (left, middle)
        edge = 0.0 if abs(right) < 1e-9 else right
        if inside[i]:
            found.append((start if start is not None else edge, edge))
        start = edge
    if inside[-1]:
        found.append((start if start is not None else -math.inf, math.inf))
    return tuple(found)


def dying(f: Callable[[Any], Any], x: Any, slope: Any, threshold: float, name: str) -> tuple[tuple[float, float], ...]:
    """Return where the slope stays small; where it only passes through 0, at a valley or a top, it is not dead."""
    found = []
    for low, high in intervals(f, x, np.abs(slope) < threshold, lambda s: abs(s) < threshold, name):
        sides = [slope_at(f, edge, name) for edge in (low, high) if math.isfinite(edge)]
        if len(sides) < 2 or sides[0] * sides[1] >= 0:
            found.append((low, high))
    return tuple(found)


def falling(f: Callable[[Any], Any], x: Any, slope: Any, name: str) -> tuple[tuple[float, float], ...]:
    """Return where the slope is below 0, rounding apart; to infinity where it only fades below what a float holds."""
    found = []
    for low, high in intervals(f, x, slope < 0, lambda s: s < 0, name):
        if slope[(x > low) & (x < high)].min(initial=0.0) < -_EVEN:
            faded = [abs(slope_at(f, edge + inward * 1e-2, name)) < _FADED if math.isfinite(edge) else False
                     for edge, inward in ((low, 1), (high, -1))]  # fmt: skip
            found.append((-math.inf if faded[0] else low, math.inf if faded[1] else high))
    return tuple(found)


def mean_of(f: Callable[[Any], Any], name: str) -> float:
    """Return the mean of the values for standard normal inputs, by the trapezium rule."""
    x = np.linspace(-8, 8, 8001)
    weight = np.exp(-x * x / 2)
    y = evaluated(f, x, name)[0]
    real = np.isfinite(y)
    return float((y[real] * weight[real]).sum() / weight[real].sum()) + 0.0


def kinks(f: Callable[[Any], Any], x: Any, slope: Any, name: str) -> tuple[Kink, ...]:
    """Return where the slope jumps, at most eight: a change between neighbours that stays however near one looks."""
    change = np.abs(np.diff(slope))
    found: list[Kink] = []
    for i in np.flatnonzero(change > 0.004).tolist():
        left, right, jump = float(x[i]), float(x[i + 1]), change[i]
        a, b = float(slope[i]), float(slope[i + 1])
        while right - left > _NEAR:
            middle = (left + right) / 2
            m = slope_at(f, middle, name)
            left, right, a, b = (left, middle, a, m) if abs(m - a) > abs(b - m) else (middle, right, m, b)
        place = round((left + right) / 2, 6) + 0.0
        if abs(b - a) > 0.5 * jump and all(abs(place - k.x) > 1e-3 for k in found):
            sides = [slope_at(f, place + side * 1e-7, name) for side in (-1, 0, 1)]
            if abs(sides[2] - sides[0]) > 0.5 * jump:
                found.append(Kink(place, *sides))
        if len(found) == 8:
            break
    return tuple(found)


def formulas(f: Callable[[Any], Any]) -> tuple[str, tuple[str, ...]]:
    """Return the function as recorded, and the engine's rules for its gradient, as they ran."""
    given = tg.Tensor(np.array([0.5, 1.5]), requires_grad=True, name="x")
    y = f(given)
    y.name = "y" if y is not given else "x"
    trace = graph(y, gradient=np.ones(2))
    rules = [formula for step in trace.steps for formula in step.formulas if formula is not None]
    return "; ".join(call.formula for call in trace.calls), tuple(rules)


def interval_text(intervals: tuple[tuple[float, float], ...]) -> str:
    """Return intervals in words: x < −4.6 and x > 4.6."""
    parts = []
    for low, high in intervals[:_NAMED]:
        if math.isinf(low) and math.isinf(high):
            parts.append("everywhere")
        elif math.isinf(low):
            parts.append(f"x < {number(round(high, 2))}")
        elif math.isinf(high):
            parts.append(f"x > {number(round(low, 2))}")
        else:
            parts.append(f"{number(round(low, 2))} < x < {number(round(high, 2))}")
    more = len(intervals) - _NAMED
    return " and ".join(parts) + (f" and {more} more place{'s' if more > 1 else ''}" if more > 0 else "")
