"""A model as parts within parts: what one run on zeros recorded, ordered as a figure would have it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_edu import Tensor
from tinygrad_edu.inspection.calls import Call, Run, every_call
from tinygrad_edu.inspection.layers import shapes_of
from tinygrad_edu.nn import Branches, Module, Parameter, Sequential
from viz.architectures.kinds import kind_of, text_of

__all__ = ["Network", "Part", "counted", "read"]

_NAMING = ("convolution", "dense", "pooling")
_AFTER = ("normalisation", "activation", "dropout")  # is written on the layer before it
_BEFORE = ("arrangement",)  # is written on the layer after it
_PLAIN = (Sequential, Branches)  # says nothing that its content does not say


@dataclass(eq=False, repr=False)
class Part:
    """A layer; a unit, which is a layer and what is written on it, such as its batch norm; or a group of parts.

    sources: of a layer, the layers that feed it, each with the Tensor that comes from there. head: of a unit, the
    layer that it is named after. owner: the module that was called.
    """

    name: str
    kind: str
    text: str
    call: Call | None = None
    parts: list[Part] = field(default_factory=list)
    sources: list[tuple[Part, Any]] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)
    head: Part | None = None
    outer: Part | None = None

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name}: {self.text}>"

    @property
    def owner(self) -> Module | None:
        """The module that was called, if one was."""
        return self.call.module if self.call is not None else None

    def leaves(self) -> Iterator[Part]:
        """Yield the layers in it."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves()

    def parameters(self) -> list[Tensor]:
        """Return what it learns, once each."""
        return list(dict.fromkeys([x for leaf in self.leaves() for x in learned(leaf)]))

    def count(self) -> int:
        """Return how many numbers it learns."""
        return sum(x.size for x in self.parameters())

    def shape(self) -> tuple[int, ...]:
        """Return the shape of what it gives, without the batch."""
        return tuple(self.outputs[0].shape[1:]) if self.outputs else ()

    def rename(self, name: str, call: Call | None) -> Part:
        """Return the part under the name of the group that holds nothing else."""
        self.name, self.call = name, call if self.parts else self.call
        return self


@dataclass(repr=False)
class Network:
    """A model that was read: the part that is all of it, its inputs, and the Tensors that it gave."""

    root: Part
    inputs: list[Part]
    outputs: list[Any]


def read(model: Any, input_shape: Sequence[Any], batch: int = 1) -> Network:
    """Run a model on zeros and return its parts; the model is left as it was."""
    parameters = list(model.parameters()) if isinstance(model, Module) else []
    floats = [p.dtype for p in parameters if p.dtype.kind == "f"]
    zeros = [np.zeros((batch, *shape), floats[0] if floats else np.float32) for shape in shapes_of(input_shape)]
    inputs = [Tensor(x, requires_grad=True, copy=False, name="input") for x in zeros]
    run = every_call(model, inputs)
    if not run.model.outputs:
        raise ValueError(f"architecture: {run.model.name} gave no Tensor, so there is nothing to draw")
    network = Builder(run).network()
    run.forget_values()  # a picture lives as long as its notebook, and they take more memory than the weights
    return network


class Builder:
    """Makes parts of a run's calls; used once."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.maker: dict[Any, Part] = {}
        self.users: dict[Part, set[Part]] = {}
        self.made: dict[Call, Part] = {}

    def network(self) -> Network:
        """Return all parts."""
        several = len(self.run.inputs) > 1
        inputs = []
        for i, x in enumerate(self.run.inputs):
            name = f"input {i + 1}" if several else "input"
            inputs.append(Part(name, "input", name, outputs=[x]))
            self.maker[x] = inputs[-1]
        root = self.part_of(self.run.model)
        if root.kind != "block":
            root = Part(root.name, "block", root.name, self.run.model, [root], outputs=root.outputs)
        for call in self.run.calls:
            if call is not self.run.model:
                self.add(call, root)
        for y in self.run.model.outputs:
            if y in self.maker:
                self.users.setdefault(self.maker[y], set()).add(root)
        for part in reversed(list(self.made.values())):
            if part.parts and part is not root:
                self.tidy(part)
        root.parts = self.joined([part for child in root.parts for part in self.settled(child, top=True)])
        adopt(root)
        return Network(root, inputs, self.run.model.outputs)

    def part_of(self, call: Call) -> Part:
        """Return a new part for a call."""
        name = call.name
        if call.nodes or not (call.is_group or call is self.run.model):
            given = self.given(call)
            kind = kind_of(call, len({source for source, _ in given}))
            part = Part(name, kind, text_of(call, kind), call, sources=given, outputs=call.nodes[-1:])
            for source, _ in given:
                self.users.setdefault(source, set()).add(part)
            self.maker.update(dict.fromkeys(call.nodes, part))
        else:
            label = call.module._label() if call.module is not None else call.kind
            part = Part(name, "block", label, call, outputs=call.outputs)
        self.made[call] = part
        return part

    def given(self, call: Call) -> list[tuple[Part, Any]]:
        """Return what feeds a call, each source once."""
        nodes = set(call.nodes)
        inputs = [x for node in call.nodes for x in node._inputs if x not in nodes and x in self.maker]
        return list({(self.maker[x], x): None for x in inputs})

    def add(self, call: Call, root: Part) -> None:
        """Add a call to the part around it; one that did nothing, such as dropout, stands behind what it was given."""
        if not call.is_group and not call.nodes:
            self.add_idle(call)
            return
        outer = self.made.get(call.outer, root) if call.outer is not None else root
        outer.parts.append(self.part_of(call))

    def add_idle(self, call: Call) -> None:
        """Add a layer that hands on what it is given, where nothing else takes that."""
        y = call.outputs[0] if call.outputs else None
        outer = self.made.get(call.outer) if call.outer is not None else None
        source = self.maker.get(y) if y is not None else None
        if source is None or outer is None or self.users.get(source):
            return
        part = Part(call.name, "dropout", text_of(call, "dropout"), call, sources=[(source, y)], outputs=[y])
        self.users.setdefault(source, set()).add(part)
        self.maker[y] = part
        self.made[call] = part
        outer.parts.append(part)

    def tidy(self, part: Part) -> None:
        """Put the parts of plain containers in their place, and layers that belong together into units."""
        part.parts = self.joined([found for child in part.parts for found in self.settled(child)])

    def settled(self, part: Part, top: bool = False) -> list[Part]:
        """Return what stands for a part: its content if it is a plain container inside a group."""
        if part.kind != "block":
            return [part]
        if len(part.parts) == 1:
            return [part.parts[0].rename(part.name, part.call)]
        return part.parts if not top and type(part.owner) in _PLAIN else [part]

    def joined(self, parts: list[Part]) -> list[Part]:
        """Return parts with each layer and what is written on it made one unit."""
        waiting = list(parts)
        found: list[Part] = []
        while waiting:
            part = waiting.pop(0)
            last = found[-1] if found else None
            if last is not None and self.follows(last, part):
                named = last if any(layer.kind in _NAMING for layer in ends(last)) else part
                found[-1] = unit([*ends(last), *ends(part)], named)
            else:
                found.append(part)
        return found

    def follows(self, last: Part, part: Part) -> bool:
        """Whether a part is written on the one before it, or the one before it on the part."""
        layers, coming = ends(last), ends(part)
        end, first = layers[-1], coming[0]
        if last.kind == "block" or part.kind == "block" or self.users.get(end, set()) != {first}:
            return False
        if {source for source, _ in first.sources} != {end}:
            return False
        heads = sum(layer.kind in _NAMING for layer in [*layers, *coming])
        if all(layer.kind in _BEFORE for layer in layers):
            return heads == 1
        return layers[-1].kind != "pooling" and heads == 1 and all(layer.kind in _AFTER for layer in coming)


def ends(part: Part) -> list[Part]:
    """Return the layers of a unit."""
    return part.parts if part.kind != "block" and part.parts else [part]


def unit(layers: list[Part], named: Part) -> Part:
    """Return layers in a row as one part, named after the one with weights, or the unit that it was already in."""
    head = next(layer for layer in layers if layer.kind in _NAMING)
    return Part(named.name, head.kind, head.text, named.call, layers, outputs=layers[-1].outputs, head=head)


def adopt(part: Part) -> None:
    """Tell every part what it is in."""
    for child in part.parts:
        child.outer = part
        adopt(child)


def counted(parts: Sequence[Part]) -> str:
    """Say how many numbers parts learn; where running statistics are beside them, that these are not among them."""
    count = sum(part.count() for part in parts)
    owners = [leaf.owner for part in parts for leaf in part.leaves()]
    beside = any(owner is not None and list(owner.buffers()) for owner in owners)
    return f"{count:,} {'learned ' if beside else ''}parameter{'s' if count != 1 else ''}"


def learned(leaf: Part) -> list[Tensor]:
    """Return the parameters of a layer: those of its module, or those that its ops were given."""
    if leaf.call is None:
        return []
    if leaf.call.module is not None:
        return list(leaf.call.module.parameters())
    given = [x for node in leaf.call.nodes for x in node._inputs if x._op is None]
    return [x for x in given if isinstance(x, Parameter)]
