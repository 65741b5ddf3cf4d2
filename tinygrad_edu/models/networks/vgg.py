"""VGG: nothing but 3×3 convolutions and pooling, and more of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu import functional as F
from tinygrad_edu.engine.creation import generator
from tinygrad_edu.engine.tensor import Tensor, as_tensor
from tinygrad_edu.models.layers import MapsLinear, checked_images, checked_layout
from tinygrad_edu.models.weights import with_weights
from tinygrad_edu.nn import AdaptiveAvgPool2d, Conv2d, Dropout, Flatten, Linear, MaxPool2d, Module, ReLU, Sequential

__all__ = ["VGG", "TorchvisionVGG", "VGGBlock", "vgg", "vgg11", "vgg13", "vgg16", "vgg19"]

CHANNELS = (64, 128, 256, 512, 512)
CONVOLUTIONS = {  # in each block: columns A, B, D and E of table 1
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
SIDE = 224


class VGGBlock(Module):
    """Some 3×3 convolutions, each with a ReLU of its own, then 2×2 max-pooling: the channels grow, the image halves."""

    def __init__(self, inputs: int, outputs: int, number: int, made: dict[str, Any]) -> None:
        for i in range(number):
            self.add_module(f"conv{i + 1}", Conv2d(outputs if i else inputs, outputs, 3, padding=1, **made))
        self.pool = MaxPool2d(2)

    def forward(self, x: Any) -> Tensor:
        """Return ``(batch, outputs, height / 2, width / 2)``."""
        *convolutions, pool = self.children()
        for convolution in convolutions:
            x = F.relu(convolution(x))
        y: Tensor = pool(x)
        return y


class VGG(Module):
    """A column of table 1: five blocks, then three fully connected layers.

    A ReLU belongs to its layer, as in the table, so it is a function here and no module.


    x ``(batch, in_channels, 224, 224)``; gives logits ``(batch, num_classes)``.
    """

    def __init__(self, depth: int, num_classes: int, in_channels: int, made: dict[str, Any]) -> None:
        self.title = f"vgg{depth}"
        self.in_channels = in_channels
        inputs = in_channels
        for i, (outputs, number) in enumerate(zip(CHANNELS, CONVOLUTIONS[depth])):
            self.add_module(f"block{i + 1}", VGGBlock(inputs, outputs, number, made))
            inputs = outputs
        self.flatten = Flatten()
        self.fc1 = MapsLinear((512, 7, 7), 4096, **made)
        self.fc2 = Linear(4096, 4096, **made)
        self.predictions = Linear(4096, num_classes, **made)

    def forward(self, x: Any) -> Tensor:
        """Return the logits."""
        x = checked_images(x, self.title, self.in_channels, least=SIDE, only=SIDE)
        for i in range(len(CHANNELS)):
            x = getattr(self, f"block{i + 1}")(x)
        x = self.flatten(x)
        x = F.relu(self.fc2(F.relu(self.fc1(x))))
        logits: Tensor = self.predictions(x)
        return logits

    def keras_layers(self) -> dict[str, str]:
        """Return Keras's name of each layer with weights, by path; also for depths 11 and 13, which Keras lacks."""
        paths = [path for path, module in self.named_modules() if isinstance(module, (Conv2d, Linear))]
        return {path: path.replace(".", "_") for path in paths}


class TorchvisionVGG(Module):
    """VGG with the layers and paths of torchvision: ``features``, ``avgpool``, ``classifier``.

    The parameters are those of ``VGG``; dropout is here, and images may have any sides of 32 pixels or more.
    """

    def __init__(self, depth: int, num_classes: int, in_channels: int, made: dict[str, Any]) -> None:
        self.title = f"vgg{depth}"
        self.in_channels = in_channels
        self.features = Sequential()
        inputs = in_channels
        for outputs, number in zip(CHANNELS, CONVOLUTIONS[depth]):
            for _ in range(number):
                self.features.extend([Conv2d(inputs, outputs, 3, padding=1, **made), ReLU()])
                inputs = outputs
            self.features.append(MaxPool2d(2))
        self.avgpool = AdaptiveAvgPool2d((7, 7))
        self.classifier = Sequential(
            Linear(512 * 7 * 7, 4096, **made), ReLU(), Dropout(0.5), Linear(4096, 4096, **made), ReLU(), Dropout(0.5),
            Linear(4096, num_classes, **made),
        )  # fmt: skip

    def forward(self, x: Any) -> Tensor:
        """Return the logits."""
        x = checked_images(x, self.title, self.in_channels, least=32)
        x = as_tensor(self.avgpool(self.features(x)))
        logits: Tensor = self.classifier(x.reshape(x.shape[0], -1))
        return logits


def vgg(
    depth: int = 16, num_classes: int = 1000, in_channels: int = 3, *, weights: Any = None, layout: str = "keras",
    dtype: Any = np.float32, rng: Any = None,
) -> Any:  # fmt: skip
    """VGG of 11, 13, 16 or 19 layers with weights: Simonyan, Zisserman 2014, table 1, columns A, B, D, E.

    Very deep convolutional networks for large-scale image recognition, arXiv 1409.1556. New then: depth by the smallest
    kernel that knows left and right. Two layers of 3×3 see 5×5 pixels, three see 7×7, with fewer weights and a ReLU
    between. VGG-16 has 138,357,544 parameters, 102,764,544 of them in the first fully connected layer.

    layout: ``"keras"`` has blocks and Keras's layer names, for images of 224×224, ``"torchvision"`` torchvision's paths
    and its dropout; the parameters are the same. weights: see ``load_weights``. rng: a seed or NumPy Generator.
    Raises ValueError for another depth or layout.
    """
    if isinstance(depth, bool) or depth not in CONVOLUTIONS:
        raise ValueError(f"vgg: depth must be one of {', '.join(map(str, CONVOLUTIONS))}, got {depth!r}")
    kind: Any = VGG if checked_layout(layout, f"vgg{depth}") == "keras" else TorchvisionVGG
    return with_weights(weights, lambda: kind(depth, num_classes, in_channels, {"dtype": dtype, "rng": generator(rng)}))


def vgg11(num_classes: int = 1000, in_channels: int = 3, **options: Any) -> Any:
    """VGG-11, column A; 507 MiB of weights; see ``vgg``, also for the options."""
    return vgg(11, num_classes, in_channels, **options)


def vgg13(num_classes: int = 1000, in_channels: int = 3, **options: Any) -> Any:
    """VGG-13, column B; 508 MiB of weights; see ``vgg``, also for the options."""
    return vgg(13, num_classes, in_channels, **options)


def vgg16(num_classes: int = 1000, in_channels: int = 3, **options: Any) -> Any:
    """VGG-16, column D, the one that is mostly used; 528 MiB of weights; see ``vgg``, also for the options."""
    return vgg(16, num_classes, in_channels, **options)


def vgg19(num_classes: int = 1000, in_channels: int = 3, **options: Any) -> Any:
    """VGG-19, column E; 548 MiB of weights; see ``vgg``, also for the options."""
    return vgg(19, num_classes, in_channels, **options)
