"""Ideas of the course side by side: each lab trains or counts two or more variants, seeded, in under two minutes."""

from difflib import get_close_matches

from tinygrad_edu.labs.depth import batchnorm, residual, sigmoid_relu
from tinygrad_edu.labs.inputs import standardize
from tinygrad_edu.labs.lab import Lab, Series
from tinygrad_edu.labs.layers import dense_conv, dropout, reductions

__all__ = ["LABS", "Lab", "Series", "run"]

LABS = {
    "standardize": standardize,
    "reductions": reductions,
    "residual": residual,
    "batchnorm": batchnorm,
    "sigmoid-relu": sigmoid_relu,
    "dense-conv": dense_conv,
    "dropout": dropout,
}


def run(name: str, seed: int = 0, quick: bool = False) -> Lab:
    """Run a lab by name: ``standardize reductions residual batchnorm sigmoid-relu dense-conv dropout``.

    seed: of weights, data and order. quick: a few steps, to see that it works. Raises ValueError for another name.
    """
    if name not in LABS:
        near = get_close_matches(name, LABS, 1)
        said = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"lab: there is no {name!r}{said}; there are {', '.join(LABS)}")
    return LABS[name](seed, quick)
