"""Tensor: a value, its gradient, and how it was made. The one mutable class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.arrays import frozen, refuse_integers, to_array
from tinygrad_edu.engine.backprop import Backpropagation
from tinygrad_edu.engine.failure import anomaly, explained, users_line
from tinygrad_edu.engine.hooks import Hooks
from tinygrad_edu.engine.methods import Methods
from tinygrad_edu.engine.numpy_calls.protocol import NumpyProtocol
from tinygrad_edu.engine.op import Op
from tinygrad_edu.engine.questions import Questions
from tinygrad_edu.engine.scope import MODE, next_serial
from tinygrad_edu.engine.text import tensor_text
from tinygrad_edu.engine.writes import Writes

__all__ = ["Tensor", "apply", "as_tensor"]

_new = object.__new__
_ARRAYS = (np.ndarray, np.generic)
_NUMBERS = (int, float)


def infix(op: Op) -> Callable[[Any, Any], Tensor]:
    """Return the method behind an operator: ``apply`` to two operands, in the few lines that the common case takes."""

    def method(x: Any, y: Any) -> Tensor:
        if not isinstance(y, Tensor):
            y = operand(y, x)
            if y is NotImplemented:
                return NotImplemented  # type: ignore[no-any-return]
        elif not isinstance(x, Tensor):
            x = operand(x, y)
            if x is NotImplemented:
                return NotImplemented  # type: ignore[no-any-return]
        mode = MODE.get()
        if not (mode.plain and (x._needs or y._needs)):
            return apply(op, (x, y))
        a = x._data
        b = y._data
        try:
            data = op.forward(a, b)
        except (ValueError, TypeError, IndexError) as error:
            raise explained(error, op, (x, y), None, mode.scope) from error
        out: Tensor = _new(Tensor)
        out._data = data
        out._grad = out._name = out._hooks = out._params = out._line = None
        out._written = 0
        out._needs = True
        out._op = op
        out._x = x
        out._y = y
        out._a = a
        out._b = b
        out._scope = mode.scope
        out._serial = next_serial()
        return out

    return method


def reflected(method: Callable[[Any, Any], Tensor]) -> Callable[[Any, Any], Tensor]:
    """Return the method for a Tensor that is the right operand."""
    return lambda self, other: method(other, self)


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
        if self._grad is None and self._op is not None:
            self._warn_of_lost_leaf()
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

    __add__ = infix(P.add)
    __sub__ = infix(P.subtract)
    __mul__ = infix(P.multiply)
    __truediv__ = infix(P.divide)
    __matmul__ = infix(P.matmul)
    __mod__ = infix(P.remainder)
    __radd__ = reflected(__add__)
    __rsub__ = reflected(__sub__)
    __rmul__ = reflected(__mul__)
    __rtruediv__ = reflected(__truediv__)
    __rmatmul__ = reflected(__matmul__)
    __rmod__ = reflected(__mod__)
    _power = infix(P.power)
    __rpow__ = reflected(_power)

    def __pow__(self, other: Any) -> Tensor:
        return self._apply(P.square) if type(other) is int and other == 2 else self._power(other)

    def __neg__(self) -> Tensor:
        return self._apply(P.negative)

    def __pos__(self) -> Tensor:
        return self

    def __abs__(self) -> Tensor:
        return self._apply(P.absolute)

    def __getitem__(self, index: Any) -> Tensor:
        return self._apply(P.getitem, index=frozen(index))

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
        """Record ``op`` on this and others; what ``Methods`` calls. ``apply``, but faster on this one alone."""
        mode = MODE.get()
        if others or not (mode.plain and self._needs):
            return apply(op, (self, *[as_tensor(x, self) for x in others]), params or None)
        a = self._data
        try:
            data = op.forward(a, **params) if params else op.forward(a)
        except (ValueError, TypeError, IndexError) as error:
            raise explained(error, op, (self,), params or None, mode.scope) from error
        out: Tensor = _new(Tensor)
        out._data = data
        out._grad = out._name = out._hooks = out._line = out._y = out._b = None
        out._written = 0
        out._needs = True
        out._op = op
        out._x = self
        out._a = a
        out._params = params or None
        out._scope = mode.scope
        out._serial = next_serial()
        return out

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
        try:
            return Tensor._wrap(dtype.type(value))
        except OverflowError:  # an int too large for its partner, such as 256 beside pixels of uint8, is an int64
            return Tensor._wrap(to_array(value, None, False, False))
    if isinstance(value, (*_ARRAYS, list, tuple)) or hasattr(type(value), "__array__"):
        return Tensor._wrap(to_array(value, None, False, False))
    if value is None:
        raise TypeError(f"an operator got {partner._label()} and None; a .grad is None before backward() has filled it")
    return NotImplemented


def as_tensor(value: Any, partner: Tensor | None = None) -> Tensor:
    """Return a Tensor as it is, and anything else as a constant that shares its data."""
    if isinstance(value, Tensor):
        return value
    if partner is not None and value is not None:
        lifted = operand(value, partner)
        if lifted is not NotImplemented:
            return lifted  # type: ignore[no-any-return]
    return Tensor._wrap(to_array(value, None, False, False))


def rebuilt(kind: type[Tensor], data: Any, needs: bool, name: str | None, grad: Tensor | None) -> Tensor:
    """Make a leaf again from what ``copy`` or ``pickle`` kept of it."""
    leaf = kind(data, requires_grad=needs, name=name)
    leaf.grad = grad
    return leaf
