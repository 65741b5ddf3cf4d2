"""viz.replay: the numbers of every step against a loop by hand, nothing of the user's touched, what is refused."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import functional as F
from tinygrad_edu import nn, optim
from tinygrad_edu.data import DataLoader, moons
from viz.output.render import bundled_program
from viz.stepper.replays import replay
from viz.stepper.replays.page import payload, still

pytestmark = pytest.mark.skipif(bundled_program() is None, reason="graphviz-pure has no wheel here")

XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([[0.0], [1.0], [1.0], [0.0]])


def small(seed=0):
    tg.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, 3, dtype=np.float64), nn.Tanh(), nn.Linear(3, 2, dtype=np.float64))


def two_moons(n=30):
    return moons(n, dtype=np.float64)


def by_hand(model, x, labels, steps, lr):
    """Train Linear, tanh, Linear with cross entropy in NumPy alone; every step's loss, weights and gradients."""
    w1, b1, w2, b2 = (np.array(p.data) for p in model.parameters())
    wanted = np.eye(2)[labels]
    found = []
    for _ in range(steps):
        h = np.tanh(x @ w1.T + b1)
        scores = h @ w2.T + b2
        chance = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        loss = -np.log((chance * wanted).sum(axis=1)).mean()
        g = (chance - wanted) / len(x)
        back = (g @ w2) * (1 - h**2)
        gradients = back.T @ x, back.sum(axis=0), g.T @ h, g.sum(axis=0)
        found.append((loss, (w1, b1, w2, b2), gradients))
        w1, b1, w2, b2 = (w - lr * d for w, d in zip((w1, b1, w2, b2), gradients))
    return found, (w1, b1, w2, b2)


def test_every_step_is_that_of_a_loop_by_hand():
    x, y = two_moons()
    model = small()
    film = replay(model, (x, y), steps=12, lr=0.3)
    expected, after = by_hand(model, x, y, 12, 0.3)
    assert [frame.step for frame in film.frames] == list(range(1, 13))
    np.testing.assert_allclose(film.losses, [loss for loss, _, _ in expected], rtol=1e-12)
    for frame, (loss, weights, gradients) in zip(film.frames, expected):
        assert math.isclose(frame.loss, loss, rel_tol=1e-12)
        for update, w, g in zip(frame.updates.values(), weights, gradients):
            np.testing.assert_allclose(update.value, w, rtol=1e-9)
            np.testing.assert_allclose(update.gradient, g, rtol=1e-9, atol=1e-15)
            np.testing.assert_allclose(update.change, -0.3 * g, rtol=1e-9, atol=1e-15)
            np.testing.assert_allclose(update.new, w - 0.3 * g, rtol=1e-9)
    for p, w in zip(film.model.parameters(), after):
        np.testing.assert_allclose(p.data, w, rtol=1e-9)


@pytest.mark.oracle
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_losses_and_weights_are_pytorchs(kind):
    import torch

    x, y = two_moons()
    model = small()
    weights = [torch.tensor(np.array(p.data), requires_grad=True) for p in model.parameters()]
    settings = {"lr": 0.05, "momentum": 0.9} if kind == "SGD" else {"lr": 0.05}
    film = replay(model, (x, y), steps=8, optimizer=lambda p: getattr(optim, kind)(p, **settings))
    other, losses = getattr(torch.optim, kind)(weights, **settings), []
    for _ in range(8):
        w1, b1, w2, b2 = weights
        scores = torch.tanh(torch.tensor(x) @ w1.T + b1) @ w2.T + b2
        loss = torch.nn.functional.cross_entropy(scores, torch.tensor(y))
        other.zero_grad()
        loss.backward()
        other.step()
        losses.append(loss.item())
    np.testing.assert_allclose(film.losses, losses, rtol=1e-9)
    for p, w in zip(film.model.parameters(), weights):
        np.testing.assert_allclose(p.data, w.detach().numpy(), rtol=1e-8)
    assert not film.said["plain"]


def test_a_loader_gives_a_batch_a_step_and_starts_again():
    x, y = two_moons(20)
    film = replay(small(), DataLoader((x, y), batch_size=8, shuffle=True, seed=3), steps=7, lr=0.1)
    model, loader, losses = small(), DataLoader((x, y), batch_size=8, shuffle=True, seed=3), []
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    while len(losses) < 7:
        for a, b in loader:
            loss = F.cross_entropy(model(a), b)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    np.testing.assert_allclose(film.losses, losses[:7])
    assert [frame.step for frame in film.frames] == [1, 2, 4, 5, 7]  # the last batch of an epoch is smaller


def test_nothing_of_the_users_is_touched():
    x, y = two_moons(16)
    model = nn.Sequential(nn.Linear(2, 4, dtype=np.float64), nn.BatchNorm1d(4, dtype=np.float64), nn.Dropout(0.5),
                          nn.Linear(4, 2, dtype=np.float64))  # fmt: skip
    model.eval()
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    loader = DataLoader((x, y), batch_size=8, shuffle=True, seed=1)
    tg.manual_seed(7)
    expected = tg.rand(3).data
    before = {name: array.copy() for name, array in model.state_dict().items()}
    tg.manual_seed(7)
    film = replay(model, loader, steps=4, optimizer=optimizer, seed=5)
    assert all(np.array_equal(before[name], array) for name, array in model.state_dict().items())
    assert not model.training
    assert all(p.grad is None for p in model.parameters())
    assert optimizer.state == {}
    assert loader.epoch == 0
    np.testing.assert_array_equal(tg.rand(3).data, expected)
    assert all(not np.array_equal(before[name], p.data) for name, p in film.model.named_parameters())
    assert replay(model, loader, steps=4, optimizer=optimizer, seed=5).losses == film.losses


def test_without_a_copy_the_model_itself_is_trained():
    model = small()
    film = replay(model, two_moons(), steps=3, copy=False)
    assert film.model is model
    np.testing.assert_array_equal(film.frames[-1].updates["0.weight"].new, model[0].weight.data)


@pytest.mark.parametrize(
    ("width", "targets", "name"),
    [
        (2, np.array([0, 1, 1, 0]), "cross entropy"),
        (1, np.array([0, 1, 1, 0]), "mean squared error"),
        (1, np.array([0.0, 1.0, 1.0, 0.0]), "mean squared error"),
        (1, np.array([[0.0], [1.0], [1.0], [0.0]]), "mean squared error"),
        (3, np.zeros((4, 3)), "mean squared error"),
    ],
)
def test_the_loss_fits_output_and_targets(width, targets, name):
    model = nn.Linear(2, width, dtype=np.float64)
    film = replay(model, (XOR[0], targets), steps=1)
    assert film.said["loss"] == name
    out = XOR[0] @ model.weight.data.T + model.bias.data
    if name == "mean squared error":
        expected = np.mean((out - targets.reshape(out.shape)) ** 2)
    else:
        expected = np.mean(np.log(np.exp(out).sum(axis=1)) - out[np.arange(4), targets])
    assert math.isclose(film.losses[0], expected, rel_tol=1e-12)


def test_a_loss_of_ones_own_is_taken():
    def cubic(out, y):
        return (abs(out - y) ** 3).mean()

    film = replay(nn.Linear(2, 1, dtype=np.float64), XOR, steps=2, loss=cubic)
    assert film.said["loss"] == "cubic"
    assert film.said["plain"]


def test_the_page_has_the_numbers_of_every_step():
    film = replay(small(), two_moons(), steps=5, lr=0.3)
    data = json.loads(json.dumps(payload(film), allow_nan=False))
    first = next(one for one in data["parameters"] if one["name"] == "0.weight")
    for frame, columns in zip(film.frames, first["d"]):
        update = frame.updates["0.weight"]
        for column, array in zip(columns, (update.value, update.gradient, update.change, update.new)):
            np.testing.assert_allclose(column, array.ravel(), rtol=1e-4)
    np.testing.assert_allclose(data["curve"], film.losses, rtol=1e-4)
    bias = next(slot for slot in data["texts"] if slot["w"] == "v" and len(slot["d"][0]) == 3)
    np.testing.assert_allclose(bias["d"], [f.updates["0.bias"].value for f in film.frames], rtol=1e-4)
    np.testing.assert_allclose(bias["u"], [f.updates["0.bias"].new for f in film.frames], rtol=1e-4)


def test_the_layout_has_room_for_the_widest_number():
    film = replay(small(), two_moons(), steps=30, lr=0.9)
    texts = set(film.layout.svg.replace("</text>", ">").split(">"))
    written = [f"{v:.4g}".replace("-", "−") for f in film.frames for v in f.updates["2.bias"].value]
    widest = max(map(len, written))
    assert any(len(text) == widest and text in texts for text in written)


def test_a_page_of_a_hundred_steps_is_a_few_hundred_kilobytes():
    tg.manual_seed(3)
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
    film = replay(model, moons(200), steps=100, lr=0.5)
    assert len(film.frames) == 100
    assert len(film.html()) < 250_000
    assert film.notes == ()


def test_what_does_not_fit_is_left_out_and_said():
    tg.manual_seed(3)
    model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2))
    film = replay(model, moons(60), steps=400, every=1)
    assert len(film.losses) == 400
    assert 20 < len(film.frames) < 200
    assert film.frames[-1].step == 400
    assert "is kept" in film.notes[0]
    assert len(film.html()) < 400_000


def test_every_keeps_as_many_as_asked_for():
    film = replay(small(), two_moons(), steps=11, every=4)
    assert [frame.step for frame in film.frames] == [1, 5, 9, 11]
    assert film.notes == ()


def test_a_loss_that_is_no_number_ends_it_before_the_update():
    model = nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 1))
    film = replay(model, (XOR[0].astype(np.float32), XOR[1]), steps=200, lr=50.0)
    assert len(film.losses) < 200
    assert not math.isfinite(film.losses[-1])
    assert f"stopped at step {len(film.losses)}" in film.notes[-1]
    assert film.frames[-1].step == len(film.losses)
    last = film.frames[-1].updates["0.weight"]
    np.testing.assert_array_equal(last.value, last.new)
    json.dumps(payload(film), allow_nan=False)


def test_data_that_ends_ends_it():
    x, y = two_moons(8)
    film = replay(small(), ((x, y) for _ in range(3)), steps=10)
    assert len(film.losses) == 3
    assert film.notes == ("The data ended after 3 steps.",)


@pytest.mark.parametrize("level", ["module", "op", "primitive"])
def test_levels(level):
    film = replay(small(), two_moons(), steps=3, level=level)
    boxes = {"module": 5, "op": 9}
    count = len(film.film.view.boxes)
    assert count == boxes.get(level, count)
    assert len(payload(film)["texts"]) > 2


@pytest.mark.parametrize(
    ("targets", "width", "kind"),
    [
        (np.array([0, 1, 1, 0]), 2, "two"),
        (np.array([0, 1, 2, 0]), 3, "many"),
        (XOR[1], 1, "two"),
        (np.array([0.1, 0.7, 0.3, 0.2]), 1, "value"),
    ],
)
def test_the_plane_says_what_the_model_says(targets, width, kind):
    model = nn.Linear(2, width, dtype=np.float64)
    film = replay(model, (XOR[0], targets), steps=2)
    plane, shot = film.plane, film.frames[0].plane
    assert plane.kind == kind
    out = plane.grid @ model.weight.data.T + model.bias.data
    if kind == "two":
        positive = (out[:, 1] > out[:, 0]) if width == 2 else out[:, 0] > 0.5
        sign = [plane_value(letter) for letter in shot]
        agrees = [(v > 0) == p for v, p in zip(sign, positive) if v]
        assert all(agrees)
        assert len(agrees) > 600
    if kind == "many":
        assert [plane_letter(letter) for letter in shot[: len(out)]] == out.argmax(axis=1).tolist()


def plane_letter(letter):
    from viz.stepper.replays.plane import LETTERS

    return LETTERS.index(letter)


def plane_value(letter):
    return plane_letter(letter) / 31 - 1


def test_other_data_has_no_plane():
    assert replay(nn.Linear(3, 2), (np.zeros((4, 3), np.float32), np.array([0, 1, 1, 0])), steps=1).plane is None


class Fickle(nn.Module):
    def __init__(self):
        self.weight = nn.Parameter(np.ones((2, 1)))
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return x @ self.weight if self.calls < 3 else (x @ self.weight).tanh()


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: replay(F.relu, XOR), TypeError, "must be an nn.Module, got function"),
        (lambda: replay(nn.Tanh(), XOR), ValueError, "Tanh has no parameters"),
        (lambda: replay(nn.Linear(2, 1).requires_grad_(False), XOR), ValueError, "only frozen parameters"),
        (lambda: replay(small(), XOR, steps=0), ValueError, "steps must be at least 1, got 0"),
        (lambda: replay(small(), XOR, steps=2.5), TypeError, "steps must be an integer, got float"),
        (lambda: replay(small(), XOR, steps=True), TypeError, "steps must be an integer, got bool"),
        (lambda: replay(small(), XOR, every=0), ValueError, "every must be at least 1"),
        (lambda: replay(small(), XOR, level="scalar"), ValueError, "level='scalar' is none of module, op, primitive"),
        (lambda: replay(small(), XOR, theme="pink"), ValueError, "theme='pink'"),
        (lambda: replay(small(), (XOR[0], XOR[1][:3])), ValueError, r"x has shape \(4, 2\), y has \(3, 1\)"),
        (lambda: replay(small(), XOR[0]), TypeError, "got ndarray"),
        (lambda: replay(small(), []), ValueError, "no batches"),
        (lambda: replay(small(), [XOR[0][:2]]), ValueError, r"a batch is \(x, y\), got ndarray"),
        (lambda: replay(small(), (np.zeros((4, 3)), XOR[1])), ValueError, r"refuses the data, x of shape \(4, 3\)"),
        (lambda: replay(small(), XOR), ValueError, r"output of shape \(4, 2\) and targets of shape \(4, 1\)"),
        (lambda: replay(small(), two_moons(), loss="mse"), TypeError, "loss must be a function"),
        (lambda: replay(small(), two_moons(), loss=lambda out, y: out), ValueError, "wanted one number"),
        (lambda: replay(small(), two_moons(), loss=lambda out, y: tg.Tensor(1.0)), ValueError, "does not depend"),
        (lambda: replay(small(), two_moons(), optimizer="adam"), TypeError, "or its class, got str"),
        (lambda: replay(small(), two_moons(), optimizer=optim.SGD(small().parameters())), ValueError, "holds none"),
        (lambda: replay(small(), two_moons(), max_nodes=3), ValueError, "more than 3"),
        (lambda: replay(Fickle(), XOR, steps=4), ValueError, "other operations than at the first step"),
    ],
)
def test_what_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_an_optimiser_with_its_own_rate_takes_no_other():
    model = small()
    with pytest.raises(ValueError, match="has its own lr"):
        replay(model, two_moons(), optimizer=optim.SGD(model.parameters(), lr=0.1), lr=0.2)


def test_it_shows_itself_everywhere(tmp_path):
    film = replay(small(), two_moons(), steps=3)
    bundle = film._repr_mimebundle_()
    assert set(bundle) == {"text/html", "image/svg+xml", "text/plain"}
    assert bundle["text/html"].startswith("<iframe srcdoc=")
    assert bundle["image/svg+xml"].startswith("<svg")
    assert still(film).count("<text") > 20
    assert "3 steps of SGD" in bundle["text/plain"]
    assert film.save(tmp_path / "replay.html").read_text(encoding="utf-8") == film.html()
    with pytest.raises(ValueError, match=r"not \.html"):
        film.save(tmp_path / "replay.png")
    assert film.html() == replay(small(), two_moons(), steps=3).html()
