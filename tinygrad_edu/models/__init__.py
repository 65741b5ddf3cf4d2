"""Networks of the course, and the small circuits that explain backpropagation."""

from tinygrad_edu.models.examples import EXAMPLES, example
from tinygrad_edu.models.two_layer import TwoLayerNet, two_layer_net

__all__ = ["EXAMPLES", "TwoLayerNet", "example", "two_layer_net"]
