"""LeNet-5, the network that read the digits on cheques."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.engine.creation import generator
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.nn import AvgPool2d, Conv2d, Flatten, Linear, MaxPool2d, Module, ReLU, Tanh

__all__ = ["LeNet5", "lenet5"]

PADDING = {28: 2, 32: 0}  # around the image, so that the first layer always makes maps of 28×28
VARIANTS: dict[str, tuple[type[Module], type[Module]]] = {"modern": (ReLU, MaxPool2d), "1998": (Tanh, AvgPool2d)}


class LeNet5(Module):
    """Layer by layer as in figure 2 of the paper: C1 S2 C3 S4 C5 F6 OUTPUT; C convolves, S subsamples, F is full.

    x ``(batch, in_channels, image_size, image_size)``; gives logits ``(batch, num_classes)``. ``a1 a3 a5 a6`` are the
    activations of C1, C3, C5 and F6. C5 is a convolution whose kernel is as large as its input, as the paper has it.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 1,
        *,
        variant: str = "modern",
        image_size: int = 28,
        dtype: Any = np.float32,
        rng: Any = None,
    ) -> None:
        if variant not in VARIANTS:
            raise ValueError(f"lenet5: variant must be one of {', '.join(map(repr, VARIANTS))}, got {variant!r}")
        if image_size not in PADDING:
            raise ValueError(
                f"lenet5: image_size must be 28 or 32, got {image_size!r}; pad or enlarge the images to one of them"
            )
        activation, pool = VARIANTS[variant]
        made: dict[str, Any] = {"dtype": dtype, "rng": generator(rng)}
        self.c1 = Conv2d(in_channels, 6, 5, padding=PADDING[image_size], **made)
        self.a1 = activation()
        self.s2 = pool(2)  # type: ignore[call-arg]
        self.c3 = Conv2d(6, 16, 5, **made)
        self.a3 = activation()
        self.s4 = pool(2)  # type: ignore[call-arg]
        self.c5 = Conv2d(16, 120, 5, **made)
        self.a5 = activation()
        self.flatten = Flatten()
        self.f6 = Linear(120, 84, **made)
        self.a6 = activation()
        self.output = Linear(84, num_classes, **made)

    def forward(self, x: Any) -> Tensor:
        """Return the logits."""
        x = self.s2(self.a1(self.c1(x)))
        x = self.s4(self.a3(self.c3(x)))
        x = self.flatten(self.a5(self.c5(x)))
        x = self.a6(self.f6(x))
        logits: Tensor = self.output(x)
        return logits


def lenet5(
    num_classes: int = 10,
    in_channels: int = 1,
    *,
    variant: str = "modern",
    image_size: int = 28,
    dtype: Any = np.float32,
    rng: Any = None,
) -> LeNet5:
    """LeNet-5, 61,706 parameters for ten classes of grey images: LeCun, Bottou, Bengio, Haffner 1998, figure 2.

    Gradient-based learning applied to document recognition, Proceedings of the IEEE 86(11). New then: convolutions
    with shared weights, subsampling, and everything from the pixels to the classes learned by backpropagation.

    variant: ``"1998"`` has tanh and average pooling, ``"modern"`` ReLU and max-pooling. Both are the common form of
    today: C3 sees all six maps of S2 (the paper's table I joins it to some), pooling learns nothing, the tanh is not
    rescaled, and the outputs are logits for ``cross_entropy`` where the paper has radial basis functions.
    image_size: 28 (two pixels of padding in C1) or 32 (none, as in the paper). rng: a seed or NumPy Generator.
    Raises ValueError for another variant or image_size.
    """
    return LeNet5(num_classes, in_channels, variant=variant, image_size=image_size, dtype=dtype, rng=rng)
