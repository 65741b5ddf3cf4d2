"""Whole networks, drawn by their modules as papers draw them, each box of which opens."""

from viz.architectures.network import Architecture, architecture

__all__ = ["Architecture", "architecture"]
