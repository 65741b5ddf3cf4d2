"""Feature visualisation: the image that a unit likes, what decisions look at, maps, filters, receptive fields."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from viz.features import feature_maps, filters, grad_cam, maximize, occlusion, receptive_field, saliency
from viz.features.ascent import blurred, roughness
from viz.features.attention import enlarged


@pytest.fixture(scope="module")
def lenet():
    return tg.models.lenet5(weights="digits")


@pytest.fixture(scope="module")
def digit():
    return tg.data.digits(size=28).test[0][0]


def test_the_shipped_weights_read_the_digits(lenet):
    x, y = tg.data.digits(size=28).test
    with tg.no_grad():
        assert (lenet(x).data.argmax(axis=1) == y).mean() > 0.99


@pytest.mark.parametrize(("options", "words"), [({"variant": "1998"}, "variant"), ({"num_classes": 3}, r"\(3, 84\)")])
def test_shipped_weights_are_refused_by_another_network(options, words):
    with pytest.raises(ValueError, match=words):
        tg.models.lenet5(weights="digits", **options)


# maximize


def test_the_activation_rises_and_is_that_of_the_image(lenet):
    found = maximize(lenet, "output", 3, steps=60)
    assert found.activations[-1] > found.activations[0] + 20
    with tg.no_grad():
        scores = lenet(found.image[None]).data[0]
    assert scores[3] == pytest.approx(found.activations[-1], rel=1e-5)
    assert scores.argmax() == 3
    assert found.image.min() >= 0
    assert found.image.max() <= 1


def test_the_model_and_its_gradients_are_left_alone(lenet):
    before = lenet.state_dict()
    lenet.train()
    maximize(lenet, "c3", 1, steps=2)
    assert lenet.training
    lenet.eval()
    assert all(p.grad is None and p.requires_grad for p in lenet.parameters())
    assert lenet.c3._hooks is None
    for name, array in lenet.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_one_step_without_regularisers_is_the_formula(lenet):
    x = np.random.default_rng(1).uniform(size=(1, 28, 28)).astype(np.float32)
    plain = {"decay": 0, "blur": 0, "jitter": 0, "total_variation": 0, "limits": None}
    found = maximize(lenet, "output", 5, steps=1, lr=0.1, start=x, **plain)
    leaf = tg.Tensor(x[None], requires_grad=True)
    g = tg.grad(lenet(leaf)[0, 5], leaf).data
    np.testing.assert_allclose(found.image, (x[None] + 0.1 * g / np.sqrt((g**2).mean()))[0], rtol=1e-4, atol=1e-6)


def test_the_same_seed_gives_the_same_image(lenet):
    one, same, other = (maximize(lenet, "c1", 0, steps=3, seed=seed).image for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


@pytest.mark.parametrize(("shape", "given"), [((3, 16, 20), (16, 20)), ((3, 9, 9), 9), ((3, 7, 8), (3, 7, 8))])
def test_any_size_and_channels(shape, given):
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, rng=0), nn.ReLU())
    assert maximize(model, "0", 2, size=given, steps=2).image.shape == shape


def test_a_dead_unit_is_explained():
    model = nn.Sequential(nn.Conv2d(1, 2, 3, rng=0), nn.ReLU())
    model[0].bias.data = np.array([-100, 1], np.float32)
    with pytest.raises(ValueError, match=r"unit 0 of 1 \(ReLU\).*gradient is 0.*dead after ReLU.*layer='0'"):
        maximize(model, "1", 0, size=8)
    assert maximize(model, "0", 0, size=8, steps=2).activations[1] > -101


BAD = [
    ({"layer": "c4"}, ValueError, "no layer 'c4'; did you mean .*'c3'"),
    ({"layer": "output", "unit": 10}, IndexError, r"10 units \(0 to 9\).*no unit 10"),
    ({"layer": "c3", "unit": (0, 10, 0)}, IndexError, "10 rows"),
    ({"unit": 1.5}, TypeError, "unit must be a number"),
    ({"steps": 0}, ValueError, "steps must be at least 1"),
    ({"lr": -1}, ValueError, "lr must not be negative"),
    ({"limits": (1, 0)}, ValueError, "limits"),
    ({"size": 0}, ValueError, "size must be"),
    ({"start": np.zeros((2, 1, 28, 28))}, ValueError, "one image"),
    ({"layer": 3}, TypeError, "layer must be a path"),
]


@pytest.mark.parametrize(("options", "error", "words"), BAD)
def test_bad_input_is_refused(lenet, options, error, words):
    with pytest.raises(error, match=words):
        maximize(lenet, **options)


def test_what_is_no_module_is_refused():
    with pytest.raises(TypeError, match="maximize: wanted a module, got int"):
        maximize(3)


def test_blurring_keeps_the_mean_and_flattens(rng):
    x = rng.normal(size=(1, 2, 9, 9))
    np.testing.assert_allclose(blurred(np.ones_like(x), 1.5), 1)
    assert blurred(x, 1.0).std() < 0.5 * x.std()


def test_roughness_of_a_ramp_is_its_slope():
    ramp = np.broadcast_to(np.arange(5.0), (1, 1, 4, 5))
    assert roughness(tg.Tensor(ramp)).item() == pytest.approx(1)


# what a decision looks at


def test_saliency_is_the_gradient_of_the_score(lenet, digit):
    found = saliency(lenet, digit)
    eps, (row, column) = 1e-2, np.unravel_index(found.map.argmax(), found.map.shape)
    moved = np.stack([digit, digit])
    moved[0, 0, row, column] -= eps
    moved[1, 0, row, column] += eps
    with tg.no_grad():
        down, up = lenet(moved).data[:, found.target]
    assert abs(up - down) / (2 * eps) == pytest.approx(found.map.max(), rel=0.05)


def test_grad_cam_weighs_maps_by_mean_gradients():
    model = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False), nn.Flatten(), nn.Linear(8, 2, bias=False))
    model[0].weight.data = np.array([1.0, 2.0], np.float32).reshape(2, 1, 1, 1)
    model[2].weight.data = np.arange(16, dtype=np.float32).reshape(2, 8)
    x = np.array([[[1.0, -2.0], [3.0, 4.0]]], np.float32)
    found = grad_cam(model, x, "0", 1)
    w = [np.arange(8, 12).mean(), np.arange(12, 16).mean()]
    np.testing.assert_allclose(found.map, np.maximum(w[0] * x[0] + w[1] * 2 * x[0], 0))


def test_occlusion_is_the_fall_of_the_probability(lenet, digit):
    found = occlusion(lenet, digit, patch=9, stride=7)
    covered = digit.copy()
    covered[:, 10:19, 10:19] = 0
    with tg.no_grad():
        p = tg.functional.softmax(lenet(np.stack([digit, covered])), -1).data[:, found.target]
    assert found.map[14, 14] == pytest.approx(p[0] - p[1], abs=1e-5)
    assert found.map.shape == (28, 28)


def test_enlarging_is_linear_between_the_middles():
    np.testing.assert_allclose(enlarged(np.array([[0.0, 4.0]]), (1, 4)), [[0, 1, 3, 4]])


@pytest.mark.parametrize("function", [saliency, grad_cam, occlusion])
def test_a_class_that_does_not_exist_is_refused(function, lenet, digit):
    with pytest.raises(IndexError, match=r"10 classes \(0 to 9\), so no class 10"):
        function(lenet, digit, target=10)


def test_grad_cam_needs_maps(lenet, digit):
    with pytest.raises(ValueError, match=r"layer 'f6' makes \(1, 84\), no maps"):
        grad_cam(lenet, digit, "f6")


# receptive fields

LAYERS = {"c1": (5, 1), "s2": (6, 2), "c3": (14, 2), "s4": (16, 4), "c5": (32, 4)}  # size and step, by hand


@pytest.mark.parametrize("layer", LAYERS)
def test_receptive_fields_of_lenet(layer, lenet):
    found = receptive_field(lenet, layer)
    assert found.size == (LAYERS[layer][0],) * 2
    assert found.stride == (LAYERS[layer][1],) * 2
    assert found.confirmed


MODELS = {
    "dilated": (lambda: nn.Sequential(nn.Conv2d(1, 1, 3, dilation=3), nn.Conv2d(1, 1, (1, 3), stride=2)), (7, 9)),
    "residual": (lambda: nn.Sequential(nn.Residual(nn.Sequential(nn.Conv2d(1, 1, 3, padding=1)))), (3, 3)),
    "branches": (lambda: nn.Sequential(nn.Branches(nn.Conv2d(1, 2, 1), nn.Conv2d(1, 2, 5, padding=2))), (5, 5)),
    "shared out": (lambda: nn.Sequential(nn.AdaptiveAvgPool2d((5, 4))), (4, 5)),
    "norm and average": (
        lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.AvgPool2d(2)), (4, 4)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_receptive_fields_of_other_graphs(name):
    make, size = MODELS[name]
    found = receptive_field(make(), size=20)
    assert found.size == size
    assert found.confirmed


def test_the_border_cuts_the_field_off(lenet):
    found = receptive_field(lenet, "c1", (0, 0, 0))
    assert (found.rows, found.columns) == ((0, 2), (0, 2))
    assert found.size == (5, 5)
    assert found.confirmed


def test_a_layer_without_maps_sees_everything(lenet):
    with pytest.raises(ValueError, match=r"layer 'f6' makes .* sees the whole image"):
        receptive_field(lenet, "f6")


# pictures

PICTURES = {
    "maximize": lambda lenet, digit: maximize(lenet, steps=4),
    "saliency": saliency,
    "grad_cam": grad_cam,
    "occlusion": lambda lenet, digit: occlusion(lenet, digit, stride=9),
    "receptive_field": lambda lenet, digit: receptive_field(lenet, "c3", x=digit),
    "feature_maps": feature_maps,
    "filters": lambda lenet, digit: filters(lenet.c3, limit=4),
}


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_is_written(name, lenet, digit, tmp_path):
    pytest.importorskip("matplotlib")
    found = PICTURES[name](lenet, digit)
    assert found.save(tmp_path / "picture.svg").read_text(encoding="utf-8").startswith("<svg")
    assert found.save(tmp_path / "picture.png").read_bytes()[:4] == b"\x89PNG"
    assert "text/plain" in found._repr_mimebundle_()


def test_maps_and_filters_say_what_is_wrong(lenet, digit):
    pytest.importorskip("matplotlib")
    with pytest.raises(ValueError, match="layer 'output' makes no maps"):
        feature_maps(lenet, digit, "output")
    with pytest.raises(ValueError, match="Linear has no convolution"):
        filters(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="kernels must be"):
        filters(np.zeros((3, 3)))


@pytest.mark.parametrize(("kernels", "columns"), [(2, 6), (8, 8), (20, 16)])
def test_filters_fill_the_width(kernels, columns, rng):
    pytest.importorskip("matplotlib")
    figure = filters(rng.standard_normal((kernels, 2, 3, 3)))
    figure.png()
    first, second = [axes.get_window_extent() for axes in figure.canvas.axes[:2]]
    step, width = second.x0 - first.x0, figure.canvas.bbox.width
    assert round(width / step) == columns
    assert figure.canvas.bbox.height < 2 * (-(-kernels // columns)) * 1.7 * step + 100
