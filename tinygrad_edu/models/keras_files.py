"""Keras's weight files: the arrays of each layer, whichever way Keras wrote them.

Three layouts are known. The legacy one (``model.save_weights("x.h5")`` of Keras 2, and the published files of
``keras.applications``): a group for each layer, its arrays listed in the attribute ``weight_names``; in a whole model
saved as ``.h5`` all that is inside ``model_weights``. Keras 3's ``.weights.h5``: ``layers/KIND_3/vars/0``, the layer's
name being an attribute of ``vars``; of Keras 2.12 to 2.15 the groups are in ``_layer_checkpoint_dependencies`` and bear
the names themselves. And ``.keras``, a zip in which ``model.weights.h5`` is such a file.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["is_hdf5", "is_keras_zip", "matched", "read_keras"]

Layers = dict[str, list[tuple[str, Any]]]  # by name of the layer: the names and arrays of its weights, in Keras's order

_MAGIC = b"\x89HDF\r\n\x1a\n"
_INSIDE = "model.weights.h5"
_CONTAINERS = ("layers", "_layer_checkpoint_dependencies")
_SAME = ({"predictions", "probs"},)  # what one layer is called in files of different age


def is_hdf5(path: Path) -> bool:
    """Whether a file begins as HDF5 files do."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def is_keras_zip(path: Path) -> bool:
    """Whether a file is a whole model in Keras 3's format."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as file:
        return _INSIDE in file.namelist()


def read_keras(path: Path) -> Layers:
    """Return the weights of each layer in a Keras file.

    Raises ImportError where h5py is missing, ValueError for a file that is damaged or holds no layers.
    """
    try:
        import h5py
    except ImportError as error:
        raise ImportError(
            f'{path.name} is read by h5py, which is not installed; pip install "tinygrad-edu[keras]"'
        ) from error
    try:
        source: Any = path
        if is_keras_zip(path):
            with zipfile.ZipFile(path) as outer:
                source = io.BytesIO(outer.read(_INSIDE))
        with h5py.File(source, "r") as file:
            found = dict(legacy(file) if "layer_names" in whole(file).attrs else modern(file))
    except (OSError, KeyError, RuntimeError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path.name} is damaged, or its download was cut off: {error}; fetch it again") from error
    if not found:
        raise ValueError(f"{path.name} is an HDF5 file, but holds no weights of Keras layers")
    return found


def whole(file: Any) -> Any:
    """Return where the layers of a legacy file are."""
    return file.get("model_weights", file)


def legacy(file: Any) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """Yield the layers of a legacy file."""
    groups = whole(file)
    for layer in map(text, groups.attrs["layer_names"]):
        names = list(map(text, groups[layer].attrs.get("weight_names", ())))
        if names:
            yield layer, [(base(name), np.asarray(groups[layer][name])) for name in names]


def modern(file: Any) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """Yield the layers of a file of Keras 3, or of 2.12 on; ValueError for one that does not name them."""
    for container in _CONTAINERS:
        for group, held in file.get(container, {}).items():
            variables = held.get("vars", {})
            if not len(variables):
                continue
            name = variables.attrs.get("name", held.attrs.get("name"))
            if name is None and container == "layers":
                raise ValueError(
                    "this .weights.h5 comes from an early Keras 3, which wrote the kinds of its layers in place of "
                    "their names; load it there and save it again with Keras 3.6 or later, or as model.save('x.keras')"
                )
            order = sorted(variables, key=int)
            yield group if name is None else text(name), [("", np.asarray(variables[i])) for i in order]


def text(name: Any) -> str:
    """Return an attribute as text."""
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def base(name: str) -> str:
    """Return ``kernel`` of ``conv1_conv/kernel:0``."""
    return name.split("/")[-1].split(":")[0]


def matched(layers: Layers, wanted: list[str]) -> dict[str, str]:
    """Return by each wanted name of a layer the one that the file has for it, as far as there is one.

    Layers that their author did not name are numbered in the order in which they were made, from where the program
    stood: ``conv2d_94`` may be the first. So those of a kind are matched in the order of their numbers.
    """
    found = {name: name for name in wanted if name in layers and not number_of(name)}
    for same in _SAME:
        ours, theirs = sorted(same & set(wanted) - set(found)), sorted(same & set(layers))
        found.update(zip(ours, theirs))
    for kind in dict.fromkeys(number_of(name) for name in wanted):
        if kind:
            ours = sorted([name for name in wanted if number_of(name) == kind], key=position)
            theirs = sorted([name for name in layers if number_of(name) == kind], key=position)
            if len(ours) == len(theirs):
                found.update(zip(ours, theirs))
            else:
                found.update({name: name for name in ours if name in theirs})
    return found


def number_of(name: str) -> str:
    """Return the kind of a layer that was numbered by Keras, ``conv2d`` of ``conv2d_5``; nothing for another."""
    found = re.fullmatch(r"(conv2d|batch_normalization|dense|separable_conv2d|depthwise_conv2d)(_\d+)?", name)
    return found[1] if found else ""


def position(name: str) -> int:
    """Return a numbered layer's number."""
    return int(name.rpartition("_")[2]) if re.search(r"_\d+$", name) else 0
