"""What a module holds: parameters, buffers and smaller modules, found among its attributes by dotted path."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tinygrad_edu.engine.arguments import flag, short
from tinygrad_edu.engine.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_edu.nn.module import Module

__all__ = ["Holder", "Parameter"]


class Parameter(Tensor):
    """A Tensor that a module learns: a leaf that needs a gradient, unless told otherwise."""

    __slots__ = ()

    def __init__(
        self,
        data: Any,
        requires_grad: bool = True,
        *,
        dtype: Any = None,
        name: str | None = None,
        copy: bool = True,
    ) -> None:
        super().__init__(data, requires_grad, dtype=dtype, name=name, copy=copy)


class Holder:
    """Walks over attributes in the order they were set; nothing is registered but which Tensors are buffers.

    A Parameter or a module that is an attribute is found; one in a plain list, tuple, set or dict is not, so that is
    an error as soon as parameters are asked for.
    """

    _buffers: dict[str, bool] = {}  # noqa: RUF012 - name to whether it is saved; a module with buffers has its own

    def __setattr__(self, name: str, value: Any) -> None:
        held = self.__dict__.get(name)
        if isinstance(held, Tensor) and value is not None:
            wanted = Parameter if isinstance(held, Parameter) else Tensor if name in self._buffers else object
            if not isinstance(value, wanted):
                raise TypeError(
                    f"{type(self).__name__}.{name} is a {'parameter' if wanted is Parameter else 'buffer'} and can't "
                    f"become {type(value).__name__}; write .{name}.data = ..., or assign a {wanted.__name__} or None"
                )
        elif isinstance(value, Tensor) and value.requires_grad and value.is_leaf and not isinstance(value, Parameter):
            warnings.warn(
                f"{type(self).__name__}.{name} is a Tensor that needs a gradient but no parameter, so parameters() and "
                f"an optimizer miss it; to learn it, write self.{name} = nn.Parameter(...)",
                UserWarning,
                stacklevel=2,
            )
        object.__setattr__(self, name, value)

    # Smaller modules

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules that are attributes of this one, once each, in the order they were set."""
        seen: set[int] = set()
        for name, module in self._entries():
            if id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def children(self) -> Iterator[Module]:
        """The modules that are attributes of this one, once each."""
        for _, module in self.named_children():
            yield module

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and every one inside it, once each, by dotted path."""
        seen: set[int] = set()
        waiting: list[tuple[str, Any]] = [(prefix, self)]
        while waiting:
            path, module = waiting.pop()
            if id(module) in seen:
                continue
            seen.add(id(module))
            yield path, module
            waiting.extend([(joined(path, name), child) for name, child in module._entries()][::-1])

    def modules(self) -> Iterator[Module]:
        """This module and every one inside it, once each."""
        for _, module in self.named_modules():
            yield module

    def get_submodule(self, path: str) -> Module:
        """Return the module at a dotted path, ``""`` being this one; AttributeError that says what there is."""
        if not isinstance(path, str):
            raise TypeError(f"get_submodule: the path must be a string such as features.0, got {short(path)}")
        module: Any = self
        for name in path.split(".") if path else ():
            inside = dict(module._entries())
            if name not in inside:
                there = ", ".join(inside) or "none"
                raise AttributeError(
                    f"get_submodule: {path!r}: no module {name!r} in {type(module).__name__}; there are {there}"
                )
            module = inside[name]
        return module  # type: ignore[no-any-return]

    def add_module(self, name: str, module: Any) -> None:
        """Hold a module under a name made while the program runs; ``self.name = module`` does the same.

        Raises TypeError for what is no module, ValueError for a name that is taken, empty or has a dot.
        """
        if not isinstance(module, Holder):
            raise TypeError(f"{type(self).__name__}: entry {name} is no Module but {type(module).__name__}")
        if not isinstance(name, str):
            raise TypeError(f"{type(self).__name__}: the name of a module must be a string, got {name!r}")
        taken = hasattr(self, name) and not isinstance(getattr(self, name), Holder)
        if not name or "." in name or taken:
            why = "an attribute of that name exists" if taken else "names have no dots and are not empty"
            raise ValueError(f"{type(self).__name__}: a module can't be called {name!r}: {why}")
        setattr(self, name, module)

    # Parameters

    def named_parameters(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Parameter]]:
        """Every parameter, once, by dotted path: a module's own before those of its children.

        Raises TypeError for parameters and modules in a plain list, tuple, set or dict, which would be missing.
        """
        if flag(recurse, "recurse", "named_parameters"):
            refuse_hidden(self)
        seen: set[int] = set()
        for path, module in self.named_modules(prefix) if recurse else [(prefix, self)]:
            for name, parameter in module._own_parameters():
                if id(parameter) not in seen:
                    seen.add(id(parameter))
                    yield joined(path, name), parameter

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Every parameter, once; errors as ``named_parameters``."""
        for _, parameter in self.named_parameters("", recurse):
            yield parameter

    def register_parameter(self, name: str, parameter: Parameter | None) -> None:
        """Hold a Parameter, or None where one may come later; ``self.name = parameter`` does the same.

        Raises TypeError for anything else.
        """
        if parameter is not None and not isinstance(parameter, Parameter):
            raise TypeError(f"register_parameter: {name} must be a Parameter, got {type(parameter).__name__}")
        setattr(self, name, parameter)

    # Buffers

    def register_buffer(self, name: str, value: Any, persistent: bool = True) -> None:
        """Hold a Tensor that moves with the module but is not learned, such as a running mean.

        persistent: whether ``state_dict`` has it. None holds the place of one that may come later.
        Raises ValueError for a name that is taken, empty or has a dot.
        """
        if not isinstance(name, str) or not name or "." in name:
            raise ValueError(f"register_buffer: a name has no dots and is not empty, got {name!r}")
        if hasattr(self, name) and name not in self._buffers:
            raise ValueError(f"register_buffer: {type(self).__name__} has an attribute {name!r} already")
        if value is not None and not isinstance(value, Tensor):
            value = Tensor(value)
        self.__dict__["_buffers"] = {**self._buffers, name: flag(persistent, "persistent", "register_buffer")}
        setattr(self, name, value)

    def named_buffers(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Tensor]]:
        """Every buffer, once, by dotted path, whether it is saved or not."""
        flag(recurse, "recurse", "named_buffers")
        seen: set[int] = set()
        for path, module in self.named_modules(prefix) if recurse else [(prefix, self)]:
            for name, buffer in module._own_buffers():
                if id(buffer) not in seen:
                    seen.add(id(buffer))
                    yield joined(path, name), buffer

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Every buffer, once."""
        for _, buffer in self.named_buffers("", recurse):
            yield buffer

    # One module's own

    def _entries(self) -> list[tuple[str, Any]]:
        return [(name, value) for name, value in vars(self).items() if isinstance(value, Holder)]

    def _own_parameters(self) -> list[tuple[str, Parameter]]:
        return [(name, value) for name, value in vars(self).items() if isinstance(value, Parameter)]

    def _own_buffers(self) -> list[tuple[str, Tensor]]:
        found = [(name, self.__dict__.get(name)) for name in self._buffers]
        return [(name, x) for name, x in found if isinstance(x, Tensor) and not isinstance(x, Parameter)]

    def _every_parameter(self) -> list[Parameter]:
        """The parameters, once each, without a look for hidden ones: for what happens at each step of a training."""
        return list({id(p): p for module in self.modules() for _, p in module._own_parameters()}.values())

    def _state(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """Everything that is saved, a shared Tensor under each of its paths."""
        for name, parameter in self._own_parameters():
            yield prefix + name, parameter
        for name, buffer in self._own_buffers():
            if self._buffers[name]:
                yield prefix + name, buffer
        for name, module in self._entries():
            yield from module._state(f"{prefix}{name}.")


def joined(path: str, name: str) -> str:
    """Return a dotted path."""
    return f"{path}.{name}" if path else name


def refuse_hidden(root: Holder) -> None:
    """Raise TypeError for modules and parameters that only a plain list, tuple, set or dict holds."""
    modules = list(root.named_modules())
    known = {id(module) for _, module in modules}
    known |= {id(p) for _, module in modules for _, p in module._own_parameters()}
    for path, module in modules:
        for name, value in vars(module).items():
            hidden = [x for x in inside(value) if isinstance(x, (Holder, Parameter)) and id(x) not in known]
            if hidden:
                keyed = isinstance(value, dict)
                what = f"{len(hidden)} {type(hidden[0]).__name__}{' and others' if len(hidden) > 1 else ''}"
                remedy = (
                    f"nn.{'ModuleDict' if keyed else 'ModuleList'}({name})"
                    if all(isinstance(x, Holder) for x in hidden)
                    else "attributes of their own"
                )
                raise TypeError(
                    f"{joined(path, name)} of {type(root).__name__} is a plain {type(value).__name__}: "
                    f"parameters(), train() and state_dict() would miss what it holds ({what}); make it {remedy}"
                )


def inside(value: Any) -> Iterator[Any]:
    """Everything in a plain container, and in those within it."""
    waiting, seen = [value], set()
    while waiting:
        value = waiting.pop()
        if type(value) in (list, tuple, set, dict) and id(value) not in seen:
            seen.add(id(value))
            parts = list(value.values() if type(value) is dict else value)
            yield from parts
            waiting.extend(parts)
