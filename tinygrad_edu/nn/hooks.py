"""Functions that a user wants called around a module's ``forward``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["CallHooks", "HookHandle"]


class CallHooks:
    """The functions to call before and after ``forward``, in the order they were registered."""

    __slots__ = ("after", "before")

    def __init__(self) -> None:
        self.before: dict[HookHandle, Callable[..., Any]] = {}
        self.after: dict[HookHandle, Callable[..., Any]] = {}

    def around(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run ``forward``; a hook that returns something replaces the arguments, or the output."""
        for hook in list(self.before.values()):
            changed = hook(module, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
        output = module.forward(*args, **kwargs)
        for hook in list(self.after.values()):
            replaced = hook(module, args, output)
            if replaced is not None:
                output = replaced
        return output


class HookHandle:
    """Takes a hook out again: ``handle.remove()``, as often as one likes, or at the end of a ``with`` block."""

    __slots__ = ("_hooks",)

    def __init__(self, hooks: dict[HookHandle, Callable[..., Any]], function: Callable[..., Any]) -> None:
        self._hooks = hooks
        hooks[self] = function

    def remove(self) -> None:
        """Never call the hook again."""
        self._hooks.pop(self, None)

    def __enter__(self) -> HookHandle:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()
