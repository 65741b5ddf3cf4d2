"""Convolution in one and two dimensions, and its transpose; PyTorch's arguments and layouts."""

from __future__ import annotations

from typing import Any

from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.failure import with_graph
from tinygrad_edu.engine.scope import composite
from tinygrad_edu.engine.tensor import Tensor, as_tensor
from tinygrad_edu.functional.sizes import Pads, images_of, pads, pair, too_large, whole

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
    Raises ValueError where channels, groups or sizes do not fit, TypeError for one that is no integer.
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
    padding: an integer, a pair (before, after), ``"same"`` or ``"valid"``. Returns ``(batch, out_channels, l)``.
    Raises ValueError where channels, groups or sizes do not fit, TypeError for one that is no integer.
    """
    x, weight = as_tensor(x), as_tensor(weight)
    sequences, single = images_of(x, "conv1d", "(batch, channels, length)")
    if weight.ndim != 3:
        raise ValueError(f"conv1d: weight must be (out_channels, in_channels / groups, k), got {weight.shape}")
    down, across = (1, along(stride, "stride")), (1, along(dilation, "dilation"))
    if isinstance(padding, (tuple, list)) and len(padding) == 2:
        padding = ((0, 0), tuple(padding))
    elif not isinstance(padding, str):
        if isinstance(padding, (tuple, list)) and len(padding) != 1:
            raise ValueError(f"conv1d: padding must be an integer or a pair (before, after), got {padding!r}")
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
    flat = name == "conv1d"
    problem = misfit(seen(x, flat), seen(weight, flat), groups, name, weight.shape[1] * groups, "out_channels")
    problem = problem or too_large(name, x.shape[2:], kernel, spread, around, flat)
    if problem:
        raise with_graph(ValueError(problem), P.convolve, (x, weight))
    room = [n + sum(side) for n, side in zip(x.shape[2:], around)]
    down = min(down[0], room[0]), min(down[1], room[1])  # a longer one takes one window too, but much memory
    way = {"stride": down, "padding": around, "dilation": spread, "groups": groups}
    if bias is None:
        return P.convolve(x, weight, **way)  # type: ignore[no-any-return]
    return P.convolve_plus(x, weight, checked_bias(bias, weight.shape[0], name, (x, weight)), **way)  # type: ignore[no-any-return]


@composite
def conv_transpose2d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: int = 1,
    dilation: Any = 1,
) -> Tensor:  # fmt: skip
    """Lay each pixel times its kernel onto a larger image and add up: what ``conv2d`` does to gradients.

    x ``(batch, in_channels, height, width)``, or without the batch; weight ``(in_channels, out_channels / groups, k_h,
    k_w)``; bias ``(out_channels,)``. Returns ``(batch, out_channels, h, w)`` with ``h = (height − 1) · stride −
    2 · padding + dilation · (k_h − 1) + output_padding + 1`` (Dumoulin and Visin 2016, relationship 14).
    output_padding: rows and columns added below and on the right, fewer than stride or dilation.
    Raises ValueError where channels, groups or sizes do not fit, TypeError for one that is no integer.
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
    problem = misfit(images.shape, weight.shape, groups, name, weight.shape[0], "in_channels")
    size = transposed_size(images.shape[2:], kernel, down, around, extra, spread)
    if any(more >= max(s, d) for more, s, d in zip(extra, down, spread)):
        problem = f"{name}: output_padding {extra} must be smaller than stride {down} or dilation {spread}"
    if min(size) < 1:
        problem = f"{name}: the output would have size {size}; take less padding than {around}"
    if problem:
        raise with_graph(ValueError(problem), P.convolve_back, (images, weight))
    y = P.convolve_back(images, weight, stride=down, padding=around, dilation=spread, groups=groups, size=size)
    if bias is not None:
        y = y + checked_bias(bias, y.shape[1], name, (images, weight)).reshape(-1, 1, 1)
    return y[0] if single else y  # type: ignore[no-any-return]


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


def seen(x: Tensor, flat: bool) -> tuple[int, ...]:
    """Return a shape as the user gave it: a sequence has no height."""
    return (*x.shape[:2], x.shape[3]) if flat else x.shape


def misfit(x: tuple[int, ...], weight: tuple[int, ...], groups: int, name: str, channels: int, shared: str) -> str:
    """Say how images and kernels do not fit, or nothing; ``shared`` names what the groups split of the weight."""
    if 0 in weight[2:]:
        return f"{name}: the kernel of weight {weight} has no pixels"
    if weight[0] % groups:
        return f"{name}: weight {weight} has {weight[0]} {shared}, which {groups} groups can't share evenly"
    if x[1] == channels:
        return ""
    split = f", groups {groups}" if groups > 1 else ""
    message = f"{name}: expected {channels} channels, got {x[1]} (x {x}, weight {weight}{split}); "
    if len(x) == 4 and x[3] == channels:
        return f"{message}if x has its channels last, x.transpose(0, 3, 1, 2) puts them where they belong"
    if channels == 1 == x[0]:
        grey = (x[1], 1, *x[2:])
        return f"{message}if it holds {x[1]} examples of one channel, x.reshape{grey} gives each its axis of channels"
    axes = "height, width" if len(x) == 4 else "length"
    return f"{message}x is (batch, channels, {axes}), and its channels must be those of the weight"


def checked_bias(bias: Any, channels: int, name: str, inputs: tuple[Tensor, ...]) -> Tensor:
    """Return the bias as a Tensor that has a number per output channel."""
    bias = as_tensor(bias)
    if bias.shape != (channels,):
        message = f"{name}: bias {bias.shape} must hold one number for each of the {channels} output channels"
        raise with_graph(ValueError(message), P.convolve_plus, (*inputs, bias))
    return bias  # type: ignore[no-any-return]
