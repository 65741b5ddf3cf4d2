"""Padding, windows, lookups, dropout and activations: PyTorch's numbers, seeds, and errors that say what to do."""

from __future__ import annotations

import numpy as np
import pytest
from functional_cases import differences_agree, same_as_torch

import tinygrad_edu as tg
import tinygrad_edu.functional as F


@pytest.fixture
def torch():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch


# Padding

PADS = [
    ("constant", (5,), (1, 2)), ("constant", (2, 3), (1, 0, 0, 2)), ("constant", (2, 3, 4), (1, 2)),
    ("constant", (2, 3, 4), (0, 0, 2, 1, 1, 0)), ("constant", (2, 5), (-1, 2)), ("constant", (2, 5), (-2, -3)),
    ("constant", (2, 5), ()), ("constant", (0, 2), (1, 1)), ("constant", (2, 0), (2, 1)), ("constant", (1, 1), (-1, 3)),
    ("reflect", (2, 5), (4, 2)), ("reflect", (2, 3, 4), (1, 2)), ("reflect", (1, 2, 4, 3), (2, 1, 3, 0)),
    ("reflect", (2, 5), (-1, 3)), ("reflect", (2, 5), (-2, -1)), ("reflect", (1, 1, 3, 3, 3), (1, 2, 2, 1, 0, 2)),
    ("replicate", (2, 5), (7, 2)), ("replicate", (2, 3, 4), (0, 3)), ("replicate", (1, 2, 4, 3), (2, 1, 5, 0)),
    ("replicate", (2, 5), (-1, 3)), ("replicate", (2, 1), (2, 2)), ("replicate", (1, 1, 2, 2, 2), (1, 2, 2, 1, 0, 2)),
    ("reflect", (2, 4), (-3, 3)), ("reflect", (2, 4), (3, -4)), ("replicate", (1, 2, 2, 4), (-4, 2, 0, -1)),
    ("circular", (2, 5), (5, 2)), ("circular", (2, 3, 4), (0, 3)), ("circular", (1, 2, 4, 3), (2, 1, 4, 0)),
    ("circular", (2, 5), (-1, 3)), ("circular", (1, 1, 2, 2, 2), (1, 2, 2, 1, 0, 2)),
]  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize(("mode", "shape", "widths"), PADS, ids=lambda part: str(part))
def test_pad_matches_torch(mode, shape, widths, torch, rng):
    x = rng.standard_normal(shape)
    values = [None, 0, 2.5] if mode == "constant" else [None]
    for value in values:
        options = {"mode": mode, "value": value}
        same_as_torch(
            torch,
            lambda x: F.pad(x, widths, **options),  # noqa: B023
            lambda x: torch.nn.functional.pad(x, widths, **options),  # noqa: B023
            [x],
        )


def test_pad_takes_the_last_axis_first():
    x = np.arange(4.0).reshape(2, 2)
    np.testing.assert_array_equal(F.pad(x, (1, 0)).data, np.pad(x, ((0, 0), (1, 0))))
    np.testing.assert_array_equal(F.pad(x, (0, 0, 0, 1), value=7).data, np.pad(x, ((0, 1), (0, 0)), constant_values=7))


# Windows

WINDOWS = [
    ((2, 3, 5, 6), (2, 3), {}), ((1, 1, 4, 4), 4, {}), ((2, 2, 5, 5), 3, {"padding": 1}),
    ((1, 2, 7, 8), 2, {"stride": 3}),
    ((1, 2, 7, 8), (3, 2), {"dilation": (2, 3), "padding": (1, 0), "stride": (1, 2)}), ((2, 5, 4), 2, {}),
    ((1, 3, 3, 3), 1, {"stride": 5}), ((2, 1, 2, 2), 2, {"padding": 2, "stride": 2}), ((0, 2, 4, 4), 3, {}),
]  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize(("shape", "kernel", "options"), WINDOWS, ids=str)
def test_unfold_and_fold_match_torch(shape, kernel, options, torch, rng):
    G = torch.nn.functional
    if not shape[0]:  # PyTorch's gradient refuses an empty batch
        assert F.unfold(np.zeros(shape), kernel).shape == tuple(G.unfold(torch.zeros(shape), kernel).shape)
        return
    x = rng.standard_normal(shape)
    same_as_torch(torch, lambda x: F.unfold(x, kernel, **options), lambda x: G.unfold(x, kernel, **options), [x])
    columns = rng.standard_normal(F.unfold(x, kernel, **options).shape)
    same_as_torch(
        torch,
        lambda x: F.fold(x, shape[-2:], kernel, **options),
        lambda x: G.fold(x, shape[-2:], kernel, **options),
        [columns],
    )


def test_fold_is_the_adjoint_of_unfold(rng):
    x = rng.standard_normal((2, 3, 6, 5))
    columns = F.unfold(x, (3, 2), padding=1, stride=2)
    g = rng.standard_normal(columns.shape)
    back = F.fold(g, (6, 5), (3, 2), padding=1, stride=2)
    np.testing.assert_allclose(np.sum(columns.data * g), np.sum(back.data * x), rtol=1e-12)


def test_unfold_makes_convolution_a_product(rng):
    x, kernels = rng.standard_normal((2, 3, 6, 5)), rng.standard_normal((4, 3, 3, 3))
    product = kernels.reshape(4, -1) @ F.unfold(x, 3, padding=1)
    np.testing.assert_allclose(product.data.reshape(2, 4, 6, 5), F.conv2d(x, kernels, padding=1).data, rtol=1e-12)


# Lookups


@pytest.mark.oracle
@pytest.mark.parametrize("padding", [None, 0, 2, -1, 4])
@pytest.mark.parametrize("places", [[0, 2, 2], [[1, 4], [4, 4]], 3, [], [[]]], ids=str)
def test_embedding_matches_torch(places, padding, torch, rng):
    places = np.array(places, np.int64)
    same_as_torch(
        torch,
        lambda w: F.embedding(places, w, padding),
        lambda w: torch.nn.functional.embedding(torch.tensor(places), w, padding),
        [rng.standard_normal((5, 3))],
    )


@pytest.mark.oracle
@pytest.mark.parametrize("classes", [-1, 5, 7])
@pytest.mark.parametrize("labels", [[0, 4, 2], [[1], [4]], 4], ids=str)
def test_one_hot_matches_torch(labels, classes, torch):
    found = F.one_hot(labels, classes)
    want = torch.nn.functional.one_hot(torch.tensor(labels), classes).numpy()
    assert found.dtype == want.dtype
    np.testing.assert_array_equal(found.data, want)


# Dropout


def test_dropout_keeps_the_mean_and_drops_its_share():
    x = np.ones((200, 500), np.float32)
    y = F.dropout(x, 0.3, rng=0)
    assert y.dtype == np.float32
    np.testing.assert_allclose(np.mean(y.data == 0), 0.3, atol=0.005)
    np.testing.assert_allclose(y.data[y.data != 0], 1 / 0.7, rtol=1e-6)


def test_dropout_shows_its_mask_and_hands_it_to_the_gradient(rng):
    x = tg.Tensor(rng.standard_normal((4, 5)), requires_grad=True)
    y = F.dropout(x, 0.5, rng=1)
    mask = next(t for t in y.inputs if t.name == "mask")
    assert set(np.unique(mask.data)) == {0.0, 2.0}
    np.testing.assert_array_equal(y.data, x.data * mask.data)
    np.testing.assert_array_equal(tg.grad(y.sum(), x).data, mask.data)
    assert "mask" in [value.name for value in tg.graph(y.sum()).nodes if hasattr(value, "name")]


def test_dropout_follows_its_seed(rng):
    x = rng.standard_normal((4, 6, 2))
    first = F.dropout(x, rng=7).data
    np.testing.assert_array_equal(F.dropout(x, rng=7).data, first)
    np.testing.assert_array_equal(F.dropout(np.asfortranarray(x), rng=7).data, first)
    assert (F.dropout(x, rng=8).data != first).any()
    tg.manual_seed(3)
    drawn = F.dropout(x).data
    assert (F.dropout(x).data != drawn).any()
    tg.manual_seed(3)
    np.testing.assert_array_equal(F.dropout(x).data, drawn)
    one = np.random.default_rng(7)
    np.testing.assert_array_equal(F.dropout(x, rng=one).data, first)
    assert (F.dropout(x, rng=one).data != first).any()


@pytest.mark.parametrize(("p", "training", "share"), [(0.0, True, 1), (0.5, False, 1), (1.0, False, 1), (1.0, True, 0)])
def test_dropout_is_the_identity_outside_training_and_0_at_p_1(p, training, share, rng):
    x = tg.Tensor(rng.standard_normal((3, 4)), requires_grad=True)
    y = F.dropout(x, p, training)
    np.testing.assert_array_equal(y.data, x.data * share)
    np.testing.assert_array_equal(tg.grad(y.sum(), x).data, np.full((3, 4), share))


def test_dropout_keeps_the_memory_order(rng):
    x = np.ascontiguousarray(rng.standard_normal((3, 4, 5, 2))).transpose(3, 0, 1, 2)
    assert F.dropout(x, rng=0).data.strides == x.strides


# Activations

ACTIVATIONS = {
    "relu": [{}], "sigmoid": [{}], "tanh": [{}], "silu": [{}], "elu": [{}, {"alpha": 0.5}],
    "softplus": [{}, {"beta": 3.0}, {"beta": 2.0, "threshold": 0.5}, {"threshold": -100}, {"threshold": 25}],
    "leaky_relu": [{}, {"negative_slope": 0.2}], "gelu": [{}, {"approximate": "tanh"}],
    "softmax": [{"dim": 0}, {"dim": -1}], "log_softmax": [{"dim": 1}, {"dim": -2}],
}  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_match_torch(name, torch, rng):
    his = torch.tanh if name == "tanh" else torch.sigmoid if name == "sigmoid" else getattr(torch.nn.functional, name)
    for options in ACTIVATIONS[name]:
        same_as_torch(
            torch,
            lambda x: getattr(F, name)(x, **options),  # noqa: B023
            lambda x: his(x, **options),  # noqa: B023
            [rng.standard_normal((3, 4)) * 3],
        )


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_dim_is_another_word_for_axis(name, rng):
    x = rng.standard_normal((3, 4))
    np.testing.assert_array_equal(getattr(F, name)(x, dim=0).data, getattr(F, name)(x, axis=0).data)


# All of them

PLACES = np.array([[0, 2], [2, 1]])
CASES = {
    "pad": (lambda x: F.pad(x, (2, 1, -1, 2), value=1.0), [(3, 4)]),
    "pad reflect": (lambda x: F.pad(x, (2, 1), "reflect"), [(2, 4)]),
    "pad replicate": (lambda x: F.pad(x, (2, 1, 1, 0), "replicate"), [(2, 3)]),
    "pad circular": (lambda x: F.pad(x, (2, 1), "circular"), [(2, 4)]),
    "unfold": (lambda x: F.unfold(x, 2, padding=1, stride=2), [(1, 2, 3, 4)]),
    "fold": (lambda x: F.fold(x, (3, 3), 2), [(1, 8, 4)]),
    "embedding": (lambda w: F.embedding(PLACES, w), [(4, 2)]),
    "dropout": (lambda x: F.dropout(x, rng=5), [(3, 4)]),
}


@pytest.mark.parametrize("name", CASES)
def test_derivatives_match_finite_differences(name, rng):
    function, shapes = CASES[name]
    differences_agree(function, [rng.standard_normal(shape) for shape in shapes])


@pytest.mark.parametrize("name", CASES)
def test_every_composite_is_one_region_named_after_it(name, rng):
    function, shapes = CASES[name]
    y = function(*[tg.Tensor(rng.standard_normal(shape), requires_grad=True) for shape in shapes])
    outer = [scope for scope in tg.graph(y.sum()).scopes if scope.parent is None]
    assert [scope.name for scope in outer] == [name.split()[0]]


X = np.zeros((2, 3, 4, 4))
WRONG = [
    (lambda: F.pad(X, (1,)), ValueError, r"1 widths \(1,\)"),
    (lambda: F.pad(X[0, 0, 0], (1, 1, 1, 1)), ValueError, "at most 2 in all"),
    (lambda: F.pad(X, (0.5, 1)), TypeError, "must be integers"),
    (lambda: F.pad(X, (-3, -2)), ValueError, "cut more than the 4 elements of axis 3"),
    (lambda: F.pad(X, (1, 1), "mirror"), ValueError, "mode 'mirror' is not supported; use constant, reflect"),
    (lambda: F.pad(X, (1, 1), "reflect", 2.0), ValueError, "takes no value"),
    (lambda: F.pad(X, (4, 0), "reflect"), ValueError, r"no 4 elements along axis 3 .* up to 3"),
    (lambda: F.pad(X, (0, 5), "circular"), ValueError, r"no 5 elements along axis 3 .* up to 4"),
    (lambda: F.pad(X[:0], (0, 0, 0, 0, 0, 0, 1, 0), "replicate"), ValueError, "no 1 elements along axis 0"),
    (lambda: F.unfold(X, 5), ValueError, r"unfold: the kernel \(5, 5\) is larger than the image, \(4, 4\)"),
    (lambda: F.unfold(X[0, 0], 2), ValueError, r"unfold: x must be \(batch, channels, height, width\)"),
    (lambda: F.unfold(X, 2, stride=0), ValueError, "unfold: stride must be at least 1, got 0"),
    (lambda: F.fold(X[0], (4, 4), 2), ValueError, r"fold: .* want a multiple of 4 rows and 3 \* 3 = 9 columns"),
    (lambda: F.fold(X, (4, 4), 2), ValueError, r"fold: x must be"),
    (lambda: F.fold(np.zeros((1, 4, 9)), (1, 4), 2), ValueError, r"fold: the kernel \(2, 2\)"),
    (lambda: F.embedding([0.0, 1.0], X[0, 0]), TypeError, r"embedding: x \(2,\) holds float64"),
    (lambda: F.embedding([[0, 3]], X[0, 0, :3]), IndexError, r"x\[0, 1\] is 3, but weight \(3, 4\) has 3 rows"),
    (lambda: F.embedding([-1], X[0, 0]), IndexError, r"x\[0\] is -1"),
    (lambda: F.embedding([0], X), ValueError, r"weight has shape \(2, 3, 4, 4\); it must be \(num_embeddings, dim\)"),
    (lambda: F.embedding([0], X[0, 0, :3], 3), IndexError, "padding_idx 3 is no row"),
    (lambda: F.one_hot([0, 5], 3), IndexError, r"x\[1\] is 5, but num_classes is 3, so x may hold 0 to 2"),
    (lambda: F.one_hot([-1, 0]), IndexError, r"x\[0\] is -1"),
    (lambda: F.one_hot([0.5]), TypeError, "must hold integers"),
    (lambda: F.one_hot(np.zeros(0, int)), ValueError, "give num_classes"),
    (lambda: F.one_hot([0], 0), ValueError, "num_classes must be 1 or more"),
    (lambda: F.dropout(X, 1.5), ValueError, "from 0 to 1, got 1.5"),
    (lambda: F.dropout(X, -0.1, training=False), ValueError, "from 0 to 1, got -0.1"),
    (lambda: F.dropout(X, np.nan), ValueError, "got nan"),
    (lambda: F.dropout(X, "0.5"), TypeError, "dropout: p must be a number, got '0.5'"),
    (lambda: F.dropout(X, 0.5, rng="x"), TypeError, "rng: wanted a seed"),
    (lambda: F.embedding([0], X[0, 0], 1.5), TypeError, "embedding: padding_idx must be an integer, got 1.5"),
    (lambda: F.one_hot([0], 2.0), TypeError, "one_hot: num_classes must be an integer, got 2.0"),
    (lambda: F.one_hot([0], 2**40), ValueError, "one_hot: num_classes must be at most"),
    (lambda: F.pad(X, (1, 1), value=(1, 2)), TypeError, r"pad: value must be a number, got \(1, 2\)"),
    (lambda: F.pad(X, {1, 2}), TypeError, r"pad: pad must be widths \(before, after\)"),
    (lambda: F.pad(X, None), TypeError, "pad: pad must be widths"),
    (lambda: F.linear(X, np.zeros((3, 4)), 1.0), ValueError, r"linear: bias \(\) must hold .* 3 out_features"),
    (lambda: F.linear(X, np.zeros((3, 4)), np.zeros((4, 3))), ValueError, r"linear: bias \(4, 3\) must hold one"),
    (lambda: F.leaky_relu(X, "x"), TypeError, "leaky_relu: negative_slope must be a number"),
    (lambda: F.softplus(X, 0), ValueError, "softplus: beta must be positive"),
    (lambda: F.softplus(X, threshold="x"), TypeError, "softplus: threshold must be a number"),
    (lambda: F.elu(X, None), TypeError, "elu: alpha must be a number, got None"),
    (lambda: F.dropout(X, 0.5, "eval"), TypeError, "dropout: training must be True or False, got 'eval'"),
    (lambda: F.dropout(X, 0.5, training=2), TypeError, "dropout: training must be True or False, got 2"),
    (lambda: F.dropout(X, 0.5, None), TypeError, "dropout: training must be True or False, got None"),
    (lambda: F.relu("x"), TypeError, "^relu: str of dtype <U1 can't be differentiated"),
    (lambda: F.softmax(None), TypeError, "^softmax: NoneType of dtype"),
    (lambda: F.tanh([[1.0], [2.0, 3.0]]), ValueError, "^tanh: .*rows of equal length"),
    (lambda: F.one_hot("x"), TypeError, "^one_hot: str of dtype"),
]


@pytest.mark.parametrize(("call", "error", "message"), WRONG, ids=[message for *_, message in WRONG])
def test_what_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
