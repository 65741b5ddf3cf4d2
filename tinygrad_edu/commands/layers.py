"""``tinygrad-edu summary MODEL``: the table of a model's layers."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["add_to"]

SHAPES: dict[str, tuple[int, ...]] = {"lenet5": (1, 28, 28), "course_cnn": (3, 32, 32), "two_layer_net": (2,)}


def add_to(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser(
        "summary", help="print the layers of a model: sizes, parameters, multiply-adds, memory"
    )
    parser.add_argument("model", metavar="MODEL", help=", ".join(SHAPES))
    parser.add_argument("--batch", type=int, default=1, help="examples at once, for the memory (%(default)s)")
    parser.add_argument("--channels-last", action="store_true", help="write shapes as (height, width, channels)")
    parser.add_argument("--out", type=Path, help="file for the table: .txt or .html")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the table; write it where it is wanted."""
    from tinygrad_edu import models
    from tinygrad_edu.inspection import summary

    name = options.model.replace("-", "_")
    if name not in SHAPES:
        raise ValueError(f"no model {options.model!r}; there are {', '.join(SHAPES)}")
    if options.out and options.out.suffix not in (".txt", ".html"):
        raise ValueError(f"the suffix {options.out.suffix!r} of {options.out.name} is none of .txt, .html")
    make: Callable[..., Any] = getattr(models, name)
    table = summary(make(rng=0), SHAPES[name], batch=options.batch, channels_last=options.channels_last)
    print(table)
    if options.out:
        from viz.save import save_file

        save_file(options.out, table._repr_html_() if options.out.suffix == ".html" else f"{table}\n")
        print(f"written to {options.out}")
    return 0
