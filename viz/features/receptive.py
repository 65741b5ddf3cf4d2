"""The receptive field of a unit: which pixels it can see, by arithmetic, and confirmed by the gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.engine.primitives import matmul
from tinygrad_edu.engine.trace.tracing import recorded
from viz.features.ascent import show, span
from viz.features.probe import Probe, images_for, unit_words
from viz.features.shown import Shown
from viz.figures.figure import Figure, figure_text, known_theme

__all__ = ["ReceptiveField", "receptive_field"]

Range = tuple[int, int]  # from the first row or column to the last, both within
_TRIES = 40  # random images, each of which lets other pixels win in max-pooling


@dataclass(frozen=True)
class ReceptiveField(Shown):
    """The pixels that a unit can see: rows and columns (first, last), by arithmetic; ``support`` by the gradient.

    size: (height, width) as the formula gives it, also of what would lie beyond the border; stride: pixels of the image
    from one unit to the next. support: the smallest rectangle that holds every pixel whose gradient was ever not 0.
    image: drawn behind it. Saves itself as svg, png or pdf, shows itself in Jupyter; both need matplotlib.
    """

    rows: Range
    columns: Range
    size: tuple[int, int]
    stride: tuple[int, int]
    support: tuple[Range, Range]
    unit: str
    image: Any
    gradient: Any
    theme: str = "light"

    @property
    def confirmed(self) -> bool:
        """Whether the gradient reaches just the pixels that the arithmetic says."""
        return self.support == (self.rows, self.columns)

    @property
    def figure(self) -> Figure:
        """The rectangle on the image, beside how strongly each pixel acts; ImportError where matplotlib is missing."""
        figure = Figure(title=f"What {self.unit} can see", description=repr(self), size=(7.6, 3.9), theme=self.theme)
        left, right = figure.canvas.subplots(1, 2)
        show(left, self.image, *span([self.image]))
        show(right, self.gradient[None], 0.0, float(self.gradient.max()) or 1.0, "magma")
        left.set_title(
            figure_text(f"{self.size[0]}×{self.size[1]} pixels, a step is {self.stride[0]}", 60), fontsize=10
        )
        right.set_title("mean |∂ unit / ∂ pixel|", fontsize=10)
        for axes in (left, right):
            outline(axes, self.rows, self.columns)
        return figure

    def __repr__(self) -> str:
        seen = f"rows {self.rows[0]} to {self.rows[1]}, columns {self.columns[0]} to {self.columns[1]}"
        check = "the gradient reaches just these" if self.confirmed else f"the gradient reached {self.support}"
        return f"<{self.unit} sees {self.size[0]}×{self.size[1]} pixels: {seen}; {check}>"


def receptive_field(
    model: Any = None, layer: Any = None, unit: Any = None, x: Any = None, *, size: Any = None, theme: str = "light"
) -> Any:
    """Work out which pixels a unit of a layer can see, and confirm it by the support of the gradient.

    model: a module, or None for the LeNet-5 trained on the shipped digits. layer: path or module, the last that makes
    maps if None. unit: (channel, row, column), the one in the middle if None. x: an image to draw it on. size: as of
    ``maximize``. theme: ``light`` or ``dark``.
    The rectangle is found by walking the recorded graph back: a window of k with stride s and dilation d
    makes r of r' as ``r' = (r − 1) · s + (k − 1) · d + 1``, and padding moves it. For the gradient, weights are made
    positive, so that nothing cancels, and many random images are tried.
    Raises ValueError for a layer that makes no maps.
    """
    known_theme(theme, "receptive_field")
    probe = Probe(model, "receptive_field")
    shape = probe.input_shape(size) if x is None else images_for(x, "receptive_field", probe.dtype()).shape[1:]
    for tensor in probe.model.parameters():
        tensor.data = np.abs(tensor.data) + np.finfo(tensor.dtype).tiny
    rng = np.random.default_rng(0)
    image = tg.Tensor(rng.uniform(0.1, 1, (1, *shape)).astype(probe.dtype()), requires_grad=True)
    with tg.enable_grad():
        probe(image)
    with_maps = [path for path in probe.leaves() if probe.made[path].ndim == 4]
    if layer is None and not with_maps:
        raise ValueError("receptive_field: no layer of the model makes maps")
    path = with_maps[-1] if layer is None else probe.path_of(layer)
    maps = probe.output_of(path)
    if maps.ndim != 4:
        raise ValueError(
            f"receptive_field: layer {path!r} makes {maps.shape}, no maps: each of its units sees the whole image; "
            f"take one of {', '.join(with_maps)}"
        )
    middle = (0, maps.shape[2] // 2, maps.shape[3] // 2)
    index = probe.unit(path, middle if unit is None else unit)
    if len(index) != 3:
        index = (index[0], *middle[1:])
    areas = [seen(maps, image, at) for at in (index[1:], tuple([i + 1 for i in index[1:]]))]
    (rows, columns), (below, beside) = areas
    total, support = gradient_support(probe, path, index, image.shape, rng)
    inside = [(max(0, low), min(n - 1, high)) for (low, high), n in zip((rows, columns), shape[1:])]
    picture = image.data[0] if x is None else images_for(x, "receptive_field", probe.dtype())[0]
    return ReceptiveField(
        inside[0], inside[1], (rows[1] - rows[0] + 1, columns[1] - columns[0] + 1),
        (below[0] - rows[0], beside[0] - columns[0]), support, unit_words(path, index), picture, total,
        theme,
    )  # fmt: skip


def seen(output: Any, image: Any, place: tuple[int, ...]) -> tuple[Range, Range]:
    """Return which rows and columns of the image one place of a map depends on, by walking back from it."""
    areas: dict[Any, tuple[Range, Range]] = {output: ((place[0],) * 2, (place[1],) * 2)}
    for node in reversed(recorded([output])):
        if node not in areas:
            continue
        for position, x in enumerate(node._inputs):
            if x is image or x._op is not None:
                area = pulled_back(node, position, areas[node])
                areas[x] = united(areas[x], area) if x in areas else area
    return areas[image]


def pulled_back(node: Any, position: int, area: tuple[Range, Range]) -> tuple[Range, Range]:
    """Return which part of an op's input a part of its output depends on; images have their sides on axes 2 and 3."""
    params, x = node._params or {}, node._inputs[position]
    if min(x.ndim, node.ndim) < 4:
        rows, columns = [(0, max(0, n - 1)) for n in (x.shape[2:4] if x.ndim >= 4 else (1, 1))]
        return rows, columns
    if "stride" in params:
        kernel = params.get("kernel") or node._inputs[1].shape[2:]
        padding = params.get("padding") or ((0, 0), (0, 0))
        dilation = params.get("dilation") or (1, 1)
        parts = zip(area, kernel, params["stride"], padding, dilation)
        found = [(a * s - before, b * s - before + (k - 1) * d) for (a, b), k, s, (before, _), d in parts]
        return found[0], found[1]
    if "widths" in params:  # pad: zeros before move everything; crop is its opposite
        sign = -1 if node.shape[2] >= x.shape[2] else 1
        moved = [(a + sign * w[0], b + sign * w[0]) for (a, b), w in zip(area, params["widths"][2:4])]
        return moved[0], moved[1]
    sides = [same_or_all(n, m, side) for n, m, side in zip(x.shape[2:4], node.shape[2:4], area)]
    other = node._inputs[1 - position] if len(node._inputs) == 2 else None
    if node._op is matmul and other is not None and other.ndim == 2:
        matrix = other.data.T if position == 0 else other.data  # a row of it for each row, or column, of the output
        axis = 1 - position
        low, high = area[axis]
        used = np.nonzero(matrix[low : high + 1].any(axis=0))[0]
        sides[axis] = int(used.min()), int(used.max())
    return sides[0], sides[1]


def same_or_all(n: int, m: int, side: Range) -> Range:
    """Return the part of an axis of n that a part of an axis of m depends on, where an op does not say how."""
    return side if n == m else (0, n - 1)


def united(one: tuple[Range, Range], other: tuple[Range, Range]) -> tuple[Range, Range]:
    """Return the smallest rectangle that holds two."""
    rows, columns = [(min(a[0], b[0]), max(a[1], b[1])) for a, b in zip(one, other)]
    return rows, columns


def gradient_support(probe: Probe, path: str, index: tuple[int, ...], shape: Any, rng: Any) -> Any:
    """Return the mean absolute gradient by the pixels, over the channels, and the rectangle where it was ever not 0."""
    total, place = np.zeros(shape[2:]), (0, *index)
    for _ in range(_TRIES):
        leaf = tg.Tensor(rng.uniform(0.1, 1, shape).astype(probe.dtype()), requires_grad=True)
        with tg.enable_grad():
            probe(leaf)
            total += np.abs(tg.grad(probe.output_of(path)[place], leaf).data[0]).sum(axis=0) / _TRIES
    touched = np.nonzero(total)
    if not len(touched[0]):
        return total, ((0, -1), (0, -1))
    rows, columns = [(int(where.min()), int(where.max())) for where in touched]
    return total, (rows, columns)


def outline(axes: Any, rows: Range, columns: Range) -> None:
    """Draw the rectangle around the pixels."""
    from matplotlib.patches import Rectangle

    corner, width, height = (columns[0] - 0.5, rows[0] - 0.5), columns[1] - columns[0] + 1, rows[1] - rows[0] + 1
    axes.add_patch(Rectangle(corner, width, height, fill=False, edgecolor="#ffffff", linewidth=3.5))
    axes.add_patch(Rectangle(corner, width, height, fill=False, edgecolor="#c45400", linewidth=2, linestyle="--"))
