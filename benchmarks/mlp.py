"""A training step of an MLP 784-128-10 on a batch of 64: relu, softmax cross-entropy, SGD, float32."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_edu as tg
from benchmarks.timing import OURS, Case, Engine, Target, peer
from tinygrad_edu import functional as F

__all__ = ["CASES"]

RATE = 0.01


class Training:
    """What every engine needs: a batch, its labels, and parameters to start from, PyTorch's way round (out, in)."""

    def __init__(self, tiny: bool) -> None:
        rng = np.random.default_rng(0)
        batch, inputs, hidden, classes = (4, 6, 5, 3) if tiny else (64, 784, 128, 10)
        self.rows = np.arange(batch)
        self.x = rng.standard_normal((batch, inputs)).astype(np.float32)
        self.labels = rng.integers(0, classes, batch)
        self.start = [
            rng.uniform(-bound, bound, shape).astype(np.float32)
            for shape, bound in [
                ((hidden, inputs), inputs**-0.5),
                ((hidden,), inputs**-0.5),
                ((classes, hidden), hidden**-0.5),
                ((classes,), hidden**-0.5),
            ]
        ]


class Ours(Training):
    """tinygrad_edu: the loss composed of log_softmax and indexing."""

    def __init__(self, tiny: bool) -> None:
        super().__init__(tiny)
        self.parameters = [tg.Tensor(p, requires_grad=True) for p in self.start]
        self.inputs = tg.Tensor(self.x)

    def step(self) -> None:
        """Forward, backward, update."""
        w1, b1, w2, b2 = self.parameters
        logits = F.linear(F.relu(F.linear(self.inputs, w1, b1)), w2, b2)
        loss = -F.log_softmax(logits, axis=1)[self.rows, self.labels].mean()
        for p in self.parameters:
            p.grad = None
        loss.backward()
        for p in self.parameters:
            p.data -= RATE * p.grad.data

    def read(self) -> list[Any]:
        """The parameters."""
        return [p.data for p in self.parameters]


class PyTorch(Training):
    """PyTorch on the CPU, eager, with its fused cross-entropy."""

    def __init__(self, torch: Any, tiny: bool) -> None:
        super().__init__(tiny)
        self.torch = torch
        self.parameters = [torch.from_numpy(p.copy()).requires_grad_() for p in self.start]
        self.inputs, self.targets = torch.from_numpy(self.x), torch.from_numpy(self.labels)

    def step(self) -> None:
        """Forward, backward, update."""
        f = self.torch.nn.functional
        w1, b1, w2, b2 = self.parameters
        logits = f.linear(f.relu(f.linear(self.inputs, w1, b1)), w2, b2)
        loss = f.cross_entropy(logits, self.targets)
        for p in self.parameters:
            p.grad = None
        loss.backward()
        with self.torch.no_grad():
            for p in self.parameters:
                p -= RATE * p.grad

    def read(self) -> list[Any]:
        """The parameters."""
        return [p.detach().numpy() for p in self.parameters]


class Autograd(Training):
    """HIPS autograd."""

    def __init__(self, autograd: Any, tiny: bool) -> None:
        super().__init__(tiny)
        self.np = autograd.numpy
        self.gradient = autograd.grad(self.loss)
        self.parameters = list(self.start)

    def loss(self, parameters: Any) -> Any:
        """Softmax cross-entropy."""
        w1, b1, w2, b2 = parameters
        logits = self.np.dot(self.np.maximum(self.np.dot(self.x, w1.T) + b1, 0), w2.T) + b2
        shifted = logits - self.np.max(logits, axis=1, keepdims=True)
        logarithm = shifted - self.np.log(self.np.sum(self.np.exp(shifted), axis=1, keepdims=True))
        return -self.np.mean(logarithm[self.rows, self.labels])

    def step(self) -> None:
        """Forward, backward, update."""
        self.parameters = [p - RATE * g for p, g in zip(self.parameters, self.gradient(self.parameters))]

    def read(self) -> list[Any]:
        """The parameters."""
        return self.parameters


class Bare(Training):
    """Backpropagation by hand in NumPy: no graph at all."""

    def __init__(self, tiny: bool) -> None:
        super().__init__(tiny)
        self.parameters = list(self.start)

    def step(self) -> None:
        """Forward, backward, update."""
        w1, b1, w2, b2 = self.parameters
        hidden = np.maximum(self.x @ w1.T + b1, 0)
        logits = hidden @ w2.T + b2
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        p[self.rows, self.labels] -= 1
        p /= np.float32(len(p))
        back = (p @ w2) * (hidden > 0)
        gradients = back.T @ self.x, back.sum(axis=0), p.T @ hidden, p.sum(axis=0)
        self.parameters = [p - RATE * g for p, g in zip(self.parameters, gradients)]

    def read(self) -> list[Any]:
        """The parameters."""
        return self.parameters


def build(tiny: bool) -> dict[str, Engine | None]:
    """Make the engines."""
    torch, autograd = peer("torch"), peer("autograd")
    return {
        OURS: Ours(tiny),
        "PyTorch": PyTorch(torch, tiny) if torch else None,
        "HIPS autograd": Autograd(autograd, tiny) if autograd and peer("autograd.numpy") else None,
        "bare NumPy": Bare(tiny),
    }


CASES = [Case("MLP 784-128-10, batch 64, SGD step", build, {"PyTorch": Target(0.65)}, calls=10)]
