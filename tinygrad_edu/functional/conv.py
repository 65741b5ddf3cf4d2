"""Convolution in one and two dimensions, and its transpose; PyTorch's arguments and layouts."""

from __future__ import annotations

from typing import Any

from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.failure import with_graph
from tinygrad_edu.engine.op import Op
from tinygrad_edu.engine.scope import composite
from tinygrad_edu.engine.tensor import Tensor, as_tensor
from tinygrad_edu.functional.sizes import Pads, channels_advice, images_of, pads, pair, refuse_large_kernel, whole

__all__ = ["conv1d", "conv2d", "conv_transpose2d"]


@composite
def conv2d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Tensor:
    """Slide the kernels over the images: at each place the sum of products of kernel and window, plus the bias.

    x ``(batch, in_channels, height, width)``, or without the batch; weight ``(out_channels, in_channels / groups, k_h,
    k_w)``; bias ``(out_channels,)``. Returns ``(batch, out_channels, h, w)`` with ``h = (height + padding − dilation ·
    (k_h − 1) − 1) // stride + 1`` (Dumoulin and Visin 2016, relationship 15). The kernel is not flipped.
    stride, dilation: an integer or a pair. padding: zeros around, an integer, a pair, ((above, below), (left, right)),
    ``"same"`` or ``"valid"``. groups: channels are split into so many groups that do not see each other.
    Raises ValueError where channels, groups or sizes do not fit.
    """
    x, weight = as_tensor(x), as_tensor(weight)
    images, single = images_of(x, "conv2d")
    if weight.ndim != 4:
        raise ValueError(f"conv2d: weight must be (out_channels, in_channels / groups, k_h, k_w), got {weight.shape}")
    y = convolved(images, weight, bias, stride, padding, dilation, groups, "conv2d")
    return y[0] if single else y


@composite
def conv1d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Tensor:
    """Slide the kernels along a sequence; see ``conv2d``.

    x ``(batch, in_channels, length)``, or without the batch; weight ``(out_channels, in_channels / groups, k)``.
    padding: an integer, a pair (before, after), ``"same"`` or ``"valid"``.
    """
    x, weight = as_tensor(x), as_tensor(weight)
    sequences, single = images_of(x, "conv1d", "(batch, channels, length)")
    if weight.ndim != 3:
        raise ValueError(f"conv1d: weight must be (out_channels, in_channels / groups, k), got {weight.shape}")
    down, across = (1, along(stride, "stride")), (1, along(dilation, "dilation"))
    if isinstance(padding, (tuple, list)) and len(padding) == 2:
        padding = ((0, 0), tuple(padding))
    elif not isinstance(padding, str):
        padding = (0, padding[0] if isinstance(padding, (tuple, list)) else padding)
    y = convolved(sequences.expand_dims(2), weight.expand_dims(2), bias, down, padding, across, groups, "conv1d")
    y = y.squeeze(2)
    return y[0] if single else y


def along(value: Any, name: str) -> int:
    """Return the one number of a one-dimensional stride or dilation."""
    value = value[0] if isinstance(value, (tuple, list)) and len(value) == 1 else value
    return whole(value, name, "conv1d", 1)


def convolved(
    x: Tensor, weight: Tensor, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int, name: str
) -> Tensor:
    """Check, convolve, add the bias."""
    down, spread = pair(stride, "stride", name), pair(dilation, "dilation", name)
    kernel: Any = weight.shape[2:]
    around = pads(padding, kernel, down, spread, name)
    groups = whole(groups, "groups", name, 1)
    problem = misfit(x.shape, weight.shape, groups, name, weight.shape[1] * groups, 0)
    if problem:
        raise with_graph(ValueError(problem), P.convolve, (x, weight))
    try:
        refuse_large_kernel(name, x.shape[2:], kernel, spread, around)  # type: ignore[arg-type]
    except ValueError as error:
        raise with_graph(error, P.convolve, (x, weight)) from None
    y = P.convolve(x, weight, stride=down, padding=around, dilation=spread, groups=groups)
    return with_bias(y, bias, name, P.convolve)


@composite
def conv_transpose2d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: int = 1,
    dilation: Any = 1,
) -> Tensor:  # fmt: skip
    """Lay each pixel times its kernel onto a larger image and add up: what ``conv2d`` does to gradients.

    x ``(batch, in_channels, height, width)``, or without the batch; weight ``(in_channels, out_channels / groups, k_h,
    k_w)``. Returns height ``(height − 1) · stride − 2 · padding + dilation · (k_h − 1) + output_padding + 1`` (Dumoulin
    and Visin 2016, relationship 14). output_padding: rows and columns added below and on the right, fewer than stride
    or dilation.
    """
    x, weight = as_tensor(x), as_tensor(weight)
    images, single = images_of(x, "conv_transpose2d")
    name = "conv_transpose2d"
    if weight.ndim != 4:
        raise ValueError(f"{name}: weight must be (in_channels, out_channels / groups, k_h, k_w), got {weight.shape}")
    down, spread = pair(stride, "stride", name), pair(dilation, "dilation", name)
    extra = pair(output_padding, "output_padding", name, 0)
    kernel: Any = weight.shape[2:]
    around = pads(padding, kernel, (1, 1), spread, name)
    groups = whole(groups, "groups", name, 1)
    problem = misfit(images.shape, weight.shape, groups, name, weight.shape[0], 1)
    size = transposed_size(images.shape[2:], kernel, down, around, extra, spread)  # type: ignore[arg-type]
    if any(more >= max(s, d) for more, s, d in zip(extra, down, spread)):
        problem = f"{name}: output_padding {extra} must be smaller than stride {down} or dilation {spread}"
    if min(size) < 1:
        problem = f"{name}: the output would have size {size}; take less padding than {around}"
    if problem:
        raise with_graph(ValueError(problem), P.convolve_back, (images, weight))
    y = P.convolve_back(images, weight, stride=down, padding=around, dilation=spread, groups=groups, size=size)
    y = with_bias(y, bias, name, P.convolve_back)
    return y[0] if single else y


def transposed_size(
    size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int], padding: Pads, extra: tuple[int, int],
    dilation: tuple[int, int],
) -> tuple[int, int]:  # fmt: skip
    """Return height and width of the output of a transposed convolution."""
    height, width = [
        (n - 1) * s - sum(side) + d * (k - 1) + more + 1
        for n, k, s, side, more, d in zip(size, kernel, stride, padding, extra, dilation)
    ]
    return height, width


def misfit(x: tuple[int, ...], weight: tuple[int, ...], groups: int, name: str, channels: int, out: int) -> str:
    """Say how images and kernels do not fit, or nothing; axis ``out`` of the weight is not x's."""
    if 0 in weight[2:]:
        return f"{name}: the kernel of weight {weight} has no pixels"
    if weight[0] % groups:
        kind = "in_channels" if out else "out_channels"
        return f"{name}: weight {weight} has {weight[0]} {kind}, which {groups} groups can't share evenly"
    if x[1] != channels:
        split = f", groups {groups}" if groups > 1 else ""
        shown = tuple([n for n in x if n]) if name == "conv1d" else x
        return (
            f"{name}: expected {channels} channels, got {x[1]} (x {x}, weight {weight}{split})"
            f"{channels_advice(shown, channels)}"
        )
    return ""


def with_bias(y: Tensor, bias: Any, name: str, op: Op) -> Tensor:
    """Add a number per channel."""
    if bias is None:
        return y
    bias = as_tensor(bias)
    if bias.shape != (y.shape[1],):
        message = f"{name}: bias {bias.shape} must hold one number for each of the {y.shape[1]} output channels"
        raise with_graph(ValueError(message), op, (y, bias))
    return y + bias.reshape(-1, 1, 1)
