"""Finite differences against the rules: of a function (``gradcheck``) and of every op of a graph (``check_graph``)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygrad_edu.engine.autodiff import as_list, gradients_of, units
from tinygrad_edu.engine.modes import enable_grad
from tinygrad_edu.engine.record import Step, backward_steps, call_rule, fit
from tinygrad_edu.engine.tensor import Tensor, as_tensor
from tinygrad_edu.engine.text import place_of

__all__ = [
    "TOLERANCE", "GradcheckError", "Verdict", "check_graph", "compared", "gradcheck", "numerical_gradient",
    "rule_verdict", "widened",
]  # fmt: skip

_MANY = 4096  # elements of a Jacobian, above which one random direction is checked instead of every element
_COMPLEX_EPS = 1e-30
_EPS = 1e-6
TOLERANCE = (1e-5, 1e-3)  # absolute, relative
WIDE = np.dtype(np.float64)  # in which everything is checked


class GradcheckError(RuntimeError):
    """A gradient disagrees with finite differences; the message names the op or input, the index and both values."""


@dataclass(frozen=True)
class Verdict:
    """What differences say of a gradient: at the worst index, what the rules and what the differences give.

    how: ``central differences``, ``a complex step``, or ``undefined`` where the function is not finite around here.
    numbers: the whole gradient by differences, None where a random direction stood for all.
    """

    wrong: bool
    index: Any
    analytic: float
    numeric: float
    how: str
    numbers: Any = None


# Of a function


def gradcheck(
    f: Callable[..., Any],
    inputs: Any,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Compare the gradients of ``f(*inputs)`` with central differences; True, or GradcheckError.

    inputs: a Tensor or several; those with ``requires_grad`` are checked, and must be float64. Passes where
    |analytic - numeric| <= atol + rtol |numeric|, or where a kink (ReLU at 0) lies and the rule's slope is between the
    slopes of both sides. Above 4,096 Jacobian elements one random direction stands for all.
    """
    given = inputs if isinstance(inputs, (list, tuple)) else (inputs,)
    tensors = [as_tensor(x) for x in given]
    checked = what_to_check(f, tensors, eps)
    leaves = [Tensor(x.data, requires_grad=x.requires_grad, name=x.name) for x in tensors]
    try:
        with enable_grad():
            outputs = as_list(f(*leaves), "gradcheck: the function's result")
        for number, y in enumerate(outputs):
            check_output(f, leaves, checked, number, y, eps, (atol, rtol))
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def what_to_check(f: Any, tensors: list[Tensor], eps: float) -> list[int]:
    """Return which inputs need a gradient; raise without a function or such an input, or for one too coarse."""
    if not callable(f):
        raise TypeError(
            f"gradcheck: f must be a function of the inputs, got {type(f).__name__}; tg.check_graph(result) checks the "
            "ops of a result that is there already"
        )
    checked = [i for i, x in enumerate(tensors) if x.requires_grad]
    if not checked:
        raise ValueError(
            "gradcheck: no input has requires_grad=True, so there is nothing to check; give tg.Tensor(x, "
            "requires_grad=True), or for the parameters of a model take tg.check_graph(loss)"
        )
    for i in checked:
        if tensors[i].dtype != np.float64:
            raise ValueError(
                f"gradcheck: input {i} ({tensors[i]._label()}) is {tensors[i].dtype}, too coarse for differences of "
                f"{eps:g}; convert it to float64: Tensor(x.data.astype(np.float64), requires_grad=True)"
            )
    return checked


def check_output(
    f: Callable[..., Any],
    leaves: list[Tensor],
    checked: list[int],
    number: int,
    y: Tensor,
    eps: float,
    tolerance: tuple[float, float],
) -> None:
    """Check one output of f against every input that needs a gradient."""
    wanted = [leaves[i] for i in checked]

    def value(i: int, data: Any) -> Any:
        there = [Tensor(data if j == i else x.data, requires_grad=x.requires_grad) for j, x in enumerate(leaves)]
        with enable_grad():  # f may itself ask for gradients
            result = f(*there)
        return as_list(result, "gradcheck: the function's result")[number].data

    size = y.size * sum(x.size for x in wanted)
    gradients = [random_like(y.data)] if size > _MANY else units(y)
    for g in gradients:
        found = gradients_of([y], [g], wanted, False) if y.requires_grad else [None] * len(wanted)
        for i, leaf, piece in zip(checked, wanted, found):
            analytic = np.zeros(leaf.shape) if piece is None else piece.data
            verdict = compared(lambda data, i=i: value(i, data), leaf.data, g, analytic, eps, tolerance)  # type: ignore[misc]
            if verdict.wrong:
                refuse_chance(value(i, leaf.data), value(i, leaf.data))
                output = f"output {number}" + (
                    f" element {np.argwhere(g)[0].tolist()}" if size <= _MANY and y.ndim else ""
                )
                raise GradcheckError(
                    f"gradcheck: the gradient of {output} with respect to input {i} "
                    f"({leaf._label()}, shape {leaf.shape}) at index {verdict.index} is {verdict.analytic:.8g} by the "
                    f"rules but {verdict.numeric:.8g} by central differences (eps {eps:g}); "
                    "tg.check_graph(output) names the op"
                )


def refuse_chance(once: Any, again: Any) -> None:
    """Raise if a function gave two results for the same inputs: no rule is to blame then."""
    if not np.array_equal(once, again, equal_nan=True):
        raise GradcheckError(
            "gradcheck: the function gives another result each time, so differences say nothing; is there dropout or "
            "noise in it? Give it rng=0, or switch the model with eval()"
        )


def random_like(data: Any) -> Any:
    """Return fixed random numbers of the shape of ``data``."""
    return np.asarray(np.random.default_rng(0).standard_normal(np.shape(data)))[()]


def compared(
    f: Callable[[Any], Any],
    x: Any,
    g: Any,
    analytic: Any,
    eps: float = _EPS,
    tolerance: tuple[float, float] = TOLERANCE,
) -> Verdict:
    """Return what central differences say of ``analytic``, the gradient of sum(g * f) at x, where they differ most."""
    if np.size(x) * np.size(g) > _MANY and np.size(x) > 64:
        direction = random_like(x)
        slopes = sided_slopes(f, x, direction, g, eps)
        mine = float(np.sum(analytic * direction))
        return Verdict(wrong(mine, slopes, tolerance), "a random direction", mine, slopes[0], "central differences")
    worst = Verdict(False, [], 0.0, 0.0, "central differences")
    numbers = np.zeros(np.shape(x))
    for position, mine in enumerate(np.asarray(analytic).ravel().tolist()):
        index = [int(i) for i in np.unravel_index(position, np.shape(x))]
        slopes = sided_slopes(f, x, one_hot(x, position), g, eps)
        numbers[tuple(index)] = slopes[0]
        found = Verdict(wrong(mine, slopes, tolerance), index, mine, slopes[0], worst.how)
        farther = not abs(mine - slopes[0]) <= abs(worst.analytic - worst.numeric)
        if (found.wrong, farther) > (worst.wrong, False) or position == 0:
            worst = found
    return replace(worst, numbers=numbers)


def one_hot(x: Any, position: int) -> Any:
    """Return zeros of the shape of ``x``, with a 1 at one position."""
    direction = np.zeros(np.size(x))
    direction[position] = 1
    return direction.reshape(np.shape(x))


def sided_slopes(f: Callable[[Any], Any], x: Any, direction: Any, g: Any, eps: float) -> tuple[float, float, float]:
    """Return the slope of sum(g * f) along a direction: central, the least and the greatest that its kinks allow.

    At a kink each output may take the slope from the left or from the right, whatever the others take.
    """
    here, left, right = f(x), f(x - eps * direction), f(x + eps * direction)
    with np.errstate(invalid="ignore"):
        before, after = g * (here - left), g * (right - here)
        return (
            float(np.sum(g * (right - left))) / (2 * eps),
            float(np.sum(np.minimum(before, after))) / eps,
            float(np.sum(np.maximum(before, after))) / eps,
        )


def wrong(mine: float, slopes: tuple[float, float, float], tolerance: tuple[float, float]) -> bool:
    """Whether a slope is neither the numeric one nor, at a kink, between those of both sides."""
    central, low, high = slopes
    atol, rtol = tolerance
    allowed = atol + rtol * abs(central)
    if abs(mine - central) <= allowed or (mine == central):
        return False
    kink = abs(high - low) > 0.1 * max(abs(low), abs(high)) + 10 * atol
    return not (kink and low - allowed <= mine <= high + allowed)


# Of every op in a graph


def check_graph(loss: Any, gradient: Any = None, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3) -> bool:
    """Check the rule of every op of the graph of ``loss`` on the very inputs it saw; True, or GradcheckError.

    Each op alone is compared with central differences (sharpened by a complex step where the op takes one) in float64,
    so the first wrong op is named, with its input, its worst index and the line of its rule. Touches no ``.grad``.
    """
    if not isinstance(loss, Tensor):
        hint = "give what it computes: loss = model(x)" if callable(loss) else "only Tensors record their graph"
        raise TypeError(f"check_graph: wanted a Tensor, got {type(loss).__name__}; {hint}")
    for step in backward_steps(loss, gradient):
        for position, piece in enumerate(step._pieces):
            if piece is not None:
                check_rule(step, position, eps, (atol, rtol))
    return True


def check_rule(step: Step, position: int, eps: float, tolerance: tuple[float, float]) -> None:
    """Check one rule of a step; raise GradcheckError if it is wrong."""
    verdict = rule_verdict(step, position, eps, tolerance)
    if verdict.wrong:
        op, x = step.op, step.inputs[position]
        rule = op.rules[0 if op.variadic else position]
        where = f" in {step.scope.path}" if step.scope else ""
        raise GradcheckError(
            f"check_graph: {op.name}{where}: the rule {rule.__name__} of input {op.input_name(position)} "
            f"({x._label()}, shape {x.shape}) gives {verdict.analytic:.8g} at index {verdict.index}, but finite "
            f"differences give {verdict.numeric:.8g}; see {place_of(rule)}"
        )


def rule_verdict(step: Step, position: int, eps: float = _EPS, tolerance: tuple[float, float] = TOLERANCE) -> Verdict:
    """Return what differences say of one rule of a step, on the very inputs its op saw, in float64."""
    op, node = step.op, step.output
    seen = tuple([widened(a) for a in node._seen])
    params = {name: WIDE if isinstance(p, np.dtype) and p.kind == "f" else p for name, p in step.params.items()}
    g = widened(step.upstream.data)

    def forward(data: Any) -> Any:
        return op.forward(*seen[:position], data, *seen[position + 1 :], **params)

    out = widened(forward(seen[position]))
    analytic = fit(call_rule(node, position, g, out, seen), seen[position], node, position)
    verdict = compared(forward, seen[position], g, analytic, eps, tolerance)
    if verdict.wrong and not np.isfinite(verdict.numeric):
        return replace(verdict, wrong=False, how="undefined")  # around here differences say nothing
    return verdict if verdict.wrong else complex_verdict(forward, seen[position], g, analytic) or verdict


def widened(data: Any) -> Any:
    """Return float data as float64, anything else as it is."""
    array = np.asarray(data)
    return array.astype(WIDE)[()] if array.dtype.kind == "f" else data


def complex_verdict(forward: Callable[[Any], Any], x: Any, g: Any, analytic: Any) -> Verdict | None:
    """Return what a complex step says, exact to rounding; None where the op takes none or is not analytic there."""
    if np.size(x) * np.size(g) > _MANY or not np.size(x):
        return None
    worst = Verdict(False, [], 0.0, 0.0, "a complex step")
    numbers = np.zeros(np.shape(x))
    for position, mine in enumerate(np.asarray(analytic).ravel().tolist()):
        direction = one_hot(x, position)
        try:
            with np.errstate(all="ignore"):
                result = np.asarray(forward(x + 1j * _COMPLEX_EPS * direction))
        except (TypeError, ValueError):
            return None
        if result.dtype.kind != "c":
            return None
        exact = float(np.sum(g * result.imag)) / _COMPLEX_EPS
        central = sided_slopes(forward, x, direction, g, 1e-6)[0]
        if not np.isfinite(exact) or abs(exact - central) > 1e-4 * max(1.0, abs(central)):
            return worst if worst.wrong else None  # a modulus, a choice: it must agree with plain differences
        index = [int(i) for i in np.unravel_index(position, np.shape(x))]
        numbers[tuple(index)] = exact
        found = Verdict(abs(mine - exact) > 1e-7 * max(1.0, abs(exact)), index, mine, exact, worst.how)
        farther = abs(mine - exact) > abs(worst.analytic - worst.numeric)
        if (found.wrong, farther) > (worst.wrong, False) or position == 0:
            worst = found
    return replace(worst, numbers=numbers)


def numerical_gradient(f: Callable[..., Any], x: Any, eps: float = 1e-6) -> np.ndarray[Any, Any]:
    """The gradient of a function with one number as output, by central differences: an array of x's shape, float64."""
    data = np.array(x.data if isinstance(x, Tensor) else x, dtype=np.float64)
    result = np.zeros(data.shape)
    with enable_grad():
        for index in np.ndindex(data.shape):
            there = data.copy()
            there[index] = data[index] + eps
            right = float(f(Tensor(there, requires_grad=True)))
            there[index] = data[index] - eps
            result[index] = (right - float(f(Tensor(there, requires_grad=True)))) / (2 * eps)
    return result
