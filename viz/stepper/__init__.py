"""The stepper: walk through a graph one step at a time, forward and back, in a notebook or on a page of its own."""

from viz.stepper.recording import Level, Recording, record
from viz.stepper.stepper import Stepper, step

__all__ = ["Level", "Recording", "Stepper", "record", "step"]
