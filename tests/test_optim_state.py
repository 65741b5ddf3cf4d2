"""Optimisers and schedules saved go on to the same numbers; what does not fit, and nonsense, is refused whole."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
from test_optim import CLASSES, every_class, every_setting, give, gradients, parameters, same

import tinygrad_edu as tg
from tinygrad_edu import nn, optim
from tinygrad_edu.optim import lr_scheduler


def run(optimiser, params, rounds):
    for grads in rounds:
        give(params, grads)
        optimiser.step()


# Saving


@every_setting
def test_a_saved_state_goes_on_to_the_same_numbers(name, settings, rng):
    params = parameters(rng)
    rounds = [gradients(rng, params) for _ in range(10)]
    first = CLASSES[name]([{"params": params[:2], "lr": 0.05}, {"params": params[2:]}], **settings)
    run(first, params, rounds[:5])
    others = copy.deepcopy(params)
    second = CLASSES[name]([{"params": others[:2]}, {"params": others[2:]}], lr=0.9)
    saved = first.state_dict()
    assert all(type(value) is np.ndarray for value in saved.values())
    run(first, params, rounds[5:])
    second.load_state_dict(saved)
    run(second, others, rounds[5:])
    same(others, [p.data for p in params])
    assert second.param_groups[0]["lr"] == 0.05
    assert {k: v for k, v in second.param_groups[1].items() if k != "params"} == {
        k: v for k, v in first.param_groups[1].items() if k != "params"
    }


def test_a_saved_state_is_a_copy_with_pytorchs_names(rng):
    params = parameters(rng, shapes=[(2,), (3,)])
    give(params, [np.ones(2), np.ones(3)])
    optimiser = optim.Adam(params, lr=0.1)
    optimiser.step()
    saved = optimiser.state_dict()
    assert set(saved) == {
        *[f"state.{i}.{key}" for i in (0, 1) for key in ("step", "exp_avg", "exp_avg_sq")],
        *[f"param_groups.0.{key}" for key in ("params", "lr", "betas", "eps", "weight_decay", "amsgrad", "maximize")],
    }
    np.testing.assert_allclose(saved["state.1.exp_avg"], 0.1 * np.ones(3))
    optimiser.step()
    np.testing.assert_allclose(saved["state.1.exp_avg"], 0.1 * np.ones(3))
    assert saved["state.0.step"] == 1


def test_a_state_that_does_not_fit_says_all_and_changes_nothing(rng):
    params = parameters(rng, shapes=[(2,), (3,)])
    give(params, [np.ones(2), np.ones(3)])
    optimiser = optim.SGD(params, lr=0.1, momentum=0.9)
    optimiser.step()
    before = optimiser.state_dict()
    wrong = {**before, "state.1.momentum_buffer": np.ones(4), "state.0.exp_avg": np.ones(2), "hello": 1}
    wrong["param_groups.0.params"] = np.arange(3)
    wrong["param_groups.0.momentum"] = np.array(0.5)
    del wrong["param_groups.0.lr"]
    with pytest.raises(ValueError, match="load_state_dict into SGD") as caught:
        optimiser.load_state_dict(wrong)
    for said in (
        "state.1.momentum_buffer: shape (4,), wanted (3,)", "state.0.exp_avg: unexpected", "hello: unexpected",
        "param_groups.0.lr: missing", "3 parameters, wanted 2",
    ):  # fmt: skip
        assert said in str(caught.value)
    negative = {**before, "param_groups.0.lr": np.array(-1.0)}
    with pytest.raises(ValueError, match="lr must not be negative"):
        optimiser.load_state_dict(negative)
    after = optimiser.state_dict()
    assert after.keys() == before.keys()
    assert all(np.array_equal(after[key], before[key]) for key in before)


def test_a_schedule_goes_on_where_it_was_saved():
    def made():
        optimiser = optim.SGD([nn.Parameter([1.0])], lr=0.5)
        return optimiser, lr_scheduler.CosineAnnealingLR(optimiser, 6)

    optimiser, schedule = made()
    for _ in range(3):
        schedule.step()
    other, resumed = made()
    other.load_state_dict(optimiser.state_dict())
    resumed.load_state_dict(schedule.state_dict())
    for _ in range(5):
        assert resumed.get_last_lr() == schedule.get_last_lr()
        schedule.step()
        resumed.step()
    with pytest.raises(ValueError, match="wanted last_epoch and base_lrs"):
        resumed.load_state_dict({"epoch": 1})
    with pytest.raises(ValueError, match="2 rates, but the optimiser 1 groups"):
        resumed.load_state_dict({"last_epoch": 1, "base_lrs": [1, 2]})


# Bad input

P = nn.Parameter([1.0])
WRONG = [
    ([], {}, ValueError, "no parameters.*generator"),
    (P, {}, TypeError, r"params is a Parameter; pass a list: \[p\]"),
    (nn.Linear(1, 1), {}, TypeError, r"Linear; pass model.parameters\(\)"),
    (3, {}, TypeError, "params is a int"),
    ({P}, {}, TypeError, "a set has no order"),
    ([{"params": {P}}], {}, TypeError, "a set has no order"),
    ([np.ones(2)], {}, TypeError, "parameter 0 is no Tensor but ndarray"),
    ([("weight", P)], {}, TypeError, "is no Tensor but tuple"),
    ([tg.Tensor([1, 2])], {}, TypeError, "of int64, not of floats"),
    ([P * 2], {}, ValueError, "the output of multiply, no leaf"),
    ([P, P], {}, ValueError, "parameter 1 .* is given twice"),
    ([{"params": [P]}, {"params": [P]}], {}, ValueError, "is given twice"),
    ([{"params": []}], {}, ValueError, "a group has no parameters"),
    ([{"parameters": [P]}], {}, ValueError, "a group has params, lr"),
    ([{"params": [P], "learning_rate": 1}], {}, ValueError, "a group has params, lr.*got params, learning_rate"),
    ([{"params": [P]}, P], {}, TypeError, "mixes groups with Parameter"),
    ([P], {"lr": -1}, ValueError, "lr must not be negative"),
    ([P], {"lr": math.nan}, ValueError, "lr must not be negative"),
    ([P], {"lr": "0.1"}, TypeError, "lr must be a number"),
    ([P], {"weight_decay": -1}, ValueError, "weight_decay must not be negative"),
    ([{"params": [P], "lr": -1}], {}, ValueError, "lr must not be negative"),
]


@every_class
@pytest.mark.parametrize(("params", "settings", "kind", "said"), WRONG)
def test_nonsense_is_refused_by_every_optimiser(name, params, settings, kind, said):
    with pytest.raises(kind, match=f"{name}: .*{said}"):
        CLASSES[name](params, **settings)


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("SGD", {"nesterov": True}, "nesterov=True needs momentum above 0"),
        ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "dampening=0.1"),
        ("SGD", {"momentum": -0.1}, "momentum must not be negative"),
        ("Adam", {"betas": (0.9, 1.0)}, r"betas\[1\] must be below 1"),
        ("Adam", {"betas": 0.9}, "betas must be two numbers"),
        ("AdamW", {"eps": -1}, "AdamW: eps must not be negative"),
        ("RMSprop", {"alpha": 1}, "alpha must be below 1"),
        ("SGD", {"nesterov": "no"}, "SGD: nesterov must be True or False, got 'no'"),
        ("SGD", {"dampening": None}, "SGD: dampening must be a number, got None"),
        ("Adam", {"amsgrad": np.ones(2)}, "Adam: amsgrad must be True or False, got ndarray"),
        ("RMSprop", {"centered": 1}, "RMSprop: centered must be True or False, got 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(name, settings, said):
    with pytest.raises((ValueError, TypeError), match=said):
        CLASSES[name]([nn.Parameter([1.0])], **settings)


@every_class
@pytest.mark.parametrize("lr", [None, "x", -1.0, math.nan, np.ones(2)], ids=repr)
def test_a_step_with_a_bad_setting_in_the_last_group_changes_nothing(name, lr):
    p, q = nn.Parameter([1.0]), nn.Parameter([1.0])
    optimiser = CLASSES[name]([{"params": [p]}, {"params": [q]}], lr=0.1)
    give([p, q], [[1.0], [1.0]])
    optimiser.param_groups[1]["lr"] = lr
    with pytest.raises((ValueError, TypeError), match=f"{name}: lr must"):
        optimiser.step()
    assert p.item() == q.item() == 1
    assert not any(optimiser.state.values())


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("state.0.step", -1, "state.0.step: wanted a number of steps, got -1"),
        ("state.0.step", math.inf, "state.0.step: wanted a number of steps, got inf"),
        ("state.0.exp_avg", ["x"], "state.0.exp_avg: dtype <U1, wanted numbers"),
        ("state.0.exp_avg", [[1, 2], [3]], "state.0.exp_avg: dtype object, wanted numbers"),
        ("param_groups.0.rate", 1.0, "param_groups.0.rate: unexpected"),
    ],
)
def test_a_damaged_state_changes_nothing(key, value, said):
    p = nn.Parameter([1.0])
    optimiser = optim.Adam([p])
    give([p], [[1.0]])
    optimiser.step()
    saved = optimiser.state_dict()
    with pytest.raises(ValueError, match=said):
        optimiser.load_state_dict({**saved, key: value})
    after = optimiser.state_dict()
    assert after.keys() == saved.keys()
    for name, array in saved.items():
        np.testing.assert_array_equal(after[name], array)


def test_a_group_can_be_added_and_a_bad_one_changes_nothing():
    p, q = nn.Parameter([1.0]), nn.Parameter([1.0])
    optimiser = optim.SGD([p], lr=0.1)
    with pytest.raises(ValueError, match="given twice"):
        optimiser.add_param_group({"params": [q, p]})
    assert len(optimiser.param_groups) == 1
    optimiser.add_param_group({"params": q, "lr": 0.5})
    give([p, q], [[1.0], [1.0]])
    optimiser.step()
    np.testing.assert_allclose([p.item(), q.item()], [0.9, 0.5])


def scheduled():
    """A schedule of an optimiser of its own."""
    return lr_scheduler.StepLR(optim.SGD([nn.Parameter([1.0])]), 1)


def test_schedules_and_clipping_refuse_nonsense():
    optimiser = optim.SGD([nn.Parameter([1.0])])
    for kind, said, call in [
        (TypeError, "wanted an optimiser", lambda: lr_scheduler.StepLR(3, 1)),
        (ValueError, "step_size must be an integer above 0", lambda: lr_scheduler.StepLR(optimiser, 0)),
        (ValueError, "T_max must be an integer above 0", lambda: lr_scheduler.CosineAnnealingLR(optimiser, 0)),
        (ValueError, "each milestone", lambda: lr_scheduler.MultiStepLR(optimiser, [1.5])),
        (ValueError, "gamma must not be negative", lambda: lr_scheduler.ExponentialLR(optimiser, -1)),
        (ValueError, "one function or 1", lambda: lr_scheduler.LambdaLR(optimiser, [abs, abs])),
        (TypeError, "last_epoch must be an integer", lambda: lr_scheduler.StepLR(optimiser, 1, last_epoch=None)),
        (TypeError, "load_state_dict: wanted a dict", lambda: optimiser.load_state_dict(None)),
        (TypeError, "load_state_dict: wanted a dict", lambda: scheduled().load_state_dict([1])),
        (TypeError, "max_norm must be a number", lambda: optim.clip_grad_norm_([], "x")),
        (TypeError, "clip_value must be a number", lambda: optim.clip_grad_value_([], None)),
        (KeyError, "no initial_lr", lambda: lr_scheduler.StepLR(optimiser, 1, last_epoch=3)),
        (ValueError, "norm_type must be above 0", lambda: optim.clip_grad_norm_([], 1, 0)),
        (ValueError, "max_norm must not be negative", lambda: optim.clip_grad_norm_([], -1)),
        (TypeError, "pass model.parameters", lambda: optim.clip_grad_norm_([1], 1)),
        (TypeError, "pass model.parameters", lambda: optim.clip_grad_value_(nn.Linear(1, 1), 1)),
        (ValueError, "clip_value must not be negative", lambda: optim.clip_grad_value_([], -1)),
    ]:
        with pytest.raises(kind, match=said):
            call()
    assert "initial_lr" not in optimiser.param_groups[0] or optimiser.param_groups[0]["lr"] == 1e-3
