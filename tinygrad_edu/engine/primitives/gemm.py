"""The product of two matrices, cut into the pieces that BLAS is fastest at.

OpenBLAS copies its operands into panels before it multiplies. With few rows, or with a transposed second operand, as in
a layer's ``x @ weight.T``, that copying takes as long as the product or longer. Where a processor has AVX-512, OpenBLAS
multiplies small matrices without it; what counts as small there is in its ``*_small_kernel_permit_skylakex.c``.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy import ndarray

__all__ = ["product"]

_FEW, _MANY = 8, 256  # rows of a matrix that are few; that are so many that copying is soon repaid,
_LONG = 512  # but for a sum so long, of a narrow second operand
_SHORT = 32  # too short a sum to gain
_WIDE, _HUGE = 2**16, 2**22  # elements in a slice; of a matrix too large to be sliced
_VOLUME = 10**6  # multiplications that OpenBLAS does without copying, at most,
_AREA = 1200  # and how many sums it may make of them, the second operand being transposed
_ROWS, _COLUMNS, _LANES = 64, 64, 16  # of a tile: at most, and what its columns are a multiple of


def product(x: Any, y: Any) -> Any:
    """Return ``x @ y`` of two matrices; arrays of one kind of float in pieces, where that is faster."""
    if type(x) is not ndarray or x.dtype is not y.dtype or x.dtype.char not in "fd":
        return x @ y
    rows, depth = x.shape
    width = y.shape[1]
    work = rows * depth * width
    if rows < 2 or width < 2 or depth < _SHORT or 2 * work <= _VOLUME or y.shape[0] != depth:
        return np.matmul(x, y)
    if y.flags.f_contiguous:
        large = work > _VOLUME or rows * width > _AREA
        pays = rows <= _MANY or (width <= _COLUMNS and depth >= _LONG)
        if large and pays and x.flags.c_contiguous and uncopied():
            return tiled(x, y)
    elif work > _VOLUME and rows <= _MANY and _LANES * depth * width <= _VOLUME and uncopied():
        return banded(x, y)
    elif work > _VOLUME and rows <= _FEW and depth <= width and y.size < _HUGE:
        return sliced(x, y)
    return np.matmul(x, y)


@lru_cache(maxsize=1)
def uncopied() -> bool:
    """Whether NumPy's BLAS multiplies small matrices without copying them first."""
    try:
        features = import_module("numpy._core._multiarray_umath").__cpu_features__
    except (ImportError, AttributeError):  # names of NumPy's own, which may move
        return False
    built = np.show_config(mode="dicts") or {}
    blas = built.get("Build Dependencies", {}).get("blas", {}).get("name", "")
    return bool(features.get("AVX512_SKX")) and "openblas" in str(blas)


def tiled(x: Any, y: Any) -> Any:
    """Return ``x @ y`` for a transposed y, in tiles."""
    rows, depth = x.shape
    width = y.shape[1]
    high, wide = min(rows, _ROWS), min(width, _LANES)
    deep = min(depth, _VOLUME // (high * wide))
    if width > _LANES:
        wide = min(min(_AREA, _VOLUME // deep) // high // _LANES * _LANES, _COLUMNS)
    even = width - width % wide
    stack = y.T[:even].reshape(-1, wide, depth).transpose(0, 2, 1)
    out = np.empty((rows, width), x.dtype)
    for top in range(0, rows, high):
        part = x[top : top + high]
        target = out[top : top + high]
        tiles = target[:, :even].reshape(len(part), -1, wide).transpose(1, 0, 2)
        np.matmul(part[:, :deep], stack[:, :deep], out=tiles)
        for start in range(deep, depth, deep):
            tiles += np.matmul(part[:, start : start + deep], stack[:, start : start + deep])
        if even < width:
            np.matmul(part, y[:, even:], out=target[:, even:])
    return out


def banded(x: Any, y: Any) -> Any:
    """Return ``x @ y`` for a y that is not transposed, so many rows at a time as divide x evenly."""
    rows, depth = x.shape
    width = y.shape[1]
    high = _ROWS
    while rows % high or high * depth * width > _VOLUME:
        high //= 2
    if high < _LANES:
        return np.matmul(x, y)
    return np.matmul(x.reshape(-1, high, depth), y).reshape(rows, width)


def sliced(x: Any, y: Any) -> Any:
    """Return ``x @ y`` of few rows and many columns, a few columns at a time."""
    depth, width = y.shape
    out = np.empty((len(x), width), x.dtype)
    step = max(_COLUMNS, _WIDE // depth)
    for start in range(0, width, step):
        np.matmul(x, y[:, start : start + step], out=out[:, start : start + step])
    return out
