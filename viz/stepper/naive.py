"""The backward pass in the wrong order, as steps on the same picture: each node fires before its gradient is whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tinygrad_edu.engine.naive import Firing, firing_count, naive_firings
from tinygrad_edu.engine.trace.snapshot import snapshot
from tinygrad_edu.engine.trace.tracing import Snapshot, Value
from viz.graph.fold import Box, View
from viz.stepper.arrays import KEPT
from viz.stepper.behind import Behind
from viz.stepper.cards import Cards, enumeration, piece_of
from viz.style.numbers import brief

__all__ = ["AGREE", "MOST", "Naive"]

MOST = 400  # turns of the naive recursion: it walks every path
AGREE = (
    "Depth first agrees with the right order here: no result of an operation is used twice, so each operation fires "
    "once, when its gradient is whole."
)


class Naive:
    """Writes the steps of the naive recursion at one level."""

    def __init__(self, view: View, behind: Behind, writer: Cards) -> None:
        self.view = view
        self.trace = view.trace
        self.writer = writer
        self.behind = behind
        self.calls = {call.output: call for call in self.trace.calls}
        self.holder = {box.value.id: box.id for box in view.boxes if box.value is not None}
        count = firing_count(behind.outputs, behind.gradients)
        self.note = (
            f"the naive recursion would take {count:,} turns, more than {MOST}, since it walks every path"
            if count > MOST else ""
        )  # fmt: skip
        self.firings = [] if self.note else list(naive_firings(behind.outputs, behind.gradients))
        self.turns: dict[int, int] = {}
        for firing in self.firings:
            self.turns[self.id(firing.node)] = firing.turn
        self.first = ""

    def id(self, node: Any) -> int:
        """The id of a Tensor's value."""
        return self.behind.ids[node]

    @property
    def agrees(self) -> bool:
        """Whether every node fires once."""
        return all(n == 1 for n in self.turns.values())

    def steps(self, maker: dict[int, Box], add: Any) -> Iterator[dict[str, Any]]:
        """Yield the backward steps, then what comes out. maker: the box of each call; add: keeps a card."""
        groups: list[tuple[Box, list[Firing]]] = []
        for firing in self.firings:
            box = maker[self.call(firing).id]
            if groups and groups[-1][0] is box and box.region is not None:
                groups[-1][1].append(firing)
            else:
                groups.append((box, [firing]))
        totals: dict[int, Any] = {}
        for box, firings in groups:
            for firing in firings:
                totals.update({self.id(x): g for x, g in self.fed(firing)})
            early = any(self.early(firing) for firing in firings)
            card = self.card(box, firings)
            told = {self.holder[x]: f"so far {shown(g)}" for x, g in totals.items() if x in self.holder}
            yield {
                "p": "backward", "n": [box.id], "c": [self.call(f).id for f in firings], "e": self.arrows(box, firings),
                "t": told,
                "y": int(early), "card": add(card),
            }  # fmt: skip
        yield {"p": "end", "n": [], "t": self.tags(totals), "card": add(self.end(totals))}

    def call(self, firing: Firing) -> Any:
        """The call that fires."""
        return self.calls[self.id(firing.node)]

    def fed(self, firing: Firing) -> list[tuple[Any, Any]]:
        """The inputs that were handed something, with what has arrived there by then."""
        inputs = zip(firing.node._inputs, firing.pieces, firing.totals)
        return [(x, total) for x, piece, total in inputs if piece is not None]

    def early(self, firing: Firing) -> bool:
        """Whether more was still to come when it fired."""
        return firing.turn < self.turns[self.id(firing.node)]

    def arrows(self, box: Box, firings: list[Firing]) -> list[list[Any]]:
        """The arrows back from a box, with what each bears."""
        pieces: dict[int, list[Snapshot]] = {}
        for firing in firings:
            for x, piece in zip(firing.node._inputs, firing.pieces):
                if piece is not None:
                    pieces.setdefault(self.id(x), []).append(snapshot(piece, KEPT))
        return [
            [i, piece_of(tuple(pieces[arrow.value]))]
            for i, arrow in enumerate(self.view.arrows)
            if arrow.target == box.id and arrow.value in pieces
        ]

    def right(self, x: int) -> Snapshot:
        """The whole gradient of a value."""
        gradient = self.writer.value(x).gradient
        assert gradient is not None
        return gradient

    def card(self, box: Box, firings: list[Firing]) -> dict[str, Any]:
        """What an operation hands on, and why that is too early, or once too often."""
        writer, last = self.writer, firings[0]
        x = self.id(last.node)
        worst = next((f for f in firings if self.early(f)), last)
        card = writer.head(box, [self.call(f) for f in firings])
        turn, turns = last.turn, self.turns[x]
        title = card["t"]
        card["t"] = f"{title} fires" + (f", turn {turn} of {turns}" if turns > 1 else "")
        given = ", ".join(
            f"{shown(p)} to {writer.name(self.id(i))}" for i, p in zip(last.node._inputs, last.pieces) if p is not None
        )
        has = f"{writer.name(x)} has {shown(last.upstream)}"
        if self.early(worst):
            x = self.id(worst.node)
            right = brief(self.right(x))
            card["say"] = (
                f"Too early: {title} fires when {writer.name(x)} has {shown(worst.upstream)}, though another use has "
                f"not reported: its whole gradient is {right}. It hands {given or 'nothing'} on."
            )
            card["early"] = f"too early: {shown(worst.upstream)} of {right}"
            self.first = self.first or f"{title} fired too early, with {shown(worst.upstream)} in place of {right}"
        elif turn > 1:
            card["say"] = (
                f"Once more: {has} by now, and all of it is handed on, also what was handed on before: {given}. "
                "What went out too early is counted twice."
            )
        else:
            card["say"] = f"Naive: {has}; {title} hands on {given or 'nothing'}."
        totals = {self.id(i): g for f in firings for i, g in self.fed(f)}
        card["both"] = [self.row(x, g, "so far") for x, g in totals.items()]
        return card

    def row(self, x: int, g: Any, word: str) -> list[Any]:
        """What the naive recursion has of a value's gradient, and what is right."""
        add = self.writer.pool.add
        found, right = snapshot(g, KEPT), self.right(x)
        return [self.writer.slope(x), add(found), add(right), word, int(close(found, right))]

    def leaves(self, totals: dict[int, Any]) -> list[Value]:
        """The leaves that got a gradient."""
        return [value for value in self.trace.values if value.made_by is None and value.id in totals]

    def tags(self, totals: dict[int, Any]) -> dict[str, str]:
        """What stands at each box in the end: the number, and the right one where it is wrong."""
        found = {}
        for x, g in totals.items():
            if x in self.holder:
                mine, right = snapshot(g, KEPT), self.right(x)
                same = close(mine, right)
                found[self.holder[x]] = brief(mine) if same else f"✗ {brief(mine)}, right: {brief(right)}"
        return found

    def end(self, totals: dict[int, Any]) -> dict[str, Any]:
        """What the naive recursion ends with, beside the right gradients."""
        leaves = self.leaves(totals)
        wrong = [value.id for value in leaves if not close(snapshot(totals[value.id], KEPT), self.right(value.id))]
        card = {
            "t": "What depth first ends with",
            "both": [self.row(value.id, totals[value.id], "depth first") for value in leaves[:24]],
        }
        if self.agrees:
            return {**card, "say": AGREE}
        if not wrong:
            return {**card, "say": f"The gradients of the leaves agree by chance, though {self.first}."}
        names = enumeration(map(self.writer.name, wrong), 4)
        one = wrong[0]
        return {
            **card,
            "say": f"Wrong: the gradient of {names}. {self.writer.name(one)} gets {shown(totals[one])}, right is "
            f"{brief(self.right(one))}. The first mistake: {self.first}. The cure: a node fires when all its uses have "
            "reported, newest first.",
        }


def shown(g: Any) -> str:
    """A gradient in a word."""
    return brief(snapshot(g, KEPT))


def close(one: Snapshot, other: Snapshot) -> bool:
    """Whether two gradients are the same to rounding."""
    if one.data is None or other.data is None:
        return abs(one.norm - other.norm) <= 1e-6 * max(one.norm, other.norm) and abs(one.mean - other.mean) <= 1e-6
    most = max(abs(other.low), abs(other.high), 1e-300)
    return all(a == b or abs(a - b) <= 1e-6 * most or (a != a and b != b) for a, b in zip(one.data, other.data))
