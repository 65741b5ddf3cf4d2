"""A rule and its forward are read four ways, as arrays, Tensors, Symbols and single numbers, and all four agree."""

from __future__ import annotations

import numpy as np
import pytest
from test_primitives_linear import SYMMETRIC
from test_readers import OPS, every_op, normal, samples

import tinygrad_edu as tg
from tinygrad_edu.engine.record import unbroadcast
from tinygrad_edu.engine.symbol import formula_of_rule
from tinygrad_edu.engine.trace.replay import replay
from tinygrad_edu.models import example

FEW = 40  # elements of an input, up to which a sample is taken apart: a matrix of 40 x 30 only takes time

ITERATED = {"eigvalsh", "eigvecsh", "svdvals"}  # no finite sum of products


def small(op, rng):
    """The samples of an op that are small enough to be taken apart, at most eight of each op."""
    found = [(inputs, params) for inputs, params in samples(op, rng) if all(np.size(x) <= FEW for x in inputs)]
    return found[:: max(1, len(found) // 8)] if len(found) > 16 else found


def trained(op, inputs):
    return [i for i in range(len(inputs)) if op.rule_of(i) is not None]


def recorded(op, inputs, params):
    """Leaves of the inputs, and the op on them."""
    leaves = [tg.Tensor(x, requires_grad=i in trained(op, inputs)) for i, x in enumerate(inputs)]
    return leaves, op(*leaves, **params)


def rule_on_arrays(op, position, g, inputs, params):
    extra = {"position": position} if op.variadic else {}
    piece = op.rule_of(position)(g, op(*inputs, **params), *inputs, **params, **extra)
    return unbroadcast(np.asarray(piece), np.shape(inputs[position]))


def scalars_of(leaves, elements):
    """The 0-d leaves that stand for these leaves, by name."""
    found = {}
    stack = list(elements)
    seen = set()
    while stack:
        x = stack.pop()
        if id(x) in seen:
            continue
        seen.add(id(x))
        found[x.name] = x
        stack.extend(x._inputs)
    return [
        [found.get(leaf.name + (f"[{','.join(map(str, i))}]" if i else "")) for i in np.ndindex(leaf.shape)]
        for leaf in leaves
    ]


@every_op
def test_single_numbers_make_the_same_value_and_the_same_gradients(op, rng):
    cases = small(op, rng)
    assert cases
    for inputs, params in cases:
        leaves, out = recorded(op, inputs, params)
        for i, leaf in enumerate(leaves):
            leaf.name = f"leaf{i}"
        if op.name in ITERATED:
            with pytest.raises(ValueError, match=rf"{op.name} is found by iteration.*draw it as one op"):
                replay([out])
            continue
        elements = replay([out])
        assert all(element.shape == () for element in elements)
        np.testing.assert_allclose(
            [float(e.data) for e in elements], out.data.ravel(), rtol=1e-9, atol=1e-11, err_msg=f"{params}"
        )
        g = normal(rng, out.data)
        total = sum((e * float(w) for e, w in zip(elements, np.ravel(g)) if e.requires_grad), start=tg.Tensor(0.0))
        want = tg.grad(out, [leaves[i] for i in trained(op, inputs)], gradient=g, allow_unused=True)
        for i, slope in zip(trained(op, inputs), want):
            numbers = scalars_of([leaves[i]], elements)[0]
            there = [x for x in numbers if x is not None]
            slopes = iter(tg.grad(total, there, allow_unused=True) if there and total.requires_grad else [None] * 99)
            found = [0.0 if x is None else float(getattr(next(slopes), "data", 0.0)) for x in numbers]
            got = np.reshape(found, leaves[i].shape)
            if op in SYMMETRIC:  # single numbers are one triangle, and the op spreads its gradient over both
                got = (got + np.swapaxes(got, -1, -2)) / 2
            wanted = np.zeros(leaves[i].shape) if slope is None else slope.data
            np.testing.assert_allclose(got, wanted, rtol=1e-7, atol=1e-9, err_msg=f"input {i}, {params}")


@every_op
def test_arrays_tensors_and_symbols_agree(op, rng):
    for inputs, params in small(op, rng):
        leaves, out = recorded(op, inputs, params)
        np.testing.assert_array_equal(out.data, op(*inputs, **params))
        g = normal(rng, out.data)
        wanted = [leaves[i] for i in trained(op, inputs)]
        slopes = tg.grad(out, wanted, gradient=g)
        again = tg.grad(out, wanted, gradient=g, create_graph=True)
        for i, slope, recorded_slope in zip(trained(op, inputs), slopes, again):
            on_arrays = rule_on_arrays(op, i, g, inputs, params)
            np.testing.assert_allclose(slope.data, on_arrays, rtol=1e-12, atol=1e-13)
            np.testing.assert_allclose(recorded_slope.data, on_arrays, rtol=1e-12, atol=1e-13)
            formula = formula_of_rule(op, i, g, out.data, tuple(inputs), params)
            value = unbroadcast(np.asarray(formula.value, dtype=float), np.shape(inputs[i]))
            np.testing.assert_allclose(value, on_arrays, rtol=1e-9, atol=1e-11, err_msg=f"{formula} {params}")


def test_every_op_is_here():
    assert len(OPS) > 100


# A whole graph


@pytest.mark.parametrize("name", ["circuit", "neuron", "two_layer_net"])
def test_a_graph_taken_apart_has_the_same_numbers(name):
    output, leaves = example(name)
    trace = tg.graph(replay([output]))
    by_name = {value.name: value for value in trace.values if value.name}
    assert by_name[output.name].data.data[0] == pytest.approx(output.item())
    wanted = [leaf for leaf in leaves.values() if leaf.requires_grad]
    for leaf, slope in zip(wanted, tg.grad(output, wanted)):
        for index in np.ndindex(leaf.shape):
            element = leaf.name + (f"[{','.join(map(str, index))}]" if index else "")
            assert by_name[element].gradient.data[0] == pytest.approx(float(np.asarray(slope.data)[index]))
            assert by_name[element].kind == "parameter"


def test_elements_are_named_as_one_would_index_them():
    output, _ = example("two_layer_net")
    names = {value.name for value in tg.graph(replay([output])).values}
    assert {"W1[0,0]", "W1[2,1]", "b1[2]", "W2[0,2]", "b2[0]", "x[0,1]", "t[0,0]", "h[0,2]", "y[0,0]", "L"} <= names
    assert "W1" not in names


def test_a_product_of_matrices_is_its_multiplications_and_additions():
    a, b = (tg.Tensor(np.ones(size), requires_grad=True, name=n) for n, size in (("a", (2, 3)), ("b", (3, 2))))
    trace = tg.graph(replay([a @ b]), backward=False)
    assert [sum(call.op == op for call in trace.calls) for op in ("multiply", "add")] == [12, 8]


def test_scopes_are_kept():
    trace = tg.graph(replay([example("two_layer_net")[0]]))
    assert [region.path for region in trace.scopes][:3] == [
        "TwoLayerNet", "TwoLayerNet.hidden", "TwoLayerNet.hidden.linear",
    ]  # fmt: skip


def test_nothing_of_the_graph_is_touched():
    output, leaves = example("two_layer_net")
    before = [(leaf.name, leaf.grad, leaf.data.tobytes()) for leaf in leaves.values()]
    replay([output])
    assert [(leaf.name, leaf.grad, leaf.data.tobytes()) for leaf in leaves.values()] == before


def test_what_the_graph_saw_is_replayed_and_not_what_the_leaf_holds_now():
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name="x")
    y = (x * x).sum()
    x.data = np.array([5.0, 5.0])
    assert replay([y])[0].item() == 5


def test_it_records_inside_no_grad_too():
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name="x")
    y = (x * x).sum()
    with tg.no_grad():
        assert replay([y])[0].requires_grad


def test_a_leaf_is_its_elements():
    x = tg.Tensor([[1.0, 2.0]], requires_grad=True, name="x")
    assert [(e.name, e.item()) for e in replay([x])] == [("x[0,0]", 1), ("x[0,1]", 2)]


def test_float32_stays_float32():
    x = tg.Tensor(np.ones(3, np.float32), requires_grad=True, name="x")
    assert {str(e.dtype) for e in replay([x * 2])} == {"float32"}


@pytest.mark.parametrize(("make", "count"), [
    (lambda x: x @ x, "2,000"),
    (lambda x: x * x, "100"),
    (lambda x: (x * x).sum(), "200"),
    (lambda x: (x.T * x)[0], "100"),
])  # fmt: skip
def test_too_large_a_graph_is_refused_with_its_count(make, count):
    x = tg.Tensor(np.ones((10, 10)), requires_grad=True)
    y = make(x)
    with pytest.raises(ValueError, match=rf"about {count} operations on single numbers, more than 50; draw a part"):
        replay([y], 50)
    assert len(replay([y], 5000)) == y.size


def test_an_mlp_on_real_images_is_refused_at_once():
    x = tg.Tensor(np.zeros((64, 784), np.float32))
    y = (x @ tg.Tensor(np.zeros((784, 128), np.float32), requires_grad=True)).relu()
    with pytest.raises(ValueError, match=r"about 12,853,248 operations"):
        replay([y], 400)
