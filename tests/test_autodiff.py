"""Derivatives as functions, against closed forms and torch.autograd.functional."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg


def leaf(value, dtype=np.float64, **options):
    return tg.Tensor(np.asarray(value, dtype), requires_grad=True, **options)


def same(found, want):
    """Tensors, or tuples of them, hold these numbers."""
    if isinstance(want, tuple):
        assert isinstance(found, tuple)
        assert len(found) == len(want)
        for a, b in zip(found, want):
            same(a, b)
        return
    want = want.detach().numpy() if hasattr(want, "detach") else np.asarray(want)
    assert isinstance(found, tg.Tensor)
    assert found.shape == want.shape
    np.testing.assert_allclose(found.data, want, rtol=1e-10, atol=1e-12)


# grad


def test_grad_gives_one_for_one_and_a_tuple_for_several():
    x, w = leaf([1, 2]), leaf([3, 4])
    loss = (x * w).sum()
    same(tg.grad(loss, x), [3, 4])
    same(tg.grad(loss, [x]), ([3, 4],))
    same(tg.grad(loss, (w, x, w)), ([1, 2], [3, 4], [1, 2]))
    assert x.grad is None
    assert w.grad is None


def test_grad_of_values_in_between_and_of_the_output_itself():
    x = leaf([1, 2])
    h = x * 3
    y = (h * h).sum()
    same(tg.grad(y, h), [6, 12])
    same(tg.grad(y, [x, h, y]), ([18, 36], [6, 12], 1.0))
    same(tg.grad(x, x, gradient=[5.0, 6]), [5, 6])


def test_grad_goes_past_a_value_in_between():
    x = leaf(2)
    h = x * x
    k = h * h
    same(tg.grad(k + h + x, [x, h, k]), (2 * 2 * 9.0 + 1, 9.0, 1.0))  # 4x³ + 2x + 1, 2h + 1, 1


def test_grad_of_several_outputs_adds_up():
    x = leaf([1, 2])
    y, z = x * x, x.sum()
    same(tg.grad([y, z], x, gradient=[np.ones(2), 10.0]), [12, 14])
    same(tg.grad([z, z], x), [2, 2])
    same(tg.grad([z, z * 3], [x, z]), ([4, 4], 4.0))
    for gradients in ([np.ones(2)], [np.ones(2), 1.0, 1.0]):
        with pytest.raises(ValueError, match="2 outputs"):
            tg.grad([y, z], x, gradient=gradients)


def test_grad_shares_memory_with_nothing():
    x, seed = leaf([1, 2]), np.ones(2)
    y = x + 0.0
    found = tg.grad(y, [x, y], gradient=seed)
    for g in found:
        g.data[:] = 7
    np.testing.assert_array_equal(seed, [1, 1])


@pytest.mark.parametrize(("call", "error", "said"), [
    (lambda x, y: tg.grad(y, x), ValueError, ["input 0", "'x'", "allow_unused"]),
    (lambda x, y: tg.grad(y, [y, x]), ValueError, ["input 1", "'x'"]),
    (lambda x, y: tg.grad(y, tg.Tensor([1.0], name="c")), ValueError, ["'c'", "requires_grad=True"]),
    (lambda x, y: tg.grad(y, "x"), TypeError, ["inputs", "str"]), (lambda x, y: tg.grad(2.0, x), TypeError, ["float"]),
    (lambda x, y: tg.grad(y, []), ValueError, ["inputs", "empty"]),
    (lambda x, y: tg.grad([], x), ValueError, ["output", "empty"]),
    (lambda x, y: tg.grad(x, x), ValueError, ["(2,)", "gradient="]),
    (lambda x, y: tg.grad(y.detach(), x), RuntimeError, ["needs no gradient"]),
])  # fmt: skip
def test_grad_refuses(call, error, said):
    x, y = leaf([1, 2], name="x"), leaf(3, name="y")
    with pytest.raises(error) as caught:
        call(x, y * 2 if error is not ValueError else y)
    assert all(part in str(caught.value) for part in said), caught.value


def test_allow_unused_gives_none():
    x, w = leaf([1, 2]), leaf([3, 4])
    found = tg.grad((x * 2).sum(), [w, x], allow_unused=True)
    assert found[0] is None
    same(found[1], [2, 2])
    assert tg.grad((x * 2).sum(), w, allow_unused=True) is None


def test_a_derivative_that_is_zero_is_not_unused():
    x = leaf([1, 2])
    same(tg.grad((x * 0).sum(), x), [0, 0])
    same(tg.grad(tg.where(np.array([True, False]), 1.0, x).sum(), x), [0, 1])


def test_grad_again_and_again():
    x = leaf(2)
    y, want = x**5, [80, 160, 240, 240, 120]
    for n in want:
        y = tg.grad(y, x, create_graph=True)
        same(y, float(n))
    assert x.grad is None


def test_grad_without_a_graph_can_not_be_differentiated():
    x = leaf(2)
    g = tg.grad(x**3, x)
    assert not g.requires_grad
    assert g.is_leaf
    with pytest.raises(RuntimeError, match="needs no gradient"):
        tg.grad(g, x)


def test_a_gradient_that_is_itself_differentiated():
    x, v = leaf([1, 2]), leaf([3, 4])
    g = tg.grad(x**2, x, gradient=v, create_graph=True)
    same(tg.grad(g.sum(), [v, x]), ([2, 4], [6, 8]))


def test_gradient_penalty_trains(rng):
    x, w = tg.Tensor(rng.standard_normal((4, 3)), requires_grad=True), leaf(rng.standard_normal((3, 2)))
    score = tg.tanh(x @ w).sum()
    slope = tg.grad(score, x, create_graph=True)
    penalty = ((tg.norm(slope, axis=1) - 1) ** 2).mean()
    penalty.backward()
    assert tg.gradcheck(
        lambda w: ((tg.norm(tg.grad(tg.tanh(x @ w).sum(), x, create_graph=True), axis=1) - 1) ** 2).mean(), w
    )
    assert w.grad.shape == w.shape


# jacobian, hessian and products, against closed forms


def quadratic(a):
    return lambda x: 0.5 * (x @ a @ x)


@pytest.fixture
def matrix(rng):
    return rng.standard_normal((3, 3))


@pytest.mark.parametrize("wrap", [np.asarray, tg.Tensor, leaf], ids=["array", "tensor", "leaf"])
def test_closed_forms(wrap, matrix, rng):
    x, v, g = rng.standard_normal((3, 3))
    both = (matrix + matrix.T) / 2
    same(tg.jacobian(lambda x: matrix @ x, wrap(x)), matrix)
    same(tg.jacobian(lambda x: x * x, wrap(x)), np.diag(2 * x))
    same(tg.jacobian(quadratic(matrix), wrap(x)), both @ x)
    same(tg.hessian(quadratic(matrix), wrap(x)), both)
    same(tg.hvp(quadratic(matrix), wrap(x), wrap(v)), both @ v)
    y, pull = tg.vjp(lambda x: matrix @ x, wrap(x))
    same(y, matrix @ x)
    same(pull(wrap(g)), g @ matrix)
    same(pull(wrap(2 * g)), 2 * g @ matrix)
    y, tangent = tg.jvp(lambda x: matrix @ x, wrap(x), wrap(v))
    same(y, matrix @ x)
    same(tangent, matrix @ v)
    assert not y.requires_grad
    assert not tangent.requires_grad


def test_zeros_where_there_is_no_dependence():
    x = np.ones(2)
    constant = tg.Tensor(3.0)
    same(tg.jacobian(lambda x: constant, x), [0, 0])
    same(tg.jacobian(lambda x: x[:1], x), [[1, 0]])
    same(tg.hessian(lambda x: x.sum(), x), np.zeros((2, 2)))
    same(tg.hessian(lambda x: constant, x), np.zeros((2, 2)))
    same(tg.hvp(lambda x: x.sum(), x, x), [0, 0])
    same(tg.jvp(lambda x: constant, x, x), (3.0, 0.0))
    same(tg.vjp(lambda x: constant, x)[1](1.0), [0, 0])
    same(tg.jacobian(lambda x: x, np.zeros((0, 2))), np.zeros((0, 2, 0, 2)))


def test_of_a_single_number():
    same(tg.jacobian(tg.exp, 0.0), 1.0)
    same(tg.hessian(lambda x: x**3, 2.0), 12.0)
    same(tg.hvp(lambda x: x**3, 2.0, 10.0), 120.0)
    same(tg.jvp(lambda x: x**3, 2.0, 10.0), (8.0, 120.0))
    same(tg.vjp(lambda x: x**3, 2.0)[1](), 12.0)


def test_nothing_is_left_behind_in_grad():
    x, w = leaf([1, 2]), leaf([3, 4])
    for call in (tg.jacobian, tg.hessian, tg.vjp):
        call(lambda x: (x * x * w).sum(), x)
    tg.hvp(lambda x: (x * x * w).sum(), x, np.ones(2))
    tg.jvp(lambda x: (x * x * w).sum(), x, np.ones(2))
    assert x.grad is None
    assert w.grad is None


def test_inside_no_grad_they_still_differentiate():
    with tg.no_grad():
        same(tg.jacobian(lambda x: x * x, np.array([1.0, 2])), np.diag([2.0, 4]))
        same(tg.hessian(lambda x: (x**3).sum(), np.array([1.0, 2])), np.diag([6.0, 12]))
        same(tg.jvp(lambda x: x * x, np.array([1.0, 2]), np.ones(2)), ([1, 4], [2, 4]))


def test_with_a_graph_they_can_be_differentiated():
    x = leaf([1, 2])
    same(tg.grad(tg.jacobian(lambda x: x**3, x, create_graph=True).sum(), x), [6, 12])
    same(tg.grad(tg.hessian(lambda x: (x**3).sum(), x, create_graph=True).sum(), x), [6, 6])


@pytest.mark.parametrize(("call", "error", "said"), [
    (lambda: tg.jacobian(lambda x: 1.0, np.ones(2)), TypeError, ["jacobian", "float"]),
    (lambda: tg.hessian(lambda x: x, np.ones(2)), ValueError, ["hessian", "(2,)"]),
    (lambda: tg.hvp(lambda x: x, np.ones(2), np.ones(2)), ValueError, ["hvp", "(2,)"]),
    (lambda: tg.hvp(lambda x: x.sum(), np.ones(2), np.ones(3)), ValueError, ["hvp", "(3,)", "(2,)"]),
    (lambda: tg.jvp(lambda x: x, np.ones(2), np.ones(3)), ValueError, ["jvp", "(3,)", "(2,)"]),
    (lambda: tg.jvp(lambda x: x, (np.ones(2),), (np.ones(2), np.ones(2))), ValueError, ["jvp", "(2,), (2,)"]),
    (lambda: tg.jvp(lambda x, y: x, (np.ones(2), np.ones(2)), np.ones(2)), ValueError, ["jvp", "(2,)"]),
    (lambda: tg.hvp(lambda x, y: x.sum(), (np.ones(2), np.ones(2)), (np.ones(2),)), ValueError, ["hvp", "(2,)"]),
    (lambda: tg.vjp(lambda x: x, np.ones(2))[1](), ValueError, ["(2,)", "gradient="]),
    (lambda: tg.vjp(lambda x: x, np.ones(2))[1](np.ones(3)), ValueError, ["(3,)", "(2,)"]),
    (lambda: tg.jacobian(lambda x: x, np.ones(2, int)), TypeError, ["int64"]),
])  # fmt: skip
def test_bad_input_is_explained(call, error, said):
    with pytest.raises(error) as caught:
        call()
    assert all(part in str(caught.value) for part in said), caught.value


# Against PyTorch


def one(m):
    return lambda x: m.exp(m.sin(x) * 0.3) @ x


def vector(m):
    return lambda x: m.tanh(x[:2] * x[1:]) * x.sum()


def matrix_of(m):
    return lambda x: x.reshape(3, 1) * m.sin(x)


def two(m):
    return lambda x, y: m.tanh(x @ y) @ m.exp(y[0] * 0.1)


def two_vectors(m):
    return lambda x, y: m.sin(x @ y) + x[:, 0]


def half_used(m):
    return lambda x, y: m.exp(x).sum()


SINGLE, TUPLE = [one, vector, matrix_of], [two, two_vectors, half_used]


@pytest.fixture
def functional():
    torch = pytest.importorskip("torch")
    return torch, torch.autograd.functional


def inputs(f, rng):
    return (rng.standard_normal(3),) if f in SINGLE else (rng.standard_normal((2, 3)), rng.standard_normal((3, 2)))


def tupled(call, torch, arrays, *more):
    given = [tuple(map(torch.tensor, group)) for group in (arrays, *more)]
    return call(*[group if len(group) > 1 else group[0] for group in given])


def given(f, arrays):
    return arrays[0] if f in SINGLE else arrays


@pytest.mark.oracle
@pytest.mark.parametrize("f", SINGLE + TUPLE, ids=lambda f: f.__name__)
def test_jacobians_match_torch(f, functional, rng):
    torch, theirs = functional
    arrays = inputs(f, rng)
    same(tg.jacobian(f(tg), given(f, arrays)), tupled(lambda x: theirs.jacobian(f(torch), x), torch, arrays))


@pytest.mark.oracle
@pytest.mark.parametrize("f", [one, two, half_used], ids=lambda f: f.__name__)
def test_hessians_and_their_products_match_torch(f, functional, rng):
    torch, theirs = functional
    arrays = inputs(f, rng)
    vectors = inputs(f, rng)
    if f is two:
        f = lambda m: lambda x, y: two(m)(x, y).sum()  # noqa: E731
    x, v = (arrays[0], vectors[0]) if len(arrays) == 1 else (arrays, vectors)
    same(tg.hessian(f(tg), x), tupled(lambda x: theirs.hessian(f(torch), x), torch, arrays))
    same(tg.hvp(f(tg), x, v), tupled(lambda x, v: theirs.hvp(f(torch), x, v)[1], torch, arrays, vectors))


@pytest.mark.oracle
@pytest.mark.parametrize("f", SINGLE + TUPLE, ids=lambda f: f.__name__)
def test_products_with_vectors_match_torch(f, functional, rng):
    torch, theirs = functional
    arrays, vectors = inputs(f, rng), inputs(f, rng)
    y, pull = tg.vjp(f(tg), given(f, arrays))
    g = rng.standard_normal(y.shape)[()]
    want = tupled(lambda x: theirs.vjp(f(torch), x, torch.tensor(g))[1], torch, arrays)
    same(pull(g), want)
    found = tg.jvp(f(tg), given(f, arrays), given(f, vectors))
    same(found, tupled(lambda x, v: theirs.jvp(f(torch), x, v), torch, arrays, vectors))
