"""Layers against PyTorch's: outputs, gradients, running statistics, keys and repr from the same state dict."""

from __future__ import annotations

import math
from collections import OrderedDict

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn

IMAGES, PIXELS = (3, 4, 7, 6), (2, 4, 1, 1)

# What both libraries are asked to make, and the shape of x, or its integers
TABLE = [
    ("Linear(5, 3)", (4, 5)),
    ("Linear(5, 3, False)", (2, 4, 5)),
    ("Linear(5, 3)", (5,)),
    ("Linear(5, 3)", (0, 5)),
    ("Conv2d(4, 6, 3)", IMAGES),
    ("Conv2d(4, 6, (3, 2), (2, 1), (1, 0), (1, 2), 2, False)", IMAGES),
    ("Conv2d(4, 6, 3, padding='same', dilation=2)", IMAGES),
    ("Conv2d(4, 6, (2, 4), padding='same')", IMAGES),
    ("Conv2d(4, 6, 3, padding='valid')", (4, 7, 6)),
    ("Conv2d(4, 4, 3, groups=4, padding=1)", IMAGES),
    ("Conv2d(4, 6, 1)", PIXELS),
    ("Conv2d(4, 6, (7, 6))", IMAGES),
    ("Conv2d(4, 6, 3, padding=(1, 2), padding_mode='reflect')", IMAGES),
    ("Conv2d(4, 6, 3, padding=2, padding_mode='replicate', stride=2)", IMAGES),
    ("Conv2d(4, 6, 3, padding=1, padding_mode='circular')", IMAGES),
    ("Conv2d(4, 6, (2, 3), padding='same', padding_mode='reflect', bias=False)", IMAGES),
    ("Conv1d(4, 6, 3, 2, 1)", (3, 4, 9)),
    ("Conv1d(4, 6, 4, padding='same', groups=2)", (3, 4, 9)),
    ("Conv1d(4, 6, 3, padding=2, dilation=2, padding_mode='circular')", (3, 4, 9)),
    ("ConvTranspose2d(4, 6, 3)", IMAGES),
    ("ConvTranspose2d(4, 6, (3, 2), 2, 1, 1, 2, False, 2)", IMAGES),
    ("ConvTranspose2d(4, 4, 2, stride=(2, 3), groups=4)", IMAGES),
    ("ZeroPad2d(1)", IMAGES),
    ("ZeroPad2d((1, 2, 0, 3))", IMAGES),
    ("MaxPool2d(2)", IMAGES),
    ("MaxPool2d((3, 2), 2, 1, ceil_mode=True)", IMAGES),
    ("MaxPool2d(3, 1, 1, 2)", IMAGES),
    ("MaxPool2d(2, ceil_mode=True)", IMAGES),
    ("AvgPool2d(2)", IMAGES),
    ("AvgPool2d(3, 2, 1, True, False)", IMAGES),
    ("AvgPool2d((2, 3), divisor_override=4)", IMAGES),
    ("AdaptiveAvgPool2d(1)", IMAGES),
    ("AdaptiveAvgPool2d((None, 4))", IMAGES),
    ("BatchNorm1d(4)", (6, 4)),
    ("BatchNorm1d(4, 1e-3, 0.3)", (3, 4, 5)),
    ("BatchNorm2d(4)", IMAGES),
    ("BatchNorm2d(4, momentum=None)", IMAGES),
    ("BatchNorm2d(4, affine=False)", IMAGES),
    ("BatchNorm2d(4, track_running_stats=False)", IMAGES),
    ("LayerNorm(6)", IMAGES),
    ("LayerNorm((7, 6), bias=False)", IMAGES),
    ("LayerNorm([4, 7, 6], 1e-3)", IMAGES),
    ("LayerNorm(6, elementwise_affine=False)", IMAGES),
    ("GroupNorm(2, 4)", IMAGES),
    ("GroupNorm(4, 4, 1e-3, affine=False)", (3, 4)),
    ("LocalResponseNorm(3)", IMAGES),
    ("LocalResponseNorm(2, 0.5, 0.6, 2.0)", IMAGES),
    ("Dropout(0.0)", IMAGES),
    ("Dropout(1.0)", IMAGES),
    ("Dropout2d(0.0)", IMAGES),
    ("Flatten()", IMAGES),
    ("Flatten(0, -2)", IMAGES),
    ("Flatten()", (0, 4, 7, 6)),
    ("Identity(3, a=4)", IMAGES),
    ("Embedding(7, 3)", [[0, 6, 2], [2, 2, 1]]),
    ("Embedding(7, 3, -1)", [0, 6, 6]),
    ("ReLU()", IMAGES),
    ("ReLU(True)", IMAGES),
    ("LeakyReLU()", IMAGES),
    ("LeakyReLU(0.2, True)", IMAGES),
    ("ELU()", IMAGES),
    ("ELU(0.5)", IMAGES),
    ("Sigmoid()", IMAGES),
    ("Tanh()", IMAGES),
    ("GELU()", IMAGES),
    ("GELU('tanh')", IMAGES),
    ("SiLU()", IMAGES),
    ("Softplus()", IMAGES),
    ("Softplus(2.0)", IMAGES),
    ("Softplus(2.0, 0.5)", IMAGES),
    ("Softmax(1)", IMAGES),
    ("Softmax(dim=-1)", IMAGES),
    ("LogSoftmax(1)", IMAGES),
    ("Sequential(Conv2d(4, 6, 3), BatchNorm2d(6), ReLU(), MaxPool2d(2), Flatten(), Linear(24, 5), Softmax(1))", IMAGES),
    ("Sequential(OrderedDict(first=Linear(5, 4), then=Sequential(Tanh(), Linear(4, 2, bias=False))))", (3, 5)),
    ("Sequential(Linear(5, 4), Tanh(), Linear(4, 2), ReLU())[1:3]", (3, 4)),
    ("Sequential()", (3, 4)),
]  # fmt: skip
CALLED = [text for text, _ in TABLE]

YES = np.array([[1.0, 0, 1], [0, 1, 1]])
PROBABILITIES = np.array([[0.2, 0.3, 0.5], [0.6, 0.0, 0.4]])
WEIGHT = "tensor([0.5, 2.0, 1.0])"
LOSSES = [
    ("MSELoss()", YES),
    ("MSELoss(reduction='sum')", YES),
    ("L1Loss(reduction='none')", YES),
    ("HuberLoss('none', 0.5)", YES),
    ("SmoothL1Loss(beta=0.3)", YES),
    ("SmoothL1Loss(reduction='sum', beta=0.0)", YES),
    ("KLDivLoss(reduction='batchmean')", PROBABILITIES),
    ("KLDivLoss(reduction='none', log_target=True)", YES),
    ("CrossEntropyLoss()", [2, 0]),
    (f"CrossEntropyLoss({WEIGHT}, ignore_index=0, label_smoothing=0.2)", [2, 0]),
    (f"CrossEntropyLoss(weight={WEIGHT}, reduction='sum')", PROBABILITIES),
    ("NLLLoss(reduction='none')", [2, 0]),
    (f"NLLLoss({WEIGHT}, ignore_index=2)", [2, 0]),
    ("BCEWithLogitsLoss()", YES),
    (f"BCEWithLogitsLoss({WEIGHT}, reduction='sum', pos_weight={WEIGHT})", YES),
    ("Sequential(Sigmoid()), BCELoss()", YES),
    (f"Sequential(Sigmoid()), BCELoss({WEIGHT}, reduction='none')", YES),
]


@pytest.fixture(scope="module")
def torch():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch


def names_of(library, **more):
    return {
        **{name: getattr(library, name) for name in nn.__all__ if hasattr(library, name)},
        "OrderedDict": OrderedDict,
        **more,
    }


def twins(torch, text, rng):
    """Return PyTorch's module and ours, in float64, with the same random parameters and running statistics."""
    theirs = eval(text, names_of(torch.nn)).double()
    ours = eval(text, names_of(nn)).double()
    with torch.no_grad():
        for tensor in [*theirs.parameters(), *[b for b in theirs.buffers() if b.is_floating_point()]]:
            tensor.copy_(torch.tensor(rng.uniform(0.5, 1.5, tensor.shape)))
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    return theirs, ours


def step(torch, theirs, ours, data, g):
    """Run forward and backward through both; return pairs of what must agree."""
    whole = np.asarray(data).dtype.kind == "i"
    x, y = torch.tensor(data, requires_grad=not whole), tg.Tensor(data, requires_grad=not whole)
    for module in (theirs, ours):
        module.zero_grad()
    out, own = theirs(x.clone()), ours(y)
    pairs = [(own, out)]
    if out.requires_grad:
        g = np.resize(g, out.shape)
        out.backward(torch.tensor(g))
        own.backward(g)
        if not whole:
            pairs.append((y.grad, x.grad))
        mine = dict(ours.named_parameters())
        pairs += [(mine[name].grad, parameter.grad) for name, parameter in theirs.named_parameters()]
    return pairs


def agree(pairs):
    for own, out in pairs:
        assert own.dtype == np.float64
        assert own.shape == tuple(out.shape)
        np.testing.assert_allclose(own.data, out.detach().numpy(), rtol=1e-10, atol=1e-12)


def data_of(what, rng):
    return np.array(what) if isinstance(what, list) else rng.standard_normal(what)


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize(("text", "what"), TABLE, ids=[f"{i} {text}" for i, text in enumerate(CALLED)])
def test_a_layer_equals_pytorchs_in_training_and_in_evaluation(torch, text, what, rng):
    theirs, ours = twins(torch, text, rng)
    g = rng.standard_normal(600)
    for _ in range(2):
        agree(step(torch, theirs, ours, data_of(what, rng), g))
    state = ours.state_dict()
    assert list(state) == list(theirs.state_dict())
    for key, value in theirs.state_dict().items():
        assert state[key].dtype == value.numpy().dtype
        np.testing.assert_allclose(state[key], value.numpy(), rtol=1e-12, atol=1e-14)
    agree(step(torch, theirs.eval(), ours.eval(), data_of(what, rng), g))
    for key, value in ours.state_dict().items():
        np.testing.assert_array_equal(value, state[key])


@pytest.mark.oracle
@pytest.mark.parametrize("text", CALLED)
def test_repr_is_pytorchs(torch, text):
    assert repr(eval(text, names_of(nn))) == repr(eval(text, names_of(torch.nn)))


@pytest.mark.oracle
@pytest.mark.parametrize("text", [text for text in CALLED if "Norm" not in text and "Sequential" not in text])
def test_parameters_start_within_pytorchs_bounds(torch, text):
    torch.manual_seed(0)
    tg.manual_seed(0)
    theirs = {key: value.numpy() for key, value in eval(text, names_of(torch.nn)).state_dict().items()}
    ours = eval(text, names_of(nn)).state_dict()
    assert list(ours) == list(theirs)
    for key, value in ours.items():
        assert value.dtype == theirs[key].dtype == np.float32
        assert value.shape == theirs[key].shape
        if value.size > 20:
            assert 0.5 < np.abs(value).max() / np.abs(theirs[key]).max() < 2


@pytest.mark.oracle
@pytest.mark.parametrize(("text", "target"), LOSSES, ids=[text for text, _ in LOSSES])
def test_a_loss_equals_pytorchs(torch, text, target, rng):
    theirs = eval(text, names_of(torch.nn, tensor=lambda v: torch.tensor(v, dtype=torch.float64)))
    ours = eval(text, names_of(nn, tensor=lambda v: np.array(v)))
    before, theirs = theirs if isinstance(theirs, tuple) else (torch.nn.Identity(), theirs)
    mine, ours = ours if isinstance(ours, tuple) else (nn.Identity(), ours)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    x = rng.standard_normal((2, 3))
    a, b = torch.tensor(x, requires_grad=True), tg.Tensor(x, requires_grad=True)
    out, own = theirs(before(a), torch.tensor(target)), ours(mine(b), np.array(target))
    g = rng.standard_normal(out.shape)
    out.backward(torch.tensor(g))
    own.backward(g)
    agree([(own, out), (b.grad, a.grad)])
    assert repr(ours) == repr(theirs)


# Without PyTorch


@pytest.mark.parametrize(
    ("layer", "bound"),
    [
        (nn.Linear(16, 500, rng=0), 1 / 4),
        (nn.Conv2d(8, 300, 3, groups=2, rng=0), 1 / 6),
        (nn.Conv1d(9, 300, 4, rng=0), 1 / 6),
        (nn.ConvTranspose2d(300, 8, 3, groups=2, rng=0), 1 / 6),
    ],
    ids=lambda value: type(value).__name__,
)
def test_weights_and_bias_start_uniform_within_one_over_the_root_of_fan_in(layer, bound):
    for values in (layer.weight.data, layer.bias.data):
        assert values.dtype == np.float32
        assert np.abs(values).max() <= bound
        if values.size > 100:
            assert np.abs(values).max() > 0.95 * bound
            assert values.std() == pytest.approx(bound / math.sqrt(3), rel=0.1)
            assert values.mean() == pytest.approx(0, abs=0.1 * bound)


def test_an_embedding_starts_standard_normal_and_its_padding_row_as_0():
    weight = nn.Embedding(200, 50, padding_idx=-1, rng=0).weight.data
    assert weight.std() == pytest.approx(1, rel=0.05)
    assert not weight[199].any()
    assert weight[198].all()


SEEDED = ["Linear(3, 4, rng=rng)", "Conv2d(3, 4, 2, rng=rng)", "ConvTranspose2d(3, 4, 2, rng=rng)",
          "Embedding(3, 4, rng=rng)", "Conv1d(3, 4, 2, rng=rng)"]  # fmt: skip


@pytest.mark.parametrize("text", SEEDED)
def test_a_seed_repeats_a_layer_and_so_does_manual_seed(text):
    def weight(rng):
        return eval(text, names_of(nn, rng=rng)).weight.data

    np.testing.assert_array_equal(weight(3), weight(3))
    np.testing.assert_array_equal(weight(3), weight(np.random.default_rng(3)))
    assert (weight(3) != weight(4)).any()
    tg.manual_seed(3)
    first = weight(None)
    assert (first != weight(None)).any()
    tg.manual_seed(3)
    np.testing.assert_array_equal(weight(None), first)


FLOATS = [case for case in TABLE if not isinstance(case[1], list)]


@pytest.mark.parametrize(("text", "shape"), FLOATS, ids=[f"{i} {text}" for i, (text, _) in enumerate(FLOATS)])
def test_float32_stays_float32(text, shape, rng):
    layer = eval(text, names_of(nn))
    x = tg.Tensor(rng.standard_normal(shape).astype(np.float32), requires_grad=True)
    for module in (layer, layer.eval()):
        y = module(x)
        assert y.dtype == np.float32
        y.backward(np.ones(y.shape, np.float32))
    assert x.grad.dtype == np.float32
    for array in layer.state_dict().values():
        assert array.dtype in (np.float32, np.int64)
    for parameter in layer.parameters():
        assert parameter.grad.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64], ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize("wanted", [np.float16, np.float32, np.float64], ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize(
    ("text", "shape"),
    [("BatchNorm1d(4{})", (3, 4)), ("LayerNorm(4{})", (3, 4)), ("Linear(4, 2{})", (3, 4)),
     ("Conv2d(2, 3, 2{})", (1, 2, 4, 4)), ("ConvTranspose2d(2, 3, 2{})", (1, 2, 4, 4))],
    ids=lambda value: str(value),
)  # fmt: skip
def test_mixed_dtypes_promote_as_numpy_does_and_gradients_keep_that_of_their_leaf(text, shape, dtype, wanted, rng):
    layer = eval(text.format(", dtype=wanted"), {**names_of(nn), "wanted": wanted})
    x = tg.Tensor(rng.standard_normal(shape).astype(dtype), requires_grad=True)
    for module in (layer, layer.eval()):
        y = module(x)
        assert y.dtype == np.result_type(dtype, wanted)
        y.backward(np.ones(y.shape, y.dtype))
    assert x.grad.dtype == dtype
    assert {p.grad.dtype for p in layer.parameters()} == {np.dtype(wanted)}


def test_dtype_is_that_of_every_parameter_and_buffer():
    for make in (lambda: nn.Linear(2, 3, dtype=np.float64), lambda: nn.BatchNorm2d(3, dtype=np.float64),
                 lambda: nn.Conv2d(2, 3, 1, dtype="float64"), lambda: nn.LayerNorm(3, dtype=float),
                 lambda: nn.Embedding(2, 3, dtype=np.float64)):  # fmt: skip
        assert {array.dtype for array in make().state_dict().values()} <= {np.dtype(float), np.dtype(np.int64)}
        assert all(p.dtype == float for p in make().parameters())


def test_asymmetric_padding_is_what_padding_by_hand_gives(rng):
    x = rng.standard_normal((2, 3, 5, 5))
    layer = nn.Conv2d(3, 4, 3, padding=((2, 0), (1, 3)), dtype=float)
    plain = nn.Conv2d(3, 4, 3, dtype=float)
    plain.load_state_dict(layer.state_dict())
    np.testing.assert_allclose(
        layer(x).data, plain(np.pad(x, ((0, 0), (0, 0), (2, 0), (1, 3)))).data, rtol=1e-12, atol=1e-14
    )
    assert "padding=((2, 0), (1, 3))" in repr(layer)
    line = nn.Conv1d(3, 4, 3, padding=((2, 1),), dtype=float)
    assert line(x[..., 0]).shape == (2, 4, 6)


def test_every_layer_is_in_a_table():
    built = " ".join([*CALLED, *[text for text, _ in LOSSES]])
    others = {"Module", "Parameter", "ModuleList", "ModuleDict", "Residual", "Branches"}  # see test_nn_modules
    assert {name for name in nn.__all__ if f"{name}(" not in built} == others
