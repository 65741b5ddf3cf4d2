"""What a picture keeps of an array: all of it if it is small, a summary and a small image if it is not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["SMALL", "Snapshot", "snapshot"]

SMALL = 36  # elements that a picture prints
_IMAGE = 24  # the longest side of a small image


@dataclass(frozen=True)
class Snapshot:
    """An array's shape, dtype and numbers; ``data`` has all elements of a small one, ``image`` a view of a large."""

    shape: tuple[int, ...]
    dtype: str
    data: tuple[float, ...] | None
    low: float
    high: float
    mean: float
    norm: float
    nans: int
    zeros: int
    image: tuple[tuple[float, ...], ...] | None

    @property
    def size(self) -> int:
        """How many elements the array has."""
        return math.prod(self.shape)

    @property
    def planes(self) -> int:
        """How many planes there are, of which ``image`` shows the first; 1 where it shows all."""
        *lead, height, width = (1, 1, *self.shape)
        return math.prod(lead) if height > 1 and self.image is not None and width else 1


def snapshot(data: Any, full: int | None = None) -> Snapshot:
    """Freeze an array. full: how many elements are kept whole."""
    array = np.asarray(data)
    numbers = array.astype(np.float64, copy=False)
    finite = numbers[np.isfinite(numbers)]
    few = array.size <= (SMALL if full is None else full)
    return Snapshot(
        shape=array.shape,
        dtype=str(array.dtype),
        data=tuple(numbers.ravel().tolist()) if few else None,
        low=float(finite.min()) if finite.size else math.nan,
        high=float(finite.max()) if finite.size else math.nan,
        mean=float(finite.mean()) if finite.size else math.nan,
        norm=float(np.sqrt(np.sum(finite * finite))),
        nans=int(array.size - finite.size),
        zeros=int(array.size - np.count_nonzero(array)),
        image=None if few else small_image(numbers),
    )


def small_image(numbers: Any) -> tuple[tuple[float, ...], ...]:
    """Return an array as rows of at most 24 by 24 numbers: of several planes the first, every n-th row and column."""
    if numbers.ndim > 2 and numbers.shape[-2:] == (1, 1):  # single pixels: the planes are the rows and columns
        numbers = numbers[..., 0, 0]
    if numbers.ndim > 2 and numbers.shape[-2] > 1:
        numbers = numbers[(0,) * (numbers.ndim - 2)]
    plane = numbers.reshape(-1, numbers.shape[-1])
    rows = np.linspace(0, plane.shape[0] - 1, min(plane.shape[0], _IMAGE)).round().astype(int)
    columns = np.linspace(0, plane.shape[1] - 1, min(plane.shape[1], _IMAGE)).round().astype(int)
    return tuple([tuple(row) for row in plane[np.ix_(rows, columns)].tolist()])
