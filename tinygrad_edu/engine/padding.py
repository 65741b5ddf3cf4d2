"""``np.pad``: constant padding is an op; the other modes pick elements that are there."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.arrays import plain
from tinygrad_edu.engine.tensor import Tensor, apply, as_tensor

__all__ = ["pad"]

_PICKS = ("edge", "reflect", "symmetric", "wrap")


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> Tensor:
    """Elements added around ``x``, as ``np.pad``.

    pad_width: n, (before, after) for every axis, or a pair per axis; none negative. mode: ``constant`` (one value),
    ``edge``, ``reflect``, ``symmetric`` or ``wrap``.
    """
    padded = as_tensor(x)
    widths = pad_widths(plain(pad_width), padded.ndim)
    if mode == "constant":
        value = plain(constant_values)
        if np.ndim(value):
            raise ValueError(f"pad: constant_values must be one number, got shape {np.shape(value)}")
        return apply(P.pad, (padded,), {"widths": widths, "value": value})
    if mode not in _PICKS:
        raise ValueError(f"pad: mode {mode!r} is not supported; use constant, {', '.join(_PICKS)}")
    for axis, (before, after) in enumerate(widths):
        if before or after:
            if not x.shape[axis]:
                raise ValueError(
                    f"pad: axis {axis} of shape {x.shape} is empty, so mode {mode!r} has nothing to repeat"
                )
            positions = np.pad(np.arange(padded.shape[axis]), (before, after), mode=mode)  # type: ignore[call-overload]
            padded = padded.take(positions, axis=axis)
    return padded


def pad_widths(pad_width: Any, ndim: int) -> tuple[tuple[int, int], ...]:
    """Return a pair (before, after) per axis."""
    if isinstance(pad_width, dict):
        pad_width = [pad_width.get(axis, pad_width.get(axis - ndim, 0)) for axis in range(ndim)]
        pad_width = [(n, n) if np.ndim(n) == 0 else n for n in pad_width]
    given = np.asarray(pad_width)
    if given.dtype.kind not in "iu" and given.size:
        raise TypeError(f"pad: pad_width must be integers, got {pad_width!r}")
    try:
        widths = np.broadcast_to(given, (ndim, 2)).tolist()
    except ValueError:
        raise ValueError(
            f"pad: pad_width of shape {given.shape} does not fit {ndim} axes; give n, (before, after) or pairs"
        ) from None
    if any(n < 0 for pair in widths for n in pair):
        raise ValueError(f"pad: pad_width must not be negative, got {pad_width!r}; slice to cut")
    return tuple([(int(before), int(after)) for before, after in widths])
