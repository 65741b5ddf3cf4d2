"""The recorded graph, and the one implementation of backpropagation.

A ``Node`` remembers how it came to be: op, inputs, the arrays it saw. Edges point to the inputs only, so a graph has
no cycle and dies with its output. ``backward_steps`` walks it, newest node first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from operator import add
from sys import getrefcount
from typing import Any

import numpy as np
from numpy import ndarray

from tinygrad_edu.engine.op import Op
from tinygrad_edu.engine.scope import MODE, Scope, inside
from tinygrad_edu.engine.text import place_of
from tinygrad_edu.engine.writes import Writes, refuse_if_written

__all__ = [
    "Node", "Step", "backward_steps", "call_rule", "disown", "drained", "fit", "own", "seeds_of", "sweep",
    "unbroadcast",
]  # fmt: skip

add_up: Any = np.add.reduce  # faster than the method

# The C library of Linux hands memory that a dying graph frees back to the system, and faults it in again page by page
# at the next step, which for arrays of a megabyte costs twenty times the arithmetic. How much it keeps grows with the
# largest block freed so far: here is one of just under its limit, 32 MiB, that is never touched.
np.empty(2**25 - 2**16, np.uint8)


class Node:
    """A value and how it was made. ``Tensor`` is the one subclass; this base is what backpropagation needs of it."""

    # One or two inputs, and the arrays they held, lie in slots of their own, any other number in a tuple: a tuple a
    # node, or two, would treble the time that Python's cyclic collector spends on walking through a big graph.
    __slots__ = (
        "_a",  # the array that the first input held: rebinding its data later does no harm; or the tuple of all
        "_b",  # the array that the second input held, or None
        "_data",  # the array; a NumPy scalar if 0-d
        "_hooks",  # None, or the Hooks to run when the gradient is complete
        "_line",  # None, or the file and line of the user's call
        "_needs",  # whether a gradient is wanted here
        "_op",  # None for a leaf
        "_params",  # None or the op's keyword parameters
        "_scope",  # the innermost Scope at the time
        "_serial",  # when it was made: inputs are older than outputs
        "_written",  # when its data was last rebound, if an op made it; 0 for never
        "_x",  # the first Node the op was given; or the tuple of all
        "_y",  # the second Node, or None
    )

    _a: Any
    _b: Any
    _data: Any
    _hooks: Any
    _line: tuple[str, int] | None
    _needs: bool
    _op: Op | None
    _params: dict[str, Any] | None
    _scope: Scope | None
    _serial: int
    _written: int
    _x: Any
    _y: Any

    @property
    def _inputs(self) -> tuple[Any, ...]:
        """The Nodes the op was given."""
        x, y = self._x, self._y
        return x if type(x) is tuple else (x,) if y is None else (x, y)

    @property
    def _seen(self) -> tuple[Any, ...]:
        """The arrays the op was given."""
        return self._a if type(self._x) is tuple else (self._a,) if self._y is None else (self._a, self._b)


class Step:
    """One op's turn in the backward pass: what arrived at its output and what it hands to each input."""

    __slots__ = ("_node", "_pieces", "_upstream")

    _node: Any
    _pieces: list[Any]
    _upstream: Any

    @property
    def op(self) -> Op:
        """The recorded op."""
        return self._node._op  # type: ignore[no-any-return]

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The very Tensors the op was given."""
        return self._node._inputs  # type: ignore[no-any-return]

    @property
    def output(self) -> Any:
        """The Tensor the op made."""
        return self._node

    @property
    def params(self) -> dict[str, Any]:
        """The op's parameters, such as ``axis``."""
        return dict(self._node._params or {})

    @property
    def scope(self) -> Scope | None:
        """The innermost scope in which the op was recorded."""
        return self._node._scope  # type: ignore[no-any-return]

    @property
    def line(self) -> tuple[str, int] | None:
        """File and line of the user's call, if lines were recorded (``tg.record_lines``)."""
        return self._node._line  # type: ignore[no-any-return]

    @property
    def upstream(self) -> Any:
        """The whole gradient that arrived at the output, a Tensor of the output's shape and dtype."""
        return self._node._wrap(self._upstream)

    @property
    def contributions(self) -> tuple[Any, ...]:
        """One Tensor per input, in the input's shape and dtype; None where no gradient is needed."""
        return tuple([None if piece is None else self._node._wrap(piece) for piece in self._pieces])

    def before_sum(self, position: int) -> Any:
        """The contribution to the input at ``position`` as its rule gave it, before broadcast axes are summed away."""
        if self._pieces[position] is None:
            return None
        node = self._node
        g = self._upstream._data if isinstance(self._upstream, Node) else self._upstream
        return node._wrap(call_rule(node, position, g, node._data, node._seen))

    def pull(self, position: int, upstream: Any) -> Any:
        """What the rule of the input at ``position`` hands back if ``upstream`` arrives here: a part of the gradient.

        upstream, and what is returned: arrays, in the shape of the output and of that input. A rule is linear in what
        arrives: parts that add up to ``.upstream`` are pulled back to parts that add up to the contribution.
        """
        node = self._node
        return fit(call_rule(node, position, upstream, node._data, node._seen), node._seen[position], node, position)

    def __repr__(self) -> str:
        shapes = ", ".join("–" if piece is None else str(np.shape(piece)) for piece in self._pieces)
        return f"<step back through {self.op.name}: {np.shape(self._upstream)} to {shapes}>"


def backward_steps(output: Any, gradient: Any = None, create_graph: bool = False) -> Iterator[Step]:
    """Yield one ``Step`` per recorded op, newest first: the one implementation of backprop. It writes nothing.

    output: a Tensor that needs a gradient; any shape, but only a single element needs no ``gradient``.
    gradient: what arrives at the output, in its shape. create_graph: record the rules, to differentiate again.
    Raises RuntimeError where nothing was recorded, ValueError where ``gradient`` is missing or misshapen.
    """
    if not isinstance(output, Node):
        raise TypeError(f"backward_steps: wanted a Tensor, got {type(output).__name__}")
    return sweep({output: output._seed(gradient, create_graph)}, {}, create_graph)  # type: ignore[attr-defined]


def seeds_of(outputs: Iterable[Any], gradients: Iterable[Any], create_graph: bool = False) -> dict[Any, Any]:
    """Return what arrives at each output, checked; an output that is given twice gets both."""
    seeds: dict[Any, Any] = {}
    for y, g in zip(outputs, gradients):
        seed = y._seed(g, create_graph)
        seeds[y] = seeds[y] + seed if y in seeds else seed
    return seeds


def drained(seeds: dict[Any, Any], create_graph: bool = False) -> dict[Any, Any]:
    """Run a sweep to its end and return the gradients of leaves, and of nodes that keep theirs."""
    found: dict[Any, Any] = {}
    deque(sweep(seeds, found, create_graph), maxlen=0)
    disown(found)
    return found


def sweep(seeds: dict[Any, Any], found: dict[Any, Any], create_graph: bool = False) -> Iterator[Step]:
    """Yield the steps back from several outputs at once, each with its seed; fill ``found`` with leaves' gradients.

    Gradients are arrays, or Tensors with ``create_graph``. The newest node that has received a gradient is always next:
    whatever used it is newer and has had its turn, so its gradient is complete.
    """
    grads = found  # what each node has received so far; in the end only leaves, and what keeps its gradient, are left
    top: Any = None  # the newest of the nodes that wait for their turn, but for those in the heap
    stack: list[Any] = []  # the others, newest last: most nodes arrive newer than all that wait
    heap: list[tuple[int, Any]] = []  # those that did not, by negated serial
    for node, seed in seeds.items():
        if node._op is None:
            found[node] = seed
        else:
            grads[node] = seed
            heappush(heap, (-node._serial, node))
    newest = 0  # the serial of top,
    other = -heap[0][0] if heap else 0  # and of the heap's next; 0 for none
    careful = create_graph or MODE.get().anomaly
    plus = recorded_sum if create_graph else add
    new_step = object.__new__
    while newest or other:
        if newest > other:
            node = top
            top = stack.pop() if stack else None
            newest = top._serial if top is not None else 0
        else:
            node = heappop(heap)[1]
            other = -heap[0][0] if heap else 0
        g = grads.pop(node)
        if Writes.latest > node._serial:
            refuse_if_written(node)
        if node._hooks is not None:
            g = node._hooks.run(node, g)
            if node._hooks.keeps:
                found[node] = own(g)
        x = node._x
        y = node._y
        more = None  # of an op of the other kinds, what is still to be handed out, the next at the end
        params = node._params
        if careful or type(x) is tuple or (params is not None and (y is not None or node._op.variadic)):
            inputs, seen = node._inputs, node._seen
            pieces = careful_pieces(node, g, create_graph) if careful else all_pieces(node, g, inputs, seen)
            more = [*zip(inputs, seen, pieces)][::-1]
            y = None
        elif y is None:
            a = node._a
            rule = node._op.rules[0]
            if not x._needs:  # switched off since
                piece = None
            else:
                piece = rule(g, node._data, a) if params is None else rule(g, node._data, a, **params)
            pieces = [piece]
        else:
            out = node._data
            a = node._a
            b = node._b
            dx, dy = node._op.rules
            piece = dx(g, out, a, b) if x._needs else None
            second = dy(g, out, a, b) if y._needs else None
            pieces = [piece, second]
        i = 0
        while True:
            if more:
                x, a, piece = more.pop()
            if piece is not None:
                kind = type(piece)
                if kind is not type(a) or (kind is ndarray and (piece.shape != a.shape or piece.dtype is not a.dtype)):
                    pieces[i] = piece = fit(piece, a, node, i)
                if x in grads:
                    grads[x] = plus(grads[x], piece)
                else:
                    grads[x] = piece
                    serial = x._serial
                    if serial > newest:
                        if newest:
                            stack.append(top)
                        top = x
                        newest = serial
                    elif serial:
                        heappush(heap, (-serial, x))
                        other = -heap[0][0]
            i += 1
            if y is not None:
                x = y
                a = b
                piece = second
                y = None
            elif not more:
                break
        step = new_step(Step)
        step._node = node
        step._upstream = g
        step._pieces = pieces
        yield step
    for leaf, g in found.items():
        if leaf._op is None and leaf._hooks is not None:
            found[leaf] = leaf._hooks.run(leaf, g)


def all_pieces(node: Any, g: Any, inputs: tuple[Any, ...], seen: tuple[Any, ...]) -> list[Any]:
    """Return a contribution per input of an op with parameters or of any number of inputs."""
    op, out, params = node._op, node._data, node._params
    if op.variadic:
        rule = op.rules[0]
        return [rule(g, out, *seen, position=i, **params) if x._needs else None for i, x in enumerate(inputs)]
    if params is None:
        return [rule(g, out, *seen) if x._needs else None for rule, x in zip(op.rules, inputs)]
    return [rule(g, out, *seen, **params) if x._needs else None for rule, x in zip(op.rules, inputs)]


def careful_pieces(node: Any, g: Any, create_graph: bool) -> list[Any]:
    """Return a contribution per input the slow way: recorded, or looking for NaN, or both."""
    mode = MODE.get()
    inputs, seen = node._inputs, node._seen
    with inside(mode.but(recording=create_graph, anomaly=False)):  # the rule is to be named, not the op inside it
        out = node if create_graph else node._data
        given = node._tensors_seen() if create_graph else seen
        pieces = [call_rule(node, i, g, out, given) if x._needs else None for i, x in enumerate(inputs)]
        for i, piece in enumerate(pieces):
            if piece is not None:
                pieces[i] = fit(piece, seen[i], node, i)
                if mode.anomaly:
                    node._refuse_nan(pieces[i], i)
        return pieces


def recorded_sum(total: Any, piece: Any) -> Any:
    """Add two gradients and record it, also where the caller does not record."""
    with inside(MODE.get().but(recording=True)):
        return total + piece


def own(g: Any) -> Any:
    """Return a gradient that shares no memory with another."""
    return g.copy() if isinstance(g, ndarray) else g


def disown(found: dict[Any, Any]) -> None:
    """Copy the gradients that somebody else holds too: what ends up in a ``.grad`` is the user's to change."""
    for node in found:
        if type(found[node]) is ndarray and (getrefcount(found[node]) > 2 or not sole_view(found[node])):
            found[node] = found[node].copy()


def sole_view(g: Any) -> bool:
    """Whether ``g`` owns its memory, or is the only view of memory that nobody else holds: a product's transpose."""
    if g.base is None:
        return True
    alone = getrefcount(g.base) <= 2  # g, and the argument of getrefcount
    return alone and isinstance(g.base, ndarray) and g.flags.writeable and g.base.nbytes <= 2 * g.nbytes


def call_rule(node: Any, position: int, g: Any, out: Any, seen: tuple[Any, ...]) -> Any:
    """Return what the rule of the input at ``position`` says."""
    op = node._op
    if op.variadic:
        return op.rules[0](g, out, *seen, **(node._params or {}), position=position)
    rule = op.rules[position]
    return rule(g, out, *seen) if node._params is None else rule(g, out, *seen, **node._params)


def fit(piece: Any, like: Any, node: Any, position: int) -> Any:
    """Return the contribution in its input's shape and dtype: sum the axes that broadcasting made, cast."""
    shape = like.shape
    if not isinstance(piece, (Node, ndarray, np.generic)):
        piece = np.asarray(piece)
    if piece.shape != shape:
        if not broadcasts(shape, piece.shape):
            rule = node._op.rule_of(position)
            raise ValueError(
                f"{node._op.name}: the rule {rule.__name__} gave shape {piece.shape} for its input "
                f"{node._op.input_name(position)} of shape {shape} (output {node.shape}); a rule must give the input's "
                f"shape, or one that it broadcasts to ({place_of(rule)})"
            )
        piece = unbroadcast(piece, shape)
    if piece.dtype != like.dtype:
        piece = piece.astype(like.dtype)
    if isinstance(piece, ndarray) and not shape:
        piece = piece[()]
    return piece


def broadcasts(small: tuple[int, ...], big: tuple[int, ...]) -> bool:
    """Whether shape ``small`` broadcasts to shape ``big``."""
    lead = len(big) - len(small)
    return lead >= 0 and (small == big[lead:] or all([n in (1, m) for n, m in zip(small, big[lead:])]))


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum ``g`` over the axes along which ``shape`` was stretched, and return it in ``shape``."""
    lead = g.ndim - len(shape)
    stretched = tuple([lead + axis for axis, n in enumerate(shape) if n == 1 and g.shape[lead + axis] != 1])
    if lead and stretched:  # all at once: memory is walked through in its own order
        return g.sum(axis=(*range(lead), *stretched)).reshape(shape)
    if lead:
        return add_up(g, tuple(range(lead))) if type(g) is ndarray else g.sum(axis=tuple(range(lead)))
    return g.sum(axis=stretched, keepdims=True) if stretched else g
