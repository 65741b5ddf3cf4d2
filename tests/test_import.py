"""What ``import tinygrad_edu`` loads, and what it promises."""

import pkgutil
import subprocess
import sys
from importlib import import_module

import tinygrad_edu as tg
import viz

# Beside NumPy's own and this package's modules; everything else comes on first use.
MAY_LOAD = {"__future__", "_bisect", "bisect", "_heapq", "heapq", "_string", "string", "importlib"}
LOADED = """
import sys, numpy
before = set(sys.modules)
import tinygrad_edu
print(*sorted(m for m in set(sys.modules) - before if not m.startswith("tinygrad_edu")))
"""


def test_importing_loads_numpy_and_little_more():
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert {name for name in done.stdout.split() if not name.startswith("importlib.")} <= MAY_LOAD


def test_every_promised_name_is_there():
    for package in (tg, viz):
        missing = [name for name in package.__all__ if not hasattr(package, name)]
        assert not missing
    assert sorted(set(tg.__all__)) == sorted(tg.__all__)


def test_no_module_hides_a_name_that_its_package_gives():
    for module in pkgutil.walk_packages(viz.__path__, "viz."):
        package, _, name = module.name.rpartition(".")
        assert getattr(import_module(package), name, None) in (None, import_module(module.name)), module.name
    assert not {module.name for module in pkgutil.iter_modules(viz.__path__)} & {*viz.__all__} - {"bugs"}


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(tg, "no_such_name")
