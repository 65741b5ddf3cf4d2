"""Calls of NumPy's functions as data: what the tests of the NumPy protocol and of its tables are made of."""

from __future__ import annotations

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.engine.tensor import Tensor

rng = np.random.default_rng(7)


class C:
    """A call: what goes between the parentheses. Float arrays in it become Tensors that need a gradient."""

    def __init__(self, *args, **kwargs):
        self.args, self.kwargs = args, kwargs

    def arrays(self):
        found = []
        self.filled(lambda a: found.append(a) or a)
        return found

    def filled(self, change):
        """Return the arguments, every float array replaced by what ``change`` makes of it."""

        def walk(value):
            if isinstance(value, np.ndarray) and value.dtype.kind == "f":
                return change(value)
            return type(value)([walk(part) for part in value]) if isinstance(value, (list, tuple)) else value

        return walk(self.args), {key: walk(value) for key, value in self.kwargs.items()}


def R(*shape):
    """Different numbers, a tenth apart at least."""
    n = int(np.prod(shape))
    return (rng.permutation(n) / 4 - n / 8 + 0.1 + rng.random(n) / 10).reshape(shape)


def spd(n, *batch):
    """A symmetric positive definite matrix."""
    x = rng.standard_normal((*batch, n, n))
    return x @ np.swapaxes(x, -1, -2) + n * np.eye(n)


MASK = np.array([[True, False, True], [False, False, True]])
X23, X34, X3, SQUARE = R(2, 3), R(3, 4), R(3), R(3, 3) + 3 * np.eye(3)
OF_SYMMETRIC = (np.linalg.cholesky, np.linalg.eigh, np.linalg.eigvalsh)


def symmetric(x):
    return (x + np.swapaxes(x, -1, -2)) / 2


def parts(result):
    """Return a result, or the several that a tuple or a list holds."""
    return list(result) if isinstance(result, (list, tuple)) else [result]


def tensors_of(call, requires_grad=True):
    return [Tensor(a, requires_grad=requires_grad) for a in call.arrays()]


def as_function(function, call):
    """Return ``function`` as a function of the call's float arrays alone, in order; a list of Tensors.

    Where NumPy reads half of a symmetric matrix, what counts is the gradient over symmetric matrices.
    """

    def f(*tensors):
        left = list(tensors)
        args, kwargs = call.filled(lambda _: symmetric(left.pop(0)) if function in OF_SYMMETRIC else left.pop(0))
        return [part for part in parts(function(*args, **kwargs)) if isinstance(part, Tensor)]

    return f


def slope_of(f, inputs, seed=0):
    """Return the function that gives the gradient of a random weighing of f's outputs: for second derivatives."""

    def slope(*tensors):
        with tg.enable_grad():
            leaves = [x if x.requires_grad else Tensor(x, requires_grad=True) for x in tensors]
            outputs = f(*leaves)
            weights = [np.random.default_rng(seed).standard_normal(y.shape) for y in outputs]
            total = sum([(y * w).sum() for y, w in zip(outputs, weights)])
            found = tg.grad(total, leaves, create_graph=True, allow_unused=True)
        return [x * 0.0 if g is None else g for x, g in zip(leaves, found)]

    return slope
