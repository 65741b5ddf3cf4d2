"""``tg.graph``: from a recorded graph to a Trace, its frozen picture with all its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tinygrad_edu.engine.failure import FailedCall
from tinygrad_edu.engine.record import seeds_of, sweep
from tinygrad_edu.engine.scope import Scope
from tinygrad_edu.engine.symbol import Symbol, formula_of_forward, formula_of_rule, symbol_text
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.engine.text import number_text, params_text
from tinygrad_edu.engine.trace.detail import detail_of_forward, detail_of_rule
from tinygrad_edu.engine.trace.regions import region_formulas
from tinygrad_edu.engine.trace.snapshot import Snapshot, snapshot
from tinygrad_edu.engine.trace.traced import Call, Detail, Edge, Region, Trace, Turn, Value

__all__ = ["Call", "Detail", "Edge", "Region", "Snapshot", "Trace", "Turn", "Value", "graph"]

_SHORT = 8  # calls, up to which a composite's formula is worked out
_LONG = 90  # characters, above which it is left out


def graph(
    output: Any,
    gradient: Any = None,
    *,
    backward: bool = True,
    formulas: bool = True,
    full: int | None = None,
    names: Mapping[str, Any] | None = None,
    details: bool = False,
) -> Trace:
    """Freeze the recorded graph of ``output``: a Tensor, a list of them, or the ``err.graph`` of a failed call.

    gradient: what arrives at an output that is no single number; without it the values alone are kept, and ``note``
    says so. backward: also run the backward pass and keep its steps; no ``.grad`` is touched. formulas: also ask the
    rules for their formulas. full: keep whole arrays of up to that many elements (default 36), summaries above.
    names: what to call Tensors that have no name, such as ``locals()``; what is no Tensor in it is passed over.
    details: also keep a closer look at every formula and rule, see ``Detail``.

    >>> import tinygrad_edu as tg
    >>> x = tg.Tensor(3.0, requires_grad=True, name="x")
    >>> [call.op for call in graph(x * x + x).calls]
    ['multiply', 'add']
    """
    failed = output if isinstance(output, FailedCall) else None
    given = failed.inputs if failed else output if isinstance(output, (list, tuple)) else (output,)
    for y in given:
        if not isinstance(y, Tensor):
            hint = "give what it computes: loss = model(x)" if callable(y) else "only Tensors record their graph"
            wanted = "a Tensor, a list of Tensors or an error's .graph"
            raise TypeError(f"graph: wanted {wanted}, got {type(y).__name__}; {hint}")
    tracer = Tracer(given, formulas, full, names, details)
    if failed is not None:
        tracer.add_failed(failed)
        return tracer.trace((), f"the forward pass failed here: {failed.message}")
    several = isinstance(output, (list, tuple)) and gradient is not None
    gradients = list(gradient) if several else [gradient] * len(given)
    note = tracer.run_backward(given, gradients) if backward else "the backward pass was not asked for"
    return tracer.trace(given, note)


class Tracer:
    """Gathers the parts of a Trace; used once."""

    def __init__(
        self,
        outputs: Sequence[Tensor],
        formulas: bool,
        full: int | None,
        names: Mapping[str, Any] | None,
        details: bool = False,
    ) -> None:
        self.formulas = formulas
        self.details = details and formulas
        self.full = full
        self.ids: dict[Any, int] = {}
        self.call_ids: dict[Any, int] = {}
        self.values: list[Value] = []
        self.calls: list[Call] = []
        self.regions: list[Region] = []
        self.region_ids: dict[Scope, int] = {}
        self.owners: dict[int, int] = {}
        self.turns: list[Turn] = []
        self.arrived: dict[Any, Any] = {}
        self.outputs = set(outputs)
        self.made = recorded(outputs)
        self.names = names_of(self.made, names)
        self.names.update({y: y._name for y in outputs if y._name})
        for node in self.made:
            self.add_region(node._scope)
        for node in self.made:
            self.add_call(node)
        for y in outputs:
            self.add_value(y, None, y._data)

    def next_id(self) -> int:
        return len(self.values) + len(self.calls)

    def add_value(self, x: Any, made_by: int | None, seen: Any) -> int:
        """Return the id of a Tensor, adding it the first time; ``seen`` is what the op saw of it."""
        if x in self.ids:
            return self.ids[x]
        number = self.ids[x] = self.next_id()
        data = snapshot(seen, self.full)
        self.values.append(Value(number, self.kind(x), self.names.get(x), data, bool(x._needs), made_by))
        return number

    def kind(self, x: Any) -> str:
        if x._op is not None:
            return "output" if x in self.outputs else "intermediate"
        if x._needs:
            return "parameter"
        return "input" if x in self.names or x.size > 1 else "constant"

    def add_region(self, scope: Scope | None) -> int | None:
        """Return the id of a scope, adding it and those around it the first time."""
        if scope is None:
            return None
        if scope in self.region_ids:
            return self.region_ids[scope]
        parent = self.add_region(scope.parent)
        number = self.region_ids[scope] = len(self.regions)
        owner = None
        label = ""
        if scope.owner is not None:
            owner = self.owners.setdefault(id(scope.owner), len(self.owners))
            label = scope.owner._label()
        self.regions.append(Region(number, scope.kind, scope.name, scope.path, label, parent, owner))
        return number

    def add_call(self, node: Any) -> None:
        """Add a recorded op, its inputs before it and its output after."""
        inputs = tuple([self.add_value(x, None, a) for x, a in zip(node._inputs, node._seen)])
        number = self.call_ids[node] = self.next_id()
        formula, numbers, detail = self.forward_text(node) if self.formulas else ("", None, None)
        self.calls.append(
            self.call_of(number, node._op, inputs, node._params, node._scope, formula, numbers, node._line)
        )
        output = self.add_value(node, number, node._data)
        self.calls[-1] = replace(self.calls[-1], output=output, detail=detail)

    def call_of(
        self, number: int, op: Any, inputs: Any, params: Any, scope: Any, formula: str, numbers: Any, line: Any
    ) -> Call:
        return Call(
            number, op.name, op.symbol, op.notation, inputs,
            tuple([op.input_name(i) for i in range(len(inputs))]), None,
            self.add_region(scope), tuple(params_text(op.special(params or {}))), formula, numbers, line, None,
            (op.__doc__ or "").strip().split("\n")[0],
        )  # fmt: skip

    def add_failed(self, failed: FailedCall) -> None:
        """Add the call that failed: it has inputs and no output."""
        inputs = tuple([self.add_value(x, None, x._data) for x in failed.inputs])
        call = self.call_of(
            self.next_id(), failed.op, inputs, failed.params, failed.scope, failed.op.symbol, None, failed.line
        )
        self.calls.append(replace(call, failure=failed.message))

    def run_backward(self, outputs: Sequence[Tensor], gradients: Sequence[Any]) -> str:
        """Add the steps of the backward pass and every gradient; return why there are none."""
        note = why_no_gradients(outputs, gradients)
        if note:
            return note
        arrived = self.arrived
        for step in sweep(seeds_of(outputs, gradients), arrived):
            node = step.output
            arrived[node] = step._upstream
            self.add_turn(step, node)
        self.values = [self.with_gradient(value, x, arrived) for value, x in zip(self.values, self.ids)]
        return ""

    def with_gradient(self, value: Value, x: Any, arrived: dict[Any, Any]) -> Value:
        if x not in arrived:
            return value
        found = snapshot(arrived[x], self.full)
        stored = snapshot(x._grad._data, self.full) if x._grad is not None else None
        return replace(value, gradient=found, stored_gradient=stored if stored != found else None)

    def add_turn(self, step: Any, node: Any) -> None:
        formulas: list[str | None] = []
        numbers: list[str | None] = []
        summed: list[tuple[int, ...] | None] = []
        details: list[Detail | None] = []
        for position, piece in enumerate(step._pieces):
            formula = None
            if piece is not None and self.formulas:
                names = [*[self.word(x) or node._op.input_name(i) for i, x in enumerate(node._inputs)], self.word(node)]
                names[-1] = names[-1] or ("y" if "y" not in names else "out")
                formula = formula_of_rule(
                    node._op, position, step._upstream, node._data, node._seen, node._params or {}, names
                )
            formulas.append(None if formula is None else str(formula))
            scalar = formula is not None and all(a.size == 1 for a in (formula, step._upstream, *node._seen))
            numbers.append(with_numbers(formula) if scalar else None)
            shape = formula.shape if formula is not None else None
            summed.append(shape if shape is not None and shape != piece.shape else None)
            if self.details:
                details.append(None if piece is None else detail_of_rule(node, position, formula))
        self.turns.append(
            Turn(
                self.call_ids[node],
                snapshot(step._upstream, self.full),
                tuple([None if piece is None else snapshot(piece, self.full) for piece in step._pieces]),
                tuple(formulas),
                tuple(numbers),
                tuple(summed),
                tuple(details),
            )
        )

    def word(self, x: Any) -> str | None:
        """Return what a formula calls a Tensor: its name; a number for an unnamed number."""
        name = self.names.get(x)
        if name is None and x._op is None and not x._needs and x.size == 1:
            return number_text(x._data.item())
        return name

    def forward_text(self, node: Any) -> tuple[str, str | None, Detail | None]:
        """Return the op's formula with names, with numbers where all are scalars, and a closer look if wanted."""
        names = [self.word(x) or node._op.input_name(i) for i, x in enumerate(node._inputs)]
        formula = formula_of_forward(node._op, node._data, names, node._seen, node._params or {})
        scalar = node._data.size == 1 and all(a.size == 1 for a in node._seen)
        detail = detail_of_forward(formula) if self.details else None
        return str(formula), with_numbers(formula) if scalar else None, detail

    def nodes_by_region(self) -> dict[int, list[Any]]:
        """Return what was recorded in each region and in those inside it, oldest first."""
        found: dict[int, list[Any]] = {}
        for node in self.made:
            number = self.region_ids[node._scope] if node._scope is not None else None
            while number is not None:
                found.setdefault(number, []).append(node)
                number = self.regions[number].parent
        return found

    def with_formulas(self, region: Region, nodes: Sequence[Any]) -> Region:
        """Return a region with its formulas, if it is a composite or module of a few calls."""
        if region.kind == "scope" or not 0 < len(nodes) <= _SHORT:
            return region
        inside = set(nodes)
        words = {
            x: self.word(x) for node in nodes for x in (*node._inputs, node) if x not in inside or node is nodes[-1]
        }
        named = {x: word for x, word in words.items() if word}
        made, pulled = region_formulas(nodes, named, self.arrived.get(nodes[-1]))
        found = {self.ids[x]: formula for x, formula in pulled.items() if len(str(formula)) <= _LONG}
        texts = tuple([(x, str(formula)) for x, formula in found.items()])
        if made is None or len(str(made)) > _LONG:
            return replace(region, gradient_formulas=texts, gradient_details=self.details_of(found))
        detail = detail_of_forward(made) if self.details else None
        return replace(
            region, formula=str(made), gradient_formulas=texts, detail=detail, gradient_details=self.details_of(found)
        )

    def details_of(self, formulas: Mapping[int, Symbol]) -> tuple[tuple[int, Detail], ...]:
        """Return a closer look at each formula, if wanted."""
        return tuple([(x, detail_of_forward(formula)) for x, formula in formulas.items()]) if self.details else ()

    def trace(self, outputs: Sequence[Any], note: str) -> Trace:
        """Return what was gathered."""
        if self.formulas:
            inside = self.nodes_by_region()
            self.regions = [self.with_formulas(region, inside.get(region.id, ())) for region in self.regions]
        used: dict[int, int] = {}
        for call in self.calls:
            for x in call.inputs:
                used[x] = used.get(x, 0) + 1
        values = tuple([replace(value, used=used.get(value.id, 0)) for value in self.values])
        return Trace(
            values,
            tuple(self.calls),
            tuple(self.regions),
            tuple(self.turns),
            tuple([self.ids[y] for y in outputs]),
            note,
        )


def with_numbers(formula: Any) -> str:
    """Return an expression of scalars with the numbers put in, and what they make: ``0.42 · 2 = 0.84``."""

    def number(leaf: Any) -> str:
        return number_text(leaf.value.item() if hasattr(leaf.value, "item") else leaf.value)

    text = symbol_text(formula, number)
    result = number(formula)
    return text if text == result else f"{text} = {result}"


def why_no_gradients(outputs: Sequence[Tensor], gradients: Sequence[Any]) -> str:
    """Return why a picture has no gradients, or nothing if it has."""
    if not any(y._needs for y in outputs):
        return "no gradients: no input has requires_grad=True, so nothing was recorded"
    if not all(y._needs for y in outputs):
        return "no gradients: one of the outputs needs none"
    if len(gradients) != len(outputs):
        raise ValueError(f"graph: {len(gradients)} gradients for {len(outputs)} outputs")
    shapes = [y.shape for y, g in zip(outputs, gradients) if y.size != 1 and g is None]
    if shapes:
        return f"no gradients: the output has shape {shapes[0]}, and a gradient starts from one number; pass gradient="
    return ""


def names_of(nodes: Sequence[Any], given: Mapping[str, Any] | None = None) -> dict[Any, str]:
    """Return what every Tensor is called: its name, what ``given`` calls it, its path in a module, or ``v3``."""
    found = {x: name for name, x in (given or {}).items() if isinstance(x, Tensor)}
    found.update(names_in_modules(nodes))
    names: dict[Any, str] = {}
    unnamed = 0
    for node in nodes:
        for x in node._inputs:
            if x._op is None and (x._name or x in found):
                names[x] = x._name or found[x]
        if node._name or node in found:
            names[node] = node._name or found[node]
        elif node._op.notation == "postfix" and not node._op.elementwise and node._inputs[0] in names:
            word, sign = names[node._inputs[0]], node._op.symbol
            names[node] = word.removesuffix(sign) if word.endswith(sign) else word + sign
        else:
            unnamed += 1
            names[node] = f"v{unnamed}"
    return names


def names_in_modules(nodes: Iterable[Any]) -> dict[Any, str]:
    """Return the dotted paths of parameters and buffers, seen from the outermost modules that were called."""
    owners: dict[int, Any] = {}
    seen: set[Any] = set()
    for node in nodes:
        scope, outermost = node._scope, None
        while scope is not None and scope not in seen:
            seen.add(scope)
            outermost = scope.owner or outermost
            scope = scope.parent
        if outermost is not None and scope is None:
            owners[id(outermost)] = outermost
    names: dict[Any, str] = {}
    for owner in owners.values():
        for path, held in [*owner.named_parameters(), *owner.named_buffers()]:
            names.setdefault(held, path)
    return names


def recorded(outputs: Iterable[Any]) -> list[Any]:
    """Return every recorded node that the outputs depend on, oldest first."""
    seen = set()
    stack = [y for y in outputs if y._op is not None]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        stack.extend([x for x in node._inputs if x._op is not None])
    return sorted(seen, key=lambda node: node._serial)
