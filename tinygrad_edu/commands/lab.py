"""``tinygrad-edu lab NAME``: two ideas of the course side by side, trained or counted, with a plot and the numbers."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tinygrad_edu.commands.checks import refuse_places, refuse_seed

__all__ = ["add_to"]

NAMES = "standardize, reductions, residual, batchnorm, sigmoid-relu, dense-conv, dropout"


def add_to(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser(
        "lab",
        help=f"an experiment: {NAMES}",
        description="Ideas side by side, each under two minutes: prints the numbers, and draws them with matplotlib.",
    )
    parser.add_argument("name", metavar="NAME", help=NAMES)
    parser.add_argument("--seed", type=int, default=0, help="of weights, data and order (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="a few steps only, to see that it works")
    parser.add_argument("--out", type=Path, help="picture to write: .png .svg .pdf (lab-NAME.png)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the experiment; print, draw."""
    from tinygrad_edu import labs

    charts = find_spec("matplotlib") is not None
    if options.out is not None and not charts:
        raise ImportError('--out: the picture is drawn by matplotlib: pip install "tinygrad-edu[plot]"')
    refuse_places(options.out, ".png", ".svg", ".pdf")
    refuse_seed(options.seed)
    result = labs.run(options.name, options.seed, options.quick)
    print(result)
    if charts:
        import viz

        path = viz.lab(result).save(options.out or Path(f"lab-{options.name}.png"))
        print(f"written to {path}")
    return 0
