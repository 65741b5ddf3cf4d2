"""The Inception family: the published counts, torchvision's numbers, classifiers for training alone, bad images."""

from __future__ import annotations

import numpy as np
import pytest
from torchvision_oracle import shaken, state_of, torchvision_or_skip

import tinygrad_edu as tg
from tinygrad_edu import functional as F
from tinygrad_edu import models

TORCH = {"layout": "torchvision"}
COUNTS = [  # parameters, moving means and variances; of a thousand classes
    (models.inception_v1, {}, 13_378_280, 0),
    (models.inception_v1, {"aux": False}, 6_998_552, 0),
    (models.inception_v1, TORCH, 13_004_888, 15_072),
    (models.inception_v1, {**TORCH, "aux": False}, 6_624_904, 14_560),
    (models.inception_v3, {}, 23_817_352, 34_432),
    (models.inception_v3, TORCH, 27_161_264, 36_224),
    (models.inception_v3, {**TORCH, "aux": False}, 23_834_568, 34_432),
    (models.inception_resnet_v2, {}, 55_813_192, 60_544),
    (models.xception, {}, 22_855_952, 54_528),
]
KERAS = {models.inception_v3: 23_851_784, models.inception_resnet_v2: 55_873_736, models.xception: 22_910_480}
AUX = {models.inception_v1: ("logits", "aux_logits1", "aux_logits2"), models.inception_v3: ("logits", "aux_logits")}
BLOCKS_V1 = {  # table 1 of the paper, output size and channels
    "conv1": (64, 112), "maxpool1": (64, 56), "conv3": (192, 56), "maxpool2": (192, 28), "inception3a": (256, 28),
    "inception3b": (480, 28), "maxpool3": (480, 14), "inception4a": (512, 14), "inception4b": (512, 14),
    "inception4c": (512, 14), "inception4d": (528, 14), "inception4e": (832, 14), "maxpool4": (832, 7),
    "inception5a": (832, 7), "inception5b": (1024, 7),
}  # fmt: skip
BLOCKS_V3 = {  # table 1 of its paper: what comes into its rows
    "Conv2d_1a_3x3": (32, 149), "Conv2d_2a_3x3": (32, 147), "Conv2d_2b_3x3": (64, 147), "maxpool1": (64, 73),
    "Conv2d_4a_3x3": (192, 71), "maxpool2": (192, 35), "Mixed_5b": (256, 35), "Mixed_5d": (288, 35),
    "Mixed_6a": (768, 17), "Mixed_6e": (768, 17), "Mixed_7a": (1280, 8), "Mixed_7c": (2048, 8),
}  # fmt: skip
BLOCKS_RESNET = {
    "stem": (192, 35), "mixed_5b": (320, 35), "block35": (320, 35), "mixed_6a": (1088, 17), "block17": (1088, 17),
    "mixed_7a": (2080, 8), "block8": (2080, 8), "conv_7b": (1536, 8),
}  # fmt: skip


def moving(model):
    return sum(array.size for key, array in model.state_dict().items() if "running" in key)


@pytest.mark.parametrize(("make", "options", "parameters", "statistics"), COUNTS)
def test_counts_are_the_published_ones(make, options, parameters, statistics):
    model = make(**options, rng=0)
    assert (sum(p.size for p in model.parameters()), moving(model)) == (parameters, statistics)
    assert options or make not in KERAS or parameters + statistics == KERAS[make]


@pytest.mark.parametrize(("make", "depth"), [
    (models.inception_v3, 159), (models.xception, 126), (models.inception_resnet_v2, 572),
])  # fmt: skip
def test_the_longest_path_is_that_of_the_courses_table(make, depth):
    assert tg.summary(make(rng=0), (3, 75, 75)).depth == depth


@pytest.mark.parametrize(("make", "size", "wanted"), [
    (models.inception_v1, 224, BLOCKS_V1), (models.inception_v3, 299, BLOCKS_V3),
    (models.inception_resnet_v2, 299, BLOCKS_RESNET),
])  # fmt: skip
def test_maps_have_the_sizes_of_the_paper(make, size, wanted):
    rows = {row.name: row.output_shape for row in tg.summary(make(rng=0), (3, size, size)).lines}
    assert {name: (rows[name][0], *rows[name][1:]) for name in wanted} == {
        name: (channels, side, side) for name, (channels, side) in wanted.items()
    }


def test_both_auxiliary_classifiers_are_left_out_in_evaluation(rng):
    model = models.inception_v1(num_classes=5, **TORCH, rng=0).eval()
    image = rng.standard_normal((2, 3, 32, 32)).astype(np.float32)
    wanted = model(image).data
    for name in ("aux1", "aux2"):
        getattr(model, name).fc2.weight.data[:] = np.nan
    np.testing.assert_array_equal(model(image).data, wanted)
    assert wanted.shape == (2, 5)
    del model.aux1, model.aux2
    model.aux1 = model.aux2 = None
    np.testing.assert_array_equal(model(image).data, wanted)


@pytest.mark.parametrize("options", [{}, TORCH], ids=["paper", "torchvision"])
def test_training_gives_the_logits_of_every_classifier_and_each_parameter_a_gradient(options, rng):
    """At the size of the paper, for its classifiers want it; ten classes, as a thousand take longer."""
    model = models.inception_v1(num_classes=10, **options, rng=0)
    size = 32 if options else 224
    given = model(rng.standard_normal((2, 3, size, size)).astype(np.float32))
    assert given._fields == AUX[models.inception_v1]
    assert [y.shape for y in given] == [(2, 10)] * 3
    target = np.array([3, 7])
    others = F.cross_entropy(given.aux_logits1, target) + F.cross_entropy(given.aux_logits2, target)
    (F.cross_entropy(given.logits, target) + 0.3 * others).backward()
    assert every_gradient_flows(model) == []


@pytest.mark.parametrize("make", [models.inception_v3, models.inception_resnet_v2, models.xception])
def test_every_parameter_gets_a_gradient(make, rng):
    model = make(num_classes=10, in_channels=2, rng=0)
    y = model(rng.standard_normal((4, 2, 75, 75)).astype(np.float32))
    assert (y.shape, y.dtype) == ((4, 10), np.float32)
    F.cross_entropy(y, np.array([1, 2, 3, 4])).backward()
    assert every_gradient_flows(model) == []


def every_gradient_flows(model):
    """The parameters that none came to; a ReLU may be dead on two images, a layer not."""
    return [path for path, p in model.named_parameters() if p.grad is None or not np.abs(p.grad.data).max() > 0]


@pytest.mark.parametrize(("make", "options", "least"), [
    (models.inception_v1, {}, 31), (models.inception_v1, TORCH, 15), (models.inception_v3, {}, 75),
    (models.inception_resnet_v2, {}, 75), (models.xception, {}, 7),
])  # fmt: skip
def test_images_below_what_the_layers_need_are_refused_at_the_door(make, options, least, monkeypatch):
    model = make(num_classes=2, **options, rng=0).eval()
    assert model(np.zeros((1, 3, least, least), np.float32)).shape == (1, 2)
    small = np.zeros((1, 3, 2 * least, least - 1), np.float32)
    with pytest.raises(
        ValueError, match=f"{make.__name__}.* at least {least}×{least} pixels, got {2 * least}×{least - 1}"
    ):
        model(small)
    monkeypatch.setitem(type(model).forward.__globals__, "checked_images", lambda x, *_: tg.Tensor(x))
    with pytest.raises(ValueError, match="larger than the image"):  # no more is refused than must be
        model(small)


@pytest.mark.parametrize("make", [
    models.inception_v1, models.inception_v3, models.inception_resnet_v2, models.xception,
])  # fmt: skip
@pytest.mark.parametrize(("shape", "said"), [
    ((1, 1, 99, 99), "3 channels.*in_channels=1"), ((1, 99, 99, 3), "channels are last"), ((3, 99, 99), r"x\[None\]"),
])  # fmt: skip
def test_what_is_no_batch_of_such_images_is_refused(make, shape, said):
    with pytest.raises(ValueError, match=said):
        make(num_classes=2, rng=0)(np.zeros(shape, np.float32))


def test_sizes_that_the_auxiliary_classifiers_cannot_take_are_refused_before_work():
    first, third = models.inception_v1(rng=0), models.inception_v3(aux=True, rng=0)
    for model, size, said in (
        (first, 222, "224×224, got 222×222"),
        (third, 298, "at least 299×299 pixels, got 298×298"),
    ):
        with pytest.raises(ValueError, match=said):
            model(np.zeros((1, 3, size, size), np.float32))
    assert third.AuxLogits(np.zeros((2, 768, 17, 17), np.float32)).shape == (2, 1000)
    with pytest.raises(ValueError, match="larger than the image"):  # of 298 pixels 16 are left
        third.AuxLogits(np.zeros((2, 768, 16, 16), np.float32))


@pytest.mark.parametrize(("make", "options", "error", "said"), [
    (models.inception_v1, {"layout": "caffe"}, ValueError, 'inception_v1: layout must be "keras" or "torchvision"'),
    (models.inception_v3, {"layout": "caffe"}, ValueError, 'inception_v3: layout must be "keras" or "torchvision"'),
    (models.xception, TORCH, ValueError, "torchvision has no such network"),
    (models.inception_resnet_v2, TORCH, ValueError, "torchvision has no such network"),
    (models.inception_v1, {"aux": 2}, TypeError, "aux must be True or False"),
    (models.inception_v3, {"aux": "yes"}, TypeError, "aux must be True or False"),
])  # fmt: skip
def test_options_that_there_are_not_are_refused_by_name(make, options, error, said):
    with pytest.raises(error, match=said):
        make(**options)


def test_keras_names_are_given_for_keras_layers_alone():
    numbered = list(models.inception_v3(num_classes=2, rng=0).keras_layers().values())
    assert [*numbered[:3], *numbered[-2:]] == [
        "conv2d", "batch_normalization", "conv2d_1", "batch_normalization_93", "predictions",
    ]  # fmt: skip
    for options in ({"aux": True}, TORCH, {**TORCH, "aux": False}):
        with pytest.raises(ValueError, match='only what layout="keras" without aux makes'):
            models.inception_v3(num_classes=2, rng=0, **options).keras_layers()


@pytest.mark.parametrize("make", [
    models.inception_v1, models.inception_v3, models.inception_resnet_v2, models.xception,
])  # fmt: skip
def test_the_seed_decides_the_weights_and_weights_replace_them(make):
    first, again, other = (make(num_classes=2, rng=seed) for seed in (1, 1, 2))
    taken = make(num_classes=2, weights=first.state_dict(), rng=3)
    parts = zip(first.parameters(), again.parameters(), other.parameters(), taken.parameters(), strict=True)
    for a, b, c, d in parts:
        np.testing.assert_array_equal(a.data, b.data)
        np.testing.assert_array_equal(a.data, d.data)
        assert a.ndim == 1 or not np.array_equal(a.data, c.data)


@pytest.mark.oracle
@pytest.mark.parametrize(("make", "theirs", "options", "size"), [
    (models.inception_v1, "googlenet", {"aux_logits": True, "init_weights": False}, 47),
    (models.inception_v1, "googlenet", {"aux_logits": False, "init_weights": False}, 64),
    (models.inception_v3, "inception_v3", {"aux_logits": True, "init_weights": False}, 80),
    (models.inception_v3, "inception_v3", {"aux_logits": False, "init_weights": False}, 75),
])  # fmt: skip
def test_names_shapes_and_logits_are_torchvisions(make, theirs, options, size, rng):
    import torch

    wanted = shaken(getattr(torchvision_or_skip(), theirs)(num_classes=7, weights=None, **options), rng).eval()
    model = make(num_classes=7, aux=options["aux_logits"], dtype=np.float64, weights=state_of(wanted), **TORCH).eval()
    assert list(model.state_dict()) == list(wanted.state_dict())
    images = rng.standard_normal((2, 3, size, size + 5))
    with torch.no_grad(), tg.no_grad():
        np.testing.assert_allclose(model(images).data, wanted(torch.from_numpy(images)).numpy(), rtol=1e-9)


@pytest.mark.oracle
def test_the_papers_inception_v1_is_its_figure_3_in_pytorch(rng):
    import torch

    T = torch.nn.functional
    model = models.inception_v1(num_classes=4, dtype=np.float64, rng=0)
    state = {key: torch.from_numpy(value) for key, value in model.state_dict().items()}

    def conv(x, path, **way):
        return T.relu(T.conv2d(x, state[f"{path}.conv.weight"], state[f"{path}.conv.bias"], **way))

    def inception(x, path):
        three = conv(conv(x, f"{path}.branch2.0"), f"{path}.branch2.1", padding=1)
        five = conv(conv(x, f"{path}.branch3.0"), f"{path}.branch3.1", padding=2)
        pooled = conv(T.max_pool2d(x, 3, 1, padding=1), f"{path}.branch4.1")
        return torch.cat([conv(x, f"{path}.branch1"), three, five, pooled], dim=1)

    def auxiliary(x, path):
        x = conv(T.avg_pool2d(x, 5, 3), f"{path}.conv").flatten(1)
        return linear(T.relu(linear(x, f"{path}.fc1")), f"{path}.fc2")

    def linear(x, path):
        return T.linear(x, state[f"{path}.weight"], state[f"{path}.bias"])

    def pool(x):
        return T.max_pool2d(x, 3, 2, ceil_mode=True)

    images = rng.standard_normal((1, 3, 224, 224))
    x = pool(conv(torch.from_numpy(images), "conv1", stride=2, padding=3))
    x = conv(conv(T.local_response_norm(x, 5), "conv2"), "conv3", padding=1)
    x = pool(T.local_response_norm(x, 5))
    wanted = []
    for block in ("3a", "3b", "pool", "4a", "aux1", "4b", "4c", "4d", "aux2", "4e", "pool", "5a", "5b"):
        if block.startswith("aux"):
            wanted.append(auxiliary(x, block))
        else:
            x = pool(x) if block == "pool" else inception(x, f"inception{block}")
    wanted.insert(0, linear(x.mean(dim=(2, 3)), "fc"))
    assert [layer.p for layer in model.modules() if isinstance(layer, tg.nn.Dropout)] == [0.7, 0.7, 0.4]
    for layer in model.modules():
        if isinstance(layer, tg.nn.Dropout):
            layer.p = 0.0
    with tg.no_grad():
        for ours, theirs in zip(model(images), wanted, strict=True):
            np.testing.assert_allclose(ours.data, theirs.numpy(), rtol=1e-9)


@pytest.mark.oracle
def test_training_inception_v1_is_torchvisions(rng):
    import torch

    wanted = shaken(torchvision_or_skip().googlenet(num_classes=3, aux_logits=True, init_weights=False), rng)
    model = models.inception_v1(num_classes=3, dtype=np.float64, weights=state_of(wanted), **TORCH)
    for module in model.modules():
        if isinstance(module, tg.nn.Dropout):
            module.p = 0.0
    images, target = rng.standard_normal((2, 3, 40, 40)), np.array([2, 0])
    given, theirs = model(images), wanted(torch.from_numpy(images))
    for ours, name in zip(given, ("logits", "aux_logits1", "aux_logits2"), strict=True):
        np.testing.assert_allclose(ours.data, getattr(theirs, name).detach().numpy(), rtol=1e-7, atol=1e-9)
    sum(F.cross_entropy(y, target) for y in given).backward()
    sum(torch.nn.functional.cross_entropy(y, torch.from_numpy(target)) for y in theirs).backward()
    gradients = {key: p.grad.numpy() for key, p in wanted.named_parameters()}
    for path, p in model.named_parameters():
        np.testing.assert_allclose(p.grad.data, gradients[path], rtol=1e-5, atol=1e-9 * np.abs(gradients[path]).max())


@pytest.mark.oracle
def test_the_auxiliary_classifier_of_inception_v3_is_torchvisions(rng):
    import torch

    wanted = shaken(torchvision_or_skip().inception_v3(num_classes=4, init_weights=False), rng).AuxLogits.eval()
    ours = models.inception_v3(num_classes=4, dtype=np.float64, rng=0, **TORCH).AuxLogits.eval()
    ours.load_state_dict(state_of(wanted))
    maps = rng.standard_normal((2, 768, 17, 18))
    with torch.no_grad():
        np.testing.assert_allclose(ours(maps).data, wanted(torch.from_numpy(maps)).numpy(), rtol=1e-9)
