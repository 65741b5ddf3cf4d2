"""What NumPy's own functions do when they are called on Tensors."""
