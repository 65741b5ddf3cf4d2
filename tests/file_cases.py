"""What the tests of ``tg.save`` and ``tg.load`` share: the formats there are, and when two saved things are equal."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.files import load, save

HAS_SAFETENSORS = importlib.util.find_spec("safetensors") is not None
needs_safetensors = pytest.mark.skipif(not HAS_SAFETENSORS, reason="no safetensors")
SUFFIXES = [".npz", pytest.param(".safetensors", marks=needs_safetensors)]
both = pytest.mark.parametrize("suffix", SUFFIXES)


def same(a, b):
    """Whether two saved things are equal in type, order and value, NaN equal to NaN and -0.0 not to 0.0."""
    if isinstance(b, tg.Tensor):
        b = b.data
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return (
            a.shape == b.shape and a.dtype == b.dtype.newbyteorder("=") and np.array_equal(a, b, a.dtype.kind in "fc")
        )
    if isinstance(a, dict):
        return list(map(repr, a)) == list(map(repr, b)) and all([same(a[key], b[key]) for key in b])
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return repr(a) == repr(b)


def names(folder):
    return sorted([path.name for path in folder.iterdir()])


def there_and_back(obj, path):
    save(obj, path)
    return load(path)
