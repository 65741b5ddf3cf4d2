"""tinygrad_edu: automatic differentiation on NumPy that shows every number, and the rule that made it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tinygrad_edu.engine.autodiff import grad, hessian, hvp, jacobian, jvp, vjp
from tinygrad_edu.engine.creation import (
    arange,
    eye,
    full,
    linspace,
    manual_seed,
    ones,
    ones_like,
    rand,
    randn,
    zeros,
    zeros_like,
)  # fmt: skip
from tinygrad_edu.engine.failure import AnomalyError
from tinygrad_edu.engine.functions import *
from tinygrad_edu.engine.functions import __all__ as _functions
from tinygrad_edu.engine.modes import detect_anomaly, enable_grad, is_grad_enabled, no_grad, record_lines
from tinygrad_edu.engine.op import Op
from tinygrad_edu.engine.op import op as primitive
from tinygrad_edu.engine.record import Step, backward_steps
from tinygrad_edu.engine.scope import composite, scope
from tinygrad_edu.engine.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_edu import functional, models, nn
    from tinygrad_edu.engine.checking import GradcheckError, check_graph, gradcheck
    from tinygrad_edu.engine.tracing import graph

tensor = Tensor

__version__ = "0.1.0"
__all__ = [
    "AnomalyError", "GradcheckError", "Op", "Step", "Tensor", "arange", "backward_steps", "check_graph", "composite",
    "detect_anomaly", "enable_grad", "eye", "full", "functional", "grad", "gradcheck", "graph", "hessian", "hvp",
    "is_grad_enabled", "jacobian", "jvp", "linspace", "manual_seed", "models", "nn", "no_grad", "ones", "ones_like",
    "primitive", "rand", "randn", "record_lines", "scope", "tensor", "vjp", "zeros", "zeros_like", *_functions,
]  # fmt: skip

_LATER = {
    "GradcheckError": "engine.checking", "check_graph": "engine.checking", "gradcheck": "engine.checking",
    "graph": "engine.tracing", "functional": "", "models": "", "nn": "",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Load a room of the house on first use (PEP 562)."""
    if name not in _LATER:
        raise AttributeError(f"module 'tinygrad_edu' has no attribute {name!r}")
    room = _LATER[name]
    if room:
        found = getattr(importlib.import_module(f"tinygrad_edu.{room}"), name)
        globals()[name] = found
        return found
    return importlib.import_module(f"tinygrad_edu.{name}")


def __dir__() -> list[str]:
    return sorted(__all__)
