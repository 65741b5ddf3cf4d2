"""Bad input: the exception's type, and that its message names the op, what it got and what to do."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.engine.axes import AxisError


def leaf(shape, name=None):
    return tg.Tensor(np.arange(1.0, 1 + np.prod(shape)).reshape(shape), requires_grad=True, name=name)


# Called with a (2, 3), b (2, 4) and v (3,): what is raised, what the message holds, whether it has a graph (err.graph)
TABLE = [
    # shapes that do not fit
    (lambda a, b, v: a + b, ValueError, ["add", "(2, 3)", "(2, 4)", "axis -1", "3 in x but 4 in y"], True),
    (lambda a, b, v: np.multiply(a, b), ValueError, ["multiply", "(2, 3)", "(2, 4)"], True),
    (lambda a, b, v: b - v, ValueError, ["subtract", "(2, 4)", "(3,)"], True),
    (lambda a, b, v: tg.maximum(a, b), ValueError, ["maximum", "do not broadcast"], True),
    (lambda a, b, v: tg.where(np.ones(4, bool), a, 0.0), ValueError, ["where", "condition", "(4,)", "(2, 3)"], True),
    (lambda a, b, v: a.clip(np.zeros(4), None), ValueError, ["(2, 3)", "(4,)"], True),
    (lambda a, b, v: a @ a, ValueError, ["matmul", "3 columns", "2 rows", "y.T", "(3, 2)"], True),
    (lambda a, b, v: a @ b, ValueError, ["matmul", "(2, 3)", "(2, 4)", "x.T"], True),
    (lambda a, b, v: v @ b, ValueError, ["matmul", "3 elements", "2 rows"], True),
    (lambda a, b, v: a @ 2.0, ValueError, ["matmul", "number", "*"], True),
    (lambda a, b, v: leaf((2, 2, 3)) @ leaf((3, 3, 2)), ValueError, ["matmul", "batch", "(2, 2, 3)"], True),
    (lambda a, b, v: tg.dot(a, b), ValueError, ["columns", "(2, 3)", "(2, 4)"], True),
    (lambda a, b, v: tg.inner(a, b), ValueError, ["(2, 3)", "(2, 4)"], False),
    (lambda a, b, v: tg.tensordot(a, b, 1), ValueError, ["tensordot", "(2, 3)", "(2, 4)", "[3]", "[2]"], False),
    (lambda a, b, v: tg.tensordot(a, b, 3), ValueError, ["tensordot", "axes=3", "2 axes"], False),
    (lambda a, b, v: tg.tensordot(a, b, ([0], [0, 1])), ValueError, ["tensordot", "1 axes", "2 of y"], False),
    (lambda a, b, v: tg.tensordot(a, a, ([0, 0], [0, 0])), ValueError, ["tensordot", "twice"], False),
    (lambda a, b, v: tg.einsum("ij,jk->ik", a, b), ValueError, ["einsum", "label 'j'", "length 3", "2 in xs[1]"], True),
    (lambda a, b, v: tg.einsum("ij,jk", a), ValueError, ["einsum", "2 operands", "1 were given"], True),
    (lambda a, b, v: tg.einsum("i", a), ValueError, ["einsum", "1 labels", "(2, 3)", "2 axes"], True),
    (lambda a, b, v: tg.einsum("ii", a), ValueError, ["einsum", "label 'i'", "length 2", "3 in xs[0]"], True),
    (lambda a, b, v: tg.einsum("ij->k", a), ValueError, ["einsum", "'k'", "(2, 3)"], True),
    (lambda a, b, v: tg.einsum("ij->ii", a), ValueError, ["einsum", "'i'"], True),
    (lambda a, b, v: tg.einsum("i$->i", a), ValueError, ["einsum", "i$->i"], True),
    (lambda a, b, v: tg.einsum("ij->->", a), ValueError, ["einsum"], True),
    (lambda a, b, v: tg.einsum(a, b), TypeError, ["einsum", "subscripts", "ij,jk->ik"], False),
    (lambda a, b, v: tg.concatenate([a, b]), ValueError, ["concatenate", "xs[1]", "(2, 4)", "(2, 3)", "axis 0"], True),
    (lambda a, b, v: tg.concatenate([a, v]), ValueError, ["concatenate", "(3,)", "(2, 3)"], True),
    (lambda a, b, v: np.concatenate([a, b]), ValueError, ["concatenate", "(2, 4)"], True),
    (lambda a, b, v: tg.concatenate([]), ValueError, ["concatenate", "at least one"], False),
    (lambda a, b, v: tg.concatenate(3), TypeError, ["concatenate", "int"], False),
    (lambda a, b, v: tg.concatenate([a.sum(), a.sum()]), AxisError, ["concatenate", "0-d"], False),
    (lambda a, b, v: tg.stack([a, b]), ValueError, ["stack", "xs[1]", "(2, 4)", "(2, 3)"], True),
    (lambda a, b, v: tg.stack([]), ValueError, ["stack", "at least one"], False),
    (lambda a, b, v: a.reshape(4), ValueError, ["reshape", "(2, 3)", "6 elements", "(4,)"], True),
    (lambda a, b, v: a.reshape(-1, 4), ValueError, ["reshape", "(2, 3)", "multiple of 4"], True),
    (lambda a, b, v: a.reshape(0, -1), ValueError, ["reshape", "(2, 3)", "(0, -1)"], True),
    (lambda a, b, v: a.reshape(-1, -1), ValueError, ["reshape", "at most one", "(-1, -1)"], False),
    (lambda a, b, v: a.reshape("x"), TypeError, ["reshape", "integers", "'x'"], False),
    (lambda a, b, v: a.reshape(2.0, 3), TypeError, ["reshape", "integers"], False),
    (lambda a, b, v: a.broadcast_to(2, 4), ValueError, ["broadcast_to", "(2, 3)", "(2, 4)"], True),
    (lambda a, b, v: a.broadcast_to(3), ValueError, ["broadcast_to", "(2, 3)", "(3,)"], True),
    (lambda a, b, v: a.squeeze(0), ValueError, ["squeeze", "axis 0", "(2, 3)", "length 2"], False),
    (lambda a, b, v: a.transpose(0, 0), ValueError, ["transpose", "(0, 0)", "(2, 3)", "once"], False),
    (lambda a, b, v: a.moveaxis((0, 1), 0), ValueError, ["moveaxis", "(0, 1)"], False),
    (lambda a, b, v: a.diagonal(0, 1, 1), ValueError, ["diagonal", "both 1"], False),
    (lambda a, b, v: v.trace(), AxisError, ["diagonal", "axis 1"], False),
    (lambda a, b, v: a.sum().tril(), TypeError, ["tril", "number", "matrices"], True),
    (lambda a, b, v: a.split(2, axis=1), ValueError, ["split", "axis 1", "length 3", "2 equal"], False),
    (lambda a, b, v: a.split(1.5), TypeError, ["split", "float"], False),
    (lambda a, b, v: a.repeat(-1), ValueError, ["repeat", "-1"], False),
    (lambda a, b, v: a.repeat([1, 2, 3], axis=0), ValueError, ["repeat", "3 repeats", "length 2"], False),
    (lambda a, b, v: a.tile(-1), ValueError, ["tile", "-1"], False),
    (lambda a, b, v: a.roll((1, 2, 3), (0, 1)), ValueError, ["roll", "3 shifts", "2 axes"], False),
    (lambda a, b, v: tg.pad(a, ((1, 1),) * 3), ValueError, ["pad", "(3, 2)", "2 axes"], False),
    (lambda a, b, v: tg.pad(a, -1), ValueError, ["pad", "negative", "slice"], False),
    (lambda a, b, v: tg.pad(a, 1, mode="mean"), ValueError, ["pad", "'mean'", "reflect"], False),
    (lambda a, b, v: tg.pad(a, 0.5), TypeError, ["pad", "integers"], False),
    (lambda a, b, v: tg.pad(leaf((0, 3)), 1, mode="edge"), ValueError, ["pad", "axis 0", "(0, 3)", "empty"], False),
    (lambda a, b, v: tg.sliding_windows(a, 5), ValueError, ["windows", "(5, 5)", "(2, 3)", "pad"], True),
    (lambda a, b, v: tg.sliding_windows(a, 0), ValueError, ["kernel_size", "positive", "0"], False),
    (lambda a, b, v: tg.sliding_windows(a, 1, stride=(1, 2, 3)), ValueError, ["stride", "pair"], False),
    (lambda a, b, v: tg.sliding_windows(v, 1), ValueError, ["sliding_windows", "two axes", "(3,)"], False),
    # axes
    (lambda a, b, v: a.sum(axis=2), AxisError, ["sum", "axis 2", "-2 to 1"], False),
    (lambda a, b, v: np.sum(a, axis=2), AxisError, ["sum", "axis 2"], False),
    (lambda a, b, v: tg.mean(a, axis=-3), AxisError, ["mean", "axis -3", "-2 to 1"], False),
    (lambda a, b, v: a.sum(axis=(0, -2)), ValueError, ["sum", "(0, -2)", "twice"], False),
    (lambda a, b, v: a.sum(axis="x"), TypeError, ["sum", "str"], False),
    (lambda a, b, v: a.sum(axis=1.0), TypeError, ["sum", "float"], False),
    (lambda a, b, v: a.sum().sum(axis=1), AxisError, ["sum", "axis 1", "0-d"], False),
    *[(lambda a, b, v, name=name: getattr(tg, name)(a, axis=7), AxisError, [name, "axis 7"], False)
      for name in ("mean", "var", "std", "max", "min", "prod", "logsumexp", "softmax", "log_softmax", "cumsum",
           "cumprod",
                   "norm", "argmax", "argmin", "argsort", "sort", "flip", "expand_dims", "squeeze")],
    (lambda a, b, v: a.swapaxes(0, 2), AxisError, ["swapaxes", "axis 2"], False),
    (lambda a, b, v: tg.stack([a, a], axis=5), AxisError, ["stack", "axis 5"], False),
    (lambda a, b, v: a.expand_dims((0, 0)), ValueError, ["expand_dims", "twice"], False),
    # nothing to choose from
    (lambda a, b, v: leaf((0, 3)).max(axis=0), ValueError, ["max", "(0, 3)", "axis 0"], True),
    (lambda a, b, v: tg.min(np.zeros(0)), ValueError, ["min", "(0,)"], True),
    (lambda a, b, v: tg.argmax(np.zeros((2, 0)), axis=1), ValueError, ["argmax", "(2, 0)", "axis 1"], True),
    (lambda a, b, v: leaf((0,)).argmin(), ValueError, ["argmin", "(0,)"], True),
    # indices
    (lambda a, b, v: a[5], IndexError, ["getitem", "5", "axis 0", "(2, 3)"], True),
    (lambda a, b, v: a[1.0], IndexError, ["getitem", "1.0", "int"], True),
    (lambda a, b, v: a["x"], IndexError, ["getitem", "(2, 3)"], True),
    (lambda a, b, v: a["x":], TypeError, ["getitem", "(2, 3)"], True),
    (lambda a, b, v: a[0, 0, 0], IndexError, ["getitem", "3 were indexed", "(2, 3)"], True),
    (lambda a, b, v: a[np.ones((3, 2), bool)], IndexError, ["getitem", "mask", "(3, 2)", "(2, 3)"], True),
    (lambda a, b, v: a[[0, 1], [0, 1, 2]], IndexError, ["getitem", "(2,)", "(3,)"], True),
    (lambda a, b, v: a.take([5], axis=1), IndexError, ["5", "axis 1", "(2, 3)"], True),
    (lambda a, b, v: a.take([0.5]), TypeError, ["take", "integers", "float64"], False),
    # kinds
    (lambda a, b, v: tg.exp("x"), TypeError, ["str", "numbers"], False),
    (lambda a, b, v: tg.add(a, None), TypeError, ["NoneType"], False),
    (lambda a, b, v: a.matmul({}), TypeError, ["dict"], False),
    (lambda a, b, v: a.clip("x", 1), TypeError, ["str"], False),
    (lambda a, b, v: a.astype(complex), TypeError, ["astype", "complex128"], False),
    (lambda a, b, v: tg.power(tg.Tensor([2]), -1), ValueError, ["power", "integers", "astype"], True),
    (lambda a, b, v: a.gelu(approximate="x"), ValueError, ["gelu", '"tanh"', "'x'"], False),
    (lambda a, b, v: a.var(ddof="x"), TypeError, ["var", "ddof=x", "(2, 3)"], True),
    (lambda a, b, v: a.norm(ord="nuc"), ValueError, ["norm", "'nuc'"], False),
    (lambda a, b, v: v.norm(ord=0), ValueError, ["norm", "0"], False),
    (lambda a, b, v: tg.zeros("x"), TypeError, ["zeros", "integers", "'x'"], False),
    (lambda a, b, v: tg.randn(2.5), TypeError, ["randn", "integers", "2.5"], False),
    (lambda a, b, v: tg.ones(2, dtype=int, requires_grad=True), TypeError, ["int64", "astype"], False),
    (lambda a, b, v: tg.concatenate([a], dim=0, axis=0), TypeError, ["concatenate", "dim and axis"], False),
    # gradients
    (lambda a, b, v: a.backward(), ValueError, ["'a'", "(2, 3)", "6 elements", "gradient="], False),
    (lambda a, b, v: a.backward(np.ones(2)), ValueError, ["gradient", "(2,)", "'a'", "(2, 3)"], False),
    (lambda a, b, v: setattr(a, "grad", np.ones(2)), ValueError, ["grad", "(2,)", "'a'", "(2, 3)"], False),
    (lambda a, b, v: np.linalg.qr(a), TypeError, ["qr", "detach"], False),
    (lambda a, b, v: np.nextafter(a, 1.0), TypeError, ["nextafter", "detach"], False),
    (lambda a, b, v: np.add(a, 1.0, out=np.zeros((2, 3))), TypeError, ["add", "out=", "detach"], False),
    # modules
    (lambda a, b, v: nn.Linear(4, 2)(a), ValueError, ["Linear: expected 4", "got 3", "(2, 3)", "(2, 4)"], True),
    (lambda a, b, v: nn.Module()(a), NotImplementedError, ["Module", "forward"], False),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "said", "graph"), TABLE, ids=range(len(TABLE)))
def test_bad_input_is_explained_and_leaves_everything_as_it_was(call, error, said, graph):
    tensors = a, b, v = leaf((2, 3), "a"), leaf((2, 4), "b"), leaf((3,), "v")
    before = [(t.data, t.data.copy()) for t in tensors]
    with pytest.raises(error) as caught:
        call(a, b, v)
    message = str(caught.value)
    for part in said:
        assert part in message, message
    assert "\n" not in message
    for tensor, (array, copy) in zip(tensors, before):
        assert tensor.data is array
        np.testing.assert_array_equal(array, copy)
        assert tensor.grad is None
        assert tensor.is_leaf
    assert hasattr(caught.value, "graph") == graph


def test_axis_errors_are_both_of_their_kinds():
    assert issubclass(AxisError, ValueError)
    assert issubclass(AxisError, IndexError)


def test_the_failed_call_is_kept_for_the_picture():
    x, w = leaf((2, 3), "x"), leaf((2, 3), "W")
    with tg.scope("encoder"), pytest.raises(ValueError, match="in encoder") as caught:
        (x * 2) @ w
    failed = caught.value.graph
    assert failed.op.name == "matmul"
    assert failed.inputs[1] is w
    assert failed.inputs[0].op.name == "multiply"
    assert failed.scope.path == "encoder"
    assert failed.message == str(caught.value)
    path, number = failed.line
    assert path.endswith("test_errors.py")
    assert number > 100
    assert "matmul" in repr(failed)


def test_the_cause_is_numpys():
    with pytest.raises(ValueError, match="reshape") as caught:
        leaf((2, 3)).reshape(4)
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_failed_call_records_nothing():
    x = leaf((2, 3))
    with pytest.raises(ValueError, match="add"):
        x + np.ones(4)
    y = (x * x).sum()
    assert len(list(tg.backward_steps(y))) == 2
    y.backward()
    np.testing.assert_array_equal(x.grad.data, 2 * x.data)


@pytest.mark.parametrize("name", ['"', "<script>", "\\", "a\nb", "x" * 10_000, "", "%s{0}"])
def test_hostile_names_do_no_harm_to_messages(name):
    x = leaf((2, 3), name)
    with pytest.raises(ValueError, match="gradient="):
        x.backward()
    with pytest.raises(ValueError, match="allow_unused"):
        tg.grad(leaf((1,)) * 2, x)
