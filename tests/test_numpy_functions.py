"""Every function of the table that answers NumPy's: its values, its gradients, and that these are recorded."""

from __future__ import annotations

import numpy as np
import pytest
from numpy_calls import MASK, SQUARE, X3, X23, X34, C, R, as_function, parts, slope_of, spd, tensors_of

import tinygrad_edu as tg
from tinygrad_edu.engine.numpy_calls.functions import FUNCTIONS
from tinygrad_edu.engine.tensor import Tensor

SLIDING = np.lib.stride_tricks.sliding_window_view


def with_nan(*shape):
    x = R(*shape)
    x.flat[1] = np.nan
    return x


REDUCED = [C(X23), C(X23, 0), C(X23, axis=(0, 1)), C(X23, axis=-1, keepdims=True), C(X23, None, None)]
DISPERSED = [*REDUCED, C(X23, 0, None, None, 1), C(X23, axis=1, ddof=1, keepdims=True), C(X23, correction=1)]
RUNNING = [C(X23), C(X23, 1), C(X23, axis=0, dtype=np.float64)]
JOINED = [C([X23, R(2, 3)]), C((X23, X23))]
SHAPED = [C(X3), C(X23), C(R(2, 1, 2))]

SAMPLES = {
    np.angle: [C(X23), C(X23, deg=True)],
    np.append: [C(X23, X3), C(X23, R(1, 3), axis=0), C(X3, 1.0)],
    np.array_split: [C(R(7), 3), C(R(2, 5), [1, 3], axis=1), C(R(4, 2), 2)],
    np.around: [C(X23 * 10), C(X23, 1), C(X23, decimals=1)],
    np.atleast_1d: [*SHAPED, C(X3, X23)],
    np.atleast_2d: [*SHAPED, C(X3, X23)],
    np.atleast_3d: [*SHAPED, C(X3, X23)],
    np.average: [C(X23), C(X23, 0), C(X23, 1, abs(X3)), C(X23, weights=abs(R(2, 3)), axis=0), C(X23, keepdims=True)],
    np.block: [C([[X23, R(2, 1)], [R(1, 3), R(1, 1)]]), C([X3, X3])],
    np.broadcast_arrays: [C(X3, R(2, 1)), C(X23)],
    np.broadcast_to: [C(X3, (2, 3)), C(X3, shape=(2, 3))],
    np.choose: [C(np.array([0, 1, 1]), [X3, R(3)]), C(np.array([0, 5, 1]), [X3, R(3)], mode="clip")],
    np.clip: [C(X23, -0.3, 0.4), C(X23, a_min=-0.3, a_max=None), C(X23, None, 0.4), C(X23, -R(3) ** 2, X3**2 + 0.5)],
    np.column_stack: [*JOINED, C([X3, R(3), R(3, 2)])],
    np.compress: [C([True, False, True], X23, axis=1), C([0, 1], X23)],
    np.concatenate: [*JOINED, C([X23, R(2, 1)], axis=1), C([X23, X3], None), C([X3, R(3)], -1)],
    np.convolve: [C(R(5), X3, mode) for mode in ("full", "same", "valid")] + [C(X3, R(4), "same"), C(X3, R(4))],
    np.copy: [C(X23), C(X23, order="K")],
    np.corrcoef: [C(R(3, 5)), C(R(4), R(4)), C(R(5, 2), rowvar=False)],
    np.correlate: [C(R(5), X3, mode) for mode in ("full", "same", "valid")] + [C(R(5), R(2), "same"), C(R(5), X3)],
    np.cov: [C(R(3, 5)), C(R(4), R(4)), C(R(5, 2), rowvar=False), C(X23, bias=True), C(X23, ddof=0), C(R(4))],
    np.cross: [C(X23, R(2, 3)), C(X3, X23), C(R(3, 2), R(3, 2), axis=0), C(R(3, 2), X23, axisa=0, axisc=0)],
    np.cumprod: [C(X23), C(X23, 1)],
    np.cumsum: RUNNING,
    np.delete: [C(X23, 1, axis=1), C(X23, [0, 4]), C(X23, slice(0, 1), 0)],
    np.diag: [C(X3), C(X3, 1), C(X34, k=-1), C(X34)],
    np.diagflat: [C(X23), C(X3, -1)],
    np.diagonal: [C(X34), C(R(2, 3, 4), 1, 2, 1), C(X34, offset=-1)],
    np.diff: [C(R(5)), C(X23, 2), C(X34, axis=0), C(X3, prepend=0.5), C(X23, axis=0, append=R(1, 3)), C(X3, n=0)],
    np.dot: [C(X23, R(3, 2)), C(X3, R(3)), C(X3, 2.0), C(X23, R(2, 3, 2))],
    np.dsplit: [C(R(2, 1, 4), 2)],
    np.dstack: [*JOINED, C([X3, R(3)])],
    np.ediff1d: [C(X23), C(X3, to_begin=0.5, to_end=R(2))],
    np.einsum: [
        C("ij,jk->ik", X23, R(3, 2)), C("ii", SQUARE), C(X23, [0, 1], R(3, 2), [1, 2], [0, 2]), C(SQUARE, [0, 0]),
        C("ij,jk,k", X23, R(3, 2), R(2), optimize=True), C(X23, [..., 1], X23, [..., 1], [...]),
    ],
    np.expand_dims: [C(X23, 1), C(X23, axis=(0, -1))],
    np.extract: [C(MASK, X23)],
    np.fix: [C(X23 * 3)],
    np.flip: [C(X23), C(X23, 1), C(X23, axis=(0, 1))],
    np.fliplr: [C(X23)],
    np.flipud: [C(X23), C(X3)],
    np.full_like: [C(X23, R(3)), C(R(4, 3), R(3), shape=(2, 3))],
    np.gradient: [
        C(R(4)), C(X34), C(X34, axis=1), C(X34, 0.5), C(X34, 2.0, axis=(0, -1)), C(X34, 0.5, 2.0),
        C(R(4), np.cumsum(abs(R(4)))), C(X34, np.cumsum(abs(R(4))), axis=1),
    ],
    np.hsplit: [C(R(2, 4), 2), C(R(4), [1, 2])],
    np.hstack: [*JOINED, C([X3, R(2)])],
    np.imag: [C(X23)],
    np.inner: [C(X23, R(4, 3)), C(X3, R(3)), C(X3, 2.0)],
    np.insert: [C(X23, 1, R(3), axis=0), C(X3, [0, 2], R(2)), C(X3, 1, 9.0)],
    np.kron: [C(X23, R(2, 2)), C(X3, R(2))],
    np.linspace: [C(R(1)[0], X3, 4), C(X3, R(3), num=1), C(X3, 2.0, 3, endpoint=False)],
    np.logspace: [C(X3 / 9, R(3) / 9, 3), C(X3, 1.0, 3, base=2.0)],
    np.max: REDUCED,
    np.mean: [*REDUCED, C(X23, 0, np.float64)],
    np.median: [*REDUCED[:4], C(X34, 1), C(R(2, 3, 2), axis=(0, 2))],
    np.meshgrid: [C(X3, R(2)), C(X3, R(2), R(2), indexing="ij"), C(X3, R(2), sparse=True), C(X3)],
    np.min: REDUCED,
    np.moveaxis: [C(R(2, 3, 2), 0, -1), C(R(2, 3, 1), [0, 1], [-1, 0])],
    np.nan_to_num: [C(X23), C(with_nan(2, 3), nan=1.0)],
    np.nancumprod: [C(with_nan(2, 3)), C(with_nan(2, 3), axis=1)],
    np.nancumsum: [C(with_nan(2, 3)), C(with_nan(2, 3), axis=1)],
    np.nanmax: [C(with_nan(2, 3)), C(with_nan(2, 3), 1, keepdims=True)],
    np.nanmean: [C(with_nan(2, 3)), C(with_nan(2, 3), 1, keepdims=True), C(with_nan(2, 3), axis=0)],
    np.nanmin: [C(with_nan(2, 3)), C(with_nan(2, 3), 1, keepdims=True)],
    np.nanprod: [C(with_nan(2, 3)), C(with_nan(2, 3), 1, keepdims=True)],
    np.nanstd: [C(with_nan(2, 3)), C(with_nan(2, 3), 1, ddof=1, keepdims=True)],
    np.nansum: [C(with_nan(2, 3)), C(with_nan(2, 3), 1, keepdims=True)],
    np.nanvar: [C(with_nan(2, 3)), C(with_nan(2, 3), 1, ddof=1, keepdims=True)],
    np.outer: [C(X3, R(2)), C(X23, X3)],
    np.pad: [C(X23, 1), C(X23, ((1, 0), (0, 2)), constant_values=2.0), C(X23, 1, mode="reflect"), C(X3, 2, "edge")],
    np.partition: [C(R(7), 3), C(X34, 1, axis=0), C(X23, 2, None)],
    np.percentile: [C(R(5), 30), C(X34, [10, 80], axis=1)],
    np.piecewise: [
        C(X23, [MASK], [np.exp, np.sin]), C(X23, [MASK, MASK.T.reshape(2, 3)], [np.exp, np.square]),
        C(X3, [np.array([True, False, True])], [lambda x, k: k * x**2], 3.0),
        C(X3, np.array([True, False, True]), [2.0, np.exp]),
    ],
    np.polyval: [C(X3, R(2)), C([1.0, 2.0, 3.0], X23), C(X3, R(1))],
    np.prod: [*REDUCED, C(np.array([0.0, 2.0, 0.0]))],
    np.ptp: [C(X23), C(X23, axis=0), C(X23, axis=1, keepdims=True)],
    np.quantile: [
        C(R(5), 0.3), C(X34, [0.1, 0.5], 1), C(X34, 0.75, axis=0, keepdims=True), C(X34, [[0.2], [1.0]]),
        C(R(2, 3, 2), [0.2, 0.9], axis=(0, 2), keepdims=True),
    ],
    np.ravel: [C(X23), C(X23, "F"), C(X23, order="C")],
    np.real: [C(X23)],
    np.real_if_close: [C(X23)],
    np.repeat: [C(X23, 2), C(X23, [1, 0, 2], axis=1)],
    np.reshape: [C(X23, (3, 2)), C(X23, -1), C(X23, (3, -1), order="F")],
    np.resize: [C(X23, (3, 3)), C(X23, 4)],
    np.roll: [C(X23, 1), C(X23, (1, 2), axis=(0, 1)), C(X23, -1, 1)],
    np.rollaxis: [C(R(2, 3, 2), axis, start) for axis in (0, 1, 2, -1) for start in (0, 1, 3, -1)] + [C(X23, 1)],
    np.rot90: [C(X23), C(X23, 2), C(R(2, 3, 2), 3, axes=(1, 2))],
    np.select: [C([MASK, ~MASK], [X23, R(2, 3)]), C([MASK], [X23], default=1.5), C([MASK, MASK], [X23, R(1, 3)], X3)],
    np.sinc: [C(X23), C(np.array([0.0, 1e-3, 1.0]))],
    np.sort: [C(X23), C(X23, 0), C(X23, axis=None, kind="stable")],
    np.split: [C(R(4), 2), C(X34, [1, 3], axis=1), C(X34, 3)],
    np.squeeze: [C(R(1, 3, 1)), C(R(1, 3, 1), axis=0)],
    np.stack: [*JOINED, C([X23, R(2, 3)], axis=-1), C([X23, R(2, 3)], 1)],
    np.std: DISPERSED,
    np.sum: [*REDUCED, C(X23, 0, None, None, True), C(X23, axis=0, dtype=np.float64)],
    np.swapaxes: [C(R(2, 3, 1), 0, 2)],
    np.take: [C(X23, [0, 2, 2], axis=1), C(X23, np.array([[0, 5]])), C(X23, -1, 0)],
    np.take_along_axis: [C(X23, np.argsort(X23, axis=1), axis=1), C(X23, np.array([3, 3]), None)],
    np.tensordot: [C(X23, R(3, 2), 1), C(X23, R(2, 3)), C(X23, R(2, 3), axes=([1], [1]))],
    np.tile: [C(X3, 2), C(X23, (2, 1, 2))],
    np.trace: [C(X34), C(R(2, 3, 3), 1, 1, 2), C(X34, offset=-1)],
    np.transpose: [C(X23), C(R(2, 3, 1), (2, 0, 1)), C(R(2, 3, 1), axes=[1, 0, 2]), C(X23, None)],
    np.tril: [C(X34), C(X34, 1), C(R(2, 3, 3), k=-1)],
    np.triu: [C(X34), C(X34, 1), C(R(2, 3, 3), k=-1)],
    np.vander: [C(X3), C(X3, 2), C(X3, increasing=True)],
    np.var: DISPERSED,
    np.vdot: [C(X23, R(2, 3)), C(X3, R(3))],
    np.vsplit: [C(R(4, 2), 2)],
    np.vstack: [*JOINED, C([X3, X23])],
    np.where: [C(MASK, X23, R(2, 3)), C(MASK, X3, 2.0), C(MASK, 0.0, X23)],
    SLIDING: [C(R(4), 2), C(X34, (2, 2)), C(X34, 2, axis=0)],
    np.linalg.cholesky: [C(spd(3)), C(spd(2, 2))],
    np.linalg.cond: [C(SQUARE), C(X23), C(SQUARE, -2), C(SQUARE, 1), C(SQUARE, "fro")],
    np.linalg.det: [C(SQUARE), C(spd(2, 2))],
    np.linalg.eigh: [C(spd(3)), C(spd(3), "U"), C(spd(2, 3))],
    np.linalg.eigvalsh: [C(spd(3)), C(spd(3), UPLO="U"), C(spd(2, 3))],
    np.linalg.inv: [C(SQUARE), C(spd(2, 2))],
    np.linalg.matrix_power: [C(SQUARE, n) for n in (-2, 0, 1, 3, 6)],
    np.linalg.multi_dot: [C([X3, SQUARE, R(3, 2)]), C([X23, SQUARE, X3])],
    np.linalg.norm: [
        *[C(X23, ord) for ord in (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)], C(X3, 3), C(R(2, 3, 2), axis=1),
        C(R(2, 3, 2), "nuc", (2, 0)), C(R(2, 3, 2), 2, axis=(0, 1), keepdims=True), C(X23, 1, 0), C(R(2, 3, 2)),
    ],
    np.linalg.pinv: [C(X23), C(R(3, 2))],
    np.linalg.slogdet: [C(SQUARE), C(-spd(3, 2))],
    np.linalg.solve: [C(SQUARE, X3), C(SQUARE, R(3, 2)), C(spd(2, 2), R(2, 2, 1))],
    np.linalg.svd: [
        C(X23, compute_uv=False), C(R(2, 3, 2), False, False), C(SQUARE), C(X34, False), C(R(2, 3, 2), False),
    ],
}  # fmt: skip
SAMPLES |= {np.amax: REDUCED, np.amin: REDUCED, np.round: SAMPLES[np.around]}
LATER = {  # functions that NumPy got in 2.0 or after
    "concat": JOINED,
    "permute_dims": SAMPLES[np.transpose],
    "matrix_transpose": [C(X23), C(R(2, 3, 1))],
    "astype": [C(X23, np.float64)],
    "cumulative_prod": [C(X3), C(X23, axis=1)],
    "cumulative_sum": [C(X3), C(X23, axis=1)],
    "unstack": [C(X23), C(X23, axis=1)],
    "trapezoid": [C(X23), C(X34, dx=0.5, axis=0), C(X3, np.cumsum(abs(R(3)))), C(X34, R(4), axis=1)],
    "linalg.cross": [C(X23, R(2, 3)), C(R(3, 2), R(3, 2), axis=0)],
    "linalg.diagonal": [C(X34), C(R(2, 3, 3), offset=1)],
    "linalg.matmul": [C(X23, R(3, 2))],
    "linalg.matrix_norm": [C(X23), C(R(2, 3, 2), ord="nuc"), C(X23, ord=1, keepdims=True)],
    "linalg.matrix_transpose": [C(X23)],
    "linalg.outer": [C(X3, R(2))],
    "linalg.svdvals": [C(X23)],
    "linalg.tensordot": [C(X23, R(3, 2), axes=1)],
    "linalg.trace": [C(X34), C(R(2, 3, 3), offset=1)],
    "linalg.vecdot": [C(X23, R(2, 3)), C(X23, R(2, 3), axis=0)],
    "linalg.vector_norm": [C(X23), C(X23, axis=0, ord=3), C(X23, ord=np.inf), C(X23, keepdims=True)],
}
for name, calls in LATER.items():
    module, _, short = name.rpartition(".")
    found = getattr(np.linalg if module else np, short, None)
    if found is not None:
        SAMPLES[found] = calls
CASES = [(function, call) for function, calls in SAMPLES.items() for call in calls]
IDS = [f"{function.__name__}-{i}" for function, calls in SAMPLES.items() for i in range(len(calls))]


def test_every_function_of_the_table_has_samples():
    assert set(SAMPLES) == set(FUNCTIONS)


@pytest.mark.filterwarnings("ignore:numpy.fix is deprecated")  # from NumPy 2.5 on
@pytest.mark.parametrize(("function", "call"), CASES, ids=IDS)
def test_value_is_numpys(function, call):
    args, kwargs = call.filled(lambda a: Tensor(a, requires_grad=True))
    results, wanted = parts(function(*args, **kwargs)), parts(function(*call.args, **call.kwargs))
    assert len(results) == len(wanted)
    for result, want in zip(results, wanted):
        value = result.data if isinstance(result, Tensor) else result
        assert np.shape(value) == np.shape(want)
        assert value.dtype == want.dtype
        if function is np.linalg.eigh:  # the signs of the vectors are arbitrary
            value, want = np.abs(value), np.abs(want)
        np.testing.assert_allclose(value, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("function", "call"), CASES, ids=IDS)
def test_gradient_is_recorded(function, call):
    f = as_function(function, call)
    outputs = f(*tensors_of(call))
    assert outputs
    assert all(y.requires_grad for y in outputs)


@pytest.mark.parametrize(("function", "call"), CASES, ids=IDS)
def test_first_and_second_derivative_are_right(function, call):
    inputs = tensors_of(call)
    f = as_function(function, call)
    if any(np.isnan(x.data).any() for x in inputs):
        inputs, f = without_nan(inputs, f)
    tg.gradcheck(f, inputs)
    tg.gradcheck(slope_of(f, inputs), inputs, atol=1e-4)


def without_nan(inputs, f):
    """Return the function of zeros that are added to the inputs: finite differences need numbers."""
    return [Tensor(np.zeros(x.shape), requires_grad=True) for x in inputs], lambda *zeros: f(
        *[zero + x.data for zero, x in zip(zeros, inputs)]
    )


@pytest.mark.parametrize(("function", "call"), CASES, ids=IDS)
def test_without_a_gradient_the_result_is_a_tensor_too(function, call):
    args, kwargs = call.filled(Tensor)
    assert any(isinstance(part, Tensor) for part in parts(function(*args, **kwargs)))


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.1.0", reason="upper= is of NumPy 2.1")
def test_cholesky_takes_upper():
    x = Tensor(spd(3), requires_grad=True)
    np.testing.assert_allclose(np.linalg.cholesky(x, upper=True).data, np.linalg.cholesky(x.data, upper=True))


def test_results_of_linalg_have_numpys_names():
    x = Tensor(spd(3), requires_grad=True)
    assert np.linalg.slogdet(x).logabsdet.requires_grad
    assert type(np.linalg.slogdet(x).sign) is np.float64
    assert np.linalg.eigh(x).eigenvectors.shape == (3, 3)
    found = np.linalg.svd(x)
    np.testing.assert_allclose(((found.U * found.S) @ found.Vh).data, x.data)
    assert np.linalg.svd(x[:2].detach()).Vh.shape == (3, 3)


@pytest.mark.parametrize("name", ["inv", "det", "pinv", "svdvals", "svd", "cond", "cholesky", "eigvalsh"])
def test_half_precision_has_no_linear_algebra_and_says_what_to_do(name):
    x = tg.Tensor(np.eye(2, dtype=np.float16), requires_grad=True)
    with pytest.raises(TypeError, match=r"no linear algebra of float16 \(x \(2, 2\)\); use \.astype\(np\.float32\)"):
        getattr(np.linalg, name)(x)


@pytest.mark.parametrize("decimals", [0, 1, 2, -1, -3])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
def test_rounding_is_numpys(decimals, dtype):
    x = np.array([566.6, -405.25, 0.5, 1.5, 2.0625, 599.5]).astype(dtype)
    found = tg.Tensor(x).round(decimals).data
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, np.round(x, decimals))


def test_a_large_integer_is_rounded_to_itself():
    assert tg.Tensor([2**53 + 1]).round().tolist() == [2**53 + 1]
    with pytest.raises(TypeError, match="round: decimals must be an integer"):
        tg.Tensor(1.0).round("a")
