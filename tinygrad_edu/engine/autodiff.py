"""Derivatives as functions: grad, jacobian, hessian, products with vectors. None of them touches any ``.grad``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.engine.arguments import flag
from tinygrad_edu.engine.arrays import plain
from tinygrad_edu.engine.functions import stack
from tinygrad_edu.engine.modes import enable_grad
from tinygrad_edu.engine.pytorch_words import torch_options
from tinygrad_edu.engine.record import disown, own, seeds_of, sweep
from tinygrad_edu.engine.tensor import Tensor, as_tensor

__all__ = ["grad", "hessian", "hvp", "jacobian", "jvp", "vjp"]


@torch_options
def grad(
    output: Any,
    inputs: Any,
    create_graph: bool = False,
    allow_unused: bool = False,
    gradient: Any = None,
) -> Any:
    """The gradient of ``output`` (a Tensor, or a list of them) with respect to ``inputs``.

    inputs: one Tensor gives one Tensor, a list or tuple gives a tuple; leaves and intermediate values alike.
    gradient: what arrives at the output, needed unless it is a single element; a list for a list of outputs.
    create_graph: record, so that the result can be differentiated again. allow_unused: None instead of an error.
    Raises ValueError for an input that the output does not depend on.

    >>> x = Tensor(3.0, requires_grad=True)
    >>> grad(x**3, x)
    Tensor(27.0)
    """
    create_graph, allow_unused = flag(create_graph, "create_graph", "grad"), flag(allow_unused, "allow_unused", "grad")
    wanted = as_list(inputs, "grad: inputs")
    for position, x in enumerate(wanted):
        if not x._needs:
            raise ValueError(
                f"grad: input {position} ({x._label()}) needs no gradient; create it with requires_grad=True"
            )
    outputs = as_list(output, "grad: output")
    gradients = gradient if isinstance(output, (list, tuple)) and gradient is not None else [gradient] * len(outputs)
    if len(gradients) != len(outputs):
        raise ValueError(f"grad: {len(gradients)} gradients for {len(outputs)} outputs")
    found = gradients_of(outputs, gradients, wanted, create_graph)
    missing = [position for position, g in enumerate(found) if g is None]
    if missing and not allow_unused:
        x = wanted[missing[0]]
        raise ValueError(
            f"grad: the output does not depend on input {missing[0]} ({x._label()}, shape {x.shape}); pass "
            "allow_unused=True to get None for it, or see whether detach(), no_grad() or astype(int) cut it off"
        )
    return found[0] if isinstance(inputs, Tensor) else tuple(found)


def gradients_of(
    outputs: Sequence[Tensor], gradients: Sequence[Any], wanted: Sequence[Tensor], create_graph: bool
) -> list[Tensor | None]:
    """Return one gradient per wanted Tensor, None where no path leads to it."""
    inside = {x for x in wanted if x._op is not None}
    found: dict[Any, Any] = {}
    arrived: dict[Any, Any] = {}
    step = None
    for step in sweep(seeds_of(outputs, gradients, create_graph), found, create_graph):
        if step.output in inside:
            arrived[step.output] = own(step._upstream)
    del step  # it holds a gradient
    disown(found)
    found.update(arrived)
    return [Tensor._wrap(found[x]) if x in found else None for x in wanted]


def as_list(value: Any, what: str) -> list[Tensor]:
    """Return one Tensor or several as a list; TypeError for anything else."""
    parts = list(value) if isinstance(value, (list, tuple)) else [value]
    for part in parts:
        if not isinstance(part, Tensor):
            raise TypeError(f"{what} must be a Tensor or a list of Tensors, got {type(part).__name__}")
    if not parts:
        raise ValueError(f"{what}: the list is empty")
    return parts


def leaves_for(x: Any, keep: bool) -> list[Tensor]:
    """Return what to differentiate with respect to: the Tensors themselves, or fresh leaves of the same data."""
    parts = list(x) if isinstance(x, (list, tuple)) and any(isinstance(p, (Tensor, np.ndarray)) for p in x) else [x]
    if keep:
        return [p if isinstance(p, Tensor) and p._needs else Tensor(p, requires_grad=True) for p in parts]
    return [Tensor(p, requires_grad=True, name=getattr(p, "name", None)) for p in parts]


def as_given(x: Any, results: Sequence[Tensor]) -> Any:
    """Return one result for one input, a tuple for several."""
    several = isinstance(x, (list, tuple)) and any(isinstance(p, (Tensor, np.ndarray)) for p in x)
    return tuple(results) if several else results[0]


def directions_of(x: Any, v: Any, leaves: Sequence[Tensor], what: str) -> list[Tensor]:
    """Return the vectors of ``v``, one per leaf and of its shape; ValueError if they do not fit."""
    given = list(v) if isinstance(as_given(x, leaves), tuple) and isinstance(v, (list, tuple)) else [v]
    directions = [as_tensor(d, leaf) for d, leaf in zip(given, leaves)]
    shapes = [np.shape(plain(d)) for d in given]
    if shapes != [leaf.shape for leaf in leaves]:
        raise ValueError(f"{what}: v has shapes {shapes}, but x has {[leaf.shape for leaf in leaves]}; they must agree")
    return directions


def evaluated(f: Callable[..., Any], leaves: Sequence[Tensor], what: str) -> Tensor:
    """Return f of the leaves, recorded, checked to be a Tensor."""
    if not callable(f):
        raise TypeError(f"{what}: f must be a function, as in tg.{what}(f, x), got {type(f).__name__}")
    with enable_grad():
        y = f(*leaves)
    if not isinstance(y, Tensor):
        raise TypeError(f"{what}: the function must return a Tensor, got {type(y).__name__}")
    return y


def pulled(y: Tensor, leaves: Sequence[Tensor], g: Any, create_graph: bool) -> list[Tensor]:
    """Return the vector-Jacobian products with g, zeros where y does not depend on a leaf."""
    with enable_grad():
        found: list[Tensor | None] = gradients_of([y], [g], leaves, create_graph) if y._needs else [None] * len(leaves)
    return [Tensor._wrap(np.zeros(x.shape, x.dtype)[()]) if g is None else g for x, g in zip(leaves, found)]


def vjp(f: Callable[..., Any], x: Any) -> tuple[Tensor, Callable[[Any], Any]]:
    """``f(x)`` and the function that pulls a gradient of its output back to x: ``y, pull = tg.vjp(f, x); pull(g)``.

    x: a Tensor or array, or a tuple of them for ``f(*x)``; then ``pull`` gives a tuple.
    """
    leaves = leaves_for(x, keep=False)
    y = evaluated(f, leaves, "vjp")

    def pull(g: Any = None) -> Any:
        """Return the gradient of x, given that of the output."""
        return as_given(x, pulled(y, leaves, g, create_graph=False))

    return y.detach(), pull


def jvp(f: Callable[..., Any], x: Any, v: Any) -> tuple[Tensor, Tensor]:
    """``f(x)`` and its directional derivative along ``v``, which has the shape of x: the Jacobian times v.

    By reverse mode twice: the pull-back is linear in what it pulls, and its own pull-back is the push-forward.
    """
    leaves = leaves_for(x, keep=False)
    y = evaluated(f, leaves, "jvp")
    directions = directions_of(x, v, leaves, "jvp")
    g = Tensor(np.zeros(y.shape, y.dtype), requires_grad=True)
    back = pulled(y, leaves, g, create_graph=True)
    used = [(b, d) for b, d in zip(back, directions) if b._needs]
    if not used:
        return y.detach(), Tensor._wrap(np.zeros(y.shape, y.dtype)[()])
    with enable_grad():
        found = gradients_of([b for b, _ in used], [d for _, d in used], [g], False)[0]
    return y.detach(), Tensor._wrap(np.zeros(y.shape, y.dtype)[()]) if found is None else found


def jacobian(f: Callable[..., Any], x: Any, create_graph: bool = False) -> Any:
    """Every derivative of every output element: shape ``f(x).shape + x.shape``, zeros where there is no dependence.

    x: a Tensor or array, or a tuple of them for ``f(*x)``; then a tuple of Jacobians. One backward pass per element.
    A gradient that f itself takes counts as a constant unless it is recorded: ``tg.grad(..., create_graph=True)``.
    """
    leaves = leaves_for(x, keep=flag(create_graph, "create_graph", "jacobian"))
    y = evaluated(f, leaves, "jacobian")
    rows = [pulled(y, leaves, unit, create_graph) for unit in units(y)]
    results = []
    for position, leaf in enumerate(leaves):
        if not rows:
            results.append(Tensor._wrap(np.zeros(y.shape + leaf.shape, leaf.dtype)))
            continue
        with enable_grad():
            results.append(stack([row[position] for row in rows]).reshape(y.shape + leaf.shape))
    return as_given(x, results)


def units(y: Tensor) -> list[Any]:
    """Return, for each element of y, the array that is 1 there and 0 elsewhere."""
    found = []
    for i in range(y.size):
        unit = np.zeros(y.size, y.dtype)
        unit[i] = 1
        found.append(unit.reshape(y.shape)[()])
    return found


def gradient_function(f: Callable[..., Any], what: str) -> Callable[..., Any]:
    """Return the function that gives the recorded gradients of a scalar function."""

    def gradients(*leaves: Tensor) -> list[Tensor]:
        y = evaluated(f, leaves, what)
        if y.size != 1:
            raise ValueError(f"{what}: the function must return a single number, got shape {y.shape}")
        return pulled(y, leaves, np.ones(y.shape, y.dtype)[()], create_graph=True)

    return gradients


def hessian(f: Callable[..., Any], x: Any, create_graph: bool = False) -> Any:
    """All second derivatives of a function with a single number as output: shape ``x.shape + x.shape``.

    x: a Tensor or array, or a tuple of them for ``f(*x)``; then a tuple of tuples, block (i, j) of the shape of input i
    followed by that of input j.
    """
    gradients = gradient_function(f, "hessian")
    n = len(leaves_for(x, keep=True))
    rows = [jacobian(lambda *leaves, i=i: gradients(*leaves)[i], x, create_graph) for i in range(n)]
    return as_given(x, rows)


def hvp(f: Callable[..., Any], x: Any, v: Any) -> Any:
    """The Hessian of a scalar function times ``v``, a vector of x's shape, without building the Hessian."""
    leaves = leaves_for(x, keep=False)
    gradients = gradient_function(f, "hvp")(*leaves)
    directions = directions_of(x, v, leaves, "hvp")
    used = [(g, d) for g, d in zip(gradients, directions) if g._needs]
    found = gradients_of([g for g, _ in used], [d for _, d in used], leaves, False) if used else [None] * len(leaves)
    results = [Tensor._wrap(np.zeros(x.shape, x.dtype)[()]) if g is None else g for x, g in zip(leaves, found)]
    return as_given(x, results)
