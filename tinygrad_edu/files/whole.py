"""A file is written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

__all__ = ["whole_file"]

FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


@contextlib.contextmanager
def whole_file(path: Any) -> Iterator[BinaryIO]:
    """Open a file to write beside ``path``; it moves there at the end, so that an existing file is replaced whole.

    The file gets the permissions of the one it replaces, a new one those that ``open`` would give it; a link stays a
    link to the file that it names. On any error what was there stays, and nothing is left beside it.

    Raises FileNotFoundError for a folder that does not exist, IsADirectoryError for a folder, PermissionError for a
    file or in a folder that may not be written, ValueError for what is no file, such as a device.
    """
    target = checked_target(Path(path))
    temporary = target.parent / f".{secrets.token_hex(8)}.tmp"
    try:
        descriptor = os.open(temporary, FLAGS, 0o666)  # less the umask, as open() does it
    except OSError as problem:
        raise type(problem)(
            f"save: {path} can't be written: no file can be made in its folder ({problem.strerror}); give another"
        ) from problem
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # or a crash of the machine leaves the new name with no content
        if target.exists():
            os.chmod(temporary, target.stat().st_mode & 0o7777)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def checked_target(given: Path) -> Path:
    """Return the file that a path names, links followed; raise if it can't be replaced."""
    target = Path(os.path.realpath(given))
    if target.is_dir():
        raise IsADirectoryError(f"save: {given} is a folder; give the name of a file in it")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"save: the folder {given.parent} does not exist; create it first")
    if target.exists():
        if not target.is_file():
            raise ValueError(f"save: {given} is no ordinary file; give another name")
        if not os.access(target, os.W_OK):
            raise PermissionError(f"save: {given} is write-protected; give another name, or allow writing")
    return target
