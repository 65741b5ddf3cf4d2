"""Products, windows and linear algebra: each rule against finite differences, NumPy and PyTorch, and at the edges."""

from __future__ import annotations

import re
from importlib import import_module

import numpy as np
import pytest

from tinygrad_edu.engine.autodiff import grad
from tinygrad_edu.engine.tensor import Tensor

linear, windows, linalg = (
    import_module(f"tinygrad_edu.engine.primitives.{name}") for name in ("linear", "sliding", "linalg")
)
OPS = [getattr(module, name) for module in (linear, windows, linalg) for name in module.__all__]
OPS = [op for op in OPS if op.differentiable]

ONE = (1, 1)
# For each op: (shapes of the inputs, parameters)
SAMPLES = {
    linear.matmul: [
        ([(2, 3), (3, 4)], {}), ([(3,), (3,)], {}), ([(2, 3), (3,)], {}), ([(3,), (3, 4)], {}),
        ([(5, 2, 3), (3, 4)], {}),
        ([(2, 3), (5, 3, 4)], {}), ([(5, 2, 3), (5, 3, 4)], {}), ([(5, 1, 2, 3), (2, 3, 4)], {}),
        ([(3,), (5, 3, 4)], {}),
        ([(5, 2, 3), (3,)], {}), ([(2, 5, 2, 3), (3,)], {}), ([(1, 1), (1, 1)], {}), ([(2, 0), (0, 3)], {}),
        ([(0, 2, 3), (3, 4)], {}), ([(0, 2, 3), (3,)], {}), ([(2, 2, 0), (0, 3)], {}), ([(2, 2, 0), (0,)], {}),
        ([(1, 2, 3), (5, 3, 4)], {}), ([(3,), (0, 3, 4)], {}),
    ],
    linear.einsum: [
        ([tuple(shapes)] if isinstance(shapes[0], int) else list(shapes), {"subscripts": subscripts})
        for subscripts, shapes in [
            ("ij,jk->ik", [(2, 3), (3, 4)]), ("ij,jk", [(2, 3), (3, 4)]), ("ba", [(2, 3)]), ("ij->ji", [(2, 3)]),
            ("ij->", [(2, 3)]),
            ("ij->j", [(2, 3)]), ("ii", [(3, 3)]), ("ii->i", [(3, 3)]), ("iij->j", [(3, 3, 2)]),
            ("iji->ij", [(3, 2, 3)]),
            ("iii->i", [(3, 3, 3)]), ("ijij->", [(2, 3, 2, 3)]), ("ijji->ji", [(2, 3, 3, 2)]),
            ("...ij,...jk->...ik", [(2, 2, 3), (3, 4)]),
            ("...ij,...jk->...ik", [(5, 1, 2, 3), (2, 3, 4)]), ("i...,i...", [(2, 3), (2, 3)]),
            ("...,...", [(2, 3), (3,)]),
            ("i...->...", [(2, 3)]), ("...ii->...i", [(2, 3, 3)]), ("ij,ik->k", [(2, 3), (2, 4)]),
            ("i,j,k->kij", [(2,), (3,), (2,)]),
            ("ij,jk,kl->il", [(2, 3), (3, 2), (2, 4)]), ("ij,ij,ij->i", [(2, 3), (2, 3), (2, 3)]),
            ("ij,jk->ik", [(2, 1), (3, 4)]),
            ("ij,jk->k", [(2, 3), (1, 4)]), ("ij,ij->ij", [(1, 3), (2, 1)]), ("ij,ij->j", [(1, 3), (2, 1)]),
            (",ij->ij", [(), (2, 3)]),
            (",", [(), ()]), ("->", [()]), ("i,i", [(3,), (3,)]), ("ii,ij->j", [(3, 3), (3, 2)]),
            ("ii,jj->", [(2, 2), (3, 3)]),
            (" i j , j -> i ", [(2, 3), (3,)]), ("ij,k->ik", [(2, 3), (4,)]), ("ij,jk->ik", [(0, 3), (3, 2)]),
            ("ij,jk->ik", [(2, 0), (0, 2)]),
            ("ij->i", [(2, 0)]), ("i...j->...", [(2, 3, 4)]), ("...a,...b->ab...", [(3, 2), (1, 4)]),
            ("ii,i->i", [(1, 1), (3,)]),
            ("bij,bjk->bik", [(2, 40, 30), (2, 30, 4)]),
        ]
    ],
    windows.windows: [
        ([(2, 5, 6)], {"kernel": (2, 3), "stride": ONE, "dilation": ONE}),
        ([(5, 6)], {"kernel": (3, 2), "stride": (2, 1), "dilation": ONE}),
        ([(1, 2, 7, 7)], {"kernel": (2, 3), "stride": (2, 3), "dilation": (3, 2)}),
        ([(5, 5)], {"kernel": (5, 1), "stride": (1, 3), "dilation": ONE}),
        ([(0, 4, 4)], {"kernel": (2, 2), "stride": (2, 2), "dilation": ONE}),
    ],
    windows.overlap_add: [
        ([(2, 4, 4, 2, 3)], {"stride": ONE, "dilation": ONE, "size": (5, 6)}),
        ([(2, 5, 3, 2)], {"stride": (2, 1), "dilation": ONE, "size": (6, 6)}),
        ([(2, 1, 2, 3)], {"stride": (2, 3), "dilation": (3, 2), "size": (9, 8)}),
        ([(1, 1, 1, 1)], {"stride": ONE, "dilation": ONE, "size": (1, 1)}),
    ],
    linalg.inv: [([(3, 3)], {}), ([(2, 3, 3)], {}), ([(0, 0)], {}), ([(1, 1)], {})],
    linalg.det: [([(3, 3)], {}), ([(2, 3, 3)], {}), ([(0, 0)], {}), ([(1, 1)], {})],
    linalg.cofactor: [([(3, 3)], {}), ([(2, 3, 3)], {}), ([(1, 1)], {})],
    linalg.logabsdet: [([(3, 3)], {}), ([(2, 3, 3)], {})],
    linalg.solve: [
        ([(3, 3), (3,)], {}), ([(3, 3), (3, 2)], {}), ([(2, 3, 3), (3,)], {}), ([(2, 3, 3), (3, 1)], {}),
        ([(3, 3), (2, 3, 3)], {}),
        ([(2, 1, 3, 3), (4, 3, 2)], {}),
    ],
    linalg.cholesky: [([(3, 3)], {}), ([(2, 3, 3)], {}), ([(1, 1)], {})],
    linalg.pinv: [([(4, 2)], {}), ([(2, 4)], {}), ([(2, 3, 3)], {})],
    linalg.eigvalsh: [([(3, 3)], {}), ([(2, 3, 3)], {})],
    linalg.eigvecsh: [([(3, 3)], {}), ([(2, 3, 3)], {})],
    linalg.inverse_gaps: [([(3,)], {}), ([(2, 3)], {})],
    linalg.half_lower: [([(3, 3)], {}), ([(2, 3, 3)], {})],
    linalg.symmetric: [([(3, 3)], {}), ([(2, 3, 3)], {})],
    linalg.mirrored: [([(3, 2)], {}), ([(2, 2, 3)], {})],
    linalg.svdvals: [([(3, 2)], {}), ([(2, 3)], {}), ([(2, 3, 3)], {})],
}  # fmt: skip
SYMMETRIC = {linalg.cholesky, linalg.eigvalsh, linalg.eigvecsh}
CASES = [
    pytest.param(op, shapes, params, id=f"{op.name}-{params.get('subscripts', i)}-{i}")
    for op, samples in SAMPLES.items()
    for i, (shapes, params) in enumerate(samples)
]


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def swap(x):
    return np.swapaxes(x, -1, -2)


def draw(op, rng, size, dtype=np.float64):
    """Random numbers, a NumPy scalar where 0-d; positive definite for the ops of symmetric matrices."""
    x = rng.standard_normal(size)
    if op in SYMMETRIC:
        x = x @ swap(x) + np.eye(size[-1])
    return np.asarray(x, dtype)[()]


def plain(op, inputs, params):
    """The op as a function of every element: one triangle is read for both, the sign of an eigenvector is its own."""
    if op in SYMMETRIC:
        inputs = [(x + swap(x)) / 2 for x in inputs]
    out = op(*inputs, **params)
    if op is linalg.eigvecsh:
        out = out * np.sign(out.sum(axis=-2, keepdims=True))
    return out


def contribution(op, position, g, inputs, params):
    """What the engine makes of a rule: summed back to the input's shape."""
    extra = {"position": position} if op.variadic else {}
    piece = np.asarray(op.rule_of(position)(g, plain(op, inputs, params), *inputs, **params, **extra))
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
            ends.append((g * plain(op, [*inputs[:position], moved[()], *inputs[position + 1 :]], params)).sum())
        slope[i] = (ends[0] - ends[1]) / (2 * eps)
    return slope


def second_slope(op, inputs, params, g, rng, eps=1e-5):
    """The slope of the rules along a direction, in other directions: by the engine, and by central differences."""
    symmetric = {"cholesky", "eigvalsh", "eigvecsh"}
    ways = [np.asarray(rng.standard_normal(np.shape(x)))[()] for x in (*inputs, *inputs)]
    ways = [way + np.swapaxes(way, -1, -2) if op.name in symmetric else way for way in ways]
    along, moves = ways[: len(inputs)], ways[len(inputs) :]
    leaves = [Tensor(x, requires_grad=True) for x in inputs]
    first = grad(op(*leaves, **params), leaves, gradient=g, create_graph=True)
    total = sum([(piece * way).sum() for piece, way in zip(first, along, strict=True)])
    second = grad(total, leaves, allow_unused=True) if total.requires_grad else []
    found = sum([(piece * move).sum().item() for piece, move in zip(second, moves) if piece is not None])
    ends = []
    for step in (eps, -eps):
        leaves = [Tensor(x + step * move, requires_grad=True) for x, move in zip(inputs, moves, strict=True)]
        pieces = grad(op(*leaves, **params), leaves, gradient=g)
        ends.append(sum([(piece * way).sum().item() for piece, way in zip(pieces, along, strict=True)]))
    return found, (ends[0] - ends[1]) / (2 * eps)


@pytest.mark.parametrize(("op", "shapes", "params"), CASES)
def test_rules_can_be_differentiated(op, shapes, params, rng):
    inputs = [draw(op, rng, size) for size in shapes]
    if shapes[0][-2:] == (3, 3):
        inputs[0] = inputs[0] + 4 * np.eye(3)  # well away from singular
    g = draw(None, rng, np.shape(op(*inputs, **params)))
    found, wanted = second_slope(op, inputs, params, g, rng)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("op", "shapes", "params"), CASES)
def test_rules_can_be_differentiated_in_the_upstream_gradient(op, shapes, params, rng):
    """``g``'s gradient of ``(rule(g) * way).sum()`` is the forward slope along ``way``."""
    inputs = [draw(op, rng, size) for size in shapes]
    ways = [np.asarray(rng.standard_normal(np.shape(x)))[()] for x in inputs]
    if op in SYMMETRIC:
        ways = [way + swap(way) for way in ways]
    leaves = [Tensor(x, requires_grad=True) for x in inputs]
    out = op(*leaves, **params)
    g = Tensor(np.ones(out.shape), requires_grad=True)
    pieces = grad(out, leaves, gradient=g, create_graph=True)
    found = grad(sum([(piece * way).sum() for piece, way in zip(pieces, ways, strict=True)]), g).data
    if op is linalg.eigvecsh:
        found = found * np.sign(out.data.sum(axis=-2, keepdims=True))
    ends = [plain(op, [x + step * way for x, way in zip(inputs, ways, strict=True)], params) for step in (1e-6, -1e-6)]
    np.testing.assert_allclose(found, (ends[0] - ends[1]) / 2e-6, rtol=1e-6, atol=1e-6)


def test_every_op_has_samples():
    assert set(OPS) == set(SAMPLES)


@pytest.mark.parametrize(("op", "shapes", "params"), CASES)
def test_rules_match_finite_differences(op, shapes, params, rng):
    inputs = [draw(op, rng, size) for size in shapes]
    g = draw(None, rng, np.shape(op(*inputs, **params)))
    for position, x in enumerate(inputs):
        piece = contribution(op, position, g, inputs, params)
        assert piece.shape == np.shape(x)
        np.testing.assert_allclose(piece, difference(op, position, g, inputs, params), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(("op", "shapes", "params"), CASES)
def test_float32_stays_float32_and_scalars_are_numpy_scalars(op, shapes, params, rng):
    inputs = [draw(op, rng, size, np.float32) for size in shapes]
    out = op(*inputs, **params)
    assert out.dtype == np.float32
    assert isinstance(out, np.ndarray if np.ndim(out) else np.float32)
    g = draw(None, rng, np.shape(out), np.float32)
    assert all(contribution(op, i, g, inputs, params).dtype == np.float32 for i in range(len(inputs)))


@pytest.mark.parametrize(("op", "shapes", "params"), CASES)
def test_memory_order_does_not_matter(op, shapes, params, rng):
    inputs = [draw(op, rng, size) for size in shapes]
    others = [np.repeat(np.asfortranarray(x), 2, axis=-1)[..., ::2] if np.ndim(x) else x for x in inputs]
    wanted = plain(op, inputs, params)
    g = draw(None, rng, np.shape(wanted))
    sparse = np.flip(np.flip(g).copy()) if np.ndim(g) else g
    np.testing.assert_allclose(plain(op, others, params), wanted, atol=1e-12)
    for i in range(len(inputs)):
        found = contribution(op, i, sparse, others, params)
        np.testing.assert_allclose(found, contribution(op, i, g, inputs, params), atol=1e-10)


@pytest.mark.parametrize(("op", "shapes", "params"), CASES)
def test_objects_give_the_same_numbers(op, shapes, params, rng):
    inputs = [draw(op, rng, size) for size in shapes]
    objects = [np.asarray(x).astype(object) for x in inputs]
    if op in (linalg.eigvalsh, linalg.eigvecsh, linalg.svdvals):
        with pytest.raises(ValueError, match="no finite scalar graph"):
            op.scalars(*objects)
        return
    found = (op.scalars or op.forward)(*objects, **params)
    wanted = op(*inputs, **params)
    assert np.shape(found) == np.shape(wanted)
    np.testing.assert_allclose(np.asarray(found, dtype=float), wanted, atol=1e-9)


@pytest.mark.parametrize(("shapes", "params"), SAMPLES[linear.einsum])
def test_einsum_is_numpys(shapes, params, rng):
    xs = [draw(None, rng, size) for size in shapes]
    np.testing.assert_allclose(linear.einsum(*xs, **params), np.einsum(params["subscripts"], *xs), atol=1e-12)


@pytest.mark.parametrize(("op", "shapes", "params"), [case.values for case in CASES if case.values[0] is linear.matmul])
def test_matmul_is_numpys(op, shapes, params, rng):
    x, y = (draw(None, rng, size) for size in shapes)
    np.testing.assert_allclose(op(x, y), np.matmul(x, y))


@pytest.mark.parametrize(("shapes", "params"), SAMPLES[windows.windows])
def test_windows_are_a_read_only_view_and_overlap_add_is_their_adjoint(shapes, params, rng):
    x = draw(None, rng, shapes[0])
    view = windows.windows(x, **params)
    (s, t), (d, e) = params["stride"], params["dilation"]
    for i, j, k, m in np.ndindex(view.shape[-4:]):
        np.testing.assert_array_equal(view[..., i, j, k, m], x[..., i * s + k * d, j * t + m * e])
    assert np.shares_memory(view, x) or not x.size
    assert not view.flags.writeable
    g = rng.standard_normal(view.shape)
    back = windows.overlap_add(g, stride=(s, t), dilation=(d, e), size=x.shape[-2:])
    np.testing.assert_allclose((g * view).sum(), (back * x).sum())


def test_overlap_add_keeps_the_memory_order(rng):
    x = np.moveaxis(rng.standard_normal((3, 2, 4, 4, 2, 5)), -1, 0)  # batch last in memory, and not innermost in shape
    out = windows.overlap_add(x, stride=ONE, dilation=ONE, size=(5, 3 + 2))
    assert out.strides[0] == out.itemsize


def test_det_of_a_singular_matrix_has_a_slope(rng):
    x = np.outer([1.0, 2, 3], [1.0, -1, 2])
    x[2] = [0, 1, 1]  # rank 2
    x[1] = x[0]
    g = np.float64(1.5)
    found = contribution(linalg.det, 0, g, [x], {})
    np.testing.assert_allclose(found, difference(linalg.det, 0, g, [x], {}), atol=1e-8)
    assert np.abs(found).max() > 1


def test_equal_eigenvalues_have_finite_slopes():
    x = np.eye(3)
    v = linalg.eigvecsh(x)
    assert np.isfinite(linalg.eigvecsh.rule_of(0)(np.ones((3, 3)), v, x)).all()
    np.testing.assert_allclose(linalg.eigvalsh.rule_of(0)(np.ones(3), np.ones(3), x), np.eye(3), atol=1e-12)


@pytest.mark.parametrize(
    ("op", "shapes", "params", "said"),
    [
        (linear.matmul, [(2, 3), (4, 3)], {}, r"x has 3 columns but y has 4 rows .*did you mean y.T, \(3, 4\)\?"),
        (linear.matmul, [(3, 2), (3, 4)], {}, r"did you mean x.T, \(2, 3\)\?"),
        (linear.matmul, [(2, 3), (4, 2)], {}, r"did you mean y @ x, \(4, 3\)\?"),
        (linear.matmul, [(2, 3), (4, 5)], {}, r"x has 3 columns but y has 4 rows \(x \(2, 3\), y \(4, 5\)\)"),
        (linear.matmul, [(3,), (4,)], {}, "x has 3 elements but y has 4 elements"),
        (linear.matmul, [(), (4,)], {}, r"x is a number .* with \*, not @"),
        (linear.matmul, [(2, 2, 3), (5, 3, 4)], {}, "batch axes"),
        (linear.einsum, [(2, 3), (4, 2)], {"subscripts": "ij,jk->ik"}, r"label 'j' .* has length 3, but 4 in xs\[1\]"),
        (linear.einsum, [(2, 3)], {"subscripts": "i->i"}, r"'i' has 1 labels but xs\[0\] \(2, 3\) has 2 axes"),
        (linear.einsum, [(2, 3)], {"subscripts": "ij,jk->ik"}, "2 operands but 1"),
        (windows.windows, [(1, 2, 3)], {"kernel": (3, 3), "stride": ONE, "dilation": ONE}, "covers .* only"),
        (windows.windows, [(4, 4)], {"kernel": (3, 3), "stride": ONE, "dilation": (2, 2)}, r"\(2, 2\) covers \(5, 5\)"),
        (windows.windows, [(4,)], {"kernel": (3, 3), "stride": ONE, "dilation": ONE}, "two axes"),
        (windows.overlap_add, [(2, 2, 3, 3)], {"stride": ONE, "dilation": ONE, "size": (3, 4)}, r"cover \(4, 4\) but"),
        (linalg.inv, [(2, 3)], {}, "must be square"),
        (linalg.solve, [(3, 3), (2,)], {}, r"has 3 rows but b \(2,\) not"),
    ],
)  # fmt: skip
def test_failures_are_explained(op, shapes, params, said, rng):
    inputs = [draw(None, rng, size) for size in shapes]
    with pytest.raises(ValueError, match=r"."):
        op(*inputs, **params)
    assert re.search(said, op.explain(*inputs, **params))


def test_matrices_that_have_no_inverse_or_root_are_explained():
    for op, x in [(linalg.inv, np.ones((2, 2))), (linalg.cholesky, -np.eye(2))]:
        with pytest.raises(np.linalg.LinAlgError):
            op(x)
        assert re.search("singular|positive definite", op.explain(x))
        assert re.search("float16.*float32", op.explain(np.eye(2, dtype=np.float16)))


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.mark.parametrize(
    ("op", "shapes", "theirs"),
    [
        (linear.matmul, [(5, 1, 2, 3), (2, 3, 4)], lambda torch, x, y: x @ y),
        (linalg.inv, [(2, 3, 3)], lambda torch, x: torch.linalg.inv(x)),
        (linalg.det, [(2, 3, 3)], lambda torch, x: torch.linalg.det(x)),
        (linalg.logabsdet, [(2, 3, 3)], lambda torch, x: torch.linalg.slogdet(x)[1]),
        (linalg.solve, [(2, 3, 3), (3, 2)], lambda torch, a, b: torch.linalg.solve(a, b)),
        (linalg.cholesky, [(2, 3, 3)], lambda torch, x: torch.linalg.cholesky(x)),
        (linalg.pinv, [(4, 3)], lambda torch, x: torch.linalg.pinv(x)),
        (linalg.eigvalsh, [(3, 3)], lambda torch, x: torch.linalg.eigvalsh(x)),
        (linalg.svdvals, [(4, 3)], lambda torch, x: torch.linalg.svdvals(x)),
    ],
)
def test_values_and_slopes_are_pytorchs(op, shapes, theirs, rng, torch):
    xs = [draw(op, rng, size) for size in shapes]
    ys = [torch.tensor(x, requires_grad=True) for x in xs]
    wanted = theirs(torch, *ys)
    g = rng.standard_normal(wanted.shape)
    wanted.backward(torch.tensor(g))
    np.testing.assert_allclose(op(*xs), wanted.detach().numpy(), atol=1e-9)
    for i, y in enumerate(ys):
        np.testing.assert_allclose(contribution(op, i, g, xs, {}), y.grad.numpy(), atol=1e-8)
