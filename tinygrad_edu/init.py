"""How weights start: in-place initialisers, PyTorch's manner. Each returns what it was given.

The three rules of the course keep the size of activations and gradients from layer to layer. With n_in inputs per
unit, Var[y] = n_in · Var[w] · E[x²]:

- LeCun, ``sqrt(1 / n_in)``: activations keep their variance through linear layers and, nearly, tanh. The course calls
  it Xavier. (LeCun, Bottou, Orr, Müller: Efficient BackProp, 1998, section 4.6.)
- Glorot/Xavier, ``sqrt(2 / (n_in + n_out))``: the mean of what the way forward wants (n_in) and the way back (n_out).
  (Glorot, Bengio: Understanding the difficulty of training deep feedforward neural networks, 2010, section 4.2.)
- He/Kaiming, ``sqrt(2 / n_in)``: a ReLU lets half of E[x²] through, so the variance is doubled. (He, Zhang, Ren, Sun:
  Delving deep into rectifiers, 2015, section 2.2.)

Each takes a Tensor or Parameter of a float dtype, or a module: then every weight (a parameter of two or more axes) is
drawn by the rule and every bias set to 0; scales and shifts of normalisation layers keep what they hold. ``.data`` is
rebound, never written, so that a graph recorded before stays right. rng: a seed or NumPy Generator; without it the one
that ``tg.manual_seed`` started.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

from tinygrad_edu.engine.arguments import LARGEST, array_of, number, short
from tinygrad_edu.engine.creation import generator
from tinygrad_edu.engine.tensor import Tensor

__all__ = [
    "calculate_gain", "constant_", "fans", "he_normal_", "he_uniform_", "kaiming_normal_", "kaiming_uniform_",
    "lecun_normal_", "lecun_uniform_", "normal_", "ones_", "uniform_", "xavier_normal_", "xavier_uniform_", "zeros_",
]  # fmt: skip

Target = TypeVar("Target")  # a Tensor, or a module
_GAINS = {"tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}
_PLAIN = ("linear", "identity", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "sigmoid")


def zeros_(t: Target) -> Target:
    """Fill with 0. As a start for weights it makes all units of a layer equal, and equal they stay."""
    return filled(t, lambda tensor: np.zeros(tensor.shape), "zeros_", integers=True)


def ones_(t: Target) -> Target:
    """Fill with 1."""
    return filled(t, lambda tensor: np.ones(tensor.shape), "ones_", integers=True)


def constant_(t: Target, val: float) -> Target:
    """Fill with one number."""
    number(val, "val", "constant_")
    return filled(t, lambda tensor: np.full(tensor.shape, val), "constant_", integers=True)


def normal_(t: Target, mean: float = 0.0, std: float = 1.0, *, rng: Any = None) -> Target:
    """Fill with numbers of the normal distribution; ValueError for a negative ``std``."""
    number(mean, "mean", "normal_")
    number(std, "std", "normal_", least=0)
    random = generator(rng)
    return filled(t, lambda tensor: random.normal(mean, std, tensor.shape), "normal_")


def uniform_(t: Target, a: float = 0.0, b: float = 1.0, *, rng: Any = None) -> Target:
    """Fill with numbers evenly spread from ``a`` to ``b``; ValueError if a is above b."""
    for name, value in (("a", a), ("b", b), ("b - a", number(b, "b", "uniform_") - number(a, "a", "uniform_"))):
        if not math.isfinite(value):
            raise ValueError(f"uniform_: {name} must be finite, got {value}")
    if not a <= b:
        raise ValueError(f"uniform_: a must not be above b, got a={a}, b={b}")
    random = generator(rng)
    return filled(t, lambda tensor: random.uniform(a, b, tensor.shape), "uniform_")


def xavier_normal_(t: Target, gain: float = 1.0, *, rng: Any = None) -> Target:
    """Normal with std ``gain · sqrt(2 / (fan_in + fan_out))``: Glorot and Bengio 2010, equation 12."""
    number(gain, "gain", "xavier_normal_", 0, LARGEST)
    return spread(t, lambda tensor: gain * math.sqrt(2 / sum(fans(tensor))), normal, rng, "xavier_normal_")


def xavier_uniform_(t: Target, gain: float = 1.0, *, rng: Any = None) -> Target:
    """Uniform within ±``gain · sqrt(6 / (fan_in + fan_out))``: Glorot and Bengio 2010, equation 16."""
    number(gain, "gain", "xavier_uniform_", 0, LARGEST)
    return spread(t, lambda tensor: gain * math.sqrt(2 / sum(fans(tensor))), uniform, rng, "xavier_uniform_")


def lecun_normal_(t: Target, *, rng: Any = None) -> Target:
    """Normal with std ``sqrt(1 / fan_in)``: LeCun et al. 1998, equation 16; the course's "Xavier"."""
    return spread(t, lambda tensor: math.sqrt(1 / fans(tensor)[0]), normal, rng, "lecun_normal_")


def lecun_uniform_(t: Target, *, rng: Any = None) -> Target:
    """Uniform within ±``sqrt(3 / fan_in)``, whose std is ``sqrt(1 / fan_in)``: LeCun et al. 1998, equation 16."""
    return spread(t, lambda tensor: math.sqrt(1 / fans(tensor)[0]), uniform, rng, "lecun_uniform_")


def he_normal_(
    t: Target, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", *, rng: Any = None
) -> Target:
    """Normal with std ``gain / sqrt(fan)``, which is ``sqrt(2 / fan_in)`` unless told otherwise: He et al. 2015.

    a: the slope of a leaky ReLU below 0. mode: ``fan_in`` keeps the activations' variance, ``fan_out`` the gradients'.
    nonlinearity: a name that ``calculate_gain`` knows. Raises ValueError for another mode or name.
    """
    return spread(t, he_std(a, mode, nonlinearity, "he_normal_"), normal, rng, "he_normal_")


def he_uniform_(
    t: Target, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", *, rng: Any = None
) -> Target:
    """Uniform within ±``gain · sqrt(3 / fan)``, which is ±``sqrt(6 / fan_in)`` unless told otherwise: He et al. 2015.

    Arguments as ``he_normal_``.
    """
    return spread(t, he_std(a, mode, nonlinearity, "he_uniform_"), uniform, rng, "he_uniform_")


kaiming_normal_ = he_normal_  # PyTorch's names
kaiming_uniform_ = he_uniform_


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return what a nonlinearity's weights are to be multiplied by, PyTorch's table.

    1 for linear layers and sigmoid, 5/3 for tanh, sqrt(2) for relu, 3/4 for selu, ``sqrt(2 / (1 + param²))`` for
    leaky_relu, whose slope below 0 is ``param`` (0.01 unless given). Raises ValueError for another name.
    """
    if param is not None:
        number(param, "param", "calculate_gain")
    if not isinstance(nonlinearity, str):
        raise TypeError(f"calculate_gain: nonlinearity must be a name such as relu, got {short(nonlinearity)}")
    if nonlinearity in _PLAIN:
        return 1.0
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else float(param)) ** 2))
    if nonlinearity not in _GAINS:
        known = ", ".join(sorted([*_PLAIN, *_GAINS, "leaky_relu"]))
        raise ValueError(f"calculate_gain: no gain for {nonlinearity!r}; there are {known}")
    return _GAINS[nonlinearity]


def fans(t: Any, who: str = "fans") -> tuple[int, int]:
    """Return how many inputs a unit has and how many units an input reaches, by the shape of the weight.

    t: a Tensor or array (out, in) or (out, in / groups, height, width): fan_in = in / groups · height · width,
    fan_out = out · height · width. This is PyTorch's convention: it does not divide fan_out by the groups, nor see
    that a transposed convolution's weight is (in, out / groups, ...). Raises ValueError for fewer than 2 axes.
    """
    shape = array_of(t).shape
    if len(shape) < 2:
        raise ValueError(
            f"{who}: a weight needs two axes or more, (out, in, ...), got shape {shape}; fill a bias with zeros_ or "
            "constant_, or give a standard deviation to normal_"
        )
    receptive = math.prod(shape[2:])
    return shape[1] * receptive, shape[0] * receptive


# What they are made of


def he_std(a: float, mode: str, nonlinearity: str, who: str) -> Callable[[Tensor], float]:
    """Return the function of a weight that gives its standard deviation by He's rule."""
    if not isinstance(mode, str) or mode not in ("fan_in", "fan_out"):
        raise ValueError(f'{who}: mode must be "fan_in" or "fan_out", got {short(mode)}')
    gain = calculate_gain(nonlinearity, a)
    return lambda tensor: gain / math.sqrt(fans(tensor)[0 if mode == "fan_in" else 1])


def normal(random: np.random.Generator, std: float, shape: tuple[int, ...]) -> Any:
    """Draw from the normal distribution."""
    return random.normal(0.0, std, shape)


def uniform(random: np.random.Generator, std: float, shape: tuple[int, ...]) -> Any:
    """Draw from the uniform distribution around 0 whose standard deviation is ``std``."""
    bound = math.sqrt(3) * std
    return random.uniform(-bound, bound, shape)


def spread(t: Target, std: Callable[[Tensor], float], draw: Callable[..., Any], rng: Any, who: str) -> Target:
    """Fill by a rule that says the standard deviation of each weight."""
    random = generator(rng)

    def drawn(tensor: Tensor) -> Any:
        fans(tensor, who)  # a weight of too few axes is refused, also an empty one
        return draw(random, std(tensor), tensor.shape) if tensor.size else np.zeros(tensor.shape)

    return filled(t, drawn, who)


def filled(t: Target, values: Callable[[Tensor], Any], who: str, integers: bool = False) -> Target:
    """Rebind the data of a Tensor, or of a module's weights and biases: all of them, or none on an error."""
    new = []
    for tensor, is_bias in targets(t, who):
        if tensor.dtype.kind != "f" and not integers:
            raise TypeError(f"{who}: wanted a float Tensor, got dtype {tensor.dtype}; convert it: t.astype(np.float32)")
        new.append((tensor, np.zeros(tensor.shape) if is_bias else values(tensor)))
    for tensor, array in new:
        tensor.data = np.asarray(array).astype(tensor.dtype, copy=False)
    return t


def targets(t: Any, who: str) -> Iterator[tuple[Tensor, bool]]:
    """Yield the Tensors to fill, and whether each is a bias of a module, which starts at 0."""
    if isinstance(t, Tensor):
        yield t, False
    elif hasattr(t, "named_parameters"):
        for path, parameter in t.named_parameters():
            if parameter.ndim >= 2:
                yield parameter, False
            elif path.rpartition(".")[2] == "bias":
                yield parameter, True
    else:
        raise TypeError(f"{who}: wanted a Tensor, a Parameter or a module, got {type(t).__name__}")
