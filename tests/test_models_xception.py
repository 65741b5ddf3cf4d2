"""Xception: Keras's names and numbers, and pooling that splits what it adds as TensorFlow does."""

from __future__ import annotations

import numpy as np
import pytest
from keras_oracle import arrays_of, build, doubles, logits_of, shake

import tinygrad_edu as tg
from tinygrad_edu import models, nn
from tinygrad_edu.models.keras_layout import from_keras, keras_names
from tinygrad_edu.models.networks.xception import DownBlock, MaxPool2dSame, MiddleBlock

MAPS = {  # figure 5 of the paper, for images of 299×299
    "block1": (64, 147), "block2": (128, 74), "block3": (256, 37), "block4": (728, 19), "block12": (728, 19),
    "block13": (1024, 10), "block14": (2048, 10),
}  # fmt: skip


def test_maps_have_the_sizes_of_the_paper():
    rows = {row.name: row.output_shape for row in tg.summary(models.xception(rng=0), (3, 299, 299)).lines}
    assert {name: rows[name] for name in MAPS} == {name: (c, side, side) for name, (c, side) in MAPS.items()}


def test_it_has_36_convolutions_in_14_blocks_and_a_shortcut_around_all_but_the_first_and_last():
    model = models.xception(rng=0)
    blocks = [getattr(model, f"block{number}") for number in range(1, 15)]
    kinds = [type(block) for block in blocks]
    assert kinds == [nn.Sequential, *[DownBlock] * 3, *[MiddleBlock] * 8, DownBlock, nn.Sequential]
    on_the_way = [path for path, layer in model.named_modules() if is_convolution(layer) and "shortcut" not in path]
    assert len(on_the_way) == 36


def is_convolution(layer):
    return type(layer).__name__ in ("Conv2d", "SeparableConv2d")


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 8), (19, 10)])
def test_pooling_halves_rounding_up(size, rng):
    image = rng.standard_normal((2, 3, *size))
    pooled = MaxPool2dSame()(image).data
    assert pooled.shape[2:] == tuple(-(-n // 2) for n in size)
    for i, j in np.ndindex(*pooled.shape[2:]):  # an odd side has one row before, an even one none
        rows, columns = [slice(max(0, 2 * k - n % 2), 2 * k - n % 2 + 3) for k, n in zip((i, j), size, strict=True)]
        np.testing.assert_array_equal(pooled[:, :, i, j], image[:, :, rows, columns].max(axis=(2, 3)))


@pytest.mark.oracle
@pytest.mark.parametrize("size", [(7, 8), (9, 12)])
def test_pooling_is_keras_same(size, rng):
    with doubles() as keras:
        image = rng.standard_normal((1, 2, *size))
        theirs = keras.layers.MaxPooling2D(3, strides=2, padding="same", dtype="float64")(np.moveaxis(image, 1, -1))
    np.testing.assert_array_equal(MaxPool2dSame()(image).data, np.moveaxis(theirs.numpy(), -1, 1))


@pytest.mark.oracle
@pytest.mark.parametrize("size", [(71, 90)], ids=str)
def test_random_weights_and_moving_statistics_give_keras_logits(size, rng):
    """At this size the poolings find odd and even sides."""
    wanted = build(lambda keras: keras.applications.Xception, input_shape=(*size, 3), classes=11,
                   classifier_activation=None)  # fmt: skip
    shake(wanted, rng)
    model = models.xception(num_classes=11, dtype=np.float64, rng=0).eval()
    arrays = arrays_of(wanted)
    places = keras_names(model)
    assert {(place.layer, place.weight) for place in places.values()} == set(arrays)
    assert all(arrays[place.layer, place.weight].shape == place.shape for place in places.values())
    missing = model.load_state_dict(from_keras(model, arrays), strict=False).missing_keys
    assert all(key.endswith("num_batches_tracked") for key in missing)
    images = rng.standard_normal((1, 3, *size))
    with tg.no_grad():
        given, theirs = model(images).data, logits_of(wanted, images)
    np.testing.assert_allclose(given, theirs, rtol=0, atol=1e-5 * np.abs(theirs).max())  # Keras's batch norm: float32
