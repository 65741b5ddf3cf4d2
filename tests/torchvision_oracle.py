"""torchvision's models, as an oracle: also where its wheel, built for CUDA, sits beside PyTorch for the CPU."""

from __future__ import annotations

import warnings

import pytest


def torchvision_or_skip():
    """Return ``torchvision.models``, or skip the test.

    The models are plain Python. What can't be imported beside another build of PyTorch are compiled ops for detection:
    what they would register is left out, so that the rest can be imported.
    """
    torch = pytest.importorskip("torch")
    register = torch.library.register_fake

    def lenient(name, *args, **kwargs):
        decorate = register(name, *args, **kwargs)

        def attempt(function):
            try:
                return decorate(function)
            except RuntimeError:  # the op is not there
                return function

        return attempt

    torch.library.register_fake = lenient
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pytest.importorskip("torchvision").models
    except RuntimeError as error:
        pytest.skip(f"torchvision can't be imported: {error}")
    finally:
        torch.library.register_fake = register


def shaken(model, rng):
    """Return a torchvision model in float64, with random batch norms (ones and zeros at first) and no dropout."""
    import torch

    for module in model.double().modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor, low, high in ((module.weight, 0.5, 1.5), (module.bias, -0.3, 0.3),
                                      (module.running_mean, -0.3, 0.3), (module.running_var, 0.5, 1.5)):  # fmt: skip
                tensor.data = torch.from_numpy(rng.uniform(low, high, tensor.shape))
        elif isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


def state_of(model):
    """Return its state dict as arrays."""
    return {key: value.numpy() for key, value in model.state_dict().items()}
