"""What a closer look at one rule shows: its formula set as mathematics, the local derivative, where it stands."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.engine.mathml import Math, math_tree, numbers_leaf, shape_leaf
from tinygrad_edu.engine.record import call_rule, fit
from tinygrad_edu.engine.symbol import Symbol, symbol_text
from tinygrad_edu.engine.trace.snapshot import snapshot
from tinygrad_edu.engine.trace.traced import Detail

__all__ = ["detail_of_forward", "detail_of_rule", "local_derivative", "structure_of"]

_ROWS, _COLUMNS = 12, 12  # of a local derivative that is worked out


def detail_of_forward(formula: Symbol) -> Detail:
    """Return what a closer look at an op's forward function shows."""
    return Detail(math_tree(formula), math_with_numbers(formula), shapes_text(formula))


def detail_of_rule(node: Any, position: int, formula: Symbol | None) -> Detail:
    """Return what a closer look at the rule of one input shows; formula: what the rule says, None if it refused."""
    rule = node._op.rule_of(position)
    code = getattr(getattr(rule, "__wrapped__", rule), "__code__", None)
    local = local_derivative(node, position)
    if local is not None:
        structure = structure_of(local)
    else:
        same = node._op.elementwise and node._seen[position].shape == node._data.shape
        structure = "diagonal" if same else ""
    return Detail(
        math=None if formula is None else math_tree(formula),
        numbers=None if formula is None else math_with_numbers(formula),
        shapes="" if formula is None else shapes_text(formula),
        rule=getattr(rule, "__name__", ""),
        place=None if code is None else (code.co_filename, code.co_firstlineno),
        local=None if local is None else snapshot(local, _ROWS * _COLUMNS),
        structure=structure,
    )


def math_with_numbers(formula: Symbol) -> Math | None:
    """Return the formula with its numbers, and what they make; None where an array is too large."""
    try:
        tree, result = math_tree(formula, numbers_leaf), numbers_leaf(formula)
    except ValueError:
        return None
    return tree if tree == result else ("mrow", tree, ("mo", "="), result)


def shapes_text(formula: Symbol) -> str:
    """Return ``(3, 4) = (2, 3)ᵀ @ (2, 4)``; nothing for a name or a number alone."""

    def shape(leaf: Symbol) -> str:
        return str(shape_leaf(leaf)[1]) if leaf.ndim else symbol_text(leaf)

    return f"{shape(formula)} = {symbol_text(formula, shape)}" if formula.ndim and formula.args else ""


def local_derivative(node: Any, position: int) -> Any:
    """Return the Jacobian of a small op's output by one input, a row per output element; None for a large one.

    Row k is what the rule makes of a gradient that is 1 at output element k and 0 elsewhere.
    """
    seen = node._seen[position]
    if not (0 < np.size(node._data) <= _ROWS and 0 < np.size(seen) <= _COLUMNS):
        return None
    out = np.asarray(node._data)
    rows = []
    with np.errstate(all="ignore"):
        for k in range(out.size):
            one = np.zeros(out.size, out.dtype)
            one[k] = 1
            try:
                piece = call_rule(node, position, one.reshape(out.shape)[()], node._data, node._seen)
                rows.append(np.ravel(fit(piece, seen, node, position)))
            except Exception:  # a user's rule: what it said of the real gradient has been kept
                return None
    return np.stack(rows)


def structure_of(matrix: Any) -> str:
    """Name the structure of a small matrix: what one would exploit instead of building it."""
    rows, columns = matrix.shape
    if rows == columns == 1:
        return "a number"
    if not np.isfinite(matrix).all():
        return "with NaN or Inf"
    there = matrix != 0
    if not there.any():
        return "all zero"
    if rows == columns and not (there & ~np.eye(rows, dtype=bool)).any():
        return "the identity" if (matrix == np.eye(rows)).all() else "diagonal"
    if there.all():
        return "all ones" if (matrix == 1).all() else "dense"
    if (there.sum(axis=1) <= 1).all() and (there.sum(axis=0) <= 1).all() and np.isin(matrix, (0, 1)).all():
        return "a permutation" if rows == columns and there.sum() == rows else "one-hot"
    if (there.sum(axis=1) <= 1).all():
        return "one entry a row"
    if (there.sum(axis=0) <= 1).all():
        return "one entry a column"
    if (matrix[1:, 1:] == matrix[:-1, :-1]).all():
        return "Toeplitz"
    return "sparse"
