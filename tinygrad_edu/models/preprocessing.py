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
TORCHVISION_SIDES = {"alexnet": 224}  # where it is not that of the paper


def preprocess(model: str, image: Any, *, layout: str = "keras", dtype: Any = np.float32) -> Any:
    """Return a picture as the network ``model`` takes it: an array (1, channels, height, width).

    model: its name, such as ``"resnet50"``. image: a path, which Pillow reads, or an array (height, width, 3), or
    (height, width) in grey, of bytes or of floats from 0 to 255. It is enlarged or reduced (bilinear) so that the
    square in its middle, 7/8 of its shorter side, has the network's size, as torchvision does; of a small network, the
    whole shorter side. One that has that size stays as it is.
    layout: whose weights they are, Keras's or torchvision's. LeNet-5 takes grey from 0 to 1, white on black.
    Raises ValueError for an unknown model, and for what is no image; FileNotFoundError; ImportError without Pillow.
    """
    name = known(model)
    found = entry(name)
    if len(found.input_shape) != 3:
        raise ValueError(f"preprocess: {found.title} takes no images")
    in_keras = checked_layout(layout, "preprocess") == "keras"
    channels, side, _ = found.input_shape
    side = side if in_keras else TORCHVISION_SIDES.get(name, side)
    pixels = pixels_of(image, side, CROP if found.of_imagenet else 1)
    if channels == 1:
        grey = pixels @ np.array([0.299, 0.587, 0.114])
        return (grey / 255)[None, None].astype(dtype)
    if not found.of_imagenet:
        return (pixels / 255).transpose(2, 0, 1)[None].astype(dtype)
    modes, usual = (KERAS_MODES, CAFFE) if in_keras else (TORCHVISION_MODES, TORCH)
    return np.ascontiguousarray(scaled(pixels, modes.get(name, usual)).transpose(2, 0, 1))[None].astype(dtype)


def scaled(pixels: Any, mode: str) -> Any:
    """Return pixels (height, width, 3) of 0 to 255 in the scale and the order of a mode."""
    if mode == TF:
        return pixels / 127.5 - 1
    if mode == TORCH:
        return (pixels / 255 - SHARE) / DEVIATION
    return (pixels - MEAN)[..., ::-1]


def pixels_of(image: Any, side: int, crop: float) -> Any:
    """Return the square in the middle of a picture, in a size, as floats (side, side, 3) from 0 to 255."""
    if isinstance(image, (str, os.PathLike)):
        picture = read(Path(image))
        return np.asarray(picture if picture.size == (side, side) else middle(picture, side, crop), np.float64)
    array = checked(np.asarray(image))
    if array.shape[:2] == (side, side):
        return array.astype(np.float64)
    pillow = imaging()
    if array.dtype == np.uint8:
        return np.asarray(middle(pillow.fromarray(array), side, crop), np.float64)
    planes = [middle(pillow.fromarray(array[..., i].astype(np.float32)), side, crop) for i in range(3)]
    return np.stack(planes, axis=-1).astype(np.float64)


def checked(array: Any) -> Any:
    """Return an array that is a picture as one with three channels; ValueError for another."""
    given = array.shape
    if array.ndim == 2 or (array.ndim == 3 and given[2] == 1):
        array = np.repeat(array.reshape(*given[:2], 1), 3, axis=2)
    if array.ndim == 3 and array.shape[2] == 4:
        array = np.ascontiguousarray(array[..., :3])
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype.kind not in "fiu" or not array.size:
        hint = "; its channels are first: image.transpose(1, 2, 0)" if len(given) == 3 and given[0] in (1, 3) else ""
        raise ValueError(
            f"preprocess: wanted an image (height, width, 3) of 0 to 255, got {array.dtype} of {given}{hint}"
        )
    if not np.isfinite(array).all():
        raise ValueError("preprocess: the image holds NaN or infinite numbers")
    low, high = array.min(), array.max()
    if low < 0 or high > 255:
        raise ValueError(f"preprocess: wanted numbers from 0 to 255, got {low:g} to {high:g}; was it scaled before?")
    if array.dtype.kind == "f" and 0 < high <= 1:
        raise ValueError("preprocess: wanted numbers from 0 to 255, got floats from 0 to 1; multiply the image by 255")
    return array


def read(path: Path) -> Any:
    """Return a file as Pillow's image in red, green and blue, turned as the camera was held."""
    if not path.is_file():
        raise FileNotFoundError(f"the image {path} {'is a folder' if path.is_dir() else 'does not exist'}")
    pillow = imaging()
    from PIL import ImageOps

    try:
        with pillow.open(path) as file:
            upright = ImageOps.exif_transpose(file)
            if upright.mode.startswith("I"):  # grey in 16 bits, which would be cut off at 255
                upright = pillow.fromarray((np.asarray(upright, np.float32) / 257).round().astype(np.uint8))
            return upright.convert("RGB")
    except (OSError, ValueError, SyntaxError, pillow.DecompressionBombError) as error:
        raise ValueError(f"{path.name} is no image that can be read: {error}") from error


def middle(picture: Any, side: int, crop: float) -> Any:
    """Return the square in the middle of Pillow's image, ``crop`` of its shorter side, in a size.

    Torchvision's ``Resize`` and ``CenterCrop`` in one step, so that the rest of a long picture takes no memory.
    """
    short = min(picture.size)
    whole = round(side / crop)
    resized = [whole if length == short else int(whole * length / short) for length in picture.size]
    starts = [round((length - side) / 2) for length in resized]
    scales = [length / new for length, new in zip(picture.size, resized)]
    box = [start * scale for start, scale in zip(starts, scales)]
    box += [(start + side) * scale for start, scale in zip(starts, scales)]
    box = [min(edge, length) for edge, length in zip(box, (*picture.size, *picture.size))]
    return picture.resize((side, side), imaging().Resampling.BILINEAR, box=tuple(box))


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

    The order is that of the WordNet ids of ILSVRC 2012, as in Keras and torchvision; the words are torchvision's
    (``torchvision/models/_meta.py``, 0.28). For another count, numbers.
    """
    if count == 1000:
        text = Path(__file__).with_name("imagenet_classes.txt").read_text(encoding="utf-8")
        return tuple(text.splitlines())
    return tuple(map(str, range(count)))
