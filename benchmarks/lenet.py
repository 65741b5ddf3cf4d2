"""A training step of LeNet-5 on 64 images of 28x28: zero_grad, forward, cross-entropy, backward, SGD, float32.

Two convolutions 5x5 (6 and 16 channels, the first with padding 2), each with ReLU and 2x2 max-pooling, then layers of
120, 84 and 10. Every engine is used as its users use it: modules, loss and optimiser where it has them; PyTorch and
ours with the very same modules.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_edu as tg
from benchmarks.timing import OURS, Case, Engine, Target, peer
from tinygrad_edu import functional as F

__all__ = ["CASES", "Ours", "PyTorch"]

RATE = 0.01
SHAPES = {"0": (6, 1, 5, 5), "3": (16, 6, 5, 5), "7": (120, 400), "9": (84, 120), "11": (10, 84)}


def network(nn: Any) -> Any:
    """LeNet-5 of the modules in ``nn``."""
    convolve = [nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU()]
    connect = [nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)]
    return nn.Sequential(*convolve, nn.MaxPool2d(2), nn.Flatten(), *connect)


class Training:
    """What every engine needs: a batch, its labels, and parameters to start from, PyTorch's way round (out, in)."""

    def __init__(self, batch: int) -> None:
        rng = np.random.default_rng(0)
        self.batch = batch
        self.images = rng.standard_normal((batch, 1, 28, 28)).astype(np.float32)
        self.labels = rng.integers(0, 10, batch)
        self.start: dict[str, Any] = {}
        for name, shape in SHAPES.items():
            bound = np.prod(shape[1:]) ** -0.5
            self.start[f"{name}.weight"] = rng.uniform(-bound, bound, shape).astype(np.float32)
            self.start[f"{name}.bias"] = rng.uniform(-bound, bound, shape[:1]).astype(np.float32)


class Ours(Training):
    """tinygrad_edu, with fused ops or without."""

    def __init__(self, batch: int, unfused: bool = False) -> None:
        super().__init__(batch)
        self.model = network(tg.nn)
        self.model.load_state_dict(self.start)
        self.optimizer = tg.optim.SGD(self.model.parameters(), lr=RATE)
        self.inputs = tg.Tensor(self.images)
        self.step = tg.unfused()(self.train) if unfused else self.train

    def train(self) -> None:
        """Forward, backward, update."""
        self.optimizer.zero_grad()
        F.cross_entropy(self.model(self.inputs), self.labels).backward()
        self.optimizer.step()

    def forget(self) -> None:
        """Drop what the last step left."""
        self.optimizer.zero_grad()

    def read(self) -> list[Any]:
        """Gradients, and parameters."""
        parameters = list(self.model.parameters())
        return [p.grad.data for p in parameters] + [p.data for p in parameters]


class PyTorch(Training):
    """PyTorch on the CPU, eager."""

    def __init__(self, torch: Any, batch: int) -> None:
        super().__init__(batch)
        self.cross_entropy = torch.nn.functional.cross_entropy
        self.model = network(torch.nn)
        self.model.load_state_dict({name: torch.from_numpy(start) for name, start in self.start.items()})
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=RATE)
        self.inputs, self.targets = torch.from_numpy(self.images), torch.from_numpy(self.labels)

    def step(self) -> None:
        """Forward, backward, update."""
        self.optimizer.zero_grad()
        self.cross_entropy(self.model(self.inputs), self.targets).backward()
        self.optimizer.step()

    def forget(self) -> None:
        """Drop what the last step left."""
        self.optimizer.zero_grad()

    def read(self) -> list[Any]:
        """Gradients, and parameters."""
        parameters = list(self.model.parameters())
        return [p.grad.numpy() for p in parameters] + [p.detach().numpy() for p in parameters]


class DeZero(Training):
    """DeZero, with its layers and its optimiser."""

    def __init__(self, dezero: Any, batch: int) -> None:
        super().__init__(batch)
        self.functions, layers = dezero.functions, dezero.layers
        self.model = dezero.Model()
        self.model.c1, self.model.c3 = layers.Conv2d(6, 5, pad=2, in_channels=1), layers.Conv2d(16, 5, in_channels=6)
        self.model.c5, self.model.f6 = layers.Linear(120, in_size=400), layers.Linear(84, in_size=120)
        self.model.output = layers.Linear(10, in_size=84)
        held = [self.model.c1, self.model.c3, self.model.c5, self.model.f6, self.model.output]
        self.parameters = [p for layer in held for p in (layer.W, layer.b)]
        for parameter, start in zip(self.parameters, self.start.values()):
            parameter.data = self.turned(start).copy()
        self.optimizer = dezero.optimizers.SGD(RATE).setup(self.model)

    def step(self) -> None:
        """Forward, backward, update."""
        f, model = self.functions, self.model
        x = f.pooling(f.relu(model.c1(self.images)), 2, 2)
        x = f.flatten(f.pooling(f.relu(model.c3(x)), 2, 2))
        x = model.output(f.relu(model.f6(f.relu(model.c5(x)))))
        loss = f.softmax_cross_entropy(x, self.labels)
        model.cleargrads()
        loss.backward()
        self.optimizer.update()

    def read(self) -> list[Any]:
        """Gradients, and parameters."""
        found = [p.grad.data for p in self.parameters] + [p.data for p in self.parameters]
        return [self.turned(a) for a in found]

    def turned(self, a: Any) -> Any:
        """Return the weight of a linear layer the other way round: here it is (in, out)."""
        return a.T if a.ndim == 2 else a


class Autograd(Training):
    """HIPS autograd, which has no convolution: shifted images put together as columns, and a matrix product."""

    def __init__(self, autograd: Any, batch: int) -> None:
        super().__init__(batch)
        self.np = autograd.numpy
        self.gradient = autograd.grad(self.loss)
        self.parameters = list(self.start.values())
        self.found: list[Any] = []

    def convolve(self, x: Any, weight: Any, bias: Any) -> Any:
        """Slide 5x5 kernels over images (N, C, H, W)."""
        height, width = x.shape[2] - 4, x.shape[3] - 4
        shifted = [x[:, :, i : i + height, j : j + width] for i in range(5) for j in range(5)]
        columns = self.np.reshape(self.np.concatenate(shifted, axis=1), (len(x), -1, height * width))
        matrix = self.np.reshape(self.np.transpose(weight, (0, 2, 3, 1)), (len(weight), -1))
        return self.np.reshape(self.np.matmul(matrix, columns), (len(x), -1, height, width)) + bias[:, None, None]

    def pool(self, x: Any) -> Any:
        """The largest of each 2x2 pixels; a maximum of slices takes twice as long."""
        n, c, height, width = x.shape
        return self.np.max(self.np.reshape(x, (n, c, height // 2, 2, width // 2, 2)), axis=(3, 5))

    def loss(self, parameters: Any) -> Any:
        """Softmax cross-entropy."""
        w1, b1, w3, b3, w5, b5, w6, b6, w7, b7 = parameters
        x = np.pad(self.images, ((0, 0), (0, 0), (2, 2), (2, 2)))
        x = self.pool(self.np.maximum(self.convolve(x, w1, b1), 0))
        x = self.pool(self.np.maximum(self.convolve(x, w3, b3), 0))
        x = self.np.reshape(x, (self.batch, 400))
        x = self.np.maximum(self.np.dot(x, w5.T) + b5, 0)
        logits = self.np.dot(self.np.maximum(self.np.dot(x, w6.T) + b6, 0), w7.T) + b7
        shifted = logits - self.np.max(logits, axis=1, keepdims=True)
        logarithm = shifted - self.np.log(self.np.sum(self.np.exp(shifted), axis=1, keepdims=True))
        return -self.np.mean(logarithm[np.arange(self.batch), self.labels])

    def step(self) -> None:
        """Forward, backward, update."""
        self.found = self.gradient(self.parameters)
        self.parameters = [p - RATE * g for p, g in zip(self.parameters, self.found)]

    def read(self) -> list[Any]:
        """Gradients, and parameters."""
        return [*self.found, *self.parameters]


def build(tiny: bool) -> dict[str, Engine | None]:
    """Make the engines."""
    batch = 2 if tiny else 64
    torch, autograd, dezero = peer("torch"), peer("autograd"), peer("dezero")
    return {
        OURS: Ours(batch),
        "PyTorch": PyTorch(torch, batch) if torch else None,
        "DeZero": DeZero(dezero, batch) if dezero else None,
        "HIPS autograd": Autograd(autograd, batch) if autograd and peer("autograd.numpy") else None,
    }


def build_unfused(tiny: bool) -> dict[str, Engine | None]:
    """Make ours of small ops alone, beside PyTorch."""
    batch, torch = 2 if tiny else 64, peer("torch")
    return {OURS: Ours(batch, unfused=True), "PyTorch": PyTorch(torch, batch) if torch else None}


NAME = "LeNet-5, batch 64, SGD step"
TARGETS = {"PyTorch": Target(0.85), "DeZero": Target(0.333), "HIPS autograd": Target(0.1)}
CASES = [
    Case(NAME, build, TARGETS, calls=5),
    Case(f"{NAME}, small ops alone (tg.unfused)", build_unfused, {"PyTorch": Target(1.0)}, calls=5),
]
