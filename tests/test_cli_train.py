"""``tinygrad-edu train`` and ``summary``: what they print and write, and what they refuse before any work."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import data
from tinygrad_edu.cli import main
from tinygrad_edu.commands import train
from viz.output.render import renderers

ALWAYS = ["history.csv", "lenet5.npz", "run.json"]
STEP = ["step-module.html", "step-module.png", "step-op.html", "step-op.png"]
needs_renderer = pytest.mark.skipif(not renderers(), reason="no Graphviz at all")
needs_matplotlib = pytest.mark.skipif(find_spec("matplotlib") is None, reason="matplotlib is not installed")


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def few(monkeypatch):
    """Forty digits to train on, twenty to test on."""
    whole = train.digits

    def some(options):
        found = whole(options)
        found.x, found.y, found.test_x, found.test_y = found.x[:40], found.y[:40], found.test_x[:20], found.test_y[:20]
        return found

    monkeypatch.setattr(train, "digits", some)


@pytest.fixture
def no_graphs(monkeypatch):
    monkeypatch.setattr(train, "graphs", lambda *given: [])


def files(folder):
    return sorted(path.name for path in Path(folder).iterdir())


# What it writes


@needs_renderer
@needs_matplotlib
def test_train_writes_the_model_its_history_and_its_pictures(few, capsys, tmp_path):
    assert main(["train", "lenet5", "--epochs", "2", "--out", "here/there"]) == 0
    folder = tmp_path / "here" / "there"
    assert files(folder) == sorted([*ALWAYS, *STEP, *train.CHARTS])
    assert files(tmp_path) == ["here"]
    for name in files(folder):
        start = {".png": b"\x89PNG", ".html": b"<!DOCTYPE html>", ".npz": b"PK"}.get(Path(name).suffix, b"")
        assert (folder / name).read_bytes().startswith(start)
    out = capsys.readouterr().out
    assert "28×28 pixels: 40 to train on, 20 to test on" in out
    assert all(name in out for name in files(folder))
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    right = round(run["test_accuracy"] * 20)
    assert f"{5 * right:.2f} % ({right} of 20 right)" in out
    assert run["history"]["epoch"] == [1, 2]
    rows = (folder / "history.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 3
    assert set(rows[0].split(",")) >= {"epoch", "loss", "accuracy", "test_loss", "test_accuracy"}


def test_the_model_that_was_saved_is_the_model_that_was_tested(few, no_graphs, tmp_path):
    assert main(["train", "lenet5", "--epochs", "2", "--variant", "1998", "--image-size", "32", "--out", "a"]) == 0
    run = json.loads((tmp_path / "a" / "run.json").read_text(encoding="utf-8"))
    model = tg.models.lenet5(variant="1998", image_size=32)
    with np.load(tmp_path / "a" / "lenet5.npz") as state:
        model.load_state_dict(dict(state))
    examples = train.digits(train_options(image_size=32))
    predicted = train.probabilities(model, examples.test_x).argmax(axis=1)
    assert (predicted == examples.test_y).mean() == run["test_accuracy"] == run["history"]["test_accuracy"][-1]


def train_options(**changes):
    from argparse import Namespace

    return Namespace(**{"image_size": 28, "dtype": "float32", "seed": 0, **changes})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_seed_decides_the_run(dtype, few, no_graphs, tmp_path):
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert main(["train", "lenet5", "--epochs", "1", "--seed", seed, "--dtype", dtype, "--out", name]) == 0
    first, again, other = (np.load(tmp_path / name / "lenet5.npz") for name in "abc")
    assert {first[key].dtype for key in first.files} == {np.dtype(dtype)}
    for key in first.files:
        np.testing.assert_array_equal(first[key], again[key])
        assert not np.array_equal(first[key], other[key])


def test_the_shipped_digits_reach_98_percent(no_graphs, monkeypatch, capsys, tmp_path):
    """The final epoch's accuracy, not the best one's; some ten seconds."""
    monkeypatch.setattr(train, "find_spec", lambda name: None)
    assert main(["train", "lenet5"]) == 0
    run = json.loads((tmp_path / "tinygrad-edu-train" / "run.json").read_text(encoding="utf-8"))
    assert run["test_accuracy"] >= 0.98
    assert "1,437 to train on, 360 to test on" in run["data"]


# What may be missing


def test_without_matplotlib_it_says_so_first_and_trains(few, no_graphs, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(train, "find_spec", lambda name: None)
    assert main(["train", "lenet5", "--epochs", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert 'pip install "tinygrad-edu[plot]"' in lines[0]
    assert files(tmp_path / "tinygrad-edu-train") == ALWAYS


def test_without_graphviz_it_says_so_and_goes_on(few, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("viz.output.render.renderers", dict)
    monkeypatch.setattr(train, "find_spec", lambda name: None)
    assert main(["train", "lenet5", "--epochs", "1"]) == 0
    assert "pip install graphviz-pure" in capsys.readouterr().out
    assert files(tmp_path / "tinygrad-edu-train") == ALWAYS


# What it refuses


@pytest.mark.parametrize(("arguments", "said"), [
    (["train", "lenet6"], "no model 'lenet6' to train; there is lenet5"),
    (["train", "lenet5", "--epochs", "0"], "--epochs must be greater than 0, got 0"),
    (["train", "lenet5", "--batch-size", "-3"], "--batch-size must be greater than 0, got -3"),
    (["train", "lenet5", "--lr", "0"], "--lr must be greater than 0, got 0"),
    (["train", "lenet5", "--lr", "nan"], "--lr must be greater than 0, got nan"),
    (["train", "lenet5", "--seed", "-1"], "--seed must be 0 or greater"),
    (["train", "lenet5", "--out", "file"], "file is a file; give a folder with --out"),
    (["train", "lenet5", "--data", "nowhere"], "nowhere"),
    (["summary", "lenet6"], "no model 'lenet6'; did you mean lenet5"),
    (["summary", "lenet5", "--batch", "0"], "batch must be a positive integer"),
    (["summary", "lenet5", "--out", "a.pdf"], "the suffix '.pdf' of a.pdf is none of .txt, .html"),
])  # fmt: skip
def test_what_makes_no_sense_is_code_2_before_anything_is_done(arguments, said, capsys, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"tinygrad-edu {arguments[0]}: ")
    assert said in captured.err
    assert files(tmp_path) == ["file"]


def test_ctrl_c_is_code_130(few, no_graphs, monkeypatch, capsys):
    def stop(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "trained", stop)
    assert main(["train", "lenet5"]) == 130
    assert capsys.readouterr().err == "tinygrad-edu train: stopped\n"


def test_ctrl_c_in_a_later_epoch_keeps_the_whole_ones_and_is_code_130(few, no_graphs, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(train, "find_spec", lambda name: None)
    whole, calls = data.shift, []

    def shift(*given):
        calls.append(None)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return whole(*given)

    monkeypatch.setattr(data, "shift", shift)
    assert main(["train", "lenet5", "--epochs", "9", "--out", "here"]) == 130
    assert "test accuracy after epoch 2, interrupted: " in capsys.readouterr().out
    assert files("here") == ALWAYS
    assert json.loads(Path("here/run.json").read_text(encoding="utf-8"))["history"]["epoch"] == [1, 2]


def test_a_rate_that_leads_nowhere_is_code_2_and_says_what_to_do(few, no_graphs, monkeypatch, capsys):
    monkeypatch.setattr(train, "find_spec", lambda name: None)
    with np.errstate(all="ignore"):
        assert main(["train", "lenet5", "--lr", "1e30"]) == 2
    assert "a lower lr" in capsys.readouterr().err


@pytest.mark.parametrize(("size", "margin"), [(28, 0), (32, 2)])
def test_mnist_is_read_from_a_folder(size, margin, no_graphs, monkeypatch, capsys, tmp_path, rng):
    monkeypatch.setattr(train, "find_spec", lambda name: None)
    for part, count in (("train", 40), ("t10k", 20)):
        images, labels = rng.integers(0, 256, (count, 28, 28), np.uint8), np.arange(count, dtype=np.uint8) % 10
        for name, array in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            (tmp_path / name).write_bytes(header + array.tobytes())
    arguments = ["train", "lenet5", "--data", ".", "--image-size", str(size), "--epochs", "1", "--out", "here"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert f"MNIST, {size}×{size} pixels: 40 to train on, 20 to test on; the published split" in out
    x = train.mnist(train_options(image_size=size, data=".")).test_x
    assert x.shape == (20, 1, size, size)
    np.testing.assert_array_equal(x[:, 0, margin : size - margin, margin : size - margin] * 255, images)


@pytest.mark.parametrize("command", ["train", "summary"])
def test_help(command, capsys):
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert f"usage: tinygrad-edu {command}" in text
    assert "--out" in text


# The table


@pytest.mark.parametrize(("name", "parameters"), [
    ("lenet5", "61,706"), ("course_cnn", "62,958"), ("course-cnn", "62,958"), ("two_layer_net", "13"),
])  # fmt: skip
def test_summary_prints_the_table(name, parameters, capsys, tmp_path):
    assert main(["summary", name, "--out", "table.txt"]) == 0
    out = capsys.readouterr().out
    assert f"\n{parameters} parameters" in out
    table = (tmp_path / "table.txt").read_text(encoding="utf-8")
    assert out == table + "written to table.txt\n"


def test_summary_writes_html_and_shapes_as_the_course_does(capsys, tmp_path):
    assert main(["summary", "course_cnn", "--channels-last", "--batch", "2", "--out", "table.html"]) == 0
    assert "(28, 28, 8)" in capsys.readouterr().out
    assert "<td>(28, 28, 8)</td>" in (tmp_path / "table.html").read_text(encoding="utf-8")
