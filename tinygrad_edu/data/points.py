"""Points in the plane, in classes that no straight line parts: moons, circles, spirals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu.engine.arguments import integer, number
from tinygrad_edu.engine.creation import generator

__all__ = ["circles", "moons", "spirals"]

Points = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


def moons(n: int = 200, noise: float = 0.1, seed: Any = 0, *, dtype: Any = np.float32) -> Points:
    """Two half circles that hold each other: points (n, 2) and labels (n,) int64, 0 for the upper, 1 for the lower.

    noise: the standard deviation of what is added to each coordinate; the circles have radius 1. seed: a number, a
    NumPy Generator, or None for the one of ``tg.manual_seed``. Labels alternate, so any first part is a fair sample.
    Raises ValueError for n below 1 or negative noise, TypeError for what is no number; so do ``circles``, ``spirals``.
    """
    labels, rng = classes_of(n, 2, "moons"), generator(seed)
    angle = rng.uniform(0, math.pi, n) + math.pi * labels
    points = np.stack([np.cos(angle) + labels, np.sin(angle) + labels / 2], axis=1)
    return blurred(points, noise, rng, dtype, "moons"), labels


def circles(n: int = 200, noise: float = 0.1, seed: Any = 0, *, factor: float = 0.5, dtype: Any = np.float32) -> Points:
    """A circle of radius 1 (label 0) around one of radius ``factor`` (label 1); otherwise like ``moons``."""
    labels, rng = classes_of(n, 2, "circles"), generator(seed)
    angle = rng.uniform(0, 2 * math.pi, n)
    radius = np.where(labels == 0, 1.0, factor)
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return blurred(points, noise, rng, dtype, "circles"), labels


def spirals(
    n: int = 300,
    classes: int = 2,
    noise: float = 0.02,
    seed: Any = 0,
    *,
    turns: float = 1.0,
    dtype: Any = np.float32,
) -> Points:
    """Spiral arms, one per class, that wind ``turns`` times around the origin to radius 1; otherwise like ``moons``."""
    labels, rng = classes_of(n, classes, "spirals"), generator(seed)
    radius = rng.uniform(0, 1, n)
    angle = 2 * math.pi * (turns * radius + labels / classes)
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return blurred(points, noise, rng, dtype, "spirals"), labels


def classes_of(n: int, classes: int, name: str) -> np.ndarray[Any, Any]:
    """Return labels 0, 1, ..., 0, 1, ... for n points."""
    if integer(n, "n", name) < 1 or integer(classes, "classes", name) < 1:
        raise ValueError(f"{name}: wanted at least one point and one class, got n={n}, classes={classes}")
    return np.arange(n, dtype=np.int64) % classes


def blurred(
    points: np.ndarray[Any, Any], noise: float, rng: np.random.Generator, dtype: Any, name: str
) -> np.ndarray[Any, Any]:
    """Return the points with normal noise added to each coordinate."""
    number(noise, "noise", name, least=0)
    moved: np.ndarray[Any, Any] = points + noise * rng.standard_normal(points.shape)
    return moved.astype(dtype)
