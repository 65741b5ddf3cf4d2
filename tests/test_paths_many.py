"""``viz.paths`` where there are many: counted exactly, summed, inside boxes, through residual blocks."""

from __future__ import annotations

import numpy as np
import pytest
from path_samples import leaf, named, products, residual

import tinygrad_edu as tg
from tinygrad_edu import nn
from viz.sensitivity.routes import paths

# Many paths


def doubling(n, start=1.0):
    x = leaf(start, "x")
    y = x
    for _ in range(n):
        y = y + y
    return x, named(y, "y")


def test_paths_multiply_and_are_counted_exactly():
    x, y = doubling(70)
    found = paths(y, x, limit=5)
    assert found.count == 2**70
    assert len(found.paths) == 5
    assert found.rest.count == 2**70 - 5
    assert found.total == 2.0**70
    assert float(found.rest.gradient) == pytest.approx(2.0**70 - 5)
    assert "about 10^21 paths" in found.title
    assert "5 of 1,180,591,620,717,411,303,424 were followed" in str(found)


def test_the_others_are_summed(rng):
    x, y = doubling(4)
    whole, part = paths(y, x), paths(y, x, limit=3)
    assert (whole.count, whole.rest, len(whole.paths)) == (16, None, 16)
    assert part.rest.count == 13
    assert float(part.rest.gradient) == 13
    assert part.rest.share == pytest.approx(13 / 16)
    assert "the other 13 paths, summed" in str(part)


def test_of_numbers_the_largest_are_followed(rng):
    x = leaf(1.0, "x")
    y = (0.1 * x + 5 * x) * (3 + 0 * x) + 0.01 * x
    whole = paths(y, x)
    for n in range(1, 4):
        assert [p.product for p in paths(y, x, limit=n).paths] == [p.product for p in whole.paths[:n]]
    assert whole.paths[0].product == pytest.approx(15)


def test_of_arrays_the_followed_ones_bring_nearly_all(rng):
    _, x, loss = residual(rng, blocks=10)
    found = paths(loss, x, "module", limit=300)
    assert len({str(p) for p in found.paths}) == 300
    whole = sorted([p.norm for p in paths(loss, x, "module", limit=2000).paths], reverse=True)
    assert len(whole) == 1024
    assert sum(p.norm for p in found.paths) > 0.9 * sum(whole[:300])


@pytest.mark.parametrize("level", ["module", "op"])
def test_inside_a_box_paths_are_summed(rng, level):
    x = leaf(rng.normal(size=(2, 3)), "x")
    loss = (tg.functional.softmax(x, axis=-1) * tg.Tensor(rng.normal(size=(2, 3)))).sum()
    found = paths(loss, x, level)
    assert found.count <= found.operations
    np.testing.assert_allclose(sum(p.gradient for p in found.paths), tg.grad(loss, x).data, rtol=1e-10)


@pytest.mark.parametrize("level", ["module", "op", "primitive"])
def test_fused_operations_are_opened_where_the_level_wants_it(rng, level):
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3, dtype=float, rng=rng), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3, dtype=float)
    )
    weight = model[0].weight
    loss = tg.functional.cross_entropy(model(tg.Tensor(rng.normal(size=(2, 1, 4, 4)))), np.array([0, 2]))
    for w in (weight, "0.weight"):
        found = paths(loss, w, level)
        summed = sum(part.gradient for part in found.addends())
        np.testing.assert_allclose(summed, tg.grad(loss, weight).data, rtol=1e-9, atol=1e-12)
        assert found.value == "0.weight"


@tg.composite
def both_ways(x, kept):
    """A function with a value inside that is asked for, and two that are used outside."""
    h = tg.exp(x)
    kept.append(h)
    return h * h, h + x


@pytest.mark.parametrize(("level", "count"), [("op", 2), ("primitive", 4)])
def test_a_folded_function_of_two_results(level, count):
    x, kept = leaf(0.5, "x"), []
    a, b = both_ways(x, kept)
    loss = named(a * 3 + b, "L")
    found = paths(loss, x, level)
    e = np.exp(0.5)
    assert sum(products(found)) == pytest.approx(6 * e * e + e + 1)
    assert (found.count, found.operations) == (count, 4)
    inside = paths(loss, kept[0], level)
    assert sum(products(inside)) == pytest.approx(6 * e + 1)
    assert inside.operations == 3


def test_a_parameter_hidden_in_a_layer_is_found(rng):
    model, _, loss = residual(rng)
    name, weight = next(iter(model.named_parameters()))
    found = paths(loss, weight, "module")
    assert found.value == name
    np.testing.assert_allclose(sum(p.gradient for p in found.paths), tg.grad(loss, weight).data, rtol=1e-10)
    assert [p.bodies for p in found.paths if 1 not in p.bodies] == []  # its own body lies on every path


# Residual blocks


def test_residual_paths_are_grouped_by_the_bodies_they_pass(rng):
    model, x, loss = residual(rng)
    found = paths(loss, x, "module")
    assert found.count == 8
    assert [(g.name, g.count) for g in found.by_bodies] == [("0 of 3", 1), ("1 of 3", 3), ("2 of 3", 3), ("3 of 3", 1)]
    for k, group in enumerate(found.by_bodies):
        want = sum(p.gradient for p in found.paths if len(p.bodies) == k)
        np.testing.assert_allclose(group.gradient, want, rtol=1e-10, atol=1e-15)
    assert sum(g.share for g in found.by_bodies) == pytest.approx(1)
    # skips alone: the gradient at the last block's output comes through unchanged
    y = model(x)
    np.testing.assert_allclose(found.by_bodies[0].gradient, 2 * y.data / y.size, rtol=1e-12)


def test_skip_and_body_of_a_block_are_told_apart(rng):
    _, x, loss = residual(rng, blocks=2)
    found = paths(loss, x, "module")
    assert [name for name, _, _ in found.blocks] == ["Sequential.0", "Sequential.1"]
    for number, (_, skip, body) in enumerate(found.blocks, 1):
        through = sum(p.gradient for p in found.paths if number in p.bodies)
        np.testing.assert_allclose(body.gradient, through, rtol=1e-10, atol=1e-15)
        np.testing.assert_allclose(skip.gradient + body.gradient, found.total, rtol=1e-10)
        assert skip.count == body.count == 2
        assert skip.share + body.share == pytest.approx(1)


def test_the_skip_of_a_block_is_the_gradient_with_its_body_detached(rng):
    model, x, loss = residual(rng, blocks=2)
    h = model[0](x)
    cut = model[1].body(h).detach() + h
    cut_loss = (cut * 2 * model(x).data / cut.size).sum()  # the same upstream at the end
    want = tg.grad(cut_loss, x).data
    _, skip, _ = paths(loss, x, "module").blocks[1]
    np.testing.assert_allclose(skip.gradient, want, rtol=1e-10)


def test_a_block_that_is_called_twice_is_two_blocks(rng):
    block = nn.Residual(nn.Linear(3, 3, dtype=float, rng=rng))
    x = leaf(rng.normal(size=(2, 3)), "x")
    found = paths(block(block(x)).sum(), x, "module")
    assert found.count == 4
    assert [g.count for g in found.by_bodies] == [1, 2, 1]


def test_deep_stacks_need_no_walking(rng):
    _, x, loss = residual(rng, blocks=12)
    found = paths(loss, x, "module", limit=4)
    assert found.count == 2**12
    assert [g.count for g in found.by_bodies] == [1, 12, 66, 220, 495, 792, 924, 792, 495, 220, 66, 12, 1]
    np.testing.assert_allclose(sum(g.gradient for g in found.by_bodies), found.total, rtol=1e-9)


def test_no_residual_blocks_no_groups():
    x = leaf(2, "x")
    found = paths(x * x, x)
    assert (found.by_bodies, found.blocks, found.paths[0].bodies) == ((), (), None)
