"""NumPy's functions that join, cut, move and pick elements, composed from ``tg.*`` with NumPy's own arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.arrays import plain
from tinygrad_edu.engine.axes import one_axis
from tinygrad_edu.engine.functions import concatenate, flip, moveaxis, split, where
from tinygrad_edu.engine.functions import reshape as row_major
from tinygrad_edu.engine.scope import composite
from tinygrad_edu.engine.tensor import Tensor, apply, as_tensor

__all__ = [
    "append", "array_split", "astype", "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_arrays", "column_stack",
    "diag", "diagflat", "dsplit", "dstack", "fliplr", "flipud", "full_like", "hsplit", "hstack", "meshgrid",
    "partition", "piecewise", "ravel", "rearranged", "reshape", "rollaxis", "select", "sort", "take_along_axis",
    "transpose", "unstack", "vsplit", "vstack", "where_or_nonzero",
]  # fmt: skip


def rearranged(function: Callable[..., Any], *, data: tuple[int, ...] = (0,)) -> Callable[..., Tensor]:
    """Make a NumPy function that only moves elements work on Tensors: it is run on positions, which then index.

    data: which of its arguments hold elements, as Tensors or nested lists of them; the others are plain.
    """

    def arranged(*args: Any, **kwargs: Any) -> Tensor:
        parts: list[Tensor] = []

        def positions(value: Any) -> Any:
            if isinstance(value, (list, tuple)):
                return [positions(part) for part in value]
            x = as_tensor(value)
            start = sum([part.size for part in parts])
            parts.append(x.ravel())
            return np.arange(start, start + x.size).reshape(x.shape)

        places = [positions(value) if i in data else plain(value) for i, value in enumerate(args)]
        found = function(*places, **plain_values(kwargs))
        return (parts[0] if len(parts) == 1 else concatenate(parts))[found]

    arranged.__name__ = arranged.__qualname__ = function.__name__
    return composite(arranged)


def plain_values(options: dict[str, Any]) -> dict[str, Any]:
    """Return keyword arguments with Tensors taken for their arrays."""
    return {key: plain(value) for key, value in options.items()}


# Shapes


def one_or_several(function: Callable[[Tensor], Tensor]) -> Callable[..., Any]:
    """Take any number of arguments: one gives one Tensor, several a tuple."""

    @functools.wraps(function)
    def over(*xs: Any) -> Any:
        found = tuple([function(as_tensor(x)) for x in xs])
        return found[0] if len(found) == 1 else found

    return over


@one_or_several
def atleast_1d(x: Tensor) -> Tensor:
    """With one axis at least."""
    return x if x.ndim else x.reshape(1)


@one_or_several
def atleast_2d(x: Tensor) -> Tensor:
    """With two axes at least; new ones come first."""
    return x if x.ndim > 1 else x.reshape(1, -1)


@one_or_several
def atleast_3d(x: Tensor) -> Tensor:
    """With three axes at least: (n,) becomes (1, n, 1), and (m, n) becomes (m, n, 1)."""
    return x if x.ndim > 2 else x.reshape(*x.shape, 1) if x.ndim == 2 else x.reshape(1, -1, 1)


def reshape(a: Any, shape: Any, order: str = "C") -> Tensor:
    """The same elements in another shape; row by row ("C") or column by column ("F")."""
    return row_major(a, shape) if in_rows(order, "reshape") else rearranged(np.reshape)(a, shape, order="F")


def ravel(a: Any, order: str = "C") -> Tensor:
    """The same elements along one axis; row by row ("C") or column by column ("F")."""
    return as_tensor(a).ravel() if in_rows(order, "ravel") else rearranged(np.ravel)(a, order="F")


def in_rows(order: str, name: str) -> bool:
    """Whether elements are read row by row; ValueError for an order that depends on memory."""
    if order not in ("C", "F"):
        raise ValueError(f'np.{name}: order={order!r} depends on how memory is laid out; use "C" or "F"')
    return order == "C"


def transpose(a: Any, axes: Any = None) -> Tensor:
    """Axes in another order; reversed if none is given."""
    return as_tensor(a).transpose(axes)


def rollaxis(a: Any, axis: int, start: int = 0) -> Tensor:
    """Axis ``axis`` moved back until it stands before ``start``; ``moveaxis`` is easier to read."""
    x = as_tensor(a)
    axis = one_axis(axis, x.ndim, "rollaxis")
    start = one_axis(start, x.ndim + 1, "rollaxis") if start >= 0 else one_axis(start, x.ndim, "rollaxis")
    return x.moveaxis(axis, start - 1 if axis < start else start)


def astype(x: Any, dtype: Any) -> Tensor:
    """Converted to another dtype; to integers and bools the graph is cut."""
    return as_tensor(x).astype(dtype)


def full_like(a: Any, fill_value: Any, dtype: Any = None, shape: Any = None) -> Any:
    """One number everywhere: plain if it is plain (as ``np.zeros_like``), recorded if it is a Tensor."""
    a = plain(a)
    if not isinstance(fill_value, Tensor):
        return np.full_like(a, fill_value, dtype, shape=shape)
    fill = fill_value.astype(dtype or np.asarray(a).dtype)
    return fill.broadcast_to(np.shape(a) if shape is None else shape)


def broadcast_arrays(*args: Any) -> tuple[Tensor, ...]:
    """All stretched to the shape they have in common."""
    xs = [as_tensor(x) for x in args]
    shape = np.broadcast_shapes(*[x.shape for x in xs])
    return tuple([x.broadcast_to(shape) for x in xs])


def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Tensor, ...]:
    """Coordinates of the points of a grid, from those along each axis; "xy" swaps the first two axes, "ij" does not."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f'np.meshgrid: indexing must be "xy" or "ij", not {indexing!r}')
    places = list(range(len(xi)))
    if indexing == "xy":
        places[:2] = reversed(places[:2])
    grids = [as_tensor(x).reshape([-1 if i == place else 1 for i in range(len(xi))]) for x, place in zip(xi, places)]
    return tuple(grids) if sparse or not grids else broadcast_arrays(*grids)


# Joins and cuts


def vstack(tup: Any) -> Tensor:
    """Rows under each other; a 1-D Tensor is one row."""
    return concatenate([atleast_2d(x) for x in tup], axis=0)


def hstack(tup: Any) -> Tensor:
    """Side by side: along axis 1, or end to end if 1-D."""
    parts = [atleast_1d(x) for x in tup]
    return concatenate(parts, axis=0 if not parts or parts[0].ndim == 1 else 1)


def dstack(tup: Any) -> Tensor:
    """Behind each other, along a third axis."""
    return concatenate([atleast_3d(x) for x in tup], axis=2)


def column_stack(tup: Any) -> Tensor:
    """Side by side; a 1-D Tensor is one column."""
    xs = [as_tensor(x) for x in tup]
    return concatenate([x if x.ndim > 1 else x.reshape(-1, 1) for x in xs], axis=1)


def append(arr: Any, values: Any, axis: int | None = None) -> Tensor:
    """``values`` at the end of ``arr``; both flattened if ``axis`` is None."""
    return concatenate([arr, values], axis=axis)


def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """As ``split``, but pieces may differ in length by one."""
    if not isinstance(indices_or_sections, (int, np.integer)):
        return split(ary, indices_or_sections, axis)
    x = as_tensor(ary)
    n = x.shape[one_axis(axis, x.ndim, "array_split")]
    if indices_or_sections < 1:
        raise ValueError(f"np.array_split: can't be cut into {indices_or_sections} pieces; give a positive number")
    long, rest = divmod(n, int(indices_or_sections))
    lengths = [long + 1] * rest + [long] * (int(indices_or_sections) - rest)
    return x.split(np.cumsum(lengths)[:-1].tolist(), axis)


def vsplit(ary: Any, indices_or_sections: Any) -> list[Tensor]:
    """Cut along axis 0."""
    return split(ary, indices_or_sections, 0)


def hsplit(ary: Any, indices_or_sections: Any) -> list[Tensor]:
    """Cut along axis 1, or axis 0 if 1-D."""
    return split(ary, indices_or_sections, 0 if as_tensor(ary).ndim == 1 else 1)


def dsplit(ary: Any, indices_or_sections: Any) -> list[Tensor]:
    """Cut along axis 2."""
    return split(ary, indices_or_sections, 2)


def unstack(x: Any, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices along ``axis``, without that axis."""
    return tuple(moveaxis(x, axis, 0))


# Order and choice


def flipud(m: Any) -> Tensor:
    """Rows in reverse."""
    return flip(m, 0)


def fliplr(m: Any) -> Tensor:
    """Columns in reverse."""
    return flip(m, 1)


def diag(v: Any, k: int = 0) -> Tensor:
    """Diagonal ``k`` of a matrix; of a vector, the matrix that has it there and zeros elsewhere."""
    x = as_tensor(v)
    if x.ndim == 2:
        return x.diagonal(k)
    if x.ndim != 1:
        raise ValueError(f"np.diag: wants a vector or a matrix, got shape {x.shape}; see np.diagonal")
    n = x.size + abs(k)
    return apply(P.diagonal_fill, (x,), {"offset": int(k), "axis1": 0, "axis2": 1, "shape": (n, n)})


def diagflat(v: Any, k: int = 0) -> Tensor:
    """The matrix with all elements, flattened, on its diagonal ``k``."""
    return diag(as_tensor(v).ravel(), k)


def sort(a: Any, axis: int | None = -1, kind: Any = None, stable: Any = None) -> Tensor:
    """In rising order along ``axis``; always stable, whatever ``kind`` says."""
    return as_tensor(a).sort(axis)


def partition(a: Any, kth: Any, axis: int | None = -1) -> Tensor:
    """The kth smallest element along ``axis`` in its place, the smaller ones before it."""
    x = as_tensor(a)
    return take_along_axis(a, np.argpartition(x.data, plain(kth), axis), axis)


def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Tensor:
    """Along ``axis`` the elements that ``indices`` names, which has as many axes."""
    x = as_tensor(arr) if axis is not None else as_tensor(arr).ravel()
    axis = one_axis(0 if axis is None else axis, x.ndim, "take_along_axis")
    return apply(P.take_along, (x,), {"indices": plain(indices), "axis": axis})


def where_or_nonzero(condition: Any, x: Any = None, y: Any = None) -> Any:
    """x where the condition holds, else y; with a condition alone, the indices where it holds, plain."""
    if x is None and y is None:
        return np.nonzero(plain(condition))
    return where(condition, x, y)


@composite
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Tensor:
    """For each element the choice of the first condition that holds, else ``default``."""
    if len(condlist) != len(choicelist):
        raise ValueError(f"np.select: {len(condlist)} conditions for {len(choicelist)} choices; give one for each")
    out = default
    for condition, choice in reversed(list(zip(condlist, choicelist))):
        out = where(condition, choice, out)
    return as_tensor(out)


@composite
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kwargs: Any) -> Tensor:
    """``funclist[i]`` (a function or a number) of the elements where ``condlist[i]`` is the last condition to hold.

    A function more than conditions gives the value where none holds; without it that is 0.
    """
    x = as_tensor(x)
    given = condlist if isinstance(condlist, (list, tuple)) and np.ndim(plain(condlist[0])) else [condlist]
    conditions = [np.broadcast_to(np.asarray(plain(condition), bool), x.shape) for condition in given]
    if len(funclist) == len(conditions) + 1:
        conditions.append(~np.any(conditions, axis=0))
    if len(funclist) != len(conditions):
        raise ValueError(
            f"np.piecewise: {len(funclist)} functions for {len(conditions)} conditions; give as many, or one more"
        )
    out, taken = None, np.zeros(x.shape, bool)
    for condition, function in reversed(list(zip(conditions, funclist))):
        mask = condition & ~taken
        taken = taken | mask
        if callable(function) and not mask.any():
            continue
        chosen = x[mask]
        piece = as_tensor(function(chosen, *args, **kwargs) if callable(function) else function, x).broadcast_to(
            chosen.shape
        )
        part = apply(P.scatter_add, (piece,), {"index": mask, "shape": x.shape})
        out = part if out is None else out + part
    return P.zeros_like(x) if out is None else out
