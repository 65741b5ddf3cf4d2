"""Losses of a choice among classes, which labels or probabilities name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu.engine import primitives as P
from tinygrad_edu.engine.arguments import number
from tinygrad_edu.engine.scope import composite
from tinygrad_edu.engine.tensor import Tensor, apply, as_tensor
from tinygrad_edu.functional.loss import beware, known_reduction, reduced

__all__ = ["cross_entropy", "nll_loss"]


@composite
def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """``−log softmax(input)[target]``: how surprising the right classes are, given scores (logits) for all of them.

    input: (C,), (N, C) or (N, C, d1, ...). target: integer labels 0 to C − 1 in its shape without C, or floating point
    probabilities in its shape. weight: (C,), by which "mean" divides again, for labels. label_smoothing: the share that
    goes to all classes alike (Szegedy et al. 2016, section 7). Labels equal to ``ignore_index`` count for nothing.
    Raises IndexError for a label out of range, TypeError for one of the wrong dtype, ValueError where shapes don't fit,
    and for an ``ignore_index`` that is not negative beside probabilities, which have no labels to ignore.
    """
    known_reduction(reduction, "cross_entropy")
    logits, wanted = as_tensor(input), as_tensor(target)
    beware(
        logits, P.softmax, "cross_entropy: input is a softmax, but wants the scores before it; leave the softmax out"
    )
    axis = class_axis(logits, "cross_entropy")
    number(label_smoothing, "label_smoothing", "cross_entropy", 0, 1)
    weights = class_weights(weight, logits, axis, "cross_entropy")
    if wanted.dtype.kind == "f" and wanted.shape == logits.shape:
        if number(ignore_index, "ignore_index", "cross_entropy") >= 0:
            raise ValueError(f"cross_entropy: ignore_index {ignore_index} names a label; target holds probabilities")
        chances = probabilities(wanted, logits.shape[axis], label_smoothing)
        terms = logits.log_softmax(axis=axis) * chances
        return reduced(-(terms if weights is None else terms * weights).sum(axis=axis), reduction)
    labels, keep = checked_labels(wanted, logits, axis, ignore_index, "cross_entropy")
    surprises = logits.log_softmax(axis=axis)
    return label_loss(surprises, labels, keep, weights, axis, reduction, label_smoothing)


@composite
def nll_loss(
    input: Any, target: Any, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    """``−input[target]``: the loss of log-probabilities, such as ``log_softmax`` gives.

    input: (C,), (N, C) or (N, C, d1, ...). target: integer labels in its shape without C. weight: (C,), by which "mean"
    divides again. Labels equal to ``ignore_index`` count for nothing. Errors as ``cross_entropy``.
    """
    known_reduction(reduction, "nll_loss")
    chances = as_tensor(input)
    beware(chances, P.softmax, "nll_loss: input is a softmax, but wants logarithms; take log_softmax instead")
    axis = class_axis(chances, "nll_loss")
    weights = class_weights(weight, chances, axis, "nll_loss")
    labels, keep = checked_labels(as_tensor(target), chances, axis, ignore_index, "nll_loss")
    return label_loss(chances, labels, keep, weights, axis, reduction, 0.0)


def label_loss(
    logs: Tensor, labels: Any, keep: Any, weights: Tensor | None, axis: int, reduction: str, smoothing: float
) -> Tensor:
    """Pick the logarithms of the labels' probabilities, and weigh, smooth, mask and reduce them."""
    shares = None if weights is None else weights.ravel()[labels]
    losses = -apply(P.getitem, (logs,), {"index": place_of(labels, axis)})
    if shares is not None:
        losses = losses * shares
    if smoothing:
        alike = -(logs if weights is None else logs * weights).sum(axis=axis)
        losses = losses * (1 - smoothing) + alike * (smoothing / logs.shape[axis])
    if keep is not None:
        losses = P.where(keep, losses, 0.0)
        shares = P.where(keep, np.ones((), logs.dtype) if shares is None else shares, 0.0)
    if reduction != "mean" or shares is None:
        return reduced(losses, reduction)
    total = as_tensor(shares).sum()
    return losses.sum() / total if total._data else losses.sum() * math.nan


def class_axis(scores: Tensor, op: str) -> int:
    """Return which axis counts the classes."""
    if not scores.ndim:
        raise ValueError(f"{op}: input is a number; it needs an axis of classes: (C,), (N, C) or (N, C, d1, ...)")
    return min(1, scores.ndim - 1)


def class_weights(weight: Any, scores: Tensor, axis: int, op: str) -> Tensor | None:
    """Return the weights of the classes in a shape that stands beside the scores."""
    if weight is None:
        return None
    weights = as_tensor(np.asarray(weight, scores.dtype) if isinstance(weight, (list, tuple)) else weight)
    classes = scores.shape[axis]
    if weights.shape != (classes,):
        raise ValueError(
            f"{op}: weight has shape {weights.shape} but input {scores.shape} has {classes} classes (axis {axis}); "
            f"give one weight per class, shape ({classes},)"
        )
    return weights.reshape((classes,) + (1,) * (scores.ndim - axis - 1))


def checked_labels(target: Tensor, scores: Tensor, axis: int, ignore: int, op: str) -> tuple[Any, Any]:
    """Return the labels, 0 in place of ignored ones, and which to keep; None for all."""
    data, shape, classes = target._data, scores.shape, scores.shape[axis]
    number(ignore, "ignore_index", op)
    wanted = shape[:axis] + shape[axis + 1 :]
    if data.dtype.kind not in "iu":
        hint = "which are NaN" if data.dtype.kind == "f" and np.isnan(data).any() else "which can't be labels"
        if data.shape[: scores.ndim] == shape and scores.dtype.kind in "iu":
            hint += " (are the arguments swapped? the scores come first)"
        raise TypeError(
            f"{op}: target {data.shape} holds {data.dtype}, {hint}; give integer labels of shape {wanted}, such as "
            f"target.astype(np.int64){', or probabilities of shape ' + str(shape) if op == 'cross_entropy' else ''}"
        )
    if data.shape != wanted:
        raise ValueError(
            f"{op}: target has shape {data.shape} but input {shape} wants labels of shape {wanted}, one for each "
            f"{'row' if axis else 'input'} of {classes} scores{remedy(data, shape, wanted, axis)}"
        )
    labels = data.astype(np.intp)
    known = not labels.size or int(labels.view(np.uintp).max()) < classes
    if known and not 0 <= ignore < classes:
        return labels, None
    keep = labels != ignore
    wrong = np.argwhere(keep & ((labels < 0) | (labels >= classes)))
    if len(wrong):
        place = tuple([int(i) for i in wrong[0]])
        raise IndexError(
            f"{op}: target{list(place) if place else ''} is {labels[place]}, but input {shape} has {classes} classes "
            f"(axis {axis}), so labels go from 0 to {classes - 1}; {len(wrong)} of {labels.size} do not"
        )
    return np.where(keep, labels, 0), keep


def remedy(data: Any, shape: tuple[int, ...], wanted: tuple[int, ...], axis: int) -> str:
    """Return what makes labels of a target of the wrong shape, where that is clear."""
    if data.shape == shape:
        return f"; of one-hot rows take target.argmax(axis={axis})"
    same = [n for n in data.shape if n > 1] == [n for n in wanted if n > 1]
    return f"; take target.reshape{wanted}" if same else ""


def place_of(labels: Any, axis: int) -> Any:
    """Return the index that picks, everywhere else along the axes, the class that the labels say."""
    if not axis:
        return int(labels)
    ndim = labels.ndim
    others = [np.arange(n).reshape((-1,) + (1,) * (ndim - i - 1)) for i, n in enumerate(labels.shape)]
    return (others[0], labels, *others[1:])


def probabilities(target: Tensor, classes: int, smoothing: float) -> Tensor:
    """Return the probabilities of the classes, smoothed; ValueError for NaN."""
    unknown = np.argwhere(np.isnan(target._data))
    if len(unknown):
        raise ValueError(f"cross_entropy: target{unknown[0].tolist()} is NaN; a probability must be a number")
    return target * (1 - smoothing) + smoothing / classes if smoothing else target
