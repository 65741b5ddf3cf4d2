"""Losses as modules: how wrong a prediction is, as one number."""

from __future__ import annotations

from typing import Any

from tinygrad_edu import functional as F
from tinygrad_edu.engine.arguments import flag, number
from tinygrad_edu.engine.tensor import Tensor
from tinygrad_edu.functional.loss import known_reduction
from tinygrad_edu.nn.module import Module

__all__ = [
    "BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "HuberLoss", "KLDivLoss", "L1Loss", "MSELoss", "NLLLoss",
    "SmoothL1Loss",
]  # fmt: skip


class Loss(Module):
    """What every loss has. reduction: ``"mean"``, ``"sum"``, or ``"none"`` for a number per example or element.

    Raises ValueError for another reduction.
    """

    def __init__(self, reduction: str = "mean") -> None:
        known_reduction(reduction, type(self).__name__)
        self.reduction = reduction

    def _label(self) -> str:
        return type(self).__name__


class MSELoss(Loss):
    """The mean of the squared differences of prediction and target.

    Both have the same shape, any, or target is one number. Raises ValueError where shapes differ.
    """

    def forward(self, prediction: Any, target: Any) -> Tensor:
        """Return the loss."""
        return F.mse_loss(prediction, target, reduction=self.reduction)


class L1Loss(Loss):
    """The mean of the absolute differences of prediction and target; shapes and errors as ``MSELoss``."""

    def forward(self, prediction: Any, target: Any) -> Tensor:
        """Return the loss."""
        return F.l1_loss(prediction, target, reduction=self.reduction)


class HuberLoss(Loss):
    """Half the squared difference within ``delta``, beyond it a straight line with its slope (Huber 1964).

    Shapes and errors as ``MSELoss``; ValueError for a delta that is not above 0.
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        if not number(delta, "delta", "HuberLoss") > 0:
            raise ValueError(f"HuberLoss: delta must be above 0, got {delta}")
        self.delta = delta

    def forward(self, prediction: Any, target: Any) -> Tensor:
        """Return the loss."""
        return F.huber_loss(prediction, target, reduction=self.reduction, delta=self.delta)


class SmoothL1Loss(Loss):
    """``HuberLoss`` divided by its width ``beta``; with beta 0, ``L1Loss`` (Girshick 2015, equation 3).

    Shapes and errors as ``MSELoss``; ValueError for a negative beta.
    """

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = number(beta, "beta", "SmoothL1Loss", least=0)

    def forward(self, prediction: Any, target: Any) -> Tensor:
        """Return the loss."""
        return F.smooth_l1_loss(prediction, target, reduction=self.reduction, beta=self.beta)


class KLDivLoss(Loss):
    """The divergence of target from what log-probabilities say (Kullback and Leibler 1951).

    reduction: also ``"batchmean"``, the divergence itself; log_target: target holds logarithms too.
    Shapes and errors as ``MSELoss``; TypeError for a ``log_target`` that is neither True nor False.
    """

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__("sum" if reduction == "batchmean" else reduction)
        self.reduction = reduction
        self.log_target = flag(log_target, "log_target", "KLDivLoss")

    def forward(self, log_probabilities: Any, target: Any) -> Tensor:
        """Return the loss."""
        return F.kl_div(log_probabilities, target, reduction=self.reduction, log_target=self.log_target)


class CrossEntropyLoss(Loss):
    """Minus the log of the probability that softmax gives the right class, from logits ``(batch, classes, ...)``.

    Targets: the numbers of the classes ``(batch, ...)``, or probabilities of the shape of the logits.
    weight: how much each class counts, (classes,). ignore_index: examples of this class count nothing.
    label_smoothing: the share of the target that is spread evenly over all classes (Szegedy et al. 2016, section 7).
    Raises IndexError for a label out of range, TypeError for one of the wrong dtype, ValueError where shapes don't fit.
    """

    def __init__(
        self, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean", label_smoothing: float = 0.0
    ) -> None:
        super().__init__(reduction)
        self.weight: Tensor | None
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.label_smoothing = number(label_smoothing, "label_smoothing", "CrossEntropyLoss", 0, 1)

    def forward(self, logits: Any, targets: Any) -> Tensor:
        """Return the loss."""
        return F.cross_entropy(
            logits, targets, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )  # fmt: skip


class NLLLoss(Loss):
    """Minus the log-probability of the right class, from log-probabilities ``(batch, classes, ...)``.

    weight: how much each class counts, (classes,). ignore_index: examples of this class count nothing.
    Targets are numbers of classes ``(batch, ...)``; errors as ``CrossEntropyLoss``.
    """

    def __init__(self, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.weight: Tensor | None
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index

    def forward(self, log_probabilities: Any, targets: Any) -> Tensor:
        """Return the loss."""
        return F.nll_loss(
            log_probabilities, targets, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction
        )


class BCELoss(Loss):
    """Minus the log of the probability of the right answer, yes or no, from probabilities. weight: of each element.

    Shapes as ``MSELoss``. Raises ValueError where they differ, and for a probability that is not from 0 to 1.
    """

    def __init__(self, weight: Any = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.weight: Tensor | None
        self.register_buffer("weight", weight)

    def forward(self, probabilities: Any, targets: Any) -> Tensor:
        """Return the loss."""
        return F.binary_cross_entropy(probabilities, targets, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(Loss):
    """``BCELoss`` of the sigmoid of logits, without its rounding. pos_weight: how much a yes counts, per class.

    Shapes and errors as ``MSELoss``.
    """

    def __init__(self, weight: Any = None, *, reduction: str = "mean", pos_weight: Any = None) -> None:
        super().__init__(reduction)
        self.weight: Tensor | None
        self.pos_weight: Tensor | None
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, logits: Any, targets: Any) -> Tensor:
        """Return the loss."""
        return F.binary_cross_entropy_with_logits(
            logits, targets, weight=self.weight, pos_weight=self.pos_weight, reduction=self.reduction
        )
