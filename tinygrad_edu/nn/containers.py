"""Modules made of modules: in a row, in a list, in a dict."""

from __future__ import annotations

import operator
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any, TypeVar

from tinygrad_edu.engine.arguments import short
from tinygrad_edu.nn.module import Module

__all__ = ["ModuleDict", "ModuleList", "Sequential"]

Self = TypeVar("Self", bound="Row")


class Row(Module):
    """Modules in order, named ``0``, ``1``, ... unless they were given names."""

    def append(self: Self, module: Module) -> Self:
        """Add a module at the end; TypeError for what is no module."""
        number = len(self)
        while str(number) in vars(self):  # a slice keeps its names
            number += 1
        self.add_module(str(number), module)
        return self

    def extend(self: Self, modules: Iterable[Module]) -> Self:
        """Add modules at the end; all of them, or none on an error: TypeError for what is no module."""
        if isinstance(modules, Module) and not isinstance(modules, Row):
            raise TypeError(f"{type(self).__name__}: extend takes several modules; append takes one")
        if not isinstance(modules, Iterable):
            raise TypeError(f"{type(self).__name__}: wanted a list of modules, got {short(modules)}")
        added = list(modules)
        for position, module in enumerate(added, len(self)):
            refuse_other(self, position, module)
        for module in added:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> None:
        """Put a module before that at ``index``; those after it are numbered anew; TypeError for what is no module."""
        refuse_other(self, index, module)
        modules = list(self)
        modules.insert(index, module)
        self._renumber(modules)

    def __len__(self) -> int:
        return len(self._entries())

    def __iter__(self) -> Iterator[Any]:
        return iter([module for _, module in self._entries()])

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self._sliced(self._entries()[index])
        return self._entry(index)[1]

    def __setitem__(self, index: int, module: Module) -> None:
        refuse_other(self, index, module)
        setattr(self, self._entry(index)[0], module)

    def __delitem__(self, index: Any) -> None:
        gone = self._entries()[index] if isinstance(index, slice) else [self._entry(index)]
        names = {name for name, _ in gone}
        self._renumber([module for name, module in self._entries() if name not in names])

    def _entry(self, index: Any) -> tuple[str, Any]:
        try:
            return self._entries()[operator.index(index)]
        except IndexError:
            raise IndexError(f"{type(self).__name__}: no entry {index}; it holds {len(self)} modules") from None
        except TypeError:
            raise TypeError(
                f"{type(self).__name__}: entries are found by number or slice, not {type(index).__name__}; "
                f"a name is an attribute: .{index}"
            ) from None

    def _sliced(self, entries: list[tuple[str, Any]]) -> Any:
        raise NotImplementedError

    def _renumber(self, modules: list[Any]) -> None:
        for name, _ in self._entries():
            delattr(self, name)
        for number, module in enumerate(modules):
            self.add_module(str(number), module)


class Sequential(Row):
    """Modules one after the other; they are named ``0``, ``1``, ..., so that a weight is ``0.weight``.

    One dict in their place names them. A slice is a Sequential of the same modules under the same names.
    Raises TypeError for an entry that is no module, ValueError for a name that is taken, empty or has a dot.
    """

    def __init__(self, *modules: Any) -> None:
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                self.add_module(name, module)
            return
        for position, module in enumerate(modules):
            refuse_other(self, position, module)
            self.add_module(str(position), module)

    def forward(self, x: Any) -> Any:
        """Hand x through every module in turn."""
        for _, module in self._entries():
            x = module(x)
        return x

    def _sliced(self, entries: list[tuple[str, Any]]) -> Any:
        return Sequential(dict(entries))


class ModuleList(Row):
    """A list of modules whose parameters are found, unlike those in a plain list; it computes nothing itself.

    Raises TypeError for what is no list of modules.
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self.extend(modules)

    def _sliced(self, entries: list[tuple[str, Any]]) -> Any:
        return ModuleList([module for _, module in entries])

    def _child_lines(self) -> list[str]:
        """Equal neighbours are shown once: ``(0-2): 3 x ReLU()``."""
        runs: list[tuple[int, int, str]] = []
        for number, module in enumerate(self):
            text = repr(module)
            first, _, before = runs[-1] if runs else (0, 0, None)
            if text == before:
                runs[-1] = (first, number, text)
            else:
                runs.append((number, number, text))
        return [f"({i}): {text}" if i == j else f"({i}-{j}): {j - i + 1} x {text}" for i, j, text in runs]


class ModuleDict(Module):
    """A dict of modules whose parameters are found, unlike those in a plain dict; it computes nothing itself.

    Raises TypeError for what is no dict of modules, ValueError for a name that is taken, empty or has a dot.
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] = ()) -> None:
        self.update(modules)

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add modules by name, or replace them; errors as of the class."""
        try:
            named = dict(modules)
        except (TypeError, ValueError):
            raise TypeError(
                f"ModuleDict: wanted a dict of modules, or pairs (name, module), got {short(modules)}"
            ) from None
        for name, module in named.items():
            self.add_module(name, module)

    def keys(self) -> KeysView[str]:
        """The names."""
        return dict(self._entries()).keys()

    def values(self) -> ValuesView[Any]:
        """The modules."""
        return dict(self._entries()).values()

    def items(self) -> ItemsView[str, Any]:
        """Names and modules."""
        return dict(self._entries()).items()

    def __len__(self) -> int:
        return len(self._entries())

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __contains__(self, name: object) -> bool:
        return name in self.keys()

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            raise KeyError(f"ModuleDict: no module {name!r}; there are {', '.join(self) or 'none'}")
        return getattr(self, name)

    def __setitem__(self, name: str, module: Module) -> None:
        self.add_module(name, module)

    def __delitem__(self, name: str) -> None:
        self[name]
        delattr(self, name)


def refuse_other(container: Module, position: int, module: Any) -> None:
    """Raise TypeError for an entry that is no module."""
    if isinstance(module, type) and issubclass(module, Module):
        raise TypeError(
            f"{type(container).__name__}: entry {position} is the class {module.__name__}, no Module; make one: "
            f"{module.__name__}(...)"
        )
    if not isinstance(module, Module):
        kind = type(container).__name__
        hint = f"; unpack it: {kind}(*layers)" if isinstance(module, (list, tuple)) and kind == "Sequential" else ""
        if callable(module):
            hint = "; take its layer, such as nn.ReLU() for tg.relu, or write a Module with a forward"
        raise TypeError(f"{kind}: entry {position} is no Module but {type(module).__name__}{hint}")
