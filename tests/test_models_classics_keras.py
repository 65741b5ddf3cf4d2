"""ResNet-50 and VGG beside Keras's: the same random weights and moving statistics, the same logits."""

from __future__ import annotations

import numpy as np
import pytest
from keras_oracle import arrays_of, build, logits_of, shake

import tinygrad_edu as tg
from tinygrad_edu import models
from tinygrad_edu.models.keras_layout import from_keras, keras_names

pytestmark = pytest.mark.oracle
ROUNDING = 1e-5  # relative to the largest: Keras's layers compute some of their steps in float32


def test_resnet50_gives_kerass_logits(rng):
    wanted = build(lambda keras: keras.applications.ResNet50, input_shape=(64, 75, 3), classes=11,
                   classifier_activation=None)  # fmt: skip
    shake(wanted, rng)
    model = models.resnet50(num_classes=11, dtype=np.float64, rng=0).eval()
    arrays, places = arrays_of(wanted), keras_names(model)
    assert {(place.layer, place.weight): place.shape for place in places.values()} == {
        key: array.shape for key, array in arrays.items()
    }
    missing = model.load_state_dict(from_keras(model, arrays), strict=False).missing_keys
    assert all(key.endswith("num_batches_tracked") for key in missing)
    images = rng.standard_normal((2, 3, 64, 75))
    with tg.no_grad():
        given, theirs = model(images).data, logits_of(wanted, images)
    np.testing.assert_allclose(given, theirs, rtol=0, atol=ROUNDING * np.abs(theirs).max())


@pytest.mark.parametrize(("make", "theirs"), [(models.vgg16, "VGG16"), (models.vgg19, "VGG19")])
def test_the_convolutions_of_vgg_give_kerass_maps(make, theirs, rng):
    """Without the fully connected layers, which hold 124 million weights: another test turns theirs."""
    wanted = build(lambda keras: getattr(keras.applications, theirs), include_top=False, input_shape=(32, 64, 3))
    shake(wanted, rng)
    model = make(num_classes=2, dtype=np.float64, weights=None, rng=0)
    arrays = arrays_of(wanted)
    places = {key: place for key, place in keras_names(model).items() if key.startswith("block")}
    assert {(place.layer, place.weight) for place in places.values()} == set(arrays)
    state = {key: place.turn(arrays[place.layer, place.weight]) for key, place in places.items()}
    model.load_state_dict(state, strict=False)
    images = rng.standard_normal((1, 3, 32, 64))
    with tg.no_grad():
        x = images
        for i in range(1, 6):
            x = getattr(model, f"block{i}")(x)
        maps = np.moveaxis(logits_of(wanted, images), -1, 1)
    np.testing.assert_allclose(x.data, maps, rtol=0, atol=ROUNDING * np.abs(maps).max())
