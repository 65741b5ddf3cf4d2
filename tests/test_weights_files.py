"""Weights from Keras's files, in every layout, and from state dicts; what does not fit is named."""

import zipfile

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import models
from tinygrad_edu.models.keras_files import matched, read_keras
from tinygrad_edu.models.keras_layout import from_keras, keras_names

FORMATS = ("weights.h5", "legacy.h5", "whole.h5", "keras")


@pytest.fixture
def h5py():
    return pytest.importorskip("h5py")


def arrays_for(model, rng):
    """Random arrays by Keras's layer and weight, as a file of the model has them."""
    return {(place.layer, place.weight): rng.random(place.shape, np.float32) for place in keras_names(model).values()}


def write_legacy(h5py, path, arrays, rename=str, suffix=":0"):
    """Write arrays as Keras 2 did."""
    layers = list(dict.fromkeys(layer for layer, _ in arrays))
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"input_1", *[rename(layer).encode() for layer in layers]]
        file.create_group("input_1").attrs["weight_names"] = []
        for layer in layers:
            group = file.create_group(rename(layer))
            names = [f"{rename(layer)}/{weight}{suffix}" for other, weight in arrays if other == layer]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, (_, array) in zip(names, [item for item in arrays.items() if item[0][0] == layer]):
                group[name] = array
    return path


def small():
    return models.resnet18(3, rng=0)


def same_state(model, arrays):
    for key, array in from_keras(model, arrays).items():
        np.testing.assert_allclose(model.state_dict()[key], array, rtol=1e-6)


def test_every_array_of_a_legacy_file_is_placed(h5py, rng, tmp_path):
    arrays = arrays_for(small(), rng)
    path = write_legacy(h5py, tmp_path / "resnet18.h5", arrays)
    same_state(models.resnet18(3, weights=path), arrays)
    same_state(models.resnet18(3, weights=str(path)), arrays)
    loaded = small()
    assert models.load_weights(loaded, path) is loaded
    same_state(loaded, arrays)


def test_a_file_of_keras_2_12_names_its_groups(h5py, rng, tmp_path):
    arrays = arrays_for(small(), rng)
    path = tmp_path / "x.weights.h5"
    with h5py.File(path, "w") as file:
        for number, ((layer, _), array) in enumerate(arrays.items()):
            group = file.require_group(f"_layer_checkpoint_dependencies/{layer}/vars")
            group[str(len(group))] = array
            assert number >= 0
    same_state(models.resnet18(3, weights=path), arrays)


def test_an_early_keras_3_file_without_names_is_refused(h5py, tmp_path):
    path = tmp_path / "x.weights.h5"
    with h5py.File(path, "w") as file:
        file["layers/conv2d/vars/0"] = np.zeros(3)
    with pytest.raises(ValueError, match=r"early Keras 3.*save it again"):
        read_keras(path)


def test_layers_that_keras_numbered_are_matched_by_order(h5py, rng, tmp_path):
    model = models.inception_v3(3, rng=0)
    arrays = arrays_for(model, rng)

    def shifted(name):
        kind, _, number = name.rpartition("_")
        return f"{kind}_{int(number) + 95}" if number.isdigit() else f"{name}_95" if "predictions" not in name else name

    path = write_legacy(h5py, tmp_path / "i3.h5", arrays, rename=shifted)
    same_state(models.inception_v3(3, weights=path), arrays)


def test_numbers_are_ordered_as_numbers():
    file = {name: [] for name in ("conv2d_9", "conv2d_10", "conv2d_100")}
    assert matched(file, ["conv2d", "conv2d_1", "conv2d_2"]) == {
        "conv2d": "conv2d_9", "conv2d_1": "conv2d_10", "conv2d_2": "conv2d_100",
    }  # fmt: skip


def test_the_head_of_resnext_has_two_names(h5py, rng, tmp_path):
    model = models.resnext50(3, rng=0)
    arrays = arrays_for(model, rng)
    path = write_legacy(h5py, tmp_path / "x.h5", arrays, rename=lambda name: "probs" if name == "predictions" else name)
    same_state(models.resnext50(3, weights=path), arrays)


# Against Keras itself

NETWORKS = [
    ("resnet50", "ResNet50", 64), ("inception_v3", "InceptionV3", 75), ("xception", "Xception", 71),
    ("inception_resnet_v2", "InceptionResNetV2", 75), ("vgg16", "VGG16", 224),
]  # fmt: skip


def written(keras, h5py, model, folder, kind):
    """Let Keras write a model in one of its formats."""
    path = folder / f"model.{kind}"
    if kind == "legacy.h5":
        from keras.src.legacy.saving import legacy_h5_format

        with h5py.File(path, "w") as file:
            legacy_h5_format.save_weights_to_hdf5_group(file, model)
    elif kind == "weights.h5":
        model.save_weights(path)
    else:
        model.save(path)
    return path


@pytest.mark.oracle
@pytest.mark.parametrize(("ours", "theirs", "side"), NETWORKS, ids=[name for name, *_ in NETWORKS])
def test_outputs_agree_with_keras_after_loading_its_files(ours, theirs, side, h5py, rng, tmp_path):
    import warnings

    from keras_oracle import keras_or_skip, shake

    keras = keras_or_skip()
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras.backend.clear_session()
        made = getattr(keras.applications, theirs)(
            weights=None, input_shape=(side, side, 3), classes=7, classifier_activation=None
        )
        shake(made, rng)
        x = rng.standard_normal((1, 3, side, side)).astype(np.float32)
        with torch.no_grad():
            wanted = made(np.moveaxis(x, 1, -1), training=False).detach().numpy()
        for kind in FORMATS if ours == "resnet50" else FORMATS[:2]:
            path = written(keras, h5py, made, tmp_path, kind)
            model = getattr(models, ours)(7, weights=path).eval()
            with tg.no_grad():
                found = model(x).data
            np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())
            path.unlink()


# What does not fit


def test_missing_unexpected_and_misshapen_are_listed_and_nothing_is_placed(h5py, rng, tmp_path):
    model = small()
    arrays = arrays_for(model, rng)
    arrays.pop(("conv1_bn", "gamma"))
    arrays["conv1_conv", "kernel"] = np.zeros((3, 3, 3, 64))
    arrays["strange", "kernel"] = np.zeros(2)
    arrays = {key: a for key, a in arrays.items() if key[0] != "predictions"} | {
        ("predictions", "kernel"): np.zeros((512, 4)), ("predictions", "bias"): np.zeros(4),
    }  # fmt: skip
    path = write_legacy(h5py, tmp_path / "x.h5", arrays)
    before = model.state_dict()
    with pytest.raises(ValueError, match=r"x\.h5 into resnet18") as caught:
        models.load_weights(model, path)
    said = str(caught.value)
    assert "conv1_conv/kernel: shape (3, 3, 3, 64), wanted (7, 7, 3, 64)" in said
    assert "conv1_bn: 3 arrays, wanted 4" in said
    assert "predictions/kernel: shape (512, 4), wanted (512, 3)" in said
    assert "strange: unexpected" in said
    for key, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[key])


def test_a_file_of_another_network_is_named(h5py, rng, tmp_path):
    path = write_legacy(h5py, tmp_path / "x.h5", arrays_for(models.resnet34(rng=0), rng))
    with pytest.raises(ValueError, match=r"x.h5 seems to be the weights of ResNet-34: tg.models.resnet34"):
        models.resnet50(weights=path)


def test_a_file_without_the_top_is_named(h5py, rng, tmp_path):
    arrays = {key: a for key, a in arrays_for(small(), rng).items() if key[0] != "predictions"}
    with pytest.raises(ValueError, match=r"without the top \('notop'\)"):
        models.resnet18(3, weights=write_legacy(h5py, tmp_path / "x.h5", arrays))


def test_a_state_dict_of_another_network_is_named(tmp_path):
    tg.save(models.resnet18(rng=0, layout="torchvision").state_dict(), tmp_path / "x.npz")
    with pytest.raises(ValueError, match=r'seems to be the weights of ResNet-18.*layout="torchvision"'):
        models.resnet34(layout="torchvision", weights=tmp_path / "x.npz")


def zipped(path, name):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(name, b"x")


STRANGE = {
    "page.h5": (lambda path: path.write_text("<!DOCTYPE html><html>", encoding="utf-8"), "HTML page"),
    "empty.h5": (lambda path: path.write_bytes(b""), "empty"),
    "cut.h5": (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(40)), "damaged, or its download was cut off"),
    "old.pth": (lambda path: path.write_bytes(b"\x80\x02}q"), r"is of PyTorch.*safetensors"),
    "new.pth": (lambda path: zipped(path, "archive/data.pkl"), r"is of PyTorch.*safetensors"),
    "lfs.h5": (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"), "Git LFS"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_no_file_of_weights_is_named(name, tmp_path, h5py):
    make, words = STRANGE[name]
    make(tmp_path / name)
    with pytest.raises(ValueError, match=words):
        models.resnet18(weights=tmp_path / name)


def test_a_file_that_is_not_there_is_named_before_any_work(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        models.load_weights(small(), tmp_path / "none.h5")
    with pytest.raises(FileNotFoundError, match="is a folder"):
        models.load_weights(small(), tmp_path)


def test_a_model_that_keras_lacks_says_so(h5py, rng, tmp_path):
    path = write_legacy(h5py, tmp_path / "x.h5", arrays_for(small(), rng))
    with pytest.raises(ValueError, match="no counterpart in Keras"):
        models.load_weights(models.lenet5(), path)
