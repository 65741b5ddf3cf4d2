"""DataLoader: arrays in, batches out."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from tinygrad_edu.engine.arguments import flag, integer, short
from tinygrad_edu.engine.creation import generator
from tinygrad_edu.engine.tensor import Tensor

__all__ = ["DataLoader"]

Transform = Callable[[np.ndarray[Any, Any], np.random.Generator], Any]


class DataLoader:
    """Cut arrays into batches, in a new order each epoch if ``shuffle``.

    arrays: one array or Tensor, or several of the same length (first axis) in a tuple or list. A batch has the same
    form: arrays of floats come as Tensors, those of integers (labels, words) as plain arrays, always as copies.
    seed: where the orders start; None takes one from ``tg.manual_seed``'s numbers. drop_last: leave out a last batch
    that is not full. transform: called as ``transform(x, rng)`` on each batch of the first array, a plain array, with
    a generator of its own; it returns the array to use.

    What an epoch gives depends only on the seed and the number of the epoch, ``loader.epoch``, which starts at 0 and
    counts iterations begun; set it, or use ``state_dict``, to go on where another run stopped.
    Raises ValueError for arrays of different lengths, for no samples and for a ``batch_size`` below 1, TypeError for
    arguments of the wrong type.

    >>> loader = DataLoader((np.eye(3), np.arange(3)), batch_size=2)
    >>> [(x.shape, y) for x, y in loader]
    [((2, 3), array([0, 1])), ((1, 3), array([2]))]
    """

    def __init__(
        self,
        arrays: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        seed: int | None = None,
        *,
        drop_last: bool = False,
        transform: Transform | None = None,
    ) -> None:
        several = isinstance(arrays, (tuple, list))
        self.arrays = tuple(plain_array(entry) for entry in (arrays if several else [arrays]))
        self.samples = common_length(self.arrays)
        self.batch_size = integer(batch_size, "batch_size", "DataLoader", 1)
        self.shuffle = flag(shuffle, "shuffle", "DataLoader")
        if seed is None and (shuffle or transform is not None):
            seed = int(generator().integers(2**32))
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer, type(None))):
            raise TypeError(f"DataLoader: seed must be an integer, got {short(seed)}")
        self.seed = int(seed or 0)
        if self.seed < 0:
            raise ValueError(f"DataLoader: seed must not be negative, got {seed}")
        self.drop_last = flag(drop_last, "drop_last", "DataLoader")
        self.transform = transform
        self.epoch = 0
        self._several = several

    def __len__(self) -> int:
        """How many batches an epoch has."""
        whole, rest = divmod(self.samples, self.batch_size)
        return whole if self.drop_last or rest == 0 else whole + 1

    def __iter__(self) -> Iterator[Any]:
        epoch = self.epoch
        self.epoch = epoch + 1
        return self._batches(epoch)

    def _batches(self, epoch: int) -> Iterator[Any]:
        order = np.arange(self.samples)
        if self.shuffle:
            order = np.random.default_rng([self.seed, epoch]).permutation(self.samples)
        for position in range(len(self)):
            start = position * self.batch_size
            chosen = order[start : start + self.batch_size]
            batch = [array[chosen] for array in self.arrays]
            if self.transform is not None:
                # A last number of 0 would seed like none, so batches count from 1.
                rng = np.random.default_rng([self.seed, epoch, position + 1])
                batch[0] = transformed(self.transform, batch[0], rng)
            values = tuple(Tensor(array, copy=False) if array.dtype.kind in "fc" else array for array in batch)
            yield values if self._several else values[0]

    def state_dict(self) -> dict[str, int]:
        """The seed and how many epochs were begun: with the same arrays and arguments, the next ones follow."""
        return {"seed": self.seed, "epoch": self.epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where a loader of the same arrays and arguments stopped; ValueError for what is no such state."""
        if not {"seed", "epoch"} <= set(state):
            raise ValueError(f"DataLoader: wanted a state with 'seed' and 'epoch', got {sorted(map(str, state))}")
        self.seed, self.epoch = operator.index(state["seed"]), operator.index(state["epoch"])

    def __repr__(self) -> str:
        order = f", shuffle=True, seed={self.seed}" if self.shuffle else ""
        return f"DataLoader({self.samples:,} samples, batch_size={self.batch_size}{order})"


def transformed(transform: Transform, x: np.ndarray[Any, Any], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Return the samples as a transform gives them; ValueError where their number changed, so that labels would err."""
    changed = plain_array(transform(x, rng))
    if changed.shape[:1] != x.shape[:1]:
        raise ValueError(
            f"DataLoader: transform was given {len(x)} samples (shape {x.shape}) and returned shape {changed.shape}; "
            "it must return as many"
        )
    return changed


def plain_array(value: Any) -> np.ndarray[Any, Any]:
    """Return a Tensor's array, and what else is given as an array."""
    array = np.asarray(value.data if isinstance(value, Tensor) else value)
    if array.dtype == object:
        raise TypeError(f"DataLoader: wanted arrays of numbers, got {type(value).__name__} of objects")
    return array


def common_length(arrays: tuple[np.ndarray[Any, Any], ...]) -> int:
    """Return how many samples the arrays have; ValueError where they disagree or have none."""
    if any(array.ndim == 0 for array in arrays):
        raise ValueError("DataLoader: each array needs a first axis, the samples; got one without axes")
    found = [len(array) for array in arrays]
    if len(set(found)) > 1:
        raise ValueError(
            f"DataLoader: the arrays must have the same number of samples (first axis), got {found} "
            f"(shapes {[array.shape for array in arrays]})"
        )
    if not found or found[0] == 0:
        raise ValueError(f"DataLoader: there are no samples (shapes {[array.shape for array in arrays]})")
    return found[0]
