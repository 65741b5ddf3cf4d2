"""``tinygrad-edu conv``: the picture of a convolution: a step, a strip of steps, a GIF of all, a page with sliders."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tinygrad_edu.commands.checks import refuse_places

__all__ = ["add_to"]


def add_to(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser(
        "conv",
        help="draw a convolution step by step: .svg .png .pdf .gif, or .html with sliders",
        description="Draw which pixels each number of a convolution's output is made of, and how large the output is.",
    )
    size = "an integer, or height and width as 5x7"
    parser.add_argument("--input", type=pair, default=5, metavar="N", help=f"size of the input (5): {size}")
    parser.add_argument("--kernel", type=pair, default=3, metavar="N", help="size of the kernel (3)")
    parser.add_argument("--stride", type=pair, default=1, metavar="N", help="places from window to window (1)")
    parser.add_argument("--padding", type=padding, default=0, metavar="N", help="zeros around, or same, or valid (0)")
    parser.add_argument("--dilation", type=pair, default=1, metavar="N", help="places from entry to entry (1)")
    parser.add_argument("--transposed", action="store_true", help="the transposed convolution")
    parser.add_argument("--output-padding", type=pair, default=0, metavar="N", help="of a transposed one (0)")
    parser.add_argument("--in-channels", type=int, default=None, metavar="N", help="planes of the input (1)")
    parser.add_argument("--out-channels", type=int, default=None, metavar="N", help="planes of the output (1)")
    parser.add_argument("--groups", type=int, default=1, metavar="N", help="groups of channels (%(default)s)")
    parser.add_argument("--sequence", action="store_true", help="one axis: --input is a length")
    parser.add_argument("--backward", action="store_true", help="also what the output's gradient hands back")
    parser.add_argument("--step", type=int, metavar="N", help="which number of the output is highlighted")
    parser.add_argument("--strip", type=int, metavar="N", help="a row of so many steps (.svg .png .pdf)")
    parser.add_argument("--theme", default="auto", choices=("auto", "light", "dark"), help="colours (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("conv.svg"), help=".svg .png .pdf .gif .html (%(default)s)")
    parser.set_defaults(run=run)


def pair(text: str) -> Any:
    """Return 5 as an integer, 5x7 as a pair."""
    try:
        parts = [int(part) for part in text.replace("×", "x").split("x")]
    except ValueError:
        parts = []
    if len(parts) not in (1, 2):
        raise argparse.ArgumentTypeError(f"{text!r} is neither an integer nor two as 5x7")
    return parts[0] if len(parts) == 1 else tuple(parts)


def padding(text: str) -> Any:
    """Return a size, or same or valid."""
    try:
        return text if text in ("same", "valid") else pair(text)
    except argparse.ArgumentTypeError as problem:
        raise argparse.ArgumentTypeError(f"{problem}, nor same, nor valid") from None


def run(options: argparse.Namespace) -> int:
    """Write the picture; say what it shows and where it is."""
    from viz.convolution import conv_arithmetic

    if options.sequence and isinstance(options.input, tuple):
        raise ValueError(f"--sequence has one axis, so --input is one integer, not {'x'.join(map(str, options.input))}")
    refuse_places(options.out)
    size = (options.input,) if options.sequence else options.input
    shown = conv_arithmetic(
        size, options.kernel, options.stride, options.padding, options.dilation, options.transposed,
        options.output_padding, options.groups, in_channels=options.in_channels, out_channels=options.out_channels,
        backward=options.backward, step=options.step, theme=options.theme,
    )  # fmt: skip
    path = (shown if options.strip is None else shown.strip(options.strip)).save(options.out)
    losses = [shown.geometry.losses] if shown.geometry.losses else []
    print("\n".join([shown.title, *shown.geometry.sizes, *losses, f"written to {path}"]))
    return 0
