"""``tg.save``: what it can't write it names, and a file is written whole or stays as it was."""

from __future__ import annotations

import os
import stat
import sys

import numpy as np
import pytest
from file_cases import both, names, needs_safetensors, same, there_and_back

from tinygrad_edu import nn
from tinygrad_edu.files import load, save, whole

# What can't be saved

HOLDS_ITSELF: list = []
HOLDS_ITSELF.append({"a": HOLDS_ITSELF})
REFUSED = {
    "a set": ({"a": {1}}, TypeError, "save: a is a set"),
    "a function": ([1, print], TypeError, "save: 1 is a builtin_function"),
    "bytes": ({"a": {"b": b"x"}}, TypeError, "save: a/b is a bytes"),
    "a class": ({"m": nn.Linear}, TypeError, "save: m is a type"),
    "objects": ({"a": np.array([{}], object)}, TypeError, "save: a is an array of dtype object.*pickle"),
    "objects in a structure": (np.zeros(2, "O,f4"), TypeError, "pickle"),
    "a structure": (np.zeros(2, "i4,f4"), TypeError, "save: the object has dtype .*convert it"),
    "a NumPy record": ([np.zeros(2, "i4,f4")[0]], TypeError, "save: 0 is a NumPy"),
    "a masked array": ([np.ma.array([1, 2], mask=[0, 1])], TypeError, "save: 0 is a masked array"),
    "a tuple as key": ({"a": {(1, 2): 3}}, TypeError, "save: a has a key of type tuple"),
    "itself": (HOLDS_ITSELF, ValueError, "save: 0/a/0/a/0 goes on for more than 100 levels"),
}  # fmt: skip


@both
@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_be_saved_is_named_and_the_old_file_stays(tmp_path, name, suffix):
    obj, error, said = REFUSED[name]
    (tmp_path / f"a{suffix}").write_bytes(b"old")
    with pytest.raises(error, match=said):
        save(obj, tmp_path / f"a{suffix}")
    assert (tmp_path / f"a{suffix}").read_bytes() == b"old"
    assert names(tmp_path) == [f"a{suffix}"]


@needs_safetensors
@pytest.mark.parametrize("array", [np.array(["a"]), np.zeros(1, "M8[s]"), np.zeros(1, np.clongdouble)], ids=str)
def test_safetensors_refuses_what_npz_holds(tmp_path, array):
    if array.dtype == np.complex128:
        pytest.skip("a long double is a double here")
    with pytest.raises(TypeError, match=r"save: x has dtype .*save as \.npz"):
        save({"x": array}, tmp_path / "a.safetensors")
    assert names(tmp_path) == []


def test_without_the_package_an_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    (tmp_path / "b.safetensors").write_bytes(b"")
    with pytest.raises(ImportError, match=r'save: .*pip install "tinygrad-edu\[train\]"'):
        save({}, tmp_path / "a.safetensors")
    with pytest.raises(ImportError, match=r'load: .*pip install "tinygrad-edu\[train\]"'):
        load(tmp_path / "b.safetensors")
    assert names(tmp_path) == ["b.safetensors"]


PATHS = [
    ("a.pkl", ValueError, r"the suffix '\.pkl' of a\.pkl is none of \.npz, \.safetensors"),
    ("a", ValueError, "the suffix '' of a is none of"),
    ("folder.npz", IsADirectoryError, "is a folder"),
]


@pytest.mark.parametrize(("name", "error", "said"), [*PATHS, ("no/a.npz", FileNotFoundError, "does not exist; create")])
def test_a_path_that_can_not_be_saved_to(tmp_path, name, error, said):
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(error, match=f"save: .*{said}"):
        save({}, tmp_path / name)
    assert names(tmp_path) == ["folder.npz"]


@pytest.mark.parametrize(
    ("name", "error", "said"), [*PATHS, ("no.npz", FileNotFoundError, "there is no file .*no.npz")]
)
def test_a_path_that_can_not_be_loaded(tmp_path, name, error, said):
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(error, match=f"load: .*{said}"):
        load(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "a.npz")
    for action in (load, lambda path: save({}, path)):
        with pytest.raises(ValueError, match="is no ordinary file"):
            action(tmp_path / "a.npz")
    assert stat.S_ISFIFO((tmp_path / "a.npz").stat().st_mode)


# Whole or not at all


@both
@pytest.mark.parametrize("problem", [KeyboardInterrupt(), OSError("disk full"), MemoryError()], ids=repr)
@pytest.mark.parametrize("where", ["write", "fsync", "replace"])
def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, suffix, where, problem):
    def fails(*arguments):
        raise problem

    path = tmp_path / f"a{suffix}"
    save({"w": np.zeros(3)}, path)
    old = path.read_bytes()
    if where == "write":
        monkeypatch.setattr("tinygrad_edu.files.npy.write", fails)
        monkeypatch.setattr("tinygrad_edu.files.tensors.little", fails)
    else:
        monkeypatch.setattr(whole.os, where, fails)
    with pytest.raises(type(problem)):
        save({"w": np.ones(3)}, path)
    assert path.read_bytes() == old
    assert names(tmp_path) == [path.name]


@both
def test_an_old_file_is_replaced_whole_and_loaded_arrays_stay(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    first = there_and_back({"w": np.zeros(100_000)}, path)
    assert same(there_and_back({"w": np.ones(2)}, path), {"w": np.ones(2)})
    path.write_bytes(b"\xff" * path.stat().st_size)
    assert not first["w"].any()


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_has_the_permissions_that_open_gives_and_an_old_one_keeps_its_own(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        save({}, tmp_path / "a.npz")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.npz").stat().st_mode) == mode
    os.chmod(tmp_path / "a.npz", 0o640)
    save({"w": np.ones(1)}, tmp_path / "a.npz")
    assert stat.S_IMODE((tmp_path / "a.npz").stat().st_mode) == 0o640


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_a_write_protected_file_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(whole.os, "access", lambda path, mode: False)  # as it is for whoever is not root
    (tmp_path / "a.npz").write_bytes(b"old")
    with pytest.raises(PermissionError, match="write-protected"):
        save({}, tmp_path / "a.npz")
    assert (tmp_path / "a.npz").read_bytes() == b"old"


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
@pytest.mark.parametrize("there", [True, False], ids=["to a file", "to nothing yet"])
def test_a_link_is_written_through(tmp_path, there):
    (tmp_path / "deep").mkdir()
    if there:
        (tmp_path / "deep" / "real.bin").write_bytes(b"old")
    (tmp_path / "a.npz").symlink_to("deep/real.bin")
    assert same(there_and_back({"w": np.ones(2)}, tmp_path / "a.npz"), {"w": np.ones(2)})
    assert (tmp_path / "a.npz").is_symlink()
    assert names(tmp_path / "deep") == ["real.bin"]
