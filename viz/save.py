"""A file is written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

__all__ = ["save_file"]


def save_file(path: Any, content: str | bytes) -> None:
    """Write ``content`` beside ``path`` and move it there, so that an existing file is replaced whole.

    Raises FileNotFoundError for a folder that does not exist, IsADirectoryError for a folder.
    """
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(f"save: {target} is a folder; give the name of a file in it")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"save: the folder {target.parent} does not exist; create it first")
    data = content.encode("utf-8") if isinstance(content, str) else content
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:40]}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, target.stat().st_mode if target.exists() else 0o666 & ~current_umask())
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def current_umask() -> int:
    """Return the permissions that new files don't get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
