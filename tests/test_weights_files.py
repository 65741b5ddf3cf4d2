"""Weights from Keras's files, in every layout, and from state dicts."""

import sys

import numpy as np
import pytest
from weights_files import arrays_for, small, write_legacy

import tinygrad_edu as tg
from tinygrad_edu import models
from tinygrad_edu.models.catalogue import blank
from tinygrad_edu.models.keras_files import ranked, read_keras
from tinygrad_edu.models.keras_layout import from_keras
from tinygrad_edu.models.keras_order import numbered

FORMATS = ("weights.h5", "early.weights.h5", "2.12.weights.h5", "legacy.h5", "whole.h5", "keras")


def same_state(model, arrays):
    held = model.state_dict()
    for key, array in from_keras(model, arrays).items():
        np.testing.assert_array_equal(held[key], array)


def test_every_array_of_a_legacy_file_is_placed(h5py, rng, tmp_path):
    arrays = arrays_for(small(), rng)
    path = write_legacy(h5py, tmp_path / "resnet18.h5", arrays)
    same_state(models.resnet18(3, weights=str(path)), arrays)
    loaded = small()
    assert models.load_weights(loaded, path) is loaded
    same_state(loaded, arrays)


def test_layers_that_keras_numbered_are_matched_by_order(h5py, rng, tmp_path):
    arrays = arrays_for(blank("inception_v3", num_classes=3), rng)

    def shifted(name):
        kind, _, number = name.rpartition("_")
        return f"{kind}_{int(number) + 95}" if number.isdigit() else f"{name}_95" if "predictions" not in name else name

    path = write_legacy(h5py, tmp_path / "i3.h5", arrays, rename=shifted)
    same_state(models.inception_v3(3, weights=path), arrays)


def test_numbers_are_ordered_as_numbers():
    assert ranked(["conv2d_10", "conv2d_9", "conv2d_100", "conv1_conv", "dense"]) == {
        "conv2d_9": "conv2d 0", "conv2d_10": "conv2d 1", "conv2d_100": "conv2d 2", "conv1_conv": "conv1_conv",
        "dense": "dense 0",
    }  # fmt: skip


def test_the_head_of_resnext_has_two_names(h5py, rng, tmp_path):
    arrays = arrays_for(blank("resnext50", num_classes=3), rng)
    path = write_legacy(h5py, tmp_path / "x.h5", arrays, rename=lambda name: "probs" if name == "predictions" else name)
    same_state(models.resnext50(3, weights=path), arrays)


def test_long_lists_of_names_are_in_several_attributes(h5py, rng, tmp_path):
    arrays = arrays_for(small(), rng)
    path = write_legacy(h5py, tmp_path / "x.h5", arrays)
    with h5py.File(path, "r+") as file:
        names = file.attrs["layer_names"]
        del file.attrs["layer_names"]
        file.attrs["layer_names0"], file.attrs["layer_names1"] = names[:7], names[7:]
    same_state(models.resnet18(3, weights=path), arrays)


def test_arrays_with_names_are_placed_by_name(h5py, rng, tmp_path):
    arrays = arrays_for(small(), rng)
    path = write_legacy(h5py, tmp_path / "x.h5", dict(reversed(arrays.items())))
    same_state(models.resnet18(3, weights=path), arrays)


class Fork(tg.nn.Module):
    """Two ways as long, and one that is longer, made in another order than they are walked."""

    in_channels = 3

    def __init__(self):
        self.second, self.first = tg.nn.Conv2d(3, 3, 1), tg.nn.Conv2d(3, 3, 1)
        self.early, self.late = tg.nn.Conv2d(3, 3, 1), tg.nn.Conv2d(3, 3, 1)

    def forward(self, x):
        return self.first(x) + (self.second(x) + self.late(self.early(x)))

    def keras_layers(self):
        return {"late": "late", "second": "second", "early": "early", "first": "first"}


def test_layers_without_names_are_numbered_by_distance_from_the_output_then_as_walked():
    model = Fork()
    assert numbered(model) == {"early": "conv2d 0", "second": "conv2d 1", "late": "conv2d 2", "first": "conv2d 3"}
    assert all(module.training for module in model.modules())
    assert all(x.grad is None for x in model.parameters())


def test_the_oldest_files_name_their_arrays_in_another_way_and_are_placed_by_order(h5py, rng, tmp_path):
    arrays = arrays_for(small(), rng)
    path = write_legacy(h5py, tmp_path / "x.h5", arrays, suffix="_W_1:0")
    same_state(models.resnet18(3, weights=path), arrays)


def test_bfloat16_is_read(h5py, tmp_path):
    numbers = np.array([1.5, -2.0, 0.0078125], np.float32)
    path = tmp_path / "x.weights.h5"
    with h5py.File(path, "w") as file:
        held = (numbers.view(np.uint32) >> 16).astype(np.uint16).view("V2")
        file.create_dataset("layers/dense/vars/0", data=held)
    layers, named = read_keras(path)
    assert not named
    np.testing.assert_array_equal(layers["dense"][0][1], numbers)


def test_weights_of_a_whole_model_are_found_beside_its_optimizer(h5py, rng, tmp_path):
    arrays = arrays_for(small(), rng)
    inner = write_legacy(h5py, tmp_path / "inner.h5", arrays)
    with h5py.File(inner) as given, h5py.File(tmp_path / "x.h5", "w") as file:
        given.copy(given, file, "model_weights")
        file["optimizer_weights/iteration"] = 3
    same_state(models.resnet18(3, weights=tmp_path / "x.h5"), arrays)


def test_loaded_weights_lie_in_memory_as_new_ones_do(h5py, rng, tmp_path):
    path = write_legacy(h5py, tmp_path / "x.h5", arrays_for(small(), rng))
    assert all(x.data.flags.c_contiguous for x in models.resnet18(3, weights=path).parameters())


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_a_state_dict_in_a_file_is_placed_also_without_counters(suffix, tmp_path):
    if suffix == "safetensors":
        pytest.importorskip("safetensors")
    state = models.resnet18(3, rng=0, layout="torchvision").state_dict()
    old = {key: array for key, array in state.items() if not key.endswith("num_batches_tracked")}
    tg.save(old, tmp_path / f"x.{suffix}")
    loaded = models.resnet18(3, layout="torchvision", weights=tmp_path / f"x.{suffix}").state_dict()
    for key in state:
        np.testing.assert_array_equal(loaded[key], state[key])


@pytest.mark.parametrize("name", list(models.CATALOGUE))
def test_every_model_takes_weights(name, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.npz does not exist"):
        getattr(models, name)(weights=tmp_path / "none.npz")


@pytest.mark.parametrize("make", [models.two_layer_net, models.course_cnn, models.lenet5])
def test_a_small_model_gets_back_what_it_saved(make, tmp_path):
    first = make(rng=1)
    tg.save(first, tmp_path / "x.npz")
    again = make(weights=tmp_path / "x.npz")
    for (name, wanted), (_, found) in zip(first.named_parameters(), again.named_parameters()):
        np.testing.assert_array_equal(found.data, wanted.data, err_msg=name)
        assert found.name == wanted.name


def test_without_h5py_the_extra_is_named(h5py, tmp_path, monkeypatch):
    path = write_legacy(h5py, tmp_path / "x.h5", {("fc", "bias"): np.zeros(2)})
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r'pip install "tinygrad-edu\[keras\]"'):
        models.resnet18(weights=path)


# Against Keras itself

NETWORKS = [
    ("resnet50", "ResNet50", 64), ("inception_v3", "InceptionV3", 75), ("xception", "Xception", 71),
    ("inception_resnet_v2", "InceptionResNetV2", 75), ("vgg16", "VGG16", 224),
]  # fmt: skip


def written(keras, h5py, model, folder, kind):
    """Let Keras write a model in one of its formats."""
    path = folder / f"model.{kind}"
    if kind in ("early.weights.h5", "2.12.weights.h5"):
        model.save_weights(path)
        with h5py.File(path, "r+") as file:
            forget_names(file["layers"])
            if kind == "2.12.weights.h5":
                file.move("layers", "_layer_checkpoint_dependencies")
    elif kind == "legacy.h5":
        from keras.src.legacy.saving import legacy_h5_format

        with h5py.File(path, "w") as file:
            legacy_h5_format.save_weights_to_hdf5_group(file, model)
    elif kind == "weights.h5":
        model.save_weights(path)
    else:
        model.save(path)
    return path


def forget_names(groups):
    """Leave the layers their classes and numbers alone, as Keras did before 3.6."""
    for group in groups.values():
        if "name" in group["vars"].attrs:
            del group["vars"].attrs["name"]


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
        for kind in FORMATS if ours == "resnet50" else FORMATS[1:4:2]:
            path = written(keras, h5py, made, tmp_path, kind)
            model = getattr(models, ours)(7, weights=path).eval()
            with tg.no_grad():
                found = model(x).data
            np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())
            path.unlink()
