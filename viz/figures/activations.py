"""``viz.activation``: an activation function with its derivative, and what its shape does to learning."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu import functional as F
from viz.figures.activation_numbers import Study, interval_text, study
from viz.figures.figure import COLOURS, Figure, dress, figure_text, known_theme
from viz.style.numbers import number
from viz.style.theme import LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Activation", "activation"]

NAMES = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "softmax")


class Activation:
    """An activation function, looked at. In Jupyter it shows itself; ``.save(path)`` writes svg, png or pdf.

    ``str()`` of it says everything in words and numbers, without matplotlib. name: of the function. study: its
    numbers, ``.x .y .slope .low .high .dead .mean .falls .kinks .formula .rules``. remarks: what follows from them.
    """

    def __init__(self, name: str, found: Study, theme: str, extra: tuple[str, ...]) -> None:
        self.name, self.study, self.theme = name, found, theme
        self.remarks: tuple[str, ...] = (*general_remarks(found), *extra)

    @property
    def range(self) -> tuple[float, float]:
        """The least and the largest value, ±inf where it grows without end."""
        return self.study.low, self.study.high

    @property
    def dead(self) -> tuple[tuple[float, float], ...]:
        """Where the size of the slope is below the threshold."""
        return self.study.dead

    @property
    def monotone(self) -> bool:
        """Whether it never falls."""
        return self.study.monotone

    @property
    def zero_centred(self) -> bool:
        """Whether its values lie about 0 when its inputs do."""
        return self.study.zero_centred

    @property
    def description(self) -> str:
        """The picture in words."""
        return f"{self.name} and its derivative. " + " ".join(self.remarks)

    @cached_property
    def figure(self) -> Figure:
        """The chart; ImportError where matplotlib is missing."""
        return draw(self)

    def svg(self) -> str:
        """The chart as an SVG element."""
        return self.figure.svg()

    def png(self, dpi: float = 144.0) -> bytes:
        """The chart as PNG."""
        return self.figure.png(dpi)

    def save(self, path: Any) -> Path:
        """Write the chart as .svg, .png or .pdf; ValueError for another suffix."""
        return self.figure.save(path)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str | bytes]:
        """The chart, and the words; the words alone where matplotlib is missing."""
        try:
            return {**self.figure._repr_mimebundle_(include, exclude), "text/plain": str(self)}
        except ImportError as problem:
            return {"text/plain": f"{self}\n({problem})"}

    def __str__(self) -> str:
        s = self.study
        lines = [f"{self.name}: y = {s.formula}", *[f"gradient: {rule}" for rule in s.rules], ""]
        lines += [f"- {remark}" for remark in self.remarks]
        lines += ["", f"{'x':>8}{'y':>12}{'slope':>12}"]
        for at in np.linspace(0, len(s.x) - 1, 9).round().astype(int):
            lines.append(f"{number(s.x[at]):>8}{number(s.y[at]):>12}{number(s.slope[at]):>12}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<activation {self.name}: {' '.join(self.remarks[:2])}>"


def activation(
    function: str | Callable[[Any], Any],
    *,
    low: float = -6.0,
    high: float = 6.0,
    threshold: float = 0.01,
    theme: str = "light",
    **options: Any,
) -> Activation:
    """Show an activation function and its derivative, its range, where its gradient dies, and whether it is monotone.

    function: ``sigmoid tanh relu leaky_relu elu gelu silu softplus``, ``softmax`` (of [x, 0], which is the sigmoid), or
    a function from a Tensor to one of the same shape: an op of your own, a module. low, high: what the picture shows.
    threshold: slopes smaller than this count as dead. theme: ``light`` or ``dark``. options: of the named function,
    such as ``negative_slope=0.2``. Values and slopes are the engine's, by its own rules; no formula is written here.
    Raises ValueError for an unknown name, or a function that is none of single numbers; TypeError for what is none.
    """
    known_theme(theme, "activation")
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"activation: low must be below high, both finite, got {low} and {high}")
    if not threshold > 0:
        raise ValueError(f"activation: threshold must be greater than 0, got {threshold}")
    name, f = named(function, options)
    found = study(f, name, float(low), float(high), float(threshold))
    return Activation(name, found, theme, own_remarks(name, f))


def named(function: Any, options: dict[str, Any]) -> tuple[str, Callable[[Any], Any]]:
    """Return name and function; ValueError that offers the names there are."""
    if isinstance(function, str):
        name = function.lower().replace("swish", "silu")
        if name not in NAMES:
            raise ValueError(f"activation: no function {function!r}; there are {', '.join(NAMES)}, or pass your own")
        f = soft_pair if name == "softmax" else getattr(tg, name)
        return name, (lambda x: f(x, **options)) if options else f
    if not callable(function):
        raise TypeError(f"activation: wanted a name or a function, got {type(function).__name__}")
    said = getattr(function, "name", None) or getattr(function, "__name__", None) or type(function).__name__
    return str(said), (lambda x: function(x, **options)) if options else function


def soft_pair(x: Any) -> Any:
    """Return the first probability of softmax([x, 0])."""
    return F.softmax(tg.stack([x, x * 0.0]), axis=0)[0]


# What follows


def general_remarks(s: Study) -> list[str]:
    """Return the four remarks that every function gets: range, gradient, centre, shape."""
    ends = [("−∞" if v < 0 else "∞") if math.isinf(v) else number(round(v, 4)) for v in (s.low, s.high)]
    bounded = "" if math.isinf(s.low) or math.isinf(s.high) else ": it squashes"
    small = number(s.threshold)
    gradient = f"The gradient is at most {number(s.steepest)}; "
    gradient += f"it dies (below {small}) for {interval_text(s.dead)}." if s.dead else f"it is nowhere below {small}."
    centre = (
        "The output is zero-centred: its mean is 0 for standard normal inputs."
        if s.zero_centred
        else f"The output is not zero-centred: its mean is {number(round(s.mean, 4))} for standard normal inputs."
    )
    shape = "It is monotone" if s.monotone else f"It is not monotone: it falls for {interval_text(s.falls)}"
    if not s.kinks:
        return [
            f"Values from {ends[0]} to {ends[1]}{bounded}.",
            gradient,
            centre,
            f"{shape}, and differentiable everywhere.",
        ]
    jumps = "; ".join(
        f"at {number(k.x)}: slope {number(k.left)} on the left, {number(k.right)} on the right, the engine takes "
        f"{number(k.here)} there" for k in s.kinks
    )  # fmt: skip
    return [
        f"Values from {ends[0]} to {ends[1]}{bounded}.",
        gradient,
        centre,
        f"{shape}, but not differentiable {jumps}.",
    ]


def own_remarks(name: str, f: Callable[[Any], Any]) -> tuple[str, ...]:
    """Return what is to be said of one function alone, with its numbers worked out."""
    x = np.linspace(-30, 30, 601)
    if name == "sigmoid":
        near = number(float(f(tg.Tensor(0.01)).data))
        return (
            f"With tiny weights its input is near 0 and its output near 0.5 (σ(0.01) = {near}), where it is steepest, "
            "not near 1: the course slips here.",
            "σ(x) = softmax([x, 0])[0]: the softmax generalises it to more classes.",
        )
    if name == "softmax":
        gap = float(np.abs(soft_pair(tg.Tensor(x)).data - tg.sigmoid(tg.Tensor(x)).data).max())
        return (
            f"softmax([x, 0])[0] is the sigmoid of x: the largest difference of 601 places is {number(gap)}.",
            "With more logits each probability is exp(xᵢ) over the sum of all; they add up to 1.",
        )
    if name == "relu":
        return ("A unit whose inputs are all negative gets no gradient and never learns again: it is dead.",)
    return ()


# The picture


def draw(shown: Activation) -> Figure:
    """Draw function and derivative side by side, what is dead shaded, and the remarks below."""
    lines = [part for remark in shown.remarks for part in marked(remark)]
    three = shown.name == "softmax"
    figure = Figure(title=f"{shown.name} and its derivative", description=shown.description, theme=shown.theme,
                    size=(9.8 if three else 8.6, 3.6 + 0.2 * len(lines)))  # fmt: skip
    axes = figure.axes(1, 3 if three else 2)
    s = shown.study
    for panel, values, title in zip(axes, (s.y, s.slope), ("function", slope_title(s))):
        crossed(dress(panel, title=title, x="x"))
        shade(panel, s)
        y = broken(s, values) if title != "function" else values
        panel.plot(s.x, y, color=COLOURS[0], linestyle="-", linewidth=2.4)
        panel.set_xlim(s.x[0], s.x[-1])
    ends(axes[0], s)
    corners(axes[1], s)
    explain(axes[1], s)
    if three:
        sigmoid_over(axes[0], s)
        three_logits(axes[2], s)
    figure.canvas.supxlabel(figure_text("\n".join(lines), 4000).replace("⏎", "\n"), x=0.02, ha="left", fontsize=10,
                            color=LIGHT.text, linespacing=1.35)  # fmt: skip
    return figure


def slope_title(s: Study) -> str:
    """Return what stands above the derivative: the engine's rule where it is one and short."""
    return (
        f"derivative: {s.rules[0]}"
        if len(s.rules) == 1 and len(s.rules[0]) < 44
        else "derivative, by the engine's rules"
    )


def marked(remark: str) -> list[str]:
    """Return a remark in lines, the first with a dot."""
    return [("• " if i == 0 else "   ") + part for i, part in enumerate(wrap(remark, 104))]


def crossed(axes: Axes) -> Axes:
    """Give axes lines through 0."""
    axes.axhline(0, color=LIGHT.faint, linewidth=0.9, linestyle="-")
    axes.axvline(0, color=LIGHT.faint, linewidth=0.9, linestyle="-")
    return axes


def shade(axes: Axes, s: Study) -> None:
    """Shade where the gradient is dead."""
    for low, high in s.dead:
        left, right = max(low, s.x[0]), min(high, s.x[-1])
        if left < right:
            axes.axvspan(left, right, facecolor=LIGHT.kinds["failed"].fill, edgecolor=LIGHT.backward, hatch="//",
                         linewidth=0, alpha=0.55, zorder=0.5)  # fmt: skip


def broken(s: Study, values: Any) -> Any:
    """Return slopes with a gap at each jump."""
    found = np.array(values, dtype=float)
    for kink in s.kinks:
        found[np.abs(s.x - kink.x) < (s.x[1] - s.x[0])] = np.nan
    return found


def ends(axes: Axes, s: Study) -> None:
    """Draw the ends of the range, where there are such."""
    for value in (s.low, s.high):
        if not math.isfinite(value) or value == 0:
            continue
        axes.axhline(value, color=LIGHT.faint, linewidth=1.0, linestyle=(0, (4, 3)))
        if not value.is_integer():
            axes.annotate(number(round(value, 4)), (s.x[-1], value), xytext=(-2, 3), fontsize=9.5,
                          textcoords="offset points", ha="right", va="bottom", color=LIGHT.faint,
                          bbox={"facecolor": LIGHT.background, "edgecolor": "none", "pad": 0.5})  # fmt: skip


def corners(axes: Axes, s: Study) -> None:
    """Mark each jump of the slope: hollow the sides, filled what the engine takes."""
    for k in s.kinks:
        if s.x[0] <= k.x <= s.x[-1]:
            axes.plot([k.x, k.x], [k.left, k.right], "o", markersize=7, markerfacecolor=LIGHT.background,
                      markeredgecolor=COLOURS[0], markeredgewidth=1.6, linestyle="none", zorder=3)  # fmt: skip
            axes.plot([k.x], [k.here], "o", markersize=5, color=COLOURS[0], linestyle="none", zorder=4)


def explain(axes: Axes, s: Study) -> None:
    """Say what the shading is."""
    from matplotlib.patches import Patch

    room = float(max(np.nanmax(s.slope), 0)) - float(min(np.nanmin(s.slope), 0))
    axes.set_ylim(top=float(max(np.nanmax(s.slope), 0)) + 0.22 * room)
    if s.dead:
        sign = Patch(facecolor=LIGHT.kinds["failed"].fill, edgecolor=LIGHT.backward, hatch="//", linewidth=0,
                     label=f"gradient dead: size below {number(s.threshold)}")  # fmt: skip
        axes.legend(handles=[sign], loc="upper center", fontsize=9.5, labelcolor=LIGHT.text, framealpha=1,
                    facecolor=LIGHT.background, edgecolor=LIGHT.background)  # fmt: skip


def sigmoid_over(axes: Axes, s: Study) -> None:
    """Draw the sigmoid over the first probability of softmax([x, 0])."""
    y = tg.sigmoid(tg.Tensor(s.x)).data
    axes.lines[2].set_label("softmax([x, 0])[0]")
    axes.plot(s.x[::150], y[::150], "o", color=COLOURS[1], markersize=6, linestyle="none", label="sigmoid(x)")
    axes.legend(loc="upper left", fontsize=9, labelcolor=LIGHT.text, framealpha=1, handlelength=1, borderpad=0.2,
                facecolor=LIGHT.background, edgecolor=LIGHT.background, bbox_to_anchor=(0, 0.93))  # fmt: skip


def three_logits(axes: Axes, s: Study) -> None:
    """Draw the three probabilities of softmax([x, 0, 1])."""
    crossed(dress(axes, title="softmax([x, 0, 1])", x="x"))
    places = s.x[::10]  # as smooth, and a tenth of the SVG
    x = tg.Tensor(places)
    p = F.softmax(tg.stack([x, x * 0.0, x * 0.0 + 1.0]), axis=0).data
    base = np.zeros_like(places)
    for index, kind in enumerate(("parameter", "input", "output")):
        style = LIGHT.kinds[kind]
        axes.fill_between(places, base, base + p[index], facecolor=style.fill, edgecolor=style.line, linewidth=1.4)
        at = int((0.88, 0.14, 0.3)[index] * len(places))
        axes.text(places[at], float((base + p[index] / 2)[at]), "x01"[index], color=style.text, fontsize=11,
                  ha="center", va="center", fontweight="bold")  # fmt: skip
        base = base + p[index]
    axes.set_xlim(s.x[0], s.x[-1])
    axes.set_ylim(0, 1)
