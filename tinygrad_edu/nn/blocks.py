"""How modern networks are wired: shortcuts around a body, towers side by side."""

from __future__ import annotations

from typing import Any

from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.failure import with_graph
from tinygrad_edu.engine.functions import concatenate
from tinygrad_edu.engine.tensor import Tensor, as_tensor
from tinygrad_edu.nn.containers import refuse_other
from tinygrad_edu.nn.module import Module

__all__ = ["Branches", "Residual"]


class Residual(Module):
    """``body(x) + shortcut(x)``; without a shortcut ``body(x) + x``. He, Zhang, Ren, Sun 2015, figure 2.

    No activation follows. Raises ValueError, when called, where body and shortcut give different shapes.
    """

    def __init__(self, body: Module, shortcut: Module | None = None) -> None:
        for name, module in (("body", body), ("shortcut", shortcut)):
            if not isinstance(module, Module) and (module is not None or name == "body"):
                raise TypeError(f"Residual: {name} is no Module but {type(module).__name__}")
        self.body = body
        self.shortcut = shortcut

    def forward(self, x: Any) -> Tensor:
        """Return what the body adds to what it was given."""
        x = as_tensor(x)
        y = self.body(x)
        around = x if self.shortcut is None else self.shortcut(x)
        if y.shape != around.shape:
            raise with_graph(ValueError(self._misfit(y.shape, around.shape)), P.add, (y, around))
        return y + around  # type: ignore[no-any-return]

    def _misfit(self, body: tuple[int, ...], around: tuple[int, ...]) -> str:
        if self.shortcut is not None:
            return f"the body gives {body} but the shortcut {around}; they are added, so make their shapes equal"
        said = f"the body gives {body} but its shortcut is x itself, {around}"
        if len(body) != 4 or len(around) != 4 or 0 in body:
            return f"{said}; give a shortcut that changes the shape of x as the body does"
        stride = -(-around[2] // body[2])
        if any((n - 1) // stride + 1 != m for n, m in zip(around[2:], body[2:])):
            return f"{said}; give the body padding, so that the size stays, or a shortcut that changes it too"
        step = f", stride={stride}" if stride > 1 else ""
        return f"{said}; give a shortcut, such as Conv2d({around[1]}, {body[1]}, 1{step})"


class Branches(Module):
    """Towers side by side, each given x, concatenated over channels (axis 1). Szegedy et al. 2014, figure 2.

    They are named ``0``, ``1``, ... Raises ValueError, when called, that names the tower whose size differs.
    """

    def __init__(self, *towers: Module) -> None:
        if not towers:
            raise ValueError("Branches: give at least one tower")
        for position, tower in enumerate(towers):
            refuse_other(self, position, tower)
            self.add_module(str(position), tower)

    def forward(self, x: Any) -> Tensor:
        """Return the channels of every tower, those of tower 0 first."""
        x = as_tensor(x)
        entries = self._entries()
        outputs = [tower(x) for _, tower in entries]
        shapes = [y.shape for y in outputs]
        sizes = [(shape[:1], shape[2:]) for shape in shapes]
        usual = max(sizes, key=sizes.count)
        for (name, tower), shape, size in zip(entries, shapes, sizes):
            said = ""
            if len(shape) < 2:
                said = "; it needs a batch and channels (axis 1)"
            elif size != usual:
                others = " and ".join(f"{n} gives {s}" for (n, _), s in zip(entries, shapes) if n != name)
                said = (
                    f", but {others}; all but the channels (axis 1) must be equal, so give it the padding and stride "
                    "of the others"
                )
            if said:
                message = f"tower {name} ({type(tower).__name__}) gives {shape}{said}"
                raise with_graph(ValueError(message), P.concatenate, tuple(outputs))
        return concatenate(outputs, axis=1)
