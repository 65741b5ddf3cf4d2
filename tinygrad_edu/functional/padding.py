"""PyTorch's ``pad``: widths for the last axis first, and four ways to fill them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_edu.engine import functions
from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.arguments import number, short
from tinygrad_edu.engine.axes import sizes
from tinygrad_edu.engine.scope import composite
from tinygrad_edu.engine.tensor import Tensor, as_tensor

__all__ = ["pad"]

_MODES = ("constant", "reflect", "replicate", "circular")


@composite
def pad(x: Any, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Elements added around x, or cut off where a width is negative.

    pad: (before, after) of the last axis, then of the last but one, and so on: (left, right, top, bottom, ...).
    mode: "constant" (``value``, by default 0), "reflect" (without the edge), "replicate" (the edge) or "circular" (from
    the other end). Raises ValueError for widths that do not come in pairs, are for more axes than x has, or find no
    element to take. ``tg.pad`` is NumPy's.
    """
    inputs = as_tensor(x)
    widths = widths_of(pad, inputs)
    if mode not in _MODES:
        raise ValueError(f"pad: mode {mode!r} is not supported; use {', '.join(_MODES)}")
    if mode != "constant" and value is not None and value != 0:
        raise ValueError(f"pad: mode {mode!r} takes no value, got {value}")
    if value is not None:
        number(value, "value", "pad")
    cut_first = mode in ("constant", "circular")  # the others take also what is cut off on the far side, as in PyTorch
    y = cut(inputs, widths) if cut_first else inputs
    grown = [(max(0, a), max(0, b)) for a, b in widths]
    if mode == "constant":
        if not any([a or b for a, b in grown]):
            return y
        return P.pad(y, widths=tuple(grown), value=0 if value is None else value)  # type: ignore[no-any-return]
    for axis, (before, after) in enumerate(grown):
        if before or after:
            refuse_far(mode, max(before, after), y.shape, axis)
            y = functions.concatenate(pieces(y, axis, before, after, mode), axis=axis)
    return y if cut_first else cut(y, widths)


def cut(x: Tensor, widths: list[tuple[int, int]]) -> Tensor:
    """Return x without what negative widths cut off."""
    if not any([a < 0 or b < 0 for a, b in widths]):
        return x
    return x[tuple([slice(max(0, -a), n - max(0, -b)) for (a, b), n in zip(widths, x.shape)])]


def widths_of(pad: Any, x: Tensor) -> list[tuple[int, int]]:
    """Return (before, after) for every axis of x, the first axis first."""
    if not isinstance(pad, (tuple, list, range)) and not (isinstance(pad, np.ndarray) and pad.ndim == 1):
        raise TypeError(f"pad: pad must be widths (before, after), axis by axis from the last, got {short(pad)}")
    flat = sizes((tuple(pad),), "pad")
    if len(flat) % 2 or len(flat) > 2 * x.ndim:
        raise ValueError(
            f"pad: {len(flat)} widths {flat} for x {x.shape}; give (before, after) for the last axis, then for the one "
            f"before it, at most {2 * x.ndim} in all"
        )
    pairs = list(zip(flat[::2], flat[1::2]))
    widths = [(0, 0)] * (x.ndim - len(pairs)) + pairs[::-1]
    for axis, ((before, after), n) in enumerate(zip(widths, x.shape)):
        if n + min(before, 0) + min(after, 0) < 0 or n + before + after < 0:
            raise ValueError(
                f"pad: widths {(before, after)} cut more than the {n} elements of axis {axis} of x {x.shape}"
            )
    return widths


def pieces(x: Tensor, axis: int, before: int, after: int, mode: str) -> list[Tensor]:
    """Return what comes before, x itself and what comes after along the axis."""

    def part(start: int, stop: int) -> Tensor:
        return x[(slice(None),) * axis + (slice(start, stop),)]

    n = x.shape[axis]
    if mode == "circular":
        ends = part(n - before, n), part(0, after)
    elif mode == "reflect":
        ends = part(1, 1 + before).flip(axis), part(n - 1 - after, n - 1).flip(axis)
    else:
        shapes = [(*x.shape[:axis], width, *x.shape[axis + 1 :]) for width in (before, after)]
        ends = part(0, 1).broadcast_to(shapes[0]), part(n - 1, n).broadcast_to(shapes[1])
    return [piece for piece, width in ((ends[0], before), (x, 1), (ends[1], after)) if width]


def refuse_far(mode: str, width: int, shape: tuple[int, ...], axis: int) -> None:
    """Raise ValueError where a width asks for elements that are not there."""
    n = shape[axis]
    most = {"reflect": n - 1, "circular": n}.get(mode, width if n else 0)
    if width > most:
        raise ValueError(
            f"pad: mode {mode!r} finds no {width} elements along axis {axis} of {shape}; the width may be up to "
            f"{max(most, 0)}"
        )
