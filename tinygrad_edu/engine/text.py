"""How numbers, parameters and Tensors are written as text."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["index_text", "number_text", "params_text", "place_of", "place_text", "tensor_text"]

_OF_WINDOWS = ("kernel", "stride", "padding", "dilation")  # pairs: vertical, horizontal


def tensor_text(tensor: Any) -> str:
    """Return ``Tensor(values, dtype, requires_grad or op, name)``, as short as NumPy would print it."""
    prefix = f"{type(tensor).__name__}("
    data = tensor._data
    values = str(data) if data.ndim == 0 else np.array2string(data, separator=", ", prefix=prefix)
    parts = [prefix + values]
    if tensor.dtype not in (np.float64, np.int64, np.bool_):
        parts.append(f"dtype={tensor.dtype}")
    if 0 in tensor.shape:
        parts.append(f"shape={tensor.shape}")
    if tensor._op is not None:
        parts.append(f"op={tensor._op.name}")
    elif tensor._needs:
        parts.append("requires_grad=True")
    if tensor._name:
        parts.append(f"name={tensor._name!r}")
    return ", ".join(parts) + ")"


def number_text(value: Any) -> str:
    """Return a number to 4 significant digits, with a real minus sign."""
    if isinstance(value, (bool, np.bool_)):
        return "1" if value else "0"
    text = f"{float(value) + 0.0:.4g}"
    return text.replace("-", "−").replace("e+0", "e").replace("e−0", "e−").replace("e+", "e")


def params_text(params: dict[str, Any]) -> list[str]:
    """Return the parameters worth showing: small, and not a default that says nothing."""
    shown = []
    for key, value in params.items():
        if value is None or value is False:
            continue
        if isinstance(value, tuple) and len(value) == 1:
            value = value[0]
        if key in _OF_WINDOWS and isinstance(value, tuple):
            value = alike(value)
        text = index_text(value) if key == "index" else str(value)
        if len(text) <= 40:
            shown.append(f"{key}={text}")
    return shown


def alike(value: Any) -> Any:
    """Return what a user would write for pairs of which both are equal: 2 for (2, 2)."""
    if not isinstance(value, tuple):
        return value
    parts = [alike(part) for part in value]
    return parts[0] if all(part == parts[0] for part in parts) else value


def index_text(index: Any) -> str:
    """Return an index as one would type it."""
    if isinstance(index, tuple):
        return ", ".join(index_text(part) for part in index) or "()"
    if isinstance(index, slice):
        ends = ["" if end is None else str(end) for end in (index.start, index.stop)]
        return ":".join(ends + ([str(index.step)] if index.step is not None else []))
    if index is Ellipsis:
        return "…"
    if isinstance(index, (np.ndarray, list)):
        flat = np.asarray(index)
        return str(flat.tolist()) if flat.size <= 4 else f"array {flat.shape}"
    return str(index)


def place_text(file: str, line: int) -> str:
    """Return a place in the user's code; a notebook's cell has no file that would say anything."""
    in_cell = os.path.basename(os.path.dirname(file)).startswith("ipykernel_")
    return f"line {line} of the cell" if in_cell else f"{file}:{line}"


def place_of(function: Callable[..., Any]) -> str:
    """Return where a function is defined; of one that is wrapped, what is inside; its name if it is no Python."""
    function = getattr(function, "__wrapped__", function)
    code = getattr(function, "__code__", None)
    return place_text(code.co_filename, code.co_firstlineno) if code else str(function)
