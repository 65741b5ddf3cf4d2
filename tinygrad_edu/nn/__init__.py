"""Layers: modules of parameters; PyTorch's names and layouts."""

from tinygrad_edu.nn.activations import ReLU, Sigmoid, Tanh
from tinygrad_edu.nn.containers import Sequential
from tinygrad_edu.nn.linear import Linear
from tinygrad_edu.nn.module import Module, Parameter

__all__ = ["Linear", "Module", "Parameter", "ReLU", "Sequential", "Sigmoid", "Tanh"]
