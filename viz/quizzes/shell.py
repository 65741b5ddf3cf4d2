"""The page of a quiz: needs no kernel, makes no request, and shows no answer."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Sequence

from viz.output.page import document, fill, inlined, static
from viz.quizzes.facts import Facts
from viz.quizzes.hints import Blanks, hints_of
from viz.quizzes.questions import Question
from viz.quizzes.seal import sealed
from viz.quizzes.sheet import BLANK, DARK_BLANK
from viz.style.escape import plain_text
from viz.style.roles import roles, variables
from viz.style.theme import dark_css

__all__ = ["dark", "quiz_page"]

_PACKAGE = "viz.quizzes"
_RIGHT = {"light": "#1e6b2e", "dark": "#7ccf84"}


def quiz_page(
    svg: str, facts: Facts, questions: Sequence[Question], blanks: Blanks, *, title: str, theme: str, seed: int
) -> str:
    """Return the page."""
    body = fill(
        static("quiz.html", _PACKAGE),
        title=html.escape(plain_text(title, 200)),
        svg=slim(svg),
        data=payload(facts, questions, blanks, svg, seed),
    )
    style = colours_css() + static("quiz.css", _PACKAGE)
    return document(body, title=title, style=style, script=static("quiz.js", _PACKAGE), theme=theme)


def slim(svg: str) -> str:
    """Return the picture without what the page's style says once for all its texts."""
    return re.sub(r' (?:xml:space="preserve"|font-family="[^"]*")', "", svg).replace("\n\n", "\n")


def payload(facts: Facts, questions: Sequence[Question], blanks: Blanks, svg: str, seed: int) -> str:
    """Return what the script is given as JSON: questions and hints to be read, answers under a seal."""
    salt = hashlib.sha256(f"{seed}\0{svg}".encode("utf-8", "replace")).hexdigest()[:16]
    plain = []
    for question in questions:
        words = plain_text(question.words, 80)
        content = {"answer": question.answer, "slips": question.slips}
        plain.append(
            {
                "number": question.number,
                "kind": question.kind,
                "words": words,
                "asks": asks(facts, question),
                "hints": hints_of(facts, question, blanks),
                "seal": sealed(content, f"{salt}|{question.number}|{words}"),
            }
        )
    return inlined({"salt": salt, "factors": factors(facts), "questions": plain})


def asks(facts: Facts, question: Question) -> str:
    """The question in words."""
    if question.kind == "gradient":
        return f"How does {plain_text(facts.root, 30)} change with this number? Give the gradient."
    value = facts.values[question.target]
    call = facts.call_name(facts.calls[value.made_by]) if value.made_by is not None else "the op"
    return f"Which {'shape' if question.kind == 'shape' else 'number'} does {plain_text(call, 60)} make here?"


def factors(facts: Facts) -> list[int]:
    """The lengths and sizes of this graph's arrays: what a mean or a sum is wrong by."""
    found = {n for value in facts.trace.values for n in (*value.data.shape, value.data.size) if 1 < n <= 4096}
    return sorted(found)[:40]


def colours_css() -> str:
    """Return the colours as CSS variables, light and dark."""
    light, dark = (
        roles(name) | {"right": _RIGHT[name]} | {f"blank-{role}": colour for role, colour in blank.items()}
        for name, blank in (("light", BLANK), ("dark", DARK_BLANK))
    )
    return f":root{{{variables(light, dark)}}}"


def dark() -> dict[str, str]:
    """Return the CSS that turns the colours of the light sheet into dark ones."""
    found = dark_css()
    for role, colour in BLANK.items():
        found[f'[fill="{colour}"]'] = f"fill:{DARK_BLANK[role]}"
        found[f'[stroke="{colour}"]'] = f"stroke:{DARK_BLANK[role]}"
    return found
