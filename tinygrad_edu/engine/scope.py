"""Named regions of a computation, and what the current thread or task is doing: recording or not, and where.

Both live in one ``ContextVar``: threads and asyncio tasks do not share them.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

__all__ = ["MODE", "Mode", "Scope", "composite", "inside", "next_serial", "put_back", "rebind", "scope"]

Function = TypeVar("Function", bound=Callable[..., Any])
_NAMED = re.compile(r"(?!Tensor: )[\w.]+( \(\w+\))?: ")  # how an error starts that says whose it is

next_serial = itertools.count(1).__next__  # one clock for nodes, scopes and writes


class Scope:
    """A region that a picture can fold: a module's call, a composite function or a ``with tg.scope(...)``.

    kind: ``module``, ``composite`` or ``scope``. owner: the module that was called, if one was. Scopes nest.
    """

    __slots__ = ("_name", "_paths", "kind", "owner", "parent", "undo")

    _paths: dict[int, tuple[str, Any]]  # once asked for: where the modules inside the owner lie, by id, and they

    def __init__(self, name: str | None, kind: str = "scope", parent: Scope | None = None, owner: Any = None) -> None:
        self._name = name
        self.kind = kind
        self.parent = parent
        self.owner = owner
        self.undo: list[tuple[Any, Any]] | None = None  # what a failed call has rebound, and to put back

    @property
    def name(self) -> str:
        """What it was called; a module goes by its place in the module around it, or by its class."""
        if self._name is not None:
            return self._name
        outer = self.parent
        while outer is not None and outer.owner is None:
            outer = outer.parent
        if outer is not None:
            if not hasattr(outer, "_paths"):
                outer._paths = {id(module): (path, module) for path, module in outer.owner.named_modules()}
            path, _ = outer._paths.get(id(self.owner), ("", None))
            if path:
                return path
        return type(self.owner).__name__

    @property
    def path(self) -> str:
        """The names from the outermost scope to this one, joined by dots."""
        return f"{self.parent.path}.{self.name}" if self.parent else self.name

    def __repr__(self) -> str:
        return f"<{self.kind} {self.path}>"


def rebind(tensor: Any, data: Any) -> None:
    """Set a Tensor's data; if the call of the outermost module around fails later, that is undone (``put_back``)."""
    scope, outermost = MODE.get().scope, None
    while scope is not None:
        outermost = scope if scope.owner is not None else outermost
        scope = scope.parent
    if outermost is not None:
        outermost.undo = outermost.undo or []
        outermost.undo.append((tensor, tensor.data))
    tensor.data = data


def put_back(scope: Scope) -> None:
    """Undo what was rebound during a call that failed."""
    for tensor, data in reversed(scope.undo or []):
        tensor.data = data
    scope.undo = None


class Mode:
    """What an op does besides computing: whether it records, where, looks for NaN, keeps lines, fuses."""

    __slots__ = ("anomaly", "before", "lines", "plain", "recording", "scope", "unfused", "watchful")

    def __init__(
        self,
        recording: bool = True,
        scope: Scope | None = None,
        anomaly: bool = False,
        lines: bool = False,
        unfused: bool = False,
    ) -> None:
        self.recording = recording
        self.scope = scope
        self.anomaly = anomaly
        self.lines = lines
        self.unfused = unfused
        self.watchful = anomaly or lines
        self.plain = recording and not self.watchful  # the common case, which asks for nothing but a record
        self.before: Mode | None = None  # what a switch came from and goes back to

    def within(self, scope: Scope) -> Mode:
        """Return this mode inside another scope."""
        return Mode(self.recording, scope, self.anomaly, self.lines, self.unfused)

    def but(self, **changes: Any) -> Mode:
        """Return this mode with some fields changed."""
        fields = {name: getattr(self, name) for name in ("recording", "scope", "anomaly", "lines", "unfused")}
        return Mode(**{**fields, **changes})


MODE: ContextVar[Mode] = ContextVar("tinygrad_edu_mode", default=Mode())  # noqa: B039 - a Mode never changes


@contextmanager
def inside(mode: Mode) -> Iterator[Mode]:
    """Work in ``mode`` until the block ends."""
    token = MODE.set(mode)
    try:
        yield mode
    finally:
        MODE.reset(token)


@contextmanager
def scope(name: str) -> Iterator[Scope]:
    """Group what is recorded inside, so that a picture can show it as one box; also a decorator.

    >>> import tinygrad_edu as tg
    >>> x = tg.Tensor(2.0, requires_grad=True)
    >>> with tg.scope("encoder"):
    ...     y = x * x
    """
    if not isinstance(name, str):
        raise TypeError(f"scope: the name must be a string, not {type(name).__name__}")
    mode = MODE.get()
    entered = Scope(name, "scope", mode.scope)
    with inside(mode.but(scope=entered)):
        yield entered


def composite(function: Function) -> Function:
    """Make a function of ops a scope of its own: a picture folds its steps into one box named after it."""
    name = function.__name__

    @functools.wraps(function)
    def scoped(*args: Any, **kwargs: Any) -> Any:
        mode = MODE.get()
        token = MODE.set(mode.within(Scope(name, "composite", mode.scope)))
        try:
            return function(*args, **kwargs)
        except (ValueError, TypeError, IndexError) as error:
            sign(error, name)
            raise
        except MemoryError as error:
            raise MemoryError(f"{name}: {str(error).removeprefix(f'{name}: ')}") from None
        finally:
            MODE.reset(token)

    return scoped  # type: ignore[return-value]


def sign(error: Exception, name: str) -> None:
    """Put a composite's name before an error of one sentence that names no op or layer yet."""
    said = error.args[0] if len(error.args) == 1 else None
    if type(error) not in (ValueError, TypeError, IndexError) or not isinstance(said, str) or hasattr(error, "graph"):
        return
    if not _NAMED.match(said):
        error.args = (f"{name}: {said.removeprefix('Tensor: ')}",)
