"""AlexNet, which won ILSVRC 2012 and began the age of deep convolutional networks."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.engine.creation import generator
from tinygrad_edu.engine.tensor import Tensor, as_tensor
from tinygrad_edu.models.layers import checked_images, checked_layout
from tinygrad_edu.models.weights import with_weights
from tinygrad_edu.nn import (
    AdaptiveAvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
)

__all__ = ["AlexNet", "TorchvisionAlexNet", "alexnet"]

SIDE = 227  # the paper says 224, but its maps of 55×55 need (227 − 11) / 4 + 1


class AlexNet(Module):
    """Figure 2 of the paper: five convolutions, of which 2, 4 and 5 are split over two GPUs, then three full layers.

    x ``(batch, in_channels, 227, 227)``; gives logits ``(batch, num_classes)``. A stage is its convolution, the ReLU,
    and where the paper has them response normalisation (section 3.3) and overlapping pooling (section 3.4).
    """

    def __init__(self, num_classes: int, in_channels: int, groups: int, made: dict[str, Any]) -> None:
        self.in_channels = in_channels
        split = {"groups": groups, **made}
        self.conv1 = Sequential(Conv2d(in_channels, 96, 11, 4, **made), ReLU(), response_norm(), MaxPool2d(3, 2))
        self.conv2 = Sequential(Conv2d(96, 256, 5, padding=2, **split), ReLU(), response_norm(), MaxPool2d(3, 2))
        self.conv3 = Sequential(Conv2d(256, 384, 3, padding=1, **made), ReLU())
        self.conv4 = Sequential(Conv2d(384, 384, 3, padding=1, **split), ReLU())
        self.conv5 = Sequential(Conv2d(384, 256, 3, padding=1, **split), ReLU(), MaxPool2d(3, 2))
        self.flatten = Flatten()
        self.fc6 = Sequential(Linear(256 * 6 * 6, 4096, **made), ReLU(), Dropout(0.5))
        self.fc7 = Sequential(Linear(4096, 4096, **made), ReLU(), Dropout(0.5))
        self.fc8 = Linear(4096, num_classes, **made)

    def forward(self, x: Any) -> Tensor:
        """Return the logits."""
        x = checked_images(x, "alexnet", self.in_channels, least=SIDE, only=SIDE)
        x = self.conv2(self.conv1(x))
        x = self.conv5(self.conv4(self.conv3(x)))
        x = self.fc7(self.fc6(self.flatten(x)))
        logits: Tensor = self.fc8(x)
        return logits


class TorchvisionAlexNet(Module):
    """torchvision's AlexNet: the one column of Krizhevsky's "One weird trick" (2014), narrower and not normalised.

    x ``(batch, in_channels, height, width)``, sides of 63 pixels or more, usually 224; gives logits.
    """

    def __init__(self, num_classes: int, in_channels: int, made: dict[str, Any]) -> None:
        self.in_channels = in_channels
        self.features = Sequential(
            Conv2d(in_channels, 64, 11, 4, padding=2, **made), ReLU(), MaxPool2d(3, 2),
            Conv2d(64, 192, 5, padding=2, **made), ReLU(), MaxPool2d(3, 2),
            Conv2d(192, 384, 3, padding=1, **made), ReLU(),
            Conv2d(384, 256, 3, padding=1, **made), ReLU(),
            Conv2d(256, 256, 3, padding=1, **made), ReLU(), MaxPool2d(3, 2),
        )  # fmt: skip
        self.avgpool = AdaptiveAvgPool2d((6, 6))
        self.classifier = Sequential(
            Dropout(0.5), Linear(256 * 6 * 6, 4096, **made), ReLU(), Dropout(0.5), Linear(4096, 4096, **made), ReLU(),
            Linear(4096, num_classes, **made),
        )  # fmt: skip

    def forward(self, x: Any) -> Tensor:
        """Return the logits."""
        x = checked_images(x, "alexnet", self.in_channels, least=63)
        x = as_tensor(self.avgpool(self.features(x)))
        logits: Tensor = self.classifier(x.reshape(x.shape[0], -1))
        return logits


def response_norm() -> LocalResponseNorm:
    """Return the paper's normalisation, k = 2, n = 5, α = 10⁻⁴, β = 0.75; its α multiplies a sum, ours a mean."""
    return LocalResponseNorm(5, alpha=5 * 1e-4, beta=0.75, k=2.0)


def alexnet(
    num_classes: int = 1000, in_channels: int = 3, *, groups: int | None = None, weights: Any = None,
    layout: str = "keras", dtype: Any = np.float32, rng: Any = None,
) -> Any:  # fmt: skip
    """AlexNet, 60,965,224 parameters, 233 MiB: Krizhevsky, Sutskever, Hinton 2012, figure 2.

    ImageNet classification with deep convolutional neural networks, NIPS 25. New then: ReLU, dropout and two GPUs at
    scale; the error on ImageNet fell from 26 % to 15 %.

    groups: 2 is the paper's split over two GPUs, 1 joins all maps to all (62,378,344 parameters). layout: ``"keras"``,
    as with the other models, is the default and here the paper's network (Keras has none), ``"torchvision"`` the later
    one with its paths, 61,100,840 parameters, which has no groups. weights: see ``load_weights``. rng: a seed or NumPy
    Generator. Raises ValueError for another layout, or for groups that do not fit it.
    """
    torchvisions = checked_layout(layout, "alexnet") == "torchvision"
    if groups not in ((None, 1) if torchvisions else (None, 1, 2)):
        wanted = (
            'torchvision\'s has no groups, give layout="keras" for them' if torchvisions else "groups must be 1 or 2"
        )
        raise ValueError(f"alexnet: {wanted}; got groups={groups!r}")

    def make() -> Any:
        made = {"dtype": dtype, "rng": generator(rng)}
        if torchvisions:
            return TorchvisionAlexNet(num_classes, in_channels, made)
        return AlexNet(num_classes, in_channels, groups or 2, made)

    return with_weights(weights, make)
