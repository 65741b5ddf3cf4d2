"""A formula as MathML: the same Symbols that ``symbol_text`` writes on a line, set as mathematics."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.engine.symbol import Symbol
from tinygrad_edu.engine.text import number_text, params_text

__all__ = ["Math", "math_tree", "mathml_text", "numbers_leaf", "shape_leaf", "to_mathml"]

Math = tuple[Any, ...]  # a tag, then its children or, in mi mn mo mtext, its text

_TIGHT = {"infix+": 1, "infix−": 1, "prefix": 2, "infix·": 3, "infix@": 3, "power": 5, "postfix": 6}
_ATOM = 9
_TABLE, _WIDE = 12, 6  # numbers, and columns, up to which an array stands in a formula
_ORDER = tuple[Math, int]
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def to_mathml(symbol: Symbol, leaf: Callable[[Symbol], Math] | None = None) -> str:
    """Return the expression as a ``<math>`` element; every name in it is escaped.

    >>> to_mathml(Symbol("x", 3.0) * 2)
    '<math><mrow><mi>x</mi><mo>·</mo><mn>2</mn></mrow></math>'
    """
    return f"<math>{mathml_text(math_tree(symbol, leaf))}</math>"


def math_tree(symbol: Symbol, leaf: Callable[[Symbol], Math] | None = None) -> Math:
    """Return the expression as nested tuples of MathML; ``leaf`` may write numbers in place of names."""
    return set_out(symbol, leaf or name_leaf)[0]


def mathml_text(tree: Math) -> str:
    """Return the markup of a tree."""
    tag, *children = tree
    if tag == "array":
        return array_text(*children)
    if tag in ("mi", "mn", "mo", "mtext"):
        return f"<{tag}>{html.escape(_NOT_XML.sub('�', children[0]))}</{tag}>"
    return f"<{tag}>{''.join(map(mathml_text, children))}</{tag}>"


def array_text(shape: tuple[int, ...], numbers: tuple[float, ...]) -> str:
    """Return a small array as a table in square brackets."""
    columns = shape[-1]
    rows = [numbers[i : i + columns] for i in range(0, len(numbers), columns)]
    cells = "".join("<mtr>" + "".join(f"<mtd><mn>{number_text(v)}</mn></mtd>" for v in row) + "</mtr>" for row in rows)
    return f"<mrow><mo>[</mo><mtable>{cells}</mtable><mo>]</mo></mrow>"


# What stands for a name


def name_leaf(symbol: Symbol) -> Math:
    """A name, or the number it is; ``c1.weight`` and words are set upright."""
    head = symbol.head
    if re.fullmatch(r"−?[0-9.]+(e−?[0-9]+)?", head):
        return ("mn", head)
    if head.endswith("ᵀ") and len(head) > 1:
        return ("msup", ("mi", head[:-1]), ("mo", "ᵀ"))
    return ("mi", head)


def numbers_leaf(symbol: Symbol) -> Math:
    """The number, or the small array, that a name stands for; raises ValueError for a larger one."""
    value = np.asarray(symbol.value)
    if value.size == 1:
        return ("mn", number_text(value.item()))
    if not 0 < value.size <= _TABLE or value.shape[-1] > _WIDE or any(n != 1 for n in value.shape[:-2]):
        raise ValueError(f"an array of shape {value.shape} is too large for a formula")
    return ("array", value.shape, tuple(value.astype(np.float64).ravel().tolist()))


def shape_leaf(symbol: Symbol) -> Math:
    """The shape that a name has."""
    return ("mtext", "(" + ", ".join(map(str, symbol.shape)) + ("," if symbol.ndim == 1 else "") + ")")


# Setting it out


def set_out(symbol: Symbol, leaf: Callable[[Symbol], Math]) -> _ORDER:
    """Return the tree and how tightly it holds together."""
    notation = symbol.notation
    if notation in ("leaf", "number"):
        tree = leaf(symbol) if notation == "leaf" else name_leaf(symbol)
        negative = tree[0] in ("mi", "mn") and tree[1].startswith("−")
        return tree, _TIGHT["prefix"] if negative else _ATOM
    parts = [set_out(arg, leaf) for arg in symbol.args]
    if notation == "infix":
        return infix(symbol, parts)
    if notation == "fraction":
        return ("mfrac", parts[0][0], parts[1][0]), _TIGHT["infix·"]
    if notation == "prefix":
        return ("mrow", ("mo", symbol.head), bracketed(parts[0], _TIGHT["prefix"] + 1)), _TIGHT["prefix"]
    if notation == "power":
        exponent = parts[1][0] if len(parts) > 1 else ("mn", "2")
        return ("msup", bracketed(parts[0], _TIGHT["power"] + 1), exponent), _TIGHT["power"]
    if notation == "postfix":
        return ("msup", bracketed(parts[0], _TIGHT["postfix"] + 1), ("mo", symbol.head)), _TIGHT["postfix"]
    if notation == "relation":
        inner = ("mrow", parts[0][0], ("mo", symbol.head), parts[1][0])
        return ("mrow", ("mo", "["), inner, ("mo", "]")), _ATOM
    if notation == "bars":
        return ("mrow", ("mo", "|"), parts[0][0], ("mo", "|")), _ATOM
    if notation == "root":
        return ("msqrt", parts[0][0]), _ATOM
    if notation == "index":
        text = params_text({"index": symbol.params.get("index")})
        index = text[0].removeprefix("index=") if text else "…"
        return ("msub", bracketed(parts[0], _ATOM), ("mrow", ("mo", "["), ("mtext", index), ("mo", "]"))), _ATOM
    return called(symbol, parts), _ATOM


def infix(symbol: Symbol, parts: list[_ORDER]) -> _ORDER:
    """A sum, difference or product; two products of different kinds never stand inside each other unbracketed."""
    tight = _TIGHT["infix" + symbol.head]
    left, right = symbol.args
    wanted = tight + mixed(symbol, left), tight + (symbol.head not in "+·" or mixed(symbol, right))
    second = parts[1] if parts[1][1] != _TIGHT["prefix"] else (parts[1][0], 0)
    sign = "@" if symbol.head == "@" else symbol.head
    return ("mrow", bracketed(parts[0], wanted[0]), ("mo", sign), bracketed(second, wanted[1])), tight


def called(symbol: Symbol, parts: list[_ORDER]) -> Math:
    """A function of its arguments and parameters; Σ stands before what it sums."""
    inner: list[Math] = []
    for tree in [tree for tree, _ in parts] + [("mtext", text) for text in params_text(symbol.params)]:
        inner += [("mo", ","), tree] if inner else [tree]
    return ("mrow", ("mi", symbol.head), ("mo", "("), *inner, ("mo", ")"))


def mixed(outer: Symbol, inner: Symbol) -> bool:
    """Whether elementwise and matrix products stand inside each other."""
    return {outer.head, inner.head} == {"·", "@"} and inner.notation == "infix"


def bracketed(part: _ORDER, wanted: int) -> Math:
    """Return the tree, in brackets where it would fall apart."""
    tree, tight = part
    return ("mrow", ("mo", "("), tree, ("mo", ")")) if tight < wanted else tree
