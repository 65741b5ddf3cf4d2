"""Functions that layers are made of, as compositions of differentiable ops; PyTorch's names."""

from tinygrad_edu.engine.functions import (
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    relu,
    sigmoid,
    silu,
    softmax,
    tanh,
)  # fmt: skip
from tinygrad_edu.functional.activation import softplus
from tinygrad_edu.functional.affine import linear
from tinygrad_edu.functional.classification import cross_entropy, nll_loss
from tinygrad_edu.functional.conv import conv1d, conv2d, conv_transpose2d
from tinygrad_edu.functional.lookup import embedding, one_hot
from tinygrad_edu.functional.loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    hinge_loss,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    smooth_l1_loss,
)  # fmt: skip
from tinygrad_edu.functional.noise import dropout
from tinygrad_edu.functional.norm import batch_norm, group_norm, layer_norm, local_response_norm
from tinygrad_edu.functional.padding import pad
from tinygrad_edu.functional.pool import adaptive_avg_pool2d, avg_pool2d, max_pool2d
from tinygrad_edu.functional.windows import fold, unfold

__all__ = [
    "adaptive_avg_pool2d", "avg_pool2d", "batch_norm", "binary_cross_entropy", "binary_cross_entropy_with_logits",
    "conv1d", "conv2d", "conv_transpose2d", "cross_entropy", "dropout", "elu", "embedding", "fold", "gelu",
    "group_norm", "hinge_loss", "huber_loss", "kl_div", "l1_loss", "layer_norm", "leaky_relu", "linear",
    "local_response_norm", "log_softmax", "max_pool2d", "mse_loss", "nll_loss", "one_hot", "pad", "relu", "sigmoid",
    "silu", "smooth_l1_loss", "softmax", "softplus", "tanh", "unfold",
]  # fmt: skip
