"""Pooling as modules: one number for each window of an image."""

from __future__ import annotations

from typing import Any

from tinygrad_edu import functional as F
from tinygrad_edu.engine.arguments import flag
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.functional.sizes import pair
from tinygrad_edu.nn.module import Module

__all__ = ["AdaptiveAvgPool2d", "AvgPool2d", "MaxPool2d"]


class Pooling(Module):
    """What both kinds have: a kernel, a stride, which is the kernel's size unless given, and padding."""

    def __init__(self, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool) -> None:
        layer = type(self).__name__
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = flag(ceil_mode, "ceil_mode", layer)
        kernel = pair(kernel_size, "kernel_size", layer)
        pair(self.stride, "stride", layer)
        around = pair(padding, "padding", layer, 0)
        if any(2 * n > k for n, k in zip(around, kernel)):
            raise ValueError(f"{layer}: padding {padding} must be at most half the kernel {kernel_size}")

    def _label(self) -> str:
        size = "×".join(map(str, pair(self.kernel_size, "kernel_size", "")))
        return f"{type(self).__name__}({size})"


class MaxPool2d(Pooling):
    """The largest number of each window; x ``(batch, channels, height, width)``.

    kernel_size, stride, padding, dilation: an integer or a pair. padding is −∞ around, at most half the kernel.
    return_indices is PyTorch's and must be False.
    Raises ValueError where sizes, or later x, do not fit, TypeError for a size that is no integer or a flag that is no
    bool.
    """

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:  # fmt: skip
        if flag(return_indices, "return_indices", "MaxPool2d"):
            raise ValueError("MaxPool2d: return_indices=True is not supported; the picture shows which was taken")
        super().__init__(kernel_size, stride, padding, ceil_mode)
        pair(dilation, "dilation", "MaxPool2d")
        self.dilation = dilation
        self.return_indices = False

    def forward(self, x: Any) -> Tensor:
        """Return ``(batch, channels, h, w)``."""
        return F.max_pool2d(x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)

    def extra_repr(self) -> str:
        """The sizes."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class AvgPool2d(Pooling):
    """The mean of each window; x ``(batch, channels, height, width)``.

    padding: zeros around, which count as numbers unless ``count_include_pad=False``. divisor_override: what the sum is
    divided by instead. Errors as ``MaxPool2d``; ValueError for a divisor 0.
    """

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(kernel_size, stride, padding, ceil_mode)
        self.count_include_pad = flag(count_include_pad, "count_include_pad", "AvgPool2d")
        self.divisor_override = divisor_override
        if divisor_override is not None and not divisor_override:
            raise ValueError("AvgPool2d: divisor_override must not be 0")

    def forward(self, x: Any) -> Tensor:
        """Return ``(batch, channels, h, w)``."""
        return F.avg_pool2d(
            x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad,
            self.divisor_override,
        )  # fmt: skip

    def extra_repr(self) -> str:
        """The sizes."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AdaptiveAvgPool2d(Module):
    """The mean over as many windows as wanted, whatever the size of the image.

    output_size: h, or (h, w); None keeps a side as it is. 1 is the mean of each channel. x ``(batch, channels,
    height, width)``. Raises ValueError for a negative size and, when called, for images without pixels.
    """

    def __init__(self, output_size: Any) -> None:
        both = output_size if isinstance(output_size, (tuple, list)) else (output_size, output_size)
        pair([1 if n is None else n for n in both], "output_size", "AdaptiveAvgPool2d", 0)
        self.output_size = output_size

    def forward(self, x: Any) -> Tensor:
        """Return ``(batch, channels, h, w)``."""
        return F.adaptive_avg_pool2d(x, self.output_size)

    def extra_repr(self) -> str:
        """The size."""
        return f"output_size={self.output_size}"
