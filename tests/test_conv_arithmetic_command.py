"""``tinygrad-edu conv``: writes what the suffix says, prints the size, refuses nonsense before a file is there."""

from __future__ import annotations

import argparse

import pytest

from tinygrad_edu.commands import conv


def called(*arguments):
    parser = argparse.ArgumentParser(prog="tinygrad-edu")
    conv.add_to(parser.add_subparsers(dest="command"))
    options = parser.parse_args(["conv", *map(str, arguments)])
    return options.run(options)


@pytest.mark.parametrize("suffix", [".svg", ".html", ".png", ".gif"])
def test_it_writes_by_suffix(suffix, tmp_path, capsys):
    if suffix in (".png", ".gif"):
        pytest.importorskip("matplotlib")
    path = tmp_path / f"conv{suffix}"
    assert called("--input", 6, "--kernel", 3, "--stride", 2, "--padding", 1, "--out", path) == 0
    starts = {".svg": b"<svg", ".html": b"<!DOCTYPE", ".png": b"\x89PNG", ".gif": b"GIF89a"}
    assert path.read_bytes().startswith(starts[suffix])
    said = capsys.readouterr().out
    assert "⌊(6 − 3 + 2·1) / 2⌋ + 1 = 3" in said
    assert "1 row at the bottom and 1 column on the right are lost to the floor" in said
    assert f"written to {path}" in said


@pytest.mark.parametrize(("arguments", "words"), [
    (["--input", "5x7", "--kernel", "2x3"], "height (W − F + 2P) / S + 1: (5 − 2 + 2·0) / 1 + 1 = 4"),
    (["--padding", "same"], "(5 − 3 + 2·1) / 1 + 1 = 5"),
    (["--input", "3", "--transposed", "--stride", "2", "--output-padding", "1"], "(3 − 1)·2 + 3 − 2·0 + 1 = 8"),
    (["--sequence", "--input", "9", "--dilation", "2"], "length (W − F + 2P) / S + 1: (9 − 5 + 2·0) / 1 + 1 = 5"),
    (["--groups", "2", "--in-channels", "4", "--out-channels", "2"], "Convolution: 2 groups"),
    (["--strip", "3", "--backward"], "Convolution\n"),
])  # fmt: skip
def test_settings(arguments, words, tmp_path, capsys):
    assert called(*arguments, "--out", tmp_path / "a.svg") == 0
    assert words in capsys.readouterr().out


@pytest.mark.parametrize(("arguments", "words"), [
    (["--input", "3", "--kernel", "5"], "is larger than the image"),
    (["--stride", "0"], "stride must be at least 1"),
    (["--output-padding", "1"], "pass transposed=True"),
    (["--step", "100"], "there are 9 steps"),
])  # fmt: skip
def test_nonsense_leaves_no_file(arguments, words, tmp_path):
    with pytest.raises((ValueError, IndexError), match=words):
        called(*arguments, "--out", tmp_path / "a.svg")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["a", "5x", "1x2x3", ""])
def test_sizes_that_are_none(text, capsys):
    with pytest.raises(SystemExit):
        called("--input", text)
    assert "--input" in capsys.readouterr().err
