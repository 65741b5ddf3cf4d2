"""``viz.replay``: train a model, and look at one and the same graph at every step of it."""

from viz.replays.film import Update
from viz.replays.replay import Replay, replay

__all__ = ["Replay", "Update", "replay"]
