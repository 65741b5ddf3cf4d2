"""Preprocessing for published weights, ImageNet's names, and the command that classifies."""

import numpy as np
import pytest

from tinygrad_edu import cli, models


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


def test_lenet_takes_grey_from_0_to_1(rng):
    found = models.preprocess("lenet5", np.full((28, 28), 255, np.uint8))
    assert found.shape == (1, 1, 28, 28)
    np.testing.assert_allclose(found, 1, rtol=1e-6)


@pytest.mark.parametrize(("model", "image", "words"), [
    ("resnet51", np.zeros((224, 224, 3)), "no model 'resnet51'; did you mean"),
    ("resnet50", np.zeros((3, 224, 224)), r"its channels are first: image.transpose\(1, 2, 0\)"),
    ("resnet50", np.zeros(5), "wanted an image"),
    ("resnet50", np.full((224, 224, 3), np.nan), "NaN"),
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


def test_a_digit_is_read_offline(capsys):
    assert cli.main(["classify", "7", "--top", "2"]) == 0
    first, second = capsys.readouterr().out.splitlines()[:2]
    digit = first.rpartition("a ")[2].rstrip(":")
    assert f"class {digit}" in second


def test_a_picture_is_classified_with_weights(tmp_path, capsys, photo):
    image = pytest.importorskip("PIL.Image")
    import tinygrad_edu as tg

    image.fromarray(photo).save(tmp_path / "x.png")
    tg.save(models.resnet18(layout="torchvision", rng=0).state_dict(), tmp_path / "w.npz")
    command = ["classify", str(tmp_path / "x.png"), "--model", "resnet18", "--layout", "torchvision"]
    assert cli.main([*command, "--weights", str(tmp_path / "w.npz")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert all("%" in line and "class " in line for line in lines)


@pytest.mark.parametrize(("arguments", "words"), [
    (["none.png", "--model", "resnet50"], "needs trained weights"),
    (["none.png", "--model", "resnet50", "--weights", "none.h5"], "none.h5 does not exist"),
    (["none.png"], "none.png does not exist"),
    (["400"], "360 test digits"),
    (["1", "--top", "0"], "--top must be at least 1"),
    (["1", "--model", "resnet51"], "did you mean"),
    (["1", "--model", "course_cnn"], "no weights to classify with"),
])  # fmt: skip
def test_what_makes_no_sense_is_code_2(arguments, words, capsys):
    assert cli.main(["classify", *arguments]) == 2
    assert words in capsys.readouterr().err
