"""Networks of the course, and the small circuits that explain backpropagation."""

from tinygrad_edu.models.catalogue import CATALOGUE
from tinygrad_edu.models.course import CourseCNN, course_cnn
from tinygrad_edu.models.examples import EXAMPLES, example
from tinygrad_edu.models.lenet import LeNet5, lenet5
from tinygrad_edu.models.networks.alexnet import AlexNet, alexnet
from tinygrad_edu.models.networks.inception_resnet_v2 import InceptionResNetV2, inception_resnet_v2
from tinygrad_edu.models.networks.inception_v1 import InceptionV1, InceptionV1Output, inception_v1
from tinygrad_edu.models.networks.inception_v3 import InceptionV3, InceptionV3Output, inception_v3
from tinygrad_edu.models.networks.resnet import (
    ResNet,
    resnet,
    resnet18,
    resnet34,
    resnet50,
    resnet101,
    resnet152,
    resnext50,
)  # fmt: skip
from tinygrad_edu.models.networks.vgg import VGG, vgg, vgg11, vgg13, vgg16, vgg19
from tinygrad_edu.models.networks.xception import Xception, xception
from tinygrad_edu.models.preprocessing import class_names, preprocess
from tinygrad_edu.models.two_layer import TwoLayerNet, two_layer_net
from tinygrad_edu.models.weights import load_weights

__all__ = [
    "CATALOGUE", "EXAMPLES", "AlexNet", "CourseCNN", "InceptionResNetV2", "InceptionV1", "InceptionV1Output",
    "InceptionV3", "InceptionV3Output", "LeNet5", "ResNet", "TwoLayerNet", "VGG", "Xception", "alexnet",
    "class_names", "course_cnn", "example", "inception_resnet_v2", "inception_v1", "inception_v3", "lenet5",
    "load_weights", "preprocess", "resnet", "resnet101", "resnet152", "resnet18", "resnet34", "resnet50",
    "resnext50", "two_layer_net", "vgg", "vgg11", "vgg13", "vgg16", "vgg19", "xception",
]  # fmt: skip
