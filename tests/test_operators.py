"""Operators, comparisons and indexing: NumPy's values and dtypes, with numbers and arrays on either side."""

from __future__ import annotations

import operator

import numpy as np
import pytest

import tinygrad_edu as tg

F32 = np.dtype(np.float32)


def leaf(value, dtype=np.float64, **options):
    return tg.Tensor(np.asarray(value, dtype), requires_grad=True, **options)


# Operators

BINARY = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.mod,
]  # fmt: skip
OTHERS = [3, 2.5, np.float64(2.5), np.float32(2.5), np.int64(3), np.array(1.5), np.array([2.0, 3, 0.5]), [2.0, 3, 0.5],
          np.array([[2.0], [0.5]]), True, np.array([[1, 2, 3]])]  # fmt: skip


@pytest.mark.parametrize("other", OTHERS, ids=repr)
@pytest.mark.parametrize("op", BINARY, ids=lambda op: op.__name__)
def test_operators_take_numbers_and_arrays_on_either_side(op, other):
    a = np.array([[0.5, 1.5, 2.0], [3.0, 0.25, 1.0]])
    x = leaf(a)
    for found, want in [(op(x, other), op(a, np.asarray(other)[()])), (op(other, x), op(np.asarray(other)[()], a))]:
        assert type(found) is tg.Tensor
        np.testing.assert_allclose(found.data, want, rtol=1e-14)
        assert found.dtype == want.dtype
        assert found.requires_grad


@pytest.mark.parametrize("op", BINARY, ids=lambda op: op.__name__)
@pytest.mark.parametrize("other", OTHERS, ids=repr)
def test_promotion_is_numpys(op, other):
    for a in (np.ones(3, np.float32), np.float32(2), np.ones(3, np.float16), np.arange(1, 4), np.ones(3, np.int8)):
        lone = other if isinstance(other, (int, float, np.generic)) else np.asarray(other)
        if isinstance(lone, np.ndarray) and not lone.ndim:
            continue  # a 0-d Tensor holds a NumPy scalar, which NumPy 2 promotes alike
        for found, want in [(op(tg.Tensor(a), other), op(a, lone)), (op(other, tg.Tensor(a)), op(lone, a))]:
            assert found.dtype == want.dtype, (a.dtype, other)


def test_float32_stays():
    x = leaf([1.5, 2], np.float32)
    for y in (x + 1, 2 * x, x / 3.0, 1 - x, x**2, x**0.5, 2.0**x, -x, abs(x), x @ x, x[0] * 2.0, x.sum() / 3, x % 0.5):
        assert y.dtype == F32
        x.grad = None
        y.sum().backward()
        assert x.grad.dtype == F32


def test_matmul_on_either_side(rng):
    a, b = rng.standard_normal((2, 3)), rng.standard_normal((3, 4))
    for y in (leaf(a) @ b, a @ leaf(b), leaf(a) @ leaf(b), leaf(a) @ b.tolist()):
        np.testing.assert_allclose(y.data, a @ b)
        assert type(y) is tg.Tensor


def test_unary_operators():
    x = leaf([-1, 2])
    np.testing.assert_array_equal((-x).data, [1, -2])
    np.testing.assert_array_equal(abs(x).data, [1, 2])
    assert +x is x


def test_in_place_operators_rebind_and_never_write():
    x = leaf([1, 2])
    y, before = x, x.data
    y += 1
    y *= 2
    y -= x
    y /= 2
    y **= 2
    assert y is not x
    assert x.data is before
    np.testing.assert_array_equal(x.data, [1, 2])
    a = np.ones(2)
    b = a
    with pytest.raises(TypeError, match="out="):
        b += x
    np.testing.assert_array_equal(a, [1, 1])
    b += x.detach()
    np.testing.assert_array_equal(a, [2, 3])
    assert b is a


@pytest.mark.parametrize("other", ["a", None, object(), {}, 1j, np.array([1j]), {1, 2}])
@pytest.mark.parametrize("op", [operator.add, operator.mul, operator.matmul, operator.pow], ids=lambda op: op.__name__)
def test_operators_refuse_what_is_no_number(op, other):
    for x in (leaf([1, 2]), leaf(1)):
        for call in (lambda: op(x, other), lambda: op(other, x)):  # noqa: B023
            with pytest.raises(TypeError):
                call()


# Comparisons


@pytest.mark.parametrize("op", [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge],
                         ids=lambda op: op.__name__)  # fmt: skip
def test_comparisons_are_plain_arrays(op):
    a = np.array([1.0, 2, 3])
    for x in (leaf(a), tg.Tensor(a)):
        for other in (2, 2.0, np.array([3.0, 2, 1]), tg.Tensor([3.0, 2, 1]), [3, 2, 1]):
            plain = other.data if isinstance(other, tg.Tensor) else other
            assert type(op(x, other)) is np.ndarray
            np.testing.assert_array_equal(op(x, other), op(a, plain))
            if not isinstance(other, (tg.Tensor, list)):
                assert type(op(other, x)) is np.ndarray
                np.testing.assert_array_equal(op(other, x), op(other, a))


def test_tensors_hash_by_identity_and_differ_from_strangers():
    x, y = leaf([1, 2]), leaf([1, 2])
    assert len({x, y, x}) == 2
    assert {x: 1}[x] == 1
    assert (x == None) is False  # noqa: E711
    assert (x != "a") is True
    with pytest.raises(TypeError):
        x < "a"  # noqa: B015


# Indexing


@pytest.mark.parametrize("index", [
    0, -1, slice(None), slice(None, None, -1), None, ..., (0, 1), (slice(None), 0), (..., None), [0, 0, 1],
    np.array([1, 1]), np.array([True, False]), (np.array([0, 1]), np.array([2, 0])),
    np.array([[True, False, True]] * 2),
    (slice(None), [2, 2, 0]), (), tg.Tensor([1, 1]), (slice(None), tg.Tensor([0, 2, 2])), tg.Tensor([True, False]),
    (np.int64(1), slice(0, 2)), [], (None, [1], ...), tg.Tensor(1),
], ids=str)  # fmt: skip
def test_indexing_is_numpys_and_repeats_add_up(index):
    a = np.arange(6.0).reshape(2, 3)
    plain = tuple(i.data if isinstance(i, tg.Tensor) else i for i in index) if isinstance(index, tuple) else (
        index.data if isinstance(index, tg.Tensor) else index)  # fmt: skip
    x = leaf(a)
    y = x[index]
    np.testing.assert_array_equal(y.data, a[plain])
    y.sum().backward()
    count = np.zeros_like(a)
    np.add.at(count, plain, 1)
    np.testing.assert_array_equal(x.grad.data, count)


def test_an_index_may_change_after_it_was_used():
    x = leaf([1, 2, 3])
    i, mask = np.array([0, 0]), np.array([True, False, True])
    y, z = x[i], x[mask]
    i[:], mask[:] = 2, False
    (y.sum() + z.sum()).backward()
    np.testing.assert_array_equal(x.grad.data, [3, 0, 1])


def test_elements_can_not_be_assigned():
    x = leaf([1, 2])
    with pytest.raises(TypeError, match=r"tg\.where.*x\.data"):
        x[0] = 1
    np.testing.assert_array_equal(x.data, [1, 2])


def test_a_number_too_large_for_small_integers_widens_them():
    pixels = tg.Tensor(np.array([10, 200], np.uint8))
    np.testing.assert_array_equal((pixels / 256).data, [10 / 256, 200 / 256])
    np.testing.assert_array_equal((300 - pixels).data, [290, 100])
    assert (pixels + 256).dtype == np.int64
    assert (pixels + 1).dtype == np.uint8
    with pytest.raises(TypeError, match="int"):
        pixels + 10**30
