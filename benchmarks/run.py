"""Run the cases and print the table. ``python -m benchmarks`` or ``python benchmarks/run.py``, from the repository."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # run as a file
    sys.path.insert(0, str(ROOT))

from benchmarks import chains, imports, inference, layers, lenet, memory, mlp, scalar  # noqa: E402
from benchmarks.report import Row, heading, machine, table, write_readme  # noqa: E402
from benchmarks.timing import OURS, Case, Target, check_agreement, measure  # noqa: E402

__all__ = ["main", "run_case"]

CASES = [*scalar.CASES, *chains.CASES, *mlp.CASES, *lenet.CASES, *layers.CASES, *inference.CASES]
IMPORT = "import tinygrad_edu"


def run_case(case: Case, repeat: int, tiny: bool = False) -> list[Row]:
    """Let the engines of a case agree, then time them in turns; one row per peer."""
    built = case.build(tiny)
    engines = {name: engine for name, engine in built.items() if engine is not None}
    check_agreement(case, engines)
    return rows_of(case, case.name, list(built), measure(engines, repeat, case.collector, case.calls))


def run_apart(case: Case, repeat: int, tiny: bool = False) -> list[Row]:
    """As ``run_case``, but each engine in a process of its own, where nobody cleans up for it."""
    options = ["--only", case.name, "--repeat", str(repeat), *(["--tiny"] if tiny else [])]
    times = {}
    built = case.build(True)
    for name in [name for name, engine in built.items() if engine is not None]:
        command = [sys.executable, "-m", "benchmarks", *options, "--engine", name]
        ran = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        times[name] = json.loads(ran.stdout)
    return rows_of(case, f"{case.name}, own process each", list(built), times)


def time_alone(case: Case, name: str, repeat: int, tiny: bool) -> list[float]:
    """Time one engine; what ``run_apart`` runs in each process."""
    engine = case.build(tiny)[name]
    if engine is None:
        raise SystemExit(f"{name} is not installed")
    return measure({name: engine}, repeat, case.collector, case.calls)[name]


def rows_of(case: Case, title: str, names: list[str], times: dict[str, list[float]]) -> list[Row]:
    """Return one row per peer; then the same of each variant of ours, which has no target."""
    peers = [name for name in names if name != OURS and name not in case.variants]
    rows = [Row(title, name, times[OURS], times.get(name, []), case.targets.get(name)) for name in peers]
    for variant in case.variants:
        rows += [Row(f"{title}, {variant}", name, times[variant], times.get(name, [])) for name in peers]
    return rows


def run_imports(repeat: int) -> list[Row]:
    """Time the import."""
    times = imports.import_times(repeat)
    bounds = Target(imports.REACH * 1000, imports.EXTREME * 1000)
    return [Row(IMPORT, "import numpy", times[OURS], times["numpy"], bounds, over=True)]


def run_memory(case: memory.Memory, repeat: int, tiny: bool = False) -> list[Row]:
    """Measure the memory of a step."""
    found = memory.memory_of(case, repeat, tiny)
    peers = [name for name in case.engines if name != OURS]
    target = None if case.reach is None else Target(case.reach)
    return [Row(case.name, name, found.get(OURS, []), found.get(name, []), target, memory=True) for name in peers]


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, run, print."""
    names = [*[case.name for case in CASES], *[case.name for case in memory.CASES], IMPORT]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Ratios of CPU time, one thread each.")
    parser.add_argument("--only", metavar="NAME", help=f"the cases whose name holds NAME, of: {'; '.join(names)}")
    parser.add_argument("--repeat", type=int, default=15, help="timings of each engine (15)")
    parser.add_argument("--tiny", action="store_true", help="tiny sizes: to see that it works, not to time")
    parser.add_argument("--own-process", action="store_true", help="also run each engine of the scalar case alone")
    parser.add_argument("--json", metavar="FILE", help="write machine and all times to FILE")
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/README.md")
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    wanted = [name for name in names if options.only is None or options.only in name]
    if not wanted:
        parser.error(f"--only {options.only}: no such case; there are: {'; '.join(names)}")
    if options.repeat < 1:
        parser.error(f"--repeat {options.repeat}: at least 1")
    cases = [case for case in CASES if case.name in wanted]
    if options.engine:
        print(json.dumps(time_alone(cases[0], options.engine, options.repeat, options.tiny)))
        return

    rows: list[Row] = []
    for case in cases:
        print(f"{case.name} ...", file=sys.stderr)
        if options.own_process and case in scalar.CASES:
            rows += run_apart(case, options.repeat, options.tiny)
        rows += run_case(case, options.repeat, options.tiny)
    for measured in [case for case in memory.CASES if case.name in wanted]:
        print(f"{measured.name} ...", file=sys.stderr)
        rows += run_memory(measured, options.repeat, options.tiny)
    if IMPORT in wanted:
        rows += run_imports(options.repeat)
    text = f"{heading(options.repeat)}\n\n{table(rows)}"
    print(text)
    if options.json:
        Path(options.json).write_text(
            json.dumps({"machine": machine(), "rows": [asdict(row) for row in rows]}, indent=1)
        )
    if options.write:
        write_readme(text)


if __name__ == "__main__":
    main()
