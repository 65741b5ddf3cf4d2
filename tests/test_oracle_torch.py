"""Every function that PyTorch has too: value, gradient and second derivative agree with it to rounding."""

from __future__ import annotations

import math

import numpy as np
import pytest
from torch_table import CUBE, MASKS, TABLE, TIES, X, draw, lookup

import tinygrad_edu as tg

pytestmark = pytest.mark.oracle
every_case = pytest.mark.parametrize("case", TABLE, ids=[f"{i} {case.name}" for i, case in enumerate(TABLE)])


@pytest.fixture(scope="module")
def torch():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    MASKS["torch"] = torch.tensor(MASKS["tinygrad_edu"])
    return torch


def slopes(grad, y, xs, g, numbers, unused):
    """Return the gradients of y, and the gradient of their sum weighted by random numbers."""
    first = grad(y, xs, g, True)
    zeros = [np.zeros(x.shape) for x in xs]
    total = None
    for piece, x in zip(first, xs):
        if piece is not None and piece.requires_grad:
            part = (piece * numbers(x)).sum()
            total = part if total is None else total + part
    second = [None] * len(xs) if total is None else grad(total, xs, None, False)
    return [z if p is None else unused(p) for p, z in zip([*first, *second], zeros * 2)]


def ours(function, arrays, g=None, dtype=np.float64):
    xs = [tg.Tensor(np.asarray(a, dtype)[()], requires_grad=True, copy=False) for a in arrays]
    y = function(tg, *xs)
    if g is None:
        return y, None

    def grad(y, xs, g, create_graph):
        return tg.grad(y, xs, gradient=g, create_graph=create_graph, allow_unused=True)

    return y, slopes(grad, y, xs, g.astype(dtype)[()], lambda x: weights(x.shape, dtype), lambda p: p.data)


def theirs(torch, function, arrays, g=None):
    xs = [torch.tensor(np.array(a), requires_grad=True) for a in arrays]
    y = function(torch, *xs)
    if g is None:
        return y.detach().numpy()

    def grad(y, xs, g, create_graph):
        return torch.autograd.grad(y, xs, g, create_graph=create_graph, allow_unused=True)

    return slopes(
        grad, y, xs, torch.tensor(g), lambda x: torch.tensor(weights(x.shape)), lambda p: p.detach().numpy(force=True)
    )


def weights(shape, dtype=np.float64):
    return np.random.default_rng(math.prod(shape)).standard_normal(shape).astype(dtype)


def named(function):
    return (lambda m, *xs: lookup(m, function)(*xs)) if isinstance(function, str) else function


@every_case
def test_value_gradient_and_second_derivative_match_torch(case, torch):
    for arrays in case.samples:
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            value, _ = ours(named(case.ours), arrays)
            want = theirs(torch, named(case.theirs), arrays)
            assert isinstance(value, tg.Tensor)
            assert value.shape == want.shape
            np.testing.assert_allclose(value.data, want, rtol=1e-10, atol=1e-12)
            g = np.random.default_rng(3).standard_normal(want.shape)
            found = ours(named(case.ours), arrays, g)[1]
            expected = theirs(torch, named(case.theirs), arrays, g)
        n = len(arrays)
        for i, (mine, his) in enumerate(zip(found, expected)):
            if i < n or case.second:
                message = f"{'gradient' if i < n else 'second derivative'} of input {i % n}, {arrays}"
                assert mine.shape == his.shape
                np.testing.assert_allclose(mine, his, rtol=1e-10, atol=1e-12, err_msg=message)


@every_case
def test_float32_stays(case, torch):
    for arrays in case.samples:
        with np.errstate(all="ignore"):
            value, _ = ours(named(case.ours), arrays, dtype=np.float32)
            assert value.dtype == np.float32
            for g in ours(named(case.ours), arrays, np.ones(value.shape), np.float32)[1][: len(arrays)]:
                assert g.dtype == np.float32 or not g.any()


NOT_IN_TORCH = {"argmax", "argmin", "argsort"}  # questions: tested as such


def test_every_array_function_is_in_the_table():
    from tinygrad_edu.engine.functions import __all__

    names = " ".join(f"{case.name} {case.ours if isinstance(case.ours, str) else ''}" for case in TABLE).split()
    assert set(__all__) - NOT_IN_TORCH <= set(names)


@pytest.mark.parametrize("name", sorted(NOT_IN_TORCH))
def test_questions_have_torchs_answers(name, torch):
    for x in (X, CUBE, TIES, draw(5)):
        for axis in range(-x.ndim, x.ndim):
            options = {"stable": True} if name == "argsort" else {}
            want = getattr(torch, name)(torch.tensor(x), dim=axis, **options)
            np.testing.assert_array_equal(getattr(tg, name)(x, axis=axis), want)


def test_a_tensor_of_a_torch_tensor_is_a_copy(torch):
    given = torch.ones(2)
    mine, shared = tg.Tensor(given), tg.Tensor(given, copy=False)
    given[0] = 5
    np.testing.assert_array_equal(mine, [1, 1])
    np.testing.assert_array_equal(shared, [5, 1])
