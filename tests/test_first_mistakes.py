"""What people do wrong in their first hour: the message says what was given, what is wanted and what to do."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import functional as F
from tinygrad_edu import nn

LABELS = np.array([0, 1, 2, 0])


@pytest.fixture
def scores(rng):
    return tg.Tensor(rng.normal(size=(4, 3)), requires_grad=True, name="scores")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"{tg.Tensor(0.12345):.3f}", "0.123"),
        (f"{tg.Tensor([[0.5]]):+.1%}", "+50.0%"),
        (f"{tg.Tensor(7):03d}", "007"),
        (f"{tg.Tensor(0.5)}", "Tensor(0.5)"),
        (f"{tg.Tensor([1.0, 2.0])}", "Tensor([1., 2.])"),
    ],
)
def test_one_number_is_formatted_as_a_number(text, wanted):
    assert text == wanted


def test_a_format_of_several_numbers_says_what_to_print(scores):
    with pytest.raises(TypeError, match=r"format '.2f': 'scores' has shape \(4, 3\), 12 elements.*x\.data\.round"):
        f"{scores:.2f}"


@pytest.mark.parametrize(
    ("target", "kind", "said"),
    [
        (np.eye(3, dtype=int)[LABELS], ValueError, r"of one-hot rows take target\.argmax\(axis=1\)"),
        (LABELS[:, None], ValueError, r"\(4, 1\) but input \(4, 3\).*take target\.reshape\(4,\)"),
        (LABELS[None], ValueError, r"take target\.reshape\(4,\)"),
        (LABELS[:3], ValueError, r"wants labels of shape \(4,\), one for each row of 3 scores$"),
    ],
)
def test_labels_of_the_wrong_shape_are_told_the_remedy(target, kind, said, scores):
    with pytest.raises(kind, match=said):
        F.cross_entropy(scores, target)


def test_labels_of_images_are_not_told_to_reshape_what_is_turned():
    with pytest.raises(ValueError, match=r"scores$"):
        F.cross_entropy(np.zeros((2, 3, 4, 5)), np.zeros((2, 5, 4), int))


def test_labels_given_first_are_noticed(scores):
    with pytest.raises(TypeError, match="are the arguments swapped"):
        F.cross_entropy(LABELS, scores)


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (lambda x: F.cross_entropy(F.softmax(x, axis=1), LABELS), "leave the softmax out"),
        (lambda x: nn.CrossEntropyLoss()(nn.Softmax(1)(x), LABELS), "leave the softmax out"),
        (lambda x: F.nll_loss(F.softmax(x, axis=1), LABELS), "take log_softmax"),
        (lambda x: F.binary_cross_entropy_with_logits(x.sigmoid(), np.ones((4, 3))), "leave the sigmoid out"),
    ],
)
def test_probabilities_where_scores_are_wanted_are_warned_of(loss, said, scores):
    with pytest.warns(UserWarning, match=said):
        loss(scores)


def test_that_warning_points_to_the_callers_line(scores):
    with pytest.warns(UserWarning, match="softmax") as found:
        F.cross_entropy(scores.softmax(axis=1), LABELS)
    assert found[0].filename == __file__


def test_scores_and_logarithms_are_not_warned_of(scores):
    F.cross_entropy(scores, LABELS)
    F.nll_loss(F.log_softmax(scores, axis=1), LABELS)
    F.binary_cross_entropy(scores.sigmoid(), np.ones((4, 3)))
    F.binary_cross_entropy_with_logits(scores, np.ones((4, 3)))


def test_a_tensor_looked_for_in_a_list_of_other_shapes(scores):
    with pytest.raises(ValueError, match=r"equal: shapes \(2,\) and \(4, 3\) do not broadcast; .*any\(x is t"):
        assert scores in [tg.Tensor([1.0, 2.0]), scores]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (nn.Linear(2, 3), r"got Linear; give what it computes: loss = model\(x\)"),
        (np.ones(3), "got ndarray; only Tensors record their graph"),
        ([2.0], "got float; only Tensors record their graph"),
    ],
)
def test_the_graph_of_what_has_none(given, said):
    with pytest.raises(TypeError, match=said):
        tg.graph(given)


@pytest.mark.parametrize(
    ("f", "inputs", "kind", "said"),
    [
        (tg.sigmoid, np.ones(2), ValueError, r"give tg\.Tensor\(x, requires_grad=True\)"),
        (tg.Tensor(1.0), tg.Tensor(1.0, requires_grad=True), TypeError, r"got Tensor; tg\.check_graph\(result\)"),
    ],
)
def test_gradcheck_says_what_it_wants(f, inputs, kind, said):
    with pytest.raises(kind, match=said):
        tg.gradcheck(f, inputs)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.ones(3), "check_graph: wanted a Tensor, got ndarray; only Tensors record their graph"),
        (nn.Linear(2, 3), r"check_graph: .*got Linear; give what it computes: loss = model\(x\)"),
    ],
)
def test_check_graph_says_what_it_wants(given, said):
    with pytest.raises(TypeError, match=said):
        tg.check_graph(given)


def test_gradcheck_blames_no_rule_for_chance(scores):
    chance = np.random.default_rng(0)
    with pytest.raises(tg.GradcheckError, match=r"another result each time.*dropout"):
        tg.gradcheck(lambda x: F.dropout(x, 0.5, rng=chance), scores)
    assert tg.gradcheck(lambda x: F.dropout(x, 0.5, rng=0), scores)


def test_a_rule_is_declared_by_the_name_of_its_input():
    @tg.primitive
    def twice(x):
        return 2 * x

    with pytest.raises(TypeError, match=r"twice: name the input that a rule is for: @twice\.vjp\('x'\)"):

        @twice.vjp
        def twice_dx(g, out, x):
            return 2 * g


def test_a_graph_that_was_left_behind_by_a_step_says_to_compute_it_anew():
    w = tg.Tensor([1.0, 2.0], requires_grad=True, name="w")
    loss = (w * w).sum()
    loss.backward()
    w.data -= 0.1 * w.grad
    with pytest.raises(RuntimeError, match=r"'w' of shape .* changed in place.*compute the result anew"):
        tg.graph(loss)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (([nn.Linear(2, 3), nn.ReLU()],), r"entry 0 is no Module but list; unpack it: Sequential\(\*layers\)"),
        ((nn.Linear(2, 3), tg.relu), r"entry 1 is no Module but function; take its layer, such as nn\.ReLU\(\)"),
    ],
)
def test_what_is_no_layer_is_told_how_to_become_one(entries, said):
    with pytest.raises(TypeError, match=said):
        nn.Sequential(*entries)


def test_a_tensor_made_of_a_result_is_warned_of(scores):
    with pytest.warns(UserWarning, match=r"the output of multiply is cut off from its graph.*detach\(\)") as found:
        cut = tg.Tensor(scores * 2)
    assert found[0].filename == __file__
    assert not cut.requires_grad
    tg.Tensor((scores * 2).detach())
    tg.Tensor(scores)


def test_a_tensor_that_a_module_should_learn_is_a_parameter():
    class Scale(nn.Module):
        def __init__(self, factor):
            self.factor = factor

    with pytest.warns(UserWarning, match=r"Scale\.factor .* write self\.factor = nn\.Parameter\(\.\.\.\)") as found:
        Scale(tg.Tensor([2.0], requires_grad=True))
    assert found[0].filename == __file__
    for fine in (nn.Parameter([2.0]), tg.Tensor([2.0]), 2 * tg.Tensor([2.0], requires_grad=True)):
        Scale(fine)


def test_a_gradient_that_was_not_recorded_says_what_records_it(scores):
    gradient = tg.grad((scores**3).sum(), scores)
    with pytest.raises(RuntimeError, match="a gradient is recorded by create_graph=True"):
        tg.grad(gradient.sum(), scores)


@pytest.mark.parametrize("name", ["vjp", "jacobian", "hessian"])
def test_derivatives_of_what_is_no_function(name):
    with pytest.raises(TypeError, match=rf"{name}: f must be a function, as in tg\.{name}\(f, x\), got Tensor"):
        getattr(tg, name)(tg.Tensor(1.0), tg.Tensor(1.0))


def test_a_parameter_that_is_updated_as_in_pytorch_is_warned_of():
    w = tg.Tensor([1.0, 2.0], requires_grad=True, name="w")
    first = w
    with tg.no_grad(), pytest.warns(UserWarning, match=r"'w', a parameter, stays.*w\.data -= lr \* w\.grad") as found:
        w -= 0.5
    assert found[0].filename == __file__
    np.testing.assert_array_equal(first.data, [1, 2])
    np.testing.assert_array_equal(w.data, [0.5, 1.5])
    with tg.no_grad():
        w -= 0.5
    first -= 1.0
    assert first.requires_grad


def test_one_number_is_rounded():
    assert round(tg.Tensor(0.12345, requires_grad=True), 2) == 0.12
    assert round(tg.Tensor([1.6])) == 2
    with pytest.raises(TypeError, match=r"shape \(2,\), 2 elements; take x\.round\(0\)"):
        round(tg.Tensor([1.0, 2.0]))
