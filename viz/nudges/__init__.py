"""``viz.nudge``: move one value a little; what the derivative says will change, and what does change."""

from viz.nudges.kinks import Kink
from viz.nudges.nudge import Nudge, Row, nudge

__all__ = ["Kink", "Nudge", "Row", "nudge"]
