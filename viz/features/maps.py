"""What layers hold and make: the filters of a convolution, and its maps of an image."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.engine.arguments import integer
from viz.features.probe import Probe, images_for
from viz.figures.figure import Figure, figure_text, known_theme

__all__ = ["feature_maps", "filters"]

_WIDE = 7.6  # inches
_FEWEST = 6  # small pictures that a row has room for


def feature_maps(model: Any, x: Any, layer: Any = None, *, limit: int = 16, theme: str = "light") -> Figure:
    """Draw what a layer, or each layer that makes maps, makes of one image: a small picture for each channel.

    model: a module, or None for the LeNet-5 trained on the shipped digits. x: one image. layer: path or module. limit:
    channels that are shown of each layer; what is left out is said. Violet is negative, orange positive, white 0; each
    layer has a scale of its own. theme: ``light`` or ``dark``. Raises ValueError where no layer makes maps.
    """
    integer(limit, "limit", "feature_maps", 1)
    known_theme(theme, "feature_maps")
    probe = Probe(model, "feature_maps")
    with tg.no_grad():
        probe(images_for(x, "feature_maps", probe.dtype()))
    paths = list(probe.leaves()) if layer is None else [probe.path_of(layer)]
    rows = [(path, probe.output_of(path).data[0]) for path in paths]
    rows = [(path, maps) for path, maps in rows if maps.ndim == 3 and (layer is not None or maps.shape[1] > 1)]
    if not rows:
        what = f"layer {paths[0]!r} makes" if layer is not None else "the layers make"
        raise ValueError(f"feature_maps: {what} no maps (channels, height, width)")
    named = [(f"{path}: {type(probe.layers[path]).__name__}, {'×'.join(map(str, m.shape))}", m) for path, m in rows]
    return grid(named, "Feature maps", limit, theme)


def filters(layer: Any, *, limit: int = 32, theme: str = "light") -> Figure:
    """Draw the kernels of a convolution; of several input channels each in a row of its own.

    layer: a ``Conv2d``, a model, whose first convolution is meant, or an array (out_channels, in_channels, k_h, k_w).
    limit: output channels that are shown, and input channels; what is left out is said. Violet is negative, orange
    positive, white 0. theme: ``light`` or ``dark``. Raises ValueError for what has no kernels.
    """
    integer(limit, "limit", "filters", 1)
    known_theme(theme, "filters")
    weight = layer
    if isinstance(layer, nn.Module):
        found = next((m for m in layer.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))), None)
        if found is None:
            raise ValueError(f"filters: {type(layer).__name__} has no convolution, so no kernels to draw")
        weight = found.weight
    kernels = np.asarray(weight.data if isinstance(weight, tg.Tensor) else weight)
    if kernels.ndim != 4 or not kernels.size:
        raise ValueError(f"filters: kernels must be (out_channels, in_channels, k_h, k_w), got shape {kernels.shape}")
    size = "×".join(map(str, kernels.shape))
    if kernels.shape[1] == 1:
        return grid([(f"{size}: one kernel for each output channel", kernels[:, 0])], "Filters", limit, theme)
    rows = [(f"from input channel {i}", kernels[:, i]) for i in range(min(kernels.shape[1], limit))]
    left = kernels.shape[1] - len(rows)
    title = f"Filters, {size}" + (f"; {left} more input channels" if left else "")
    return grid(rows, title, limit, theme, shared=True)


def grid(rows: list[tuple[str, Any]], title: str, limit: int, theme: str, shared: bool = False) -> Figure:
    """Draw rows of small images, each row with its name, and what is left out."""
    most_shown = max(min(limit, len(maps)) for _, maps in rows)
    across = min(16 if shared else 8, max(_FEWEST, most_shown))
    tall = 0.9 * _WIDE / across
    lines = [math.ceil(min(limit, len(maps)) / across) for _, maps in rows]
    height = sum(lines) * tall + len(rows) * 0.34 + 0.6
    said = "; ".join(f"{name}, from {maps.min():.3g} to {maps.max():.3g}" for name, maps in rows[:6])
    figure = Figure(title=title, description=f"{title}: {said}", size=(_WIDE, max(2.0, height)), theme=theme)
    parts: Any = figure.canvas.subfigures(len(rows), 1, squeeze=False, height_ratios=[n * tall + 0.34 for n in lines])
    most_of_all = max(float(np.abs(maps).max()) for _, maps in rows) or 1.0
    for part, (name, maps), count in zip(parts[:, 0], rows, lines):
        left = len(maps) - limit
        words = f"{name}{f'; {left} more' if left > 0 else ''}"
        part.suptitle(figure_text(words, 110), fontsize=10, x=0.01, ha="left")
        most = most_of_all if shared else float(np.abs(maps).max()) or 1.0
        for axes, image in zip_longest(part.subplots(count, across, squeeze=False).flat, maps[:limit]):
            axes.set_axis_off()
            if image is not None:
                axes.set_axis_on()
                axes.set(xticks=[], yticks=[])
                axes.imshow(image, cmap="PuOr_r", vmin=-most, vmax=most, interpolation="nearest")
    return figure


def zip_longest(axes: Any, images: Any) -> Any:
    """Yield each axes with its image, None where there are no more."""
    for i, one in enumerate(axes):
        yield one, images[i] if i < len(images) else None
