"""A Tensor's ``pad``, NumPy's: constant padding is an op; the other modes pick elements that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.arrays import plain

if TYPE_CHECKING:
    from tinygrad_edu.engine.tensor import Tensor

__all__ = ["Padding"]

_PICKS = ("edge", "reflect", "symmetric", "wrap")


class Padding:
    """Elements added around a Tensor."""

    __slots__ = ()

    if TYPE_CHECKING:
        _apply: Any

        @property
        def ndim(self) -> int: ...

    def pad(self, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> Tensor:
        """Elements added around, as ``np.pad``.

        pad_width: n, (before, after) for every axis, or a pair per axis; none negative. mode: ``constant`` (one value),
        ``edge``, ``reflect``, ``symmetric`` or ``wrap``.
        """
        widths = pad_widths(plain(pad_width), self.ndim)
        if mode == "constant":
            value = plain(constant_values)
            if np.ndim(value):
                raise ValueError(f"pad: constant_values must be one number, got shape {np.shape(value)}")
            return self._apply(P.pad, widths=widths, value=value)  # type: ignore[no-any-return]
        if mode not in _PICKS:
            raise ValueError(f"pad: mode {mode!r} is not supported; use constant, {', '.join(_PICKS)}")
        padded: Any = self
        for axis, (before, after) in enumerate(widths):
            if before or after:
                if not padded.shape[axis]:
                    raise ValueError(
                        f"pad: axis {axis} of shape {padded.shape} is empty, so mode {mode!r} finds nothing"
                    )
                positions = np.pad(np.arange(padded.shape[axis]), (before, after), mode=mode)  # type: ignore[call-overload]
                padded = padded.take(positions, axis=axis)
        return padded  # type: ignore[no-any-return]


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
