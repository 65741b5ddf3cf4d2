"""What a user wants called when a Tensor's gradient is complete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Hooks", "RemovableHandle"]


class Hooks:
    """The functions to run on one Tensor's gradient, in the order they were registered, and whether to keep it."""

    __slots__ = ("functions", "keeps")

    def __init__(self) -> None:
        self.functions: dict[RemovableHandle, Callable[[Any], Any]] = {}
        self.keeps = False

    def add(self, function: Callable[[Any], Any]) -> RemovableHandle:
        """Add a function; return the handle that takes it out again."""
        if not callable(function):
            raise TypeError(f"register_hook: wanted a function of the gradient, got {type(function).__name__}")
        handle = RemovableHandle(self)
        self.functions[handle] = function
        return handle

    def run(self, node: Any, g: Any) -> Any:
        """Return the gradient after every hook had its say; an array or a Tensor, as it came."""
        for function in list(self.functions.values()):
            answer = function(node._wrap(g))
            if answer is None:
                continue
            g = node._like_gradient(answer, g, "register_hook: the hook's gradient")
        return g


class RemovableHandle:
    """Takes a hook out again: ``handle.remove()``, as often as one likes."""

    __slots__ = ("_hooks",)

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks

    def remove(self) -> None:
        """Never call the hook again."""
        self._hooks.functions.pop(self, None)
