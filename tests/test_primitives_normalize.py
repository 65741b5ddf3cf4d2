"""Standardizing, its slope and its sums: fused and in small steps alike, in every memory order, far from 0 too."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.primitives import normalize
from tinygrad_edu.engine.primitives.normalize import moments, rescale, standardize, standardize_dot, standardize_slope
from tinygrad_edu.engine.symbol import Symbol
from tinygrad_edu.engine.trace.replay import replayed_op

OPS = [rescale, standardize, standardize_slope, standardize_dot]
AXES = [
    ((4, 3), (0,)), ((4, 3), (1,)), ((3, 2, 4), (0, 2)), ((2, 3, 2, 3), (0, 2, 3)), ((2, 3, 2), (1, 2)), ((5,), (0,)),
    ((2, 3), (0, 1)), ((2, 3, 4), (1,)), ((2, 1, 3), (0, 2)), ((2, 3), ()),
]  # fmt: skip


def kept(shape, axis):
    return tuple(1 if i in axis else n for i, n in enumerate(shape))


def samples(op):
    """The shapes of the inputs, and the parameters; scale and shift as numbers and per row."""
    found = []
    for shape, axis in AXES:
        params = {"axis": axis, "eps": 0.1}
        row = kept(shape, axis)
        if op is rescale:
            found += [([shape, row, row, row, row], {"eps": 6.0}), ([shape, row, row, (), ()], {"eps": 6.0})]
        elif op is standardize:
            found += [([shape, row, row], params), ([shape, (), ()], params)]
        elif op is standardize_slope:
            found += [([shape, shape, row], params), ([shape, shape, ()], params)]
        else:
            found += [([shape, shape], params)]
    return found


SAMPLES = {op: samples(op) for op in OPS}
every_op = pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)


def draw(rng, shape):
    return rng.standard_normal(shape)[()]


def cases(op, rng, center=0.0):
    for shapes, params in SAMPLES[op]:
        inputs = [draw(rng, shape) + center for shape in shapes]
        if op is rescale:
            inputs[2] = inputs[2] ** 2  # a variance
        yield inputs, params


def orders(x):
    """The same numbers in other memory: every order of axes, reversed, with gaps, read-only."""
    x = np.asarray(x)
    for order in itertools.permutations(range(x.ndim)):
        back = [order.index(i) for i in range(x.ndim)]
        yield x.transpose(order).copy().transpose(back)
    if x.ndim:
        yield x[::-1].copy()[::-1]
        yield np.repeat(x, 2, axis=-1)[..., ::2]
        frozen = x.copy()
        frozen.flags.writeable = False
        yield frozen


@every_op
def test_the_fused_loop_equals_its_steps_in_every_memory_order(op, rng, monkeypatch):
    monkeypatch.setattr(normalize, "SHORT", 0)
    monkeypatch.setattr(normalize, "BLOCK", 7)  # so that small arrays are cut into blocks too
    for center in (0.0, 3.0, -1000.0):
        for inputs, params in cases(op, rng, center):
            want = op.steps(*inputs, **params)
            for i, x in enumerate(inputs):
                for same in orders(x):
                    got = op(*inputs[:i], same[()], *inputs[i + 1 :], **params)
                    assert got.shape == want.shape
                    assert got.dtype == want.dtype
                    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)


@every_op
def test_rules_match_finite_differences(op, rng):
    for inputs, params in cases(op, rng):
        if sum(map(np.size, inputs)) < 60:
            xs = [tg.Tensor(x, requires_grad=True) for x in inputs]
            assert tg.gradcheck(lambda *xs: op(*xs, **params), xs)  # noqa: B023


@every_op
def test_rules_on_symbols_have_the_value_that_they_have_on_arrays(op, rng):
    for inputs, params in cases(op, rng):
        out = op(*inputs, **params)
        g = draw(rng, out.shape)
        symbols = [Symbol(f"x{i}", x) for i, x in enumerate(inputs)]
        for i in range(len(inputs)):
            rule = op.rule_of(i)
            formula = rule(Symbol("ḡ", g), Symbol("y", out), *symbols, **params)
            np.testing.assert_allclose(formula.value, rule(g, out, *inputs, **params), rtol=1e-12, atol=1e-13)


@every_op
def test_replay_on_scalars_gives_the_same_values(op, rng):
    for inputs, params in cases(op, rng):
        if any(not np.size(x) for x in inputs):
            continue
        objects = [np.frompyfunc(tg.Tensor, 1, 1)(np.asarray(x)) for x in inputs]
        objects = [x if isinstance(x, np.ndarray) else wrapped(x) for x in objects]
        got = np.vectorize(lambda y: y.item())(replayed_op(op, objects, params))
        np.testing.assert_allclose(got, op(*inputs, **params), rtol=1e-11, atol=1e-13)


def wrapped(x):
    array = np.empty((), object)
    array[()] = x
    return array


@every_op
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_dtype_stays(op, dtype, rng):
    for inputs, params in cases(op, rng):
        small = [np.asarray(x, dtype)[()] for x in inputs]
        out = op(*small, **params)
        assert out.dtype == dtype
        np.testing.assert_allclose(
            out, op(*inputs, **params), rtol=100 * np.finfo(dtype).eps, atol=20 * np.finfo(dtype).eps
        )
        for i in range(len(inputs)):
            assert op.rule_of(i)(out, out, *small, **params).dtype == dtype


@every_op
def test_complex_step_gives_the_slope(op, rng):
    for inputs, params in cases(op, rng):
        g = draw(rng, op(*inputs, **params).shape)
        for i, x in enumerate(inputs):
            way = draw(rng, np.shape(x))
            moved = op(*inputs[:i], x + 1e-30j * way, *inputs[i + 1 :], **params).imag / 1e-30
            slope = op.rule_of(i)(g, op(*inputs, **params), *inputs, **params)
            np.testing.assert_allclose(np.sum(g * moved), np.sum(slope * way), rtol=1e-9, atol=1e-11)


@every_op
def test_inputs_are_left_alone(op, rng):
    for center in (0.0, 50.0):
        for inputs, params in cases(op, rng, center):
            before = [np.array(x) for x in inputs]
            op(*inputs, **params)
            for x, y in zip(inputs, before, strict=True):
                np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("center", [0.0, 1.0, 100.0, 10000.0])
def test_float32_keeps_its_digits_far_from_0(center, rng):
    x = (rng.standard_normal((8, 3, 20, 20)) + center).astype(np.float32)
    g = rng.standard_normal(x.shape).astype(np.float32)
    params = {"axis": (0, 2, 3), "eps": 1e-5}
    wide = x.astype(np.float64), g.astype(np.float64)
    np.testing.assert_allclose(standardize(x, 1.0, 0.0, **params), standardize(wide[0], 1.0, 0.0, **params), atol=2e-6)
    np.testing.assert_allclose(
        standardize_slope(g, x, 1.0, **params), standardize_slope(wide[1], wide[0], 1.0, **params), atol=2e-6
    )
    np.testing.assert_allclose(standardize_dot(g, x, **params), standardize_dot(wide[1], wide[0], **params), rtol=1e-5)
    for got, want in zip(
        moments(x, (0, 2, 3)), (wide[0].mean((0, 2, 3), keepdims=True), wide[0].var((0, 2, 3), keepdims=True))
    ):
        np.testing.assert_allclose(got, want, rtol=2e-6, atol=1e-7)


def test_what_does_not_vary_is_standardized_to_the_shift():
    for value in (0.0, 0.1, 1e6, -3e-9):
        x = np.full((7, 2), value, np.float32)
        np.testing.assert_array_equal(standardize(x, 3.0, 2.0, axis=(0,), eps=1e-5), 2)
        assert np.isfinite(standardize_slope(x + 1, x, 1.0, axis=(0,), eps=1e-5)).all()


def test_the_output_is_laid_out_as_the_input(rng):
    x = np.ascontiguousarray(rng.standard_normal((3, 4, 4, 2))).transpose(3, 0, 1, 2)
    for out in (
        standardize(x, 1.0, 0.0, axis=(0, 2, 3), eps=0.1),
        standardize_slope(x, x, 1.0, axis=(0, 2, 3), eps=0.1),
    ):
        assert out.strides == x.strides


def test_a_nan_stays_in_its_channel():
    x = np.arange(12.0).reshape(2, 3, 2)
    x[0, 1, 0] = np.nan
    out = standardize(x, 1.0, 0.0, axis=(0, 2), eps=0.1)
    assert np.isnan(out[:, 1]).all()
    assert np.isfinite(out[:, [0, 2]]).all()


def test_unfused_opens_every_op_into_its_steps(rng):
    x = tg.Tensor(rng.standard_normal((4, 3)), requires_grad=True)
    fused = standardize(x, 1.0, 0.0, axis=(0,), eps=0.1)
    with tg.unfused():
        opened = standardize(x, 1.0, 0.0, axis=(0,), eps=0.1)
    assert fused.op is standardize
    assert opened.op is not standardize
    weights = rng.standard_normal((4, 3))
    pairs = [tg.grad(y, x, gradient=weights) for y in (fused, opened)]
    np.testing.assert_allclose(fused.data, opened.data, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(pairs[0].data, pairs[1].data, rtol=1e-12, atol=1e-13)
