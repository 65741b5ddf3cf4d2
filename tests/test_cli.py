"""The command line: what it writes, its exit codes, and that errors go to stderr."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import tinygrad_edu as tg
from tinygrad_edu.cli import main
from tinygrad_edu.commands import demo
from tinygrad_edu.engine import primitives as P
from viz.output.render import bundled_program, renderers

NAMES = ("two_layer_net", "circuit", "neuron")
COMMANDS = ("demo", "draw", "check")
needs_renderer = pytest.mark.skipif(not renderers(), reason="no Graphviz at all")
needs_bundled = pytest.mark.skipif(bundled_program() is None, reason="graphviz-pure has no wheel here")


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def files(folder):
    return sorted(path.name for path in Path(folder).iterdir())


# demo


@needs_renderer
def test_demo_writes_everything_and_says_where(capsys, tmp_path):
    assert main(["demo"]) == 0
    out = capsys.readouterr().out
    folder = tmp_path / "tinygrad-edu-demo"
    written = ["backward-graph.png", "backward.png", "forward.png", "gradients.txt", "graph.html", "module.png"]
    assert files(folder) == [*written, "scalar.png"]
    for name in files(folder):
        assert str(Path("tinygrad-edu-demo") / name) in out
        start = {".png": b"\x89PNG", ".html": b"<!DOCTYPE html>", ".txt": b"element"}[Path(name).suffix]
        assert (folder / name).read_bytes().startswith(start)
    table = (folder / "gradients.txt").read_text(encoding="utf-8")
    assert table in out
    assert files(tmp_path) == ["tinygrad-edu-demo"]


@needs_renderer
def test_demo_writes_again_into_a_folder_that_is_there(tmp_path):
    (tmp_path / "mine" / "deep").mkdir(parents=True)
    (tmp_path / "mine" / "deep" / "keep.txt").write_text("mine")
    (tmp_path / "mine" / "deep" / "forward.png").write_text("old")
    assert main(["demo", "--out", "mine/deep"]) == 0
    assert (tmp_path / "mine/deep/keep.txt").read_text() == "mine"
    assert (tmp_path / "mine/deep/forward.png").read_bytes().startswith(b"\x89PNG")


def test_the_table_has_every_gradient_beside_its_finite_difference():
    table, error = demo.gradient_table("two_layer_net")
    rows = [line.split() for line in table.splitlines()[1:-1]]
    elements = [f"W1[{i},{j}]" for i in range(3) for j in range(2)] + [f"b1[{i}]" for i in range(3)]
    assert [row[0] for row in rows] == [*elements, "W2[0,0]", "W2[0,1]", "W2[0,2]", "b2[0]"]
    for _, mine, numeric, off in rows:
        assert abs(float(mine)) > 1e-3
        assert float(mine) == pytest.approx(float(numeric), abs=1e-8)
        assert float(off) < 1e-8
    assert 0 < error < demo.TOLERANCE
    assert table.splitlines()[-1].startswith(f"largest error {error:.1e} of 13 gradients")


# draw


@needs_bundled
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", ["module", "op", "primitive", "scalar"])
def test_draw_each_example_at_each_level(name, level, capsys, tmp_path):
    assert main(["draw", name, "--level", level, "--out", "picture.svg", "--backward"]) == 0
    ElementTree.fromstring((tmp_path / "picture.svg").read_text(encoding="utf-8"))
    said = capsys.readouterr().out
    assert f"at level {level}" in said
    assert "written to picture.svg" in said


@needs_bundled
@pytest.mark.parametrize(("suffix", "start"), [
    (".png", b"\x89PNG"), (".svg", b"<svg"), (".html", b"<!DOCTYPE html>"), (".dot", b"digraph"), (".gv", b"digraph"),
])  # fmt: skip
def test_the_suffix_says_what_is_written(suffix, start, tmp_path):
    assert main(["draw", "circuit", "--out", f"a{suffix}"]) == 0
    assert (tmp_path / f"a{suffix}").read_bytes().startswith(start)


@needs_renderer
def test_without_out_the_picture_is_named_after_the_example(tmp_path):
    assert main(["draw", "circuit"]) == 0
    assert files(tmp_path) == ["circuit.png"]


def test_the_options_of_draw_reach_the_picture(tmp_path):
    arguments = ["--show", "value,shape", "--direction", "TB", "--theme", "dark", "--out", "a.dot"]
    assert main(["draw", "two-layer-net", *arguments]) == 0
    text = (tmp_path / "a.dot").read_text(encoding="utf-8")
    assert "rankdir=TB" in text
    assert "#16181d" in text
    assert "∂" not in text


def test_source_lines_are_recorded_for_draw(tmp_path):
    assert main(["draw", "circuit", "--show", "source", "--out", "a.dot"]) == 0
    assert "q = leaves" in (tmp_path / "a.dot").read_text(encoding="utf-8")


# check


@pytest.mark.parametrize("name", NAMES)
def test_check_compares_every_gradient(name, capsys, tmp_path):
    assert main(["check", name, "--out", "table.txt"]) == 0
    out = capsys.readouterr().out
    assert "largest error" in out
    assert (tmp_path / "table.txt").read_text(encoding="utf-8") == out


def test_a_wrong_gradient_is_exit_code_1(capsys, monkeypatch):
    monkeypatch.setattr(demo, "difference", lambda *where: 7.0)
    assert main(["check", "circuit"]) == 1
    assert "largest error 1.1e+01" in capsys.readouterr().out


def test_a_wrong_rule_is_exit_code_1_too(capsys, monkeypatch):
    right = P.multiply.rules
    monkeypatch.setattr(P.multiply, "rules", (lambda g, out, x, y: 2 * g * y, right[1]))
    assert main(["check", "circuit"]) == 1
    assert "multiply" in capsys.readouterr().err


# Wrong calls


@pytest.mark.parametrize(("arguments", "said"), [
    (["draw", "lenet"], "draw: no example 'lenet'; there are two_layer_net, circuit, neuron"),
    (["check", "lenet"], "check: no example 'lenet'"),
    (["draw", "circuit", "--out", "a.gif"], "the suffix '.gif' of a.gif is none of .svg"),
    (["draw", "circuit", "--out", "no/such/a.svg"], "does not exist; create it first"),
    (["draw", "circuit", "--out", "."], "suffix"),
    (["draw", "circuit", "--show", "colour", "--out", "a.dot"], "show='colour' is none of"),
    (["demo", "--out", "file"], "file"),
])  # fmt: skip
def test_errors_are_on_stderr_with_code_2(arguments, said, capsys, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"tinygrad-edu {arguments[0]}: ")
    assert said in captured.err
    assert files(tmp_path) == ["file"]


@pytest.mark.parametrize("arguments", [
    [], ["paint"], ["draw"], ["draw", "circuit", "--level", "deep"], ["draw", "circuit", "--colour"], ["demo", "x"],
])  # fmt: skip
def test_wrong_usage_is_code_2_with_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "usage: tinygrad-edu" in captured.err


def test_no_graphviz_at_all_says_what_to_install(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("viz.output.render.renderers", dict)
    assert main(["draw", "circuit"]) == 2
    assert "pip install graphviz-pure" in capsys.readouterr().err
    assert files(tmp_path) == []


# Help


@pytest.mark.parametrize("command", [[], *[[name] for name in COMMANDS]], ids=" ".join)
def test_help(command, capsys):
    with pytest.raises(SystemExit) as caught:
        main([*command, "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert " ".join(["usage: tinygrad-edu", *command]) in text
    assert "--out" in text or command == []
    assert all(name in text for name in COMMANDS) or command


def test_version(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"tinygrad-edu {tg.__version__}\n"


# As a program


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "tinygrad_edu", *arguments],
        capture_output=True,
        check=False,
        env=os.environ | environment,
    )


def test_python_m_tinygrad_edu(tmp_path):
    done = run("draw", "circuit", "--out", "a.dot")
    assert (done.returncode, done.stderr) == (0, b"")
    assert files(tmp_path) == ["a.dot"]
    failed = run("draw", "lenet")
    assert (failed.returncode, failed.stdout) == (2, b"")
    assert b"Traceback" not in failed.stderr


def test_a_terminal_that_knows_no_unicode_is_no_error():
    found = run("draw", "circuit", "--out", "a.dot", PYTHONIOENCODING="ascii")
    assert found.returncode == 0, found.stderr
    assert b"gradients x: ?4" in found.stdout


@needs_renderer
@pytest.mark.parametrize("name", ["circuit", "lenet5"])
def test_step_writes_a_page(name, tmp_path, capsys):
    page = tmp_path / "steps.html"
    assert main(["step", name, "--out", str(page)]) == 0
    assert "press the right arrow" in capsys.readouterr().out
    text = page.read_text(encoding="utf-8")
    assert "Step" in text
    assert "http://" not in text.replace("http://www.w3.org", "")


def test_step_of_an_unknown_name_is_refused(tmp_path, capsys):
    assert main(["step", "nothing", "--out", str(tmp_path / "steps.html")]) == 2
    assert "nothing" in capsys.readouterr().err
