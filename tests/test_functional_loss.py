"""Losses: PyTorch's numbers at the edges too, and errors that name the label, its place and the classes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from functional_cases import differences_agree, same_as_torch

import tinygrad_edu as tg
import tinygrad_edu.functional as F

REDUCTIONS = ["mean", "sum", "none"]
every_reduction = pytest.mark.parametrize("reduction", REDUCTIONS)
SCORES = [(5,), (4, 3), (1, 1), (2, 3, 4), (2, 3, 2, 2), (3, 1, 2)]


@pytest.fixture
def torch():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch


def labels_of(shape, rng, ignored=0.0):
    classes = shape[min(1, len(shape) - 1)]
    wanted = shape[:1] + shape[2:] if len(shape) > 1 else ()
    labels = rng.integers(0, classes, wanted)
    return np.where(rng.random(wanted) < ignored, -100, labels) if wanted else labels


@pytest.mark.oracle
@every_reduction
@pytest.mark.parametrize("shape", SCORES, ids=str)
@pytest.mark.parametrize("ignored", [0.0, 0.5, 1.0])
def test_losses_of_labels_match_torch(shape, reduction, ignored, torch, rng):
    G = torch.nn.functional
    x = rng.standard_normal(shape)
    labels = labels_of(shape, rng, ignored)
    classes = shape[min(1, len(shape) - 1)]
    weight = rng.random(classes) + 0.1
    options = {"reduction": reduction, "label_smoothing": 0.0}
    for w, smoothing in itertools.product((None, weight), (0.0, 0.3)):
        if smoothing and w is not None and reduction == "mean" and ignored == 1.0:
            continue  # PyTorch: 0 / 0 in another place
        options["label_smoothing"] = smoothing
        theirs = {**options, "weight": None if w is None else torch.tensor(w)}
        same_as_torch(
            torch,
            lambda x: F.cross_entropy(x, labels, None if w is None else w.astype(x.dtype), **options),  # noqa: B023
            lambda x: G.cross_entropy(x, torch.tensor(labels), **theirs),  # noqa: B023
            [x],
        )
    same_as_torch(
        torch,
        lambda x: F.nll_loss(x, labels, weight.astype(x.dtype), reduction=reduction),
        lambda x: G.nll_loss(x, torch.tensor(labels), torch.tensor(weight), reduction=reduction),
        [x],
    )


@pytest.mark.oracle
@every_reduction
@pytest.mark.parametrize("shape", SCORES, ids=str)
def test_cross_entropy_with_probabilities_matches_torch(shape, reduction, torch, rng):
    G = torch.nn.functional
    x, chances = rng.standard_normal(shape), rng.random(shape)
    weight = rng.random(shape[min(1, len(shape) - 1)])
    for smoothing in (0.0, 0.2):
        options = {"reduction": reduction, "label_smoothing": smoothing}
        same_as_torch(
            torch,
            lambda x, t, w: F.cross_entropy(x, t, w, **options),  # noqa: B023
            lambda x, t, w: G.cross_entropy(x, t, w, **options),  # noqa: B023
            [x, chances, weight],
        )
        same_as_torch(
            torch,
            lambda x, t: F.cross_entropy(x, t, **options),  # noqa: B023
            lambda x, t: G.cross_entropy(x, t, **options),  # noqa: B023
            [x, chances],
        )


@pytest.mark.oracle
@pytest.mark.parametrize("ignore", [-100, -1, 1, 7])
def test_ignore_index_matches_torch(ignore, torch, rng):
    x = rng.standard_normal((6, 3))
    labels = np.array([0, 1, 2, ignore, 1, ignore])
    G = torch.nn.functional
    for reduction in REDUCTIONS:
        options = {"ignore_index": ignore, "reduction": reduction, "label_smoothing": 0.1}
        same_as_torch(
            torch,
            lambda x: F.cross_entropy(x, labels, **options),  # noqa: B023
            lambda x: G.cross_entropy(x, torch.tensor(labels), **options),  # noqa: B023
            [x],
        )


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int32, np.int64, np.uint64])
def test_labels_of_every_integer_dtype_mean_the_same(dtype, rng):
    x, labels = rng.standard_normal((4, 3)), [0, 2, 1, 2]
    want = F.cross_entropy(x, np.array(labels)).item()
    assert F.cross_entropy(x, np.array(labels, dtype)).item() == want
    assert F.cross_entropy(x, labels).item() == want
    assert F.cross_entropy(x, tg.Tensor(labels)).item() == want


def test_labels_may_change_after_the_forward_pass(rng):
    x, labels = tg.Tensor(rng.standard_normal((4, 3)), requires_grad=True), np.array([0, 2, 1, 2])
    want = tg.grad(F.cross_entropy(x, labels), x).data
    loss = F.cross_entropy(x, labels)
    labels[:] = 0
    np.testing.assert_array_equal(tg.grad(loss, x).data, want)


@pytest.mark.oracle
@pytest.mark.parametrize("scores", [[[1e4, -1e4, 0]], [[-1e4, -1e4, -1e4]], [[0, 1e4, 1e4]], [[88, 89, -1e30]]])
@pytest.mark.parametrize("label", [0, 1, 2])
def test_extreme_scores_stay_exact(scores, label, torch):
    G = torch.nn.functional
    same_as_torch(
        torch,
        lambda x: F.cross_entropy(x, [label]),
        lambda x: G.cross_entropy(x, torch.tensor([label])),
        [np.array(scores, float)],
    )


def test_a_loss_of_nothing_is_nan_and_its_gradient_0(rng):
    for shape, labels in (((3, 4), [-100] * 3), ((0, 4), np.zeros(0, int))):
        x = tg.Tensor(rng.standard_normal(shape), requires_grad=True)
        for weight in (None, np.ones(4)):
            loss = F.cross_entropy(x, labels, weight)
            assert np.isnan(loss.item())
            np.testing.assert_array_equal(tg.grad(loss, x).data, 0)
    assert np.isnan(F.mse_loss(np.zeros((0, 2)), np.zeros((0, 2))).item())
    assert F.cross_entropy(np.zeros((0, 4)), np.zeros(0, int), reduction="sum").item() == 0


def signs(rng, shape):
    return np.where(rng.random(shape) < 0.5, -1.0, 1.0)


# By name: PyTorch's name, further options, and how the target is drawn
OF_NUMBERS = {
    "mse_loss": ("mse_loss", [{}], "normal"),
    "l1_loss": ("l1_loss", [{}], "normal"),
    "smooth_l1_loss": ("smooth_l1_loss", [{}, {"beta": 0.3}, {"beta": 0.0}], "normal"),
    "huber_loss": ("huber_loss", [{}, {"delta": 0.4}], "normal"),
    "kl_div": ("kl_div", [{}, {"log_target": True}], "uniform"),
    "binary_cross_entropy": ("binary_cross_entropy", [{}], "uniform"),
    "binary_cross_entropy_with_logits": ("binary_cross_entropy_with_logits", [{}], "uniform"),
}


BENT = {"binary_cross_entropy": {"rtol": 1e-7, "atol": 1e-9}}  # PyTorch adds 1e-12 in its second derivative


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")  # PyTorch on its own kl_div
@every_reduction
@pytest.mark.parametrize("name", OF_NUMBERS)
def test_losses_of_numbers_match_torch(name, reduction, torch, rng):
    his, options, kind = OF_NUMBERS[name]
    for shape, extra in itertools.product([(3, 4), (), (1,), (2, 3, 2), (2, 0)], options):
        if not np.prod(shape) and reduction == "mean":
            continue
        x = rng.uniform(0.05, 0.95, shape) if name == "binary_cross_entropy" else rng.standard_normal(shape)
        target = rng.standard_normal(shape) if kind == "normal" else rng.uniform(0.05, 0.95, shape)
        same_as_torch(
            torch,
            lambda x, t: getattr(F, name)(x, t, reduction=reduction, **extra),  # noqa: B023
            lambda x, t: getattr(torch.nn.functional, his)(x, t, reduction=reduction, **extra),  # noqa: B023
            [x, target],
            **BENT.get(name, {}),
        )


@pytest.mark.oracle
@every_reduction
def test_weights_of_binary_cross_entropy_match_torch(reduction, torch, rng):
    G = torch.nn.functional
    x, t = rng.uniform(0.05, 0.95, (2, 4, 3))
    p = rng.random(3)
    for w in (rng.random((4, 3)), rng.random(3), rng.random((4, 1))):
        same_as_torch(
            torch,
            lambda x, t: F.binary_cross_entropy(x, t, w.astype(x.dtype), reduction),  # noqa: B023
            lambda x, t: G.binary_cross_entropy(x, t, torch.tensor(w), reduction=reduction),  # noqa: B023
            [x, t],
            **BENT["binary_cross_entropy"],
        )
        same_as_torch(
            torch,
            lambda x, t: F.binary_cross_entropy_with_logits(x, t, w.astype(x.dtype), reduction, p.astype(x.dtype)),  # noqa: B023
            lambda x, t: G.binary_cross_entropy_with_logits(
                x,
                t,
                torch.tensor(w),  # noqa: B023
                reduction=reduction,
                pos_weight=torch.tensor(p),
            ),
            [x, t],
        )


@pytest.mark.oracle
def test_binary_cross_entropy_is_held_where_a_probability_is_0_or_1(torch):
    x, t = np.array([0.0, 0, 1, 1, 1e-13, 1e-300]), np.array([0.0, 1, 0, 1, 0, 1])
    mine, his = tg.Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    loss = F.binary_cross_entropy(mine, t, reduction="sum")
    want = torch.nn.functional.binary_cross_entropy(his, torch.tensor(t), reduction="sum")
    want.backward()
    np.testing.assert_allclose(loss.item(), want.item(), rtol=1e-12)
    np.testing.assert_allclose(tg.grad(loss, mine).data, his.grad.numpy(), rtol=1e-8)  # its 1e-12 is a float32


@pytest.mark.oracle
def test_binary_cross_entropy_of_extreme_logits_is_exact(torch):
    x = np.array([1e4, -1e4, 1e4, -1e4, 40, -40, 0])
    t = np.array([1.0, 0, 0, 1, 1, 0, 0.5])
    same_as_torch(
        torch,
        F.binary_cross_entropy_with_logits,
        torch.nn.functional.binary_cross_entropy_with_logits,
        [x, t],
        rtol=1e-10,
        atol=1e-15,
    )


@pytest.mark.oracle
def test_kl_div_by_batch_matches_torch(torch, rng):
    x, t = rng.standard_normal((4, 3)), rng.random((4, 3))
    same_as_torch(
        torch,
        lambda x, t: F.kl_div(x, t, "batchmean"),
        lambda x, t: torch.nn.functional.kl_div(x, t, reduction="batchmean"),
        [x, t],
    )


@pytest.mark.oracle
@every_reduction
def test_hinge_losses_match_torch(reduction, torch, rng):
    G = torch.nn.functional

    def reduced(losses):
        return losses if reduction == "none" else getattr(losses, reduction)()

    x, signed, labels = rng.standard_normal((4, 5)), signs(rng, (4, 5)), rng.integers(0, 5, 4)
    right = G.one_hot(torch.tensor(labels), 5).bool()
    same_as_torch(
        torch,
        lambda x: F.hinge_loss(x, signed, reduction),
        lambda x: reduced(torch.relu(1 - torch.tensor(signed) * x)),
        [x],
    )
    same_as_torch(
        torch,
        lambda x: F.hinge_loss(x, labels, reduction, margin=0.7),
        lambda x: reduced((x - x[right][:, None] + 0.7).masked_fill(right, 0).relu().sum(1)),
        [x],
    )
    want = 5 * G.multi_margin_loss(torch.tensor(x), torch.tensor(labels), reduction=reduction)  # it divides by C
    np.testing.assert_allclose(F.hinge_loss(x, labels, reduction).data, want.numpy(), rtol=1e-12)


def test_hinge_loss_has_slope_0_at_the_hinge():
    x = tg.Tensor([1.0, 0.5, 2.0], requires_grad=True)
    loss = F.hinge_loss(x, [1, 1, 1], "sum")
    assert loss.item() == 0.5
    np.testing.assert_array_equal(tg.grad(loss, x).data, [0, -1, 0])


LABELS = np.array([2, 0, 1])
CASES = {
    "cross_entropy": (lambda x: F.cross_entropy(x, LABELS, [1.0, 2.0, 0.5, 1.0], label_smoothing=0.1), [(3, 4)]),
    "cross_entropy of chances": (F.cross_entropy, [(3, 4), (3, 4)]),
    "nll_loss": (lambda x: F.nll_loss(x, LABELS), [(3, 4)]),
    "mse_loss": (F.mse_loss, [(3, 2), (3, 2)]),
    "l1_loss": (F.l1_loss, [(3, 2), (3, 2)]),
    "huber_loss": (F.huber_loss, [(3, 2), (3, 2)]),
    "smooth_l1_loss": (F.smooth_l1_loss, [(3, 2), (3, 2)]),
    "kl_div": (F.kl_div, [(3, 2), (3, 2)]),
    "binary_cross_entropy": (lambda x, t: F.binary_cross_entropy(x, t), [(3, 2), (3, 2)]),
    "binary_cross_entropy_with_logits": (F.binary_cross_entropy_with_logits, [(3, 2), (3, 2)]),
    "hinge_loss": (lambda x: F.hinge_loss(x, np.array([[1, -1], [-1, -1], [1, 1]])), [(3, 2)]),
    "hinge_loss of classes": (lambda x: F.hinge_loss(x, LABELS), [(3, 4)]),
}


@pytest.mark.parametrize("name", CASES)
def test_derivatives_match_finite_differences(name, rng):
    function, shapes = CASES[name]
    differences_agree(function, [rng.uniform(0.05, 0.95, shape) for shape in shapes])


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.bool_])
@pytest.mark.parametrize("loss", [F.mse_loss, F.l1_loss, F.huber_loss, F.binary_cross_entropy_with_logits])
def test_losses_of_small_integers_do_not_wrap_round(loss, dtype):
    x, y = np.array([0, 100, 1]).astype(dtype), np.array([1, 0, 1]).astype(dtype)
    np.testing.assert_allclose(loss(x, y).data, loss(x.astype(float), y.astype(float)).data)


def test_every_loss_has_cases():
    from tinygrad_edu.functional import classification, loss

    assert {name.split()[0] for name in CASES} == {*loss.__all__, *classification.__all__}


X, N = np.zeros((3, 4)), np.nan
WRONG = [
    (
        lambda: F.cross_entropy(X, [0, 4, 1]),
        IndexError,
        r"target\[1\] is 4, but input \(3, 4\) has 4 classes .* 0 to 3",
    ),
    (lambda: F.cross_entropy(X, [0, 1, -1]), IndexError, r"target\[2\] is -1"),
    (lambda: F.cross_entropy(X[0], 9), IndexError, r"target is 9, but input \(4,\) has 4 classes"),
    (lambda: F.cross_entropy(X, [0, 9, 1], ignore_index=1), IndexError, r"target\[1\] is 9"),
    (lambda: F.nll_loss(X.reshape(1, 4, 3), [[0, 1, 5]]), IndexError, r"nll_loss: target\[0, 2\] is 5"),
    (lambda: F.cross_entropy(X, [0.0, 1.0, 2.0]), TypeError, r"holds float64.*integer labels of shape \(3,\)"),
    (lambda: F.cross_entropy(X, [0.0, N, 2.0]), TypeError, "NaN"),
    (lambda: F.cross_entropy(X, [True, False, True]), TypeError, "holds bool"),
    (lambda: F.cross_entropy(X, X.astype(int)), ValueError, r"target has shape \(3, 4\) but input \(3, 4\) wants"),
    (lambda: F.cross_entropy(X, [0, 1]), ValueError, r"target has shape \(2,\).*labels of shape \(3,\)"),
    (lambda: F.cross_entropy(X, X + N), ValueError, r"target\[0, 0\] is NaN"),
    (lambda: F.cross_entropy(X, [0, 1, 2], [1.0, 2.0]), ValueError, r"weight has shape \(2,\).*4 classes"),
    (lambda: F.cross_entropy(X, [0, 1, 2], label_smoothing=1.5), ValueError, "label_smoothing must be from 0 to 1"),
    (lambda: F.cross_entropy(X, [0, 1, 2], reduction="avg"), ValueError, "reduction must be"),
    (lambda: F.cross_entropy(1.0, 0), ValueError, "needs an axis of classes"),
    (lambda: F.nll_loss(X, X), TypeError, "holds float64"),
    (lambda: F.mse_loss(X, X[0]), ValueError, r"mse_loss: input has shape \(3, 4\) but target \(4,\)"),
    (lambda: F.l1_loss(X, X[:, :1], "sum"), ValueError, r"l1_loss: .*\(3, 1\)"),
    (lambda: F.mse_loss(X, X, "max"), ValueError, "got 'max'"),
    (lambda: F.huber_loss(X, X, delta=0), ValueError, "delta must be above 0"),
    (lambda: F.smooth_l1_loss(X, X, beta=-1), ValueError, "beta must not be negative"),
    (lambda: F.kl_div(X, X, "batch"), ValueError, "kl_div: reduction must be"),
    (lambda: F.binary_cross_entropy(X + 1.5, X), ValueError, r"input\[0, 0\] is 1.5, no probability"),
    (lambda: F.binary_cross_entropy(X + N, X), ValueError, "is nan, no probability"),
    (lambda: F.binary_cross_entropy_with_logits(X, X[0]), ValueError, r"but target \(4,\)"),
    (lambda: F.hinge_loss(X, (X == 0).astype(int) * 0), ValueError, r"target\[0, 0\] is 0, but must be -1 or 1"),
    (lambda: F.hinge_loss(X, X[0]), ValueError, r"hinge_loss: target has shape \(4,\)"),
    (lambda: F.hinge_loss(X, [0, 1, 4]), IndexError, r"target\[2\] is 4, but input \(3, 4\) has 4 classes"),
    (lambda: F.hinge_loss(X, [0, 1]), ValueError, "2 labels but input"),
    (lambda: F.hinge_loss(X, [0, 1, 2], margin=None), TypeError, "hinge_loss: margin must be a number"),
    (lambda: F.huber_loss(X, X, delta="x"), TypeError, "huber_loss: delta must be a number"),
    (lambda: F.cross_entropy(X, X, ignore_index=0), ValueError, "ignore_index 0 names a label; target holds prob"),
    (lambda: F.cross_entropy(X, [0, 1, 2], ignore_index=None), TypeError, "cross_entropy: ignore_index must be a numb"),
    (lambda: F.cross_entropy(X, [0, 1, 2], label_smoothing="x"), TypeError, "label_smoothing must be a number"),
    (lambda: F.cross_entropy(X, [0, 1, 2], reduction=X), ValueError, "reduction must be"),
    (lambda: F.binary_cross_entropy(X, X, "x"), TypeError, "^binary_cross_entropy: str of dtype"),
    (lambda: F.mse_loss(X, None), TypeError, "^mse_loss: NoneType of dtype"),
    (lambda: F.kl_div(X, X, log_target="no"), TypeError, "kl_div: log_target must be True or False, got 'no'"),
]


@pytest.mark.parametrize(("call", "error", "message"), WRONG, ids=[message for *_, message in WRONG])
def test_what_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_nan_in_scores_is_named_at_the_first_op():
    x = tg.Tensor(X + N, requires_grad=True)
    with tg.detect_anomaly(), pytest.raises(FloatingPointError, match=r"log_softmax in cross_entropy made NaN"):
        F.cross_entropy(x, [0, 1, 2])
    x.data = np.where(np.eye(3, 4) == 1, N, X + 2)
    with tg.detect_anomaly(), pytest.raises(FloatingPointError, match=r"given .* from 2 to 2 \(3 NaN or Inf\)"):
        F.cross_entropy(x, [0, 1, 2])
