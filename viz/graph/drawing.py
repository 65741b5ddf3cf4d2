"""``viz.draw``: from a Tensor to a picture of how it was computed, and how its gradient flows back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tinygrad_edu import Step, Tensor, backward_steps
from tinygrad_edu.engine.failure import FailedCall
from tinygrad_edu.engine.trace.opening import opened
from tinygrad_edu.engine.trace.replay import replay
from tinygrad_edu.engine.trace.snapshot import snapshot
from tinygrad_edu.engine.trace.tracing import Trace, Value, graph
from viz.graph.caption import level_note
from viz.graph.dot import Options, dot_text
from viz.graph.fold import LEVELS, View, fold
from viz.graph.live import named_parameters
from viz.graph.picture import Picture
from viz.graph.trouble import COLOURS, marks_of
from viz.style.escape import plain_text
from viz.style.numbers import brief

__all__ = ["draw", "draw_dot", "make_dot"]

SHOW = ("value", "grad", "formula", "shape", "image", "source")
_DIRECTIONS = ("LR", "RL", "TB", "BT")
_THEMES = ("auto", "light", "dark")


def draw(
    output: Any,
    level: str = "op",
    show: Any = ("value", "grad"),
    *,
    backward: bool = False,
    direction: str = "LR",
    gradient: Any = None,
    names: Mapping[str, Any] | None = None,
    color_by: str | None = None,
    lr: float | None = None,
    width_by: str | None = None,
    parameters: Any = None,
    dead: bool = False,
    theme: str = "auto",
    legend: bool = True,
    title: str | None = None,
    size: tuple[float, float] | None = None,
    max_nodes: int = 400,
    renderer: str | None = None,
    timeout: float = 30.0,
) -> Picture:
    """Draw the graph that made ``output``.

    output: a Tensor, a list of Tensors, a Trace, or the ``err.graph`` of a forward pass that failed.
    level: ``module`` (a box per layer), ``op`` (a box per function), ``primitive`` (every recorded operation) or
    ``scalar`` (every single multiplication and addition). show: any of value, grad, formula, shape, image, source
    (source needs the forward pass inside ``with tg.record_lines():``). backward: overlay the gradient's way, dashed,
    each edge with its contribution. gradient: what arrives at an output that is no single number.
    names: what to call Tensors that have no name; ``names=locals()`` takes the names of your variables.
    color_by: what the fills tell, with a legend and in words: ``"grad"``, the norm of a value's gradient, on a
    logarithmic scale; ``"ratio"``, the norm of a step over that of the weights, where about 1e-3 is a rule of thumb
    (Karpathy, CS231n notes, "Neural Networks Part 3"), for a step of SGD with ``lr=``, or, without, for the step that
    was made since the loss was recorded; ``"dead"``, the share of a nonlinearity's units that are off for the whole
    batch; ``"nan"``, NaN and Inf and where they come up, which the other three also show. width_by: ``"grad"`` makes
    edges as wide as what flows back along them is large. parameters: a module, dict or list of Tensors: those that no
    gradient reaches are drawn too, striped. dead: mark values whose gradient is all 0.
    theme: ``auto`` (an SVG follows the page), ``light`` or ``dark``. size: (width, height) in inches to fit into.
    max_nodes: above it, ValueError says how to draw less. renderer, timeout: see ``viz.output.render``.

    The gradients are those of this very backward pass, there before ``backward()`` too, and nothing is touched.
    """
    shown = checked(level, show, direction, color_by, theme)
    checked_trouble(color_by, lr, width_by)
    cut_off = () if parameters is None else unreached_parameters(output, named_parameters(parameters, "draw"), gradient)
    trace = traced(output, level, gradient, names, max_nodes)
    view = fold(trace, level)
    if len(view.boxes) > max_nodes:
        raise ValueError(
            f"draw: level={level!r} has {len(view.boxes):,} boxes, more than {max_nodes:,}; {smaller(trace, view)}, or "
            "pass max_nodes= to allow more"
        )
    palette = "dark" if theme == "dark" else "light"
    marks = {} if color_by is None else marks_of(view, color_by, lr, lambda: behind(output, level, gradient, names))
    options = Options(
        shown, backward, direction, palette, color_by, marks, width_by is not None, cut_off, dead, legend, size, title
    )
    source = dot_text(view, options)
    name = title or root_title(trace)
    return Picture(source, title=name, description=description(view), theme=theme, renderer=renderer, timeout=timeout)


def checked(level: str, show: Any, direction: str, color_by: str | None, theme: str) -> tuple[str, ...]:
    """Check the options; return what to show."""
    shown = (show,) if isinstance(show, str) else tuple(show)
    unknown = [word for word in shown if word not in SHOW]
    if unknown:
        raise ValueError(f"draw: show={unknown[0]!r} is none of {', '.join(SHOW)}")
    for name, value, known in (
        ("level", level, LEVELS), ("direction", direction, _DIRECTIONS), ("theme", theme, _THEMES),
        ("color_by", color_by, (None, *COLOURS)),
    ):  # fmt: skip
        if value not in known:
            raise ValueError(f"draw: {name}={value!r} is none of {', '.join(map(str, known))}")
    return shown


def checked_trouble(color_by: str | None, lr: float | None, width_by: str | None) -> None:
    """Check the options that show what may be wrong."""
    if width_by not in (None, "grad"):
        raise ValueError(f"draw: width_by={width_by!r} is none of None, grad")
    if lr is None:
        return
    if color_by != "ratio":
        raise ValueError('draw: lr= says how far a step goes, for color_by="ratio" alone')
    if isinstance(lr, bool) or not isinstance(lr, (int, float)) or not 0 < lr < math.inf:
        raise ValueError(f"draw: lr must be a positive number, got {lr!r}")


def behind(output: Any, level: str, gradient: Any, names: Mapping[str, Any] | None) -> tuple[Tensor, list[Step]]:
    """Return the Tensor that is drawn at a level, and the steps of its backward pass."""
    if isinstance(output, (list, tuple)) and len(output) == 1:
        output = output[0]
    if not isinstance(output, Tensor) or level == "scalar":
        what = 'level="scalar"' if isinstance(output, Tensor) else type(output).__name__
        raise ValueError(
            f'draw: color_by="dead", and color_by="ratio" without lr=, read the Tensors of one output at level module, '
            f"op or primitive, not {what}"
        )
    if level == "primitive":
        output = opened([output], names)[0][0]
    return output, list(backward_steps(output, gradient)) if output.requires_grad else []


def unreached_parameters(output: Any, parameters: list[tuple[str, Tensor]], gradient: Any) -> tuple[Value, ...]:
    """Return the parameters that want a gradient and that no backward pass from the output reaches."""
    outputs = output if isinstance(output, (list, tuple)) else [output]
    if not all(isinstance(y, Tensor) for y in outputs):
        raise ValueError(f"draw: parameters= wants a Tensor to draw, not {type(output).__name__}")
    given = gradient if isinstance(gradient, (list, tuple)) and len(outputs) > 1 else [gradient] * len(outputs)
    reached: set[Tensor] = set(outputs)
    for y, g in zip(outputs, given):
        if y.requires_grad and (y.size == 1 or g is not None):
            reached.update(x for step in backward_steps(y, g) for x in step.inputs)
    return tuple(
        [
            Value(-1 - i, "parameter", name, snapshot(p.data), True, None)
            for i, (name, p) in enumerate(parameters)
            if p.requires_grad and p not in reached
        ]
    )


def traced(
    output: Any, level: str, gradient: Any, names: Mapping[str, Any] | None, max_nodes: int, **kept: Any
) -> Trace:
    """Return the Trace to draw; at scalar level that of the graph taken apart. kept: what else ``graph`` is to keep."""
    if isinstance(output, Trace):
        return output
    if level not in ("primitive", "scalar") or isinstance(output, FailedCall):
        return graph(output, gradient, names=names, **kept)
    several = isinstance(output, (list, tuple))
    given = list(output) if several else [output]
    if level == "primitive":
        if all([isinstance(y, Tensor) for y in given]):
            given, names = opened(given, names)
        return graph(given if several else given[0], gradient, names=names, **kept)
    note = graph(output, gradient, formulas=False).note
    elements = replay(given, max_nodes, names)
    if note and gradient is None:
        trace = graph(elements, backward=False, **kept)
        return Trace(trace.values, trace.calls, trace.scopes, trace.steps, trace.outputs, note)
    seeds = None if gradient is None else flat_gradients(gradient, several)
    return graph(elements, seeds, **kept)


def flat_gradients(gradient: Any, several: bool) -> list[float]:
    """Return what arrives at each element of the outputs."""
    import numpy as np

    given = gradient if several else [gradient]
    return [float(g) for piece in given for g in np.asarray(piece).ravel()]


def smaller(trace: Trace, view: View) -> str:
    """Say how to draw less: a coarser level, if that folds anything."""
    part = "draw a part: the output of one layer, a smaller batch, fewer steps"
    if view.level == "scalar":
        return f'draw it at level="primitive", or {part}'
    for coarser in LEVELS[: LEVELS.index(view.level)][::-1]:
        boxes = len(fold(trace, coarser).boxes)
        if boxes < len(view.boxes):
            return f'draw it at level="{coarser}" ({boxes:,} boxes), or {part}'
    return part


def root_title(trace: Trace) -> str:
    """What a picture is called."""
    names = [node.name or "output" for node in map(trace.nodes.__getitem__, trace.outputs) if isinstance(node, Value)]
    return plain_text("Computational graph of " + ", ".join(names), 80) if names else "Graph of a failed call"


def description(view: View) -> str:
    """The picture in words: for people who hear it, and for viewers without pictures."""
    trace = view.trace
    values = [node for node in map(trace.nodes.__getitem__, trace.outputs) if isinstance(node, Value)]
    results = ", ".join(f"{plain_text(v.name or 'output', 30)} = {brief(v.data, 6)}" for v in values)
    parameters = [v for v in trace.values if v.kind == "parameter"]
    slopes = ", ".join(
        f"{plain_text(v.name or 'parameter', 30)}: {brief(v.gradient, 6)}"
        for v in parameters[:12]
        if v.gradient is not None
    )
    text = f"{root_title(trace)} at level {view.level}: {len(view.boxes)} boxes, {len(trace.calls)} operations"
    text += f"; result {results}" if results else ""
    text += f"; gradients {slopes}{' …' if len(parameters) > 12 else ''}" if slopes else ""
    notes = [level_note(view), plain_text(trace.note, 300) if trace.note else ""]
    return "; ".join([text, *filter(None, notes)])


def draw_dot(root: Any, format: str = "svg", rankdir: str = "LR") -> Picture:
    """``viz.draw`` under the name micrograd's users type; ``format`` is not needed, the suffix of ``.save`` says it."""
    return draw(root, level="primitive", direction=rankdir)


def make_dot(
    var: Any, params: dict[str, Any] | None = None, show_attrs: bool = False, show_saved: bool = False
) -> Picture:
    """``viz.draw`` under the name torchviz's users type; ``params`` says what to call Tensors without a name."""
    return draw(var, names=params)
