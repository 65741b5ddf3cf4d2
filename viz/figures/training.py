"""Pictures of a training run: its curves, its confusion matrix, and the examples that it got most wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from viz.figures.dark import DARK_COLOURS, GRID
from viz.figures.figure import COLOURS, Figure, dress, figure_text, known_theme, legend
from viz.style.theme import LIGHT, PALETTES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["confusion", "curves", "mistakes"]

WRONG = COLOURS[1]
_LUMINANCE = (0.2126, 0.7152, 0.0722)  # of red, green and blue
_MIDDLE = {"light": 0.2, "dark": 0.176}  # where both colours of text are read as well, by WCAG's contrast
_SIDES = (("", "training", "o"), ("validation_", "validation", "D"), ("test_", "test", "s"))
_PANELS = (("loss", "loss", "cross-entropy, the mean of an epoch"), ("accuracy", "accuracy", "share that is right"))


def curves(history: Any, *, title: str = "Training", theme: str = "light") -> Figure:
    """Draw loss and accuracy over the epochs, on the training and on other examples.

    history: a mapping of equally long lists, or what ``tg.fit`` returns: ``loss``, ``accuracy``, and the same after
    ``validation_`` or ``test_``; what is missing is left out. theme: ``light`` or ``dark``.
    Raises ValueError where nothing is there.
    """
    known_theme(theme, "curves")
    found = columns_of(history)
    panels = [panel for panel in _PANELS if any([found.get(side + panel[0]) for side, _, _ in _SIDES])]
    if not panels:
        raise ValueError("curves: the history has neither loss nor accuracy; train for an epoch first")
    said = []
    figure = Figure(title=title, description="", size=(4.6 * len(panels), 3.7), theme=theme)
    for (key, heading, meaning), axes in zip(panels, figure.axes(1, len(panels))):
        dress(axes, title=heading, x="epoch", y=meaning)
        said += curve(axes, found, key)
    figure.description = f"{title}: " + "; ".join(said)
    return figure


def columns_of(history: Any) -> dict[str, list[float]]:
    """Return the columns of a history by name, numbers only; None becomes a gap."""
    if not isinstance(history, Mapping):
        history = getattr(history, "columns", None) or vars(history)
    names = [side + key for key, _, _ in _PANELS for side, _, _ in _SIDES]
    return {name: [np.nan if v is None else float(v) for v in history[name]] for name in names if name in history}


def curve(axes: Axes, found: Mapping[str, Sequence[float]], key: str) -> list[str]:
    """Draw one quantity of training and other examples; return what can be said of it."""
    said = []
    longest = max(len(values) for values in found.values())
    for side, words, mark in _SIDES:
        values = np.array(found.get(side + key, []), dtype=float)
        if not np.isfinite(values).any():
            continue
        last = number(key, values[np.isfinite(values)][-1])
        few = len(values) <= 30
        label = f"{words}, last {last}"
        axes.plot(np.arange(1, len(values) + 1), values, marker=mark if few else None, markersize=4.5, label=label)
        said.append(f"{words} {key} {last} after {len(values)} epoch{'s' if len(values) > 1 else ''}")
    margin = max(0.3, longest * 0.02)
    axes.set_xlim(1 - margin, longest + margin)
    axes.locator_params(axis="x", integer=True)
    if key == "accuracy":
        axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
        axes.set_ylim(top=1.0 + 0.02 * (1.0 - axes.get_ylim()[0]))
    else:
        axes.set_ylim(bottom=0)
    legend(axes, loc="lower right" if key == "accuracy" else "upper right")
    return said


def number(key: str, value: float) -> str:
    """Return a loss or an accuracy as text."""
    return f"{100 * value:.2f} %" if key == "accuracy" else f"{value:.4f}"


def confusion(
    matrix: Any, labels: Sequence[Any] | None = None, *, title: str = "Confusion matrix", theme: str = "light"
) -> Figure:
    """Draw which class was read as which: rows are the true classes, columns the predictions, numbers are examples.

    matrix: (classes, classes) counts. labels: the classes' names; their numbers if not given. The diagonal is blue,
    mistakes are orange, each by its own scale, or a few mistakes would be lost beside many right ones. theme: ``light``
    or ``dark``. Raises ValueError for what is no square matrix of counts.
    """
    known_theme(theme, "confusion")
    counts = np.asarray(matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size or counts.dtype.kind not in "iu":
        raise ValueError(f"confusion: matrix must be a square of counts, got {counts.dtype} of shape {counts.shape}")
    names = [figure_text(str(name), 14) for name in (range(len(counts)) if labels is None else labels)]
    if len(names) != len(counts):
        raise ValueError(f"confusion: {len(names)} labels for {len(counts)} classes")
    total, right = int(counts.sum()), int(np.trace(counts))
    share = f"{right:,} of {total:,} right ({100 * right / max(total, 1):.2f} %)"
    side = max(5.0, 0.52 * len(counts) + 1.2)
    said = f"{title}: {share}. {worst_confusions(counts, names)}"
    figure = Figure(title=title, description=said, size=(side + 0.7, side), theme=theme)
    (axes,) = figure.axes()
    dress(axes, title=share, x="predicted class", y="true class")
    axes.grid(visible=False)
    colours = cell_colours(counts, theme)
    axes.imshow(colours, aspect="equal")
    fill_cells(axes, counts, colours, theme)
    axes.set_xticks(range(len(names)), names, rotation=45 if max(map(len, names)) > 3 else 0)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(length=0)
    recall(axes, counts)
    return figure


def cell_colours(counts: Any, theme: str = "light") -> Any:
    """Return a colour per cell: the paper's for 0, blue on the diagonal and orange beside it, stronger for more."""
    from matplotlib.colors import to_rgb

    diagonal = np.eye(len(counts), dtype=bool)
    paper = np.array(to_rgb(PALETTES[theme].background))
    colours = np.ones((*counts.shape, 3)) * paper
    right, wrong = (COLOURS if theme == "light" else DARK_COLOURS)[:2]
    for part, full in ((diagonal, right), (~diagonal, wrong)):
        most = max(1, counts[part].max(initial=0))
        share = np.where(counts > 0, 0.25 + 0.6 * counts / most, 0.0)[part][:, None]
        colours[part] = paper + share * (np.array(to_rgb(full)) - paper)
    return colours


def fill_cells(axes: Axes, counts: Any, colours: Any, theme: str) -> None:
    """Write the counts, in what is read best on a cell; a zero is a small dot."""
    palette = PALETTES[theme]
    pale, deep = (palette.background, palette.text)[:: 1 if theme == "light" else -1]
    dim = colours**2.2 @ _LUMINANCE < _MIDDLE[theme]
    for (i, j), n in np.ndenumerate(counts):
        colour = "#b4b8be" if not n else pale if dim[i, j] else deep
        weight = "bold" if n and i != j else "normal"
        axes.text(j, i, f"{n:,}" if n else "·", ha="center", va="center", color=colour, fontweight=weight, fontsize=10)
    for at in np.arange(len(counts) + 1) - 0.5:
        axes.axhline(at, color=GRID, linewidth=0.6, linestyle="-")
        axes.axvline(at, color=GRID, linewidth=0.6, linestyle="-")


def recall(axes: Axes, counts: Any) -> None:
    """Write beside each row which share of its class was recognised."""
    wide = len(counts)
    axes.text(wide - 0.3, -0.75, "found", ha="left", va="center", color=LIGHT.faint, fontsize=9)
    for i, row in enumerate(counts):
        share = f"{100 * row[i] / row.sum():.1f} %" if row.sum() else "none"
        axes.text(wide - 0.3, i, share, ha="left", va="center", color=LIGHT.faint, fontsize=9)


def worst_confusions(counts: Any, names: Sequence[str]) -> str:
    """Say which classes were confused most often."""
    wrong = counts * ~np.eye(len(counts), dtype=bool)
    order = np.argsort(-wrong, axis=None, kind="stable")[:3]
    pairs = [np.unravel_index(at, wrong.shape) for at in order if wrong.flat[at]]
    said = [f"{names[i]} read as {names[j]} ({wrong[i, j]} time{'s' if wrong[i, j] > 1 else ''})" for i, j in pairs]
    return f"Most often: {', '.join(said)}." if said else "No mistake."


def mistakes(
    images: Any,
    labels: Any,
    predictions: Any,
    probabilities: Any,
    n: int = 16,
    *,
    names: Sequence[Any] | None = None,
    title: str = "The worst mistakes",
    theme: str = "light",
) -> Figure:
    """Show the ``n`` examples whose true class got the least probability, the worst first; wrong ones framed.

    images (examples, height, width) or (examples, channels, height, width), one or three channels; labels and
    predictions (examples,), classes from 0; probabilities (examples, classes). If there are fewer than ``n`` mistakes,
    the least certain of the right answers follow. theme: ``light`` or ``dark``. Raises ValueError for lengths that do
    not agree.
    """
    known_theme(theme, "mistakes")
    shown, truth, said = np.asarray(images), np.asarray(labels), np.asarray(predictions)
    chances = np.asarray(probabilities, dtype=float)
    if not len(shown) == len(truth) == len(said) == len(chances) or chances.ndim != 2:
        raise ValueError(
            f"mistakes: got {len(shown)} images, {len(truth)} labels, {len(said)} predictions and probabilities of "
            f"shape {chances.shape}; wanted as many of each, probabilities (examples, classes)"
        )
    every = np.arange(len(truth))
    order = np.lexsort((chances[every, truth], said == truth))[:n]
    wrong = int((said != truth).sum())
    words = [str(name) for name in (range(chances.shape[1]) if names is None else names)]
    columns = max(1, int(np.ceil(np.sqrt(len(order)))))
    rows = max(1, -(-len(order) // columns))
    figure = Figure(title=title, description="", size=(1.75 * columns + 0.2, 2.15 * rows + 0.9), theme=theme)
    lines = []
    for axes, at in zip(figure.axes(rows, columns), [*order, *[None] * (rows * columns - len(order))]):
        axes.set_axis_off() if at is None else lines.append(
            mistake(axes, shown[at], words[truth[at]], words[said[at]], chances[at, said[at]], chances[at, truth[at]])
        )
    figure.description = f"{title}: {wrong} of {len(truth)} wrong. " + "; ".join(lines)
    note = f"{wrong:,} of {len(truth):,} wrong" if wrong else f"none of {len(truth):,} wrong"
    if wrong < len(order):
        note += ", with orange frames" if wrong else ""
        note += "; then the least certain of the right answers" if wrong else "; the least certain of the right answers"
    figure.canvas.supxlabel("\n".join(wrap(note, 22 * columns)), fontsize=10, color=LIGHT.faint)
    return figure


def mistake(axes: Axes, image: Any, truth: str, said: str, sure: float, chance: float) -> str:
    """Show one example: what it is, what it was read as, and how sure the model was of each; return that as text."""
    picture = image if image.ndim == 2 else image[0] if len(image) == 1 else np.moveaxis(image, 0, -1)
    if picture.ndim == 3:
        low, high = picture.min(), picture.max()
        picture = (picture - low) / (high - low if high > low else 1)
    axes.imshow(picture, cmap="gray_r", interpolation="nearest")
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    is_wrong = truth != said
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(WRONG if is_wrong else "#c9cdd2")
        spine.set_linewidth(2.2 if is_wrong else 0.8)
    words = f"{truth} read as {said}" if is_wrong else f"{truth}, right"
    axes.set_title(
        figure_text(words, 26), fontsize=11, color=LIGHT.text, loc="center", fontweight="bold" if is_wrong else "normal"
    )
    chances = f"{said}: {percent(sure)}   {truth}: {percent(chance)}" if is_wrong else f"{said}: {percent(sure)}"
    axes.set_xlabel(figure_text(chances, 40), fontsize=9, color=LIGHT.faint, labelpad=4)
    return f"{words} ({chances})"


def percent(chance: float) -> str:
    """Return a probability as text; one that is not 0 does not become 0."""
    return "< 1 %" if 0 < chance < 0.005 else f"{100 * chance:.0f} %"
