"""``tinygrad-edu step NAME``: a page that walks through an example's backpropagation, one operation at a time."""

from __future__ import annotations

import argparse
import webbrowser
from pathlib import Path
from typing import Any

from tinygrad_edu.commands.checks import refuse_names, refuse_places

__all__ = ["add_to"]


def add_to(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser("step", help="write a page that steps through an example, forward and back")
    parser.add_argument("name", metavar="NAME", help="two_layer_net, circuit, neuron or lenet5")
    parser.add_argument("--level", choices=("module", "op", "primitive", "scalar"), help="zoom to begin with")
    parser.add_argument("--out", type=Path, help="page to write (NAME-steps.html)")
    parser.add_argument("--open", action="store_true", help="show it in the browser")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the page; say where it is."""
    import viz
    from tinygrad_edu.engine.modes import record_lines
    from tinygrad_edu.models import example

    refuse_names(options.name, "lenet5")
    refuse_places(options.out, ".html")
    with record_lines():
        loss = lenet5_loss() if options.name == "lenet5" else example(options.name)[0]
    level = options.level or ("module" if options.name == "lenet5" else "op")
    path = viz.step(loss, level).save(options.out or Path(f"{options.name}-steps.html"))
    print(f"written to {path}: open it in a browser, and press the right arrow")
    if options.open:
        webbrowser.open(path.resolve().as_uri())
    return 0


def lenet5_loss() -> Any:
    """Return the cross-entropy of a fresh LeNet-5 on the first of the shipped digits."""
    from tinygrad_edu.data import digits
    from tinygrad_edu.functional import cross_entropy
    from tinygrad_edu.models import lenet5

    images, labels = digits(size=28).train
    loss = cross_entropy(lenet5(rng=0)(images[:1]), labels[:1])
    loss.name = "loss"
    return loss
