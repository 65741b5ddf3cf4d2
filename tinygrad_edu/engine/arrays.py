"""What users give, as arrays of numbers: data, indices, and the arrays inside Tensors."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tinygrad_edu.engine.record import Node

__all__ = ["frozen", "plain", "refuse_integers", "to_array", "wants_gradient"]


def plain(value: Any) -> Any:
    """Return the arrays of Tensors, also inside an index tuple or a list."""
    if isinstance(value, Node):
        return value._data
    if isinstance(value, (tuple, list)):
        return type(value)([plain(part) for part in value])
    return value


def frozen(index: Any) -> Any:
    """Return an index of plain arrays that nobody else can change before the backward pass."""
    if isinstance(index, Node):
        index = index._data
    if isinstance(index, tuple):
        return tuple([frozen(part) for part in index])
    return np.array(index) if isinstance(index, (list, np.ndarray)) and np.size(index) else index


def to_array(data: Any, dtype: Any, copy: bool, requires_grad: bool) -> Any:
    """Return ``data`` as an array of numbers, a NumPy scalar if 0-d."""
    if isinstance(data, Node):
        if data._op is not None:
            warnings.warn(
                f"Tensor: a new Tensor of the output of {data._op.name} is cut off from its graph, so no gradient "
                "flows back; leave Tensor(...) out, or write .detach() if that is meant",
                UserWarning,
                stacklevel=3,
            )
        data = data._data
    elif isinstance(data, (list, tuple)):
        if wants_gradient(data):
            raise TypeError(
                f"Tensor: this {type(data).__name__} holds Tensors that need a gradient, which would be lost; "
                "join them with tg.stack or tg.concatenate, or take their .detach()"
            )
        data = plain(data)
    try:
        array = np.asarray(data, dtype=dtype)  # PyTorch's tensors are arrays too, but np.array(tensor) warns
        if copy and not isinstance(data, (list, tuple, int, float)):
            array = np.array(array)
    except ValueError as error:
        raise ValueError(f"Tensor: {error}; wanted numbers, in rows of equal length") from error
    if array.dtype.kind not in "fiub":
        hint = (
            "complex numbers are not supported"
            if array.dtype.kind == "c"
            else "wanted numbers, in rows of equal length"
        )
        raise TypeError(f"Tensor: {type(data).__name__} of dtype {array.dtype} can't be differentiated; {hint}")
    if requires_grad and dtype is None and array.dtype.kind in "iu" and isinstance(data, (int, list, tuple)):
        array = array.astype(np.float64)
    return array[()] if array.ndim == 0 else array


def refuse_integers(array: Any) -> None:
    """Raise TypeError for an array that can't have a gradient."""
    if array.dtype.kind != "f":
        raise TypeError(
            f"requires_grad: an array of {array.dtype} has no gradient, since integers can't change a little; "
            "convert it first: x.astype(np.float64)"
        )


def wants_gradient(value: Any) -> bool:
    """Whether a Tensor that needs a gradient is anywhere in nested tuples and lists."""
    if isinstance(value, (tuple, list)):
        return any(wants_gradient(part) for part in value)
    return isinstance(value, Node) and value._needs
