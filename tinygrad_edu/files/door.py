"""``save`` and ``load``: what a path may be, which format it names, and one kind of error for what can't be read."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from tinygrad_edu.files.structure import pack, unpack
from tinygrad_edu.files.whole import whole_file

__all__ = ["load", "save"]


def save(obj: Any, path: Any) -> None:
    """Write a model, a state dict, a Tensor or a whole checkpoint to a ``.npz`` or ``.safetensors`` file.

    obj: arrays and Tensors of any shape and a dtype of numbers, dates or text, alone or in dicts, lists and tuples,
    beside Python numbers, strings, bools and None; a Module (or an optimiser) stands for its ``state_dict()``.
    The file is written beside ``path`` and moved there: an existing file is replaced whole, or stays. Nothing is
    pickled. An entry is called after its key (``model/0.weight``), so that other programs find it.

    Raises ValueError for another suffix, TypeError for what no such file can hold, ImportError where the package
    safetensors is missing, FileNotFoundError or IsADirectoryError for a path that can't be written.

    >>> import numpy as np, tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "checkpoint.npz")
    >>> save({"weight": np.eye(2), "epoch": 3}, path)
    >>> load(path)
    {'weight': array([[1., 0.],
           [0., 1.]]), 'epoch': 3}
    """
    form = format_of("save", Path(path))
    packed = pack(obj, form.holds)
    with whole_file(path) as file:
        form.write(file, packed)


def load(path: Any) -> Any:
    """Read what ``save`` wrote, with NumPy arrays for Tensors; a file of another program is a flat dict of arrays.

    A saved Module comes back as the dict that its ``load_state_dict`` takes. Arrays are in the machine's byte order
    and can be written to; bfloat16 becomes float32. Nothing in the file is run.

    Raises ValueError that names the file if it is damaged, cut short or of another kind, FileNotFoundError,
    IsADirectoryError, ImportError where the package safetensors is missing.
    """
    given = Path(path)
    form = format_of("load", given)
    try:
        status = given.stat()
    except FileNotFoundError:
        raise FileNotFoundError(f"load: there is no file {given}") from None
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(f"load: {given} is a folder; give the name of a file in it")
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"load: {given} is no ordinary file")
    with open(given, "rb") as file:
        try:
            return unpack(*form.read(file))
        except MemoryError as error:
            raise ValueError(f"load: {given} needs more memory than there is: {reason(error)}") from error
        except Exception as error:  # whatever a parser says of bytes that anyone may have written
            raise ValueError(f"load: {given} is damaged or no {given.suffix} file: {reason(error)}") from error


def format_of(caller: str, path: Path) -> Any:
    """Return the module that reads and writes the format which a suffix names."""
    suffix = path.suffix.lower()
    if suffix == ".npz":
        from tinygrad_edu.files import npz

        return npz
    if suffix == ".safetensors":
        from tinygrad_edu.files import tensors

        tensors.library(caller)
        return tensors
    raise ValueError(f"{caller}: the suffix {path.suffix!r} of {path.name} is none of .npz, .safetensors")


def reason(error: Exception) -> str:
    """Return what an error says, in one short line."""
    words = " ".join(str(error).split())
    words = words if len(words) < 200 else words[:200] + "…"
    return words if type(error) is ValueError else f"{words} ({type(error).__name__})"
