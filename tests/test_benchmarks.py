"""The benchmarks run, and their engines find the same numbers. No time is asserted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import layers, memory, report, run, timing
from benchmarks.scalar import make_moons
from benchmarks.timing import OURS, Case, Target, check_agreement, measure


@pytest.mark.parametrize("case", run.CASES, ids=lambda case: case.name)
def test_every_case_runs_and_all_engines_agree(case):
    rows = run.run_case(case, repeat=1, tiny=True)
    built = case.build(True)
    peers = [name for name in built if name != OURS and name not in case.variants]
    assert [row.peer for row in rows] == peers * (1 + len(case.variants))
    for row in rows:
        assert len(row.ours) == 1
        assert len(row.theirs) == (built[row.peer] is not None)
        assert len(row.cells()) == len(report.COLUMNS)


@pytest.mark.parametrize("case", run.CASES, ids=lambda case: case.name)
def test_every_target_names_a_peer(case):
    assert set(case.targets) <= set(case.build(True)) - {OURS, *case.variants}


class Constant:
    """An engine that finds one number and counts its steps."""

    def __init__(self, number):
        self.number = number
        self.steps = 0

    def step(self):
        self.steps += 1

    def read(self):
        return [np.array([1.0, self.number])]


def test_engines_that_disagree_are_refused():
    engines = {OURS: Constant(2.0), "peer": Constant(2.001)}
    case = Case("numbers", lambda tiny: dict(engines), tolerance=1e-4)
    with pytest.raises(AssertionError, match="numbers: peer"):
        check_agreement(case, engines)


def test_each_engine_takes_one_round_to_warm_up_and_then_its_turns():
    engines = {OURS: Constant(1.0), "peer": Constant(1.0)}
    times = measure(engines, repeat=3, calls=2)
    assert {name: len(found) for name, found in times.items()} == {OURS: 3, "peer": 3}
    assert all(engine.steps == (3 + 1) * 2 for engine in engines.values())


def test_a_missing_peer_is_shown_as_a_dash():
    case = Case("numbers", lambda tiny: {OURS: Constant(1.0), "peer": None})
    (row,) = run.run_case(case, repeat=1)
    assert row.cells()[3:5] == ["–", "–"]


def test_ratio_is_of_medians_and_of_minima():
    row = report.Row("case", "peer", [1.0, 2.0, 9.0], [2.0, 4.0, 5.0])
    assert row.cells()[2:5] == ["2e+03", "4e+03", "0.50 (0.50)"]


def test_a_variant_of_ours_has_rows_of_its_own_and_no_target():
    engines = {OURS: Constant(1.0), "sideways": Constant(1.0), "peer": Constant(1.0)}
    case = Case("numbers", lambda tiny: engines, {"peer": Target(0.5)}, variants=("sideways",))
    plain, variant = run.run_case(case, repeat=1)
    assert (plain.case, plain.peer, plain.target) == ("numbers", "peer", Target(0.5))
    assert (variant.case, variant.peer, variant.target) == ("numbers, sideways", "peer", None)


def test_a_row_of_memory_is_in_mib():
    row = report.Row("case", "peer", [14.0, 13.0, 15.0], [28.0], Target(20), memory=True)
    assert row.cells() == ["case", "peer", "14.0 MiB", "28.0 MiB", "0.50 (0.46)", "20 MiB", ""]
    assert report.Row("case", "peer", [14.0], [], Target(20), memory=True).cells()[2:5] == ["14.0 MiB", "–", "–"]


@pytest.mark.parametrize("layer", layers.LAYERS, ids=lambda layer: layer.name)
def test_our_layer_is_given_images_as_a_net_leaves_them(layer):
    given, columns_last = layers.Ours(layer, True), layers.Ours(layer, True, batch_last=False)
    batch, column = 0, 3
    for name, expected in [("x", column if layer.first else batch), ("upstream", batch)]:
        assert getattr(given, name).data.strides[expected] == 4, name
        assert getattr(columns_last, name).data.strides[column] == 4, name


@pytest.mark.parametrize("case", memory.CASES[:3], ids=lambda case: case.name)
def test_memory_is_measured_in_processes_of_their_own(case):
    if not memory.can_measure():
        pytest.skip("this system does not say how large a process was at its largest")
    (row,) = run.run_memory(case, repeat=2, tiny=True)
    assert (len(row.ours), len(row.theirs)) == (2, 2 * (timing.peer("torch") is not None))
    assert row.cells()[5] == ("" if case.reach is None else f"{case.reach} MiB")


class Hoard:
    """An engine whose step holds a known number of MiB for a moment."""

    def forget(self):
        pass

    def step(self):
        np.ones(24 * 2**20, np.uint8)


def test_the_peak_of_a_step_is_found():
    if not memory.can_measure():
        pytest.skip("this system does not say how large a process was at its largest")
    np.ones(96 * 2**20, np.uint8)  # the process was larger before
    for found in memory.peaks(Hoard(), repeat=2):
        assert 23.5 < found < 27


def test_numpy_has_its_old_name_only_while_dezero_is_imported():
    timing.peer("dezero")
    assert "int" not in vars(np)


def test_table_is_written_between_its_markers(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "README", tmp_path / "README.md")
    report.README.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n", encoding="utf-8")
    report.write_readme("new")
    assert report.README.read_text(encoding="utf-8") == f"before\n{report.BEGIN}\n\nnew\n\n{report.END}\nafter\n"


def test_the_readme_has_a_place_for_the_table():
    text = Path(report.__file__).with_name("README.md").read_text(encoding="utf-8")
    assert 0 < text.index(report.BEGIN) < text.index(report.END)


def test_a_layer_with_a_wrong_gradient_is_refused(monkeypatch):
    case = next(case for case in run.CASES if case.name == layers.LAYERS[0].name)
    read = layers.Ours.read
    monkeypatch.setattr(layers.Ours, "read", lambda self: [a * (1 + 1e-3 * i) for i, a in enumerate(read(self))])
    engines = {OURS: layers.Ours(layers.LAYERS[0], True), "right": layers.Ours(layers.LAYERS[0], True)}
    engines["right"].read = lambda: read(engines["right"])
    with pytest.raises(AssertionError, match="right"):
        check_agreement(case, engines)


def test_command_prints_a_table_and_writes_json(capsys, tmp_path):
    run.main(["--tiny", "--repeat", "1", "--only", "chain of 1,000, add", "--json", str(tmp_path / "times.json")])
    printed = capsys.readouterr().out
    assert "| chain of 1,000, add | bare NumPy |" in printed
    assert "NumPy" in printed.splitlines()[0]
    written = json.loads((tmp_path / "times.json").read_text())
    assert {row["case"] for row in written["rows"]} == {"chain of 1,000, add"}


def test_an_unknown_case_is_an_error(capsys):
    with pytest.raises(SystemExit):
        run.main(["--only", "nonsense"])
    assert "no such case" in capsys.readouterr().err


def test_import_is_timed_in_fresh_interpreters():
    (row,) = run.run_imports(1)
    assert row.ours[0] > 0
    assert row.theirs[0] > 0


def test_moons_are_two_noisy_half_circles():
    points, labels = make_moons(100)
    assert (len(points), sorted(labels)) == (100, [-1.0] * 50 + [1.0] * 50)
    upper = np.array([p for p, y in zip(points, labels) if y < 0])
    assert abs(np.hypot(*upper.T) - 1).max() < 0.5
