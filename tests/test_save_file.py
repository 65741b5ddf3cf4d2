"""Files are written whole or not at all."""

from __future__ import annotations

import os
import stat
import threading

import pytest

from viz.output.save import save_file


def test_a_new_file_has_the_permissions_that_open_gives(tmp_path):
    save_file(tmp_path / "a.txt", "ḡ\n")
    with open(tmp_path / "b.txt", "w", encoding="utf-8") as file:
        file.write("ḡ\n")
    assert (tmp_path / "a.txt").read_bytes() == "ḡ\n".encode()
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == stat.S_IMODE((tmp_path / "b.txt").stat().st_mode)


@pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX")
def test_a_replaced_file_keeps_its_permissions_and_a_link_stays_a_link(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    save_file(str(link), b"new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


@pytest.mark.parametrize("step", ["write", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step):
    target = tmp_path / "a.png"
    target.write_bytes(b"old")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    if step == "replace":
        monkeypatch.setattr(os, "replace", full)
    content = b"new" if step == "replace" else object()
    with pytest.raises((OSError, TypeError)):
        save_file(target, content)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_readers_see_the_old_file_or_the_new_one(tmp_path):
    target = tmp_path / "a"
    contents = [bytes([c]) * 200_000 for c in b"xy"]
    save_file(target, contents[0])
    torn: list[int] = []

    def read():
        for _ in range(200):
            data = target.read_bytes()
            if data not in contents:
                torn.append(len(data))

    reader = threading.Thread(target=read)
    reader.start()
    while reader.is_alive():
        for content in contents:
            save_file(target, content)
    assert not torn


@pytest.mark.parametrize(
    ("where", "error", "words"),
    [
        ("", IsADirectoryError, "is a folder; give the name of a file in it"),
        ("no/a.svg", FileNotFoundError, r"the folder .*no does not exist; create it first"),
    ],
)
def test_where_no_file_can_be(tmp_path, where, error, words):
    with pytest.raises(error, match=words):
        save_file(tmp_path / where, "x")
    assert list(tmp_path.iterdir()) == []
