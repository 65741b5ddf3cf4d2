"""What the networks of the Inception family are built of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.models.layers import checked_layout
from tinygrad_edu.nn import BatchNorm2d, Conv2d, Module, ReLU

__all__ = ["ConvBNReLU", "ConvReLU", "in_turn", "only_keras"]

EPS = 1e-3  # of every batch norm in the family, in Keras and in torchvision
NUMBERED = {"conv2d": Conv2d, "batch_normalization": BatchNorm2d}  # Keras's names of layers that nobody named


class ConvReLU(Module):
    """A convolution with biases and the ReLU after it: the unit of the networks before batch normalisation.

    Weights start uniform within ±√(6 / fan_in) (He et al. 2015): what starts smaller fades on its way through many.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: int = 1, padding: Any = 0, *,
        dtype: Any = np.float32, rng: Any = None,
    ) -> None:  # fmt: skip
        self.conv = Conv2d(in_channels, out_channels, kernel_size, stride, padding, dtype=dtype, rng=rng)
        self.conv.weight.data *= math.sqrt(6)
        self.relu = ReLU()

    def forward(self, x: Any) -> Tensor:
        """Return ``(batch, out_channels, h, w)``, nothing in it negative."""
        y: Tensor = self.relu(self.conv(x))
        return y

    def _label(self) -> str:
        return self.conv._label().replace("Conv2d", "ConvReLU")


class ConvBNReLU(Module):
    """A convolution without biases, batch norm, ReLU: the unit of every Inception network since the second.

    scale: whether batch norm multiplies by a learned weight. Keras leaves it out, as the next convolution can do it.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: int = 1, padding: Any = 0, *,
        scale: bool = True, dtype: Any = np.float32, rng: Any = None,
    ) -> None:  # fmt: skip
        self.conv = Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=False, dtype=dtype, rng=rng)
        self.bn = BatchNorm2d(out_channels, eps=EPS, dtype=dtype)
        if not scale:
            self.bn.weight = None
        self.relu = ReLU()

    def forward(self, x: Any) -> Tensor:
        """Return ``(batch, out_channels, h, w)``, nothing in it negative."""
        y: Tensor = self.relu(self.bn(self.conv(x)))
        return y

    def _label(self) -> str:
        return self.conv._label().replace("Conv2d", "ConvBNReLU")


def only_keras(layout: Any, model: str) -> None:
    """Raise ValueError for a layout that is not Keras's, where there is no other."""
    if checked_layout(layout, model) != "keras":
        raise ValueError(f'{model}: torchvision has no such network; give layout="keras"')


def in_turn(model: Module, named: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return Keras's name of each layer that holds weights, by our path, where Keras makes them in our order.

    Keras numbers what its author did not name: ``conv2d, conv2d_1, ...``, ``batch_normalization, ...``. named: the
    names that were given, by our path; those are not counted.
    """
    given = dict(named or {})
    counted = dict.fromkeys(NUMBERED, 0)
    found = {}
    for path, module in model.named_modules():
        kind = next((kind for kind, made in NUMBERED.items() if isinstance(module, made)), None)
        if path in given:
            found[path] = given[path]
        elif kind is not None:
            found[path] = f"{kind}_{counted[kind]}" if counted[kind] else kind
            counted[kind] += 1
    return found
