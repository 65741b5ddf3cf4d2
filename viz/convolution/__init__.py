"""Convolution arithmetic: sizes, windows, numbers and gradients, drawn."""

from viz.convolution.arithmetic import ConvArithmetic, Strip, conv_arithmetic

__all__ = ["ConvArithmetic", "Strip", "conv_arithmetic"]
