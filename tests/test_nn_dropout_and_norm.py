"""Layers that do in training what they do not in evaluation: dropout and normalization."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn


def test_dropout_drops_in_training_only_and_repeats_with_its_seed(rng):
    x = np.ones((40, 50))
    y = nn.Dropout(0.3, rng=5)(x).data
    assert set(np.unique(y)) == {0, 1 / 0.7}
    assert (y == 0).mean() == pytest.approx(0.3, abs=0.05)
    np.testing.assert_array_equal(nn.Dropout(0.3, rng=5)(x).data, y)
    layer = nn.Dropout(0.3, rng=5)
    layer(x)
    assert (layer(x).data != y).any()
    np.testing.assert_array_equal(layer.eval()(x).data, x)


def test_dropout2d_drops_whole_channels():
    layer = nn.Dropout2d(0.5, rng=0)
    y = layer(np.ones((8, 6, 3, 3))).data
    assert set(np.unique(y)) == {0, 2}
    np.testing.assert_array_equal(y.min(axis=(2, 3)), y.max(axis=(2, 3)))
    np.testing.assert_array_equal(layer.eval()(np.ones((2, 3, 3))).data, np.ones((2, 3, 3)))


def test_the_gradient_of_dropout_is_its_mask():
    x = tg.Tensor(np.ones((4, 5, 2, 2)), requires_grad=True)
    for layer in (nn.Dropout(0.5, rng=0), nn.Dropout2d(0.5, rng=0)):
        x.grad = None
        y = layer(x)
        y.sum().backward()
        np.testing.assert_array_equal(x.grad.data, y.data)


@pytest.mark.parametrize("layer", [nn.Dropout(0.5, rng=0), nn.Dropout2d(0.5, rng=0)], ids=repr)
def test_dropout_keeps_float32(layer):
    assert layer(np.ones((2, 3, 4, 4), np.float32)).dtype == np.float32


@pytest.mark.parametrize("layer", [nn.BatchNorm1d(3, bias=False), nn.LayerNorm(3, bias=False)], ids=repr)
def test_normalization_without_bias_only_scales(layer, rng):
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    layer.weight.data = np.array([1.0, 2.0, 3.0])
    x = rng.standard_normal((5, 3))
    np.testing.assert_allclose(layer(x).data, [1, 2, 3] * type(layer)(3, dtype=float)(x).data, rtol=1e-12)


def test_batch_norm_gives_mean_0_and_standard_deviation_1(rng):
    y = nn.BatchNorm2d(3, dtype=float)(rng.normal(5, 3, (8, 3, 6, 6))).data
    np.testing.assert_allclose(y.mean(axis=(0, 2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(y.std(axis=(0, 2, 3)), 1, rtol=1e-5)


def test_batch_norm_without_momentum_holds_the_mean_over_all_batches(rng):
    layer = nn.BatchNorm1d(3, momentum=None, dtype=float)
    batches = rng.standard_normal((4, 10, 3))
    for batch in batches:
        layer(batch)
    np.testing.assert_allclose(layer.running_mean.data, batches.mean(axis=(0, 1)))
    np.testing.assert_allclose(layer.running_var.data, batches.var(axis=1, ddof=1).mean(axis=0))
    assert layer.num_batches_tracked.item() == 4


def test_switched_off_batch_norm_keeps_its_statistics(rng):
    layer = nn.BatchNorm1d(3, dtype=float)
    layer.track_running_stats = False
    before = layer.state_dict()
    layer(rng.standard_normal((4, 3)))
    for key, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, before[key])


def test_a_net_that_fails_later_leaves_its_running_statistics_as_they_were(rng):
    net = tg.nn.Sequential(tg.nn.Sequential(tg.nn.BatchNorm2d(2)), tg.nn.BatchNorm2d(3))
    before = net.state_dict()
    with pytest.raises(ValueError, match=r"1 \(BatchNorm2d\): expected 3 channels, got 2"):
        net(rng.standard_normal((2, 2, 3, 3)))
    for key, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[key], err_msg=key)
    net[0](rng.standard_normal((2, 2, 3, 3)))
    assert net[0][0].num_batches_tracked.item() == 1
