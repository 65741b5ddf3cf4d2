"""Every notebook runs from top to bottom and says what it says in the repository."""

import json
import re
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


def printed(notebook):
    """What the cells print, and the text of what they show."""
    texts = []
    for number, cell in enumerate(notebook["cells"]):
        for output in cell.get("outputs", []):
            if output["output_type"] == "stream" and output["name"] == "stdout":
                texts.append((number, "".join(output["text"])))
            elif "data" in output:
                texts.append((number, "".join(output["data"]["text/plain"])))
    return texts


def stored(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_there_are_notebooks():
    assert [path.name for path in NOTEBOOKS][:1] == ["01_backprop_by_hand.ipynb"]


@pytest.mark.filterwarnings("ignore")  # of the kernel's own machinery, in this process
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_prints_what_is_stored(path, tmp_path):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(path, as_version=4)
    before = printed(stored(path))
    nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()  # fails on the first cell that raises
    assert printed(notebook) == before
    errors = [o for cell in notebook.cells for o in cell.get("outputs", []) if o.get("name") == "stderr"]
    assert not errors


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_holds_its_pictures_and_nothing_of_the_machine(path):
    notebook = stored(path)
    pictures = [
        o for cell in notebook["cells"] for o in cell.get("outputs", []) if "image/svg+xml" in o.get("data", {})
    ]
    assert len(pictures) >= 5
    text = path.read_text(encoding="utf-8")
    assert len(text) < 1_000_000
    assert not re.search(r"/(home|root|work|tmp|Users)/", text)
    assert not any("ExecuteTime" in cell["metadata"] or "execution" in cell["metadata"] for cell in notebook["cells"])
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
