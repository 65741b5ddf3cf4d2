"""Convolution and pooling: PyTorch's numbers to the second derivative, fused and in steps; errors that teach."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from functional_cases import differences_agree, same_as_torch

import tinygrad_edu as tg
import tinygrad_edu.functional as F


@pytest.fixture
def torch():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch


# x, weight, options of conv2d
CONV2D = [
    ((2, 3, 5, 6), (4, 3, 3, 2), {}),
    ((2, 3, 5, 6), (4, 3, 3, 3), {"padding": 1}),
    ((2, 3, 5, 6), (4, 3, 2, 3), {"padding": (2, 1), "stride": (1, 2)}),
    ((2, 3, 5, 6), (4, 3, 3, 2), {"padding": "same"}),
    ((2, 3, 5, 6), (4, 3, 2, 4), {"padding": "same", "dilation": (1, 2)}),
    ((2, 3, 5, 6), (4, 3, 3, 2), {"padding": "valid", "stride": 2}),
    ((1, 1, 7, 7), (1, 1, 2, 2), {"stride": 3}),  # the stride is larger than the kernel
    ((1, 1, 8, 7), (1, 1, 3, 3), {"stride": (2, 3), "dilation": (2, 1), "padding": (1, 2)}),
    ((1, 2, 4, 5), (3, 2, 4, 5), {}),  # the kernel is the image
    ((3, 2, 1, 1), (3, 2, 1, 1), {}),  # one pixel
    ((2, 3, 4, 4), (5, 3, 1, 1), {}),
    ((2, 3, 4, 5), (5, 3, 1, 1), {"stride": 2}),
    ((2, 4, 5, 5), (6, 2, 3, 3), {"groups": 2, "padding": 1}),
    ((2, 4, 5, 5), (4, 1, 3, 3), {"groups": 4}),  # as many groups as channels
    ((2, 4, 5, 5), (8, 1, 2, 3), {"groups": 4, "stride": 2, "dilation": 2}),
    ((3, 5, 6), (4, 3, 3, 2), {}),  # without a batch
    ((0, 3, 5, 5), (2, 3, 3, 3), {}),  # an empty batch
    ((2, 1, 1, 9), (2, 1, 1, 3), {"padding": (0, 1)}),
]
CONV1D = [
    ((2, 3, 7), (4, 3, 3), {}),
    ((2, 3, 7), (4, 3, 2), {"stride": 2, "padding": 1}),
    ((2, 4, 7), (4, 2, 3), {"groups": 2, "dilation": 2}),
    ((3, 7), (4, 3, 3), {"padding": "same"}),
    ((1, 1, 1), (1, 1, 1), {}),
]
TRANSPOSED = [
    ((2, 3, 4, 5), (3, 2, 3, 2), {}),
    ((2, 3, 4, 5), (3, 2, 3, 3), {"stride": 2, "padding": 1, "output_padding": 1}),
    ((2, 4, 3, 3), (4, 3, 2, 3), {"groups": 2, "stride": (3, 1), "dilation": (1, 2)}),
    ((1, 2, 2, 3), (2, 1, 2, 2), {"stride": 1, "dilation": 3, "output_padding": 2}),
    ((1, 1, 1, 1), (1, 1, 1, 1), {}),
    ((3, 4, 5), (3, 2, 3, 2), {"stride": 2}),
]
MAX_POOL = [
    ((2, 3, 6, 6), (2,), {}),
    ((2, 3, 7, 6), (3,), {"stride": 2, "padding": 1}),
    ((2, 3, 7, 6), ((2, 3),), {"stride": (1, 2), "ceil_mode": True}),
    ((1, 1, 8, 9), (2,), {"dilation": (3, 2), "stride": 1, "padding": 1}),
    ((1, 2, 4, 4), (4,), {}),
    ((1, 2, 1, 1), (1,), {}),
    ((1, 2, 5, 5), (2,), {"stride": 4, "ceil_mode": True}),
    ((3, 5, 5), (2,), {}),
    ((1, 1, 2, 5), (3,), {"padding": 1, "ceil_mode": True, "stride": 3}),
]
AVG_POOL = [
    ((2, 3, 6, 6), (2,), {}),
    ((2, 3, 7, 6), (3,), {"stride": 2, "padding": 1}),
    ((2, 3, 7, 6), (3,), {"stride": 2, "padding": 1, "count_include_pad": False}),
    ((2, 3, 7, 6), ((2, 3),), {"stride": (3, 2), "ceil_mode": True}),
    ((2, 3, 7, 6), (3,), {"stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False}),
    ((2, 3, 7, 6), (2,), {"divisor_override": 3}),
    ((1, 2, 4, 4), (4,), {}),
    ((3, 5, 5), (2,), {"stride": 1}),
]
ADAPTIVE = [((2, 3, 6, 6), size) for size in (1, 2, (3, 6), (None, 2), 4, (7, 5), (1, 6))] + [((3, 5, 5), (2, 3))]


pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")  # PyTorch's own


def both_ways(torch, mine, his, arrays):
    """Compare the fused ops, in several memory orders, and the small steps."""
    same_as_torch(torch, mine, his, arrays)
    with tg.unfused():
        same_as_torch(torch, mine, his, arrays, orders=False)


def ids(part):
    return str(part)


@pytest.mark.oracle
@pytest.mark.parametrize(("x", "w", "options"), CONV2D, ids=ids)
def test_conv2d_matches_torch(x, w, options, torch, rng):
    arrays = [rng.standard_normal(shape) for shape in (x, w, w[:1])]
    if 0 in x:  # PyTorch has no second derivative of an empty batch
        y = F.conv2d(*[tg.Tensor(a, requires_grad=True) for a in arrays], **options)
        assert y.shape == tuple(torch.nn.functional.conv2d(*map(torch.tensor, arrays), **options).shape)
        return
    both_ways(
        torch,
        lambda x, w, b: F.conv2d(x, w, b, **options),
        lambda x, w, b: torch.nn.functional.conv2d(x, w, b, **options),
        arrays,
    )


@pytest.mark.oracle
@pytest.mark.parametrize(("x", "w", "options"), CONV1D, ids=ids)
def test_conv1d_matches_torch(x, w, options, torch, rng):
    both_ways(
        torch,
        lambda x, w, b: F.conv1d(x, w, b, **options),
        lambda x, w, b: torch.nn.functional.conv1d(x, w, b, **options),
        [rng.standard_normal(shape) for shape in (x, w, w[:1])],
    )


@pytest.mark.oracle
@pytest.mark.parametrize(("x", "w", "options"), TRANSPOSED, ids=ids)
def test_conv_transpose2d_matches_torch(x, w, options, torch, rng):
    out = w[1] * options.get("groups", 1)
    both_ways(
        torch,
        lambda x, w, b: F.conv_transpose2d(x, w, b, **options),
        lambda x, w, b: torch.nn.functional.conv_transpose2d(x, w, b, **options),
        [rng.standard_normal(shape) for shape in (x, w, (out,))],
    )


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "case"), [
    *[("max_pool2d", case) for case in MAX_POOL], *[("avg_pool2d", case) for case in AVG_POOL],
], ids=ids)  # fmt: skip
def test_pools_match_torch(name, case, torch, rng):
    shape, args, options = case
    for x in (rng.standard_normal(shape), rng.integers(0, 3, shape).astype(float)):  # the second has ties
        both_ways(
            torch,
            lambda x: getattr(F, name)(x, *args, **options),
            lambda x: getattr(torch.nn.functional, name)(x, *args, **options),
            [x],
        )


@pytest.mark.oracle
@pytest.mark.parametrize(("shape", "size"), ADAPTIVE, ids=ids)
def test_adaptive_avg_pool2d_matches_torch(shape, size, torch, rng):
    both_ways(
        torch,
        lambda x: F.adaptive_avg_pool2d(x, size),
        lambda x: torch.nn.functional.adaptive_avg_pool2d(x, size),
        [rng.standard_normal(shape)],
    )


@pytest.mark.parametrize("size", [1, 2, 3])
def test_means_of_integers_are_not_cut_to_integers(size):
    image = np.arange(16).reshape(1, 1, 4, 4)
    np.testing.assert_array_equal(
        F.adaptive_avg_pool2d(image, size).data, F.adaptive_avg_pool2d(image.astype(float), size).data
    )


def test_derivatives_match_finite_differences(rng):
    x, w, b = [rng.standard_normal(shape) for shape in ((2, 2, 4, 4), (2, 1, 2, 3), (2,))]
    options = {"stride": (2, 1), "padding": 1, "groups": 2}
    differences_agree(lambda x, w, b: F.conv2d(x, w, b, **options), [x, w, b])
    differences_agree(lambda x, w, b: F.conv_transpose2d(x, w, b, **options), [x, w, b])
    differences_agree(lambda x: F.max_pool2d(x, 3, 2, 1), [x])
    differences_agree(lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), [x])
    differences_agree(lambda x: F.adaptive_avg_pool2d(x, 3), [x])


def test_the_example_of_the_course(rng):
    image = [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
    kernel = [[0, 1, 2], [2, 2, 0], [0, 1, 2]]
    y = F.conv2d(np.array([[image]], float), np.array([[kernel]], float))
    assert y.data[0, 0].tolist() == [[12, 12, 17], [10, 17, 19], [9, 6, 14]]


def test_asymmetric_padding_is_padding_first(rng):
    x, w = rng.standard_normal((1, 1, 4, 4)), rng.standard_normal((1, 1, 2, 2))
    want = F.conv2d(F.pad(x, (2, 1, 0, 3)), w)
    np.testing.assert_array_equal(F.conv2d(x, w, padding=((0, 3), (2, 1))).data, want.data)


def test_a_convolution_is_one_box_that_opens(rng):
    x = tg.Tensor(rng.standard_normal((1, 1, 4, 4)), requires_grad=True)
    trace = tg.graph(F.max_pool2d(F.conv2d(x, np.ones((1, 1, 3, 3)), np.zeros(1), padding=1), 2), backward=False)
    assert [region.name for region in trace.scopes] == ["conv2d", "max_pool2d"]
    assert {call.region for call in trace.calls if call.op == "convolve_plus"} == {0}


def zeros(*shape):
    return np.zeros(shape)


BAD = [
    (lambda: F.conv2d(zeros(2, 1, 8, 8), zeros(4, 6, 3, 3)), ValueError,
     r"conv2d: expected 6 channels, got 1 \(x \(2, 1, 8, 8\), weight \(4, 6, 3, 3\)\); x is \(batch, channels, height"),
    (lambda: F.conv2d(zeros(2, 8, 8, 3), zeros(4, 3, 3, 3)), ValueError,
     r"expected 3 channels, got 8 .*channels last, x.transpose\(0, 3, 1, 2\)"),
    (lambda: F.conv2d(zeros(1, 1, 4, 4), zeros(1, 1, 5, 5)), ValueError,
     r"conv2d: the kernel \(5, 5\) is larger than the image, \(4, 4\); take a smaller kernel"),
    (lambda: F.conv2d(zeros(1, 1, 4, 4), zeros(1, 1, 3, 3), dilation=3, padding=1), ValueError,
     r"dilation \(3, 3\), which covers \(7, 7\), is larger than the image, \(4, 4\), with padding \(6, 6\)"),
    (lambda: F.conv2d(zeros(1, 1, 4, 4), zeros(1, 1, 3, 3), stride=0), ValueError, "stride must be at least 1, got 0"),
    (lambda: F.conv2d(zeros(1, 1, 4, 4), zeros(1, 1, 3, 3), stride=-1), ValueError, "must be at least 1, got -1"),
    (lambda: F.conv2d(zeros(1, 1, 4, 4), zeros(1, 1, 3, 3), stride=1.5), TypeError, "stride must be an integer"),
    (lambda: F.conv2d(zeros(1, 1, 4, 4), zeros(1, 1, 3, 3), padding=-1), ValueError, "padding must be at least 0"),
    (lambda: F.conv2d(zeros(1, 1, 4, 4), zeros(1, 1, 3, 3), padding="full"), ValueError, 'padding must be "same"'),
    (lambda: F.conv2d(zeros(1, 1, 4, 4), zeros(1, 1, 3, 3), stride=2, padding="same"), ValueError, "needs stride 1"),
    (lambda: F.conv2d(zeros(1, 4, 4, 4), zeros(3, 2, 3, 3), groups=2), ValueError, "3 out_channels, which 2 groups"),
    (lambda: F.conv2d(zeros(1, 1, 4, 4), zeros(2, 1, 3, 3), zeros(3)), ValueError,
     r"conv2d: bias \(3,\) must hold one number for each of the 2 output channels"),
    (lambda: F.conv2d(zeros(4, 4), zeros(1, 1, 3, 3)), ValueError, r"x must be \(batch, channels, height, width\)"),
    (lambda: F.conv2d(zeros(1, 1, 4, 4), zeros(3, 3)), ValueError, "weight must be .out_channels"),
    (lambda: F.conv2d(zeros(1, 1, 4, 4), zeros(1, 1, 0, 3)), ValueError, "has no pixels"),
    (lambda: F.conv1d(zeros(1, 2, 5), zeros(1, 1, 3)), ValueError, r"expected 1 channels, got 2 \(x \(1, 2, 5\)"),
    (lambda: F.conv2d(zeros(5, 8, 8), zeros(2, 1, 3, 3)), ValueError, r"of one channel, x.reshape\(5, 1, 8, 8\) gives"),
    (lambda: F.conv2d(zeros(2, 5, 8, 8), zeros(2, 1, 3, 3)), ValueError, "must be those of the weight"),
    (lambda: F.conv1d(zeros(1, 1, 2), zeros(1, 1, 3)), ValueError, "the kernel 3 is larger than the sequence, 2"),
    (lambda: F.conv_transpose2d(zeros(1, 2, 3, 3), zeros(3, 1, 2, 2)), ValueError, "expected 3 channels, got 2"),
    (lambda: F.conv_transpose2d(zeros(1, 1, 3, 3), zeros(1, 1, 2, 2), output_padding=1), ValueError, "output_pad"),
    (lambda: F.conv_transpose2d(zeros(1, 1, 1, 1), zeros(1, 1, 2, 2), padding=1), ValueError, "less padding"),
    (lambda: F.max_pool2d(zeros(1, 1, 2, 2), 3), ValueError, r"max_pool2d: the kernel \(3, 3\) is larger than"),
    (lambda: F.max_pool2d(zeros(1, 1, 8, 8), 3, padding=2), ValueError, "at most half the kernel"),
    (lambda: F.max_pool2d(zeros(1, 1, 8, 8), 0), ValueError, "kernel_size must be at least 1"),
    (lambda: F.avg_pool2d(zeros(1, 1, 8, 8), 2, divisor_override=0), ValueError, "must not be 0"),
    (lambda: F.adaptive_avg_pool2d(zeros(1, 1, 0, 8), 2), ValueError, "have no pixels"),
    (lambda: F.max_pool2d(zeros(1, 1, 0, 8), 2, padding=1), ValueError, "max_pool2d: the images .* have no pixels"),
    (lambda: F.avg_pool2d(zeros(1, 1, 8, 0), 2, padding=1), ValueError, "avg_pool2d: the images .* have no pixels"),
    (lambda: F.avg_pool2d(zeros(1, 1, 8, 8), 2, divisor_override="2"), TypeError, "divisor_override must be a number"),
    (lambda: F.avg_pool2d(zeros(1, 1, 8, 8), 2, 2**70), ValueError, "avg_pool2d: stride must be at most 2147483647"),
    (lambda: F.conv1d(zeros(1, 1, 5), zeros(1, 1, 3), padding=(1, 2, 3)), ValueError, r"a pair \(before, after\)"),
    (lambda: F.conv1d(zeros(1, 1, 5), zeros(1, 1, 3), padding=()), ValueError, "conv1d: padding must be"),
    (lambda: F.conv2d("x", zeros(1, 1, 3, 3)), TypeError, "^conv2d: str of dtype"),
    (lambda: F.conv2d(zeros(1, 1, 4, 4), zeros(1, 1, 3, 3), stride=zeros()), TypeError, "^conv2d: stride must be"),
    (lambda: F.max_pool2d(zeros(1, 1, 4, 4), 2, ceil_mode=zeros(2)), TypeError,
     r"^max_pool2d: ceil_mode must be True or False, got ndarray of shape \(2,\)"),
    (lambda: F.avg_pool2d(zeros(1, 1, 4, 4), 2, ceil_mode="no"), TypeError, "avg_pool2d: ceil_mode .*, got 'no'"),
    (lambda: F.avg_pool2d(zeros(1, 1, 4, 4), 2, count_include_pad=None), TypeError, "avg_pool2d: count_include_pad"),
    (lambda: F.adaptive_avg_pool2d(zeros(1, 1, 4, 4), (2, 2, None)), ValueError, "adaptive_avg_pool2d: output_size"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), BAD, ids=range(len(BAD)))
def test_bad_input_is_told(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_a_stride_beyond_the_image_takes_one_window_and_little_memory(rng):
    x, w = rng.standard_normal((1, 2, 5, 5)), rng.standard_normal((3, 2, 3, 3))
    np.testing.assert_array_equal(F.conv2d(x, w, stride=10**9).data, F.conv2d(x, w, stride=3).data)


def test_a_result_too_large_for_memory_is_told_by_the_function():
    with pytest.raises(MemoryError, match=r"^conv2d: Unable to allocate"):
        F.conv2d(zeros(1, 1, 4, 4), zeros(1, 1, 3, 3), padding=10**7)


def test_a_failed_convolution_can_be_drawn(rng):
    x = tg.Tensor(rng.standard_normal((1, 2, 4, 4)), requires_grad=True)
    with pytest.raises(ValueError, match="expected 3 channels") as caught:
        F.conv2d(x.relu(), np.ones((1, 3, 2, 2)))
    assert [call.failure is not None for call in tg.graph(caught.value.graph).calls] == [False, True]


def test_numbers_do_not_depend_on_how_the_batch_is_cut(rng):
    x, w = rng.standard_normal((17, 3, 9, 9)).astype(np.float32), rng.standard_normal((4, 3, 3, 3)).astype(np.float32)
    whole = F.conv2d(x, w, padding=1).data
    for start, stop in itertools.pairwise((0, 1, 9, 17)):
        np.testing.assert_allclose(F.conv2d(x[start:stop], w, padding=1).data, whole[start:stop], rtol=0, atol=2e-5)
