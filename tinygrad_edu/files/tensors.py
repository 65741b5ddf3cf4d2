"""The ``.safetensors`` format, by the package of that name: a JSON header, then the numbers of every tensor."""

from __future__ import annotations

import json
from typing import Any, BinaryIO

import numpy as np

from tinygrad_edu.files.dtypes import is_storable, sound
from tinygrad_edu.files.structure import NAME, Packed, parsed

__all__ = ["holds", "library", "read", "write"]

Array = np.ndarray[Any, Any]
COMPLEX = "tinygrad_edu.complex"
TYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8",
    "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8", "C64": "<c8", "BF16": "<u2",
}  # fmt: skip


def library(caller: str) -> Any:
    """Return the package safetensors; ImportError that says how to get it."""
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            f'{caller}: .safetensors files need the package safetensors; pip install "tinygrad-edu[train]", '
            "or use a .npz file, which needs nothing more"
        ) from error
    return safetensors


def holds(dtype: np.dtype[Any]) -> bool:
    """Whether the format has a dtype, complex numbers as pairs of floats: what has more than 64 bits it has not."""
    return is_storable(dtype) and dtype.kind in "biufc" and dtype.itemsize <= (16 if dtype.kind == "c" else 8)


def write(file: BinaryIO, packed: Packed) -> None:
    """Write all arrays and, in the header's metadata, the text; a complex array as pairs of floats."""
    pairs = {name: array.dtype.name for name, array in packed.arrays.items() if array.dtype.kind == "c"}
    metadata = {NAME: packed.text, **({COMPLEX: json.dumps(pairs)} if pairs else {})}
    plain = {name: little(array) for name, array in packed.arrays.items()}
    file.write(library("save").numpy.save(plain, metadata))


def little(array: Array) -> Array:
    """Return an array as the format wants it: in C order, little-endian, of real numbers."""
    array = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
    if array.dtype.kind != "c":
        return array
    half = np.dtype(f"<f{array.dtype.itemsize // 2}")
    return array.reshape(-1).view(half).reshape(*array.shape, 2)


def read(file: BinaryIO) -> tuple[dict[str, Array], str | None]:
    """Return the arrays by name and the text, if there is one; some error if anything is amiss."""
    content = file.read()
    length = int.from_bytes(content[:8], "little")
    if not 0 < length <= len(content) - 8:
        raise ValueError("its header is longer than the file, or empty")
    header = parsed(content[8 : 8 + length].decode("utf-8"))
    held = dict(library("load").deserialize(content))
    metadata = header.pop("__metadata__", None) or {}
    arrays = {name: array_of(name, held.pop(name)) for name in header}
    for name, dtype in parsed(metadata.get(COMPLEX, "{}")).items():
        arrays[name] = as_complex(arrays[name], dtype)
    return arrays, metadata.get(NAME)


def array_of(name: str, spec: dict[str, Any]) -> Array:
    """Return a tensor as an array of its own; bfloat16 is the upper half of a float32."""
    if spec["dtype"] not in TYPES:
        raise ValueError(f"tensor {name[:60]!r}: NumPy has no dtype {spec['dtype']}")
    shape, dtype = tuple(spec["shape"]), np.dtype(TYPES[spec["dtype"]])
    array = np.frombuffer(spec["data"], dtype).reshape(shape) if spec["data"] else np.empty(shape, dtype)
    if spec["dtype"] == "BF16":
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return sound(array)


def as_complex(pairs: Array, dtype: Any) -> Array:
    """Return pairs of floats as the complex numbers that they were saved from."""
    if pairs.dtype.kind != "f" or pairs.shape[-1:] != (2,) or np.dtype(f"c{2 * pairs.itemsize}").name != dtype:
        raise ValueError(f"an array of {pairs.dtype} and shape {pairs.shape} can't be {str(dtype)[:60]}")
    numbers: Array = pairs.reshape(-1).view(np.dtype(dtype)).reshape(pairs.shape[:-1])
    return numbers
