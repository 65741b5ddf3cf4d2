"""viz: pictures of how a Tensor was computed and how its gradient flows back."""

from viz import bugs
from viz.activations import Activation, activation
from viz.architectures import Architecture, architecture
from viz.convolution import ConvArithmetic, Strip, conv_arithmetic
from viz.draw import draw, draw_dot, make_dot
from viz.experiments import lab
from viz.features import feature_maps, filters, gallery, grad_cam, maximize, occlusion, receptive_field, saliency
from viz.figure import Figure
from viz.flow import gradient_flow, init_lab
from viz.nudges import Nudge, nudge
from viz.picture import Picture
from viz.quizzes import Quiz, quiz
from viz.render import GraphvizNotFound, RenderError, RenderTimeout
from viz.replays import Replay, replay
from viz.routes import Paths, paths
from viz.stepper import Stepper, step
from viz.toeplitz_matrix import Toeplitz, toeplitz
from viz.training import confusion, curves, mistakes

__all__ = [
    "Activation", "Architecture", "ConvArithmetic", "Figure", "GraphvizNotFound", "Nudge", "Paths", "Picture",
    "Quiz", "RenderError", "RenderTimeout", "Replay", "Stepper", "Strip", "Toeplitz", "activation", "architecture",
    "bugs", "confusion", "conv_arithmetic", "curves", "draw", "draw_dot", "feature_maps", "filters", "gallery",
    "grad_cam", "gradient_flow", "init_lab", "lab", "make_dot", "maximize", "mistakes", "nudge", "occlusion",
    "paths", "quiz", "receptive_field", "replay", "saliency", "step", "toeplitz",
]  # fmt: skip
