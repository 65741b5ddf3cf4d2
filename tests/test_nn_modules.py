"""Modules: what they hold and in which order, state dicts, switches, copies, repr."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections import OrderedDict

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn


def build(nn, numbers):
    """Return a net with everything that can be awkward, made by either library: ``numbers(n)`` is a Tensor of it."""

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(2, 3, 1)
            self.scale = nn.Parameter(numbers(3))
            self.norm = nn.BatchNorm2d(3)
            self.register_buffer("seen", numbers(2))
            self.register_buffer("scratch", numbers(4), persistent=False)
            self.shift = nn.Parameter(numbers(3))
            self.last = numbers(5)  # no buffer: nobody registered it
            self.register_buffer("later", None)
            self.register_buffer("same", self.seen)
            self.register_parameter("none", None)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([Block(), nn.ReLU()])
            self.again = self.blocks[0]
            self.features = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), self.blocks[0].conv)
            self.features[1].weight = self.features[0].weight
            self.heads = nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.Identity()})
            self.free = nn.Parameter(numbers(1))

    return Net()


def tensor(n):
    return tg.Tensor(np.arange(n, dtype=np.float32))


@pytest.fixture
def pair():
    torch = pytest.importorskip("torch")
    return build(torch.nn, lambda n: torch.arange(n, dtype=torch.float32)), build(nn, tensor)


QUESTIONS = [
    "parameters", "named_parameters", "buffers", "named_buffers", "children", "named_children", "modules",
    "named_modules", "state_dict",
]  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("question", QUESTIONS)
def test_what_a_module_holds_comes_in_pytorchs_order_and_as_often(pair, question):
    theirs, ours = [[about(entry) for entry in listed(getattr(net, question)())] for net in pair]
    assert ours == theirs
    assert len(ours) > 3


def listed(found):
    return list(found.items() if isinstance(found, dict) else found)


def about(entry):
    """Return path and shape or class, the same for both libraries."""
    if isinstance(entry, tuple):
        return entry[0], about(entry[1])
    return tuple(entry.shape) if hasattr(entry, "shape") else type(entry).__name__


@pytest.mark.oracle
def test_a_state_dict_goes_to_pytorch_and_back(pair):
    import torch

    theirs, ours = pair
    given = {key: value.numpy() for key, value in theirs.state_dict().items()}
    assert ours.load_state_dict(given) == ([], [])
    assert ours.features[0].weight is ours.features[1].weight
    for key, value in ours.state_dict().items():
        np.testing.assert_array_equal(value, given[key])
        assert value.dtype == given[key].dtype
    changed = {key: value + 1 for key, value in ours.state_dict().items()}
    theirs.load_state_dict({key: torch.as_tensor(value) for key, value in changed.items()})
    for key, value in theirs.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), changed[key])


@pytest.mark.oracle
def test_the_tree_is_written_as_pytorch_writes_it(pair):
    theirs, ours = pair
    assert repr(ours) == repr(theirs)


def test_the_tree():
    net = nn.Sequential(OrderedDict(a=nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Tanh()]), b=nn.Linear(2, 1)))
    assert repr(net).splitlines() == [
        "Sequential(",
        "  (a): ModuleList(",
        "    (0-1): 2 x ReLU()",
        "    (2): Tanh()",
        "  )",
        "  (b): Linear(in_features=2, out_features=1, bias=True)",
        ")",
    ]


@pytest.mark.oracle
def test_functions_are_applied_in_pytorchs_order(pair):
    heard = []
    for net in pair:
        names = []
        net.apply(lambda module, names=names: names.append(type(module).__name__))
        heard.append(names)
    assert heard[0] == heard[1]


# State dicts


def test_a_state_dict_is_a_copy_and_loading_copies():
    layer = nn.Linear(2, 3)
    state = layer.state_dict()
    state["weight"][:] = 7
    assert (layer.weight.data != 7).all()
    layer.load_state_dict(state)
    state["weight"][:] = 8
    assert (layer.weight.data == 7).all()


def test_loading_keeps_the_parameters_themselves_and_their_dtype():
    layer = nn.Linear(2, 3)
    weight = layer.weight
    layer.load_state_dict({"weight": np.ones((3, 2)), "bias": [1, 2, 3]})
    assert layer.weight is weight
    assert weight.dtype == layer.bias.dtype == np.float32
    np.testing.assert_array_equal(layer.bias.data, [1, 2, 3])


def test_loading_reports_every_problem_at_once_and_changes_nothing():
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    before = net.state_dict()
    state = {key: value + 1 for key, value in before.items()}
    del state["0.bias"], state["1.num_batches_tracked"]
    state.update({"2.weight": np.ones((3, 1)), "9.weight": np.ones(1), "1.running_mean": np.array(["a", "b", "c"])})
    with pytest.raises(ValueError, match="load_state_dict into Sequential") as caught:
        net.load_state_dict(state)
    for said in ("0.bias: missing", "1.num_batches_tracked: missing", "2.weight: shape (3, 1), wanted (1, 3)",
                 "9.weight: unexpected", "1.running_mean: dtype <U1, wanted float32"):  # fmt: skip
        assert said in str(caught.value)
    with pytest.raises(ValueError, match=r"2\.weight") as caught:
        net.load_state_dict(state, strict=False)
    assert "missing" not in str(caught.value)
    for key, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[key])


def test_without_strict_what_fits_is_loaded_and_the_rest_returned():
    layer = nn.Linear(2, 1)
    bias = layer.bias.data
    found = layer.load_state_dict({"weight": [[5.0, 6.0]], "more": 1.0}, strict=False)
    assert found.missing_keys == ["bias"]
    assert found.unexpected_keys == ["more"]
    np.testing.assert_array_equal(layer.weight.data, [[5, 6]])
    assert layer.bias.data is bias


def test_a_state_of_tensors_is_taken_and_what_is_no_dict_refused():
    layer = nn.Linear(2, 1)
    layer.load_state_dict(dict(nn.Linear(2, 1, rng=3).named_parameters()))
    np.testing.assert_array_equal(layer.weight.data, nn.Linear(2, 1, rng=3).weight.data)
    with pytest.raises(TypeError, match="load_state_dict: wanted a dict"):
        layer.load_state_dict([1, 2])


# What is found, and what can't be


def test_a_module_needs_no_init():
    class Scale(nn.Module):
        def __init__(self):
            self.factor = nn.Parameter(2.0)

        def forward(self, x):
            return x * self.factor

    class Empty(nn.Module):
        def forward(self, x):
            return x

    assert Scale()(tg.Tensor(3.0)).item() == 6
    assert [name for name, _ in Scale().named_parameters()] == ["factor"]
    assert Empty()(3) == 3
    assert repr(Empty()) == "Empty()"
    assert Empty().training


HIDDEN = [
    (lambda: [nn.Linear(2, 2), nn.ReLU()], "plain list", "nn.ModuleList(parts)"),
    (lambda: (nn.Linear(2, 2),), "plain tuple", "nn.ModuleList(parts)"),
    (lambda: {"a": nn.Linear(2, 2)}, "plain dict", "nn.ModuleDict(parts)"),
    (lambda: [1, [nn.Linear(2, 2)]], "plain list", "nn.ModuleList(parts)"),
    (lambda: [nn.Parameter(1.0)], "plain list", "attributes of their own"),
]


@pytest.mark.parametrize(("make", "kind", "remedy"), HIDDEN, ids=[kind for _, kind, _ in HIDDEN])
@pytest.mark.parametrize("ask", ["parameters", "named_parameters", "state_dict"])
def test_modules_in_a_plain_container_are_an_error_that_says_what_to_use(make, kind, remedy, ask):
    net = nn.Module()
    net.inner = nn.Module()
    net.inner.parts = make()
    with pytest.raises(TypeError) as caught:
        list(getattr(net, ask)())
    for said in ("inner.parts", kind, "parameters()", remedy):
        assert said in str(caught.value)
    with pytest.raises(TypeError, match=r"inner\.parts"):
        net.load_state_dict({})


def test_a_plain_list_may_repeat_what_is_held_elsewhere():
    net = nn.Module()
    net.a = nn.Linear(2, 2)
    net.order = [net.a, net.a, {"again": net.a.weight}]
    net.order.append(net.order)
    assert len(list(net.parameters())) == 2


def test_a_parameter_stays_one():
    layer = nn.Linear(2, 1)
    for value in (layer.weight - 0.1, np.ones((1, 2)), 3):
        with pytest.raises(TypeError, match=r"Linear\.weight is a parameter.*\.weight\.data = "):
            layer.weight = value
    layer.weight = nn.Parameter(np.zeros((1, 2)))
    layer.bias = None
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    assert layer(np.ones(2)).data == 0


def test_a_buffer_stays_one_when_it_is_replaced():
    layer = nn.BatchNorm1d(2)
    layer.running_mean = layer.running_mean + 1
    assert list(layer.state_dict()) == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    with pytest.raises(TypeError, match=r"running_mean is a buffer.*ndarray"):
        layer.running_mean = np.zeros(2)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda m: m.register_buffer("weight", [1.0]), ValueError, "has an attribute 'weight'"),
        (lambda m: m.register_buffer("a.b", [1.0]), ValueError, "dots"),
        (lambda m: m.register_buffer("", [1.0]), ValueError, "empty"),
        (lambda m: m.register_parameter("w", tg.Tensor(1.0)), TypeError, "must be a Parameter, got Tensor"),
        (lambda m: m.add_module("forward", nn.ReLU()), ValueError, "'forward'"),
        (lambda m: m.add_module("a.b", nn.ReLU()), ValueError, "'a.b'"),
        (lambda m: m.add_module(1, nn.ReLU()), TypeError, "must be a string"),
        (lambda m: m.get_submodule("a.b"), AttributeError, "no module 'a' in Linear"),
        (lambda m: m.wieght, AttributeError, "wieght"),
        (lambda m: m.astype(int), TypeError, "floats, not int64"),
        (lambda m: m.train("yes"), TypeError, "True or False"),
        (lambda m: m.register_forward_hook(3), TypeError, "wanted a function"),
        (lambda m: nn.Sequential(m, nn.ReLU), TypeError, "entry 1 is the class ReLU.*ReLU()"),
        (lambda m: nn.Sequential([m]), TypeError, "entry 0 is no Module but list"),
        (lambda m: nn.Sequential({"a.b": m}), ValueError, "'a.b'"),
        (lambda m: nn.ModuleList(m), TypeError, "append takes one"),
        (lambda m: nn.ModuleList([m, 3]), TypeError, "entry 1 is no Module but int"),
        (lambda m: nn.ModuleList([m])[1], IndexError, "no entry 1; it holds 1"),
        (lambda m: nn.Sequential(m)["0"], TypeError, "by number or slice"),
        (lambda m: nn.ModuleDict({"keys": m}), ValueError, "'keys'"),
        (lambda m: nn.ModuleDict({"a": m})["b"], KeyError, "no module 'b'; there are a"),
        (lambda m: nn.Residual(3), TypeError, "body is no Module but int"),
        (lambda m: nn.Residual(m, 3), TypeError, "shortcut is no Module but int"),
        (lambda m: nn.Branches(), ValueError, "at least one tower"),
        (lambda m: nn.Branches(m, 3), TypeError, "entry 1 is no Module"),
    ],
    ids=range(25),
)
def test_what_a_module_can_not_hold_is_explained(call, error, said):
    layer = nn.Linear(2, 1)
    before = dict(vars(layer))
    with pytest.raises(error, match=said):
        call(layer)
    assert vars(layer) == before


def test_modules_are_found_by_path():
    net = nn.Sequential(nn.Sequential(nn.ReLU(), nn.Linear(2, 1)), nn.Tanh())
    assert net.get_submodule("") is net
    assert net.get_submodule("0.1") is net[0][1]
    assert dict(net.named_modules("net"))["net.0.1"] is net[0][1]
    assert [name for name, _ in net.named_parameters("net")] == ["net.0.1.weight", "net.0.1.bias"]
    assert list(net.named_parameters(recurse=False)) == []
    with pytest.raises(AttributeError, match="no module '7' in Sequential; there are 0, 1"):
        net.get_submodule("0.7")


# Switches


def test_train_and_eval_reach_everything_and_what_a_module_makes_of_it():
    class Frozen(nn.Module):
        def __init__(self):
            self.norm = nn.BatchNorm1d(2)

        def train(self, mode=True):
            super().train(mode)
            self.norm.eval()
            return self

    net = nn.Sequential(Frozen(), nn.Dropout())
    assert net.eval() is net
    assert not any(module.training for module in net.modules())
    net.train()
    assert [module.training for module in net.modules()] == [True, True, False, True]


def test_freezing_and_thawing():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    assert net[0].requires_grad_(False) is net[0]
    assert [p.requires_grad for p in net.parameters()] == [False, False, True, True]
    net(np.ones(2)).sum().backward()
    assert [p.grad is None for p in net.parameters()] == [True, True, False, False]
    net.requires_grad_()
    assert all(p.requires_grad for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_conversion_reaches_gradients_and_float_buffers_and_keeps_the_parameters():
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    net(np.eye(2, dtype=np.float32)).sum().backward()
    parameters = list(net.parameters())
    assert net.double() is net
    assert [p.dtype for p in net.parameters()] == [p.grad.dtype for p in net.parameters()] == [np.float64] * 4
    assert [b.dtype for b in net.buffers()] == [np.float64, np.float64, np.int64]
    assert all(a is b for a, b in zip(net.parameters(), parameters))
    assert net(np.eye(2)).dtype == np.float64
    assert {p.dtype for p in net.float().parameters()} == {np.dtype(np.float32)}
    assert {p.dtype for p in net.astype("float16").parameters()} == {np.dtype(np.float16)}


# Copies


def test_a_deep_copy_is_independent_and_shares_what_was_shared():
    net = build(nn, tensor)
    net.blocks[0].norm(np.ones((2, 3, 2, 2), np.float32)).sum().backward()
    heard = []
    net.register_forward_hook(lambda *args: heard.append(1))
    twin = copy.deepcopy(net)
    assert repr(twin) == repr(net)
    assert list(twin.state_dict()) == list(net.state_dict())
    assert twin.again is twin.blocks[0]
    assert twin.features[0].weight is twin.features[1].weight
    assert not {id(p) for p in twin.parameters()} & {id(p) for p in net.parameters()}
    before = net.state_dict()
    twin.load_state_dict({key: value + 1 for key, value in before.items()})
    twin.eval()
    for key, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[key])
    assert net.training
    assert twin.blocks[0].norm.bias.grad is not net.blocks[0].norm.bias.grad
    np.testing.assert_array_equal(twin.blocks[0].norm.bias.grad.data, 8)


def test_a_module_survives_pickle():
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Dropout(rng=0))
    twin = pickle.loads(pickle.dumps(net))
    assert list(twin.state_dict()) == list(net.state_dict())
    np.testing.assert_array_equal(twin[0].weight.data, net[0].weight.data)


def test_a_module_is_freed_at_once():
    gc.collect()
    gc.disable()
    try:
        net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        net.register_forward_hook(lambda *args: None)
        loss = net(np.ones((2, 2))).sum()
        loss.backward()
        dead = weakref.ref(net[0])
        del net, loss
        assert dead() is None
    finally:
        gc.enable()
