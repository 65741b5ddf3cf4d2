"""Keras beside our models: the same random weights and moving statistics in both, and what Keras makes of an image."""

from __future__ import annotations

import os
import warnings
from contextlib import contextmanager

import numpy as np
import pytest


def keras_or_skip():
    """Return Keras on PyTorch, or skip the test."""
    pytest.importorskip("torch")
    os.environ.setdefault("KERAS_BACKEND", "torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras = pytest.importorskip("keras")
        pytest.importorskip("keras.applications")
    if keras.config.backend() != "torch":
        pytest.skip("Keras runs on another backend")
    return keras


@contextmanager
def doubles():
    """Let Keras compute in float64, and say nothing, until the block ends."""
    keras = keras_or_skip()
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield keras
    finally:
        keras.config.set_floatx(before)


def build(make, **options):
    """Return a Keras model without pretrained weights, in float64; ``make(keras)`` says which."""
    with doubles() as keras:
        keras.backend.clear_session()
        return make(keras)(weights=None, **options)


def arrays_of(model):
    """Return every array of a Keras model by (layer, weight)."""
    return {(layer.name, w.name): w.value.detach().numpy() for layer in model.layers for w in layer.weights}


def shake(model, rng):
    """Give every weight random numbers that keep activations of ordinary size through a hundred layers."""
    for layer in model.layers:
        for w in layer.weights:
            w.assign(drawn(w.name, tuple(w.shape), rng))


def drawn(name, shape, rng):
    if name in ("moving_variance", "gamma"):
        return rng.uniform(0.5, 1.5, shape)
    if name in ("beta", "moving_mean", "bias"):
        return 0.1 * rng.standard_normal(shape)
    fan_in = np.prod(shape[:2]) if name == "depthwise_kernel" else np.prod(shape[:-1])
    return rng.standard_normal(shape) * np.sqrt(2 / fan_in)


def logits_of(model, images):
    """Return what a Keras model gives images (batch, channels, height, width)."""
    import torch

    with torch.no_grad(), doubles():
        return model(np.moveaxis(images, 1, -1), training=False).detach().numpy()
