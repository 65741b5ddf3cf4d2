"""What kinds of layers cost and give: convolutions against dense layers, 1×1 reductions, dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu import data
from tinygrad_edu.engine.creation import generator
from tinygrad_edu.engine.modes import no_grad
from tinygrad_edu.inspection import summary
from tinygrad_edu.labs.lab import Lab, Series, trained
from tinygrad_edu.nn import Branches, Conv2d, Dropout, Flatten, Linear, MaxPool2d, Module, ReLU, Sequential

__all__ = ["dense_conv", "dropout", "reductions"]


def reductions(seed: int = 0, quick: bool = False) -> Lab:
    """An Inception block with 1×1 convolutions before the large ones and without: block 3a of GoogLeNet.

    Input (192, 28, 28), towers 1×1 (64), 3×3 (128), 5×5 (32), pooling. Szegedy et al. 2014, figure 2 and table 1.
    """
    pool = [MaxPool2d(3, stride=1, padding=1)]
    naive = Branches(
        Conv2d(192, 64, 1, rng=seed), Conv2d(192, 128, 3, padding=1, rng=seed),
        Conv2d(192, 32, 5, padding=2, rng=seed), Sequential(*pool),
    )  # fmt: skip
    reduced = Branches(
        Conv2d(192, 64, 1, rng=seed),
        Sequential(Conv2d(192, 96, 1, rng=seed), ReLU(), Conv2d(96, 128, 3, padding=1, rng=seed)),
        Sequential(Conv2d(192, 16, 1, rng=seed), ReLU(), Conv2d(16, 32, 5, padding=2, rng=seed)),
        Sequential(*pool, Conv2d(192, 32, 1, rng=seed)),
    )  # fmt: skip
    series, rows, totals = [], [], []
    for name, block in (("without reductions", naive), ("with 1×1 reductions", reduced)):
        found = summary(block, (192, 28, 28))
        work = sum(row.multiply_adds for row in found.rows)
        channels = found.rows[-1].output_shape[0]
        totals.append((work, found.total_parameters))
        series.append(Series(name, (work / 1e6,)))
        rows.append((name, f"{work:,}", f"{found.total_parameters:,}", str(channels)))
    saved, lighter = 1 - totals[1][0] / totals[0][0], 1 - totals[1][1] / totals[0][1]
    return Lab(
        "reductions", "What does a 1×1 convolution before a large one save?", "multiply-adds, millions", tuple(series),
        ("Inception block 3a", "multiply-adds", "parameters", "channels out"), tuple(rows),
        f"The reductions save {100 * saved:.0f} % of the multiply-adds and {100 * lighter:.0f} % of "
        "the parameters, and "
        "they keep the pooling tower from passing all of its 192 channels on, so that the next "
        "block is not larger still.",
    )  # fmt: skip


def dense_conv(seed: int = 0, quick: bool = False) -> Lab:
    """A dense layer against a convolution that makes as many numbers: parameters, accuracy, and digits moved aside.

    Both are followed by the same ReLU, pooling to half, and linear layer. Moved: test images shifted by 3 of 28 pixels,
    never seen so in training. Equivariance: how far ``f(shift(x))`` is from ``shift(f(x))``, relative to ``f(x)``.
    """
    (x, y), (test_x, test_y) = data.digits(size=28)
    if quick:
        x, y = x[:64], y[:64]
    moved = np.roll(test_x, 3, axis=3)
    moved[..., :3] = 0
    series, rows, found_errors = [], [], []
    for name in ("dense", "convolution"):
        rng = generator(seed)
        first = DenseMaps(rng) if name == "dense" else Conv2d(1, 4, 5, padding=2, rng=rng)
        net = Sequential(first, ReLU(), MaxPool2d(4), Flatten(), Linear(196, 10, rng=rng))
        found = trained(net, x, y, epochs=1 if quick else 8, lr=0.02, seed=seed, validation=(test_x, test_y))
        net.eval()
        with no_grad():
            there = float((net(moved).data.argmax(axis=1) == test_y).mean())
            error = inequality(first, test_x[:64])
        size = sum(p.size for p in first.parameters())
        found_errors.append(error)
        series.append(Series(name, tuple(100 * (1 - row.validation_accuracy) for row in found)))
        right = 100 * found[-1].validation_accuracy
        rows.append((name, f"{size:,}", f"{right:.1f} %", f"{100 * there:.1f} %", f"{error:.2g}"))
    return Lab(
        "dense-conv", "What does sharing weights give, beside needing fewer?", "test error, %", tuple(series),
        ("first layer", "its parameters", "test accuracy", "moved by 3 pixels", "shift error"), tuple(rows),
        f"The convolution has {rows[1][1]} parameters where the dense layer has {rows[0][1]} for as many outputs. Away "
        "from the border it does not matter to it whether the image is shifted before or after (error "
        f"{found_errors[1]:.1g}); the dense layer would have to learn each place anew (error {found_errors[0]:.2g}). "
        f"That alone does not make the network read moved digits ({rows[1][3]}): the linear layer after it still looks "
        "at each place by itself.",
    )  # fmt: skip


class DenseMaps(Module):
    """A linear layer from every pixel of a 28×28 image to every pixel of four maps."""

    def __init__(self, rng: Any) -> None:
        self.linear = Linear(784, 4 * 784, rng=rng)

    def forward(self, x: Any) -> Any:
        """Return ``(batch, 4, 28, 28)``."""
        return self.linear(x.reshape(len(x), 784)).reshape(-1, 4, 28, 28)


def inequality(layer: Module, x: Any) -> float:
    """Return how far a layer is from being equivariant to a shift by 2 pixels, away from the border."""
    shift = 2
    before = layer(np.roll(x, shift, axis=3)).data
    after = np.roll(layer(x).data, shift, axis=3)
    inner = (..., slice(6, -6), slice(6, -6))
    return float(np.linalg.norm(before[inner] - after[inner]) / np.linalg.norm(after[inner]))


def dropout(seed: int = 0, quick: bool = False) -> Lab:
    """A network far too large for 300 digits, 15 % of which bear a wrong label, with dropout and without.

    Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov 2014.
    """
    (x, y), test = data.digits(size=8)
    random = np.random.default_rng(seed)
    x, y = x[:300], y[:300].copy()
    wrong = random.random(len(y)) < 0.15
    y[wrong] = (y[wrong] + random.integers(1, 10, wrong.sum())) % 10
    series, rows = [], []
    for p in (0.0, 0.5):
        rng = generator(seed)
        net = Sequential(
            Flatten(), Linear(64, 512, rng=rng), ReLU(), Dropout(p, rng=rng),
            Linear(512, 512, rng=rng), ReLU(), Dropout(p, rng=rng), Linear(512, 10, rng=rng),
        )  # fmt: skip
        found = trained(net, x, y, epochs=2 if quick else 100, lr=0.05, seed=seed, batch_size=30, validation=test)
        name = f"dropout {p:g}" if p else "no dropout"
        series.append(Series(name, tuple(row.validation_loss for row in found)))
        end = found[-1]
        rows.append((name, f"{end.loss:.4f}", f"{end.validation_loss:.4f}", f"{100 * end.validation_accuracy:.1f} %"))
    return Lab(
        "dropout", "Does dropout keep a network from learning by heart?", "test loss",
        tuple(series), ("network", "training loss", "test loss", "test accuracy"), tuple(rows),
        f"Without dropout the network learns its wrong labels too (training loss {rows[0][1]}) and "
        f"reads {rows[0][3]} of "
        f"the test digits; with it the training loss stays at {rows[1][1]}, measured with units "
        f"dropped, and {rows[1][3]} "
        "are read: no unit can count on the few others that know one example by heart.",
    )  # fmt: skip
