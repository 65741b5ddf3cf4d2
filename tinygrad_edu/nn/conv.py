"""Convolutions as modules: kernels that slide over images or sequences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu import functional as F
from tinygrad_edu.engine.arguments import flag
from tinygrad_edu.engine.creation import generator
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.nn.module import Module
from tinygrad_edu.nn.starting import count, float_dtype, uniform

__all__ = ["Conv1d", "Conv2d", "ConvTranspose2d"]

_MODES = ("zeros", "reflect", "replicate", "circular")


class Convolution(Module):
    """What every convolution has: sizes, kernels, a bias per output channel."""

    axes = 2
    transposed = False

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any, padding: Any, output_padding: Any,
        dilation: Any, groups: int, bias: bool, padding_mode: str, dtype: Any, rng: Any,
    ) -> None:  # fmt: skip
        layer = type(self).__name__
        self.in_channels = count(in_channels, "in_channels", layer)
        self.out_channels = count(out_channels, "out_channels", layer)
        self.kernel_size = self._each(kernel_size, "kernel_size", 1)
        self.stride = self._each(stride, "stride", 1)
        self.dilation = self._each(dilation, "dilation", 1)
        self.padding = self._padding(padding)
        self.output_padding = self._each(output_padding, "output_padding", 0)
        self.groups = count(groups, "groups", layer)
        self.padding_mode = padding_mode
        with_bias = flag(bias, "bias", layer)
        self._refuse_misfits(layer)
        ends = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        shape = (ends[0], ends[1] // groups, *self.kernel_size)
        dtype, random, fan_in = float_dtype(dtype, layer), generator(rng), math.prod(shape[1:])
        self.weight = uniform(random, shape, fan_in, dtype)
        self.bias = uniform(random, (out_channels,), fan_in, dtype) if with_bias else None

    def _each(self, value: Any, name: str, least: int) -> tuple[int, ...]:
        """Return a number per axis of the image, from one for all or one for each."""
        layer = type(self).__name__
        parts = tuple(value) if isinstance(value, (tuple, list)) else (value,) * self.axes
        if len(parts) != self.axes:
            wanted = "an integer or a pair (vertical, horizontal)" if self.axes == 2 else "an integer"
            raise ValueError(f"{layer}: {name} must be {wanted}, got {value!r}")
        return tuple([count(part, name, layer, least) for part in parts])

    def _padding(self, padding: Any) -> Any:
        """Return ``"same"``, ``"valid"``, a number per axis, or a pair (before, after) per axis."""
        layer = type(self).__name__
        if isinstance(padding, str):
            if self.transposed or padding not in ("same", "valid"):
                words = "" if self.transposed else '"same", "valid", '
                raise ValueError(f"{layer}: padding must be {words}an integer or one per axis, got {padding!r}")
            if padding == "same" and set(self.stride) != {1}:
                raise ValueError(f'{layer}: padding="same" needs stride 1, got {self.stride}; give a number')
            return padding
        if isinstance(padding, (tuple, list)) and any(isinstance(side, (tuple, list)) for side in padding):
            sides = [tuple(side) if isinstance(side, (tuple, list)) else (side, side) for side in padding]
            if len(sides) != self.axes or any(len(side) != 2 for side in sides):
                raise ValueError(f"{layer}: padding must hold a pair (before, after) per axis, got {padding!r}")
            return tuple([tuple([count(n, "padding", layer, 0) for n in side]) for side in sides])
        return self._each(padding, "padding", 0)

    def _refuse_misfits(self, layer: str) -> None:
        for name, channels in (("in_channels", self.in_channels), ("out_channels", self.out_channels)):
            if channels % self.groups:
                raise ValueError(
                    f"{layer}: {name} {channels} can't be shared evenly by {self.groups} groups; "
                    f"{name} must be a multiple of groups"
                )
        modes = _MODES[:1] if self.transposed else _MODES
        if self.padding_mode not in modes:
            words = ", ".join(map(repr, modes))
            raise ValueError(f"{layer}: padding_mode must be one of {words}, got {self.padding_mode!r}")
        for more, s, d in zip(self.output_padding, self.stride, self.dilation):
            if more and more >= max(s, d):
                raise ValueError(
                    f"{layer}: output_padding {self.output_padding} must be smaller than stride {self.stride} or "
                    f"dilation {self.dilation}"
                )

    def _padded(self, x: Any) -> tuple[Any, Any]:
        """Return x and the zeros to put around it; in another padding mode they are there already."""
        if self.padding_mode == "zeros":
            return x, self.padding
        around = []
        for axis, (k, d) in enumerate(zip(self.kernel_size, self.dilation)):
            if isinstance(self.padding, str):
                reach = (k - 1) * d if self.padding == "same" else 0
                around.append((reach // 2, reach - reach // 2))
            else:
                side = self.padding[axis]
                around.append(side if isinstance(side, tuple) else (side, side))
        return F.pad(x, [n for side in reversed(around) for n in side], mode=self.padding_mode), 0

    def extra_repr(self) -> str:
        """The sizes, and what is not as usual."""
        shown = [f"{self.in_channels}, {self.out_channels}", f"kernel_size={self.kernel_size}", f"stride={self.stride}"]
        if self.padding != (0,) * self.axes:
            shown.append(f"padding={self.padding}")
        if self.dilation != (1,) * self.axes:
            shown.append(f"dilation={self.dilation}")
        if self.output_padding != (0,) * self.axes:
            shown.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            shown.append(f"groups={self.groups}")
        if self.bias is None:
            shown.append("bias=False")
        if self.padding_mode != "zeros":
            shown.append(f"padding_mode={self.padding_mode}")
        return ", ".join(shown)

    def _label(self) -> str:
        size = "×".join(map(str, self.kernel_size))
        return f"{type(self).__name__}({self.in_channels}, {self.out_channels}, {size})"


class Conv2d(Convolution):
    """Slide ``out_channels`` kernels over images (Dumoulin and Visin 2016 explain the arithmetic).

    x ``(batch, in_channels, height, width)``; weight ``(out_channels, in_channels / groups, k_h, k_w)``, bias
    ``(out_channels,)``, both uniform within ±1/sqrt(fan_in) at first, fan_in being the numbers a kernel holds.
    kernel_size, stride, dilation: an integer or a pair. padding: also ``"same"``, ``"valid"`` or ((above, below),
    (left, right)). padding_mode: what stands around, ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.
    Raises ValueError where the arguments, or later x, do not fit, TypeError for a size that is no integer or a bias
    that is no bool. rng: a seed or NumPy Generator.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros", *, dtype: Any = np.float32,
        rng: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, 0, dilation, groups, bias, padding_mode, dtype, rng
        )

    def forward(self, x: Any) -> Tensor:
        """Return ``(batch, out_channels, h, w)``."""
        x, around = self._padded(x)
        return F.conv2d(x, self.weight, self.bias, self.stride, around, self.dilation, self.groups)


class Conv1d(Convolution):
    """Slide ``out_channels`` kernels along sequences; see ``Conv2d``.

    x ``(batch, in_channels, length)``; weight ``(out_channels, in_channels / groups, k)``. padding: an integer,
    ``"same"``, ``"valid"`` or ((before, after),). Returns ``(batch, out_channels, l)``; errors as ``Conv2d``.
    """

    axes = 1

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros", *, dtype: Any = np.float32,
        rng: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, 0, dilation, groups, bias, padding_mode, dtype, rng
        )

    def forward(self, x: Any) -> Tensor:
        """Return ``(batch, out_channels, length)``."""
        x, around = self._padded(x)
        if isinstance(around, tuple) and isinstance(around[0], tuple):
            around = around[0]
        return F.conv1d(x, self.weight, self.bias, self.stride, around, self.dilation, self.groups)


class ConvTranspose2d(Convolution):
    """Lay kernels onto a larger image, each times a pixel, and add up: what ``Conv2d`` does to gradients.

    x ``(batch, in_channels, height, width)``; weight ``(in_channels, out_channels / groups, k_h, k_w)``. The output has
    height ``(height − 1) · stride − 2 · padding + dilation · (k_h − 1) + output_padding + 1`` (Dumoulin and
    Visin 2016, relationship 14). Errors as ``Conv2d``; ValueError also for an output_padding that is as large
    as stride and dilation.
    """

    transposed = True

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        output_padding: Any = 0, groups: int = 1, bias: bool = True, dilation: Any = 1, padding_mode: str = "zeros", *,
        dtype: Any = np.float32, rng: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, output_padding, dilation, groups, bias,
            padding_mode, dtype, rng,
        )  # fmt: skip

    def forward(self, x: Any) -> Tensor:
        """Return ``(batch, out_channels, h, w)``."""
        return F.conv_transpose2d(
            x, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups, self.dilation
        )
