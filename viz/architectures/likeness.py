"""Which parts are alike: equal in every size, or in structure alone."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from viz.architectures.structure import Part

__all__ = ["Likeness"]


class Likeness:
    """Numbers parts so that equal ones have the same number: ``exact`` with all sizes, ``loose`` without."""

    def __init__(self) -> None:
        self.numbers: dict[Hashable, int] = {}
        self.known: dict[tuple[Part, bool], int] = {}

    def exact(self, part: Part) -> int:
        """Return a number that parts share which differ in their weights' values alone."""
        return self.of(part, True)

    def loose(self, part: Part) -> int:
        """Return a number that parts share which differ in sizes alone."""
        return self.of(part, False)

    def of(self, part: Part, sizes: bool) -> int:
        """Return the number of a part."""
        if (part, sizes) not in self.known:
            key = self.key(part, sizes)
            self.known[part, sizes] = self.numbers.setdefault(key, len(self.numbers))
        return self.known[part, sizes]

    def key(self, part: Part, sizes: bool) -> Hashable:
        """Return what equal parts have in common: their layers, in order, and how those are joined."""
        leaves = list(part.leaves())
        place = {leaf: i for i, leaf in enumerate(leaves)}
        outside: dict[Any, int] = {}
        found: list[Hashable] = [part.kind, type(part.owner).__name__, part.head is not None, len(part.parts)]
        found += [self.of(child, sizes) for child in part.parts]
        for leaf in leaves:
            entering = []
            for source, x in leaf.sources:
                at = place.get(source)
                number = -1 - outside.setdefault(x, len(outside)) if at is None else at
                entering.append((number, tuple(x.shape) if sizes else ()))
            said = (leaf.kind, leaf.text, leaf.shape(), leaf.count()) if sizes else (leaf.kind,)
            found.append((said, tuple(entering)))
        return (sizes, *found)
