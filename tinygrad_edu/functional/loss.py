"""Losses of numbers: how far predictions are from what was wanted."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.arguments import flag, number, short
from tinygrad_edu.engine.op import Op
from tinygrad_edu.engine.scope import composite
from tinygrad_edu.engine.tensor import Tensor, apply, as_tensor

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "hinge_loss", "huber_loss", "kl_div", "l1_loss",
    "mse_loss", "smooth_l1_loss",
]  # fmt: skip


@composite
def mse_loss(input: Any, target: Any, reduction: str = "mean") -> Tensor:
    """``(input − target)²``, averaged ("mean"), added up ("sum") or element by element ("none").

    input, target: any shape, the same for both, or target one number.
    Raises ValueError where shapes differ, and for another reduction.
    """
    prediction, wanted = alike(input, target, reduction, "mse_loss")
    return reduced((prediction - wanted).square(), reduction)


@composite
def l1_loss(input: Any, target: Any, reduction: str = "mean") -> Tensor:
    """``|input − target|``; slope 0 where they are equal. Shapes, reductions and errors as ``mse_loss``."""
    prediction, wanted = alike(input, target, reduction, "l1_loss")
    return reduced((prediction - wanted).abs(), reduction)


@composite
def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """``½ d²`` where d = input − target is within ``delta``, else ``delta (|d| − ½ delta)`` (Huber 1964).

    Shapes, reductions and errors as ``mse_loss``; ValueError also for a delta that is not above 0.
    """
    if not number(delta, "delta", "huber_loss") > 0:
        raise ValueError(f"huber_loss: delta must be above 0, got {delta}")
    prediction, wanted = alike(input, target, reduction, "huber_loss")
    return reduced(bowl(prediction - wanted, delta), reduction)


@composite
def smooth_l1_loss(input: Any, target: Any, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """``½ d² / beta`` where d = input − target is within ``beta``, else ``|d| − ½ beta``; beta 0: ``l1_loss``.

    Shapes, reductions and errors as ``mse_loss``; ValueError also for a negative beta. Girshick 2015, equation 3.
    """
    number(beta, "beta", "smooth_l1_loss", least=0)
    prediction, wanted = alike(input, target, reduction, "smooth_l1_loss")
    distance = prediction - wanted
    return reduced(bowl(distance, beta) / beta if beta else distance.abs(), reduction)


def bowl(distance: Tensor, width: float) -> Tensor:
    """Return half the square within ``width``, and beyond a straight line that goes on with its slope."""
    held = distance.clip(-width, width)
    return held * (distance - 0.5 * held)


@composite
def kl_div(input: Any, target: Any, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """``target (log target − input)``: the divergence of target from ``exp(input)``; input holds log-probabilities.

    log_target: target holds logarithms too. reduction: also "batchmean", the sum over the first length, which is the
    divergence itself; "mean" is over all elements, as in PyTorch. Shapes and errors as ``mse_loss``; TypeError for a
    ``log_target`` that is neither True nor False. Kullback and Leibler 1951.
    """
    prediction, wanted = alike(input, target, "sum" if reduction == "batchmean" else reduction, "kl_div")
    if flag(log_target, "log_target", "kl_div"):
        losses = wanted.exp() * (wanted - prediction)
    else:
        losses = wanted * P.log_or_zero(wanted) - wanted * prediction
    if reduction == "batchmean":
        return losses.sum() / prediction.shape[0] if prediction.ndim else losses
    return reduced(losses, reduction)


@composite
def binary_cross_entropy(input: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Tensor:
    """``−(target log input + (1 − target) log(1 − input))``, logarithms not below −100; input holds probabilities.

    input, target: any shape, the same for both. weight: any shape that broadcasts to it.
    Raises ValueError where shapes differ, and for an input that is not from 0 to 1.
    """
    chances, wanted = alike(input, target, reduction, "binary_cross_entropy")
    outside = np.argwhere(~((chances._data >= 0) & (chances._data <= 1)))
    if len(outside):
        place = tuple([int(i) for i in outside[0]])
        raise ValueError(
            f"binary_cross_entropy: input{list(place) if place else ''} is {chances._data[place]:.6g}, no probability "
            "from 0 to 1; apply sigmoid first, or take binary_cross_entropy_with_logits"
        )
    losses = apply(P.surprise, (chances, wanted))
    return reduced(losses if weight is None else losses * as_tensor(weight), reduction)


@composite
def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Tensor:
    """``binary_cross_entropy`` of ``sigmoid(input)``, exact also where the sigmoid rounds to 0 or 1.

    weight: any shape that broadcasts to the input's. pos_weight: how often more a positive counts, per class (last
    axes). Raises ValueError where shapes differ.
    """
    scores, wanted = alike(input, target, reduction, "binary_cross_entropy_with_logits")
    beware(
        scores,
        P.sigmoid,
        "binary_cross_entropy_with_logits: input is a sigmoid, but wants the scores before it; leave the sigmoid out, "
        "or take binary_cross_entropy",
    )
    missed = (-scores).softplus()
    if pos_weight is not None:
        missed = missed * (1 + (as_tensor(pos_weight) - 1) * wanted)
    losses = (1 - wanted) * scores + missed
    return reduced(losses if weight is None else losses * as_tensor(weight), reduction)


@composite
def hinge_loss(input: Any, target: Any, reduction: str = "mean", margin: float = 1.0) -> Tensor:
    """``max(0, margin − target · input)``, the loss of a support vector machine (Cortes and Vapnik 1995).

    input: scores of any shape; target: −1 or 1 in its shape. Or, for several classes, input (N, C) and integer labels
    (N,): per example the sum of ``max(0, margin + score − score of the label)`` over the other classes (Weston and
    Watkins 1999). The slope is 0 at the hinge. Raises ValueError for other shapes or targets.
    """
    known_reduction(reduction, "hinge_loss")
    number(margin, "margin", "hinge_loss")
    scores, wanted = as_tensor(input), as_tensor(target)
    labels = wanted._data
    if scores.ndim == 2 and labels.ndim == 1 and labels.dtype.kind in "iu":
        return reduced(margins(scores, labels, margin), reduction)
    if labels.shape != scores.shape:
        raise ValueError(
            f"hinge_loss: target has shape {labels.shape} but input {scores.shape}; give -1 or 1 for every score, or "
            "for input (N, C) integer labels (N,)"
        )
    wrong = np.argwhere(abs(labels) != 1)
    if len(wrong):
        place = tuple([int(i) for i in wrong[0]])
        raise ValueError(
            f"hinge_loss: target{list(place) if place else ''} is {labels[place]}, but must be -1 or 1; from 0 and 1 "
            "make them by 2 * target - 1"
        )
    return reduced((margin - wanted.astype(scores.dtype) * scores).relu(), reduction)


def margins(scores: Tensor, labels: Any, margin: float) -> Tensor:
    """Return for each row how far other scores come within ``margin`` of the label's, or beyond it."""
    count, classes = scores.shape
    wrong = np.argwhere((labels < 0) | (labels >= classes))
    if len(labels) != count:
        raise ValueError(f"hinge_loss: target has {len(labels)} labels but input {scores.shape} has {count} rows")
    if len(wrong):
        place = int(wrong[0, 0])
        raise IndexError(
            f"hinge_loss: target[{place}] is {labels[place]}, but input {scores.shape} has {classes} classes, so "
            f"labels go from 0 to {classes - 1}"
        )
    rows = np.arange(count)
    others = np.ones(scores.shape, scores.dtype)
    others[rows, labels] = 0
    return ((scores - scores[rows, labels][:, None] + margin).relu() * others).sum(axis=1)


def alike(input: Any, target: Any, reduction: str, op: str) -> tuple[Tensor, Tensor]:
    """Return prediction and target as Tensors of one shape."""
    known_reduction(reduction, op)
    prediction = as_tensor(input)
    wanted = as_tensor(target, prediction)
    if wanted.shape != prediction.shape and wanted.ndim:
        raise ValueError(
            f"{op}: input has shape {prediction.shape} but target {wanted.shape}; they must be equal, since "
            "broadcasting would compare each with all: reshape one, or stretch target by broadcast_to"
        )
    if prediction.dtype.kind in "iub":  # a difference or a square of small integers would wrap round
        prediction = prediction.astype(np.float64)
    return prediction, wanted


def known_reduction(reduction: str, op: str) -> None:
    """Refuse a reduction that does not exist."""
    if not isinstance(reduction, str) or reduction not in ("mean", "sum", "none"):
        raise ValueError(f'{op}: reduction must be "mean", "sum" or "none", got {short(reduction)}')


def reduced(losses: Tensor, reduction: str) -> Tensor:
    """Return the mean of the losses (NaN of none, as in PyTorch), their sum, or each of them."""
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    return losses.mean() if losses.size else losses.sum() * math.nan


def beware(scores: Tensor, maker: Op, said: str) -> None:
    """Warn, at the caller's line, of an input that this op made: the loss is a number, but not the one meant."""
    if scores._op is maker:
        warnings.warn(said, UserWarning, stacklevel=4)  # this, the loss, its scope, the caller
