"""``tinygrad-edu classify IMAGE --model resnet50 --weights FILE``: what a network sees in a picture."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

__all__ = ["add_to"]


def add_to(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser(
        "classify",
        help="name what is in a picture: LeNet-5 reads a digit, other networks need a file of weights",
        description="Print the most probable classes of a picture, or of one of the shipped digits.",
    )
    parser.add_argument("image", metavar="IMAGE", help="a file, or the number of one of the shipped test digits")
    parser.add_argument("--model", default="lenet5", help="such as resnet50 (%(default)s)")
    parser.add_argument("--weights", help="Keras's .h5, or .safetensors, .npz of torchvision's (lenet5 has its own)")
    parser.add_argument(
        "--layout", default="keras", choices=("keras", "torchvision"), help="of the weights (%(default)s)"
    )
    parser.add_argument("--top", type=int, default=5, help="classes to print (%(default)s)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Read the picture and the weights, print the classes."""
    import numpy as np

    from tinygrad_edu import functional as F
    from tinygrad_edu import models, no_grad
    from tinygrad_edu.models.catalogue import entry, known
    from tinygrad_edu.models.preprocessing import class_names
    from tinygrad_edu.models.suspects import strange_file

    name = known(options.model)
    large = entry(name).of_imagenet
    if options.top < 1:
        raise ValueError(f"--top must be at least 1, got {options.top}")
    if not large and name != "lenet5":
        raise ValueError(f"{entry(name).title} has no weights to classify with; take lenet5 or a large network")
    if large and options.weights is None:
        raise ValueError(f"{entry(name).title} needs trained weights: --weights FILE, Keras's .h5 or a .safetensors")
    if options.weights is not None and options.weights != "digits":
        strange_file(Path(options.weights))
    image = picture(options, name)
    extra = {"layout": options.layout} if large else {}
    model = getattr(models, name)(weights=options.weights or "digits", **extra).eval()
    with no_grad(), np.errstate(all="ignore"):  # NaN is spoken of below
        chances = F.softmax(model(image), -1).data[0]
    if not np.isfinite(chances).all():
        raise ValueError(f"{entry(name).title} gives NaN for this picture: the weights in {options.weights} are broken")
    names = class_names(len(chances))
    best = chances.argsort()[::-1][: options.top]
    width = max(len(names[i]) for i in best)
    for i in best:
        print(f"{100 * chances[i]:6.2f} %  {names[i]:<{width}}  class {i}")
    return 0


def picture(options: argparse.Namespace, name: str) -> Any:
    """Return the image, a shipped digit if its number was given; one that is dark on light is turned for LeNet-5."""
    from tinygrad_edu.data import digits
    from tinygrad_edu.models import preprocess

    if name == "lenet5" and options.image.isdigit() and not Path(options.image).exists():
        images, labels = digits(size=28).test
        number = int(options.image)
        if number >= len(images):
            raise ValueError(f"there are {len(images)} test digits, 0 to {len(images) - 1}, so none of number {number}")
        print(f"test digit {number}, a {labels[number]}:")
        return images[number][None]
    image = preprocess(name, options.image, layout=options.layout)
    if name == "lenet5" and image.mean() > 0.5:
        print("dark on light, so turned into light on dark, as LeNet-5 learned it:")
        return 1 - image
    return image
