"""``viz.replay``: train a model, and look at one and the same graph at every step of it."""

from viz.stepper.replays.film import Update
from viz.stepper.replays.rerun import Replay, replay

__all__ = ["Replay", "Update", "replay"]
