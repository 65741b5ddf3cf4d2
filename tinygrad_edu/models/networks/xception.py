"""Xception: Inception taken to its end, every channel filtered by itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu import functional as F
from tinygrad_edu.engine.creation import generator
from tinygrad_edu.engine.tensor import Tensor, as_tensor
from tinygrad_edu.models.layers import GlobalAvgPool2d, SeparableConv2d, checked_images
from tinygrad_edu.models.units import EPS, ConvBNReLU, in_turn, only_keras
from tinygrad_edu.models.weights import with_weights
from tinygrad_edu.nn import BatchNorm2d, Conv2d, Linear, MaxPool2d, Module, ReLU, Residual, Sequential

__all__ = ["DownBlock", "MaxPool2dSame", "MiddleBlock", "Xception", "xception"]

LEAST = 7  # pixels a side: below, the second convolution finds no window


class MaxPool2dSame(MaxPool2d):
    """Max-pooling of 3×3 in steps of 2 that makes n pixels ⌈n / 2⌉, as TensorFlow's ``padding="same"`` does.

    What is added around comes half before and half after, the odd one after: an even side gets none before.
    """

    def __init__(self) -> None:
        super().__init__(3, stride=2, ceil_mode=True)

    def forward(self, x: Any) -> Tensor:
        """Return ``(batch, channels, ⌈height / 2⌉, ⌈width / 2⌉)``."""
        x = as_tensor(x)
        return F.max_pool2d(x, 3, 2, tuple([n % 2 for n in x.shape[2:]]), ceil_mode=True)


class DownBlock(Residual):
    """Two separable convolutions and pooling beside a strided 1×1 convolution: the image halves (figure 5).

    relu: whether x passes a ReLU first; in the first block it has just left one.
    """

    def __init__(self, channels: tuple[int, int, int], relu: bool = True, **made: Any) -> None:
        first, middle, last = channels
        body: dict[str, Module] = {"sepconv1_act": ReLU()} if relu else {}
        body |= separable("sepconv1", first, middle, made)
        body |= {"sepconv2_act": ReLU(), **separable("sepconv2", middle, last, made), "pool": MaxPool2dSame()}
        shortcut = {
            "conv": Conv2d(first, last, 1, stride=2, bias=False, **made),
            "bn": BatchNorm2d(last, eps=EPS, dtype=made.get("dtype", np.float32)),
        }
        super().__init__(Sequential(body), Sequential(shortcut))


class MiddleBlock(Residual):
    """Three separable convolutions, a ReLU before each, around which x goes unchanged (figure 5, middle flow)."""

    def __init__(self, channels: int, **made: Any) -> None:
        body: dict[str, Module] = {}
        for name in ("sepconv1", "sepconv2", "sepconv3"):
            body |= {f"{name}_act": ReLU(), **separable(name, channels, channels, made)}
        super().__init__(Sequential(body))


def separable(name: str, in_channels: int, out_channels: int, made: dict[str, Any]) -> dict[str, Module]:
    """Return a separable convolution of 3×3 and its batch norm, by name."""
    return {
        name: SeparableConv2d(in_channels, out_channels, 3, padding=1, **made),
        f"{name}_bn": BatchNorm2d(out_channels, eps=EPS, dtype=made.get("dtype", np.float32)),
    }


class Xception(Module):
    """Entry flow, eight equal blocks, exit flow: 36 convolutions in 14 blocks, all but first and last with shortcuts.

    x ``(batch, in_channels, height, width)``, at best 299×299, at least 7×7; gives logits ``(batch, num_classes)``.
    """

    def __init__(
        self, num_classes: int = 1000, in_channels: int = 3, *, dtype: Any = np.float32, rng: Any = None
    ) -> None:
        made: dict[str, Any] = {"dtype": dtype, "rng": generator(rng)}
        self.in_channels = in_channels
        self.block1 = Sequential(
            {"conv1": ConvBNReLU(in_channels, 32, 3, stride=2, **made), "conv2": ConvBNReLU(32, 64, 3, **made)}
        )
        self.block2 = DownBlock((64, 128, 128), relu=False, **made)
        self.block3 = DownBlock((128, 256, 256), **made)
        self.block4 = DownBlock((256, 728, 728), **made)
        for number in range(5, 13):
            self.add_module(f"block{number}", MiddleBlock(728, **made))
        self.block13 = DownBlock((728, 728, 1024), **made)
        exit_flow = {**separable("sepconv1", 1024, 1536, made), "sepconv1_act": ReLU()}
        exit_flow |= {**separable("sepconv2", 1536, 2048, made), "sepconv2_act": ReLU()}
        self.block14 = Sequential(exit_flow)
        self.avg_pool = GlobalAvgPool2d()
        self.predictions = Linear(2048, num_classes, **made)

    def forward(self, x: Any) -> Tensor:
        """Return the logits."""
        x = checked_images(x, "xception", self.in_channels, LEAST)
        for layer in self.children():
            x = layer(x)
        return x  # type: ignore[no-any-return]

    def keras_layers(self) -> dict[str, str]:
        """Keras's name of each layer that holds weights, by our path."""
        named = {"predictions": "predictions"}
        for path, module in self.named_modules():
            parts = path.split(".")
            if parts[0] == "block1" and parts[-1] in ("conv", "bn"):
                named[path] = f"block1_{parts[1]}" + ("_bn" if parts[-1] == "bn" else "")
            elif isinstance(module, (SeparableConv2d, BatchNorm2d)) and parts[-1].startswith("sepconv"):
                named[path] = f"{parts[0]}_{parts[-1]}"
        return in_turn(self, named)


def xception(
    num_classes: int = 1000, in_channels: int = 3, *, weights: Any = None, layout: str = "keras",
    dtype: Any = np.float32, rng: Any = None,
) -> Xception:  # fmt: skip
    """Xception, 22,910,480 parameters, moving means and variances counted, 87 MiB: Chollet 2016, figure 5.

    Xception: deep learning with depthwise separable convolutions (arXiv 1610.02357). New then: an Inception block with
    a tower for every channel is a convolution of each channel by itself followed by a 1×1 convolution across them,
    for a fraction of the parameters; a whole network of these, with shortcuts.

    Layers are those of Keras: the paper's dropout before the last one is not among them. layout: ``"keras"`` alone.
    weights: see ``load_weights``. rng: a seed or NumPy Generator.
    Raises ValueError for another layout and, when called, for images below 7×7 or of other channels.
    """
    only_keras(layout, "xception")
    return with_weights(weights, lambda: Xception(num_classes, in_channels, dtype=dtype, rng=rng))
