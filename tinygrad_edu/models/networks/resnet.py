"""ResNet, which adds what it has learned to what it was given, and ResNeXt, which does so along many narrow paths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.engine.creation import generator
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.models.layers import GlobalAvgPool2d, GroupedConv2d, checked_images, checked_layout
from tinygrad_edu.models.weights import with_weights
from tinygrad_edu.nn import BatchNorm2d, Conv2d, Linear, MaxPool2d, Module, ReLU, Sequential, ZeroPad2d

__all__ = [
    "BasicBlock", "Bottleneck", "ResNet", "resnet", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152",
    "resnext50",
]  # fmt: skip

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
STAGES = ("layer1", "layer2", "layer3", "layer4")  # conv2_x to conv5_x of the paper's table 1


@dataclass
class Parts:
    """How the layers of one network are made: what its source, Keras or torchvision, does its own way."""

    bias: bool  # of convolutions that a batch norm follows, which takes it out again
    eps: float
    stride_first: bool  # a bottleneck halves the image in its first 1×1 convolution (the paper), not in the 3×3
    pad_apart: bool  # zeros are put around by layers of their own
    groups: int
    made: dict[str, Any]

    def conv(self, inputs: int, outputs: int, size: int, stride: int = 1, padding: int = 0) -> Conv2d:
        """Return a convolution."""
        return Conv2d(inputs, outputs, size, stride, padding, bias=self.bias, **self.made)

    def middle(self, width: int, stride: int) -> Conv2d:
        """Return the 3×3 convolution of a bottleneck; in ResNeXt it is in groups, and Keras pads it apart."""
        if self.groups == 1:
            return self.conv(width, width, 3, stride, 1)
        padding = 0 if self.pad_apart else 1
        return GroupedConv2d(width, width, 3, stride, padding, groups=self.groups, bias=self.bias, **self.made)

    def norm(self, channels: int) -> BatchNorm2d:
        """Return a batch norm."""
        return BatchNorm2d(channels, self.eps, dtype=self.made["dtype"])

    def shortcut(self, inputs: int, outputs: int, stride: int) -> Sequential:
        """Return the 1×1 convolution that makes x fit what is added to it."""
        return Sequential(self.conv(inputs, outputs, 1, stride), self.norm(outputs))


class BasicBlock(Module):
    """Two 3×3 convolutions, to whose result x is added; figure 5, left.

    x ``(batch, inputs, height, width)`` to ``(batch, width, height / stride, width / stride)``.
    """

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int, parts: Parts) -> None:
        self.conv1 = parts.conv(inputs, width, 3, stride, 1)
        self.bn1 = parts.norm(width)
        self.relu1 = ReLU()
        self.conv2 = parts.conv(width, width, 3, 1, 1)
        self.bn2 = parts.norm(width)
        self.downsample = parts.shortcut(inputs, width, stride) if stride > 1 or inputs != width else None
        self.relu2 = ReLU()

    def forward(self, x: Any) -> Tensor:
        """Return ``relu(F(x) + x)``."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu1(self.bn1(self.conv1(x)))
        y: Tensor = self.relu2(shortcut + self.bn2(self.conv2(x)))
        return y


class Bottleneck(Module):
    """1×1 to fewer channels, 3×3, 1×1 to four times as many, to whose result x is added; figure 5, right.

    x ``(batch, inputs, height, width)`` to ``(batch, 4 · width, height / stride, width / stride)``. In ResNeXt (its
    figure 3c) the 3×3 convolution has twice the channels, in groups.
    """

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int, parts: Parts) -> None:
        outputs = self.expansion * width
        inner = width if parts.groups == 1 else 2 * width
        first, second = (stride, 1) if parts.stride_first else (1, stride)
        self.conv1 = parts.conv(inputs, inner, 1, first)
        self.bn1 = parts.norm(inner)
        self.relu1 = ReLU()
        self.pad2 = ZeroPad2d(1) if parts.groups > 1 and parts.pad_apart else None
        self.conv2 = parts.middle(inner, second)
        self.bn2 = parts.norm(inner)
        self.relu2 = ReLU()
        self.conv3 = parts.conv(inner, outputs, 1)
        self.bn3 = parts.norm(outputs)
        self.downsample = parts.shortcut(inputs, outputs, stride) if stride > 1 or inputs != outputs else None
        self.relu3 = ReLU()

    def forward(self, x: Any) -> Tensor:
        """Return ``relu(F(x) + x)``."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu1(self.bn1(self.conv1(x)))
        x = x if self.pad2 is None else self.pad2(x)
        x = self.relu2(self.bn2(self.conv2(x)))
        y: Tensor = self.relu3(shortcut + self.bn3(self.conv3(x)))
        return y


class ResNet(Module):
    """The columns of table 1: a 7×7 convolution, pooling, four stages of residual blocks, the mean, one linear layer.

    x ``(batch, in_channels, height, width)``, of any size, 224 in the paper, 32 or more to be of use; gives ``(batch,
    num_classes)``, logits. ``layer1`` to ``layer4`` are conv2_x to conv5_x of the paper; the names are torchvision's.
    """

    def __init__(self, title: str, depth: int, num_classes: int, in_channels: int, parts: Parts) -> None:
        self.title = title
        self.in_channels = in_channels
        block = BasicBlock if depth < 50 else Bottleneck
        self.pad1 = ZeroPad2d(3) if parts.pad_apart else None
        self.conv1 = parts.conv(in_channels, 64, 7, 2, 0 if parts.pad_apart else 3)
        self.bn1 = parts.norm(64)
        self.relu = ReLU()
        self.pad2 = ZeroPad2d(1) if parts.pad_apart else None
        self.maxpool = MaxPool2d(3, 2, padding=0 if parts.pad_apart else 1)
        channels = 64
        for i, (stage, number) in enumerate(zip(STAGES, BLOCKS[depth])):
            blocks = Sequential()
            for position in range(number):
                blocks.append(block(channels, 64 * 2**i, 2 if i and not position else 1, parts))
                channels = block.expansion * 64 * 2**i
            self.add_module(stage, blocks)
        self.avgpool = GlobalAvgPool2d()
        self.fc = Linear(channels, num_classes, **parts.made)

    def forward(self, x: Any) -> Tensor:
        """Return the logits."""
        x = checked_images(x, self.title, self.in_channels, least=1)
        x = x if self.pad1 is None else self.pad1(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.maxpool(x if self.pad2 is None else self.pad2(x))
        for stage in STAGES:
            x = getattr(self, stage)(x)
        logits: Tensor = self.fc(self.avgpool(x))
        return logits

    def keras_layers(self) -> dict[str, str]:
        """Return Keras's name of each layer with weights, by path; also for depths 18 and 34, which Keras lacks."""
        found = {"conv1": "conv1_conv", "bn1": "conv1_bn"}
        for i, stage in enumerate(STAGES, 2):
            for j, block in enumerate(getattr(self, stage)):
                ours, theirs = f"{stage}.{j}", f"conv{i}_block{j + 1}"
                if block.downsample is not None:
                    found |= {f"{ours}.downsample.0": f"{theirs}_0_conv", f"{ours}.downsample.1": f"{theirs}_0_bn"}
                for k in range(1, 4 if isinstance(block, Bottleneck) else 3):
                    found |= {f"{ours}.conv{k}": f"{theirs}_{k}_conv", f"{ours}.bn{k}": f"{theirs}_{k}_bn"}
        return {**found, "fc": "predictions"}


def resnet(
    depth: int = 50, num_classes: int = 1000, in_channels: int = 3, *, weights: Any = None, layout: str = "keras",
    dtype: Any = np.float32, rng: Any = None,
) -> ResNet:  # fmt: skip
    """ResNet of 18, 34, 50, 101 or 152 layers with weights: He, Zhang, Ren, Sun 2015, table 1.

    Deep residual learning for image recognition, arXiv 1512.03385. New then: each block computes what is to be *added*
    to its input, so that a block with nothing to say can be 0; networks of more than a hundred layers could be trained.
    Depth 18 and 34 have basic blocks (figure 5, left), the others bottlenecks (figure 5, right).

    layout: ``"keras"`` has Keras's parameters (ResNet-50: 25,636,712 with the moving statistics; convolutions with
    biases, eps 1.001e-5, the stride in the first 1×1 convolution as in the paper, padding in layers of its own),
    ``"torchvision"`` those of torchvision (25,557,032; no biases, the stride in the 3×3 convolution). The paths of the
    parameters are torchvision's in both. weights: see ``load_weights``. rng: a seed or NumPy Generator.
    Raises ValueError for another depth or layout.
    """
    if isinstance(depth, bool) or depth not in BLOCKS:
        raise ValueError(f"resnet: depth must be one of {', '.join(map(str, BLOCKS))}, got {depth!r}")
    of_keras = checked_layout(layout, f"resnet{depth}") == "keras"

    def make() -> ResNet:
        made = {"dtype": dtype, "rng": generator(rng)}
        parts = Parts(of_keras, 1.001e-5 if of_keras else 1e-5, of_keras, of_keras, 1, made)
        return ResNet(f"resnet{depth}", depth, num_classes, in_channels, parts)

    return with_weights(weights, make)


def resnet18(num_classes: int = 1000, in_channels: int = 3, **options: Any) -> ResNet:
    """ResNet-18, two basic blocks a stage; 45 MiB of weights; see ``resnet``, also for the options."""
    return resnet(18, num_classes, in_channels, **options)


def resnet34(num_classes: int = 1000, in_channels: int = 3, **options: Any) -> ResNet:
    """ResNet-34, figure 3 of the paper; 83 MiB of weights; see ``resnet``, also for the options."""
    return resnet(34, num_classes, in_channels, **options)


def resnet50(num_classes: int = 1000, in_channels: int = 3, **options: Any) -> ResNet:
    """ResNet-50, the first with bottlenecks; 98 MiB of weights; see ``resnet``, also for the options."""
    return resnet(50, num_classes, in_channels, **options)


def resnet101(num_classes: int = 1000, in_channels: int = 3, **options: Any) -> ResNet:
    """ResNet-101, 23 bottlenecks in conv4_x; 171 MiB of weights; see ``resnet``, also for the options."""
    return resnet(101, num_classes, in_channels, **options)


def resnet152(num_classes: int = 1000, in_channels: int = 3, **options: Any) -> ResNet:
    """ResNet-152, the deepest that won ILSVRC 2015; 230 MiB of weights; see ``resnet``, also for the options."""
    return resnet(152, num_classes, in_channels, **options)


def resnext50(
    num_classes: int = 1000, in_channels: int = 3, *, weights: Any = None, layout: str = "keras",
    dtype: Any = np.float32, rng: Any = None,
) -> ResNet:  # fmt: skip
    """ResNeXt-50 (32×4d): Xie, Girshick, Dollár, Tu, He 2016, table 1; blocks as in figure 3c; 96 MiB.

    Aggregated residual transformations for deep neural networks, arXiv 1611.05431. New then: "cardinality", the number
    of paths in a block. The 3×3 convolution of a bottleneck is in 32 groups of 4 channels, so that it may be twice as
    wide at the cost of ResNet-50. 25,097,128 parameters with the moving statistics (25,028,904 without) in either
    layout; they differ in eps and in where zeros are put around. Arguments and errors as ``resnet``.
    """
    of_keras = checked_layout(layout, "resnext50") == "keras"

    def make() -> ResNet:
        made = {"dtype": dtype, "rng": generator(rng)}
        parts = Parts(False, 1.001e-5 if of_keras else 1e-5, False, of_keras, 32, made)
        return ResNet("resnext50", 50, num_classes, in_channels, parts)

    return with_weights(weights, make)
