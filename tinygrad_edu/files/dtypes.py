"""The dtypes that a file may hold: fixed in size, and nothing in them but numbers, dates or text."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

__all__ = ["NUMBERS", "as_bytes", "dtype_of", "is_storable", "sound"]

Array = np.ndarray[Any, Any]
NUMBERS = "biufcmM"
STORABLE = NUMBERS + "US"
DTYPE = re.compile(r"[<>|=]?[biufcmMUS][0-9]{1,9}(\[[0-9]{0,9}[a-zA-Z]{1,7}\])?", re.ASCII)


def dtype_of(name: str) -> np.dtype[Any]:
    """Return the dtype that a file names; ValueError for objects, structures and what NumPy does not have here."""
    if name.lstrip("<>|=").startswith("O"):
        raise ValueError("it holds pickled Python objects, which could run anything: refused")
    if not DTYPE.fullmatch(name):
        raise ValueError(f"dtype {name[:60]!r} is not of numbers, dates or text")
    try:
        dtype = np.dtype(name)
    except (TypeError, OverflowError):
        raise ValueError(f"dtype {name!r} is none that NumPy has here") from None
    if dtype.kind not in STORABLE or not dtype.itemsize:
        raise ValueError(f"dtype {name!r} is not of numbers, dates or text")
    return dtype


def is_storable(dtype: np.dtype[Any]) -> bool:
    """Whether a dtype's name in a file would give the dtype back."""
    try:
        return dtype_of(dtype.str) == dtype
    except ValueError:
        return False


def as_bytes(array: Array) -> Array:
    """Return the bytes of a C-contiguous array as a flat array that shares them."""
    return array.reshape(-1).view(np.uint8)


def sound(array: Array) -> Array:
    """Return an array just read in the machine's byte order, bools 0 or 1, text of characters that exist."""
    array = np.asarray(array, array.dtype.newbyteorder("="))
    if array.dtype.kind == "b":
        return np.asarray(array.view(np.uint8) != 0)
    if array.dtype.kind == "U" and array.size:
        flat = array.ravel("K").view(np.uint32)
        if flat.max() > 0x10FFFF:
            raise ValueError("a text has characters that do not exist")
    return array
