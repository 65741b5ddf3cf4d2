"""What a user's own op is watched for: a forward or a rule that returns no array, or writes into what it was given.

The ops of this package are tested instead, and pay nothing: see ``Op``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from tinygrad_edu.engine.text import place_of

__all__ = ["is_own", "refuse_signature", "watched_forward", "watched_rule"]

_PACKAGE = __name__.partition(".")[0]
_MISTAKES = (ValueError, TypeError, IndexError, AttributeError)
_WANTED = {
    type(None): "is the line with `return` missing?",
    list: "join its parts with np.stack or np.concatenate",
    tuple: "one call gives one array; join several with np.stack, or make an op for each",
}


def is_own(forward: Callable[..., Any]) -> bool:
    """Whether a function stands outside this package."""
    return str(getattr(forward, "__module__", "")).partition(".")[0] != _PACKAGE


def watched_forward(op: Any, forward: Callable[..., Any]) -> Callable[..., Any]:
    """Return the forward function of a user's op, watched; object arrays, of a scalar replay, go by unwatched."""

    @functools.wraps(forward)
    def watched(*arrays: Any, **params: Any) -> Any:
        if any([name in op.inputs and hasattr(type(x), "__apply_op__") for name, x in params.items()]):
            raise TypeError(f"{op.name}: give the inputs by position: {op.name}({', '.join(op.inputs)})")
        arrays = tuple([np.asarray(a) if isinstance(a, (list, tuple)) else locked(a) for a in arrays])
        kinds = {a.dtype.kind for a in arrays if isinstance(a, (ndarray, np.generic))}
        if "O" in kinds:
            return forward(*arrays, **params)
        try:
            found = forward(*arrays, **params)
        except _MISTAKES as error:
            raise built_in(error)(f"{op.name}: {with_remedy(str(error))}") from error
        if getattr(found, "_needs", False):
            raise TypeError(
                f"{op.name}: forward used a Tensor that needs a gradient, which would get none; make it an input: "
                f"def {op.name}({', '.join(op.inputs)}, w)"
            )
        found = getattr(found, "_data", found)  # of a function of tg, which gives a Tensor
        if isinstance(found, ndarray):
            found = np.asarray(found)  # no matrix
        if isinstance(found, (bool, int, float)):
            found = np.result_type(found, *[a.dtype for a in arrays if hasattr(a, "dtype")]).type(found)
        said = trouble(found)
        if said is None and op.differentiable and "f" in kinds and found.dtype.kind in "iub":
            remedy = "return it .astype(x.dtype), or declare the op with differentiable=False"
            said = f"an array of {found.dtype}, through which no gradient flows; {remedy}"
        if said is not None:
            raise TypeError(f"{op.name}: forward gave {said}")
        return found[()] if found.ndim == 0 else found

    return watched


def watched_rule(op: Any, name: str, rule: Callable[..., Any]) -> Callable[..., Any]:
    """Return the rule of an input of a user's op, watched; TypeError if it can't be called as a rule is."""
    if not callable(rule):
        raise TypeError(f"{op.name}: the rule of input {name!r} must be a function, got {type(rule).__name__}")
    title = f"{op.name}: the rule {getattr(rule, '__name__', rule)} of input {name!r}"
    refuse_other_signature(op, name, title, rule)

    @functools.wraps(rule)
    def watched(g: Any, *values: Any, **params: Any) -> Any:
        try:
            found = rule(locked(g), *map(locked, values), **params)
        except _MISTAKES as error:
            words = ["g", "out", *[op.input_name(i) for i in range(len(values) - 1)]]
            given = ", ".join(f"{word} {np.shape(value)}" for word, value in zip(words, (g, *values)))
            said = f"{title} failed: {with_remedy(str(error))} (given {given}; {place_of(rule)})"
            raise built_in(error)(said) from error
        wrong = no_gradient_in(found)
        if wrong is not None:
            raise TypeError(f"{title} gave {wrong} ({place_of(rule)})")
        return found

    return watched


def refuse_other_signature(op: Any, name: str, title: str, rule: Callable[..., Any]) -> None:
    """Raise unless a rule takes g, out, the inputs, and the parameters by name."""
    from inspect import signature

    inputs = ["*" + op.inputs[0]] if op.variadic else list(op.inputs)
    named = [*op.params, *(["position"] if op.variadic else [])]
    try:
        signature(rule).bind("g", "out", *inputs, **dict.fromkeys(named))
    except TypeError as error:
        star = ["*"] if named and not op.variadic else []
        wanted = ", ".join(["g", "out", *inputs, *star, *named])
        raise TypeError(
            f"{title} can't be called: {error}; a rule gets the gradient of the output, the output and the inputs: "
            f"def {op.name}_d{name}({wanted}) ({place_of(rule)})"
        ) from None
    except ValueError:  # a function written in C does not say what it takes
        return


def built_in(error: Exception) -> type[Exception]:
    """Return the built-in type of an error: NumPy's own and a user's take other arguments than a sentence."""
    return next(kind for kind in _MISTAKES if isinstance(error, kind))


def locked(value: Any) -> Any:
    """Return an array as a view that can't be written into; anything else as it is."""
    if type(value) is not ndarray:
        return value
    view = value.view()
    view.flags.writeable = False
    return view


def with_remedy(said: str) -> str:
    """Return what NumPy said, with what to do where it is a mistake that only an op's author makes."""
    if "read-only" in said:
        return f"{said}: what an op is given is the user's own and can't be written into; take x.copy(), or x = x * 2"
    if "'numpy.ndarray' object has no attribute" in said or "'memoryview' object" in said:
        return f"{said}: an op is given NumPy arrays, not Tensors; take NumPy's functions, np.exp(x)"
    if "would lose it silently" in said:
        return (
            "it is to be differentiated again, and np.array or np.asarray would cut it off; write it with operators "
            "and with functions that are recorded, such as np.exp(x)"
        )
    if "truth value of an array" in said:
        return f"{said}: to choose element by element, take np.where(x > 0, ...), or multiply by (x > 0)"
    return said


def trouble(found: Any) -> str | None:
    """Say why a result is no array of numbers, and what to do; None if it is one."""
    if not isinstance(found, (ndarray, np.generic)):
        what = "None" if found is None else f"a {type(found).__name__}"
        return f"{what}, not an array; {_WANTED.get(type(found), 'return np.asarray(...)')}"
    if found.dtype.kind not in "fiubc":
        return f"an array of {found.dtype}, not of numbers; give its rows equal lengths"
    return None


def no_gradient_in(found: Any) -> str | None:
    """Say why what a rule gave is no gradient, and what to do; None if it can be one."""
    if hasattr(type(found), "__apply_op__") or isinstance(found, (int, float)):
        return None
    kind = getattr(found, "dtype", np.dtype(float)).kind
    if kind == "b":
        return "an array of bool; multiply what is true by the gradient: g * (x > 0)"
    return f"an array of {found.dtype}; a gradient is real, so take its .real" if kind == "c" else trouble(found)


def refuse_signature(name: str, forward: Callable[..., Any], inputs: Sequence[str]) -> None:
    """Raise unless a forward function has inputs, none with a default: those with one are parameters."""
    if not inputs:
        raise TypeError(f"{name}: an op has inputs, the arrays: def {name}(x)")
    if forward.__defaults__:
        first = len(inputs) - len(forward.__defaults__)
        fixed, words = ", ".join(inputs[:first]), ", ".join(f"{word}=..." for word in inputs[first:])
        raise TypeError(
            f"{name}: {inputs[first]!r} has a default, so it is a parameter and stands behind a star: "
            f"def {name}({fixed or 'x'}, *, {words})"
        )
