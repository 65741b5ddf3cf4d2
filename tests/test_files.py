"""``tg.save`` and ``tg.load``: what goes in comes out, and other programs read it, as theirs are read here."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
from file_cases import both, names, needs_safetensors, same, there_and_back
from hypothesis import given, settings
from hypothesis import strategies as some

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.files import load, save

BRIEFLY = settings(max_examples=50, derandomize=True, deadline=None, database=None)


# What comes back

KEYS = [
    "a/b",
    "a",
    "..",
    ".",
    "../../x",
    "/etc/x",
    "",
    "file",
    "nul\0nul",
    "k" * 70_000,
    "Größe",
    "日本",
    "\ud800",
    "a\\b",
]
KEYS += [
    "array",
    "array_0",
    "array_3",
    "x.npy",
    "x",
    "tinygrad_edu.json",
    "__metadata__",
    "a//b",
    "a/",
    "two\nlines",
    " ",
]
OBJECTS = {
    "nothing": None,
    "numbers": [0, -1, True, 2.5, -0.0, 1e-320, float("nan"), float("inf"), -float("inf"), 1 - 2j, complex("nan-infj")],
    "huge integers": [2**63 - 1, -(2**63), 2**63, -(2**63) - 1, 10**4000],
    "text": ["", "é", "\ud800", "\0", '"\\', "x" * 70_000],
    "empty": [{}, [], (), {"a": {}}],
    "tuples": ((1, (2,)), [(3, [4])]),
    "keys of all kinds": {1: "a", "1": "b", 2.5: "c", None: "d", False: "e", float("inf"): "f", 10**30: "g"},
    "NumPy scalars": [np.float32(0.1), np.float64("nan"), np.int8(-3), np.bool_(True), np.complex64(1j), np.uint64(9)],
    "one array": np.arange(6.0).reshape(2, 3),
    "an array in a list": [np.arange(3), (np.arange(2),)],
    "a checkpoint": {
        "model": {"0.weight": np.ones((2, 3), np.float32), "0.bias": np.zeros(2, np.float32)},
        "optimiser": {"state": {0: {"step": 3, "exp_avg": np.ones(2)}}, "lr": 1e-3, "betas": (0.9, 0.999)},
        "generator": np.random.default_rng(3).bit_generator.state,
        "older generator": np.random.MT19937(3).state,
        "epoch": 7,
    },
    "keys that are no file names": {key: np.array([i]) for i, key in enumerate(KEYS)},
    "the same keys, nested": {"a": {key: {"a": np.array(i)} for i, key in enumerate(KEYS)}},
    "clashing names": {"a/b": np.zeros(1), "a": {"b": np.ones(1)}, "array_1": np.ones(2), "": np.ones(3)},
}  # fmt: skip


@both
@pytest.mark.parametrize("name", OBJECTS)
def test_what_is_saved_comes_back(tmp_path, name, suffix):
    assert same(there_and_back(OBJECTS[name], tmp_path / f"a{suffix}"), OBJECTS[name])
    assert names(tmp_path) == [f"a{suffix}"]


DTYPES = ["?", *"bBhHiIlLqQ", "f2", "f4", "f8", "c8", "c16", ">f4", ">i2", ">c16"]
ARRAYS = {
    "plain": lambda a: a, "transposed": lambda a: a.T, "Fortran": np.asfortranarray, "backward": lambda a: a[::-1],
    "every second": lambda a: a[:, ::2], "empty": lambda a: a[:0], "zero-dimensional": lambda a: a[1, 1],
    "broadcast": lambda a: np.broadcast_to(a[0], (3, 4)),
    "batch last": lambda a: a.reshape(2, 2, 3).transpose(2, 0, 1),
}  # fmt: skip


@both
@pytest.mark.parametrize("dtype", DTYPES)
def test_dtype_shape_and_values_are_kept_whatever_the_memory_looks_like(tmp_path, dtype, suffix):
    array = (np.arange(12).reshape(3, 4) % 5).astype(dtype)
    arrays = {name: np.asarray(view(array)) for name, view in ARRAYS.items()}
    found = there_and_back(arrays, tmp_path / f"a{suffix}")
    assert same(found, arrays)
    for array in found.values():
        assert array.dtype.isnative
        assert array.flags.writeable
        array[...] = 0


@pytest.mark.parametrize("array", [
    np.array(["", "ab", "日本"]), np.array(["é"], ">U1"), np.array([b"ab"]), np.array([1.5], np.longdouble),
    np.array(["2020-01-01", "1969-07-20"], "M8[D]"), np.array([3, 4], "m8[25s]"),
], ids=lambda array: array.dtype.str)  # fmt: skip
def test_npz_holds_dates_text_and_long_doubles(tmp_path, array):
    assert same(there_and_back([array, array.reshape(1, -1).T], tmp_path / "a.npz"), [array, array.reshape(-1, 1)])


@both
def test_tensors_come_back_as_arrays(tmp_path, suffix):
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    assert same(there_and_back({"x": x, "y": [x * 2]}, tmp_path / f"a{suffix}"), {"x": x.data, "y": [x.data * 2]})


@both
def test_a_model_and_its_optimiser_come_back(tmp_path, rng, suffix):
    def build(seed):
        return nn.Sequential(nn.Linear(3, 4, rng=seed), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2, rng=seed))

    model, other = build(1), build(2)
    adam, second = tg.optim.Adam(model.parameters()), tg.optim.Adam(other.parameters())
    x = rng.standard_normal((5, 3)).astype(np.float32)
    model(x).sum().backward()
    adam.step()
    other.load_state_dict(there_and_back(model, tmp_path / f"model{suffix}"))
    found = there_and_back({"model": model, "adam": adam, "epoch": 1}, tmp_path / f"all{suffix}")
    second.load_state_dict(found["adam"])
    assert same(found["model"], model.state_dict())
    assert same(second.state_dict(), adam.state_dict())
    assert np.array_equal(model.eval()(x).data, other.eval()(x).data)


def test_loading_into_another_model_names_every_key_at_once_and_changes_nothing(tmp_path):
    save(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), tmp_path / "a.npz")
    other = nn.Sequential(nn.Linear(3, 5), nn.Linear(4, 2))
    before = other.state_dict()
    with pytest.raises(ValueError, match=r"0\.weight: shape.*1\.weight: missing.*2\.weight: unexpected"):
        other.load_state_dict(load(tmp_path / "a.npz"))
    assert same(other.state_dict(), before)


SCALARS = (
    some.none() | some.booleans() | some.integers() | some.floats() | some.complex_numbers() | some.text(max_size=8)
)
NUMBERS = some.sampled_from(["?", "<i4", ">f8", "<f2", "<c8"]).flatmap(
    lambda dtype: some.lists(some.integers(0, 99), max_size=4).map(lambda values: np.array(values, dtype))
)
TREES = some.recursive(
    SCALARS | NUMBERS,
    lambda part: some.lists(part, max_size=4) | some.lists(part, max_size=4).map(tuple)
    | some.dictionaries(some.text(max_size=4) | some.integers(), part, max_size=4),
    max_leaves=8,
)  # fmt: skip


@both
@BRIEFLY
@given(tree=TREES)
def test_any_tree_comes_back(tmp_path_factory, suffix, tree):
    path = tmp_path_factory.getbasetemp() / f"tree{suffix}"
    assert same(there_and_back(tree, path), tree)


# With other programs


def test_numpy_reads_what_is_saved_under_readable_names(tmp_path):
    save({"0.weight": np.eye(2), "0.bias": np.ones(2)}, tmp_path / "flat.npz")
    save({"model": {"w": np.eye(2)}, "epoch": 3}, tmp_path / "deep.npz")
    with np.load(tmp_path / "flat.npz", allow_pickle=False) as flat, np.load(tmp_path / "deep.npz") as deep:
        assert flat.files == ["0.weight", "0.bias"]
        assert np.array_equal(flat["0.weight"], np.eye(2))
        assert deep.files == ["model/w", "tinygrad_edu.json"]
        assert np.array_equal(deep["model/w"], np.eye(2))


def test_keys_that_are_no_file_names_are_harmless_to_who_unpacks_the_file(tmp_path):
    save({key: np.array(i) for i, key in enumerate(KEYS)}, tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        found = [name.removesuffix(".npy") for name in archive.namelist()]
    assert {"a/b", "file", "Größe", "日本", "x"} < set(found)
    for name in found:
        assert name.isprintable()
        assert len(name) < 300
        assert not {"", ".", ".."} & set(name.replace("\\", "/").split("/"))
        assert "\\" not in name
        assert not name.endswith(".npy")
    with np.load(tmp_path / "a.npz") as others:
        assert sorted(others[name].item() for name in found if name != "tinygrad_edu.json") == list(range(len(KEYS)))


@pytest.mark.parametrize("writer", [np.savez, np.savez_compressed])
def test_what_numpy_saves_is_a_flat_dict(tmp_path, writer):
    arrays = {
        "w": np.eye(3, dtype=">f4"),
        "f": np.asfortranarray(np.ones((2, 3))),
        "n": np.array(3),
        "z": np.zeros((0, 2)),
    }
    arrays["zeros"] = np.zeros(200_000)
    writer(tmp_path / "a.npz", **arrays)
    assert same(load(tmp_path / "a.npz"), arrays)
    writer(tmp_path / "a.npz", np.eye(2))
    assert same(load(tmp_path / "a.npz"), {"arr_0": np.eye(2)})


@pytest.mark.parametrize("header", [
    b"{'descr': '<i2', 'fortran_order': False, 'shape': (2L, 1L), }",
    b"{'shape':(2,1),'fortran_order':True,'descr':'<i2'}",
    b'{"descr": "<i2", "fortran_order": False, "shape": (2,1)}          \n',
], ids=["Python 2", "another order", "double quotes"])  # fmt: skip
@pytest.mark.parametrize("version", [1, 2, 3])
def test_headers_of_other_writers_are_read(tmp_path, header, version):
    start = b"\x93NUMPY" + bytes([version, 0]) + len(header).to_bytes(2 if version == 1 else 4, "little")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", start + header + b"\1\0\2\0")
    assert same(load(tmp_path / "a.npz"), {"a": np.array([[1], [2]], "i2")})


@needs_safetensors
def test_safetensors_from_and_for_others(tmp_path):
    import safetensors.numpy

    arrays = {"b": np.eye(2, dtype="f2"), "a": np.zeros((0, 3)), "n": np.array(3)}
    safetensors.numpy.save_file(arrays, tmp_path / "a.safetensors", {"format": "pt"})
    found = load(tmp_path / "a.safetensors")
    assert {key: found[key].tolist() for key in arrays} == {key: array.tolist() for key, array in arrays.items()}
    save({"model": arrays, "epoch": 2, "z": np.array([1j])}, tmp_path / "b.safetensors")
    others = safetensors.numpy.load_file(tmp_path / "b.safetensors")
    assert set(others) == {"model/a", "model/b", "model/n", "z"}
    assert np.array_equal(others["model/b"], arrays["b"])
    assert np.array_equal(others["z"], [[0, 1]])


@pytest.mark.oracle
def test_pytorch_and_this_read_each_others_safetensors(tmp_path):
    torch, files = pytest.importorskip("torch"), pytest.importorskip("safetensors.torch")
    theirs = torch.nn.Linear(3, 2)
    half = torch.tensor([1.5, -3.0, float("inf")], dtype=torch.bfloat16)
    files.save_file({**theirs.state_dict(), "half": half}, tmp_path / "a.safetensors")
    state = load(tmp_path / "a.safetensors")
    assert same(state.pop("half"), half.float().numpy())
    ours = nn.Linear(3, 2)
    ours.load_state_dict(state)
    save(ours, tmp_path / "b.safetensors")
    back = files.load_file(tmp_path / "b.safetensors")
    assert all([torch.equal(back[key], value) for key, value in theirs.state_dict().items()])


def test_the_same_content_makes_the_same_bytes(tmp_path):
    for name in ("a.npz", "b.npz"):
        save({"w": np.eye(2), "epoch": 1}, tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
