"""A Tensor's methods that rearrange and pick."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.axes import every_axis, one_axis, shape_tuple, sizes, torch_spelling
from tinygrad_edu.engine.op import Op
from tinygrad_edu.engine.padding import Padding
from tinygrad_edu.engine.products import Products

if TYPE_CHECKING:
    from tinygrad_edu.engine.tensor import Tensor

__all__ = ["Shaping"]


class Shaping(Products, Padding):
    """Rearrangements and picks; each returns a Tensor."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def shape(self) -> tuple[int, ...]: ...

        @property
        def ndim(self) -> int: ...

        @property
        def size(self) -> int: ...

        @property
        def data(self) -> Any: ...

        @property
        def dtype(self) -> np.dtype[Any]: ...

        def _apply(self, op: Op, *others: Any, **params: Any) -> Tensor: ...

        def __getitem__(self, index: Any) -> Tensor: ...

        @staticmethod
        def _wrap(data: Any) -> Tensor: ...

    def reshape(self, *shape: Any) -> Tensor:
        """The same elements in another shape; one size may be -1."""
        return self._apply(P.reshape, shape=shape_tuple(shape, self.size, "reshape"))

    def ravel(self) -> Tensor:
        """The same elements along one axis."""
        return self._apply(P.reshape, shape=(self.size,))

    @torch_spelling
    def flatten(self, start_axis: int = 0, end_axis: int = -1) -> Tensor:
        """The same elements, the axes from ``start_axis`` to ``end_axis``, which is one of them, made one."""
        shape = self.shape or (1,)
        start, end = [one_axis(axis, len(shape), "flatten") for axis in (start_axis, end_axis)]
        if end < start:
            raise ValueError(f"flatten: axis {start_axis} comes after axis {end_axis} of shape {shape}")
        return self._apply(P.reshape, shape=(*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))

    def transpose(self, *axes: Any) -> Tensor:
        """Axes in another order; reversed if none is given (NumPy's; for PyTorch's swap of two see ``swapaxes``)."""
        if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list))):
            axes = () if axes[0] is None else tuple(axes[0])
            if not axes and self.ndim:
                axes = tuple(reversed(range(self.ndim)))
        order = tuple([one_axis(axis, self.ndim, "transpose") for axis in axes or reversed(range(self.ndim))])
        if sorted(order) != list(range(self.ndim)):
            raise ValueError(
                f"transpose: axes {axes} must name each of the {self.ndim} axes of shape {self.shape} once"
            )
        return self._apply(P.transpose, axes=order)

    @property
    def T(self) -> Tensor:
        """The axes reversed."""
        return self._apply(P.transpose, axes=tuple(reversed(range(self.ndim))))

    @property
    def mT(self) -> Tensor:
        """The last two axes swapped."""
        if self.ndim < 2:
            raise ValueError(f"mT: needs two axes at least, got shape {self.shape}")
        return self.swapaxes(-1, -2)

    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        """Two axes exchanged."""
        order = list(range(self.ndim))
        i, j = one_axis(axis1, self.ndim, "swapaxes"), one_axis(axis2, self.ndim, "swapaxes")
        order[i], order[j] = order[j], order[i]
        return self._apply(P.transpose, axes=tuple(order))

    def moveaxis(self, source: Any, destination: Any) -> Tensor:
        """Axes moved to other places; the rest keep their order."""
        sources, destinations = [
            [one_axis(part, self.ndim, "moveaxis") for part in (axis if isinstance(axis, (tuple, list)) else (axis,))]
            for axis in (source, destination)
        ]
        if not len(sources) == len(set(sources)) == len(set(destinations)) == len(destinations):
            raise ValueError(
                f"moveaxis: source {source} and destination {destination} must name as many axes, once each"
            )
        order = [axis for axis in range(self.ndim) if axis not in sources]
        for place, axis in sorted(zip(destinations, sources)):
            order.insert(place, axis)
        return self._apply(P.transpose, axes=tuple(order))

    @torch_spelling
    def squeeze(self, axis: Any = None) -> Tensor:
        """Without the axes of length 1: all of them, or those of ``axis``."""
        if axis is None:
            gone = tuple([i for i, n in enumerate(self.shape) if n == 1])
        else:
            gone = every_axis(axis, self.ndim, "squeeze")
            long = [i for i in gone if self.shape[i] != 1]
            if long:
                raise ValueError(
                    f"squeeze: axis {long[0]} of shape {self.shape} has length {self.shape[long[0]]}, not 1"
                )
        return self._apply(P.reshape, shape=tuple([n for i, n in enumerate(self.shape) if i not in gone]))

    @torch_spelling
    def expand_dims(self, axis: Any) -> Tensor:
        """With new axes of length 1 at ``axis`` of the result."""
        places = axis if isinstance(axis, (tuple, list)) else (axis,)
        ndim = self.ndim + len(places)
        new = sorted(one_axis(place, ndim, "expand_dims") for place in places)
        if len(set(new)) < len(new):
            raise ValueError(f"expand_dims: axis {axis} names a place twice")
        shape = list(self.shape)
        for place in new:
            shape.insert(place, 1)
        return self._apply(P.reshape, shape=tuple(shape))

    def broadcast_to(self, *shape: Any) -> Tensor:
        """Stretched to ``shape``, a view; the gradient sums over what was stretched."""
        return self._apply(P.broadcast_to, shape=sizes(shape, "broadcast_to"))

    @torch_spelling
    def flip(self, axis: Any = None) -> Tensor:
        """Backwards along ``axis``; along every axis if None."""
        return self._apply(P.flip, axis=every_axis(axis, self.ndim, "flip"))

    @torch_spelling
    def roll(self, shift: Any, axis: Any = None) -> Tensor:
        """Shifted along ``axis``, what leaves at one end entering at the other; of the flattened Tensor if None."""
        if axis is None:
            return self.ravel().roll(shift, 0).reshape(self.shape)
        axes = axis if isinstance(axis, (tuple, list)) else (axis,)
        shifts = shift if isinstance(shift, (tuple, list)) else (shift,) * len(axes)
        if len(axes) == 1 and len(shifts) > 1:
            axes = tuple(axes) * len(shifts)
        if len(shifts) != len(axes):
            raise ValueError(f"roll: {len(shifts)} shifts for {len(axes)} axes")
        return self._apply(P.roll, shift=sizes((tuple(shifts),), "roll"),
                           axis=tuple([one_axis(a, self.ndim, "roll") for a in axes]))  # fmt: skip

    @torch_spelling
    def repeat(self, repeats: Any, axis: int | None = None) -> Tensor:
        """Each element ``repeats`` times along ``axis``; of the flattened Tensor if None (PyTorch's is ``tile``)."""
        x = self if axis is not None else self.ravel()
        place = one_axis(0 if axis is None else axis, x.ndim, "repeat")
        counts = np.asarray(repeats)
        if counts.dtype.kind not in "iu" or (counts < 0).any():
            raise ValueError(f"repeat: repeats must be counts, got {repeats!r}")
        times: Any = int(counts.reshape(-1)[0]) if counts.size == 1 else tuple(counts.tolist())
        if counts.size != 1 and counts.shape != (x.shape[place],):
            raise ValueError(f"repeat: {counts.size} repeats for axis {place} of length {x.shape[place]}")
        return x._apply(P.repeat, repeats=times, axis=place)

    def tile(self, *reps: Any) -> Tensor:
        """The whole, laid ``reps`` times along each axis."""
        times = sizes(reps, "tile")
        if any(n < 0 for n in times):
            raise ValueError(f"tile: reps must be counts, got {times}")
        shape = (1,) * (len(times) - self.ndim) + self.shape
        times = (1,) * (len(shape) - len(times)) + times
        paired = tuple([n for pair in zip((1,) * len(shape), shape) for n in pair])
        wide = tuple([n for pair in zip(times, shape) for n in pair])
        return self.reshape(paired).broadcast_to(wide).reshape(tuple([t * n for t, n in zip(times, shape)]))

    @torch_spelling
    def take(self, indices: Any, axis: int | None = None) -> Tensor:
        """The elements at ``indices`` along ``axis`` (flattened if None); repeated ones add up going back."""
        index = indices.data if isinstance(indices, Shaping) else np.asarray(indices)
        if index.dtype.kind not in "iub" and index.size:
            raise TypeError(f"take: indices must be integers, not {index.dtype}")
        index = index.astype(np.intp) if index.dtype.kind != "i" else index
        if axis is None:
            return self.ravel()[index]
        return self[(slice(None),) * one_axis(axis, self.ndim, "take") + (index,)]

    @torch_spelling
    def sort(self, axis: int | None = -1) -> Tensor:
        """In rising order along ``axis``; of the flattened Tensor if None."""
        x = self.ravel() if axis is None else self
        return x._apply(P.sort, axis=one_axis(-1 if axis is None else axis, x.ndim, "sort"))

    @torch_spelling
    def split(self, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
        """The pieces along ``axis``: that many equal ones, or cut before each index, as in NumPy."""
        place = one_axis(axis, self.ndim, "split")
        n = self.shape[place]
        if isinstance(indices_or_sections, (int, np.integer)):
            sections = int(indices_or_sections)
            if sections < 1 or n % sections:
                raise ValueError(f"split: axis {place} of length {n} can't be cut into {sections} equal pieces")
            cuts = list(range(0, n + 1, n // sections)) if n else [0] * (sections + 1)
        elif isinstance(indices_or_sections, (list, tuple, np.ndarray)):
            cuts = [0, *sizes((tuple(indices_or_sections),), "split"), n]
        else:
            kind = type(indices_or_sections).__name__
            raise TypeError(f"split: wanted a number of pieces or a list of places to cut before, got {kind}")
        return [self[(slice(None),) * place + (slice(a, b),)] for a, b in pairwise(cuts)]

    def tril(self, k: int = 0) -> Tensor:
        """The lower triangle, up to diagonal ``k``; zeros above."""
        return self._apply(P.tril, k=int(k))

    def triu(self, k: int = 0) -> Tensor:
        """The upper triangle, from diagonal ``k`` on; zeros below."""
        return self._apply(P.triu, k=int(k))

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """The diagonal of the planes of two axes, along a last axis."""
        i, j = one_axis(axis1, self.ndim, "diagonal"), one_axis(axis2, self.ndim, "diagonal")
        if i == j:
            raise ValueError(f"diagonal: axis1 and axis2 are both {i}; a diagonal needs two axes")
        return self._apply(P.diagonal, offset=int(offset), axis1=i, axis2=j)

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """The sum of the diagonal."""
        return self.diagonal(offset, axis1, axis2).sum(axis=-1)

    def astype(self, dtype: Any) -> Tensor:
        """Converted to another dtype; gradients come back in this one. To integers and bools the graph is cut."""
        wanted = np.dtype(dtype)
        if wanted.kind not in "fiub":
            raise TypeError(f"astype: a Tensor holds real numbers, not {wanted}")
        if wanted.kind != "f":
            return self._wrap(self.data.astype(wanted))
        return self._apply(P.astype, dtype=wanted)

    def copy(self) -> Tensor:
        """A copy, recorded."""
        return self._apply(P.copy)

    def sliding_windows(self, kernel_size: Any, stride: Any = 1, dilation: Any = 1) -> Tensor:
        """Every window over the last two axes, a view: (..., H, W) to (..., out_h, out_w, k_h, k_w).

        kernel_size, stride, dilation: an int or a pair; out = (in - dilation (k - 1) - 1) // stride + 1.
        Raises ValueError if the kernel is larger than the image or a number is not positive.
        """
        if self.ndim < 2:
            raise ValueError(f"sliding_windows: needs an image, two axes at least, got shape {self.shape}")
        kernel, steps = both(kernel_size, "kernel_size"), both(stride, "stride")
        return self._apply(P.windows, kernel=kernel, stride=steps, dilation=both(dilation, "dilation"))


def both(value: Any, what: str) -> tuple[int, int]:
    """Return an int or a pair as a pair of positive ints."""
    pair = sizes((tuple(value) if isinstance(value, (list, tuple)) else (value, value),), what)
    if len(pair) != 2 or min(pair) < 1:
        raise ValueError(f"{what} must be a positive integer or a pair of them, got {value}")
    return pair[0], pair[1]
