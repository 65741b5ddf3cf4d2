"""Arrays that were written in place after an op saw them: their gradients would be wrong, so backward refuses."""

from __future__ import annotations

import weakref
from typing import Any, ClassVar

from tinygrad_edu.engine.scope import next_serial

__all__ = ["Writes", "refuse_if_written"]


class Writes:
    """Which memory was written in place, and when: backward looks closer only at nodes that are older than the latest.

    Memory is known by the array that owns it, so that a view or a detached Tensor is no way around.
    """

    latest = 0
    times: ClassVar[dict[int, tuple[int, Any]]] = {}  # by the owner's id: when, and a weak reference

    @classmethod
    def note(cls, array: Any) -> None:
        """Remember that the memory of ``array`` has just been written."""
        owner = owner_of(array)
        key = id(owner)
        cls.latest = next_serial()
        cls.times[key] = cls.latest, weakref.ref(owner, lambda _: cls.times.pop(key, None))

    @classmethod
    def last(cls, array: Any) -> int:
        """Return when the memory of ``array`` was last written; 0 for never."""
        return cls.times.get(id(owner_of(array)), (0,))[0]


def owner_of(array: Any) -> Any:
    """Return the array whose memory this one is a view of; itself if it owns its memory."""
    while (base := getattr(array, "base", None)) is not None and hasattr(base, "__array_interface__"):
        array = base
    return array


def refuse_if_written(node: Any) -> None:
    """Raise if what the op saw, or made, has been written in place since."""
    used = [(node, node._data, "its output"), *((x, a, "its input") for x, a in zip(node._inputs, node._seen))]
    for x, array, name in used:
        if max(x._written, Writes.last(array)) > node._serial:
            raise RuntimeError(
                f"backward through {node._op.name}: {name} {x._label()} of shape {x.shape} was changed in place after "
                "the op saw it, so its rule would give a wrong gradient; call backward(), or draw, before that, "
                "compute the result anew, or rebind instead: x.data = x.data + change"
            )
