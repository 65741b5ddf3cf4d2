"""Noise that keeps a network from relying on single units."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.engine.arguments import flag, number
from tinygrad_edu.engine.creation import generator
from tinygrad_edu.engine.scope import composite
from tinygrad_edu.engine.tensor import Tensor, as_tensor

__all__ = ["dropout"]


@composite
def dropout(x: Any, p: float = 0.5, training: bool = True, *, rng: Any = None) -> Tensor:
    """Each element set to 0 with probability ``p``, the others divided by 1 − p, so that the mean stays (in training).

    x: any shape. The mask, a constant that the graph shows as "mask", holds 0 and 1 / (1 − p). Outside training x is
    returned as it is. rng: a seed or NumPy Generator, by default that of ``tg.manual_seed``.
    Raises ValueError for a p that is not from 0 to 1, TypeError for a ``training`` that is neither True nor False.
    Srivastava et al. 2014, with the scaling done in training.
    """
    number(p, "p", "dropout", 0, 1)
    if training is not True and training is not False:
        training = flag(training, "training", "dropout")
    inputs = as_tensor(x)
    if not training or not p:
        return inputs
    dtype = inputs.dtype if inputs.dtype.kind == "f" else np.dtype(np.float64)
    kept = generator(rng).random(inputs.shape, np.float32) >= p
    mask = np.multiply(
        kept, dtype.type(1 / (1 - p) if p < 1 else 0), out=np.empty_like(inputs._data, dtype, subok=False)
    )
    return inputs * Tensor(mask, name="mask", copy=False)
