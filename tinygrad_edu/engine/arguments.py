"""Numbers as users give them, checked once, at the door."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["LARGEST", "array_of", "flag", "integer", "number", "short"]

LARGEST = 2**31 - 1  # of a size: more than this is a slip, and NumPy would answer with an OverflowError or MemoryError


def number(value: Any, name: str, op: str, least: float = -math.inf, most: float = math.inf) -> Any:
    """Return a number as it is; TypeError for anything else, ValueError for one out of bounds, as NaN is of any.

    least, most: the bounds, from 0 if there is no upper one.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{op}: {name} must be a number, got {short(value)}")
    if least > -math.inf and not least <= value <= most:
        wanted = f"be from {least:g} to {most:g}" if most < math.inf else "not be negative"
        raise ValueError(f"{op}: {name} must {wanted}, got {value}")
    return value


def integer(value: Any, name: str, op: str, least: int = -LARGEST) -> int:
    """Return an integer; TypeError for anything else, ValueError for one below ``least``, or that no array can have."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{op}: {name} must be an integer, got {short(value)}")
    if not least <= value <= LARGEST:
        bound = f"least {least}" if value < least else f"most {LARGEST}"
        raise ValueError(f"{op}: {name} must be at {bound}, got {value}")
    return int(value)


def flag(value: Any, name: str, op: str) -> bool:
    """Return a bool; TypeError for what is neither True or False nor 1 or 0: ``"eval"`` would count as true."""
    if isinstance(value, (bool, np.bool_, int, np.integer)) and value in (0, 1):
        return bool(value)
    raise TypeError(f"{op}: {name} must be True or False, got {short(value)}")


def array_of(value: Any) -> Any:
    """Return what was saved as an array; one of objects, which nobody takes, for what can't be one."""
    value = getattr(value, "_data", value)
    try:
        return np.asarray(value)
    except (ValueError, TypeError):
        return np.array(None, object)


def short(value: Any) -> str:
    """Return what a value is, for a message: arrays by shape, the rest in few letters."""
    if isinstance(value, np.ndarray) or hasattr(value, "_data"):
        return f"{type(value).__name__} of shape {value.shape}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
