"""The command line: files, exit codes, messages."""

import os
import subprocess
import sys

import pytest

from tinygrad_edu.cli import main

DEMO = {"forward.png", "backward.png", "backward-graph.png", "scalar.png", "module.png", "graph.html", "gradients.txt"}
NAMES = ("two_layer_net", "circuit", "neuron")


def test_demo_writes_pictures_a_page_and_a_table_and_says_where(tmp_path, capsys):
    folder = tmp_path / "out"
    assert main(["demo", "--out", str(folder)]) == 0
    assert {path.name for path in folder.iterdir()} == DEMO
    said = capsys.readouterr().out
    assert all(str(folder / name) in said for name in DEMO)
    for name in DEMO:
        content = (folder / name).read_bytes()
        assert content.startswith(b"\x89PNG") == name.endswith(".png")
    table = (folder / "gradients.txt").read_text(encoding="utf-8")
    assert "largest error" in table
    assert sum("[" in line for line in table.splitlines()) == 13  # 6 + 3 + 3 + 1 weights


@pytest.mark.parametrize("level", ["module", "op", "primitive", "scalar"])
@pytest.mark.parametrize("name", NAMES)
def test_draw_draws_every_example_at_every_level(name, level, tmp_path, capsys):
    path = tmp_path / "picture.dot"
    assert main(["draw", name, "--level", level, "--out", str(path), "--backward", "--show", "value,grad,formula"]) == 0
    assert "digraph" in path.read_text(encoding="utf-8")
    assert str(path) in capsys.readouterr().out


def test_draw_shows_source_lines(tmp_path):
    path = tmp_path / "picture.dot"
    assert main(["draw", "circuit", "--out", str(path), "--show", "value,source"]) == 0
    assert "q = leaves" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_check_prints_the_table_and_succeeds(name, capsys, tmp_path):
    assert main(["check", name, "--out", str(tmp_path / "table.txt")]) == 0
    assert capsys.readouterr().out == (tmp_path / "table.txt").read_text(encoding="utf-8")


def test_check_fails_where_a_rule_is_wrong(monkeypatch, capsys):
    from tinygrad_edu.engine import primitives as P

    right = P.multiply.rules
    monkeypatch.setattr(P.multiply, "rules", (lambda g, out, x, y: 2 * g * y, right[1]))
    assert main(["check", "circuit"]) == 2
    assert "multiply" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["draw", "no_such_net"], "there are two_layer_net, circuit, neuron"),
        (["draw", "circuit", "--out", "picture.bmp"], "'.bmp'"),
        (["draw", "circuit", "--out", "no/such/folder/picture.svg"], "does not exist"),
        (["draw", "circuit", "--show", "values"], "'values'"),
    ],
)
def test_a_wrong_call_is_explained_on_stderr_with_code_2(arguments, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [[], ["demo"], ["draw"], ["check"]])
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    assert "usage: tinygrad-edu" in capsys.readouterr().out


def test_the_module_runs_as_a_program(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tinygrad_edu", "draw", "neuron", "--out", str(tmp_path / "neuron.svg")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert (tmp_path / "neuron.svg").read_text(encoding="utf-8").startswith("<svg")
