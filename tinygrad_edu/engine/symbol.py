"""Symbol: what a rule is handed to say its formula. An expression, with the value it has on the very numbers.

``tanh_dx(Symbol("ḡ", g), Symbol("y", y), Symbol("x", x))`` gives ``ḡ · (1 − y²)``: the formula on the screen is the
code that ran.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.engine.op import Op
from tinygrad_edu.engine.text import index_text, number_text, params_text

__all__ = ["Symbol", "formula_of_forward", "formula_of_rule", "symbol_text"]

_TIGHTNESS = {"infix+": 1, "infix−": 1, "prefix": 2, "infix·": 3, "infix@": 3, "fraction": 3, "power": 5, "postfix": 6}
_ATOM = 9


class Symbol:
    """A leaf with a name, or ``head`` applied to ``args``; ``value`` is the array it stands for.

    notation: how it is written, see ``tinygrad_edu.engine.op.op``; ``leaf`` and ``number`` have no args.
    """

    __slots__ = ("args", "head", "notation", "params", "value")

    def __init__(
        self,
        head: str,
        value: Any,
        notation: str = "leaf",
        args: tuple[Symbol, ...] = (),
        params: dict[str, Any] | None = None,
    ) -> None:
        self.head = head
        self.value = value
        self.notation = notation
        self.args = args
        self.params = params or {}

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        return np.shape(self.value)

    @property
    def ndim(self) -> int:
        """How many axes the value has."""
        return np.ndim(self.value)

    @property
    def size(self) -> int:
        """How many elements the value has."""
        return np.size(self.value)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the value."""
        return np.asarray(self.value).dtype

    def key(self) -> tuple[Any, ...]:
        """What two equal expressions have in common."""
        return (self.head, self.notation, *[arg.key() for arg in self.args], tuple(map(str, self.params.items())))

    def is_number(self, n: float) -> bool:
        """Whether this is the literal number n."""
        return self.notation == "number" and self.value == n

    # What rules do with it

    def __add__(self, other: Any) -> Symbol:
        return added(self, lift(other))

    def __radd__(self, other: Any) -> Symbol:
        return added(lift(other), self)

    def __sub__(self, other: Any) -> Symbol:
        return subtracted(self, lift(other))

    def __rsub__(self, other: Any) -> Symbol:
        return subtracted(lift(other), self)

    def __mul__(self, other: Any) -> Symbol:
        return multiplied(self, lift(other))

    def __rmul__(self, other: Any) -> Symbol:
        return multiplied(lift(other), self)

    def __truediv__(self, other: Any) -> Symbol:
        return divided(self, lift(other))

    def __rtruediv__(self, other: Any) -> Symbol:
        return divided(lift(other), self)

    def __pow__(self, other: Any) -> Symbol:
        return raised(self, lift(other))

    def __rpow__(self, other: Any) -> Symbol:
        return raised(lift(other), self)

    def __matmul__(self, other: Any) -> Symbol:
        y = lift(other)
        return Symbol("@", self.value @ y.value, "infix", (self, y))

    def __rmatmul__(self, other: Any) -> Symbol:
        return lift(other) @ self

    def __neg__(self) -> Symbol:
        return self.args[0] if self.notation == "prefix" else Symbol("−", -self.value, "prefix", (self,))

    def __abs__(self) -> Symbol:
        return Symbol("|", abs(self.value), "bars", (self,))

    def __getitem__(self, index: Any) -> Symbol:
        return Symbol("[]", np.asarray(self.value)[index], "index", (self,), {"index": index})

    def __gt__(self, other: Any) -> Symbol:
        return related(">", np.greater, self, lift(other))

    def __ge__(self, other: Any) -> Symbol:
        return related("≥", np.greater_equal, self, lift(other))

    def __lt__(self, other: Any) -> Symbol:
        return related("<", np.less, self, lift(other))

    def __le__(self, other: Any) -> Symbol:
        return related("≤", np.less_equal, self, lift(other))

    def __eq__(self, other: object) -> Any:
        return related("=", np.equal, self, lift(other))

    def __ne__(self, other: object) -> Any:
        return related("≠", np.not_equal, self, lift(other))

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise TypeError("a rule may branch on parameters, ndim, shape and dtype, never on values; use where()")

    def sum(self, axis: Any = None, keepdims: bool = False) -> Symbol:
        """The sum over ``axis``."""
        value = np.sum(self.value, axis=axis, keepdims=keepdims)
        return Symbol("Σ", value, "call", (self,), shown_params({"axis": axis}, self.ndim))

    def reshape(self, *shape: Any) -> Symbol:
        """Another shape; adding or dropping axes of length 1 is not shown."""
        value = np.reshape(self.value, shape[0] if len(shape) == 1 else shape)
        if same_but_ones(value.shape, self.shape):
            return Symbol(self.head, value, self.notation, self.args, self.params)
        return Symbol("reshape", value, "call", (self,), {"shape": value.shape})

    def transpose(self, *axes: Any) -> Symbol:
        """The axes in another order; written ᵀ where it swaps the last two."""
        order = axes[0] if len(axes) == 1 and isinstance(axes[0], (tuple, list)) else axes
        value = np.transpose(self.value, order or None)
        swapped = (*range(self.ndim - 2), self.ndim - 1, self.ndim - 2)
        if self.ndim > 2 and order and tuple(order) != swapped:
            return Symbol("transpose", value, "call", (self,), {"axes": tuple(order)})
        return transposed(self, value)

    @property
    def T(self) -> Symbol:
        """The axes reversed."""
        return transposed(self, np.transpose(self.value))

    def astype(self, dtype: Any) -> Symbol:
        """Another dtype, which formulas do not show."""
        return Symbol(self.head, np.asarray(self.value).astype(dtype)[()], self.notation, self.args, self.params)

    def __apply_op__(self, op: Op, args: tuple[Any, ...], params: dict[str, Any]) -> Symbol:
        symbols = tuple([lift(x) for x in args])
        same = (
            _OPERATORS.get(op.symbol) if len(symbols) == 2 and op.notation in ("infix", "fraction", "power") else None
        )
        if same is not None and not params:
            return same(*symbols)
        with np.errstate(all="ignore"):
            value = op.forward(*[x.value for x in symbols], **params)
        return applied(op, value, symbols, params)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            return NotImplemented
        symbols = tuple([lift(x) for x in inputs])
        known = _UFUNCS.get(ufunc)
        if known is not None:
            return known(*symbols)
        with np.errstate(all="ignore"):
            return Symbol(ufunc.__name__, ufunc(*[x.value for x in symbols]), "call", symbols)

    def __array_function__(self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        symbols = tuple([x for x in args if isinstance(x, Symbol)])
        value = func(*[x.value if isinstance(x, Symbol) else x for x in args], **kwargs)
        return Symbol(func.__name__, value, "call", symbols, kwargs)

    def __str__(self) -> str:
        return symbol_text(self)

    def __repr__(self) -> str:
        return f"<Symbol {self}>"


def applied(op: Op, value: Any, symbols: tuple[Symbol, ...], params: dict[str, Any]) -> Symbol:
    """Return an op applied to expressions; what only adds or drops axes of length 1 is not shown."""
    x = symbols[0]
    if op.notation == "postfix" and op.symbol == "ᵀ":
        return x.transpose(params["axes"])
    if op.notation == "arrange" and same_but_ones(np.shape(value), x.shape):
        return Symbol(x.head, value, x.notation, x.args, x.params)
    return Symbol(
        op.symbol,
        value,
        op.notation,
        symbols,
        {} if op.notation == "arrange" else shown_params(op.special(params), x.ndim),
    )


def same_but_ones(shape: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether two shapes differ in axes of length 1 only."""
    return [n for n in shape if n != 1] == [n for n in other if n != 1]


def shown_params(params: dict[str, Any], ndim: int) -> dict[str, Any]:
    """Return the parameters without an axis that means all axes."""
    everything = tuple(range(ndim))
    return {key: value for key, value in params.items() if not (key == "axis" and value in (everything, None))}


def lift(value: Any) -> Symbol:
    """Return numbers and arrays as constants of a formula."""
    if isinstance(value, Symbol):
        return value
    if np.ndim(value) == 0:
        return Symbol(number_text(value), value, "number")
    return Symbol("const", np.asarray(value), "leaf")


def added(x: Symbol, y: Symbol) -> Symbol:
    """x + y; adding 0 is not shown."""
    if x.is_number(0):
        return y
    if y.is_number(0):
        return x
    if y.notation == "prefix":
        return subtracted(x, y.args[0])
    return Symbol("+", x.value + y.value, "infix", (x, y))


def subtracted(x: Symbol, y: Symbol) -> Symbol:
    """x − y."""
    if y.is_number(0):
        return x
    if x.is_number(0):
        return -y
    return Symbol("−", x.value - y.value, "infix", (x, y))


def multiplied(x: Symbol, y: Symbol) -> Symbol:
    """x · y; a factor 1 is not shown, y · y is y²."""
    with np.errstate(all="ignore"):
        value = x.value * y.value
    if x.is_number(1):
        return Symbol(y.head, value, y.notation, y.args, y.params)
    if y.is_number(1):
        return Symbol(x.head, value, x.notation, x.args, x.params)
    if x.notation == "leaf" and x.key() == y.key():
        return Symbol("", value, "power", (x, Symbol("2", 2, "number")))
    return Symbol("·", value, "infix", (x, y))


def divided(x: Symbol, y: Symbol) -> Symbol:
    """x / y."""
    with np.errstate(all="ignore"):
        return x if y.is_number(1) else Symbol("/", x.value / y.value, "fraction", (x, y))


def raised(x: Symbol, y: Symbol) -> Symbol:
    """x to the power y."""
    with np.errstate(all="ignore"):
        return x if y.is_number(1) else Symbol("", x.value**y.value, "power", (x, y))


def related(sign: str, question: np.ufunc, x: Symbol, y: Symbol) -> Symbol:
    """An indicator: 1 where the relation holds, else 0; written in Iverson's brackets."""
    return Symbol(sign, question(x.value, y.value), "relation", (x, y))


def transposed(x: Symbol, value: Any) -> Symbol:
    """xᵀ; twice is x, and of fewer than two axes it is not shown."""
    if x.ndim < 2:
        return Symbol(x.head, value, x.notation, x.args, x.params)
    if x.notation == "postfix" and x.head == "ᵀ":
        return x.args[0]
    if x.notation == "leaf" and x.head.endswith("ᵀ"):
        return Symbol(x.head.removesuffix("ᵀ"), value)
    if x.notation == "infix" and x.head == "@" and x.ndim == 2:
        return x.args[1].T @ x.args[0].T
    return Symbol("ᵀ", value, "postfix", (x,))


_OPERATORS: dict[str, Callable[[Symbol, Symbol], Symbol]] = {
    "+": added, "−": subtracted, "·": multiplied, "/": divided, "@": Symbol.__matmul__,
}  # fmt: skip
_UFUNCS: dict[np.ufunc, Callable[..., Symbol]] = {
    np.add: added, np.subtract: subtracted, np.multiply: multiplied, np.divide: divided, np.power: raised,
    np.matmul: Symbol.__matmul__, np.negative: Symbol.__neg__, np.absolute: Symbol.__abs__,
    np.greater: Symbol.__gt__, np.less: Symbol.__lt__,
}  # fmt: skip


# Writing it down


def symbol_text(symbol: Symbol, leaf: Callable[[Symbol], str] | None = None) -> str:
    """Return the expression as a line of text; ``leaf`` may write numbers in place of names."""
    return written(symbol, leaf or (lambda s: s.head))[0]


def written(symbol: Symbol, leaf: Callable[[Symbol], str]) -> tuple[str, int]:
    """Return the text and how tightly it holds together."""
    notation = symbol.notation
    if notation in ("leaf", "number"):
        text = leaf(symbol) if notation == "leaf" else symbol.head
        return text, _TIGHTNESS["prefix"] if text.startswith("−") else _ATOM
    parts = [written(arg, leaf) for arg in symbol.args]
    if notation == "infix":
        tight = _TIGHTNESS["infix" + symbol.head]
        left = bracketed(*parts[0], tight + mixed(symbol, symbol.args[0]))
        right = bracketed(*parts[1], tight + (symbol.head not in "+·" or mixed(symbol, symbol.args[1])))
        right = f"({right})" if right.startswith("−") else right
        return f"{left} {symbol.head} {right}", tight
    if notation == "fraction":
        tight = _TIGHTNESS["fraction"]
        return f"{bracketed(*parts[0], tight)} / {bracketed(*parts[1], tight + 1)}", tight
    if notation == "prefix":
        return f"{symbol.head}{bracketed(*parts[0], _TIGHTNESS['prefix'] + 1)}", _TIGHTNESS["prefix"]
    if notation == "power":
        base = bracketed(*parts[0], _TIGHTNESS["power"] + 1)
        exponent = symbol.args[1] if len(symbol.args) > 1 else None
        if exponent is None or exponent.is_number(2):
            return f"{base}²", _TIGHTNESS["power"]
        return f"{base}^{bracketed(*parts[1], _ATOM)}", _TIGHTNESS["power"]
    if notation == "postfix":
        return f"{bracketed(*parts[0], _TIGHTNESS['postfix'])}{symbol.head}", _TIGHTNESS["postfix"]
    if notation == "relation":
        return f"[{parts[0][0]} {symbol.head} {parts[1][0]}]", _ATOM
    if notation == "bars":
        return f"|{parts[0][0]}|", _ATOM
    if notation == "root":
        return f"√{bracketed(*parts[0], _ATOM)}", _ATOM
    if notation == "index":
        return f"{bracketed(*parts[0], _ATOM)}[{index_text(symbol.params.get('index'))}]", _ATOM
    shown = [text for text, _ in parts] + params_text(symbol.params)
    return f"{symbol.head}({', '.join(shown)})", _ATOM


def mixed(outer: Symbol, inner: Symbol) -> bool:
    """Whether elementwise and matrix products stand inside each other, which no rule of precedence settles."""
    return {outer.head, inner.head} == {"·", "@"} and inner.notation == "infix"


def bracketed(text: str, tightness: int, wanted: int) -> str:
    """Return the text, in brackets where it would fall apart."""
    return f"({text})" if tightness < wanted else text


def formula_of_rule(
    op: Op, position: int, g: Any, out: Any, seen: tuple[Any, ...], params: dict[str, Any], names: Any = None
) -> Symbol | None:
    """Return the rule of one input as an expression of ``ḡ``, the output and the inputs; None if it refuses Symbols.

    names: what to call the inputs and, last, the output; the op's own words if left out.
    """
    rule = op.rule_of(position)
    if rule is None:
        return None
    names = names or [*[op.input_name(i) for i in range(len(seen))], "y" if "y" not in op.inputs else "out"]
    inputs = [Symbol(name, a) for name, a in zip(names, seen)]
    extra = {"position": position} if op.variadic else {}
    try:
        with np.errstate(all="ignore"):
            found = rule(Symbol("ḡ", g), Symbol(names[-1], out), *inputs, **params, **extra)
    except (TypeError, AttributeError, ValueError):
        return None
    return found if isinstance(found, Symbol) else lift(found)


def formula_of_forward(op: Op, out: Any, names: list[str], seen: tuple[Any, ...], params: dict[str, Any]) -> Symbol:
    """Return the op applied to its named inputs, as an expression."""
    return applied(op, out, tuple([Symbol(name, a) for name, a in zip(names, seen)]), params)
