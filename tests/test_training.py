"""``fit`` and ``evaluate``: what they learn and report, how they stop, and that nothing is lost or half done."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import data, nn, optim
from tinygrad_edu import functional as F
from tinygrad_edu.training import History

OPTIMIZERS = {
    "SGD": functools.partial(optim.SGD, lr=0.05, momentum=0.9, weight_decay=1e-3),
    "Adam": functools.partial(optim.Adam, lr=0.01),
    "RMSprop": functools.partial(optim.RMSprop, lr=0.01, momentum=0.5, centered=True),
}


class Setup:
    """A small net with batch norm and dropout on two moons, its optimiser, schedule and batches."""

    def __init__(self, optimizer="SGD", seed=0, own=None):
        tg.manual_seed(seed)
        rng = np.random.default_rng(seed)
        self.model = nn.Sequential(
            nn.Linear(2, 16, rng=rng),
            nn.BatchNorm1d(16),
            nn.ReLU(),
            nn.Dropout(0.2, rng=own),
            nn.Linear(16, 2, rng=rng),
        )
        self.optimizer = OPTIMIZERS[optimizer](self.model.parameters())
        self.scheduler = optim.lr_scheduler.CosineAnnealingLR(self.optimizer, 6)
        x, y = data.moons(90, seed=1)
        self.x, self.y = x.astype(np.float32), y
        noisy = functools.partial(jittered, amount=0.05)
        self.loader = data.DataLoader((self.x[:60], y[:60]), 16, shuffle=True, seed=3, transform=noisy)
        self.tests = data.DataLoader((self.x[60:], y[60:]), 8, shuffle=True, seed=4)

    def fit(self, epochs, loader=None, **options):
        given = {"scheduler": self.scheduler, "validation": self.tests, "clip": 1.0, "progress": False, **options}
        return tg.fit(self.model, loader or self.loader, epochs=epochs, optimizer=self.optimizer, **given)

    def everything(self):
        """All numbers that decide how training goes on."""
        return {
            **{f"model.{key}": value for key, value in self.model.state_dict().items()},
            **{f"optimizer.{key}": value for key, value in self.optimizer.state_dict().items()},
            **{f"scheduler.{key}": value for key, value in self.scheduler.state_dict().items()},
            "epochs": np.array([self.loader.epoch, self.tests.epoch]),
        }


def jittered(x, rng, amount):
    return x + rng.normal(0, amount, x.shape).astype(x.dtype)


def assert_same(first, second):
    assert set(first) == set(second)
    for key in first:
        np.testing.assert_array_equal(first[key], second[key], err_msg=key)


def numbers(history):
    """The rows without the time, which is never the same."""
    return [row[:-1] for row in history.rows]


class Stopping:
    """Batches that end in an error, at one of them (all epochs counted together)."""

    def __init__(self, loader, at, error):
        self.loader, self.at, self.error, self.seen = loader, at, error, 0

    def __iter__(self):
        for batch in self.loader:
            if self.seen == self.at:
                raise self.error
            self.seen += 1
            yield batch

    def state_dict(self):
        return self.loader.state_dict()

    def load_state_dict(self, state):
        self.loader.load_state_dict(state)


# What it learns and reports


def test_fit_is_the_loop_that_one_writes_by_hand():
    made = Setup()
    history = made.fit(3)
    by_hand, losses = Setup(), []
    for _ in range(3):
        by_hand.model.train()
        total = 0.0
        for x, y in by_hand.loader:
            loss = F.cross_entropy(by_hand.model(x), y)
            by_hand.optimizer.zero_grad()
            loss.backward()
            optim.clip_grad_norm_(by_hand.model.parameters(), 1.0)
            by_hand.optimizer.step()
            total += loss.item() * len(y)
        by_hand.scheduler.step()
        losses.append(total / 60)
        by_hand.model.eval()
        list(by_hand.tests)
    assert_same(made.everything(), by_hand.everything())
    assert [row.loss for row in history.rows] == losses


def test_it_learns():
    made = Setup()
    history = made.fit(40, scheduler=None, clip=None)
    assert history.rows[-1].loss < 0.5 * history.rows[0].loss
    assert tg.evaluate(made.model, (made.x, made.y)).accuracy > 0.9


def test_a_row_says_what_the_epoch_came_to():
    made = Setup()
    rates = []
    history = made.fit(2, on_epoch=lambda row: rates.append(made.optimizer.param_groups[0]["lr"]))
    assert [row.epoch for row in history.rows] == [1, 2]
    assert history.rows[0].lr == 0.05
    assert history.rows[1].lr == rates[0] < 0.05
    assert all(row.seconds > 0 for row in history.rows)
    last = tg.evaluate(made.model, data.DataLoader((made.x[60:], made.y[60:]), 30))
    assert history.rows[-1].validation_loss == pytest.approx(last.loss, rel=1e-6)
    assert history.rows[-1].validation_accuracy == pytest.approx(last.accuracy)


def test_means_count_examples_not_batches():
    model = nn.Sequential(nn.Identity(), nn.Linear(1, 1, dtype=np.float64, rng=0))
    x = np.arange(5.0)[:, None]
    y = np.array([[0.0], [1.0], [2.0], [3.0], [100.0]])
    with tg.no_grad():
        wanted = F.mse_loss(model(x), y).item()
    found = tg.evaluate(model, data.DataLoader((x, y), 4), loss=F.mse_loss)
    assert found.loss == pytest.approx(wanted, rel=1e-12)
    assert found.accuracy is None


@pytest.mark.parametrize(("output", "target", "share"), [
    ([[1, 2], [3, 1], [0, 1]], [1, 0, 0], 2 / 3),
    ([[[1, 0], [0, 1]]], [[0, 0]], 0.5),
    ([[1.0], [2.0]], [[1.0], [2.0]], None),
    ([1.0, 2.0], [1, 0], None),
    ([[1, 2], [3, 1]], [[0.0, 1.0], [1.0, 0.0]], None),
])  # fmt: skip
def test_the_accuracy_is_the_share_of_classes_with_the_highest_score(output, target, share):
    class Constant(nn.Module):
        def forward(self, x):
            return tg.Tensor(np.array(output, float))

    found = tg.evaluate(Constant(), [(np.zeros(1), np.array(target))], loss=lambda output, target: output.sum())
    assert found.accuracy == share


def test_evaluate_takes_arrays_too():
    made = Setup()
    x, y = np.concatenate([made.x] * 6), np.concatenate([made.y] * 6)
    assert len(x) > 512
    found = tg.evaluate(made.model, (x, y))
    assert found.loss == pytest.approx(tg.evaluate(made.model, (made.x, made.y)).loss, rel=1e-5)


# Modes


def test_every_module_is_afterwards_in_the_mode_it_was_in():
    made = Setup()
    made.model[1].eval()
    before = [module.training for module in made.model.modules()]
    assert len(set(before)) == 2
    tg.evaluate(made.model, made.tests)
    assert [module.training for module in made.model.modules()] == before
    made.fit(1)
    assert [module.training for module in made.model.modules()] == before
    with pytest.raises(TypeError, match="wanted a DataLoader"):
        tg.evaluate(made.model, 3)
    with pytest.raises(ZeroDivisionError):
        made.fit(1, loader=Stopping(made.loader, 1, ZeroDivisionError()))
    assert [module.training for module in made.model.modules()] == before


def test_training_drops_and_validation_does_not():
    made, seen = Setup(), []
    made.model.register_forward_hook(lambda module, args, output: seen.append((module.training, output.requires_grad)))
    made.fit(1)
    assert seen == [(True, True)] * 4 + [(False, False)] * 4


def test_validation_changes_nothing():
    with_tests = Setup()
    with_tests.fit(2)
    without = Setup()
    without.fit(2, validation=None)
    assert_same(with_tests.model.state_dict(), without.model.state_dict())
    before, random = with_tests.model.state_dict(), np.random.default_rng(0)
    tg.evaluate(with_tests.model, (100 * random.normal(size=(50, 2)), np.zeros(50, int)))
    assert_same(with_tests.model.state_dict(), before)


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


class Scripted:
    """A loss that says, at each validation, what a list says."""

    def __init__(self, model, losses):
        self.model, self.losses = model, iter(losses)

    def __call__(self, output, target):
        if self.model.training:
            return F.cross_entropy(output, target)
        return tg.Tensor(float(next(self.losses)))


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


# What is shown


def test_without_a_terminal_each_epoch_is_a_line(capsys):
    made = Setup()
    made.fit(2, progress=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["epoch 1 of 2", "epoch 2 of 2"]
    assert all(word in lines[0] for word in ("loss", "accuracy", "validation loss", "lr 0.05"))


def test_nothing_is_shown_unless_wanted(capsys):
    Setup().fit(2, progress=False)
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""


def test_a_terminal_gets_a_bar(monkeypatch, capsys, tmp_path):
    pytest.importorskip("tqdm")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    Setup().fit(1, progress=True, checkpoint=tmp_path / "run.npz")
    made = Setup()
    made.fit(3, progress=True, checkpoint=tmp_path / "run.npz")
    shown = capsys.readouterr()
    assert "12/12" in shown.err
    assert "epoch 3/3: loss" in shown.err
    assert "going on after epoch 1" in shown.out


def test_the_history_is_a_table_and_columns():
    made = Setup()
    history = made.fit(3)
    text = str(history)
    assert len(text.splitlines()) == 4
    assert text.splitlines()[0].split() == " ".join(history.rows[0]._fields).replace("_", " ").split()
    assert history.columns["loss"] == [row.loss for row in history.rows]
    assert set(history.columns) == set(history.rows[0]._fields)
    long = History([history.rows[0]._replace(epoch=i) for i in range(1, 101)])
    assert len(str(long).splitlines()) == 22
    assert str(History()) == "History: no epochs"


def test_columns_without_numbers_are_left_out_of_the_table():
    made = Setup()
    assert "validation" not in str(made.fit(1, validation=None))


# What is refused


def broken(setup, **changes):
    given = {
        "model": setup.model, "loader": setup.loader, "epochs": 1, "optimizer": setup.optimizer, "progress": False,
        **changes,
    }  # fmt: skip
    return tg.fit(given.pop("model"), given.pop("loader"), **given)


@pytest.mark.parametrize(("changes", "error", "said"), [
    (lambda s: {"epochs": 0}, ValueError, "epochs must be an integer above 0, got 0"),
    (lambda s: {"epochs": 1.5}, ValueError, "epochs must be an integer above 0, got 1.5"),
    (lambda s: {"model": F.relu}, TypeError, "model must be an nn.Module, got function"),
    (lambda s: {"loader": (s.x, s.y)}, TypeError, r"say how: data.DataLoader\(\(x, y\)"),
    (lambda s: {"loader": []}, ValueError, "gave no examples"),
    (lambda s: {"loader": [s.x]}, ValueError, r"want batches \(x, y\), y with one entry per example; got ndarray"),
    (lambda s: {"loader": [(s.x,)]}, ValueError, "got 1 things"),
    (lambda s: {"loader": data.DataLoader(s.x, 60)}, ValueError, "got Tensor"),
    (lambda s: {"optimizer": optim.SGD}, TypeError, "optimizer must be one of tg.optim"),
    (lambda s: {"optimizer": optim.SGD([tg.ones(1, requires_grad=True)])}, ValueError, "none of this model's param"),
    (lambda s: {"scheduler": Setup().scheduler}, ValueError, "belongs to another optimizer"),
    (lambda s: {"clip": 0}, ValueError, "clip is the largest norm .* got 0"),
    (lambda s: {"patience": 0, "validation": s.tests}, ValueError, "patience must be an integer above 0, got 0"),
    (lambda s: {"patience": 3}, ValueError, "give validation= too"),
    (lambda s: {"validation": s.x}, TypeError, "fit: wanted a DataLoader, .* got ndarray"),
    (lambda s: {"validation": []}, ValueError, "evaluate: the loader gave no examples"),
    (lambda s: {"loss": lambda output, y: output}, ValueError, r"loss gave shape \(16, 2\), wanted one"),
    (lambda s: {"loss": lambda output, y: 1.0}, TypeError, "loss must return a Tensor, got float"),
    (lambda s: {"checkpoint": "run.txt"}, ValueError, r"'.txt' of run.txt"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused_and_changes_nothing(changes, error, said):
    made = Setup()
    before = made.everything()
    with pytest.raises(error, match=said):
        broken(made, **changes(made))
    assert_same(made.everything(), before)


def test_an_iterator_which_is_used_up_is_an_error_that_says_so():
    made = Setup()
    with pytest.raises(ValueError, match="an iterator gives its batches once"):
        made.fit(2, loader=iter([(made.x, made.y)]))


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
