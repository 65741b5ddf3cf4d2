"""Plots by matplotlib, which is loaded when one is made: activations, a training, what flows through layers, labs."""
