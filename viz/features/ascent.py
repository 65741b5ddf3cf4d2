"""Feature visualisation: an image is changed step by step so that a unit answers more and more strongly.

``x ← x + α · ∂a/∂x`` (Erhan, Bengio, Courville, Vincent 2009, Visualizing higher-layer features of a deep network), the
gradient divided by its root mean square. Regularisers keep the image from becoming noise that only the network sees:
weight decay and blurring (Yosinski, Clune, Nguyen, Fuchs, Lipson 2015), jitter, and total variation (Mahendran, Vedaldi
2014).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.engine.arguments import integer, number
from viz.features.probe import Probe, images_for, unit_words
from viz.features.shown import Shown
from viz.figures.figure import Figure, dress, figure_text, known_theme
from viz.style.numbers import number as text_of

__all__ = ["Maximized", "maximize"]

_KEPT = 8  # images of the storyboard
_TRIES = 4  # noise images that are tried before a unit is said to be dead


@dataclass(frozen=True)
class Maximized(Shown):
    """An image that a unit likes: ``image`` (channels, height, width), and how it came about.

    storyboard: the steps at which images were kept, and the images. activations: the unit's answer before each step and
    after the last. note: why the search ended early, if it did. Saves itself as svg, png or pdf, shows itself in
    Jupyter; both need matplotlib.
    """

    image: Any
    storyboard: tuple[tuple[int, Any], ...]
    activations: tuple[float, ...]
    unit: str
    note: str = ""
    theme: str = "light"
    _drawn: list[Figure] = field(default_factory=list, repr=False, compare=False)

    @property
    def figure(self) -> Figure:
        """The storyboard above the activation curve; ImportError where matplotlib is missing."""
        if not self._drawn:
            self._drawn.append(drawn(self))
        return self._drawn[0]

    def __repr__(self) -> str:
        first, last = text_of(self.activations[0]), text_of(self.activations[-1])
        size = "×".join(map(str, self.image.shape))
        said = f"<{self.unit}: activation {first} → {last} in {len(self.activations) - 1} steps, image {size}"
        return f"{said}; {self.note}>" if self.note else f"{said}>"


def maximize(
    model: Any = None,
    layer: Any = None,
    unit: Any = 0,
    *,
    steps: int = 200,
    lr: float = 0.02,
    decay: float = 0.01,
    blur: float = 0.0,
    jitter: int = 1,
    total_variation: float = 0.5,
    size: Any = None,
    start: Any = None,
    limits: tuple[float, float] | None = (0.0, 1.0),
    seed: int = 0,
    theme: str = "light",
) -> Maximized:
    """Find an image that a unit of a network answers to strongly: ``x ← x + α · ∂a/∂x`` from noise.

    model: a module, the LeNet-5 trained on the shipped digits if None; it is left as it is. layer: dotted path or
    module, the last one with weights if None. unit: a channel, whose mean over the map is the activation, or (channel,
    row, column). size: of the image, a number of pixels, (height, width) or (channels, height, width); the smallest
    that the model takes if None. start: an image to start from instead of noise. lr: α, in the image's units, since the
    gradient is divided by its root mean square.
    decay: the share of the image that each step takes away. blur: standard deviation, in pixels, of a Gaussian blur
    every fourth step. jitter: pixels by which the image is moved, each way, at random, before each gradient.
    total_variation: how much each step also smooths the image, 1 being as much as it sharpens it. limits: the range of
    a pixel. theme: ``light`` or ``dark``.
    Raises ValueError for a layer that does not exist (with the nearest names), and for a unit whose gradient is 0
    wherever it was tried: it is dead, and the layer before its activation is named. IndexError for no such unit.
    """
    known_theme(theme, "maximize")
    probe = Probe(model, "maximize")
    integer(steps, "steps", "maximize", 1)
    integer(jitter, "jitter", "maximize", 0)
    for name, value in {"lr": lr, "decay": decay, "blur": blur, "total_variation": total_variation}.items():
        number(value, name, "maximize", least=0)
    if limits is not None and not limits[0] < limits[1]:
        raise ValueError(f"maximize: limits must be (lowest, highest), got {limits}")
    path = probe.last() if layer is None else probe.path_of(layer)
    rng = np.random.default_rng(seed)
    if start is not None:
        x = images_for(start, "maximize", probe.dtype())
    else:
        x = noise(rng, probe.input_shape(size), limits, probe.dtype())
    with tg.no_grad():
        probe(x)
    index = probe.unit(path, unit)
    if start is None:
        x = lively(probe, path, index, x, rng, limits)
    else:
        explain_dead(probe, path, index, ascent(probe, path, index, x)[1])
    found = climb(probe, path, index, x, rng, (steps, lr, decay, blur, jitter, total_variation, limits))
    return replace(found, theme=theme)


def climb(probe: Probe, path: str, index: tuple[int, ...], x: Any, rng: Any, how: tuple[Any, ...]) -> Maximized:
    """Take the steps."""
    steps, lr, decay, blur, jitter, variation, limits = how
    moments = sorted({round(k * steps / (_KEPT - 1)) for k in range(_KEPT)})
    kept, activations, note = [], [], ""
    for step in range(steps):
        if step in moments:
            kept.append((step, x[0].copy()))
        move = tuple(rng.integers(-jitter, jitter + 1, 2)) if jitter else (0, 0)
        a, g = ascent(probe, path, index, np.roll(x, move, (2, 3)))
        activations.append(a)
        size = rms(g)
        if not np.isfinite(size) or size == 0:
            note = f"stopped at step {step}: the gradient became {'0' if size == 0 else 'NaN or infinite'}"
            break
        way = np.roll(g / size, [-m for m in move], (2, 3))
        if variation:
            way = way + variation * smoothing(x)
        x = (1 - decay) * x + lr * way
        if blur and step % 4 == 3:
            x = blurred(x, blur)
        x = x.astype(g.dtype) if limits is None else np.clip(x, *limits).astype(g.dtype)
    with tg.no_grad():
        probe(x)
    activations.append(float(answer(probe.output_of(path), index).data))
    kept.append((len(activations) - 1, x[0].copy()))
    return Maximized(x[0], tuple(kept), tuple(activations), unit_words(path, index), note)


def ascent(probe: Probe, path: str, index: tuple[int, ...], x: Any) -> tuple[float, Any]:
    """Return a unit's activation for an image, and its gradient by the pixels."""
    leaf = tg.Tensor(x, requires_grad=True, copy=False)
    with tg.enable_grad():
        probe(leaf)
        a = answer(probe.output_of(path), index)
        g = tg.grad(a, leaf, allow_unused=True) if a.requires_grad else None
    return float(a.data), np.zeros_like(x) if g is None else g.data


def smoothing(x: Any) -> Any:
    """Return the gradient that makes an image smoother: of its total variation, downhill, with root mean square 1."""
    leaf = tg.Tensor(x, requires_grad=True, copy=False)
    with tg.enable_grad():
        g = tg.grad(roughness(leaf), leaf).data
    return -g / max(rms(g), 1e-12)


def rms(g: Any) -> float:
    """Return the root mean square."""
    return float(np.sqrt(np.mean(np.square(g, dtype=np.float64))))


def answer(output: Any, index: tuple[int, ...]) -> Any:
    """Return the activation of a unit: the mean of its map, or one number of it."""
    place = (0, *index)
    return output[place].mean()


def roughness(x: Any) -> Any:
    """Return the total variation of an image: the mean length of the step from a pixel to those right and below."""
    down = x[:, :, 1:, :-1] - x[:, :, :-1, :-1]
    right = x[:, :, :-1, 1:] - x[:, :, :-1, :-1]
    return tg.sqrt(down * down + right * right + 1e-8).mean()


def noise(rng: Any, shape: tuple[int, ...], limits: Any, dtype: Any) -> Any:
    """Return an image of weak noise, in the middle of the range."""
    low, high = (-1.0, 1.0) if limits is None else limits
    middle, reach = (low + high) / 2, (high - low) / 2
    return (middle + 0.3 * reach * rng.standard_normal((1, *shape))).clip(low, high).astype(dtype)


def lively(probe: Probe, path: str, index: tuple[int, ...], x: Any, rng: Any, limits: Any) -> Any:
    """Return a noise image at which the unit has a gradient; ValueError that explains, if there is none."""
    g: Any = None
    for _ in range(_TRIES):
        g = ascent(probe, path, index, x)[1]
        if g.any():
            return x
        x = noise(rng, x.shape[1:], limits, x.dtype)
    explain_dead(probe, path, index, g)
    return x


def explain_dead(probe: Probe, path: str, index: tuple[int, ...], g: Any) -> None:
    """Raise ValueError if the gradient of a unit is 0 everywhere, and say why and what to try."""
    if g.any():
        return
    value = float(answer(probe.output_of(path), index).data)
    kind = type(probe.layers[path]).__name__
    before = probe.before(path)
    advice = ""
    if kind in ("ReLU", "MaxPool2d") and before is not None:
        advice = f": dead after {kind}; try the pre-activation, layer={before!r}"
    elif kind in ("Sigmoid", "Tanh", "Softmax") and before is not None:
        advice = f": saturated; try the pre-activation, layer={before!r}"
    raise ValueError(
        f"maximize: {unit_words(path, index)} ({kind}) is {text_of(value)} and its gradient is 0 at every pixel "
        f"of every image that was tried, so there is no way up{advice}; or start from an image that it answers to: "
        "start=x"
    )


def blurred(x: Any, sigma: float) -> Any:
    """Return images blurred by a Gaussian, edges repeated; as NumPy sums of shifted images, rows then columns."""
    reach = max(1, round(3 * sigma))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights /= weights.sum()
    for axis in (2, 3):
        widths = [(reach, reach) if i == axis else (0, 0) for i in range(4)]
        padded = np.pad(x, widths, mode="edge")
        n = x.shape[axis]
        x = sum(w * np.take(padded, range(i, i + n), axis) for i, w in enumerate(weights))
    return x


def drawn(found: Maximized) -> Figure:
    """Draw the storyboard above the activation curve."""
    count = len(found.storyboard)
    first, last = text_of(found.activations[0]), text_of(found.activations[-1])
    title = f"What {found.unit} looks for"
    said = f"{title}: its activation goes from {first} to {last} in {len(found.activations) - 1} steps. {found.note}"
    figure = Figure(title=title, description=said.strip(), size=(max(7.2, 1.15 * count), 4.4), theme=found.theme)
    grid = figure.canvas.add_gridspec(2, count, height_ratios=(1, 1.3))
    low, high = span([image for _, image in found.storyboard])
    for column, (step, image) in enumerate(found.storyboard):
        axes = figure.canvas.add_subplot(grid[0, column])
        show(axes, image, low, high)
        axes.set_title(f"step {step}", fontsize=10)
    axes = figure.canvas.add_subplot(grid[1, :])
    dress(axes, x="step", y="activation", title=figure_text(found.note, 120) if found.note else "x ← x + α · ∂a/∂x")
    axes.plot(found.activations)
    axes.margins(x=0.01)
    return figure


def span(images: list[Any]) -> tuple[float, float]:
    """Return the lowest and the highest pixel of images."""
    return min(float(np.min(i)) for i in images), max(float(np.max(i)) for i in images)


def show(axes: Any, image: Any, low: float, high: float, cmap: str = "gray") -> None:
    """Draw an image (channels, height, width): three channels in colour, any other number as their mean."""
    axes.set_axis_off()
    scale = high - low if high > low else 1.0
    if len(image) == 3:
        axes.imshow(np.clip((image.transpose(1, 2, 0) - low) / scale, 0, 1), interpolation="nearest")
    else:
        axes.imshow(np.mean(image, axis=0), cmap=cmap, vmin=low, vmax=high, interpolation="nearest")
