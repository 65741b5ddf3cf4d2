"""The two-layer network that opens the course."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.engine.creation import generator
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.models.weights import with_weights
from tinygrad_edu.nn import Linear, Module, Sigmoid

__all__ = ["TwoLayerNet", "two_layer_net"]


class TwoLayerNet(Module):
    """``y = σ(W2 · σ(W1 · x + b1) + b2)``: a hidden layer and an output layer, both with sigmoid units.

    x ``(batch, inputs)`` or ``(inputs,)``; y ``(batch, outputs)`` or ``(outputs,)``. The weights are named W1 b1 W2 b2.
    """

    def __init__(self, inputs: int, hidden: int, outputs: int, *, dtype: Any = np.float32, rng: Any = None) -> None:
        random = generator(rng)
        self.hidden = Linear(inputs, hidden, dtype=dtype, rng=random)
        self.squash = Sigmoid()
        self.output = Linear(hidden, outputs, dtype=dtype, rng=random)
        self.answer = Sigmoid()
        for name, layer in (("1", self.hidden), ("2", self.output)):
            layer.weight.name = "W" + name
            if layer.bias is not None:
                layer.bias.name = "b" + name

    def forward(self, x: Any) -> Tensor:
        """Return the prediction y."""
        h = self.squash(self.hidden(x))
        h.name = "h"
        y: Tensor = self.answer(self.output(h))
        y.name = "y"
        return y


def two_layer_net(
    inputs: int = 2, hidden: int = 3, outputs: int = 1, *, weights: Any = None, dtype: Any = np.float32, rng: Any = None
) -> TwoLayerNet:
    """The network of the course: sigmoid hidden units, sigmoid output; returns the prediction y.

    weights: see ``load_weights``. rng: a seed or NumPy Generator.
    """
    return with_weights(weights, lambda: TwoLayerNet(inputs, hidden, outputs, dtype=dtype, rng=rng))
