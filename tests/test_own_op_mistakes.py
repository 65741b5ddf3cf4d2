"""How an op of one's own goes wrong: the error names the op, its input, the line of the rule, and what to write."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import tinygrad_edu as tg


def leaf(value=(1.0, 2.0), name="x"):
    return tg.Tensor(np.array(value), requires_grad=True, name=name)


def square(x):
    return x * x


def power(x, *, p=2):
    return x**p


def product(x, y):
    return x * y


def made(forward, *rules):
    """An op of the user's: its forward, and the rules of its inputs."""
    op = tg.primitive(forward)
    for name, rule in zip(op.inputs, rules):
        op.vjp(name)(rule)
    return op


def plain_rule(g, out, x):
    return 2 * g * x


# Forward


def no_return(x):
    x * x


def filled(x):
    x[0] = 5
    return x * 1


def doubled(x):
    x *= 2
    return x


def in_order(x):
    x.sort()
    return x


@pytest.mark.parametrize(
    ("forward", "kind", "said"),
    [
        (no_return, TypeError, "no_return: forward gave None, not an array; is the line with `return` missing"),
        (lambda x: [x, x], TypeError, "gave a list, not an array; join its parts with np.stack"),
        (lambda x: (x, x), TypeError, "gave a tuple, not an array; one call gives one array"),
        (lambda x: "x", TypeError, "gave a str, not an array"),
        (lambda x: np.array([x, None], object), TypeError, "gave an array of object, not of numbers"),
        (lambda x: np.where(x > 1, 1, 0), TypeError, r"an array of int64, .*return it \.astype\(x\.dtype\)"),
        (lambda x: x > 1, TypeError, "an array of bool, .*differentiable=False"),
        (filled, ValueError, r"filled: .*read-only: .*can't be written into; take x\.copy\(\)"),
        (doubled, ValueError, "doubled: .*read-only"),
        (in_order, ValueError, "in_order: .*read-only"),
        (lambda x: x.exp(), AttributeError, r"an op is given NumPy arrays, not Tensors; take .* np\.exp\(x\)"),
        (lambda x: x if x > 1 else 0 * x, ValueError, r"take np\.where\(x > 0, \.\.\.\)"),
        (lambda x: x * leaf(name="w"), TypeError, "used a Tensor that needs a gradient, which would get none; make it"),
        (lambda x: np.linalg.inv(x), ValueError, "0-dimensional|1-dimensional|two-dimensional"),
    ],
)
def test_a_forward_that_gives_no_array_or_writes(forward, kind, said):
    x = leaf()
    with pytest.raises(kind, match=said):
        made(forward, plain_rule)(x)
    np.testing.assert_array_equal(x.data, [1, 2])


@pytest.mark.parametrize(
    ("forward", "value"),
    [
        (lambda x: float(x.sum()), 3.0),
        (lambda x: int(x.sum()), 3.0),
        (lambda x: np.array(x.sum()), 3.0),
        (lambda x: tg.exp(0 * x), [1.0, 1.0]),
        (lambda x: x, [1.0, 2.0]),
    ],
)
def test_what_can_be_an_array_is_taken_as_one(forward, value):
    x = leaf(np.array([1, 2], np.float32))
    y = made(forward, lambda g, out, x: g * np.ones_like(x))(x)
    assert (type(y), y.dtype) == (tg.Tensor, np.float32)
    np.testing.assert_array_equal(y.data, value)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.data, [1, 1])


def test_lists_are_arrays_and_a_number_from_integers_stays_a_fraction():
    np.testing.assert_array_equal(made(square)([1.0, 3.0]), [1, 9])
    assert made(lambda x: float(x[0]) / 2)(np.array([1, 2])) == 0.5


@pytest.mark.parametrize(
    ("forward", "said"),
    [
        (lambda x, p=2: x**p, r"'p' has a default, so it is a parameter .*\(x, \*, p=\.\.\.\)"),
        (lambda: 1, "an op has inputs"),
    ],
)
def test_a_forward_that_can_not_be_an_op(forward, said):
    with pytest.raises(TypeError, match=said):
        tg.primitive(forward)


def test_an_op_is_no_subclass():
    with pytest.raises(TypeError, match=r"Cube: an op is no subclass .*@tg\.primitive.*@forward\.vjp"):
        type("Cube", (tg.Op,), {"forward": staticmethod(square)})


# Rules


@pytest.mark.parametrize(
    ("forward", "rule", "said"),
    [
        (square, lambda g: g, r"def square_dx\(g, out, x\)"),
        (square, lambda g, x: g, "too many positional"),
        (square, lambda g, out, x, y: g, "missing a required argument: 'y'"),
        (power, lambda g, out, x: g, r"unexpected keyword argument 'p'.*def power_dx\(g, out, x, \*, p\)"),
        (product, lambda g, out, x: g, r"def product_dx\(g, out, x, y\)"),
        (product, [lambda g, out, x, y: g, lambda g, x: g], r"def product_dy\(g, out, x, y\)"),
        (lambda *xs: sum(xs), lambda g, out, *xs: g, r"\(g, out, \*xs, position\)"),
        (square, 3, "the rule of input 'x' must be a function, got int"),
    ],
)
def test_a_rule_that_can_not_be_called_is_refused_where_it_is_declared(forward, rule, said):
    with pytest.raises(TypeError, match=said) as found:
        made(forward, *(rule if isinstance(rule, list) else [rule]))
    assert rule == 3 or "test_own_op_mistakes.py:" in str(found.value)


def test_rules_take_parameters_as_they_like():
    for rule in (lambda g, out, x, p: g, lambda g, out, x, **options: g, lambda g, *values, p=3: g, max):
        made(power, rule)


def nothing(g, out, x):
    2 * g * x


def scaled(g, out, x):
    g *= 2 * x
    return g


def moved(g, out, x):
    x *= 2
    return g * x


def chosen(g, out, x):
    return g if x > 0 else -g


@pytest.mark.parametrize(
    ("rule", "kind", "said"),
    [
        (
            nothing,
            TypeError,
            "square: the rule nothing of input 'x' gave None, not an array; is the line with `return`",
        ),
        (lambda g, out, x: [2 * v for v in x], TypeError, "gave a list"),
        (lambda g, out, x: (2 * g * x, g), TypeError, "gave a tuple, not an array; one call gives one array"),
        (lambda g, out, x: "2x", TypeError, "gave a str"),
        (lambda g, out, x: x > 0, TypeError, r"gave an array of bool; multiply .* g \* \(x > 0\)"),
        (lambda g, out, x: g * 2j * x, TypeError, r"gave an array of complex128; .*so take its \.real"),
        (lambda g, out, x: np.ones(3), ValueError, r"gave shape \(3,\) for its input x of shape \(2,\)"),
        (lambda g, out, x: 2.0, ValueError, r"gave shape \(\) for its input x of shape \(2,\)"),
        (scaled, ValueError, r"the rule scaled of input 'x' failed: .*read-only.*x\.copy\(\)"),
        (moved, ValueError, "the rule moved of input 'x' failed: .*read-only"),
        (chosen, ValueError, r"the rule chosen of input 'x' failed: .*np\.where"),
        (lambda g, out, x: g @ np.ones((3, 2)), ValueError, r"failed: .*\(given g \(2,\), out \(2,\), x \(2,\);"),
        (lambda g, out, x: g * x.detach(), AttributeError, "an op is given NumPy arrays, not Tensors"),
        (lambda g, out, x: g * x[2], IndexError, "of input 'x' failed: index 2 is out of bounds"),
    ],
)
def test_a_rule_that_gives_no_gradient_is_named_with_its_line(rule, kind, said):
    x = leaf()
    with pytest.raises(kind, match=said) as found:
        made(square, rule)(x).sum().backward()
    assert "test_own_op_mistakes.py:" in str(found.value)
    assert x.grad is None
    np.testing.assert_array_equal(x.data, [1, 2])


@pytest.mark.parametrize("create_graph", [False, True])
def test_no_gradient_is_lost_where_a_rule_of_a_number_returns_nothing(create_graph):
    with pytest.raises(TypeError, match="nothing of input 'x' gave None"):
        made(square, nothing)(leaf(2.0)).backward(create_graph=create_graph)


def test_one_rule_for_two_inputs_gives_no_pair():
    def both(g, out, x, y):
        return g * y, g * x

    with pytest.raises(TypeError, match=r"the rule both of input '[xy]' gave a tuple"):
        made(product, both, both)(leaf(), leaf()).sum().backward()


def test_ops_of_this_package_are_not_watched():
    assert tg.engine.primitives.exp.forward.__name__ == "exp"
    assert not hasattr(tg.engine.primitives.exp.forward, "__wrapped__")
    assert hasattr(made(square).forward, "__wrapped__")


def test_a_watched_op_is_copied_and_says_its_rules_line():
    op = copy.copy(made(square, plain_rule))
    call = tg.graph(op(leaf()).sum()).steps[-1]
    assert call.formulas == ("2 · ḡ · x",)
    assert op.rule_of(0).__wrapped__ is plain_rule


def test_inputs_are_given_by_position():
    @tg.primitive
    def raised(x, *, k):
        return x**k

    with pytest.raises(TypeError, match=r"raised: give the inputs by position: raised\(x\)"):
        raised(x=tg.Tensor(2.0, requires_grad=True), k=2)


def test_a_number_without_a_star_may_be_given_by_name():
    @tg.primitive
    def scaled(x, k):
        return x * k

    assert scaled(tg.Tensor(2.0), k=3).item() == 6


class Strange(np.ndarray):
    """An array with habits of its own, as a matrix."""


def test_a_subclass_of_arrays_becomes_an_array():
    @tg.primitive
    def same(x):
        return x.view(Strange)

    assert type(same(tg.Tensor([[1.0]])).data) is np.ndarray
