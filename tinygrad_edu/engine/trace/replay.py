"""A tensor graph taken apart into scalars: every op again, on object arrays whose elements are 0-d Tensors.

So ``x @ W`` becomes its multiplications and additions, and the picture of the scalars is a recording like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.engine.op import Op
from tinygrad_edu.engine.scope import MODE, inside
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.engine.trace.opening import opened
from tinygrad_edu.engine.trace.tracing import names_of, recorded

__all__ = ["replay", "replayed_op", "scalar_count"]


def replay(outputs: Sequence[Tensor], limit: int | None = None, given: Mapping[str, Any] | None = None) -> list[Tensor]:
    """Return the elements of the outputs as 0-d Tensors, recorded scalar by scalar; names become ``W[0,1]``.

    Raises ValueError if that takes more than about ``limit`` operations, and says the count.
    """
    outputs, given = opened(outputs, given)
    nodes = recorded(outputs)
    count = scalar_count(nodes)
    if limit is not None and count > limit:
        raise ValueError(
            f'level="scalar": this graph is about {count:,} operations on single numbers, more than {limit:,}; draw a '
            'part, such as one unit for one example, viz.draw(x[0] @ W[:, 0], level="scalar"), or a smaller layer, or '
            "pass max_nodes= to allow more"
        )
    names = names_of(nodes, given)
    called = [x for x in (given or {}).values() if isinstance(x, Tensor)]
    kept = {*called, *[node for node in nodes if node._name]}
    taken: dict[Any, Any] = {}
    for node in nodes:
        for x, seen in zip(node._inputs, node._seen):
            if x not in taken:
                taken[x] = leaf_elements(x, seen, names.get(x))
        with inside(MODE.get().but(recording=True, scope=node._scope)):
            result = replayed_op(node._op, [taken[x] for x in node._inputs], node._params or {})
        taken[node] = named(result, None if node not in kept else names[node])
    for y in outputs:
        if y not in taken:
            taken[y] = leaf_elements(y, y._data, y._name)
    return [element for y in outputs for element in taken[y].ravel()]


def replayed_op(op: Op, arrays: Sequence[Any], params: dict[str, Any]) -> Any:
    """Return an op's result on object arrays of 0-d Tensors, as such an array."""
    if op.scalars is not None:
        return lifted(op.scalars(*arrays, **params))
    if op.elementwise:
        each = np.frompyfunc(lambda *elements: elements[0].__apply_op__(op, elements, params), len(arrays), 1)
        return lifted(each(*arrays))
    return lifted(op.forward(*arrays, **params))


def lifted(result: Any) -> Any:
    """Return a result as an object array of 0-d Tensors: a bare Tensor is wrapped, a number becomes constant."""
    if isinstance(result, Tensor):
        array = np.empty((), dtype=object)
        array[()] = result
        return array
    array = np.empty(np.shape(result), dtype=object)
    for index, element in np.ndenumerate(np.asarray(result, dtype=object)):
        array[index] = element if isinstance(element, Tensor) else Tensor(float(element))
    return array


def leaf_elements(x: Any, seen: Any, name: str | None) -> Any:
    """Return a leaf as an object array of 0-d leaves."""
    array = np.empty(np.shape(seen), dtype=object)
    for index, value in np.ndenumerate(np.asarray(seen)):
        array[index] = Tensor(value, requires_grad=x._needs)
    return named(array, name)


def named(array: Any, name: str | None) -> Any:
    """Name the elements ``name[i,j]``, or ``name`` if there is only one without axes; return the array."""
    if name is not None:
        for index, element in np.ndenumerate(array):
            if element._name is None:
                element.name = name if not index else f"{name}[{','.join(map(str, index))}]"
    return array


def scalar_count(nodes: Iterable[Any]) -> int:
    """Return about how many operations on single numbers a graph is."""
    total = 0
    for node in nodes:
        op = node._op
        sizes = [np.size(a) for a in node._seen]
        if op.notation in ("arrange", "postfix", "index"):
            continue
        if op.notation == "infix" and not op.elementwise and len(sizes) == 2:  # a product of matrices
            total += 2 * node.size * node._seen[0].shape[-1]
        else:
            total += node.size if op.elementwise else max(sizes)
    return total
