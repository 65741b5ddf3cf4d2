"""Whole networks, forward only, float32, in evaluation and without recording: images of 224×224, as NumPy makes them.

PyTorch runs the same layers eager, written out below with torchvision's names, and is given our weights. Neither side
folds its batch norms, but in the rows that say so: there ours went through ``tg.fuse``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import tinygrad_edu as tg
from benchmarks.timing import OURS, Case, Engine, Target, peer

__all__ = ["CASES", "Ours", "PyTorch"]

FUSED = "batch norms folded"
BLOCKS = (3, 4, 6, 3)  # of ResNet-50


class Ours:
    """tinygrad_edu under ``no_grad``."""

    def __init__(self, name: str, batch: int, tiny: bool, fused: bool = False) -> None:
        model = ours(name, tiny)
        self.model = tg.fuse(model) if fused else model
        self.x = images(batch, tiny)
        self.y: Any = None

    def step(self) -> None:
        """Forward."""
        self.y = None
        with tg.no_grad():
            self.y = self.model(self.x).data

    def forget(self) -> None:
        """Drop what the last step left."""
        self.y = None

    def read(self) -> list[Any]:
        """The output."""
        return [self.y]


class PyTorch:
    """PyTorch on the CPU, eager, under ``no_grad``."""

    def __init__(self, name: str, batch: int, tiny: bool) -> None:
        self.torch = peer("torch")
        self.model = theirs(name, self.torch.nn, tiny).eval()
        state = ours(name, tiny).state_dict()
        self.model.load_state_dict({key: self.torch.from_numpy(np.array(a)) for key, a in state.items()})
        self.x = self.torch.from_numpy(images(batch, tiny))
        self.y: Any = None

    def step(self) -> None:
        """Forward."""
        self.y = None
        with self.torch.no_grad():
            self.y = self.model(self.x).numpy()

    def forget(self) -> None:
        """Drop what the last step left."""
        self.y = None

    def read(self) -> list[Any]:
        """The output."""
        return [self.y]


def images(batch: int, tiny: bool) -> Any:
    """Return images of noise."""
    side = 32 if tiny else 224
    return np.random.default_rng(0).standard_normal((min(batch, 2) if tiny else batch, 3, side, side), np.float32)


def ours(name: str, tiny: bool) -> Any:
    """Return our network, in evaluation; of a tiny VGG the convolutions alone, or its weights would be 500 MB."""
    make = {"ResNet-50": tg.models.resnet50, "VGG-16": tg.models.vgg16}[name]
    if name == "VGG-16" and tiny:
        return tg.models.vgg16(num_classes=1, layout="torchvision", rng=0).features.eval()
    model = make(layout="torchvision", rng=0)
    for module in model.modules():
        if isinstance(module, tg.nn.BatchNorm2d):  # as if trained a little: not all the same
            rng = np.random.default_rng(module.num_features)
            module.running_mean.data = 0.1 * rng.standard_normal(module.num_features, np.float32)
            module.running_var.data = rng.uniform(0.5, 1.5, module.num_features).astype(np.float32)
    return model.eval()


def theirs(name: str, nn: Any, tiny: bool) -> Any:
    """Return the same network of ``torch.nn``."""
    return resnet50(nn) if name == "ResNet-50" else vgg16(nn, tiny)


def vgg16(nn: Any, tiny: bool) -> Any:
    """Write VGG-16 out, with torchvision's names."""
    layers, inputs = [], 3
    for outputs, number in zip((64, 128, 256, 512, 512), (2, 2, 3, 3, 3)):
        for _ in range(number):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
            inputs = outputs
        layers.append(nn.MaxPool2d(2))
    features = nn.Sequential(*layers)
    if tiny:
        return features
    classifier = nn.Sequential(
        nn.Linear(25088, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, 1000),
    )  # fmt: skip
    return named(
        nn, {"features": features, "avgpool": nn.AdaptiveAvgPool2d(7), "flat": nn.Flatten(), "classifier": classifier}
    )


def resnet50(nn: Any) -> Any:
    """Write ResNet-50 out, with torchvision's names."""
    parts = {"conv1": nn.Conv2d(3, 64, 7, 2, 3, bias=False), "bn1": nn.BatchNorm2d(64), "relu": nn.ReLU()}
    parts["maxpool"] = nn.MaxPool2d(3, 2, 1)
    inputs = 64
    for i, number in enumerate(BLOCKS):
        blocks = []
        for j in range(number):
            blocks.append(bottleneck(nn, inputs, 64 * 2**i, 2 if i and not j else 1))
            inputs = 4 * 64 * 2**i
        parts[f"layer{i + 1}"] = nn.Sequential(*blocks)
    parts |= {"avgpool": nn.AdaptiveAvgPool2d(1), "flat": nn.Flatten(), "fc": nn.Linear(inputs, 1000)}
    return named(nn, parts)


def named(nn: Any, parts: dict[str, Any]) -> Any:
    """Return modules in a row, by name."""
    row = nn.Sequential()
    for name, part in parts.items():
        row.add_module(name, part)
    return row


def bottleneck(nn: Any, inputs: int, width: int, stride: int) -> Any:
    """Return one block of ResNet-50."""
    outputs = 4 * width

    class Bottleneck(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
            self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
            self.conv3, self.bn3 = nn.Conv2d(width, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
            self.relu = nn.ReLU()
            self.downsample = None
            if stride > 1 or inputs != outputs:
                self.downsample = nn.Sequential(
                    nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
                )

        def forward(self, x: Any) -> Any:
            shortcut = x if self.downsample is None else self.downsample(x)
            x = self.relu(self.bn1(self.conv1(x)))
            x = self.relu(self.bn2(self.conv2(x)))
            return self.relu(self.bn3(self.conv3(x)) + shortcut)

    return Bottleneck()


def build(name: str, batch: int, tiny: bool) -> dict[str, Engine | None]:
    """Make the engines."""
    engines: dict[str, Engine | None] = {OURS: Ours(name, batch, tiny)}
    if name == "ResNet-50":
        engines[FUSED] = Ours(name, batch, tiny, fused=True)
    return {**engines, "PyTorch": PyTorch(name, batch, tiny) if peer("torch") else None}


def case(name: str, batch: int, reach: float) -> Case:
    """Return a network at a batch size."""
    variants = (FUSED,) if name == "ResNet-50" else ()
    title = f"inference, {name}, batch {batch}"
    return Case(title, partial(build, name, batch), {"PyTorch": Target(reach)}, tolerance=1e-4, variants=variants)


CASES = [case("ResNet-50", 1, 1.05), case("ResNet-50", 8, 1.15), case("VGG-16", 1, 1.25)]


def memory_engines(name: str, batch: int) -> dict[str, Callable[[bool], Any]]:
    """Return what makes each engine run a network, for a measurement of its memory."""
    return {OURS: lambda tiny: Ours(name, batch, tiny), "PyTorch": lambda tiny: PyTorch(name, batch, tiny)}
