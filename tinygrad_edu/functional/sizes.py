"""Sizes of kernels, strides and paddings as users write them, brought to pairs (vertical, horizontal)."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.engine.arguments import LARGEST, short

__all__ = ["Pads", "Pair", "images_of", "pads", "pair", "refuse_large_kernel", "too_large", "whole"]

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]


def whole(value: Any, name: str, op: str, least: int) -> int:
    """Return an integer that is not below ``least``."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{op}: {name} must be an integer or a pair of integers, got {short(value)}")
    if value < least:
        raise ValueError(f"{op}: {name} must be at least {least}, got {value}")
    if value > LARGEST:
        raise ValueError(f"{op}: {name} must be at most {LARGEST}, got {value}")
    return int(value)


def pair(value: Any, name: str, op: str, least: int = 1) -> Pair:
    """Return (vertical, horizontal) of an integer or a pair; TypeError or ValueError that names ``name``."""
    if isinstance(value, (tuple, list)) or (isinstance(value, np.ndarray) and value.ndim):
        if len(value) not in (1, 2):
            raise ValueError(f"{op}: {name} must be an integer or a pair (vertical, horizontal), got {short(value)}")
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


def too_large(op: str, shape: Any, kernel: Pair, dilation: Pair, padding: Pads, flat: bool = False) -> str:
    """Say that no window fits into the padded images, or nothing; ``flat``: they are sequences."""
    reach = tuple([(k - 1) * d + 1 for k, d in zip(kernel, dilation)])
    room = tuple([n + sum(side) for n, side in zip(shape, padding)])
    if all(r <= n for r, n in zip(reach, room)):
        return ""
    given: Any = (kernel, reach, tuple(shape), room)
    kernel_size, covered, size, padded = [pair[1] for pair in given] if flat else given
    spread = (
        f" with dilation {dilation[1] if flat else dilation}, which covers {covered}," if dilation != (1, 1) else ""
    )
    around = f", with padding {padded}" if any(map(any, padding)) else ""
    return (
        f"{op}: the kernel {kernel_size}{spread} is larger than the {'sequence' if flat else 'image'}, {size}{around}; "
        "take a smaller kernel, a larger input or more padding"
    )


def refuse_large_kernel(op: str, shape: Any, kernel: Pair, dilation: Pair, padding: Pads) -> None:
    """Raise ValueError if no window fits into the padded images."""
    problem = too_large(op, shape, kernel, dilation, padding)
    if problem:
        raise ValueError(problem)
