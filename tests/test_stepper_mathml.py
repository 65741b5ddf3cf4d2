"""Formulas as MathML say what the text says; names are escaped; local derivatives have their structure named."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.mathml import math_tree, numbers_leaf, to_mathml
from tinygrad_edu.engine.symbol import Symbol
from tinygrad_edu.engine.trace.detail import structure_of
from tinygrad_edu.engine.trace.tracing import graph

HOSTILE = ["</math><script>x</script>", "a<b>&amp;\"'", "\x00\x1b\ud800", "x" * 1000]
A, B, C = (Symbol(name, np.arange(1.0, 5).reshape(2, 2)) for name in "ABC")
X, Y = Symbol("x", 2.0), Symbol("y", -3.0)


def flat(markup: str) -> str:
    return "".join(ElementTree.fromstring(markup).itertext())


@pytest.mark.parametrize(
    "formula",
    [
        X + Y, X - (Y - X), -(X + Y), X * (X + Y), (X + Y) * X, A @ (B @ C), (A @ B) @ C, (A @ B) * C, A * (B @ C),
        (A * B).T, A.T @ B, X * -Y, 1 - X * X, abs(X - Y), X > Y, A[0], A.sum(axis=0), (X + Y) ** 2,
    ],
    ids=str,
)  # fmt: skip
def test_mathml_says_what_the_text_says(formula):
    assert flat(to_mathml(formula)) == str(formula).replace(" ", "").replace("²", "2")


def test_a_quotient_is_a_fraction_a_power_is_raised():
    assert to_mathml(X / (Y + 1)) == (
        "<math><mfrac><mi>x</mi><mrow><mi>y</mi><mo>+</mo><mn>1</mn></mrow></mfrac></math>"
    )
    assert to_mathml(X**3) == "<math><msup><mi>x</mi><mn>3</mn></msup></math>"


@pytest.mark.parametrize("name", HOSTILE)
def test_every_name_is_text(name):
    markup = to_mathml(Symbol(name, 1.0) + 1)
    assert [element.tag for element in ElementTree.fromstring(markup).iter()] == ["math", "mrow", "mi", "mo", "mn"]


def test_small_arrays_stand_in_the_formula_and_large_ones_do_not():
    tree = math_tree(A @ B, numbers_leaf)
    assert tree == ("mrow", ("array", (2, 2), (1, 2, 3, 4)), ("mo", "@"), ("array", (2, 2), (1, 2, 3, 4)))
    root = ElementTree.fromstring(to_mathml(A, numbers_leaf))
    assert [cell.text for cell in root.iter("mn")] == ["1", "2", "3", "4"]
    with pytest.raises(ValueError, match=r"\(4, 4\) is too large"):
        math_tree(Symbol("x", np.ones((4, 4))), numbers_leaf)


@pytest.mark.parametrize(
    ("matrix", "name"),
    [
        (np.eye(3), "the identity"),
        (np.diag([1.0, 2]), "diagonal"),
        (np.zeros((2, 3)), "all zero"),
        (np.ones((1, 3)), "all ones"),
        (np.array([[1.0, 2], [3, 4]]), "dense"),
        (np.eye(3)[[2, 0, 1]], "a permutation"),
        (np.eye(3)[:2], "one-hot"),
        (np.array([[0.0, 2], [0, 3]]), "one entry a row"),
        (np.kron(np.eye(2), [[1.0, 2]]), "one entry a column"),
        (np.array([[1.0, 2, 0, 0], [0, 1, 2, 0], [0, 0, 1, 2]]), "Toeplitz"),
        (np.array([[1.0, 2, 0], [0, 1, 3], [1, 0, 0]]), "sparse"),
        (np.array([[np.nan, 0]]), "with NaN or Inf"),
        (np.array([[3.0]]), "a number"),
    ],
)
def test_structures_have_names(matrix, name):
    assert structure_of(matrix) == name


def test_the_local_derivative_is_the_jacobian(rng):
    x = tg.Tensor(rng.standard_normal((2, 3)), requires_grad=True, name="x")
    w = tg.Tensor(rng.standard_normal((3, 2)), requires_grad=True, name="w")
    (turn,) = graph(x @ w, gradient=np.ones((2, 2)), details=True).steps
    for detail, f, at in zip(turn.details, (lambda x: x @ w.data, lambda w: x.data @ w), (x, w)):
        wanted = np.asarray(tg.jacobian(f, tg.Tensor(at.data))).reshape(4, 6)
        np.testing.assert_allclose(np.reshape(detail.local.data, (4, 6)), wanted)


def test_without_being_asked_a_trace_has_no_details():
    x = tg.Tensor(2.0, requires_grad=True)
    trace = graph(x * x)
    assert trace.calls[0].detail is None
    assert trace.steps[0].details == ()


def test_a_rule_that_fails_on_one_hot_gradients_has_no_local_derivative():
    @tg.primitive
    def picky(x):
        """Twice x."""
        return 2 * x

    @picky.vjp("x")
    def picky_dx(g, out, x):
        if not np.all(np.asarray(getattr(g, "value", g)) == 5):
            raise RuntimeError("only fives")
        return 2 * g

    x = tg.Tensor([1.0, 2.0], requires_grad=True, name="x")
    (turn,) = graph(picky(x), gradient=[5.0, 5.0], details=True).steps
    assert turn.details[0].local is None
    assert turn.contributions[0].data == (10.0, 10.0)
