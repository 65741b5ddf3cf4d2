"""Single layers, forward and backward, float32: the same module of ``tg.nn`` and of ``torch.nn`` at its full size.

A net hands images on as its layers left them in memory: here with the batch last, in PyTorch with the columns last.
Ours is timed both ways: given what a layer of ours gives, and given arrays as NumPy makes them, the columns last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import tinygrad_edu as tg
from benchmarks.timing import OURS, Case, Engine, Target, peer

__all__ = ["CASES", "LAYERS", "Layer", "Ours", "PyTorch"]

COLUMNS_LAST = "given columns last"


@dataclass(frozen=True)
class Layer:
    """A layer: how ``nn`` makes it, its images, the ratio to reach; first: the images are data, with no gradient."""

    name: str
    make: Callable[[Any], Any]
    shape: tuple[int, int, int, int]
    reach: float
    first: bool = False
    calls: int = 1

    def numbers(self, tiny: bool) -> tuple[Any, dict[str, Any], Any]:
        """Return images, parameters by name, and the gradient that arrives at the output."""
        rng = np.random.default_rng(0)
        batch, channels, height, width = self.shape
        if tiny:
            batch, height, width = 2, min(height, 9), min(width, 9)
        images = rng.standard_normal((batch, channels, height, width), np.float32)
        layer = self.make(tg.nn)
        state = {name: rng.uniform(-0.1, 0.1, p.shape).astype(np.float32) for name, p in layer.named_parameters()}
        with tg.no_grad():
            upstream = rng.standard_normal(layer(images).shape, np.float32)
        return images, state, upstream


class Ours:
    """tinygrad_edu; ``batch_last`` as a layer of ours hands images on, and gradients back."""

    def __init__(self, layer: Layer, tiny: bool, batch_last: bool = True) -> None:
        images, state, upstream = layer.numbers(tiny)
        if batch_last:
            upstream = with_batch_last(upstream)
            images = images if layer.first else with_batch_last(images)
        self.layer = layer.make(tg.nn)
        self.layer.load_state_dict(state, strict=False)
        self.x = tg.Tensor(images, requires_grad=not layer.first, copy=False)
        self.upstream = tg.Tensor(upstream, copy=False)
        self.y: Any = None

    def step(self) -> None:
        """Forward and backward."""
        self.forget()
        y = self.layer(self.x)
        y.backward(self.upstream)
        self.y = y.data

    def forget(self) -> None:
        """Drop what the last step left."""
        self.x.grad = self.y = None
        self.layer.zero_grad()

    def read(self) -> list[Any]:
        """The output, the gradients, what the layer remembers."""
        gradients = [p.grad.data for p in (*self.layer.parameters(), self.x) if p.grad is not None]
        return [self.y, *gradients, *[b.data for name, b in self.layer.named_buffers() if "running" in name]]


class PyTorch:
    """PyTorch on the CPU, eager."""

    def __init__(self, layer: Layer, tiny: bool) -> None:
        torch = peer("torch")
        images, state, upstream = layer.numbers(tiny)
        self.layer = layer.make(torch.nn)
        self.layer.load_state_dict({name: torch.from_numpy(p) for name, p in state.items()}, strict=False)
        self.x = torch.from_numpy(images).requires_grad_(not layer.first)
        self.upstream = torch.from_numpy(upstream)
        self.y: Any = None

    def step(self) -> None:
        """Forward and backward."""
        self.forget()
        y = self.layer(self.x)
        y.backward(self.upstream)
        self.y = y.detach()

    def forget(self) -> None:
        """Drop what the last step left."""
        self.x.grad = self.y = None
        self.layer.zero_grad()

    def read(self) -> list[Any]:
        """The output, the gradients, what the layer remembers."""
        gradients = [p.grad for p in (*self.layer.parameters(), self.x) if p.grad is not None]
        running = [b for name, b in self.layer.named_buffers() if "running" in name]
        return [a.numpy() for a in (self.y, *gradients, *running)]


def with_batch_last(images: Any) -> Any:
    """Return images (N, C, H, W) that lie in memory as (C, H, W, N)."""
    return np.ascontiguousarray(images.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)


def build(layer: Layer, tiny: bool) -> dict[str, Engine | None]:
    """Make the engines."""
    return {
        OURS: Ours(layer, tiny),
        COLUMNS_LAST: Ours(layer, tiny, batch_last=False),
        "PyTorch": PyTorch(layer, tiny) if peer("torch") else None,
    }


LAYERS = [
    Layer("conv 3x3, 8x64x56x56", lambda nn: nn.Conv2d(64, 64, 3, padding=1, bias=False), (8, 64, 56, 56), 1.7),
    Layer("conv 1x1 to 64, 8x256x56x56", lambda nn: nn.Conv2d(256, 64, 1, bias=False), (8, 256, 56, 56), 1.15),
    Layer(
        "conv 7x7 stride 2 to 64, 8x3x224x224, no gradient of the image",
        lambda nn: nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False),
        (8, 3, 224, 224),
        1.75,
        first=True,
    ),
    Layer("conv 3x3, 8x512x7x7", lambda nn: nn.Conv2d(512, 512, 3, padding=1, bias=False), (8, 512, 7, 7), 1.3),
    Layer(
        "conv 3x3 in 32 groups, 8x128x56x56",
        lambda nn: nn.Conv2d(128, 128, 3, padding=1, groups=32, bias=False),
        (8, 128, 56, 56),
        1.15,
    ),
    Layer(
        "conv 3x3 stride 2, 8x128x56x56",
        lambda nn: nn.Conv2d(128, 128, 3, stride=2, padding=1, bias=False),
        (8, 128, 56, 56),
        1.45,
    ),
    Layer("max-pool 2x2, 64x6x28x28", lambda nn: nn.MaxPool2d(2), (64, 6, 28, 28), 0.5, calls=10),
    Layer("max-pool 2x2, 64x16x10x10", lambda nn: nn.MaxPool2d(2), (64, 16, 10, 10), 0.5, calls=10),
    Layer(
        "max-pool 3x3 stride 2, 8x64x112x112", lambda nn: nn.MaxPool2d(3, stride=2, padding=1), (8, 64, 112, 112), 1.5
    ),
    Layer("BatchNorm2d in training, 8x64x56x56", lambda nn: nn.BatchNorm2d(64), (8, 64, 56, 56), 1.5, calls=5),
    Layer("BatchNorm2d in training, 64x16x28x28", lambda nn: nn.BatchNorm2d(16), (64, 16, 28, 28), 1.5, calls=5),
]
CASES = [
    Case(
        layer.name, partial(build, layer), {"PyTorch": Target(layer.reach)}, calls=layer.calls, variants=(COLUMNS_LAST,)
    )
    for layer in LAYERS
]
