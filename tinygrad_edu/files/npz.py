"""NumPy's ``.npz``: a zip archive of ``.npy`` entries, read within bounds that the file itself sets."""

from __future__ import annotations

import os
import zipfile
from typing import Any, BinaryIO

import numpy as np

from tinygrad_edu.files import npy
from tinygrad_edu.files.dtypes import is_storable as holds
from tinygrad_edu.files.structure import NAME, Packed

__all__ = ["holds", "read", "write"]

Array = np.ndarray[Any, Any]
SUFFIX = ".npy"
DENSEST = 1032  # deflate makes at most so many bytes of one (zlib's technical notes)
ENCRYPTED = 0x1


def write(file: BinaryIO, packed: Packed) -> None:
    """Write an archive as ``np.savez`` does, an entry for each array; the text only where the names do not say all.

    The same content makes the same bytes: no entry has a date.
    """
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in packed.arrays.items():
            with archive.open(zipfile.ZipInfo(name + SUFFIX), "w", force_zip64=True) as entry:
                npy.write(entry, array)
        if not packed.flat:
            archive.writestr(zipfile.ZipInfo(NAME), packed.text)


def read(file: BinaryIO) -> tuple[dict[str, Array], str | None]:
    """Return the arrays by name and the text, if there is one; some error if anything is amiss."""
    if file.read(2) != b"PK":
        raise ValueError("it does not start as a zip archive does")
    with zipfile.ZipFile(file) as archive:
        entries = checked(archive.infolist(), os.fstat(file.fileno()).st_size)
        text = archive.read(entries.pop(NAME)).decode("ascii") if NAME in entries else None
        arrays = {}
        for name, info in entries.items():
            if not name.endswith(SUFFIX):
                raise ValueError(f"its entry {name[:60]!r} is no array")
            with archive.open(info) as entry:
                try:
                    arrays[name.removesuffix(SUFFIX)] = npy.read(entry, info.file_size)
                except ValueError as error:
                    raise ValueError(f"entry {name[:60]!r}: {error}") from error
    return arrays, text


def checked(infos: list[zipfile.ZipInfo], size: int) -> dict[str, zipfile.ZipInfo]:
    """Return the entries by name if the file is long enough to hold what they claim."""
    for info in infos:
        if info.flag_bits & ENCRYPTED or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"its entry {info.filename[:60]!r} is encrypted or packed in an unknown way")
        densest = 1 if info.compress_type == zipfile.ZIP_STORED else DENSEST
        if info.file_size > info.compress_size * densest or (info.filename == NAME and info.file_size > size):
            raise ValueError(f"its entry {info.filename[:60]!r} claims more bytes than it can hold")
    if sum([info.compress_size for info in infos]) > size:
        raise ValueError("its entries claim more bytes than the file has")
    entries = {info.filename: info for info in infos}
    if len(entries) != len(infos):
        raise ValueError("it has two entries of the same name")
    return entries
