"""The bug zoo: each bug is put into a copy, is seen in its picture and found by ``check_graph``; nothing is touched."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
import viz
from tinygrad_edu import functional as F
from tinygrad_edu import nn
from tinygrad_edu.models import example
from viz import bugs


def leaf(rng, name, *shape, needs=True):
    return tg.Tensor(rng.standard_normal(shape), requires_grad=needs, name=name)


def two_layer_net(rng):
    return example("two_layer_net")[0]


def conv_and_bias(rng):
    x, w, b = leaf(rng, "x", 2, 1, 4, 4), leaf(rng, "w", 2, 1, 3, 3), leaf(rng, "b", 2)
    return (F.conv2d(x, w, b).relu() ** 2).mean()


def softmax_cross_entropy(rng):
    x, w, b = leaf(rng, "x", 3, 5, needs=False), leaf(rng, "W", 5, 4), leaf(rng, "b", 4)
    return F.cross_entropy(x @ w + b, np.array([0, 1, 2]))


def residual(rng):
    block = nn.Residual(nn.Sequential(nn.Linear(4, 4, dtype=np.float64), nn.ReLU()))
    for parameter in block.parameters():
        parameter.data = rng.standard_normal(parameter.shape)
    return (block(leaf(rng, "x", 4, 4)) ** 2).mean()


def scalars(rng):
    a, b = leaf(rng, "a"), leaf(rng, "b")
    return tg.tanh(a * b + a) ** 2


def squares(rng):
    a, b, c = (leaf(rng, name, 3, 3) for name in "ABC")
    return (tg.maximum(tg.softmax(a @ b, axis=1), c) - tg.sum(a * c, axis=0)).max(axis=1).sum()


GRAPHS = [two_layer_net, conv_and_bias, softmax_cross_entropy, residual, scalars, squares]


def fitting():
    return [(graph, name) for graph in GRAPHS for name in bugs.fitting(graph(np.random.default_rng(1234)))]


@pytest.mark.parametrize(("graph", "name"), fitting(), ids=lambda part: getattr(part, "__name__", part))
def test_check_graph_finds_a_bug_wherever_it_fits_and_names_op_and_bug(graph, name, rng):
    loss = graph(rng)
    assert tg.check_graph(loss)
    for call in bugs.fitting(loss)[name]:
        wrong = bugs.inject(loss, name, call)
        with pytest.raises(tg.GradcheckError) as caught:
            tg.check_graph(wrong)
        op = call.split(" ")[0]
        assert str(caught.value).startswith(f"check_graph: {op}"), call
        assert f"_{name} of input" in str(caught.value)


def test_every_bug_fits_one_of_the_graphs():
    assert {name for _, name in fitting()} == set(bugs.names())


@pytest.mark.parametrize(("graph", "name"), fitting(), ids=lambda part: getattr(part, "__name__", part))
def test_the_forward_pass_and_its_picture_are_the_same(graph, name, rng):
    loss = graph(rng)
    right, wrong = tg.graph(loss), tg.graph(bugs.inject(loss, name))
    assert [call.formula for call in wrong.calls] == [call.formula for call in right.calls]
    assert [value.data for value in wrong.values] == [value.data for value in right.values]
    assert [value.name for value in wrong.values] == [value.name for value in right.values]
    assert wrong.scopes == right.scopes or [r.path for r in wrong.scopes] == [r.path for r in right.scopes]


def said(turn):
    """The formulas of a step, with names and, as of a broadcast the name alone says little, with shapes."""
    return turn.formulas, [detail and detail.shapes for detail in turn.details]


@pytest.mark.parametrize(("graph", "name"), fitting(), ids=lambda part: getattr(part, "__name__", part))
def test_a_wrong_formula_and_wrong_numbers_are_seen(graph, name, rng):
    loss = graph(rng)
    right, wrong = tg.graph(loss, details=True), tg.graph(bugs.inject(loss, name), details=True)
    differing = [(a, b) for a, b in zip(right.steps, wrong.steps) if said(a) != said(b)]
    changed = [(a, b) for a, b in zip(right.steps, wrong.steps) if a.contributions != b.contributions]
    assert differing
    assert changed
    assert differing[0][1].call == changed[0][1].call
    assert viz.draw(bugs.inject(loss, name), show=("value", "grad", "formula"), backward=True).source


def test_nothing_of_the_graph_that_was_given_is_touched():
    loss, leaves = example("two_layer_net")
    before = tg.graph(loss)
    kept = {name: np.array(x.data) for name, x in leaves.items()}
    wrong = bugs.inject(loss, "forgot_chain_rule")
    with pytest.raises(tg.GradcheckError):
        tg.check_graph(wrong)
    viz.draw(wrong)
    assert wrong.name == "L"
    assert tg.graph(loss) == before
    assert tg.check_graph(loss)
    assert all(x.grad is None and np.array_equal(x.data, kept[name]) for name, x in leaves.items())


def test_the_leaves_are_shared_so_that_gradients_stand_side_by_side():
    loss, leaves = example("two_layer_net")
    wrong = bugs.inject(loss, "forgot_the_two")
    for x in (leaves["W1"], leaves["b2"]):
        np.testing.assert_allclose(tg.grad(wrong, x).data, tg.grad(loss, x).data / 2)


@pytest.mark.parametrize(("name", "factor"), [("forgot_zero_grad", 2.0), ("detached", 0.0)])
def test_a_leaf_gets_twice_its_gradient_or_none(name, factor):
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name="x")
    loss = (tg.exp(x)).sum()
    np.testing.assert_allclose(tg.grad(bugs.inject(loss, name, "x"), x).data, factor * np.exp([1, 2]))


def test_the_old_gradient_that_was_not_cleared_is_the_one_that_is_there():
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name="x")
    loss = tg.exp(x).sum()
    x.grad = np.array([10.0, 20.0])
    np.testing.assert_allclose(tg.grad(bugs.inject(loss, "forgot_zero_grad"), x).data, [np.e + 10, np.e**2 + 20])


def test_the_old_gradient_of_a_broadcast_bias_is_added_once_and_not_for_each_example():
    x, b = np.arange(12.0).reshape(4, 3), tg.Tensor([1.0, 2.0, 3.0], requires_grad=True, name="b")
    loss = tg.square(x + b).sum()
    wrong = bugs.inject(loss, "forgot_zero_grad", "b")
    np.testing.assert_allclose(tg.grad(wrong, b).data, 2 * tg.grad(loss, b).data)


def test_of_several_parts_the_last_one_overwrites_the_others():
    x = tg.Tensor(2.0, requires_grad=True, name="x")
    loss = x * 3 + (x * 5 + x * 7)  # the backward pass is newest first: the part of x * 3 comes last
    wrong = bugs.inject(loss, "overwrites_gradient")
    assert tg.grad(loss, x).item() == 15
    assert tg.grad(wrong, x).item() == 3


@pytest.mark.parametrize(("at", "op"), [
    ("sigmoid", "sigmoid"), ("sigmoid #8", "sigmoid"), (10, "square"), ("y", "sigmoid"), ("#4", "sigmoid"),
])  # fmt: skip
def test_a_place_is_chosen_by_op_number_or_name(at, op):
    wrong = bugs.inject(example("two_layer_net")[0], "forgot_chain_rule", at)
    with pytest.raises(tg.GradcheckError, match=f"check_graph: {op}"):
        tg.check_graph(wrong)


def test_the_seed_chooses_among_places():
    loss = example("two_layer_net")[0]
    texts = [[turn.formulas for turn in tg.graph(bugs.inject(loss, "detached", seed=seed)).steps] for seed in range(12)]
    again = [turn.formulas for turn in tg.graph(bugs.inject(loss, "detached", seed=3)).steps]
    assert again == texts[3]
    assert len({repr(text) for text in texts}) > 3


def test_a_number_of_an_op_is_that_of_the_stepper():
    loss = example("two_layer_net")[0]
    calls = tg.graph(loss).calls
    for places in bugs.fitting(loss).values():
        for place in places:
            op, number = place.split(" #")
            assert calls[int(number) - 1].op == op


@pytest.mark.parametrize(("call", "error", "words"), [
    (lambda loss: bugs.inject(loss, "typo"), ValueError, "'typo' is none of missing_transpose"),
    (lambda loss: bugs.inject(loss, "flipped_kernel"), ValueError,
     "fits nowhere in this graph; it wants a convolution .*; here fit: .*forgot_the_two"),
    (lambda loss: bugs.inject(loss, "forgot_the_two", "matmul"), ValueError,
     "does not fit at 'matmul'; it fits at square #10"),
    (lambda loss: bugs.inject(loss.detach(), "detached"), RuntimeError, "needs no gradient"),
    (lambda loss: bugs.inject(loss.data, "detached"), TypeError, "wanted a Tensor"),
    (lambda loss: bugs.hunt(loss, ["flipped_kernel"]), ValueError, "none of flipped_kernel fits"),
    (lambda loss: bugs.hunt(loss, ["typo"]), ValueError, "'typo' is none of"),
    (lambda loss: bugs.describe("typo"), ValueError, "'typo' is none of"),
])  # fmt: skip
def test_a_bug_that_does_not_fit_is_a_clear_error(call, error, words):
    with pytest.raises(error, match=words):
        call(example("two_layer_net")[0])


def test_where_all_gradients_are_zero_no_bug_is_to_be_seen():
    x = tg.Tensor([-1.0, -2.0], requires_grad=True)
    with pytest.raises(ValueError, match="every gradient 0"):
        bugs.inject(tg.relu(x).sum() * 0, "detached")


def test_every_bug_is_described():
    assert len(bugs.names()) >= 12
    for name in bugs.names():
        text = bugs.describe(name)
        assert text.endswith(".")
        assert len(text) > 80
        assert f"{name}: {text}" in bugs.describe()


def test_a_fused_op_with_a_bug_is_not_opened(rng):
    loss = conv_and_bias(rng)
    assert "flipped" in bugs.describe("flipped_kernel") or "180" in bugs.describe("flipped_kernel")
    source = viz.draw(bugs.inject(loss, "flipped_kernel"), level="primitive", show="formula", backward=True).source
    assert "::-1" in source


# Hunting


def test_a_hunt_tells_when_the_op_is_found():
    hunted = bugs.hunt(example("two_layer_net")[0], ["forgot_the_two"])
    assert "sigmoid are right" in hunted.answer("sigmoid")
    assert "The op is right, but detached" in hunted.answer("square", "detached")
    assert hunted.answer("square #10", "forgot_the_two").startswith("Found in 3 tries: forgot_the_two in square #10")
    assert hunted.answer().startswith("The bug is forgot_the_two in square #10")


def test_a_hunt_is_the_same_for_the_same_seed_and_does_not_give_itself_away(rng):
    loss = residual(rng)
    found = {bugs.hunt(loss, seed=seed).answer() for seed in range(20)}
    assert bugs.hunt(loss, seed=5).answer() == bugs.hunt(loss, seed=5).answer()
    assert len(found) > 5
    for seed in range(5):
        hunted = bugs.hunt(loss, seed=seed)
        with pytest.raises(tg.GradcheckError) as caught:
            tg.check_graph(hunted.loss)
        said = str(caught.value) + repr(hunted) + repr(tg.graph(hunted.loss, details=True))
        assert not any(f"_{name}" in said for name in bugs.names())
