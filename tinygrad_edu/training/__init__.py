"""Training and testing a model: a plain loop, what it remembers, and what it shows meanwhile."""

from tinygrad_edu.training.history import Epoch, History
from tinygrad_edu.training.loop import Evaluation, evaluate, fit

__all__ = ["Epoch", "Evaluation", "History", "evaluate", "fit"]
