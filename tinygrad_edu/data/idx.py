"""MNIST and its like, read from the four IDX files as published."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tinygrad_edu.data.images import Pair, Split

__all__ = ["mnist"]

_PARTS = {"train": ("train-images", "train-labels"), "test": ("t10k-images", "t10k-labels")}
_UNSIGNED_BYTE = 0x08
_MOST_SAMPLES = 1_000_000  # more than in any set published in this form
_SIDE = 28
_PIECE = 1 << 20  # bytes read at a time, so that memory follows what a file holds, not what it claims


def mnist(folder: Any, *, dtype: Any = np.float32) -> Split:
    """Read MNIST (or Fashion-MNIST, or any set published like it) from a folder with its four files.

    The files are ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
    ``t10k-labels-idx1-ubyte``, packed (``.gz``) or not, also written with a dot (``train-images.idx3-ubyte``).
    Images are (n, 1, 28, 28) from 0 (paper) to 1 (ink); with ``dtype=np.uint8`` from 0 to 255, a quarter of the
    memory. Labels are (n,) int64 from 0 to 9.
    Raises FileNotFoundError that names folder and files, and ValueError that names the file for one that is damaged,
    truncated, too long or no IDX file of bytes, and for images and labels that differ in number.

    Format: Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits, 1998.
    """
    folder, dtype = Path(folder), np.dtype(dtype)
    if dtype != np.uint8 and dtype.kind != "f":
        raise TypeError(f"mnist: wanted a dtype of floats, or uint8 for 0 to 255, got {dtype}")
    found = {name: found_file(folder, name, axes) for pair in _PARTS.values() for name, axes in zip(pair, (3, 1))}
    return Split(part(found, *_PARTS["train"], dtype), part(found, *_PARTS["test"], dtype))


def found_file(folder: Path, name: str, axes: int) -> Path:
    """Return the file under one of the names it may have; FileNotFoundError that lists them."""
    names = [f"{name}{mark}idx{axes}-ubyte{packed}" for mark in "-." for packed in ("", ".gz")]
    for candidate in names:
        if (folder / candidate).is_file():
            return folder / candidate
    raise FileNotFoundError(f"mnist: the folder {folder} holds none of {', '.join(names)}")


def part(found: dict[str, Path], images: str, labels: str, dtype: np.dtype[Any]) -> Pair:
    """Return the images and labels of one part, checked against each other."""
    x, y = read_idx(found[images], 3), read_idx(found[labels], 1)
    if x.shape[1:] != (_SIDE, _SIDE):
        raise ValueError(f"mnist: {found[images]}: wanted images of 28×28 pixels, got {x.shape[1]}×{x.shape[2]}")
    if len(x) != len(y):
        raise ValueError(f"mnist: {found[images]} has {len(x)} images but {found[labels]} has {len(y)} labels")
    if y.size and y.max() > 9:
        raise ValueError(f"mnist: {found[labels]}: labels must be from 0 to 9, got {y.max()}")
    x = x[:, None] if dtype == np.uint8 else np.divide(x[:, None], 255, dtype=dtype)
    return x, y.astype(np.int64)


def read_idx(path: Path, axes: int) -> np.ndarray[Any, Any]:
    """Read one IDX file of unsigned bytes, packed or not; ValueError that names it for anything else."""
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        try:
            if not packed:
                return parsed(raw, path, axes)
            with gzip.open(raw, "rb") as unpacked:
                return parsed(unpacked, path, axes)  # type: ignore[arg-type]
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"mnist: {path} is damaged or truncated: {error}") from error


def parsed(file: BinaryIO, path: Path, axes: int) -> np.ndarray[Any, Any]:
    """Return the array of an open IDX file: two zero bytes, dtype code, number of axes, lengths, bytes."""
    magic = exactly(file, 4, path)
    if magic[:2] != b"\0\0":
        raise ValueError(f"mnist: {path} is no IDX file: it starts with {magic.hex(' ')}")
    if magic[2] != _UNSIGNED_BYTE or magic[3] != axes:
        raise ValueError(
            f"mnist: {path}: wanted unsigned bytes (code 0x08) in {axes} axes, got code 0x{magic[2]:02x} in {magic[3]}"
        )
    shape = tuple(int.from_bytes(exactly(file, 4, path), "big") for _ in range(axes))
    if shape[0] > _MOST_SAMPLES or any(length > 1024 for length in shape[1:]):
        raise ValueError(f"mnist: {path} claims the shape {shape}, more than any set published in this form")
    data = exactly(file, math.prod(shape), path)
    if file.read(1):
        raise ValueError(f"mnist: {path} goes on after the {len(data)} bytes that its shape {shape} announces")
    return np.frombuffer(data, np.uint8).reshape(shape)


def exactly(file: BinaryIO, wanted: int, path: Path) -> bytearray:
    """Read ``wanted`` bytes, piece by piece; ValueError where the file ends before."""
    data = bytearray()
    while len(data) < wanted:
        piece = file.read(min(_PIECE, wanted - len(data)))
        if not piece:
            raise ValueError(f"mnist: {path} is truncated: wanted {wanted} bytes in a row, got {len(data)}")
        data += piece
    return data
