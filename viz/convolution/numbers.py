"""The numbers of a convolution picture: of a live layer, of given arrays, or small ones to follow by hand.

All results come from the engine: outputs from ``tg.functional``, gradients from ``tg.grad``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu import functional as F
from viz.convolution.geometry import Geometry

__all__ = ["Numbers", "Source", "example_kernel", "example_pixels", "numbers_of", "source_of"]

_NAME = "conv_arithmetic"


@dataclass(frozen=True)
class Source:
    """What ``values`` says: a layer's settings, and arrays where it has them."""

    settings: dict[str, Any]
    x: Any = None
    weight: Any = None
    bias: Any = None


@dataclass(frozen=True)
class Numbers:
    """The arrays of a picture, without a batch axis.

    x: (in_channels, height, width). weight: as the user's, (out, in / groups, k_h, k_w), of a transposed convolution
    (in, out / groups, k_h, k_w). bias: (out_channels,) or None. upstream: the gradient at the output.
    """

    geometry: Geometry
    x: Any
    weight: Any
    bias: Any
    upstream: Any

    def convolved(self, x: Any, weight: Any) -> Any:
        """Return the output (out_channels, h, w) of Tensors, by the engine."""
        g = self.geometry
        axes = (g.rows, g.columns)
        way: dict[str, Any] = {
            "stride": tuple(a.stride for a in axes), "dilation": tuple(a.dilation for a in axes), "groups": g.groups,
            "padding": tuple(a.padding for a in axes),
        }  # fmt: skip
        if g.transposed:
            extra = tuple(a.extra for a in axes)
            return F.conv_transpose2d(x, weight, self.bias, output_padding=extra, **way)
        return F.conv2d(x, weight, self.bias, **way)

    @cached_property
    def y(self) -> Any:
        """The output."""
        return self.convolved(tg.Tensor(self.x), tg.Tensor(self.weight)).data

    @cached_property
    def slid(self) -> Any:
        """The kernels as they slide, (out, in / groups, k_h, k_w): those of a transposed convolution turned by 180°."""
        return self.as_slid(self.weight)

    def as_slid(self, weight: Any) -> Any:
        """Return a weight, or its gradient, in the order in which the picture shows it."""
        if not self.geometry.transposed:
            return weight
        g = self.geometry
        apart = weight.reshape(g.groups, g.in_channels // g.groups, g.out_channels // g.groups, *g.kernel)
        return apart.swapaxes(1, 2).reshape(g.out_channels, -1, *g.kernel)[:, :, ::-1, ::-1]

    def gradients(self, first: int, last: int) -> tuple[Any, Any]:
        """Return what steps ``first`` to ``last``, both included, hand to the input and to the kernels that slide.

        The engine's own backward pass, with the output's gradient 0 at all other steps.
        """
        part = np.zeros_like(self.upstream)
        part.ravel()[first : last + 1] = self.upstream.ravel()[first : last + 1]
        x, weight = tg.Tensor(self.x, requires_grad=True), tg.Tensor(self.weight, requires_grad=True)
        dx, dw = tg.grad(self.convolved(x, weight), [x, weight], gradient=part)
        return dx.data, self.as_slid(dw.data)

    def products(self, step: int) -> list[tuple[int, float, float]]:
        """Return what is added up at a step: input channel, pixel (0 for a zero around or between), kernel entry."""
        g = self.geometry
        channel, row, column = g.place(step)
        found = []
        for at, source in enumerate(g.inputs_of(channel)):
            for i, down in enumerate(g.rows.taps(row)):
                for j, across in enumerate(g.columns.taps(column)):
                    y, x = g.rows.field[down], g.columns.field[across]
                    pixel = float(self.x[source, y, x]) if min(x, y) >= 0 else 0.0
                    found.append((source, pixel, float(self.slid[channel, at, i, j])))
        return found


def example_pixels(shape: tuple[int, int, int]) -> Any:
    """Return small whole numbers from 0 to 4; the page's script makes the same."""
    c, i, j = np.indices(shape)
    return ((2 * i + 3 * j + i * j + c) % 5).astype(np.float64)


def example_kernel(shape: tuple[int, int, int, int]) -> Any:
    """Return small whole numbers from −1 to 2, as the kernel slides; the page's script makes the same."""
    o, c, i, j = np.indices(shape)
    return ((i + 2 * j + i * j + c + 2 * o) % 4 - 1).astype(np.float64)


def source_of(values: Any) -> Source:
    """Read ``values``: None, a layer, (layer, x), (x, weight) or (x, weight, bias); TypeError for anything else."""
    if values is None:
        return Source({})
    if isinstance(values, (tuple, list)) and 2 <= len(values) <= 3:
        if is_layer(values[0]) and len(values) == 2:
            layer = source_of(values[0])
            x = image_of(values[1], layer.weight.ndim - 1)
            return Source(layer.settings, x, layer.weight, layer.bias)
        weight = array_of(values[1], "weight")
        if weight.ndim <= 2:
            weight = weight[None, None]
        bias = array_of(values[2], "bias") if len(values) == 3 and values[2] is not None else None
        return Source({"flat": weight.ndim == 3}, image_of(values[0], weight.ndim - 1), weight, bias)
    if is_layer(values):
        names = ("stride", "padding", "dilation", "groups", "transposed", "output_padding")
        settings = {name: getattr(values, name) for name in names} | {"flat": values.weight.ndim == 3}
        if getattr(values, "padding_mode", "zeros") != "zeros":
            raise ValueError(f"{_NAME}: {values} pads with {values.padding_mode!r}; only zeros are drawn")
        bias = None if values.bias is None else array_of(values.bias, "bias")
        return Source(settings, None, array_of(values.weight, "weight"), bias)
    raise TypeError(
        f"{_NAME}: values must be a convolution layer, (layer, x), (x, weight) or (x, weight, bias), "
        f"got {type(values).__name__}"
    )


def is_layer(value: Any) -> bool:
    """Whether a value is one of the convolution layers."""
    return all(hasattr(value, name) for name in ("weight", "bias", "stride", "dilation", "transposed"))


def array_of(value: Any, name: str) -> Any:
    """Return an array of numbers as float; TypeError or ValueError that names it."""
    array = np.asarray(value.data if isinstance(value, tg.Tensor) else value)
    if array.dtype.kind not in "buif":
        raise TypeError(f"{_NAME}: {name} must hold numbers, got {array.dtype}")
    if not 1 <= array.ndim <= 4 or not array.size:
        raise ValueError(f"{_NAME}: {name} has shape {array.shape}; wanted one image, or weights, with numbers in them")
    if not np.isfinite(array).all():
        raise ValueError(f"{_NAME}: {name} holds {int((~np.isfinite(array)).sum())} numbers that are NaN or infinite")
    return array.astype(np.result_type(array.dtype, np.float32), copy=True)


def image_of(value: Any, axes: int) -> Any:
    """Return one image (channels, height, width) or sequence (channels, length): of a batch the first."""
    array = array_of(value, "x")
    if array.ndim == axes + 1:
        array = array[0]
    if array.ndim == axes - 1:
        array = array[None]
    if array.ndim != axes:
        wanted = "(channels, height, width)" if axes == 3 else "(channels, length)"
        raise ValueError(f"{_NAME}: x must be {wanted}, with or without a batch, got shape {np.shape(value)}")
    return array


def numbers_of(geometry: Geometry, source: Source, gradient: Any) -> Numbers:
    """Return the arrays; those that nobody gave are small whole numbers, the gradient 1 everywhere."""
    g = geometry
    share = g.in_channels // g.groups
    x, weight, bias = source.x, source.weight, source.bias
    dtype = np.float64 if weight is None else weight.dtype
    if weight is None:
        weight = example_kernel((g.out_channels, share, *g.kernel))
        if g.transposed:  # as it is stored: what is shown, turned and with its channels the other way round
            apart = weight[:, :, ::-1, ::-1].reshape(g.groups, g.out_channels // g.groups, share, *g.kernel)
            weight = apart.swapaxes(1, 2).reshape(g.in_channels, -1, *g.kernel)
    x = example_pixels((g.in_channels, *g.input)) if x is None else x
    x = x[:, None] if x.ndim == 2 else x
    weight = weight[:, :, None] if weight.ndim == 3 else weight
    if bias is not None and bias.shape != (g.out_channels,):
        raise ValueError(
            f"{_NAME}: bias {bias.shape} must hold one number for each of the {g.out_channels} output channels"
        )
    shape = (g.out_channels, *g.output)
    upstream = np.ones(shape, dtype) if gradient is None else array_of(gradient, "gradient").astype(dtype)
    if upstream.size != np.prod(shape):
        raise ValueError(f"{_NAME}: gradient {np.shape(gradient)} must have the shape of the output, {shape}")
    upstream = upstream.reshape(shape)
    return Numbers(g, x.astype(dtype), weight.astype(dtype), None if bias is None else bias.astype(dtype), upstream)
