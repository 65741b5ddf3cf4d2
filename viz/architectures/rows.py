"""Rows and forks: what a drawing is made of whose boxes fork and join again (a series-parallel graph)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from viz.architectures.views import Arrow, Box, View

__all__ = ["Fork", "NotSeriesParallel", "Row", "Rows", "boxes_in", "heads", "last_of"]


class NotSeriesParallel(ValueError):
    """Boxes do not fork and join like a row of rows."""


@dataclass(eq=False, repr=False)
class Fork:
    """What lies between a box that forks and the box where all joins again."""

    start: Box
    meet: Box
    branches: list[Row]
    bypass: bool
    before: float = 0.0  # how far it reaches from the middle line
    after: float = 0.0
    offsets: list[float] = field(default_factory=list)
    column: float = 0.0  # of the bypass


@dataclass(eq=False, repr=False)
class Row:
    """Boxes and forks one after the other; one that starts with a fork is a branch of which many arrows lead in."""

    items: list[Box | Fork]
    before: float = 0.0
    after: float = 0.0
    length: float = 0.0


class Rows:
    """Finds the rows and forks of a drawing; ``between`` is the arrow from box to box."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.targets: dict[Box, list[Box]] = {box: [] for box in view.boxes}
        self.origins: dict[Box, list[Box]] = {box: [] for box in view.boxes}
        self.between: dict[tuple[Box, Box], Arrow] = {}
        for arrow in view.arrows:
            if (arrow.source, arrow.target) in self.between:
                raise NotSeriesParallel
            self.between[arrow.source, arrow.target] = arrow
            self.targets[arrow.source].append(arrow.target)
            self.origins[arrow.target].append(arrow.source)
        self.meets = self.meeting_points()

    def whole(self) -> Row:
        """Return the row that is the whole drawing. Raises NotSeriesParallel."""
        starts = [box for box in self.view.boxes if not self.origins[box]]
        if len(starts) != 1:
            raise NotSeriesParallel
        row = self.row(starts[0], None)
        if sorted(map(id, boxes_in(row))) != sorted(map(id, self.view.boxes)):
            raise NotSeriesParallel
        return row

    def meeting_points(self) -> dict[Box, Box | None]:
        """Return where all ways on from each box come together first."""
        after: dict[Box, list[Box]] = {}
        for box in reversed(self.in_order()):
            ways = [[target, *after[target]] for target in self.targets[box]]
            after[box] = [b for b in ways[0] if all(b in way for way in ways[1:])] if ways else []
        return {box: ways[0] if ways else None for box, ways in after.items()}

    def in_order(self) -> list[Box]:
        """Return the boxes, sources before targets."""
        waiting = {box: len(origins) for box, origins in self.origins.items()}
        ready = [box for box, number in waiting.items() if not number]
        for box in ready:
            for target in self.targets[box]:
                waiting[target] -= 1
                if not waiting[target]:
                    ready.append(target)
        if len(ready) != len(waiting):
            raise NotSeriesParallel
        return ready

    def row(self, box: Box | None, stop: Box | None) -> Row:
        """Return the row that starts at a box, up to where it joins others."""
        items: list[Box | Fork] = []
        while box is not None and box is not stop:
            items.append(box)
            meet = self.meets[box]
            if len(self.targets[box]) > 1:
                if meet is None:
                    raise NotSeriesParallel
                items.append(self.fork(box, self.targets[box], meet))
            box = meet
        return Row(items)

    def fork(self, box: Box, targets: list[Box], meet: Box) -> Fork:
        """Return the branches between two boxes, the bypass aside; targets that meet earlier are one branch."""
        groups: list[tuple[list[Box], list[Box]]] = []  # targets, and where all of them come by
        for start in targets:
            if start is meet:
                continue
            way = self.way_on(start, meet)
            at = next((i for i, (_, common_way) in enumerate(groups) if set(way) & set(common_way)), None)
            if at is None:
                groups.append(([start], way))
            else:
                groups[at] = ([*groups[at][0], start], [b for b in groups[at][1] if b in way])
        branches = []
        for starts, way in groups:
            if len(starts) > 1:
                branches.append(Row([self.fork(box, starts, way[0]), *self.row(way[0], meet).items]))
            elif self.origins[starts[0]] != [box]:
                raise NotSeriesParallel
            else:
                branches.append(self.row(starts[0], meet))
        if meet.kind == "addition":  # the long way first, on the line; shortcuts beside it
            branches.sort(key=lambda row: -len(list(boxes_in(row))))
        else:
            branches.sort(key=lambda row: self.origins[meet].index(last_of(row)))
        return Fork(box, meet, branches, meet in targets)

    def way_on(self, box: Box, stop: Box) -> list[Box]:
        """Return a box and all that every way from it comes by, up to ``stop``."""
        found: list[Box] = []
        at: Box | None = box
        while at is not None and at is not stop:
            found.append(at)
            at = self.meets[at]
        return found


def boxes_in(row: Row) -> Iterator[Box]:
    """Yield the boxes of a row."""
    for item in row.items:
        if isinstance(item, Fork):
            for branch in item.branches:
                yield from boxes_in(branch)
        else:
            yield item


def heads(row: Row) -> list[Box]:
    """Return the boxes that arrows from before a row lead to."""
    first = row.items[0]
    return [box for b in first.branches for box in heads(b)] if isinstance(first, Fork) else [first]


def last_of(row: Row) -> Box:
    """Return the box that a row ends with."""
    last = row.items[-1]
    assert isinstance(last, Box)
    return last
