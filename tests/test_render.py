"""DOT to pictures: which Graphviz is used, what is said when there is none, and that a cell never hangs."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from viz.output import render as module
from viz.output.render import GraphvizNotFound, RenderError, RenderTimeout, fitting_dpi, render, renderers

DOT = 'digraph { a [label="∂L/∂x"]; a -> b }'
BUNDLED = "graphviz-pure"
needs_bundled = pytest.mark.skipif(module.bundled_program() is None, reason="graphviz-pure has no wheel here")
needs_system = pytest.mark.skipif(shutil.which("dot") is None, reason="no system Graphviz")
posix = pytest.mark.skipif(os.name != "posix", reason="the stand-in for dot is a shell script")


@pytest.fixture(autouse=True)
def no_choice(monkeypatch):
    """The environment of the person who runs the tests chooses nothing."""
    monkeypatch.delenv(module.VARIABLE, raising=False)


@pytest.fixture
def only(monkeypatch, tmp_path):
    """Make a machine where only these renderers are: ``only(system="#!/bin/sh ...")``."""

    def set_up(*, bundled: str | None = None, system: str | None = None) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        if system is not None:
            script(folder / "dot", system)
        monkeypatch.setenv("PATH", str(folder))
        monkeypatch.setattr(module, "bundled_program", lambda: bundled)
        monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
        return folder / "dot"

    return set_up


def script(path: Path, text: str) -> Path:
    path.write_text("#!/bin/sh\nPATH=/usr/bin:/bin\n" + text)
    path.chmod(0o755)
    return path


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG")
    return struct.unpack(">II", png[16:24])


def stands_still(path: Path) -> bool:
    """Whether nobody writes into a file any more."""
    before = path.stat().st_size
    time.sleep(0.4)
    return path.stat().st_size == before


def hangs(path: Path) -> str:
    """A dot that never ends, and whose child shows that it lives by writing into a file."""
    return f"(while :; do echo beat >> {path}; sleep 0.05; done) & wait"


# What is here


@needs_bundled
def test_bundled_comes_first_and_needs_no_path(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert next(iter(renderers())) == BUNDLED
    assert "system" not in renderers()
    assert b"<svg" in render(DOT, "svg")
    assert min(size(render(DOT, "png"))) > 50


@needs_bundled
def test_bundled_is_found_by_the_record_of_its_wheel(monkeypatch, tmp_path):
    elsewhere = str(tmp_path)
    monkeypatch.setattr(module.sysconfig, "get_path", lambda *arguments: elsewhere)
    monkeypatch.setattr(module.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", elsewhere)
    assert Path(module.bundled_program()).is_file()


def test_nothing_here_says_what_to_install(only):
    only()
    assert renderers() == {}
    with pytest.raises(GraphvizNotFound, match=r"no Graphviz found.*pip install graphviz-pure.*apt install graphviz"):
        render(DOT, "svg")


@posix
def test_without_the_bundled_one_the_system_is_asked(only):
    program = only(system="cat >/dev/null; echo '<svg>system</svg>'")
    assert renderers() == {"system": str(program)}
    assert render(DOT, "svg") == b"<svg>system</svg>\n"


@posix
@needs_bundled
def test_an_argument_wins_over_the_variable_and_the_variable_over_the_order(monkeypatch, tmp_path):
    mine = script(tmp_path / "mine", "cat >/dev/null; echo mine")
    theirs = script(tmp_path / "theirs", "cat >/dev/null; echo theirs")
    monkeypatch.setenv(module.VARIABLE, str(theirs))
    assert render(DOT, "svg") == b"theirs\n"
    assert render(DOT, "svg", renderer=str(mine)) == b"mine\n"
    monkeypatch.setenv(module.VARIABLE, "")
    assert b"graphviz-pure" in render(DOT, "svg")


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("system", r"system was asked for but is not here \(here: none\); install Graphviz"),
        (BUNDLED, r"graphviz-pure was asked for .* pip install graphviz-pure"),
        ("pygraphviz", r"pip install pygraphviz"),
        ("/no/such/dot", r"'/no/such/dot' is no program here; name one, or graphviz-pure, system, pygraphviz"),
    ],
)
@pytest.mark.parametrize("by", ["argument", "variable"])
def test_what_was_asked_for_and_is_not_here(only, monkeypatch, wanted, words, by):
    only()
    if by == "variable":
        monkeypatch.setenv(module.VARIABLE, wanted)
    with pytest.raises(GraphvizNotFound, match=words):
        render(DOT, "svg", renderer=wanted if by == "argument" else None)


def test_a_program_that_is_none(only, tmp_path):
    only()
    path = tmp_path / "text"
    path.write_text("not a program")
    path.chmod(0o755)
    if os.name == "posix":
        with pytest.raises(GraphvizNotFound, match="can't be run"):
            render(DOT, "svg", renderer=str(path))


def test_unknown_format():
    with pytest.raises(ValueError, match=r"format 'gif' is none of svg, png, pdf"):
        render(DOT, "gif")


# PDF


@needs_bundled
def test_pdf_without_a_system_graphviz_says_what_to_install(only):
    only(bundled=module.bundled_program())
    for wanted in (None, BUNDLED):
        with pytest.raises(GraphvizNotFound, match="PDF needs a system Graphviz or pygraphviz"):
            render(DOT, "pdf", renderer=wanted)


@needs_system
def test_pdf_by_the_system():
    assert render(DOT, "pdf").startswith(b"%PDF")


@pytest.mark.skipif(module.importlib.util.find_spec("pygraphviz") is None, reason="no pygraphviz")
@pytest.mark.parametrize(("format", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_pygraphviz(format, start):
    assert render(DOT, format, renderer="pygraphviz").startswith(start)


# What goes wrong


@needs_bundled
def test_graphviz_own_words_on_bad_dot():
    with pytest.raises(RenderError, match=r"failed with code 1: .*syntax error"):
        render("digraph { a -> ", "svg")


@posix
def test_only_the_first_lines_of_a_long_complaint(only):
    only(system="cat >/dev/null; for i in 1 2 3 4 5; do echo complaint $i >&2; done; exit 3")
    with pytest.raises(RenderError, match=r"dot failed with code 3: complaint 1 complaint 2 complaint 3$"):
        render(DOT, "svg")


@posix
def test_no_picture_is_an_error_even_at_code_0(only):
    only(system="cat >/dev/null")
    with pytest.raises(RenderError, match="code 0: no output"):
        render(DOT, "svg")


@needs_bundled
def test_warnings_are_swallowed_and_nothing_is_left_behind(capfd, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    svg = render('digraph { a [label="ℒ ḡ ∂ 日本"] }', "svg").decode()
    assert "ℒ ḡ ∂ 日本" in svg
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


@needs_bundled
def test_half_a_character_is_no_crash():
    assert b"<svg" in render('digraph { a [label="\ud800"] }', "svg")


@posix
def test_timeout_ends_the_program_and_its_children(only, tmp_path):
    beats = tmp_path / "beats"
    only(system=hangs(beats))
    start = time.monotonic()
    with pytest.raises(RenderTimeout, match=r'longer than 0.5 s and was stopped; draw less \(level="module".*timeout='):
        render(DOT, "svg", timeout=0.5)
    assert time.monotonic() - start < 30
    assert stands_still(beats)


@posix
def test_an_interrupt_ends_the_program_too(only, tmp_path, monkeypatch):
    beats = tmp_path / "beats"
    only(system=hangs(beats))

    def interrupted(process, *arguments, **options):
        monkeypatch.undo()
        while not beats.exists():
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        render(DOT, "svg")
    assert stands_still(beats)


# Large graphs


def chain(nodes: int, options: str = "") -> str:
    return "digraph {\nrankdir=LR\n" + options + "".join(f"n{i} -> n{i + 1}\n" for i in range(nodes)) + "}\n"


@posix
def test_only_a_crowded_graph_is_laid_out_in_a_hurry(only):
    only(system='cat >/dev/null; echo "$@"')
    assert render(chain(10), "svg") == b"-Tsvg\n"
    assert b"-Gnslimit=0.1" in render(chain(1000), "svg")
    assert b"-Gdpi=144" in render(chain(10), "png")


@needs_bundled
def test_a_png_has_144_dots_an_inch_whatever_the_graph_says():
    usual, coarse = (size(render(f"digraph {{ {option} a }}", "png")) for option in ("", "dpi=36"))
    assert usual == coarse
    assert usual[0] == pytest.approx(62 * 2, abs=2)


@needs_bundled
def test_a_png_too_large_to_open_gets_fewer_dots():
    width, _ = size(render(chain(600), "png"))
    assert 25_000 < width <= 30_000


@pytest.mark.parametrize(
    ("width", "height", "dpi"),
    [
        (72, 72, 144),
        (72 * 2000, 72, 15),  # the longer side: 30,000 dots
        (72 * 200, 72 * 200, 1000**0.5),  # 40 million dots in all
        (0, 0, 144),
    ],
)
def test_fitting_dpi(width, height, dpi):
    assert fitting_dpi(f'<svg width="{width}pt" height="{height}pt">') == pytest.approx(dpi)


def test_importing_viz_runs_no_program():
    code = (
        "import subprocess\n"
        "def no(*a, **k): raise SystemExit('a program was started')\n"
        "subprocess.Popen = no\nimport viz, viz.output.render; viz.output.render.renderers()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent.parent)
