"""How a Tensor shows itself as text."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["tensor_text"]


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
