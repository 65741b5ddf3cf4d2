"""The quiz on paper: the sheet has the blanks and no answers, the key has them, in every format."""

from __future__ import annotations

import re
import shutil

import pytest

import viz.output.render
from tinygrad_edu.engine.text import number_text
from tinygrad_edu.models import example
from viz.quizzes import quiz

SIGNS = {".svg": b"<svg", ".png": b"\x89PNG", ".html": b"<!DOCTYPE html>"}


@pytest.fixture
def made():
    return quiz(example("two_layer_net")[0], 0.5, seed=2)


@pytest.mark.parametrize("suffix", SIGNS)
def test_sheet_and_key_are_written_in_each_format(made, suffix, tmp_path):
    for write in (made.handout, made.key):
        path = write(tmp_path / f"sheet{suffix}")
        assert path.read_bytes().startswith(SIGNS[suffix])


@pytest.mark.parametrize("suffix", [".svg", ".html"])
def test_the_key_has_every_answer_and_the_sheet_none(made, suffix, tmp_path):
    sheet = made.handout(tmp_path / f"sheet{suffix}").read_text("utf-8")
    key = made.key(tmp_path / f"key{suffix}").read_text("utf-8")
    for question in made.questions:
        answer = number_text(question.answer)
        assert key.count(answer) >= 2, question.words  # in the picture and in the list
        if len(re.sub("[^1-9]", "", answer)) > 2:
            assert answer not in sheet, question.words


@pytest.mark.parametrize("suffix", [".svg", ".html"])
def test_every_blank_and_every_question_has_its_number(made, suffix, tmp_path):
    sheet = made.handout(tmp_path / f"sheet{suffix}").read_text("utf-8")
    page = made.html()
    for question in made.questions:
        assert f">({question.number})</text>" in sheet
        assert f">({question.number})</text>" in page
        assert f"Question {question.number}</title>" in sheet
        assert question.words.split("[")[0] in sheet


def test_the_sheet_has_the_blanks_of_the_quiz_of_the_same_seed(tmp_path):
    sheets = [
        quiz(example("two_layer_net")[0], 0.5, seed=seed).handout(tmp_path / f"{i}.svg")
        for i, seed in enumerate((2, 2, 3))
    ]
    texts = [sheet.read_text("utf-8") for sheet in sheets]
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]


def test_the_page_is_made_for_the_printer(made, tmp_path):
    text = made.handout(tmp_path / "sheet.html").read_text("utf-8")
    assert "@media print" in text
    assert "default-src 'none'" in text
    assert "<script" not in text
    assert text.count("<li ") == len(made.questions)
    assert "Name" in text
    assert "<math>" not in text
    assert "<math>" in made.key(tmp_path / "key.html").read_text("utf-8")


@pytest.mark.skipif(shutil.which("dot") is None, reason="PDF needs a system Graphviz")
def test_pdf_is_written_by_a_system_graphviz(made, tmp_path):
    assert made.handout(tmp_path / "sheet.pdf").read_bytes().startswith(b"%PDF")


def test_without_a_system_graphviz_pdf_says_what_to_do(made, tmp_path, monkeypatch):
    made._render(made._sheet(), "svg")
    monkeypatch.setattr(viz.output.render, "renderers", lambda: {"graphviz-pure": "graphviz-pure"})
    with pytest.raises(viz.output.render.GraphvizNotFound, match=r"apt install graphviz.*sheet.html"):
        made.handout(tmp_path / "sheet.pdf")
    assert not (tmp_path / "sheet.pdf").exists()


@pytest.mark.parametrize("word", ["handout", "key"])
def test_another_suffix_is_a_clear_error(made, word, tmp_path):
    with pytest.raises(
        ValueError, match=rf"{word}: the suffix '.docx' of sheet.docx is none of .svg, .pdf, .png, .html"
    ):
        getattr(made, word)(tmp_path / "sheet.docx")


def test_shapes_are_asked_on_paper_too(tmp_path):
    made = quiz(example("two_layer_net")[0], "shapes")
    assert "(1, 3)" not in made.handout(tmp_path / "sheet.svg").read_text("utf-8")
    assert made.key(tmp_path / "key.svg").read_text("utf-8").count("(1, 3)") >= 2


@pytest.mark.browser
def test_the_printed_page_has_all_in_it(shown, made, tmp_path):
    tab = shown(made.key(tmp_path / "key.html").read_text("utf-8"), width=380)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 380
    assert tab.locator("li").count() == len(made.questions)
    assert tab.locator("li b").first.is_visible()
    assert tab.pdf(format="A4").startswith(b"%PDF")
