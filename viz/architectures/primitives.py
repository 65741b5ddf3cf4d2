"""A layer's drawing: the ops that it is made of, fused ones opened, with its parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu import Tensor
from tinygrad_edu.engine.scope import MODE, inside
from tinygrad_edu.engine.trace.tracing import recorded
from tinygrad_edu.nn import Module
from viz.architectures.structure import Part
from viz.architectures.views import Arrow, Box, View
from viz.style.numbers import number, shape_text

__all__ = ["primitives_of"]


def primitives_of(part: Part) -> View:
    """Return the drawing of a layer's ops, run once more, with every fused op in its small steps."""
    names = names_in(part.owner)
    leaves: dict[Tensor, Any] = {}
    outputs = run_again(part, leaves)
    boxes: dict[Any, Box] = {}
    arrows: list[Arrow] = []
    entering = {x for _, x in part.sources}
    for node in recorded(outputs):
        constants: list[str] = []
        sources: list[Tensor] = []
        for x in node._inputs:
            if x._op is None and x not in boxes:
                box = leaf_box(leaves.get(x, x), x, entering, names)
                if box is None:
                    constants += [number(float(x._data))] if x.size == 1 else []
                    continue
                boxes[x] = box
            sources.append(x)
        boxes[node] = op_box(node, constants)
        arrows += [Arrow(boxes[x], boxes[node], shape_of(x, boxes[x])) for x in sources if x in boxes]
    for y in outputs:
        if y not in boxes:
            continue
        out = Box("", "output", None, outputs=[y])
        boxes[object()] = out
        arrows.append(Arrow(boxes[y], out, tuple(y.shape[1:])))
    found = list(boxes.values())
    for i, box in enumerate(found):
        box.id = f"b{i}"
    return View(part, found, [], arrows)


def run_again(part: Part, leaves: dict[Tensor, Any]) -> list[Tensor]:
    """Run a layer's ops on arrays like those they saw, and fill ``leaves`` with what each input stands for."""
    copies: dict[Any, Tensor] = {}
    nodes = part.call.nodes if part.call is not None else []
    mode = MODE.get().but(recording=True, scope=None, anomaly=False, lines=False, unfused=True)
    with inside(mode), np.errstate(all="ignore"):
        for node in nodes:
            for x, seen in zip(node._inputs, node._seen):
                if x not in copies:
                    copies[x] = Tensor(seen, requires_grad=seen.dtype.kind == "f", copy=False)
                    leaves[copies[x]] = x
            copies[node] = node._op(*[copies[x] for x in node._inputs], **(node._params or {}))
    return [copies[y] for y in part.outputs if y in copies]


def names_in(module: Module | None) -> dict[Any, tuple[str, str]]:
    """Return name and kind of what a module holds."""
    if module is None:
        return {}
    found: dict[Any, tuple[str, str]] = {x: (name, "statistic") for name, x in module.named_buffers()}
    return found | {x: (name, "parameter") for name, x in module.named_parameters()}


def leaf_box(x: Any, copy: Tensor, entering: set[Any], names: dict[Any, tuple[str, str]]) -> Box | None:
    """Return the box of what an op is given, None for a number that is written on the op."""
    if x in entering:
        return Box("", "entry", None, outputs=[copy])
    if x in names:
        name, kind = names[x]
        return Box("", kind, None, outputs=[copy], text=name, note=shape_text(copy.shape))
    if copy.size == 1:
        return None
    for held, (name, kind) in names.items():  # running statistics are handed over as bare arrays
        if np.may_share_memory(held._data, copy._data):
            return Box("", kind, None, outputs=[copy], text=name, note=shape_text(copy.shape))
    kind = "parameter" if x._needs else "statistic"
    return Box("", kind, None, outputs=[copy], text=x.name or "constant", note=shape_text(copy.shape))


def op_box(node: Any, constants: list[str]) -> Box:
    """Return the box of an op."""
    params = node._params or {}
    text = node._op.name
    if "kernel" in params:
        text += f" {shape_text(params['kernel'])}"
    if max(params.get("stride", (1,))) > 1:
        text += f", /{max(params['stride'])}"
    more = f" ({', '.join(constants)})" if constants else ""
    doc = (node._op.__doc__ or "").strip().split("\n")[0]
    return Box("", "op", None, outputs=[node], text=text + more, note=doc)


def shape_of(x: Tensor, box: Box) -> tuple[int, ...]:
    """Return the shape to write on an arrow: whole inside a layer; that of a parameter stands in its box."""
    if box.kind in ("parameter", "statistic"):
        return ()
    return tuple(x.shape[1:]) if box.kind == "entry" else tuple(x.shape)
