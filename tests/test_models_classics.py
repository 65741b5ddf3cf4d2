"""AlexNet, VGG, ResNet, ResNeXt: the published counts, maps of the papers' sizes, torchvision's paths, bad input."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from torchvision_oracle import shaken, state_of, torchvision_or_skip

import tinygrad_edu as tg
from tinygrad_edu import functional as F
from tinygrad_edu import models, nn
from tinygrad_edu.models.catalogue import blank
from tinygrad_edu.models.keras_layout import keras_names
from tinygrad_edu.nn.starting import blank_weights

TORCH = {"layout": "torchvision"}
COUNTS = [  # builder, options, parameters, moving means and variances; of a thousand classes
    ("alexnet", {}, 60_965_224, 0),
    ("alexnet", {"groups": 1}, 62_378_344, 0),
    ("alexnet", TORCH, 61_100_840, 0),
    ("vgg11", {}, 132_863_336, 0),
    ("vgg13", {}, 133_047_848, 0),
    ("vgg16", {}, 138_357_544, 0),
    ("vgg19", {}, 143_667_240, 0),
    ("vgg16", TORCH, 138_357_544, 0),
    ("resnet18", TORCH, 11_689_512, 9_600),
    ("resnet34", TORCH, 21_797_672, 17_024),
    ("resnet50", TORCH, 25_557_032, 53_120),
    ("resnet101", TORCH, 44_549_160, 105_344),
    ("resnet152", TORCH, 60_192_808, 151_424),
    ("resnext50", TORCH, 25_028_904, 68_224),
    ("resnet50", {}, 25_636_712 - 53_120, 53_120),
    ("resnet101", {}, 44_707_176 - 105_344, 105_344),
    ("resnet152", {}, 60_419_944 - 151_424, 151_424),
    ("resnext50", {}, 25_097_128 - 68_224, 68_224),
]
TORCHVISION = {  # of torchvision 0.28: how many entries a state dict has, and a digest of its keys and shapes
    "alexnet": (16, "fb0abbb96582"),
    "vgg11": (22, "37cf01db9dec"),
    "vgg13": (26, "2a806d8cb236"),
    "vgg16": (32, "e6f6dcd7f608"),
    "vgg19": (38, "94ee89e212fd"),
    "resnet18": (122, "9682c6fd405d"),
    "resnet34": (218, "b5362b8c3199"),
    "resnet50": (320, "f398fe5f16a9"),
    "resnet101": (626, "08d49ebbdc97"),
    "resnet152": (932, "e0308459e9c0"),
    "resnext50": (320, "9a47faebfc93"),
}
MAPS = {
    "alexnet": {"conv1.0": (96, 55), "conv1": (96, 27), "conv2": (256, 13), "conv3": (384, 13), "conv5": (256, 6)},
    "vgg16": {"block1": (64, 112), "block2": (128, 56), "block3": (256, 28), "block4": (512, 14), "block5": (512, 7)},
    "resnet34": {"conv1": (64, 112), "layer1": (64, 56), "layer2": (128, 28), "layer3": (256, 14), "layer4": (512, 7)},
    "resnet50": {"layer1": (256, 56), "layer2": (512, 28), "layer3": (1024, 14), "layer4": (2048, 7)},
    "resnext50": {"layer1.0.conv2": (128, 56), "layer4.2.conv2": (1024, 7), "layer4": (2048, 7)},
}
SMALL = [  # builder, options, height and width that are quick
    ("resnet18", {}, (40, 56)),
    ("resnet18", TORCH, (40, 56)),
    ("resnet50", {}, (40, 56)),
    ("resnet50", TORCH, (40, 56)),
    ("resnext50", {}, (40, 56)),
]


def digest(state):
    return hashlib.sha256(repr([(key, tuple(np.shape(value))) for key, value in state.items()]).encode()).hexdigest()


@pytest.mark.parametrize(("name", "options", "parameters", "statistics"), COUNTS)
def test_counts_are_the_published_ones(name, options, parameters, statistics):
    model = blank(name, **options)
    moving = sum(x.size for path, x in model.named_buffers() if "running" in path)
    assert (sum(p.size for p in model.parameters()), moving) == (parameters, statistics)


@pytest.mark.parametrize("name", TORCHVISION)
def test_paths_and_shapes_are_torchvisions(name):
    state = dict(blank(name, **TORCH)._state())
    assert (len(state), digest(state)[:12]) == TORCHVISION[name]


@pytest.mark.parametrize("name", MAPS)
def test_maps_have_the_sizes_of_the_paper(name):
    found = {row.name: row.output_shape for row in tg.summary(blank(name), models.CATALOGUE[name].input_shape).lines}
    for path, (channels, side) in MAPS[name].items():
        assert found[path] == (channels, side, side)


def test_alexnets_second_fourth_and_fifth_convolutions_are_split_and_its_normalisation_is_the_papers(rng):
    model = blank("alexnet")
    convolutions = [getattr(model, f"conv{i}")[0] for i in range(1, 6)]
    assert [layer.groups for layer in convolutions] == [1, 2, 1, 2, 2]
    x = rng.standard_normal((1, 7, 2, 2))
    padded = np.pad(x**2, ((0, 0), (2, 2), (0, 0), (0, 0)))
    nearby = sum(padded[:, i : i + 7] for i in range(5))
    np.testing.assert_allclose(model.conv1[2](x).data, x / (2 + 1e-4 * nearby) ** 0.75, rtol=1e-12)


@pytest.mark.parametrize(("layout", "first", "second"), [("keras", 2, 1), ("torchvision", 1, 2)])
def test_a_bottleneck_halves_the_image_where_its_source_does(layout, first, second):
    block = blank("resnet50", layout=layout).layer2[0]
    assert (block.conv1.stride, block.conv2.stride, block.downsample[0].stride) == ((first,) * 2, (second,) * 2, (2, 2))


def test_a_residual_block_adds_its_input_before_the_last_relu(rng):
    """With its last normalisation at 0, a block is the ReLU of what it was given."""
    block = models.resnet18(**TORCH, rng=0).layer1[0]
    block.bn2.weight.data = np.zeros(64, np.float32)
    x = rng.standard_normal((2, 64, 5, 6)).astype(np.float32)
    np.testing.assert_array_equal(block(x).data, np.maximum(x, 0))


@pytest.mark.parametrize(("name", "options", "size"), SMALL)
def test_every_parameter_gets_a_gradient(name, options, size, rng):
    model = getattr(models, name)(num_classes=5, in_channels=2, **options, rng=0)
    y = model(rng.standard_normal((4, 2, *size)).astype(np.float32))
    assert (y.shape, y.dtype) == ((4, 5), np.float32)
    F.cross_entropy(y, np.array([0, 1, 2, 4])).backward()
    assert [path for path, p in model.named_parameters() if p.grad is None or not np.isfinite(p.grad.data).all()] == []
    assert np.abs(model.conv1.weight.grad.data).max() > 0


@pytest.mark.parametrize("name", ["alexnet", "vgg11"])
def test_the_large_ones_run_and_give_logits(name, rng):
    model = getattr(models, name)(num_classes=7, in_channels=1, rng=0).eval()
    side = models.CATALOGUE[name].input_shape[1]
    with tg.no_grad():
        y = model(rng.standard_normal((1, 1, side, side)).astype(np.float32))
    assert y.shape == (1, 7)
    assert np.ptp(y.data) > 0


# Keras's names


@pytest.mark.parametrize("name", ["vgg11", "vgg16", "resnet18", "resnet50", "resnext50"])
def test_every_weight_but_the_count_of_batches_has_a_place_in_keras(name):
    model = blank(name)
    places = keras_names(model)
    assert places
    assert set(places) == {k for k, _ in model._state() if not k.endswith("num_batches_tracked")}
    assert len({(place.layer, place.weight) for place in places.values()}) == len(places)
    for key, tensor in model._state():
        if key in places:
            assert places[key].turn(np.empty(places[key].shape, np.int8)).shape == tensor.shape, key


def test_kerass_names_are_these():
    assert [(place.layer, place.weight) for place in keras_names(blank("vgg16")).values()][:3] == [
        ("block1_conv1", "kernel"), ("block1_conv1", "bias"), ("block1_conv2", "kernel"),
    ]  # fmt: skip
    places = keras_names(blank("resnext50"))
    assert places["layer3.5.conv2.weight"][:3] == ("conv4_block6_2_conv", "depthwise_kernel", (3, 3, 512, 16))
    assert places["layer1.0.downsample.1.running_var"][:2] == ("conv2_block1_0_bn", "moving_variance")
    assert places["fc.bias"][:2] == ("predictions", "bias")


def test_a_model_that_keras_does_not_have_says_so():
    with pytest.raises(ValueError, match="AlexNet has no counterpart in Keras"):
        keras_names(blank("alexnet"))


def test_the_sums_over_a_depthwise_kernels_groups_are_a_grouped_convolution(rng):
    from tinygrad_edu.models.keras_layout import weights_of
    from tinygrad_edu.models.layers import GroupedConv2d

    layer = GroupedConv2d(6, 6, 3, groups=2, bias=False, dtype=np.float64, rng=0)
    name, shape, turn = weights_of(layer)["weight"]
    assert (name, shape) == ("depthwise_kernel", (3, 3, 6, 3))
    kernel, x = rng.standard_normal(shape), rng.standard_normal((1, 6, 5, 5))
    layer.weight.data = turn(kernel)
    each = F.conv2d(x, kernel.transpose(2, 3, 0, 1).reshape(18, 1, 3, 3), groups=6).data  # channel · 3 + multiplier
    wanted = each.reshape(2, 3, 3, 3, 3).sum(axis=1).reshape(1, 6, 3, 3)  # (group, channel, multiplier, h, w)
    np.testing.assert_allclose(layer(x).data, wanted, rtol=1e-12, atol=1e-12)


def test_a_dense_kernel_over_maps_is_turned_from_channels_last(rng):
    from tinygrad_edu.models.keras_layout import weights_of
    from tinygrad_edu.models.layers import MapsLinear

    layer = MapsLinear((4, 2, 3), 5, dtype=np.float64, rng=0)
    name, shape, turn = weights_of(layer)["weight"]
    assert (name, shape) == ("kernel", (24, 5))
    kernel, maps = rng.standard_normal(shape), rng.standard_normal((2, 4, 2, 3))
    layer.weight.data = turn(kernel)
    wanted = maps.transpose(0, 2, 3, 1).reshape(2, 24) @ kernel + layer.bias.data
    np.testing.assert_allclose(layer(maps.reshape(2, 24)).data, wanted, rtol=1e-12)


# Weights


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_weights_from_a_file_give_the_same_logits(suffix, rng, tmp_path):
    if suffix == ".safetensors":
        pytest.importorskip("safetensors")
    first = models.resnet18(num_classes=3, **TORCH, rng=1).eval()
    tg.save(first, tmp_path / f"weights{suffix}")
    second = models.resnet18(num_classes=3, **TORCH, weights=tmp_path / f"weights{suffix}").eval()
    image = rng.standard_normal((1, 3, 33, 40)).astype(np.float32)
    np.testing.assert_array_equal(first(image).data, second(image).data)


def test_a_checkpoint_and_a_file_that_counts_no_batches_are_taken():
    first = models.resnet18(num_classes=3, **TORCH, rng=1)
    state = {key: array for key, array in first.state_dict().items() if not key.endswith("num_batches_tracked")}
    second = models.resnet18(num_classes=3, **TORCH, weights={"model": state, "epoch": 3})
    np.testing.assert_array_equal(first.fc.weight.data, second.fc.weight.data)
    assert second.bn1.num_batches_tracked.data == 0


def test_weights_of_another_model_are_refused_with_what_is_wrong():
    state = models.resnet18(num_classes=3, **TORCH, rng=1).state_dict()
    state["conv1.weight"] = state["conv1.weight"][:, :1]
    state["more"] = np.zeros(2, np.float32)
    del state["fc.bias"]
    wrong = r"conv1.weight: shape \(64, 1, 7, 7\), wanted \(64, 3, 7, 7\); fc.bias: missing; more: unexpected"
    with pytest.raises(ValueError, match=wrong):
        models.resnet18(num_classes=3, **TORCH, weights=state)


def test_blank_weights_draw_no_random_numbers_and_only_there():
    tg.manual_seed(3)
    wanted = tg.rand(1).item()
    tg.manual_seed(3)
    with blank_weights():
        layer = nn.Conv2d(3, 4, 3)
    assert not layer.weight.data.any()
    assert not layer.bias.data.any()
    assert tg.rand(1).item() == wanted
    assert nn.Linear(3, 4).weight.data.all()


def test_the_seed_decides_the_weights():
    first, again, other = (models.resnet18(rng=seed).layer1[0].conv1.weight.data for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


# Bad input


@pytest.mark.parametrize(("make", "said"), [
    (lambda: models.resnet(20), "resnet: depth must be one of 18, 34, 50, 101, 152, got 20"),
    (lambda: models.resnet(True), "depth must be one of"),
    (lambda: models.vgg(12), "vgg: depth must be one of 11, 13, 16, 19, got 12"),
    (lambda: models.vgg16(layout="pytorch"), 'vgg16: layout must be "keras" or "torchvision", got \'pytorch\''),
    (lambda: models.resnext50(layout=None), "resnext50: layout must be"),
    (lambda: models.alexnet(groups=3), "alexnet: groups must be 1 or 2; got groups=3"),
    (lambda: models.alexnet(groups=2, layout="torchvision"), "alexnet: torchvision's has no groups"),
    (lambda: models.resnet18(num_classes=-1), "out_features must be at least 0"),
])  # fmt: skip
def test_wrong_options_are_refused_by_name(make, said):
    with pytest.raises(ValueError, match=said):
        make()


@pytest.mark.parametrize(("name", "options", "shape", "said"), [
    ("vgg16", {}, (1, 3, 32, 32), "vgg16: images must be 224×224 pixels, got 32×32"),
    ("vgg16", TORCH, (1, 3, 31, 64), "vgg16: images must be at least 32×32 pixels, got 31×64"),
    ("alexnet", {}, (1, 3, 224, 224), "alexnet: images must be 227×227 pixels, got 224×224"),
    ("alexnet", TORCH, (1, 3, 62, 63), "alexnet: images must be at least 63×63 pixels, got 62×63"),
    ("resnet50", {}, (1, 1, 64, 64), "resnet50: images must have 3 channels.*in_channels=1"),
    ("resnet50", {}, (1, 64, 64, 3), r"channels are last: x.transpose\(0, 3, 1, 2\)"),
    ("resnext50", {}, (3, 64, 64), r"resnext50: images must be \(batch, 3, height, width\).*x\[None\]"),
    ("resnet18", {}, (1, 3, 0, 8), "at least 1×1 pixels, got 0×8"),
])  # fmt: skip
def test_images_that_do_not_fit_are_refused_at_the_door(name, options, shape, said):
    with pytest.raises(ValueError, match=said):
        blank(name, **options)(np.zeros(shape, np.float32))


@pytest.mark.parametrize(("name", "least"), [("vgg11", 32), ("alexnet", 63)])
def test_no_image_is_refused_that_the_layers_could_take(name, least, monkeypatch):
    model = blank(name, **TORCH).eval()
    assert model(np.zeros((1, 3, least, least), np.float32)).shape == (1, 1000)
    monkeypatch.setitem(type(model).forward.__globals__, "checked_images", lambda x, *_, **__: tg.Tensor(x))
    with pytest.raises(ValueError, match="larger than the image"):
        model(np.zeros((1, 3, least, least - 1), np.float32))


# PyTorch


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "theirs", "size"), [
    ("alexnet", "alexnet", (70, 96)), ("vgg11", "vgg11", (33, 70)), ("resnet18", "resnet18", (45, 64)),
    ("resnet50", "resnet50", (45, 64)), ("resnext50", "resnext50_32x4d", (45, 64)),
])  # fmt: skip
def test_logits_with_torchvisions_weights_are_torchvisions(name, theirs, size, rng):
    import torch

    wanted = shaken(getattr(torchvision_or_skip(), theirs)(num_classes=9), rng).eval()
    model = getattr(models, name)(num_classes=9, **TORCH, dtype=np.float64, weights=state_of(wanted)).eval()
    images = rng.standard_normal((2, 3, *size))
    with torch.no_grad(), tg.no_grad():
        logits = wanted(torch.from_numpy(images)).numpy()
        np.testing.assert_allclose(model(images).data, logits, rtol=0, atol=1e-10 * np.abs(logits).max())


@pytest.mark.oracle
@pytest.mark.parametrize("name", TORCHVISION)
def test_the_digest_of_paths_and_shapes_is_that_of_the_installed_torchvision(name):
    import torch

    make = getattr(torchvision_or_skip(), {"resnext50": "resnext50_32x4d"}.get(name, name))
    with torch.device("meta"):
        state = make(**({"init_weights": False} if name.startswith("vgg") else {})).state_dict()
    assert (len(state), digest(state)[:12]) == TORCHVISION[name]
