"""From a picture to what a network was trained on: its size, the order of its channels, the scale of its numbers.

The published weights come with three ways. ``caffe``: channels blue, green, red, from 0 to 255, less the mean of
ImageNet's training images (103.939, 116.779, 123.68). ``tf``: from -1 to 1. ``torch``: from 0 to 1, less the mean
(0.485, 0.456, 0.406), divided by the deviation (0.229, 0.224, 0.225), red, green, blue. Which one is whose:
``keras.applications``' ``preprocess_input``, and torchvision's weights.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu.models.catalogue import entry, known
from tinygrad_edu.models.layers import checked_layout

__all__ = ["class_names", "preprocess"]

MEAN = np.array([123.68, 116.779, 103.939])  # of ImageNet, red, green, blue, of 255
SHARE, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])  # of 1
CROP = 0.875  # the share of the shorter side that the square in the middle is, as in 224 of 256
CAFFE, TF, TORCH = "caffe", "tf", "torch"
KERAS_MODES = {"inception_v3": TF, "xception": TF, "inception_resnet_v2": TF, "resnext50": TORCH}  # others: caffe
TORCHVISION_MODES = {"inception_v1": TF, "inception_v3": TF}  # trained with transform_input=True; others: torch


def preprocess(model: str, image: Any, *, layout: str = "keras", dtype: Any = np.float32) -> Any:
    """Return a picture as the network ``model`` takes it: an array (1, channels, height, width).

    model: its name, such as ``"resnet50"``. image: a path, which Pillow reads, or an array (height, width, 3), or
    (height, width) in grey, of bytes or of floats from 0 to 255. It is enlarged or reduced (bilinear) so that the square in its
    middle, 7/8 of its shorter side, has the network's size; one that has that size stays as it is.
    layout: whose weights they are, Keras's or torchvision's. LeNet-5 takes grey from 0 to 1, white on black.
    Raises ValueError for an unknown model, and for what is no image; FileNotFoundError; ImportError without Pillow.
    """
    name = known(model)
    found = entry(name)
    if len(found.input_shape) != 3:
        raise ValueError(f"preprocess: {found.title} takes no images")
    channels, side, _ = found.input_shape
    pixels = pixels_of(image)
    if pixels.shape[:2] != (side, side):
        pixels = middle(pixels, side)
    if channels == 1:
        grey = pixels @ np.array([0.299, 0.587, 0.114])
        return (grey / 255)[None, None].astype(dtype)
    if not found.of_imagenet:
        return (pixels / 255).transpose(2, 0, 1)[None].astype(dtype)
    modes = KERAS_MODES if checked_layout(layout, "preprocess") == "keras" else TORCHVISION_MODES
    mode = modes.get(name, CAFFE if layout == "keras" else TORCH)
    return np.ascontiguousarray(scaled(pixels, mode).transpose(2, 0, 1))[None].astype(dtype)


def scaled(pixels: Any, mode: str) -> Any:
    """Return pixels (height, width, 3) of 0 to 255 in the scale and the order of a mode."""
    if mode == TF:
        return pixels / 127.5 - 1
    if mode == TORCH:
        return (pixels / 255 - SHARE) / DEVIATION
    return (pixels - MEAN)[..., ::-1]


def pixels_of(image: Any) -> Any:
    """Return a picture as floats (height, width, 3) from 0 to 255."""
    if isinstance(image, (str, os.PathLike)):
        return read(Path(image))
    array = np.asarray(image)
    if array.ndim == 2:
        array = np.repeat(array[..., None], 3, axis=2)
    if array.ndim == 3 and array.shape[2] == 1:
        array = np.repeat(array, 3, axis=2)
    if array.ndim == 3 and array.shape[2] == 4:
        array = array[..., :3]
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype.kind not in "fiu" or not array.size:
        hint = (
            "; its channels are first: image.transpose(1, 2, 0)" if array.ndim == 3 and array.shape[0] in (1, 3) else ""
        )
        raise ValueError(
            f"preprocess: wanted an image (height, width, 3) of 0 to 255, got {array.dtype} of {array.shape}{hint}"
        )
    if not np.isfinite(array).all():
        raise ValueError("preprocess: the image holds NaN or infinite numbers")
    return array.astype(np.float64)


def read(path: Path) -> Any:
    """Return the pixels of a file."""
    if not path.is_file():
        raise FileNotFoundError(f"the image {path} does not exist")
    pillow = imaging()
    try:
        with pillow.open(path) as file:
            return np.asarray(file.convert("RGB"), np.float64)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path.name} is no image that can be read: {error}") from error


def middle(pixels: Any, side: int) -> Any:
    """Return the square in the middle of a picture, 7/8 of its shorter side, in a size."""
    pillow = imaging()
    height, width = pixels.shape[:2]
    scale = round(side / CROP) / min(height, width)
    size = max(side, round(width * scale)), max(side, round(height * scale))
    planes = [
        np.asarray(pillow.fromarray(pixels[..., i].astype(np.float32)).resize(size, pillow.Resampling.BILINEAR))
        for i in range(3)
    ]
    resized = np.stack(planes, axis=-1).astype(np.float64)
    top, left = (size[1] - side) // 2, (size[0] - side) // 2
    return resized[top : top + side, left : left + side]


def imaging() -> Any:
    """Return Pillow's module for images."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            'images are read and resized by Pillow, which is not installed; pip install "tinygrad-edu[plot]"'
        ) from error
    return Image


@cache
def class_names(count: int = 1000) -> tuple[str, ...]:
    """Return what the outputs of a network stand for: ImageNet's classes for 1,000, the digits for 10.

    The order is that of the WordNet ids of ILSVRC 2012, as in Keras and torchvision; the words are torchvision's.
    """
    if count == 1000:
        text = Path(__file__).with_name("imagenet_classes.txt").read_text(encoding="utf-8")
        return tuple(text.splitlines())
    return tuple(map(str, range(count)))
