"""Initialisers: the spread that the papers say, in place, in the same dtype, by a seed; nonsense is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import init, nn

CONV = (40, 8, 5, 5)  # fan_in 200, fan_out 1000
DENSE = (300, 200)  # fan_in 200, fan_out 300
NORMAL = [
    ("he_normal_", {}, CONV, math.sqrt(2 / 200)),
    ("he_normal_", {}, DENSE, math.sqrt(2 / 200)),
    ("he_normal_", {"a": 1.0}, DENSE, math.sqrt(1 / 200)),
    ("kaiming_normal_", {"mode": "fan_out"}, CONV, math.sqrt(2 / 1000)),
    ("kaiming_normal_", {"nonlinearity": "tanh"}, DENSE, 5 / 3 / math.sqrt(200)),
    ("xavier_normal_", {}, CONV, math.sqrt(2 / 1200)),
    ("xavier_normal_", {"gain": 3.0}, DENSE, 3 * math.sqrt(2 / 500)),
    ("lecun_normal_", {}, CONV, math.sqrt(1 / 200)),
    ("normal_", {"std": 0.01}, DENSE, 0.01),
    ("normal_", {}, CONV, 1.0),
]
UNIFORM = [
    ("he_uniform_", {}, CONV, math.sqrt(6 / 200)),
    ("kaiming_uniform_", {"a": math.sqrt(5)}, DENSE, 1 / math.sqrt(200)),
    ("kaiming_uniform_", {"mode": "fan_out", "nonlinearity": "relu"}, DENSE, math.sqrt(6 / 300)),
    ("xavier_uniform_", {}, DENSE, math.sqrt(6 / 500)),
    ("lecun_uniform_", {}, CONV, math.sqrt(3 / 200)),
    ("uniform_", {"a": -0.3, "b": 0.3}, CONV, 0.3),
]
RANDOM = [*NORMAL, *UNIFORM]
KNOWN = [case for case in RANDOM if not case[0].startswith("lecun")]  # to PyTorch
NAMES = sorted({name for name, *_ in RANDOM})


def ids(cases):
    return [" ".join(map(str, (name, options, shape))) for name, options, shape, _ in cases]


def weight(shape=(3, 2), dtype=np.float32):
    return nn.Parameter(np.full(shape, 7.0, dtype))


@pytest.mark.parametrize(("name", "options", "shape", "std"), NORMAL, ids=ids(NORMAL))
def test_normal_rules_have_the_std_of_the_paper(name, options, shape, std, rng):
    t = weight(shape)
    assert getattr(init, name)(t, **options, rng=rng) is t
    n = t.size
    assert abs(t.data.mean()) < 4 * std / math.sqrt(n)
    assert t.data.std() == pytest.approx(std, rel=4 / math.sqrt(2 * n))
    kurtosis = ((t.data / std) ** 4).mean()
    assert kurtosis == pytest.approx(3, abs=4 * math.sqrt(96 / n))


@pytest.mark.parametrize(("name", "options", "shape", "bound"), UNIFORM, ids=ids(UNIFORM))
def test_uniform_rules_fill_their_bounds(name, options, shape, bound, rng):
    t = weight(shape)
    assert getattr(init, name)(t, **options, rng=rng) is t
    assert np.abs(t.data).max() <= bound * (1 + 1e-6)
    assert np.abs(t.data).max() > bound * 0.999
    assert t.data.std() == pytest.approx(bound / math.sqrt(3), rel=0.02)


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "options", "shape", "size"), KNOWN, ids=ids(KNOWN))
def test_the_spread_is_pytorchs(name, options, shape, size, rng):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    other = getattr(torch.nn.init, name.replace("he_", "kaiming_"))(torch.empty(shape), **options).numpy()
    ours = getattr(init, name)(weight(shape), **options, rng=rng)
    assert ours.data.std() == pytest.approx(other.std(), rel=0.03)
    assert np.abs(ours.data).max() == pytest.approx(np.abs(other).max(), rel=0.4 if "normal" in name else 0.01)


@pytest.mark.oracle
@pytest.mark.parametrize("param", [None, 0.3])
def test_gains_are_pytorchs(param):
    torch = pytest.importorskip("torch")
    for name in ("linear", "conv2d", "conv_transpose2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
        assert init.calculate_gain(name, param) == pytest.approx(torch.nn.init.calculate_gain(name, param), rel=1e-15)


def test_fans_by_hand():
    assert init.fans(np.zeros((120, 400))) == (400, 120)
    assert init.fans(weight((16, 6, 5, 5))) == (150, 400)
    assert init.fans(weight((32, 1, 3, 3))) == (9, 288)  # 32 groups: fan_out is not divided, as in PyTorch


@pytest.mark.parametrize(
    ("fill", "value"), [(init.zeros_, 0), (init.ones_, 1), (lambda t: init.constant_(t, 0.5), 0.5)]
)
def test_constants_fill_any_shape(fill, value):
    for shape in [(3, 2), (4,), (), (0, 3)]:
        t = tg.Tensor(np.full(shape, 7.0, np.float32))
        assert fill(t) is t
        assert t.dtype == np.float32
        assert t.shape == shape
        assert (t.data == value).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtypes_stay_and_seeds_repeat(name, dtype):
    first, second, other = (getattr(init, name)(weight(dtype=dtype), rng=seed) for seed in (1, 1, 2))
    assert first.dtype == dtype
    np.testing.assert_array_equal(first.data, second.data)
    assert (first.data != other.data).all()
    tg.manual_seed(1)
    np.testing.assert_array_equal(getattr(init, name)(weight(dtype=dtype)).data, first.data)


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_weight_stays_empty(name):
    assert getattr(init, name)(weight((0, 3)), rng=0).shape == (0, 3)
    assert getattr(init, name)(weight((3, 0)), rng=0).shape == (3, 0)


def test_a_start_anew_between_forward_and_backward_does_no_harm(rng):
    w = nn.Parameter([[2.0, 3.0]])
    loss = (w * w).sum()
    init.he_normal_(w, rng=rng)
    loss.backward()
    np.testing.assert_array_equal(w.grad.data, [[4.0, 6.0]])


# Modules


class Scaled(nn.Module):
    def __init__(self):
        self.body = nn.Sequential(nn.Linear(40, 30), nn.Tanh(), nn.Linear(30, 10, bias=False))
        self.weight = nn.Parameter(np.ones(10))  # a scale, as in a normalisation layer
        self.bias = nn.Parameter(np.ones(10))


def test_of_a_module_weights_are_drawn_biases_zero_and_scales_kept(rng):
    module = Scaled()
    assert init.he_normal_(module, rng=rng) is module
    first, second = module.body[0], module.body[2]
    assert first.weight.data.std() == pytest.approx(math.sqrt(2 / 40), rel=0.1)
    assert second.weight.data.std() == pytest.approx(math.sqrt(2 / 30), rel=0.1)
    np.testing.assert_array_equal(first.bias.data, np.zeros(30))
    np.testing.assert_array_equal(module.bias.data, np.zeros(10))
    np.testing.assert_array_equal(module.weight.data, np.ones(10))
    assert {p.dtype for p in module.body.parameters()} == {np.dtype(np.float32)}


def test_a_module_fails_whole(rng):
    module = Scaled()
    module.extra = nn.Parameter(np.ones((2, 2), np.float32), requires_grad=False)
    module.extra.data = np.ones((2, 2), np.int64)
    before = module.state_dict()
    with pytest.raises(TypeError, match="got dtype int64"):
        init.normal_(module, rng=rng)
    after = module.state_dict()
    assert all(np.array_equal(before[key], after[key]) for key in before)


# Bad input


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("normal_", "uniform_")])
@pytest.mark.parametrize("shape", [(), (3,), (0,)])
def test_a_rule_needs_two_axes(name, shape):
    t = weight(shape)
    with pytest.raises(
        ValueError, match=rf"two axes or more.*got shape {shape}".replace("(", r"\(").replace(")", r"\)")
    ):
        getattr(init, name)(t)
    assert (t.data == 7).all()


@pytest.mark.parametrize(
    ("kind", "said", "call"),
    [
        (TypeError, "normal_: wanted a Tensor, a Parameter or a module, got ndarray", lambda: init.normal_(np.ones(2))),
        (TypeError, "he_normal_: wanted a float Tensor, got dtype int64", lambda: init.he_normal_(tg.Tensor([[1]]))),
        (ValueError, "std must not be negative, got -1", lambda: init.normal_(weight(), 0, -1)),
        (ValueError, "std must not be negative, got nan", lambda: init.normal_(weight(), 0, math.nan)),
        (ValueError, "a must not be above b, got a=2, b=1", lambda: init.uniform_(weight(), 2, 1)),
        (ValueError, 'mode must be "fan_in" or "fan_out", got \'in\'', lambda: init.he_normal_(weight(), 0, "in")),
        (ValueError, "no gain for 'softmax'; there are", lambda: init.he_uniform_(weight(), nonlinearity="softmax")),
        (ValueError, "no gain for 'ReLU'", lambda: init.calculate_gain("ReLU")),
        (TypeError, "calculate_gain: nonlinearity must be a name", lambda: init.calculate_gain([])),
        (TypeError, "zeros_: wanted a Tensor", lambda: init.zeros_(1)),
        (ValueError, "he_normal_: a weight needs two axes", lambda: init.he_normal_(tg.Tensor([1.0]))),
        (ValueError, "fans: a weight needs two axes", lambda: init.fans(None)),
        (TypeError, "constant_: val must be a number", lambda: init.constant_(weight(), "x")),
        (TypeError, "normal_: mean must be a number", lambda: init.normal_(weight(), None)),
        (TypeError, "xavier_normal_: gain must be a number", lambda: init.xavier_normal_(weight(), None)),
        (ValueError, "xavier_uniform_: gain must be from 0", lambda: init.xavier_uniform_(weight(), math.inf)),
        (ValueError, "uniform_: b must be finite, got inf", lambda: init.uniform_(weight(), 0, math.inf)),
        (TypeError, "rng: wanted a seed", lambda: init.normal_(weight(), rng="x")),
    ],
)
def test_nonsense_is_refused(kind, said, call):
    with pytest.raises(kind, match=said):
        call()
