"""Means over examples, gathered batch by batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.engine.arrays import plain
from tinygrad_edu.engine.tensor import Tensor

__all__ = ["Tally", "right_answers"]


class Tally:
    """Adds up what batches came to; a smaller batch counts less."""

    def __init__(self) -> None:
        self.batches = self.examples = self.right = self.answers = 0
        self.loss = 0.0

    def add(self, examples: int, loss: float, right: tuple[int, int]) -> None:
        """Take up a batch: its mean loss, how many answers are right, and of how many that can be said."""
        self.batches += 1
        self.examples += examples
        self.loss += loss * examples
        self.right += right[0]
        self.answers += right[1]

    def means(self, who: str) -> tuple[float, float | None]:
        """Return the loss per example and the share of right answers; ValueError if there were no examples."""
        if not self.examples:
            raise ValueError(
                f"{who}: the loader gave no examples; an iterator gives its batches once: pass a DataLoader or a list"
            )
        return self.loss / self.examples, self.right / self.answers if self.answers else None


def right_answers(output: Any, target: Any) -> tuple[int, int]:
    """Return for how many targets the class with the highest score is right, and of how many; 0, 0 without classes.

    output: (N, C) or (N, C, d1, ...), scores of C classes. target: integer labels in its shape without C.
    """
    labels = np.asarray(plain(target))
    if not isinstance(output, Tensor) or output.ndim < 2 or labels.dtype.kind not in "iu":
        return 0, 0
    if labels.shape != output.shape[:1] + output.shape[2:]:
        return 0, 0
    return int(np.count_nonzero(output.data.argmax(axis=1) == labels)), labels.size
