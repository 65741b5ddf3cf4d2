"""How long pictures take: the bundled graphviz-pure beside a system ``dot``, if there is one.

``python -m benchmarks.layout`` prints seconds of wall time through ``viz.output.render``, the faster of two runs, for
graphs whose nodes carry tables as ours do.
"""

from __future__ import annotations

import random
import time

from viz.output.render import RenderTimeout, render, renderers

__all__ = ["main"]

_LABEL = (
    '<<TABLE BORDER="0"><TR><TD><B>v{i}</B></TD></TR><TR><TD>0.{i}, 1.{i}</TD></TR>'
    '<TR><TD><FONT COLOR="#b3261e">0.0{i}</FONT></TD></TR></TABLE>>'
)


def edges(kind: str, n: int) -> list[tuple[int, int]]:
    """Return the edges of a graph of n nodes: a chain, a net with short skips, a chain with random long skips."""
    chain = [(i, i + 1) for i in range(n - 1)]
    if kind == "net":
        return chain + [(i, i + 4) for i in range(0, n - 4, 5)]
    if kind == "long skips":
        rng = random.Random(0)
        return chain + [(i, rng.randrange(i + 1, n)) for i in range(0, n - 1, 10)]
    return chain


def dot(kind: str, n: int) -> str:
    """Return a graph as DOT."""
    nodes = [f"n{i} [shape=box, label={_LABEL.format(i=i)}]" for i in range(n)]
    return "\n".join(["digraph {", "rankdir=LR", *nodes, *[f"n{a} -> n{b}" for a, b in edges(kind, n)], "}"])


def seconds(source: str, kind: str, renderer: str) -> str:
    """Return the time of one rendering as text."""
    times = []
    for _ in range(2):
        start = time.perf_counter()
        try:
            render(source, kind, renderer=renderer, timeout=60)
        except RenderTimeout:
            return "> 60"
        times.append(time.perf_counter() - start)
    return f"{min(times):.2f}"


def main() -> None:
    """Print the table."""
    here = [name for name in ("graphviz-pure", "system") if name in renderers()]
    print("| graph, nodes | " + " | ".join(f"{name} {kind.upper()}" for name in here for kind in ("svg", "png")) + " |")
    print("| --- |" + " ---: |" * (2 * len(here)))
    for kind in ("chain", "net", "long skips"):
        for n in (100, 1000, 3000):
            if kind == "long skips" and n > 1000:
                continue
            source = dot(kind, n)
            cells = [seconds(source, form, name) for name in here for form in ("svg", "png")]
            print(f"| {kind}, {n:,} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
