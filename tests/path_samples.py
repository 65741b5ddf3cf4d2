"""Graphs whose paths are known."""

from __future__ import annotations

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu import nn

__all__ = ["leaf", "named", "products", "residual", "slope"]


def leaf(value, name=None):
    return tg.Tensor(np.asarray(value, np.float64), requires_grad=True, name=name)


def named(tensor, name):
    tensor.name = name
    return tensor


def slope(f, x, eps=1e-6):
    return (f(x + eps) - f(x - eps)) / (2 * eps)


def products(found):
    return sorted(path.product for path in found.paths)


def residual(rng, blocks=3, width=4):
    """A stack of residual blocks on float64, its input and its loss."""
    made = [nn.Residual(nn.Sequential(nn.Linear(width, width, dtype=float, rng=rng), nn.Tanh())) for _ in range(blocks)]
    model = nn.Sequential(*made)
    x = leaf(rng.normal(size=(3, width)), "x")
    return model, x, named((model(x) ** 2).mean(), "loss")
