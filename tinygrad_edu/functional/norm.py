"""Normalization: of a channel over the batch, of an example over its features, of a pixel over nearby channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.arguments import flag, integer, number
from tinygrad_edu.engine.axes import sizes
from tinygrad_edu.engine.primitives.normalize import moments
from tinygrad_edu.engine.scope import composite, rebind
from tinygrad_edu.engine.tensor import Tensor, as_tensor

__all__ = ["batch_norm", "group_norm", "layer_norm", "local_response_norm"]


@composite
def batch_norm(
    x: Any,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """``(x − mean) / √(var + eps) · weight + bias``, channel by channel.

    x: (batch, channels, ...); the others: (channels,). In training, mean and variance are the batch's, and the running
    ones move towards them by ``momentum``, the variance as the unbiased estimate; else they are the running ones.
    Raises ValueError if sizes do not fit, in training for a single value per channel, and else without running ones,
    TypeError for a ``training`` that is neither True nor False. Ioffe and Szegedy 2015.
    """
    if training is not True and training is not False:
        training = flag(training, "training", "batch_norm")
    inputs = as_tensor(x)
    check_batch(inputs, (running_mean, running_var), weight, bias, training)
    number(momentum, "momentum", "batch_norm")
    number(eps, "eps", "batch_norm", least=0)
    column = (1, -1) + (1,) * (inputs.ndim - 2)
    scale = 1.0 if weight is None else as_tensor(weight).reshape(column)
    shift = 0.0 if bias is None else as_tensor(bias).reshape(column)
    if not inputs.size:
        return inputs * scale + shift
    if not training:
        mean, var = [as_tensor(running).reshape(column) for running in (running_mean, running_var)]
        return P.rescale(inputs, mean, var, scale, shift, eps=eps)  # type: ignore[no-any-return]
    axis = (0, *range(2, inputs.ndim))
    y: Tensor = P.standardize(inputs, scale, shift, axis=axis, eps=eps)
    if running_mean is not None and running_var is not None:
        move_running(running_mean, running_var, inputs._data, axis, momentum)
    return y


def check_batch(x: Tensor, running: tuple[Any, Any], weight: Any, bias: Any, training: bool) -> None:
    """Refuse a batch without channels, and what is not one number per channel."""
    if x.ndim < 2:
        raise ValueError(f"batch_norm: x {x.shape} needs axes (batch, channels, ...); add one: x[None]")
    channels = (x.shape[1],)
    names = ("running_mean", "running_var", "weight", "bias")
    for name, value in zip(names, (*running, weight, bias)):
        if value is not None and np.shape(as_tensor(value)._data) != channels:
            raise ValueError(
                f"batch_norm: {name} has shape {np.shape(as_tensor(value)._data)} but x {x.shape} has {x.shape[1]} "
                f"channels (axis 1); it must have shape {channels}"
            )
    missing = [name for name, value in zip(names, running) if value is None]
    if missing and (not training or len(missing) == 1):
        raise ValueError(
            f"batch_norm: {' and '.join(missing)} must be given: outside training both are needed, in training both "
            "or neither; or pass training=True, to use mean and variance of the batch"
        )
    for name, value in zip(names, running):
        if training and value is not None and not isinstance(value, Tensor):
            raise TypeError(f"batch_norm: in training {name} is updated, so it must be a Tensor, not an array")
    if training and x.size == x.shape[1] > 0:
        raise ValueError(
            f"batch_norm: x {x.shape} has a single value per channel, whose variance is 0; train on a batch of more "
            "than one, or switch to evaluation: model.eval()"
        )


def move_running(running_mean: Tensor, running_var: Tensor, x: Any, axis: tuple[int, ...], momentum: float) -> None:
    """Let the running mean and variance take a step towards the batch's; they are rebound, both or none."""
    mean, var = [found.reshape(-1) for found in moments(x, axis)]
    count = x.size // x.shape[1]
    moved = [
        (1 - momentum) * running._data + momentum * batch
        for running, batch in ((running_mean, mean), (running_var, var * (count / (count - 1))))
    ]
    for running, data in zip((running_mean, running_var), moved):
        rebind(running, data.astype(running.dtype, copy=False))


@composite
def layer_norm(
    x: Any, normalized_shape: int | Sequence[int], weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Tensor:
    """``(x − mean) / √(var + eps) · weight + bias``, example by example.

    x: (..., *normalized_shape); mean and variance are taken over these last axes; weight, bias: normalized_shape.
    Raises ValueError where shapes do not fit. Ba, Kiros and Hinton 2016.
    """
    inputs = as_tensor(x)
    shape = sizes((normalized_shape,), "layer_norm")
    number(eps, "eps", "layer_norm")
    lead = inputs.ndim - len(shape)
    if not shape or lead < 0 or inputs.shape[lead:] != shape:
        raise ValueError(
            f"layer_norm: normalized_shape is {shape} but x has shape {inputs.shape}; the last axes of x must be "
            "those, one at least"
        )
    for name, value in (("weight", weight), ("bias", bias)):
        if value is not None and as_tensor(value).shape != shape:
            raise ValueError(f"layer_norm: {name} has shape {as_tensor(value).shape}; it must be {shape}")
    y = inputs
    if inputs.size:
        y = P.standardize(inputs, 1.0, 0.0, axis=tuple(range(lead, inputs.ndim)), eps=eps)
    if weight is not None:
        y = y * weight
    return y if bias is None else y + bias


@composite
def group_norm(x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    """``(x − mean) / √(var + eps) · weight + bias``, example by example, over ``num_groups`` groups of its channels.

    x: (batch, channels, ...); weight, bias: (channels,). One group is ``layer_norm`` over all, one per channel
    instance norm. Raises ValueError where sizes do not fit. Wu and He 2018.
    """
    inputs = as_tensor(x)
    groups = integer(num_groups, "num_groups", "group_norm", 1)
    number(eps, "eps", "group_norm", least=0)
    if inputs.ndim < 2 or inputs.shape[1] % groups:
        raise ValueError(
            f"group_norm: x {inputs.shape} must be (batch, channels, ...), with channels that make {groups} groups"
        )
    for name, value in (("weight", weight), ("bias", bias)):
        if value is not None and as_tensor(value).shape != inputs.shape[1:2]:
            raise ValueError(f"group_norm: {name} has shape {as_tensor(value).shape}; it must be {inputs.shape[1:2]}")
    y = inputs
    if inputs.size:
        grouped = inputs.reshape(inputs.shape[0], groups, -1)
        y = P.standardize(grouped, 1.0, 0.0, axis=(2,), eps=eps).reshape(inputs.shape)
    column = (-1,) + (1,) * (inputs.ndim - 2)
    if weight is not None:
        y = y * as_tensor(weight).reshape(column)
    return y if bias is None else y + as_tensor(bias).reshape(column)


@composite
def local_response_norm(x: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """``x / (k + alpha · mean x²)^beta``, the mean over ``size`` nearby channels, those beyond the ends being 0.

    x: (batch, channels, ...). The ``size // 2`` channels before and the ``(size − 1) // 2`` after count, as in PyTorch.
    Raises ValueError for a size below 1 or an x without channels.
    Krizhevsky, Sutskever and Hinton 2012, section 3.3, with alpha / size.
    """
    inputs = as_tensor(x)
    if inputs.ndim < 2:
        raise ValueError(f"local_response_norm: x {inputs.shape} needs axes (batch, channels, ...)")
    size = integer(size, "size", "local_response_norm", 1)
    for name, value in (("alpha", alpha), ("beta", beta), ("k", k)):
        number(value, name, "local_response_norm")
    channels = inputs.shape[1]
    before, after = min(size // 2, channels), min((size - 1) // 2, channels)
    squares = P.pad(inputs.square(), widths=((0, 0), (before, after)) + ((0, 0),) * (inputs.ndim - 2), value=0)
    total = squares[:, :channels]
    for start in range(1, before + after + 1):
        total = total + squares[:, start : start + channels]
    y: Tensor = inputs / (total * (alpha / size) + k) ** beta
    return y
