"""Ops that rearrange and pick: each rule against finite differences, NumPy and PyTorch, and at the edges."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tinygrad_edu.engine.autodiff import grad
from tinygrad_edu.engine.primitives import index, shape
from tinygrad_edu.engine.tensor import Tensor

OPS = [getattr(module, name) for module in (shape, index) for name in module.__all__]
OPS = [op for op in OPS if op.differentiable]

AROUND = ((1, 2), (0, 1))
ROWS = np.array([[0, 2, 0], [1, 1, 2]])

# For each op: (shapes of the inputs, parameters)
SAMPLES = {
    shape.copy: [([(2, 3)], {}), ([()], {})],
    shape.astype: [([(2, 3)], {"dtype": np.dtype(np.float64)}), ([()], {"dtype": np.dtype(np.float64)})],
    shape.reshape: [
        ([(2, 3)], {"shape": (3, 2)}), ([(1, 1)], {"shape": ()}), ([()], {"shape": (1, 1)}),
        ([(0, 3)], {"shape": (3, 0)}),
    ],
    shape.transpose: [
        ([(2, 3)], {"axes": (1, 0)}), ([(2, 3, 4)], {"axes": (1, 2, 0)}), ([(2, 3)], {"axes": (0, 1)}),
        ([()], {"axes": ()}),
    ],
    shape.broadcast_to: [
        ([(3, 1)], {"shape": (2, 3, 4)}), ([()], {"shape": (2, 3)}), ([()], {"shape": ()}),
        ([(1,)], {"shape": (0,)}),
    ],
    shape.concatenate: [
        ([(2, 3), (1, 3), (2, 3)], {"axis": 0}), ([(2, 1), (2, 0), (2, 3)], {"axis": 1}), ([(2,)], {"axis": 0}),
    ],
    shape.stack: [([(2, 3), (2, 3)], {"axis": 1}), ([(), ()], {"axis": 0}), ([(2,), (2,), (2,)], {"axis": 1})],
    shape.flip: [
        ([(2, 3)], {"axis": (1,)}), ([(2, 3, 2)], {"axis": (2, 0)}), ([(3,)], {"axis": ()}), ([()], {"axis": ()}),
    ],
    shape.roll: [
        ([(2, 3)], {"shift": (1, -2), "axis": (0, 1)}), ([(4,)], {"shift": (1, 2), "axis": (0, 0)}),
        ([()], {"shift": (), "axis": ()}),
    ],
    shape.repeat: [
        ([(2, 3)], {"repeats": 2, "axis": 1}), ([(2, 3)], {"repeats": (2, 0, 1), "axis": 1}),
        ([(2, 3)], {"repeats": 0, "axis": 0}), ([(2,)], {"repeats": (3,), "axis": 0}),
    ],
    shape.pad: [
        ([(2, 3)], {"widths": AROUND, "value": 0}), ([(2, 3)], {"widths": AROUND, "value": -np.inf}),
        ([()], {"widths": (), "value": 0}),
    ],
    shape.crop: [([(5, 3)], {"widths": AROUND}), ([(5, 4)], {"widths": ((0, 0), (0, 0))}), ([()], {"widths": ()})],
    shape.tril: [([(3, 4)], {"k": 0}), ([(2, 3, 3)], {"k": -1}), ([(3,)], {"k": 1}), ([(0, 3)], {"k": 0})],
    shape.triu: [([(3, 4)], {"k": 0}), ([(2, 3, 3)], {"k": -1}), ([(3,)], {"k": 1})],
    shape.diagonal: [
        ([(3, 4)], {"offset": 1, "axis1": 0, "axis2": 1}), ([(2, 3, 4)], {"offset": -1, "axis1": 2, "axis2": 0}),
        ([(2, 2)], {"offset": 5, "axis1": 0, "axis2": 1}),
    ],
    shape.diagonal_fill: [
        ([(3,)], {"offset": 1, "axis1": 0, "axis2": 1, "shape": (3, 4)}),
        ([(3, 2)], {"offset": 0, "axis1": 2, "axis2": 0, "shape": (2, 3, 4)}),
    ],
    index.getitem: [],  # filled from INDICES
    index.scatter_add: [],
    index.take_along: [
        ([(2, 3)], {"indices": ROWS, "axis": 1}), ([(3, 2)], {"indices": np.array([[-1, 0]]), "axis": 0}),
        ([(1, 3)], {"indices": ROWS, "axis": 1}),
    ],
    index.put_along: [
        ([(2, 3)], {"indices": ROWS, "axis": 1, "shape": (2, 3)}),
        ([(1, 2)], {"indices": np.array([[-1, 0]]), "axis": 0, "shape": (3, 2)}),
    ],
    index.sort_by: [([(3, 4), (3, 4)], {"axis": 0}), ([(3, 4), (3, 4)], {"axis": 1})],
    index.unsort_by: [([(3, 4), (3, 4)], {"axis": 0}), ([(3, 4), (3, 4)], {"axis": 1})],
    index.sort: [([(3, 4)], {"axis": 0}), ([(3, 4)], {"axis": 1}), ([(0,)], {"axis": 0})],
}  # fmt: skip

MASK = np.array([[True, False, True], [False, True, True]])
INDICES = [
    ((5,), 2), ((5,), -1), ((5,), np.int64(3)), ((5,), slice(None, None, -2)), ((5,), slice(4, 0, -1)), ((5,), None),
    ((5,), ...), ((5,), ()), ((5,), []), ((5,), [3, 3, -2]), ((5,), np.array(2)), ((5,), np.array([4, 4, 4, 0])),
    ((5,), np.array([1, -4, 1])), ((5,), np.array([[0, 1], [1, 0]])), ((5,), True), ((5,), np.bool_(False)),
    ((5,), [True, False, True, False, True]), ((), ()), ((), ...), ((), None), ((), True), ((0, 3), slice(0, 2)),
    ((2, 3), (1, 2)), ((2, 3), (slice(None), None, -1)), ((2, 3), (..., slice(None, None, -1))), ((2, 3), MASK),
    ((2, 3), MASK[:, 0]), ((2, 3), (slice(None), MASK[0])), ((2, 3), (MASK[:, 0], 1)), ((2, 3), ([0, 0, 1], [2, 2, 1])),
    ((2, 3), (np.array([0, 0, -1]), np.array([2, 2, 1]))), ((2, 3), (np.array([1, 1, 1]))), ((4, 3), np.array([3, 0])),
    ((4, 3), np.array([-1, 3, 0])), ((4, 3), np.array([[1, 2], [2, 1]])),
    ((2, 3), (np.array([[0], [1]]), np.array([2, 2]))),
    ((2, 3), (np.array([0, 1]), slice(None, None, -1))),
    ((2, 3, 4), (np.array([0, 0]), slice(1, None), np.array([3, 3]))),
    ((2, 3, 4), (np.array([1, 1]), np.array([2, -1]))), ((2, 3, 4), (0, np.array([1, 1]))),
    ((2, 3, 4), (..., [0, 0], 1)),
    ((2, 3, 4), (None, np.array([1, 1]), ..., None)), ((2, 3, 4), (np.array(1), slice(None), np.array([0, 2]))),
    ((2, 3, 4), ([True, True], np.array([2, 2]))), ((2, 3, 0), np.array([1, 1, 0])), ((5,), np.array([], dtype=int)),
    ((3, 2), np.array([2, 2], dtype=np.uint8)), ((2, 3), (True, 1)), ((2, 3, 4), (MASK, np.array([1, 1, 0, 1]))),
]  # fmt: skip
SAMPLES[index.getitem] = [([size], {"index": where}) for size, where in INDICES]
SAMPLES[index.scatter_add] = [
    ([np.shape(np.empty(size)[where])], {"index": where, "shape": size}) for size, where in INDICES
]
CASES = [
    pytest.param(op, shapes, params, id=f"{op.name}-{i}")
    for op, samples in SAMPLES.items()
    for i, (shapes, params) in enumerate(samples)
]


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def draw(rng, size, dtype=np.float64):
    """Distinct numbers, a NumPy scalar where 0-d."""
    return rng.permutation(np.linspace(-2, 2, int(np.prod(size)))).reshape(size).astype(dtype)[()]


def contribution(op, position, g, inputs, params):
    """What the engine makes of a rule: summed back to the input's shape."""
    if op.inputs[0 if op.variadic else position] in op.constants:
        return np.zeros_like(inputs[position])
    extra = {"position": position} if op.variadic else {}
    piece = np.asarray(op.rule_of(position)(g, op(*inputs, **params), *inputs, **params, **extra))
    x = np.asarray(inputs[position])
    piece = piece.sum(axis=tuple(range(piece.ndim - x.ndim)))
    stretched = tuple(i for i, n in enumerate(x.shape) if n == 1 and piece.shape[i] != 1)
    return piece.sum(axis=stretched, keepdims=True)


def difference(op, position, g, inputs, params, eps=1e-6):
    """Central differences of ``(g * op(*inputs)).sum()`` in one input."""
    x = np.asarray(inputs[position])
    slope = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        ends = []
        for step in (eps, -eps):
            moved = x.copy()
            moved[i] += step
            out = op(*inputs[:position], moved[()], *inputs[position + 1 :], **params)
            ends.append((g * np.where(np.isfinite(out), out, 0)).sum())
        slope[i] = (ends[0] - ends[1]) / (2 * eps)
    return slope


@pytest.mark.parametrize(("op", "shapes", "params"), CASES)
def test_rules_can_be_differentiated_in_the_upstream_gradient(op, shapes, params, rng):
    """``g``'s gradient of ``(rule(g) * way).sum()`` is the forward slope along ``way``."""
    inputs = [draw(rng, size) for size in shapes]
    ways = [np.asarray(rng.standard_normal(np.shape(x)))[()] for x in inputs]
    leaves = [Tensor(x, requires_grad=True) for x in inputs]
    out = op(*leaves, **params)
    g = Tensor(np.ones(out.shape), requires_grad=True)
    pieces = grad(out, leaves, gradient=g, create_graph=True, allow_unused=bool(op.constants))
    ways = [way * (piece is not None) for piece, way in zip(pieces, ways, strict=True)]
    found = grad(sum([(piece * way).sum() for piece, way in zip(pieces, ways) if piece is not None]), g).data
    ends = [op(*[x + step * way for x, way in zip(inputs, ways, strict=True)], **params) for step in (1e-6, -1e-6)]
    ends = [np.where(np.isfinite(end), end, 0) for end in ends]  # padded with -inf
    np.testing.assert_allclose(found, (ends[0] - ends[1]) / 2e-6, rtol=1e-6, atol=1e-7)


def test_every_op_has_samples():
    assert set(OPS) == set(SAMPLES)


@pytest.mark.parametrize(("op", "shapes", "params"), CASES)
def test_rules_match_finite_differences(op, shapes, params, rng):
    inputs = [draw(rng, size) for size in shapes]
    g = draw(rng, np.shape(op(*inputs, **params)))
    for position, x in enumerate(inputs):
        piece = contribution(op, position, g, inputs, params)
        assert piece.shape == np.shape(x)
        np.testing.assert_allclose(piece, difference(op, position, g, inputs, params), atol=1e-8, rtol=1e-6)


@pytest.mark.parametrize(("op", "shapes", "params"), CASES)
def test_float32_stays_float32_and_scalars_are_numpy_scalars(op, shapes, params, rng):
    if op is shape.astype:
        params = {"dtype": np.dtype(np.float32)}
    inputs = [draw(rng, size, np.float32) for size in shapes]
    out = op(*inputs, **params)
    assert out.dtype == np.float32
    assert isinstance(out, np.ndarray if np.ndim(out) else np.float32)
    g = draw(rng, np.shape(out), np.float32)
    assert all(contribution(op, i, g, inputs, params).dtype == np.float32 for i in range(len(inputs)))


@pytest.mark.parametrize(("op", "shapes", "params"), CASES)
def test_memory_order_does_not_matter(op, shapes, params, rng):
    inputs = [draw(rng, size) for size in shapes]
    strange = [np.asfortranarray(x)[::-1][::-1] if np.ndim(x) else x for x in inputs]
    doubled = [np.repeat(x, 2, axis=-1)[..., ::2] if np.ndim(x) else x for x in inputs]
    wanted = op(*inputs, **params)
    g = draw(rng, np.shape(wanted))
    sparse = np.repeat(g, 2, axis=-1)[..., ::2] if np.ndim(g) else g
    for others in (strange, doubled):
        np.testing.assert_array_equal(op(*others, **params), wanted)
        for i in range(len(inputs)):
            np.testing.assert_allclose(
                contribution(op, i, sparse, others, params), contribution(op, i, g, inputs, params)
            )


@pytest.mark.parametrize(("op", "shapes", "params"), CASES)
def test_objects_give_the_same_numbers(op, shapes, params, rng):
    inputs = [draw(rng, size) for size in shapes]
    objects = [np.asarray(x).astype(object) for x in inputs]
    wanted = op(*inputs, **params)
    if op.elementwise:
        return  # replayed element by element
    found = (op.scalars or op.forward)(*objects, **params)
    assert np.shape(found) == np.shape(wanted)
    np.testing.assert_allclose(np.asarray(found, dtype=float), wanted)


@pytest.mark.parametrize(("size", "where"), INDICES)
def test_getitem_and_scatter_add_are_numpys(size, where, rng):
    x = draw(rng, size)
    wanted = x[where]
    np.testing.assert_array_equal(index.getitem(x, index=where), wanted)
    out = np.zeros(size)
    np.add.at(out, where, wanted)
    np.testing.assert_allclose(index.scatter_add(wanted, index=where, shape=size), out)


def test_scatter_add_at_scale_adds_every_repetition(rng):
    rows = rng.integers(-20, 20, size=300)
    x = rng.standard_normal((300, 7))
    out = np.zeros((20, 7))
    np.add.at(out, rows, x)
    np.testing.assert_allclose(index.scatter_add(x, index=rows, shape=(20, 7)), out)


def test_views_stay_views(rng):
    x = rng.standard_normal((4, 6))
    for view in (
        shape.reshape(x, shape=(2, 12)),
        shape.transpose(x, axes=(1, 0)),
        shape.broadcast_to(x, shape=(3, 4, 6)),
        shape.flip(x, axis=(0, 1)),
        shape.crop(x, widths=((1, 1), (0, 2))),
        shape.diagonal(x, offset=0, axis1=0, axis2=1),
        index.getitem(x, index=(slice(None, None, 2), 1)),
        shape.reshape(x[:, ::2], shape=(2, 2, 3)),
    ):
        assert np.shares_memory(view, x)
    assert not np.shares_memory(shape.copy(x), x)
    assert not np.shares_memory(shape.roll(x, shift=(), axis=()), x)


def test_broadcast_views_are_read_only():
    for x in (np.ones(3), np.float32(2)):
        view = shape.broadcast_to(x, shape=(2, 3))
        assert view.dtype == x.dtype
        with pytest.raises(ValueError, match="read-only"):
            view[0, 0] = 5


def test_pad_keeps_the_memory_order_and_numpys_values(rng):
    x = rng.standard_normal((2, 3, 4, 5)).transpose(3, 0, 1, 2)
    widths = ((0, 0), (0, 0), (1, 2), (2, 0))
    for value in (0, 1.5):
        out = shape.pad(x, widths=widths, value=value)
        np.testing.assert_array_equal(out, np.pad(x, widths, constant_values=value))
        assert np.argsort(out.strides).tolist() == np.argsort(x.strides).tolist()


def test_sort_puts_tied_gradients_back_in_order():
    x = np.array([2.0, 1.0, 2.0, 1.0])
    g = np.array([1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(index.sort.rule_of(0)(g, index.sort(x, axis=0), x, axis=0), [3, 1, 4, 2])


def test_integers_and_bools_pass_through():
    x = np.arange(6).reshape(2, 3)
    assert shape.tril(x > 2, k=0).dtype == bool
    assert shape.concatenate(x, x, axis=0).dtype == x.dtype
    assert shape.pad(x, widths=((1, 0), (0, 0)), value=0).dtype == x.dtype


def test_float64_to_float32_rounds_and_the_gradient_comes_back_wide():
    x = np.array([1.0, 2.0])
    assert shape.astype(x, dtype=np.dtype(np.float32)).dtype == np.float32
    g = np.ones(2, np.float32)
    assert shape.astype.rule_of(0)(g, None, x, dtype=np.dtype(np.float32)).dtype == np.float64


@pytest.mark.parametrize(
    ("op", "shapes", "params", "said"),
    [
        (shape.reshape, [(2, 3)], {"shape": (4,)}, r"x \(2, 3\) has 6 elements but shape \(4,\) wants 4"),
        (shape.reshape, [(2, 3)], {"shape": (4, -1)}, r"wants a multiple of 4"),
        (shape.concatenate, [(2, 3), (2, 4)], {"axis": 0}, r"xs\[1\] \(2, 4\) does not fit xs\[0\] \(2, 3\)"),
        (shape.concatenate, [(), ()], {"axis": 0}, "use stack"),
        (shape.stack, [(2,), (3,)], {"axis": 0}, r"xs\[1\] has shape \(3,\)"),
        (shape.broadcast_to, [(2,)], {"shape": (3,)}, "equal or 1"),
        (shape.broadcast_to, [(1, 2)], {"shape": (2,)}, "more axes"),
        (shape.transpose, [(2, 3)], {"axes": (0, 0)}, "each of the 2 axes"),
        (index.getitem, [(3,)], {"index": 1.0}, r"use integers"),
        (index.getitem, [(3,)], {"index": np.array([True, False])}, r"mask has shape \(2,\)"),
        (
            index.getitem,
            [(3, 2)],
            {"index": (np.array([0, 9]), slice(None))},
            r"index 9 is out of bounds .*\(x \(3, 2\)\)",
        ),
        (index.take_along, [(3, 2)], {"indices": np.array([0]), "axis": 0}, "as many axes"),
    ],
)
def test_failures_are_explained(op, shapes, params, said, rng):
    inputs = [draw(rng, size) for size in shapes]
    with pytest.raises((ValueError, IndexError, TypeError)):
        op(*inputs, **params)
    assert re.search(said, op.explain(*inputs, **params))


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.mark.parametrize(
    ("op", "params", "theirs"),
    [
        (shape.tril, {"k": -1}, lambda torch, x: torch.tril(x, -1)),
        (shape.triu, {"k": 1}, lambda torch, x: torch.triu(x, 1)),
        (shape.roll, {"shift": (1, -1), "axis": (0, 1)}, lambda torch, x: torch.roll(x, (1, -1), (0, 1))),
        (shape.repeat, {"repeats": (1, 0, 2), "axis": 1}, lambda torch, x: x[:, [0, 2, 2]]),
        (shape.diagonal, {"offset": 1, "axis1": 0, "axis2": 1}, lambda torch, x: torch.diagonal(x, 1)),
        (index.sort, {"axis": 1}, lambda torch, x: torch.sort(x, dim=1, stable=True).values),
        (index.getitem, {"index": np.array([1, 1, 0])}, lambda torch, x: x[[1, 1, 0]]),
        (index.take_along, {"indices": ROWS, "axis": 1}, lambda torch, x: torch.gather(x, 1, torch.tensor(ROWS))),
    ],
)  # fmt: skip
def test_values_and_slopes_are_pytorchs(op, params, theirs, rng, torch):
    x = rng.integers(0, 3, size=(2, 3)).astype(float)  # ties
    y = torch.tensor(x, requires_grad=True)
    wanted = theirs(torch, y)
    g = rng.standard_normal(wanted.shape)
    wanted.backward(torch.tensor(g))
    np.testing.assert_array_equal(op(x, **params), wanted.detach().numpy())
    np.testing.assert_allclose(contribution(op, 0, g, [x], params), y.grad.numpy())
