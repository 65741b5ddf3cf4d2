"""What one drawing shows: which parts are opened in it, which repeats are folded, and the arrows between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from viz.architectures.likeness import Likeness
from viz.architectures.structure import Network, Part

__all__ = ["Arrow", "Box", "Frame", "View", "view_of"]

_RUN = 12  # parts in one box, where a group has more parts than a drawing may have boxes


@dataclass(eq=False, repr=False)
class Box:
    """A box of a drawing: a part, or ``more`` parts like the one before it; ``frame`` is the opened part around it.

    text, note: what stands in the box of an op or a parameter, which is no part.
    """

    id: str
    kind: str
    part: Part | None
    frame: Frame | None = None
    more: tuple[Part, ...] = ()
    shared: bool = False  # the parts in ``more`` have the very same weights
    outputs: list[Any] = field(default_factory=list)
    text: str = ""
    note: str = ""


@dataclass(eq=False, repr=False)
class Frame:
    """A part that is opened in a drawing."""

    id: str
    part: Part
    outer: Frame | None


@dataclass(frozen=True, repr=False)
class Arrow:
    """From box to box, with the shape of what flows, without the batch."""

    source: Box
    target: Box
    shape: tuple[int, ...]


@dataclass(repr=False)
class View:
    """One drawing."""

    part: Part
    boxes: list[Box]
    frames: list[Frame]
    arrows: list[Arrow]


def view_of(network: Network, part: Part, alike: Likeness, most: int, opened: bool) -> View:
    """Return the drawing of a part; opened: with the parts in it opened as far as ``most`` boxes allow."""
    return Viewer(network, part, alike, most).view(opened)


class Viewer:
    """Decides what a drawing shows; used once."""

    def __init__(self, network: Network, part: Part, alike: Likeness, most: int) -> None:
        self.network = network
        self.part = part
        self.alike = alike
        self.most = most
        self.items: list[Box] = []
        self.frames: list[Frame] = []

    def view(self, opened: bool) -> View:
        """Return the drawing."""
        ends = len(self.network.inputs) + 1
        self.items = self.folded(chunked(self.part, self.most - ends), None)
        if opened:
            self.open_all(self.most - ends)
        arrows = self.arrows()
        for i, box in enumerate(self.items):
            box.id = f"b{i}"
        return View(self.part, self.items, self.frames, arrows)

    def folded(self, parts: list[Part], frame: Frame | None) -> list[Box]:
        """Return the boxes of parts; parts that repeat the one before them are one box."""
        boxes: list[Box] = []
        i = 0
        while i < len(parts):
            part = parts[i]
            boxes.append(Box("", part.kind, part, frame, outputs=part.outputs))
            repeats = self.repeats(parts, i)
            if repeats:
                shared = same_weights(part, repeats[0])
                boxes.append(Box("", "more", None, frame, tuple(repeats), shared, repeats[-1].outputs))
            i += 1 + len(repeats)
        return boxes

    def repeats(self, parts: list[Part], i: int) -> list[Part]:
        """Return the parts right after one that are equal to it, each fed by the one before alone."""
        found: list[Part] = []
        for part in parts[i + 1 :]:
            before = found[-1] if found else parts[i]
            if self.alike.exact(part) != self.alike.exact(parts[i]) or not only_feeds(before, part):
                break
            if found and same_weights(parts[i], part) is not same_weights(parts[i], found[0]):
                break
            found.append(part)
        plain = parts[i].kind != "block"
        return [] if plain and len(found) < 2 and not (found and same_weights(parts[i], found[0])) else found

    def open_all(self, most: int) -> None:
        """Open groups, the first of each structure before the others, and these all or none."""
        seen: set[int] = set()
        tried: set[Part] = set()
        while True:
            ready = [box for box in self.items if self.can_open(box) and box.part not in tried]
            box = next((b for b in ready if b.part and self.alike.loose(b.part) not in seen), None)
            if box is None or box.part is None:
                break
            tried.add(box.part)
            seen.add(self.alike.loose(box.part))
            self.open_each([box], most)
        while True:
            rest = [box for box in self.items if self.can_open(box)]
            kinds = list(dict.fromkeys([self.alike.loose(box.part) for box in rest if box.part]))
            if not any(
                self.open_each([b for b in rest if b.part and self.alike.loose(b.part) == k], most) for k in kinds
            ):
                return

    def can_open(self, box: Box) -> bool:
        """Whether a box is a group that can be opened in place."""
        return box.kind == "block" and box.part is not None

    def open_each(self, boxes: list[Box], most: int) -> bool:
        """Put the content of boxes in their place, if there is room for all."""
        content: dict[Box, tuple[Frame, list[Box]]] = {}
        total = len(self.items)
        for box in boxes:
            assert box.part is not None
            frame = Frame(f"f{len(self.frames) + len(content)}", box.part, box.frame)
            content[box] = frame, self.folded(box.part.parts, frame)
            total += len(content[box][1]) - 1
        if total > most:
            return False
        self.frames += [frame for frame, _ in content.values()]
        self.items = [item for box in self.items for item in (content[box][1] if box in content else [box])]
        return True

    def arrows(self) -> list[Arrow]:
        """Return the arrows, and add boxes for what comes in and goes out."""
        box_of: dict[Part, Box] = {}
        for box in self.items:
            for part in [box.part] if box.part is not None else box.more:
                box_of.update(dict.fromkeys(part.leaves() if part is not None else [], box))
        entries: dict[Any, Box] = {}
        found: dict[tuple[Box, Box, Any], Arrow] = {}
        used: set[Any] = set()
        for leaf, box in box_of.items():
            for source, x in leaf.sources:
                start = box_of.get(source)
                if start is None:
                    kind = source.kind if source.kind == "input" else "entry"
                    start = entries.setdefault(x, Box("", kind, source if kind == "input" else None, outputs=[x]))
                if start is not box:
                    found.setdefault((start, box, x), Arrow(start, box, tuple(x.shape[1:])))
                    used.add(x)
        for y in self.part.outputs:
            last = next((b for leaf, b in box_of.items() if any(y is o for o in leaf.outputs)), None)
            if last is not None:
                out = Box("", "output", None, outputs=[y])
                self.items.append(out)
                found[last, out, y] = Arrow(last, out, tuple(y.shape[1:]))
        self.items = [*entries.values(), *self.items]
        return list(found.values())


def chunked(part: Part, most: int) -> list[Part]:
    """Return the parts of a group; where they are too many for a drawing, runs of them as groups."""
    parts = part.parts
    while len(parts) > most:
        size = max(_RUN, -(-len(parts) // most))
        parts = [run_of(parts[i : i + size]) for i in range(0, len(parts), size)]
    return parts


def run_of(parts: list[Part]) -> Part:
    """Return parts in a row as a group."""
    name = f"{parts[0].name} … {parts[-1].name}"
    return Part(name, "block", f"{len(parts)} parts", None, parts, outputs=parts[-1].outputs)


def same_weights(part: Part, other: Part) -> bool:
    """Whether two parts learn the very same numbers."""
    own = [id(x) for x in part.parameters()]
    return bool(own) and own == [id(x) for x in other.parameters()]


def only_feeds(before: Part, part: Part) -> bool:
    """Whether all that comes into a part comes from the one before it."""
    inside = set(part.leaves())
    made = set(before.leaves())
    sources: Iterable[Part] = [s for leaf in inside for s, _ in leaf.sources if s not in inside]
    return all(source in made for source in sources)
