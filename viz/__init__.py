"""viz: pictures of how a Tensor was computed and how its gradient flows back."""

from viz.draw import draw, draw_dot, make_dot
from viz.picture import Picture
from viz.render import GraphvizNotFound, RenderError, RenderTimeout

__all__ = ["GraphvizNotFound", "Picture", "RenderError", "RenderTimeout", "draw", "draw_dot", "make_dot"]
