"""The Tensors and steps behind a level's Trace: what the naive order, the checks and the colours ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinygrad_edu import Step, Tensor
from tinygrad_edu.engine.record import seeds_of, sweep
from tinygrad_edu.engine.trace.opening import opened
from tinygrad_edu.engine.trace.replay import replay
from tinygrad_edu.engine.trace.tracing import Trace
from viz.graph.drawing import flat_gradients
from viz.graph.live import tensors_by_id

__all__ = ["Behind", "behind"]


class Behind:
    """What a Trace was made of: its outputs and what arrives there, its steps, its Tensors by id."""

    def __init__(self, trace: Trace, outputs: list[Tensor], gradients: list[Any]) -> None:
        self.outputs = outputs
        self.gradients = gradients
        self.steps: list[Step] = list(sweep(seeds_of(outputs, gradients), {}))
        self.tensors = tensors_by_id(trace, self.steps)
        self.ids = {x: number for number, x in self.tensors.items()}


def behind(
    trace: Trace, output: Any, level: str, gradient: Any, names: Mapping[str, Any] | None, max_nodes: int
) -> Behind | None:
    """Return what is behind the Trace of a level; None where no backward pass runs."""
    if not trace.steps:
        return None
    several = isinstance(output, (list, tuple))
    given = list(output) if several else [output]
    if level == "scalar":
        outputs = replay(given, max_nodes, names)
        return Behind(
            trace, outputs, flat_gradients(gradient, several) if gradient is not None else [None] * len(outputs)
        )
    if level == "primitive":
        given = opened(given, names)[0]
    return Behind(trace, given, list(gradient) if several and gradient is not None else [gradient] * len(given))
