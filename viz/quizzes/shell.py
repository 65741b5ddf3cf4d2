"""The page of a quiz: needs no kernel, makes no request, and shows no answer."""

from __future__ import annotations

import hashlib
import html
import json
import re
from base64 import b64encode
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from viz.escape import plain_text
from viz.page import fill
from viz.quizzes.facts import Facts
from viz.quizzes.hints import Blanks, hints_of
from viz.quizzes.questions import Question
from viz.quizzes.seal import sealed
from viz.quizzes.sheet import BLANK, DARK_BLANK
from viz.theme import PALETTES, dark_css

__all__ = ["dark", "quiz_page"]

_EXTRA = {  # light, dark
    "panel": ("#f7f8fa", "#1d2026"), "rule": ("#dcdfe4", "#343840"), "line": ("#767b83", "#9aa0a6"),
    "button": ("#ffffff", "#2a2d33"), "accent": ("#0b57d0", "#8ab4f8"), "on-accent": ("#ffffff", "#0c1b33"),
    "focus": ("#0b57d0", "#8ab4f8"), "right": ("#1e6b2e", "#7ccf84"),
}  # fmt: skip


def quiz_page(
    svg: str, facts: Facts, questions: Sequence[Question], blanks: Blanks, *, title: str, theme: str, seed: int
) -> str:
    """Return the page. Its policy lets it load nothing and run its one script alone."""
    script = static("quiz.js")
    return fill(
        static("quiz.html"),
        theme=theme,
        host="" if theme == "auto" else f' data-theme="{theme}"',
        script_hash="sha256-" + b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii"),
        title=html.escape(plain_text(title, 200)),
        css=colours_css() + static("quiz.css"),
        svg=slim(svg),
        data=payload(facts, questions, blanks, svg, seed),
        js=script,
    )


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
    data = {"salt": salt, "factors": factors(facts), "questions": plain}
    text = json.dumps(data, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


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
    """Return the colours as CSS variables, light and dark; print is light."""
    light, dim = PALETTES["light"], PALETTES["dark"]
    pairs: dict[str, tuple[Any, Any]] = {
        "paper": (light.background, dim.background), "ink": (light.text, dim.text), "faint": (light.faint, dim.faint),
        "wrong": (light.backward, dim.backward), "blank": (BLANK["fill"], DARK_BLANK["fill"]),
        "blank-line": (BLANK["line"], DARK_BLANK["line"]), "blank-ink": (BLANK["text"], DARK_BLANK["text"]), **_EXTRA,
    }  # fmt: skip
    found = ";".join(f"--{name}:light-dark({a},{b})" for name, (a, b) in pairs.items())
    return f":root{{{found}}}@media print{{:root{{color-scheme:light!important}}}}"


def dark() -> dict[str, str]:
    """Return the CSS that turns the colours of the light sheet into dark ones."""
    found = dark_css()
    for role, colour in BLANK.items():
        found[f'[fill="{colour}"]'] = f"fill:{DARK_BLANK[role]}"
        found[f'[stroke="{colour}"]'] = f"stroke:{DARK_BLANK[role]}"
    return found


def static(name: str) -> str:
    """Return the text of a file beside this one, without comments and indentation."""
    text = (files("viz.quizzes") / "static" / name).read_text(encoding="utf-8")
    lines = [line.strip() for line in text.splitlines()]
    return "\n".join(line for line in lines if line and not line.startswith(("//", "/*")))
