"""micrograd's published demo: an MLP 2-16-16-1 on 100 points of two moons, scalar by scalar.

The same lines run on ``micrograd.Value`` and on 0-d ``tg.Tensor``: hinge loss and L2 penalty, forward, zero_grad,
backward. About 64,000 nodes a step.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

import tinygrad_edu as tg
from benchmarks.timing import OURS, Case, Engine, Target, peer

__all__ = ["CASES", "make_moons"]

ALPHA = 1e-4


def make_moons(n: int, noise: float = 0.1, seed: int = 1337) -> tuple[list[list[float]], list[float]]:
    """Return n points on two interleaving half circles, and which: -1 or 1. As scikit-learn's, in random order."""
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, np.pi, n // 2)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    points = np.concatenate([upper, lower]) + rng.normal(0, noise, (2 * len(angle), 2))
    labels = np.repeat([-1.0, 1.0], len(angle))
    order = rng.permutation(len(points))
    return points[order].tolist(), labels[order].tolist()


class Net:
    """A multilayer perceptron of single numbers; ``leaf`` makes a parameter of a float."""

    def __init__(self, sizes: list[int], leaf: Callable[[float], Any]) -> None:
        rng = np.random.default_rng(0)
        self.layers = [
            [([leaf(w) for w in rng.uniform(-1, 1, fan_in).tolist()], leaf(0.0)) for _ in range(fan_out)]
            for fan_in, fan_out in pairwise(sizes)
        ]

    def parameters(self) -> list[Any]:
        """Every weight and bias."""
        return [p for layer in self.layers for weights, bias in layer for p in (*weights, bias)]

    def __call__(self, x: list[Any]) -> Any:
        for layer in self.layers:
            x = [sum((w * v for w, v in zip(weights, x)), bias) for weights, bias in layer]
            if layer is not self.layers[-1]:
                x = [v.relu() for v in x]
        return x[0]


class Demo:
    """One engine at the demo; ``leaf`` makes a parameter, ``constant`` an input, ``empty`` is no gradient."""

    def __init__(
        self, tiny: bool, leaf: Callable[[float], Any], constant: Callable[[float], Any], empty: float | None
    ) -> None:
        self.points, self.labels = make_moons(8 if tiny else 100)
        self.net = Net([2, 4, 1] if tiny else [2, 16, 16, 1], leaf)
        self.constant = constant
        self.empty = empty

    def step(self) -> None:
        """Forward, zero_grad, backward, as the demo does."""
        loss = self.loss()
        for p in self.net.parameters():
            p.grad = self.empty
        loss.backward()

    def loss(self) -> Any:
        """The hinge loss of all points, and the penalty on large weights."""
        inputs = [[self.constant(v) for v in point] for point in self.points]
        scores = [self.net(x) for x in inputs]
        losses = [(1 + -y * score).relu() for y, score in zip(self.labels, scores)]
        return sum(losses) * (1.0 / len(losses)) + ALPHA * sum(p * p for p in self.net.parameters())

    def read(self) -> list[Any]:
        """The gradient of every parameter."""
        return [np.array([float(p.grad) for p in self.net.parameters()])]


def build(tiny: bool) -> dict[str, Engine | None]:
    """Make the two engines."""
    micrograd = peer("micrograd.engine")
    return {
        OURS: Demo(tiny, lambda v: tg.Tensor(v, requires_grad=True), tg.Tensor, None),
        "micrograd": Demo(tiny, micrograd.Value, micrograd.Value, 0.0) if micrograd else None,
    }


CASES = [
    Case("scalar MLP, as users run it", build, {"micrograd": Target(0.25, 0.1)}, calls=3, tolerance=1e-9),
    Case("scalar MLP, collector off", build, {"micrograd": Target(1.2, 0.6)}, collector=False, tolerance=1e-9),
]
