"""What the tests of reductions share: the ops, what they are tried on, and the slope that a rule gives."""

from __future__ import annotations

import functools
import itertools

import numpy as np

from tinygrad_edu.engine.primitives import accumulate, reduce

ALL_OPS = [getattr(module, name) for module in (reduce, accumulate) for name in module.__all__]
OPS = [op for op in ALL_OPS if op.differentiable]
OVER_AXES = [reduce.sum, reduce.mean, reduce.max, reduce.min, reduce.logsumexp, reduce.norm, accumulate.prod]
SPREADS = [reduce.var, reduce.std]
ALONG = [reduce.softmax, reduce.log_softmax, accumulate.cumsum, accumulate.cumprod]

SHAPES_AND_AXES = [
    ((), ()), ((4,), ()), ((4,), (0,)), ((3, 4), (0,)), ((3, 4), (1,)), ((3, 4), (0, 1)), ((2, 3, 5), (0, 2)),
    ((2, 3, 5), (1,)), ((3, 1), (1,)), ((1,), (0,)), ((0, 3), (1,)), ((3, 7), (1,)),
]  # fmt: skip
SHAPES_AND_AXIS = [
    ((4,), 0),
    ((3, 4), 0),
    ((3, 4), 1),
    ((2, 5, 3), 1),
    ((3, 1), 1),
    ((1,), 0),
    ((0, 3), 1),
    ((3, 0), 1),
]


def samples(op):
    """Return the shapes of the inputs and the parameters to try."""
    if op in OVER_AXES or op in SPREADS:
        more = [{"ddof": 0}, {"ddof": 0.5}] if op in SPREADS else [{}]
        return [
            ([shape], {"axis": axis, "keepdims": keepdims, **extra})
            for (shape, axis), keepdims, extra in itertools.product(SHAPES_AND_AXES, [False, True], more)
            if op is not reduce.std
            or np.prod([shape[i] for i in axis]) > 1  # of one number it is 0, where it has a kink
        ]
    if op in ALONG:
        return [([shape], {"axis": axis}) for shape, axis in SHAPES_AND_AXIS]
    steps = [-1, 1]
    return {
        accumulate.prod_others: [
            ([shape] * n, {"axis": axis}) for shape, axis in [*SHAPES_AND_AXES, ((3, 0), (1,))] for n in (1, 2, 3)
        ],
        accumulate.shifted: [
            ([shape], {"axis": axis, "step": step, "fill": 0.5}) for (shape, axis) in SHAPES_AND_AXIS for step in steps
        ],
        accumulate.carried: [
            ([shape, shape], {"axis": axis, "step": step}) for (shape, axis) in SHAPES_AND_AXIS for step in steps
        ],
    }[op]


def cases(op, rng, dtype=np.float64):
    """Yield inputs, a gradient for the output, and parameters."""
    for shapes, params in samples(op):
        inputs = [draw(rng, shape, dtype) for shape in shapes]
        yield inputs, draw(rng, np.shape(op(*inputs, **params)), dtype), params


def draw(rng, shape, dtype=np.float64):
    return np.asarray(rng.standard_normal(shape), dtype)[()]


def put(inputs, position, x):
    return [*inputs[:position], x, *inputs[position + 1 :]]


def slope(op, position, g, inputs, params):
    return rule(op, position)(g, op(*inputs, **params), *inputs, **params)


def rule(op, position):
    return functools.partial(op.rule_of(position), position=position) if op.variadic else op.rule_of(position)
