"""The quiz on paper: the graph with numbered blanks and the questions under it; the key has the answers."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any

from tinygrad_edu.engine.mathml import mathml_text
from viz.output.page import document, fill, static
from viz.quizzes.facts import Facts
from viz.quizzes.hints import Blanks, hints_of
from viz.quizzes.questions import Question
from viz.quizzes.sheet import answer_text, sheet
from viz.style.escape import label_text, plain_text
from viz.style.markup import font
from viz.style.theme import LIGHT

__all__ = ["paper", "paper_page"]

_PACKAGE = "viz.quizzes"
_LINE = "_" * 16
_TASK = "Fill in the blanks: values forward, gradients backward from {root}. A ? would give an answer away."


def paper(facts: Facts, questions: Sequence[Question], blanks: Blanks, direction: str, title: str, *, key: bool) -> str:
    """Return the DOT text of a sheet, or of its key: graph and questions in one picture."""
    rows = [f"<B>{font(label_text(heading(title, key), 80), LIGHT.text, 14)}</B>"]
    rows.append(font(label_text(_TASK.format(root=facts.root), 200), LIGHT.faint, 10))
    for question in questions:
        text = label_text(f"({question.number})  {question.words} = ", 80)
        answer = f"<B>{font(label_text(answer_text(question)), LIGHT.backward, 11)}</B>"
        rows.append(font(text, LIGHT.text) + (answer if key else font(_LINE, LIGHT.faint)))
    columns = 2 if len(rows) > 6 else 1
    return sheet(facts, questions, blanks, direction, key=key, under=under_table(rows, columns))


def under_table(rows: list[str], columns: int) -> str:
    """The heading, then the questions in columns, read downwards."""
    head, items = rows[:2], rows[2:]
    height = -(-len(items) // columns)
    lines = [f'<TR><TD ALIGN="LEFT" COLSPAN="{columns}">{row}</TD></TR>' for row in head]
    for i in range(height):
        cells = [items[j] if j < len(items) else "" for j in range(i, height * columns, height)]
        lines.append("<TR>" + "".join(f'<TD ALIGN="LEFT">{one}</TD>' for one in cells) + "</TR>")
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="6">{"".join(lines)}</TABLE>>'


def paper_page(svg: str, facts: Facts, questions: Sequence[Question], blanks: Blanks, title: str, *, key: bool) -> str:
    """Return a page made to be printed: the picture, then the questions, with their rules in the key."""
    items = []
    for question in questions:
        end = f"<b>{html.escape(answer_text(question))}</b>" if key else '<span class="room"></span>'
        rule = "".join(rules(facts, question, blanks)) if key else ""
        words = html.escape(plain_text(question.words, 80))
        items.append(f'<li id="q{question.number}"><span class="ask">{words} =</span> {end}{rule}</li>')
    title = heading(title, key)
    body = fill(
        static("paper.html", _PACKAGE),
        title=html.escape(plain_text(title, 200)),
        task=html.escape(plain_text(_TASK.format(root=facts.root), 300)),
        svg=svg,
        items="\n".join(items),
        name="" if key else '<p class="name">Name <span class="room"></span> Date <span class="room"></span></p>',
    )
    style = fill(static("paper.css", _PACKAGE), paper="landscape" if is_wide(svg) else "portrait")
    return document(body, title=title, style=style, theme="light")


def is_wide(svg: str) -> bool:
    """Whether a picture is wider than a sheet of paper held upright."""
    box = re.search(r'viewBox="[-0-9.]+ [-0-9.]+ ([0-9.]+) ([0-9.]+)"', svg)
    return box is not None and float(box[1]) > float(box[2])


def rules(facts: Facts, question: Question, blanks: Blanks) -> list[str]:
    """The formulas of a question's first hint."""
    formulas: list[Any] = [part for part in hints_of(facts, question, blanks)[0] if not isinstance(part, str)]
    return [f"<div><math>{mathml_text(tree)}</math></div>" for tree in formulas]


def heading(title: str, key: bool) -> str:
    """The title, and whether this is the key."""
    return f"{title}: key" if key else title
