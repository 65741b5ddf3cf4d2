"""viz: pictures of how a Tensor was computed and how its gradient flows back."""

from viz import bugs
from viz.architectures import Architecture, architecture
from viz.convolution import ConvArithmetic, Strip, conv_arithmetic
from viz.convolution.matrix import Toeplitz, toeplitz
from viz.features import feature_maps, filters, gallery, grad_cam, maximize, occlusion, receptive_field, saliency
from viz.figures.activations import Activation, activation
from viz.figures.experiments import lab
from viz.figures.figure import Figure
from viz.figures.flow import gradient_flow, init_lab
from viz.figures.training import confusion, curves, mistakes
from viz.graph.drawing import draw, draw_dot, make_dot
from viz.graph.picture import Picture
from viz.output.render import GraphvizNotFound, RenderError, RenderTimeout
from viz.quizzes import Quiz, quiz
from viz.sensitivity.nudges import Nudge, nudge
from viz.sensitivity.routes import Paths, paths
from viz.stepper import Stepper, step
from viz.stepper.replays import Replay, replay

__all__ = [
    "Activation", "Architecture", "ConvArithmetic", "Figure", "GraphvizNotFound", "Nudge", "Paths", "Picture",
    "Quiz", "RenderError", "RenderTimeout", "Replay", "Stepper", "Strip", "Toeplitz", "activation", "architecture",
    "bugs", "confusion", "conv_arithmetic", "curves", "draw", "draw_dot", "feature_maps", "filters", "gallery",
    "grad_cam", "gradient_flow", "init_lab", "lab", "make_dot", "maximize", "mistakes", "nudge", "occlusion",
    "paths", "quiz", "receptive_field", "replay", "saliency", "step", "toeplitz",
]  # fmt: skip
