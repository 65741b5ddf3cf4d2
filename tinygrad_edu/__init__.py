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
from tinygrad_edu.engine.modes import detect_anomaly, enable_grad, is_grad_enabled, no_grad, record_lines, unfused
from tinygrad_edu.engine.op import Op
from tinygrad_edu.engine.op import op as primitive
from tinygrad_edu.engine.pytorch_words import no_function
from tinygrad_edu.engine.record import Step, backward_steps
from tinygrad_edu.engine.scope import composite, scope
from tinygrad_edu.engine.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_edu import data, functional, init, labs, models, nn, optim
    from tinygrad_edu.engine.checking import GradcheckError, check_graph, gradcheck
    from tinygrad_edu.engine.trace.tracing import graph
    from tinygrad_edu.files import load, save
    from tinygrad_edu.inspection import init_lab, layer_flow, networks, summary
    from tinygrad_edu.nn.fusing import fuse
    from tinygrad_edu.training import evaluate, fit

tensor = Tensor

__version__ = "0.1.0"
__all__ = [
    "AnomalyError", "GradcheckError", "Op", "Step", "Tensor", "arange", "backward_steps", "check_graph",
    "composite", "data", "detect_anomaly", "enable_grad", "evaluate", "eye", "fit", "full", "functional", "fuse",
    "grad", "gradcheck", "graph", "hessian", "hvp", "init", "init_lab", "is_grad_enabled", "jacobian", "jvp",
    "labs", "layer_flow", "linspace", "load", "manual_seed", "models", "networks", "nn", "no_grad", "ones",
    "ones_like", "optim", "primitive", "rand", "randn", "record_lines", "save", "scope", "summary", "tensor",
    "unfused", "vjp", "zeros", "zeros_like", *_functions,
]  # fmt: skip

_LATER = {
    "GradcheckError": "engine.checking", "check_graph": "engine.checking", "data": "", "evaluate": "training",
    "fit": "training", "functional": "", "fuse": "nn.fusing", "gradcheck": "engine.checking",
    "graph": "engine.trace.tracing", "init": "", "init_lab": "inspection", "labs": "", "layer_flow": "inspection",
    "load": "files", "models": "", "networks": "inspection", "nn": "", "optim": "", "save": "files",
    "summary": "inspection",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Load a room of the house on first use (PEP 562)."""
    if name not in _LATER:
        raise AttributeError(no_function(name))
    room = _LATER[name]
    if room:
        found = getattr(importlib.import_module(f"tinygrad_edu.{room}"), name)
        globals()[name] = found
        return found
    return importlib.import_module(f"tinygrad_edu.{name}")


def __dir__() -> list[str]:
    return sorted(__all__)
