"""What theory says about the size of activations and gradients, from the weights' spread and the layers' sizes alone.

Weights independent of their inputs, with mean 0, and biases 0. Forward, with n_in terms in each sum,
``E[z²] = n_in · E[w²] · E[x²]``; z is nearly normal, so a nonlinearity φ gives ``E[h²] = E[φ(z)²]``. Backward, an
input that reaches n_out sums gets ``E[dx²] = n_out · E[w²] · E[dz²]``, and ``E[dz²] = E[φ'(z)²] · E[dh²]``.
(Glorot and Bengio 2010, section 4.2.1; He et al. 2015, section 2.2; the integral over φ: Poole, Lahiri, Raghu,
Sohl-Dickstein, Ganguli 2016, Exponential expressivity in deep neural networks through transient chaos, section 2.)

Two things are taken from the measurement: what enters (the data, and the loss's gradient at the last layer), and by
what factor pooling, normalisation or a skip connection between two layers changes the mean square.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_edu.engine.modes import no_grad
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.inspection.flow import Layer, LayerFlow, mean_square, slope_of

__all__ = ["normal_moments", "with_theory"]

Spread = Callable[[int, int], float]  # from fan_in and fan_out to a standard deviation
_GRID = np.linspace(-8, 8, 8001)[1::2]  # symmetric, without 0, where a ReLU has its corner
_DENSITY = np.exp(-_GRID * _GRID / 2)
_DENSITY = _DENSITY / _DENSITY.sum()


def with_theory(layers: Sequence[Layer], rows: Sequence[LayerFlow], spread: Spread | None) -> list[LayerFlow]:
    """Return the rows with their predicted standard deviations, NaN after a layer that theory says nothing about.

    spread: the rule's standard deviation of weights, from fan_in and fan_out; without it the weights' own is taken.
    """
    squares = [weight_square(layer, row, spread) for layer, row in zip(layers, rows)]
    sums = [sums_of(layer) if square == square else (math.nan, math.nan) for layer, square in zip(layers, squares)]
    forward, slopes = forward_theory(layers, [n_in * square for (n_in, _), square in zip(sums, squares)])
    backward = backward_theory(layers, [n_out * square for (_, n_out), square in zip(sums, squares)], slopes)
    return [
        replace(row, activation_std_theory=h, gradient_std_theory=math.sqrt(g) if g >= 0 else math.nan)
        for row, h, g in zip(rows, forward, backward)
    ]


def forward_theory(layers: Sequence[Layer], squares: Sequence[float]) -> tuple[list[float], list[float]]:
    """Return the std of every layer's activation, and E[φ'(z)²]."""
    stds: list[float] = []
    slopes: list[float] = []
    square = before = 1.0
    for layer, product in zip(layers, squares):
        entering = mean_square(layer.seen)
        carried = square * factor(entering, before) if stds else entering
        arriving = product * carried * factor(mean_square(layer.arriving), mean_square(layer.output._data))
        mean, square, slope = normal_moments(layer.active, layer.output, arriving)
        before = mean_square(layer.active._data)
        spread = square - mean * mean
        stds.append(math.sqrt(max(spread, 0.0)) if spread == spread else math.nan)
        slopes.append(slope)
    return stds, slopes


def backward_theory(layers: Sequence[Layer], squares: Sequence[float], slopes: Sequence[float]) -> list[float]:
    """Return E[dh²] of every layer's activation.

    Where something stands between a nonlinearity and the next layer, its slope is the measured one: a max-pool sends
    the gradient to the largest values, which a ReLU lets through more often than others.
    """
    found = [mean_square(layers[-1].at_active)]
    for i in range(len(layers) - 1, 0, -1):
        layer, earlier = layers[i], layers[i - 1]
        at_active, at_arriving = mean_square(layer.at_active), mean_square(layer.at_arriving)
        plain = i == len(layers) - 1 or layers[i + 1].given is layer.active
        slope = slopes[i] if plain or not at_active > 0 else at_arriving / at_active
        at_output = found[-1] * slope * factor(mean_square(layer.at_output), at_arriving)
        found.append(at_output * squares[i] * factor(mean_square(earlier.at_active), mean_square(layer.at_given)))
    return found[::-1]


def weight_square(layer: Layer, row: LayerFlow, spread: Spread | None) -> float:
    """Return E[w²] of a layer with one weight that multiplies floats; NaN for another."""
    if len(layer.weights) != 1 or layer.seen is None or layer.seen.dtype.kind != "f":
        return math.nan
    return spread(row.fan_in, row.fan_out) ** 2 if spread is not None else mean_square(layer.weights[0].data)


def sums_of(layer: Layer) -> tuple[float, float]:
    """Return n_in and n_out, means over the values of z and of x: what the layer makes of ones with weights of 1.

    So padding, stride and groups count as they do. NaN for a layer that can't be asked.
    """
    probe = copy.deepcopy(layer.module)
    for p in probe.parameters():
        p.data = np.full(p.shape, float(p.ndim > 1), p.dtype)
    shape = (1, *layer.given.shape[1:]) if layer.given.ndim > 1 else layer.given.shape
    try:
        with no_grad():
            made = probe.forward(Tensor(np.ones(shape, layer.given.dtype), copy=False)).data
    except (TypeError, ValueError, AttributeError, IndexError):
        return math.nan, math.nan
    products = float(np.sum(made, dtype=np.float64))
    return products / max(made.size, 1), products / max(math.prod(shape), 1)


def factor(after: float, before: float) -> float:
    """Return by how much what lies between two layers changes the mean square; 1 where nothing flows."""
    return after / before if before > 0 and math.isfinite(before) and math.isfinite(after) else 1.0


def normal_moments(active: Any, output: Any, variance: float) -> tuple[float, float, float]:
    """Return E[φ(z)], E[φ(z)²] and E[φ'(z)²] for z normal with mean 0: sums over a fine grid."""
    if active is output:
        return 0.0, variance, 1.0
    if not variance >= 0 or not math.isfinite(variance):
        return math.nan, math.nan, math.nan
    z = _GRID * math.sqrt(variance)
    op, params = active._op, active._params or {}
    with np.errstate(all="ignore"):
        h = op.forward(z, **params)
        slope = slope_of(op, params, z, h)
    return float(_DENSITY @ h), float(_DENSITY @ (h * h)), float(_DENSITY @ (slope * slope))
