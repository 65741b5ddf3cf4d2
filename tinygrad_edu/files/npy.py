"""NumPy's ``.npy``: a header that names dtype, order and shape, then the numbers. Nothing in it is evaluated."""

from __future__ import annotations

import math
import re
from typing import IO, Any

import numpy as np

from tinygrad_edu.files.dtypes import as_bytes, dtype_of, sound

__all__ = ["read", "write"]

Array = np.ndarray[Any, Any]
MAGIC = b"\x93NUMPY"
LONGEST = 10_000  # bytes of a header, as NumPy has it
CHUNK = 1 << 18  # bytes: what a processor keeps near
ITEM = re.compile(
    r"""\s*(?P<quote>['"])(?P<key>descr|fortran_order|shape)(?P=quote)\s*:\s*"""
    r"""(?P<value>(?P<mark>['"])[^'"]*(?P=mark)|True|False|\([0-9L,\s]*\))\s*(?:,|$)""",
    re.ASCII,
)


def write(entry: IO[bytes], array: Array) -> None:
    """Write header and numbers; an array in Fortran's order stays in it."""
    header = np.lib.format.header_data_from_array_1_0(array)
    np.lib.format.write_array_header_1_0(entry, header)
    rows = array.T if header["fortran_order"] else np.asarray(array, order="C")
    entry.write(as_bytes(rows).data)


def read(entry: IO[bytes], size: int) -> Array:
    """Return the array in an entry of ``size`` bytes; ValueError if the header asks for more or fewer."""
    start = exactly(entry, 8)
    if start[:6] != MAGIC or start[6] not in (1, 2, 3):
        raise ValueError("it is no .npy array")
    width = 2 if start[6] == 1 else 4
    length = int.from_bytes(exactly(entry, width), "little")
    if length > LONGEST:
        raise ValueError(f"its header has {length} bytes, more than any array needs")
    dtype, fortran, shape = header_of(exactly(entry, length).decode("latin-1"))
    wanted, left = math.prod(shape) * dtype.itemsize, size - 8 - width - length
    if wanted != left:
        raise ValueError(f"shape {shape} of {dtype} takes {wanted} bytes, and it has {left}")
    array = np.empty(shape, dtype, order="F" if fortran else "C")
    fill(as_bytes(array.T if fortran else array), entry)
    return sound(array)


def header_of(text: str) -> tuple[np.dtype[Any], bool, tuple[int, ...]]:
    """Read ``{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`` by pattern, never as Python."""
    text = text.strip()
    if not (text.startswith("{") and text.endswith("}")):
        raise ValueError("its header is no dict")
    found, at, inner = {}, 0, text[1:-1].rstrip()
    while at < len(inner) and (item := ITEM.match(inner, at)):
        if item["key"] in found:
            raise ValueError(f"its header has {item['key']} twice")
        found[item["key"]], at = item["value"], item.end()
    if at < len(inner) or len(found) != 3:
        raise ValueError("its header does not give a simple descr, a fortran_order and a shape")
    if found["descr"][0] not in "'\"" or found["fortran_order"] not in ("True", "False") or found["shape"][0] != "(":
        raise ValueError("its header mixes up descr, fortran_order and shape")
    lengths = [part.strip().removesuffix("L") for part in found["shape"][1:-1].split(",")]
    shape = tuple([int(length) for length in lengths if length])
    return dtype_of(found["descr"][1:-1]), found["fortran_order"] == "True", shape


def fill(target: Array, entry: IO[bytes]) -> None:
    """Read into an array of bytes, a bounded piece at a time."""
    for start in range(0, len(target), CHUNK):
        piece = target[start : start + CHUNK]
        piece[:] = np.frombuffer(exactly(entry, len(piece)), np.uint8)


def exactly(entry: IO[bytes], count: int) -> bytes:
    """Read so many bytes; ValueError if the entry ends before."""
    content = entry.read(count)
    if len(content) != count:
        raise ValueError("it ends too early")
    return content
