"""The stepper in real notebooks: JupyterLab and Notebook 7 are started, a notebook is run, buttons are clicked."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from screenshots import keep

from viz.output.render import bundled_program

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bundled_program() is None, reason="graphviz-pure has no wheel here"),
    pytest.mark.skipif(
        not all(map(find_spec, ("jupyterlab", "anywidget", "nbformat"))), reason="no JupyterLab, or no anywidget"
    ),
]
WAIT = 90_000  # milliseconds, for a server and a kernel on a busy machine
MAKE = """
import numpy as np
import tinygrad_edu as tg
from viz.stepper import step
a = tg.Tensor(3.0, requires_grad=True, name="a")
b = 2 * a
e = (b + 1) + 3 * b
image = tg.Tensor(np.linspace(-1, 2, 400).reshape(20, 20), requires_grad=True, name="image")
"""
CELLS = (MAKE, "step(e)", "step(e)", "step((image * image).sum())")

RUN = """async () => {
  await jupyterapp.restored;
  const panel = jupyterapp.shell.currentWidget;
  await panel.context.ready; await panel.sessionContext.ready; await panel.sessionContext.session.kernel.info;
  await jupyterapp.commands.execute('notebook:run-all-cells');
}"""

TWICE = """() => { const ids = [...document.querySelectorAll('.ts [id], .ts')].map((e) => e.id);
  return ids.filter((id, i) => ids.indexOf(id) < i); }"""
RULES = """() => {
  const inside = (r) => (r.selectorText ? r.selectorText : r.cssRules ? all(r.cssRules) : []);
  const all = (rules) => [...rules].flatMap(inside);
  const sheet = [...document.styleSheets].find((s) => s.ownerNode.textContent.startsWith('.ts{color-scheme'));
  const found = all(sheet.cssRules), strange = found.filter((s) => !/\\.(ts|tr)\\b/.test(s));
  if (strange.length) throw new Error(strange.join(' | '));
  return found.length; }"""


@contextmanager
def server(folder, program):
    """Start a Jupyter server in a home of its own; yield its address and token."""
    import nbformat

    cells = [nbformat.v4.new_code_cell(source, id=f"cell{i}") for i, source in enumerate(CELLS)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), folder / "steps.ipynb")
    settings = folder / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "IPYTHON"))}
    environment |= {
        "HOME": str(folder), "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"), "PYTHONPATH": str(Path(__file__).parents[1]),
    }  # fmt: skip
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", program, "--no-browser", "--ip=127.0.0.1", f"--port={port}", "--allow-root"]
    command += ["--expose-app-in-browser", "--IdentityProvider.token=secret", f"--ServerApp.root_dir={folder}"]
    with (
        open(folder / "log.txt", "wb") as log,
        subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            yield address(process, folder)
        finally:
            process.terminate()


def address(process, folder):
    """Wait until the server says where it is."""
    end = time.monotonic() + WAIT / 1000
    said = folder / "runtime" / f"jpserver-{process.pid}.json"
    while time.monotonic() < end and process.poll() is None:
        if said.exists() and said.read_text().rstrip().endswith("}"):
            return json.loads(said.read_text())["url"]
        time.sleep(0.1)
    raise AssertionError("the server did not start:\n" + (folder / "log.txt").read_text()[-3000:])


@pytest.fixture(scope="module", params=["jupyterlab", "notebook"])
def notebook(request, chromium, tmp_path_factory):
    """A notebook that has been run, with two steppers of one loss and one of an image."""
    if find_spec(request.param) is None:
        pytest.skip(f"no {request.param}")
    with server(tmp_path_factory.mktemp(request.param), request.param) as url:
        context = chromium.new_context(viewport={"width": 1400, "height": 1000}, color_scheme="light")
        context.set_default_timeout(WAIT)
        tab = context.new_page()
        tab.goto(f"{url}{'lab/tree' if request.param == 'jupyterlab' else 'notebooks'}/steps.ipynb?token=secret")
        tab.locator(".jp-Cell .cm-content").first.wait_for()
        tab.wait_for_function("() => window.jupyterapp")
        tab.evaluate(RUN)
        for i in range(3):
            tab.locator(".ts-live").nth(i).wait_for(state="attached")
        tab.program = request.param
        tab.set_default_timeout(WAIT / 3)
        yield tab
        context.close()


def stepper(notebook, i):
    return notebook.locator(".ts").nth(i)


def shows(one, text):
    """Wait for a counter to say this. JupyterLab does not draw cells out of sight, so they have no inner text."""
    from playwright.sync_api import expect

    expect(one.locator(".ts-count")).to_have_text(text)


def test_two_steppers_of_one_loss_step_each_by_itself(notebook):
    one, other = stepper(notebook, 0), stepper(notebook, 1)
    for each in (one, other):
        each.get_by_role("slider", name="Step").fill("1")
    one.get_by_role("button", name="Next", exact=True).click()
    shows(one, "Step 2 of 11")
    shows(other, "Step 1 of 11")
    other.get_by_role("button", name="Last", exact=True).click()
    shows(one, "Step 2 of 11")
    shows(other, "Step 11 of 11")
    assert notebook.evaluate(TWICE) == []
    keep(notebook, f"{notebook.program}-two")


def test_keys_step_and_the_notebook_leaves_them_alone(notebook):
    one = stepper(notebook, 0)
    one.get_by_role("slider", name="Step").fill("1")
    one.get_by_role("button", name="Next", exact=True).focus()
    cells = notebook.locator(".jp-Cell").count()
    for key, where in [("ArrowRight", 2), ("ArrowRight", 3), ("ArrowLeft", 2), ("End", 11), ("Home", 1)]:
        notebook.keyboard.press(key)
        shows(one, f"Step {where} of 11")
    for key in ("x", "x", "b", "ArrowDown", "ArrowUp"):  # in command mode: cut a cell, add one, go to another
        notebook.keyboard.press(key)
        assert notebook.locator(".jp-Cell").count() == cells
    assert one.evaluate("e => e.contains(document.activeElement)")


def test_the_kernel_tells_every_number_of_an_image(notebook):
    one = stepper(notebook, 2)
    one.locator("summary", has_text="the numbers").first.click()
    cells = one.locator(".ts-all td")
    notebook.wait_for_function("e => e.querySelectorAll('.ts-all td').length === 400", arg=one.element_handle())
    assert [cells.nth(i).get_attribute("title") for i in (0, 1, 399)] == ["-1", str(-1 + 3 / 399), "2"]
    assert one.locator(".ts-all p").count() == 0


@pytest.mark.parametrize("theme", ["Dark", "Light"])
def test_the_theme_is_the_notebook_s(notebook, theme):
    notebook.evaluate(
        "(theme) => jupyterapp.commands.execute('apputils:change-theme', { theme }).then(() => null)",
        f"JupyterLab {theme}",
    )
    notebook.wait_for_function(
        "(light) => document.body.dataset.jpThemeLight === light", arg=str(theme == "Light").lower()
    )
    one = stepper(notebook, 0)
    assert one.evaluate("e => getComputedStyle(e).colorScheme") == theme.lower()
    one.evaluate("e => e.scrollIntoView()")
    keep(notebook, f"{notebook.program}-{theme.lower()}")


def test_its_style_is_about_nothing_else(notebook):
    assert notebook.evaluate(RULES) > 50
    assert notebook.evaluate("document.documentElement.scrollWidth <= innerWidth")
