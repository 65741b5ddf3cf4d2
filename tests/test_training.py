"""``fit`` and ``evaluate``: what they learn, report and show, what mode they leave, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from training_runs import Setup, Stopping, assert_same

import tinygrad_edu as tg
from tinygrad_edu import data, nn, optim
from tinygrad_edu import functional as F
from tinygrad_edu.training import History

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
