"""Sizes of kernels, strides and paddings as users write them, brought to pairs (vertical, horizontal)."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Pads", "Pair", "channels_advice", "images_of", "pads", "pair", "refuse_large_kernel"]

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]


def whole(value: Any, name: str, op: str, least: int) -> int:
    """Return an integer that is not below ``least``."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{op}: {name} must be an integer or a pair of integers, got {value!r}")
    if value < least:
        raise ValueError(f"{op}: {name} must be at least {least}, got {value}")
    return int(value)


def pair(value: Any, name: str, op: str, least: int = 1) -> Pair:
    """Return (vertical, horizontal) of an integer or a pair; TypeError or ValueError that names ``name``."""
    if isinstance(value, (tuple, list, np.ndarray)):
        if len(value) not in (1, 2):
            raise ValueError(f"{op}: {name} must be an integer or a pair (vertical, horizontal), got {value!r}")
        return whole(value[0], name, op, least), whole(value[-1], name, op, least)
    n = whole(value, name, op, least)
    return n, n


def pads(padding: Any, kernel: Pair, stride: Pair, dilation: Pair, op: str) -> Pads:
    """Return ((above, below), (left, right)) of an int, a pair, a pair of pairs, ``"same"`` or ``"valid"``.

    ``"same"`` keeps height and width; of an odd sum the extra row or column comes after. It needs stride 1.
    """
    if isinstance(padding, str):
        if padding == "valid":
            return (0, 0), (0, 0)
        if padding != "same":
            raise ValueError(f'{op}: padding must be "same", "valid", an integer or a pair, got {padding!r}')
        if stride != (1, 1):
            raise ValueError(f'{op}: padding="same" needs stride 1, got stride {stride}; give the padding as a number')
        reach = [(k - 1) * d for k, d in zip(kernel, dilation)]
        return (reach[0] // 2, reach[0] - reach[0] // 2), (reach[1] // 2, reach[1] - reach[1] // 2)
    if isinstance(padding, (tuple, list)) and any(isinstance(side, (tuple, list)) for side in padding):
        if len(padding) != 2:
            raise ValueError(f"{op}: padding must be ((above, below), (left, right)), got {padding!r}")
        rows, columns = [pair(side, "padding", op, 0) for side in padding]
        return rows, columns
    down, right = pair(padding, "padding", op, 0)
    return (down, down), (right, right)


def images_of(x: Any, op: str, axes: str = "(batch, channels, height, width)") -> tuple[Any, bool]:
    """Return images with a batch axis, and whether there was none; ValueError for other numbers of axes."""
    wanted = axes.count(",") + 1
    if x.ndim == wanted - 1:
        return x.expand_dims(0), True
    if x.ndim != wanted:
        raise ValueError(f"{op}: x must be {axes}, or the same without the batch; got shape {x.shape}")
    return x, False


def channels_advice(shape: tuple[int, ...], channels: int) -> str:
    """Return what to do about images whose channels are not where they should be."""
    if shape[-1] == channels and len(shape) == 4:
        return f"; if the channels come last, x.transpose(0, 3, 1, 2) brings them to {channels} in place 1"
    return ""


def refuse_large_kernel(op: str, shape: Pair, kernel: Pair, dilation: Pair, padding: Pads) -> None:
    """Raise ValueError if no window fits into the padded images."""
    reach = tuple([(k - 1) * d + 1 for k, d in zip(kernel, dilation)])
    room = tuple([n + sum(side) for n, side in zip(shape, padding)])
    if any(r > n for r, n in zip(reach, room)):
        spread = f" with dilation {dilation}" if dilation != (1, 1) else ""
        around = f" and padding {padding} make {room}" if any(map(any, padding)) else ""
        raise ValueError(
            f"{op}: the kernel {kernel}{spread} covers {reach}, but images of {tuple(shape)}{around or ' are smaller'}"
            "; take a smaller kernel, larger images or more padding"
        )
