"""What PyTorch's users type: told what it is called here; and what is written there runs here."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.pytorch_words import ELSEWHERE, FUNCTIONS, NEEDLESS, no_function


@pytest.fixture
def names():
    x, y = (tg.Tensor([[0.1, 0.2], [0.3, 0.4]], requires_grad=True, name=name) for name in "xy")
    index = np.array([[0], [1]])
    return {"x": x, "y": y, "np": np, "tg": tg, "index": index, "array": index, "loss": (x * y).sum()}


@pytest.mark.parametrize("word", [*ELSEWHERE, *NEEDLESS])
def test_a_word_of_pytorch_is_told_its_other_name(word, names):
    x = names["x"]
    with pytest.raises(AttributeError, match=f"no '{word}' as in PyTorch"):
        getattr(x, word)
    assert not hasattr(x, word)
    assert word not in dir(x)


@pytest.mark.parametrize("here", [*ELSEWHERE.values(), *FUNCTIONS.values()])
def test_what_is_recommended_can_be_run(here, names):
    exec(here.split(";")[0], names)


@pytest.mark.parametrize("word", FUNCTIONS)
def test_functions_of_pytorch_are_told_too(word):
    assert FUNCTIONS[word] in no_function(word)
    assert not hasattr(tg, word)


def test_a_name_that_nobody_knows_is_told_nothing():
    assert no_function("sigmoids") == "module 'tinygrad_edu' has no attribute 'sigmoids'"
    with pytest.raises(AttributeError, match=r"^'Tensor' object has no attribute 'shap'$"):
        _ = tg.Tensor(1.0).shap


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda x: x.backward(retain_graph=True), "backward: retain_graph= .*leave it out: a graph lives as long"),
        (lambda x: x.backward(inputs=[x]), r"backward: inputs= .*tg\.grad"),
        (lambda x: tg.grad(x, x, retain_graph=True), "grad: retain_graph= .*leave it out"),
        (lambda x: tg.grad(x, x, grad_outputs=x), "grad: grad_outputs= .*gradient="),
        (lambda x: x.backward(retain=True), "unexpected keyword argument 'retain'"),
    ],
)
def test_options_of_pytorch_are_told_what_to_do(call, said, names):
    with pytest.raises(TypeError, match=said):
        call(names["loss"])
    assert names["x"].grad is None


def test_copies_and_pickles_ask_for_nothing_that_is_not_there(names):
    x = names["x"]
    for twin in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        np.testing.assert_array_equal(twin.data, x.data)


# What a Tensor that is no leaf has in .grad


def test_a_parameter_that_a_step_has_replaced_warns_that_it_is_no_leaf():
    w = tg.Tensor([1.0, 2.0], requires_grad=True, name="w")
    (w * w).sum().backward()
    w = w - 0.1 * w.grad
    (w * w).sum().backward()
    with pytest.warns(UserWarning, match=r"output of subtract is None.*W\.data = W\.data - lr") as found:
        assert w.grad is None
    assert found[0].filename == __file__


def test_no_warning_for_what_is_no_step_of_a_parameter(names):
    x = names["x"]
    x.grad = np.ones(x.shape)
    for made in (x * 2, x + x, x.sum(), 2 - x):
        assert made.grad is None
    y = (x * x).sum()
    y.retain_grad()
    assert y.grad is None
    y.backward()
    assert y.grad.item() == 1
    assert tg.Tensor(1.0).grad is None


@pytest.mark.parametrize("call", [lambda x: x - None, lambda x: None * x, lambda x: x @ None, lambda x: x ** (None)])
def test_an_operand_of_none_is_told_where_it_comes_from(call, names):
    with pytest.raises(TypeError, match=r"got 'x' and None; a \.grad is None before backward"):
        call(names["x"])


# What counts and indexes


def test_an_integer_counts_and_indexes():
    n = tg.Tensor(np.int64(2))
    assert list(range(n)) == [0, 1]
    assert ["a", "b", "c"][n] == "c"
    assert np.arange(5)[n] == 2
    assert tg.ones(n).shape == (2,)


@pytest.mark.parametrize("value", [2.0, [2], True])
def test_what_is_no_integer_says_so(value):
    with pytest.raises(TypeError, match=r"a Tensor of shape .* is no integer that could count or index; take int\(x\)"):
        range(tg.Tensor(value))


def test_a_model_is_not_moved():
    model = tg.nn.Linear(2, 3)
    for word in ("to", "cuda", "cpu"):
        with pytest.raises(AttributeError, match="everything is computed on the CPU, so leave it out"):
            getattr(model, word)
    assert list(model.state_dict()) == ["weight", "bias"]


def test_a_model_has_no_backward():
    with pytest.raises(AttributeError, match=r"a model has no 'backward', its loss has: loss = .*loss\.backward\(\)"):
        tg.nn.Linear(2, 3).backward()
