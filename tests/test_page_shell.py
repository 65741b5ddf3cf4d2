"""The shell around every page: what it allows, and that a script stands in it as it was written."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import pytest
from svg_samples import HOSTILE, Tags

import viz
from viz.output.page import document, inlined, static
from viz.style.escape import plain_text

STATIC = sorted(path for path in Path(viz.__file__).parent.rglob("static/*") if path.suffix in (".js", ".css", ".html"))
SCRIPT = """// what this is
const a = (b, c) => `${b ? `x , ${c + " ; "}` : ""} = ${ c }`;  // stays

  /* not this */
  const d = /[`"] {2}/.test("// no comment") && 1 + +a;
"""


def policy(text):
    return re.search('http-equiv="Content-Security-Policy" content="([^"]*)"', text).group(1)


def hashed(script):
    return f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"


def test_a_script_and_what_it_starts_may_run_and_nothing_else():
    rules = policy(document("<p>x</p>", title="T", style="", script="f(1)", also=["g(2)"]))
    assert f"script-src {hashed('f(1)')} {hashed('g(2)')};" in rules
    assert rules.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")


def test_a_page_without_a_script_runs_none():
    text = document("<p>x</p>", title="T", style="")
    assert "script-src 'none';" in policy(text)
    assert "<script" not in text


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_titles_and_data_are_text(text):
    body = f'<script type="application/json">{inlined([text])}</script>'
    seen = Tags(document(body, title=text, style="p{}", script="f(1)"))
    assert seen.tags == ["html", "head", "meta", "meta", "meta", "title", "style", "body", "script", "script"]
    assert plain_text(text, 200) in seen.text


def test_data_that_is_no_json_is_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        inlined([float("nan")])


def test_a_line_of_script_stays_as_it_was_written(tmp_path, monkeypatch):
    (tmp_path / "a_package" / "static").mkdir(parents=True)
    (tmp_path / "a_package" / "__init__.py").touch()
    (tmp_path / "a_package" / "static" / "a.js").write_text(SCRIPT, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    lines = SCRIPT.splitlines()
    assert static("a.js", "a_package").splitlines() == [lines[1], lines[4].strip()]


@pytest.mark.parametrize("path", STATIC, ids=lambda path: f"{path.parts[-3]}/{path.name}")
def test_nothing_in_a_static_file_goes_over_lines(path):
    """Or leaving out comments and indentation would change what it says."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        code = re.sub(r'"(?:\\.|[^"\\])*"', "", line)
        assert code.count("`") % 2 == 0, number
        assert code.count("/*") == code.count("*/"), number
        assert not code.strip().startswith("/*") or code.strip().endswith("*/"), number
