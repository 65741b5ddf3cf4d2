"""Chains of 1,000 small ops on 32 float32, forward and backward: what an op costs beside its arithmetic.

``mixed`` is add, multiply, relu, subtract, tanh in turn. The second operands are constants. All values stay small, so
that no gradient dies down to the slow denormal numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import tinygrad_edu as tg
from benchmarks.timing import OURS, Case, Engine, Target, peer

__all__ = ["CASES", "CHAINS"]

WIDTH = 32
Function = Callable[[Any], Any]


def add(x: Any, shift: Any, scale: Any, relu: Function, tanh: Function, length: int) -> Any:
    """x + shift, again and again."""
    for _ in range(length):
        x = x + shift
    return x


def multiply(x: Any, shift: Any, scale: Any, relu: Function, tanh: Function, length: int) -> Any:
    """x · scale, again and again."""
    for _ in range(length):
        x = x * scale
    return x


def rectify(x: Any, shift: Any, scale: Any, relu: Function, tanh: Function, length: int) -> Any:
    """relu(x), again and again."""
    for _ in range(length):
        x = relu(x)
    return x


def mixed(x: Any, shift: Any, scale: Any, relu: Function, tanh: Function, length: int) -> Any:
    """tanh(relu((x + shift) · scale) - shift), again and again."""
    for _ in range(length // 5):
        x = x + shift
        x = x * scale
        x = relu(x)
        x = x - shift
        x = tanh(x)
    return x


CHAINS = {"add": add, "multiply": multiply, "relu": rectify, "mixed": mixed}


class Chain:
    """What every engine needs: where the chain starts, its constants, what arrives at its end."""

    def __init__(self, name: str, length: int) -> None:
        rng = np.random.default_rng(0)
        self.name = name
        self.length = length
        self.start = rng.uniform(-0.02, 0.02, WIDTH).astype(np.float32)
        self.shift = rng.uniform(0, 0.02, WIDTH).astype(np.float32)
        self.scale = rng.uniform(0.9995, 1.0005, WIDTH).astype(np.float32)
        self.upstream = rng.uniform(0.5, 1, WIDTH).astype(np.float32)
        self.result: list[Any] = []

    def read(self) -> list[Any]:
        """The chain's end, and the gradient at its start."""
        return self.result


class Ours(Chain):
    """tinygrad_edu; ``backward()`` drains the generator of steps."""

    def __init__(self, name: str, length: int) -> None:
        super().__init__(name, length)
        constants = tg.Tensor(self.shift), tg.Tensor(self.scale)
        self.x = tg.Tensor(self.start, requires_grad=True)
        self.run = partial(CHAINS[name], self.x, *constants, tg.Tensor.relu, tg.Tensor.tanh, length)

    def step(self) -> None:
        """Forward and backward."""
        y = self.run()
        self.x.grad = None
        y.backward(self.upstream)
        self.result = [y.data, self.x.grad.data]


class PyTorch(Chain):
    """PyTorch on the CPU, eager."""

    def __init__(self, torch: Any, name: str, length: int) -> None:
        super().__init__(name, length)
        constants = torch.from_numpy(self.shift), torch.from_numpy(self.scale)
        self.x = torch.from_numpy(self.start).requires_grad_()
        self.gradient = torch.from_numpy(self.upstream)
        self.run = partial(CHAINS[name], self.x, *constants, torch.relu, torch.tanh, length)

    def step(self) -> None:
        """Forward and backward."""
        y = self.run()
        self.x.grad = None
        y.backward(self.gradient)
        self.result = [y.detach().numpy(), self.x.grad.numpy()]


class Autograd(Chain):
    """HIPS autograd."""

    def __init__(self, autograd: Any, name: str, length: int) -> None:
        super().__init__(name, length)
        self.make_vjp = autograd.make_vjp
        self.anp = autograd.numpy

    def run(self, x: Any) -> Any:
        """The chain on a box or an array."""
        return CHAINS[self.name](x, self.shift, self.scale, self.relu, self.anp.tanh, self.length)

    def relu(self, x: Any) -> Any:
        """HIPS autograd has none of its own."""
        return self.anp.maximum(x, 0)

    def step(self) -> None:
        """Forward and backward."""
        pull, y = self.make_vjp(self.run)(self.start)
        self.result = [y, pull(self.upstream)]


class Bare(Chain):
    """The same sums in NumPy, forward and backward, written by hand for each chain: no graph at all."""

    def step(self) -> None:
        """Forward and backward."""
        self.result = list(getattr(self, self.name)(self.start, self.shift, self.scale, self.upstream, self.length))

    @staticmethod
    def add(x: Any, shift: Any, scale: Any, g: Any, length: int) -> tuple[Any, Any]:
        for _ in range(length):
            x = x + shift
        return x, g

    @staticmethod
    def multiply(x: Any, shift: Any, scale: Any, g: Any, length: int) -> tuple[Any, Any]:
        for _ in range(length):
            x = x * scale
        for _ in range(length):
            g = g * scale
        return x, g

    @staticmethod
    def relu(x: Any, shift: Any, scale: Any, g: Any, length: int) -> tuple[Any, Any]:
        kept = []
        for _ in range(length):
            x = np.maximum(x, 0)
            kept.append(x)
        for y in reversed(kept):
            g = g * (y > 0)
        return x, g

    @staticmethod
    def mixed(x: Any, shift: Any, scale: Any, g: Any, length: int) -> tuple[Any, Any]:
        kept = []
        for _ in range(length // 5):
            x = x + shift
            x = x * scale
            positive = x = np.maximum(x, 0)
            x = x - shift
            x = np.tanh(x)
            kept.append((positive, x))
        for positive, y in reversed(kept):
            g = g * (1 - y * y)
            g = g * (positive > 0)
            g = g * scale
        return x, g


def build(name: str, tiny: bool) -> dict[str, Engine | None]:
    """Make the engines of one chain."""
    length = 20 if tiny else 1000
    torch, autograd = peer("torch"), peer("autograd")
    return {
        OURS: Ours(name, length),
        "PyTorch": PyTorch(torch, name, length) if torch else None,
        "HIPS autograd": Autograd(autograd, name, length) if autograd and peer("autograd.numpy") else None,
        "bare NumPy": Bare(name, length),
    }


TARGETS = {"PyTorch": Target(0.85, 0.6), "HIPS autograd": Target(0.25), "bare NumPy": Target(3.8)}
CASES = [
    Case(f"chain of 1,000, {name}", partial(build, name), TARGETS if name == "mixed" else {}, calls=5)
    for name in CHAINS
]
