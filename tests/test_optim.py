"""Optimisers: PyTorch's numbers step for step; dtypes stay; saved, they go on; nonsense is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn, optim
from tinygrad_edu.optim import lr_scheduler

STEPS = 20
SHAPES = [(3, 4), (5,), (), (2, 1, 3, 3), (0, 2)]
SETTINGS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.05, "nesterov": True}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.05, "maximize": True}),
    ("SGD", {"lr": 0.0}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-3}),
    ("Adam", {"lr": 0.1, "betas": (0.0, 0.0)}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.05}),
    ("Adam", {"lr": 0.1, "amsgrad": True, "maximize": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.2, "amsgrad": True}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.1, "alpha": 0.9, "eps": 1e-4}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.05}),
    ("RMSprop", {"lr": 0.1, "centered": True}),
    ("RMSprop", {"lr": 0.1, "centered": True, "momentum": 0.5, "maximize": True}),
]
SCHEDULES = [
    ("StepLR", {"step_size": 3, "gamma": 0.5}),
    ("StepLR", {"step_size": 1}),
    ("MultiStepLR", {"milestones": [2, 7, 7, 11], "gamma": 0.3}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("LambdaLR", {"lr_lambda": lambda epoch: 1 / (1 + epoch)}),
    ("LambdaLR", {"lr_lambda": [lambda epoch: 0.5**epoch, lambda epoch: float(epoch)]}),
    ("CosineAnnealingLR", {"T_max": 10}),
    ("CosineAnnealingLR", {"T_max": 7, "eta_min": 0.01}),
    ("CosineAnnealingLR", {"T_max": 30}),
]
CLASSES = {name: getattr(optim, name) for name in ("SGD", "Adam", "AdamW", "RMSprop")}
every_setting = pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=[" ".join([n, *s]) for n, s in SETTINGS])
every_class = pytest.mark.parametrize("name", CLASSES)


def parameters(rng, dtype=np.float64, shapes=SHAPES):
    return [nn.Parameter(np.asarray(rng.standard_normal(shape), dtype)) for shape in shapes]


def gradients(rng, params):
    """Return a gradient for each parameter; now and then one has none."""
    return [None if rng.random() < 0.2 else np.asarray(rng.standard_normal(p.shape), p.dtype) for p in params]


def give(params, grads):
    for p, g in zip(params, grads):
        p.grad = g


def copies(params):
    return [np.array(p.data) for p in params]


def same(params, arrays):
    for p, array in zip(params, arrays, strict=True):
        np.testing.assert_array_equal(p.data, array)


# The same numbers as PyTorch


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@every_setting
def test_every_step_is_pytorchs(name, settings, dtype, rng):
    torch = pytest.importorskip("torch")
    ours = parameters(rng, dtype)
    theirs = [torch.tensor(np.array(p.data), requires_grad=True) for p in ours]
    optimiser = CLASSES[name](ours, **settings)
    oracle = getattr(torch.optim, name)(theirs, **settings)
    tolerance = {"rtol": 1e-12, "atol": 1e-12} if dtype is np.float64 else {"rtol": 2e-5, "atol": 2e-5}
    for _ in range(STEPS):
        grads = gradients(rng, ours)
        give(ours, grads)
        for p, g in zip(theirs, grads):
            p.grad = None if g is None else torch.tensor(g)
        optimiser.step()
        oracle.step()
        for p, q in zip(ours, theirs):
            np.testing.assert_allclose(p.data, q.detach().numpy(), **tolerance)
            assert p.dtype == dtype


@pytest.mark.oracle
def test_groups_with_settings_of_their_own_are_pytorchs(rng):
    torch = pytest.importorskip("torch")
    ours = parameters(rng)
    theirs = [torch.tensor(np.array(p.data), requires_grad=True) for p in ours]

    def groups(params):
        return [{"params": params[:2], "lr": 0.3, "momentum": 0.5}, {"params": params[2:], "weight_decay": 0.1}]

    optimiser = optim.SGD(groups(ours), lr=0.1)
    oracle = torch.optim.SGD(groups(theirs), lr=0.1)
    for _ in range(STEPS):
        for p, q in zip(ours, theirs):
            p.grad = np.asarray(rng.standard_normal(p.shape))
            q.grad = torch.tensor(p.grad.data)
        optimiser.step()
        oracle.step()
    for p, q in zip(ours, theirs):
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "settings"), SCHEDULES, ids=[name for name, _ in SCHEDULES])
def test_every_rate_of_a_schedule_is_pytorchs(name, settings, rng):
    torch = pytest.importorskip("torch")
    ours = parameters(rng, shapes=[(2,), (3,)])
    theirs = [torch.zeros(2, requires_grad=True), torch.zeros(3, requires_grad=True)]
    optimiser = optim.SGD([{"params": ours[:1]}, {"params": ours[1:], "lr": 0.7}], lr=0.1)
    oracle = torch.optim.SGD([{"params": theirs[:1]}, {"params": theirs[1:], "lr": 0.7}], lr=0.1)
    schedule = getattr(lr_scheduler, name)(optimiser, **settings)
    wanted = getattr(torch.optim.lr_scheduler, name)(oracle, **settings)
    for _ in range(25):
        np.testing.assert_allclose(schedule.get_last_lr(), wanted.get_last_lr(), rtol=1e-12, atol=1e-17)
        assert all(type(group["lr"]) is float for group in optimiser.param_groups)
        oracle.step()
        schedule.step()
        wanted.step()


@pytest.mark.oracle
@pytest.mark.parametrize("norm_type", [1, 2.0, 3, math.inf])
@pytest.mark.parametrize("max_norm", [0.0, 0.5, 100.0])
def test_clipped_norms_are_pytorchs(norm_type, max_norm, rng):
    torch = pytest.importorskip("torch")
    params = parameters(rng, shapes=SHAPES[:4])
    give(params, [*[np.asarray(rng.standard_normal(p.shape)) for p in params[:3]], None])
    theirs = [torch.zeros(p.shape, dtype=torch.float64, requires_grad=True) for p in params]
    for p, q in zip(params[:3], theirs):
        q.grad = torch.tensor(p.grad.data)
    total = optim.clip_grad_norm_(params, max_norm, norm_type)
    want = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    assert type(total) is float
    assert total == pytest.approx(want.item(), rel=1e-12)
    for p, q in zip(params[:3], theirs):
        np.testing.assert_allclose(p.grad.data, q.grad.numpy(), rtol=1e-12, atol=1e-15)


# By hand, so that they hold without PyTorch


def test_sgd_goes_down_the_gradient():
    p = nn.Parameter([1.0, 2.0])
    p.grad = [10.0, -10.0]
    optim.SGD([p], lr=0.1).step()
    np.testing.assert_allclose(p.data, [0.0, 3.0])


def test_the_first_step_of_adam_has_the_size_of_the_rate_whatever_the_gradient():
    p = nn.Parameter([1.0, 2.0, 3.0])
    p.grad = [1e-3, -50.0, 7.0]
    optim.Adam([p], lr=0.1, eps=0.0).step()
    np.testing.assert_allclose(p.data, [0.9, 2.1, 2.9], rtol=1e-12)


def test_adam_without_memory_takes_a_small_gradient_after_a_large_one():
    p = nn.Parameter(np.zeros(1, np.float32))
    optimiser = optim.Adam([p], lr=0.5, betas=(0.0, 0.0), eps=0.0)
    for gradient in (1e3, 1e-8):
        give([p], [np.full(1, gradient, np.float32)])
        optimiser.step()
    assert p.data == pytest.approx(-1)


@pytest.mark.parametrize(("name", "lr"), [("SGD", 0.1), ("Adam", 0.3), ("AdamW", 0.3), ("RMSprop", 0.05)])
def test_a_bowl_is_climbed_down(name, lr):
    p = nn.Parameter([3.0, -2.0])
    optimiser = CLASSES[name]([p], lr=lr)
    for _ in range(100):
        optimiser.zero_grad()
        (p * p).sum().backward()
        optimiser.step()
    assert np.abs(p.data).max() < 0.1


def test_schedules_by_their_formulas():
    def rates(schedule, **settings):
        optimiser = optim.SGD([nn.Parameter([1.0])], lr=1.0)
        made = schedule(optimiser, **settings)
        found = []
        for _ in range(5):
            found.append(made.get_last_lr()[0])
            made.step()
        return found

    assert rates(lr_scheduler.StepLR, step_size=2) == pytest.approx([1, 1, 0.1, 0.1, 0.01])
    assert rates(lr_scheduler.MultiStepLR, milestones=[1, 4], gamma=0.5) == [1, 0.5, 0.5, 0.5, 0.25]
    assert rates(lr_scheduler.ExponentialLR, gamma=0.5) == [1, 0.5, 0.25, 0.125, 0.0625]
    assert rates(lr_scheduler.LambdaLR, lr_lambda=lambda e: 1 + e) == [1, 2, 3, 4, 5]
    assert rates(lr_scheduler.CosineAnnealingLR, T_max=4) == pytest.approx([1, 0.853553, 0.5, 0.146447, 0], abs=1e-6)


# What a step touches


def test_a_cosine_that_starts_from_0_never_falls_below():
    for half in range(1, 60):
        optimiser = optim.SGD([nn.Parameter(np.zeros(1))], lr=0.0)
        schedule = lr_scheduler.CosineAnnealingLR(optimiser, half, eta_min=0.01)
        for _ in range(4 * half):
            schedule.step()
            assert optimiser.param_groups[0]["lr"] >= 0


@every_class
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_dtypes_stay_also_with_numpys_numbers_as_settings(name, dtype, rng):
    params = parameters(rng, dtype)
    optimiser = CLASSES[name](params, lr=np.float64(0.1), weight_decay=np.float64(0.1))
    optimiser.param_groups[0]["lr"] = np.float64(0.01)
    for _ in range(2):
        give(params, [np.ones(p.shape) for p in params])
        optimiser.step()
    assert {p.dtype for p in params} == {np.dtype(dtype)}
    kept = [a for state in optimiser.state.values() for key, a in state.items() if key != "step"]
    assert {a.dtype for a in kept} <= {np.dtype(dtype)}


@every_class
def test_a_parameter_without_gradient_is_left_alone(name, rng):
    params = parameters(rng, shapes=[(2,), (2,)])
    before = copies(params)
    params[0].grad = [1.0, 1.0]
    optimiser = CLASSES[name](params, lr=0.1, weight_decay=0.5)
    optimiser.step()
    np.testing.assert_array_equal(params[1].data, before[1])
    assert (params[0].data != before[0]).all()
    assert params[1] not in optimiser.state


@every_class
def test_a_step_between_forward_and_backward_does_no_harm(name):
    w = nn.Parameter(np.array([2.0, 3.0]))
    optimiser = CLASSES[name]([w], lr=0.1)
    loss = (w * w * w).sum()
    w.grad = [1.0, 1.0]
    optimiser.step()
    optimiser.zero_grad()
    loss.backward()
    np.testing.assert_allclose(w.grad.data, [12.0, 27.0], rtol=1e-15)


@every_class
def test_neither_gradients_nor_arrays_held_elsewhere_are_written(name, rng):
    held = rng.standard_normal(4)
    held.flags.writeable = False
    g = rng.standard_normal(4)
    g.flags.writeable = False
    p = tg.Tensor(held, requires_grad=True, copy=False)
    optimiser = CLASSES[name]([p], lr=0.1)
    for _ in range(3):
        p.grad = tg.Tensor(g, copy=False)
        optimiser.step()
        assert not any(np.shares_memory(p.data, a) for s in optimiser.state.values() for a in s.values())
    assert p.data is not held


def test_the_order_in_memory_stays():
    p = nn.Parameter(np.asfortranarray(np.ones((3, 4))))
    p.data = np.asfortranarray(p.data)
    p.grad = np.ones((3, 4))
    optim.SGD([p], lr=0.1, momentum=0.9).step()
    assert p.data.flags.f_contiguous


def test_zero_grad_forgets_all():
    params = [nn.Parameter([1.0]), nn.Parameter([1.0])]
    params[0].grad = [1.0]
    optim.SGD(params).zero_grad()
    assert [p.grad for p in params] == [None, None]


def test_a_misfit_gradient_changes_nothing(rng):
    params = parameters(rng, shapes=[(2,), (3,)])
    give(params, [np.ones(2), np.ones(3)])
    optimiser = optim.SGD(params, lr=0.1, momentum=0.9)
    optimiser.step()
    params[1].data = np.ones(4)
    before = copies(params)
    with pytest.raises(ValueError, match=r"shape \(4,\), but its gradient \(3,\)"):
        optimiser.step()
    same(params, before)
    params[1].grad = None
    params[1].grad = np.ones(4)
    with pytest.raises(ValueError, match=r"momentum_buffer has \(3,\); make a new optimiser"):
        optimiser.step()
    same(params, before)


# Clipping


def test_a_small_norm_is_left_alone_and_a_large_one_shrunk(rng):
    p, q = parameters(rng, np.float32, [(2,), (1,)])
    give([p, q], [[3.0, 0.0], [4.0]])
    kept = p.grad
    assert optim.clip_grad_norm_([p, q], 6.0) == 5.0
    assert p.grad is kept
    assert optim.clip_grad_norm_((x for x in [p, q, p]), 1.0) == 5.0
    np.testing.assert_allclose([*p.grad.data, *q.grad.data], [0.6, 0.0, 0.8], rtol=1e-6)
    assert p.grad.dtype == np.float32
    assert kept.data[0] == 3.0


def test_a_norm_that_is_no_number_spreads_or_raises(rng):
    p, q = parameters(rng, shapes=[(2,), (1,)])
    give([p, q], [[math.inf, 0.0], [4.0]])
    with pytest.raises(RuntimeError, match=r"norm of the gradients is inf.*detect_anomaly"):
        optim.clip_grad_norm_([p, q], 1.0, error_if_nonfinite=True)
    assert q.grad.data[0] == 4.0
    assert optim.clip_grad_norm_([p, q], 1.0) == math.inf
    np.testing.assert_array_equal([*p.grad.data, *q.grad.data], [math.nan, 0.0, 0.0])


def test_no_gradients_have_norm_0(rng):
    params = parameters(rng)
    assert optim.clip_grad_norm_(params, 1.0) == 0.0
    optim.clip_grad_value_(params, 1.0)
    assert all(p.grad is None for p in params)


def test_values_are_held_in_bounds(rng):
    (p,) = parameters(rng, np.float32, [(3,)])
    p.grad = [-3.0, 0.2, 7.0]
    optim.clip_grad_value_(p, 0.5)
    np.testing.assert_allclose(p.grad.data, [-0.5, 0.2, 0.5], rtol=1e-6)
    assert p.grad.dtype == np.float32
