"""A picture's file is written whole or not at all."""

from __future__ import annotations

from typing import Any

from tinygrad_edu.files.whole import whole_file

__all__ = ["save_file"]


def save_file(path: Any, content: str | bytes) -> None:
    """Write ``content`` beside ``path`` and move it there, so that an existing file is replaced whole.

    The file gets the permissions of the one it replaces, a new one those that ``open`` would give it; a link stays a
    link to the file that it names. Raises FileNotFoundError for a folder that does not exist, IsADirectoryError for a
    folder, PermissionError for a file that may not be written.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    with whole_file(path) as file:
        file.write(data)
