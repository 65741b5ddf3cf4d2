"""The labs: each runs, says what its numbers say, and is drawn; those that count are checked by hand."""

import numpy as np
import pytest

import viz
from tinygrad_edu import cli, labs, nn
from tinygrad_edu.labs.depth import tower
from tinygrad_edu.labs.inputs import condition
from tinygrad_edu.labs.layers import DenseMaps, inequality


@pytest.fixture(scope="module")
def results():
    return {name: labs.run(name, quick=True) for name in labs.LABS}


@pytest.mark.parametrize("name", labs.LABS)
def test_every_lab_gives_a_table_and_series(name, results):
    found = results[name]
    assert found.name == name
    assert [row[0] for row in found.rows] == [one.name for one in found.series]
    assert all(len(row) == len(found.columns) for row in found.rows)
    assert all(np.isfinite(one.values).all() for one in found.series)
    text = str(found)
    assert found.question in text
    assert found.conclusion in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 100
    assert all(cell in text for row in found.rows for cell in row)


@pytest.mark.parametrize("name", labs.LABS)
def test_every_lab_is_drawn(name, results, tmp_path):
    pytest.importorskip("matplotlib")
    assert viz.lab(results[name]).save(tmp_path / "lab.png").stat().st_size > 5000


def test_the_same_seed_gives_the_same_numbers(results):
    assert labs.run("dropout", quick=True) == results["dropout"]
    assert labs.run("dropout", seed=1, quick=True) != results["dropout"]


def test_reductions_are_those_of_the_paper(results):
    pixels = 28 * 28
    naive = (192 * 64 + 192 * 128 * 9 + 192 * 32 * 25) * pixels
    reduced = (192 * 64 + 192 * 96 + 96 * 128 * 9 + 192 * 16 + 16 * 32 * 25 + 192 * 32) * pixels
    assert [row[1] for row in results["reductions"].rows] == [f"{naive:,}", f"{reduced:,}"]
    assert f"{100 * (1 - reduced / naive):.0f} % of the multiply-adds" in results["reductions"].conclusion


@pytest.mark.parametrize("shortcut", [False, True])
@pytest.mark.parametrize("depth", [20, 56])
def test_towers_have_as_many_layers_as_they_say(depth, shortcut):
    layers = [m for m in tower(depth, shortcut, 0).modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert len(layers) == depth


def test_a_convolution_is_equivariant_and_a_dense_layer_is_not(rng):
    x = rng.normal(size=(2, 1, 28, 28)).astype(np.float32)
    assert inequality(nn.Conv2d(1, 4, 5, padding=2, rng=0), x) < 1e-6
    assert inequality(DenseMaps(0), x) > 0.5


def test_condition_number_of_standardised_features_is_1(rng):
    x = rng.normal(size=(5000, 2))
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    assert condition(z) == pytest.approx(1, abs=0.1)
    assert condition(z * [1, 10]) == pytest.approx(100, rel=0.1)


def test_an_unknown_lab_is_an_error():
    with pytest.raises(ValueError, match="there is no 'nonsense'; there are standardize"):
        labs.run("nonsense")
    with pytest.raises(TypeError, match="lab: wanted the result"):
        viz.lab(3)


def test_the_command_prints_and_draws(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    assert cli.main(["lab", "reductions", "--out", str(tmp_path / "lab.svg")]) == 0
    assert "58 % of the multiply-adds" in capsys.readouterr().out
    assert (tmp_path / "lab.svg").exists()
    assert cli.main(["lab", "nonsense"]) == 2


def test_the_features_command_writes_its_pictures(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    assert cli.main(["features", "--steps", "2", "--out", str(tmp_path)]) == 0
    assert len(list(tmp_path.glob("*.png"))) == 7
    assert cli.main(["features", "--unit", "10", "--out", str(tmp_path)]) == 2
    assert "no unit 10" in capsys.readouterr().err
