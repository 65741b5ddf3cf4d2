"""Axes and shapes as users spell them, tidied once, at the door."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from numpy.exceptions import AxisError

__all__ = ["every_axis", "insertion_axis", "maybe_axis", "one_axis", "shape_tuple", "sizes", "torch_spelling"]

Method = TypeVar("Method", bound=Callable[..., Any])
_NUMPY_WORD = {
    "dim": "axis", "keepdim": "keepdims", "dims": "axis", "correction": "ddof", "unbiased": "ddof",
    "start_dim": "start_axis", "end_dim": "end_axis",
}  # fmt: skip


def torch_spelling(method: Method) -> Method:
    """Take words of PyTorch, such as ``dim`` and ``keepdim``, as other ones for NumPy's ``axis`` and ``keepdims``."""

    @functools.wraps(method)
    def spelled(*args: Any, **kwargs: Any) -> Any:
        for word, numpys in _NUMPY_WORD.items():
            if word in kwargs:
                if numpys in kwargs:
                    raise TypeError(f"{method.__name__}: {word} and {numpys} mean the same; give one of them")
                kwargs[numpys] = kwargs.pop(word)
        return method(*args, **kwargs)

    return spelled  # type: ignore[return-value]


def one_axis(axis: Any, ndim: int, op: str) -> int:
    """Return an axis counted from the front; AxisError (a ValueError and an IndexError) if there is no such axis."""
    try:
        number = operator.index(axis)
    except TypeError:
        raise TypeError(f"{op}: axis must be an integer, not {type(axis).__name__}") from None
    if not -ndim <= number < ndim:
        have = f"axes {-ndim} to {ndim - 1}" if ndim else "no axes (it is 0-d)"
        raise AxisError(f"{op}: axis {number} does not exist; the Tensor has {have}")
    return number % ndim


def every_axis(axis: Any, ndim: int, op: str) -> tuple[int, ...]:
    """Return the axes to work over, None meaning all, sorted and counted from the front."""
    if axis is None:
        return tuple(range(ndim))
    if not isinstance(axis, (tuple, list)):
        if not ndim and axis in (0, -1):  # NumPy lets a 0-d array be reduced over axis 0 and -1
            return ()
        return (one_axis(axis, ndim, op),)
    axes = [one_axis(part, ndim, op) for part in axis]
    if len(set(axes)) < len(axes):
        raise ValueError(f"{op}: axis {tuple(axis)} names an axis twice")
    return tuple(sorted(axes))


def maybe_axis(axis: Any, ndim: int, op: str) -> int | None:
    """Return an axis counted from the front; None, which means laid out flat, as it is."""
    if axis is None or (not ndim and axis in (0, -1)):
        return None
    return one_axis(axis, ndim, op)


def insertion_axis(axis: Any, ndim: int, op: str) -> int:
    """Return where a new axis goes, so that the result has one axis more than ``ndim``."""
    return one_axis(axis, ndim + 1, op)


def sizes(shape: tuple[Any, ...], op: str) -> tuple[int, ...]:
    """Return a shape given as one tuple or number by number; TypeError for what is no integer."""
    parts: Iterable[Any] = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
    try:
        return tuple([operator.index(part) for part in parts])
    except TypeError:
        raise TypeError(f"{op}: sizes must be integers, got {shape}") from None


def shape_tuple(shape: tuple[Any, ...], size: int, op: str) -> tuple[int, ...]:
    """Return the shape wanted of ``size`` elements, with one -1 worked out if that is possible."""
    wanted = sizes(shape, op)
    known = 1
    for n in wanted:
        known *= n if n != -1 else 1
    if wanted.count(-1) > 1 or any(n < -1 for n in wanted):
        raise ValueError(f"{op}: at most one size may be -1, and none less, got {wanted}")
    if -1 in wanted and known and not size % known:
        return tuple([size // known if n == -1 else n for n in wanted])
    return wanted
