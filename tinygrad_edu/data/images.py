"""Images that ship: 1,797 handwritten digits and one photograph. SOURCES.md says where they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Split", "digits", "enlarge", "photo"]

Pair = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]

_TRAINING_DIGITS = 1437  # of 1,797: four fifths; 360 are left for the test
_INK = 16  # the darkest pixel of the digits


class Split(NamedTuple):
    """Samples to train on and samples to test with, each a pair of inputs and labels."""

    train: Pair
    test: Pair

    def __repr__(self) -> str:
        (x_train, _), (x_test, _) = self
        kind = f"{x_train.dtype} {x_train.shape[1:]}"
        return f"Split({len(x_train):,} to train on, {len(x_test):,} to test with, each {kind})"


def digits(size: int = 8, *, shuffled: bool = True, dtype: Any = np.float32) -> Split:
    """1,797 real handwritten digits, in a fixed split: 1,437 to train on, 360 to test with.

    Images are (n, 1, size, size) from 0 (paper) to 1 (ink), labels (n,) int64 from 0 to 9. They were scanned at 8×8
    pixels; another ``size``, such as LeNet-5's 28 or 32, enlarges them (see ``enlarge``).

    The split is shuffled, always in the same way: both parts hold images by the same 13 writers. ``shuffled=False``
    tests with the last 360 images as they were filed, by writers of whom little or nothing is in the training part:
    harder (LeNet-5 gets about 6 points less, 3 if trained on shifted images too) and nearer to what a stranger's
    handwriting would show. Say which one a number comes from.

    Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998.

    >>> (x_train, y_train), (x_test, y_test) = digits()
    >>> x_train.shape, y_test.shape
    ((1437, 1, 8, 8), (360,))
    """
    with np.load(Path(__file__).with_name("digits.npz"), allow_pickle=False) as stored:
        order = stored["order"] if shuffled else np.arange(len(stored["order"]))
        ink, labels = stored["images"][order], stored["labels"][order].astype(np.int64)
    images = enlarge((ink[:, None] / _INK).astype(dtype), size)
    n = _TRAINING_DIGITS
    return Split((images[:n], labels[:n]), (images[n:], labels[n:]))


def photo() -> np.ndarray[Any, Any]:
    """A real photograph in grey, (128, 128) float32 from 0 (black) to 1 (white): the astronaut Eileen Collins.

    For a layer, which takes (batch, channels, height, width): ``photo()[None, None]``. Source: NASA, public domain.
    """
    with np.load(Path(__file__).with_name("photo.npz"), allow_pickle=False) as stored:
        grey: np.ndarray[Any, Any] = np.divide(stored["photo"], 255, dtype=np.float32)
    return grey


def enlarge(images: Any, size: int) -> np.ndarray[Any, Any]:
    """Square images (..., n, n) at ``size`` × ``size`` pixels, by bilinear interpolation; the dtype stays.

    Each axis is multiplied by one (size, n) matrix of weights. Pixels are areas: the outer edges of both grids fall
    together, and beyond the centres of the outermost pixels their values hold on (PyTorch's ``align_corners=False``).
    Raises ValueError for images that are not square or larger than ``size``: to make images smaller, average first.
    """
    small: np.ndarray[Any, Any] = np.asarray(images)
    if small.ndim < 2 or small.shape[-1] != small.shape[-2]:
        raise ValueError(f"enlarge: wanted square images (..., n, n), got shape {small.shape}")
    if small.dtype.kind != "f":
        raise TypeError(f"enlarge: wanted images of floats, got {small.dtype}; use images.astype(np.float32)")
    n = small.shape[-1]
    if size < n or n == 0:
        raise ValueError(f"enlarge: {n}×{n} images can't be made {size}×{size}; wanted a size of at least {n}")
    if size == n:
        return small
    weights = interpolation(n, size).astype(small.dtype)
    large: np.ndarray[Any, Any] = weights @ small @ weights.T
    return large


def interpolation(n: int, size: int) -> np.ndarray[Any, Any]:
    """The (size, n) matrix that reads ``size`` evenly spaced places off a row of n pixels, linearly in between."""
    places = np.clip((np.arange(size) + 0.5) * n / size - 0.5, 0, n - 1)
    weights: np.ndarray[Any, Any] = np.maximum(0, 1 - np.abs(places[:, None] - np.arange(n)))
    return weights
