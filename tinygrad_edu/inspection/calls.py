"""One run of a model: the layers that were called, the functions between them, and the ops that each recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.creation import Randomness
from tinygrad_edu.engine.scope import MODE, inside, next_serial
from tinygrad_edu.engine.tensor import Tensor, as_tensor
from tinygrad_edu.engine.trace.tracing import recorded
from tinygrad_edu.nn import Embedding, Module, Parameter

__all__ = ["Call", "Run", "every_call", "run_once"]


@dataclass(eq=False)
class Call:
    """A module's call, or a function's outside every layer; ``nodes`` are the Tensors that its ops made."""

    name: str  # dotted path
    kind: str
    module: Module | None
    outer: Call | None
    start: int  # on the engine's clock, which counts nodes too
    stop: int = 0
    outputs: list[Tensor] = field(default_factory=list)
    nodes: list[Any] = field(default_factory=list)
    longest: int = 0  # how many layers are on the longest path that ends here

    @property
    def is_group(self) -> bool:
        """Whether it is a module made of modules, whose content has rows of its own."""
        return self.module is not None and any(True for _ in self.module.children())

    @property
    def level(self) -> int:
        """How many groups it is in, the model itself not counted."""
        return 0 if self.outer is None or self.outer.outer is None else self.outer.level + 1


@dataclass
class Run:
    """What a run left: the call of the model itself, and the calls in it, groups before their content."""

    model: Call
    calls: list[Call]
    inputs: list[Tensor]

    def forget_values(self) -> None:
        """Keep of all activations no more than shape and dtype: views of a single 0 take their place."""
        nodes = [node for call in self.calls for node in call.nodes]
        for node in nodes:
            if node.ndim:
                node._data = np.broadcast_to(np.zeros((), node.dtype), node.shape)
        for node in nodes:
            seen = [a if x._op is None else x._data for x, a in zip(node._inputs, node._seen)]
            if type(node._x) is tuple:
                node._a = tuple(seen)
            else:
                node._a, node._b = [*seen, None][:2]


def run_once(model: Any, inputs: list[Tensor]) -> Run:
    """Call the model and note its calls as the table has them: functions that belong to a layer are part of it."""
    run = every_call(model, inputs)
    measure_paths(run.calls, inputs)
    return run


def every_call(model: Any, inputs: list[Tensor]) -> Run:
    """Call the model in eval mode on ``inputs`` and note its calls; the model is left as it was, also on an error."""
    noted = Notes(model)
    with untouched(model), noted.hooks():
        answer = noted.call(model, inputs)
    root = noted.calls[0]
    root.outputs = tensors_in(answer)
    nodes = recorded([y for call in noted.calls for y in call.outputs])
    functions = hand_out(nodes, noted.calls)
    whole = root.module is not None and not root.is_group and len(functions) < 2  # a single layer is its own row
    if whole:
        root.nodes = nodes
    calls = [root] if whole else sorted([*noted.calls[1:], *functions], key=lambda call: call.start)
    return Run(root, calls, inputs)


class Notes:
    """Writes down each module's call as it happens."""

    def __init__(self, model: Any) -> None:
        modules = model.named_modules() if isinstance(model, Module) else []
        self.paths: dict[Module, str] = {module: path for path, module in modules}
        self.calls: list[Call] = []
        self.open: list[Call] = []

    @contextmanager
    def hooks(self) -> Iterator[None]:
        """Listen to every module, until the block ends."""
        handles: list[Any] = []
        try:
            for module in list(self.paths)[1:]:
                handles.append(module.register_forward_pre_hook(self.enter))
                handles.append(module.register_forward_hook(self.leave))
            yield
        finally:
            for handle in handles:
                handle.remove()

    def call(self, model: Any, inputs: list[Tensor]) -> Any:
        """Call the model itself."""
        module = model if isinstance(model, Module) else None
        name = type(model).__name__ if module is not None else getattr(model, "__name__", type(model).__name__)
        root = Call(name, name, module, None, next_serial())
        self.calls.append(root)
        self.open.append(root)
        answer = model(*inputs)
        root.stop = next_serial()
        return answer

    def enter(self, module: Module, inputs: Any) -> Any:
        """Note that a module starts; a table of words is given whole numbers."""
        call = Call(self.paths[module], type(module).__name__, module, self.open[-1], next_serial())
        self.calls.append(call)
        self.open.append(call)
        return tuple([as_tensor(x).astype(np.int64) for x in inputs]) if isinstance(module, Embedding) else None

    def leave(self, module: Module, inputs: Any, output: Any) -> None:
        """Note what a module gave."""
        call = self.open.pop()
        call.stop = next_serial()
        call.outputs = tensors_in(output)


@contextmanager
def untouched(model: Any) -> Iterator[None]:
    """Run in eval mode, recording; afterwards attributes, buffers and random numbers are as they were."""
    modules = list(model.modules()) if isinstance(model, Module) else []
    attributes = [dict(vars(module)) for module in modules]
    buffers = [(held, held.data, np.array(held.data)) for held in model.buffers()] if modules else []
    random = Randomness.generator
    state = random.bit_generator.state if random is not None else {}
    try:
        for module in modules:
            module.training = False
        mode = MODE.get().but(recording=True, scope=None, anomaly=False, unfused=False)
        with inside(mode), np.errstate(all="ignore"):
            yield
    finally:
        for module, before in zip(modules, attributes):
            vars(module).clear()
            vars(module).update(before)
        for held, data, numbers in buffers:
            if held.data is not data:
                held.data = data
            if isinstance(data, np.ndarray) and data.tobytes() != numbers.tobytes():
                data[...] = numbers
        Randomness.generator = random
        if random is not None:
            random.bit_generator.state = state


def tensors_in(answer: Any) -> list[Tensor]:
    """Return the Tensors in what a module gave: one, or a list, tuple or dict of them."""
    if isinstance(answer, Tensor):
        return [answer]
    if isinstance(answer, dict):
        answer = list(answer.values())
    return [y for part in answer for y in tensors_in(part)] if isinstance(answer, (list, tuple)) else []


def hand_out(nodes: list[Any], calls: list[Call]) -> list[Call]:
    """Give each node to the layer it was recorded in; make calls of the functions outside layers, and return them."""
    functions: dict[Any, Call] = {}
    names: dict[str, int] = {}
    around: list[Call] = []  # the calls open at the time of the node, innermost last
    coming = iter(calls)
    following = next(coming, None)
    for node in nodes:
        while following is not None and following.start < node._serial:
            around.append(following)
            following = next(coming, None)
        around = [call for call in around if node._serial < call.stop]
        layer = around[-1]
        if layer.outer is not None and not layer.is_group:
            layer.nodes.append(node)
            continue
        function = outermost_function(node)
        if function not in functions:
            kind = function.name if function is not node else node._op.name
            path = f"{layer.name}.{kind}" if layer.outer is not None else kind
            names[path] = names.get(path, 0) + 1
            path = path if names[path] == 1 else f"{path}_{names[path]}"
            functions[function] = Call(path, kind, None, layer, node._serial)
        functions[function].nodes.append(node)
    for call in functions.values():
        call.stop, call.outputs = call.nodes[-1]._serial, [call.nodes[-1]]
    return list(functions.values())


def outermost_function(node: Any) -> Any:
    """Return the scope of the function that recorded a node, as the model called it; the node if it was a bare op."""
    found, scope = node, node._scope
    while scope is not None and scope.owner is None:
        if scope.kind == "composite":
            found = scope
        scope = scope.parent
    return found


def measure_paths(calls: list[Call], inputs: Iterable[Tensor]) -> None:
    """Set how many layers lie on the longest path to each call, and take out functions that belong to their layer.

    A function that only transforms each element of one layer's result, or rearranges it, such as ``relu`` or
    ``reshape``, belongs to that layer.
    """
    maker: dict[Any, Call] = {}
    length = dict.fromkeys(inputs, 1)
    for call in [call for call in calls if not call.is_group]:
        made = set(call.nodes)
        given = [x for node in call.nodes for x in node._inputs if x not in made]
        sources = {maker[x] for x in given if x in maker}
        varying = {x for x in given if x in length or x in maker or isinstance(x, Parameter) or x._needs}
        if (
            call.module is None
            and len(sources) == 1
            and [x.size for x in varying] == [call.nodes[-1].size]
            and (keeps_elements(call.nodes))
        ):
            source = sources.pop()
            maker.update(dict.fromkeys(call.nodes, source))
            calls.remove(call)
            continue
        call.longest = 1 + max([length.get(x, 0) for x in given] + [source.longest for source in sources], default=0)
        maker.update(dict.fromkeys(call.nodes, call))


def keeps_elements(nodes: list[Any]) -> bool:
    """Whether ops transform elements one by one, or only rearrange them."""
    return all(op.elementwise or op.notation == "arrange" or op is P.transpose for op in [node._op for node in nodes])
