"""Tensor: what it holds, how it is made, set and copied, and what it refuses."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.engine.axes import AxisError

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
INT, BOOL = np.dtype(np.int64), np.dtype(np.bool_)


def leaf(value, dtype=np.float64, **options):
    return tg.Tensor(np.asarray(value, dtype), requires_grad=True, **options)


# Construction and dtype


@pytest.mark.parametrize(("data", "grad", "dtype"), [
    (2, False, INT), (2, True, F64), (2.0, False, F64), (2.0, True, F64), (True, False, BOOL), ([1, 2], False, INT),
    ([1, 2], True, F64), ((1, 2), True, F64), ([[1, 2], [3, 4]], True, F64), ([1, 2.5], True, F64), ([], True, F64),
    (np.float32(1), True, F32), (np.ones(2, np.float32), True, F32), (np.ones(2, np.float16), True, np.float16),
    (np.ones(2, np.int32), False, np.int32), (np.ones(2, bool), False, BOOL), ([np.float32(1)], True, F32),
    ([np.ones(2, np.float32), np.zeros(2, np.float32)], False, F32),
])  # fmt: skip
def test_dtype_is_numpys_and_python_ints_that_need_a_gradient_are_float(data, grad, dtype):
    x = tg.Tensor(data, requires_grad=grad)
    assert x.dtype == dtype
    assert x.requires_grad is grad
    assert x.is_leaf
    assert x.grad is None
    np.testing.assert_array_equal(x.data, np.asarray(data))


@pytest.mark.parametrize(("data", "error", "said"), [
    (np.array([1, 2]), TypeError, "astype(np.float64)"), (np.int32(3), TypeError, "int32"),
    (np.array([True]), TypeError, "bool"), ("a", TypeError, "str"), (None, TypeError, "NoneType"),
    (1j, TypeError, "complex"), (np.array([object()]), TypeError, "object"), ({"a": 1}, TypeError, "dict"),
    (np.array(["2020-01-01"], "datetime64[D]"), TypeError, "datetime64"), ([[1, 2], [3]], ValueError, "Tensor:"),
    ([1, "b"], TypeError, "Tensor:"),
])  # fmt: skip
def test_what_is_no_array_of_real_numbers_is_refused(data, error, said):
    with pytest.raises(error) as caught:
        tg.Tensor(data, requires_grad=True)
    assert said in str(caught.value)


def test_tensor_of_tensors_would_lose_their_gradient():
    x = leaf([1, 2])
    for make in (lambda: tg.Tensor([x.sum(), 1.0]), lambda: x * [x.sum(), 1.0], lambda: tg.exp([[x.sum()]])):
        with pytest.raises(TypeError, match=r"tg\.stack"):
            make()
    np.testing.assert_array_equal(tg.Tensor([tg.Tensor(1.0), tg.Tensor(2.0)]).data, [1, 2])
    np.testing.assert_array_equal(tg.Tensor(x).data, [1, 2])
    assert not tg.Tensor(x).requires_grad


def test_dtype_can_be_asked_for():
    assert tg.Tensor([1, 2], dtype=np.float32, requires_grad=True).dtype == F32
    assert tg.Tensor([1.5, 2], dtype=np.int64).dtype == INT
    with pytest.raises(TypeError, match="int64"):
        tg.Tensor([1.5], dtype=np.int64, requires_grad=True)


def test_shape_of_things():
    x = leaf(np.zeros((2, 3, 4)))
    assert (x.shape, x.ndim, x.size, len(x)) == ((2, 3, 4), 3, 24, 2)
    assert x.T.shape == (4, 3, 2)
    assert x.mT.shape == (2, 4, 3)
    assert tg.Tensor(1.0).shape == ()
    assert tg.Tensor(np.zeros((0, 3))).size == 0
    assert tg.tensor is tg.Tensor


def test_data_of_a_single_number_is_a_numpy_scalar():
    for x in (tg.Tensor(2.0), tg.Tensor(np.array(2.0)), leaf([2.0]).sum(), leaf([[2.0]]).reshape(), leaf([2.0])[0]):
        assert type(x.data) is np.float64
        assert x.item() == 2.0
        assert type(x.item()) is float


# Aliasing


def test_construction_copies_unless_told_not_to():
    a = np.ones(3)
    copied, shared = tg.Tensor(a), tg.Tensor(a, copy=False)
    a[0] = 7
    assert copied.data[0] == 1
    assert shared.data[0] == 7
    assert tg.Tensor(shared).data is not shared.data


def test_detach_and_numpy_share_memory():
    x = leaf([1, 2])
    assert x.detach().data is x.data
    assert x.detach().numpy() is x.data
    assert not x.detach().requires_grad


def test_gradient_shares_memory_with_nothing():
    x, y = leaf([1, 2]), leaf([3, 4])
    seed = np.ones(2)
    (x + y).backward(seed)
    x.grad.data[0] = 9
    assert seed[0] == y.grad.data[0] == 1
    z = leaf(np.ones((2, 2)))
    z.reshape(4).T.backward(given := np.ones(4))
    z.grad.data[0, 0] = 5
    assert given[0] == 1
    x.grad = None
    x.backward(seed)
    x.grad.data[:] = 0
    assert seed[0] == 1


@pytest.mark.parametrize("made", [
    lambda x, y: x + y, lambda x, y: tg.concatenate([x, y]), lambda x, y: tg.stack([x.T, y.T]).T,
    lambda x, y: (x - y).reshape(4)[::-1], lambda x, y: x.T + y.T, lambda x, y: x + y.sum(), lambda x, y: x + (x + y).T,
])  # fmt: skip
def test_gradients_share_no_memory_with_each_other_nor_with_what_hooks_kept(made):
    kept = []
    x, y = leaf([[1, 2], [3, 4]]), leaf([[5, 6], [7, 8]])
    out = made(x, y)
    for t in (x, y, out):
        t.register_hook(lambda g: kept.append(g.data))
    seed = np.ones(out.shape)
    out.backward(seed)
    held = [seed, x.grad.data, y.grad.data]
    for i, a in enumerate(held):
        assert a.flags.writeable
        assert not any(np.shares_memory(a, b) for b in held[i + 1 :])
    before = [g.copy() for g in kept]
    x.grad.data[:] = y.grad.data[:] = 9
    for g, was in zip(kept, before):
        np.testing.assert_array_equal(g, was)


# Setters


def test_data_can_be_set_from_arrays_lists_and_tensors():
    x = leaf([1, 2])
    for value in (np.array([3.0, 4]), [3, 4], tg.Tensor([3.0, 4])):
        x.data = value
        assert type(x.data) is np.ndarray
        assert x.dtype == F64
        np.testing.assert_array_equal(x.data, [3, 4])
    with pytest.raises(TypeError, match="int64"):
        x.data = np.array([1, 2])
    np.testing.assert_array_equal(x.data, [3, 4])


@pytest.mark.parametrize("shape", [(), (2,), (2, 3)])
def test_both_spellings_of_a_gradient_step_work(shape, rng):
    start = rng.standard_normal(shape)
    x = leaf(start)
    (x * x).sum().backward()
    x.data -= 0.5 * x.grad
    np.testing.assert_allclose(x.data, 0 * start, atol=1e-15)
    assert isinstance(x.data, (np.ndarray, np.float64))
    x.data = x.data - 0.5 * x.grad
    np.testing.assert_allclose(x.data, -start)
    assert x.is_leaf
    assert x.requires_grad


def test_grad_setter_wants_the_shape_and_gives_the_dtype():
    x = leaf([1, 2], np.float32)
    x.grad = [3, 4]
    assert isinstance(x.grad, tg.Tensor)
    assert x.grad.dtype == F32
    x.grad = np.array([3.0, 4])
    assert x.grad.dtype == F32
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
        x.grad = np.ones(3)
    np.testing.assert_array_equal(x.grad.data, [3, 4])
    x.grad = None
    assert x.grad is None
    x.grad = 2 * tg.ones_like(x)
    x.zero_grad()
    assert x.grad is None


def test_requires_grad_setter():
    x = tg.Tensor([1.0])
    x.requires_grad = True
    assert (x * 2).requires_grad
    with pytest.raises(RuntimeError, match=r"detach\(\)"):
        (x * 2).requires_grad = False
    with pytest.raises(TypeError, match="int64"):
        tg.Tensor([1]).requires_grad = True


def test_name_is_text_or_nothing():
    x = tg.Tensor(1.0, name='<b>"\\\n')
    assert x.name == '<b>"\\\n'
    x.name = None
    assert x.name is None
    with pytest.raises(TypeError, match="name must be a string"):
        x.name = 3
    with pytest.raises(TypeError, match="name must be a string"):
        tg.Tensor(1.0, name=b"x")


@pytest.mark.parametrize("attribute", ["shape", "is_leaf", "inputs", "op", "T", "no_such_thing"])
def test_what_can_not_be_set_says_so(attribute):
    with pytest.raises(AttributeError):
        setattr(tg.Tensor(1.0), attribute, 1)


# repr


@pytest.mark.parametrize(("make", "text"), [
    (lambda: tg.Tensor(2.0), "Tensor(2.0)"), (lambda: tg.Tensor([1, 2]), "Tensor([1, 2])"),
    (lambda: leaf([1, 2], name="x"), "Tensor([1., 2.], requires_grad=True, name='x')"),
    (lambda: leaf([1, 2]) * 2, "Tensor([2., 4.], op=multiply)"),
    (lambda: leaf(1, np.float32), "Tensor(1.0, dtype=float32, requires_grad=True)"),
    (lambda: tg.Tensor(np.zeros((0, 3))), "Tensor([], shape=(0, 3))"),
    (lambda: nn.Parameter([1.0]), "Parameter([1.], requires_grad=True)"),
    (lambda: tg.Tensor(1.0, name="a'\n"), 'Tensor(1.0, name="a\'\\n")'),
])  # fmt: skip
def test_repr_shows_value_name_and_op(make, text):
    assert repr(make()) == text


def test_repr_of_a_large_tensor_is_short():
    assert len(repr(tg.zeros(1000, 1000))) < 1000


# A single number, and many


def test_one_element_is_a_number():
    for x in (tg.Tensor(2.5), leaf([2.5]), leaf([[2.5]])):
        assert (float(x), int(x), x.item()) == (2.5, 2, 2.5)
        assert bool(x) is True
    assert bool(tg.Tensor(0.0)) is False


@pytest.mark.parametrize("question", [float, int, bool, lambda x: x.item()])
def test_many_elements_are_no_number(question):
    with pytest.raises(ValueError, match=r"\(2,\)"):
        question(tg.Tensor([1.0, 2]))
    with pytest.raises(ValueError, match=r"\(0,\)"):
        question(tg.Tensor(np.zeros(0)))


def test_iteration_is_recorded():
    x = leaf([[1, 2], [3, 4]])
    a, b = x
    (a * b).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [[3, 4], [1, 2]])
    assert len(x) == 2
    assert list(tg.Tensor(np.zeros((0, 2)))) == []
    for question in (len, list):
        with pytest.raises(TypeError, match="0-d"):
            question(tg.Tensor(1.0))


def test_membership():
    assert 2.0 in leaf([1, 2])
    assert 3.0 not in leaf([1, 2])


# Copies


@pytest.mark.parametrize("through", [copy.deepcopy, copy.copy, lambda x: pickle.loads(pickle.dumps(x))])
@pytest.mark.parametrize("value", [2.0, [1.0, 2], np.zeros((0, 3)), np.ones(2, np.float32)], ids=str)
def test_leaves_are_copied_whole(through, value):
    x = leaf(value, np.asarray(value).dtype, name="x")
    (x * x).sum().backward()
    twin = through(x)
    assert (type(twin), twin.name, twin.dtype, twin.shape) == (tg.Tensor, "x", x.dtype, x.shape)
    assert twin.requires_grad
    np.testing.assert_array_equal(twin.data, x.data)
    np.testing.assert_array_equal(twin.grad.data, x.grad.data)
    if x.ndim and x.size:
        twin.data[0] = 9
        assert x.data[0] != 9
    assert type(twin.data) is type(x.data)


def test_what_an_op_made_is_not_copied_with_its_graph():
    with pytest.raises(RuntimeError, match=r"detach\(\)"):
        copy.deepcopy(leaf([1, 2]) * 2)


@pytest.mark.parametrize("through", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_modules_are_copied_with_their_sharing(through):
    model = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 2))
    first = vars(model)
    model.again = next(model.children())
    twin = through(model)
    ours, theirs = list(model.parameters()), list(twin.parameters())
    assert len(ours) == len(theirs) == 4
    assert not set(map(id, ours)) & set(map(id, theirs))
    assert twin.again is next(twin.children())
    assert {type(p) for p in theirs} == {nn.Parameter}
    x = tg.ones(1, 2)
    before = model(x).data.copy()
    np.testing.assert_array_equal(twin(x).data, before)
    for p in theirs:
        p.data += 1
    np.testing.assert_array_equal(model(x).data, before)
    assert first is vars(model)


# NumPy at the door


def test_arrays_of_tensors_that_need_a_gradient_are_refused():
    x, y = leaf([1, 2]), leaf(1)
    for make in (lambda: np.asarray(x), lambda: np.array(x), lambda: x.numpy(), lambda: np.array([x, x]),
                 lambda: np.array([y, y]), lambda: np.asarray([y, 1.0]), lambda: np.array(y, dtype=float)):  # fmt: skip
        with pytest.raises(TypeError, match=r"\.detach\(\)|tg\.stack"):
            make()


def test_arrays_of_tensors_that_need_none_are_shared():
    x = tg.Tensor([1.0, 2])
    assert np.asarray(x) is x.data
    assert np.array(x) is not x.data
    assert np.asarray(x, dtype=np.float32).dtype == F32
    assert x.numpy() is x.data
    np.testing.assert_allclose(x, [1, 2])
    (leaf([1, 2]) * 3).sum().backward()
    y = leaf([1, 2])
    (y * 3).sum().backward()
    np.testing.assert_allclose(y.grad, [3, 3])
    assert x.tolist() == [1, 2]


def test_questions_are_plain():
    x = leaf([[3, 1], [2, 4]])
    assert type(x.argmax()) is np.int64
    np.testing.assert_array_equal(x.argmin(axis=0), [1, 0])
    np.testing.assert_array_equal(x.argsort(), [[1, 0], [0, 1]])
    np.testing.assert_array_equal(tg.argmax(x, dim=1, keepdim=True), [[0], [1]])
    assert (x > 3).any()


# astype


def test_astype_to_float_is_recorded_and_to_integers_cuts():
    x = leaf([1.7, -2.2])
    y = x.astype(np.float32)
    assert y.dtype == F32
    (y * 3).sum().backward()
    assert x.grad.dtype == F64
    np.testing.assert_array_equal(x.grad.data, [3, 3])
    for dtype, want in [(int, [1, -2]), (bool, [True, True])]:
        z = x.astype(dtype)
        assert not z.requires_grad
        np.testing.assert_array_equal(z.data, want)


def test_integer_tensors_compute_but_need_no_gradient():
    i = tg.Tensor([1, 2])
    assert (i + i).dtype == INT
    assert (i / i).dtype == F64
    assert i.sum().dtype == INT
    assert i.mean().dtype == F64
    assert not (i * 2).requires_grad
    x = leaf([1, 2])
    (x * i).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [1, 2])
    with pytest.raises(RuntimeError, match="requires_grad=True"):
        (i * 2.0).sum().backward()


def test_other_spellings_of_axis():
    x = leaf(np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(x.sum(dim=1, keepdim=True).data, x.sum(axis=1, keepdims=True).data)
    np.testing.assert_array_equal(tg.concatenate([x, x], dim=1).data, np.concatenate([x.data, x.data], 1))
    with pytest.raises(TypeError, match="dim and axis"):
        x.sum(dim=1, axis=1)
    with pytest.raises(AxisError, match="axis 2"):
        x.sum(dim=2)
