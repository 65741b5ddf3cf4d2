"""``tinygrad-edu architecture MODEL``: a network's picture, or the page in which each of its boxes opens."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tinygrad_edu.commands.checks import refuse_examples, refuse_places

__all__ = ["add_to"]


def add_to(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser(
        "architecture",
        help="draw a network as its paper does: .svg .png .dot, or .html in which each box opens",
        description="Draw a network by its modules, with the shapes of its activations and its parameters.",
    )
    parser.add_argument("model", metavar="MODEL", help="such as resnet50; tinygrad-edu summary --all lists the models")
    parser.add_argument("--direction", default="TB", choices=("TB", "LR"), help="down or across (%(default)s)")
    parser.add_argument("--theme", default="auto", choices=("auto", "light", "dark"), help="colours (%(default)s)")
    parser.add_argument("--max-boxes", type=int, default=60, metavar="N", help="boxes at most (%(default)s)")
    parser.add_argument("--out", type=Path, help="file: .html .svg .png .pdf .dot (MODEL.html)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the picture; say what it shows and where it is."""
    from viz.architectures import architecture

    refuse_examples(options.model)
    refuse_places(options.out)
    shown = architecture(options.model, direction=options.direction, theme=options.theme, max_boxes=options.max_boxes)
    path = shown.save(options.out or Path(f"{options.model}.html"))
    print(f"{shown.title}: {shown.parameters:,} learned parameters in {len(shown.view.boxes)} boxes\nwritten to {path}")
    return 0
