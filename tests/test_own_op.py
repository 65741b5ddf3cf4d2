"""An op of the user's own: in under ten lines it is recorded, differentiated twice, told as a formula, and checked."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.op import elementwise
from tinygrad_edu.engine.symbol import formula_of_rule


@tg.primitive(symbol="cube", notation="call")
def cube(x):
    """x³, elementwise."""
    return x * x * x


@cube.vjp("x")
def cube_dx(g, out, x):
    return g * (3 * (x * x))


def leaf(value, dtype=np.float64, **options):
    return tg.Tensor(np.asarray(value, dtype), requires_grad=True, **options)


def test_it_is_recorded_and_differentiated_again():
    x = leaf([1, 2])
    y = cube(x)
    assert y.op is cube
    first = tg.grad(y.sum(), x, create_graph=True)
    second = tg.grad(first.sum(), x, create_graph=True)
    third = tg.grad(second.sum(), x)
    for found, want in [(y, [1, 8]), (first, [3, 12]), (second, [6, 12]), (third, [6, 6])]:
        np.testing.assert_array_equal(found.data, want)
    np.testing.assert_array_equal(cube(np.array([2.0])), [8])
    assert "op=cube" in repr(y)


def test_it_is_told_as_a_formula():
    x = np.array([1.0, 2])
    assert str(formula_of_rule(cube, 0, np.ones(2), cube(x), (x,), {})) == "ḡ · 3 · x²"


def test_it_is_checked():
    assert tg.gradcheck(cube, leaf([1, 2]))
    assert tg.check_graph(cube(leaf([1, 2])).sum())


def test_it_is_an_op_made_without_a_decorator_too():
    half = tg.Op(lambda x: x / 2)
    half.vjp("x")(lambda g, out, x: g / 2)
    x = leaf(3)
    half(x).backward()
    assert x.grad.item() == 0.5


def test_inputs_broadcast_and_gradients_are_summed_and_cast():
    @elementwise
    def scaled(x, w):
        return x * w

    scaled.vjp("x")(lambda g, out, x, w: g * w)
    scaled.vjp("w")(lambda g, out, x, w: g * x)
    x, w = leaf(np.arange(6.0).reshape(2, 3)), leaf([[1], [2]], np.float32)
    scaled(x, w).sum().backward()
    np.testing.assert_array_equal(w.grad.data, [[3], [12]])
    assert w.grad.dtype == np.float32
    assert x.grad.dtype == np.float64
    with pytest.raises(ValueError, match=r"scaled.*axis -1"):
        scaled(x, np.ones(4))


def test_parameters_and_constants():
    @tg.primitive
    def shifted(x, mask, *, by=1.0):
        return x + by * mask

    @shifted.vjp("x")
    def shifted_dx(g, out, x, mask, *, by):
        return g * by

    shifted.constant("mask")
    x, mask = leaf([1, 2]), leaf([0, 1])
    assert tg.grad(shifted(x, mask).sum(), [x, mask], allow_unused=True)[1] is None
    np.testing.assert_array_equal(tg.grad(shifted(x, mask, by=3.0).sum(), x).data, [3, 3])
    np.testing.assert_array_equal(shifted(x, mask, by=3.0).data, [1, 5])


def test_an_op_of_many_inputs_gets_the_position():
    @tg.primitive
    def weighted(*xs, weights):
        return sum(w * x for w, x in zip(weights, xs))

    @weighted.vjp("xs")
    def weighted_dx(g, out, *xs, weights, position):
        return g * weights[position]

    xs = [leaf(i) for i in range(4)]
    y = weighted(*xs, weights=(1.0, 2.0, 3.0, 4.0))
    assert [g.item() for g in tg.grad(y, xs)] == [1, 2, 3, 4]
    assert tg.check_graph(y)


def test_an_op_without_a_derivative_gives_plain_arrays():
    @tg.primitive(differentiable=False)
    def sizes(x):
        return np.round(x)

    found = sizes(leaf([1.4]))
    assert type(found) is np.ndarray


# What a user may get wrong


def test_a_missing_rule_says_how_to_declare_one():
    @tg.primitive
    def lonely(x, y):
        return x * y

    lonely.vjp("x")(lambda g, out, x, y: g * y)
    x, y = leaf(2), leaf(3)
    assert tg.grad(lonely(x, 3.0), x).item() == 3
    with pytest.raises(TypeError, match=r"lonely.*'y'.*@lonely\.vjp\('y'\).*lonely\.constant\('y'\)"):
        lonely(x, y).backward()
    assert x.grad is None


def test_a_rule_of_another_shape_is_named_with_its_line():
    @tg.primitive
    def clumsy(x):
        return x * 2

    @clumsy.vjp("x")
    def clumsy_dx(g, out, x):
        return g[:1, :2]

    x = leaf(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"clumsy.*clumsy_dx.*\(1, 2\).*x of shape \(2, 3\).*test_own_op\.py:\d+"):
        clumsy(x).sum().backward()
    assert x.grad is None


def test_a_wrong_rule_is_found():
    @tg.primitive
    def wrong(x):
        return np.sin(x)

    @wrong.vjp("x")
    def wrong_dx(g, out, x):
        return g * np.cos(out)

    with pytest.raises(tg.GradcheckError, match=r"wrong: the rule wrong_dx.*test_own_op\.py:\d+"):
        tg.check_graph((wrong(leaf([1, 2])) * 2).sum())


def test_a_rule_of_plain_numpy_can_not_be_differentiated_again_silently():
    @tg.primitive
    def plain(x):
        return x**3

    @plain.vjp("x")
    def plain_dx(g, out, x):
        return g * np.asarray(x) ** 2 * 3

    x = leaf([1, 2])
    plain(x).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [3, 12])
    with pytest.raises(TypeError, match=r"plain_dx.*to be differentiated again, and np\.array.*test_own_op\.py:\d+"):
        tg.grad(plain(x).sum(), x, create_graph=True)


@pytest.mark.parametrize(("make", "error", "said"), [
    (lambda: cube.vjp("z"), ValueError, ["cube", "'z'", "x"]),
    (lambda: cube.constant("z"), ValueError, ["cube", "'z'"]),
    (lambda: tg.primitive(lambda x, *xs: x), TypeError, ["either"]), (lambda: tg.primitive(3), TypeError, ["function"]),
    (lambda: tg.primitive(np.exp), TypeError, ["function"]), (lambda: tg.Op("exp"), TypeError, ["function"]),
])  # fmt: skip
def test_declarations_that_make_no_sense_are_refused(make, error, said):
    with pytest.raises(error) as caught:
        make()
    assert all(part in str(caught.value) for part in said), caught.value


def test_calls_that_make_no_sense_are_refused():
    for call in (
        lambda: cube(leaf(1), leaf(2)),
        lambda: cube(),
        lambda: cube(leaf(1), axis=1),
        lambda: cube(leaf(1), 2),
    ):
        with pytest.raises(TypeError, match="cube"):
            call()


def test_a_rule_may_call_the_public_functions_and_still_says_its_formula():
    @tg.primitive
    def softplus(x):
        return np.log1p(np.exp(x))

    @softplus.vjp("x")
    def softplus_dx(g, out, x):
        return tg.multiply(g, tg.sigmoid(x))

    v = tg.Tensor([-1.0, 0.5], requires_grad=True, name="v")
    total = softplus(v).sum()
    assert tg.check_graph(total)
    assert tg.graph(total).steps[-1].formulas == ("ḡ · σ(v)",)
    first = tg.grad(total, v, create_graph=True)
    sigma = 1 / (1 + np.exp(-v.data))
    np.testing.assert_allclose(tg.grad(first.sum(), v), sigma * (1 - sigma), rtol=1e-12)
