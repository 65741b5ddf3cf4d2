"""Inception v3 and Inception-ResNet-v2 beside Keras's: same layers in the same order, same logits."""

from __future__ import annotations

import numpy as np
import pytest
from keras_oracle import arrays_of, build, logits_of, shake

import tinygrad_edu as tg
from tinygrad_edu import models
from tinygrad_edu.models.keras_layout import from_keras, keras_names

pytestmark = pytest.mark.oracle
NETS = [(models.inception_v3, "InceptionV3"), (models.inception_resnet_v2, "InceptionResNetV2")]


@pytest.mark.parametrize(("make", "theirs"), NETS)
def test_random_weights_and_moving_statistics_give_keras_logits(make, theirs, rng):
    """Sides are unequal, so that rows and columns of the one-sided kernels can't be mistaken for each other."""
    wanted = build(lambda keras: getattr(keras.applications, theirs), input_shape=(75, 107, 3), classes=11,
                   classifier_activation=None)  # fmt: skip
    shake(wanted, rng)
    model = make(num_classes=11, dtype=np.float64, rng=0).eval()
    arrays = arrays_of(wanted)
    places = keras_names(model)
    assert {(place.layer, place.weight) for place in places.values()} == set(arrays)
    assert all(arrays[place.layer, place.weight].shape == place.shape for place in places.values())
    missing = model.load_state_dict(from_keras(model, arrays), strict=False).missing_keys
    assert all(key.endswith("num_batches_tracked") for key in missing)
    images = rng.standard_normal((2, 3, 75, 107))
    with tg.no_grad():
        given, theirs = model(images).data, logits_of(wanted, images)
    np.testing.assert_allclose(given, theirs, rtol=0, atol=1e-5 * np.abs(theirs).max())  # Keras's batch norm: float32
