"""How a functional is compared: with PyTorch in value, gradient and second derivative, and with its own differences."""

from __future__ import annotations

import itertools

import numpy as np

import tinygrad_edu as tg


def weights(shape, seed=3):
    """Fixed random numbers to weigh outputs with."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def memories(x):
    """The same numbers as an array in C order, batch last, reversed in memory, and with gaps."""
    x = np.asarray(x)
    yield x
    if x.ndim > 1:
        order = (*range(1, x.ndim), 0)
        yield np.ascontiguousarray(x.transpose(order)).transpose(x.ndim - 1, *range(x.ndim - 1))
    if x.ndim:
        yield x[::-1].copy()[::-1]
        yield np.repeat(x, 2, axis=-1)[..., ::2]


def derivatives(grad, y, xs, g, lift):
    """The gradients of ``y · g``, and those of their sum weighed by random numbers; None where nothing depends."""
    first = grad(y, xs, g)
    total = None
    for piece, x in zip(first, xs):
        if piece is not None and piece.requires_grad:
            part = (piece * lift(weights(tuple(x.shape), 4))).sum()
            total = part if total is None else total + part
    return [*first, *([None] * len(xs) if total is None else grad(total, xs, None))]


def ours(function, arrays):
    """Value and derivatives of a functional."""
    xs = [tg.Tensor(a, requires_grad=True, copy=False) for a in arrays]
    y = function(*xs)
    if not y.requires_grad:
        return y, []

    def grad(y, xs, g):
        return tg.grad(y, xs, gradient=g, create_graph=True, allow_unused=True)

    found = derivatives(grad, y, xs, weights(y.shape)[()], lambda w: w[()])
    return y, [np.zeros(x.shape) if d is None else d.data for d, x in zip(found, xs * 2)]


def theirs(torch, function, arrays):
    """Value and derivatives of PyTorch's functional."""
    xs = [torch.tensor(np.array(a), requires_grad=True) for a in arrays]
    y = function(*xs)

    def grad(y, xs, g):
        return torch.autograd.grad(y, xs, g, create_graph=True, allow_unused=True)

    found = derivatives(grad, y, xs, torch.tensor(weights(tuple(y.shape))), torch.tensor)
    return y.detach().numpy(), [
        np.zeros(tuple(x.shape)) if d is None else d.detach().numpy(force=True) for d, x in zip(found, xs * 2)
    ]


def same_as_torch(torch, mine, his, arrays, orders=True, rtol=1e-10, atol=1e-11):
    """Compare in float64, with every input in several memory orders, and see that float32 stays."""
    want, slopes = theirs(torch, his, arrays)
    for layout in itertools.islice(zip(*[itertools.cycle(memories(a)) for a in arrays]), 4 if orders else 1):
        value, found = ours(mine, layout)
        assert isinstance(value, tg.Tensor)
        assert value.shape == want.shape
        np.testing.assert_allclose(value.data, want, rtol=rtol, atol=atol)
        for i, (got, wanted) in enumerate(zip(found, slopes)):
            np.testing.assert_allclose(
                got, wanted, rtol=rtol, atol=atol, err_msg=f"derivative {i} of {len(arrays)} inputs"
            )
    small = [np.asarray(a, np.float32) for a in arrays]
    value, found = ours(mine, small)
    assert value.dtype == np.float32
    assert [d.dtype for d in found[: len(arrays)] if d.any()] in ([np.float32] * n for n in range(len(arrays) + 1))


def differences_agree(function, arrays):
    """Check first and second derivatives against finite differences: True, or an error that says where."""
    xs = [tg.Tensor(a, requires_grad=True) for a in arrays]
    assert tg.gradcheck(function, xs)

    def slope(*xs):
        y = function(*xs)
        found = tg.grad(y, list(xs), gradient=weights(y.shape)[()], create_graph=True, allow_unused=True)
        parts = [(d * weights(d.shape, 4)[()]).sum() for d in found if d is not None and d.requires_grad]
        return sum(parts[1:], parts[0]) if parts else (xs[0] * 0.0).sum()

    assert tg.gradcheck(slope, xs)
