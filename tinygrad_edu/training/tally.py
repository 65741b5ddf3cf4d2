"""Means over examples, gathered batch by batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.engine.arrays import plain
from tinygrad_edu.engine.tensor import Tensor

__all__ = ["Tally", "share_right"]


class Tally:
    """Adds up what batches came to; a smaller batch counts less."""

    def __init__(self) -> None:
        self.batches = self.examples = 0
        self.loss = 0.0
        self.right: float | None = 0.0

    def add(self, examples: int, loss: float, right: float | None) -> None:
        """Take up a batch: its mean loss, and the share of it that is right, if that can be said."""
        self.batches += 1
        self.examples += examples
        self.loss += loss * examples
        self.right = None if right is None or self.right is None else self.right + right * examples

    def means(self, who: str) -> tuple[float, float | None]:
        """Return both per example; ValueError if there were none."""
        if not self.examples:
            raise ValueError(
                f"{who}: the loader gave no examples; an iterator gives its batches once: pass a DataLoader or a list"
            )
        return self.loss / self.examples, None if self.right is None else self.right / self.examples


def share_right(output: Any, target: Any) -> float | None:
    """Return the share of targets whose class has the highest score; None where they are no classes.

    output: (N, C) or (N, C, d1, ...), scores of C classes. target: integer labels in its shape without C.
    """
    labels = np.asarray(plain(target))
    if not isinstance(output, Tensor) or labels.dtype.kind not in "iu":
        return None
    if output.ndim < 2 or labels.shape != output.shape[:1] + output.shape[2:] or not labels.size:
        return None
    return float(np.mean(output.data.argmax(axis=1) == labels))
