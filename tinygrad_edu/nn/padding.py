"""Padding as a module: zeros around images."""

from __future__ import annotations

from typing import Any

from tinygrad_edu import functional as F
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.nn.module import Module
from tinygrad_edu.nn.starting import count

__all__ = ["ZeroPad2d"]


class ZeroPad2d(Module):
    """Zeros around images: x ``(batch, channels, height, width)``, or without the batch.

    padding: an integer, or (left, right, top, bottom), as in PyTorch. Raises ValueError or TypeError for what is
    neither, or negative.
    """

    def __init__(self, padding: Any) -> None:
        sides = padding if isinstance(padding, (tuple, list)) else (padding,) * 4
        if len(sides) != 4:
            raise ValueError(f"ZeroPad2d: padding must be an integer or (left, right, top, bottom), got {padding!r}")
        self.padding = tuple([count(side, "padding", "ZeroPad2d", 0) for side in sides])

    def forward(self, x: Any) -> Tensor:
        """Return ``(batch, channels, top + height + bottom, left + width + right)``."""
        return F.pad(x, self.padding)

    def extra_repr(self) -> str:
        """The widths."""
        return f"{self.padding}"

    def _label(self) -> str:
        left, *others = self.padding
        return f"ZeroPad2d({left})" if set(others) == {left} else f"ZeroPad2d{self.padding}"
