"""Inception-ResNet-v2: Inception blocks that add a little to what they are given."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from tinygrad_edu.engine.creation import generator
from tinygrad_edu.engine.tensor import Tensor, as_tensor
from tinygrad_edu.models.layers import GlobalAvgPool2d, checked_images
from tinygrad_edu.models.units import ConvBNReLU, in_turn, only_keras
from tinygrad_edu.models.weights import with_weights
from tinygrad_edu.nn import AvgPool2d, Branches, Conv2d, Linear, MaxPool2d, Module, ReLU, Residual, Sequential

__all__ = [
    "Block17", "Block35", "Block8", "InceptionResNetV2", "InceptionStart", "ReductionA", "ReductionB",
    "ScaledResidual", "inception_resnet_v2",
]  # fmt: skip

LEAST = 75  # pixels a side: below, the last reduction finds no window


class ScaledResidual(Residual):
    """``x + scale · body(x)``, then a ReLU: the small scale keeps a wide network stable (section 3.3, figure 20).

    The body is towers side by side, and a linear 1×1 convolution that gives them the channels of x.
    """

    def __init__(
        self, towers: Branches, inside: int, channels: int, scale: float, relu: bool = True, **made: Any
    ) -> None:
        super().__init__(Sequential({"mixed": towers, "conv": Conv2d(inside, channels, 1, **made)}))
        self.scale = scale
        self.relu = ReLU() if relu else None

    def forward(self, x: Any) -> Tensor:
        """Return x and what the towers add to it."""
        x = as_tensor(x)
        y: Tensor = x + self.scale * self.body(x)
        return y if self.relu is None else self.relu(y)

    def _label(self) -> str:
        return f"{type(self).__name__}(×{self.scale})"


class Block35(ScaledResidual):
    """Inception-ResNet-A, three towers on maps of 35×35 (figure 16)."""

    def __init__(self, **made: Any) -> None:
        conv = units(made)
        towers = Branches(
            conv(320, 32, 1),
            Sequential(conv(320, 32, 1), conv(32, 32, 3, padding=1)),
            Sequential(conv(320, 32, 1), conv(32, 48, 3, padding=1), conv(48, 64, 3, padding=1)),
        )
        super().__init__(towers, 128, 320, 0.17, **made)


class Block17(ScaledResidual):
    """Inception-ResNet-B, two towers on maps of 17×17 (figure 17)."""

    def __init__(self, **made: Any) -> None:
        conv = units(made)
        seven = Sequential(
            conv(1088, 128, 1), conv(128, 160, (1, 7), padding=(0, 3)), conv(160, 192, (7, 1), padding=(3, 0))
        )
        super().__init__(Branches(conv(1088, 192, 1), seven), 384, 1088, 0.1, **made)


class Block8(ScaledResidual):
    """Inception-ResNet-C, two towers on maps of 8×8 (figure 19); the last one adds all and has no ReLU."""

    def __init__(self, last: bool = False, **made: Any) -> None:
        conv = units(made)
        three = Sequential(
            conv(2080, 192, 1), conv(192, 224, (1, 3), padding=(0, 1)), conv(224, 256, (3, 1), padding=(1, 0))
        )
        super().__init__(Branches(conv(2080, 192, 1), three), 448, 2080, 1.0 if last else 0.2, relu=not last, **made)


class InceptionStart(Branches):
    """Four towers as in Inception v3, on maps of 35×35, before the first shortcut; gives 320 channels."""

    def __init__(self, **made: Any) -> None:
        conv = units(made)
        super().__init__(
            conv(192, 96, 1),
            Sequential(conv(192, 48, 1), conv(48, 64, 5, padding=2)),
            Sequential(conv(192, 64, 1), conv(64, 96, 3, padding=1), conv(96, 96, 3, padding=1)),
            Sequential(AvgPool2d(3, stride=1, padding=1, count_include_pad=False), conv(192, 64, 1)),
        )


class ReductionA(Branches):
    """From 35×35 to 17×17: two towers and pooling (figure 7); 320 channels become 1088."""

    def __init__(self, **made: Any) -> None:
        conv = units(made)
        super().__init__(
            conv(320, 384, 3, stride=2),
            Sequential(conv(320, 256, 1), conv(256, 256, 3, padding=1), conv(256, 384, 3, stride=2)),
            MaxPool2d(3, stride=2),
        )


class ReductionB(Branches):
    """From 17×17 to 8×8: three towers and pooling (figure 18); 1088 channels become 2080."""

    def __init__(self, **made: Any) -> None:
        conv = units(made)
        super().__init__(
            Sequential(conv(1088, 256, 1), conv(256, 384, 3, stride=2)),
            Sequential(conv(1088, 256, 1), conv(256, 288, 3, stride=2)),
            Sequential(conv(1088, 256, 1), conv(256, 288, 3, padding=1), conv(288, 320, 3, stride=2)),
            MaxPool2d(3, stride=2),
        )


def units(made: dict[str, Any]) -> Any:
    """Return what makes a convolution with batch norm, which has no weight in Keras, and ReLU."""
    return partial(ConvBNReLU, scale=False, **made)


class InceptionResNetV2(Module):
    """A stem, 10 + 20 + 10 blocks with shortcuts on three sizes of the image, a reduction between (figure 15).

    x ``(batch, in_channels, height, width)``, at best 299×299, at least 75×75; gives logits ``(batch, num_classes)``.
    """

    def __init__(
        self, num_classes: int = 1000, in_channels: int = 3, *, dtype: Any = np.float32, rng: Any = None
    ) -> None:
        made: dict[str, Any] = {"dtype": dtype, "rng": generator(rng)}
        conv = units(made)
        self.in_channels = in_channels
        self.stem = Sequential(
            conv(in_channels, 32, 3, stride=2), conv(32, 32, 3), conv(32, 64, 3, padding=1), MaxPool2d(3, stride=2),
            conv(64, 80, 1), conv(80, 192, 3), MaxPool2d(3, stride=2),
        )  # fmt: skip
        self.mixed_5b = InceptionStart(**made)
        self.block35 = Sequential(*[Block35(**made) for _ in range(10)])
        self.mixed_6a = ReductionA(**made)
        self.block17 = Sequential(*[Block17(**made) for _ in range(20)])
        self.mixed_7a = ReductionB(**made)
        self.block8 = Sequential(*[Block8(last=number == 10, **made) for number in range(1, 11)])
        self.conv_7b = conv(2080, 1536, 1)
        self.avg_pool = GlobalAvgPool2d()
        self.predictions = Linear(1536, num_classes, **made)

    def forward(self, x: Any) -> Tensor:
        """Return the logits."""
        x = checked_images(x, "inception_resnet_v2", self.in_channels, LEAST)
        for part in self.children():
            x = part(x)
        return x  # type: ignore[no-any-return]

    def keras_layers(self) -> dict[str, str]:
        """Keras's name of each layer that holds weights, by our path, in the order in which Keras makes them."""
        named = {"conv_7b.conv": "conv_7b", "conv_7b.bn": "conv_7b_bn", "predictions": "predictions"}
        for kind in ("block35", "block17", "block8"):
            count = len(getattr(self, kind))
            named |= {f"{kind}.{number}.body.conv": f"{kind}_{number + 1}_conv" for number in range(count)}
        return in_turn(self, named)


def inception_resnet_v2(
    num_classes: int = 1000, in_channels: int = 3, *, weights: Any = None, layout: str = "keras",
    dtype: Any = np.float32, rng: Any = None,
) -> InceptionResNetV2:  # fmt: skip
    """Inception-ResNet-v2, 55,873,736 parameters with moving statistics, 213 MiB: Szegedy et al. 2016, figure 15.

    Szegedy, Ioffe, Vanhoucke, Alemi: Inception-v4, Inception-ResNet and the impact of residual connections on learning
    (arXiv 1602.07261). New then: Inception blocks with a shortcut around them, which train faster, and what they add
    scaled down, without which wide ones die.

    Stem and widths are those of the authors' code, and so of Keras: they differ a little from the paper's figures 3,
    16, 17 and 19. layout: ``"keras"`` alone. weights: see ``load_weights``. rng: a seed or NumPy Generator.
    Raises ValueError for another layout and, when called, for images below 75×75 or of other channels.
    """
    only_keras(layout, "inception_resnet_v2")
    return with_weights(weights, lambda: InceptionResNetV2(num_classes, in_channels, dtype=dtype, rng=rng))
