"""Dropout as modules: in training, some numbers are set to 0 at random."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu import functional as F
from tinygrad_edu.engine.arguments import flag, number
from tinygrad_edu.engine.creation import generator
from tinygrad_edu.engine.tensor import Tensor, as_tensor
from tinygrad_edu.nn.module import Module

__all__ = ["Dropout", "Dropout2d"]


class Dropout(Module):
    """In training set each number to 0 with probability p and divide the others by 1 − p (Srivastava et al. 2014).

    x: any shape, which stays; in evaluation nothing changes. Raises ValueError for a p that is not from 0 to 1.
    rng: a seed or NumPy Generator, for this layer alone; else that of ``manual_seed``.
    """

    def __init__(self, p: float = 0.5, inplace: bool = False, *, rng: Any = None) -> None:
        self.p = number(p, "p", type(self).__name__, 0, 1)
        self.inplace = flag(inplace, "inplace", type(self).__name__)
        self.rng = None if rng is None else generator(rng)

    def forward(self, x: Any) -> Tensor:
        """Drop some numbers."""
        return F.dropout(x, self.p, self.training, rng=self.rng)

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}, inplace={self.inplace}"

    def _label(self) -> str:
        return f"{type(self).__name__}({self.p})"


class Dropout2d(Dropout):
    """In training set whole channels to 0 with probability p (Tompson et al. 2015).

    x ``(batch, channels, h, w)``, or without the batch; the shape stays. Raises ValueError for an x of other axes, and
    as ``Dropout``.
    """

    def forward(self, x: Any) -> Tensor:
        """Drop some channels."""
        images = as_tensor(x)
        if images.ndim not in (3, 4):
            raise ValueError(f"dropout2d: x must be (batch, channels, height, width), got shape {images.shape}")
        if not self.training or not self.p:
            return images
        channels = np.ones((*images.shape[:-2], 1, 1), images.dtype)
        return images * F.dropout(channels, self.p, self.training, rng=self.rng)
