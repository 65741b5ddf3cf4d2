"""``viz.quiz``: a graph with numbers or shapes left out, which the student fills in; on a page, or on paper."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from viz.output.render import GraphvizNotFound, render
from viz.output.save import save_file
from viz.output.svg import finish_svg
from viz.quizzes.facts import Facts
from viz.quizzes.handout import paper, paper_page
from viz.quizzes.hints import blanks_of
from viz.quizzes.questions import Question, questions_of
from viz.quizzes.sheet import sheet
from viz.quizzes.shell import dark, quiz_page
from viz.style.escape import plain_text

__all__ = ["Quiz", "quiz"]

_FRAME = 620  # pixels: the height of the page in a notebook's cell
_LEVELS, _THEMES, _DIRECTIONS = ("primitive", "scalar"), ("auto", "light", "dark"), ("auto", "LR", "RL", "TB", "BT")
_PAPER = (".svg", ".pdf", ".png", ".html", ".htm")


class Quiz:
    """A quiz that shows itself in Jupyter; ``.save("quiz.html")`` writes its page, ``.handout`` and ``.key`` paper.

    questions: what is asked, with the answers, for whoever holds the quiz; the page holds them under a seal.
    """

    def __init__(
        self, facts: Facts, questions: list[Question], *, title: str, theme: str, direction: str, seed: int,
        renderer: str | None, timeout: float,
    ) -> None:  # fmt: skip
        self.facts = facts
        self.questions = tuple(questions)
        self.title = title
        self.theme = theme
        self.seed = seed
        self._blanks = blanks_of(facts, questions)
        self._renderer, self._timeout = renderer, timeout
        self._direction = self._fitting() if direction == "auto" else direction

    def html(self) -> str:
        """The page: needs no kernel, makes no request. Its answers are sealed, see ``viz.quiz``."""
        return quiz_page(
            self._svg(self._sheet()), self.facts, self.questions, self._blanks,
            title=self.title, theme=self.theme, seed=self.seed,
        )  # fmt: skip

    def save(self, path: Any) -> Path:
        """Write the page; an existing file is replaced whole. Returns the path; ValueError for another suffix."""
        target = Path(path)
        if target.suffix.lower() not in (".html", ".htm"):
            raise ValueError(
                f"save: the suffix {target.suffix!r} of {target.name} is not .html; .handout(path) writes paper"
            )
        save_file(target, self.html())
        return target

    def handout(self, path: Any) -> Path:
        """Write a sheet to fill in by hand: the graph with its blanks numbered, and the questions, by the suffix.

        ``.svg``, ``.png`` and ``.pdf`` are one picture (PDF needs a system Graphviz or pygraphviz; without, it is an
        error that says so, and the page prints as well). ``.html`` is a page made for the printer.
        Returns the path. Raises ValueError for another suffix.
        """
        return self._write(path, False)

    def key(self, path: Any) -> Path:
        """Write the hand-out with its answers in the blanks and in the list; formats as for ``handout``."""
        return self._write(path, True)

    def _write(self, path: Any, key: bool) -> Path:
        target, suffix = Path(path), Path(path).suffix.lower()
        if suffix not in _PAPER:
            word = "key" if key else "handout"
            raise ValueError(f"{word}: the suffix {suffix!r} of {target.name} is none of {', '.join(_PAPER[:4])}")
        content: str | bytes
        if suffix in (".html", ".htm"):
            svg = self._svg(self._sheet(key), paper=True)
            content = paper_page(svg, self.facts, self.questions, self._blanks, self.title, key=key)
        else:
            dot = paper(self.facts, self.questions, self._blanks, self._direction, self.title, key=key)
            content = self._svg(dot, paper=True) if suffix == ".svg" else self._render(dot, suffix[1:])
        save_file(target, content)
        return target

    def _fitting(self) -> str:
        """The direction in which the graph fits better beside its questions."""
        sizes = {}
        for way in ("LR", "TB"):
            raw = self._render(self._sheet(way=way), "svg").decode("utf-8")
            box = re.search(r'viewBox="[-0-9.]+ [-0-9.]+ ([0-9.]+) ([0-9.]+)"', raw)
            sizes[way] = max(float(box[1]) / 760, float(box[2]) / 520) if box else 1.0
        return min(sizes, key=lambda way: sizes[way])

    def _sheet(self, key: bool = False, way: str | None = None) -> str:
        return sheet(self.facts, self.questions, self._blanks, way or self._direction, key=key)

    def _svg(self, dot: str, paper: bool = False) -> str:
        said = f"{self.title}: {len(self.facts.trace.calls)} operations, {len(self.questions)} blanks"
        raw = self._render(dot, "svg").decode("utf-8")
        colours = dark() if self.theme != "light" and not paper else {}
        return finish_svg(raw, title=plain_text(self.title, 200), description=plain_text(said, 300), dark=colours)

    def _render(self, dot: str, format: str) -> bytes:
        try:
            return render(dot, format, renderer=self._renderer, timeout=self._timeout)
        except GraphvizNotFound as error:
            if format != "pdf":
                raise
            raise GraphvizNotFound(f"{error}; .handout('sheet.html') and .key('key.html') print as well") from None

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """The page in a frame, which survives an export without a kernel; SVG and text where scripts are stripped."""
        frame = (
            f'<iframe srcdoc="{html.escape(self.html())}" title="{html.escape(self.title)}" sandbox="allow-scripts '
            f'allow-forms" style="width:100%;height:{_FRAME}px;border:1px solid #8888;border-radius:6px"></iframe>'
        )
        return {"text/html": frame, "image/svg+xml": self._svg(self._sheet()), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<quiz: {self.title}; {len(self.questions)} questions; .save('quiz.html') writes the page>"


def quiz(
    loss: Any,
    hide: Any = "gradients",
    *,
    seed: int = 0,
    count: int = 8,
    cells: int = 1,
    level: str = "primitive",
    gradient: Any = None,
    names: Mapping[str, Any] | None = None,
    direction: str = "auto",
    theme: str = "auto",
    title: str | None = None,
    max_nodes: int = 60,
    renderer: str | None = None,
    timeout: float = 30.0,
) -> Quiz:
    """Ask for numbers of the graph that made ``loss``: they are left out of its picture, and the student types them.

    hide: ``"gradients"``, ``"values"`` (of what ops make), ``"shapes"`` (then no numbers are shown), a share such as
    ``0.3`` of all values and gradients, or names: ``["h", "W1.grad"]``. count: how many values at most; names are all
    asked. cells: how many numbers of one array. seed: which; the same seed gives the same blanks, on paper too.
    level: ``"primitive"`` (every recorded op; a fused one such as a convolution stays whole) or ``"scalar"``.
    gradient, names, direction, theme, renderer, timeout: as for ``viz.step``. max_nodes: ops of the graph; small nets
    make good quizzes.

    An answer is right if it rounds to the digits that were typed, two at least. Of a wrong one the page says what it
    recognises: the sign, a factor, one part of a sum, a product in the wrong order, a broadcast that was not summed,
    another shape. Hints show the rule in symbols, then with the numbers that are not hidden.

    What the page does not show: its text, source, picture and data have no answers in plain sight; they lie under a
    seal that its script opens while it checks what was typed. That keeps them from a glance at the source and from a
    search in it, not from someone who debugs the script: it can check without a server, so all that it needs is there.
    For an examination give the hand-out, and keep the key.

    Raises TypeError for what is no Tensor, ValueError for options that say nothing, a graph without gradients or with
    more than ``max_nodes`` ops, and numbers that are NaN or infinite; what ``viz.output.render`` raises.
    """
    options = ("level", level, _LEVELS), ("theme", theme, _THEMES), ("direction", direction, _DIRECTIONS)
    for word, value, known in options:
        if value not in known:
            raise ValueError(f"quiz: {word}={value!r} is none of {', '.join(known)}")
    for word, number in (("count", count), ("cells", cells)):
        if not isinstance(number, int) or number < 1:
            raise ValueError(f"quiz: {word}={number!r} must be a whole number above 0")
    facts = Facts(loss, level, gradient, names, max_nodes)
    if len(facts.trace.calls) > max_nodes:
        raise ValueError(
            f"quiz: this graph has {len(facts.trace.calls):,} ops, more than {max_nodes}; ask about a smaller net or "
            "the output of one layer, or pass max_nodes= to allow more"
        )
    questions = questions_of(facts, hide, count, cells, seed)
    return Quiz(
        facts, questions, title=title or f"Quiz: the {'shapes' if hide == 'shapes' else 'numbers'} of {facts.root}",
        theme=theme, direction=direction, seed=seed, renderer=renderer, timeout=timeout,
    )  # fmt: skip
