"""Files of weights as others write them, for tests."""

import numpy as np

from tinygrad_edu import models
from tinygrad_edu.models.keras_layout import keras_names


def small():
    """A network that is quickly built."""
    return models.resnet18(3, rng=0)


def arrays_for(model, rng):
    """Random arrays by Keras's layer and weight, as a file of the model has them."""
    return {(place.layer, place.weight): rng.random(place.shape, np.float32) for place in keras_names(model).values()}


def write_legacy(h5py, path, arrays, rename=str, suffix=":0"):
    """Write arrays as Keras 2 did."""
    layers = list(dict.fromkeys(layer for layer, _ in arrays))
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"input_1", *[rename(layer).encode() for layer in layers]]
        file.create_group("input_1").attrs["weight_names"] = []
        for layer in layers:
            group = file.create_group(rename(layer))
            names = [f"{rename(layer)}/{weight}{suffix}" for other, weight in arrays if other == layer]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, (_, array) in zip(names, [item for item in arrays.items() if item[0][0] == layer]):
                group[name] = array
    return path
