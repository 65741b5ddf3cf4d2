"""NumPy speaks Tensor: ``np.exp(x)``, ``array * x`` and ``np.sum(x, axis=0)`` are recorded like our own functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.engine import primitives as P

__all__ = ["NumpyProtocol"]

UFUNCS = {
    getattr(np, name): getattr(P, name)
    for name in (
        "absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh cbrt ceil cos cosh divide exp exp2 expm1 "
        "floor fmax fmin hypot log log10 log1p log2 logaddexp logaddexp2 matmul maximum minimum multiply negative "
        "power remainder rint sign sin sinh sqrt square subtract tan tanh trunc"
    ).split()
} | {np.float_power: P.power, np.fabs: P.absolute}
SCALED = {
    np.deg2rad: np.pi / 180, np.radians: np.pi / 180, np.rad2deg: 180 / np.pi, np.degrees: 180 / np.pi,
}  # fmt: skip
REDUCTIONS = {
    np.add: "sum", np.multiply: "prod", np.maximum: "max", np.minimum: "min", np.logaddexp: "logsumexp",
}  # fmt: skip
ACCUMULATIONS = {np.add: "cumsum", np.multiply: "cumprod"}
QUESTIONS = frozenset(
    getattr(np, name)
    for name in (
        "equal not_equal less less_equal greater greater_equal isnan isinf isfinite signbit logical_and logical_or "
        "logical_not logical_xor floor_divide"
    ).split()
)


class NumpyProtocol:
    """The doors through which NumPy asks a Tensor, and the refusals that keep a gradient from being dropped."""

    __slots__ = ()

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        from tinygrad_edu.engine.tensor import Tensor, plain

        wants = wants_gradient(inputs)
        outputs = options.get("out")
        if outputs is not None:
            if wants or wants_gradient(outputs):
                raise TypeError(
                    f"np.{ufunc.__name__}: out= would overwrite an array without recording it; leave out= away (write "
                    "a = a + x, not a += x), or use x.detach()"
                )
            return getattr(ufunc, method)(*plain(inputs), **{**options, "out": plain(outputs)})
        if ufunc in QUESTIONS:
            return getattr(ufunc, method)(*plain(inputs), **plain_options(options))
        recorded = NotImplemented if method == "__call__" and options else recorded_ufunc(ufunc, method, inputs, options)
        if recorded is not NotImplemented:
            return recorded
        if wants:
            call = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
            raise TypeError(
                f"np.{call}: not differentiable here{with_options(options)}; use the functions of tg.*, or x.detach() "
                "where no gradient should flow"
            )
        result = getattr(ufunc, method)(*plain(inputs), **plain_options(options))
        return Tensor._wrap(result) if isinstance(result, (np.ndarray, np.generic)) and result.dtype != bool else result

    def __array_function__(self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        from tinygrad_edu.engine.numpy_functions import FUNCTIONS, NO_GRADIENT
        from tinygrad_edu.engine.tensor import plain

        name = f"{func.__module__.replace('numpy', 'np', 1)}.{func.__name__}"
        if func in NO_GRADIENT:
            return func(*plain(args), **plain_options(kwargs))
        ours = FUNCTIONS.get(func)
        if ours is not None:
            kwargs = {key: value for key, value in kwargs.items() if not (key in ("out", "dtype") and value is None)}
            unknown = [key for key in ("out", "dtype", "where", "initial", "casting", "order") if key in kwargs]
            if unknown:
                raise TypeError(f"{name}: {unknown[0]}= is not supported for Tensors; leave it away, or use x.detach()")
            return ours(*args, **kwargs)
        if wants_gradient((args, list(kwargs.values()))):
            raise TypeError(
                f"{name}: not differentiable here; compose it from the functions of tg.*, or use x.detach() where no "
                "gradient should flow"
            )
        return func(*plain(args), **plain_options(kwargs))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        if self._needs:  # type: ignore[attr-defined]
            raise TypeError(
                "this Tensor needs a gradient, and a plain array would lose it silently; use .detach().numpy() or "
                ".data for the values"
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
        if ufunc is np.positive:
            return as_tensor(inputs[0])
        if ufunc in SCALED:
            return as_tensor(inputs[0]) * SCALED[ufunc]
        return NotImplemented
    if method == "outer" and op is not None and op.elementwise:
        x, y = map(as_tensor, inputs)
        return apply(op, (x.reshape(x.shape + (1,) * y.ndim), y))
    names = {"reduce": REDUCTIONS, "accumulate": ACCUMULATIONS}.get(method, {})
    if ufunc in names and set(options) <= {"axis", "keepdims"}:
        return getattr(as_tensor(inputs[0]), names[ufunc])(**{"axis": 0, **options})
    return NotImplemented


def wants_gradient(value: Any) -> bool:
    """Whether a Tensor that needs a gradient is anywhere in nested tuples and lists."""
    if isinstance(value, (tuple, list)):
        return any(wants_gradient(part) for part in value)
    return isinstance(value, NumpyProtocol) and bool(value._needs)  # type: ignore[attr-defined]


def plain_options(options: dict[str, Any]) -> dict[str, Any]:
    """Return keyword arguments with Tensors taken for their arrays."""
    from tinygrad_edu.engine.tensor import plain

    return {key: plain(value) for key, value in options.items()}


def with_options(options: dict[str, Any]) -> str:
    """Name the keyword arguments in a message."""
    return f" with {', '.join(f'{key}=' for key in options)}" if options else ""
