"""What lets deep networks learn: shortcuts, normalisation, activations that do not flatten out."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu import data
from tinygrad_edu import functional as F
from tinygrad_edu.engine.creation import generator
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.init import he_normal_, xavier_uniform_
from tinygrad_edu.labs.lab import Lab, Series, trained
from tinygrad_edu.nn import (
    BatchNorm2d,
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
)  # fmt: skip

__all__ = ["batchnorm", "residual", "sigmoid_relu"]


def residual(seed: int = 0, quick: bool = False) -> Lab:
    """Plain networks of 20 and 56 layers, and the same with shortcuts: the *training* error, on the digits.

    He et al. 2015, figures 1 and 6, in small: 3×3 convolutions of 8 channels with batch norm and ReLU, on 8×8 digits.
    """
    (x, y), _ = data.digits(size=8)
    depths = (4, 6) if quick else (20, 56)
    epochs = 1 if quick else 10
    if quick:
        x, y = x[:128], y[:128]
    series, rows = [], []
    for shortcut in (False, True):
        for depth in depths:
            name = f"{'residual' if shortcut else 'plain'}, {depth} layers"
            found = trained(tower(depth, shortcut, seed), x, y, epochs=epochs, lr=0.005, seed=seed, batch_size=64)
            errors = tuple(100 * (1 - row.accuracy) for row in found)
            series.append(Series(name, errors))
            rows.append((name, f"{found[-1].loss:.3f}", f"{errors[-1]:.1f} %"))
    plain, deep_plain, short, deep_short = (one.values[-1] for one in series)
    worse = "more" if deep_plain > plain else "no more"
    return Lab(
        "residual", "Deeper should never be worse, one would think. Is that so?",
        "training error, %", tuple(series), ("network", "training loss", "training error"), tuple(rows),
        f"Plain, {depths[1]} layers make {worse} errors on their own training data than {depths[0]} ({deep_plain:.1f} "
        f"against {plain:.1f} %): not overfitting, but a failure to optimise. With shortcuts it is {deep_short:.1f} "
        f"against {short:.1f} %: a block that has nothing to add can be 0, and the gradient reaches "
        "every block undiminished.",
    )  # fmt: skip


def tower(depth: int, shortcut: bool, seed: int) -> Module:
    """Return a network of so many layers with weights, two to a block, with shortcuts or without."""
    rng = generator(seed)
    layers: list[Module] = [Conv2d(1, 8, 3, padding=1, bias=False, rng=rng), BatchNorm2d(8), ReLU()]
    for _ in range((depth - 2) // 2):
        body = Sequential(
            Conv2d(8, 8, 3, padding=1, bias=False, rng=rng), BatchNorm2d(8), ReLU(),
            Conv2d(8, 8, 3, padding=1, bias=False, rng=rng), BatchNorm2d(8),
        )  # fmt: skip
        layers += [Residual(body) if shortcut else body, ReLU()]
    model = Sequential(*layers, MaxPool2d(2), Flatten(), Linear(128, 10, rng=rng))
    for module in model.modules():
        if isinstance(module, Conv2d):
            he_normal_(module.weight, rng=rng)
    return model


def batchnorm(seed: int = 0, quick: bool = False) -> Lab:
    """The same convolutional network with batch norm and without, at two learning rates. Ioffe and Szegedy 2015."""
    (x, y), test = data.digits(size=8)
    if quick:
        x, y = x[:128], y[:128]
    series, rows = [], []
    for norm in (False, True):
        for lr in (0.02, 0.2):
            name = f"{'with' if norm else 'without'} batch norm, lr {lr:g}"
            found = trained(stack(norm, seed), x, y, epochs=1 if quick else 12, lr=lr, seed=seed, validation=test)
            losses = tuple(row.loss for row in found) or (float("nan"),)
            series.append(Series(name, losses))
            end = f"{100 * found[-1].validation_accuracy:.1f} %" if found else "diverged"
            rows.append((name, f"{losses[0]:.3f}", f"{losses[-1]:.3f}", end))
    return Lab(
        "batchnorm", "What does normalising every layer's input over the batch buy?", "training loss", tuple(series),
        ("network", "loss, first epoch", "loss, last epoch", "test accuracy"), tuple(rows),
        f"After one epoch the loss is {series[2].values[0]:.2f} with batch norm and "
        f"{series[0].values[0]:.2f} without, at "
        f"the same small rate. At the large one it ends at {series[3].values[-1]:.3f} with, and at "
        f"{series[1].values[-1]:.3f} without: batch norm makes the size of the weights, and so much "
        "of the choice of the "
        "rate, matter less.",
        logarithmic=True,
    )  # fmt: skip


def stack(norm: bool, seed: int) -> Module:
    """Return eight convolutions, with batch norm after each or without."""
    rng = generator(seed)
    layers: list[Module] = []
    for i in range(8):
        layers.append(Conv2d(8 if i else 1, 8, 3, padding=1, bias=not norm, rng=rng))
        he_normal_(layers[-1].weight, rng=rng)  # type: ignore[attr-defined]
        layers += [BatchNorm2d(8), ReLU()] if norm else [ReLU()]
    return Sequential(*layers, MaxPool2d(2), Flatten(), Linear(128, 10, rng=rng))


def sigmoid_relu(seed: int = 0, quick: bool = False) -> Lab:
    """Six hidden layers of sigmoids against six of ReLUs, each started in the way that suits it, on the digits.

    Also the gradient that arrives at each layer before the first step: σ' is at most 1/4. Glorot and Bengio 2010.
    """
    (x, y), test = data.digits(size=8)
    series, rows, shares = [], [], []
    for name, activation, start in (("sigmoid", Sigmoid, xavier_uniform_), ("ReLU", ReLU, he_normal_)):
        rng = generator(seed)
        layers: list[Module] = [Flatten()]
        for _ in range(6):
            layers += [Linear(64, 64, rng=rng), activation()]
        net = Sequential(*layers, Linear(64, 10, rng=rng))
        for module in net.modules():
            if isinstance(module, Linear):
                start(module.weight, rng=rng)
        norms = gradient_norms(net, x[:256], y[:256])
        found = trained(net, x, y, epochs=1 if quick else 15, lr=0.05, seed=seed, validation=test)
        series.append(Series(name, tuple(row.loss for row in found)))
        shares.append(norms[-1] / norms[0])
        end = found[-1]
        rows.append(
            (name, f"{norms[0]:.2e}", f"{norms[-1]:.2e}", f"{end.loss:.3f}", f"{100 * end.validation_accuracy:.1f} %")
        )
    return Lab(
        "sigmoid-relu", "Why did deep networks give up the sigmoid?", "training loss", tuple(series),
        ("activation", "|∂L/∂W|, first layer", "last layer", "loss", "test accuracy"), tuple(rows),
        f"Before the first step, the gradient of the last layer is {shares[0]:,.0f} times that of the first with "
        f"sigmoids, and {shares[1]:,.1f} times with ReLUs: each sigmoid multiplies by σ' ≤ 1/4 on the way back.",
    )  # fmt: skip


def gradient_norms(net: Module, x: Any, y: Any) -> list[float]:
    """Return the norm of the gradient of each layer's weights, from the first layer to the last."""
    F.cross_entropy(net(Tensor(x)), y).backward()
    found = [float(np.linalg.norm(m.weight.grad.data)) for m in net.modules() if isinstance(m, Linear)]  # type: ignore[union-attr]
    net.zero_grad()
    return found
