"""How large activations and gradients are, layer by layer: of a model, and of one model started by several rules."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu.inspection import InitLab, LayerFlow, layer_flow
from tinygrad_edu.inspection.flow import OFF
from viz.figures.figure import COLOURS, Figure, dress, figure_text, known_theme
from viz.style.escape import plain_text
from viz.style.theme import LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["gradient_flow", "init_lab"]

FORWARD, BACKWARD = COLOURS[0], LIGHT.backward
_WEIGHTS = COLOURS[4]
_OFF = "#9aa0a6"
_DASHED = (0, (4, 2))
_VERDICTS = {"healthy": COLOURS[2], "vanishing": COLOURS[3], "exploding": LIGHT.backward, "symmetric": COLOURS[4]}
_DECADES = 14.0  # most that an axis shows; what is smaller stands at its foot
_COLUMNS = 3
_LINES = 30  # layers that still have a name each


def gradient_flow(model: Any, loss: Any = None, gradient: Any = None, *, theme: str = "light") -> Figure:
    """Draw the size of each layer's gradient, on a logarithmic scale, from the first layer (top) to the last.

    Without ``loss``: the ``.grad`` that the parameters hold after ``backward()``, beside the parameters themselves.
    With the loss that was made from ``model(x)``: also the activations, their gradients, and the share of values that
    the nonlinearity switches off, found by one backward pass that touches no ``.grad``. theme: ``light`` or ``dark``.
    Raises TypeError for a model that is no module, ValueError where no parameter holds a gradient.
    """
    known_theme(theme, "gradient_flow")
    if not hasattr(model, "named_parameters"):
        raise TypeError(f"gradient_flow: wanted a module, got {type(model).__name__}")
    if loss is not None:
        return flow_figure(type(model).__name__, layer_flow(model, loss, gradient), theme)
    held = [(path, p) for path, p in model.named_parameters() if p.requires_grad and p.size]
    if not any(p.grad is not None for _, p in held):
        raise ValueError(
            f"gradient_flow: no parameter of this {type(model).__name__} holds a gradient; call loss.backward() first, "
            "or pass the loss: viz.gradient_flow(model, loss=loss)"
        )
    return parameter_figure(type(model).__name__, held, theme)


def init_lab(lab: InitLab, *, theme: str = "light") -> Figure:
    """Draw a ``tg.init_lab``: a panel for each rule, with activations and gradients from the first layer to the last.

    Points are measured, thin lines are theory; the strip below shows the share of values switched off. All panels
    have the same scale; what is 0 stands at its foot, what is infinite at its head. theme: ``light`` or ``dark``.
    """
    known_theme(theme, "init_lab")
    results = lab.results
    columns = min(_COLUMNS, len(results))
    bands = math.ceil(len(results) / columns)
    names = [row.layer for row in results[0].rows]
    turned = max(map(len, names)) > 3 or len(names) > 12
    said = "; ".join(f"{r.rule}: {r.verdict} ({r.reason})" for r in results)
    figure = Figure(
        title=f"How {plain_text(lab.model)} starts",
        description=f"Standard deviation of activations and gradients by layer, for {len(results)} rules. {said}.",
        size=(max(2.65 * columns + 0.4, 5.0), 2.75 * bands + 0.9 + 0.4 * turned),
        theme=theme,
    )
    axes = figure.axes(2 * bands, columns, sharex=True, gridspec_kw={"height_ratios": [4.5, 1] * bands})
    limits = log_limits([v for row in lab.rows for v in sizes_of(row)])
    for i in range(bands * columns):
        band, column = divmod(i, columns)
        panel, strip = axes[2 * band * columns + column], axes[(2 * band + 1) * columns + column]
        if i >= len(results):
            panel.set_visible(False)
            strip.set_visible(False)
            continue
        draw_rule(panel, strip, results[i], limits, first=column == 0)
        name_layers(strip, names, turned, shown=band == bands - 1)
    explain(figure, [
        mark(FORWARD, "o", "activation"), mark(FORWARD, "", "theory"), mark(BACKWARD, "s", "gradient"),
        mark(BACKWARD, "", "theory"), bar(_OFF, f"off: slope below {OFF}"),
    ])  # fmt: skip
    return figure


# Parts of the lab's figure


def draw_rule(panel: Axes, strip: Axes, result: Any, limits: tuple[float, float], first: bool) -> None:
    """Draw one rule's curves, and the strip of what is off."""
    rows = result.rows
    formula = f"  std {result.formula}" if result.formula.startswith("√") else ""
    dress(panel, y="standard deviation" if first else "")
    dress(strip, y="off" if first else "")
    panel.set_title(figure_text(result.rule + formula, 34), fontsize=10.5, color=LIGHT.text, loc="left", pad=18)
    panel.text(0, 1.02, result.verdict, transform=panel.transAxes, fontsize=10, fontweight="bold",
               color=_VERDICTS.get(result.verdict, LIGHT.text), va="bottom")  # fmt: skip
    panel.set_yscale("log")
    panel.set_ylim(limits)
    panel.grid(axis="x", visible=False)
    curve(panel, [row.activation_std_theory for row in rows], limits, FORWARD, "")
    curve(panel, [row.gradient_std_theory for row in rows], limits, BACKWARD, "")
    curve(panel, [row.activation_std for row in rows], limits, FORWARD, "o")
    curve(panel, [row.gradient_std for row in rows], limits, BACKWARD, "s")
    below = [v for row in rows for v in (row.activation_std, row.gradient_std) if v < limits[0]]
    if below:
        said = "hollow: below the scale" if any(below) else "hollow: 0"
        panel.text(0.5, 0.93, said, transform=panel.transAxes, fontsize=9, color=LIGHT.faint, ha="center", va="top")
    strip.bar(range(len(rows)), [row.off for row in rows], color=_OFF, width=0.7)
    strip.set_ylim(0, 1)
    strip.set_yticks([0, 1], ["0", "100 %"])
    strip.grid(axis="x", visible=False)
    panel.tick_params(labelleft=first, labelbottom=False)
    strip.tick_params(labelleft=first)


def curve(axes: Axes, values: Sequence[float], limits: tuple[float, float], colour: str, marker: str) -> None:
    """Draw measured values as points on a line, theory as a dashed line; what is off the scale at its end, hollow."""
    low, high = limits
    x = np.arange(len(values))
    y = np.array(values, dtype=float)
    held = np.clip(y, low, high)
    if not marker:
        axes.plot(x, held, color=colour, linestyle=_DASHED, linewidth=1.3, alpha=0.75, clip_on=False)
        return
    inside = (y >= low) & (y <= high)
    face = [colour if one else LIGHT.background for one in inside]
    axes.plot(x, held, color=colour, linestyle="-", linewidth=1.0, alpha=0.35, clip_on=False)
    area = 26 * min(1.0, 14 / max(len(x), 1))
    axes.scatter(x, held, s=area, marker=marker, c=face, edgecolors=colour, linewidths=1.3, zorder=3, clip_on=False)


def mark(colour: str, marker: str, label: str, face: str = "") -> Any:
    """Return a legend's entry for points, or for a dashed line; face: what points are filled with."""
    from matplotlib.lines import Line2D

    look: dict[str, Any] = (
        {"linestyle": "none", "marker": marker, "markersize": 6, "markerfacecolor": face or colour}
        if marker
        else {"linestyle": _DASHED}
    )
    return Line2D([], [], color=colour, label=label, **look)


def bar(colour: str, label: str) -> Any:
    """Return a legend's entry for bars."""
    from matplotlib.patches import Patch

    return Patch(facecolor=colour, label=label)


def explain(figure: Figure, entries: Sequence[Any]) -> None:
    """Write the legend under all axes."""
    figure.canvas.legend(
        handles=list(entries), loc="outside lower center", ncols=len(entries), fontsize=9.5, frameon=False,
        labelcolor=LIGHT.text, handletextpad=0.5, columnspacing=1.4,
    )  # fmt: skip


def name_layers(axes: Axes, names: Sequence[str], turned: bool, shown: bool) -> None:
    """Write the layers' names under an axis, every second or third where there are many."""
    axes.tick_params(labelbottom=shown)
    every = math.ceil(len(names) / 16)
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_xticks(range(0, len(names), every), [figure_text(shorter(name)) for name in names[::every]])
    if turned:
        axes.tick_params(axis="x", labelrotation=90, labelsize=9)
    if shown:
        axes.set_xlabel("layer", fontsize=10.5, color=LIGHT.text)


# The flow through one model


def flow_figure(model: str, rows: Sequence[LayerFlow], theme: str) -> Figure:
    """Draw activations, gradients and what is off, a line for each layer."""
    names = [row.layer + (f" → {row.activation}" if row.activation else "") for row in rows]
    dim = min(rows, key=lambda row: row.gradient_std if row.gradient_std >= 0 else math.inf)
    figure = Figure(
        title=f"What flows through {plain_text(model)}",
        description=(
            f"Activations, gradients and the share of values switched off in {len(rows)} layers; the gradient is "
            f"smallest at {plain_text(dim.layer)} (std {dim.gradient_std:.3g})."
        ),
        size=(8.6, height_for(len(rows))),
        theme=theme,
    )
    forward, backward, off = figure.axes(1, 3, sharey=True, gridspec_kw={"width_ratios": [3, 3, 1.4]})
    weights = [row.weight_gradient_norm / math.sqrt(max(row.weight_size, 1)) for row in rows]
    dress(forward, title="activation", x="standard deviation")
    dress(backward, title="gradient", x="standard deviation")
    dress(off, title="off", x="of all values")
    dots(forward, [row.activation_std for row in rows], FORWARD, "o")
    dots(backward, [row.gradient_std for row in rows], BACKWARD, "s")
    dots(backward, weights, _WEIGHTS, "D")
    log_axis(forward, [row.activation_std for row in rows])
    log_axis(backward, [*[row.gradient_std for row in rows], *weights])
    off.barh(range(len(rows)), [row.off for row in rows], color=_OFF, height=0.6)
    off.barh(range(len(rows)), [row.dead for row in rows], color=LIGHT.forward, height=0.28)
    off.set_xlim(0, 1)
    off.set_xticks([0, 0.5, 1], ["0", "50", "100 %"])
    name_lines(forward, names)
    explain(figure, [
        mark(FORWARD, "o", "activation"), mark(BACKWARD, "s", "its gradient"), mark(_WEIGHTS, "D", "weights' gradient"),
        bar(_OFF, f"off: slope below {OFF}"), bar(LIGHT.forward, "dead: off for the whole batch"),
    ])  # fmt: skip
    return figure


def parameter_figure(model: str, held: Sequence[tuple[str, Any]], theme: str) -> Figure:
    """Draw what ``.grad`` holds beside the parameters, a line for each parameter."""
    gradients = [math.nan if p.grad is None else root_mean_square(p.grad.data) for _, p in held]
    values = [root_mean_square(p.data) for _, p in held]
    without = sum(p.grad is None for _, p in held)
    least = min(range(len(held)), key=lambda i: gradients[i] if gradients[i] >= 0 else math.inf)
    figure = Figure(
        title=f"Gradients of {plain_text(model)}",
        description=(
            f"Root mean square of {len(held)} parameters and their gradients; the smallest gradient is at "
            f"{plain_text(held[least][0])} ({gradients[least]:.3g})."
            + (f" {without} have no gradient." if without else "")
        ),
        size=(7.2, height_for(len(held))),
        theme=theme,
    )
    (axes,) = figure.axes()
    dress(axes, x="root mean square")
    hollow = [p.ndim < 2 for _, p in held]
    dots(axes, values, FORWARD, "o", hollow)
    dots(axes, gradients, BACKWARD, "s", hollow)
    log_axis(axes, [*values, *gradients])
    for i, g in enumerate(gradients):
        if math.isnan(g):
            note(axes, i, "no gradient", LIGHT.faint)
    name_lines(axes, [path for path, _ in held])
    entries = [mark(FORWARD, "o", "parameter"), mark(BACKWARD, "s", "its gradient")]
    explain(figure, [*entries, mark(LIGHT.faint, "o", "hollow: of one axis, such as a bias", LIGHT.background)])
    return figure


def dots(axes: Axes, values: Sequence[float], colour: str, marker: str, hollow: Sequence[bool] = ()) -> None:
    """Draw a point for each line of the figure; those that are not hollow are joined."""
    places = [i for i, v in enumerate(values) if v > 0 and math.isfinite(v)]
    joined = [i for i in places if not (hollow and hollow[i])]
    axes.plot([values[i] for i in joined], joined, color=colour, linestyle="-", linewidth=1.0, alpha=0.35)
    face = [colour if i in joined else LIGHT.background for i in places]
    axes.scatter([values[i] for i in places], places, s=34, marker=marker, c=face, edgecolors=colour, linewidths=1.3,
                 zorder=3)  # fmt: skip
    for i, v in enumerate(values):
        if v == 0 or math.isinf(v):
            note(axes, i, "0" if v == 0 else "∞", colour)


def note(axes: Axes, line: int, text: str, colour: str) -> None:
    """Write at the beginning of a line what has no place on the scale."""
    axes.annotate(
        text, (0.01, line), xycoords=("axes fraction", "data"), va="center", fontsize=9.5, color=colour, zorder=4,
        bbox={"facecolor": LIGHT.background, "edgecolor": "none", "pad": 1.5},
    )  # fmt: skip


def log_axis(axes: Axes, values: Sequence[float]) -> None:
    """Give an axis a logarithmic scale that holds the values."""
    from matplotlib.ticker import NullFormatter

    axes.set_xscale("log")
    axes.set_xlim(log_limits(values, math.inf))
    axes.xaxis.set_minor_formatter(NullFormatter())  # or the numbers between powers of ten run into each other


def name_lines(axes: Axes, names: Sequence[str]) -> None:
    """Write a name at each line, the first at the top; every second or third where there are many."""
    every = math.ceil(len(names) / _LINES)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_yticks(range(0, len(names), every), [figure_text(shorter(name, 32)) for name in names[::every]])


def height_for(lines: int) -> float:
    """Return the inches that a figure of some lines needs."""
    return 1.6 + 0.3 * min(max(lines, 3), _LINES)


def shorter(name: str, limit: int = 14) -> str:
    """Return a dotted path without its beginning where it is long."""
    return name if len(name) <= limit else "…" + name[1 - limit :]


def sizes_of(row: LayerFlow) -> tuple[float, ...]:
    """Return what the lab's panels draw of a layer."""
    return row.activation_std, row.gradient_std, row.activation_std_theory, row.gradient_std_theory


def log_limits(values: Sequence[float], decades: float = _DECADES) -> tuple[float, float]:
    """Return bounds around all positive values, around the largest if they are more than ``decades`` apart."""
    logs = [math.log10(v) for v in values if v > 0 and math.isfinite(v)]
    if not logs:
        return 0.1, 10.0
    low, high = max(min(logs), max(logs) - decades) - 0.3, max(logs) + 0.3
    if high - low < 2:  # one power of ten at least, to read the scale by
        low, high = math.floor(low), math.ceil(high)
    return 10.0**low, 10.0**high


def root_mean_square(array: Any) -> float:
    """Return the root of the mean of the squares, in float64."""
    return math.sqrt(float(np.mean(np.square(array, dtype=np.float64))))
