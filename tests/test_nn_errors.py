"""Errors of layers name the layer by its path, what it got and the remedy; nothing is half done."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import functional as F
from tinygrad_edu import nn
from tinygrad_edu.engine.axes import AxisError


class Net(nn.Module):
    """LeNet's shape: layer 3 of the features wants 6 channels."""

    def __init__(self):
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.MaxPool2d(2)
        )
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(400, 120))

    def forward(self, x):
        return self.classifier(self.features(x))


def images(*shape):
    return np.ones(shape, np.float32)


row = nn.Sequential


def without(net, path):
    """Return the net with the layer at path replaced by one that does nothing."""
    outer, _, name = path.rpartition(".")
    setattr(net.get_submodule(outer), name, nn.Identity())
    return net


CHANNELS = "features.3 (Conv2d): expected 6 channels, got 1 (x (2, 1, 14, 14), weight (16, 6, 5, 5))"
PATHS = [
    (lambda: without(Net(), "features.0")(images(2, 1, 28, 28)), [CHANNELS]),
    (lambda: Net()(images(2, 3, 28, 28)), ["features.0 (Conv2d): expected 1 channels, got 3"]),
    (lambda: Net()(images(2, 28, 28, 1)), ["features.0 (Conv2d): expected 1 channels, got 28", "(0, 3, 1, 2)"]),
    (lambda: Net()(images(2, 1, 20, 20)), ["classifier.1 (Linear): expected 400 features, got 144 (x (2, 144))"]),
    (lambda: Net()(images(2, 1, 8, 8)), ["features.3 (Conv2d): ", "kernel (5, 5)", "(4, 4)"]),
    (lambda: Net()(images(28, 28)), ["features.0 (Conv2d): x must be (batch, channels, height, width)", "(28, 28)"]),
    (lambda: without(Net(), "classifier.0")(images(2, 1, 28, 28)),
     ["classifier.1 (Linear): expected 400 features, got 5", "flatten x first, to (2, 400)"]),
    (lambda: nn.Conv2d(6, 16, 5)(images(2, 1, 9, 9)), ["Conv2d: expected 6 channels, got 1"]),
    (lambda: nn.Linear(3, 2)(np.ones((4, 5))), ["Linear: expected 3 features, got 5 (x (4, 5))", "(2, 3)"]),
    (lambda: nn.Linear(3, 2)(2.0), ["Linear: expected 3 features, got a number"]),
    (lambda: row(nn.BatchNorm2d(6))(images(2, 3, 4, 4)), ["0 (BatchNorm2d): expected 6 channels, got 3"]),
    (lambda: row(nn.BatchNorm2d(6))(images(2, 6)), ["0 (BatchNorm2d): x must be", "(2, 6)"]),
    (lambda: row(nn.BatchNorm1d(6))(images(1, 6)), ["0 (BatchNorm1d): x (1, 6) has a single value", "eval()"]),
    (lambda: row(nn.GroupNorm(2, 6))(images(2, 4)), ["0 (GroupNorm): expected (batch, 6 channels, ...)", "(2, 4)"]),
    (lambda: row(nn.LayerNorm(6))(images(2, 5)), ["0 (LayerNorm): expected 6 features, got 5 (x (2, 5))"]),
    (lambda: row(nn.LayerNorm((6, 4)))(images(4)), ["0 (LayerNorm): expected last axes (6, 4), got (4,)"]),
    (lambda: row(nn.MaxPool2d(3))(images(1, 1, 2, 2)), ["0 (MaxPool2d): ", "(3, 3)", "(2, 2)"]),
    (lambda: row(nn.ConvTranspose2d(3, 2, 2))(images(1, 1, 2, 2)),
     ["0 (ConvTranspose2d): expected 3 channels, got 1"]),
    (lambda: row(nn.Conv1d(3, 2, 2))(images(1, 2, 5)), ["0 (Conv1d): expected 3 channels, got 2"]),
    (lambda: row(nn.LocalResponseNorm(3))(images(3)), ["0 (LocalResponseNorm): ", "(3,)"]),
    (lambda: row(nn.Dropout2d())(images(3)), ["0 (Dropout2d): ", "(3,)"]),
    (lambda: row(nn.Flatten(3))(images(3, 4)), ["0 (Flatten): axis 3 does not exist"]),
    (lambda: row(nn.Flatten(1, 0))(images(3, 4)), ["0 (Flatten): axis 1 comes after axis 0"]),
    (lambda: row(nn.Softmax(2))(images(3, 4)), ["0 (Softmax): axis 2 does not exist"]),
    (lambda: nn.MSELoss()(images(3), images(4)), ["MSELoss: ", "(3,)", "(4,)"]),
    (lambda: nn.CrossEntropyLoss()(images(3, 2), np.zeros(4, int)), ["CrossEntropyLoss: ", "(3, 2)", "(4,)"]),
    (lambda: nn.BCELoss()(images(3), images(4)), ["BCELoss: ", "(3,)", "(4,)"]),
    (lambda: row(nn.Residual(nn.Conv2d(3, 5, 3, 2, 1)))(images(2, 3, 8, 8)),
     ["0 (Residual): the body gives (2, 5, 4, 4)", "x itself, (2, 3, 8, 8)", "such as Conv2d(3, 5, 1, stride=2)"]),
    (lambda: nn.Residual(nn.Conv2d(3, 1, 1))(images(2, 3, 8, 8)), ["Residual: ", "such as Conv2d(3, 1, 1)"]),
    (lambda: nn.Residual(nn.Conv2d(3, 3, 3))(images(2, 3, 8, 8)), ["Residual: ", "(2, 3, 6, 6)", "body padding"]),
    (lambda: nn.Residual(nn.Linear(3, 5))(images(2, 3)), ["Residual: the body gives (2, 5)", "give a shortcut"]),
    (lambda: nn.Residual(nn.Linear(3, 5), nn.Linear(3, 4))(images(2, 3)), ["(2, 5) but the shortcut (2, 4)", "equal"]),
    (lambda: row(nn.Branches(nn.Conv2d(3, 2, 1), nn.MaxPool2d(3, 1, 1), nn.Conv2d(3, 2, 3)))(images(1, 3, 5, 5)),
     ["0 (Branches): tower 2 (Conv2d) gives (1, 2, 3, 3)", "0 gives (1, 2, 5, 5)", "1 gives (1, 3, 5, 5)", "padding"]),
    (lambda: nn.Branches(nn.Flatten(0), nn.Flatten(0))(images(2)),
     ["Branches: tower 0 (Flatten) gives (2,); it needs a batch and channels"]),
]  # fmt: skip


@pytest.mark.parametrize(("call", "said"), PATHS, ids=[said[0][:40] for _, said in PATHS])
def test_a_layer_that_can_not_take_x_is_named_by_its_path(call, said):
    with pytest.raises(ValueError, match=r"^(\w[\w.]* \(\w+\)|\w+): ") as caught:
        call()
    message = str(caught.value)
    for part in said:
        assert part in message, message
    assert message.startswith(said[0]) or said[0].startswith("(")
    assert "\n" not in message


@pytest.mark.parametrize(("call", "error"), [
    (lambda: nn.Sequential(nn.Embedding(4, 2))([3, 4]), IndexError),
    (lambda: nn.Sequential(nn.Embedding(4, 2))([0.5]), TypeError),
    (lambda: nn.Sequential(nn.ReLU())("x"), TypeError),
    (lambda: nn.Sequential(nn.Softmax(2))(images(3, 4)), AxisError),
    (lambda: nn.Sequential(nn.Linear(2, 1))(np.ones((3, 5))), ValueError),
])  # fmt: skip
def test_the_kind_of_the_error_stays(call, error):
    with pytest.raises(error, match=r"^0 \(\w+\): ") as caught:
        call()
    assert type(caught.value) is error


class Own(nn.Module):
    """A user's module: it does what it is given."""

    def __init__(self, function, **held):
        self.function = function
        for name, value in held.items():
            setattr(self, name, value)

    def forward(self, x):
        return self.function(x)


def fail(error):
    raise error


OWN = [
    (lambda x: x @ np.ones((7, 2)), ValueError, "0 (Own): matmul: x has 4 columns but y has 7 rows"),
    (lambda x: x.data @ np.ones((7, 2)), ValueError, "0 (Own): matmul: "),
    (lambda x: F.conv2d(x, np.ones((1, 2, 1, 1))), ValueError, "0 (Own): conv2d: x must be"),
    (lambda x: F.linear(x, np.ones((2, 7))), ValueError, "0 (Own): linear: expected 7 features, got 4"),
    (lambda x: x.sum(axis=5), AxisError, "0 (Own): sum: axis 5 does not exist"),
    (lambda x: x[9], IndexError, "0 (Own): getitem: "),
    (lambda x: fail(ValueError("no: this won't do")), ValueError, "0 (Own): no: this won't do"),
    (lambda x, y: x, TypeError, "0 (Own): "),
]


@pytest.mark.parametrize(("function", "error", "said"), OWN, ids=[said for _, _, said in OWN])
def test_what_fails_in_a_users_module_names_it_and_the_op(function, error, said):
    with pytest.raises(error) as caught:
        nn.Sequential(Own(function))(tg.Tensor(np.ones((3, 4)), requires_grad=True))
    assert str(caught.value).startswith(said)
    assert str(caught.value).count("(Own)") == 1


class Private(ValueError):
    """A user's own error, with more in it than a sentence."""

    def __init__(self, code, text):
        super().__init__(code, text)


class Sentence(ValueError):
    """A user's own error that says one sentence."""


@pytest.mark.parametrize(
    "error",
    [Private(3, "x"), Sentence("x"), KeyError("x"), ValueError(), ValueError(1, 2), ValueError(7), RuntimeError("x"),
     UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x")],
    ids=repr,
)  # fmt: skip
def test_a_users_other_errors_pass_unchanged(error):
    args = error.args
    with pytest.raises(type(error)) as caught:
        nn.Sequential(Own(lambda x: fail(error)))(1)
    assert caught.value is error
    assert error.args == args


def test_a_typo_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'Own' object has no attribute 'cnov'"):
        print(Own(None).cnov)
    net = Own(lambda x: net.cnov(x))
    with pytest.raises(AttributeError, match=r"^'Own' object has no attribute 'cnov'"):
        net(1)


def test_modules_called_from_anywhere_are_found_by_the_path_they_have():
    net = Own(lambda x: net.parts.tail[1](x), parts=nn.ModuleDict({"tail": nn.Sequential(nn.ReLU(), nn.Linear(2, 1))}))
    with pytest.raises(ValueError, match=r"^parts\.tail\.1 \(Linear\): expected 2"):
        net(np.ones(5))
    loose = nn.Linear(2, 1)
    stray = nn.Sequential(Own(lambda x: loose(x)))
    with pytest.raises(ValueError, match=r"^0\.Linear \(Linear\): expected 2"):
        stray(np.ones(5))


def test_a_named_scope_is_told_behind():
    with tg.scope("encoder"), pytest.raises(ValueError, match=r"^Linear: expected 2 features.*\(in encoder\)$"):
        nn.Linear(2, 1)(np.ones(5))
    net = Own(lambda x: within(x))

    def within(x):
        with tg.scope("deep"):
            return x @ np.ones(7)

    with pytest.raises(ValueError, match=r"^Own: matmul: .*\(in deep\)$"):
        net(tg.Tensor(np.ones(5)))
    with pytest.raises(ValueError, match=r"^linear: expected 7 features, got 5 (?!.*\(in )"):
        F.linear(np.ones(5), np.ones((2, 7)))


def test_a_subclass_of_a_layer_goes_by_its_own_name():
    class Eyes(nn.Conv2d):
        pass

    with pytest.raises(ValueError, match=r"^0 \(Eyes\): expected 3 channels, got 1"):
        nn.Sequential(Eyes(3, 4, 1))(images(1, 1, 2, 2))


@pytest.mark.parametrize(
    "layer", [nn.Linear(3, 2), nn.Conv2d(3, 2, 1), nn.BatchNorm2d(3), nn.LayerNorm(3), nn.Residual(nn.Conv2d(2, 3, 1))],
    ids=lambda layer: type(layer).__name__,
)  # fmt: skip
def test_the_failed_layer_can_be_drawn(layer):
    import viz

    x = tg.Tensor(images(2, 2, 2, 2), requires_grad=True)
    with pytest.raises(ValueError, match=type(layer).__name__) as caught:
        layer(x * 1)
    assert caught.value.graph.message == str(caught.value)
    scope = caught.value.graph.scope
    assert layer in (scope.owner, scope.parent and scope.parent.owner)
    assert "digraph" in viz.draw(caught.value.graph).source


STATEFUL = [
    (lambda: nn.BatchNorm2d(3), images(2, 4, 2, 2)),
    (lambda: nn.BatchNorm2d(3), images(1, 3, 1, 1)),
    (lambda: nn.BatchNorm1d(3, momentum=None), images(1, 3)),
    (lambda: nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(4)), images(2, 3)),
]


@pytest.mark.parametrize(("make", "x"), STATEFUL, ids=range(len(STATEFUL)))
def test_a_failed_call_leaves_parameters_and_statistics(make, x):
    net = make()
    before, arrays = net.state_dict(), [p.data for p in net.parameters()]
    with pytest.raises(ValueError, match="BatchNorm"):
        net(x)
    for key, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[key])
    assert all(p.data is array for p, array in zip(net.parameters(), arrays))
    y = tg.Tensor(1.0, requires_grad=True) * 2
    assert next(tg.backward_steps(y)).scope is None


# Constructors

MADE = [
    (lambda: nn.Linear(-1, 2), ValueError, "Linear: in_features must be at least 0, got -1"),
    (lambda: nn.Linear(2, 2.5), TypeError, "Linear: out_features must be an integer, got 2.5"),
    (lambda: nn.Linear(2, True), TypeError, "Linear: out_features"),
    (lambda: nn.Linear(2, 2, dtype=int), TypeError, "Linear: parameters are floats, not int64"),
    (lambda: nn.Conv2d(0, 2, 3), ValueError, "Conv2d: in_channels must be at least 1, got 0"),
    (lambda: nn.Conv2d(3, "6", 3), TypeError, "Conv2d: out_channels must be an integer, got '6'"),
    (lambda: nn.Conv2d(3, 6, 0), ValueError, "Conv2d: kernel_size must be at least 1, got 0"),
    (lambda: nn.Conv2d(3, 6, (3, 3, 3)), ValueError, "Conv2d: kernel_size must be an integer or a pair"),
    (lambda: nn.Conv2d(3, 6, 3, 0), ValueError, "Conv2d: stride must be at least 1, got 0"),
    (lambda: nn.Conv2d(3, 6, 3, -1), ValueError, "Conv2d: stride must be at least 1, got -1"),
    (lambda: nn.Conv2d(3, 6, 3, 1.5), TypeError, "Conv2d: stride must be an integer, got 1.5"),
    (lambda: nn.Conv2d(3, 6, 3, padding=-1), ValueError, "Conv2d: padding must be at least 0, got -1"),
    (lambda: nn.Conv2d(3, 6, 3, padding="Same"), ValueError, "Conv2d: padding must be \"same\", \"valid\""),
    (lambda: nn.Conv2d(3, 6, 3, 2, "same"), ValueError, "padding=\"same\" needs stride 1, got (2, 2)"),
    (lambda: nn.Conv2d(3, 6, 3, padding=((1, 2), (1, 2, 3))), ValueError, "a pair (before, after) per axis"),
    (lambda: nn.Conv2d(3, 6, 3, padding=((1, -2), 1)), ValueError, "padding must be at least 0, got -2"),
    (lambda: nn.Conv2d(3, 6, 3, dilation=0), ValueError, "Conv2d: dilation must be at least 1"),
    (lambda: nn.Conv2d(3, 6, 3, groups=0), ValueError, "Conv2d: groups must be at least 1"),
    (lambda: nn.Conv2d(3, 6, 3, groups=2), ValueError, "Conv2d: in_channels 3 can't be shared evenly by 2 groups"),
    (lambda: nn.Conv2d(3, 5, 3, groups=3), ValueError, "Conv2d: out_channels 5 can't be shared evenly by 3 groups"),
    (lambda: nn.Conv2d(3, 6, 3, padding_mode="mirror"), ValueError, "'zeros', 'reflect', 'replicate', 'circular'"),
    (lambda: nn.Conv1d(3, 6, (3, 3)), ValueError, "Conv1d: kernel_size must be an integer"),
    (lambda: nn.ConvTranspose2d(3, 6, 3, padding="same"), ValueError, "ConvTranspose2d: padding must be an integer"),
    (lambda: nn.ConvTranspose2d(3, 6, 3, output_padding=1), ValueError, "output_padding (1, 1) must be smaller"),
    (lambda: nn.ConvTranspose2d(3, 6, 3, padding_mode="reflect"), ValueError, "must be one of 'zeros'"),
    (lambda: nn.MaxPool2d(0), ValueError, "MaxPool2d: kernel_size must be at least 1"),
    (lambda: nn.MaxPool2d(2, 0), ValueError, "MaxPool2d: stride must be at least 1"),
    (lambda: nn.MaxPool2d(2, padding=2), ValueError, "MaxPool2d: padding 2 must be at most half the kernel 2"),
    (lambda: nn.MaxPool2d(2, return_indices=True), ValueError, "return_indices"),
    (lambda: nn.AvgPool2d((2, 2, 2)), ValueError, "AvgPool2d: kernel_size"),
    (lambda: nn.AvgPool2d(2, divisor_override=0), ValueError, "divisor_override must not be 0"),
    (lambda: nn.AdaptiveAvgPool2d(-1), ValueError, "AdaptiveAvgPool2d: output_size must be at least 0"),
    (lambda: nn.AdaptiveAvgPool2d((1, 2, 3)), ValueError, "AdaptiveAvgPool2d: output_size"),
    (lambda: nn.BatchNorm2d(0), ValueError, "BatchNorm2d: num_features must be at least 1, got 0"),
    (lambda: nn.BatchNorm2d(3, -1.0), ValueError, "BatchNorm2d: eps must not be negative"),
    (lambda: nn.BatchNorm2d(3, momentum=1.5), ValueError, "BatchNorm2d: momentum must be from 0 to 1"),
    (lambda: nn.LayerNorm(()), ValueError, "LayerNorm: normalized_shape must have one axis at least"),
    (lambda: nn.LayerNorm(2.0), TypeError, "LayerNorm: normalized_shape must be an integer"),
    (lambda: nn.GroupNorm(2, 5), ValueError, "GroupNorm: 5 channels do not make 2 equal groups"),
    (lambda: nn.LocalResponseNorm(0), ValueError, "LocalResponseNorm: size must be at least 1"),
    (lambda: nn.Dropout(1.5), ValueError, "Dropout: p must be from 0 to 1, got 1.5"),
    (lambda: nn.Dropout2d(-0.1), ValueError, "Dropout2d: p must be from 0 to 1"),
    (lambda: nn.Embedding(3, 2, 3), ValueError, "Embedding: padding_idx 3 is beyond the 3 rows"),
    (lambda: nn.Embedding(3, 2, -4), ValueError, "Embedding: padding_idx must be at least -3"),
    (lambda: nn.Embedding(3.0, 2), TypeError, "Embedding: num_embeddings must be an integer"),
    (lambda: nn.Softmax(None), TypeError, "Softmax: dim must be an axis, -1 for (batch, classes), got None"),
    (lambda: nn.LogSoftmax("x"), TypeError, "LogSoftmax: dim"),
    (lambda: nn.GELU("exact"), ValueError, "GELU: approximate must be"),
    (lambda: nn.Softplus(0), ValueError, "Softplus: beta must be positive"),
    (lambda: nn.MSELoss("avg"), ValueError, "MSELoss: reduction must be \"mean\", \"sum\" or \"none\", got 'avg'"),
    (lambda: nn.HuberLoss(delta=0), ValueError, "HuberLoss: delta must be above 0, got 0"),
    (lambda: nn.SmoothL1Loss(beta=-1), ValueError, "SmoothL1Loss: beta must not be negative"),
    (lambda: nn.KLDivLoss("avg"), ValueError, "KLDivLoss: reduction"),
    (lambda: nn.KLDivLoss(log_target=2), TypeError, "KLDivLoss: log_target must be True or False"),
    (lambda: nn.CrossEntropyLoss(reduction=None), ValueError, "CrossEntropyLoss: reduction"),
    (lambda: nn.CrossEntropyLoss(label_smoothing=2), ValueError, "CrossEntropyLoss: label_smoothing"),
    (lambda: nn.Linear(2**40, 3), ValueError, "Linear: in_features must be at most 2147483647"),
    (lambda: nn.Linear(2, 3, dtype="same"), TypeError, "Linear: dtype must be one of NumPy's"),
    (lambda: nn.Linear(2, 3, rng="x"), TypeError, "rng: wanted a seed (0, 1, 2, ...) or a NumPy Generator, got 'x'"),
    (lambda: nn.BatchNorm2d(3, None), TypeError, "BatchNorm2d: eps must be a number, got None"),
    (lambda: nn.BatchNorm2d(3, momentum="x"), TypeError, "BatchNorm2d: momentum must be a number, got 'x'"),
    (lambda: nn.LayerNorm(3, "x"), TypeError, "LayerNorm: eps must be a number, got 'x'"),
    (lambda: nn.LocalResponseNorm(3, None), TypeError, "LocalResponseNorm: alpha must be a number, got None"),
    (lambda: nn.Dropout(None), TypeError, "Dropout: p must be a number, got None"),
    (lambda: nn.ELU("x"), TypeError, "ELU: alpha must be a number, got 'x'"),
    (lambda: nn.LeakyReLU(None), TypeError, "LeakyReLU: negative_slope must be a number, got None"),
    (lambda: nn.Sequential().get_submodule(0), TypeError, "get_submodule: the path must be a string"),
    (lambda: nn.Linear(2, 3, "no"), TypeError, "Linear: bias must be True or False, got 'no'"),
    (lambda: nn.Conv2d(3, 6, 3, bias=np.zeros(6)), TypeError, "Conv2d: bias must be True or False, got ndarray of sha"),
    (lambda: nn.Conv1d(3, 6, 3, bias=None), TypeError, "Conv1d: bias must be True or False, got None"),
    (lambda: nn.BatchNorm2d(3, affine="no"), TypeError, "BatchNorm2d: affine must be True or False"),
    (lambda: nn.BatchNorm2d(3, track_running_stats=2), TypeError, "BatchNorm2d: track_running_stats must be True or"),
    (lambda: nn.BatchNorm1d(3, affine=False, bias="x"), TypeError, "BatchNorm1d: bias must be True or False"),
    (lambda: nn.LayerNorm(3, elementwise_affine="x"), TypeError, "LayerNorm: elementwise_affine must be True or"),
    (lambda: nn.LayerNorm(3, bias="x"), TypeError, "LayerNorm: bias must be True or False"),
    (lambda: nn.MaxPool2d(2, return_indices="x"), TypeError, "MaxPool2d: return_indices must be True or False"),
    (lambda: nn.MaxPool2d(2, ceil_mode="x"), TypeError, "MaxPool2d: ceil_mode must be True or False"),
    (lambda: nn.AvgPool2d(2, count_include_pad="x"), TypeError, "AvgPool2d: count_include_pad must be True or"),
    (lambda: nn.ReLU("x"), TypeError, "ReLU: inplace must be True or False"),
    (lambda: nn.Dropout(0.5, "x"), TypeError, "Dropout: inplace must be True or False"),
    (lambda: list(nn.Linear(2, 3).parameters("x")), TypeError, "named_parameters: recurse must be True or False"),
    (lambda: list(nn.Linear(2, 3).buffers("x")), TypeError, "named_buffers: recurse must be True or False"),
    (lambda: nn.Linear(2, 3).requires_grad_("no"), TypeError, "requires_grad_: requires_grad must be True or False"),
    (lambda: nn.Linear(2, 3).load_state_dict({}, "no"), TypeError, "load_state_dict: strict must be True or False"),
    (lambda: nn.Module().register_buffer("x", 1.0, "no"), TypeError, "register_buffer: persistent must be True or"),
    (lambda: nn.ModuleList(None), TypeError, "ModuleList: wanted a list of modules, got None"),
    (lambda: nn.ModuleList().extend(None), TypeError, "ModuleList: wanted a list of modules, got None"),
    (lambda: nn.Sequential().extend(3), TypeError, "Sequential: wanted a list of modules, got 3"),
    (lambda: nn.ModuleDict(None), TypeError, "ModuleDict: wanted a dict of modules, or pairs (name, module), got None"),
    (lambda: nn.ModuleDict([1]), TypeError, "ModuleDict: wanted a dict of modules, or pairs (name, module), got [1]"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "error", "said"), MADE, ids=[said for _, _, said in MADE])
def test_a_layer_that_can_not_be_is_refused_when_it_is_made(make, error, said):
    with pytest.raises(error) as caught:
        make()
    assert said in str(caught.value)


@pytest.mark.parametrize("yes", [True, np.True_, 1, np.int64(1)], ids=repr)
def test_flags_may_be_numpys_bools_or_0_and_1(yes):
    no = type(yes)(0)
    assert nn.Linear(2, 3, yes).bias is not None
    assert nn.Linear(2, 3, no).bias is None
    assert nn.MaxPool2d(2, ceil_mode=yes).ceil_mode is True
    x = np.ones((1, 1, 3, 3))
    assert F.max_pool2d(x, 2, ceil_mode=yes).shape == (1, 1, 2, 2)
    assert F.dropout(x, 1.0, no).sum() == 9
    assert F.dropout(x, 1.0, yes).sum() == 0


@pytest.mark.parametrize("make", [lambda: nn.Dropout(), lambda: nn.Dropout2d(), lambda: nn.BatchNorm2d(1)])
def test_a_layer_whose_training_is_no_bool_computes_nothing(make):
    layer = make()
    layer.training = "eval"
    before = layer.state_dict()
    with pytest.raises(TypeError, match=r"^0 \(\w+\): training must be True or False, got 'eval'"):
        nn.Sequential(layer)(images(1, 1, 3, 3))
    for key, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, before[key])
