"""How a Tensor starts backpropagation, and what it does with the gradient that arrives."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.arguments import flag
from tinygrad_edu.engine.failure import anomaly
from tinygrad_edu.engine.hooks import Hooks, RemovableHandle
from tinygrad_edu.engine.pytorch_words import torch_options
from tinygrad_edu.engine.record import Node, drained

if TYPE_CHECKING:
    from tinygrad_edu.engine.tensor import Tensor

__all__ = ["Backpropagation"]


class Backpropagation(Node):
    """The methods around ``backward()``; the sweep itself is in ``record``."""

    __slots__ = ("_grad",)

    _grad: Tensor | None

    if TYPE_CHECKING:
        _hooks: Hooks | None
        _label: Any
        _lift: Any

        @staticmethod
        def _wrap(data: Any) -> Tensor: ...

        @property
        def shape(self) -> tuple[int, ...]: ...

        @property
        def size(self) -> int: ...

        @property
        def dtype(self) -> np.dtype[Any]: ...

    @torch_options
    def backward(self, gradient: Any = None, create_graph: bool = False) -> None:
        """Add this Tensor's gradient into ``.grad`` of every leaf it depends on: all of them, or none on an error.

        gradient: what arrives here, in this shape; may be left out for a single element. create_graph: record the
        backward pass, so that ``.grad`` can be differentiated. Called twice, it adds twice.
        Raises RuntimeError if nothing was recorded, ValueError if ``gradient`` is missing or misshapen.
        """
        create_graph = flag(create_graph, "create_graph", "backward")
        found = drained({self: self._seed(gradient, create_graph)}, create_graph)
        shared = {gradient} if create_graph and isinstance(gradient, Node) else set()
        added = []
        for leaf, g in found.items():
            total = leaf._accumulated(g)
            added.append((leaf, total._apply(P.copy) if total in shared else total))
            if create_graph:
                shared.add(total)
        for leaf, total in added:
            leaf._grad = total

    def _warn_of_lost_leaf(self) -> None:
        """Where ``.grad`` is None since this replaced a parameter, as ``W = W - lr * W.grad`` does, say so."""
        leaf, step = self._x, self._y
        if self._op in (P.subtract, P.add) and leaf._op is None and leaf._grad is not None and not step._needs:
            warnings.warn(
                f".grad of {self._label()} is None: backward() fills the leaves, and this was made by {self._op.name}, "
                "so it is no parameter; update one by W.data = W.data - lr * W.grad.data, as W = W - lr * W.grad makes "
                "a new Tensor",
                UserWarning,
                stacklevel=3,
            )

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self._grad = None

    def retain_grad(self) -> None:
        """Make ``backward()`` store the gradient here too, though this is no leaf."""
        self._need_for("retain_grad")
        self._hooks = self._hooks or Hooks()
        self._hooks.keeps = True

    def register_hook(self, hook: Callable[[Tensor], Any]) -> RemovableHandle:
        """Call ``hook(gradient)`` when the gradient of this Tensor is complete; what it returns replaces it.

        Returns a handle with ``.remove()``.
        """
        self._need_for("register_hook")
        self._hooks = self._hooks or Hooks()
        return self._hooks.add(hook)

    def _need_for(self, what: str) -> None:
        if not self._needs:
            raise RuntimeError(f"{what}: {self._label()} needs no gradient; create it with requires_grad=True")

    def _seed(self, gradient: Any, create_graph: bool) -> Any:
        """Check what arrives at an output and return it as backpropagation wants it."""
        if not self._needs:
            raise RuntimeError(
                f"backward: {self._label()} needs no gradient, so nothing was recorded; give a Tensor it depends on "
                "requires_grad=True, and see that it was not made inside no_grad() or after detach(); a gradient is "
                "recorded by create_graph=True"
            )
        if gradient is None:
            if self.size != 1:
                raise ValueError(
                    f"backward: {self._label()} has shape {self.shape}, {self.size} elements, but a gradient starts "
                    "from one number; reduce it first (.sum(), .mean()) or pass gradient= of the same shape"
                )
            seed = np.ones(self.shape, self.dtype)[()]
            return self._wrap(seed) if create_graph else seed
        return self._like_gradient(gradient, self if create_graph else None, "backward: gradient")

    def _accumulated(self, g: Any) -> Tensor:
        """Return ``.grad`` plus ``g``, never sharing memory with anything else."""
        if g.shape != self._data.shape:
            raise RuntimeError(
                f"backward: the gradient of {self._label()} has shape {g.shape}, but .data was rebound to shape "
                f"{self.shape} since; call backward() before changing the shape"
            )
        if self._grad is None:
            return self._wrap(g)
        if self._grad.shape != g.shape:
            raise RuntimeError(
                f"backward: {self._label()} holds a gradient of shape {self._grad.shape} from before its .data was "
                f"rebound to shape {self.shape}; call zero_grad() first"
            )
        return self._wrap(g + self._grad) if isinstance(g, Node) else self._wrap(g + self._grad._data)

    def _tensors_seen(self) -> tuple[Tensor, ...]:
        """The inputs, refused if they no longer hold what the op saw: a recorded rule would use the new data."""
        for x, a in zip(self._inputs, self._seen):
            if x._data is not a:
                raise RuntimeError(
                    f"backward through {self._op.name if self._op else ''}: .data of its input {x._label()} was "
                    "rebound since; create_graph=True needs the inputs as they were, so differentiate first"
                )
        return self._inputs

    def _like_gradient(self, value: Any, g: Any, what: str) -> Any:
        """Return a replacement for the gradient g as an array, or as a Tensor if g is one."""
        found = self._lift(value)
        if found.shape != self.shape:
            raise ValueError(f"{what} has shape {found.shape}, but {self._label()} has {self.shape}")
        if found.dtype != self.dtype:
            found = found.astype(self.dtype)
        return found if isinstance(g, Node) else found._data

    def _refuse_nan(self, piece: Any, position: int) -> None:
        data = piece._data if isinstance(piece, Node) else piece
        if not np.isfinite(data).all():
            raise anomaly(self, data, position)
