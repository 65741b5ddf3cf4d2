"""What to tell a user whose op failed, or made a NaN: which op, which shapes, which of her lines, what to do."""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np
from numpy.exceptions import AxisError

from tinygrad_edu.engine.op import Op
from tinygrad_edu.engine.scope import MODE, Scope
from tinygrad_edu.engine.text import params_text, place_text

__all__ = ["AnomalyError", "FailedCall", "anomaly", "explained", "locate", "users_line", "with_graph"]

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# The rooms whose lines are not the user's; the networks in models/ are written as a user would.
_ROOMS = tuple([os.path.join(_HERE, room) + os.sep for room in ("engine", "functional", "nn")])
_LAYERS = "tinygrad_edu.nn."
_PLAIN = (ValueError, TypeError, IndexError, AxisError)


class AnomalyError(FloatingPointError, RuntimeError):
    """An op made the first NaN or Inf, forward or backward (a RuntimeError too, as in PyTorch)."""


class FailedCall:
    """The op that failed, what it was given and where: ``err.graph``, which ``tg.graph`` and ``viz.draw`` take."""

    __slots__ = ("inputs", "line", "message", "op", "params", "scope")

    def __init__(
        self, op: Op, inputs: tuple[Any, ...], params: dict[str, Any] | None, scope: Scope | None, message: str
    ) -> None:
        self.op = op
        self.inputs = inputs
        self.params = params
        self.scope = scope
        self.message = message
        self.line = users_line()

    def __repr__(self) -> str:
        return f"<failed {self.op.name}: {self.message}>"


def users_line() -> tuple[str, int] | None:
    """Return file and line of the innermost caller outside the engine, the functionals and the layers."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_ROOMS):
        frame = frame.f_back  # type: ignore[assignment]
    return (frame.f_code.co_filename, frame.f_lineno) if frame is not None else None


def with_graph(error: Exception, op: Op, inputs: tuple[Any, ...]) -> Exception:
    """Return an error that a composite raises before its op would fail, with the partial graph as ``.graph``."""
    scope = MODE.get().scope
    said = placed(str(error), scope)
    error = type(error)(said)
    error.graph = FailedCall(op, inputs, None, scope, said)  # type: ignore[attr-defined]
    return error


def explained(
    error: Exception, op: Op, inputs: tuple[Any, ...], params: dict[str, Any] | None, scope: Scope | None
) -> Exception:
    """Return an exception of the same built-in type whose message teaches, with the partial graph as ``.graph``."""
    said = placed(failure_text(error, op, [x._data for x in inputs], params or {}), scope)
    kind = next(known for known in (IndexError, TypeError, ValueError) if isinstance(error, known))
    explanation: Exception = kind(said)
    explanation.graph = FailedCall(op, inputs, params, scope, said)  # type: ignore[attr-defined]
    return explanation


def locate(error: Exception, scope: Scope) -> None:
    """Put the place of a module, whose scope this is, in front of an error that says nothing of places yet.

    Only of the built-in types with one sentence in them: what a user's own exceptions hold is hers.
    """
    if hasattr(error, "graph") or getattr(error, "placed", False) or len(error.args) != 1:
        return
    if type(error) in _PLAIN and isinstance(error.args[0], str):
        error.args = (placed(error.args[0], scope),)
        if isinstance(error, AxisError):
            error._msg = error.args[0]  # type: ignore[attr-defined]  # what NumPy's class shows
        error.placed = True  # type: ignore[attr-defined]


def placed(said: str, scope: Scope | None) -> str:
    """Say where: ``features.3 (Conv2d): ...`` inside modules, and the other scopes behind, ``(in encoder)``.

    What says ``conv2d: ...`` inside the layer Conv2d, which does nothing else, loses its first word.
    """
    chain: list[Scope] = []
    while scope is not None:
        chain.insert(0, scope)
        scope = scope.parent
    modules = [i for i, part in enumerate(chain) if part.owner is not None]
    inner = chain[modules[-1] + 1 :] if modules else chain
    function, _, rest = said.partition(": ")
    named = any(part.kind == "composite" and part.name == function for part in inner)
    others = [part.name for part in chain if part.owner is None and not (part.name == function and part in inner)]
    behind = f" (in {'.'.join(others)})" if others else ""
    if not modules:
        return said + behind
    layer = type(chain[modules[-1]].owner)
    if rest and (named or (not inner and function.isidentifier() and function.islower())) and is_built_in(layer):
        said = rest
    path = ".".join([chain[i].name for i in modules[1:]])
    return f"{path} ({layer.__name__}): {said}{behind}" if path else f"{layer.__name__}: {said}{behind}"


def is_built_in(layer: type) -> bool:
    """Whether what a module does is this library's: a layer that calls one functional."""
    return str(getattr(getattr(layer, "forward", None), "__module__", "")).startswith(_LAYERS)


def failure_text(error: Exception, op: Op, arrays: list[Any], params: dict[str, Any]) -> str:
    """Return what went wrong in one sentence."""
    said = call_text(op, arrays, params)
    if said:
        return said
    if op.explain is not None:
        said = op.explain(*arrays, **params)
        if said:
            return said
    shapes = [np.shape(a) for a in arrays]
    if op.elementwise and len(arrays) > 1:
        said = broadcast_text(op, shapes)
        if said:
            return said
    given = ", ".join(f"{op.input_name(i)} {shape}" for i, shape in enumerate(shapes))
    options = "".join(f", {option}" for option in params_text(params))
    reason = str(error)
    return f"{op.name}: {reason.removeprefix(op.name + ': ')} (got {given}{options})"


def call_text(op: Op, arrays: list[Any], params: dict[str, Any]) -> str | None:
    """Say how a call differs from the op's signature, or None if it fits."""
    from inspect import signature

    try:
        signature(op.forward).bind(*arrays, **params)
    except TypeError as error:
        wanted = f"*{op.inputs[0]}" if op.variadic else ", ".join(op.inputs)
        return f"{op.name}: {error}; it takes {wanted} and got {len(arrays)} inputs{listed(params)}"
    return None


def listed(params: dict[str, Any]) -> str:
    """Name the parameters of a call, for a message."""
    return f" with {', '.join(f'{name}=' for name in params)}" if params else ""


def broadcast_text(op: Op, shapes: list[tuple[int, ...]]) -> str | None:
    """Say which axis keeps shapes from broadcasting, or None if they do."""
    for axis in range(-1, -max(map(len, shapes)) - 1, -1):
        sizes = {i: shape[axis] for i, shape in enumerate(shapes) if len(shape) >= -axis and shape[axis] != 1}
        if len(set(sizes.values())) > 1:
            given = ", ".join(f"{op.input_name(i)} {shape}" for i, shape in enumerate(shapes))
            lengths = " but ".join(f"{n} in {op.input_name(i)}" for i, n in sizes.items())
            return (
                f"{op.name}: {given} do not broadcast: axis {axis} has length {lengths}; "
                "lengths must be equal or 1, so reshape, transpose or expand_dims one of them"
            )
    return None


def anomaly(node: Any, data: Any, position: int | None, op: Op | None = None, inputs: Any = ()) -> AnomalyError:
    """Return the error that names the op whose output (position None) or contribution holds the first NaN or Inf."""
    op, inputs = op or node._op, inputs or node._inputs
    bad = np.argwhere(~np.isfinite(data))
    first = tuple(int(i) for i in bad[0])
    what = "NaN" if np.isnan(np.asarray(data)[first]) else "Inf"
    where = "its output" if position is None else f"the gradient of its input {op.input_name(position)}"
    given = "; ".join(f"{op.input_name(i)} {x._label()} {x.shape} {extremes(x._data)}" for i, x in enumerate(inputs))
    rule = op.rule_of(position) if position is not None else None
    by = f" by the rule {rule.__name__}" if rule is not None else ""
    line = users_line()
    at = f", at {place_text(*line)}" if line and position is None else ""
    scope = f" in {node._scope.path}" if node._scope else ""
    return AnomalyError(
        f"{op.name}{scope} made {what} in {where}{by}, {len(bad)} of {np.size(data)} elements, first at index "
        f"{list(first)}{at}; it was given {given}"
    )


def extremes(data: Any) -> str:
    """Return the range of an array, and how many of its elements are no numbers, for a message."""
    if not np.size(data):
        return "(empty)"
    finite = np.asarray(data)[np.isfinite(data)]
    said = f"from {np.min(finite):.4g} to {np.max(finite):.4g}" if finite.size else "without a finite number"
    wrong = np.size(data) - finite.size
    return f"{said} ({wrong} NaN or Inf)" if wrong and finite.size else said
