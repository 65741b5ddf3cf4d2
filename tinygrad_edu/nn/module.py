"""Module: parameters and smaller modules as plain attributes, and a ``forward``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from tinygrad_edu.engine.scope import MODE, Mode, Scope
from tinygrad_edu.engine.tensor import Tensor

__all__ = ["Module", "Parameter"]

Self = TypeVar("Self", bound="Module")


class Parameter(Tensor):
    """A Tensor that a module learns: a leaf that needs a gradient, unless told otherwise."""

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True, *, dtype: Any = None, name: str | None = None) -> None:
        super().__init__(data, requires_grad, dtype=dtype, name=name)


class Module:
    """A part of a network. Parameters, buffers and smaller modules are attributes; ``forward`` says what it computes.

    Calling a module opens a scope, so that a picture can show it as one box.
    """

    training = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute; every module says how."""
        raise NotImplementedError(f"{type(self).__name__} needs a method forward(self, x)")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        mode = MODE.get()
        token = MODE.set(Mode(mode.recording, Scope(None, "module", mode.scope, self), mode.anomaly, mode.lines))
        try:
            return self.forward(*args, **kwargs)
        finally:
            MODE.reset(token)

    # What it holds

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules that are attributes of this one, in the order they were set."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value

    def children(self) -> Iterator[Module]:
        """The modules that are attributes of this one."""
        for _, module in self.named_children():
            yield module

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and every one inside it, once each, by dotted path."""
        seen: set[int] = set()
        waiting: list[tuple[str, Module]] = [(prefix, self)]
        while waiting:
            path, module = waiting.pop()
            if id(module) in seen:
                continue
            seen.add(id(module))
            yield path, module
            inner = [(f"{path}.{name}" if path else name, child) for name, child in module.named_children()]
            waiting.extend(reversed(inner))

    def modules(self) -> Iterator[Module]:
        """This module and every one inside it, once each."""
        for _, module in self.named_modules():
            yield module

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Every parameter, once, by dotted path."""
        seen: set[int] = set()
        for path, module in self.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, Parameter) and id(value) not in seen:
                    seen.add(id(value))
                    yield (f"{path}.{name}" if path else name), value

    def parameters(self) -> Iterator[Parameter]:
        """Every parameter, once."""
        for _, parameter in self.named_parameters():
            yield parameter

    def register_buffer(self, name: str, value: Any) -> None:
        """Hold a Tensor that is saved with the module but not learned, such as a running mean."""
        setattr(self, name, value if isinstance(value, Tensor) else Tensor(value))

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """Every Tensor held that is no parameter, by dotted path."""
        for path, module in self.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, Tensor) and not isinstance(value, Parameter):
                    yield (f"{path}.{name}" if path else name), value

    def buffers(self) -> Iterator[Tensor]:
        """Every Tensor held that is no parameter."""
        for _, buffer in self.named_buffers():
            yield buffer

    # What is done to it

    def train(self: Self, mode: bool = True) -> Self:
        """Switch this module and those inside it to training (dropout drops, batch norm uses the batch)."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: Self) -> Self:
        """Switch this module and those inside it to inference."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Forget every parameter's gradient."""
        for parameter in self.parameters():
            parameter.grad = None

    def apply(self: Self, function: Callable[[Module], Any]) -> Self:
        """Call a function on every module inside, then on this one."""
        for module in reversed(list(self.modules())):
            function(module)
        return self

    def state_dict(self) -> dict[str, np.ndarray[Any, Any]]:
        """A copy of every parameter and buffer, by dotted path, as arrays."""
        held: list[tuple[str, Tensor]] = [*self.named_parameters(), *self.named_buffers()]
        return {path: np.array(tensor.data) for path, tensor in held}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Take over arrays by dotted path, each cast to the dtype held; all of them, or none on an error.

        Raises ValueError that lists every missing, unexpected (with ``strict``) and misshapen key at once.
        """
        held: dict[str, Tensor] = {**dict(self.named_parameters()), **dict(self.named_buffers())}
        arrays = {key: value.data if isinstance(value, Tensor) else np.asarray(value) for key, value in state.items()}
        wrong = [
            f"{key}: shape {np.shape(arrays[key])}, wanted {tensor.shape}"
            for key, tensor in held.items()
            if key in arrays and np.shape(arrays[key]) != tensor.shape
        ]
        if strict:
            wrong += [f"{key}: missing" for key in held if key not in arrays]
            wrong += [f"{key}: unexpected" for key in arrays if key not in held]
        if wrong:
            raise ValueError(f"load_state_dict into {type(self).__name__}: " + "; ".join(wrong))
        for key, tensor in held.items():
            if key in arrays:
                tensor.data = np.array(arrays[key], dtype=tensor.dtype)

    # How it shows itself

    def extra_repr(self) -> str:
        """What stands between the brackets of its name, such as sizes."""
        return ""

    def _label(self) -> str:
        return f"{type(self).__name__}({self.extra_repr()})" if self.extra_repr() else type(self).__name__

    def __repr__(self) -> str:
        children = [f"  ({name}): " + repr(child).replace("\n", "\n  ") for name, child in self.named_children()]
        if not children:
            return f"{type(self).__name__}({self.extra_repr()})"
        return "\n".join([f"{type(self).__name__}(", *children, ")"])
