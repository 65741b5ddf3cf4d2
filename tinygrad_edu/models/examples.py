"""Three graphs to follow with a calculator: fixed round numbers, a loss or a value at the end, named leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.engine.functions import exp
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.models.two_layer import two_layer_net

__all__ = ["EXAMPLES", "circuit", "example", "neuron", "two_layer_example"]


COURSE = {
    "x": [[0.90, -0.60]],
    "W1": [[0.10, -0.30], [0.80, 0.40], [-0.60, 0.20]],
    "b1": [0.10, -0.20, 0.30],
    "W2": [[0.70, -0.50, 0.90]],
    "b2": [-0.10],
    "t": [[0.10]],
}
CIRCUIT = {"x": -2.0, "y": 5.0, "z": -4.0}
NEURON = {"w0": 2.0, "x0": -1.0, "w1": -3.0, "x1": -2.0, "w2": -3.0}


def two_layer_example(**numbers: Any) -> tuple[Tensor, dict[str, Tensor]]:
    """The two-layer net of the course on one input, with the loss L = ½ Σ(y − t)²; returns L and its leaves by name.

    x = (0.90, -0.60), t = 0.10; every weight is a round number of two digits. ``numbers`` replaces some of them.
    """
    given = {**COURSE, **numbers}
    model = two_layer_net(dtype=np.float64)
    for parameter in model.parameters():
        parameter.data = np.array(given[str(parameter.name)], dtype=np.float64)
    x = Tensor(given["x"], name="x")
    t = Tensor(given["t"], name="t")
    y = model(x)
    loss = 0.5 * ((y - t) ** 2).sum()
    loss.name = "L"
    return loss, {"x": x, **{str(p.name): p for p in model.parameters()}, "t": t}


def circuit(**numbers: Any) -> tuple[Tensor, dict[str, Tensor]]:
    """``f = (x + y) · z`` at (-2, 5, -4): the gradients are -4, -4 and 3. Returns f and its leaves by name."""
    leaves = {name: Tensor(v, requires_grad=True, name=name) for name, v in {**CIRCUIT, **numbers}.items()}
    q = leaves["x"] + leaves["y"]
    q.name = "q"
    f = q * leaves["z"]
    f.name = "f"
    return f, leaves


def neuron(**numbers: Any) -> tuple[Tensor, dict[str, Tensor]]:
    """``1 / (1 + e^−(w0·x0 + w1·x1 + w2))`` at w = (2, -3, -3), x = (-1, -2); returns the value and its leaves by name.

    The value is 0.73; the gradients are -0.20, -0.39, 0.20 for w and 0.39, -0.59 for x.
    """
    leaves = {name: Tensor(v, requires_grad=True, name=name) for name, v in {**NEURON, **numbers}.items()}
    z = leaves["w0"] * leaves["x0"] + leaves["w1"] * leaves["x1"] + leaves["w2"]
    z.name = "z"
    f = 1 / (1 + exp(-z))
    f.name = "f"
    return f, leaves


EXAMPLES: dict[str, Callable[..., tuple[Tensor, dict[str, Tensor]]]] = {
    "two_layer_net": two_layer_example,
    "circuit": circuit,
    "neuron": neuron,
}


def example(name: str, **numbers: Any) -> tuple[Tensor, dict[str, Tensor]]:
    """Build an example by name, with other numbers for some leaves; ValueError for an unknown one."""
    found = EXAMPLES.get(name.replace("-", "_"))
    if found is None:
        raise ValueError(f"no example {name!r}; there are {', '.join(EXAMPLES)}")
    return found(**numbers)
