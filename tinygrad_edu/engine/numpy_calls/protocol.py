"""NumPy speaks Tensor: ``np.exp(x)``, ``array * x`` and ``np.sum(x, axis=0)`` are recorded like our own functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.arrays import plain, wants_gradient
from tinygrad_edu.engine.writes import Writes

__all__ = ["NumpyProtocol"]

ALIKE = """
    absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh cbrt ceil cos cosh divide exp exp2 expm1
    floor fmax fmin hypot log log10 log1p log2 logaddexp logaddexp2 matmul maximum minimum multiply negative power
    remainder rint sign sin sinh sqrt square subtract tan tanh trunc
"""
QUESTIONS = """
    equal not_equal less less_equal greater greater_equal isnan isinf isfinite signbit logical_and logical_or
    logical_not logical_xor floor_divide
"""
UFUNCS = {np.fabs: P.absolute, **{getattr(np, name): getattr(P, name) for name in ALIKE.split()}}
FAMILIAR = frozenset([np.ndarray, np.float64, np.float32, float, int, list])
PLAIN = frozenset([getattr(np, name) for name in QUESTIONS.split()])
SCALED = {
    np.deg2rad: np.pi / 180, np.radians: np.pi / 180, np.rad2deg: 180 / np.pi, np.degrees: 180 / np.pi,
}  # fmt: skip
REDUCTIONS: dict[Any, str] = {
    np.add: "sum", np.multiply: "prod", np.maximum: "max", np.minimum: "min", np.logaddexp: "logsumexp",
}  # fmt: skip
ACCUMULATIONS: dict[Any, str] = {np.add: "cumsum", np.multiply: "cumprod"}


class NumpyProtocol:
    """The doors through which NumPy asks a Tensor, and the refusals that keep a gradient from being dropped."""

    __slots__ = ()
    __pandas_priority__ = 5000  # pandas hands over to what is above its own 4000

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        from tinygrad_edu.engine.tensor import Tensor

        if any([type(x) not in FAMILIAR and is_strange(x) for x in inputs]):
            return NotImplemented
        if not options and method == "__call__" and ufunc in UFUNCS:
            return recorded_ufunc(ufunc, method, inputs, options)
        wants = wants_gradient((inputs, list(options.values())))
        outputs = options.get("out", ())
        if method == "at" and isinstance(inputs[0], Tensor):
            raise TypeError(
                f"np.{ufunc.__name__}.at: would write into a Tensor without recording it; write into x.data"
            )
        if outputs:
            if wants:
                raise TypeError(
                    f"np.{ufunc.__name__}: out= would overwrite an array without recording it; leave out= away (write "
                    "a = a + x, not a += x), or use x.detach()"
                )
            getattr(ufunc, method)(*plain(inputs), **{**plain_options(options), "out": written(outputs)})
            return outputs[0] if len(outputs) == 1 else outputs
        options = {key: value for key, value in options.items() if value is not None or key == "axis"}
        if ufunc in PLAIN:
            return getattr(ufunc, method)(*plain(inputs), **plain_options(options))
        recorded = (
            NotImplemented if method == "__call__" and options else recorded_ufunc(ufunc, method, inputs, options)
        )
        if recorded is not NotImplemented:
            return recorded
        if wants:
            call = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
            raise TypeError(
                f"np.{call}: not differentiable here{with_options(options)}; use the functions of tg.*, or x.detach() "
                "where no gradient should flow"
            )
        return wrapped(getattr(ufunc, method)(*plain(inputs), **plain_options(options)))

    def __array_function__(self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        from tinygrad_edu.engine.numpy_calls.functions import FUNCTIONS, NO_GRADIENT, WRITES, named_call, refusal
        from tinygrad_edu.engine.tensor import Tensor

        if not all([issubclass(kind, (Tensor, np.ndarray)) for kind in types]):
            return NotImplemented
        option = ""
        if func in FUNCTIONS:
            first, named, option = named_call(func, args, kwargs)
            if not option:
                return FUNCTIONS[func](*first, **named)
        writes = func in WRITES and isinstance(args[0] if args else next(iter(kwargs.values())), Tensor)
        if writes or (func not in NO_GRADIENT and wants_gradient((args, list(kwargs.values())))):
            raise TypeError(refusal(func, option))
        if kwargs.get("out") is not None:
            return written_by(func, args, kwargs)
        result = func(*plain(args), **plain_options(kwargs))
        return wrapped(result) if option else result

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        if self._needs:  # type: ignore[attr-defined]
            raise TypeError(
                "this Tensor needs a gradient, and a plain array would lose it silently; use .detach().numpy() or "
                ".data for the values; to join Tensors use tg.stack([...]) instead of np.array([...]), to multiply "
                "matrices X @ W instead of X.dot(W)"
            )
        data = np.asarray(self._data, dtype=dtype)  # type: ignore[attr-defined]
        return data.copy() if copy else data


def recorded_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Return the recorded result of a ufunc's call, reduce, accumulate or outer; NotImplemented if there is none."""
    from tinygrad_edu.engine.functions import pair
    from tinygrad_edu.engine.tensor import apply, as_tensor

    op = UFUNCS.get(ufunc)
    if method == "__call__":
        if op is not None:
            return apply(op, pair(*inputs) if len(inputs) == 2 else (as_tensor(inputs[0]),))
        if ufunc is np.reciprocal:
            return 1.0 / as_tensor(inputs[0])
        if ufunc in (np.positive, np.conjugate):
            return as_tensor(inputs[0])
        if ufunc.signature is not None:
            return vector_product(ufunc, *map(as_tensor, inputs))
        if ufunc in SCALED:
            return as_tensor(inputs[0]) * SCALED[ufunc]
        return NotImplemented
    if method == "outer" and op is not None and op.elementwise:
        x, y = map(as_tensor, inputs)
        return apply(op, (x.reshape(x.shape + (1,) * y.ndim), y))
    names = REDUCTIONS if method == "reduce" else ACCUMULATIONS if method == "accumulate" else {}
    if ufunc in names and set(options) <= {"axis", "keepdims"}:
        return getattr(as_tensor(inputs[0]), names[ufunc])(**{"axis": 0, **options})
    return NotImplemented


def vector_product(ufunc: np.ufunc, x: Any, y: Any) -> Any:
    """Return NumPy's products of vectors, and of matrices and vectors, in the last axes; NotImplemented for others."""
    if ufunc.__name__ == "vecdot":
        return (x * y).sum(axis=-1)
    if ufunc.__name__ == "matvec":
        return (x @ y[..., None])[..., 0]
    if ufunc.__name__ == "vecmat":
        return (x[..., None, :] @ y)[..., 0, :]
    return NotImplemented


def is_strange(x: Any) -> bool:
    """Whether something else than an array or a Tensor wants a say in ufuncs: a labelled array, a unit."""
    other = getattr(type(x), "__array_ufunc__", None)
    return other is not None and not isinstance(x, (NumpyProtocol, np.ndarray, np.generic))


def wrapped(result: Any) -> Any:
    """Return arrays of numbers as Tensors; bools, and whatever else NumPy gave, as they are."""
    from tinygrad_edu.engine.tensor import Tensor

    if isinstance(result, (np.ndarray, np.generic)) and result.dtype.kind in "fiu":
        return Tensor._wrap(result)
    return result


def written(outputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the arrays that NumPy will write into, and note it, since a graph may have seen them."""

    arrays: tuple[Any, ...] = plain(outputs)
    for array in arrays:
        if isinstance(array, np.ndarray):
            Writes.note(array)
    return arrays


def written_by(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a NumPy function that writes into ``out=``, and return that."""

    out = kwargs["out"]
    (target,) = written((out,))
    func(*plain(args), **{**plain_options(kwargs), "out": target})
    return out


def plain_options(options: dict[str, Any]) -> dict[str, Any]:
    """Return keyword arguments with Tensors taken for their arrays."""

    return {key: plain(value) for key, value in options.items()}


def with_options(options: dict[str, Any]) -> str:
    """Name the keyword arguments in a message."""
    return f" with {', '.join(f'{key}=' for key in options)}" if options else ""
