"""Inception v1, GoogLeNet: towers of several kernel sizes side by side, and two helpers for training."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from tinygrad_edu.engine.arguments import flag
from tinygrad_edu.engine.creation import generator
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.models.layers import GlobalAvgPool2d, checked_images, checked_layout
from tinygrad_edu.models.units import ConvBNReLU, ConvReLU
from tinygrad_edu.models.weights import with_weights
from tinygrad_edu.nn import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    Branches,
    Dropout,
    Flatten,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
)

__all__ = ["AuxiliaryClassifier", "Inception", "InceptionV1", "InceptionV1Output", "inception_v1"]

LEAST = {"keras": 31, "torchvision": 15}  # pixels a side: below, the last pooling finds no window
AUX_SIZE = 14  # the maps that the paper's auxiliary classifiers are made for: those of images of 224×224
BLOCKS = {  # table 1: in, #1×1, #3×3 reduce, #3×3, #5×5 reduce, #5×5, pool proj
    "3a": (192, 64, 96, 128, 16, 32, 32),
    "3b": (256, 128, 128, 192, 32, 96, 64),
    "4a": (480, 192, 96, 208, 16, 48, 64),
    "4b": (512, 160, 112, 224, 24, 64, 64),
    "4c": (512, 128, 128, 256, 24, 64, 64),
    "4d": (512, 112, 144, 288, 32, 64, 64),
    "4e": (528, 256, 160, 320, 32, 128, 128),
    "5a": (832, 256, 160, 320, 32, 128, 128),
    "5b": (832, 384, 192, 384, 48, 128, 128),
}


class InceptionV1Output(NamedTuple):
    """What the network gives in training, if it has its auxiliary classifiers: logits ``(batch, num_classes)``, thrice.

    The loss of the paper (section 5) is ``F.cross_entropy(y.logits, t) + 0.3 * (F.cross_entropy(y.aux_logits1, t) +
    F.cross_entropy(y.aux_logits2, t))``; 1 is the classifier nearer to the image.
    """

    logits: Tensor
    aux_logits1: Tensor
    aux_logits2: Tensor


class Inception(Branches):
    """1×1, 3×3, 5×5 and pooling side by side; 1×1 convolutions make the input thin before the dear ones (figure 2b).

    channels: a row of table 1, with the channels that come in before it. five: the size of the large kernel.
    """

    def __init__(self, channels: tuple[int, ...], conv: Callable[..., Module], five: int = 5) -> None:
        given, one, reduce3, three, reduce5, large, pooled = channels
        self.branch1 = conv(given, one, 1)
        self.branch2 = Sequential(conv(given, reduce3, 1), conv(reduce3, three, 3, padding=1))
        self.branch3 = Sequential(conv(given, reduce5, 1), conv(reduce5, large, five, padding=five // 2))
        self.branch4 = Sequential(MaxPool2d(3, stride=1, padding=1), conv(given, pooled, 1))


class AuxiliaryClassifier(Module):
    """A small classifier on maps of the middle, so that gradients reach what is below them (section 5).

    Pooling to 4×4, 128 convolutions of 1×1, 1024 units, 70 % dropout, logits.
    """

    def __init__(
        self, in_channels: int, num_classes: int, pool: Module, conv: Callable[..., Module], **made: Any
    ) -> None:
        self.pool = pool
        self.conv = conv(in_channels, 128, 1)
        self.flatten = Flatten()
        self.fc1 = Linear(128 * 4 * 4, 1024, **made)
        self.relu = ReLU()
        self.dropout = Dropout(0.7)
        self.fc2 = Linear(1024, num_classes, **made)

    def forward(self, x: Any) -> Tensor:
        """Return logits ``(batch, num_classes)``."""
        x = self.flatten(self.conv(self.pool(x)))
        logits: Tensor = self.fc2(self.dropout(self.relu(self.fc1(x))))
        return logits


class InceptionV1(Module):
    """Three convolutions, nine Inception blocks in three sizes of the image, the mean, a linear layer (figure 3).

    x ``(batch, in_channels, height, width)``, at best 224×224; gives logits ``(batch, num_classes)``. In training with
    ``aux`` an ``InceptionV1Output``.
    """

    def __init__(
        self, num_classes: int = 1000, in_channels: int = 3, *, aux: bool = True, layout: str = "keras",
        dtype: Any = np.float32, rng: Any = None,
    ) -> None:  # fmt: skip
        self.layout = checked_layout(layout, "inception_v1")
        self.in_channels = in_channels
        made: dict[str, Any] = {"dtype": dtype, "rng": generator(rng)}
        paper = self.layout == "keras"
        conv: Callable[..., Module] = partial(ConvReLU, **made) if paper else partial(ConvBNReLU, **made)
        block = partial(Inception, conv=conv, five=5 if paper else 3)
        self.conv1 = conv(in_channels, 64, 7, stride=2, padding=3)
        self.maxpool1 = MaxPool2d(3, stride=2, ceil_mode=True)
        self.norm1 = LocalResponseNorm(5) if paper else None
        self.conv2 = conv(64, 64, 1)
        self.conv3 = conv(64, 192, 3, padding=1)
        self.norm2 = LocalResponseNorm(5) if paper else None
        self.maxpool2 = MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a, self.inception3b = block(BLOCKS["3a"]), block(BLOCKS["3b"])
        self.maxpool3 = MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a, self.inception4b = block(BLOCKS["4a"]), block(BLOCKS["4b"])
        self.inception4c, self.inception4d = block(BLOCKS["4c"]), block(BLOCKS["4d"])
        self.inception4e = block(BLOCKS["4e"])
        self.maxpool4 = MaxPool2d(3 if paper else 2, stride=2, ceil_mode=True)
        self.inception5a, self.inception5b = block(BLOCKS["5a"]), block(BLOCKS["5b"])
        ends = [self._auxiliary(block, num_classes, conv, made) if aux else None for block in ("4b", "4e")]
        self.aux1, self.aux2 = ends
        self.avgpool = GlobalAvgPool2d()
        self.dropout = Dropout(0.4 if paper else 0.2)
        self.fc = Linear(1024, num_classes, **made)

    def _auxiliary(self, block: str, num_classes: int, conv: Any, made: dict[str, Any]) -> AuxiliaryClassifier:
        """Return a classifier of what comes into a block."""
        pool = AvgPool2d(5, stride=3) if self.layout == "keras" else AdaptiveAvgPool2d(4)
        return AuxiliaryClassifier(BLOCKS[block][0], num_classes, pool, conv, **made)

    def forward(self, x: Any) -> Tensor | InceptionV1Output:
        """Return the logits, or those of all three classifiers."""
        x = checked_images(x, "inception_v1", self.in_channels, LEAST[self.layout])
        if self.training and self.aux1 is not None:
            self._refuse_for_training(x.shape[2:])
        x = in_row(x, self.conv1, self.maxpool1, self.norm1, self.conv2, self.conv3, self.norm2, self.maxpool2)
        x = in_row(x, self.inception3a, self.inception3b, self.maxpool3)
        first = x = self.inception4a(x)
        second = x = in_row(x, self.inception4b, self.inception4c, self.inception4d)
        x = in_row(x, self.inception4e, self.maxpool4, self.inception5a, self.inception5b)
        logits = in_row(x, self.avgpool, self.dropout, self.fc)
        if not self.training or self.aux1 is None or self.aux2 is None:
            return logits
        return InceptionV1Output(logits, self.aux1(first), self.aux2(second))

    def _refuse_for_training(self, size: tuple[int, ...]) -> None:
        """Raise ValueError for images whose maps the paper's auxiliary classifiers can't take."""
        halved = [(n + 1) // 2 // 2 // 2 // 2 for n in size]
        if self.layout == "keras" and halved != [AUX_SIZE] * 2:
            raise ValueError(
                f"inception_v1: to train with its auxiliary classifiers, images must be 224×224, got "
                f"{size[0]}×{size[1]}; resize them, or make the network with aux=False"
            )


def in_row(x: Any, *layers: Module | None) -> Tensor:
    """Hand x through the layers that there are."""
    for layer in layers:
        x = x if layer is None else layer(x)
    return x  # type: ignore[no-any-return]


def inception_v1(
    num_classes: int = 1000, in_channels: int = 3, *, aux: bool = True, weights: Any = None, layout: str = "keras",
    dtype: Any = np.float32, rng: Any = None,
) -> InceptionV1:  # fmt: skip
    """Inception v1, GoogLeNet, 22 layers with weights: Szegedy et al. 2014, table 1 and figure 3.

    Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke, Rabinovich: Going deeper with convolutions (arXiv
    1409.4842). New then: kernels of several sizes side by side, 1×1 convolutions that make them cheap, no large fully
    connected layers, classifiers half-way that help gradients down.

    aux: the two auxiliary classifiers. In training the network then gives three logits: see ``InceptionV1Output``; in
    evaluation they are left out. 6,998,552 parameters for a thousand classes, 13,378,280 with both (51 MiB).
    layout: ``"keras"``, as with the other models, is the default and here the paper's network (Keras has none), with
    biases and local response normalisation; with ``aux`` it trains on images of 224×224 alone.
    ``"torchvision"`` has torchvision's names and choices: batch norm, 3×3 where the paper has 5×5, 20 % dropout,
    6,624,904 parameters, with aux 13,004,888.
    weights: see ``load_weights``. rng: a seed or NumPy Generator.
    Raises ValueError for another layout and, when called, for images that are too small or of other channels.
    """
    aux = flag(aux, "aux", "inception_v1")

    def make() -> InceptionV1:
        return InceptionV1(num_classes, in_channels, aux=aux, layout=layout, dtype=dtype, rng=rng)

    return with_weights(weights, make)
