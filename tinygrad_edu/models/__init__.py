"""Networks of the course, and the small circuits that explain backpropagation."""

from tinygrad_edu.models.course import CourseCNN, course_cnn
from tinygrad_edu.models.examples import EXAMPLES, example
from tinygrad_edu.models.lenet import LeNet5, lenet5
from tinygrad_edu.models.two_layer import TwoLayerNet, two_layer_net

__all__ = [
    "EXAMPLES", "CourseCNN", "LeNet5", "TwoLayerNet", "course_cnn", "example", "lenet5", "two_layer_net",
]  # fmt: skip
