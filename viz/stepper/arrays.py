"""Arrays as the page gets them: whole if small, else a summary and an image. Each is sent once. Strict JSON."""

from __future__ import annotations

import math
from typing import Any

from tinygrad_edu.engine.trace.tracing import Snapshot

__all__ = ["KEPT", "Pool", "Tiles", "plain_number", "tiles"]

KEPT = 12_000  # numbers of an array that are read to make its image
SMALL = 36  # numbers, up to which an array is sent whole
_CELLS = 1_600  # of an image
_LEVELS = 4094  # shades of an image; one more for NaN and Inf
_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def plain_number(value: float, dtype: str = "float64") -> float | str:
    """Return a number for JSON, with the digits that its dtype has; NaN and the infinities as words."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    short = float(f"{value:.9g}") if dtype == "float32" else value
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


class Tiles:
    """How an array's planes lie in its image: ``columns`` of them beside each other, each ``height`` by ``width``.

    every: only each ``every``-th row and column of a plane is there; 0 for a sample of an array too large to say more.
    """

    def __init__(self, planes: int, height: int, width: int, columns: int, every: int) -> None:
        self.planes = planes
        self.height = height
        self.width = width
        self.columns = columns
        self.every = every

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the image in cells, a gap of one between planes that are images themselves."""
        gap = 0 if self.width == self.height == 1 else 1
        rows = math.ceil(self.planes / self.columns)
        return self.columns * (self.width + gap) - gap, rows * (self.height + gap) - gap


def tiles(data: Snapshot) -> Tiles | None:
    """Return how the image of an array is laid out; None for one of no or one number."""
    if data.size <= 1 or not data.shape:
        return None
    if data.size <= SMALL:
        return Tiles(1, data.size // data.shape[-1], data.shape[-1], 1, 1)
    if data.data is None:
        image = data.image or ()
        return Tiles(1, len(image), len(image[0]), 1, 0) if image else None
    height, width = (1, 1) if len(data.shape) == 1 else data.shape[-2:]
    planes = data.size // (height * width)
    if height == 1:
        planes, width = planes * width, 1
    every = 1
    while planes * math.ceil(height / every) * math.ceil(width / every) > _CELLS and every < max(height, width):
        every += 1
    planes = min(planes, _CELLS)
    height, width = math.ceil(height / every), math.ceil(width / every)
    columns = min(planes, math.ceil(math.sqrt(planes * height / width)))
    return Tiles(planes, height, width, columns, every)


class Pool:
    """The arrays of a recording, each once, by number; ``numbers`` has all of those that are sent as an image."""

    def __init__(self) -> None:
        self.arrays: list[dict[str, Any]] = []
        self.numbers: dict[int, tuple[float, ...]] = {}
        self._known: dict[Any, int] = {}

    def add(self, data: Snapshot) -> int:
        """Return the number of an array, adding it the first time."""
        if data.size <= SMALL and data.data is not None:
            return self.add_numbers(data.shape, data.data, data.dtype)
        key = (data.shape, data.dtype, data.low, data.high, data.mean, data.norm, data.nans, data.zeros, data.data)
        if key not in self._known:
            self._known[key] = len(self.arrays)
            if data.data is not None:
                self.numbers[len(self.arrays)] = data.data
            self.arrays.append(summary(data))
        return self._known[key]

    def add_numbers(self, shape: tuple[int, ...], numbers: tuple[float, ...], dtype: str = "float64") -> int:
        """Return the number of a small array."""
        plain = [plain_number(v, dtype) for v in numbers]
        key = (shape, tuple(map(repr, plain)))
        if key not in self._known:
            self._known[key] = len(self.arrays)
            self.arrays.append({"s": list(shape), "d": plain})
        return self._known[key]


def summary(data: Snapshot) -> dict[str, Any]:
    """Return a large array's shape, range, mean, norm, what is NaN or 0 in it, and its image."""
    numbers = [float(f"{v:.6g}") for v in (data.low, data.high, data.mean, data.norm)]
    found: dict[str, Any] = {"s": list(data.shape), "r": [plain_number(v) for v in numbers], "z": data.zeros}
    if data.nans:
        found["x"] = data.nans
    layout = tiles(data)
    if layout is not None:
        found["g"] = [layout.planes, layout.height, layout.width, layout.columns, layout.every]
        found["i"] = "".join(shade(v, data.low, data.high) for v in picked(data, layout))
    return found


def picked(data: Snapshot, layout: Tiles) -> list[float]:
    """Return the numbers of an image, plane by plane, row by row."""
    if data.data is None:
        return [v for row in data.image or () for v in row]
    if layout.height == layout.width == 1 and layout.every == 1:
        return list(data.data[: layout.planes])
    height, width = data.shape[-2:]
    numbers: list[float] = []
    for plane in range(layout.planes):
        for row in range(0, height, layout.every):
            start = (plane * height + row) * width
            numbers += data.data[start : start + width : layout.every]
    return numbers


def shade(value: float, low: float, high: float) -> str:
    """Return two letters for where a number lies between low and high."""
    if not math.isfinite(value):
        level = _LEVELS + 1
    else:
        level = round((value - low) / (high - low) * _LEVELS) if high > low else 0
    return _DIGITS[level >> 6] + _DIGITS[level & 63]
