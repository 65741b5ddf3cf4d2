"""The command that classifies: digits offline, pictures with a file of weights."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import cli, data, models


@pytest.fixture
def photo(rng):
    return rng.integers(0, 256, (224, 224, 3)).astype(np.uint8)


def test_a_digit_is_read_offline(capsys):
    assert cli.main(["classify", "7", "--top", "2"]) == 0
    first, second = capsys.readouterr().out.splitlines()[:2]
    digit = first.rpartition("a ")[2].rstrip(":")
    assert f"class {digit}" in second


def test_a_picture_is_classified_with_weights(tmp_path, capsys, photo):
    image = pytest.importorskip("PIL.Image")
    image.fromarray(photo).save(tmp_path / "x.png")
    tg.save(models.resnet18(layout="torchvision", rng=0).state_dict(), tmp_path / "w.npz")
    command = ["classify", str(tmp_path / "x.png"), "--model", "resnet18", "--layout", "torchvision"]
    assert cli.main([*command, "--weights", str(tmp_path / "w.npz")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert all("%" in line and "class " in line for line in lines)


def test_the_probabilities_are_the_models(tmp_path, capsys, photo):
    image = pytest.importorskip("PIL.Image")
    image.fromarray(photo).save(tmp_path / "x.png")
    model = models.resnet18(layout="torchvision", rng=0).eval()
    tg.save(model.state_dict(), tmp_path / "w.npz")
    with tg.no_grad():
        logits = model(models.preprocess("resnet18", photo, layout="torchvision"))
        wanted = tg.functional.softmax(logits, -1).data[0]
    command = ["classify", str(tmp_path / "x.png"), "--model", "resnet18", "--layout", "torchvision", "--top", "1000"]
    assert cli.main([*command, "--weights", str(tmp_path / "w.npz")]) == 0
    lines = capsys.readouterr().out.splitlines()
    numbers = [int(line.rpartition("class ")[2]) for line in lines]
    assert sorted(numbers) == list(range(1000))
    assert np.diff(wanted[numbers]).max() <= 0
    names = models.class_names()
    for line, number in zip(lines, numbers):
        assert line.startswith(f"{100 * wanted[number]:6.2f} %  {names[number]} ")


@pytest.mark.parametrize("dark", [False, True])
def test_a_picture_of_a_digit_is_read_in_either_contrast(dark, tmp_path, capsys):
    image = pytest.importorskip("PIL.Image")
    images, labels = data.digits(size=28).test
    pixels = (255 * (1 - images[3, 0] if dark else images[3, 0])).astype(np.uint8)
    image.fromarray(pixels).resize((280, 280)).save(tmp_path / "x.png")
    assert cli.main(["classify", str(tmp_path / "x.png"), "--top", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].endswith(f"class {labels[3]}")
    assert ("dark on light" in lines[0]) == dark


def test_broken_weights_are_said_to_be(tmp_path, capsys, photo):
    image = pytest.importorskip("PIL.Image")
    image.fromarray(photo).save(tmp_path / "x.png")
    state = models.lenet5(rng=0).state_dict()
    state["output.bias"] = state["output.bias"] * np.nan
    tg.save(state, tmp_path / "w.npz")
    assert cli.main(["classify", str(tmp_path / "x.png"), "--weights", str(tmp_path / "w.npz")]) == 2
    assert "gives NaN for this picture" in capsys.readouterr().err


def test_weights_of_another_model_are_named(tmp_path, capsys, photo):
    image = pytest.importorskip("PIL.Image")
    image.fromarray(photo).save(tmp_path / "x.png")
    tg.save(models.resnet18(layout="torchvision", rng=0).state_dict(), tmp_path / "w.npz")
    command = ["classify", str(tmp_path / "x.png"), "--model", "resnet34", "--weights", str(tmp_path / "w.npz")]
    assert cli.main(command) == 2
    assert "w.npz seems to be the weights of ResNet-18" in capsys.readouterr().err


def test_a_file_that_is_no_image_is_code_2_before_weights_are_read(tmp_path, capsys):
    pytest.importorskip("PIL")
    (tmp_path / "x.png").write_text("no image", encoding="utf-8")
    (tmp_path / "w.npz").write_bytes(b"PK, and damaged")
    command = ["classify", str(tmp_path / "x.png"), "--model", "resnet50", "--weights", str(tmp_path / "w.npz")]
    assert cli.main(command) == 2
    assert "x.png is no image" in capsys.readouterr().err


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
