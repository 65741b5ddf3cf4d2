"""Data: real digits and points that ship, MNIST from a folder, batches, shifts."""

from tinygrad_edu.data.augment import shift
from tinygrad_edu.data.idx import mnist
from tinygrad_edu.data.images import Split, digits, enlarge, photo
from tinygrad_edu.data.loader import DataLoader
from tinygrad_edu.data.points import circles, moons, spirals

__all__ = [
    "DataLoader", "Split", "circles", "digits", "enlarge", "mnist", "moons", "photo", "shift", "spirals",
]  # fmt: skip
