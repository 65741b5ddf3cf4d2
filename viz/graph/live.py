"""The Tensors and steps behind a Trace: what a picture asks for that a frozen Trace does not keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tinygrad_edu import Step, Tensor
from tinygrad_edu.engine.trace.tracing import Call, Trace

__all__ = ["call_of", "named_parameters", "tensors_by_id"]


def call_of(trace: Trace, number: int) -> Call:
    """Return the call of an id."""
    call = trace.nodes[number]
    assert isinstance(call, Call)
    return call


def tensors_by_id(trace: Trace, steps: Sequence[Step]) -> dict[int, Tensor]:
    """Return the Tensors of a Trace that get a gradient, by id. steps: those of its backward pass, all of them."""
    found: dict[int, Tensor] = {}
    for turn, step in zip(trace.steps, steps):
        call = call_of(trace, turn.call)
        found.update({number: x for number, x in zip(call.inputs, step.inputs) if x.requires_grad})
        if call.output is not None:
            found[call.output] = step.output
    return found


def named_parameters(parameters: Any, what: str) -> list[tuple[str, Tensor]]:
    """Return the parameters of a module, a dict or a list with their names; TypeError for anything else."""
    if hasattr(parameters, "named_parameters"):
        pairs = [(str(p.name or path), p) for path, p in parameters.named_parameters()]
    elif isinstance(parameters, Mapping):
        pairs = list(parameters.items())
    elif isinstance(parameters, (list, tuple)):
        pairs = [(getattr(p, "name", None) or f"parameter {i}", p) for i, p in enumerate(parameters)]
    else:
        pairs = [("", parameters)]
    for _, p in pairs:
        if not isinstance(p, Tensor) or isinstance(parameters, Tensor):
            raise TypeError(f"{what}: parameters= wants a module, or a dict or list of Tensors, got {type(p).__name__}")
    return pairs
