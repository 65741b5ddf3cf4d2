"""A model to look into: which layers it has, what each makes of an image, and which unit is meant."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

import numpy as np

from tinygrad_edu import Tensor, nn
from tinygrad_edu.nn.trial import example_input, shared_copy

__all__ = ["Probe", "images_for", "unit_words"]


class Probe:
    """A copy of a model, in evaluation and with frozen parameters, that keeps what its layers made at the last call.

    model: a module, or None for the LeNet-5 that comes trained on the shipped digits. The copy shares the arrays.
    Raises TypeError for what is no module.
    """

    def __init__(self, model: Any, what: str) -> None:
        if model is None:
            from tinygrad_edu.models import lenet5

            model = lenet5(weights="digits")
        if not isinstance(model, nn.Module):
            raise TypeError(f"{what}: wanted a module, got {type(model).__name__}")
        self.what = what
        self.given = model
        self.model: Any = shared_copy(model).eval().requires_grad_(False)
        self.layers: dict[str, Any] = {path: module for path, module in self.model.named_modules() if path}
        self.made: dict[str, Any] = {}  # by path, in the order of the calls
        for path, module in self.layers.items():
            module.register_forward_hook(self._keeper(path))

    def _keeper(self, path: str) -> Any:
        def keep(module: Any, args: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                self.made.pop(path, None)
                self.made[path] = output

        return keep

    def __call__(self, x: Any) -> Any:
        """Run the model; afterwards ``made`` holds what each layer made."""
        self.made.clear()
        return self.model(x)

    def path_of(self, layer: Any) -> str:
        """Return the dotted path of a layer given as path or as module; ValueError with the nearest names."""
        if isinstance(layer, nn.Module):
            found = [path for path, module in self.given.named_modules() if module is layer and path]
            if not found:
                raise ValueError(f"{self.what}: this {type(layer).__name__} is no layer of the model")
            return found[0]
        if isinstance(layer, str) and layer in self.layers:
            return layer
        if not isinstance(layer, str):
            raise TypeError(f"{self.what}: layer must be a path such as 'c3' or a module, got {type(layer).__name__}")
        near = get_close_matches(layer, self.layers, 3, 0.3) or list(self.layers)[:8]
        raise ValueError(f"{self.what}: the model has no layer {layer!r}; did you mean {', '.join(map(repr, near))}?")

    def output_of(self, path: str) -> Any:
        """Return what a layer made at the last call; ValueError if it was not called."""
        if path not in self.made:
            raise ValueError(f"{self.what}: layer {path!r} makes no Tensor when the model is called")
        return self.made[path]

    def before(self, path: str) -> str | None:
        """Return the path of the layer that was called just before one, if there is one."""
        called = [other for other in self.made if not list(self.layers[other].children())]
        at = called.index(path) if path in called else 0
        return called[at - 1] if at else None

    def unit(self, path: str, unit: Any) -> tuple[int, ...]:
        """Return which unit of a layer's output is meant: (channel,) or (channel, row, column); IndexError if none."""
        shape = self.output_of(path).shape[1:]
        index = unit if isinstance(unit, tuple) else (unit,)
        if not all(isinstance(i, (int, np.integer)) and not isinstance(i, (bool, np.bool_)) for i in index):
            raise TypeError(
                f"{self.what}: unit must be a number or a tuple such as (channel, row, column), got {unit!r}"
            )
        if not 0 < len(index) <= len(shape) or any(not -n <= i < n for i, n in zip(index, shape)):
            axes = ("channels", "rows", "columns") if len(shape) > 1 else ("units",)
            have = ", ".join(f"{n} {axis} (0 to {n - 1})" for n, axis in zip(shape, axes))
            raise IndexError(f"{self.what}: layer {path!r} has {have}, so there is no unit {unit}")
        return tuple([int(i) % n for i, n in zip(index, shape)])

    def count(self, layer: Any) -> int:
        """Return how many units, or channels, a layer has; found by running the model on an example."""
        path = self.path_of(layer)
        self(np.zeros((1, *self.input_shape()), self.dtype()))
        return int(self.output_of(path).shape[1])

    def last(self) -> str:
        """Return the path of the last layer with weights."""
        weighted = [path for path in self.layers if getattr(self.layers[path], "weight", None) is not None]
        if not weighted:
            raise ValueError(f"{self.what}: the model has no layer with weights; name one with layer=")
        return weighted[-1]

    def input_shape(self, size: Any = None) -> tuple[int, ...]:
        """Return (channels, height, width) of an image for the model, of a size or of the smallest that it takes."""
        if size is None:
            example = example_input(self.given)
            if example is None or example.ndim != 4:
                raise ValueError(
                    f"{self.what}: give the images' size: size=(height, width) or (channels, height, width)"
                )
            return example.shape[1:]
        sides = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
        if len(sides) not in (2, 3) or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in sides):
            raise ValueError(
                f"{self.what}: size must be a number, (height, width) or (channels, height, width), got {size!r}"
            )
        if len(sides) == 3:
            return sides
        first = next((m for m in self.given.modules() if isinstance(m, nn.Conv2d)), None)
        return (1 if first is None else first.in_channels, *sides)

    def dtype(self) -> Any:
        """Return the dtype of the model's numbers."""
        return next((p.dtype for p in self.model.parameters()), np.dtype(np.float32))

    def leaves(self) -> Iterator[str]:
        """Yield the paths of the layers that were called and hold no others."""
        for path in self.made:
            if not list(self.layers[path].children()):
                yield path


def images_for(x: Any, what: str, dtype: Any) -> Any:
    """Return one image (1, channels, height, width) of an image with or without batch and channel axis."""
    array = np.asarray(x.data if isinstance(x, Tensor) else x, dtype)
    if array.ndim == 2:
        array = array[None]
    if array.ndim == 3:
        array = array[None]
    if array.ndim != 4 or len(array) != 1:
        raise ValueError(f"{what}: wanted one image (channels, height, width), got shape {np.shape(x)}; take x[0]")
    return array


def unit_words(layer: str, index: tuple[int, ...]) -> str:
    """Say which unit is meant."""
    place = f" at row {index[1]}, column {index[2]}" if len(index) == 3 else ""
    return f"unit {index[0]}{place} of {layer}"
