"""``tg.load`` of what anyone may have written: arrays, or a ValueError that names the file; nothing else, ever."""

from __future__ import annotations

import io
import json
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from file_cases import HAS_SAFETENSORS, SUFFIXES, needs_safetensors
from hypothesis import given, settings
from hypothesis import strategies as some

from tinygrad_edu.files import load, save

OFTEN = settings(max_examples=80, derandomize=True, deadline=None, database=None)


def refuses(path, content, said=""):
    """Assert that a file of these bytes is refused by a plain ValueError, with little memory, and stays as it is."""
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=said or "is damaged") as caught:
            load(path)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000 + 30 * len(content)
    finally:
        tracemalloc.stop()
    assert type(caught.value) is ValueError
    assert str(caught.value).startswith(f"load: {path} is damaged or no {path.suffix} file: ")
    assert path.read_bytes() == content


# npz


def archive(entries, method=zipfile.ZIP_STORED):
    """Return a zip archive of entries by name."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return held.getvalue()


def npy(header="{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", content=b"\0" * 16, version=1):
    text = header.encode("latin-1")
    return b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(2 if version == 1 else 4, "little") + text + content


def described(descr="'<f8'", shape="(2,)", content=b"\0" * 16):
    return npy(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}", content)


def patched(content, old, new):
    assert old in content
    return content.replace(old, new)


def claiming(size, method):
    """Return an archive whose entry, in all of its headers, claims to have ``size`` bytes instead of a hundred odd."""
    start = len(described("'|u1'", f"({0:010},)", b""))
    content = described("'|u1'", f"({size - start:010},)", b"\0" * 100)
    whole = archive({"a.npy": content}, method)
    return patched(whole, struct.pack("<L", len(content)), struct.pack("<L", size))


def pickled():
    held = io.BytesIO()
    np.savez(held, a=np.array([{"a": 1}, None], object))
    return held.getvalue()


def bomb_of_overlaps():
    """Return an archive of a thousand directory entries that all point to the same bytes."""
    whole = archive({"a.npy": npy(content=b"\0" * 16)})
    start = whole.index(b"PK\x01\x02")
    end = whole.index(b"PK\x05\x06")
    rows = [whole[start:end].replace(b"a.npy", f"{i:05}"[:5].encode()) for i in range(1000)]
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1000, 1000, 1000 * (end - start), start, 0)
    return whole[:start] + b"".join(rows) + tail


GOOD = archive({"a.npy": npy()})
AT = GOOD.index(b"PK\x01\x02")  # the entry in the directory: flags at 8, size at 24
NPZ = {
    "an empty file": (b"", "does not start"),
    "text": (b"hello, world" * 100, "does not start"),
    "one array without an archive": (npy(), "does not start"),
    "a pickle": (b"\x80\x04}.", "does not start"),
    "two letters": (b"PK", ""),
    "half": (GOOD[: len(GOOD) // 2], ""),
    "all but a byte": (GOOD[:-1], ""),
    "a flipped number": (patched(GOOD, b"\0" * 16, b"\0" * 15 + b"\1"), "CRC"),
    "a foreign archive": (archive({"readme.txt": b"hello"}), "'readme.txt' is no array"),
    "a folder": (archive({"a/": b""}), "is no array"),
    "an entry without content": (archive({"a.npy": b""}), "ends too early"),
    "an entry of text": (archive({"a.npy": b"hello, world"}), r"no \.npy array"),
    "pickled objects": (pickled(), "pickled Python objects.*refused"),
    "pickled objects in a structure": (archive({"a.npy": described("[('a', '|O')]")}), "simple descr"),
    "a structure": (archive({"a.npy": described("[('a', '<f4'), ('b', '<f4')]")}), "simple descr"),
    "10^15 elements": (archive({"a.npy": described(shape=f"({10**15},)")}), "takes 8000000000000000 bytes"),
    "2^64 elements": (archive({"a.npy": described(shape="(4294967296, 4294967296)")}), "takes"),
    "none of 10^18 · 10^18": (archive({"a.npy": described(shape=f"(0, {10**18}, {10**18})", content=b"")}), ""),
    "too few numbers": (archive({"a.npy": npy(content=b"\0" * 8)}), "takes 16 bytes, and it has 8"),
    "too many numbers": (archive({"a.npy": npy(content=b"\0" * 24)}), "takes 16 bytes, and it has 24"),
    "65 dimensions": (archive({"a.npy": described(shape=f"({'1,' * 64}2)")}), ""),
    "a negative length": (archive({"a.npy": described(shape="(-2,)")}), "simple descr"),
    "a number of 5,000 digits": (archive({"a.npy": described(shape=f"({'9' * 5000},)")}), ""),
    "text of no length": (archive({"a.npy": described("'<U0'", f"({10**15},)")}), "numbers, dates or text"),
    "text of 10^8 letters": (archive({"a.npy": described("'<U99999999'")}), "takes 799999992 bytes"),
    "letters that do not exist": (archive({"a.npy": described("'<U1'", "(1,)", b"\xff\xff\xff\x7f")}), "do not exist"),
    "a dtype of nonsense": (archive({"a.npy": described("'hello'")}), "is not of numbers"),
    "a float of 3 bytes": (archive({"a.npy": described("'<f3'")}), "none that NumPy has"),
    "a date of no unit": (archive({"a.npy": described("'<M8[xyz]'")}), "none that NumPy has"),
    "code": (archive({"a.npy": described("__import__('os').abort()")}), "simple descr"),
    "deep brackets": (archive({"a.npy": npy("(" * 9000)}), "no dict"),
    "deep lists": (archive({"a.npy": described("[" * 4000 + "]" * 4000)}), "simple descr"),
    "many minus signs": (archive({"a.npy": described(shape=f"({'-' * 9000}1,)")}), "simple descr"),
    "a huge header": (archive({"a.npy": npy(" " * 100_000, version=2)}), "more than any array needs"),
    "a header of 4 GiB": (archive({"a.npy": b"\x93NUMPY\2\0\xff\xff\xff\xff{}"}), "more than any array needs"),
    "a header twice": (archive({"a.npy": npy("{'shape': (), 'shape': (2,), 'descr': '<f8', }")}), "shape twice"),
    "a header mixed up": (archive({"a.npy": npy("{'shape': '<f8', 'descr': (), 'fortran_order': True}")}), "mixes up"),
    "a version of the future": (archive({"a.npy": npy(version=9)}), r"no \.npy array"),
    "two entries of a name": (patched(archive({"a.npy": npy(), "b.npy": npy()}), b"b.npy", b"a.npy"), "same name"),
    "an encrypted entry": (GOOD[: AT + 8] + b"\1" + GOOD[AT + 9 :], "encrypted"),
    "an unknown packing": (archive({"a.npy": npy()}, zipfile.ZIP_LZMA), "unknown way"),
    "a claim of 3 GB": (claiming(3_000_000_000, zipfile.ZIP_STORED), "more bytes than the file has"),
    "a claim of 3 GB in one header": (GOOD[: AT + 24] + struct.pack("<L", 3_000_000_000) + GOOD[AT + 28 :], "can hold"),
    "a packed claim of 3 GB": (claiming(3_000_000_000, zipfile.ZIP_DEFLATED), "more bytes than it can hold"),
    "a packed claim of 60 kB": (claiming(60_000, zipfile.ZIP_DEFLATED), "ends too early"),
    "entries that overlap": (bomb_of_overlaps(), "more bytes than the file has"),
}  # fmt: skip


@pytest.mark.parametrize("name", NPZ)
def test_a_bad_npz_is_a_value_error_that_names_the_file(tmp_path, name):
    content, said = NPZ[name]
    refuses(tmp_path / "a.npz", content, said)


def test_the_archive_that_the_bad_ones_are_made_of_is_good(tmp_path):
    (tmp_path / "a.npz").write_bytes(GOOD)
    assert load(tmp_path / "a.npz")["a"].tolist() == [0, 0]


def test_a_bool_is_true_or_false_whatever_its_byte(tmp_path):
    content = described("'|b1'", "(3,)", b"\0\1\xfe")
    (tmp_path / "a.npz").write_bytes(archive({"a.npy": content}))
    assert load(tmp_path / "a.npz")["a"].tobytes() == b"\0\1\1"


def test_too_little_memory_for_a_sound_file_is_told_apart(tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise MemoryError("Unable to allocate 16 bytes")

    (tmp_path / "a.npz").write_bytes(GOOD)
    monkeypatch.setattr(np, "empty", full)
    with pytest.raises(ValueError, match=r"a\.npz needs more memory than there is: Unable to allocate 16 bytes"):
        load(tmp_path / "a.npz")


def test_an_archive_packed_a_thousandfold_is_read(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(5_000_000))
    assert load(tmp_path / "a.npz")["a"].shape == (5_000_000,)


# The text

SAYS = "tinygrad_edu 1"
TEXTS = {
    "not JSON": ("hello", ""),
    "nothing": ("", ""),
    "a number": ("3", "is not of tinygrad_edu"),
    "another program's": ('{"a": 1}', "is not of tinygrad_edu"),
    "of the future": ('{"format": "tinygrad_edu 2", "tree": 3}', "this version reads 'tinygrad_edu 1'"),
    "of a strange format": ('{"format": ["x"], "tree": 3}', "its format is"),
    "a key twice": (f'{{"format": "{SAYS}", "tree": 3, "tree": 4}}', "same key twice"),
    "deep": (f'{{"format": "{SAYS}", "tree": {"[" * 200}{"]" * 200}}}', "more than 100 levels"),
    "very deep": ("[" * 100_000, ""),
    "very deep objects": ('{"tuple":[' * 100_000, ""),
    "NaN": (f'{{"format": "{SAYS}", "tree": NaN}}', "no JSON"),
    "Infinity": (f'{{"format": "{SAYS}", "tree": [-Infinity]}}', "no JSON"),
    "a long integer": (f'{{"format": "{SAYS}", "tree": {"9" * 5000}}}', "more than 64 bits"),
}
TREES = {
    "an array that is not there": ({"array": "b"}, "the array 'b' is missing"),
    "an array twice": ([{"array": "a"}, {"array": "a"}], "wanted twice"),
    "an array not mentioned": (3, "nothing says where the array 'a' belongs"),
    "an array without a name": ({"array": 3}, "unknown part"),
    "an unknown kind": ({"pickle": "gASVAAA="}, "unknown part"),
    "two kinds": ({"array": "a", "tuple": []}, "2 keys instead of one"),
    "no kind": ({}, "0 keys instead of one"),
    "a dict's key twice": ({"dict": [["k", {"array": "a"}], ["k", 1]]}, "same key twice"),
    "a list as key": ({"dict": [[[1], {"array": "a"}]]}, "unknown part"),
    "an array as key": ({"dict": [[{"array": "a"}, 1]]}, "unknown part"),
    "a dict of triples": ({"dict": [[1, 2, 3]]}, ""),
    "a dict of numbers": ({"dict": [1]}, ""),
    "a float of words": ({"float": "hello"}, ""),
    "an integer of words": ({"int": "hello"}, ""),
    "half a complex number": ({"complex": ["1"]}, "unknown part"),
    "a scalar of objects": ({"scalar": ["|O", "00" * 8]}, "pickled"),
    "a scalar too short": ({"scalar": ["<f8", "00"]}, "has 1 bytes"),
    "a scalar too long": ({"scalar": ["<f4", "00" * 8]}, "has 8 bytes"),
    "a scalar of words": ({"scalar": ["<f4", "hello"]}, ""),
    "a scalar of text": ({"scalar": ["<U1", "61000000"]}, "has 4 bytes"),
}
TEXTS |= {name: (json.dumps({"format": SAYS, "tree": tree}), said) for name, (tree, said) in TREES.items()}


def tensors(header, content=b"\0" * 16):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content


def tensor(dtype="F64", shape=(2,), offsets=(0, 16)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", TEXTS)
def test_a_bad_text_is_a_value_error_that_names_the_file(tmp_path, name, suffix):
    text, said = TEXTS[name]
    if suffix == ".npz":
        refuses(tmp_path / "a.npz", archive({"a.npy": npy(), "tinygrad_edu.json": text.encode()}), said)
    else:
        refuses(tmp_path / "a.safetensors", tensors({"__metadata__": {"tinygrad_edu.json": text}, "a": tensor()}), said)


def test_a_text_that_is_no_text_or_packed_to_a_bomb_is_refused(tmp_path):
    refuses(tmp_path / "a.npz", archive({"tinygrad_edu.json": b"\xff\xfe"}))
    refuses(tmp_path / "a.npz", archive({"tinygrad_edu.json": b" " * 10**7}, zipfile.ZIP_DEFLATED), "can hold")


# safetensors

PAIRS = "tinygrad_edu.complex"
SAFETENSORS = {
    "an empty file": b"",
    "text": b"hello, world" * 100,
    "an archive": GOOD,
    "a header of 2^63 bytes": struct.pack("<Q", 2**63) + b"{}",
    "a header of 10^8 bytes": struct.pack("<Q", 10**8) + b"{}",
    "a header of no bytes": struct.pack("<Q", 0),
    "a header that is no JSON": tensors(b"hello"),
    "a header that is a list": tensors([1]),
    "a header that is no text": tensors(b"\xff\xfe{}"),
    "a deep header": tensors(b'{"a":' * 50_000),
    "a deep list": tensors(b"[" * 100_000),
    "a tensor twice": tensors(b'{"a":%s,"a":%s}' % ((json.dumps(tensor()).encode(),) * 2)),
    "a tensor past the end": tensors({"a": tensor(shape=(4,), offsets=(0, 32))}),
    "a tensor that ends before it starts": tensors({"a": tensor(offsets=(16, 0))}),
    "tensors that overlap": tensors({"a": tensor(), "b": tensor()}),
    "bytes of no tensor": tensors({"a": tensor(shape=(1,), offsets=(0, 8))}),
    "10^15 elements": tensors({"a": tensor(shape=(10**15,))}),
    "2^64 elements": tensors({"a": tensor(shape=(2**32, 2**32))}),
    "none of 2^62 · 2^62": tensors({"a": tensor(shape=(0, 2**62, 2**62), offsets=(0, 0))}, b""),
    "a negative length": tensors({"a": tensor(shape=(-2,))}),
    "65 dimensions": tensors({"a": tensor(shape=(1,) * 64 + (2,))}),
    "an unknown dtype": tensors({"a": tensor("X64")}),
    "a dtype that NumPy has not": tensors({"a": tensor("F8_E4M3", (16,))}),
    "metadata of numbers": tensors({"__metadata__": {"a": 3}, "a": tensor()}),
    "metadata that is a list": tensors({"__metadata__": [], "a": tensor()}),
    "complex numbers of nothing": tensors({"__metadata__": {PAIRS: '{"b": "complex128"}'}, "a": tensor()}),
    "complex numbers of a list": tensors({"__metadata__": {PAIRS: "[1]"}, "a": tensor()}),
    "complex numbers of another size": tensors({"__metadata__": {PAIRS: '{"a": "complex64"}'}, "a": tensor()}),
    "complex numbers of integers": tensors({"__metadata__": {PAIRS: '{"a": "complex128"}'}, "a": tensor("I64")}),
    "complex numbers that are not": tensors({"__metadata__": {PAIRS: '{"a": "float64"}'}, "a": tensor("F32", (2, 2))}),
    "complex numbers of objects": tensors({"__metadata__": {PAIRS: '{"a": "O"}'}, "a": tensor()}),
}  # fmt: skip


@needs_safetensors
@pytest.mark.parametrize("name", SAFETENSORS)
def test_bad_safetensors_are_a_value_error_that_names_the_file(tmp_path, name):
    refuses(tmp_path / "a.safetensors", SAFETENSORS[name])


@needs_safetensors
@pytest.mark.parametrize(
    "name", ["an empty file", "text", "an archive", "a header of 2^63 bytes", "a header of no bytes"]
)
def test_what_is_no_safetensors_file_at_all_is_told_so(tmp_path, name):
    refuses(tmp_path / "a.safetensors", SAFETENSORS[name], "its header is longer than the file, or empty")


@needs_safetensors
def test_the_safetensors_that_the_bad_ones_are_made_of_are_good(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(tensors({"__metadata__": {PAIRS: '{"a": "complex128"}'}, "a": tensor()}))
    assert load(path)["a"].tolist() == 0j


# At random

CHANGES = some.lists(
    some.tuples(some.sampled_from(["flip", "cut", "insert", "delete", "overwrite"]), some.integers(0, 10**6),
                some.binary(min_size=1, max_size=8)),
    min_size=1, max_size=3,
)  # fmt: skip


def changed(content, changes):
    for kind, at, piece in changes:
        at %= len(content) + 1
        if kind == "flip":
            content = (
                content[:at] + bytes([byte ^ 1 << piece[0] % 8 for byte in content[at : at + 1]]) + content[at + 1 :]
            )
        else:
            rest = {"cut": len(content), "insert": at, "delete": at + piece[0] % 16}.get(kind, at + len(piece))
            content = content[:at] + (b"" if kind in ("cut", "delete") else piece) + content[rest:]
    return content


def check(path, content):
    """Assert that a changed file is refused, or that each array read can be looked at and takes no room to speak of."""
    path.write_bytes(content)
    problem = None
    try:
        assert len(repr(load(path))) < 50_000
    except ValueError as error:
        problem = error
    assert type(problem) in (type(None), ValueError)
    assert problem is None or str(path) in str(problem)


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    """The bytes of good files of both formats, and a place for bad ones."""
    folder = tmp_path_factory.mktemp("valid")
    flat = {"0.weight": np.arange(6.0).reshape(2, 3), "0.bias": np.zeros((0, 2), "i8"), "mask": np.ones(3, bool)}
    deep = {
        "model": flat,
        "rest": [1, 2.5, None, (10**30, "é", float("nan"), 1j, np.float32(2))],
        "z": np.ones(2, "c8"),
    }
    found = {}
    for suffix in (".npz", ".safetensors") if HAS_SAFETENSORS else (".npz",):
        for name, obj in (("flat", flat), ("deep", deep)):
            save(obj, folder / f"{name}{suffix}")
            found[suffix, name] = (folder / f"{name}{suffix}").read_bytes()
    np.savez_compressed(folder / "packed.npz", **flat)
    found[".npz", "packed"] = (folder / "packed.npz").read_bytes()
    return folder, found


KINDS = [(".npz", "flat"), (".npz", "deep"), (".npz", "packed")]
KINDS += [pytest.param(".safetensors", name, marks=needs_safetensors) for name in ("flat", "deep")]


@pytest.mark.parametrize(("suffix", "name"), KINDS)
@OFTEN
@given(changes=CHANGES)
def test_a_file_changed_at_random_is_refused_or_plausible(valid, suffix, name, changes):
    folder, found = valid
    check(folder / f"changed{suffix}", changed(found[suffix, name], changes))


@pytest.mark.parametrize("name", ["flat", "deep"])
@OFTEN
@given(changes=CHANGES, which=some.integers(0, 9))
def test_an_entry_changed_at_random_in_a_sound_archive_is_refused_or_plausible(valid, name, changes, which):
    folder, found = valid
    with zipfile.ZipFile(io.BytesIO(found[".npz", name])) as file:
        entries = {info.filename: file.read(info) for info in file.infolist()}
    chosen = list(entries)[which % len(entries)]
    entries[chosen] = changed(entries[chosen], changes)
    check(folder / "changed.npz", archive(entries))


@pytest.mark.parametrize(("suffix", "name"), KINDS)
def test_a_file_cut_anywhere_is_refused(valid, suffix, name):
    folder, found = valid
    content = found[suffix, name]
    for length in range(0, len(content), 7):
        (folder / f"cut{suffix}").write_bytes(content[:length])
        with pytest.raises(ValueError, match="is damaged"):
            load(folder / f"cut{suffix}")


def test_a_flipped_bit_anywhere_in_an_npz_never_changes_a_number(valid):
    folder, found = valid
    content = found[".npz", "flat"]
    numbers = np.arange(6.0).tobytes()
    for at in range(content.index(numbers), content.index(numbers) + len(numbers)):
        (folder / "flipped.npz").write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
        with pytest.raises(ValueError, match="CRC"):
            load(folder / "flipped.npz")
