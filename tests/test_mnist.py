"""MNIST: the four files as published, and every way in which they can be wrong."""

import gzip
import tracemalloc

import numpy as np
import pytest

from tinygrad_edu import data

NAMES = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]


def idx(array, code=0x08):
    lengths = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return bytes([0, 0, code, array.ndim]) + lengths + array.astype(np.uint8).tobytes()


@pytest.fixture
def contents(rng):
    """Twelve images to train on and five to test with, by file name."""
    arrays = [array for n in (12, 5) for array in (rng.integers(0, 256, (n, 28, 28)), np.arange(n) % 10)]
    return dict(zip(NAMES, map(idx, arrays)))


def written(folder, contents, rename=lambda name: name, pack=False):
    for name, content in contents.items():
        (folder / rename(name)).write_bytes(gzip.compress(content) if pack else content)
    return folder


LAYOUTS = {
    "plain": (lambda name: name, False),
    "packed": (lambda name: name + ".gz", True),
    "dotted": (lambda name: name.replace("-idx", ".idx"), False),
    "dotted and packed": (lambda name: name.replace("-idx", ".idx") + ".gz", True),
    "unpacked by a browser": (lambda name: name + ".gz", False),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_files_are_read_as_published(layout, contents, tmp_path):
    (x_train, y_train), (x_test, y_test) = data.mnist(written(tmp_path, contents, *layout))
    for (x, y), name in (((x_train, y_train), NAMES[0]), ((x_test, y_test), NAMES[2])):
        pixels = np.frombuffer(contents[name][16:], np.uint8).reshape(-1, 1, 28, 28)
        assert (x.shape, x.dtype) == (pixels.shape, np.float32)
        np.testing.assert_array_equal(x, pixels.astype(np.float32) / np.float32(255))
        np.testing.assert_array_equal(y, np.arange(len(x)) % 10)
        assert y.dtype == np.int64


def test_bytes_stay_bytes_when_asked(contents, tmp_path):
    x = data.mnist(str(written(tmp_path, contents)), dtype=np.uint8).train[0]
    np.testing.assert_array_equal(x.ravel(), np.frombuffer(contents[NAMES[0]][16:], np.uint8))
    assert data.mnist(tmp_path, dtype="float64").test[0].max() <= 1
    with pytest.raises(TypeError, match="int32"):
        data.mnist(tmp_path, dtype=np.int32)


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_is_named_with_its_folder(name, contents, tmp_path):
    written(tmp_path, contents)
    (tmp_path / name).unlink()
    with pytest.raises(FileNotFoundError, match=name) as caught:
        data.mnist(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert name + ".gz" in str(caught.value)


LABELS, IMAGES = NAMES[1], NAMES[0]
WRONG = {
    "empty": (IMAGES, lambda c: b"", "truncated"),
    "header cut": (IMAGES, lambda c: c[:10], "truncated"),
    "cut": (IMAGES, lambda c: c[:-1], "truncated"),
    "one more": (IMAGES, lambda c: c + b"\0", "goes on"),
    "no idx file": (IMAGES, lambda c: b"<!DOCTYPE html>", "no IDX file"),
    "floats": (IMAGES, lambda c: c[:2] + b"\x0d" + c[3:], "0x0d"),
    "labels for images": (IMAGES, lambda c: idx(np.arange(9)), "3 axes"),
    "images for labels": (LABELS, lambda c: idx(np.zeros((12, 28, 28))), "1 axes"),
    "other sizes": (IMAGES, lambda c: idx(np.zeros((12, 20, 28))), "28×28"),
    "fewer labels": (LABELS, lambda c: idx(np.arange(9)), "12 images .* 9 labels"),
    "label 10": (LABELS, lambda c: c[:-1] + b"\x0a", "0 to 9"),
    "claims too many": (IMAGES, lambda c: c[:4] + b"\xff" * 12 + c[16:], "claims"),
    "claims one too many": (IMAGES, lambda c: c[:4] + (1_000_001).to_bytes(4, "big") + c[8:], "claims"),
    "claims huge images": (IMAGES, lambda c: c[:8] + b"\x7f" * 8 + c[16:], "claims"),
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
@pytest.mark.parametrize(("name", "damage", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_a_value_error_that_names_it(name, damage, said, packed, contents, tmp_path):
    contents[name] = damage(contents[name])
    with pytest.raises(ValueError, match=said) as caught:
        data.mnist(written(tmp_path, contents, pack=packed))
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize("change", ["cut", "flip"])
def test_damage_anywhere_in_a_packed_file_is_a_value_error_or_does_nothing(change, contents, tmp_path, rng):
    written(tmp_path, contents, pack=True)
    wanted = data.mnist(tmp_path)
    whole = (tmp_path / LABELS).read_bytes()
    for place in range(len(whole)):
        damaged = bytearray(whole)
        if change == "cut":
            del damaged[place:]
        else:
            damaged[place] ^= int(rng.integers(1, 256))
        (tmp_path / LABELS).write_bytes(damaged)
        assert outcome(tmp_path, wanted) in ("named", "equal"), place


def outcome(folder, wanted):
    """Return what reading a damaged file of labels comes to."""
    try:
        labels = data.mnist(folder).train[1]
    except ValueError as error:
        return "named" if LABELS in str(error) else str(error)
    return "equal" if np.array_equal(labels, wanted.train[1]) else "changed"


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_memory_follows_the_file_and_not_its_claim(packed, contents, tmp_path):
    contents[IMAGES] = contents[IMAGES][:4] + (1_000_000).to_bytes(4, "big") + contents[IMAGES][8:]
    written(tmp_path, contents, pack=packed)
    tracemalloc.start()
    with pytest.raises(ValueError, match="truncated"):
        data.mnist(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_a_gzip_bomb_is_unpacked_no_further_than_it_claims(contents, tmp_path):
    contents[LABELS] += bytes(64 << 20)
    written(tmp_path, contents, pack=True)
    tracemalloc.start()
    with pytest.raises(ValueError, match="goes on"):
        data.mnist(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20
