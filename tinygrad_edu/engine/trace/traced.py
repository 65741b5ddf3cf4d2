"""The parts of a Trace: values, calls, regions and the steps back, all frozen, by id. What ``viz`` reads.

Ids run 0..n-1 in the order in which things were made, so one program gives the same Trace every time.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from tinygrad_edu.engine.trace.snapshot import Snapshot

__all__ = ["Call", "Detail", "Edge", "Region", "Trace", "Turn", "Value"]


@dataclass(frozen=True)
class Value:
    """An array. kind: ``parameter`` (a leaf with gradient), ``input``, ``constant``, ``intermediate`` or ``output``."""

    id: int
    kind: str
    name: str | None
    data: Snapshot
    needs_gradient: bool
    made_by: int | None  # the id of the Call
    gradient: Snapshot | None = None  # of this backward pass
    stored_gradient: Snapshot | None = None  # what .grad holds, where that is something else
    used: int = 0  # by how many operands


@dataclass(frozen=True)
class Detail:
    """A closer look at a forward function, or at the rule of one input; there where ``details=True`` asked for it.

    math, numbers: the formula as nested tuples of MathML, with names and with numbers (see ``engine.mathml``).
    """

    math: tuple[Any, ...] | None = None
    numbers: tuple[Any, ...] | None = None
    shapes: str = ""  # the formula with the shape of every name: (3, 4) = (2, 3)ᵀ @ (2, 4)
    rule: str = ""  # the rule's name
    place: tuple[str, int] | None = None  # where it is defined
    local: Snapshot | None = None  # the local derivative of a small op, a row per output element
    structure: str = ""  # diagonal, dense, one-hot ...; of a large op only where it is known without work


@dataclass(frozen=True)
class Call:
    """One recorded op: its inputs and output by id, its region, and how it is written."""

    id: int
    op: str
    symbol: str
    notation: str
    inputs: tuple[int, ...]
    input_names: tuple[str, ...]
    output: int | None  # None for the call that failed
    region: int | None
    params: tuple[str, ...]
    formula: str
    numbers: str | None  # the formula with its numbers, of scalars
    line: tuple[str, int] | None
    failure: str | None = None
    doc: str = ""
    detail: Detail | None = None


@dataclass(frozen=True)
class Edge:
    """From a value to the call that used it (``position`` counts its operands), or from a call to its value."""

    source: int
    target: int
    position: int | None


@dataclass(frozen=True)
class Region:
    """A scope: kind ``module``, ``composite`` or ``scope``. Two regions with one ``owner`` share weights."""

    id: int
    kind: str
    name: str
    path: str
    label: str
    parent: int | None
    owner: int | None
    formula: str | None = None  # of its output, if it is a short composite or module
    gradient_formulas: tuple[tuple[int, str], ...] = ()  # by the id of its input
    detail: Detail | None = None
    gradient_details: tuple[tuple[int, Detail], ...] = ()


@dataclass(frozen=True)
class Turn:
    """One step back: what arrived at a call's output, and what the rules made of it."""

    call: int
    upstream: Snapshot
    contributions: tuple[Snapshot | None, ...]
    formulas: tuple[str | None, ...]
    numbers: tuple[str | None, ...]
    summed: tuple[tuple[int, ...] | None, ...]  # the shape before broadcast axes were summed away, where they were
    details: tuple[Detail | None, ...] = ()


@dataclass(frozen=True)
class Trace:
    """The graph: ``nodes`` (values and calls by id), ``edges``, ``scopes``, and the ``steps`` of its backward pass."""

    values: tuple[Value, ...]
    calls: tuple[Call, ...]
    scopes: tuple[Region, ...]
    steps: tuple[Turn, ...]
    outputs: tuple[int, ...]
    note: str = ""  # why there are no gradients, if there are none
    _nodes: dict[int, Value | Call] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        found: list[Value | Call] = [*self.values, *self.calls]
        self._nodes.update(sorted((node.id, node) for node in found))

    @property
    def nodes(self) -> tuple[Value | Call, ...]:
        """Values and calls in the order they were made; ``nodes[i].id`` is i."""
        return tuple(self._nodes.values())

    @property
    def edges(self) -> tuple[Edge, ...]:
        """Every operand's edge, also both of ``x * x``, and an edge from each call to its value."""
        found = []
        for call in self.calls:
            found += [Edge(x, call.id, position) for position, x in enumerate(call.inputs)]
            if call.output is not None:
                found.append(Edge(call.id, call.output, None))
        return tuple(found)

    def __len__(self) -> int:
        return len(self._nodes)

    def to_dict(self) -> dict[str, Any]:
        """The Trace as dicts, lists, strings and numbers, for JSON."""
        plain = asdict(self)
        del plain["_nodes"]
        return plain
