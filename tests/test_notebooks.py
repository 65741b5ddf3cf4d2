"""Every notebook runs from top to bottom and says, in print and in its pictures, what it says in the repository.

``python tests/test_notebooks.py 01_backprop_by_hand`` runs it and stores what it says now; without a name, all.

A cell with the tag "varies" shows numbers that hang on how a library rounds, such as those that come out of training.
It is run like all others, but only the form of what it shows is compared: so many outputs, of these types.
"""

from __future__ import annotations

import copy
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_edu as tg
import viz
from viz.output.render import renderers

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
SVG, PNG = "image/svg+xml", "image/png"
VARIES = "varies"
EXECUTION_TIMES = ("ExecuteTime", "execution")

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def stored(path):
    """A notebook as it lies there."""
    return json.loads(path.read_text(encoding="utf-8"))


def executed(path, folder):
    """The same notebook after a run in ``folder``; fails on the first cell that raises."""
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(path, as_version=4)
    settings = {"kernel_name": "python3", "record_timing": False, "resources": {"metadata": {"path": str(folder)}}}
    settings["coalesce_streams"] = True  # what a cell prints is one output, however the kernel's pipe cut it
    places = [str(Path(tg.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]  # the very package that is tested
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))}
    nbclient.NotebookClient(notebook, timeout=300, **settings).execute(env=environment)
    return notebook


def outputs(notebook):
    """Every output, with the id of its cell."""
    return [(cell["id"], output) for cell in notebook["cells"] for output in cell.get("outputs", [])]


def said(notebook):
    """What each output says: text as printed, a picture by the words and numbers on it, wherever they stand."""
    found, varying = [], {cell["id"] for cell in notebook["cells"] if varies(cell)}
    for cell, output in outputs(notebook):
        data = output.get("data", {})
        if cell in varying:
            found.append((cell, form(output)))
            continue
        found.append((cell, "".join(output.get("text", data.get("text/plain", "")))))
        if SVG in data:
            found.append((cell, words("".join(data[SVG]))))
    return found


def varies(cell):
    """Whether what a cell says may differ from what is stored."""
    return VARIES in cell["metadata"].get("tags", [])


def form(output):
    """What kind of output this is, whatever it says; a picture counts once."""
    kinds = {kind for kind in output.get("data", {}) if kind != PNG or SVG not in output["data"]}
    return " ".join([output["output_type"], output.get("name", ""), *sorted(kinds)])


def words(svg):
    """The texts on a picture, sorted: another Graphviz may place them elsewhere."""
    texts = ["".join(element.itertext()) for element in ElementTree.fromstring(svg).iter() if is_text(element)]
    return sorted(" ".join(text.split()) for text in texts if text.strip())


def is_text(element):
    return element.tag.rpartition("}")[2] == "text"


def answers(notebook):
    """The programs in the answers to exercises, which no cell runs."""
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    return [program for text in cells for program in re.findall(r"^```python\n(.*?)^```$", text, re.S | re.M)]


def test_there_are_notebooks():
    assert "01_backprop_by_hand" in [path.stem for path in NOTEBOOKS]


@pytest.mark.filterwarnings("ignore")  # of the kernel's own machinery, in this process
@pytest.mark.skipif(not renderers(), reason="nothing here can lay out a graph")
@every_notebook
def test_a_notebook_runs_and_says_what_is_stored(path, tmp_path):
    notebook = executed(path, tmp_path)
    bad = [(cell, o) for cell, o in outputs(notebook) if o["output_type"] == "error" or o.get("name") == "stderr"]
    assert not bad
    assert said(notebook) == said(stored(path)), "if the change is meant: python tests/test_notebooks.py"


@every_notebook
def test_a_notebook_holds_its_pictures_and_nothing_of_a_machine(path):
    notebook = stored(path)
    programs = {cell["id"]: "".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"}
    drawn = {cell for cell, program in programs.items() if re.search(r"^viz\.\w+\(", program, re.M)}
    pictures = {cell for cell, output in outputs(notebook) if SVG in output.get("data", {})}
    assert len(pictures) >= 5
    assert drawn <= pictures
    text = path.read_text(encoding="utf-8")
    assert len(text.encode("utf-8")) < 1_500_000
    assert not re.search(r"/(home|root|work|tmp|Users)/|ipykernel_\d", text)
    assert not any(key in cell["metadata"] for cell in notebook["cells"] for key in EXECUTION_TIMES)


@every_notebook
def test_a_notebook_is_in_the_form_that_tools_expect(path):
    nbformat = pytest.importorskip("nbformat")
    notebook = stored(path)
    nbformat.validate(copy.deepcopy(notebook))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) >= (4, 5)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    counts = [cell["execution_count"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1))


@every_notebook
def test_only_cells_that_show_something_may_vary(path):
    """A tag that is misspelt, or that a cell no longer needs, is found here."""
    cells = stored(path)["cells"]
    assert {tag for cell in cells for tag in cell["metadata"].get("tags", [])} <= {VARIES}
    assert all(cell.get("outputs") for cell in cells if varies(cell))


def test_a_cell_that_varies_is_compared_in_form():
    def notebook(tags, text, kind="stream"):
        output = {"output_type": kind, "name": "stdout", "text": text}
        return {"cells": [{"id": "a", "metadata": {"tags": tags}, "outputs": [output]}]}

    assert said(notebook([VARIES], "98.1 %")) == said(notebook([VARIES], "98.3 %"))
    assert said(notebook([VARIES], "98.1 %")) != said(notebook([VARIES], "98.1 %", "error"))
    assert said(notebook([], "98.1 %")) != said(notebook([], "98.3 %"))


@every_notebook
def test_answers_to_exercises_run(path):
    for program in answers(stored(path)):
        exec(compile(program, path.name, "exec"), {"np": np, "tg": tg, "viz": viz})


def refresh(names):
    """Run the notebooks of these names, or all, and store their outputs."""
    import nbformat

    for path in [path for path in NOTEBOOKS if not names or path.stem in names]:
        with tempfile.TemporaryDirectory() as folder:
            notebook = executed(path, folder)
        for cell in notebook.cells:
            cell.metadata = {"tags": cell.metadata.tags} if "tags" in cell.metadata else {}
            for output in cell.get("outputs", []):
                if SVG in output.get("data", {}):
                    output.data.pop(PNG, None)  # the same picture once more
        notebook.metadata = {"kernelspec": notebook.metadata.kernelspec, "language_info": {"name": "python"}}
        nbformat.write(notebook, path)
        print(f"stored {path.name}")


if __name__ == "__main__":
    refresh(sys.argv[1:])
