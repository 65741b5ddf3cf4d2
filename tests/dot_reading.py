"""Reads the DOT text of a picture back: its boxes and arrows with their words, for tests."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, replace

_ATTRIBUTE = re.compile(r'(\w+)=(<(?:[^<>]|<[^>]*>)*>|"(?:[^"\\]|\\.)*"|[^\s\]]+)')


@dataclass(frozen=True)
class Box:
    id: str
    words: list[str]  # of each row
    attributes: dict[str, str]

    @property
    def kind(self) -> str:
        return self.attributes["class"]


@dataclass(frozen=True)
class Arrow:
    source: str
    target: str
    words: list[str]
    attributes: dict[str, str]


@dataclass(frozen=True)
class Drawn:
    boxes: dict[str, Box]
    arrows: list[Arrow]
    clusters: list[str]
    caption: list[str]
    graph: dict[str, str]

    def of(self, name: str) -> Box:
        """The one box that shows a name."""
        (found,) = [box for box in self.boxes.values() if any(shows(row, name) for row in box.words)]
        return found

    @property
    def forward(self) -> list[Arrow]:
        return [arrow for arrow in self.arrows if arrow.attributes["class"] == "forward"]

    @property
    def backward(self) -> list[Arrow]:
        return [arrow for arrow in self.arrows if arrow.attributes["class"] == "backward"]

    @property
    def text(self) -> str:
        """Every word of the picture."""
        boxes = [row for box in self.boxes.values() for row in box.words]
        return "\n".join([*boxes, *[word for arrow in self.arrows for word in arrow.words], *self.caption])


def shows(row: str, name: str) -> bool:
    return row == name or row.startswith((f"{name} = ", f"{name} "))


def rows_of(label: str) -> list[str]:
    """The rows of a label as text."""
    if not label.strip():
        return []
    if not label.startswith("<"):
        return label.strip('"').split("\\n")
    rows = re.split(r"</?TR>|<BR/>", label[1:-1])
    texts = [html.unescape(re.sub(r"<[^>]*>", "", row.replace("</TD><TD", "</TD> <TD"))) for row in rows]
    return [" ".join(text.split()) for text in texts if text.strip()]


def attributes_of(text: str) -> dict[str, str]:
    return {name: value.strip('"') if value[0] == '"' else value for name, value in _ATTRIBUTE.findall(text)}


def read(source: str) -> Drawn:
    """Read the DOT text that ``viz`` writes: one statement a line."""
    boxes: dict[str, Box] = {}
    arrows: list[Arrow] = []
    clusters: list[str] = []
    caption: list[str] = []
    graph: dict[str, str] = {}
    for line in source.split("\n"):
        text = line.strip()
        if "style=invis" in text:
            continue
        found = attributes_of(text[text.index("[") :]) if "[" in text else {}
        words = rows_of(found.get("label", ""))
        if match := re.match(r"(\w+) -> (\w+) ", text):
            if found.get("dir") == "back" and match[2] in boxes and boxes[match[2]].kind == "backward":
                words = boxes[match[2]].words
            elif found.get("dir") == "none" and match[1] in boxes:  # from the label on: the second half
                del boxes[match[1]]
                arrows[-1] = replace(arrows[-1], target=match[2])
                continue
            arrows.append(Arrow(match[1], match[2], words, found))
        elif text.startswith("graph ["):
            graph |= {name: value for name, value in found.items() if name != "label"}
            caption += words
        elif text.startswith(("node [", "edge [", "digraph", "subgraph", "}")) or not text:
            continue
        elif match := re.match(r"(\w+) \[", text):
            boxes[match[1]] = Box(match[1], words, found)
        else:
            clusters += rows_of(attributes_of(text).get("label", ""))
    return Drawn(boxes, arrows, clusters, caption, graph)
