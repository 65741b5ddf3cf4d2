"""Layers that several of the networks share, and the check of the images they are given."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu import functional as F
from tinygrad_edu.engine.creation import generator
from tinygrad_edu.engine.tensor import Tensor, as_tensor
from tinygrad_edu.nn import Conv2d, Linear, Module, Parameter
from tinygrad_edu.nn.starting import count, float_dtype, uniform

__all__ = ["GlobalAvgPool2d", "GroupedConv2d", "MapsLinear", "SeparableConv2d", "checked_images", "checked_layout"]


class GlobalAvgPool2d(Module):
    """The mean of each channel: ``(batch, channels, height, width)`` to ``(batch, channels)``. Lin, Chen, Yan 2013."""

    def forward(self, x: Any) -> Tensor:
        """Return a number per channel."""
        return as_tensor(x).mean(axis=(2, 3))


class GroupedConv2d(Conv2d):
    """A ``Conv2d`` whose channels are split into groups that do not see each other: many narrow paths side by side.

    Arguments, shapes and errors as ``Conv2d``. Keras's ResNeXt makes it of a depthwise convolution and sums.
    """

    def _label(self) -> str:
        return f"{super()._label()[:-1]}, {self.groups} groups)"


class MapsLinear(Linear):
    """A ``Linear`` over flattened maps: it knows their sizes, as Keras flattens them in another order.

    x ``(..., channels · height · width)`` to ``(..., out_features)``.
    """

    def __init__(
        self, maps: tuple[int, int, int], out_features: int, *, dtype: Any = np.float32, rng: Any = None
    ) -> None:
        super().__init__(math.prod(maps), out_features, dtype=dtype, rng=rng)
        self.maps = maps

    def _label(self) -> str:
        return f"Linear({'·'.join(map(str, self.maps))}, {self.out_features})"


class SeparableConv2d(Module):
    """A kernel for each channel by itself (depthwise), then a 1×1 convolution across channels (pointwise).

    x ``(batch, in_channels, height, width)`` to ``(batch, out_channels, h, w)``. depthwise_weight ``(in_channels, 1,
    k_h, k_w)``, pointwise_weight ``(out_channels, in_channels, 1, 1)``, no bias. stride and padding are those of the
    depthwise convolution; arguments and errors as ``Conv2d``. It is one layer, as in Keras. Chollet 2016, section 1.2.
    """

    takes_in = ("pointwise_weight", "bias")  # where ``tg.fuse`` puts the batch norm that follows

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: Any = 1, padding: Any = 0, *,
        dtype: Any = np.float32, rng: Any = None,
    ) -> None:  # fmt: skip
        self.in_channels = count(in_channels, "in_channels", "SeparableConv2d")
        self.out_channels = count(out_channels, "out_channels", "SeparableConv2d")
        self.kernel_size = count(kernel_size, "kernel_size", "SeparableConv2d")
        self.stride = stride
        self.padding = padding
        dtype, random = float_dtype(dtype, "SeparableConv2d"), generator(rng)
        area = kernel_size**2
        self.depthwise_weight = uniform(random, (in_channels, 1, kernel_size, kernel_size), area, dtype)
        self.pointwise_weight = uniform(random, (out_channels, in_channels, 1, 1), in_channels, dtype)
        self.bias: Parameter | None = None  # there is one where a batch norm was folded in

    def forward(self, x: Any) -> Tensor:
        """Filter each channel, then mix the channels."""
        x = F.conv2d(x, self.depthwise_weight, None, self.stride, self.padding, groups=self.in_channels)
        return F.conv2d(x, self.pointwise_weight, self.bias)

    def extra_repr(self) -> str:
        """The sizes."""
        sizes = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        return f"{sizes}, stride={self.stride}, padding={self.padding}"

    def _label(self) -> str:
        return f"SeparableConv2d({self.in_channels}, {self.out_channels}, {self.kernel_size}×{self.kernel_size})"


def checked_images(x: Any, model: str, channels: int, least: int, only: int | None = None) -> Tensor:
    """Return images as a Tensor; ValueError that names the model if it can't be given them.

    x must be ``(batch, channels, height, width)``, with sides of ``least`` pixels or more, or of just ``only``.
    """
    images: Tensor = as_tensor(x)
    sides = f"{only}, {only}" if only else "height, width"
    wanted = f"(batch, {channels}, {sides})"
    if images.ndim != 4:
        more = "; add the batch axis: x[None]" if images.ndim == 3 and images.shape[0] == channels else ""
        raise ValueError(f"{model}: images must be {wanted}, got shape {images.shape}{more}")
    if images.shape[1] != channels:
        last = images.shape[3] == channels
        more = (
            "its channels are last: x.transpose(0, 3, 1, 2)"
            if last
            else f"or build it with in_channels={images.shape[1]}"
        )
        raise ValueError(f"{model}: images must have {channels} channels, {wanted}, got shape {images.shape}; {more}")
    if only and images.shape[2:] != (only, only):
        raise ValueError(f"{model}: images must be {only}×{only} pixels, got {size(images)}; resize or crop them")
    if min(images.shape[2:]) < least:
        raise ValueError(f"{model}: images must be at least {least}×{least} pixels, got {size(images)}; enlarge them")
    return images


def size(images: Tensor) -> str:
    """Return height and width in words."""
    return "×".join(map(str, images.shape[2:]))


def checked_layout(layout: Any, model: str) -> str:
    """Return a layout that there is, ``"keras"`` or ``"torchvision"``; ValueError for another."""
    if not isinstance(layout, str) or layout not in ("keras", "torchvision"):
        raise ValueError(f'{model}: layout must be "keras" or "torchvision", got {layout!r}')
    return layout
