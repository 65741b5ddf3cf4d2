"""The bug zoo: what students get wrong in a backward pass, each as a rule that is wrong in just that way.

A bug is a function of a ``Spot``: it returns the wrong rule, or None where such a mistake can't be made. Its docstring
says what is done wrong and how it shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any, cast

import numpy as np

from tinygrad_edu import Op, Tensor, exp
from viz.bugs.spots import Rule, Spot

__all__ = ["BUGS", "Bug"]

_SUM = cast(Op, Tensor([1.0], requires_grad=True).sum().op)
_MOVES = ("reshape", "transpose", "getitem", "concatenate", "broadcast_to", "add", "copy", "astype")


@dataclass(frozen=True)
class Bug:
    """A mistake: what it is called, where it fits, and the function that makes the wrong rule."""

    name: str
    wants: str
    build: Callable[[Spot], Rule | None]
    whole: bool = False  # put into all the rules of an input at once, not into one

    @property
    def text(self) -> str:
        """What students do wrong and how it shows."""
        return " ".join((self.build.__doc__ or "").split()).replace("``", "`")


BUGS: dict[str, Bug] = {}


def bug(wants: str, whole: bool = False) -> Callable[[Callable[[Spot], Rule | None]], Callable[[Spot], Rule | None]]:
    """Put a bug into the zoo under its function's name; wants: what it needs, for the message where it does not fit."""

    def add(build: Callable[[Spot], Rule | None]) -> Callable[[Spot], Rule | None]:
        BUGS[build.__name__] = Bug(build.__name__, wants, build, whole)
        return build

    return add


# Products of matrices


@bug("a matrix product of matrices, one of them with several rows and columns")
def missing_transpose(spot: Spot) -> Rule | None:
    """A transpose is missing in a product's rule: ``g @ W`` where ``g @ W.T`` is right. With a square matrix the shapes
    still fit, so nothing complains: the loss goes down at first, slowly, and then no further. Else the product is
    taken the other way round, ``W @ g.T``, and lies on its side until a reshape forces it into shape.
    """
    if spot.op.name != "matmul" or not spot.x.ndim == spot.arrays[1 - spot.position].ndim == 2:
        return None
    rows, columns = spot.arrays[1 - spot.position].shape
    if spot.position:
        return (lambda g, out, x, y: x @ g) if rows == columns else lambda g, out, x, y: (g.T @ x).reshape(y.shape)
    return (lambda g, out, x, y: g @ y) if rows == columns else lambda g, out, x, y: (y @ g.T).reshape(x.shape)


@bug("a matrix product of matrices with several rows and columns")
def reshaped_not_transposed(spot: Spot) -> Rule | None:
    """``reshape`` is used to make the shapes of a product fit, where a transpose is meant: the shape is right, the
    elements are in the wrong order. It shows in single elements; sums and norms look plausible.
    """
    if spot.op.name != "matmul" or not spot.x.ndim == spot.arrays[1 - spot.position].ndim == 2:
        return None
    if spot.position:
        return lambda g, out, x, y: x.reshape(x.shape[::-1]) @ g
    return lambda g, out, x, y: g @ y.reshape(y.shape[::-1])


@bug("a product of square matrices of one size")
def swapped_order(spot: Spot) -> Rule | None:
    """The two factors of a rule stand in the wrong order: ``W.T @ g`` where ``g @ W.T`` is right. Only square matrices
    let it pass; everything before this op then learns from noise.
    """
    if spot.op.name != "matmul" or not spot.x.ndim == spot.arrays[1 - spot.position].ndim == 2:
        return None
    if spot.position:
        return lambda g, out, x, y: g @ x.T
    return lambda g, out, x, y: y.T @ g


@bug("a convolution whose kernel is larger than 1 and gets a gradient")
def flipped_kernel(spot: Spot) -> Rule | None:
    """The gradient of a convolution's kernel is turned by 180 degrees: convolution and cross-correlation have been
    mixed up. The loss still falls where kernels are nearly symmetric; the learned filters are mirror images of
    noise.
    """
    right = spot.right
    if not spot.op.name.startswith("convolve") or spot.op.input_name(spot.position) != "w" or spot.x.ndim != 4:
        return None
    return lambda g, out, *xs, **params: right(g, out, *xs, **params)[:, :, ::-1, ::-1]


# Chain rule


@bug("a subtraction, a negation, a division or a cosine")
def wrong_sign(spot: Spot) -> Rule | None:
    """The minus of a derivative is forgotten: that of ``−y`` in ``x − y``, of ``−x/y²``, of ``−sin``. Descent turns
    into ascent for everything before this op: the loss grows.
    """
    right = spot.right
    if (spot.op.name, spot.position) not in {("subtract", 1), ("negative", 0), ("divide", 1), ("cos", 0)}:
        return None
    return lambda g, out, *xs: -right(g, out, *xs)


@bug("a function of one input, such as tanh, sigmoid, relu, square or exp, to which a gradient other than 1 arrives")
def forgot_chain_rule(spot: Spot) -> Rule | None:
    """The local derivative is handed on alone, without the upstream gradient: ``1 − tanh²`` where ``g · (1 − tanh²)``
    is right. Every gradient before this op has the wrong size, and does not depend on the loss any more.
    """
    right = spot.right
    if len(spot.arrays) != 1 or not spot.op.elementwise or spot.op.name in ("negative", *_MOVES):
        return None
    return lambda g, out, *xs, **params: right(1.0, out, *xs, **params)


@bug("a tanh, sigmoid, exp, sqrt or softmax, whose rule uses the output")
def input_for_output(spot: Spot) -> Rule | None:
    """The derivative is written in terms of the output and given the input: ``1 − x²`` where ``1 − tanh(x)²`` is
    right. Near 0 both are alike; for large inputs the gradient has the wrong sign, or explodes.
    """
    right = spot.right
    if len(spot.arrays) != 1 or spot.x.shape != np.shape(spot.out):
        return None
    return lambda g, out, x, **params: right(g, x, x, **params)


@bug("a relu")
def relu_mask_from_gradient(spot: Spot) -> Rule | None:
    """The mask of a relu is taken from the gradient, ``g > 0``, where that of the input, ``x > 0``, is right. Units
    that are off learn, and negative gradients vanish: the loss is pushed one way only.
    """
    return (lambda g, out, x: g * (g > 0)) if spot.op.name == "relu" else None


@bug("a square")
def forgot_the_two(spot: Spot) -> Rule | None:
    """The derivative of ``x²`` is taken for ``x``: the 2 is missing. All gradients before it are half of what they
    should be, as if the learning rate were halved, so that it is rarely noticed.
    """
    return (lambda g, out, x: g * x) if spot.op.name == "square" else None


@bug("a mean over several numbers")
def mean_without_n(spot: Spot) -> Rule | None:
    """A mean hands its gradient on undivided, like a sum: the 1/n is missing. Every gradient is n times too large, so
    that the learning rate that works depends on the size of the batch.
    """
    if spot.op.name != "mean":
        return None
    spread = _SUM.rules[0]
    return lambda g, out, x, **params: spread(g, out, x, **params)


@bug("a softmax or log_softmax")
def softmax_diagonal_only(spot: Spot) -> Rule | None:
    """Only the diagonal of softmax's Jacobian is used, ``p (1 − p)``: that each probability pushes down all the others
    is forgotten. The logits of the wrong classes get no gradient, or that of another class.
    """
    if spot.op.name == "softmax":
        return lambda g, out, x, **params: g * out * (1 - out)
    if spot.op.name == "log_softmax":
        return lambda g, out, x, **params: g * (1 - exp(out))
    return None


@bug("a maximum, a minimum, or a max over an axis")
def max_to_all(spot: Spot) -> Rule | None:
    """A maximum hands its gradient to all that took part, not to the winner alone. Losers are pushed too: what max
    pooling should leave alone moves along, and all elements become alike.
    """
    if spot.op.name in ("maximum", "minimum"):
        return lambda g, out, x, y: g + 0 * (x + y)
    if spot.op.name not in ("max", "min"):
        return None
    axes = axes_of(spot)
    shape = tuple([1 if axis in axes else n for axis, n in enumerate(spot.x.shape)])
    return lambda g, out, x, **params: g.reshape(shape) + 0 * x


# Axes and broadcasting


@bug("a sum, mean, max, softmax or the like over one axis, of an array with several axes")
def wrong_axis(spot: Spot) -> Rule | None:
    """The rule of a reduction works along the wrong axis: over the batch where the classes are meant. Shapes agree, or
    are made to agree by broadcasting; examples of a batch leak into each other.
    """
    right, axes = spot.right, axes_of(spot)
    if len(axes) != 1 or spot.x.ndim < 2 or len(spot.arrays) != 1:
        return None
    other = next(axis for axis in range(spot.x.ndim)[::-1] if axis not in axes)
    wrong: Any = other if spot.op.name.endswith("softmax") else (other,)
    if spot.x.shape == np.shape(spot.out):
        return lambda g, out, x, axis, **params: right(g, out, x, axis=wrong, **params)
    if spot.x.shape[other] != spot.x.shape[axes[0]] or spot.x.ndim != 2:
        return None
    return lambda g, out, x, axis, keepdims: right(g.reshape((-1,)), out.reshape((-1,)), x, axis=wrong, keepdims=False)


@bug("an op that broadcast one of its inputs, such as a bias added to a batch")
def no_unbroadcast(spot: Spot) -> Rule | None:
    """The gradient of an input that was broadcast is not summed over its copies; one row is taken to make the shape
    fit. A bias then learns from the first example of each batch alone. Elsewhere the bias itself grows to the
    batch's shape.
    """
    right, small, big = spot.right, spot.x.shape, np.shape(spot.out)
    if not spot.op.elementwise or small == big or prod(small) == prod(big):
        return None
    lead = len(big) - len(small)
    stretched = tuple([slice(0, 1) if n == 1 else slice(None) for n in small])

    def of_one_copy(g: Any, out: Any, *xs: Any, **params: Any) -> Any:
        piece = right(g, out, *xs, **params)
        return piece[(0,) * lead + stretched] if piece.ndim == len(big) else piece  # at level scalar it has no axes

    return of_one_copy


# What is kept from one step to the next, and what is cut


@bug("any op; nothing before it may be needed only for this")
def detached(spot: Spot) -> Rule | None:
    """A value was taken out of the graph on its way, by ``.detach()``, ``.data``, ``.item()`` or ``np.asarray``:
    nothing flows back here. What lies before it stays as it was initialised, though the loss may still fall by the
    other layers.
    """
    return lambda g, out, *xs, **params: 0 * xs[spot.position]


@bug("a value that is used more than once", whole=True)
def overwrites_gradient(spot: Spot) -> Rule | None:
    """``grad = …`` stands where ``grad += …`` is right: of the parts of a value that is used more than once, only the
    one that came last stays. A residual network learns through one of its two ways.
    """
    right = spot.right
    if spot.uses < 2 or spot.turn == spot.uses - 1:
        return None
    return lambda g, out, *xs, **params: 0 * right(g, out, *xs, **params)


@bug("an op that uses a parameter")
def forgot_zero_grad(spot: Spot) -> Rule | None:
    """``zero_grad()`` was not called between two steps: the old gradient of a parameter is still in it and the new one
    is added. It acts like a momentum that never fades: with each step the gradient is larger, and the loss
    overshoots.
    """
    right, x = spot.right, spot.input
    if not x.is_leaf or spot.turn != spot.uses - 1:
        return None
    stale = spot.totals[spot.position] if x.grad is None else x.grad.data

    def old_grad(parameter: Any) -> Any:
        """What was left in ``.grad`` by the step before."""
        return stale

    left = Op(old_grad)

    def not_zeroed(g: Any, out: Any, *xs: Any, **params: Any) -> Any:
        piece = right(g, out, *xs, **params)
        copies = prod(piece.shape) // max(prod(x.shape), 1)  # those of a broadcast, summed once the rule has run
        return piece + left(xs[spot.position]) / max(copies, 1)

    return not_zeroed


@bug("an op whose rule for one input uses another that is a parameter, such as matmul or multiply")
def stale_value(spot: Spot) -> Rule | None:
    """A parameter was changed in place between forward and backward, by an optimiser's step that came too early: the
    rule uses the new number where the one that the forward pass saw is right. Gradients belong to no loss at all.
    """
    right = spot.right
    others = [i for i, x in enumerate(spot.output.inputs) if i != spot.position and x.requires_grad]
    others = [i for i in others if is_parameter(spot.output.inputs[i]) and np.any(spot.totals[i])]
    if not others or spot.op.variadic:
        return None
    i = others[0]
    slope, held = spot.totals[i], spot.arrays[i]
    change = (slope * (0.5 * np.linalg.norm(held) / np.linalg.norm(slope))).astype(held.dtype)

    def after_step(parameter: Any) -> Any:
        """The parameter as it is after the optimiser's step."""
        return parameter - change

    stepped = Op(after_step)

    def stale(g: Any, out: Any, *xs: Any, **params: Any) -> Any:
        return right(g, out, *[stepped(x) if j == i else x for j, x in enumerate(xs)], **params)

    return stale


def is_parameter(x: Any) -> bool:
    """Whether a Tensor is a leaf that learns, or such a one transposed."""
    return bool(x.is_leaf or (x.op.notation == "postfix" and x.inputs[0].is_leaf))


def axes_of(spot: Spot) -> tuple[int, ...]:
    """The axes that the op works along; nothing if it has none."""
    axis = spot.params.get("axis")
    return (axis,) if isinstance(axis, int) else axis if isinstance(axis, tuple) else ()
