"""Normalization as modules: of channels over the batch, of examples over their features, of nearby channels."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu import functional as F
from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.arguments import flag, number
from tinygrad_edu.engine.failure import with_graph
from tinygrad_edu.engine.scope import rebind
from tinygrad_edu.engine.tensor import Tensor, as_tensor
from tinygrad_edu.nn.module import Module, Parameter
from tinygrad_edu.nn.starting import count, float_dtype

__all__ = ["BatchNorm1d", "BatchNorm2d", "GroupNorm", "LayerNorm", "LocalResponseNorm"]


class BatchNorm(Module):
    """``(x − mean) / √(var + eps) · weight + bias``, channel by channel (Ioffe and Szegedy 2015).

    In training mean and variance are the batch's, and ``running_mean`` and ``running_var`` (the unbiased estimate) move
    towards them by ``momentum``, or, where it is None, become their mean over all batches so far. In evaluation the
    running ones are used, unless ``track_running_stats=False``. weight is 1 and bias 0 at first, with ``affine=False``
    there are none. Raises ValueError, when called, for an x of other axes or channels, and in training for a single
    value per channel; TypeError for a flag that is no bool.
    """

    axes: tuple[str, ...] = ()  # what x may be

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True, *, bias: bool = True, dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        layer = type(self).__name__
        self.num_features = n = count(num_features, "num_features", layer)
        dtype = float_dtype(dtype, layer)
        self.eps = number(eps, "eps", layer, least=0)
        self.momentum = None if momentum is None else number(momentum, "momentum", layer, 0, 1)
        self.affine = flag(affine, "affine", layer)
        self.track_running_stats = tracks = flag(track_running_stats, "track_running_stats", layer)
        self.weight = Parameter(np.ones(n, dtype)) if self.affine else None
        self.bias = Parameter(np.zeros(n, dtype)) if flag(bias, "bias", layer) and self.affine else None
        self.running_mean: Tensor | None
        self.running_var: Tensor | None
        self.num_batches_tracked: Tensor | None
        self.register_buffer("running_mean", np.zeros(n, dtype) if tracks else None)
        self.register_buffer("running_var", np.ones(n, dtype) if tracks else None)
        self.register_buffer("num_batches_tracked", np.int64(0) if tracks else None)

    def forward(self, x: Any) -> Tensor:
        """Return what has, channel by channel, mean bias and standard deviation weight."""
        x = as_tensor(x)
        self._refuse_misfit(x)
        counted = self.num_batches_tracked if self.training and self.track_running_stats else None
        number = 0 if counted is None else int(counted.data) + 1
        step = self.momentum if self.momentum is not None else 1 / max(number, 1)
        held = (self.running_mean, self.running_var) if counted is not None or not self.training else (None, None)
        of_batch = self.training or self.running_mean is None
        y: Tensor = F.batch_norm(x, *held, self.weight, self.bias, of_batch, step, self.eps)
        if counted is not None:
            rebind(counted, np.int64(number))
        return y

    def _refuse_misfit(self, x: Tensor) -> None:
        wanted = [axes.count(",") + 1 for axes in self.axes]
        if x.ndim not in wanted:
            message = f"x must be {' or '.join(self.axes)}, got shape {x.shape}"
        elif x.shape[1] != self.num_features:
            message = (
                f"expected {self.num_features} channels, got {x.shape[1]} (x {x.shape}); num_features must be the "
                "length of axis 1"
            )
        else:
            return
        given = [x, *[p for p in (self.weight, self.bias) if p is not None]]
        raise with_graph(ValueError(message), P.standardize, tuple(given))

    def extra_repr(self) -> str:
        """The sizes."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _label(self) -> str:
        return f"{type(self).__name__}({self.num_features})"


class BatchNorm1d(BatchNorm):
    __doc__ = f"{BatchNorm.__doc__}\n    x ``(batch, channels)`` or ``(batch, channels, length)``.\n    "
    axes = ("(batch, channels)", "(batch, channels, length)")


class BatchNorm2d(BatchNorm):
    __doc__ = f"{BatchNorm.__doc__}\n    x ``(batch, channels, height, width)``.\n    "
    axes = ("(batch, channels, height, width)",)


class LayerNorm(Module):
    """``(x − mean) / √(var + eps) · weight + bias``, example by example (Ba, Kiros, Hinton 2016).

    x ``(..., *normalized_shape)``; mean and variance are taken over these last axes. weight is 1 and bias 0 at first,
    both of ``normalized_shape``; ``elementwise_affine=False``: none. Raises ValueError, when called, where the last
    axes of x are others, TypeError for a flag that is no bool.
    """

    def __init__(
        self, normalized_shape: Any, eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True, *,
        dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        parts = tuple(normalized_shape) if isinstance(normalized_shape, (tuple, list)) else (normalized_shape,)
        self.normalized_shape = shape = tuple([count(n, "normalized_shape", "LayerNorm") for n in parts])
        if not shape:
            raise ValueError("LayerNorm: normalized_shape must have one axis at least")
        dtype = float_dtype(dtype, "LayerNorm")
        self.eps = number(eps, "eps", "LayerNorm", least=0)
        self.elementwise_affine = flag(elementwise_affine, "elementwise_affine", "LayerNorm")
        with_bias = flag(bias, "bias", "LayerNorm") and self.elementwise_affine
        self.weight = Parameter(np.ones(shape, dtype)) if self.elementwise_affine else None
        self.bias = Parameter(np.zeros(shape, dtype)) if with_bias else None

    def forward(self, x: Any) -> Tensor:
        """Return what has, example by example, mean bias and standard deviation weight."""
        x = as_tensor(x)
        shape = self.normalized_shape
        if x.shape[-len(shape) :] != shape:
            what = f"{shape[0]} features" if len(shape) == 1 else f"last axes {shape}"
            got = x.shape[-1] if len(shape) == 1 and x.ndim else x.shape
            message = f"expected {what}, got {got} (x {x.shape}); normalized_shape must be the last axes of x"
            given = [x, *[p for p in (self.weight, self.bias) if p is not None]]
            raise with_graph(ValueError(message), P.standardize, tuple(given))
        return F.layer_norm(x, shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The sizes."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )

    def _label(self) -> str:
        return f"LayerNorm({', '.join(map(str, self.normalized_shape))})"


class GroupNorm(Module):
    """``(x − mean) / √(var + eps) · weight + bias``, example by example, over groups of channels (Wu and He 2018).

    x ``(batch, channels, ...)``. weight is 1 and bias 0 at first, one number per channel; ``affine=False``: none.
    Raises ValueError for channels that do not make ``num_groups`` equal groups, and, when called, for an x of other
    channels; TypeError for a flag that is no bool.
    """

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, *, bias: bool = True,
        dtype: Any = np.float32,
    ) -> None:  # fmt: skip
        self.num_groups = count(num_groups, "num_groups", "GroupNorm")
        self.num_channels = n = count(num_channels, "num_channels", "GroupNorm")
        if n % self.num_groups:
            raise ValueError(f"GroupNorm: {n} channels do not make {num_groups} equal groups")
        dtype = float_dtype(dtype, "GroupNorm")
        self.eps = number(eps, "eps", "GroupNorm", least=0)
        self.affine = flag(affine, "affine", "GroupNorm")
        self.weight = Parameter(np.ones(n, dtype)) if self.affine else None
        self.bias = Parameter(np.zeros(n, dtype)) if flag(bias, "bias", "GroupNorm") and self.affine else None

    def forward(self, x: Any) -> Tensor:
        """Return what has, group by group of each example, mean bias and standard deviation weight."""
        x = as_tensor(x)
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            message = f"expected (batch, {self.num_channels} channels, ...), got shape {x.shape}"
            given = [x, *[p for p in (self.weight, self.bias) if p is not None]]
            raise with_graph(ValueError(message), P.standardize, tuple(given))
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The sizes."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )

    def _label(self) -> str:
        return f"GroupNorm({self.num_groups}, {self.num_channels})"


class LocalResponseNorm(Module):
    """``x / (k + alpha · mean x²)^beta``, the mean over ``size`` nearby channels (Krizhevsky et al. 2012, section 3.3).

    x ``(batch, channels, ...)``. The paper has the sum where this, as PyTorch, has the mean: its alpha is ours / size.
    Raises ValueError for a size below 1 and, when called, for an x without channels.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        self.size = count(size, "size", "LocalResponseNorm")
        self.alpha, self.beta, self.k = [
            number(value, name, "LocalResponseNorm") for name, value in (("alpha", alpha), ("beta", beta), ("k", k))
        ]

    def forward(self, x: Any) -> Tensor:
        """Let channels that respond strongly dampen their neighbours."""
        return F.local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """The numbers."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"

    def _label(self) -> str:
        return f"LocalResponseNorm({self.size})"
