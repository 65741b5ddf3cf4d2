"""``tinygrad-edu features``: look into the LeNet-5 that comes trained on the digits, and leave the pictures."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tinygrad_edu.commands.checks import refuse_file, refuse_seed

__all__ = ["add_to"]


def add_to(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser(
        "features",
        help="what the trained LeNet-5 looks for: x ← x + α ∂a/∂x, filters, maps, saliency, receptive field",
        description="Look into the LeNet-5 that comes trained on the shipped digits, or into weights of your own.",
    )
    parser.add_argument("--layer", default="output", help="whose units are maximized (%(default)s)")
    parser.add_argument("--unit", type=int, help="one unit, with its storyboard; without it, the first ten")
    parser.add_argument("--steps", type=int, default=200, help="of x ← x + α ∂a/∂x (%(default)s)")
    parser.add_argument("--image", type=int, default=0, help="which of the test digits is looked at (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the noise to start from (%(default)s)")
    parser.add_argument(
        "--weights", type=Path, metavar="FILE", help="of LeNet-5, as `tinygrad-edu train lenet5` writes"
    )
    parser.add_argument("--out", type=Path, default=Path("tinygrad-edu-features"), help="folder (%(default)s)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Make the pictures; say where they are."""
    from tinygrad_edu.data import digits
    from tinygrad_edu.models import lenet5
    from viz import features
    from viz.features.probe import Probe

    images, labels = digits(size=28).test
    if not 0 <= options.image < len(images):
        raise ValueError(f"--image must be from 0 to {len(images) - 1}, got {options.image}")
    refuse_file(options.out)
    refuse_seed(options.seed)
    model = lenet5(weights=options.weights or "digits")
    layer, how = options.layer, {"steps": options.steps, "seed": options.seed}
    if options.unit is None:
        count = Probe(model, "features").count(layer)
        found: Any = features.gallery(model, layer, range(min(10, count)), **how)
    else:
        found = features.maximize(model, layer, options.unit, **how)
        print(found)
    image = images[options.image]
    pictures = {
        "maximize": found, "filters": features.filters(model), "maps": features.feature_maps(model, image),
        "saliency": features.saliency(model, image), "grad_cam": features.grad_cam(model, image),
        "occlusion": features.occlusion(model, image),
        "receptive_field": features.receptive_field(model, "c3", x=image),
    }  # fmt: skip
    options.out.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        picture.save(options.out / f"{name}.png")
    print(
        f"the digit is a {labels[options.image]}; written to {options.out}: {', '.join(f'{n}.png' for n in pictures)}"
    )
    return 0
