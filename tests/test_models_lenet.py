"""LeNet-5 and the course's CNN: the paper's shapes, the right number of parameters, PyTorch's numbers."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import functional as F
from tinygrad_edu import models, nn
from tinygrad_edu.models.lenet import TABLE, TableConv2d

LENET = {"c1": 156, "c3": 2_416, "c5": 48_120, "f6": 10_164, "output": 850}
LENET_1998 = {**LENET, "c3": 1_516}
COURSE = {"conv1": 608, "conv2": 3_216, "fc3": 48_120, "fc4": 10_164, "output": 850}
NETS = [
    (lambda **options: models.lenet5(**options), LENET, (1, 28, 28)),
    (lambda **options: models.lenet5(image_size=32, **options), LENET, (1, 32, 32)),
    (lambda **options: models.lenet5(variant="1998", **options), LENET, (1, 28, 28)),
    (lambda **options: models.lenet5(variant="1998", image_size=32, **options), LENET, (1, 32, 32)),
    (lambda **options: models.lenet5(connections="1998", **options), LENET_1998, (1, 28, 28)),
    (lambda **options: models.course_cnn(**options), COURSE, (3, 32, 32)),
]
IDS = ["lenet5", "lenet5 32", "lenet5 1998", "lenet5 1998 32", "lenet5 table", "course_cnn"]
every_net = pytest.mark.parametrize(("make", "counts", "shape"), NETS, ids=IDS)


@every_net
def test_parameters_by_layer(make, counts, shape):
    model = make(rng=0)
    found = {name: sum(p.size for p in child.parameters()) for name, child in model.named_children()}
    assert {name: n for name, n in found.items() if n} == counts
    assert sum(found.values()) in (61_706, 60_806, 62_958)


@every_net
@pytest.mark.parametrize("batch", [0, 1, 3])
def test_logits_have_the_dtype_of_the_weights(make, counts, shape, batch):
    for dtype in (np.float32, np.float64):
        y = make(rng=0, dtype=dtype)(tg.zeros(batch, *shape, dtype=dtype))
        assert (y.shape, y.dtype) == ((batch, 10), dtype)


@every_net
def test_every_parameter_gets_a_gradient_and_the_classes_and_channels_are_free(make, counts, shape, rng):
    model = make(num_classes=3, in_channels=2, rng=0)
    x = rng.standard_normal((4, 2, *shape[1:])).astype(np.float32)
    F.cross_entropy(model(tg.Tensor(x)), np.array([0, 1, 2, 0])).backward()
    for path, p in model.named_parameters():
        assert p.grad is not None, path
        assert p.grad.dtype == np.float32
        assert np.abs(p.grad.data).max() > 0, path


def test_the_maps_have_the_sizes_of_the_paper():
    seen = {}
    model = models.lenet5(image_size=32, rng=0)
    for name, module in model.named_children():
        module.register_forward_hook(lambda module, args, output, name=name: seen.update({name: output.shape[1:]}))
    model(tg.zeros(1, 1, 32, 32, dtype=np.float32))
    assert {name: seen[name] for name in ("c1", "s2", "c3", "s4", "c5", "f6", "output")} == {
        "c1": (6, 28, 28), "s2": (6, 14, 14), "c3": (16, 10, 10), "s4": (16, 5, 5), "c5": (120, 1, 1), "f6": (84,),
        "output": (10,),
    }  # fmt: skip


@pytest.mark.parametrize(("variant", "activation", "pool"), [
    ("modern", nn.ReLU, nn.MaxPool2d), ("1998", nn.Tanh, nn.AvgPool2d),
])  # fmt: skip
def test_variants(variant, activation, pool):
    model = models.lenet5(variant=variant, rng=0)
    assert {type(model.s2), type(model.s4)} == {pool}
    assert {type(getattr(model, name)) for name in ("a1", "a3", "a5", "a6")} == {activation}


def test_the_table_is_the_papers():
    """Six maps see three neighbours in the ring of six, six see four, three see two pairs, one sees all."""
    ring = [{(i + j) % 6 for j in range(n)} for n in (3, 4) for i in range(6)]
    assert sorted(map(sorted, TABLE[:12])) == sorted(map(sorted, ring))
    assert sorted(map(sorted, TABLE[12:15])) == sorted(sorted({i, (i + 1) % 6, i + 3, (i + 4) % 6}) for i in range(3))
    assert TABLE[15] == tuple(range(6))
    assert sum(map(len, TABLE)) == 60


def test_each_map_of_c3_is_the_sum_over_the_maps_it_is_connected_to(rng):
    layer = TableConv2d(6, TABLE, 5, dtype=np.float64, rng=0)
    image = rng.standard_normal((2, 6, 9, 8))
    given, start = layer(image).data, 0
    for number, maps in enumerate(TABLE):
        kernels = layer.weight.data[start : start + len(maps)]
        start += len(maps)
        wanted = F.conv2d(image[:, list(maps)], kernels[None]).data[:, 0] + layer.bias.data[number]
        np.testing.assert_allclose(given[:, number], wanted, rtol=1e-12)
    assert start == len(layer.weight) == 60


def test_gradients_of_the_table_layer_are_right(rng):
    layer = TableConv2d(3, ((0, 2), (1,), (0, 1, 2)), 2, dtype=np.float64, rng=0)
    weight, bias = layer.weight, layer.bias
    image = tg.Tensor(rng.standard_normal((2, 3, 4, 3)), requires_grad=True)
    assert tg.gradcheck(lambda *_: layer(image), [image, weight, bias])


def test_28_is_32_without_its_margin(rng):
    """Two pixels of zeros around an image of 28 make one of 32: both networks are the same function."""
    small, large = (models.lenet5(image_size=n, rng=7, dtype=np.float64) for n in (28, 32))
    image = rng.standard_normal((2, 1, 28, 28))
    np.testing.assert_allclose(
        small(image).data, large(np.pad(image, ((0, 0), (0, 0), (2, 2), (2, 2)))).data, rtol=1e-12
    )


def test_the_seed_decides_the_weights():
    first, again, other = (models.lenet5(rng=seed).state_dict() for seed in (1, 1, 2))
    for key, array in first.items():
        np.testing.assert_array_equal(array, again[key])
        assert not np.array_equal(array, other[key])


def test_the_course_cnn_is_its_layers_with_a_relu_after_each_but_the_last(rng):
    model = models.course_cnn(rng=0, dtype=np.float64)
    relu, flatten = nn.ReLU(), nn.Flatten()
    convolutions = [model.conv1, relu, model.pool1, model.conv2, relu, model.pool2, flatten]
    by_hand = nn.Sequential(*convolutions, model.fc3, relu, model.fc4, relu, model.output)
    images = 5 * rng.standard_normal((3, 3, 32, 32))
    hidden = model.fc3(nn.Sequential(*convolutions)(images)).data
    assert (hidden < 0).any()
    np.testing.assert_array_equal(model(images).data, by_hand(images).data)


@pytest.mark.parametrize(("options", "said"), [
    ({"variant": "modem"}, "variant must be one of 'modern', '1998', got 'modem'"),
    ({"connections": "some"}, "connections must be one of 'all', '1998', got 'some'"),
    ({"image_size": 30}, "image_size must be 28 or 32, got 30"),
])  # fmt: skip
def test_wrong_options_are_refused_by_name(options, said):
    with pytest.raises(ValueError, match=said):
        models.lenet5(**options)


@pytest.mark.parametrize(("make", "shape", "layer"), [
    (models.lenet5, (1, 3, 28, 28), "c1"), (models.lenet5, (1, 1, 36, 36), "f6"),
    (models.course_cnn, (1, 1, 32, 32), "conv1"), (models.course_cnn, (1, 3, 28, 28), "fc3"),
])  # fmt: skip
def test_an_image_that_does_not_fit_is_refused_by_the_layer(make, shape, layer):
    with pytest.raises(ValueError, match=layer):
        make(rng=0)(tg.zeros(*shape, dtype=np.float32))


@pytest.mark.oracle
@pytest.mark.parametrize("variant", ["modern", "1998"])
def test_lenet_is_pytorchs(variant, rng):
    torch = pytest.importorskip("torch")
    T = torch.nn
    activation, pool = {"modern": (T.ReLU, T.MaxPool2d), "1998": (T.Tanh, T.AvgPool2d)}[variant]
    names = ["c1", "a1", "s2", "c3", "a3", "s4", "c5", "a5", "flatten", "f6", "a6", "output"]
    layers = [
        T.Conv2d(1, 6, 5, padding=2), activation(), pool(2), T.Conv2d(6, 16, 5), activation(), pool(2),
        T.Conv2d(16, 120, 5), activation(), T.Flatten(), T.Linear(120, 84), activation(), T.Linear(84, 10),
    ]  # fmt: skip
    theirs = T.Sequential()
    for name, layer in zip(names, layers, strict=True):
        theirs.add_module(name, layer.double())
    ours = models.lenet5(variant=variant, dtype=np.float64)
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    image, target = rng.standard_normal((5, 1, 28, 28)), rng.integers(0, 10, 5)
    loss = F.cross_entropy(ours(image), target)
    loss.backward()
    wanted = T.functional.cross_entropy(theirs(torch.from_numpy(image)), torch.from_numpy(target))
    wanted.backward()
    np.testing.assert_allclose(loss.item(), wanted.item(), rtol=1e-12)
    gradients = {key: p.grad.numpy() for key, p in theirs.named_parameters()}
    for path, p in ours.named_parameters():
        np.testing.assert_allclose(p.grad.data, gradients[path], rtol=1e-9, atol=1e-13)
