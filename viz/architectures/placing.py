"""Where boxes stand: rows straight down, towers side by side, a bypass beside what it goes around.

Networks are nearly always rows of boxes that fork and join again (series-parallel graphs), and papers draw them so. A
drawing that is no such graph gets no places here, and Graphviz lays it out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from viz.architectures.rows import Fork, Row, Rows, boxes_in, heads, last_of
from viz.architectures.views import Arrow, Box, Frame, View

__all__ = ["Places", "place"]

Point = tuple[float, float]
Size = tuple[float, float]
GAP = 26.0  # from box to box in a row, with a label between
SIDE = 18.0  # from tower to tower
FORK = 24.0  # along the row, where it splits or joins
TRUNK = 15.0  # before it splits, with the label
MARGIN = 9.0  # inside a frame
TITLE = 14.0  # of a frame
BYPASS = 16.0  # what a bypass needs beside what it goes around


@dataclass
class Places:
    """Middle of each box, corners of each frame (left, bottom, right, top), a path and a label's middle by arrow."""

    boxes: dict[Box, Point] = field(default_factory=dict)
    frames: dict[Frame, tuple[float, float, float, float]] = field(default_factory=dict)
    paths: dict[Arrow, list[Point]] = field(default_factory=dict)
    labels: dict[Arrow, Point] = field(default_factory=dict)


def place(
    view: View, sizes: dict[Box, Size], titles: dict[Frame, float], label: Callable[[Arrow], float], across: bool
) -> Places:
    """Return places for a drawing, y upwards, the row going down, or across to the right.

    sizes: width and height of each box; titles: how wide what stands over a frame is; label: how long the label of an
    arrow is along the row. Raises NotSeriesParallel.
    """
    return Placer(view, sizes, titles, label, across).places()


class Placer:
    """Measures the rows and forks of a drawing, then puts everything in its place; used once."""

    def __init__(
        self,
        view: View,
        sizes: dict[Box, Size],
        titles: dict[Frame, float],
        label: Callable[[Arrow], float],
        across: bool,
    ) -> None:
        self.view, self.titles, self.label, self.across = view, titles, label, across
        self.sizes = {box: (size[1], size[0]) if across else size for box, size in sizes.items()}  # across, along
        rows = Rows(view)
        self.between = rows.between
        self.row = rows.whole()
        self.found = Places()
        self.extents: dict[Frame, list[tuple[float, float, float, float]]] = {frame: [] for frame in view.frames}

    def places(self) -> Places:
        """Return all places."""
        self.measure(self.row, None)
        self.put_row(self.row, 0.0, 0.0)
        self.put_frames()
        return self.turned()

    # Measuring

    def measure(self, row: Row, around: Frame | None) -> None:
        """Set how far a row reaches to both sides of its middle line, and how long it is."""
        for item in row.items:
            if isinstance(item, Fork):
                self.measure_fork(item, common(boxes_in(Row([item]))))
                inner = depth(common(boxes_in(Row([item])))) - depth(around)
                before, after = item.before, item.after
            else:
                inner = depth(item.frame) - depth(around)
                before = after = self.sizes[item][0] / 2
            row.before = max(row.before, before + MARGIN * inner)
            row.after = max(row.after, after + MARGIN * inner)
        for item in row.items:
            own = common(boxes_in(Row([item])))
            for frame in chain(own)[: max(0, depth(own) - depth(around))]:
                wide = 0.0 if self.across else self.titles[frame] + MARGIN * (depth(frame) - depth(around))
                row.before = max(row.before, wide)
        if self.across:
            row.before += TITLE * max([depth(box.frame) - depth(around) for box in boxes_in(row)], default=0)
        row.length = self.walk(row, lambda item, at: None)

    def measure_fork(self, fork: Fork, around: Frame | None) -> None:
        """Set where the branches of a fork stand beside each other."""
        for branch in fork.branches:
            self.measure(branch, around)
        first, *others = fork.branches
        offsets = [0.0]
        edge = first.after
        for branch in others:
            offsets.append(edge + SIDE + branch.before)
            edge = offsets[-1] + branch.after
        middle = 0.0 if fork.meet.kind == "addition" else (edge - first.before) / 2
        fork.offsets = [offset - middle for offset in offsets]
        fork.before, fork.after = first.before + middle, edge - middle
        if fork.bypass:
            fork.column = fork.after + BYPASS
            fork.after = fork.column + 4

    def walk(self, row: Row, act: Callable[[Box | Fork, float], None]) -> float:
        """Visit the items of a row with where along it they start; return how long the row is."""
        at = 0.0
        before: Box | Fork | None = None
        for item in row.items:
            if before is not None:
                at += self.way(before, item)
            act(item, at)
            at += self.long(item)
            before = item
        return at

    def long(self, item: Box | Fork) -> float:
        """Return how long an item is along the row."""
        return max([b.length for b in item.branches]) if isinstance(item, Fork) else self.sizes[item][1]

    def way(self, before: Box | Fork, item: Box | Fork) -> float:
        """Return the way from an item to the next, with its label and the frames that end and begin between."""
        if isinstance(item, Fork):
            words = max([self.label(a) for a in self.view.arrows if a.source is item.start])
            return TRUNK + FORK + max(0.0, words - 10) + self.framing([item.start], boxes_in(Row([item])))
        if isinstance(before, Fork):
            words = max([self.label(a) for a in self.view.arrows if a.target is item])
            return FORK + max(TRUNK, words + 4) + self.framing([last_of(b) for b in before.branches], [item])
        words = self.label(self.between[before, item])
        return max(GAP, words + 16) + self.framing([before], [item])

    def framing(self, above: Iterable[Box], below: Iterable[Box]) -> float:
        """Return what the frames need that end after some boxes and begin before others."""
        before = [set(chain(box.frame)) for box in above]
        after = [set(chain(box.frame)) for box in below]
        ending = max([len(a - b) for a in before for b in after], default=0)
        starting = max([len(b - a) for a in before for b in after], default=0)
        return ending * (MARGIN + 3) + starting * (MARGIN + 3 + (0 if self.across else TITLE))

    # Putting in place: x across the row, y along it, downwards

    def put_row(self, row: Row, x: float, y: float) -> None:
        """Put the items of a row on its middle line."""

        def act(item: Box | Fork, at: float) -> None:
            if isinstance(item, Fork):
                self.put_fork(item, x, y + at)
            else:
                self.found.boxes[item] = (x, y + at + self.sizes[item][1] / 2)
                w, h = self.sizes[item]
                self.include(item.frame, (x - w / 2, y + at, x + w / 2, y + at + h))
                for frame in chain(item.frame) if not self.across else []:  # what comes from above passes the title
                    self.include(frame, (x - self.titles[frame], y + at, x, y + at))

        self.walk(row, act)
        for above, below in zip(row.items, row.items[1:]):
            if isinstance(above, Box) and isinstance(below, Box):
                self.connect(above, below, None)
        for i, item in enumerate(row.items):
            if isinstance(item, Fork):
                self.connect_fork(item, x, inner=not i)

    def put_fork(self, fork: Fork, x: float, y: float) -> None:
        """Put the branches side by side; they end together, as in the papers of the Inception networks."""
        longest = max([branch.length for branch in fork.branches], default=0.0)
        share = 0.5 if fork.meet.kind == "addition" else 1.0
        for branch, offset in zip(fork.branches, fork.offsets):
            self.put_row(branch, x + offset, y + (longest - branch.length) * share)
        frame = common([*boxes_in(Row([fork])), fork.meet])
        self.include(frame, (x - fork.before, y, x + fork.after, y + longest))

    def connect_fork(self, fork: Fork, x: float, inner: bool) -> None:
        """Draw the arrows into a fork, unless it is inside one that has the same start, and those out of it."""
        starts = [head for branch in fork.branches for head in heads(branch)]
        split = min([self.top(head) for head in starts])
        ends = [last_of(branch) for branch in fork.branches]
        join = max([self.found.boxes[end][1] + self.sizes[end][1] / 2 for end in ends])
        for head in starts if not inner else []:
            self.connect(fork.start, head, split)
        for end in ends:
            self.connect_end(end, fork.meet, join)
        if fork.bypass:
            self.connect_bypass(fork.start, fork.meet, x + fork.column, split, join)

    def top(self, box: Box) -> float:
        """Return where a box begins along the row."""
        return self.found.boxes[box][1] - self.sizes[box][1] / 2

    def connect(self, above: Box, below: Box, split: float | None) -> None:
        """Draw an arrow straight on, or out of a fork: a trunk, a bend, then straight."""
        arrow = self.between[above, below]
        (x0, y0), x1 = self.found.boxes[above], self.found.boxes[below][0]
        y0 += self.sizes[above][1] / 2
        y1 = self.top(below)
        self.found.labels[arrow] = (x0, self.free(arrow, y0, y1) if split is None else y0 + self.under(above, below))
        if abs(x0 - x1) < 0.5 or split is None:
            self.found.paths[arrow] = straight((x0, y0), (x1, y1))
            return
        trunk = split - FORK
        path = [*straight((x0, y0), (x0, trunk)), *bend((x0, trunk), (x1, min(split, y1)))[1:]]
        self.found.paths[arrow] = [*path, *straight(path[-1], (x1, y1))[1:]] if y1 > split + 0.5 else path

    def connect_end(self, end: Box, meet: Box, join: float) -> None:
        """Draw an arrow from the end of a branch to where all joins."""
        arrow = self.between[end, meet]
        x0, y0 = self.found.boxes[end]
        y0 += self.sizes[end][1] / 2
        x1, y1 = self.found.boxes[meet][0], self.top(meet)
        self.found.labels[arrow] = (x0, min(y0 + self.under(end, meet), (y0 + y1) / 2))
        if abs(x0 - x1) < 0.5:
            self.found.paths[arrow] = straight((x0, y0), (x1, y1))
            return
        reach = self.sizes[meet][0] / 2
        join += TRUNK - 3
        if meet.kind == "addition":  # into its side
            y1, x1 = self.found.boxes[meet][1], x1 + (reach if x0 > x1 else -reach)
            self.found.paths[arrow] = [*straight((x0, y0), (x0, join)), *corner((x0, join), (x1, y1))[1:]]
            return
        x1 += max(-0.55 * reach, min(0.55 * reach, (x0 - x1) * 0.1))
        self.found.paths[arrow] = [*straight((x0, y0), (x0, join)), *bend((x0, join), (x1, y1))[1:]]

    def connect_bypass(self, start: Box, meet: Box, column: float, split: float, join: float) -> None:
        """Draw the arrow that goes around a branch."""
        arrow = self.between[start, meet]
        x0, y0 = self.found.boxes[start]
        y0 += self.sizes[start][1] / 2
        x1, y1 = self.found.boxes[meet]
        x1 += self.sizes[meet][0] / 2
        trunk = split - FORK
        path = [*straight((x0, y0), (x0, trunk)), *bend((x0, trunk), (column, split))[1:]]
        path += [*straight((column, split), (column, join))[1:], *corner((column, join), (x1, y1))[1:]]
        self.found.paths[arrow] = path
        self.found.labels[arrow] = (x0, y0 + self.under(start, meet))

    def free(self, arrow: Arrow, y0: float, y1: float) -> float:
        """Return the middle of an arrow between the frames that end on its way and those that begin."""
        above, below = set(chain(arrow.source.frame)), set(chain(arrow.target.frame))
        y0 += MARGIN * len(above - below)
        y1 -= (MARGIN + (0 if self.across else TITLE)) * len(below - above)
        return (y0 + y1) / 2

    def under(self, above: Box, below: Box) -> float:
        """Return how far under a box the label of an arrow stands: below the frames that end there."""
        words = self.label(self.between[above, below]) / 2 - 4 if self.across else 0.0
        return TRUNK / 2 + 1 + words + (MARGIN + 3) * len(set(chain(above.frame)) - set(chain(below.frame)))

    # Frames

    def include(self, frame: Frame | None, corners: tuple[float, float, float, float]) -> None:
        """Note what a frame must go around."""
        if frame is not None:
            self.extents[frame].append(corners)

    def put_frames(self) -> None:
        """Put the frames around what is in them, the inner ones first."""
        for frame in sorted(self.view.frames, key=lambda frame: -depth(frame)):
            corners = self.extents[frame]
            if not corners:
                continue
            left, top, right, bottom = [f(c[i] for c in corners) for i, f in enumerate((min, min, max, max))]
            left, top = (left - MARGIN - TITLE, top - MARGIN) if self.across else (left - MARGIN, top - MARGIN - TITLE)
            right, bottom = right + MARGIN, bottom + MARGIN
            length = bottom - top if self.across else right - left
            lacking = max(0.0, self.titles[frame] + 12 - length)
            found = (left, top, right, bottom + lacking) if self.across else (left, top, right + lacking, bottom)
            self.found.frames[frame] = found
            self.include(frame.outer, found)

    def turned(self) -> Places:
        """Return the places with y upwards, or with the row across."""

        def turn(point: Point) -> Point:
            return (point[1], -point[0]) if self.across else (point[0], -point[1])

        f = self.found
        frames = {}
        for frame, (left, top, right, bottom) in f.frames.items():
            (x0, y0), (x1, y1) = turn((left, top)), turn((right, bottom))
            frames[frame] = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
        return Places(
            {box: turn(p) for box, p in f.boxes.items()},
            frames,
            {arrow: [turn(p) for p in path] for arrow, path in f.paths.items()},
            {arrow: turn(p) for arrow, p in f.labels.items()},
        )


def straight(a: Point, b: Point) -> list[Point]:
    """Return a line as a Bézier curve."""
    third = [(a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t) for t in (1 / 3, 2 / 3)]
    return [a, *third, b]


def bend(a: Point, b: Point) -> list[Point]:
    """Return a curve that leaves and arrives along the row."""
    middle = (a[1] + b[1]) / 2
    return [a, (a[0], middle), (b[0], middle), b]


def corner(a: Point, b: Point) -> list[Point]:
    """Return a curve that leaves along the row and arrives across it."""
    return [a, (a[0], a[1] + (b[1] - a[1]) * 0.7), (a[0] + (b[0] - a[0]) * 0.4, b[1]), b]


def chain(frame: Frame | None) -> list[Frame]:
    """Return a frame and those around it."""
    found = []
    while frame is not None:
        found.append(frame)
        frame = frame.outer
    return found


def depth(frame: Frame | None) -> int:
    """Return how many frames something is in."""
    return len(chain(frame))


def common(boxes: Iterable[Box]) -> Frame | None:
    """Return the innermost frame that all boxes are in."""
    chains = [chain(box.frame) for box in boxes]
    return next((frame for frame in chains[0] if all(frame in other for other in chains[1:])), None) if chains else None
