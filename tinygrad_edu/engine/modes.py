"""Switches for the current thread or task: ``no_grad``, ``enable_grad``, ``detect_anomaly``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from tinygrad_edu.engine.scope import MODE

__all__ = ["detect_anomaly", "enable_grad", "is_grad_enabled", "no_grad", "record_lines", "unfused"]

Function = TypeVar("Function", bound=Callable[..., Any])
_GENERATOR, _COROUTINE = 0x20, 0x80  # code flags, see the standard library's inspect module


class Switch:
    """A change of mode, as a context manager or a decorator; it may be entered again, by any thread."""

    changes: ClassVar[dict[str, Any]]

    def __init_subclass__(cls, **changes: Any) -> None:
        cls.changes = changes

    def __enter__(self) -> None:
        mode = MODE.get()
        switched = mode.but(**self.changes)
        switched.before = mode
        MODE.set(switched)

    def __exit__(self, *error: object) -> None:
        before = MODE.get().before
        if before is not None:
            MODE.set(before)

    def __call__(self, function: Function) -> Function:
        """Make every call of ``function`` run switched, also of a coroutine function."""
        flags = getattr(getattr(function, "__code__", None), "co_flags", 0)
        if flags & _GENERATOR:
            raise TypeError(
                f"{type(self).__name__}: {function.__name__} is a generator, which would hand the mode to its caller; "
                "use `with` inside it instead"
            )

        if flags & _COROUTINE:

            @functools.wraps(function)
            async def switched_task(*args: Any, **kwargs: Any) -> Any:
                with type(self)():
                    return await function(*args, **kwargs)

            return switched_task  # type: ignore[return-value]

        @functools.wraps(function)
        def switched(*args: Any, **kwargs: Any) -> Any:
            with type(self)():
                return function(*args, **kwargs)

        return switched  # type: ignore[return-value]


class no_grad(Switch, recording=False):
    """Compute without recording: ``with tg.no_grad(): ...`` or ``@tg.no_grad()``.

    >>> import tinygrad_edu as tg
    >>> x = tg.Tensor(2.0, requires_grad=True)
    >>> with tg.no_grad():
    ...     (x * x).requires_grad
    False
    """


class enable_grad(Switch, recording=True):
    """Record again, inside a ``no_grad`` block."""


class detect_anomaly(Switch, anomaly=True):
    """Raise AnomalyError at the first op whose output, or whose rule's result, holds a NaN or an Inf."""


class record_lines(Switch, lines=True):
    """Remember, for each op, the line of the user's code that called it: for pictures with ``show=("source", ...)``."""


class unfused(Switch, unfused=True):
    """Run each fused op, such as a convolution, as the smaller ops it opens into: slower, and every step recorded."""


def is_grad_enabled() -> bool:
    """Whether ops are recorded here and now."""
    return MODE.get().recording
