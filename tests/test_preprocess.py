"""Preprocessing for published weights, and ImageNet's names."""

import sys
import tracemalloc

import numpy as np
import pytest

from tinygrad_edu import models
from tinygrad_edu.models.preprocessing import pixels_of


@pytest.fixture
def photo(rng):
    return rng.integers(0, 256, (224, 224, 3)).astype(np.uint8)


MODULES = {
    "vgg16": "vgg16", "resnet50": "resnet", "inception_v3": "inception_v3", "xception": "xception",
    "inception_resnet_v2": "inception_resnet_v2",
}  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("name", MODULES)
def test_numbers_are_kerass(name, rng):
    from keras_oracle import keras_or_skip

    keras = keras_or_skip()
    side = 299 if name in ("inception_v3", "xception", "inception_resnet_v2") else 224
    image = rng.integers(0, 256, (side, side, 3)).astype(np.uint8)
    theirs = getattr(keras.applications, MODULES[name]).preprocess_input(image[None].astype(np.float64))
    np.testing.assert_allclose(models.preprocess(name, image)[0], np.moveaxis(theirs[0], -1, 0), atol=1e-5)


@pytest.mark.parametrize(("name", "mean", "std"), [
    ("resnet50", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), ("inception_v1", (0.5,) * 3, (0.5,) * 3),
])  # fmt: skip
def test_numbers_are_torchvisions(name, mean, std, photo):
    wanted = (photo / 255 - mean) / std
    found = models.preprocess(name, photo, layout="torchvision")
    assert found.shape == (1, 3, 224, 224)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0], wanted.transpose(2, 0, 1), atol=1e-6)


@pytest.mark.oracle
@pytest.mark.parametrize("shape", [(480, 701), (701, 333), (100, 57), (256, 256), (300, 1500)])
@pytest.mark.parametrize(("side", "whole"), [(224, 256), (299, 342)])
def test_resizing_and_cropping_is_torchvisions(shape, side, whole, rng):
    from torchvision_oracle import torchvision_or_skip

    torchvision_or_skip()
    from PIL import Image
    from torchvision.transforms import functional

    coarse = rng.integers(0, 256, (shape[0] // 16, shape[1] // 16, 3)).astype(np.uint8)
    picture = Image.fromarray(coarse).resize(shape[::-1], Image.Resampling.BICUBIC)
    theirs = np.asarray(functional.center_crop(functional.resize(picture, whole), side), np.float64)
    ours = pixels_of(np.asarray(picture), side, 0.875)
    assert np.abs(ours - theirs).max() <= 2  # of 255: it rounds twice, here once
    assert np.abs(ours - theirs).mean() < 0.15
    floats = pixels_of(np.asarray(picture, np.float64), side, 0.875)
    assert np.abs(floats - ours).max() <= 1


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "theirs"), [
    ("resnet50", "ResNet50"), ("resnet18", "ResNet18"), ("vgg16", "VGG16"), ("alexnet", "AlexNet"),
    ("inception_v1", "GoogLeNet"), ("inception_v3", "Inception_V3"), ("resnext50", "ResNeXt50_32X4D"),
])  # fmt: skip
def test_sizes_and_scales_are_those_of_torchvisions_weights(name, theirs, rng):
    from torchvision_oracle import torchvision_or_skip

    found = getattr(torchvision_or_skip(), f"{theirs}_Weights").IMAGENET1K_V1.transforms()
    side = found.crop_size[0]
    assert round(side / 0.875) == found.resize_size[0]
    image = rng.integers(0, 256, (side, side, 3)).astype(np.uint8)
    wanted = (image / 255 - found.mean) / found.std
    if name in ("inception_v1", "inception_v3"):  # transform_input=True, which their weights set
        wanted = wanted * (np.array([0.229, 0.224, 0.225]) / 0.5) + (np.array([0.485, 0.456, 0.406]) - 0.5) / 0.5
    ours = models.preprocess(name, image, layout="torchvision")
    np.testing.assert_allclose(ours[0], wanted.transpose(2, 0, 1), atol=1e-6)


def test_a_long_picture_takes_no_more_memory_than_it_has():
    pytest.importorskip("PIL")
    image = np.zeros((4, 20_000, 3), np.uint8)
    tracemalloc.start()
    assert models.preprocess("resnet50", image).shape == (1, 3, 224, 224)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 20e6  # resized as a whole it would have 256 × 1,280,000 pixels


def test_the_middle_of_a_wide_picture_is_taken():
    pytest.importorskip("PIL")
    wide = np.zeros((256, 600, 3), np.uint8)
    wide[:, 250:350] = 255
    found = models.preprocess("resnet50", wide, layout="torchvision")[0, 0]
    bright = found[112] > 0
    assert bright.sum() == 100
    np.testing.assert_array_equal(bright, bright[::-1])


def test_a_path_and_grey_and_alpha_are_taken(tmp_path, photo):
    image = pytest.importorskip("PIL.Image")
    image.fromarray(photo).save(tmp_path / "x.png")
    wanted = models.preprocess("vgg16", photo)
    np.testing.assert_array_equal(models.preprocess("vgg16", tmp_path / "x.png"), wanted)
    with_alpha = np.concatenate([photo, np.zeros((224, 224, 1), np.uint8)], axis=2)
    np.testing.assert_array_equal(models.preprocess("vgg16", with_alpha), wanted)
    grey = models.preprocess("resnet50", photo[..., 0], layout="torchvision")
    np.testing.assert_allclose(grey[0, 0] * 0.229 + 0.485, grey[0, 1] * 0.224 + 0.456, atol=1e-6)


def test_a_picture_is_turned_as_the_camera_was_held(tmp_path, photo):
    image = pytest.importorskip("PIL.Image")
    exif = image.Exif()
    exif[0x0112] = 6  # orientation: the top is at the right
    image.fromarray(photo).save(tmp_path / "x.png", exif=exif)
    wanted = models.preprocess("vgg16", np.rot90(photo, -1))
    np.testing.assert_array_equal(models.preprocess("vgg16", tmp_path / "x.png"), wanted)


def test_grey_in_16_bits_keeps_its_shades(tmp_path):
    image = pytest.importorskip("PIL.Image")
    shades = np.arange(28 * 28, dtype=np.uint16).reshape(28, 28) * 83
    image.fromarray(shades).save(tmp_path / "x.png")
    found = models.preprocess("lenet5", tmp_path / "x.png")
    np.testing.assert_allclose(found[0, 0], shades / 65535, atol=0.5 / 255 + 1e-6)


def test_a_small_network_sees_the_whole_shorter_side():
    pytest.importorskip("PIL")
    image = np.zeros((56, 56), np.uint8)
    image[:, :4] = 255
    assert models.preprocess("lenet5", image)[0, 0, 14, 0] > 0.9


def test_without_pillow_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r'pip install "tinygrad-edu\[plot\]"'):
        models.preprocess("resnet50", np.zeros((10, 10, 3), np.uint8))


@pytest.mark.parametrize(("content", "words"), [
    (b"no image", "x.png is no image that can be read"), (b"", "x.png is no image"),
    (b"\x89PNG\r\n\x1a\n" + bytes(9), "x.png is no image"),
])  # fmt: skip
def test_a_file_that_is_no_image_is_named(content, words, tmp_path):
    pytest.importorskip("PIL")
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(ValueError, match=words):
        models.preprocess("resnet50", tmp_path / "x.png")


def test_a_picture_of_too_many_pixels_is_refused(tmp_path, monkeypatch):
    image = pytest.importorskip("PIL.Image")
    image.new("L", (100, 100)).save(tmp_path / "x.png")
    monkeypatch.setattr(image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ValueError, match=r"x\.png is no image that can be read: .*pixels"):
        models.preprocess("resnet50", tmp_path / "x.png")


def test_lenet_takes_grey_from_0_to_1(rng):
    found = models.preprocess("lenet5", np.full((28, 28), 255, np.uint8))
    assert found.shape == (1, 1, 28, 28)
    np.testing.assert_allclose(found, 1, rtol=1e-6)


@pytest.mark.parametrize(("model", "image", "words"), [
    ("resnet51", np.zeros((224, 224, 3)), "no model 'resnet51'; did you mean"),
    ("resnet50", np.zeros((3, 224, 224)), r"its channels are first: image.transpose\(1, 2, 0\)"),
    ("resnet50", np.zeros(5), "wanted an image"),
    ("resnet50", np.full((224, 224, 3), np.nan), "NaN"),
    ("resnet50", np.full((224, 224, 3), 256), "from 0 to 255, got 256 to 256"),
    ("resnet50", np.full((224, 224, 3), -0.5), "was it scaled before"),
    ("resnet50", np.full((224, 224, 3), 0.5), "multiply the image by 255"),
    ("two_layer_net", np.zeros((4, 4, 3)), "takes no images"),
])  # fmt: skip
def test_bad_input_is_refused(model, image, words):
    with pytest.raises(ValueError, match=words):
        models.preprocess(model, image)


def test_there_are_a_thousand_names():
    names = models.class_names()
    assert len(names) == 1000
    assert (names[0], names[281], names[999]) == ("tench", "tabby", "toilet tissue")
    assert models.class_names(10) == tuple("0123456789")


@pytest.mark.oracle
def test_names_are_torchvisions():
    from torchvision_oracle import torchvision_or_skip

    assert list(models.class_names()) == torchvision_or_skip().ResNet50_Weights.IMAGENET1K_V1.meta["categories"]
