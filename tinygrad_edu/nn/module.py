"""Module: parameters and smaller modules as plain attributes, and a ``forward``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np

from tinygrad_edu.engine.arguments import array_of, flag
from tinygrad_edu.engine.failure import locate
from tinygrad_edu.engine.pytorch_words import Word
from tinygrad_edu.engine.scope import MODE, Scope, put_back
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.nn.holding import Holder, Parameter, refuse_hidden
from tinygrad_edu.nn.hooks import CallHooks, HookHandle

__all__ = ["LoadedKeys", "Module", "Parameter"]

Self = TypeVar("Self", bound="Module")


class LoadedKeys(NamedTuple):
    """What ``load_state_dict`` did not find in the state, and what it did not know."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module(Holder):
    """A part of a network. Parameters, buffers and smaller modules are attributes; ``forward`` says what it computes.

    Calling a module opens a scope, so that a picture can show it as one box and an error can name it by its path.

    >>> from tinygrad_edu import nn
    >>> class Scale(nn.Module):
    ...     def __init__(self):
    ...         self.factor = nn.Parameter([2.0])
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> Scale()([3.0, 4.0])
    Tensor([6., 8.], op=multiply)
    """

    training = True
    _hooks: CallHooks | None = None
    backward = Word("a model has no 'backward', its loss has: loss = F.cross_entropy(model(x), y); loss.backward()")
    to = cuda = cpu = Word(
        "a module has no 'to', 'cuda' and 'cpu' as in PyTorch: everything is computed on the CPU, so leave it out; "
        "another dtype is given when a layer is made, nn.Linear(2, 3, dtype=np.float64)"
    )

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute; every module says how, or NotImplementedError is raised."""
        raise NotImplementedError(f"{type(self).__name__} needs a method forward(self, x)")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        mode = MODE.get()
        scope = Scope(None, "module", mode.scope, self)
        token = MODE.set(mode.within(scope))
        try:
            if self._hooks is None:
                return self.forward(*args, **kwargs)
            return self._hooks.around(self, args, kwargs)
        except BaseException as error:
            if scope.undo is not None:
                put_back(scope)
            if isinstance(error, (ValueError, TypeError, IndexError)):
                locate(error, scope)
            raise
        finally:
            MODE.reset(token)
            scope.undo = None

    def register_forward_pre_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call ``hook(module, args)`` before ``forward``; what it returns, if anything, takes the place of args.

        Raises TypeError for what is no function.
        """
        return self._hooked("before", hook, "register_forward_pre_hook")

    def register_forward_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call ``hook(module, args, output)`` after ``forward``; what it returns, if anything, replaces the output.

        Raises TypeError for what is no function.
        """
        return self._hooked("after", hook, "register_forward_hook")

    def _hooked(self, when: str, hook: Callable[..., Any], method: str) -> HookHandle:
        if not callable(hook):
            raise TypeError(f"{method}: wanted a function, got {type(hook).__name__}")
        if self._hooks is None:
            self._hooks = CallHooks()
        return HookHandle(getattr(self._hooks, when), hook)

    # What is done to it

    def train(self: Self, mode: bool = True) -> Self:
        """Switch this module and those inside it to training (dropout drops, batch norm uses the batch).

        Raises TypeError for a mode that is neither True nor False.
        """
        if not isinstance(mode, (bool, np.bool_)):
            raise TypeError(f"train: mode must be True or False, got {mode!r}")
        self.training = bool(mode)
        for module in self.children():
            module.train(mode)
        return self

    def eval(self: Self) -> Self:
        """Switch this module and those inside it to inference."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Forget every parameter's gradient."""
        for parameter in self._every_parameter():
            parameter.grad = None

    def requires_grad_(self: Self, requires_grad: bool = True) -> Self:
        """Say whether gradients flow to the parameters: False freezes them; TypeError for anything else."""
        requires_grad = flag(requires_grad, "requires_grad", "requires_grad_")
        for parameter in self._every_parameter():
            parameter.requires_grad = requires_grad
        return self

    def apply(self: Self, function: Callable[[Module], Any]) -> Self:
        """Call a function on every module inside, then on this one."""
        for module in self.children():
            module.apply(function)
        function(self)
        return self

    def astype(self: Self, dtype: Any) -> Self:
        """Convert parameters, their gradients and the buffers that hold floats to another float dtype, in place.

        Raises TypeError for a dtype of anything but floats.
        """
        wanted = np.dtype(dtype)
        if wanted.kind != "f":
            raise TypeError(f"astype: a module's parameters are floats, not {wanted}")
        for tensor in [*self._every_parameter(), *self.buffers()]:
            if tensor.dtype.kind == "f" and tensor.dtype != wanted:
                tensor.data = tensor.data.astype(wanted)
                tensor.grad = tensor.grad
        return self

    def float(self: Self) -> Self:
        """Convert to float32."""
        return self.astype(np.float32)

    def double(self: Self) -> Self:
        """Convert to float64."""
        return self.astype(np.float64)

    # What it remembers

    def state_dict(self) -> dict[str, np.ndarray[Any, Any]]:
        """A copy of every parameter and saved buffer, by dotted path, as arrays; keys and order are PyTorch's.

        A Tensor that two modules share stands under both paths. Raises TypeError as ``named_parameters``.
        """
        refuse_hidden(self)
        return {path: np.array(tensor.data) for path, tensor in self._state()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> LoadedKeys:
        """Take over arrays by dotted path, each cast to the dtype held; all of them, or none on an error.

        Returns the missing and the unexpected keys, both empty if ``strict``.
        Raises ValueError that lists every missing, unexpected (with ``strict``) and misshapen key at once, TypeError
        for what is no dict.
        """
        strict = flag(strict, "strict", "load_state_dict")
        refuse_hidden(self)
        if not isinstance(state, Mapping):
            raise TypeError(f"load_state_dict: wanted a dict of arrays by path, got {type(state).__name__}")
        held = dict(self._state())
        arrays = {key: array_of(value) for key, value in state.items()}
        missing, unexpected = [key for key in held if key not in arrays], [key for key in arrays if key not in held]
        wrong = [misfit(arrays[key], key, tensor) for key, tensor in held.items() if key in arrays]
        wrong = [problem for problem in wrong if problem]
        if strict:
            wrong += [f"{key}: missing" for key in missing]
            wrong += [f"{key}: unexpected" for key in unexpected]
        if wrong:
            raise ValueError(f"load_state_dict into {type(self).__name__}: " + "; ".join(wrong))
        ready = [  # C order, whatever an array's strides are: in another, every convolution would have to copy it
            (tensor, np.array(arrays[key], tensor.dtype, order="C")) for key, tensor in held.items() if key in arrays
        ]
        for tensor, array in ready:
            tensor.data = array
        return LoadedKeys(missing, unexpected)

    # How it shows itself

    def extra_repr(self) -> str:
        """What stands between the brackets of its name, such as sizes."""
        return ""

    def _label(self) -> str:
        """What a picture writes on its box."""
        return f"{type(self).__name__}({self.extra_repr()})" if self.extra_repr() else type(self).__name__

    def _child_lines(self) -> list[str]:
        return [f"({name}): {module!r}" for name, module in self._entries()]

    def __repr__(self) -> str:
        extra, children = self.extra_repr(), self._child_lines()
        if not children and "\n" not in extra:
            return f"{type(self).__name__}({extra})"
        lines = [*([extra] if extra else []), *children]
        return "\n".join([f"{type(self).__name__}(", *["  " + line.replace("\n", "\n  ") for line in lines], ")"])


def misfit(array: Any, key: str, tensor: Tensor) -> str:
    """Say why an array can't take the place of a Tensor, or nothing."""
    if np.shape(array) != tensor.shape:
        return f"{key}: shape {np.shape(array)}, wanted {tensor.shape}"
    kind = array.dtype.kind
    if kind not in "fiub" or (kind == "f" and tensor.dtype.kind != "f"):
        return f"{key}: dtype {array.dtype}, wanted {tensor.dtype}"
    return ""
