"""What every optimiser does: groups of parameters with their settings, a state per parameter, the loop over them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from tinygrad_edu.engine.arguments import short
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.optim import state

__all__ = ["Optimizer", "settings_of"]


class Optimizer:
    """Holds parameters and changes them by their gradients; a subclass says in ``updated`` how.

    params: Tensors that need a gradient (``model.parameters()``), or a list of dicts, each with ``params`` and the
    settings that differ in this group. ``param_groups`` is a list of dicts whose settings may be changed at any time.

    ``step()`` rebinds each parameter's ``.data`` to a new array. A graph recorded before it keeps the arrays that it
    saw, so a step between forward and backward does no harm. (Writing in place would have to be noted, so that such a
    graph raises; measured, it is no faster: 35 against 30 µs for LeNet-5's ten parameters, even for millions.)
    """

    slots: tuple[str, ...] = ()  # the names of the arrays that may be kept for a parameter

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self.check(defaults)
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[Tensor, dict[str, Any]] = {}
        for group in self._groups(params):
            self.add_param_group(group)

    def updated(self, p: Any, g: Any, state: dict[str, Any], settings: dict[str, Any]) -> Any:
        """Return the parameter's new array; p, g: its array and gradient, not to be written; state: what it keeps."""
        raise NotImplementedError(f"{type(self).__name__} needs a method updated(self, p, g, state, settings)")

    def check(self, settings: Mapping[str, Any]) -> None:
        """Raise ValueError for settings that make no sense."""

    def step(self) -> None:
        """Change every parameter that has a gradient.

        Raises, and changes nothing, ValueError if a gradient does not fit, and what ``check`` does for a bad setting.
        """
        groups = [(settings_of(group), self._waiting(group)) for group in self.param_groups]
        for settings, _ in groups:
            self.check(settings)
        for settings, waiting in groups:
            sign = -1.0 if settings["maximize"] else 1.0
            for parameter, p, g in waiting:
                kept = self.state.setdefault(parameter, {})
                parameter.data = self.updated(p, g if sign > 0 else -g, kept, settings)

    def zero_grad(self) -> None:
        """Forget every parameter's gradient."""
        for parameter in self._parameters():
            parameter.grad = None

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Take up more parameters, with settings of their own; a setting not given is the optimiser's default.

        Raises TypeError for what is no Tensor of floats, ValueError for no parameters, one that is held already, one
        that an op made, or an unknown setting.
        """
        name = type(self).__name__
        if not isinstance(group, Mapping):
            raise TypeError(f"{name}: params mixes groups with {type(group).__name__}; give Tensors or dicts alone")
        unknown = [key for key in group if key not in ("params", "initial_lr", *self.defaults)]
        if "params" not in group or unknown:
            wanted = ", ".join(["params", *self.defaults])
            raise ValueError(f"{name}: a group has {wanted}; got {', '.join(map(str, group))}")
        params = listed(group["params"], name)
        taken = set(self._parameters())
        for position, parameter in enumerate(params):
            if parameter in taken:
                raise ValueError(
                    f"{name}: parameter {position} {parameter._label()} of shape {parameter.shape} is given twice, so "
                    "each step would change it twice; give each parameter once, in one group"
                )
            taken.add(parameter)
        made = {**self.defaults, **group, "params": params}
        self.check(made)
        self.param_groups.append(made)

    def state_dict(self) -> dict[str, Any]:
        """Return settings and state as a flat dict of arrays, by position: ``state.0.exp_avg``, ``param_groups.0.lr``.

        Copies; numbers are 0-d arrays, so ``tg.save`` can write it.
        """
        return state.to_arrays(self.param_groups, self.state)

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Take over what ``state_dict`` gave; all of it, or nothing on an error.

        Raises ValueError that lists every missing, unexpected and misshapen key at once.
        """
        if not isinstance(saved, Mapping):
            raise TypeError(f"load_state_dict: wanted a dict of arrays, got {short(saved)}")
        groups, kept = state.from_arrays(saved, self.param_groups, self.defaults, self.slots, type(self).__name__)
        for settings in groups:
            self.check(settings)
        for group, settings in zip(self.param_groups, groups):
            group.update(settings)
        self.state = kept

    def _groups(self, params: Any) -> list[Mapping[str, Any]]:
        name = type(self).__name__
        if isinstance(params, (Tensor, np.ndarray, str, Mapping)) or not isinstance(params, Iterable):
            has = hasattr(params, "parameters")
            hint = "model.parameters()" if has else "a list: [p]" if isinstance(params, Tensor) else "a list of Tensors"
            raise TypeError(f"{name}: params is a {type(params).__name__}; pass {hint}")
        if isinstance(params, (set, frozenset)):
            raise TypeError(f"{name}: a set has no order, so a saved state could not be found again; pass a list")
        given = list(params)
        if not given:
            raise ValueError(
                f"{name}: no parameters; has the model any? (a generator such as model.parameters() gives them once)"
            )
        return given if isinstance(given[0], Mapping) else [{"params": given}]

    def _parameters(self) -> Iterator[Tensor]:
        for group in self.param_groups:
            yield from group["params"]

    def _waiting(self, group: dict[str, Any]) -> list[tuple[Tensor, Any, Any]]:
        """Return the parameters that have a gradient, with their array and it; checked."""
        found = []
        for parameter in group["params"]:
            gradient = parameter.grad
            if gradient is None:
                continue
            p, g = parameter.data, gradient.data
            if g.shape != p.shape:
                raise ValueError(
                    f"{type(self).__name__}: {parameter._label()} has shape {p.shape}, but its gradient {g.shape} is "
                    "from before its .data was rebound; call zero_grad() and backward() again"
                )
            for name, array in self.state.get(parameter, {}).items():
                if name in self.slots and array.shape != p.shape:
                    raise ValueError(
                        f"{type(self).__name__}: {parameter._label()} has shape {p.shape}, but its {name} has "
                        f"{array.shape}; make a new optimiser after changing a parameter's shape"
                    )
            found.append((parameter, p, g))
        return found


def listed(params: Any, name: str) -> list[Tensor]:
    """Return a group's parameters as a list, each checked."""
    if isinstance(params, (set, frozenset)):
        raise TypeError(f"{name}: a set has no order, so a saved state could not be found again; pass a list")
    if not isinstance(params, Iterable):
        raise TypeError(f"{name}: params must be a list of Tensors, got {short(params)}")
    found = [params] if isinstance(params, Tensor) else list(params)
    if not found:
        raise ValueError(f"{name}: a group has no parameters")
    for position, parameter in enumerate(found):
        if not isinstance(parameter, Tensor):
            raise TypeError(
                f"{name}: parameter {position} is no Tensor but {type(parameter).__name__}; pass model.parameters()"
            )
        if parameter.dtype.kind != "f":
            raise TypeError(f"{name}: parameter {position} {parameter._label()} is of {parameter.dtype}, not of floats")
        if not parameter.is_leaf:
            raise ValueError(
                f"{name}: parameter {position} is {parameter._label()}, no leaf, so backward() gives it no .grad; pass "
                "the Tensor it was made from, or its .detach() with requires_grad=True"
            )
    return found


def settings_of(group: Mapping[str, Any]) -> dict[str, Any]:
    """Return a group's settings as Python numbers: a NumPy float64 would turn float32 parameters into float64."""
    return {key: plain_number(value) for key, value in group.items() if key != "params"}


def plain_number(value: Any) -> Any:
    """Return numbers of NumPy as Python's."""
    if isinstance(value, (tuple, list)):
        return tuple([plain_number(part) for part in value])
    return value.item() if isinstance(value, (np.generic, np.ndarray, Tensor)) and value.size == 1 else value
