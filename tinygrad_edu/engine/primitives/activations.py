"""Activation functions of neural networks, and the smooth maxima and normal curves behind them."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy import float64, ndarray

from tinygrad_edu.engine.op import elementwise
from tinygrad_edu.engine.primitives.constants import ONES, ZEROS, positive
from tinygrad_edu.engine.primitives.elementwise import LN2, exp
from tinygrad_edu.engine.primitives.selection import where

__all__ = [
    "elu", "erf", "gelu", "gelu_exponent", "leaky_relu", "logaddexp", "logaddexp2", "normal_cdf", "normal_pdf", "relu",
    "sigmoid", "silu", "softplus", "steepness",
]  # fmt: skip

ZERO = float64(0)
_SHORT = 2**13  # elements up to which one call is fastest
_ROW = 2**14  # more than NumPy's buffer of 8,192, or it would copy
ROWS = {np.dtype(kind): np.zeros(_ROW, kind) for kind in "fd"}
ROOT_HALF = math.sqrt(1 / 2)
GELU_SCALE = 2 * math.sqrt(2 / math.pi)
GELU_CUBIC = 0.044715
LARGEST_EXPONENT = 709.0  # exp of more than this overflows in float64


@elementwise(symbol="σ")
def sigmoid(x: Any) -> Any:
    """The logistic function 1 / (1 + e⁻ˣ), between 0 and 1; accurate on both sides."""
    if type(x) is float64:
        if x > -LARGEST_EXPONENT:
            return float64(1 / (1 + math.exp(-x)))
        return ZERO if x < 0 else x  # x is NaN
    if x.dtype not in ONES:
        x = with_minus(x)
    with np.errstate(over="ignore"):  # e⁻ˣ = ∞ gives 0, as it should
        below = ONES.get(x.dtype, 1) + np.exp(-x)
    return np.reciprocal(below, out=below) if type(below) is ndarray else 1 / below


def with_minus(x: Any) -> Any:
    """Return x, as floats if its numbers have no sign: the minus of a 1 of uint8 is 255."""
    return x.astype(np.result_type(x, np.float16)) if x.dtype.kind in "ub" else x


@sigmoid.vjp("x")
def sigmoid_dx(g: Any, out: Any, x: Any) -> Any:
    return g * (out * (1 - out))


@elementwise
def relu(x: Any) -> Any:
    """x where it is positive, else 0; slope 0 at 0."""
    if type(x) is float64:
        return ZERO if x <= 0 else x
    if x.size > _SHORT and x.dtype in ROWS:
        return rectified(x)
    return np.maximum(x, ZEROS.get(x.dtype, 0))


def rectified(x: Any) -> Any:
    """Return what ``relu`` makes of a long array; ``np.maximum`` with a single 0 takes it three times as long."""
    dense = x.transpose(sorted(range(x.ndim), key=lambda axis: -x.strides[axis]))
    if not dense.flags.c_contiguous:
        return np.maximum(x, ZEROS[x.dtype])
    out = np.empty_like(x)
    row = ROWS[x.dtype]
    flat, target = dense.reshape(-1), out.ravel("K")
    even = flat.size - flat.size % _ROW
    if even:
        np.maximum(flat[:even].reshape(-1, _ROW), row, out=target[:even].reshape(-1, _ROW))
    if even < flat.size:
        np.maximum(flat[even:], row[: flat.size - even], out=target[even:])
    return out


@relu.vjp("x")
def relu_dx(g: Any, out: Any, x: Any) -> Any:
    return g * positive(out)


@elementwise
def leaky_relu(x: Any, *, negative_slope: float) -> Any:
    """x where it is positive, else ``negative_slope`` · x (Maas et al. 2013); that slope at 0 too."""
    if 0 < negative_slope <= 1:
        return np.maximum(x, negative_slope * x)
    return np.where(x > 0, x, negative_slope * np.minimum(x, 0))[()]  # a slope of 0 times ∞ would be NaN


@leaky_relu.vjp("x")
def leaky_relu_dx(g: Any, out: Any, x: Any, *, negative_slope: float) -> Any:
    return g * steepness(x, negative_slope=negative_slope)


@elementwise(symbol="leaky_relu′", differentiable=False)
def steepness(x: Any, *, negative_slope: float) -> Any:
    """1 where x is positive, else ``negative_slope``."""
    return np.array([negative_slope, 1], np.result_type(x, np.float16)).take(x > 0)


@elementwise
def elu(x: Any, *, alpha: float) -> Any:
    """x where it is positive, else ``alpha`` (eˣ − 1) (Clevert et al. 2015); slope ``alpha`` at 0."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))[()]


@elu.vjp("x")
def elu_dx(g: Any, out: Any, x: Any, *, alpha: float) -> Any:
    return where(x > 0, g, g * (out + alpha))


@elementwise
def silu(x: Any) -> Any:
    """x · σ(x), also called swish."""
    return x * sigmoid.forward(x)


@silu.vjp("x")
def silu_dx(g: Any, out: Any, x: Any) -> Any:
    s = sigmoid(x)
    return g * (s + out * (1 - s))


@elementwise
def softplus(x: Any) -> Any:
    """log(1 + eˣ), the smooth relu, without overflow."""
    if x.dtype not in ONES:
        x = with_minus(x)
    return np.maximum(x, 0) + np.log1p(np.exp(np.minimum(x, -x)))


@softplus.vjp("x")
def softplus_dx(g: Any, out: Any, x: Any) -> Any:
    return g * sigmoid(x)


@elementwise
def logaddexp(x: Any, y: Any) -> Any:
    """log(eˣ + eʸ), the smooth maximum of two numbers, without overflow."""
    if np.result_type(x, y).kind == "c":
        return np.maximum(x, y) + np.log1p(np.exp(np.minimum(x - y, y - x)))
    return np.logaddexp(x, y)


@logaddexp.vjp("x")
def logaddexp_dx(g: Any, out: Any, x: Any, y: Any) -> Any:
    return g * sigmoid(x - y)


@logaddexp.vjp("y")
def logaddexp_dy(g: Any, out: Any, x: Any, y: Any) -> Any:
    return g * sigmoid(y - x)


@elementwise
def logaddexp2(x: Any, y: Any) -> Any:
    """log₂(2ˣ + 2ʸ), without overflow."""
    if np.result_type(x, y).kind == "c":
        return logaddexp.forward(x * LN2, y * LN2) / LN2
    return np.logaddexp2(x, y)


@logaddexp2.vjp("x")
def logaddexp2_dx(g: Any, out: Any, x: Any, y: Any) -> Any:
    return g * sigmoid(LN2 * (x - y))


@logaddexp2.vjp("y")
def logaddexp2_dy(g: Any, out: Any, x: Any, y: Any) -> Any:
    return g * sigmoid(LN2 * (y - x))


@elementwise
def erf(x: Any) -> Any:
    """The error function, 2/√π ∫₀ˣ e^(−t²) dt: by scipy where it can be imported, else by ``math.erf``."""
    return error_function()(x)


@erf.vjp("x")
def erf_dx(g: Any, out: Any, x: Any) -> Any:
    return g * (2 / math.sqrt(math.pi) * exp(-(x * x)))


@functools.cache
def error_function() -> Callable[[Any], Any]:
    """Return an erf of arrays; scipy is imported on first use, since it takes long and most programs never ask."""
    try:
        compiled = import_module("scipy.special").erf
    except ImportError:
        return erf_by_math
    return lambda x: half(compiled(x), x)


def erf_by_math(x: Any) -> Any:
    """Ask ``math.erf`` element by element."""
    array = np.asarray(x)
    if array.dtype.kind == "c":
        raise TypeError("erf: complex numbers need scipy (pip install scipy)")
    values = np.fromiter(map(math.erf, array.ravel().tolist()), float64, array.size).reshape(array.shape)
    return values.astype(np.result_type(array, np.float16), copy=False)[()]


def half(value: Any, x: Any) -> Any:
    """Return ``value`` in float16 if x is: scipy has no erf of half precision."""
    return value.astype(np.float16) if np.asarray(x).dtype == np.float16 else value


@elementwise(symbol="Φ")
def normal_cdf(x: Any) -> Any:
    """The chance that a standard normal number is below x: ½ (1 + erf(x / √2))."""
    return 0.5 * (1 + erf.forward(x * ROOT_HALF))


@normal_cdf.vjp("x")
def normal_cdf_dx(g: Any, out: Any, x: Any) -> Any:
    return g * normal_pdf(x)


@elementwise(symbol="φ")
def normal_pdf(x: Any) -> Any:
    """The standard normal density, e^(−x²/2) / √(2π)."""
    with np.errstate(over="ignore"):  # x² = ∞ gives 0, as it should
        return np.exp(-0.5 * (x * x)) * (1 / math.sqrt(2 * math.pi))


@normal_pdf.vjp("x")
def normal_pdf_dx(g: Any, out: Any, x: Any) -> Any:
    return -g * (x * out)


@elementwise
def gelu(x: Any, *, approximate: str) -> Any:
    """x · Φ(x), weighting x by its rank among normal numbers (Hendrycks and Gimpel 2016).

    approximate: "none", or "tanh" for their x · σ(2 √(2/π) (x + 0.044715 x³)), which is ½ x (1 + tanh(…)).
    """
    if approximate == "none":
        return x * normal_cdf.forward(x)
    if approximate == "tanh":
        return x * sigmoid.forward(gelu_exponent.forward(x))
    raise ValueError(f'gelu: approximate must be "none" or "tanh", not {approximate!r}')


@gelu.vjp("x")
def gelu_dx(g: Any, out: Any, x: Any, *, approximate: str) -> Any:
    if approximate == "none":
        return g * (normal_cdf(x) + x * normal_pdf(x))
    s = sigmoid(gelu_exponent(x))
    return g * (s + out * (1 - s) * (GELU_SCALE * (1 + (3 * GELU_CUBIC) * (x * x))))


@elementwise(symbol="z")
def gelu_exponent(x: Any) -> Any:
    """2 √(2/π) (x + 0.044715 x³): σ of it comes close to Φ(x)."""
    with np.errstate(over="ignore"):
        return GELU_SCALE * (x + GELU_CUBIC * (x * x * x))


@gelu_exponent.vjp("x")
def gelu_exponent_dx(g: Any, out: Any, x: Any) -> Any:
    return g * (GELU_SCALE * (1 + (3 * GELU_CUBIC) * (x * x)))
