"""Modules made of modules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tinygrad_edu.nn.module import Module

__all__ = ["Sequential"]


class Sequential(Module):
    """Modules one after the other; they are named ``0``, ``1``, ..., so that a weight is ``0.weight``."""

    def __init__(self, *modules: Module) -> None:
        for position, module in enumerate(modules):
            if not isinstance(module, Module):
                raise TypeError(f"Sequential: entry {position} is no Module but {type(module).__name__}")
            setattr(self, str(position), module)

    def forward(self, x: Any) -> Any:
        """Hand x through every module in turn."""
        for module in self.children():
            x = module(x)
        return x

    def __len__(self) -> int:
        return len(list(self.children()))

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    def __getitem__(self, index: Any) -> Any:
        chosen = list(self.children())[index]
        return Sequential(*chosen) if isinstance(index, slice) else chosen
