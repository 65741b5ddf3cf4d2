"""Augmentation: the same images, a little different in each epoch."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tinygrad_edu.engine.creation import generator

__all__ = ["shift"]


def shift(images: Any, pixels: int, rng: Any = None) -> np.ndarray[Any, Any]:
    """Move each image by up to ``pixels`` up or down and left or right, at random; what comes in from outside is 0.

    images: (batch, ..., height, width), any dtype; all channels of an image move together. rng: a seed or a NumPy
    Generator; None for the one of ``tg.manual_seed``. Raises ValueError for fewer than three axes, and for ``pixels``
    that are negative or would move an image out of sight. In a loader, which hands every batch its own generator:
    ``DataLoader((x, y), 64, shuffle=True, transform=lambda images, rng: data.shift(images, 2, rng))``.
    """
    images, pixels = np.asarray(images), operator.index(pixels)
    if images.ndim < 3:
        raise ValueError(f"shift: wanted images (batch, ..., height, width), got shape {images.shape}")
    if not 0 <= pixels < max(1, min(images.shape[-2:])):
        raise ValueError(f"shift: pixels must be from 0 to less than height and width, got {pixels} for {images.shape}")
    down, right = generator(rng).integers(0, 2 * pixels + 1, (2, len(images)))
    margin = [(0, 0)] * (images.ndim - 2) + [(pixels, pixels)] * 2
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(images, margin), images.shape[-2:], axis=(-2, -1))
    return windows[np.arange(len(images)), ..., down, right, :, :]
