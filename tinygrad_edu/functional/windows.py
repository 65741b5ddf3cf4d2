"""Sliding blocks of images laid out as columns, and columns laid back: PyTorch's ``unfold`` and ``fold``."""

from __future__ import annotations

from typing import Any

from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.scope import composite
from tinygrad_edu.engine.tensor import Tensor, as_tensor
from tinygrad_edu.functional.sizes import Pair, images_of, pair, refuse_large_kernel

__all__ = ["fold", "unfold"]


@composite
def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """Every block of ``kernel_size`` as a column: images (N, C, H, W) to (N, C · k_h · k_w, number of blocks).

    Also without the batch axis. Sizes are integers or pairs (vertical, horizontal), with zeros around for padding; a
    convolution is ``weight.reshape(out, -1) @ unfold(x)``. Raises ValueError where no block fits.
    """
    images, alone = images_of(as_tensor(x), "unfold")
    kernel, dilations, around, strides = parsed(kernel_size, dilation, padding, stride, "unfold")
    widths = ((0, 0), (0, 0), (around[0], around[0]), (around[1], around[1]))
    refuse_large_kernel("unfold", images.shape[2:], kernel, dilations, (widths[2], widths[3]))
    if any(around):
        images = P.pad(images, widths=widths, value=0)
    blocks = P.windows(images, kernel=kernel, stride=strides, dilation=dilations)
    batch, channels, rows, columns = blocks.shape[:4]
    found = blocks.transpose(0, 1, 4, 5, 2, 3).reshape(batch, channels * kernel[0] * kernel[1], rows * columns)
    return found[0] if alone else found  # type: ignore[no-any-return]


@composite
def fold(x: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """Columns (N, C · k_h · k_w, number of blocks) laid back as blocks and added up: images (N, C, *output_size).

    The adjoint of ``unfold``: a pixel is the sum of all that the blocks hold for it. Also without the batch axis.
    Raises ValueError if x has not the rows or the columns that these sizes make.
    """
    columns, alone = images_of(as_tensor(x), "fold", "(batch, channels * k_h * k_w, blocks)")
    kernel, dilations, around, strides = parsed(kernel_size, dilation, padding, stride, "fold")
    height, width = pair(output_size, "output_size", "fold")
    refuse_large_kernel("fold", (height, width), kernel, dilations, ((around[0],) * 2, (around[1],) * 2))
    padded = height + 2 * around[0], width + 2 * around[1]
    down, right = [(n - (k - 1) * d - 1) // s + 1 for n, k, d, s in zip(padded, kernel, dilations, strides)]
    batch, depth, blocks = columns.shape
    if depth % (kernel[0] * kernel[1]) or blocks != down * right:
        raise ValueError(
            f"fold: x has shape {as_tensor(x).shape}, but kernel_size {kernel} and output_size {(height, width)} want "
            f"a multiple of {kernel[0] * kernel[1]} rows and {down} * {right} = {down * right} columns"
        )
    channels = depth // (kernel[0] * kernel[1])
    apart = columns.reshape(batch, channels, *kernel, down, right).transpose(0, 1, 4, 5, 2, 3)
    images = P.overlap_add(apart, stride=strides, dilation=dilations, size=padded)
    if any(around):
        images = images[:, :, around[0] : around[0] + height, around[1] : around[1] + width]
    return images[0] if alone else images  # type: ignore[no-any-return]


def parsed(kernel: Any, dilation: Any, padding: Any, stride: Any, op: str) -> tuple[Pair, Pair, Pair, Pair]:
    """Return kernel, dilation, padding and stride as pairs."""
    return (
        pair(kernel, "kernel_size", op),
        pair(dilation, "dilation", op),
        pair(padding, "padding", op, 0),
        pair(stride, "stride", op),
    )
