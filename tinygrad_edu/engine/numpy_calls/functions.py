"""Which function of ours answers which of NumPy's: what ``np.sum(tensor)`` is, and what is refused and why.

``np.zeros_like``, ``np.ones_like``, ``np.empty_like`` (and ``np.full_like`` of a number) give plain arrays, as in HIPS
autograd: what code writes into. A function that is not in the table works, plainly, where no gradient is needed.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tinygrad_edu.engine import functions as tg
from tinygrad_edu.engine.numpy_calls import arranging, linalg, numbers, statistics
from tinygrad_edu.engine.numpy_calls.arranging import rearranged
from tinygrad_edu.engine.tensor import Tensor, as_tensor

__all__ = ["FUNCTIONS", "NO_GRADIENT", "Call", "named_call", "refusal"]


# Functions of ours that bear NumPy's name
ALIKE = """
    broadcast_to concatenate cumprod cumsum diagonal dot expand_dims flip inner kron max mean min moveaxis outer
    pad prod repeat roll split squeeze stack std sum swapaxes take tensordot tile trace tril triu var
"""
ARRANGING = """
    append array_split astype atleast_1d atleast_2d atleast_3d broadcast_arrays column_stack diag
    diagflat dsplit dstack fliplr flipud full_like hsplit hstack meshgrid partition piecewise ravel reshape
    rollaxis select sort take_along_axis transpose unstack vsplit vstack
"""
NUMBERS = """
    angle clip convolve correlate cross diff ediff1d einsum fix gradient imag linspace logspace nan_to_num polyval
    real round sinc trapezoid vander vdot
"""
STATISTICS = """
    average corrcoef cov median nancumprod nancumsum nanmax nanmean nanmin nanprod nanstd nansum nanvar percentile
    ptp quantile
"""
LINALG = """
    cholesky cond cross det diagonal eigh eigvalsh inv matrix_norm matrix_power matrix_transpose multi_dot norm
    outer pinv slogdet solve svd svdvals trace vecdot vector_norm
"""
QUESTIONS = """
    all allclose any argmax argmin argpartition argsort argwhere array2string array_equal array_equiv array_repr
    array_str can_cast common_type count_nonzero diag_indices_from digitize einsum_path empty_like flatnonzero
    isclose iscomplex iscomplexobj isin isneginf isposinf isreal isrealobj ix_ lexsort may_share_memory
    min_scalar_type nanargmax nanargmin ndim nonzero ones_like ravel_multi_index result_type searchsorted shape
    shares_memory size tril_indices_from triu_indices_from unravel_index zeros_like
"""


def table(numpys: Any, ours: Any, names: str = "", **others: Callable[..., Any]) -> dict[Any, Callable[..., Any]]:
    """Return our functions by NumPy's, less those that this NumPy does not have."""
    alike = {name: getattr(ours, name) for name in names.split()}
    return {getattr(numpys, name): ours for name, ours in {**alike, **others}.items() if hasattr(numpys, name)}


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    **table(np, tg, ALIKE, amax=tg.max, amin=tg.min, concat=tg.concatenate, permute_dims=arranging.transpose),
    **table(np, tg, copy=Tensor.copy, cumulative_prod=tg.cumprod, cumulative_sum=tg.cumsum),
    **table(np, arranging, ARRANGING, where=arranging.where_or_nonzero),
    **table(np, numbers, NUMBERS, around=numbers.round, real_if_close=numbers.real),
    **table(np, statistics, STATISTICS),
    **table(np, linalg, matrix_transpose=linalg.matrix_transpose),
    **table(np.linalg, linalg, LINALG, matmul=tg.matmul, tensordot=tg.tensordot),
    **{moves: rearranged(moves) for moves in (np.block, np.delete, np.resize, np.rot90, sliding_window_view)},
    **{picks: rearranged(picks, data=(1,)) for picks in (np.choose, np.compress, np.extract)},
    np.insert: rearranged(np.insert, data=(0, 2)),
}

NO_GRADIENT: frozenset[Any] = frozenset([np.linalg.matrix_rank, *[getattr(np, name) for name in QUESTIONS.split()]])

CASTS = frozenset([np.sum, np.mean, np.prod, np.var, np.std, np.cumsum, np.cumprod, np.trace, np.nansum, np.nanmean])
WRITES = frozenset([np.copyto, np.fill_diagonal, np.place, np.put, np.put_along_axis, np.putmask])

INSTEAD = {
    np.copyto: "use tg.where(mask, value, x); for np.full(shape, x) use tg.broadcast_to(x, shape)",
    np.fill_diagonal: "use tg.where(np.eye(n, dtype=bool), value, x)",
    np.apply_along_axis: "call the function with axis=, or join results with tg.stack",
    np.apply_over_axes: "call the function with axis=(0, 1)",
    np.bincount: "use one_hot(x) @ weights",
    np.interp: "find the places with np.searchsorted and draw the line yourself",
    np.linalg.lstsq: "use np.linalg.pinv(a) @ b",
    np.linalg.qr: "use np.linalg.cholesky(x.T @ x).T for R",
    np.linalg.eig: "use np.linalg.eigh, for symmetric matrices",
    np.linalg.eigvals: "use np.linalg.eigvalsh, for symmetric matrices",
    np.unique: "use np.argsort or np.isin to find indices, and x[indices]",
    np.trim_zeros: "use a slice",
    np.polyfit: "use np.linalg.solve with np.vander",
}
OPTIONS = {
    "out": "a recorded value can't be written over another; assign the result",
    "where": "choose the elements first, with tg.where(mask, x, 0) or x[mask]",
    "dtype": "convert with x.astype(dtype)",
    "order": "elements are read row by row",
}


class Call(NamedTuple):
    """A NumPy function's parameters: names, how many have no default, the defaults; and the names that ours takes."""

    names: tuple[str, ...]
    leading: int
    defaults: dict[str, Any]
    accepted: frozenset[str] | None


@functools.cache
def call_of(function: Any) -> Call:
    """Look up how a NumPy function is called, and which of that our function for it takes."""
    ours = FUNCTIONS[function]
    taken = inspect.signature(ours).parameters.values()
    try:
        given = list(inspect.signature(function).parameters.values())
    except ValueError:  # NumPy before 2.4 does not tell for functions written in C: they are like ours, then take out
        given = [*taken, inspect.Parameter("out", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None)]
    if any([one.kind is one.VAR_POSITIONAL for one in given]):
        leading, names = -1, []
    else:
        names = [one.name for one in given if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
        leading = sum([one.default is one.empty and one.name in names for one in given])
    accepted = None if any([one.kind is one.VAR_KEYWORD for one in taken]) else frozenset([one.name for one in taken])
    defaults = {"casting": "same_kind", **{one.name: one.default for one in given}}
    return Call(tuple(names), leading, defaults, accepted)


def named_call(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any], str]:
    """Return the arguments for our function, less those with NumPy's default, and the name of one it does not take."""
    call = call_of(function)
    if call.leading < 0:
        first, rest = list(args), kwargs
    else:
        rest = {**dict(zip(call.names[call.leading :], args[call.leading :])), **kwargs}
        first = [*args[: call.leading], *[rest.pop(name) for name in call.names[len(args) : call.leading]]]
    named = {}
    for name, value in rest.items():
        default = call.defaults.get(name)
        name = "ddof" if name == "correction" else name
        if value is np._NoValue or (value is None and default in (None, np._NoValue)) or name == "optimize":
            continue
        if name == "dtype" and function in CASTS:
            first[0] = cast(first[0], value)
        elif name != "out" and (call.accepted is None or name in call.accepted):
            named[name] = value
        elif not is_default(value, default):
            return tuple(first), named, name
    return tuple(first), named, ""


def is_default(value: Any, default: Any) -> bool:
    """Whether an argument says what NumPy would do anyway."""
    return value is default or (
        isinstance(value, (str, bool, int)) and type(value) is type(default) and value == default
    )


def cast(x: Any, dtype: Any) -> Tensor:
    """Return x in the dtype to compute in; TypeError if that would cut the graph."""
    found = as_tensor(x)
    if found.requires_grad and np.dtype(dtype).kind != "f":
        raise TypeError(f"dtype={np.dtype(dtype)} has no gradient; use a float dtype, or x.detach()")
    return found.astype(dtype)


def refusal(function: Any, option: str = "") -> str:
    """Say why a function, or an option of it, is refused, and what to use."""
    name = f"{function.__module__.replace('numpy', 'np', 1)}.{function.__name__}"
    detach = "or x.detach() where no gradient should flow"
    if option:
        return f"{name}: {option}= is not supported for Tensors; {OPTIONS.get(option, 'leave it away')}, {detach}"
    if function in WRITES:
        instead = INSTEAD.get(function, "use tg.where(mask, value, x)")
        return f"{name}: would write into an array without recording it; {instead}, or write into x.data"
    if name.startswith("np.fft"):
        return f"{name}: complex numbers are not supported; compose it from matrix products, {detach}"
    return (
        f"{name}: not differentiable here; {INSTEAD.get(function, 'compose it from the functions of tg.*')}, {detach}"
    )
