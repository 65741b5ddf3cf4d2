"""A file is written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import Any

__all__ = ["save_file"]


def save_file(path: Any, content: str | bytes) -> None:
    """Write ``content`` beside ``path`` and move it there, so that an existing file is replaced whole.

    The file gets the permissions of the one it replaces, a new one those that ``open`` would give it; a link stays a
    link to the file that it names. Raises FileNotFoundError for a folder that does not exist, IsADirectoryError for a
    folder.
    """
    given = Path(path)
    target = Path(os.path.realpath(given))
    if target.is_dir():
        raise IsADirectoryError(f"save: {given} is a folder; give the name of a file in it")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"save: the folder {given.parent} does not exist; create it first")
    data = content.encode("utf-8") if isinstance(content, str) else content
    temporary = target.parent / f".{secrets.token_hex(8)}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    handle = os.open(temporary, flags, 0o666)  # less the umask, as open() does it
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        if target.exists():
            os.chmod(temporary, target.stat().st_mode & 0o7777)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
