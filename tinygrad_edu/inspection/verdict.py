"""Healthy, vanishing, exploding or symmetric: said from what was measured, by thresholds that are written here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.inspection.flow import Layer, LayerFlow, mean_square, square_sum

__all__ = ["FACTOR", "SATURATED", "verdict_of"]

FACTOR = 10.0  # from the first layer to the last: above it something explodes, below its inverse it vanishes
SATURATED = 0.5  # share of the values of tanh and sigmoid layers that are off
_BOUNDED = ("tanh", "sigmoid")


def verdict_of(layers: Sequence[Layer], rows: Sequence[LayerFlow]) -> tuple[str, str]:
    """Return the verdict and the numbers it follows from.

    Activations are compared before the nonlinearity, as root mean squares, from the first layer to the last;
    gradients there as norms, from the last to the first, since layers differ in how many units share a gradient.
    """
    alike = [layer.path for layer in layers[:-1] if is_symmetric(layer)]
    if alike:
        many = f"layer {alike[0]}" if len(alike) == 1 else f"layers {', '.join(alike)}"
        return "symmetric", f"in {many} all units are equal, get equal gradients, and so stay equal"
    with np.errstate(all="ignore"):
        forward = ratio(mean_square(layers[-1].output._data), mean_square(layers[0].output._data))
        backward = ratio(square_sum(layers[0].at_output), square_sum(layers[-1].at_output))
    shares = [row.off for row in rows if row.activation in _BOUNDED]
    off = float(np.median(shares)) if shares else 0.0
    numbers = f"activations ×{forward:.2g}, gradients ×{backward:.2g} over {len(layers)} layers"
    if off > SATURATED:
        return "exploding", f"{off:.0%} of the values are saturated; {numbers}"
    if any(not math.isfinite(r) or r > FACTOR for r in (forward, backward)):
        return "exploding", numbers
    if any(r < 1 / FACTOR for r in (forward, backward)):
        return "vanishing", numbers
    return "healthy", numbers


def ratio(after: float, before: float) -> float:
    """Return the root of a quotient of squares; 0 where nothing arrives, infinite where it is no number."""
    if not math.isfinite(after) or not math.isfinite(before):
        return math.inf
    return math.sqrt(after / before) if before > 0 else 0.0


def is_symmetric(layer: Layer) -> bool:
    """Whether all units of a layer have the same weights and get the same gradients."""
    return layer.weights[0].shape[0] > 1 and all(rows_equal(array) for array in units_of(layer))


def units_of(layer: Layer) -> Iterator[Any]:
    """Yield a layer's weights and their gradients, a row for each unit."""
    for weight in layer.weights:
        yield weight.data.reshape(weight.shape[0], -1)
        if weight in layer.at_weights:
            yield layer.at_weights[weight].reshape(weight.shape[0], -1)


def rows_equal(rows: Any) -> bool:
    """Whether all rows are equal, to the rounding of sums in another order."""
    largest = float(np.abs(rows).max(initial=0.0))
    return bool(np.abs(rows - rows[:1]).max(initial=0.0) <= 1e-4 * largest)
