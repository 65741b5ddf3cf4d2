"""The command ``tinygrad-edu``: draws, checks and trains. Only this and ``commands`` use ``viz``."""

from __future__ import annotations

import argparse
import io
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import tinygrad_edu
from tinygrad_edu.commands import architecture, classify, conv, demo, features, lab, layers, train, walk
from tinygrad_edu.commands.checks import refuse_names, refuse_places

__all__ = ["main"]

_FUNCTION = re.compile(r"^[a-z_]+: ")  # how a message names the function, which nobody called at a terminal


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code: 0, 1 for a wrong gradient, 2 for a wrong call."""
    for stream in (sys.stdout, sys.stderr):  # a terminal that knows no ∂ gets a ? for it
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    options = parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except KeyboardInterrupt:
        print(f"tinygrad-edu {options.command}: stopped", file=sys.stderr)
        return 130
    except (ValueError, TypeError, LookupError, ImportError, OSError, RuntimeError, ArithmeticError) as problem:
        said = _FUNCTION.sub("", str(problem))
        print(f"tinygrad-edu {options.command}: {said}", file=sys.stderr)
        return 1 if isinstance(problem, tinygrad_edu.GradcheckError) else 2
    return code


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(
        prog="tinygrad-edu", description="Backpropagation with every number: draw, check and train small networks."
    )
    top.add_argument("--version", action="version", version=f"tinygrad-edu {tinygrad_edu.__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo.add_to(commands)

    draw = commands.add_parser("draw", help="draw an example into a file")
    draw.add_argument("name", metavar="NAME", help="two_layer_net, circuit or neuron")
    draw.add_argument(
        "--level", default="op", choices=("module", "op", "primitive", "scalar"), help="zoom (%(default)s)"
    )
    draw.add_argument("--out", type=Path, help="file: .png .svg .html .dot .pdf (NAME.png)")
    draw.add_argument("--backward", action="store_true", help="overlay the gradient's way")
    draw.add_argument("--show", default="value,grad", help="of value,grad,formula,shape,image,source (%(default)s)")
    draw.add_argument("--direction", default="LR", choices=("LR", "RL", "TB", "BT"), help="of the flow (%(default)s)")
    draw.add_argument("--theme", default="auto", choices=("auto", "light", "dark"), help="colours (%(default)s)")
    draw.set_defaults(run=run_draw)

    check = commands.add_parser("check", help="compare an example's gradients with finite differences")
    check.add_argument(
        "name",
        metavar="NAME",
        nargs="?",
        default="two_layer_net",
        help="two_layer_net, circuit or neuron (%(default)s)",
    )
    check.add_argument("--out", type=Path, help="file for the table")
    check.set_defaults(run=run_check)

    train.add_to(commands)
    layers.add_to(commands)
    walk.add_to(commands)
    classify.add_to(commands)
    architecture.add_to(commands)
    conv.add_to(commands)
    features.add_to(commands)
    lab.add_to(commands)
    return top


def run_draw(options: argparse.Namespace) -> int:
    """Draw one example."""
    import viz
    from tinygrad_edu import record_lines
    from tinygrad_edu.models import example

    refuse_names(options.name)
    refuse_places(options.out)
    with record_lines():
        output, _ = example(options.name)
    picture = viz.draw(
        output, options.level, tuple(options.show.split(",")), backward=options.backward, direction=options.direction,
        theme=options.theme,
    )  # fmt: skip
    path = picture.save(options.out or Path(f"{options.name}.png"))
    print(f"{picture.description}\nwritten to {path}")
    return 0


def run_check(options: argparse.Namespace) -> int:
    """Print the table of gradients beside their finite differences."""
    from tinygrad_edu.engine.checking import check_graph
    from tinygrad_edu.models import example

    refuse_names(options.name)
    refuse_places(options.out)
    check_graph(example(options.name)[0])
    table, error = demo.gradient_table(options.name)
    print(table)
    if options.out:
        from viz.output.save import save_file

        save_file(options.out, table + "\n")
    return 0 if error < demo.TOLERANCE else 1
