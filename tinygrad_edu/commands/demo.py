"""``tinygrad-edu demo``: the two-layer net of the course, drawn and checked."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.commands.checks import refuse_file

__all__ = ["TOLERANCE", "add_to", "gradient_table", "write"]

TOLERANCE = 1e-8  # between a gradient and its finite difference, absolute
_EPS = 1e-5


def add_to(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser("demo", help="draw the two-layer net of the course and check every gradient")
    parser.add_argument("--out", type=Path, default=Path("tinygrad-edu-demo"), help="folder to write to (%(default)s)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the pictures and the table of the two-layer net."""
    return write(options.out)


def write(folder: Path) -> int:
    """Write pictures, page and table into ``folder``; print where; return 1 if a gradient is wrong."""
    from viz.graph.drawing import draw
    from viz.output.save import save_file

    refuse_file(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tg.record_lines():
        loss, leaves = tg.models.example("two_layer_net")
    parameters = [leaf for leaf in leaves.values() if leaf.requires_grad]
    gradients = tg.grad(loss, parameters, create_graph=True)
    for parameter, gradient in zip(parameters, gradients):
        gradient.name = f"∂L/∂{parameter.name}"
    everything = ("value", "grad", "formula", "shape")
    pictures = {
        "forward.png": draw(loss, show=("value", "shape"), title="Forward: how L is computed"),
        "backward.png": draw(loss, show=everything, backward=True, title="Backward: how the gradient of L flows"),
        "backward-graph.png": draw(
            list(gradients),
            level="primitive",
            show=("value", "formula"),
            title="The backward pass as a graph of its own",
        ),
        "scalar.png": draw(loss, level="scalar", title="Every multiplication and addition"),
        "module.png": draw(loss, level="module", show=everything, backward=True, title="Layer by layer"),
        "graph.html": draw(loss, show=everything, backward=True, title="The two-layer net, forward and backward"),
    }
    for name, picture in pictures.items():
        print(f"wrote {picture.save(folder / name)}")
    tg.check_graph(loss)
    table, error = gradient_table("two_layer_net")
    path = folder / "gradients.txt"
    save_file(path, table + "\n")
    print(f"wrote {path}\n\n{table}")
    print(f"\nopen {folder / 'graph.html'} in a browser; next: tinygrad-edu step two_layer_net")
    return 0 if error < TOLERANCE else 1


def gradient_table(name: str) -> tuple[str, float]:
    """Return every leaf's gradient beside its central difference as text, and the largest error."""
    output, leaves = tg.models.example(name)
    checked = {word: leaf for word, leaf in leaves.items() if leaf.requires_grad}
    gradients = tg.grad(output, list(checked.values()))
    lines = [f"{'element':<10} {'gradient':>18} {'finite difference':>18} {'error':>10}"]
    worst = 0.0
    for (word, leaf), gradient in zip(checked.items(), gradients):
        for index in np.ndindex(leaf.shape):
            mine = float(np.asarray(gradient.data)[index])
            numeric = difference(name, word, index)
            error = abs(mine - numeric)
            worst = max(worst, error) if not math.isnan(error) else math.inf
            element = f"{word}[{','.join(map(str, index))}]" if index else word
            lines.append(f"{element:<10} {mine:>18.12f} {numeric:>18.12f} {error:>10.1e}")
    lines.append(f"largest error {worst:.1e} of {len(lines) - 1} gradients (central differences, eps {_EPS:g})")
    return "\n".join(lines), worst


def difference(name: str, word: str, index: tuple[int, ...]) -> float:
    """Return the central difference of an example's value with respect to one element of a leaf."""
    values = []
    for step in (_EPS, -_EPS):
        data = np.array(tg.models.example(name)[1][word].data)
        data[index] += step
        values.append(tg.models.example(name, **{word: data})[0].item())
    return float(values[0] - values[1]) / (2 * _EPS)
