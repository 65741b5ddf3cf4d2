"""The training that a replay shows: batch after batch, a loss that fits the data, an optimiser, on a copy."""

from __future__ import annotations

import copy as copying
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinygrad_edu import Tensor
from tinygrad_edu import functional as F
from tinygrad_edu.engine.creation import generator
from tinygrad_edu.nn import Module
from tinygrad_edu.optim import SGD, Optimizer
from tinygrad_edu.training.checks import are_arrays, scalar

__all__ = ["LR", "Training", "checked_steps", "seeded"]

LR = 0.1  # of the optimiser that is taken where none is given


class Training:
    """A model, its data, a loss and an optimiser, one step at a time: ``forward``, then ``update``."""

    def __init__(self, model: Any, data: Any, loss: Any, optimizer: Any, lr: float | None, copy: bool) -> None:
        if not isinstance(model, Module):
            raise TypeError(f"replay: model must be an nn.Module, got {type(model).__name__}")
        if loss is not None and not callable(loss):
            raise TypeError(f"replay: loss must be a function of (output, y), got {type(loss).__name__}")
        if not any(p.requires_grad for p in model.parameters()):
            has = "only frozen parameters" if any(True for _ in model.parameters()) else "no parameters"
            raise ValueError(f"replay: {type(model).__name__} has {has}, so there is nothing to train")
        check_optimizer(optimizer, model, lr)
        self.data = checked_data(data)
        self.model, self.loss = model, loss
        if copy:  # together, so that the optimiser's parameters are those of the copy
            self.model, optimizer = copying.deepcopy((model, optimizer))
        self.optimizer = made(optimizer, self.model, lr)
        self.loss_name = "" if loss is None else getattr(loss, "__name__", type(loss).__name__)
        self.parameters = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        self.batches = batches_of(self.data)

    @property
    def plain(self) -> bool:
        """Whether a step is −lr · gradient and nothing else."""
        settings = [group.items() for group in self.optimizer.param_groups]
        other = [value for group in settings for key, value in group if key not in ("params", "lr", "initial_lr")]
        return type(self.optimizer) is SGD and not any(other)

    @property
    def lr(self) -> float:
        """The learning rate of the first group."""
        return float(self.optimizer.param_groups[0]["lr"])

    def examples(self) -> tuple[Any, Any] | None:
        """All the examples, where they are known."""
        given = self.data if are_arrays(self.data) else getattr(self.data, "arrays", None)
        return (plain(given[0]), plain(given[1])) if given is not None and len(given) == 2 else None

    def forward(self) -> Tensor | None:
        """Take a batch and return its loss, recorded; None where the data ended."""
        batch = next(self.batches, None)
        if batch is None:
            return None
        self.x, self.y = pair(batch)
        x = Tensor(plain(self.x), name="x")
        try:
            self.output = self.model(x)
        except (ValueError, TypeError, IndexError) as error:
            raise type(error)(
                f"replay: the model refuses the data, x of shape {x.shape} and dtype {x.dtype}: {error}"
            ) from error
        if not isinstance(self.output, Tensor):
            raise TypeError(f"replay: the model must return a Tensor, got {type(self.output).__name__}")
        if self.loss is None:
            self.loss, self.loss_name = fitting_loss(self.output, plain(self.y))
        loss: Tensor = self.loss(self.output, self.y)
        scalar(loss, "replay")
        if loss.is_leaf or not loss.requires_grad:
            raise ValueError("replay: the loss does not depend on the parameters; does the model use them?")
        if loss.name is None:
            loss.name = "L"
        return loss

    def update(self, loss: Tensor) -> dict[str, tuple[Any, Any, Any]]:
        """Take the step; return each parameter's array before, its gradient (None for none) and its array after."""
        self.optimizer.zero_grad()
        loss.backward()
        before = {name: np.array(p.data) for name, p in self.parameters.items()}
        gradients = {name: None if p.grad is None else np.array(p.grad.data) for name, p in self.parameters.items()}
        self.optimizer.step()
        return {name: (before[name], gradients[name], np.array(p.data)) for name, p in self.parameters.items()}


def checked_steps(steps: Any, name: str) -> int:
    """Return a count of at least 1."""
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)):
        raise TypeError(f"replay: {name} must be an integer, got {type(steps).__name__}")
    if steps < 1:
        raise ValueError(f"replay: {name} must be at least 1, got {steps}")
    return int(steps)


def check_optimizer(optimizer: Any, model: Module, lr: Any) -> None:
    """Raise for an optimiser that does not fit the model, or a learning rate that is none."""
    if isinstance(optimizer, Optimizer):
        if lr is not None:
            raise ValueError("replay: the optimizer has its own lr; give lr= only without one, or with a class")
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        if not any(id(p) in held for p in model.parameters()):
            raise ValueError("replay: the optimizer holds none of this model's parameters; make it from them")
    elif optimizer is not None and not callable(optimizer):
        raise TypeError(f"replay: optimizer must be one of tg.optim, or its class, got {type(optimizer).__name__}")


def made(optimizer: Any, model: Module, lr: float | None) -> Optimizer:
    """Return the optimiser of a model: the one given, one of its class, plain SGD if none was."""
    if isinstance(optimizer, Optimizer):
        return optimizer
    parameters = [p for p in model.parameters() if p.requires_grad]
    if optimizer is None:
        return SGD(parameters, lr=LR if lr is None else lr)
    found = optimizer(parameters) if lr is None else optimizer(parameters, lr=lr)
    if not isinstance(found, Optimizer):
        raise TypeError(f"replay: optimizer(parameters) must give one of tg.optim, got {type(found).__name__}")
    return found


def checked_data(data: Any) -> Any:
    """Return the data, ``(x, y)`` as arrays of the same length, or batches."""
    if isinstance(data, (tuple, list)) and len(data) == 2 and are_arrays(tuple(data)):
        x, y = data
        sizes = [len(part.data if isinstance(part, Tensor) else part) if np.ndim(plain(part)) else -1 for part in data]
        if sizes[0] != sizes[1] or sizes[0] < 1:
            shapes = f"x has shape {np.shape(plain(x))}, y has {np.shape(plain(y))}"
            raise ValueError(f"replay: data is (x, y), with as many examples in both and at least one; {shapes}")
        return (x, y)
    if isinstance(data, (np.ndarray, Tensor, str, dict)) or not hasattr(data, "__iter__"):
        raise TypeError(f"replay: data is (x, y) as arrays, or a DataLoader of them; got {type(data).__name__}")
    return data


def batches_of(data: Any) -> Iterator[Any]:
    """Yield batches for as long as they are wanted: all of the arrays each time, or a loader's, epoch after epoch."""
    while are_arrays(data):
        yield data
    first = True
    while True:
        count = 0
        for batch in data:
            count += 1
            yield batch
        if not count:
            if first:
                raise ValueError("replay: data gives no batches; was its iterator used up before?")
            return
        first = False


def pair(batch: Any) -> tuple[Any, Any]:
    """Return a batch as (x, y)."""
    if isinstance(batch, (tuple, list)) and len(batch) == 2:
        return batch[0], batch[1]
    got = f"{len(batch)} things" if isinstance(batch, (tuple, list)) else type(batch).__name__
    raise ValueError(f"replay: a batch is (x, y), got {got}")


def plain(x: Any) -> Any:
    """Return the array of a Tensor, or of what can be one."""
    return np.asarray(x.data if isinstance(x, Tensor) else x)


def fitting_loss(output: Tensor, y: Any) -> tuple[Callable[[Any, Any], Any], str]:
    """Return the loss that fits an output and its targets, and its name."""
    classes = output.ndim >= 2 and output.shape[1] > 1 and y.shape == (output.shape[0], *output.shape[2:])
    if y.dtype.kind in "iub" and classes:
        return F.cross_entropy, "cross entropy"
    if y.dtype.kind in "iubf" and y.size == output.size and y.shape[:1] == output.shape[:1]:
        return squared_error, "mean squared error"
    raise ValueError(
        f"replay: no usual loss fits an output of shape {output.shape} and targets of shape {y.shape} ({y.dtype}): "
        "wanted integer labels, one for each row of scores, or numbers in the output's shape; or pass loss=function"
    )


def squared_error(output: Tensor, y: Any) -> Tensor:
    """The mean of the squared differences; targets of shape (n,) are taken for (n, 1)."""
    return F.mse_loss(output, Tensor(plain(y).astype(output.dtype).reshape(output.shape), name="target"))


@contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Draw the library's random numbers from ``seed``; afterwards they go on as if nothing had been drawn."""
    if seed is None:
        yield
        return
    fresh, used = generator(seed).bit_generator, generator().bit_generator
    before = used.state
    used.state = fresh.state
    try:
        yield
    finally:
        used.state = before
