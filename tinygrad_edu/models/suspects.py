"""What a file that does not fit seems to be instead."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tinygrad_edu.models.catalogue import CATALOGUE, blank
from tinygrad_edu.models.keras_files import is_hdf5, is_keras_zip, ranked
from tinygrad_edu.models.keras_layout import keras_layers, keras_names
from tinygrad_edu.models.keras_order import kind_of
from tinygrad_edu.nn import Linear

__all__ = ["KERAS_KINDS", "KERAS_NAMES", "STATE", "Contents", "seems_to_be", "strange_file"]

Contents = set[tuple[str, Any]]  # what a file holds: names, and shapes
KERAS_NAMES, KERAS_KINDS, STATE = "Keras's names", "Keras's kinds", "a state dict"  # what the names may be

_ENOUGH = 0.7  # of the names and shapes of a network: then a file seems to be of that network
_KINDS = (".h5", ".weights.h5", ".keras", ".safetensors", ".npz")
_PICKLE = "it is a pickle, which could run any program when it is read"
_CONVERT = """convert it where PyTorch is:
    from safetensors.torch import save_file
    save_file(torch.load("{name}", weights_only=True), "{stem}.safetensors")"""
_PLACES = {"imagenet", "imagenet1kv1", "imagenet1kv2", "default", "pretrained", "true"}


def strange_file(path: Path) -> None:
    """Raise for a file that can't hold weights: FileNotFoundError, or ValueError that says what it is."""
    if not path.is_file():
        raise FileNotFoundError(f"the file of weights {path} {missing(path)}")
    with path.open("rb") as file:
        begin = file.read(512)
    suffix = path.suffix.lower()
    of_safetensors = begin[8:9] == b"{"  # a length of 8 bytes, of any value, then JSON
    if is_hdf5(path) or is_keras_zip(path) or (of_safetensors and suffix == ".safetensors"):
        return
    what = content(path, begin) if begin else "is empty: its download was cut off"
    if not what and suffix not in (".safetensors", ".npz"):  # of these, tg.load says what is wrong
        more = f"; it begins as .safetensors do: name it {path.stem}.safetensors" if of_safetensors else ""
        what = f"is no file of weights that can be read here, which are {', '.join(_KINDS)}{more}"
    if what:
        raise ValueError(f"{path.name} {what}")


def missing(path: Path) -> str:
    """Say why there is no file at a path."""
    if path.is_dir():
        return "is a folder; give a file in it" + (
            ": TensorFlow's SavedModel, which has to be saved again as .h5"
            if (path / "saved_model.pb").exists()
            else ""
        )
    bare = re.sub(r"[^a-z0-9]", "", path.name.lower())
    hint = "; nothing is downloaded here: fetch a file, as of keras.io/api/applications, and give its path"
    return "does not exist" + (hint if bare in _PLACES else "")


def content(path: Path, begin: bytes) -> str:
    """Say what a file is whose first bytes are those of no format for weights; nothing where it isn't clear."""
    if re.match(rb"\s*<(!doctype|html|\?xml|head|body)", begin, re.IGNORECASE):
        return "is an HTML page, not a file of weights: the link led to a page about it"
    if begin.startswith(b"version https://git-lfs"):
        return "only points to a file in Git LFS; run: git lfs pull"
    if begin[:2] == b"\x1f\x8b":
        return "is compressed; unpack it first: gunzip"
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as file:
            names = file.namelist()
        if any(name.endswith("data.pkl") for name in names):
            return f"is of PyTorch; {_PICKLE}, so {_CONVERT.format(name=path.name, stem=path.stem)}"
        inside = [name for name in names if name.endswith(_KINDS)]
        return f"is a zip archive; unpack it first: it holds {inside[0]}" if inside else ""
    if begin[:1] == b"\x80" and begin[1:2] in b"\x02\x03\x04\x05":
        return f"is of PyTorch; {_PICKLE}, so {_CONVERT.format(name=path.name, stem=path.stem)}"
    if begin.lstrip()[:1] in (b"{", b"["):
        return "is text (JSON), such as a server's answer or a model's description, and holds no weights"
    return ""


class Network(NamedTuple):
    """One of the catalogue's, in a layout, and what a file of it holds, with its last layers and without."""

    name: str
    layout: str
    whole: Contents
    headless: Contents


def seems_to_be(model: Any, held: Contents, file: str, kind: str) -> str:
    """Say of which network a file is, or that it lacks the last layers or has other classes; nothing if unclear.

    held: what is in the file. kind: what its names are, one of ``KERAS_NAMES``, ``KERAS_KINDS`` and ``STATE``.
    """
    own, top = contents(model, kind)
    if own and not {name for name, _ in held ^ own} - {name for name, _ in top}:  # all but the last layers fits
        if not {name for name, _ in held} & {name for name, _ in top}:
            return f"; {without(file)}"
        return classes(held, own)
    best, share, cut = None, _ENOUGH, False
    for network in networks(kind):
        for headless, wanted in enumerate((network.whole, network.headless)):
            overlap = len(wanted & held) / len(wanted | held)
            if overlap > share and wanted != own:
                best, share, cut = network, overlap, bool(headless)
    if best is None:
        return ""
    found = f'{CATALOGUE[best.name].title}: tg.models.{best.name}(layout="{best.layout}")'
    return f"; {file} seems to be the weights of {found}" + (f"; and {without('it')}" if cut else "")


def without(file: str) -> str:
    """Say that a file lacks the last layers."""
    return f"{file} has no last layers: it was saved without the top ('notop'); take the file with it"


def classes(held: Contents, own: Contents) -> str:
    """Say how many classes a file is for, if that is all that is wrong."""
    ours, theirs = sorted(own - held, key=str), dict(held)
    counts = {(theirs[name], shape) for name, shape in ours if name in theirs}
    found = {a for shapes in counts for a, b in zip(*map(flat, shapes)) if a != b}
    if len(found) != 1 or len(ours) > 2:
        return ""
    count = found.pop()
    return f"; it is for {count} classes: give num_classes={count}"


def flat(shapes: Any) -> list[int]:
    """Return all lengths of a shape, or of a tuple of shapes."""
    return [n for part in shapes for n in flat(part)] if isinstance(shapes, tuple) else [shapes]


def contents(model: Any, kind: str) -> tuple[Contents, Contents]:
    """Return what a file of a model holds, and what of that belongs to fully connected layers."""
    if kind == STATE:
        held = [*model.named_parameters(), *model.named_buffers()]
        whole = {(path, tuple(x.shape)) for path, x in held if not path.endswith("num_batches_tracked")}
        linear = [f"{path}." for path, module in model.named_modules() if isinstance(module, Linear)]
        return whole, {(path, shape) for path, shape in whole if path.startswith(tuple(linear))}
    try:
        layers = {name: model.get_submodule(path) for path, name in keras_layers(model).items()}
    except ValueError:
        return set(), set()
    shapes: dict[str, tuple[Any, ...]] = {}
    for place in keras_names(model).values():
        shapes[place.layer] = (*shapes.get(place.layer, ()), place.shape)
    if kind == KERAS_KINDS:
        whole = of_kinds([(kind_of(layers[name]), held) for name, held in shapes.items()])
        return whole, {(name, held) for name, held in whole if name.startswith("dense")}
    ranks = ranked(shapes)
    linear = [ranks[name] for name, module in layers.items() if isinstance(module, Linear)]
    whole = {(ranks[name], held) for name, held in shapes.items()}
    return whole, {(name, held) for name, held in whole if name in linear}


def of_kinds(layers: list[tuple[str, Any]]) -> Contents:
    """Return layers of which only kind and shapes are known; equal ones are counted, as their order is not known."""
    counts: dict[Any, int] = {}
    for layer in layers:
        counts[layer] = counts.get(layer, 0) + 1
    return {(f"{kind} {i}", shapes) for (kind, shapes), count in counts.items() for i in range(count)}


def networks(kind: str) -> Iterator[Network]:
    """Yield every network of the catalogue in each of its layouts."""
    for name, found in CATALOGUE.items():
        for layout in ("keras", "torchvision") if kind == STATE else ("keras",):
            if not found.of_imagenet:
                continue
            try:
                whole, top = contents(blank(name, layout=layout), kind)
            except ValueError:  # there is no such layout
                continue
            if whole:
                yield Network(name, layout, whole, whole - top)
