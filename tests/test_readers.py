"""Every op of the library, through its public door: differentiated twice as Tensors, and its rules told as formulas."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import numpy as np
import pytest
import test_primitives_convolution as of_images
import test_primitives_elementwise as of_elements
import test_primitives_linear as of_matrices
import test_primitives_normalize as of_norms
import test_primitives_reduce as of_reductions
import test_primitives_shape as of_shapes

import tinygrad_edu as tg
from tinygrad_edu.engine import primitives
from tinygrad_edu.engine.op import Op
from tinygrad_edu.engine.symbol import formula_of_rule

MODULES = [import_module(f"{primitives.__name__}.{found.name}") for found in pkgutil.iter_modules(primitives.__path__)]
ALL = {id(op): op for module in MODULES for op in vars(module).values() if isinstance(op, Op)}
OPS = sorted((op for op in ALL.values() if op.differentiable), key=lambda op: op.name)
EPS = 1e-6
every_op = pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)


def samples(op, rng):
    """Return inputs and parameters for an op, from the tables of its family."""
    if op in of_elements.OPS:
        return list(of_elements.cases(op, rng))
    if op in of_reductions.OPS:
        return [(inputs, params) for inputs, _, params in of_reductions.cases(op, rng)]
    for family in (of_norms, of_shapes, of_images):
        if op in family.SAMPLES:
            return [([family.draw(rng, size) for size in sizes], params) for sizes, params in family.SAMPLES[op]]
    found = of_matrices.SAMPLES.get(op, [])
    return [([of_matrices.draw(op, rng, size) for size in sizes], params) for sizes, params in found]


def normal(rng, like):
    return rng.standard_normal(np.shape(like))[()]


def way(op, rng, x):
    """A random direction in which an input of the op may move: a symmetric matrix stays one."""
    step = normal(rng, x)
    return step + np.swapaxes(step, -1, -2) if op in of_matrices.SYMMETRIC else step


def first(op, params, trained, inputs, g, create_graph=False):
    """Return the gradients of the trained inputs, with these inputs and that upstream gradient."""
    leaves = [tg.Tensor(x, requires_grad=i in trained) for i, x in enumerate(inputs)]
    g = tg.Tensor(g, requires_grad=True)
    out = op(*leaves, **params)
    wanted = [leaves[i] for i in trained]
    return [*wanted, g], tg.grad(out, wanted, gradient=g, create_graph=create_graph)


def test_every_op_has_samples(rng):
    assert len(OPS) > 100
    assert [op.name for op in OPS if not samples(op, rng)] == []


@every_op
def test_second_derivative_matches_differences_of_the_first(op, rng):
    for inputs, params in samples(op, rng):
        trained = [i for i in range(len(inputs)) if op.rule_of(i) is not None]
        g = normal(rng, op(*inputs, **params))
        leaves, slopes = first(op, params, trained, inputs, g, create_graph=True)
        weights = [normal(rng, slope.data) for slope in slopes]
        total = sum((slope * w).sum() for slope, w in zip(slopes, weights))
        ways = [way(op, rng, inputs[i]) for i in trained] + [normal(rng, g)]
        got = 0.0
        if total.requires_grad:
            found = tg.grad(total, leaves, allow_unused=True)
            got = sum(np.sum(s.data * step) for s, step in zip(found, ways) if s is not None)

        def moved(t):
            there = [x + t * ways[trained.index(i)] if i in trained else x for i, x in enumerate(inputs)]  # noqa: B023
            _, slopes = first(op, params, trained, there, g + t * ways[-1])  # noqa: B023
            return sum(np.sum(slope.data * w) for slope, w in zip(slopes, weights))  # noqa: B023

        ends = moved(EPS), moved(-EPS)
        np.testing.assert_allclose(got, (ends[0] - ends[1]) / (2 * EPS), rtol=2e-6, atol=2e-7, err_msg=f"{params}")


@every_op
def test_every_rule_is_told_as_a_formula(op, rng):
    for inputs, params in samples(op, rng):
        out = op(*inputs, **params)
        for i in range(len(inputs)):
            if op.rule_of(i) is None:
                continue
            formula = formula_of_rule(op, i, np.ones(np.shape(out))[()], out, tuple(inputs), params)
            assert formula is not None
            assert len(str(formula)) > 0
            assert "object at" not in str(formula)


@every_op
def test_check_graph_finds_every_rule_right(op, rng):
    inputs, params = next(s for s in samples(op, rng) if all(0 < np.size(x) < 100 for x in s[0]))
    leaves = [tg.Tensor(x, requires_grad=op.rule_of(i) is not None) for i, x in enumerate(inputs)]
    out = op(*leaves, **params)
    if op not in of_matrices.SYMMETRIC:  # one triangle is read: element by element they are another function
        assert tg.check_graph(out, gradient=normal(rng, out.data))
