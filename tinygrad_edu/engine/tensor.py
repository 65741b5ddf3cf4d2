"""Tensor: a value, its gradient, and how it was made. The one mutable class."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.arrays import frozen, refuse_integers, to_array
from tinygrad_edu.engine.backprop import Backpropagation
from tinygrad_edu.engine.failure import anomaly, explained, users_line
from tinygrad_edu.engine.hooks import Hooks
from tinygrad_edu.engine.methods import Methods
from tinygrad_edu.engine.numpy_protocol import NumpyProtocol
from tinygrad_edu.engine.op import Op
from tinygrad_edu.engine.questions import Questions
from tinygrad_edu.engine.record import Writes
from tinygrad_edu.engine.scope import MODE, next_serial
from tinygrad_edu.engine.text import tensor_text

__all__ = ["Tensor", "apply", "as_tensor"]

_new = object.__new__
_ARRAYS = (np.ndarray, np.generic)
_NUMBERS = (int, float)


class Tensor(Methods, Questions, NumpyProtocol, Backpropagation):
    """An array that remembers which op made it, so that gradients can flow back through it.

    data: anything ``np.asarray`` takes, copied unless ``copy=False``; its dtype is kept, but Python ints and lists of
    ints become float64 when ``requires_grad=True``. name: shown in pictures and messages.
    Raises TypeError for what is no array of numbers, and for an integer array with ``requires_grad=True``.

    >>> x = Tensor(3.0, requires_grad=True, name="x")
    >>> y = x * x
    >>> y.backward()
    >>> x.grad
    Tensor(6.0)
    """

    __slots__ = ("__weakref__", "_name")

    _hooks: Hooks | None
    _name: str | None

    def __init__(
        self,
        data: Any,
        requires_grad: bool = False,
        *,
        dtype: Any = None,
        name: str | None = None,
        copy: bool = True,
    ) -> None:
        self._data = to_array(data, dtype, copy, requires_grad)
        self._needs = requires_grad = bool(requires_grad)
        if requires_grad:
            refuse_integers(self._data)
        self.name = name
        self._grad = self._hooks = self._line = self._op = self._params = self._scope = None
        self._x = self._a = ()
        self._y = self._b = None
        self._serial = self._written = 0

    @staticmethod
    def _wrap(data: Any) -> Tensor:
        """Return a leaf that shares ``data``: an array, a NumPy scalar or already a Tensor."""
        if isinstance(data, Tensor):
            return data
        leaf: Tensor = _new(Tensor)
        leaf._data = data
        leaf._needs = False
        leaf._grad = leaf._hooks = leaf._line = leaf._op = leaf._params = leaf._scope = leaf._name = None
        leaf._x = leaf._a = ()
        leaf._y = leaf._b = None
        leaf._serial = leaf._written = 0
        return leaf

    # What it holds

    @property
    def data(self) -> Any:
        """The array itself, shared; of a 0-d Tensor a NumPy scalar. Writing its elements bypasses the graph's check."""
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        array = value._data if isinstance(value, Tensor) else to_array(value, None, False, self._needs)
        if self._needs:
            refuse_integers(array)
        if array is self._data and isinstance(array, np.ndarray):
            Writes.note(array)
        elif self._op is not None:
            Writes.latest = self._written = next_serial()
        self._data = array

    @property
    def grad(self) -> Tensor | None:
        """The gradient that ``backward()`` added up here, of the shape and dtype of ``data``; None before."""
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            value = value if isinstance(value, Tensor) else Tensor(value, copy=False)
            if value.shape != self.shape:
                raise ValueError(
                    f"grad: {self._label()} has shape {self.shape}, so its gradient can't have shape {value.shape}"
                )
            if value.dtype != self.dtype:
                value = Tensor._wrap(value._data.astype(self.dtype))
        self._grad = value

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to this Tensor; settable on leaves."""
        return self._needs

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if self._op is not None and not value:
            raise RuntimeError(
                f"requires_grad: {self._label()} was made by {self._op.name}; use .detach() to cut it off"
            )
        if value:
            refuse_integers(self._data)
        self._needs = bool(value)

    @property
    def name(self) -> str | None:
        """What pictures and messages call it."""
        return self._name

    @name.setter
    def name(self, value: str | None) -> None:
        if value is not None and not isinstance(value, str):
            raise TypeError(f"name must be a string or None, not {type(value).__name__}")
        self._name = value

    @property
    def op(self) -> Op | None:
        """The op that made it; None for a leaf."""
        return self._op

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The Tensors its op was given; empty for a leaf."""
        return self._inputs

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded op made it: a parameter, an input, a constant."""
        return self._op is None

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

    def numpy(self) -> Any:
        """The array, shared, of a Tensor that needs no gradient; TypeError otherwise (``.detach()`` first)."""
        return self.__array__()

    def detach(self) -> Tensor:
        """The same data, cut off from the graph: needs no gradient."""
        return Tensor._wrap(self._data)

    def _label(self) -> str:
        """Its name, or which op made it, for messages."""
        if self._name:
            return repr(self._name)
        return f"the output of {self._op.name}" if self._op else "a Tensor"

    # Operators

    def __add__(self, other: Any) -> Tensor:
        return combined(P.add, self, other)

    def __radd__(self, other: Any) -> Tensor:
        return combined(P.add, other, self)

    def __sub__(self, other: Any) -> Tensor:
        return combined(P.subtract, self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return combined(P.subtract, other, self)

    def __mul__(self, other: Any) -> Tensor:
        return combined(P.multiply, self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return combined(P.multiply, other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return combined(P.divide, self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return combined(P.divide, other, self)

    def __pow__(self, other: Any) -> Tensor:
        if type(other) is int and other == 2:
            return apply(P.square, (self,))
        return combined(P.power, self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return combined(P.power, other, self)

    def __matmul__(self, other: Any) -> Tensor:
        return combined(P.matmul, self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return combined(P.matmul, other, self)

    def __mod__(self, other: Any) -> Tensor:
        return combined(P.remainder, self, other)

    def __rmod__(self, other: Any) -> Tensor:
        return combined(P.remainder, other, self)

    def __neg__(self) -> Tensor:
        return apply(P.negative, (self,))

    def __pos__(self) -> Tensor:
        return self

    def __abs__(self) -> Tensor:
        return apply(P.absolute, (self,))

    def __getitem__(self, index: Any) -> Tensor:
        return apply(P.getitem, (self,), {"index": frozen(index)})

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "a Tensor's elements can't be assigned, since the graph would lose the value it saw; build a new one with "
            "tg.where(mask, value, x) or tg.concatenate, or write into x.data before it is used"
        )

    def __reduce__(self) -> Any:
        if self._op is not None:
            raise RuntimeError(f"copying {self._label()} would copy its graph; copy {self._label()}.detach() instead")
        return rebuilt, (type(self), np.array(self._data), self._needs, self._name, self._grad)

    def __repr__(self) -> str:
        return tensor_text(self)

    def _lift(self, other: Any) -> Tensor:
        """Return what stands beside this Tensor as one."""
        return as_tensor(other, self)

    def _apply(self, op: Op, *others: Any, **params: Any) -> Tensor:
        """Record ``op`` on this and others; what ``Methods`` calls."""
        return apply(op, (self, *[as_tensor(x, self) for x in others]) if others else (self,), params or None)

    def __apply_op__(self, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        inputs = tuple([as_tensor(x, self) for x in args])
        if not op.differentiable:
            try:
                return op.forward(*[x._data for x in inputs], **params)
            except (ValueError, TypeError, IndexError) as error:
                raise explained(error, op, inputs, params, MODE.get().scope) from error
        if op.steps is not None and MODE.get().unfused:
            return op.steps(*inputs, **params)
        return apply(op, inputs, params or ({} if op.variadic else None))


def apply(op: Op, inputs: tuple[Tensor, ...], params: dict[str, Any] | None = None) -> Tensor:
    """Run an op on Tensors and, where a gradient is needed, record it."""
    mode = MODE.get()
    x: Any
    y = b = None
    try:
        if len(inputs) == 2:
            x, y = inputs
            a, b = x._data, y._data
            needs = x._needs or y._needs
            data = op.forward(a, b) if params is None else op.forward(a, b, **params)
        elif len(inputs) == 1:
            x = inputs[0]
            a = x._data
            needs = x._needs
            data = op.forward(a) if params is None else op.forward(a, **params)
        else:
            x = inputs
            a = tuple([x._data for x in inputs])
            needs = any([x._needs for x in inputs])
            data = op.forward(*a) if params is None else op.forward(*a, **params)
    except (ValueError, TypeError, IndexError) as error:
        raise explained(error, op, inputs, params, mode.scope) from error
    out: Tensor = _new(Tensor)
    out._data = data
    out._grad = out._name = out._hooks = None
    out._written = 0
    if needs and mode.recording:
        out._needs = True
        out._op = op
        out._x = x
        out._y = y
        out._a = a
        out._b = b
        out._params = params
        out._scope = mode.scope
        out._serial = next_serial()
    else:
        out._needs = False
        out._op = out._params = out._scope = out._y = out._b = None
        out._x = out._a = ()
        out._serial = 0
    out._line = None
    if mode.watchful:
        out._line = users_line()
        if mode.anomaly and not np.isfinite(data).all():
            raise anomaly(out, data, None, op, inputs)
    return out


def combined(op: Op, x: Any, y: Any) -> Tensor:
    """Record an op of two operands, at least one of them a Tensor; NotImplemented if the other is no operand."""
    if not isinstance(y, Tensor):
        y = operand(y, x)
    elif not isinstance(x, Tensor):
        x = operand(x, y)
    if x is NotImplemented or y is NotImplemented:
        return NotImplemented  # type: ignore[no-any-return]
    return apply(op, (x, y))


def operand(value: Any, partner: Tensor) -> Any:
    """Return what stands on the other side of an operator as a Tensor; NotImplemented if it is no number or array.

    A Python number takes its partner's dtype, as in NumPy 2; a NumPy scalar (``np.float64`` is a float) keeps its own.
    """
    if isinstance(value, Tensor):
        return value
    if isinstance(value, _NUMBERS) and type(value) is not np.float64:
        dtype = partner._data.dtype
        if dtype.kind != "f":
            dtype = np.result_type(dtype, value)
        return Tensor._wrap(dtype.type(value))
    if isinstance(value, (*_ARRAYS, list, tuple)):
        return Tensor._wrap(to_array(value, None, False, False))
    return NotImplemented


def as_tensor(value: Any, partner: Tensor | None = None) -> Tensor:
    """Return a Tensor as it is, and anything else as a constant that shares its data."""
    if isinstance(value, Tensor):
        return value
    if partner is not None:
        lifted = operand(value, partner)
        if lifted is not NotImplemented:
            return lifted  # type: ignore[no-any-return]
    return Tensor._wrap(to_array(value, None, False, False))


def rebuilt(kind: type[Tensor], data: Any, needs: bool, name: str | None, grad: Tensor | None) -> Tensor:
    """Make a leaf again from what ``copy`` or ``pickle`` kept of it."""
    leaf = kind(data, requires_grad=needs, name=name)
    leaf.grad = grad
    return leaf
