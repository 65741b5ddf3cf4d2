"""viz: pictures of how a Tensor was computed and how its gradient flows back."""

from viz.draw import draw, draw_dot, make_dot
from viz.figure import Figure
from viz.flow import gradient_flow, init_lab
from viz.picture import Picture
from viz.render import GraphvizNotFound, RenderError, RenderTimeout
from viz.stepper import Stepper, step
from viz.training import confusion, curves, mistakes

__all__ = [
    "Figure", "GraphvizNotFound", "Picture", "RenderError", "RenderTimeout", "Stepper", "confusion", "curves", "draw",
    "draw_dot",
    "gradient_flow", "init_lab", "make_dot", "mistakes", "step",
]  # fmt: skip
