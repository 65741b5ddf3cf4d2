"""The small convolutional network of the course, from its table of activation shapes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu import functional as F
from tinygrad_edu.engine.creation import generator
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.models.weights import with_weights
from tinygrad_edu.nn import Conv2d, Linear, MaxPool2d, Module

__all__ = ["CourseCNN", "course_cnn"]


class CourseCNN(Module):
    """Two convolutions with pooling, three fully connected layers; x ``(batch, in_channels, 32, 32)``, gives logits.

    The layers are those of the table: CONV1 POOL1 CONV2 POOL2 FC3 FC4 and the softmax layer, here ``output``. A ReLU
    belongs to its layer, as in the table, so it is a function here and no module.
    """

    def __init__(
        self, num_classes: int = 10, in_channels: int = 3, *, dtype: Any = np.float32, rng: Any = None
    ) -> None:
        made: dict[str, Any] = {"dtype": dtype, "rng": generator(rng)}
        self.conv1 = Conv2d(in_channels, 8, 5, **made)
        self.pool1 = MaxPool2d(2)
        self.conv2 = Conv2d(8, 16, 5, **made)
        self.pool2 = MaxPool2d(2)
        self.fc3 = Linear(16 * 5 * 5, 120, **made)
        self.fc4 = Linear(120, 84, **made)
        self.output = Linear(84, num_classes, **made)

    def forward(self, x: Any) -> Tensor:
        """Return the logits; their softmax, which has no parameters, is part of ``cross_entropy``."""
        x = self.pool1(F.relu(self.conv1(x)))
        x = self.pool2(F.relu(self.conv2(x)))
        x = x.reshape(x.shape[0], math.prod(x.shape[1:]))
        x = F.relu(self.fc4(F.relu(self.fc3(x))))
        logits: Tensor = self.output(x)
        return logits


def course_cnn(
    num_classes: int = 10, in_channels: int = 3, *, weights: Any = None, dtype: Any = np.float32, rng: Any = None
) -> CourseCNN:
    """The course's small CNN: 32×32×3, CONV 5×5 to 8, POOL, CONV 5×5 to 16, POOL, FC 120, FC 84, FC 10.

    Activation sizes 3,072; 6,272; 1,568; 1,600; 400; 120; 84; 10. Parameters 608, 0, 3,216, 0, 48,120, 10,164, 850:
    62,958 together. (The slide has 208, 416, 48,001, 10,081 and 841: it forgets that a kernel spans all channels of
    its input, and counts one bias for a whole fully connected layer.)

    weights: see ``load_weights``. rng: a seed or NumPy Generator.
    """
    return with_weights(weights, lambda: CourseCNN(num_classes, in_channels, dtype=dtype, rng=rng))
