"""``viz.bugs.hunt``: a bug somewhere in a graph; the student says in which op."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from tinygrad_edu import Tensor
from viz.bugs.catalogue import BUGS
from viz.bugs.injecting import Place, found, injected, meant, places_of
from viz.bugs.spots import spots_of

__all__ = ["Hunt", "hunt"]


class Hunt:
    """A graph with a bug in it, drawn at random: ``.loss`` is to be drawn, stepped through and checked.

    ``.answer("matmul #2")`` says whether the bug is there; ``.answer()`` gives up and tells.
    """

    def __init__(self, loss: Tensor, bug: str, place: Place) -> None:
        self.loss = injected(loss, place, "")
        self._bug = bug
        self._place = place
        self._tries = 0

    def answer(self, at: str | int | None = None, bug: str | None = None) -> str:
        """Say whether the bug is at an op (``"matmul"``, ``"matmul #2"``, 2, or a Tensor's name), and is ``bug``.

        Without ``at`` the answer is told. Raises ValueError for a bug that there is not.
        """
        named = None if bug is None else found(bug).name
        here = " and ".join(dict.fromkeys(spot.call for spot, _ in self._place))
        told = f"{self._bug} in {here}. {BUGS[self._bug].text}"
        if at is None:
            return f"The bug is {told}"
        self._tries += 1
        tries = "at the first try" if self._tries == 1 else f"in {self._tries} tries"
        if not any(meant(spot, at) for spot, _ in self._place):
            return f"No, the rules at {at} are right. Compare a gradient with its finite difference, newest op first."
        if named is not None and named != self._bug:
            return f"The op is right, but {named} is not what is wrong with it. What does its formula say?"
        return f"Found {tries}: {told}"

    def __repr__(self) -> str:
        return "<bug hunt: draw .loss, step through it, say .answer('matmul #2')>"


def hunt(loss: Any, bugs: Sequence[str] | None = None, *, seed: int = 0) -> Hunt:
    """Hide a bug in a copy of the graph of ``loss``, one of ``bugs`` (all if left out) that fits, by ``seed``.

    Each bug that fits is as likely as any other. Raises ValueError for a name that is none, and where none fits.
    """
    spots = spots_of(loss)
    wanted = [found(name) for name in (BUGS if bugs is None else bugs)]
    able = {bug.name: places for bug in wanted if (places := places_of(bug, spots))}
    if not able:
        raise ValueError(f"hunt: none of {', '.join(bug.name for bug in wanted)} fits this graph")
    chosen = random.Random(seed)
    name = chosen.choice(list(able))
    return Hunt(loss, name, chosen.choice(able[name]))
