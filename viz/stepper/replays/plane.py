"""What a model says all over the plane: a small image per step, for data of two numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu import Tensor, no_grad
from tinygrad_edu.nn import Module
from tinygrad_edu.training.run import in_mode

__all__ = ["LETTERS", "Plane", "letters", "plane_of"]

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_SIDE = 28  # cells of the image
_POINTS = 240  # that are shown
_MARGIN = 0.12
_CLASSES = 6  # that have a colour


class Plane:
    """The square that is looked at, its points, and how an output becomes a colour.

    kind: ``two`` classes, ``many``, or ``value``, a number from ``low`` to ``high``.
    """

    def __init__(self, x: Any, y: Any, kind: str, low: float, high: float, logit: bool) -> None:
        self.kind, self.low, self.high, self.logit = kind, low, high, logit
        least, most = x.min(axis=0).astype(float), x.max(axis=0).astype(float)
        span = np.maximum(most - least, 1e-9)
        self.least, self.most = least - _MARGIN * span, most + _MARGIN * span
        right, up = (np.linspace(a, b, _SIDE) for a, b in zip(self.least, self.most))
        self.grid = np.stack([np.tile(right, _SIDE), np.repeat(up[::-1], _SIDE)], axis=1).astype(x.dtype)
        chosen = np.unique(np.linspace(0, len(x) - 1, min(len(x), _POINTS)).round().astype(int))
        places = (x[chosen] - self.least) / (self.most - self.least)
        self.points = np.round(places, 3).tolist()
        self.marks = [int(v) for v in y[chosen]] if kind != "value" else np.round(self.share(y[chosen]), 2).tolist()

    def share(self, value: Any) -> Any:
        """Where numbers lie between low and high, as -1 to 1."""
        if self.logit:
            return np.tanh(value / 2)
        return np.clip(2 * (value - self.low) / (self.high - self.low) - 1, -1, 1)

    def shot(self, model: Module) -> str:
        """What the model says now, a letter a cell; of many classes a letter for the class and one for how sure."""
        with in_mode(model, training=False), no_grad(), np.errstate(all="ignore"):
            out = np.asarray(model(Tensor(self.grid)).data, dtype=float).reshape(len(self.grid), -1)
        if self.kind == "many":
            sure = np.exp(out - out.max(axis=1, keepdims=True))
            chance = sure.max(axis=1) / sure.sum(axis=1)
            best = np.nan_to_num(out, nan=-np.inf).argmax(axis=1) % _CLASSES
            return "".join(LETTERS[c] for c in best) + letters(2 * chance - 1, 1.0)
        return letters(np.tanh((out[:, 1] - out[:, 0]) / 2) if out.shape[1] == 2 else self.share(out[:, 0]), 1.0)

    def to_dict(self) -> dict[str, Any]:
        """What a page needs to know."""
        corners = [float(f"{v:.4g}") for v in (*self.least, *self.most)]
        return {"kind": self.kind, "side": _SIDE, "corners": corners, "points": self.points, "marks": self.marks}


def plane_of(x: Any, y: Any, output: Any, loss_name: str) -> Plane | None:
    """Return the plane of data with two numbers an example; None for other data, and for targets of no one number."""
    fits = x.ndim == 2 and x.shape[1] == 2 and x.dtype.kind == "f" and len(x) > 1 and np.isfinite(x).all()
    if not fits or output.ndim > 2 or len(output) == 0 or y.size != len(x):
        return None
    y = y.reshape(-1)
    width = 1 if output.ndim == 1 else output.shape[1]
    whole = y.dtype.kind in "iub" or (np.isfinite(y).all() and np.all(y == np.round(y)) and len(np.unique(y)) == 2)
    if width > 1:
        return Plane(x, y, "two" if width == 2 else "many", 0, 1, False) if y.dtype.kind in "iub" else None
    low, high = (float(y.min()), float(y.max())) if y.min() < y.max() else (0.0, 1.0)
    if whole and len(np.unique(y)) <= 2:
        return Plane(x, (y > (low + high) / 2).astype(int), "two", low, high, loss_name.endswith("_with_logits"))
    return Plane(x, y.astype(float), "value", low, high, False)


def letters(values: Any, most: float) -> str:
    """Return numbers from -most to most as letters, 63 shades; one more letter for what is no number."""
    shares = np.asarray(values, dtype=float).ravel() / (most or 1.0)
    with np.errstate(invalid="ignore"):
        shades = np.clip(np.round((shares + 1) * 31), 0, 62)
    return "".join([LETTERS[int(shade)] if known else LETTERS[63] for shade, known in zip(shades, np.isfinite(shares))])
