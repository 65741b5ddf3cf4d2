"""Normalization: PyTorch's numbers and running statistics, its errors, and nothing half done."""

from __future__ import annotations

import numpy as np
import pytest
from functional_cases import differences_agree, ours, same_as_torch

import tinygrad_edu as tg
import tinygrad_edu.functional as F

SHAPES = [(4, 3), (4, 3, 5), (2, 3, 4, 5), (7, 1, 1, 2), (2, 2, 2, 2, 2), (5, 1), (1, 3, 2), (2, 4, 1, 1)]


@pytest.fixture
def torch():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch


def running(channels, dtype=np.float64):
    mean = np.linspace(-1, 1, channels).astype(dtype)
    return tg.Tensor(mean), tg.Tensor(mean**2 + dtype(0.5))


def per_channel(rng, shape):
    return rng.standard_normal(shape) + 0.5, *rng.standard_normal((2, shape[1]))


@pytest.mark.oracle
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_batch_norm_matches_torch(shape, training, torch, rng):
    x, weight, bias = per_channel(rng, shape)
    stats = running(shape[1])
    his = [torch.tensor(s.data) for s in stats]
    options = {"training": training, "momentum": 0.3, "eps": 1e-3}
    G = torch.nn.functional
    for n in (3, 2, 1):
        arrays = [x, weight, bias][:n]
        mine = [tg.Tensor(s.data) for s in stats]

        def function(x, *affine, mine=mine):
            return F.batch_norm(x, *(tg.Tensor(s.data.astype(x.dtype)) for s in mine), *affine, **options)

        same_as_torch(torch, function, lambda x, *a: G.batch_norm(x, *(s.clone() for s in his), *a, **options), arrays)
    same_as_torch(
        torch,
        lambda x: F.batch_norm(x, None, None, training=True),
        lambda x: G.batch_norm(x, None, None, training=True),
        [x],
    )


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_running_statistics_move_as_torchs(shape, dtype, torch, rng):
    mean, var = running(shape[1], dtype)
    his = [torch.tensor(s.data) for s in (mean, var)]
    for momentum in (0.1, 0.5, 0.0, 1.0):
        x = (rng.standard_normal(shape) * 3 + 2).astype(dtype)
        before = mean.data, var.data
        copies = [s.copy() for s in before]
        F.batch_norm(x, mean, var, training=True, momentum=momentum)
        torch.nn.functional.batch_norm(torch.tensor(x), *his, training=True, momentum=momentum)
        for mine, want in zip((mean, var), his):
            assert mine.dtype == dtype
            np.testing.assert_allclose(mine.data, want.numpy(), rtol=1e-12 if dtype == np.float64 else 2e-6)
        for old, copy in zip(before, copies):  # rebound, not written into
            np.testing.assert_array_equal(old, copy)
    F.batch_norm(x, mean, var)
    np.testing.assert_allclose(mean.data, his[0].numpy(), rtol=2e-6)


@pytest.mark.oracle
@pytest.mark.parametrize("center", [0.0, 30.0])
@pytest.mark.parametrize("last", [False, True], ids=["NCHW", "batch last"])
def test_batch_norm_in_float32_is_as_exact_as_torch(center, last, torch, rng):
    x, g = (rng.standard_normal((16, 8, 14, 14)).astype(np.float32) for _ in range(2))
    x += np.float32(center)
    weight, bias = rng.standard_normal((2, 8)).astype(np.float32)
    exact = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in (x, weight, bias)]
    y = torch.nn.functional.batch_norm(exact[0], None, None, *exact[1:], training=True)
    want = [y, *torch.autograd.grad(y, exact, torch.tensor(g, dtype=torch.float64))]
    layout = np.ascontiguousarray(x.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2) if last else x
    xs = [tg.Tensor(a, requires_grad=True, copy=False) for a in (layout, weight, bias)]
    mine = F.batch_norm(xs[0], None, None, *xs[1:], training=True)
    assert mine.data.strides == layout.strides
    for got, exact in zip([mine, *tg.grad(mine, xs, gradient=g)], want):
        exact = exact.detach().numpy()
        np.testing.assert_allclose(got.data, exact, rtol=2e-5, atol=2e-6 * abs(exact).max())


@pytest.mark.oracle
@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 5), (2, 3, 4, 2), (5,), (1, 1), (3, 1, 2)], ids=str)
def test_layer_norm_matches_torch(shape, torch, rng):
    G = torch.nn.functional
    for k in range(len(shape)):
        last = shape[k:]
        x, weight, bias = rng.standard_normal(shape), *rng.standard_normal((2, *last))
        for arrays in ([x, weight, bias], [x, weight], [x]):
            same_as_torch(
                torch,
                lambda x, *a: F.layer_norm(x, last, *a),  # noqa: B023
                lambda x, *a: G.layer_norm(x, last, *a),  # noqa: B023
                arrays,
            )
    assert F.layer_norm(x, x.shape[-1]).shape == x.shape


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("shape", "groups"), [((3, 4), 2), ((2, 6, 3), 3), ((2, 4, 3, 2), 4), ((1, 3, 2, 2), 1)], ids=str
)
def test_group_norm_matches_torch(shape, groups, torch, rng):
    G = torch.nn.functional
    for n in (3, 2, 1):
        arrays = per_channel(rng, shape)[:n]
        same_as_torch(
            torch,
            lambda x, *affine: F.group_norm(x, groups, *affine, eps=1e-3),
            lambda x, *affine: G.group_norm(x, groups, *affine, eps=1e-3),
            arrays,
        )


@pytest.mark.oracle
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("shape", [(2, 5, 3), (2, 3, 2, 4), (1, 1, 2), (2, 4, 2, 1, 3)], ids=str)
def test_local_response_norm_matches_torch(shape, size, torch, rng):
    G = torch.nn.functional
    x = rng.standard_normal(shape)
    for options in ({}, {"alpha": 0.5, "beta": 0.6, "k": 2.0}):
        same_as_torch(
            torch,
            lambda x: F.local_response_norm(x, size, **options),  # noqa: B023
            lambda x: G.local_response_norm(x, size, **options),  # noqa: B023
            [x],
        )


CASES = {
    "batch_norm": (lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True), [(4, 2, 3), (2,), (2,)]),
    "batch_norm in evaluation": (lambda x, w, b: F.batch_norm(x, *running(2), w, b), [(3, 2, 2), (2,), (2,)]),
    "layer_norm": (lambda x, w, b: F.layer_norm(x, (2, 3), w, b), [(2, 2, 3), (2, 3), (2, 3)]),
    "group_norm": (lambda x, w, b: F.group_norm(x, 2, w, b), [(2, 4, 2), (4,), (4,)]),
    "local_response_norm": (lambda x: F.local_response_norm(x, 3, 0.5), [(2, 4, 2)]),
}
every_norm = pytest.mark.parametrize("name", CASES)


@every_norm
def test_derivatives_match_finite_differences(name, rng):
    function, shapes = CASES[name]
    differences_agree(function, [rng.standard_normal(shape) for shape in shapes])


@every_norm
def test_unfused_gives_the_same_to_the_second_derivative(name, rng):
    function, shapes = CASES[name]
    arrays = [rng.standard_normal(shape) for shape in shapes]
    value, slopes = ours(function, arrays)
    with tg.unfused():
        other, others = ours(function, arrays)
    for a, b in zip([value.data, *slopes], [other.data, *others], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_batch_norm_gives_mean_0_and_deviation_1(rng):
    y = F.batch_norm(rng.standard_normal((50, 3, 4)) * 7 + 100, None, None, training=True).data
    np.testing.assert_allclose(y.mean(axis=(0, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(y.std(axis=(0, 2)), 1, rtol=1e-6)


@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 4, 4), (2, 3, 0), (2, 0, 3)], ids=str)
@pytest.mark.parametrize("training", [True, False])
def test_an_empty_batch_gives_an_empty_result_and_moves_nothing(shape, training):
    mean, var = running(shape[1])
    before = mean.data.copy(), var.data.copy()
    weight = tg.Tensor(np.ones(shape[1]), requires_grad=True)
    y = F.batch_norm(np.zeros(shape), mean, var, weight, training=training)
    assert y.shape == shape
    np.testing.assert_array_equal(tg.grad(y.sum(), weight).data, 0)
    np.testing.assert_array_equal((mean.data, var.data), before)


def test_local_response_norm_over_more_channels_than_there_are_takes_no_longer(rng):
    x = rng.standard_normal((2, 3, 4))
    y = F.local_response_norm(x, 10**9, alpha=1e9).data
    np.testing.assert_allclose(y, x / (np.square(x).sum(axis=1, keepdims=True) + 1) ** 0.75)


def test_an_empty_batch_passes_layer_and_group_norm():
    assert F.layer_norm(np.zeros((0, 4)), (4,), np.ones(4)).shape == (0, 4)
    assert F.group_norm(np.zeros((0, 4)), 2, np.ones(4)).shape == (0, 4)


X = np.zeros((2, 3, 4))
M, V = tg.Tensor(np.zeros(3)), tg.Tensor(np.ones(3))
WRONG = [
    (lambda: F.batch_norm(X[0, 0], M, V), ValueError, r"x \(4,\) needs axes \(batch, channels"),
    (lambda: F.batch_norm(X, tg.Tensor(np.zeros(4)), V), ValueError, r"running_mean has shape \(4,\).* 3 channels"),
    (lambda: F.batch_norm(X, M, V, np.ones(2)), ValueError, r"weight has shape \(2,\).*must have shape \(3,\)"),
    (lambda: F.batch_norm(X, M, V, None, np.ones((3, 1))), ValueError, r"bias has shape \(3, 1\)"),
    (lambda: F.batch_norm(X, None, None), ValueError, "running_mean and running_var must be given"),
    (lambda: F.batch_norm(X, M, None, training=True), ValueError, "running_var must be given"),
    (
        lambda: F.batch_norm(X[:1, :, :1], M, V, training=True),
        ValueError,
        r"\(1, 3, 1\) has a single value per channel",
    ),
    (lambda: F.batch_norm(X, np.zeros(3), V, training=True), TypeError, "running_mean is updated"),
    (lambda: F.batch_norm(X, M, V, training=True, momentum=None), TypeError, "momentum"),
    (lambda: F.batch_norm(X, M, V, training=True, eps=None), TypeError, "eps"),
    (lambda: F.layer_norm(X, (3,)), ValueError, r"normalized_shape is \(3,\) but x has shape \(2, 3, 4\)"),
    (lambda: F.layer_norm(X, ()), ValueError, "one at least"),
    (lambda: F.layer_norm(X, 4.0), TypeError, "must be integers"),
    (lambda: F.layer_norm(X, (4,), np.ones(3)), ValueError, r"weight has shape \(3,\); it must be \(4,\)"),
    (lambda: F.group_norm(X, 2), ValueError, r"group_norm: x \(2, 3, 4\) .* channels that make 2 groups"),
    (lambda: F.group_norm(X[0, 0], 1), ValueError, r"must be \(batch, channels"),
    (lambda: F.group_norm(X, 0), ValueError, "num_groups must be at least 1, got 0"),
    (lambda: F.group_norm(X, 3, np.ones(4)), ValueError, r"weight has shape \(4,\); it must be \(3,\)"),
    (lambda: F.local_response_norm(X, 0), ValueError, "size must be at least 1, got 0"),
    (lambda: F.local_response_norm(X[0, 0], 2), ValueError, "needs axes"),
    (lambda: F.local_response_norm(X, 1.5), TypeError, "local_response_norm: size must be an integer, got 1.5"),
    (lambda: F.local_response_norm(X, 2, alpha="x"), TypeError, "local_response_norm: alpha must be a number"),
    (lambda: F.batch_norm(X, M, V, training=True, eps=-1), ValueError, "batch_norm: eps must not be negative, got -1"),
    (lambda: F.batch_norm(X, M, V, training=np.ones(2)), TypeError, "^batch_norm: training must be True or False"),
    (lambda: F.batch_norm(X, M, V, training="eval"), TypeError, "training must be True or False, got 'eval'"),
    (lambda: F.batch_norm("x", M, V), TypeError, "^batch_norm: str of dtype"),
    (lambda: F.layer_norm(X, (4,), eps=np.ones(4)), TypeError, r"eps must be a number, got ndarray of shape \(4,\)"),
]


@pytest.mark.parametrize(("call", "error", "message"), WRONG, ids=[message for *_, message in WRONG])
def test_what_does_not_fit_is_refused_and_running_statistics_stay(call, error, message):
    with pytest.raises(error, match=message):
        call()
    np.testing.assert_array_equal(M.data, np.zeros(3))
    np.testing.assert_array_equal(V.data, np.ones(3))
