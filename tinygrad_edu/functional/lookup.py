"""Classes and words as vectors: rows of a table, or of the identity matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.arguments import integer
from tinygrad_edu.engine.scope import composite
from tinygrad_edu.engine.tensor import Tensor, as_tensor

__all__ = ["embedding", "one_hot"]


@composite
def one_hot(x: Any, num_classes: int = -1) -> Tensor:
    """A 1 at the place that each label names, 0 elsewhere: labels (...) to (..., num_classes), of int64.

    num_classes: by default one more than the largest label. Raises TypeError for labels that are no integers, and
    IndexError for one that is out of range, ValueError where the number of classes is below 1 or can't be told.
    """
    labels = checked_indices(as_tensor(x)._data, "one_hot")
    classes = integer(num_classes, "num_classes", "one_hot")
    if classes == -1:
        if not labels.size:
            raise ValueError("one_hot: of no labels the number of classes can't be told; give num_classes")
        classes = int(labels.max()) + 1
    elif classes < 1:
        raise ValueError(f"one_hot: num_classes must be 1 or more, or -1 to find it out, got {num_classes}")
    in_range(labels, classes, "one_hot", f"num_classes is {classes}")
    return Tensor((labels[..., None] == np.arange(classes)).astype(np.int64), copy=False)


@composite
def embedding(x: Any, weight: Any, padding_idx: int | None = None) -> Tensor:
    """The rows of ``weight`` that x names: integers (...) and a table (num_embeddings, dim) to (..., dim).

    padding_idx: a row that gets no gradient; below 0 it counts from the end. Raises TypeError for an x that holds no
    integers, IndexError for one that names no row, ValueError for a table that has not two axes. Bengio et al. 2003.
    """
    table = as_tensor(weight)
    if table.ndim != 2:
        raise ValueError(f"embedding: weight has shape {table.shape}; it must be (num_embeddings, dim)")
    rows = table.shape[0]
    places = np.array(checked_indices(as_tensor(x)._data, "embedding"), np.intp)
    in_range(places, rows, "embedding", f"weight {table.shape} has {rows} rows")
    found: Tensor = table[places]
    if padding_idx is None:
        return found
    padding_idx = integer(padding_idx, "padding_idx", "embedding")
    if not -rows <= padding_idx < rows:
        raise IndexError(f"embedding: padding_idx {padding_idx} is no row of weight {table.shape}")
    fixed = places == padding_idx % rows
    return P.where(fixed[..., None], found.detach(), found) if fixed.any() else found


def checked_indices(data: Any, op: str) -> Any:
    """Return whole numbers; TypeError for anything else."""
    if data.dtype.kind not in "iu":
        raise TypeError(f"{op}: x {data.shape} holds {data.dtype}, but must hold integers: x.astype(np.int64)")
    return np.asarray(data)


def in_range(places: Any, count: int, op: str, limit: str) -> None:
    """Raise IndexError for the first number that is below 0 or not below ``count``."""
    wrong = np.argwhere((places < 0) | (places >= count))
    if len(wrong):
        place = tuple([int(i) for i in wrong[0]])
        raise IndexError(
            f"{op}: x{list(place) if place else ''} is {places[place]}, but {limit}, so x may hold 0 to {count - 1}; "
            f"{len(wrong)} of {places.size} are out of range"
        )
