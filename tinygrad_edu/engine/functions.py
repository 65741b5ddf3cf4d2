"""The array functions of ``tg.*``: NumPy's names; each takes Tensors, arrays or numbers and returns a Tensor."""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import numpy as np

from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.axes import insertion_axis, one_axis, torch_spelling
from tinygrad_edu.engine.scope import sign as signed
from tinygrad_edu.engine.symbol import Symbol
from tinygrad_edu.engine.tensor import Tensor, apply, as_tensor

__all__ = [
    "abs", "add", "arccos", "arcsin", "arctan", "arctan2", "argmax", "argmin", "argsort", "broadcast_to", "clip",
    "concatenate", "cos", "cosh", "cumprod", "cumsum", "diagonal", "divide", "dot", "einsum", "elu", "exp",
    "expand_dims", "expm1", "flip", "gelu", "inner", "kron", "leaky_relu", "log", "log1p", "log_softmax",
    "logaddexp", "logsumexp", "matmul", "max", "maximum", "mean", "min", "minimum", "moveaxis", "multiply",
    "negative", "norm", "outer", "pad", "power", "prod", "ravel", "relu", "repeat", "reshape", "roll", "sigmoid",
    "sign", "silu", "sin", "sinh", "sliding_windows", "softmax", "softplus", "sort", "split", "sqrt", "square",
    "squeeze", "stack", "std", "subtract", "sum", "swapaxes", "take", "tan", "tanh", "tensordot", "tile", "trace",
    "transpose", "tril", "triu", "var", "where",
]  # fmt: skip

Params = ParamSpec("Params")
Result = TypeVar("Result")


def function_of(
    method: Callable[Concatenate[Tensor, Params], Result],
) -> Callable[Concatenate[Any, Params], Result]:
    """Make a method a function that takes anything array-like first; a Symbol, in a user's rule, goes to the op."""
    op = getattr(P, method.__name__, None)

    @functools.wraps(method)
    def function(x: Any, *args: Params.args, **kwargs: Params.kwargs) -> Any:
        if isinstance(x, Symbol) and op is not None and op.elementwise:
            return op(x, *args, **kwargs)
        try:
            tensor = as_tensor(x)
        except (ValueError, TypeError) as error:
            signed(error, method.__name__)
            raise
        return method(tensor, *args, **kwargs)

    return cast(Callable[Concatenate[Any, Params], Result], function)


def function_of_two(name: str) -> Callable[[Any, Any], Tensor]:
    """Make an elementwise op of two inputs a function; a Python number takes the other's dtype."""
    op = getattr(P, name)

    def function(x: Any, y: Any) -> Tensor:
        if isinstance(x, Symbol) or isinstance(y, Symbol):
            return op(x, y)  # type: ignore[no-any-return]
        return apply(op, pair(x, y))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = op.__doc__
    return function


def pair(x: Any, y: Any) -> tuple[Tensor, Tensor]:
    """Return two operands as Tensors."""
    if isinstance(x, (builtins.int, builtins.float)) and not isinstance(y, (builtins.int, builtins.float)):
        y = as_tensor(y)
        return as_tensor(x, y), y
    x = as_tensor(x)
    return x, as_tensor(y, x)


exp = function_of(Tensor.exp)
log = function_of(Tensor.log)
log1p = function_of(Tensor.log1p)
expm1 = function_of(Tensor.expm1)
sqrt = function_of(Tensor.sqrt)
square = function_of(Tensor.square)
abs = function_of(Tensor.abs)
sign = function_of(Tensor.sign)
negative = function_of(Tensor.negative)
sin = function_of(Tensor.sin)
cos = function_of(Tensor.cos)
tan = function_of(Tensor.tan)
arcsin = function_of(Tensor.arcsin)
arccos = function_of(Tensor.arccos)
arctan = function_of(Tensor.arctan)
sinh = function_of(Tensor.sinh)
cosh = function_of(Tensor.cosh)
tanh = function_of(Tensor.tanh)
sigmoid = function_of(Tensor.sigmoid)
relu = function_of(Tensor.relu)
leaky_relu = function_of(Tensor.leaky_relu)
elu = function_of(Tensor.elu)
gelu = function_of(Tensor.gelu)
silu = function_of(Tensor.silu)
softplus = function_of(Tensor.softplus)
clip = function_of(Tensor.clip)

add = function_of_two("add")
subtract = function_of_two("subtract")
multiply = function_of_two("multiply")
divide = function_of_two("divide")
power = function_of_two("power")
maximum = function_of_two("maximum")
minimum = function_of_two("minimum")
logaddexp = function_of_two("logaddexp")
arctan2 = function_of_two("arctan2")
matmul = function_of_two("matmul")

sum = function_of(Tensor.sum)
mean = function_of(Tensor.mean)
var = function_of(Tensor.var)
std = function_of(Tensor.std)
max = function_of(Tensor.max)
min = function_of(Tensor.min)
prod = function_of(Tensor.prod)
logsumexp = function_of(Tensor.logsumexp)
softmax = function_of(Tensor.softmax)
log_softmax = function_of(Tensor.log_softmax)
cumsum = function_of(Tensor.cumsum)
cumprod = function_of(Tensor.cumprod)
norm = function_of(Tensor.norm)
argmax = function_of(Tensor.argmax)
argmin = function_of(Tensor.argmin)
argsort = function_of(Tensor.argsort)

reshape = function_of(Tensor.reshape)
ravel = function_of(Tensor.ravel)
transpose = function_of(Tensor.transpose)
swapaxes = function_of(Tensor.swapaxes)
moveaxis = function_of(Tensor.moveaxis)
squeeze = function_of(Tensor.squeeze)
expand_dims = function_of(Tensor.expand_dims)
broadcast_to = function_of(Tensor.broadcast_to)
flip = function_of(Tensor.flip)
roll = function_of(Tensor.roll)
repeat = function_of(Tensor.repeat)
tile = function_of(Tensor.tile)
take = function_of(Tensor.take)
sort = function_of(Tensor.sort)
split = function_of(Tensor.split)
tril = function_of(Tensor.tril)
triu = function_of(Tensor.triu)
diagonal = function_of(Tensor.diagonal)
trace = function_of(Tensor.trace)
pad = function_of(Tensor.pad)
sliding_windows = function_of(Tensor.sliding_windows)

dot = function_of(Tensor.dot)
inner = function_of(Tensor.inner)
outer = function_of(Tensor.outer)
kron = function_of(Tensor.kron)
tensordot = function_of(Tensor.tensordot)


def einsum(subscripts: Any, *operands: Any) -> Tensor:
    """Einstein's summation, as ``np.einsum``: ``einsum("ij,jk->ik", x, y)`` is a matrix product.

    Raises ValueError where labels and shapes do not fit.
    """
    if not isinstance(subscripts, str):
        raise TypeError('einsum: give the subscripts first, as a string, such as "ij,jk->ik"')
    if not operands:
        raise ValueError(f"einsum: no operands for {subscripts!r}")
    inputs = tuple([as_tensor(x) for x in operands])
    return apply(P.einsum, inputs, {"subscripts": subscripts.replace(" ", "")})


def where(condition: Any, x: Any, y: Any) -> Tensor:
    """``x`` where ``condition`` holds, else ``y``; the branch not taken gets a gradient of exactly 0."""
    x, y = pair(x, y)
    chosen = condition._data if isinstance(condition, Tensor) else np.asarray(condition)
    return apply(P.where, (Tensor._wrap(chosen.astype(builtins.bool, copy=False)[()]), x, y))


@torch_spelling
def concatenate(tensors: Sequence[Any], axis: int | None = 0) -> Tensor:
    """Join Tensors along an axis that exists; flattened first if ``axis`` is None."""
    parts = several(tensors, "concatenate")
    if axis is None:
        parts = [part.ravel() for part in parts]
    return apply(P.concatenate, tuple(parts), {"axis": one_axis(axis or 0, parts[0].ndim, "concatenate")})


@torch_spelling
def stack(tensors: Sequence[Any], axis: int = 0) -> Tensor:
    """Lay Tensors of one shape side by side along a new axis."""
    parts = several(tensors, "stack")
    return apply(P.stack, tuple(parts), {"axis": insertion_axis(axis, parts[0].ndim, "stack")})


def several(tensors: Any, op: str) -> list[Tensor]:
    """Return the Tensors to join; ValueError for none."""
    if not isinstance(tensors, (list, tuple, Tensor, np.ndarray)):
        raise TypeError(f"{op}: wanted a list of Tensors, got {type(tensors).__name__}")
    parts = [as_tensor(part) for part in tensors]
    if not parts:
        raise ValueError(f"{op}: needs at least one Tensor")
    return parts
