"""What every test may ask for: a seeded generator; a browser, PyTorch, or to be skipped where they are missing."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # ``pytest -n``: one process per core, so one thread per process
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
ARGUMENTS += ["--disable-component-update", "--disable-sync", "--disable-quic"]


@pytest.fixture
def rng():
    """The same random numbers in every run."""
    return np.random.default_rng(1234)


@pytest.fixture
def h5py():
    return pytest.importorskip("h5py")


@pytest.fixture(scope="session")
def chromium():
    api = pytest.importorskip("playwright.sync_api")
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no chromium")
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def shown(chromium, tmp_path):
    """Open pages; afterwards, nothing may have been asked of any network and nothing may have gone wrong."""
    asked, wrong, opened = [], [], []

    def show(text: str, *, width: int = 1000, scheme: str = "light"):
        file = Path(tmp_path) / f"{len(opened)}.html"
        file.write_text(text, encoding="utf-8")
        context = chromium.new_context(viewport={"width": width, "height": 600}, color_scheme=scheme)
        opened.append(context)
        tab = context.new_page()
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
        tab.goto(file.as_uri())
        return tab

    yield show
    for context in opened:
        context.close()
    assert [url for url in asked if not url.startswith("file:")] == []
    assert len(asked) == len(opened)
    assert wrong == []


def pytest_collection_modifyitems(items):
    torch = find_spec("torch") is not None
    for item in items:
        if item.get_closest_marker("oracle") and not torch:
            item.add_marker(pytest.mark.skip(reason="PyTorch is not installed"))
        if "h5py" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.extra)
