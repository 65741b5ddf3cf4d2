"""What the tests of ``tg.fit`` share: a net in training, batches that break off, a scripted loss, equality."""

from __future__ import annotations

import functools

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu import data, nn, optim
from tinygrad_edu import functional as F

OPTIMIZERS = {
    "SGD": functools.partial(optim.SGD, lr=0.05, momentum=0.9, weight_decay=1e-3),
    "Adam": functools.partial(optim.Adam, lr=0.01),
    "RMSprop": functools.partial(optim.RMSprop, lr=0.01, momentum=0.5, centered=True),
}


class Setup:
    """A small net with batch norm and dropout on two moons, its optimiser, schedule and batches."""

    def __init__(self, optimizer="SGD", seed=0, own=None):
        tg.manual_seed(seed)
        rng = np.random.default_rng(seed)
        self.model = nn.Sequential(
            nn.Linear(2, 16, rng=rng),
            nn.BatchNorm1d(16),
            nn.ReLU(),
            nn.Dropout(0.2, rng=own),
            nn.Linear(16, 2, rng=rng),
        )
        self.optimizer = OPTIMIZERS[optimizer](self.model.parameters())
        self.scheduler = optim.lr_scheduler.CosineAnnealingLR(self.optimizer, 6)
        x, y = data.moons(90, seed=1)
        self.x, self.y = x.astype(np.float32), y
        noisy = functools.partial(jittered, amount=0.05)
        self.loader = data.DataLoader((self.x[:60], y[:60]), 16, shuffle=True, seed=3, transform=noisy)
        self.tests = data.DataLoader((self.x[60:], y[60:]), 8, shuffle=True, seed=4)

    def fit(self, epochs, loader=None, **options):
        given = {"scheduler": self.scheduler, "validation": self.tests, "clip": 1.0, "progress": False, **options}
        return tg.fit(self.model, loader or self.loader, epochs=epochs, optimizer=self.optimizer, **given)

    def everything(self):
        """All numbers that decide how training goes on."""
        return {
            **{f"model.{key}": value for key, value in self.model.state_dict().items()},
            **{f"optimizer.{key}": value for key, value in self.optimizer.state_dict().items()},
            **{f"scheduler.{key}": value for key, value in self.scheduler.state_dict().items()},
            "epochs": np.array([self.loader.epoch, self.tests.epoch]),
        }


def jittered(x, rng, amount):
    return x + rng.normal(0, amount, x.shape).astype(x.dtype)


def assert_same(first, second):
    assert set(first) == set(second)
    for key in first:
        np.testing.assert_array_equal(first[key], second[key], err_msg=key)


def numbers(history):
    """The rows without the time, which is never the same."""
    return [row[:-1] for row in history.rows]


class Stopping:
    """Batches that end in an error, at one of them (all epochs counted together)."""

    def __init__(self, loader, at, error):
        self.loader, self.at, self.error, self.seen = loader, at, error, 0

    def __iter__(self):
        for batch in self.loader:
            if self.seen == self.at:
                raise self.error
            self.seen += 1
            yield batch

    def state_dict(self):
        return self.loader.state_dict()

    def load_state_dict(self, state):
        self.loader.load_state_dict(state)


class Scripted:
    """A loss that says, at each validation, what a list says."""

    def __init__(self, model, losses):
        self.model, self.losses = model, iter(losses)

    def __call__(self, output, target):
        if self.model.training:
            return F.cross_entropy(output, target)
        return tg.Tensor(float(next(self.losses)))
