"""Inception v3: towers of small and of one-sided convolutions, side by side."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from tinygrad_edu.engine.arguments import flag
from tinygrad_edu.engine.creation import generator
from tinygrad_edu.engine.functions import concatenate
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.models.layers import GlobalAvgPool2d, checked_images, checked_layout
from tinygrad_edu.models.units import ConvBNReLU, in_turn
from tinygrad_edu.models.weights import with_weights
from tinygrad_edu.nn import AvgPool2d, Dropout, Linear, MaxPool2d, Module

__all__ = [
    "InceptionA", "InceptionB", "InceptionC", "InceptionD", "InceptionE", "InceptionV3", "InceptionV3Auxiliary",
    "InceptionV3Output", "inception_v3",
]  # fmt: skip


class Parts(NamedTuple):
    """What the two layouts build a block of."""

    conv: Callable[..., Module]
    average: Callable[[], Module]  # of 3×3 pixels, the size of the image stays


class InceptionV3Output(NamedTuple):
    """What the network gives in training, if it has its auxiliary classifier: logits ``(batch, num_classes)``, twice.

    The loss is ``F.cross_entropy(y.logits, t) + 0.3 * F.cross_entropy(y.aux_logits, t)``.
    """

    logits: Tensor
    aux_logits: Tensor


class InceptionA(Module):
    """Four towers on maps of 35×35; two 3×3 see as far as a 5×5 (figure 5, which has a 3×3 where the code has 5×5).

    Gives 224 channels and ``pool_features``.
    """

    def __init__(self, in_channels: int, pool_features: int, parts: Parts) -> None:
        conv = parts.conv
        self.branch1x1 = conv(in_channels, 64, 1)
        self.branch5x5_1 = conv(in_channels, 48, 1)
        self.branch5x5_2 = conv(48, 64, 5, padding=2)
        self.branch3x3dbl_1 = conv(in_channels, 64, 1)
        self.branch3x3dbl_2 = conv(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = conv(96, 96, 3, padding=1)
        self.average = parts.average()
        self.branch_pool = conv(in_channels, pool_features, 1)

    def forward(self, x: Any) -> Tensor:
        """Concatenate the towers over channels."""
        towers = [
            self.branch1x1(x),
            self.branch5x5_2(self.branch5x5_1(x)),
            self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x))),
            self.branch_pool(self.average(x)),
        ]
        return concatenate(towers, axis=1)


class InceptionB(Module):
    """Halves the image and keeps what it says: strided convolutions beside pooling (figure 10). Adds 480 channels."""

    def __init__(self, in_channels: int, parts: Parts) -> None:
        conv = parts.conv
        self.branch3x3 = conv(in_channels, 384, 3, stride=2)
        self.branch3x3dbl_1 = conv(in_channels, 64, 1)
        self.branch3x3dbl_2 = conv(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = conv(96, 96, 3, stride=2)
        self.pool = MaxPool2d(3, stride=2)

    def forward(self, x: Any) -> Tensor:
        """Concatenate the towers over channels."""
        towers = [
            self.branch3x3(x),
            self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x))),
            self.pool(x),
        ]
        return concatenate(towers, axis=1)


class InceptionC(Module):
    """Four towers on maps of 17×17, a 7×7 being a 1×7 and a 7×1 (figure 6). ``wide`` channels inside, gives 768."""

    def __init__(self, in_channels: int, wide: int, parts: Parts) -> None:
        conv = parts.conv
        across: dict[str, Any] = {"kernel_size": (1, 7), "padding": (0, 3)}
        down: dict[str, Any] = {"kernel_size": (7, 1), "padding": (3, 0)}
        self.branch1x1 = conv(in_channels, 192, 1)
        self.branch7x7_1 = conv(in_channels, wide, 1)
        self.branch7x7_2 = conv(wide, wide, **across)
        self.branch7x7_3 = conv(wide, 192, **down)
        self.branch7x7dbl_1 = conv(in_channels, wide, 1)
        self.branch7x7dbl_2 = conv(wide, wide, **down)
        self.branch7x7dbl_3 = conv(wide, wide, **across)
        self.branch7x7dbl_4 = conv(wide, wide, **down)
        self.branch7x7dbl_5 = conv(wide, 192, **across)
        self.average = parts.average()
        self.branch_pool = conv(in_channels, 192, 1)

    def forward(self, x: Any) -> Tensor:
        """Concatenate the towers over channels."""
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        towers = [
            self.branch1x1(x),
            self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x))),
            self.branch7x7dbl_5(self.branch7x7dbl_4(double)),
            self.branch_pool(self.average(x)),
        ]
        return concatenate(towers, axis=1)


class InceptionD(Module):
    """Halves the image a second time (figure 10, with a 7×7 in two steps before). Adds 512 channels."""

    def __init__(self, in_channels: int, parts: Parts) -> None:
        conv = parts.conv
        self.branch3x3_1 = conv(in_channels, 192, 1)
        self.branch3x3_2 = conv(192, 320, 3, stride=2)
        self.branch7x7x3_1 = conv(in_channels, 192, 1)
        self.branch7x7x3_2 = conv(192, 192, (1, 7), padding=(0, 3))
        self.branch7x7x3_3 = conv(192, 192, (7, 1), padding=(3, 0))
        self.branch7x7x3_4 = conv(192, 192, 3, stride=2)
        self.pool = MaxPool2d(3, stride=2)

    def forward(self, x: Any) -> Tensor:
        """Concatenate the towers over channels."""
        seven = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        towers = [self.branch3x3_2(self.branch3x3_1(x)), self.branch7x7x3_4(seven), self.pool(x)]
        return concatenate(towers, axis=1)


class InceptionE(Module):
    """Towers that fork at their ends into 1×3 and 3×1, on maps of 8×8 (figure 7). Gives 2048 channels."""

    def __init__(self, in_channels: int, parts: Parts) -> None:
        conv = parts.conv
        across: dict[str, Any] = {"kernel_size": (1, 3), "padding": (0, 1)}
        down: dict[str, Any] = {"kernel_size": (3, 1), "padding": (1, 0)}
        self.branch1x1 = conv(in_channels, 320, 1)
        self.branch3x3_1 = conv(in_channels, 384, 1)
        self.branch3x3_2a = conv(384, 384, **across)
        self.branch3x3_2b = conv(384, 384, **down)
        self.branch3x3dbl_1 = conv(in_channels, 448, 1)
        self.branch3x3dbl_2 = conv(448, 384, 3, padding=1)
        self.branch3x3dbl_3a = conv(384, 384, **across)
        self.branch3x3dbl_3b = conv(384, 384, **down)
        self.average = parts.average()
        self.branch_pool = conv(in_channels, 192, 1)

    def forward(self, x: Any) -> Tensor:
        """Concatenate the towers over channels."""
        single = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        towers = [
            self.branch1x1(x),
            concatenate([self.branch3x3_2a(single), self.branch3x3_2b(single)], axis=1),
            concatenate([self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double)], axis=1),
            self.branch_pool(self.average(x)),
        ]
        return concatenate(towers, axis=1)


class InceptionV3Auxiliary(Module):
    """A classifier on the last maps of 17×17, for training alone (figure 8)."""

    def __init__(self, in_channels: int, num_classes: int, parts: Parts, **made: Any) -> None:
        self.pool = AvgPool2d(5, stride=3)
        self.conv0 = parts.conv(in_channels, 128, 1)
        self.conv1 = parts.conv(128, 768, 5)
        self.mean = GlobalAvgPool2d()
        self.fc = Linear(768, num_classes, **made)

    def forward(self, x: Any) -> Tensor:
        """Return logits ``(batch, num_classes)``."""
        x = self.mean(self.conv1(self.conv0(self.pool(x))))
        logits: Tensor = self.fc(x)
        return logits


class InceptionV3(Module):
    """A stem of five convolutions, eleven blocks in three sizes of the image, the mean, a linear layer (table 1).

    x ``(batch, in_channels, height, width)``, at best 299×299, at least 75×75; gives logits ``(batch, num_classes)``.
    In training with ``aux``, which needs 299×299, an ``InceptionV3Output``. The blocks have the names that the authors
    gave them in their code, which are torchvision's.
    """

    def __init__(
        self, num_classes: int = 1000, in_channels: int = 3, *, aux: bool = False, layout: str = "keras",
        dtype: Any = np.float32, rng: Any = None,
    ) -> None:  # fmt: skip
        self.layout = checked_layout(layout, "inception_v3")
        in_keras = self.layout == "keras"
        made: dict[str, Any] = {"dtype": dtype, "rng": generator(rng)}
        parts = Parts(
            partial(ConvBNReLU, scale=not in_keras, **made),
            partial(AvgPool2d, 3, stride=1, padding=1, count_include_pad=not in_keras),
        )
        self.in_channels = in_channels
        self.Conv2d_1a_3x3 = parts.conv(in_channels, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = parts.conv(32, 32, 3)
        self.Conv2d_2b_3x3 = parts.conv(32, 64, 3, padding=1)
        self.maxpool1 = MaxPool2d(3, stride=2)
        self.Conv2d_3b_1x1 = parts.conv(64, 80, 1)
        self.Conv2d_4a_3x3 = parts.conv(80, 192, 3)
        self.maxpool2 = MaxPool2d(3, stride=2)
        self.Mixed_5b = InceptionA(192, 32, parts)
        self.Mixed_5c = InceptionA(256, 64, parts)
        self.Mixed_5d = InceptionA(288, 64, parts)
        self.Mixed_6a = InceptionB(288, parts)
        self.Mixed_6b = InceptionC(768, 128, parts)
        self.Mixed_6c = InceptionC(768, 160, parts)
        self.Mixed_6d = InceptionC(768, 160, parts)
        self.Mixed_6e = InceptionC(768, 192, parts)
        self.AuxLogits = InceptionV3Auxiliary(768, num_classes, parts, **made) if aux else None
        self.Mixed_7a = InceptionD(768, parts)
        self.Mixed_7b = InceptionE(1280, parts)
        self.Mixed_7c = InceptionE(2048, parts)
        self.avgpool = GlobalAvgPool2d()
        self.dropout = None if in_keras else Dropout(0.5)
        self.fc = Linear(2048, num_classes, **made)

    def forward(self, x: Any) -> Tensor | InceptionV3Output:
        """Return the logits, or those of both classifiers."""
        with_aux = self.training and self.AuxLogits is not None
        x = checked_images(x, "inception_v3", self.in_channels, 75)
        if with_aux:
            x = checked_images(x, "inception_v3, training with its auxiliary classifier", self.in_channels, 299)
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(self.maxpool1(x)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(self.maxpool2(x))))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        aux_logits = self.AuxLogits(x) if self.AuxLogits is not None and with_aux else None
        x = self.avgpool(self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x))))
        x = x if self.dropout is None else self.dropout(x)
        logits: Tensor = self.fc(x)
        return logits if aux_logits is None else InceptionV3Output(logits, aux_logits)

    def keras_layers(self) -> dict[str, str]:
        """Keras's name of each layer that holds weights, by our path, in the order in which Keras makes them.

        Raises ValueError for a network that is not Keras's.
        """
        if self.layout != "keras" or self.AuxLogits is not None:
            raise ValueError('inception_v3: Keras weights fit only what layout="keras" without aux makes; build that')
        return in_turn(self, {"fc": "predictions"})


def inception_v3(
    num_classes: int = 1000, in_channels: int = 3, *, aux: bool | None = None, weights: Any = None,
    layout: str = "keras", dtype: Any = np.float32, rng: Any = None,
) -> InceptionV3:  # fmt: skip
    """Inception v3, 48 layers with weights, 91 MiB of them: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna 2015, table 1.

    Rethinking the Inception architecture for computer vision (arXiv 1512.00567). New then: large kernels in several
    small or one-sided steps, halving the image by strided towers beside pooling, batch norm in the auxiliary
    classifier, label smoothing.

    layout: ``"keras"`` has 23,851,784 parameters for a thousand classes, moving means and variances counted (batch norm
    has no weight, and what stands around the image is no part of a mean). ``"torchvision"`` has torchvision's names,
    its batch norm, dropout before the last layer, and 27,161,264 parameters, moving means and variances aside.
    aux: the auxiliary classifier, which torchvision has (23,834,568 parameters without) and Keras has not; in
    evaluation it is left out. In training the network then gives two logits: see ``InceptionV3Output``.
    weights: see ``load_weights``. rng: a seed or NumPy Generator.
    Raises ValueError for another layout and, when called, for images below 75×75 or of other channels.
    """
    with_aux = layout == "torchvision" if aux is None else flag(aux, "aux", "inception_v3")

    def make() -> InceptionV3:
        return InceptionV3(num_classes, in_channels, aux=with_aux, layout=layout, dtype=dtype, rng=rng)

    return with_weights(weights, make)
