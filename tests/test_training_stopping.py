"""``fit`` that stops: at a checkpoint and goes on, by Ctrl-C, an error, or patience; nothing is lost or half done."""

from __future__ import annotations

import math

import numpy as np
import pytest
from training_runs import OPTIMIZERS, Scripted, Setup, Stopping, assert_same, numbers

import tinygrad_edu as tg
from tinygrad_edu import data, nn, optim
from tinygrad_edu import functional as F

# Stopping and going on


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_resumed_run_gives_the_same_numbers_bit_for_bit(optimizer, suffix, tmp_path):
    if suffix == ".safetensors":
        pytest.importorskip("safetensors")
    whole = Setup(optimizer)
    history = whole.fit(6)
    path = tmp_path / f"run{suffix}"
    first = Setup(optimizer)
    first.fit(2, checkpoint=path)
    second = Setup(optimizer, seed=99)  # other weights and other random numbers, until the checkpoint is read
    gone_on = second.fit(6, checkpoint=path)
    assert numbers(gone_on) == numbers(history)
    assert_same(second.everything(), whole.everything())
    next_number = tg.rand(1).item()
    Setup(optimizer).fit(6)
    assert tg.rand(1).item() == next_number


def test_layers_with_random_numbers_of_their_own_go_on_as_well(tmp_path):
    history = Setup(own=5).fit(4)
    Setup(own=5).fit(2, checkpoint=tmp_path / "run.npz")
    assert numbers(Setup(own=6).fit(4, checkpoint=tmp_path / "run.npz")) == numbers(history)


def test_a_finished_run_is_not_trained_again(tmp_path):
    made = Setup()
    history = made.fit(2, checkpoint=tmp_path / "run.npz")
    again = Setup(seed=7)
    assert numbers(again.fit(2, checkpoint=tmp_path / "run.npz")) == numbers(history)
    assert_same(again.everything(), made.everything())


def test_without_resume_it_begins_anew(tmp_path):
    Setup().fit(2, checkpoint=tmp_path / "run.npz")
    history = Setup(seed=7).fit(1, checkpoint=tmp_path / "run.npz", resume=False)
    assert len(history.rows) == 1
    assert len(Setup().fit(1, checkpoint=tmp_path / "run.npz").rows) == 1


@pytest.mark.parametrize("at", [0, 3, 4, 9])
def test_ctrl_c_leaves_what_the_last_whole_epoch_left(at, tmp_path):
    stopped, path = Setup(), tmp_path / "run.npz"
    history = stopped.fit(6, loader=Stopping(stopped.loader, at, KeyboardInterrupt()), checkpoint=path)
    epochs = at // 4
    assert history.interrupted
    assert len(history.rows) == epochs
    assert ("at the start" if epochs == 0 else f"after epoch {epochs}") in history.stopped
    wanted = Setup()
    if epochs:
        assert numbers(history) == numbers(wanted.fit(epochs))
    assert_same(stopped.everything(), wanted.everything())
    assert all(p.grad is None for p in stopped.model.parameters())
    resumed = Setup(seed=8)
    going_on = resumed.fit(6, checkpoint=path)
    whole = Setup()
    assert numbers(going_on) == numbers(whole.fit(6))
    assert_same(resumed.everything(), whole.everything())


def test_ctrl_c_right_after_going_on_leaves_what_the_checkpoint_holds(tmp_path):
    first, again = Setup(), Setup(seed=8)
    wanted = numbers(first.fit(2, checkpoint=tmp_path / "run.npz"))
    history = again.fit(6, loader=Stopping(again.loader, 1, KeyboardInterrupt()), checkpoint=tmp_path / "run.npz")
    assert numbers(history) == wanted
    assert_same(again.everything(), first.everything())


def test_ctrl_c_leaves_the_last_whole_epoch_even_if_an_earlier_one_was_better():
    made, states = Setup(), []
    history = made.fit(
        9, loss=Scripted(made.model, [1, 2, 3]), validation=(made.x, made.y), patience=9,
        loader=Stopping(made.loader, 9, KeyboardInterrupt()),
        on_epoch=lambda row: states.append(made.model.state_dict()),
    )  # fmt: skip
    assert (len(history.rows), history.best.epoch) == (2, 1)
    assert_same(made.model.state_dict(), states[1])


def test_ctrl_c_during_validation_drops_the_epoch():
    stopped = Setup()
    history = stopped.fit(3, validation=Stopping(stopped.tests, 5, KeyboardInterrupt()))
    assert len(history.rows) == 1
    wanted = Setup()
    wanted.fit(1)
    assert_same(stopped.everything(), wanted.everything())


def test_an_error_puts_everything_back_and_is_raised():
    stopped = Setup()
    with pytest.raises(RuntimeError, match="no more"):
        stopped.fit(6, loader=Stopping(stopped.loader, 6, RuntimeError("no more")))
    wanted = Setup()
    wanted.fit(1)
    assert_same(stopped.everything(), wanted.everything())


def test_a_loss_that_is_no_number_says_where_and_what_to_do_and_can_be_found():
    made = Setup()
    before = made.everything()
    made.x[17] = np.nan
    loader = data.DataLoader((made.x, made.y), 16)
    with pytest.raises(FloatingPointError, match=r"loss is nan in epoch 1, batch 2; .*tg.detect_anomaly"):
        made.fit(2, loader=loader)
    assert_same(made.everything(), before)
    assert loader.epoch == 0
    with tg.detect_anomaly(), pytest.raises(tg.AnomalyError):
        made.fit(2, loader=loader)
    assert_same(made.everything(), before)


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_a_step_that_breaks_a_parameter_is_found_at_the_end_of_the_epoch():
    model = nn.Linear(1, 1, rng=0)
    before = model.state_dict()
    optimizer = optim.SGD(model.parameters(), lr=1e38)
    with pytest.raises(FloatingPointError, match="epoch 1 put NaN or Inf into weight"):
        tg.fit(
            model, [(np.full((1, 1), 1e6, np.float32), np.zeros((1, 1), np.float32))], epochs=2, optimizer=optimizer,
            loss=F.mse_loss, progress=False,
        )  # fmt: skip
    assert_same(model.state_dict(), before)


# Early stop


@pytest.mark.parametrize(("losses", "patience", "epochs", "best"), [
    ([3, 2, 2, 2, 1], 2, 4, 2),
    ([3, 2, 2.5, 1, 5, 5, 5], 3, 7, 4),
    ([1, 2], 1, 2, 1),
    ([3, math.nan, 2, math.nan, math.nan], 2, 5, 3),
    ([math.nan, math.nan], 2, 2, None),
])  # fmt: skip
def test_patience_stops_and_leaves_the_best_epoch(losses, patience, epochs, best, tmp_path):
    made, states = Setup(), []
    options = {"validation": (made.x, made.y), "patience": patience}
    path = tmp_path / "run.npz"
    history = made.fit(
        20, loss=Scripted(made.model, losses), on_epoch=lambda row: states.append(made.model.state_dict()),
        checkpoint=path, **options,
    )  # fmt: skip
    assert len(history.rows) == epochs
    assert f"stopped after epoch {epochs}: no lower validation loss for {patience} epoch" in history.stopped
    assert not history.interrupted
    assert (history.best.epoch if best else history.best) == best
    assert_same(made.model.state_dict(), states[(best or epochs) - 1])
    again = Setup(seed=5)
    resumed = again.fit(20, checkpoint=path, **options)
    assert resumed.stopped == history.stopped
    assert_same(again.model.state_dict(), made.model.state_dict())


def test_with_patience_that_is_never_used_up_the_best_epoch_is_left_too():
    made, states = Setup(), []
    history = made.fit(
        3, loss=Scripted(made.model, [2, 1, 3]), validation=(made.x, made.y), patience=5,
        on_epoch=lambda row: states.append(made.model.state_dict()),
    )  # fmt: skip
    assert history.stopped == ""
    assert_same(made.model.state_dict(), states[1])


def test_without_patience_the_last_epoch_is_left():
    made, states = Setup(), []
    made.fit(
        3, loss=Scripted(made.model, [2, 1, 3]), validation=(made.x, made.y),
        on_epoch=lambda row: states.append(made.model.state_dict()),
    )  # fmt: skip
    assert_same(made.model.state_dict(), states[2])


# Checkpoints that are refused


def other_net():
    made = Setup()
    made.model = nn.Linear(2, 2, rng=0)
    made.optimizer = optim.SGD(made.model.parameters())
    made.scheduler = optim.lr_scheduler.StepLR(made.optimizer, 1)
    return made


@pytest.mark.parametrize(("make", "options", "said"), [
    (other_net, {}, "load_state_dict into Linear"),
    (lambda: Setup("Adam"), {}, "load_state_dict into Adam"),
    (Setup, {"scheduler": None}, "with a scheduler"),
    (lambda: Setup(own=3), {}, "other layers that draw random numbers"),
])  # fmt: skip
def test_a_checkpoint_of_another_run_is_refused_and_changes_nothing(make, options, said, tmp_path):
    path = tmp_path / "run.npz"
    Setup().fit(1, checkpoint=path)
    made, content = make(), path.read_bytes()
    before = made.everything()
    with pytest.raises(ValueError, match=f"can't go on from .*run.npz.*{said}.*resume=False"):
        made.fit(3, checkpoint=path, **options)
    assert_same(made.everything(), before)
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", [b"", b"PK\3\4 and then nothing", None])
def test_a_file_that_is_no_checkpoint_is_refused_and_stays(content, tmp_path):
    path = tmp_path / "run.npz"
    if content is None:
        tg.save(Setup().model.state_dict(), path)
    else:
        path.write_bytes(content)
    content, made = path.read_bytes(), Setup()
    before = made.everything()
    with pytest.raises(ValueError, match=r"run\.npz"):
        made.fit(1, checkpoint=path)
    assert_same(made.everything(), before)
    assert path.read_bytes() == content
