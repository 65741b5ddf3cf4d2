"""The card of a step: what was multiplied by what, why, where it stands in the code, and how the gradient adds up."""

from __future__ import annotations

import inspect
import linecache
import os
from typing import Any

from tinygrad_edu.engine.trace.tracing import Call, Detail, Snapshot, Trace, Turn, Value
from viz.graph.boxes import root_name
from viz.graph.fold import Box, View
from viz.stepper.arrays import Pool
from viz.stepper.phrases import phrase
from viz.style.escape import plain_text
from viz.style.numbers import brief

__all__ = ["Cards", "Uses", "piece_of"]

_RULE_LINES = 14
_AROUND = 4  # lines of the user's code around the one that is lit
_NAMED = 4  # inputs that a sentence names
_TAGS = {"mrow": "r", "mfrac": "f", "msup": "p", "msub": "b", "msqrt": "q"}  # of MathML, see math() in stepper.js
_LEAVES = {"mi": "i", "mn": "n", "mo": "o", "mtext": "t"}


class Uses:
    """Who used a value, newest first: in which order its gradient's parts arrive."""

    def __init__(self, trace: Trace) -> None:
        self.parts: dict[int, list[tuple[int, Snapshot]]] = {}
        for turn in trace.steps:
            call = trace.nodes[turn.call]
            assert isinstance(call, Call)
            for x, piece in zip(call.inputs, turn.contributions):
                if piece is not None:
                    self.parts.setdefault(x, []).append((turn.call, piece))


class Cards:
    """Writes the cards of one level; arrays go into ``pool``, code into ``sources``."""

    def __init__(self, view: View, pool: Pool, sources: Sources) -> None:
        self.view = view
        self.trace = view.trace
        self.pool = pool
        self.sources = sources
        self.turns = {turn.call: turn for turn in self.trace.steps}
        self.uses = Uses(self.trace)
        self.numbers = {call.id: i + 1 for i, call in enumerate(self.trace.calls)}
        self.names = {value.id: value.name for value in self.trace.values}
        self.root = root_name(self.trace.outputs, self.names)

    # Words

    def name(self, x: int) -> str:
        """What a value is called."""
        value = self.trace.nodes[x]
        assert isinstance(value, Value)
        return clean(value.name) if value.name else brief(value.data) if value.data.size == 1 else value.kind

    def call_name(self, call: Call) -> str:
        """An operation and its number in the order of the forward pass."""
        return f"{clean(call.op)} #{self.numbers[call.id]}"

    def slope(self, x: int) -> list[Any]:
        """∂L/∂x as mathematics."""
        return ["f", ["r", "o∂", "i" + (clean(self.root) or "out")], ["r", "o∂", "i" + self.name(x)]]

    def tree(self, math: Any) -> Any:
        """A formula as the page gets it: lists, tags of one letter, names cleaned, its small arrays in the pool."""
        tag, *parts = math
        if tag == "array":
            return ["#", self.pool.add_numbers(math[1], math[2])]
        if tag in _LEAVES:
            return _LEAVES[tag] + clean(parts[0])
        return [_TAGS[tag], *map(self.tree, parts)]

    def calls_of(self, box: Box) -> list[Call]:
        """The operations that a box stands for, oldest first."""
        if box.call is not None:
            return [box.call]
        if box.region is None:
            return []
        inside = set()
        for region in self.trace.scopes:
            if region.id == box.region.id or region.parent in inside:
                inside.add(region.id)
        return [call for call in self.trace.calls if call.region in inside]

    # Cards

    def start(self) -> dict[str, Any]:
        """What is there before anything is computed."""
        leaves = [value for value in self.trace.values if value.made_by is None and value.kind != "constant"]
        names = enumeration([self.name(value.id) for value in leaves], 8)
        return {
            "t": "Before the forward pass",
            "say": f"The leaves of the graph are known: {names}." if names else "Nothing is known yet.",
            "leaves": [[self.name(v.id), v.kind, self.pool.add(v.data)] for v in leaves[:24]],
        }

    def forward(self, box: Box, calls: list[Call]) -> dict[str, Any]:
        """An operation, or a folded region, computes its value."""
        last = calls[-1]
        card = self.head(box, calls)
        outputs = self.outputs(box, calls)
        inputs = list(dict.fromkeys(self.inputs(box, calls)))
        card["in"] = [[self.name(x), self.array(x)] for x in inputs]
        if last.failure:
            card["say"] = f"{self.call_name(last)} failed."
            card["fail"] = plain_text(last.failure, 600)
            return card
        detail = box.call.detail if box.call is not None else box.region.detail if box.region else None
        if outputs:
            made = outputs[-1]
            card["out"] = [self.name(made), self.array(made)]
            if detail is not None:
                self.add_formula(card, detail, "i" + self.name(made))
        taken, given = enumeration(map(self.name, inputs), _NAMED), enumeration(map(self.name, outputs), _NAMED)
        result = self.value(outputs[-1]).data if outputs else None
        shown = f" = {brief(result)}" if result is not None and result.size == 1 and len(outputs) == 1 else ""
        card["say"] = f"Forward: {card['t']} takes {taken} and makes {given}{shown}."
        return card

    def seed(self) -> dict[str, Any]:
        """The backward pass begins: what arrives at the output."""
        outputs = [self.value(x) for x in self.trace.outputs]
        names = enumeration([self.name(value.id) for value in outputs], _NAMED)
        one = outputs[0].gradient
        card: dict[str, Any] = {
            "t": "The backward pass begins",
            "say": f"Backward: the gradient of {names} with respect to itself"
            + (f" is {brief(one)}." if one is not None and one.size == 1 and one.data == (1.0,) else " was given."),
        }
        if one is not None:
            card["up"] = [self.slope(outputs[0].id), self.pool.add(one)]
        return card

    def backward(self, box: Box, turns: list[Turn]) -> dict[str, Any]:
        """An operation, or a folded region, hands the gradient back."""
        calls = self.calls_of(box)
        card = self.head(box, calls)
        last = self.call(turns[0])
        upstream = turns[0].upstream
        if last.output is not None:
            card["up"] = [self.slope(last.output), self.pool.add(upstream), self.name(last.output)]
        rows = self.rows_of_call(turns[0]) if box.call is not None else self.rows_of_region(box, turns)
        card["rows"] = rows
        card["led"] = [self.ledger(x, turns) for x in dict.fromkeys(row["x"] for row in rows) if self.shared(x)]
        if last.output is not None and self.shared(last.output):
            card["led"].append(self.ledger(last.output, turns))
        parts = []
        for row in rows[:_NAMED]:
            piece = row.pop("piece")
            parts.append(f"{brief(piece) if piece is not None and piece.size == 1 else 'its part'} to {row['to']}")
        for row in rows[_NAMED:]:
            del row["piece"]
        more = f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
        arrived = f"{brief(upstream)} arrives at" if upstream.size == 1 else "the gradient arrives at"
        what = self.name(last.output) if last.output is not None else "its output"
        card["say"] = f"Backward: {arrived} {what}; {card['t']} hands {', '.join(parts) or 'nothing on'}{more}."
        return card

    def end(self) -> dict[str, Any]:
        """All gradients of parameters at once."""
        found = [value for value in self.trace.values if value.kind == "parameter"]
        slopes = [value for value in found if value.gradient is not None]
        note = plain_text(self.trace.note, 400)
        count = "the one parameter" if len(slopes) == 1 else f"all {len(slopes)} parameters"
        words = f"Done: the gradient of {count} is known." if slopes else "Done: every value is known."
        return {
            "t": "All gradients" if slopes else "All values",
            "say": f"{words} {note}".strip(),
            "all": [
                [self.slope(v.id), self.pool.add(v.gradient), self.name(v.id)] for v in slopes if v.gradient is not None
            ],
            "none": [self.name(v.id) for v in found if v.gradient is None] if slopes else [],
        }

    # Parts of cards

    def head(self, box: Box, calls: list[Call]) -> dict[str, Any]:
        """Title, place in the model, what it is, PyTorch's word, the user's line."""
        last = calls[-1]
        card: dict[str, Any] = {}
        if box.region is not None:
            card["t"] = clean(box.region.label or box.region.name)
            card["w"] = plain_text(box.region.path, 120)
            card["ops"] = [self.call_name(call) for call in calls]
        else:
            card["t"] = self.call_name(last)
            if last.region is not None:
                card["w"] = plain_text(self.trace.scopes[last.region].path, 120)
            card["op"] = self.sources.op(last)
            card["par"] = [plain_text(text, 60) for text in last.params]
        if last.line:
            card["line"] = self.sources.line(*last.line)
        return {key: value for key, value in card.items() if value}

    def add_formula(self, card: dict[str, Any], detail: Detail, left: Any) -> None:
        """Add a formula in names, in numbers and in shapes."""
        if detail.math is not None:
            card["m"] = ["r", left, "o=", self.tree(detail.math)]
        if detail.numbers is not None:
            card["n"] = self.tree(detail.numbers)
        if detail.shapes:
            card["s"] = plain_text(detail.shapes, 160)

    def rows_of_call(self, turn: Turn) -> list[dict[str, Any]]:
        """What an operation hands to each input, by which rule."""
        call = self.call(turn)
        rows = []
        for i, (x, piece) in enumerate(zip(call.inputs, turn.contributions)):
            if piece is None:
                continue
            row: dict[str, Any] = {"x": x, "to": self.name(x), "as": call.input_names[i], "a": self.pool.add(piece)}
            row["piece"] = piece
            detail = turn.details[i] if turn.details else None
            if detail is not None:
                left = ["r", self.slope(x), "o+=" if self.shared(x) else "o="]
                if detail.math is not None:
                    row["m"] = [*left, self.tree(detail.math)]
                if detail.numbers is not None:
                    row["n"] = self.tree(detail.numbers)
                row["s"] = plain_text(detail.shapes, 160)
                row["st"] = detail.structure
                if detail.local is not None and detail.local.size == 1:
                    row["st"] = brief(detail.local)
                if detail.local is not None and detail.local.size > 1:
                    row["J"] = self.pool.add_numbers(detail.local.shape, detail.local.data or ())
                if detail.place is not None:
                    row["code"] = self.sources.rule(*detail.place)
            summed = turn.summed[i]
            if summed is not None:
                row["sum"] = [list(summed), list(piece.shape)]
            rows.append({key: value for key, value in row.items() if value not in ("", None)})
            rows[-1]["piece"] = piece
        return rows

    def rows_of_region(self, box: Box, turns: list[Turn]) -> list[dict[str, Any]]:
        """What a folded region hands to each of its inputs, and to the parameters inside it."""
        made = {call.output for call in self.calls_of(box)}
        pieces: dict[int, list[Snapshot]] = {}
        for turn in turns:
            for x, piece in zip(self.call(turn).inputs, turn.contributions):
                if piece is not None and x not in made:
                    pieces.setdefault(x, []).append(piece)
        details = dict(box.region.gradient_details) if box.region is not None else {}
        rows = []
        for x, parts in pieces.items():
            row: dict[str, Any] = {"x": x, "to": self.name(x), "piece": parts[0] if len(parts) == 1 else None}
            gradient = self.value(x).gradient
            if len(parts) == 1:
                row["a"] = self.pool.add(parts[0])
            elif gradient is not None and len(parts) == len(self.uses.parts[x]):
                row["a"] = self.pool.add(gradient)
            if x in details and details[x].math is not None:
                row["m"] = ["r", self.slope(x), "o+=" if self.shared(x) else "o=", self.tree(details[x].math)]
                if details[x].numbers is not None:
                    row["n"] = self.tree(details[x].numbers)
                row["s"] = plain_text(details[x].shapes, 160)
            rows.append({key: value for key, value in row.items() if value != ""})
        return rows

    def shared(self, x: int) -> bool:
        """Whether a value's gradient is a sum of several parts."""
        return len(self.uses.parts.get(x, ())) > 1

    def ledger(self, x: int, turns: list[Turn]) -> dict[str, Any]:
        """The parts of a value's gradient: who sent each; ``n`` of them have arrived after these turns."""
        parts = self.uses.parts[x]
        done = {turn.call for turn in self.trace.steps[: self.trace.steps.index(turns[-1]) + 1]}
        found: dict[str, Any] = {
            "to": self.slope(x),
            "parts": [[self.call_name(self.call_by_id(call)), self.pool.add(piece)] for call, piece in parts],
            "n": sum(call in done for call, _ in parts),
        }
        gradient = self.value(x).gradient
        if gradient is not None:
            found["a"] = self.pool.add(gradient)
        return found

    # The trace

    def value(self, x: int) -> Value:
        """A value by its id."""
        value = self.trace.nodes[x]
        assert isinstance(value, Value)
        return value

    def call_by_id(self, number: int) -> Call:
        """A call by its id."""
        call = self.trace.nodes[number]
        assert isinstance(call, Call)
        return call

    def call(self, turn: Turn) -> Call:
        """The call whose turn it is."""
        return self.call_by_id(turn.call)

    def array(self, x: int) -> int:
        """A value's number in the pool."""
        return self.pool.add(self.value(x).data)

    def inputs(self, box: Box, calls: list[Call]) -> list[int]:
        """What goes into a box, in order."""
        if box.call is not None:
            return list(box.call.inputs)
        made = {call.output for call in calls}
        return [x for call in calls for x in call.inputs if x not in made]

    def outputs(self, box: Box, calls: list[Call]) -> list[int]:
        """What comes out of a box and is seen outside it."""
        if box.value is not None:
            return [box.value.id]
        inside = {call.id for call in calls}
        used = {x for call in self.trace.calls if call.id not in inside for x in call.inputs}
        made = [call.output for call in calls if call.output is not None]
        return [x for x in made if x in used or x in self.trace.outputs] or made[-1:]


class Sources:
    """Code that cards point to: rules, each once, and the user's own lines with those around them."""

    def __init__(self) -> None:
        self.rules: list[list[Any]] = []
        self.files: dict[str, set[int]] = {}
        self.ops: dict[str, list[str]] = {}
        self._known: dict[tuple[str, int], int] = {}

    def rule(self, file: str, line: int) -> int:
        """Return the number of a rule: where it stands, and its code."""
        if (file, line) not in self._known:
            self._known[file, line] = len(self.rules)
            place = f"{plain_text(os.path.basename(file), 80)}:{line}"
            self.rules.append([place, [plain_text(text.rstrip("\n"), 160) for text in block(file, line)]])
        return self._known[file, line]

    def op(self, call: Call) -> str:
        """Return an op's name, under which stand what it does and what PyTorch calls it."""
        name = clean(call.op)
        self.ops[name] = [plain_text(call.doc, 160).replace("``", ""), phrase(call.op)]
        return name

    def line(self, file: str, line: int) -> list[Any]:
        """Return a place in the user's code."""
        self.files.setdefault(file, set()).add(line)
        return [list(self.files).index(file), line]

    def to_list(self) -> list[list[Any]]:
        """Return each of the user's files: its name, and pieces of it by line number."""
        found: list[list[Any]] = []
        for file, used in self.files.items():
            lines = linecache.getlines(file)
            near = sorted(
                {n for line in used for n in range(line - _AROUND, line + _AROUND + 1) if 0 < n <= len(lines)}
            )
            in_cell = os.path.basename(os.path.dirname(file)).startswith("ipykernel_")
            name = "your cell" if in_cell else plain_text(os.path.basename(file), 80)
            found.append([name, [[n, plain_text(lines[n - 1].rstrip("\n"), 160)] for n in sorted(near)]])
        return found


def block(file: str, line: int) -> list[str]:
    """Return the lines of the function that begins at a line; none where the file can't be read."""
    lines = linecache.getlines(file)[line - 1 :]
    if not lines:
        return []
    try:
        found = inspect.getblock(lines)
    except (SyntaxError, IndentationError):
        found = lines[:1]
    return found[:_RULE_LINES]


def piece_of(pieces: tuple[Snapshot, ...]) -> str:
    """Return what an arrow bears in a word: a number, or a shape."""
    if len(pieces) != 1:
        return f"{len(pieces)} parts" if pieces else ""
    return brief(pieces[0]) if pieces[0].size == 1 else "×".join(map(str, pieces[0].shape))


def clean(text: str) -> str:
    """A name of the user's, fit to be shown."""
    return plain_text(text, 60)


def enumeration(names: Any, limit: int) -> str:
    """Return ``a, b and c``; the first few and how many more."""
    given = list(names)
    if len(given) > limit:
        return f"{', '.join(given[:limit])} and {len(given) - limit} more"
    return " and ".join([", ".join(given[:-1]), given[-1]] if len(given) > 1 else given)
