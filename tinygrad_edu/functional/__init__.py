"""Functions that layers are made of, as compositions of differentiable ops; PyTorch's names."""

from tinygrad_edu.engine.functions import log_softmax, relu, sigmoid, softmax, tanh
from tinygrad_edu.functional.linear import linear

__all__ = ["linear", "log_softmax", "relu", "sigmoid", "softmax", "tanh"]
