"""LeNet-5, the network that read the digits on cheques."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu import functional as F
from tinygrad_edu.engine.creation import generator
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.models.weights import with_weights
from tinygrad_edu.nn import AvgPool2d, Conv2d, Flatten, Linear, MaxPool2d, Module, Parameter, ReLU, Tanh
from tinygrad_edu.nn.starting import float_dtype

__all__ = ["LeNet5", "TableConv2d", "lenet5"]

PADDING = {28: 2, 32: 0}  # around the image, so that the first layer always makes maps of 28×28
VARIANTS: dict[str, tuple[type[Module], type[Module]]] = {"modern": (ReLU, MaxPool2d), "1998": (Tanh, AvgPool2d)}
TABLE = (  # table I of the paper: which maps of S2 each of the 16 maps of C3 sees
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5), (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5),
    (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5), (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5),
)  # fmt: skip


class TableConv2d(Module):
    """A convolution in which each output map sees only the input maps that a table names for it.

    table: for each output map, the numbers of its input maps. weight ``(connections, k, k)``: a kernel for each
    connection, output map by output map; bias ``(len(table),)``. Both start uniform within ±1/sqrt(fan_in), fan_in
    being the numbers that an output map sees at a time. x ``(batch, in_channels, height, width)``.
    """

    def __init__(
        self, in_channels: int, table: tuple[tuple[int, ...], ...], kernel_size: int, *, dtype: Any = np.float32,
        rng: Any = None,
    ) -> None:  # fmt: skip
        self.in_channels, self.table, self.kernel_size = in_channels, table, kernel_size
        dtype, random = float_dtype(dtype, "TableConv2d"), generator(rng)
        bounds = [1 / (len(maps) * kernel_size**2) ** 0.5 for maps in table]
        kernels = [random.uniform(-b, b, (len(maps), kernel_size, kernel_size)) for b, maps in zip(bounds, table)]
        self.weight = Parameter(np.concatenate(kernels), dtype=dtype)
        self.bias = Parameter(np.array([random.uniform(-b, b) for b in bounds]), dtype=dtype)

    def forward(self, x: Any) -> Tensor:
        """Return ``(batch, len(table), h, w)``: lay the kernels out among zeros, and convolve."""
        return F.conv2d(x, self.kernels(), self.bias)

    def kernels(self) -> Tensor:
        """The weight ``(len(table), in_channels, k, k)`` of the convolution, 0 where there is no connection."""
        shape = len(self.table), self.in_channels
        there = np.zeros((*shape, 1, 1), self.weight.dtype)
        for number, maps in enumerate(self.table):
            there[number, list(maps)] = 1
        place = np.cumsum(there).astype(int).reshape(shape) - 1
        return self.weight[np.maximum(place, 0)] * there

    def extra_repr(self) -> str:
        """The sizes."""
        return f"{self.in_channels}, {len(self.table)}, kernel_size={self.kernel_size}, {len(self.weight)} connections"

    def _label(self) -> str:
        return f"TableConv2d({self.in_channels}, {len(self.table)}, {self.kernel_size}×{self.kernel_size})"


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
        connections: str = "all",
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
        if connections not in ("all", "1998"):
            raise ValueError(f"lenet5: connections must be one of 'all', '1998', got {connections!r}")
        activation, pool = VARIANTS[variant]
        made: dict[str, Any] = {"dtype": dtype, "rng": generator(rng)}
        self.c1 = Conv2d(in_channels, 6, 5, padding=PADDING[image_size], **made)
        self.a1 = activation()
        self.s2 = pool(2)  # type: ignore[call-arg]
        self.c3 = Conv2d(6, 16, 5, **made) if connections == "all" else TableConv2d(6, TABLE, 5, **made)
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
    connections: str = "all",
    image_size: int = 28,
    weights: Any = None,
    dtype: Any = np.float32,
    rng: Any = None,
) -> LeNet5:
    """LeNet-5, 61,706 parameters for ten classes of grey images: LeCun, Bottou, Bengio, Haffner 1998, figure 2.

    Gradient-based learning applied to document recognition, Proceedings of the IEEE 86(11). New then: convolutions
    with shared weights, subsampling, and everything from the pixels to the classes learned by backpropagation.

    variant: ``"1998"`` has tanh and average pooling, ``"modern"`` ReLU and max-pooling. Both are the common form of
    today: pooling learns nothing, the tanh is not rescaled, and the outputs are logits for ``cross_entropy`` where the
    paper has radial basis functions.
    connections: ``"all"``, each map of C3 sees all six of S2 (2,416 parameters); ``"1998"``, those of the paper's table
    I (1,516, 60,806 together; the paper's 60,000 have 44 in the pooling and none in the output).
    image_size: 28 (two pixels of padding in C1) or 32 (none, as in the paper). weights: ``"digits"`` for those that
    come with the package, of the modern variant trained on the shipped digits (99.4 % of its test images are read
    right; made by ``tinygrad-edu train lenet5``, kept in float16); else see ``load_weights``. rng: a seed or NumPy
    Generator. Raises ValueError for another variant, connections or image_size, and for weights that do not fit.
    """
    if isinstance(weights, str) and weights == "digits":
        if (variant, connections, image_size) != ("modern", "all", 28):
            raise ValueError('lenet5: weights="digits" are of variant="modern", connections="all", image_size=28')
        weights = Path(__file__).with_name("lenet5_digits.npz")

    def make() -> LeNet5:
        options: dict[str, Any] = {"variant": variant, "connections": connections, "image_size": image_size}
        return LeNet5(num_classes, in_channels, **options, dtype=dtype, rng=rng)

    return with_weights(weights, make)
