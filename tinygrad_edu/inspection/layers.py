"""``tg.summary``: the table of a model's layers, their activations, parameters, multiply-adds and memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.op import Op
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.inspection import table
from tinygrad_edu.inspection.calls import Call, Run, run_once
from tinygrad_edu.nn import Module, Parameter

__all__ = ["Row", "Summary", "summary"]


@dataclass(frozen=True)
class Row:
    """A line of the summary: the input, a layer, a function between layers, or a group of layers (with their sums).

    Shape, size and multiply-adds are those of one example, ``activation_bytes`` those of the batch.
    ``parameters`` are counted where they are used first; ``note`` says where else. ``level``: how deep it is nested.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    output_size: int
    parameters: int
    multiply_adds: int
    buffers: int  # numbers that are saved with the weights and not learned, such as running means
    parameter_bytes: int  # of parameters and buffers
    activation_bytes: int
    dtype: str
    parameter_share: float  # of the model's parameters
    multiply_add_share: float
    level: int = 0
    is_group: bool = False
    note: str = ""


class Summary:
    """The table that ``tg.summary`` gives: text when printed, HTML in Jupyter, ``.rows`` for code.

    rows: the input, then every layer in the order of the calls. lines: the same with groups, which hold their sums.
    depth: the layers on the longest path through the model, the input counted, as the course's table counts them.
    not_called: modules with parameters that this run did not use.
    """

    def __init__(self, run: Run, parameters: Sequence[Tensor], batch: int | None, channels_last: bool) -> None:
        self.model = run.model.kind
        self.batch = batch
        self.channels_last = channels_last
        self.total_parameters = sum(p.size for p in parameters)
        self.trainable_parameters = sum(p.size for p in parameters if p.requires_grad)
        self.depth = max([1, *[call.longest for call in run.calls]])
        counted = Counted(run, batch)
        self.lines = counted.rows(self.total_parameters)
        self.rows = tuple([row for row in self.lines if not row.is_group])
        self.total_multiply_adds = sum(row.multiply_adds for row in self.rows)
        self.total_buffers = sum(row.buffers for row in self.rows)
        self.parameter_bytes = sum(row.parameter_bytes for row in self.rows)
        self.activation_bytes = sum(row.activation_bytes for row in self.rows)
        module = run.model.module
        self.not_called = tuple(counted.left(module)) if module is not None else ()

    def blocks(self) -> str:
        """Return the table as text with one line for each block, such as a residual one, that sums what is in it."""
        return table.text(self, folded=True)

    def __str__(self) -> str:
        return table.text(self)

    def __repr__(self) -> str:
        return table.text(self)

    def _repr_html_(self) -> str:
        return table.html(self)


def summary(
    model: Any,
    input_shape: Sequence[Any],
    *,
    batch: int | None = 1,
    channels_last: bool = False,
    dtype: Any = None,
) -> Summary:
    """Run ``model`` once, on one example of zeros, and return the table of its layers: sizes, multiply-adds, memory.

    model: a Module, or any function of Tensors. input_shape: that of one example, ``(channels, height, width)``, or a
    list of shapes for several inputs. batch: how many examples at once; it multiplies the memory of the activations,
    which is not taken, and nothing else; None for a model without a batch axis. channels_last: write shapes as the
    course does, ``(height, width, channels)``. dtype: that of the zeros; that of the first parameter if not given.

    A multiply-add is one multiplication and one addition of a convolution or matrix product; biases, activations,
    normalisation and pooling count 0. Activation memory is that of the outputs in the table. A function outside
    the layers has a row too, unless it only transforms (``F.relu``) or rearranges (``reshape``) the elements of the
    layer before it, to which it then belongs. A layer that is called again has a row again, without its parameters.

    The model runs in eval mode and is left as it was: flags, buffers, gradients, hooks, random numbers. An image that
    does not fit is the ValueError of the layer that refused it; ValueError for sizes that are no positive integers.
    """
    if batch is not None and (isinstance(batch, bool) or not isinstance(batch, (int, np.integer)) or batch < 1):
        raise ValueError(f"summary: batch must be a positive integer, or None for no batch axis, got {batch!r}")
    parameters = list(model.parameters()) if isinstance(model, Module) else []
    if dtype is None:
        floats = [p.dtype for p in parameters if p.dtype.kind == "f"]
        dtype = floats[0] if floats else np.float32
    lead = () if batch is None else (1,)
    zeros = [np.zeros(lead + shape, dtype) for shape in shapes_of(input_shape)]
    inputs = [Tensor(x, requires_grad=x.dtype.kind == "f", copy=False, name="input") for x in zeros]
    run = run_once(model, inputs)
    found = dict.fromkeys([*parameters, *[x for call in run.calls for x in parameters_seen(call, set(inputs))]])
    return Summary(run, list(found), batch, channels_last)


def shapes_of(given: Any) -> list[tuple[int, ...]]:
    """Return the shape of each input; ValueError for what is no shape."""
    if isinstance(given, (int, np.integer)):
        given = (given,)
    several = bool(given) and all(isinstance(shape, (tuple, list)) for shape in given)
    for shape in given if several else [given]:
        if not all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n > 0 for n in shape):
            raise ValueError(
                f"summary: input_shape must be the shape of one example, such as (1, 28, 28), all positive integers "
                f"and no batch axis, or a list of such shapes; got {given!r}"
            )
    return [tuple([int(n) for n in shape]) for shape in (given if several else [given])]


def parameters_seen(call: Call, inputs: Collection[Tensor]) -> list[Tensor]:
    """Return the parameters of a call, once each: those of its module, and those that its ops were given."""
    own: list[Tensor] = list(call.module.parameters()) if call.module is not None and not call.is_group else []
    given = [x for node in call.nodes for x in node._inputs if x._op is None and x not in inputs]
    return list(dict.fromkeys([*own, *[x for x in given if x._needs or isinstance(x, Parameter)]]))


class Counted:
    """Makes the rows of a run; each parameter counts where it comes first."""

    def __init__(self, run: Run, batch: int | None) -> None:
        self.run = run
        self.batch = batch
        self.first: dict[Any, str] = {}  # where each parameter and buffer was counted

    def rows(self, total: int) -> tuple[Row, ...]:
        """Return the rows, groups with their sums before their content."""
        rows: dict[Call, dict[str, Any]] = {}
        for call in self.run.calls:
            rows[call] = self.fields(call)
            outer = call.outer
            while outer in rows:
                for name in ("parameters", "multiply_adds", "buffers", "parameter_bytes", "activation_bytes"):
                    rows[outer][name] += rows[call][name]
                outer = outer.outer
        several = len(self.run.inputs) > 1
        given = [self.input(x, f" {i + 1}" if several else "") for i, x in enumerate(self.run.inputs)]
        everything = [*given, *rows.values()]
        work = sum(fields["multiply_adds"] for fields in everything if not fields.get("is_group"))
        for fields in everything:
            fields["parameter_share"] = fields["parameters"] / total if total else 0.0
            fields["multiply_add_share"] = fields["multiply_adds"] / work if work else 0.0
        return tuple([Row(**fields) for fields in everything])

    def input(self, x: Tensor, number: str) -> dict[str, Any]:
        """Return the row of an input."""
        said = {"name": f"input{number}", "kind": "input", **self.activation([x])}
        return {**said, **nothing(), "activation_bytes": x.data.nbytes * (self.batch or 1)}

    def fields(self, call: Call) -> dict[str, Any]:
        """Return the row of a call as a dict; that of a group is still to be filled."""
        said = {"name": call.name, "kind": call.kind, "level": call.level}
        shared = {**said, **self.activation(call.outputs), **nothing()}
        if call.is_group:
            return {**shared, "is_group": True}
        held = parameters_seen(call, set(self.run.inputs))
        buffers = [x for x in (call.module.buffers() if call.module is not None else []) if x.dtype.kind == "f"]
        fresh = [x for x in held if x not in self.first]
        fresh_buffers = [x for x in buffers if x not in self.first]
        again = list(dict.fromkeys([self.first[x] for x in held if x in self.first]))
        self.first.update(dict.fromkeys([*fresh, *fresh_buffers], call.name))
        notes = [f"weights counted at {' and '.join(again)}"] if again else []
        return {
            **shared,
            "parameters": sum(x.size for x in fresh),
            "multiply_adds": sum(multiply_adds(node) for node in call.nodes),
            "buffers": sum(x.size for x in fresh_buffers),
            "parameter_bytes": sum(x.data.nbytes for x in [*fresh, *fresh_buffers]),
            "activation_bytes": sum(y.data.nbytes for y in call.outputs) * (self.batch or 1),
            "note": "; ".join([*notes, *meeting(call)]),
        }

    def activation(self, outputs: list[Tensor]) -> dict[str, Any]:
        """Return shape, size and dtype of what a call gave; the shape is that of the first of several Tensors."""
        shapes = [self.without_batch(y.shape) for y in outputs] or [()]
        return {
            "output_shape": shapes[0],
            "output_size": sum(prod(shape) for shape in shapes) if outputs else 0,
            "dtype": str(outputs[0].dtype) if outputs else "",
        }

    def without_batch(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape[1:] if self.batch is not None and shape and shape[0] == 1 else shape

    def left(self, model: Module) -> list[str]:
        """Return the modules that hold parameters which no row counted."""
        return [
            path or type(model).__name__
            for path, module in model.named_modules()
            if any(isinstance(value, Parameter) and value not in self.first for value in vars(module).values())
        ]


def nothing() -> dict[str, Any]:
    """Return the sums of a row that has none."""
    return {"parameters": 0, "multiply_adds": 0, "buffers": 0, "parameter_bytes": 0, "activation_bytes": 0}


def meeting(call: Call) -> list[str]:
    """Say that an op of the call was given both float32 and float64, if one was."""
    for node in call.nodes:
        dtypes = {str(a.dtype) for a in node._seen if a.dtype.kind == "f"}
        if len(dtypes) > 1:
            return [f"{' and '.join(sorted(dtypes))} meet here, {node.dtype} goes on"]
    return []


def multiply_adds(node: Any) -> int:
    """Return the multiply-adds of the op that made a node; a mean taken by a matrix product is still pooling."""
    count = COUNTS.get(node._op)
    if node._scope is not None and node._scope.kind == "composite" and node._scope.name == "adaptive_avg_pool2d":
        return 0
    return count(node._data, *node._seen, **(node._params or {})) if count is not None else 0


def of_matmul(out: Any, x: Any, y: Any) -> int:
    """One for each element of the output and each element of the axis that is summed."""
    return int(out.size * x.shape[-1])


def of_convolution(out: Any, x: Any, w: Any, b: Any = None, **options: Any) -> int:
    """One for each element of the output and each weight of its kernel; the zeros of the padding are multiplied too."""
    return int(out.size * prod(w.shape[1:]))


def of_transposed_convolution(out: Any, g: Any, w: Any, **options: Any) -> int:
    """One for each element of the input and each weight that spreads it."""
    return int(g.size * prod(w.shape[1:]))


def of_einsum(out: Any, *xs: Any, subscripts: str) -> int:
    """One for each element of the output and each combination of the labels that are summed, if there is a product."""
    left, arrow, right = "".join(subscripts.split()).partition("->")
    kept = right if arrow else {label for label in left if left.count(label) == 1}
    sizes: dict[str, int] = {}
    for term, x in zip(left.split(","), xs):
        front, _, back = term.partition("...")
        sizes.update(zip(front, x.shape))
        sizes.update(zip(reversed(back), reversed(x.shape)))
    return int(out.size * prod(n for label, n in sizes.items() if label not in kept)) if len(xs) > 1 else 0


COUNTS: dict[Op, Callable[..., int]] = {
    P.matmul: of_matmul,
    P.convolve: of_convolution,
    P.convolve_plus: of_convolution,
    P.convolve_back: of_transposed_convolution,
    P.einsum: of_einsum,
}
