"""What flows through a model: measured as by hand, predicted by theory, judged rightly; the model stays as it was."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import init, nn
from tinygrad_edu.inspection import init_lab, layer_flow

RULES = ["zeros", "normal 0.01", "normal 1", "xavier", "he", "lecun"]


def mlp(activation=nn.Tanh, depth=8, width=100, dtype=np.float32):
    hidden = [part for _ in range(depth - 1) for part in (nn.Linear(width, width, dtype=dtype, rng=0), activation())]
    return nn.Sequential(*hidden, nn.Linear(width, 10, dtype=dtype, rng=0))


def convnet(channels=16):
    layers = [nn.Conv2d(1, channels, 3, padding=1, rng=0), nn.ReLU()]
    for _ in range(3):
        layers += [nn.Conv2d(channels, channels, 3, padding=1, rng=0), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(channels * 36, 10, rng=0))


@pytest.fixture
def batch(rng):
    return rng.standard_normal((100, 100)), rng.integers(0, 10, 100)


@pytest.fixture
def images(rng):
    return rng.standard_normal((32, 1, 12, 12)), rng.integers(0, 10, 32)


def verdicts(lab):
    return {result.rule: result.verdict for result in lab.results}


# What is measured


def test_a_row_holds_what_one_computes_by_hand(rng):
    model = mlp(depth=3, width=5, dtype=np.float64)
    x = rng.standard_normal((7, 5))
    first, _, second, _, last = model
    z1 = first(x)
    h1 = z1.tanh()
    h2 = second(h1).tanh()
    loss = (last(h2) ** 2).mean()
    g1, g2, dw = tg.grad(loss, [h1, h2, second.weight])
    rows = layer_flow(model, (model(x) ** 2).mean())
    assert [(row.layer, row.kind, row.activation) for row in rows] == [
        ("0", "Linear", "tanh"), ("2", "Linear", "tanh"), ("4", "Linear", ""),
    ]  # fmt: skip
    for row, h, g in ((rows[0], h1, g1), (rows[1], h2, g2)):
        found = [row.activation_mean, row.activation_std, row.gradient_mean, row.gradient_std]
        np.testing.assert_allclose(found, [h.data.mean(), h.data.std(), g.data.mean(), g.data.std()], rtol=1e-12)
    w = second.weight.data
    assert rows[1].weight_norm == pytest.approx(np.linalg.norm(w), rel=1e-12)
    assert rows[1].weight_gradient_norm == pytest.approx(np.linalg.norm(dw.data), rel=1e-12)
    assert rows[1].update_ratio == pytest.approx(np.linalg.norm(dw.data) / np.linalg.norm(w), rel=1e-12)
    assert (rows[1].units, rows[1].fan_in, rows[1].fan_out, rows[1].weight_size) == (5, 5, 5, 25)
    assert rows[1].off == pytest.approx((1 - h2.data**2 < 0.06).mean())


def test_nothing_is_touched(batch):
    model = mlp(depth=3)
    loss = (model(batch[0]) ** 2).mean()
    before = model.state_dict()
    layer_flow(model, loss)
    assert all(p.grad is None for p in model.parameters())
    assert all(np.array_equal(a, before[key]) for key, a in model.state_dict().items())


def test_off_and_dead_are_told_apart():
    layer = nn.Linear(1, 4, dtype=np.float64)
    layer.weight.data = np.array([[1.0], [1.0], [-1.0], [0.0]])
    layer.bias.data = np.array([0.0, -9.0, 0.0, 5.0])
    model = nn.Sequential(layer, nn.ReLU())
    (row,) = layer_flow(model, model([[1.0], [2.0], [-3.0]]).sum())
    assert row.off == pytest.approx((1 + 3 + 2 + 0) / 12)
    assert row.dead == 1 / 4


def test_channels_are_the_units_of_a_convolution():
    conv = nn.Conv2d(1, 3, 1)
    conv.weight.data = np.ones((3, 1, 1, 1), np.float32)
    conv.bias.data = np.array([0, 0, -9], np.float32)
    model = nn.Sequential(conv, nn.ReLU())
    image = np.ones((2, 1, 2, 2), np.float32)
    image[0] *= -1
    (row,) = layer_flow(model, model(image).sum())
    assert (row.off, row.dead) == (pytest.approx(2 / 3), pytest.approx(1 / 3))


class Twice(nn.Module):
    """One layer used twice, with functions between."""

    def __init__(self):
        self.cell = nn.Linear(3, 3, rng=0)

    def forward(self, x):
        return self.cell(self.cell(x).relu() * 2.0).sigmoid()


def test_a_layer_called_twice_has_two_rows_and_functions_count_as_nonlinearities():
    model = Twice()
    loss = model(np.ones((2, 3), np.float32)).sum()
    rows = layer_flow(model, loss)
    assert [(row.layer, row.activation) for row in rows] == [("cell", "relu"), ("cell (2)", "sigmoid")]
    whole = np.linalg.norm(tg.grad(loss, model.cell.weight).data)
    assert [row.weight_gradient_norm for row in rows] == [pytest.approx(whole, rel=1e-6)] * 2


def test_a_nonlinearity_after_the_next_layer_is_the_next_layers():
    model = nn.Sequential(nn.Linear(3, 3, rng=0), nn.Linear(3, 3, rng=0), nn.Flatten(), nn.ReLU())
    rows = layer_flow(model, model(np.ones((2, 3), np.float32)).sum())
    assert [row.activation for row in rows] == ["", "relu"]


def test_a_nonlinearity_of_the_loss_belongs_to_no_layer():
    model = mlp(depth=2, width=4)
    rows = layer_flow(model, model(np.ones((2, 4), np.float32)).sigmoid().sum())
    assert [row.activation for row in rows] == ["tanh", ""]


@pytest.mark.parametrize(
    ("kind", "said", "call"),
    [
        (TypeError, "wanted a module, got int", lambda m, y: layer_flow(3, y)),
        (TypeError, "loss must be the Tensor", lambda m, y: layer_flow(m, 3.0)),
        (ValueError, "has shape .2, 10., 20 elements", lambda m, y: layer_flow(m, y)),
        (ValueError, "no layer of this Sequential is in the graph", lambda m, y: layer_flow(mlp(depth=2), y.sum())),
        (RuntimeError, "needs no gradient", lambda m, y: layer_flow(m, tg.Tensor(1.0))),
    ],
)
def test_a_flow_that_can_not_be_measured_is_refused(kind, said, call):
    model = mlp(depth=2, width=4)
    with pytest.raises(kind, match=said):
        call(model, model(np.ones((2, 4), np.float32)))


# What theory says


@pytest.mark.parametrize("rule", ["normal 0.01", "normal 1", "xavier", "he", "lecun", "he uniform", "lecun uniform"])
@pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU, nn.Identity])
def test_theory_predicts_every_layer_of_a_wide_mlp(rule, activation, batch):
    rows = init_lab(mlp(activation, depth=5, width=400), rule, np.tile(batch[0], 4), rng=1).rows
    for row in rows:
        assert row.activation_std == pytest.approx(row.activation_std_theory, rel=0.15)
        assert row.gradient_std == pytest.approx(row.gradient_std_theory, rel=0.15)


@pytest.mark.parametrize("rule", ["normal 0.01", "normal 1", "he", "xavier uniform"])
def test_theory_predicts_the_mean_over_convnets_with_pooling(rule, images):
    """Of few channels each net is one draw, so squares are compared over several."""
    tries = [init_lab(convnet(), rule, images, rng=seed).rows for seed in range(12)]
    for rows in zip(*tries):
        for kind in ("activation", "gradient"):
            found = np.mean([getattr(row, f"{kind}_std") ** 2 for row in rows])
            theory = np.mean([getattr(row, f"{kind}_std_theory") ** 2 for row in rows])
            assert math.sqrt(found / theory) == pytest.approx(1, abs=0.2)


def test_theory_by_the_formulas_of_the_papers():
    """With ReLU, E[h²] is halved: He keeps it, LeCun loses a factor 2 each layer (He et al. 2015, section 2.2)."""
    x = np.random.default_rng(0).standard_normal((50, 100))
    square = (x.astype(np.float32) ** 2).mean()
    half = math.sqrt(0.5 - 0.5 / math.pi)  # std of a ReLU of a standard normal number
    he, lecun = (init_lab(mlp(nn.ReLU, depth=4), rule, x, rng=0).rows for rule in ("he", "lecun"))
    for i in range(3):
        assert he[i].activation_std_theory == pytest.approx(math.sqrt(2 * square) * half, rel=1e-4)
        assert lecun[i].activation_std_theory == pytest.approx(math.sqrt(square / 2**i) * half, rel=1e-4)
    last = he[3].gradient_std_theory
    for i in range(3):  # E[dh²] = n_out E[w²] E[dz²], half of it at each ReLU on the way; the last layer has 10 units
        assert he[i].gradient_std_theory == pytest.approx(last * math.sqrt(10 * 2 / 100), rel=0.01)


# What is said of it


@pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU])
def test_the_experiment_of_the_course_on_an_mlp(activation, batch):
    found = verdicts(init_lab(mlp(activation), RULES, batch, rng=0))
    assert found["zeros"] == "symmetric"
    assert found["normal 0.01"] == "vanishing"
    assert found["normal 1"] == "exploding"
    assert found["he"] == "healthy"
    assert found["xavier"] == ("healthy" if activation is nn.Tanh else "vanishing")


def test_the_experiment_of_the_course_on_a_convnet(images):
    found = verdicts(init_lab(convnet(), RULES, images, rng=0))
    assert found["zeros"] == "symmetric"
    assert found["normal 0.01"] == "vanishing"
    assert found["normal 1"] == "exploding"
    assert found["he"] == "healthy"


def test_equal_units_are_symmetric_and_unequal_ones_are_not(batch):
    lab = init_lab(mlp(depth=3), ["constant 0.02", "uniform 0.2"], batch, rng=0)
    assert lab["constant 0.02"].verdict == "symmetric"
    assert "layers 0, 2" in lab["constant 0.02"].reason
    assert lab["uniform 0.2"].verdict == "healthy"


def test_units_that_start_alike_but_part_are_not_symmetric(rng):
    """A frozen choice of signs after equal units gives them different gradients."""
    model = nn.Sequential(nn.Linear(4, 3, rng=0), nn.Tanh(), nn.Linear(3, 2, rng=0))

    def alike(module):
        module[0].weight.data = np.full((3, 4), 0.1, np.float32)

    assert init_lab(model, alike, rng.standard_normal((9, 4)), rng=0).results[0].verdict != "symmetric"


def test_numbers_that_are_none_explode(batch):
    lab = init_lab(mlp(nn.ReLU, depth=12), "normal 1000", batch, rng=0)
    assert lab.results[0].verdict == "exploding"


# What it leaves, takes and shows


def test_the_model_stays_as_it_was_and_a_seed_repeats(batch):
    model = mlp(depth=3)
    (model(batch[0].astype(np.float32)) ** 2).mean().backward()
    before, grads = model.state_dict(), [p.grad for p in model.parameters()]
    first = init_lab(model, RULES, batch, rng=3)
    assert all(np.array_equal(a, before[key]) for key, a in model.state_dict().items())
    assert all(p.grad is g for p, g in zip(model.parameters(), grads))
    assert str(first) == str(init_lab(model, RULES, batch, rng=3))
    assert str(first) != str(init_lab(model, RULES, batch, rng=4))


def test_batch_statistics_of_the_model_stay(images):
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, rng=0), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(800, 10, rng=0)
    )
    before = model.state_dict()
    (result,) = init_lab(model, "normal 1", images, rng=0).results
    assert all(np.array_equal(a, before[key]) for key, a in model.state_dict().items())
    assert result.rows[0].activation == "relu"
    assert result.rows[0].activation_std == pytest.approx(math.sqrt(0.5 - 0.5 / math.pi), rel=0.05)
    assert result.rows[0].activation_std == pytest.approx(result.rows[0].activation_std_theory, rel=0.05)


def test_rules_may_be_names_functions_or_a_dict(batch):
    model = mlp(depth=2)

    def mine(module):
        for p in module.parameters():
            init.constant_(p, 0.5)

    lab = init_lab(model, ["Kaiming normal", init.he_normal_, mine], batch, rng=0)
    assert [result.rule for result in lab.results] == ["Kaiming normal", "he_normal_", "mine"]
    named, function, own = lab.results
    assert named.rows[0].weight_std == function.rows[0].weight_std
    assert own.rows[0].weight_std == 0
    assert math.isfinite(function.rows[0].activation_std_theory)
    assert list(verdicts(init_lab(model, {"a": "he", "b": mine}, batch, rng=0))) == ["a", "b"]


def test_data_may_come_with_targets_a_loss_or_neither(batch):
    x, classes = batch
    model = mlp(depth=2)
    wanted = np.zeros((100, 10))
    by_class = init_lab(model, "he", (x, classes), rng=0).rows[-1]
    assert by_class.gradient_std == pytest.approx(0.003, rel=0.1)  # (softmax - one-hot) / batch
    squared = init_lab(model, "he", (tg.Tensor(x), wanted), rng=0).rows[-1]
    own = init_lab(model, "he", (x, wanted), loss=lambda y, t: ((y - t) ** 2).mean(), rng=0).rows[-1]
    assert squared.gradient_std == pytest.approx(own.gradient_std, rel=1e-6)
    assert init_lab(model, "he", x, rng=0).rows[-1].gradient_std == pytest.approx(1, rel=0.05)
    with tg.no_grad():
        assert init_lab(model, "he", x, loss=lambda y: y.sum(), rng=0).rows[-1].gradient_mean == 1


def test_text_and_html_show_every_number(batch):
    class Odd(nn.Module):
        def __init__(self):
            setattr(self, "<b>", nn.Linear(100, 10, rng=0))

        def forward(self, x):
            return getattr(self, "<b>")(x)

    lab = init_lab(Odd(), ["he", "zeros"], batch, rng=0)
    lines = str(lab).splitlines()
    assert lines[0].startswith("he (std √(2/n_in)): healthy; activations ×1")
    assert lines[1].split()[:3] == ["layer", "kind", "activation"]
    assert lines[2].split()[:3] == ["<b>", "Linear", "–"]
    assert "Odd: he: healthy" in repr(lab)
    page = lab._repr_html_()
    assert '<td style="text-align:left">&lt;b&gt;</td>' in page
    assert page.count("<table>") == 2
    assert lab.rows[0].rule == "he"


@pytest.mark.parametrize(
    ("kind", "said", "rules", "data"),
    [
        (ValueError, "no rule 'hee'; there are 'zeros', 'xavier'", "hee", np.ones((2, 4))),
        (ValueError, "no rule 'normal'", ["normal"], np.ones((2, 4))),
        (ValueError, "no rule 'normal x'", ["normal x"], np.ones((2, 4))),
        (ValueError, "no rule ''", [""], np.ones((2, 4))),
        (ValueError, "no rules; try 'zeros'", [], np.ones((2, 4))),
        (TypeError, "rules must be a list", 3, np.ones((2, 4))),
        (ValueError, r"class targets of shape \(3,\) need logits .*got \(2, 10\)", "he", (np.ones((2, 4)), [1, 2, 3])),
        (ValueError, r"gave shape \(2, 10\), but targets have \(2,\)", "he", (np.ones((2, 4)), [1.0, 2.0])),
    ],
)
def test_nonsense_is_refused(kind, said, rules, data):
    with pytest.raises(kind, match=f"init_lab: .*{said}"):
        init_lab(mlp(depth=2, width=4), rules, data)


def test_the_model_must_be_a_module():
    with pytest.raises(TypeError, match="init_lab: wanted a module, got function"):
        init_lab(lambda x: x, "he", np.ones((2, 4)))
