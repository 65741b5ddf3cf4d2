"""Hooks around a module's call; modules in a row, a list, a dict, around a shortcut, side by side."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn

# Hooks


def test_a_forward_hook_sees_and_may_replace_the_output():
    layer, heard = nn.Linear(2, 1), []
    see = layer.register_forward_hook(lambda module, args, output: heard.append((module, args, output)))
    x = tg.Tensor([1.0, 2.0])
    y = layer(x)
    assert heard == [(layer, (x,), y)]
    twice = layer.register_forward_hook(lambda module, args, output: output * 2)
    np.testing.assert_array_equal(layer(x).data, 2 * y.data)
    assert len(heard) == 2
    twice.remove()
    twice.remove()
    see.remove()
    np.testing.assert_array_equal(layer(x).data, y.data)
    assert len(heard) == 2


def test_a_forward_pre_hook_may_replace_the_arguments():
    layer = nn.Identity()
    with layer.register_forward_pre_hook(lambda module, args: args[0] + 1):
        assert layer(tg.Tensor(2.0)).item() == 3
        with layer.register_forward_pre_hook(lambda module, args: (args[0] * 10,)):
            assert layer(tg.Tensor(2.0)).item() == 30
    assert layer(tg.Tensor(2.0)).item() == 2


@pytest.mark.oracle
def test_hooks_are_called_in_pytorchs_order():
    torch = pytest.importorskip("torch")
    heard = {}
    for library in (torch.nn, nn):
        names = heard[library] = []
        net = library.Sequential(library.Identity(), library.Identity())
        for i, module in enumerate(net.modules()):
            for n in "ab":
                module.register_forward_hook(lambda m, a, o, k=f"{i}{n}", names=names: names.append(("after", k)))
                module.register_forward_pre_hook(lambda m, a, k=f"{i}{n}", names=names: names.append(("before", k)))
        net(torch.ones(1))
    assert heard[nn] == heard[torch.nn]
    assert len(heard[nn]) == 12


def test_what_a_hook_computes_lies_in_the_layers_scope():
    net = nn.Sequential(nn.Linear(2, 1))
    net[0].register_forward_hook(lambda module, args, output: output.sum())
    assert next(tg.backward_steps(net(np.ones((3, 2))))).scope.path == "Sequential.0"


def test_a_hook_that_fails_leaves_no_scope_behind():
    net = nn.Sequential(nn.ReLU())
    net[0].register_forward_hook(lambda module, args, output: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        net(np.ones(2))
    y = tg.Tensor(1.0, requires_grad=True) * 2
    assert next(tg.backward_steps(y)).scope is None


# Containers


@pytest.mark.oracle
@pytest.mark.parametrize(
    "change",
    [
        lambda m, nn: m.append(nn.Tanh()),
        lambda m, nn: m.extend([nn.Tanh(), nn.Linear(1, 1)]),
        lambda m, nn: m.insert(1, nn.Linear(2, 2)),
        lambda m, nn: m.__setitem__(-1, nn.Linear(2, 2)),
        lambda m, nn: m.__delitem__(0),
        lambda m, nn: m.__delitem__(slice(0, 2)),
        lambda m, nn: [m.append(m[0])],
    ],
    ids=["append", "extend", "insert", "set", "delete", "delete a slice", "twice the same"],
)
@pytest.mark.parametrize("kind", ["Sequential", "ModuleList"])
def test_a_row_changes_as_pytorchs(kind, change):
    torch = pytest.importorskip("torch")
    said = []
    for library in (torch.nn, nn):
        parts = [library.Linear(2, 2), library.ReLU(), library.Linear(2, 1)]
        row = library.Sequential(*parts) if kind == "Sequential" else library.ModuleList(parts)
        change(row, library)
        said.append((repr(row), list(row.state_dict()), len(row), [type(part).__name__ for part in row]))
    assert said[0] == said[1]


@pytest.mark.oracle
@pytest.mark.parametrize("index", [slice(1, None), slice(None, -1), slice(None, None, 2), 0, -1])
@pytest.mark.parametrize("kind", ["Sequential", "ModuleList"])
def test_a_row_is_indexed_as_pytorchs(kind, index):
    torch = pytest.importorskip("torch")
    found = []
    for library in (torch.nn, nn):
        parts = [library.Linear(2, 2), library.ReLU(), library.Linear(2, 1)]
        row = library.Sequential(*parts) if kind == "Sequential" else library.ModuleList(parts)
        found.append((repr(row[index]), list(row[index].state_dict())))
    assert found[0] == found[1]


def test_a_slice_shares_its_modules_and_can_grow():
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    tail = net[1:]
    assert tail[1] is net[2]
    tail.append(nn.Tanh())
    assert [name for name, _ in tail.named_children()] == ["1", "2", "3"]
    assert len(net) == 3


def test_the_same_module_twice_runs_twice_and_is_one_child():
    double = nn.Module()
    double.forward = lambda x: 2 * x
    net = nn.Sequential(double, double)
    assert net(3) == 12
    assert len(net) == 2
    assert len(list(net.children())) == 1


def test_a_module_list_holds_and_computes_nothing():
    modules = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    assert len(list(modules.parameters())) == 6
    assert modules[1] in modules
    with pytest.raises(NotImplementedError, match="ModuleList"):
        modules(1)


def test_a_module_dict_is_a_dict():
    modules = nn.ModuleDict({"relu": nn.ReLU(), "line": nn.Linear(2, 1)})
    modules["tanh"] = nn.Tanh()
    assert list(modules) == list(modules.keys()) == ["relu", "line", "tanh"]
    assert [type(m).__name__ for m in modules.values()] == ["ReLU", "Linear", "Tanh"]
    assert "line" in modules
    del modules["line"]
    assert [name for name, _ in modules.items()] == ["relu", "tanh"]
    assert len(modules) == 2
    assert list(modules.parameters()) == []


def test_a_list_that_can_not_be_extended_stays_as_it_was():
    modules = nn.ModuleList([nn.ReLU()])
    with pytest.raises(TypeError, match="entry 2"):
        modules.extend([nn.Tanh(), "tanh"])
    assert len(modules) == 1


# Blocks


def test_a_residual_block_adds_and_nothing_follows(rng):
    body, shortcut = nn.Conv2d(3, 5, 3, 2, 1, dtype=float), nn.Conv2d(3, 5, 1, 2, dtype=float)
    x = rng.standard_normal((2, 3, 6, 6))
    y = nn.Residual(body, shortcut)(x)
    np.testing.assert_array_equal(y.data, body(x).data + shortcut(x).data)
    assert (y.data < 0).any()
    np.testing.assert_array_equal(nn.Residual(nn.Tanh())(x).data, np.tanh(x) + x)
    assert list(nn.Residual(body, shortcut).state_dict()) == [
        "body.weight", "body.bias", "shortcut.weight", "shortcut.bias",
    ]  # fmt: skip
    assert repr(nn.Residual(nn.Tanh())) == "Residual(\n  (body): Tanh()\n)"


def test_branches_are_concatenated_over_channels_in_order(rng):
    towers = nn.Conv2d(3, 5, 1, dtype=float), nn.Conv2d(3, 2, 3, padding=1, dtype=float), nn.MaxPool2d(3, 1, 1)
    x = rng.standard_normal((2, 3, 6, 6))
    block = nn.Branches(*towers)
    np.testing.assert_array_equal(block(x).data, np.concatenate([tower(x).data for tower in towers], axis=1))
    assert list(block.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert block(x).shape == (2, 10, 6, 6)
