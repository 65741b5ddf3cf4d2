"""PyTorch's words that are other ones here: whoever types one is told which.

Each is an attribute that raises AttributeError when it is asked for. A ``__getattr__`` would do, but makes every
attribute that is there three times slower.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import numpy as np

__all__ = ["ELSEWHERE", "FUNCTIONS", "NEEDLESS", "PytorchWords", "Word", "no_function", "torch_options"]

Function = TypeVar("Function", bound=Callable[..., Any])

ELSEWHERE = {  # of a Tensor x and another one y: what is written here
    "view": "x.reshape(2, -1)", "view_as": "x.reshape(y.shape)", "reshape_as": "x.reshape(y.shape)",
    "permute": "x.transpose(1, 0)", "t": "x.T", "movedim": "x.moveaxis(0, 1)", "unsqueeze": "x.expand_dims(0)",
    "expand": "x.broadcast_to(3, 2, 2)", "expand_as": "x.broadcast_to(y.shape)", "chunk": "x.split(2, axis=0)",
    "mm": "x @ y", "bmm": "x @ y", "mv": "x @ y", "pow": "x ** 2", "sub": "x - y", "mul": "x * y", "div": "x / y",
    "neg": "-x", "eq": "x == y", "ne": "x != y", "lt": "x < y", "le": "x <= y", "gt": "x > y", "ge": "x >= y",
    "clamp": "x.clip(0, 1)", "asin": "x.arcsin()", "acos": "x.arccos()", "atan": "x.arctan()",
    "where": "tg.where(x > 0, x, y)", "masked_fill": "tg.where(x > 0, 0.0, x)", "index_select": "x[:, [0, 1]]",
    "narrow": "x[:, 0:2]", "gather": "np.take_along_axis(x, index, axis=1)", "topk": "x.argsort(axis=1)[:, -2:]",
    "clone": "x.copy()", "numel": "x.size", "nelement": "x.size", "dim": "x.ndim", "type": "x.dtype",
    "float": "x.astype(np.float32)", "double": "x.astype(np.float64)", "half": "x.astype(np.float16)",
    "long": "x.astype(int)", "int": "x.astype(int)", "bool": "x != 0", "new_zeros": "tg.zeros(3)",
    "grad_fn": "x.op; what it was given is x.inputs", "requires_grad_": "x.requires_grad = True",
    "detach_": "x = x.detach()", "add_": "x.data = x.data + y.data", "sub_": "x.data = x.data - y.data",
    "mul_": "x.data = x.data * 0.9", "copy_": "x.data = y.data.copy()", "fill_": "x.data = np.full(x.shape, 0.5)",
    "zero_": "x.data = np.zeros(x.shape); a gradient is forgotten by x.zero_grad()",
}  # fmt: skip
NEEDLESS = {
    **dict.fromkeys(("cuda", "cpu", "device", "is_cuda"), "everything is computed on the CPU, so leave it out"),
    "to": "everything is computed on the CPU, so leave it out; another dtype is x.astype(np.float32)",
    "contiguous": "reshape takes any order in memory, so leave it out",
}
FUNCTIONS = {
    "cat": "tg.concatenate([x, y])", "unsqueeze": "tg.expand_dims(x, 0)", "permute": "tg.transpose(x, (1, 0))",
    **dict.fromkeys(("array", "as_tensor", "from_numpy", "FloatTensor", "Variable"), "tg.Tensor(array)"),
    "autograd": "tg.grad(loss, x)", "float32": "np.float32", "float64": "np.float64",
}  # fmt: skip
_OPTIONS = {
    "retain_graph": "leave it out: a graph lives as long as its output, so backward() can be called again",
    "inputs": "take tg.grad(loss, inputs), which touches no .grad",
    "grad_outputs": "it is called gradient= here",
    "grad_tensors": "it is called gradient= here",
}


class Word:
    """An attribute that is not there, and says what is."""

    __slots__ = ("said",)

    def __init__(self, said: str) -> None:
        self.said = said

    def __get__(self, tensor: Any, kind: Any = None) -> NoReturn:
        raise AttributeError(self.said)


class PytorchWords:
    """A Tensor's attributes that only PyTorch has."""

    __slots__ = ()

    def __dir__(self) -> list[str]:
        return [name for name in object.__dir__(self) if name not in ELSEWHERE and name not in NEEDLESS]


for word, here in ELSEWHERE.items():
    setattr(PytorchWords, word, Word(f"a Tensor has no {word!r} as in PyTorch; write {here}"))
for word, why in NEEDLESS.items():
    setattr(PytorchWords, word, Word(f"a Tensor has no {word!r} as in PyTorch: {why}"))


def no_function(name: str) -> str:
    """Return what to tell whoever looks for a function of PyTorch's among this package's."""
    here = FUNCTIONS.get(name) or ELSEWHERE.get(name)
    if here is None and callable(getattr(np, name, None)):
        return f"module 'tinygrad_edu' has no attribute {name!r}; np.{name} is NumPy's own"
    said = f"; write {here}" if here else f": {NEEDLESS[name]}" if name in NEEDLESS else ""
    return f"module 'tinygrad_edu' has no attribute {name!r}" + (f" as PyTorch has{said}" if said else "")


def torch_options(function: Function) -> Function:
    """Tell whoever passes one of PyTorch's options of ``backward`` or ``grad`` what to do here."""

    @functools.wraps(function)
    def told(*args: Any, **options: Any) -> Any:
        for name in options:
            if name in _OPTIONS and name not in function.__code__.co_varnames:
                raise TypeError(f"{function.__name__}: {name}= is PyTorch's; {_OPTIONS[name]}")
        return function(*args, **options)

    return told  # type: ignore[return-value]
