"""Signs and whole numbers: ops that cut a number into steps, so that their slope is 0 or that of a straight line."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.engine.op import elementwise

__all__ = ["absolute", "ceil", "floor", "floor_divide", "remainder", "rint", "sign", "trunc", "zeros_like"]


@elementwise(symbol="|", notation="bars")
def absolute(x: Any) -> Any:
    """The size of a number without its sign; slope 0 at 0."""
    return abs(x)


@absolute.vjp("x")
def absolute_dx(g: Any, out: Any, x: Any) -> Any:
    return g * sign(x)


@elementwise(symbol="zeros")
def zeros_like(x: Any) -> Any:
    """Zeros of the shape and dtype of x: the slope of a staircase, whatever arrives from above."""
    return np.zeros_like(x)[()]


@zeros_like.vjp("x")
def zeros_like_dx(g: Any, out: Any, x: Any) -> Any:
    return zeros_like(x)


@elementwise
def sign(x: Any) -> Any:
    """−1, 0 or 1; slope 0 everywhere."""
    return np.sign(x)


@sign.vjp("x")
def sign_dx(g: Any, out: Any, x: Any) -> Any:
    return zeros_like(x)


@elementwise
def floor(x: Any) -> Any:
    """The whole number at or below x; slope 0 everywhere."""
    return np.floor(x)


@floor.vjp("x")
def floor_dx(g: Any, out: Any, x: Any) -> Any:
    return zeros_like(x)


@elementwise
def ceil(x: Any) -> Any:
    """The whole number at or above x; slope 0 everywhere."""
    return np.ceil(x)


@ceil.vjp("x")
def ceil_dx(g: Any, out: Any, x: Any) -> Any:
    return zeros_like(x)


@elementwise
def rint(x: Any) -> Any:
    """The nearest whole number, halves to the even one; slope 0 everywhere."""
    return np.rint(x)


@rint.vjp("x")
def rint_dx(g: Any, out: Any, x: Any) -> Any:
    return zeros_like(x)


@elementwise
def trunc(x: Any) -> Any:
    """The whole number next to x on the way to 0; slope 0 everywhere."""
    return np.trunc(x)


@trunc.vjp("x")
def trunc_dx(g: Any, out: Any, x: Any) -> Any:
    return zeros_like(x)


@elementwise(symbol="mod")
def remainder(x: Any, y: Any) -> Any:
    """What is left of x after taking away whole multiples of y; it has the sign of y."""
    if np.result_type(x, y).kind == "c":
        return x - y * np.floor((x / y).real)
    return np.remainder(x, y)


@remainder.vjp("x")
def remainder_dx(g: Any, out: Any, x: Any, y: Any) -> Any:
    return g


@remainder.vjp("y")
def remainder_dy(g: Any, out: Any, x: Any, y: Any) -> Any:
    return -g * floor_divide(x, y)


@elementwise(differentiable=False)
def floor_divide(x: Any, y: Any) -> Any:
    """How many whole times y goes into x."""
    return x // y
