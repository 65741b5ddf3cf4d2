"""``product``: matrices multiplied in the pieces that BLAS likes give what NumPy gives, whatever their layout."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_edu.engine.primitives import gemm

SHAPES = [
    (2, 2048, 48), (3, 300, 1000), (8, 256, 256), (8, 512, 700), (8, 1100, 2000), (16, 5000, 40), (64, 784, 128),
    (64, 400, 120), (65, 200, 21), (100, 300, 100), (130, 2100, 37), (256, 128, 16), (1, 784, 128), (300, 200, 64),
    (128, 64, 784), (48, 64, 500), (96, 40, 900), (25, 10240, 6), (150, 1700, 16), (600, 900, 40), (2, 4000, 300),
    (0, 200, 64), (64, 0, 64), (64, 200, 0),
]  # fmt: skip
LAYOUTS = {
    "as made": lambda a: a,
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "strided": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "backwards": lambda a: np.ascontiguousarray(a[::-1, ::-1])[::-1, ::-1],
}


@pytest.mark.parametrize("copies", [True, False])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_product_in_pieces_is_the_product(rng, monkeypatch, shape, dtype, copies):
    monkeypatch.setattr(gemm, "uncopied", lambda: not copies)
    rows, depth, width = shape
    x, y = rng.uniform(-1, 1, (rows, depth)).astype(dtype), rng.uniform(-1, 1, (depth, width)).astype(dtype)
    wanted = np.einsum("ik,kj->ij", x.astype("f8"), y.astype("f8"))
    tolerance = 1e-12 if dtype == "float64" else 1e-4
    for left in LAYOUTS.values():
        for right in LAYOUTS.values():
            got = gemm.product(left(x), right(y))
            assert got.dtype == dtype
            np.testing.assert_allclose(got, wanted, atol=tolerance * max(1, depth) ** 0.5)


def test_tiles_are_used_where_blas_multiplies_without_copying(rng, monkeypatch):
    called = []
    monkeypatch.setattr(gemm, "uncopied", lambda: True)
    monkeypatch.setattr(gemm, "tiled", lambda x, y: called.append(x.shape) or x @ y)
    x, weight = rng.uniform(-1, 1, (64, 784)), rng.uniform(-1, 1, (128, 784))
    gemm.product(x, weight.T)
    gemm.product(x[:4], weight[:16].T)  # small as it is
    gemm.product(x, weight.T.copy())
    assert called == [(64, 784)]


def test_bands_are_used_for_a_short_sum(rng, monkeypatch):
    called = []
    monkeypatch.setattr(gemm, "uncopied", lambda: True)
    monkeypatch.setattr(gemm, "banded", lambda x, y: called.append(x.shape) or x @ y)
    g, x = rng.uniform(-1, 1, (64, 128)), rng.uniform(-1, 1, (64, 784))
    gemm.product(g.T, x)
    gemm.product(g[:, :8].T, x)  # small as it is
    gemm.product(rng.uniform(-1, 1, (128, 784)), rng.uniform(-1, 1, (784, 128)))  # fewer than 16 rows at a time
    assert called == [(128, 64)]


def test_mixed_kinds_are_left_to_numpy(rng):
    x, y = rng.uniform(-1, 1, (9, 200)), rng.integers(0, 5, (200, 300))
    np.testing.assert_array_equal(gemm.product(x, y), x @ y)
    assert gemm.product(x.astype("f4"), y.astype("f8")).dtype == np.float64
