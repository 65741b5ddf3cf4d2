"""The networks of the course by name: what images they take, and how right their authors' weights were.

Accuracies are facts about trained weights, measured by others on the 50,000 validation images of ILSVRC 2012, one
crop of each. "Keras" is the table of https://keras.io/api/applications (ResNeXt-50: that page in 2019, version 2.3),
"torchvision" the table of https://docs.pytorch.org/vision/stable/models.html, weights ``IMAGENET1K_V1``. Keras's page
has counted its depths in another way since: only layers with weights.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from tinygrad_edu.nn import Module
from tinygrad_edu.nn.starting import blank_weights

__all__ = ["CATALOGUE", "Published", "blank", "entry"]


class Published(NamedTuple):
    """A network: its builder, the shape of an image (channels, height, width), and its published accuracies in %."""

    title: str
    input_shape: tuple[int, ...]
    top1: float | None = None
    top5: float | None = None
    source: str = ""

    @property
    def of_imagenet(self) -> bool:
        """Whether it is one of the large networks, which have layouts and a thousand classes."""
        return self.top5 is not None


IMAGENET = (3, 224, 224)
LARGE = (3, 299, 299)
KERAS = "Keras"
TORCHVISION = "torchvision"
CATALOGUE: dict[str, Published] = {
    "two_layer_net": Published("Two-layer net", (2,)),
    "course_cnn": Published("The course's small CNN", (3, 32, 32)),
    "lenet5": Published("LeNet-5", (1, 28, 28)),
    "alexnet": Published("AlexNet", (3, 227, 227), 59.3, 81.8, "the paper, table 2, one network"),
    "vgg11": Published("VGG-11", IMAGENET, 69.0, 88.6, TORCHVISION),
    "vgg13": Published("VGG-13", IMAGENET, 69.9, 89.2, TORCHVISION),
    "vgg16": Published("VGG-16", IMAGENET, 71.3, 90.1, KERAS),
    "vgg19": Published("VGG-19", IMAGENET, 71.3, 90.0, KERAS),
    "inception_v1": Published("Inception v1", IMAGENET, None, 89.9, "the paper, table 3, one network"),
    "inception_v3": Published("Inception v3", LARGE, 77.9, 93.7, KERAS),
    "resnet18": Published("ResNet-18", IMAGENET, 69.8, 89.1, TORCHVISION),
    "resnet34": Published("ResNet-34", IMAGENET, 73.3, 91.4, TORCHVISION),
    "resnet50": Published("ResNet-50", IMAGENET, 74.9, 92.1, KERAS),
    "resnet101": Published("ResNet-101", IMAGENET, 76.4, 92.8, KERAS),
    "resnet152": Published("ResNet-152", IMAGENET, 76.6, 93.1, KERAS),
    "resnext50": Published("ResNeXt-50", IMAGENET, 77.7, 93.8, KERAS),
    "xception": Published("Xception", LARGE, 79.0, 94.5, KERAS),
    "inception_resnet_v2": Published("Inception-ResNet-v2", LARGE, 80.3, 95.3, KERAS),
}


def entry(name: str) -> Published:
    """Return what the catalogue says of a network, also by its usual name, ``ResNet-50``.

    Raises ValueError with the nearest names for one that is not there.
    """
    return CATALOGUE[known(name)]


def known(name: str) -> str:
    """Return a network's name as the catalogue has it."""
    from difflib import get_close_matches

    bare = {bare_name(key): key for key in CATALOGUE}
    if bare_name(name) in bare:
        return bare[bare_name(name)]
    near = [bare[key] for key in get_close_matches(bare_name(name), bare, 3, 0.5)]
    said = f"; did you mean {' or '.join(near)}?" if near else ""
    raise ValueError(f"no model {name!r}{said}; there are {', '.join(CATALOGUE)}")


def bare_name(name: str) -> str:
    """Return a name's letters and digits."""
    return "".join([sign for sign in name.lower() if sign.isalnum()])


def blank(name: str, **options: Any) -> Module:
    """Build a network by name with weights of 0, which take no memory until they are written: to count and measure."""
    from tinygrad_edu import models

    make = getattr(models, known(name))
    with blank_weights():
        model: Module = make(**options)
    return model
