"""What a file that does not fit seems to be instead."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tinygrad_edu.models.catalogue import CATALOGUE, blank
from tinygrad_edu.models.keras_layout import keras_layers

__all__ = ["seems_to_be", "strange_file"]

_ENOUGH = 0.9  # of the names of a model: then the file seems to be of that model
_HEADS = ("predictions", "probs", "fc", "classifier", "output", "head")
_CONVERT = (
    "; it is a pickle, which could run any program when it is read, so convert it where PyTorch is: "
    "from safetensors.torch import save_file; save_file(torch.load('{name}', weights_only=True), '{stem}.safetensors')"
)


def strange_file(path: Path) -> None:
    """Raise for a file that can't hold weights: FileNotFoundError, or ValueError that says what it is."""
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise FileNotFoundError(f"the file of weights {path} {what}")
    with path.open("rb") as file:
        begin = file.read(512)
    if not begin:
        raise ValueError(f"{path.name} is empty: its download was cut off")
    if begin.lstrip()[:1] == b"<":
        raise ValueError(f"{path.name} is an HTML page, not a file of weights: the link led to a page about it")
    if begin.startswith(b"version https://git-lfs"):
        raise ValueError(f"{path.name} only points to a file in Git LFS; run: git lfs pull")
    of_torch = begin[:2] == b"\x80\x02" or (zipfile.is_zipfile(path) and any("data.pkl" in n for n in names_in(path)))
    if of_torch:
        raise ValueError(f"{path.name} is of PyTorch" + _CONVERT.format(name=path.name, stem=path.stem))


def names_in(path: Path) -> list[str]:
    """Return the names of a zip's files."""
    with zipfile.ZipFile(path) as file:
        return file.namelist()


def seems_to_be(model: Any, held: Any, name: Any) -> str:
    """Say of which network the names in a file are, or that it lacks the last layer; nothing where neither is clear."""
    if not isinstance(held, Mapping):
        return ""
    names = {str(key) for key in held}
    of_file = f"; {Path(name).name}" if name is not None else "; this state dict"
    for wanted in (layer_names(model), paths_of(model)):
        head = {key for key in wanted if key.partition(".")[0] in _HEADS}
        if wanted and head and wanted - head <= names and not head & names:
            return f"{of_file} has no last layer: it is a file without the top ('notop'); take the one with it"
    best, share = None, _ENOUGH
    for other, layout, wanted in candidates():
        overlap = len(wanted & names) / max(len(wanted | names), 1)
        if overlap > share or (overlap == share and best is None):
            best, share = (other, layout), overlap
    if best is None:
        return ""
    other, layout = best
    return f'{of_file} seems to be the weights of {CATALOGUE[other].title}: tg.models.{other}(layout="{layout}")'


def layer_names(model: Any) -> set[str]:
    """Return Keras's names of a model's layers, if Keras has it."""
    try:
        return set(keras_layers(model).values())
    except ValueError:
        return set()


def candidates() -> Iterator[tuple[str, str, set[str]]]:
    """Yield every network of the catalogue with a layout, and the names that a file of it has."""
    for name, found in CATALOGUE.items():
        if not found.of_imagenet:
            continue
        for layout in ("keras", "torchvision"):
            try:
                model: Any = blank(name, layout=layout)
            except (ValueError, TypeError):
                continue
            keys = layer_names(model) if layout == "keras" else paths_of(model)
            if keys:
                yield name, layout, keys


def paths_of(model: Any) -> set[str]:
    """Return the keys of a model's state dict."""
    return {path for path, _ in (*model.named_parameters(), *model.named_buffers())}
