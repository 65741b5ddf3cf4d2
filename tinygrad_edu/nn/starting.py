"""How the parameters of a layer start, and what its constructor takes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from tinygrad_edu.engine.arguments import integer, short
from tinygrad_edu.nn.holding import Parameter

__all__ = ["blank_weights", "count", "float_dtype", "normal", "uniform"]

_BLANK: ContextVar[bool] = ContextVar("blank weights", default=False)


@contextmanager
def blank_weights() -> Iterator[None]:
    """Within, weights of new layers are 0: no random number is drawn, no memory taken until they are written.

    For a model whose weights are loaded next, or of which only sizes matter.
    """
    token = _BLANK.set(True)
    try:
        yield
    finally:
        _BLANK.reset(token)


def uniform(random: np.random.Generator, shape: tuple[int, ...], fan_in: int, dtype: Any) -> Parameter:
    """Return a Parameter with numbers from -1/sqrt(fan_in) to 1/sqrt(fan_in), as PyTorch starts its layers."""
    if _BLANK.get():
        return Parameter(np.zeros(shape, dtype), copy=False)
    bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
    numbers = random.random(shape, np.float64 if dtype == np.float64 else np.float32)
    numbers *= 2 * bound
    numbers -= bound
    return Parameter(numbers.astype(dtype, copy=False), copy=False)


def normal(random: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Parameter:
    """Return a Parameter with numbers of the standard normal distribution."""
    if _BLANK.get():
        return Parameter(np.zeros(shape, dtype), copy=False)
    numbers = random.standard_normal(shape, np.float64 if dtype == np.float64 else np.float32)
    return Parameter(numbers.astype(dtype, copy=False), copy=False)


def float_dtype(dtype: Any, layer: str) -> np.dtype[Any]:
    """Return a dtype that parameters can have; TypeError otherwise."""
    try:
        wanted: np.dtype[Any] = np.dtype(dtype)
    except (TypeError, ValueError):
        raise TypeError(f"{layer}: dtype must be one of NumPy's, such as np.float32, got {short(dtype)}") from None
    if wanted.kind != "f":
        raise TypeError(f"{layer}: parameters are floats, not {wanted}; give dtype=np.float32 or np.float64")
    return wanted


def count(value: Any, name: str, layer: str, least: int = 1) -> int:
    """Return an integer that is not below ``least``; TypeError or ValueError that names the layer and the argument."""
    return integer(value, name, layer, least)
