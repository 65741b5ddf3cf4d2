"""Wrong calls of the command line: what is said names what was typed and what can be typed, before any work starts."""

from __future__ import annotations

import os

import pytest

from tinygrad_edu import labs
from tinygrad_edu.cli import main
from tinygrad_edu.commands.lab import NAMES
from tinygrad_edu.files.whole import whole_file


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.txt").write_text("mine")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["demo", "--out", "mine.txt"], "mine.txt is a file; give a folder with --out"),
        (
            ["step", "resnet50"],
            "no example 'resnet50'; there are two_layer_net, circuit, neuron, lenet5; resnet50 is a",
        ),
        (["draw", "lenet5"], "tinygrad-edu architecture lenet5 draws it, summary lenet5 lists its layers, step lenet5"),
        (["check", "ResNet50"], "resnet50 is a model: tinygrad-edu architecture resnet50 draws it"),
        (["draw", "nueron"], "there are two_layer_net, circuit, neuron; did you mean neuron?"),
        (["draw", "neuron", "--out", "no/x.png"], "tinygrad-edu draw: the folder no does not exist; create it first"),
        (["draw", "neuron", "--show", "values"], "tinygrad-edu draw: show='values' is none of value, grad"),
        (["check", "neuron", "--out", "no/x.txt"], "the folder no does not exist"),
        (["step", "neuron", "--out", "x.png"], "the suffix '.png' of x.png is none of .html"),
        (["architecture", "neuron"], "neuron is an example, not a model: tinygrad-edu draw neuron draws it"),
        (["summary", "circuit"], "circuit is an example, not a model: tinygrad-edu draw circuit draws it"),
        (["summary", "lenet5", "--out", "no/x.txt"], "the folder no does not exist"),
        (["summary", "lenet5", "--batch", "0"], "tinygrad-edu summary: batch must be a positive integer"),
        (["conv", "--sequence", "--input", "5x7"], "--sequence has one axis, so --input is one integer, not 5x7"),
        (["conv", "--input", "2"], "tinygrad-edu conv: the kernel (3, 3) is larger than the image"),
        (["conv", "--out", "no/x.svg"], "the folder no does not exist"),
        (["features", "--seed", "-1"], "--seed must be 0 or greater, got -1"),
        (["lab", "dropout", "--seed", "-1"], "--seed must be 0 or greater, got -1"),
        (["lab", "residul"], "tinygrad-edu lab: there is no 'residul'; did you mean residual?"),
        (["summary", "resnet5"], "no model 'resnet5'; did you mean resnet50"),
        (["summary", "xyz"], "no model 'xyz'; there are two_layer_net, course_cnn, lenet5"),
    ],
)
def test_what_is_said(arguments, said, capsys, tmp_path):
    assert main(arguments) == 2
    assert said in capsys.readouterr().err
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_place_is_refused_before_the_table_is_printed(capsys):
    assert main(["check", "neuron", "--out", "no/x.txt"]) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("command", ["draw", "check", "step"])
def test_help_lists_the_examples(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert "two_layer_net, circuit" in " ".join(capsys.readouterr().out.split())


def test_a_padding_that_is_none_is_told_its_words(capsys):
    with pytest.raises(SystemExit):
        main(["conv", "--padding", "full"])
    assert "'full' is neither an integer nor two as 5x7, nor same, nor valid" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["abc", "5x", "1x2x3", ""])
def test_a_size_that_is_none_is_told_its_form(text, capsys):
    with pytest.raises(SystemExit):
        main(["conv", "--input", text])
    assert f"{text!r} is neither an integer nor two as 5x7" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("out", "said"),
    [("curve.bmp", "the suffix '.bmp' of curve.bmp is none of"), ("no/curve.png", "the folder no does not exist")],
)
def test_a_lab_that_can_not_be_drawn_is_not_run(out, said, capsys, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(labs, "run", lambda *_: pytest.fail("it ran"))
    assert main(["lab", "residual", "--out", out]) == 2
    assert said in capsys.readouterr().err


def test_help_lists_every_lab(capsys):
    assert ", ".join(labs.LABS) == NAMES
    with pytest.raises(SystemExit):
        main(["lab", "--help"])
    said = capsys.readouterr().out
    assert "residual" in said
    assert "dropout" in said


def test_a_folder_that_lets_no_file_be_made_is_named_by_the_file_asked_for(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied", "/.0123.tmp")

    monkeypatch.setattr(os, "open", refuse)
    said = r"save: .*new\.txt can't be written: .*Permission denied"
    with pytest.raises(PermissionError, match=said) as found, whole_file(tmp_path / "new.txt"):
        pass
    assert ".tmp" not in str(found.value)
