"""Ops that pick elements by position, and their adjoints, which put them back and add where one place comes twice."""

from __future__ import annotations

from math import prod
from types import EllipsisType
from typing import Any

import numpy as np
from numpy import ndarray

from tinygrad_edu.engine.op import op

__all__ = ["argsort", "getitem", "put_along", "scatter_add", "sort", "sort_by", "take_along", "unsort_by"]

_BASIC = frozenset({int, slice, type(None), EllipsisType})


@op(notation="index")
def getitem(x: Any, *, index: Any) -> Any:
    """``x[index]`` for everything NumPy takes: integers, slices, None, ``...``, arrays of integers or bools."""
    out = x[index]
    return out[()] if type(out) is ndarray and not out.ndim else out


@getitem.vjp("x")
def getitem_dx(g: Any, out: Any, x: Any, *, index: Any) -> Any:
    return scatter_add(g, index=index, shape=x.shape)


@getitem.explains
def _(x: Any, *, index: Any) -> str | None:
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(part, float | np.floating) for part in parts):
        return f"getitem: {index!r} is no index into x {x.shape}; use integers (x[int(i)]), slices, None, ... or arrays"
    if len(parts) == 1 and isinstance(parts[0], ndarray) and parts[0].dtype == bool:
        mask = parts[0].shape
        if mask != x.shape[: len(mask)]:
            return f"getitem: the mask has shape {mask} but x {x.shape}; a mask must match the leading axes of x"
    try:
        x[index]
    except (IndexError, ValueError, TypeError) as error:
        return f"getitem: {error} (x {x.shape})"
    return None


@op(symbol="scatter")
def scatter_add(x: Any, *, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of ``shape``, with x added at ``index``; a place named twice gets both. The adjoint of ``getitem``."""
    out = np.zeros(shape, x.dtype)
    parts = index if type(index) is tuple else (index,)
    if all([type(part) in _BASIC for part in parts]):
        out[index] = x
    else:
        _add_at(out, parts, x)
    return out if shape else out[()]


@scatter_add.vjp("x")
def scatter_add_dx(g: Any, out: Any, x: Any, *, index: Any, shape: tuple[int, ...]) -> Any:
    return getitem(g, index=index)


@scatter_add.scalar_form
def scatter_add_scalars(x: Any, *, index: Any, shape: tuple[int, ...]) -> Any:
    """On objects: what arrives first is taken as it is, so that no ``0 +`` enters the graph."""
    return sum_at(np.arange(prod(shape)).reshape(shape)[index], x, shape)


def sum_at(places: Any, x: Any, shape: tuple[int, ...]) -> Any:
    """Return an object array of ``shape``, whose element p is the sum of the elements of x where ``places`` is p."""
    found: dict[int, Any] = {}
    places = np.asarray(places)
    values = np.broadcast_to(x, places.shape)
    for place, value in zip(places.flat, values.flat):
        found[place] = found[place] + value if place in found else value
    out = np.zeros(prod(shape), object)
    for place, value in found.items():
        out[place] = value
    return out.reshape(shape) if shape else out[0]


def _add_at(out: Any, parts: tuple[Any, ...], x: Any) -> None:
    """Add x into ``out`` at an index that holds arrays, the cheapest way that is right."""
    arrays = [np.asarray(part) for part in parts if type(part) not in _BASIC or type(part) is int]
    if all([array.dtype == bool or not array.ndim for array in arrays]):
        out[parts] = x  # masks never name a place twice
    elif len(arrays) < len(parts) or any([array.dtype.kind not in "iu" for array in arrays]):
        places = np.arange(out.size).reshape(out.shape)[parts]
        np.add.at(out.reshape(-1), places.ravel(), np.ravel(x))
    elif len(arrays) == out.ndim and all([array.ndim == 1 for array in arrays]):
        np.add.at(out, parts, x)
    else:
        _add_rows(out, arrays, x)


def _add_rows(out: Any, arrays: list[Any], x: Any) -> None:
    """Add x into rows of ``out``. On flat positions ``np.add.at`` is five times faster than on rows."""
    lead = out.shape[: len(arrays)]
    rows = (arrays[0] if len(arrays) == 1 else np.ravel_multi_index(tuple(arrays), lead, mode="wrap")).ravel()
    table = out.reshape(prod(lead), prod(out.shape[len(arrays) :]))
    order = np.arange(rows.size)
    last = np.zeros(len(table), np.intp)
    last[rows] = order
    if (last[rows] == order).all():
        table[rows] = x.reshape(len(rows), table.shape[1])
    else:
        places = (rows[:, None] * table.shape[1] + np.arange(table.shape[1])).ravel()
        np.add.at(table.reshape(-1), places, x.ravel())


@op
def take_along(x: Any, *, indices: Any, axis: int) -> Any:
    """Along ``axis`` the elements that ``indices`` names, which has x's axes (``np.take_along_axis``)."""
    if np.ndim(indices) != x.ndim:
        raise ValueError(_few_axes(x, indices))
    return x[_along(indices, x.shape, axis)]


@take_along.vjp("x")
def take_along_dx(g: Any, out: Any, x: Any, *, indices: Any, axis: int) -> Any:
    return put_along(g, indices=indices, axis=axis, shape=x.shape)


@take_along.explains
def _(x: Any, *, indices: Any, axis: int) -> str | None:
    return _few_axes(x, indices) if np.ndim(indices) != x.ndim else None


def _few_axes(x: Any, indices: Any) -> str:
    return f"take_along: indices {np.shape(indices)} must have as many axes as x {x.shape}; add some with None"


@op
def put_along(x: Any, *, indices: Any, axis: int, shape: tuple[int, ...]) -> Any:
    """Zeros of ``shape``, with x added where ``indices`` says along ``axis``. The adjoint of ``take_along``."""
    out = np.zeros(shape, x.dtype)
    _add_at(out, _along(indices, shape, axis), x)
    return out


@put_along.vjp("x")
def put_along_dx(g: Any, out: Any, x: Any, *, indices: Any, axis: int, shape: tuple[int, ...]) -> Any:
    return take_along(g, indices=indices, axis=axis)


@put_along.scalar_form
def put_along_scalars(x: Any, *, indices: Any, axis: int, shape: tuple[int, ...]) -> Any:
    """On objects: as ``scatter_add``."""
    return scatter_add_scalars(x, index=_along(indices, shape, axis), shape=shape)


def _along(indices: Any, shape: tuple[int, ...], axis: int) -> tuple[Any, ...]:
    """Return the index that takes ``indices`` along ``axis`` and every position of the other axes."""
    ndim = len(shape)
    return tuple([
        np.asarray(indices) if i == axis else np.arange(n).reshape((1,) * i + (n,) + (1,) * (ndim - i - 1))
        for i, n in enumerate(shape)
    ])  # fmt: skip


@op
def sort(x: Any, *, axis: int) -> Any:
    """The elements along ``axis`` in rising order, equal ones as they came, NaN last."""
    return np.sort(x, axis=axis, kind="stable")


@sort.vjp("x")
def sort_dx(g: Any, out: Any, x: Any, *, axis: int) -> Any:
    return unsort_by(g, x, axis=axis)


@op
def sort_by(x: Any, keys: Any, *, axis: int) -> Any:
    """The elements of x in the order along ``axis`` that sorts ``keys``, which has no gradient."""
    return x[_along(argsort.forward(keys, axis=axis), x.shape, axis)]


@sort_by.vjp("x")
def sort_by_dx(g: Any, out: Any, x: Any, keys: Any, *, axis: int) -> Any:
    return unsort_by(g, keys, axis=axis)


sort_by.constant("keys")


@op
def unsort_by(x: Any, keys: Any, *, axis: int) -> Any:
    """The elements of x, in the order that sorts ``keys``, put back in their places. The adjoint of ``sort_by``."""
    out = np.empty_like(x)
    out[_along(argsort.forward(keys, axis=axis), x.shape, axis)] = x
    return out


@unsort_by.vjp("x")
def unsort_by_dx(g: Any, out: Any, x: Any, keys: Any, *, axis: int) -> Any:
    return sort_by(g, keys, axis=axis)


unsort_by.constant("keys")


@op(differentiable=False)
def argsort(x: Any, *, axis: int) -> Any:
    """Which positions along ``axis`` hold the elements in rising order, equal ones as they came."""
    return np.argsort(x, axis=axis, kind="stable")
