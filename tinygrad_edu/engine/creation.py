"""Tensors from nothing: constants, ranges, random numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.engine.arguments import short
from tinygrad_edu.engine.arrays import plain
from tinygrad_edu.engine.axes import sizes
from tinygrad_edu.engine.tensor import Tensor

__all__ = [
    "arange", "eye", "full", "generator", "linspace", "manual_seed", "ones", "ones_like", "rand", "randn", "zeros",
    "zeros_like",
]  # fmt: skip


class Randomness:
    """The generator that everything random falls back to when it is given none; made when first needed."""

    generator: np.random.Generator | None = None


def manual_seed(seed: int) -> None:
    """Start the random numbers of this library from ``seed``, so that a run can be repeated."""
    Randomness.generator = np.random.default_rng(seed)


def generator(rng: Any = None) -> np.random.Generator:
    """Return ``rng`` as a NumPy Generator: one as it is, a seed made one, None for the one of ``manual_seed``."""
    if rng is not None:
        try:
            return np.random.default_rng(rng)
        except (TypeError, ValueError) as error:
            raise type(error)(f"rng: wanted a seed (0, 1, 2, ...) or a NumPy Generator, got {short(rng)}") from None
    if Randomness.generator is None:
        Randomness.generator = np.random.default_rng()
    return Randomness.generator


def lengths(shape: tuple[Any, ...], op: str) -> tuple[int, ...]:
    """Return a shape to fill; ValueError for a negative length."""
    wanted = sizes(shape, op)
    if any(n < 0 for n in wanted):
        raise ValueError(f"{op}: lengths must not be negative, got {wanted}")
    return wanted


def made(data: Any, requires_grad: bool) -> Tensor:
    """Return fresh data as a Tensor."""
    return Tensor(data, requires_grad=requires_grad, copy=False)


def zeros(*shape: Any, dtype: Any = np.float64, requires_grad: bool = False) -> Tensor:
    """A Tensor full of 0; float64 unless told otherwise."""
    return made(np.zeros(lengths(shape, "zeros"), dtype), requires_grad)


def ones(*shape: Any, dtype: Any = np.float64, requires_grad: bool = False) -> Tensor:
    """A Tensor full of 1; float64 unless told otherwise."""
    return made(np.ones(lengths(shape, "ones"), dtype), requires_grad)


def full(shape: Any, fill_value: Any, dtype: Any = np.float64, requires_grad: bool = False) -> Tensor:
    """A Tensor full of one number; float64 unless told otherwise."""
    return made(np.full(lengths((shape,), "full"), plain(fill_value), dtype), requires_grad)


def arange(*limits: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """``np.arange``: evenly spaced numbers, the end left out; with ``requires_grad`` float64 unless told otherwise."""
    if dtype is None and requires_grad:
        dtype = np.float64
    return made(np.arange(*limits, dtype=dtype), requires_grad)


def linspace(start: float, stop: float, num: int = 50, requires_grad: bool = False) -> Tensor:
    """``num`` evenly spaced numbers, both ends included."""
    return made(np.linspace(start, stop, num), requires_grad)


def eye(n: int, m: int | None = None, dtype: Any = np.float64, requires_grad: bool = False) -> Tensor:
    """The identity matrix, (n, m)."""
    return made(np.eye(n, m, dtype=dtype), requires_grad)


def randn(*shape: Any, dtype: Any = np.float64, requires_grad: bool = False, rng: Any = None) -> Tensor:
    """Numbers of the standard normal distribution."""
    return made(generator(rng).standard_normal(lengths(shape, "randn")).astype(dtype), requires_grad)


def rand(*shape: Any, dtype: Any = np.float64, requires_grad: bool = False, rng: Any = None) -> Tensor:
    """Numbers of the uniform distribution from 0 to 1, 1 left out."""
    return made(generator(rng).random(lengths(shape, "rand")).astype(dtype), requires_grad)


def zeros_like(x: Any, requires_grad: bool = False) -> Tensor:
    """A Tensor of 0 with the shape and dtype of ``x``."""
    return made(np.zeros_like(plain(x)), requires_grad)


def ones_like(x: Any, requires_grad: bool = False) -> Tensor:
    """A Tensor of 1 with the shape and dtype of ``x``."""
    return made(np.ones_like(plain(x)), requires_grad)
