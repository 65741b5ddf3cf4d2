"""Files of weights that do not fit: what is wrong is listed, and what they seem to be is said."""

import gzip
import zipfile

import numpy as np
import pytest
from weights_files import arrays_for, small, write_legacy

import tinygrad_edu as tg
from tinygrad_edu import models
from tinygrad_edu.models.catalogue import blank
from tinygrad_edu.models.suspects import strange_file


def of(name, **options):
    """Arrays of zeros that a file of a network has."""
    return arrays_for(blank(name, **options), Zeros())


class Zeros:
    """Stands where a generator does, and takes no time."""

    def random(self, shape, dtype):
        return np.zeros(shape, dtype)


def test_missing_unexpected_and_misshapen_are_listed_and_nothing_is_placed(h5py, rng, tmp_path):
    model = small()
    arrays = arrays_for(model, rng)
    arrays.pop(("conv1_bn", "gamma"))
    arrays["conv1_conv", "kernel"] = np.zeros((3, 3, 3, 64))
    arrays["strange", "kernel"] = np.zeros(2)
    arrays = {key: a for key, a in arrays.items() if key[0] != "conv2_block1_1_conv"}
    path = write_legacy(h5py, tmp_path / "x.h5", arrays)
    before = model.state_dict()
    with pytest.raises(ValueError, match=r"x\.h5 into resnet18") as caught:
        models.load_weights(model, path)
    said = str(caught.value)
    assert "conv1_conv/kernel: shape (3, 3, 3, 64), wanted (7, 7, 3, 64)" in said
    assert "conv1_bn: 3 arrays, wanted 4" in said
    assert "conv2_block1_1_conv: missing" in said
    assert "strange: unexpected" in said
    for key, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[key])


def shifted(name):
    """A name as Keras numbers it in a program that made other networks before."""
    kind, _, number = name.rpartition("_")
    return f"{kind}_{int(number) + 95}" if number.isdigit() else name if "predictions" in name else f"{name}_95"


@pytest.mark.parametrize(("network", "rename", "words"), [
    ("resnet34", str, r'x.h5 seems to be the weights of ResNet-34: tg.models.resnet34\(layout="keras"\)$'),
    ("inception_v3", shifted, "seems to be the weights of Inception v3: "),
    ("vgg19", str, "seems to be the weights of VGG-19: "),
])  # fmt: skip
def test_a_keras_file_of_another_network_is_named(network, rename, words, h5py, tmp_path):
    arrays = {key: array[:0] if array.size > 1e7 else array for key, array in of(network).items()}
    path = write_legacy(h5py, tmp_path / "x.h5", arrays, rename)
    with pytest.raises(ValueError, match=words):
        models.load_weights(blank("resnet50"), path)


def test_a_keras_file_that_names_no_layers_is_named_by_kinds_and_shapes(h5py, tmp_path):
    counts = {}
    with h5py.File(tmp_path / "x.weights.h5", "w") as file:
        for (layer, weight), array in of("resnet34").items():
            kind = "dense" if layer == "predictions" else "batch_normalization" if layer.endswith("_bn") else "conv2d"
            number = counts.setdefault(layer, len([1 for other in counts if other.endswith(layer[-3:])]))
            place = file.require_group(f"layers/{kind}_{number}/vars")
            place[str(len(place))] = array
            assert weight
    with pytest.raises(ValueError, match="seems to be the weights of ResNet-34"):
        models.load_weights(blank("resnet50"), tmp_path / "x.weights.h5")


@pytest.mark.parametrize(("network", "dropped"), [
    ("resnet18", ("predictions",)), ("vgg16", ("fc1", "fc2", "predictions")),
])  # fmt: skip
def test_a_file_without_the_top_is_named(network, dropped, h5py, tmp_path):
    arrays = {key: array for key, array in of(network).items() if key[0] not in dropped}
    path = write_legacy(h5py, tmp_path / "x.h5", arrays)
    with pytest.raises(ValueError, match=r"x.h5 has no last layers: it was saved without the top \('notop'\)"):
        models.load_weights(blank(network), path)
    with pytest.raises(ValueError, match=rf"seems to be the weights of .*models.{network}.*; and it has no last"):
        models.load_weights(blank("xception"), path)


def test_a_file_of_other_classes_says_how_many(h5py, tmp_path):
    path = write_legacy(h5py, tmp_path / "x.h5", of("resnet18", num_classes=37))
    with pytest.raises(ValueError, match=r"it is for 37 classes: give num_classes=37$"):
        models.load_weights(blank("resnet18"), path)
    tg.save(models.resnet18(37, rng=0, layout="torchvision").state_dict(), tmp_path / "x.npz")
    with pytest.raises(ValueError, match=r"it is for 37 classes: give num_classes=37$"):
        models.resnet18(layout="torchvision", weights=tmp_path / "x.npz")


def test_a_state_dict_of_another_network_is_named(tmp_path):
    state = models.resnet18(rng=0, layout="torchvision").state_dict()
    tg.save(state, tmp_path / "x.npz")
    words = r'seems to be the weights of ResNet-18: tg.models.resnet18\(layout="torchvision"\)'
    with pytest.raises(ValueError, match=f"x.npz {words}"):
        models.resnet34(layout="torchvision", weights=tmp_path / "x.npz")
    with pytest.raises(ValueError, match=f"this state dict {words}"):
        models.load_weights(blank("resnet18"), state)


def test_a_keras_file_for_another_layout_is_named(h5py, tmp_path):
    path = write_legacy(h5py, tmp_path / "x.h5", of("resnet18"))
    with pytest.raises(ValueError, match=r'tg.models.resnet18\(layout="keras"\)'):
        models.resnet18(layout="torchvision", weights=path)
    with pytest.raises(ValueError, match=r"no counterpart in Keras.*seems to be the weights of ResNet-18"):
        models.load_weights(models.lenet5(), path)


def zipped(name):
    def write(path):
        with zipfile.ZipFile(path, "w") as file:
            file.writestr(name, b"x")

    return write


def content(held):
    return lambda path: path.write_bytes(held)


STRANGE = {
    "page.h5": (content(b"\n<!DOCTYPE html><html>"), "is an HTML page"),
    "empty.h5": (content(b""), "is empty"),
    "cut.h5": (content(b"\x89HDF\r\n\x1a\n" + bytes(40)), "damaged, or its download was cut off"),
    "old.pth": (content(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."), r"(?s)is of PyTorch.*old\.safetensors"),
    "new.pth": (zipped("archive/data.pkl"), r"(?s)is of PyTorch.*save_file\(torch\.load"),
    "torch.safetensors": (zipped("archive/data.pkl"), "is of PyTorch"),
    "lfs.h5": (content(b"version https://git-lfs.github.com/spec/v1\n"), "Git LFS"),
    "packed.h5.gz": (content(gzip.compress(b"x")), "is compressed"),
    "packed.zip": (zipped("vgg16.h5"), r"zip archive; unpack it first: it holds vgg16\.h5"),
    "model.json": (content(b'{"class_name": "Functional"}'), "JSON"),
    "text.h5": (content(b"Not Found"), r"no file of weights that can be read here, which are \.h5"),
    "cut.npz": (content(b"PK\x03\x04" + bytes(40)), "damaged"),
    "cut.safetensors": (content(b"\x40\0\0\0\0\0\0\0{"), "damaged"),
    "named.bin": (content(b"\x40\0\0\0\0\0\0\0{" + bytes(64)), r"name it named\.safetensors"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_no_file_of_weights_is_named(name, tmp_path, h5py):
    if name.endswith(".safetensors"):
        pytest.importorskip("safetensors")
    make, words = STRANGE[name]
    make(tmp_path / name)
    with pytest.raises(ValueError, match=words) as caught:
        models.resnet18(weights=tmp_path / name)
    assert name in str(caught.value)


@pytest.mark.parametrize("begin", [b"\x80\x02", b"\x20\x3c", b"\x1f\x8b", b"\x3c", b"\x7b"])
def test_no_length_of_a_safetensors_header_is_taken_for_another_format(begin, tmp_path):
    (tmp_path / "x.safetensors").write_bytes(begin.ljust(8, b"\0") + b'{"a":')
    strange_file(tmp_path / "x.safetensors")


HOLLOW = {
    "no layers": lambda file: file.create_group("other"),
    "names of nothing": lambda file: file.attrs.update(layer_names=[b"conv1"]),
    "a list that is a number": lambda file: file.attrs.update(layer_names=3),
    "an array for layers": lambda file: file.update(layers=np.zeros(3)),
    "numbers that are none": lambda file: file.update({"layers/conv2d/vars/first": np.zeros(3)}),
}


@pytest.mark.parametrize("case", HOLLOW)
def test_a_damaged_keras_file_is_an_error_that_names_it(case, h5py, tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        HOLLOW[case](file)
    with pytest.raises(ValueError, match=r"^x\.h5 "):
        models.load_weights(small(), tmp_path / "x.h5")


def test_a_file_that_is_not_there_is_named_before_any_work(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.h5 does not exist$"):
        models.load_weights(small(), tmp_path / "none.h5")
    with pytest.raises(FileNotFoundError, match="is a folder"):
        models.load_weights(small(), tmp_path)
    with pytest.raises(FileNotFoundError, match="nothing is downloaded here"):
        models.resnet50(weights="imagenet")


@pytest.mark.parametrize("weights", [3, True, np.zeros(3), {1: np.zeros(3)}])
def test_what_can_be_no_weights_is_refused(weights):
    with pytest.raises(TypeError, match="wanted a file's path or a state dict"):
        models.load_weights(small(), weights)
