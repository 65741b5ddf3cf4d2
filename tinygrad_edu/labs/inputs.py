"""What the data look like before they come in."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu import data
from tinygrad_edu.labs.lab import Lab, Series, trained
from tinygrad_edu.nn import Linear, Sequential, Tanh

__all__ = ["standardize"]


def standardize(seed: int = 0, quick: bool = False) -> Lab:
    """Data as they come, against ``z = (x − m) / s``, m and s being mean and deviation of each feature.

    Two moons whose first feature is measured in small units and far from 0: the same network, the same steps.
    LeCun, Bottou, Orr, Müller 1998, Efficient backprop, section 4.3.
    """
    x, y = data.moons(400, 0.1, seed)
    raw = (x * np.array([20, 0.5]) + np.array([50, 2])).astype(np.float32)
    z = ((raw - raw.mean(axis=0)) / raw.std(axis=0)).astype(np.float32)
    series, rows = [], []
    for name, points in (("as they come", raw), ("standardised", z)):
        best = None
        for lr in (0.0003, 0.003, 0.03, 0.3):  # each variant gets the rate that suits it best
            net = Sequential(Linear(2, 16, rng=seed), Tanh(), Linear(16, 2, rng=seed + 1))
            found = trained(net, points, y, epochs=2 if quick else 60, lr=lr, seed=seed, batch_size=50)
            if found and (best is None or found[-1].loss < best[1][-1].loss):
                best = lr, found
        assert best is not None
        lr, found = best
        series.append(Series(name, tuple(row.loss for row in found)))
        rows.append(
            (name, f"{condition(points):,.1f}", f"{lr:g}", f"{found[-1].loss:.4f}", f"{100 * found[-1].accuracy:.1f} %")
        )
    ratio = series[0].values[-1] / max(series[1].values[-1], 1e-12)
    return Lab(
        "standardize", "Does it matter in which units the features are measured?", "training loss",
        tuple(series), ("data", "condition number", "best lr", "loss", "accuracy"), tuple(rows),
        f"After {len(series[1].values)} epochs the loss with the raw features is {ratio:.0f} times that with "
        "z = (x − m) / s. A network could scale its first weights itself, but one learning rate does not suit two "
        "directions whose curvatures differ by the condition number.",
        logarithmic=True,
    )  # fmt: skip


def condition(points: Any) -> float:
    """Return how many times the largest eigenvalue of the mean of x xᵀ, a constant 1 included, is the smallest."""
    rows = np.column_stack([points, np.ones(len(points))]).astype(np.float64)
    values = np.linalg.eigvalsh(rows.T @ rows / len(rows))
    return float(values[-1] / values[0])
