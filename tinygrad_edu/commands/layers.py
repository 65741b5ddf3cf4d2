"""``tinygrad-edu summary MODEL``: a model's line in the course's table, and the table of its layers."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from textwrap import fill

from tinygrad_edu.commands.checks import refuse_examples, refuse_places

__all__ = ["add_to"]

MANY = 60  # lines of layers beyond which blocks are shown
GIB = 2**30
PAGE = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Layers</title><meta name="color-scheme" '
    'content="light dark"><meta name="viewport" content="width=device-width, initial-scale=1"></head>'
    '<body style="font:14px system-ui,sans-serif;overflow-x:auto">{}</body></html>'
)


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser(
        "summary", help="print the layers of a model: sizes, parameters, multiply-adds, memory, depth"
    )
    parser.add_argument("model", metavar="MODEL", nargs="?", help="such as vgg16; --all lists the models")
    parser.add_argument("--all", action="store_true", help="print the table of all models instead")
    parser.add_argument("--layers", action="store_true", help="print every layer, also of a model that has many")
    parser.add_argument("--layout", choices=("keras", "torchvision"), help="whose conventions (keras)")
    parser.add_argument("--image-size", type=int, help="height and width in pixels (those of the paper)")
    parser.add_argument("--batch", type=int, default=1, help="examples at once, for the memory (%(default)s)")
    parser.add_argument("--channels-last", action="store_true", help="write shapes as (height, width, channels)")
    parser.add_argument("--out", type=Path, help="file for the table: .txt or .html")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the table; write it where it is wanted."""
    if options.all == bool(options.model):
        raise ValueError("give the name of a model, or --all for the table of all models, and not both")
    refuse_places(options.out, ".txt", ".html")
    text, html = everything() if options.all else one(options)
    print(text)
    if options.out:
        from viz.output.save import save_file

        save_file(options.out, PAGE.format(html) if options.out.suffix == ".html" else f"{text}\n")
        print(f"written to {options.out}")
    return 0


def everything() -> tuple[str, str]:
    """Return the table of all models as text and as HTML."""
    from tinygrad_edu.inspection.course_table import REMARKS, networks

    def say(name: str) -> None:
        print(f"\rcounting {name}\033[K", end="", file=sys.stderr, flush=True)

    table = networks(say=say if sys.stderr.isatty() else None)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    return f"{table}\n\n{fill(REMARKS, 110)}", table._repr_html_()


def one(options: argparse.Namespace) -> tuple[str, str]:
    """Return what there is to say of one model, as text and as HTML."""
    from tinygrad_edu.inspection import summary
    from tinygrad_edu.inspection.course_table import Networks, network
    from tinygrad_edu.inspection.table import bytes_text
    from tinygrad_edu.models.catalogue import blank, entry

    refuse_examples(options.model)
    found = entry(options.model)
    shape = found.input_shape
    if options.image_size is not None:
        if len(shape) != 3:
            raise ValueError(f"{options.model} takes no images, so it has no --image-size")
        shape = (shape[0], options.image_size, options.image_size)
    if options.layout and not found.of_imagenet:
        raise ValueError(f"{options.model} has one layout, so it takes no --layout")
    model = blank(options.model, **({"layout": options.layout} if options.layout else {}))
    table = summary(model, shape, batch=options.batch, channels_last=options.channels_last)
    line = Networks([network(options.model, found, table)])
    folded = len(table.rows) > MANY and not options.layers
    said = [str(line), "", table.blocks() if folded else str(table)]
    if folded:
        said.append(f"{len(table.rows) - 1} layers, those in blocks counted in their sums; --layers prints each")
    needs = table.parameter_bytes + table.activation_bytes
    if needs > GIB:
        said.append(f"these weights and activations in memory take {bytes_text(needs)}; training takes more")
    return "\n".join(said), f"{line._repr_html_()}{table._repr_html_()}"
