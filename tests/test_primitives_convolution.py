"""Convolution and pooling ops: fused and in small steps alike, in every memory order, and each the others' adjoint."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.primitives import columns, convolution, pooling
from tinygrad_edu.engine.primitives.convolution import convolve, convolve_back, convolve_plus, convolve_weights
from tinygrad_edu.engine.primitives.pooling import first_max, first_max_back, max_pick, max_pool, max_unpool

NONE = ((0, 0), (0, 0))


def way(stride=(1, 1), padding=NONE, dilation=(1, 1), groups=1):
    return {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}


def pooling_way(kernel, stride, padding=NONE, dilation=(1, 1)):
    return {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}


CONVOLUTIONS = [
    ((2, 1, 3, 3), (1, 1, 2, 2), way()),
    ((1, 2, 3, 3), (2, 2, 3, 3), way(padding=((1, 1), (1, 1)))),
    ((2, 2, 3, 3), (2, 1, 2, 2), way(groups=2)),
    ((1, 1, 5, 4), (1, 1, 2, 2), way(stride=(2, 3))),
    ((1, 1, 5, 5), (1, 1, 2, 2), way(dilation=(2, 3), padding=((1, 0), (0, 2)))),
    ((1, 1, 5, 6), (1, 1, 3, 2), way(stride=(3, 2), dilation=(2, 2), padding=((2, 1), (0, 1)))),
    ((1, 1, 1, 1), (1, 1, 1, 1), way()),
    ((2, 2, 2, 3), (3, 2, 1, 1), way()),
    ((0, 1, 3, 3), (2, 1, 2, 2), way()),
]
POOLS = [
    ((2, 1, 4, 4), pooling_way((2, 2), (2, 2))),
    ((1, 2, 4, 4), pooling_way((3, 3), (2, 2), ((1, 1), (1, 1)))),
    ((1, 1, 5, 5), pooling_way((2, 2), (2, 2))),
    ((1, 1, 5, 4), pooling_way((2, 2), (1, 1), ((0, 1), (1, 0)), (2, 1))),
    ((1, 1, 3, 3), pooling_way((1, 1), (2, 2))),
]


def out_of(x, w, params):
    return np.shape(convolve(np.zeros(x), np.zeros(w), **params))


def pooled(x, params):
    return np.shape(max_pool(np.zeros(x), **params))


SAMPLES = {
    convolve: [([x, w], params) for x, w, params in CONVOLUTIONS],
    convolve_plus: [([x, w, w[:1]], params) for x, w, params in CONVOLUTIONS],
    convolve_back: [
        ([out_of(x, w, params), w], {**params, "size": x[2:]}) for x, w, params in CONVOLUTIONS if 0 not in x
    ]
    + [([(1, 1, 2, 2), (1, 1, 2, 2)], {**way(stride=(2, 2)), "size": (5, 5)})],
    convolve_weights: [
        ([out_of(x, w, params), x], {**params, "kernel": w[2:]}) for x, w, params in CONVOLUTIONS if 0 not in x
    ]
    + [([(1, 1, 1, 1), (1, 1, 5, 5)], {**way(stride=(2, 2)), "kernel": (2, 2)})],
    max_pool: [([x], params) for x, params in POOLS],
    max_unpool: [([pooled(x, params), x], params) for x, params in POOLS],
    max_pick: [([x, x], params) for x, params in POOLS],
    first_max: [([(2, 3, 2, 2)], {}), ([(1, 1)], {}), ([(3, 2)], {})],
    first_max_back: [([(2, 3), (2, 3, 2, 2)], {}), ([(1, 2, 1), (1, 2, 1, 3, 1)], {})],
}
FUSED = [op for op in SAMPLES if op.steps is not None]
every_fused_op = pytest.mark.parametrize("op", FUSED, ids=lambda op: op.name)


def draw(rng, shape):
    return rng.standard_normal(shape)[()]


def orders(x):
    """The same numbers in other memory: batch last, reversed, with gaps, read-only, without strides."""
    yield x
    yield np.ascontiguousarray(x.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)
    yield np.asfortranarray(x)
    yield np.ascontiguousarray(x[..., ::-1])[..., ::-1]
    yield np.repeat(x, 2, axis=-1)[..., ::2]
    yield np.repeat(x, 2, axis=0)[::2]
    frozen = x.copy()
    frozen.flags.writeable = False
    yield frozen


@every_fused_op
def test_a_fused_op_equals_its_steps_in_every_memory_order(op, rng, monkeypatch):
    for small in (False, True):
        if small:  # so that small arrays are cut into blocks too
            monkeypatch.setattr(columns, "_BLOCK", 64)
            monkeypatch.setattr(columns, "_NARROW", 1)
            monkeypatch.setattr(columns, "_SMALL", 16)
            monkeypatch.setattr(pooling, "_PART", 64)
            monkeypatch.setattr(pooling, "_SHORT", 2)
            monkeypatch.setattr(convolution, "WIDE", 1)
        for shapes, params in SAMPLES[op]:
            inputs = [draw(rng, shape) for shape in shapes]
            want = op.steps(*inputs, **params)
            for i, x in enumerate(inputs):
                for same in orders(x) if x.ndim == 4 else [np.repeat(x, 2)[::2]]:
                    got = op(*inputs[:i], same, *inputs[i + 1 :], **params)
                    assert got.shape == want.shape
                    assert got.dtype == want.dtype
                    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12, err_msg=f"{shapes} {params}")


@every_fused_op
def test_float32_stays_float32_and_mixed_inputs_promote(op, rng):
    for shapes, params in SAMPLES[op]:
        inputs = [draw(rng, shape).astype(np.float32) for shape in shapes]
        assert op(*inputs, **params).dtype == np.float32
        assert op(*inputs[:-1], inputs[-1].astype(np.float64), **params).dtype == (
            np.float64 if op not in (max_pick,) else np.float32
        )


def test_a_constant_gradient_without_strides_flows_through(rng):
    x, w = draw(rng, (2, 2, 4, 4)), draw(rng, (3, 2, 3, 3))
    g = np.broadcast_to(np.float64(1.5), (2, 3, 2, 2))
    for op, other, extra in ((convolve_back, w, {"size": (4, 4)}), (convolve_weights, x, {"kernel": (3, 3)})):
        want = op(np.array(g), other, **way(), **extra)
        np.testing.assert_allclose(op(g, other, **way(), **extra), want, rtol=1e-13)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 3)])
@pytest.mark.parametrize("padding", [NONE, ((1, 1), (2, 2)), ((0, 2), (3, 1))])
@pytest.mark.parametrize("stride", [(1, 1), (2, 1), (3, 4)])
def test_the_three_are_adjoints_of_each_other(stride, padding, dilation, groups, rng):
    params = way(stride, padding, dilation, groups)
    x, w = draw(rng, (3, 4, 8, 9)), draw(rng, (6, 4 // groups, 3, 2))
    y = convolve(x, w, **params)
    g = draw(rng, y.shape)
    want = np.vdot(g, y)
    np.testing.assert_allclose(np.vdot(convolve_back(g, w, **params, size=x.shape[2:]), x), want, rtol=1e-11)
    np.testing.assert_allclose(np.vdot(convolve_weights(g, x, **params, kernel=w.shape[2:]), w), want, rtol=1e-11)


def test_large_images_in_blocks_equal_the_steps(rng):
    x = draw(rng, (5, 7, 40, 33)).astype(np.float32)
    for w, params in [
        (draw(rng, (9, 7, 3, 3)), way(padding=((1, 1), (1, 1)))),
        (draw(rng, (40, 7, 5, 5)), way(stride=(2, 2), padding=((2, 2), (2, 2)))),
        (draw(rng, (14, 1, 3, 3)), way(groups=7, dilation=(2, 2))),
        (draw(rng, (12, 7, 1, 1)), way()),
    ]:
        w = w.astype(np.float32)
        y = convolve(x, w, **params)
        g = draw(rng, y.shape).astype(np.float32)
        pairs = [
            (convolve, (x, w), {}),
            (convolve_back, (g, w), {"size": x.shape[2:]}),
            (convolve_weights, (g, x), {"kernel": w.shape[2:]}),
        ]
        for op, args, extra in pairs:
            want = op.steps(*[a.astype(np.float64) for a in args], **params, **extra)
            np.testing.assert_allclose(op(*args, **params, **extra), want, rtol=0, atol=2e-6 * np.abs(want).max())


def test_of_equal_numbers_the_first_in_row_major_order_wins():
    x = np.array([[[[1.0, 2, 2], [2, 2, 0], [2, 0, 2]]]])
    for params in (pooling_way((3, 3), (1, 1)), pooling_way((3, 3), (3, 3))):
        assert max_unpool(np.ones((1, 1, 1, 1)), x, **params).tolist() == [[[[0, 1, 0], [0, 0, 0], [0, 0, 0]]]]


def test_nan_spreads_through_a_pool_and_gets_its_gradient():
    x = np.array([[[[1.0, np.nan], [2, 0]]]])
    params = pooling_way((2, 2), (2, 2))
    assert np.isnan(max_pool(x, **params)).all()
    assert max_unpool(np.ones((1, 1, 1, 1)), x, **params).tolist() == [[[[0, 1], [0, 0]]]]


def test_a_pool_of_integers_keeps_them():
    x = np.arange(-16, 0).reshape(1, 1, 4, 4)
    assert max_pool(x, **pooling_way((2, 2), (2, 2), ((1, 1), (1, 1)))).tolist()[0][0][2] == [-4, -2, -1]


def test_a_gradient_of_a_leaf_shares_no_memory_with_another(rng):
    x = tg.Tensor(draw(rng, (2, 1, 4, 4)), requires_grad=True)
    w = tg.Tensor(draw(rng, (1, 1, 3, 3)), requires_grad=True)
    convolve(x, w, **way()).sum().backward()
    before = x.grad.data.copy()
    w.grad.data[...] = 0
    convolve(x, w, **way()).sum().backward()
    np.testing.assert_allclose(x.grad.data, 2 * before)


def test_unfused_records_the_steps_and_fused_one_op(rng):
    x = tg.Tensor(draw(rng, (1, 1, 4, 4)), requires_grad=True)
    w = draw(rng, (1, 1, 3, 3))
    assert [call.op for call in tg.graph(tg.functional.conv2d(x, w)).calls] == ["convolve"]
    with tg.unfused():
        y = tg.functional.max_pool2d(tg.functional.conv2d(x, w, padding=1), 2)
    ops = [call.op for call in tg.graph(y, backward=False).calls]
    assert ops == ["pad", "windows", "transpose", "reshape", "matmul", "reshape", "transpose", "windows", "first_max"]


@pytest.mark.parametrize(
    ("op", "x", "message"),
    [
        (lambda x: max_pool(x, **pooling_way((5, 5), (1, 1))), (1, 1, 4, 4), "max_pool: no window of .5, 5. fits"),
        (lambda x: convolve(x, np.ones((1, 1, 5, 5)), **way()), (1, 1, 4, 4), "convolve: no window of .5, 5. fits"),
    ],
)
def test_a_window_larger_than_the_image_is_refused(op, x, message):
    with pytest.raises(ValueError, match=message):
        op(np.zeros(x))
