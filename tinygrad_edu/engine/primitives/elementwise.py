"""Arithmetic, powers, exponentials and logarithms: ops that act on each element alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy import ndarray

from tinygrad_edu.engine.op import elementwise

__all__ = [
    "add", "cbrt", "divide", "exp", "exp2", "expm1", "log", "log10", "log1p", "log2", "log_or_zero", "lowered_power",
    "multiply", "negative", "power", "ratio", "sqrt", "square", "subtract", "tame_sqrt",
]  # fmt: skip

LN2 = math.log(2)
LN10 = math.log(10)


@elementwise(symbol="+", notation="infix")
def add(x: Any, y: Any) -> Any:
    """Elementwise sum."""
    return x + y


@add.vjp("x")
def add_dx(g: Any, out: Any, x: Any, y: Any) -> Any:
    return g


@add.vjp("y")
def add_dy(g: Any, out: Any, x: Any, y: Any) -> Any:
    return g


@elementwise(symbol="−", notation="infix")
def subtract(x: Any, y: Any) -> Any:
    """Elementwise difference."""
    return x - y


@subtract.vjp("x")
def subtract_dx(g: Any, out: Any, x: Any, y: Any) -> Any:
    return g


@subtract.vjp("y")
def subtract_dy(g: Any, out: Any, x: Any, y: Any) -> Any:
    return -g


@elementwise(symbol="·", notation="infix")
def multiply(x: Any, y: Any) -> Any:
    """Elementwise product."""
    return x * y


@multiply.vjp("x")
def multiply_dx(g: Any, out: Any, x: Any, y: Any) -> Any:
    return g * y


@multiply.vjp("y")
def multiply_dy(g: Any, out: Any, x: Any, y: Any) -> Any:
    return g * x


@elementwise(symbol="/", notation="fraction")
def divide(x: Any, y: Any) -> Any:
    """Elementwise quotient."""
    return x / y


@divide.vjp("x")
def divide_dx(g: Any, out: Any, x: Any, y: Any) -> Any:
    return g / y


@divide.vjp("y")
def divide_dy(g: Any, out: Any, x: Any, y: Any) -> Any:
    return -g * out / y


@elementwise(symbol="−", notation="prefix")
def negative(x: Any) -> Any:
    """The number of opposite sign."""
    return -x


@negative.vjp("x")
def negative_dx(g: Any, out: Any, x: Any) -> Any:
    return -g


@elementwise(symbol="/", notation="fraction")
def ratio(x: Any, y: Any) -> Any:
    """x / y, and 0 where y is 0: a slope where every direction is as good as another, such as the norm's at 0."""
    if type(y) is not ndarray and y != 0:
        return x / y
    at_zero = y == 0
    if not np.any(at_zero):
        return x / y
    return np.where(at_zero, 0, x / np.where(at_zero, 1, y))[()]


@ratio.vjp("x")
def ratio_dx(g: Any, out: Any, x: Any, y: Any) -> Any:
    return ratio(g, y)


@ratio.vjp("y")
def ratio_dy(g: Any, out: Any, x: Any, y: Any) -> Any:
    return ratio(-g * out, y)


@elementwise(notation="power")
def power(x: Any, y: Any) -> Any:
    """x raised to y. The slope of x⁰ is 0, also at x = 0; that of 0ʸ in y is 0 for y ≥ 0, as in PyTorch."""
    return x**y


@power.vjp("x")
def power_dx(g: Any, out: Any, x: Any, y: Any) -> Any:
    return g * (y * lowered_power(x, y - 1, order=1))


@power.vjp("y")
def power_dy(g: Any, out: Any, x: Any, y: Any) -> Any:
    return g * (out * log_or_zero(x))


@power.explains
def _(x: Any, y: Any) -> str | None:
    if np.asarray(x).dtype.kind in "iu" and np.asarray(y).dtype.kind == "i" and np.any(np.asarray(y) < 0):
        return "power: integers to a negative power have no integer result; make x float first: x.astype(np.float64)"
    return None


@elementwise(notation="power")
def lowered_power(x: Any, y: Any, *, order: int) -> Any:
    """x raised to y, left over after differentiating xⁿ ``order`` times, so that n = y + order.

    At x = 0 it is 0 instead of infinite where n is a whole number below ``order``: the factor n (n − 1) ⋯ (y + 1) that
    stands before it is 0 there, and 0 · ∞ would make NaN of the derivative of a constant.
    """
    if type(y) is not ndarray and not -order <= y <= -1:
        return x**y
    vanishes = (-order <= y) & (y <= -1) & (y == np.rint(y)) & (x == 0)
    if not np.any(vanishes):
        return x**y
    return np.where(vanishes, 0, np.where(vanishes, 1, x) ** y)[()]


@lowered_power.vjp("x")
def lowered_power_dx(g: Any, out: Any, x: Any, y: Any, *, order: int) -> Any:
    return g * (y * lowered_power(x, y - 1, order=order + 1))


@lowered_power.vjp("y")
def lowered_power_dy(g: Any, out: Any, x: Any, y: Any, *, order: int) -> Any:
    return g * (out * log_or_zero(x))


@elementwise(symbol="log")
def log_or_zero(x: Any) -> Any:
    """log(x), and 0 where x is 0: what 0ʸ, which does not change with y, makes of it."""
    at_zero = x == 0
    return np.log(np.where(at_zero, 1, x))[()] if np.any(at_zero) else np.log(x)


@log_or_zero.vjp("x")
def log_or_zero_dx(g: Any, out: Any, x: Any) -> Any:
    return ratio(g, x)


@elementwise(symbol="²", notation="postfix")
def square(x: Any) -> Any:
    """x · x, elementwise."""
    return x * x


@square.vjp("x")
def square_dx(g: Any, out: Any, x: Any) -> Any:
    return g * (2 * x)


@elementwise(symbol="√", notation="root")
def sqrt(x: Any) -> Any:
    """Square root; its slope at 0 is infinite."""
    return np.sqrt(x)


@sqrt.vjp("x")
def sqrt_dx(g: Any, out: Any, x: Any) -> Any:
    return g / (2 * out)


@elementwise(symbol="√", notation="root")
def tame_sqrt(x: Any) -> Any:
    """Square root with slope 0 at 0: what ``norm`` and ``std`` are made of, element by element."""
    return np.sqrt(x)


@tame_sqrt.vjp("x")
def tame_sqrt_dx(g: Any, out: Any, x: Any) -> Any:
    return ratio(g, 2 * out)


@elementwise(symbol="∛")
def cbrt(x: Any) -> Any:
    """Cube root, also of negative numbers; its slope at 0 is infinite."""
    if np.asarray(x).dtype.kind == "c":  # the branch that is real on the whole real line
        side = np.where(x.real < 0, -1, 1)
        return side * (side * x) ** (1 / 3)
    return np.cbrt(x)


@cbrt.vjp("x")
def cbrt_dx(g: Any, out: Any, x: Any) -> Any:
    return g / (3 * (out * out))


@elementwise
def exp(x: Any) -> Any:
    """eˣ, elementwise."""
    return np.exp(x)


@exp.vjp("x")
def exp_dx(g: Any, out: Any, x: Any) -> Any:
    return g * out


@elementwise
def exp2(x: Any) -> Any:
    """2ˣ, elementwise."""
    return np.exp2(x)


@exp2.vjp("x")
def exp2_dx(g: Any, out: Any, x: Any) -> Any:
    return g * (out * LN2)


@elementwise
def expm1(x: Any) -> Any:
    """eˣ − 1, accurate near 0."""
    return np.expm1(x)


@expm1.vjp("x")
def expm1_dx(g: Any, out: Any, x: Any) -> Any:
    return g * (out + 1)


@elementwise
def log(x: Any) -> Any:
    """The natural logarithm; −inf at 0, NaN below."""
    return np.log(x)


@log.vjp("x")
def log_dx(g: Any, out: Any, x: Any) -> Any:
    return g / x


@elementwise
def log2(x: Any) -> Any:
    """The logarithm of base 2."""
    return np.log2(x)


@log2.vjp("x")
def log2_dx(g: Any, out: Any, x: Any) -> Any:
    return g / (x * LN2)


@elementwise
def log10(x: Any) -> Any:
    """The logarithm of base 10."""
    return np.log10(x)


@log10.vjp("x")
def log10_dx(g: Any, out: Any, x: Any) -> Any:
    return g / (x * LN10)


@elementwise
def log1p(x: Any) -> Any:
    """log(1 + x), accurate near 0."""
    return np.log1p(x)


@log1p.vjp("x")
def log1p_dx(g: Any, out: Any, x: Any) -> Any:
    return g / (1 + x)
