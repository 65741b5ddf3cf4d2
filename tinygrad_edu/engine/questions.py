"""What a Tensor answers with plain numbers and arrays: its shape, comparisons, conversions."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu.engine.arrays import plain
from tinygrad_edu.engine.pytorch_words import PytorchWords
from tinygrad_edu.engine.record import Node

__all__ = ["Questions"]


class Questions(PytorchWords):
    """Shape, comparisons and conversions; none of them is recorded."""

    __slots__ = ()

    if TYPE_CHECKING:
        _data: Any

        def _label(self) -> str: ...

        def __getitem__(self, index: Any) -> Any: ...

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self._data.shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """How many axes; 0 for a scalar."""
        return self._data.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """How many elements."""
        return self._data.size  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype of the elements."""
        return self._data.dtype  # type: ignore[no-any-return]

    def item(self) -> Any:
        """The one element as a Python number; ValueError if there are more."""
        if self.size != 1:
            raise ValueError(f"item: {self._label()} has shape {self.shape}, {self.size} elements, not one; index one")
        return self._data.item()

    def tolist(self) -> Any:
        """The elements as (nested) Python numbers."""
        return self._data.tolist()

    def __eq__(self, other: object) -> Any:
        return self._compare(np.equal, other)

    def __ne__(self, other: object) -> Any:
        return self._compare(np.not_equal, other)

    def __lt__(self, other: Any) -> Any:
        return self._compare(np.less, other)

    def __le__(self, other: Any) -> Any:
        return self._compare(np.less_equal, other)

    def __gt__(self, other: Any) -> Any:
        return self._compare(np.greater, other)

    def __ge__(self, other: Any) -> Any:
        return self._compare(np.greater_equal, other)

    __hash__ = object.__hash__

    def _compare(self, question: np.ufunc, other: Any) -> Any:
        if not isinstance(other, (Node, np.ndarray, np.generic, int, float, list, tuple)):
            if not hasattr(type(other), "__array__"):
                return NotImplemented
            other = np.asarray(other)  # a column of pandas
        array = plain(other)
        try:
            return question(self._data, array)
        except ValueError as problem:
            raise ValueError(
                f"{question.__name__}: shapes {self.shape} and {np.shape(array)} do not broadcast; "
                "to look for a Tensor in a list, ask any(x is t for t in list)"
            ) from problem

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(f"the truth of a Tensor of shape {self.shape} is ambiguous; use (x > 0).any() or .all()")
        return bool(self._data.item())

    def __format__(self, spec: str) -> str:
        """One element is formatted as the number that it is, ``f"{loss:.3f}"``; without a format all is as printed."""
        if not spec:
            return str(self)
        if self.size != 1:
            raise TypeError(
                f"format {spec!r}: {self._label()} has shape {self.shape}, {self.size} elements, not one; "
                "print x.data.round(3), or index one"
            )
        return format(self.item(), spec)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __round__(self, digits: int | None = None) -> Any:
        if self.size != 1:
            remedy = f"take x.round({digits or 0})"
            raise TypeError(f"round: {self._label()} has shape {self.shape}, {self.size} elements; {remedy}")
        return round(self.item(), digits)

    def __index__(self) -> int:
        """What counts and indexes, as in ``range(n)``, ``names[i]``: one integer without axes."""
        if self.ndim or self.dtype.kind not in "iu":
            raise TypeError(
                f"{self._label()} of shape {self.shape} and dtype {self.dtype} is no integer that could count or index;"
                " take int(x) of one number, or x.astype(int) for an index of many"
            )
        return operator.index(self._data)

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of a 0-d Tensor: it is a single number; use .item()")
        return len(self._data)

    def __iter__(self) -> Iterator[Any]:
        return iter([self[i] for i in range(len(self))])

    def __contains__(self, value: Any) -> bool:
        return bool(np.any(self._data == plain(value)))
