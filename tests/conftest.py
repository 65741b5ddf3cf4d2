"""What every test may ask for: a seeded generator; PyTorch, or to be skipped where it is missing."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest


@pytest.fixture
def rng():
    """The same random numbers in every run."""
    return np.random.default_rng(1234)


def pytest_collection_modifyitems(items):
    if find_spec("torch") is None:
        for item in items:
            if item.get_closest_marker("oracle"):
                item.add_marker(pytest.mark.skip(reason="PyTorch is not installed"))
