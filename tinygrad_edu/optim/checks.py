"""Settings of optimisers and schedules, checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_edu.engine.arguments import short

__all__ = ["at_least_zero", "flags", "positive_integer", "share"]

_NUMBERS = (int, float, np.integer, np.floating)


def at_least_zero(who: str, settings: Mapping[str, Any], *names: str) -> None:
    """Raise TypeError for settings that are no numbers, ValueError for negative ones."""
    for name in names:
        value = settings[name]
        if not isinstance(value, _NUMBERS) or isinstance(value, bool):
            raise TypeError(f"{who}: {name} must be a number, got {short(value)}")
        if not 0 <= value < math.inf:
            raise ValueError(f"{who}: {name} must not be negative, nor infinite, got {value}")


def flags(who: str, settings: Mapping[str, Any], *names: str) -> None:
    """Raise TypeError for settings that are neither True nor False."""
    for name in names:
        if not isinstance(settings[name], (bool, np.bool_)):
            raise TypeError(f"{who}: {name} must be True or False, got {short(settings[name])}")


def share(who: str, name: str, value: Any) -> None:
    """Raise for what is no number from 0 to 1, 1 left out."""
    at_least_zero(who, {name: value}, name)
    if value >= 1:
        raise ValueError(f"{who}: {name} must be below 1, got {value}")


def positive_integer(who: str, name: str, value: Any) -> None:
    """Raise ValueError for what is no integer above 0."""
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{who}: {name} must be an integer above 0, got {short(value)}")
