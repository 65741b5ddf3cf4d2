"""``viz.nudge``: move one value a little; what the derivative says will change, and what does change."""

from viz.sensitivity.nudges.effect import Nudge, Row, nudge
from viz.sensitivity.nudges.kinks import Kink

__all__ = ["Kink", "Nudge", "Row", "nudge"]
