"""tg.fuse: batch norms folded into the layers before them."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import fuse, nn
from tinygrad_edu.models.layers import SeparableConv2d


def stirred(model, rng):
    """The model with random batch norms, in evaluation."""
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            for x in (module.weight, module.bias, module.running_mean):
                if x is not None:
                    x.data = rng.normal(size=x.shape).astype(x.dtype)
            module.running_var.data = rng.uniform(0.5, 2, size=module.running_var.shape).astype(x.dtype)
    return model.eval()


def norms(model):
    return [m for m in model.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]


class Twice(nn.Module):
    """A convolution whose output is used beside its batch norm too, and one that is called twice."""

    def __init__(self):
        self.used = nn.Conv2d(3, 3, 1, dtype=np.float64)
        self.norm1 = nn.BatchNorm2d(3, dtype=np.float64)
        self.again = nn.Conv2d(3, 3, 1, dtype=np.float64)
        self.norm2 = nn.BatchNorm2d(3, dtype=np.float64)
        self.norm3 = nn.BatchNorm2d(3, dtype=np.float64)

    def forward(self, x):
        y = self.used(x)
        z = self.norm1(y) + y
        return self.norm2(self.again(z)) + self.norm3(self.again(z))


MODELS = {
    "bias and none": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, dtype=np.float64), nn.BatchNorm2d(4, dtype=np.float64), nn.ReLU(),
        nn.Conv2d(4, 6, 3, groups=2, bias=False, dtype=np.float64), nn.BatchNorm2d(6, dtype=np.float64),
    ),
    "without affine": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3, dtype=np.float64), nn.BatchNorm2d(4, affine=False, dtype=np.float64)
    ),
    "residual": lambda: nn.Sequential(
        nn.Residual(nn.Sequential(nn.Conv2d(3, 3, 1, dtype=np.float64), nn.BatchNorm2d(3, dtype=np.float64)))
    ),
    "separable": lambda: nn.Sequential(
        SeparableConv2d(3, 4, 3, padding=1, dtype=np.float64), nn.BatchNorm2d(4, dtype=np.float64)
    ),
    "linear": lambda: nn.Sequential(
        nn.Linear(5, 4, dtype=np.float64), nn.BatchNorm1d(4, dtype=np.float64), nn.Tanh(),
        nn.Linear(4, 3, bias=False, dtype=np.float64), nn.BatchNorm1d(3, dtype=np.float64),
    ),
    "sequences": lambda: nn.Sequential(nn.Conv1d(2, 4, 3, dtype=np.float64), nn.BatchNorm1d(4, dtype=np.float64)),
}  # fmt: skip
SHAPES = {"linear": (7, 5), "sequences": (2, 2, 30)}


@pytest.mark.parametrize("name", MODELS)
def test_outputs_are_equal_and_no_batch_norm_is_left(name, rng):
    model = stirred(MODELS[name](), rng)
    x = rng.normal(size=SHAPES.get(name, (2, 3, 8, 8)))
    wanted = model(x).data
    for fused in (fuse(model), fuse(model, x)):
        np.testing.assert_allclose(fused(x).data, wanted, rtol=1e-12, atol=1e-13)
        assert not norms(fused)
        assert not fused.training


def test_the_model_itself_is_untouched(rng):
    model = stirred(MODELS["bias and none"](), rng).train()
    before = model.state_dict()
    fuse(model)
    after = model.state_dict()
    assert model.training
    assert list(before) == list(after)
    for key, array in before.items():
        np.testing.assert_array_equal(array, after[key])


def test_what_is_used_elsewhere_or_called_twice_stays(rng):
    model = stirred(Twice(), rng)
    x = rng.normal(size=(1, 3, 4, 4))
    fused = fuse(model, x)
    assert len(norms(fused)) == 3
    np.testing.assert_allclose(fused(x).data, model(x).data, rtol=1e-12)


def test_frozen_parameters_stay_frozen_and_fold_too(rng):
    model = stirred(MODELS["bias and none"](), rng).requires_grad_(False)
    with tg.no_grad():
        fused = fuse(model)
    assert not norms(fused)
    assert not any(p.requires_grad for p in fused.parameters())


def test_arrays_that_are_not_folded_are_shared():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3))
    fused = fuse(model)
    assert fused[0].weight.data is model[0].weight.data


def test_float32_stays(rng):
    model = stirred(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), rng)
    fused = fuse(model)
    assert {p.dtype for p in fused.parameters()} == {np.dtype(np.float32)}


class Fussy(nn.Module):
    def __init__(self):
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, x):
        if x.shape[-1] != 11:
            raise ValueError("images must be 11×11 pixels")
        return self.conv(x)


def test_bad_input_is_refused():
    with pytest.raises(TypeError, match="fuse: wanted a module, got list"):
        fuse([1])
    with pytest.raises(ValueError, match=r"Fussy ran on no input that was tried.* give one .* 11×11"):
        fuse(Fussy())
    assert isinstance(fuse(Fussy(), np.zeros((1, 3, 11, 11), np.float32)), Fussy)
    assert isinstance(fuse(nn.ReLU()), nn.ReLU)
