"""The stepper in a notebook, without a browser: what is loaded when, what a cell is given, what the kernel answers."""

from __future__ import annotations

import json
import subprocess
import sys
from array import array
from types import SimpleNamespace

import numpy as np
import pytest
from screenshots import keep

import tinygrad_edu as tg
from viz.output.render import bundled_program
from viz.stepper import step, widget

pytestmark = pytest.mark.skipif(bundled_program() is None, reason="graphviz-pure has no wheel here")
VIEW = "application/vnd.jupyter.widget-view+json"
PAGE = {"text/html", "image/svg+xml", "text/plain"}


def product(size=20):
    x = tg.Tensor(np.linspace(-1, 2, size * size).reshape(size, size), requires_grad=True, name="x")
    return (x * x).sum()


def in_a_kernel(monkeypatch, **request):
    """Let it look as if a cell were run by a front end that sent this request."""
    kernel = SimpleNamespace(get_parent=lambda: {"content": request})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=kernel)))


def test_a_script_loads_nothing_of_a_notebook():
    program = """
import sys
import tinygrad_edu as tg
from viz.stepper import step
x = tg.Tensor(2.0, requires_grad=True, name="x")
bundle = step(x * x)._repr_mimebundle_()
assert set(bundle) == {"text/html", "image/svg+xml", "text/plain"}
print(*[name for name in ("anywidget", "ipywidgets", "IPython", "traitlets") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.extra
def test_a_cell_gets_the_widget_and_the_page(monkeypatch):
    pytest.importorskip("anywidget")
    in_a_kernel(monkeypatch, allow_stdin=True)
    stepper = step(product())
    bundle, _ = stepper._repr_mimebundle_()
    assert set(bundle) == PAGE | {VIEW}
    assert bundle[VIEW]["model_id"] == stepper.widget().model_id
    assert {kind: bundle[kind] for kind in PAGE} == stepper.static()._repr_mimebundle_()


@pytest.mark.parametrize("why", ["no kernel", "run by a program", "no anywidget", "broken"])
def test_without_a_reader_or_a_widget_a_cell_gets_the_page(monkeypatch, why):
    if why != "no kernel":
        in_a_kernel(monkeypatch, allow_stdin=why != "run by a program")
    widget.widget_class.cache_clear()
    if why in ("no anywidget", "broken"):
        monkeypatch.setattr(widget, "find_spec", lambda name: why == "broken" or None)
        monkeypatch.setitem(sys.modules, "anywidget", None)
    assert set(step(product())._repr_mimebundle_()) == PAGE


def test_a_missing_extra_is_named(monkeypatch):
    widget.widget_class.cache_clear()
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(ImportError, match=r'pip install "tinygrad-edu\[notebook\]"'):
        step(product()).widget()


@pytest.mark.extra
def test_the_kernel_tells_every_number_of_an_image_and_of_nothing_else():
    pytest.importorskip("anywidget")
    stepper, sent = step(product()), []
    made = SimpleNamespace(send=lambda content, buffers=(): sent.append((content, buffers)))
    images = [k for k, a in enumerate(stepper.recording.arrays) if "i" in a]
    assert set(stepper.recording.numbers) == set(images)
    assert len(images) > 2
    for asked in (images[0], -1, 10**9, None, "0", True, [], {}):
        widget.answer(made, stepper.recording, {"array": asked})
    widget.answer(made, stepper.recording, "array")
    content, buffers = sent[0]
    assert content == {"array": images[0], "known": True}
    np.testing.assert_array_equal(array("d", buffers[0]), np.linspace(-1, 2, 400))
    assert [(content["known"], len(buffers)) for content, buffers in sent[1:]] == [(False, 0)] * 8
    json.dumps([content for content, _ in sent])


@pytest.mark.extra
def test_the_front_end_is_the_page_s_own():
    pytest.importorskip("anywidget")
    from viz.stepper.shell import packed, script, shell, style

    stepper = step(product())
    made = stepper.widget()
    assert made._esm.startswith(script())
    assert made._css == style()
    assert made.data == packed(stepper.recording)
    assert made.shell == shell(stepper.recording)
    assert stepper.widget() is made
    assert step(product()).widget() is not made


@pytest.mark.browser
def test_an_executed_notebook_is_exported_with_a_page_that_needs_no_kernel_and_no_network(tmp_path, chromium):
    for name in ("nbconvert", "nbclient", "anywidget", "ipykernel"):
        pytest.importorskip(name)
    import nbformat

    source = "import tinygrad_edu as tg, viz\nx = tg.Tensor(2.0, requires_grad=True)\nviz.step(x * x)"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)], metadata={"kernelspec": kernel})
    nbformat.write(notebook, tmp_path / "steps.ipynb")
    command = [sys.executable, "-m", "nbconvert", "--to", "html", "--execute", "steps.ipynb", "--log-level=ERROR"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=120)
    assert VIEW not in (tmp_path / "steps.html").read_text(encoding="utf-8")
    with chromium.new_context(offline=True) as context:
        tab = context.new_page()
        tab.goto((tmp_path / "steps.html").as_uri())
        stepper = tab.frame_locator("iframe")
        stepper.get_by_role("button", name="Next", exact=True).click()
        assert stepper.locator(".ts-count").inner_text() == "Step 2 of 5"
        keep(tab, "nbconvert")


@pytest.mark.extra
def test_a_notebook_saved_in_a_front_end_is_exported_with_the_page(monkeypatch):
    pytest.importorskip("nbconvert")
    pytest.importorskip("anywidget")
    import nbformat
    from nbconvert import HTMLExporter

    in_a_kernel(monkeypatch, allow_stdin=True)
    bundle, metadata = step(product())._repr_mimebundle_()
    output = nbformat.v4.new_output("execute_result", bundle, metadata=metadata, execution_count=1)
    cell = nbformat.v4.new_code_cell("step(loss)", outputs=[output], execution_count=1)
    text, _ = HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    assert (text.count("<iframe"), text.count("srcdoc=")) == (1, 1)
    assert VIEW not in text
