"""The table of learned vectors, one for each word."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu import functional as F
from tinygrad_edu.engine.creation import generator
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.nn.module import Module
from tinygrad_edu.nn.starting import count, float_dtype, normal

__all__ = ["Embedding"]


class Embedding(Module):
    """Row i of ``weight`` for each index i; x integers of any shape, the result ``(*x.shape, embedding_dim)``.

    The rows start as numbers of the standard normal distribution. padding_idx: a row that starts as 0 and is not
    learned. rng: a seed or NumPy Generator. Raises ValueError for a padding_idx beyond the rows; when called, TypeError
    for an x that holds no integers, and IndexError for one that names no row. Bengio et al. 2003.
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, *, dtype: Any = np.float32,
        rng: Any = None,
    ) -> None:  # fmt: skip
        n = self.num_embeddings = count(num_embeddings, "num_embeddings", "Embedding", 0)
        self.embedding_dim = count(embedding_dim, "embedding_dim", "Embedding", 0)
        if padding_idx is not None:
            row = count(padding_idx, "padding_idx", "Embedding", -n)
            if row >= n:
                raise ValueError(f"Embedding: padding_idx {row} is beyond the {n} rows")
            padding_idx = row % n
        self.padding_idx = padding_idx
        self.weight = normal(generator(rng), (n, embedding_dim), float_dtype(dtype, "Embedding"))
        if padding_idx is not None:
            self.weight.data[padding_idx] = 0

    def forward(self, x: Any) -> Tensor:
        """Look the rows up."""
        return F.embedding(x, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        """The sizes."""
        padding = f", padding_idx={self.padding_idx}" if self.padding_idx is not None else ""
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
