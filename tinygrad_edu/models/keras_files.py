"""Keras's weight files: the arrays of each layer, whichever way Keras wrote them.

Three layouts are known. The legacy one (``model.save_weights("x.h5")`` of Keras 2, and the published files of
``keras.applications``): a group for each layer, its arrays listed in the attribute ``weight_names``; in a whole model
saved as ``.h5`` all that is inside ``model_weights``. Keras 3's ``.weights.h5``: ``layers/conv2d_3/vars/0``, where
``conv2d_3`` is the layer's class and number, and its name, since Keras 3.6, an attribute of ``vars``. Keras 2.12 to
2.15 wrote the same into ``_layer_checkpoint_dependencies``, without names. And ``.keras``, a zip in which
``model.weights.h5`` is such a file.
"""

from __future__ import annotations

import io
import itertools
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Layers", "is_hdf5", "is_keras_zip", "ranked", "read_keras"]

Layers = dict[str, list[tuple[str, Any]]]  # by name of the layer: the names and arrays of its weights, in Keras's order

_MAGIC = b"\x89HDF\r\n\x1a\n"
_INSIDE = "model.weights.h5"
_CONTAINERS = ("layers", "_layer_checkpoint_dependencies")
_OTHER_NAMES = {"probs": "predictions"}  # what a layer was called in older files
_DAMAGED = (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error)
_NUMBERED = r"(conv2d|batch_normalization|dense|separable_conv2d|depthwise_conv2d)(?:_(\d+))?"


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


def read_keras(path: Path) -> tuple[Layers, bool]:
    """Return the weights of each layer in a Keras file, and whether the layers have their names or only numbers.

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
            groups = file.get("model_weights", file)
            found, named = (dict(legacy(groups)), True) if has(groups, "layer_names") else modern(file)
    except _DAMAGED as error:
        raise ValueError(f"{path.name} is damaged, or its download was cut off: {error}; fetch it again") from error
    if not found:
        raise ValueError(f"{path.name} is an HDF5 file, but holds no weights of Keras layers")
    return found, named


def legacy(groups: Any) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """Yield the layers of a legacy file."""
    for layer in listed(groups, "layer_names"):
        names = listed(groups[layer], "weight_names")
        if names:
            yield layer, [(base(name), numbers(groups[layer][name])) for name in names]


def modern(file: Any) -> tuple[Layers, bool]:
    """Return the layers of a file of Keras 3, or of 2.12 on, and whether it names them."""
    found: Layers = {}
    names: dict[str, str] = {}
    for container in _CONTAINERS:
        for group, held in file.get(container, {}).items():
            variables = held.get("vars", {})
            if len(variables):
                found[group] = [("", numbers(variables[i])) for i in sorted(variables, key=int)]
                if "name" in variables.attrs:
                    names[group] = text(variables.attrs["name"])
    if len(names) == len(found):
        return {names[group]: arrays for group, arrays in found.items()}, True
    return found, False


def numbers(held: Any) -> Any:
    """Return a stored array; bfloat16, which NumPy lacks, as float32: it is the upper half of its bytes."""
    array = np.asarray(held)
    if array.dtype.kind == "V" and array.dtype.itemsize == 2:
        return (array.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    return array


def has(group: Any, name: str) -> bool:
    """Whether a group has a list as an attribute."""
    return name in group.attrs or f"{name}0" in group.attrs


def listed(group: Any, name: str) -> list[str]:
    """Return a list of names from an attribute; a long one is in several, ``layer_names0``, ``layer_names1``, ..."""
    if name in group.attrs:
        return [text(entry) for entry in group.attrs[name]]
    pieces = itertools.takewhile(lambda key: key in group.attrs, (f"{name}{i}" for i in itertools.count()))
    return [text(entry) for piece in pieces for entry in group.attrs[piece]]


def text(name: Any) -> str:
    """Return an attribute as text."""
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def base(name: str) -> str:
    """Return ``kernel`` of ``conv1_conv/kernel:0``."""
    return name.split("/")[-1].split(":")[0]


def ranked(names: Iterable[str]) -> dict[str, str]:
    """Return by each layer's name what to know it by: ``conv2d 0`` for the first of the numbered convolutions.

    Layers that their author did not name are numbered in the order in which they were made, from where the program
    stood: ``conv2d_94`` may be the first. So of each kind, the order of the numbers counts.
    """
    found = {name: _OTHER_NAMES.get(name, name) for name in names}
    kinds: dict[str, list[tuple[int, str]]] = {}
    for name in found:
        number = re.fullmatch(_NUMBERED, name)
        if number:
            kinds.setdefault(number[1], []).append((int(number[2] or 0), name))
    for kind, members in kinds.items():
        found |= {name: f"{kind} {rank}" for rank, (_, name) in enumerate(sorted(members))}
    return found
