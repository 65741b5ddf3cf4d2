"""The picture of a quiz: a graph in which some numbers are blanks, and, on paper, the questions under it."""

from __future__ import annotations

from collections.abc import Sequence

import graphviz

from tinygrad_edu.engine.trace.tracing import Call, Snapshot
from viz.graph.fold import Box, View, fold
from viz.quizzes.facts import Facts, columns_of
from viz.quizzes.hints import ANOTHER, Blanks
from viz.quizzes.questions import Question
from viz.style.escape import label_text
from viz.style.markup import font, table
from viz.style.numbers import number, shape_text
from viz.style.theme import PALETTES

__all__ = ["BLANK", "DARK_BLANK", "answer_text", "sheet"]

_FONT = "Helvetica"
_GLYPHS = {"·": "×"}
BLANK = {"fill": "#fffbe5", "line": "#7a5b00", "text": "#5c4400"}
DARK_BLANK = {"fill": "#3a3005", "line": "#f0c541", "text": "#ffe9a3"}
_WIDTH, _HEIGHT = 58, 20  # points: room for a number of four digits, also by hand


def sheet(
    facts: Facts, questions: Sequence[Question], blanks: Blanks, direction: str, *, key: bool = False, under: str = ""
) -> str:
    """Return the DOT text. key: put the answers in. under: rows of markup to stand under the graph."""
    return Sheet(facts, questions, blanks, key).source(direction, under)


class Sheet:
    """One picture in the making."""

    def __init__(self, facts: Facts, questions: Sequence[Question], blanks: Blanks, key: bool) -> None:
        self.facts = facts
        self.blanks = blanks
        self.answers = {question.number: question for question in questions} if key else {}
        self.palette = PALETTES["light"]
        self.only_shapes = any(question.kind == "shape" for question in questions)

    def source(self, direction: str, under: str) -> str:
        """The DOT text."""
        view: View = fold(self.facts.trace, "primitive")
        p = self.palette
        graph = graphviz.Digraph("quiz")
        graph.attr("graph", rankdir=direction, bgcolor=p.background, fontname=_FONT, fontcolor=p.text, pad="0.15")
        graph.attr("graph", nodesep="0.22", ranksep="0.4", labelloc="b", labeljust="l")
        graph.attr("node", fontname=_FONT, fontsize="11", fontcolor=p.text, style="filled", margin="0.08,0.05")
        graph.attr("edge", color=p.forward, arrowsize="0.7")
        for box in view.boxes:
            self.add_box(graph, box)
        for arrow in view.arrows:
            graph.edge(arrow.source, arrow.target)
        if under:
            graph.attr("graph", label=under)
        return str(graph.source)

    def add_box(self, graph: graphviz.Digraph, box: Box) -> None:
        """Add a leaf, or an op with what it makes."""
        style = self.palette.kinds[box.kind]
        rows = self.call_rows(box.call, style.text) if box.call is not None else []
        if box.value is not None:
            rows += self.value_rows(box.value.id, style.text)
        graph.node(
            box.id, label=table(rows or [font("·", style.text)]), shape=style.shape, fillcolor=style.fill,
            style=",".join(part for part in ("filled", style.pattern) if part), color=style.line,
            penwidth=f"{style.width:g}", tooltip=" ",
        )  # fmt: skip

    def call_rows(self, call: Call, colour: str) -> list[str]:
        """An op: its symbol, its number, its parameters."""
        symbol = f"x{call.symbol}" if call.notation == "postfix" else _GLYPHS.get(call.symbol, call.symbol)
        size = 18 if len(symbol) == 1 else 13
        head = f"<B>{font(label_text(symbol, 30), colour, size)}</B>"
        head += font(f" #{self.facts.numbers[call.id]}", self.palette.faint, 9)
        shown = ", ".join(call.params) if call.notation != "postfix" else ""
        return [head, font(label_text(shown, 40), self.palette.faint, 9)] if shown else [head]

    def value_rows(self, x: int, colour: str) -> list[str]:
        """A value: its name, its shape, its numbers, and those of its gradient."""
        value = self.facts.values[x]
        name = f"<B>{font(label_text(value.name, 30), colour, 12)}</B>" if value.name else ""
        shape = self.blanks.get(("shape", x, None))
        if shape is not None:
            return [*([name] if name else []), one_cell(self.blank(shape))]
        if value.data.shape:
            name += font(f" {shape_text(value.data.shape)}", self.palette.faint, 9)
        rows = [name] if name else []
        if self.only_shapes:
            return rows
        rows.append(self.numbers("value", x, value.data, colour))
        if value.gradient is not None:
            rows.append(font(label_text(self.facts.slope(x), 40), self.palette.backward, 10))
            rows.append(self.numbers("gradient", x, value.gradient, self.palette.backward))
        return rows

    def numbers(self, kind: str, x: int, data: Snapshot, colour: str) -> str:
        """A table of all numbers, some of them blanks; of an array that is too large a word."""
        if data.data is None or not self.facts.is_printed(x):
            return font(f"{data.size:,} numbers" if data.size else "empty", self.palette.faint, 9)
        cells = []
        side = "CENTER" if data.size == 1 else "RIGHT"
        for i, number_there in enumerate(data.data):
            blank = self.blanks.get((kind, x, i))
            text = font(number(number_there), colour)
            cells.append(f'<TD ALIGN="{side}">{text}</TD>' if blank is None else self.blank(blank))
        columns = columns_of(data.shape)
        rows = [cells[i : i + columns] for i in range(0, len(cells), columns)]
        plane = data.shape[-2] if len(data.shape) > 2 else len(rows)
        text = ""
        for i, row in enumerate(rows):
            gap = "<HR/>" if i and plane and i % plane == 0 else ""
            text += f"{gap}<TR>{''.join(row)}</TR>"
        return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2">{text}</TABLE>'

    def blank(self, number: int) -> str:
        """A cell to write in, or with its answer; a click on it leads to its question. Or one that is not asked for."""
        if number == ANOTHER:
            return f"<TD>{font('?', self.palette.faint)}</TD>"
        sides = f'WIDTH="{_WIDTH}" HEIGHT="{_HEIGHT}" BORDER="1" COLOR="{BLANK["line"]}" BGCOLOR="{BLANK["fill"]}"'
        link = f'HREF="#q{number}" ID="b{number}" TITLE="Question {number}"'
        label = font(f"({number})", BLANK["text"], 9)
        if number in self.answers:
            label += f"<B>{font(' ' + label_text(answer_text(self.answers[number])), self.palette.backward, 11)}</B>"
            return f'<TD {sides} {link} ALIGN="LEFT">{label}</TD>'
        return f'<TD {sides} {link} FIXEDSIZE="TRUE" ALIGN="LEFT">{label}</TD>'


def one_cell(text: str) -> str:
    """A table of one cell."""
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2"><TR>{text}</TR></TABLE>'


def answer_text(question: Question) -> str:
    """An answer as it is written."""
    if isinstance(question.answer, tuple):
        return f"({', '.join(map(str, question.answer))}{',' if len(question.answer) == 1 else ''})"
    return number(question.answer)
