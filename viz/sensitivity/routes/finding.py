"""Find the paths: what is asked is checked, opened to its level, and followed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu import Tensor
from tinygrad_edu.engine.trace.opening import opened
from tinygrad_edu.engine.trace.replay import replay
from tinygrad_edu.engine.trace.tracing import Trace, graph
from viz.graph.drawing import smaller
from viz.graph.fold import LEVELS, fold
from viz.graph.live import tensors_by_id
from viz.graph.options import Options
from viz.sensitivity.routes.follower import AUTO, Follower
from viz.sensitivity.routes.result import Paths
from viz.style.escape import plain_text

__all__ = ["paths"]


def paths(
    loss: Tensor,
    w: Tensor | str,
    level: str = "op",
    *,
    gradient: Any = None,
    names: Mapping[str, Any] | None = None,
    limit: int = 100,
    direction: str = "LR",
    theme: str = "auto",
    max_nodes: int = 400,
    renderer: str | None = None,
    timeout: float = 30.0,
) -> Paths:
    """Follow every path from ``w`` to ``loss``: the product of the local derivatives along each, and their sum.

    loss: a Tensor of one element, or of any shape with ``gradient`` of the same. w: a Tensor of its graph, leaf or
    not, or its name; at level ``scalar`` an element such as ``"W1[0,0]"``. names: as in ``viz.draw``. level: what
    counts as a step: a ``module``, an ``op``, a ``primitive`` or a ``scalar``; inside a box the paths are summed.
    limit: paths that are followed one by one; the others are counted and summed. The picture tells six apart.

    Of arrays, a path's contribution is the product of its Jacobians, transposed, applied to what arrives at the loss:
    an array of w's shape. Its share is measured along the total gradient g: ⟨g_path, g⟩ / ‖g‖²; all shares make 1.
    Paths through stacked ``nn.Residual`` blocks are also grouped by how many bodies they lead through (Veit, Wilber,
    Belongie 2016, "Residual Networks Behave Like Ensembles of Relatively Shallow Networks").
    Those sums take a backward pass or two for each block, and walk no path.

    Nothing is touched. Raises TypeError for what is no Tensor, ValueError for a w that is not in the graph or needs no
    gradient, for a loss of several elements without ``gradient``, and for more than ``max_nodes`` boxes.
    """
    checked(loss, w, level, limit, gradient)
    loss, w, names = at_level(loss, w, level, called(loss, w, names), max_nodes)
    trace = graph(loss, gradient, formulas=False, names=names)
    steps = list(tg.backward_steps(loss, gradient))
    tensors = {trace.outputs[0]: loss, **tensors_by_id(trace, steps)}
    target = found_value(trace, tensors, w)
    view = fold(trace, level)
    if len(view.boxes) > max_nodes:
        raise ValueError(
            f"paths: level={level!r} has {len(view.boxes):,} boxes, more than {max_nodes:,}; {smaller(trace, view)}, "
            "or pass max_nodes= to allow more"
        )
    total = tg.grad(loss, tensors[target], gradient=gradient).data
    options = Options(direction=direction, theme="dark" if theme == "dark" else "light")
    follower = Follower(trace, steps, view, target, total)
    return follower.result(limit, options, theme=theme, renderer=renderer, timeout=timeout)


def checked(loss: Any, w: Any, level: str, limit: int, gradient: Any) -> None:
    """Refuse what can't be followed, before anything is done."""
    if not isinstance(loss, Tensor):
        raise TypeError(f"paths: loss must be a Tensor, got {type(loss).__name__}")
    if not isinstance(w, (Tensor, str)):
        raise TypeError(f"paths: w must be a Tensor of the graph or its name, got {type(w).__name__}")
    if level not in LEVELS:
        raise ValueError(f"paths: level={level!r} is none of {', '.join(LEVELS)}")
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ValueError(f"paths: limit must be a number of paths, 1 or more, got {limit!r}")
    if not loss.requires_grad:
        raise ValueError("paths: the loss needs no gradient, so no path was recorded; give w requires_grad=True")
    if loss.size != 1 and gradient is None:
        raise ValueError(
            f"paths: the loss has shape {loss.shape}, but a gradient starts from one number; reduce it first (.sum(), "
            ".mean()) or pass gradient= of the same shape"
        )


def called(loss: Tensor, w: Tensor | str, names: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the names, with ``loss`` and ``w`` for those two if they have none and these are free."""
    found = dict(names or {})
    for name, x in (("loss", loss), ("w", w)):
        if isinstance(x, Tensor) and not x.name and not any(x is other for other in found.values()):
            found.setdefault(name, x)
    return found


def at_level(
    loss: Tensor, w: Tensor | str, level: str, names: Mapping[str, Any] | None, max_nodes: int
) -> tuple[Tensor, Tensor | str, Mapping[str, Any] | None]:
    """Return loss and w in the graph that the level draws: fused operations opened, or taken apart into numbers."""
    if level == "primitive":
        key = "\0w"
        (loss,), names = opened([loss], {key: w, **(names or {})})
        w = (names or {}).get(key, w)
        return loss, w, {name: x for name, x in (names or {}).items() if name != key}
    if level != "scalar":
        return loss, w, names
    if isinstance(w, Tensor):
        trace = graph(loss, np.ones(loss.shape), formulas=False, names=names)
        tensors = {trace.outputs[0]: loss, **tensors_by_id(trace, list(tg.backward_steps(loss, np.ones(loss.shape))))}
        w = element_name(w, str(trace.nodes[found_value(trace, tensors, w)].name))  # type: ignore[union-attr]
    if loss.size != 1:
        raise ValueError(
            f'paths: level="scalar" wants a loss of one element, got shape {loss.shape}; pick one: loss[0]'
        )
    return replay([loss], max_nodes, names)[0], w, None


def element_name(w: Tensor, name: str) -> str:
    """Return the name of the one element of ``w``; ValueError if there are several."""
    index = f"[{','.join(['0'] * w.ndim)}]" if w.ndim else ""
    if w.size != 1:
        raise ValueError(f'paths: level="scalar" follows one number; say which by its name, such as "{name}{index}"')
    return name + index


def found_value(trace: Trace, tensors: Mapping[int, Tensor], w: Tensor | str) -> int:
    """Return the id of ``w`` in the Trace; ValueError where it is not, or gets no gradient."""
    if isinstance(w, str):
        return named_value(trace, tensors, w)
    found = [number for number, x in tensors.items() if x is w]
    if found:
        return found[0]
    name = repr(plain_text(w.name, 40)) if w.name else "w"
    if not w.requires_grad:
        raise ValueError(f"paths: {name} needs no gradient, so no path was recorded; give it requires_grad=True")
    raise ValueError(
        f"paths: the loss does not depend on {name}, of shape {w.shape}: no path leads there; see whether detach(), "
        f"no_grad() or a fresh Tensor(...) cut it off. In the graph are {', '.join(names_in(trace, tensors)[:8])}"
    )


def named_value(trace: Trace, tensors: Mapping[int, Tensor], name: str) -> int:
    """Return the id of the value of a name; ValueError with the nearest names if there is none, or several."""
    found = [v.id for v in trace.values if v.name == name]
    if not found:
        known = names_in(trace, tensors)
        near = difflib.get_close_matches(name, [k for k in known if not AUTO.fullmatch(k)], 3, 0.4) or known[:8]
        raise ValueError(f"paths: nothing in the graph is called {name!r}; there are {', '.join(near)}")
    if len(found) > 1:
        raise ValueError(f"paths: {len(found)} values are called {name!r}; pass the Tensor itself, or rename one")
    if found[0] not in tensors:
        raise ValueError(f"paths: {name!r} needs no gradient, so no path was recorded; give it requires_grad=True")
    return found[0]


def names_in(trace: Trace, tensors: Mapping[int, Tensor]) -> list[str]:
    """Return the names of all values that can be followed, those that somebody gave first."""
    names = dict.fromkeys([plain_text(v.name, 40) for v in trace.values if v.name and v.id in tensors])
    return sorted(names, key=lambda name: bool(AUTO.fullmatch(name)))
