"""0 and 1 as NumPy is fastest at them: beside 32 elements, a Python number costs it as much again as the arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

__all__ = ["ONES", "ZEROS", "positive"]

ZEROS = {np.dtype(kind): np.zeros((), kind) for kind in "efd"}
ONES = {np.dtype(kind): np.ones((), kind) for kind in "efd"}


def positive(x: Any) -> Any:
    """Return where x is above 0; of a Tensor or a Symbol what ``x > 0`` is."""
    return x > ZEROS.get(x.dtype, 0) if type(x) is ndarray else x > 0
