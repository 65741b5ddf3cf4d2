"""What a decision looks at: the pixels that move it, the maps behind it, the parts whose loss it minds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.engine.arguments import integer
from viz.features.ascent import show, span
from viz.features.probe import Probe, images_for
from viz.features.shown import Shown
from viz.figures.figure import Figure, figure_text, known_theme
from viz.style.numbers import number as text_of

__all__ = ["Heat", "grad_cam", "occlusion", "saliency"]


@dataclass(frozen=True)
class Heat(Shown):
    """A number per place of an image: ``map`` (height, width), beside the ``image`` (channels, height, width).

    target: the class that it is about. Saves itself as svg, png or pdf, shows itself in Jupyter; both need matplotlib.
    """

    map: Any
    image: Any
    target: int
    title: str
    meaning: str
    theme: str = "light"

    @property
    def figure(self) -> Figure:
        """The image, the map, and the map laid over the image; ImportError where matplotlib is missing."""
        signed = bool((self.map < 0).any())
        most = float(np.abs(self.map).max()) or 1.0
        figure = Figure(
            title=self.title, description=f"{self.title}: {self.meaning}", size=(8.4, 3.4), theme=self.theme
        )
        axes = figure.canvas.subplots(1, 3)
        low, high = span([self.image])
        for one, words in zip(axes, ("the image", self.meaning, "one over the other")):
            show(one, self.image, low, high)
            one.set_title(figure_text(words, 60), fontsize=10)
        axes[1].clear()
        axes[1].set_axis_off()
        axes[1].set_title(figure_text(self.meaning, 60), fontsize=10)
        range_of = {"vmin": -most if signed else 0.0, "vmax": most}
        colours = "RdBu_r" if signed else "magma"
        drawn = axes[1].imshow(self.map, cmap=colours, interpolation="nearest", **range_of)
        axes[2].imshow(self.map, cmap=colours, alpha=0.6, interpolation="nearest", **range_of)
        figure.canvas.colorbar(drawn, ax=list(axes), shrink=0.8, pad=0.02)
        return figure

    def __repr__(self) -> str:
        row, column = np.unravel_index(np.argmax(self.map), self.map.shape)
        return f"<{self.title}: {self.meaning}; most, {text_of(float(self.map.max()))}, at row {row}, column {column}>"


def saliency(model: Any, x: Any, target: int | None = None, *, theme: str = "light") -> Heat:
    """How much each pixel moves a class's score: ``|∂ score / ∂ x|``, the largest over the channels.

    model: a module, or None for the LeNet-5 trained on the shipped digits. x: one image. target: the class, the one
    that the model chooses if None. theme: ``light`` or ``dark``.
    Simonyan, Vedaldi, Zisserman 2013, Deep inside convolutional networks, section 3.
    """
    known_theme(theme, "saliency")
    _, image, scores, target = asked(model, x, target, "saliency")
    g = tg.grad(scores[0, target], image).data[0]
    return Heat(
        np.abs(g).max(axis=0), image.data[0], target, f"Saliency of class {target}", "|∂ score / ∂ pixel|", theme
    )


def grad_cam(model: Any, x: Any, layer: Any = None, target: int | None = None, *, theme: str = "light") -> Heat:
    """Where the maps of a layer speak for a class: ``relu(Σ w_k A_k)``, w_k being the mean gradient of map k.

    layer: path or module, the last one that makes maps if None; its small map is enlarged to the image, linearly.
    Other arguments as ``saliency``. Selvaraju et al. 2016, Grad-CAM, equations 1 and 2. Raises ValueError for a layer
    that makes no maps.
    """
    known_theme(theme, "grad_cam")
    probe, image, scores, target = asked(model, x, target, "grad_cam")
    with_maps = [path for path in probe.leaves() if probe.made[path].ndim == 4 and max(probe.made[path].shape[2:]) > 1]
    path = with_maps[-1] if layer is None and with_maps else probe.path_of(layer)
    maps = probe.output_of(path)
    if maps.ndim != 4:
        raise ValueError(f"grad_cam: layer {path!r} makes {maps.shape}, no maps; take one of {', '.join(with_maps)}")
    g = tg.grad(scores[0, target], maps).data[0]
    weights = g.mean(axis=(1, 2))
    heat = np.maximum(np.einsum("k,khw->hw", weights, maps.data[0]), 0)
    title = f"Grad-CAM of class {target}, layer {path}"
    return Heat(enlarged(heat, image.shape[2:]), image.data[0], target, title, "relu(Σ mean gradient · map)", theme)


def occlusion(
    model: Any,
    x: Any,
    target: int | None = None,
    *,
    patch: int | None = None,
    stride: int = 1,
    value: float = 0.0,
    theme: str = "light",
) -> Heat:
    """How much a class's probability falls where a patch of the image is covered; negative where it rises.

    patch: pixels of the covered square, centred on each place, a quarter of the image's height if None; stride: pixels
    between places; value: of the cover.
    Other arguments as ``saliency``. Zeiler, Fergus 2013, Visualizing and understanding convolutional networks, 4.2.
    """
    known_theme(theme, "occlusion")
    if patch is not None:
        integer(patch, "patch", "occlusion", 1)
    integer(stride, "stride", "occlusion", 1)
    probe, image, scores, target = asked(model, x, target, "occlusion")
    whole = chance(scores.data, target)[0]
    height, width = image.shape[2:]
    patch = max(1, height // 4) if patch is None else patch
    fall = np.zeros((height, width))
    rows, columns = range(0, height, stride), range(0, width, stride)
    for row in rows:
        covered = np.repeat(image.data, len(columns), axis=0)
        for i, column in enumerate(columns):
            top, left = max(0, row - patch // 2), max(0, column - patch // 2)
            covered[i, :, top : row - patch // 2 + patch, left : column - patch // 2 + patch] = value
        with tg.no_grad():
            found = whole - chance(probe(covered).data, target)
        for i, column in enumerate(columns):
            fall[row : row + stride, column : column + stride] = found[i]
    return Heat(fall, image.data[0], target, f"Occlusion for class {target}", "how far its probability falls", theme)


def asked(model: Any, x: Any, target: Any, what: str) -> tuple[Probe, Any, Any, int]:
    """Return the model, run on the image, the scores and the class that is meant."""
    probe = Probe(model, what)
    image = tg.Tensor(images_for(x, what, probe.dtype()), requires_grad=True)
    with tg.enable_grad():
        scores = probe(image)
    if not isinstance(scores, tg.Tensor) or scores.ndim != 2:
        raise ValueError(f"{what}: the model must give a score per class, (batch, classes)")
    if target is None:
        return probe, image, scores, int(scores.data[0].argmax())
    integer(target, "target", what, 0)
    if target >= scores.shape[1]:
        raise IndexError(
            f"{what}: there are {scores.shape[1]} classes (0 to {scores.shape[1] - 1}), so no class {target}"
        )
    return probe, image, scores, int(target)


def chance(scores: Any, target: int) -> Any:
    """Return the probability of a class, of each row of scores."""
    return tg.functional.softmax(scores, -1).data[:, target]


def enlarged(heat: Any, size: tuple[int, ...]) -> Any:
    """Return a map in a larger size, linear between the middles of its cells."""
    for axis, n in enumerate(size):
        m = heat.shape[axis]
        at = np.clip((np.arange(n) + 0.5) * m / n - 0.5, 0, m - 1)
        low = np.floor(at).astype(int)
        share = (at - low).reshape((-1, 1) if axis == 0 else (1, -1))
        heat = np.take(heat, low, axis) * (1 - share) + np.take(heat, np.minimum(low + 1, m - 1), axis) * share
    return heat
