"""Circular and hyperbolic functions, and the geometry of two numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy import float64

from tinygrad_edu.engine.op import elementwise
from tinygrad_edu.engine.primitives.elementwise import ratio, sqrt

__all__ = [
    "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "cos", "cosh", "hypot", "sin", "sinc",
    "sinc_derivative", "sinh", "tan", "tanh",
]  # fmt: skip


@elementwise
def sin(x: Any) -> Any:
    """Sine of radians."""
    return np.sin(x)


@sin.vjp("x")
def sin_dx(g: Any, out: Any, x: Any) -> Any:
    return g * cos(x)


@elementwise
def cos(x: Any) -> Any:
    """Cosine of radians."""
    return np.cos(x)


@cos.vjp("x")
def cos_dx(g: Any, out: Any, x: Any) -> Any:
    return -g * sin(x)


@elementwise
def tan(x: Any) -> Any:
    """Tangent of radians."""
    return np.tan(x)


@tan.vjp("x")
def tan_dx(g: Any, out: Any, x: Any) -> Any:
    return g * (1 + out * out)


@elementwise
def arcsin(x: Any) -> Any:
    """The angle in [−π/2, π/2] whose sine is x."""
    return np.arcsin(x)


@arcsin.vjp("x")
def arcsin_dx(g: Any, out: Any, x: Any) -> Any:
    return g / sqrt(1 - x * x)


@elementwise
def arccos(x: Any) -> Any:
    """The angle in [0, π] whose cosine is x."""
    return np.arccos(x)


@arccos.vjp("x")
def arccos_dx(g: Any, out: Any, x: Any) -> Any:
    return -g / sqrt(1 - x * x)


@elementwise
def arctan(x: Any) -> Any:
    """The angle in [−π/2, π/2] whose tangent is x."""
    return np.arctan(x)


@arctan.vjp("x")
def arctan_dx(g: Any, out: Any, x: Any) -> Any:
    return g / (1 + x * x)


@elementwise
def sinh(x: Any) -> Any:
    """Hyperbolic sine."""
    return np.sinh(x)


@sinh.vjp("x")
def sinh_dx(g: Any, out: Any, x: Any) -> Any:
    return g * cosh(x)


@elementwise
def cosh(x: Any) -> Any:
    """Hyperbolic cosine."""
    return np.cosh(x)


@cosh.vjp("x")
def cosh_dx(g: Any, out: Any, x: Any) -> Any:
    return g * sinh(x)


@elementwise
def tanh(x: Any) -> Any:
    """Hyperbolic tangent."""
    return float64(math.tanh(x)) if type(x) is float64 else np.tanh(x)


@tanh.vjp("x")
def tanh_dx(g: Any, out: Any, x: Any) -> Any:
    return g * (1 - out * out)


@elementwise
def arcsinh(x: Any) -> Any:
    """The number whose hyperbolic sine is x."""
    return np.arcsinh(x)


@arcsinh.vjp("x")
def arcsinh_dx(g: Any, out: Any, x: Any) -> Any:
    return g / sqrt(1 + x * x)


@elementwise
def arccosh(x: Any) -> Any:
    """The number, 0 or more, whose hyperbolic cosine is x."""
    return np.arccosh(x)


@arccosh.vjp("x")
def arccosh_dx(g: Any, out: Any, x: Any) -> Any:
    return g / sqrt(x * x - 1)


@elementwise
def arctanh(x: Any) -> Any:
    """The number whose hyperbolic tangent is x."""
    return np.arctanh(x)


@arctanh.vjp("x")
def arctanh_dx(g: Any, out: Any, x: Any) -> Any:
    return g / (1 - x * x)


@elementwise
def arctan2(y: Any, x: Any) -> Any:
    """The angle in [−π, π] of the point (x, y); slopes 0 at the origin, as in PyTorch."""
    if np.result_type(y, x).kind == "c":
        turn = np.arctan2(y.real, x.real)  # back to the positive x axis, where y / x is the tangent
        c, s = np.cos(turn), np.sin(turn)
        return turn + np.arctan((c * y - s * x) / (c * x + s * y))
    return np.arctan2(y, x)


@arctan2.vjp("y")
def arctan2_dy(g: Any, out: Any, y: Any, x: Any) -> Any:
    return g * ratio(x, x * x + y * y)


@arctan2.vjp("x")
def arctan2_dx(g: Any, out: Any, y: Any, x: Any) -> Any:
    return -g * ratio(y, x * x + y * y)


@elementwise
def hypot(x: Any, y: Any) -> Any:
    """√(x² + y²) without overflow; slopes 0 at the origin, as ``norm`` has (PyTorch: NaN)."""
    if np.result_type(x, y).kind == "c":
        return np.sqrt(x * x + y * y)
    return np.hypot(x, y)


@hypot.vjp("x")
def hypot_dx(g: Any, out: Any, x: Any, y: Any) -> Any:
    return g * ratio(x, out)


@hypot.vjp("y")
def hypot_dy(g: Any, out: Any, x: Any, y: Any) -> Any:
    return g * ratio(y, out)


@elementwise
def sinc(x: Any) -> Any:
    """sin(πx) / (πx), and 1 at 0."""
    return sinc_series(x, 0)


@sinc.vjp("x")
def sinc_dx(g: Any, out: Any, x: Any) -> Any:
    return g * sinc_derivative(x, order=1)


@elementwise(symbol="sinc′")
def sinc_derivative(x: Any, *, order: int) -> Any:
    """The derivative of that ``order`` of sinc(x), accurate around 0 too."""
    return sinc_series(x, order)


@sinc_derivative.vjp("x")
def sinc_derivative_dx(g: Any, out: Any, x: Any, *, order: int) -> Any:
    return g * sinc_derivative(x, order=order + 1)


def sinc_series(x: Any, order: int) -> Any:
    """Differentiate f(z) = sin z / z ``order`` times at z = πx.

    Away from 0 by z f⁽ⁿ⁾ + n f⁽ⁿ⁻¹⁾ = sin⁽ⁿ⁾ z, which is Leibniz's rule for z f = sin z. That divides rounding errors
    by z, so near 0 it is the power series, Σ (−1)ᵏ z²ᵏ / (2k + 1)!, differentiated term by term.
    """
    z = np.pi * x
    near = abs(z) <= order + 1
    far = np.where(near, 1, z)
    slope = np.sin(far) / far
    for n in range(1, order + 1):
        slope = (np.sin(far + n * (np.pi / 2)) - n * slope) / far
    if np.any(near):
        small = np.where(near, z, 0)
        lowest = (order + 1) // 2
        series = 0.0 * small
        for k in reversed(range(lowest, lowest + 12 + order)):
            series = series * (small * small) + (-1) ** k / ((2 * k + 1) * math.factorial(2 * k - order))
        slope = np.where(near, series * small ** (2 * lowest - order), slope)
    return (np.pi**order * slope)[()]
