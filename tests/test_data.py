"""Data: the digits that ship, points, shifts, batches."""

import copy
import hashlib
from itertools import islice

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import data
from tinygrad_edu import functional as F

# Of scikit-learn 1.9.1's load_digits(): images.astype(uint8), target.astype(uint8), in its order.
IMAGES = "8f26b2bd9d135c256808f68f14fdabddde6d9c7f869ae419704b051f0f14b3b3"
LABELS = "8ba4f891220f5e4c9c819638d1602d74b83618f167043c6da52a2a247841ddf0"
PHOTO = "7ab5b3fce5c948f27d0b288c6853c5d95ebb2090ef54c7fd616b4aa4eaae7551"


def sha256(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


# Digits and the photograph


def test_the_unshuffled_digits_are_scikit_learns_byte_for_byte():
    (x_train, y_train), (x_test, y_test) = data.digits(shuffled=False)
    assert (len(x_train), len(x_test)) == (1437, 360)
    images, labels = np.concatenate([x_train, x_test]) * 16, np.concatenate([y_train, y_test])
    assert sha256(images[:, 0].astype(np.uint8)) == IMAGES
    assert sha256(labels.astype(np.uint8)) == LABELS
    np.testing.assert_array_equal(images, np.rint(images))


def test_the_shuffled_split_is_the_one_that_was_promised():
    """The order is that of the SHA-256 of "digit 0", "digit 1", ...: no random generator can change it."""
    (x_train, y_train), (x_test, y_test) = data.digits()
    filed = data.digits(shuffled=False)
    order = sorted(range(1797), key=lambda i: hashlib.sha256(f"digit {i}".encode()).hexdigest())
    images, labels = (np.concatenate(parts)[order] for parts in zip(*filed))
    np.testing.assert_array_equal(np.concatenate([x_train, x_test]), images)
    np.testing.assert_array_equal(np.concatenate([y_train, y_test]), labels)
    assert (len(x_train), len(x_test)) == (1437, 360)
    assert np.bincount(y_test, minlength=10).min() >= 25


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("size", [8, 28, 32])
def test_digits_have_the_size_and_dtype_asked_for(size, dtype):
    split = data.digits(size, dtype=dtype)
    for (x, y), n in zip(split, (1437, 360)):
        assert x.shape == (n, 1, size, size)
        assert x.dtype == dtype
        assert (x.min(), x.max()) == (0, 1)
        assert (y.shape, y.dtype) == ((n,), np.int64)
    assert split.train[0] is split[0][0]
    assert repr(split) == f"Split(1,437 to train on, 360 to test with, each {np.dtype(dtype)} (1, {size}, {size}))"


def test_digits_are_fresh_each_time():
    data.digits().train[0][:] = 7
    assert data.digits().train[0].max() == 1


def test_the_photo_is_the_one_that_was_promised():
    photo = data.photo()
    assert (photo.shape, photo.dtype) == ((128, 128), np.float32)
    assert sha256(np.rint(photo * 255).astype(np.uint8)) == PHOTO


# Enlarging


@pytest.mark.oracle
@pytest.mark.parametrize(("n", "size"), [(8, 28), (8, 32), (8, 9), (1, 5), (3, 3), (2, 7)])
def test_enlarge_is_pytorchs_bilinear_interpolation(n, size, rng):
    torch = pytest.importorskip("torch")
    images = rng.random((3, 2, n, n))
    wanted = torch.nn.functional.interpolate(torch.tensor(images), size=(size, size), mode="bilinear")
    np.testing.assert_allclose(data.enlarge(images, size), wanted.numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("images", "size", "error", "said"),
    [
        (np.ones((2, 4, 5)), 8, ValueError, "square"),
        (np.ones(4), 8, ValueError, "square"),
        (np.ones((4, 4)), 3, ValueError, "at least 4"),
        (np.ones((2, 0, 0)), 3, ValueError, "0×0"),
        (np.ones((4, 4), np.uint8), 8, TypeError, "astype"),
    ],
)
def test_enlarge_refuses_what_it_cannot_do(images, size, error, said):
    with pytest.raises(error, match=said):
        data.enlarge(images, size)


# Points


@pytest.mark.parametrize("make", [data.moons, data.circles, data.spirals])
def test_points_are_as_their_seed_says(make):
    (x, y), again, other = make(101, seed=3), make(101, seed=3), make(101, seed=4)
    assert (x.shape, x.dtype, y.shape, y.dtype) == ((101, 2), np.float32, (101,), np.int64)
    np.testing.assert_array_equal(x, again[0])
    assert not np.array_equal(x, other[0])
    np.testing.assert_array_equal(y, np.arange(101) % 2)
    assert make(3, dtype=np.float64)[0].dtype == np.float64
    tg.manual_seed(5)
    first = make(9, seed=None)[0]
    tg.manual_seed(5)
    np.testing.assert_array_equal(first, make(9, seed=None)[0])


def test_points_without_noise_lie_on_their_curves():
    x, y = data.moons(400, noise=0, dtype=np.float64)
    centre = np.stack([y, y / 2], axis=1)
    np.testing.assert_allclose(np.linalg.norm(x - centre, axis=1), 1, rtol=1e-12)
    assert (np.sign(x[:, 1] - centre[:, 1]) == np.where(y == 0, 1, -1)).all()
    x, y = data.circles(400, noise=0, factor=0.3, dtype=np.float64)
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), np.where(y == 0, 1, 0.3), rtol=1e-12)
    x, y = data.spirals(400, classes=3, noise=0, turns=0.5, dtype=np.float64)
    radius = np.linalg.norm(x, axis=1)
    turned = x[:, 0] + 1j * x[:, 1]
    np.testing.assert_allclose(turned, radius * np.exp(2j * np.pi * (0.5 * radius + y / 3)), atol=1e-12)
    assert set(y) == {0, 1, 2}


@pytest.mark.parametrize("make", [data.moons, data.circles, data.spirals])
@pytest.mark.parametrize("wrong", [{"n": 0}, {"n": -1}, {"n": 5, "noise": -0.1}, {"n": 5, "noise": np.nan}])
def test_points_refuse_no_points_and_negative_noise(make, wrong):
    with pytest.raises(ValueError, match=make.__name__):
        make(**wrong)


@pytest.mark.parametrize("make", [data.moons, data.circles, data.spirals])
@pytest.mark.parametrize("wrong", [{"n": 2.5}, {"noise": "x"}])
def test_points_refuse_what_is_no_number(make, wrong):
    with pytest.raises(TypeError, match=f"{make.__name__}: {next(iter(wrong))} must be"):
        make(**wrong)


# Shifts


@pytest.mark.parametrize("shape", [(6, 5, 7), (6, 1, 5, 7), (6, 3, 5, 7), (0, 1, 5, 7)])
def test_shift_moves_each_image_whole_and_fills_with_zero(shape, rng):
    images = rng.integers(1, 256, shape).astype(np.uint8)
    before = images.copy()
    moved = data.shift(images, 2, rng)
    assert (moved.shape, moved.dtype) == (images.shape, images.dtype)
    for old, new in zip(images, moved):
        places = [(down, right) for down in range(-2, 3) for right in range(-2, 3)]
        assert sum(np.array_equal(new, moved_by(old, *place)) for place in places) == 1
    np.testing.assert_array_equal(images, before)


def moved_by(image, down, right):
    """Roll, then wipe out what came round."""
    image = np.roll(image, (down, right), axis=(-2, -1))
    image[..., : max(down, 0), :] = 0
    image[..., image.shape[-2] + min(down, 0) :, :] = 0
    image[..., : max(right, 0)] = 0
    image[..., image.shape[-1] + min(right, 0) :] = 0
    return image


def test_shift_uses_every_place_and_its_generator(rng):
    image = np.zeros((3, 3))
    image[1, 1] = 1
    many = np.broadcast_to(image, (500, 3, 3))
    assert {tuple(np.argwhere(one)[0]) for one in data.shift(many, 1, rng)} == {
        (i, j) for i in range(3) for j in range(3)
    }
    np.testing.assert_array_equal(data.shift(many, 1, 7), data.shift(many, 1, 7))
    np.testing.assert_array_equal(data.shift(many, 0, rng), many)


@pytest.mark.parametrize(("shape", "pixels"), [((4, 4), 1), ((2, 4, 5), -1), ((2, 4, 5), 4), ((2, 1, 5, 3), 3)])
def test_shift_refuses_single_images_and_too_many_pixels(shape, pixels):
    with pytest.raises(ValueError, match="shift"):
        data.shift(np.ones(shape), pixels)


# Batches


def test_batches_of_floats_are_tensors_and_labels_are_arrays(rng):
    x, y = rng.random((10, 3)).astype(np.float32), np.arange(10)
    batches = list(data.DataLoader((x, tg.Tensor(x, requires_grad=True), y), batch_size=4))
    assert [len(labels) for _, _, labels in batches] == [4, 4, 2]
    for a, b, labels in batches:
        assert isinstance(a, tg.Tensor)
        assert isinstance(b, tg.Tensor)
        assert not b.requires_grad
        assert a.dtype == np.float32
        assert isinstance(labels, np.ndarray)
        np.testing.assert_array_equal(a.data, x[labels])
    F.cross_entropy(a, labels % 3)


def test_one_array_gives_single_tensors(rng):
    x = rng.random((5, 2))
    batches = list(data.DataLoader(x, 5))
    assert isinstance(batches[0], tg.Tensor)
    np.testing.assert_array_equal(batches[0].data, x)


@pytest.mark.parametrize(
    ("n", "size", "drop_last", "sizes"),
    [(10, 4, False, [4, 4, 2]), (10, 4, True, [4, 4]), (8, 4, False, [4, 4]), (3, 4, False, [3]), (3, 4, True, [])],
)
def test_a_short_last_batch_is_given_or_dropped(n, size, drop_last, sizes):
    loader = data.DataLoader(np.arange(n), size, drop_last=drop_last)
    assert [len(batch) for batch in loader] == sizes
    assert len(loader) == len(sizes)


def test_batches_are_copies():
    x = np.ones((4, 2))
    for batch in data.DataLoader(x, 2):
        batch.data[...] = 7
    assert (x == 1).all()


def orders(loader, epochs):
    return [np.concatenate(list(loader)).tolist() for _ in range(epochs)]


def test_shuffling_gives_every_sample_once_in_a_new_order_each_epoch():
    epochs = orders(data.DataLoader(np.arange(50), 7, shuffle=True, seed=1), 4)
    assert all(sorted(order) == list(range(50)) for order in epochs)
    assert len({tuple(order) for order in [*epochs, list(range(50))]}) == 5
    assert epochs == orders(data.DataLoader(np.arange(50), 3, shuffle=True, seed=1), 4)
    assert epochs != orders(data.DataLoader(np.arange(50), 7, shuffle=True, seed=2), 4)
    assert orders(data.DataLoader(np.arange(50), 7), 1) == [list(range(50))]


def test_arrays_stay_together_when_shuffled(rng):
    x, y = rng.random(30), np.arange(30)
    for a, b in data.DataLoader([x, y], 8, shuffle=True, seed=0):
        np.testing.assert_array_equal(a.data, x[b])


def test_without_a_seed_manual_seed_decides():
    def first():
        return orders(data.DataLoader(np.arange(20), 5, shuffle=True), 1)

    tg.manual_seed(1)
    one = first()
    assert one != first()
    tg.manual_seed(1)
    assert one == first()


def test_loaders_leave_numpys_global_numbers_alone():
    before = copy.deepcopy(np.random.get_state())
    orders(data.DataLoader(np.arange(20), 5, shuffle=True), 2)
    for old, new in zip(before, np.random.get_state()):
        np.testing.assert_array_equal(old, new)


def test_a_loader_goes_on_where_another_stopped():
    loader = data.DataLoader(np.arange(20), 6, shuffle=True, seed=4)
    whole = orders(loader, 5)
    begun = data.DataLoader(np.arange(20), 6, shuffle=True, seed=4)
    assert orders(begun, 2) == whole[:2]
    other = data.DataLoader(np.arange(20), 6, shuffle=True)
    other.load_state_dict(begun.state_dict())
    assert orders(other, 3) == whole[2:]
    other.epoch = 1
    assert orders(other, 1) == whole[1:2]


def test_two_iterations_at_once_do_not_disturb_each_other():
    wanted = orders(data.DataLoader(np.arange(20), 1, shuffle=True, seed=4), 2)
    loader = data.DataLoader(np.arange(20), 1, shuffle=True, seed=4)
    pairs = [(int(a[0]), int(b[0])) for a, b in zip(loader, loader)]
    assert [list(order) for order in zip(*pairs)] == wanted
    loader.epoch = 0
    list(islice(loader, 3))
    assert orders(loader, 1) == wanted[1:]


def test_a_transform_changes_the_first_array_with_numbers_of_its_own():
    x, y = np.ones((12, 4, 4)), np.arange(12)
    make = {"batch_size": 5, "seed": 3, "transform": lambda images, rng: images + rng.random(images.shape)}
    loader = data.DataLoader((x, y), **make)
    epochs = [[a.data for a, _ in loader] for _ in range(3)]
    again = data.DataLoader((x, y), **make)
    again.epoch = 1
    for wanted, (got, labels) in zip(epochs[1], again):
        np.testing.assert_array_equal(wanted, got.data)
        assert len(got) == len(labels)
    drawn = np.concatenate([batch.ravel() for epoch in epochs for batch in epoch])
    assert len(np.unique(drawn)) == drawn.size
    assert (x == 1).all()


def test_a_transforms_numbers_are_not_those_of_the_order():
    seen = []
    loader = data.DataLoader(
        np.arange(20), 20, shuffle=True, seed=3, transform=lambda x, rng: seen.append(rng.permutation(20)) or x
    )
    assert not np.array_equal(next(iter(loader)), seen[0])


@pytest.mark.parametrize("transform", [lambda x, rng: x[1:], lambda x, rng: x.sum()])
def test_a_transform_that_loses_samples_is_an_error(transform):
    loader = data.DataLoader((np.ones((6, 2)), np.arange(6)), 3, transform=transform)
    with pytest.raises(ValueError, match="transform was given 3 samples"):
        next(iter(loader))


def test_shift_is_a_transform():
    loader = data.DataLoader(data.digits().test, 64, seed=0, transform=lambda x, rng: data.shift(x, 1, rng))
    x, _ = next(iter(loader))
    assert x.shape == (64, 1, 8, 8)
    assert not np.array_equal(x.data, data.digits().test[0][:64])


@pytest.mark.parametrize(
    ("arrays", "options", "error", "said"),
    [
        ((np.ones(3), np.ones(4)), {}, ValueError, r"\[3, 4\]"),
        (np.ones((0, 3)), {}, ValueError, "no samples"),
        ((), {}, ValueError, "no samples"),
        (np.ones(()), {}, ValueError, "first axis"),
        ([1.0, 2.0], {}, ValueError, "first axis"),
        (np.array([{}, {}]), {}, TypeError, "numbers"),
        (np.ones(3), {"batch_size": 0}, ValueError, "batch_size"),
        (np.ones(3), {"batch_size": -2}, ValueError, "batch_size"),
        (np.ones(3), {"batch_size": 1.5}, TypeError, "DataLoader: batch_size must be an integer"),
        (np.ones(3), {"seed": -1}, ValueError, "seed"),
        (np.ones(3), {"seed": "a"}, TypeError, "DataLoader: seed must be an integer"),
        (np.ones(3), {"shuffle": "yes"}, TypeError, "DataLoader: shuffle must be True or False"),
        (np.ones(3), {"drop_last": "no"}, TypeError, "DataLoader: drop_last must be True or False"),
    ],
)
def test_a_loader_refuses(arrays, options, error, said):
    with pytest.raises(error, match=said):
        data.DataLoader(arrays, **options)


@pytest.mark.parametrize("state", [{}, {"seed": 1}, {"weight": 3}])
def test_a_foreign_state_is_refused_and_changes_nothing(state):
    loader = data.DataLoader(np.arange(3), seed=5)
    with pytest.raises(ValueError, match="'seed' and 'epoch'"):
        loader.load_state_dict(state)
    assert loader.state_dict() == {"seed": 5, "epoch": 0}
