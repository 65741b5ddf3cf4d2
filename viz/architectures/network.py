"""``viz.architecture``: a network as the papers draw it, each box of which opens."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tinygrad_edu.models.catalogue import blank, entry
from viz.architectures.drawing import dot_of, is_placed, kinds_in
from viz.architectures.glyphs import dark_rules
from viz.architectures.likeness import Likeness
from viz.architectures.page import page
from viz.architectures.primitives import primitives_of
from viz.architectures.structure import Network, Part, counted, read
from viz.architectures.views import View, view_of
from viz.graph.picture import Picture
from viz.output.render import SLIDE, render
from viz.output.svg import finish_svg
from viz.style.numbers import shape_text

__all__ = ["Architecture", "architecture"]

_FEWEST = 6
_WORDS = 40  # boxes that the text alternative names
_THEMES = ("auto", "light", "dark")
_DIRECTIONS = ("TB", "LR")


def architecture(
    model: Any,
    input_shape: Sequence[Any] | None = None,
    *,
    direction: str = "TB",
    theme: str = "auto",
    max_boxes: int = 60,
) -> Architecture:
    """Draw a network by its modules as papers do: towers side by side, what is added beside what it goes around.

    model: a Module or a function of Tensors, or the name of one of ``tg.models``, such as ``"resnet50"``, which is
    built without taking memory for its weights. input_shape: that of one example, ``(channels, height, width)``; the
    paper's if a name is given. The model runs once on zeros in eval mode, and is left as it was.

    A convolution or dense layer is one box with the padding, normalisation and activation that belong to it alone;
    arrows carry the shape of one example's activations. Blocks are opened, first one of each structure, as long as
    there are at most ``max_boxes`` boxes; equal blocks in a row are one box, "+5 more like this", and "×3" where the
    weights are the same. direction: ``"TB"`` down or ``"LR"`` across. theme: ``"auto"``, ``"light"`` or ``"dark"``.

    Returns an Architecture, which shows itself in Jupyter; ``.save(path)`` writes svg, png, pdf, dot or an html page in
    which each box opens, down to the ops of a convolution. Raises ValueError for an unknown name, direction or theme,
    fewer than 6 boxes, and TypeError for a Module without input_shape; an image that does not fit is the ValueError of
    the layer that refused it.
    """
    for name, value, known in (("direction", direction, _DIRECTIONS), ("theme", theme, _THEMES)):
        if value not in known:
            raise ValueError(f"architecture: {name} must be one of {', '.join(map(repr, known))}, got {value!r}")
    if isinstance(max_boxes, bool) or not isinstance(max_boxes, int) or max_boxes < _FEWEST:
        raise ValueError(f"architecture: max_boxes must be an integer of {_FEWEST} or more, got {max_boxes!r}")
    title = ""
    if isinstance(model, str):
        found = entry(model)
        title, input_shape = found.title, found.input_shape if input_shape is None else input_shape
        model = blank(model)
    if input_shape is None:
        raise TypeError(
            "architecture: say the shape of one example, such as input_shape=(3, 32, 32); only a model given by its "
            "name has one"
        )
    network = read(model, input_shape)
    return Architecture(network, title or network.root.name, direction, theme, max_boxes)


class Architecture(Picture):
    """A network's drawing; ``.html()`` is the page in which each box opens.

    view: what the drawing shows: ``view.boxes``, ``view.arrows`` with their shapes, ``view.frames`` around blocks that
    are opened. parameters: how many numbers the network learns.
    """

    def __init__(self, network: Network, title: str, direction: str, theme: str, most: int) -> None:
        self.network = network
        self.direction = direction
        self.most = most
        self.alike = Likeness()
        self.view = view_of(network, network.root, self.alike, most, True)
        self.parameters = network.root.count()
        source = dot_of(self.view, theme=theme, direction=direction, legend=True)
        super().__init__(source, title=title, description=described(title, self.view), theme=theme)

    def svg(self, widest: float | None = None) -> str:
        """The drawing as an SVG element; follows the page's light or dark theme if ``theme="auto"``."""
        raw = self._render("svg").decode("utf-8")
        dark = dark_rules() if self.theme == "auto" else {}
        return finish_svg(raw, title=self.title, description=self.description, dark=dark, widest=widest)

    def png(self) -> bytes:
        """The drawing as PNG, as wide as a slide, 1,600 pixels or more."""
        return render(self.source, "png", across=SLIDE)

    def html(self) -> str:
        """The drawing as a page of its own, in which each box opens; it makes no request."""
        shelf = Shelf(self)
        whole = shelf.whole()
        return page(self, whole, shelf.drawn, shelf.kinds)

    def save(self, path: Any) -> Path:
        """Write the drawing; the suffix says how: .svg .png .pdf .dot .html. An existing file is replaced whole.

        Returns the path. Raises ValueError for another suffix.
        """
        return super().save(path)


class Shelf:
    """The drawings of a page: one of each block and layer, however often it occurs."""

    def __init__(self, shown: Architecture) -> None:
        self.shown = shown
        self.theme = "light" if shown.theme == "auto" else shown.theme
        self.drawn: dict[str, tuple[str, str, str]] = {}  # title, words and SVG by name
        self.kinds = {kind for box in shown.view.boxes for kind in kinds_in(box)}
        self.waiting: list[Part] = []
        self.known: dict[int, str] = {}

    def whole(self) -> str:
        """Return the network's drawing; fill ``drawn`` with all that opens from it."""
        shown = self.shown
        dot = dot_of(shown.view, theme=self.theme, direction=shown.direction, link=self.link)
        (raw,) = svgs_of([dot])
        while self.waiting:
            self.draw_waiting()
        return slim(finish_svg(raw, title=shown.title, description=shown.description))

    def draw_waiting(self) -> None:
        """Draw what was linked to and is not drawn, all at once."""
        parts, self.waiting = self.waiting, []
        views = [self.inside(part) for part in parts]
        self.kinds |= {kind for view in views for box in view.boxes for kind in kinds_in(box)}
        dots = [dot_of(view, theme=self.theme, direction="TB", link=self.link) for view in views]
        for part, view, raw in zip(parts, views, svgs_of(dots)):
            words = described(part.text, view)
            svg = slim(finish_svg(raw, title=part.text, description=words))
            self.drawn[self.known[self.shown.alike.exact(part)]] = part.text, words, svg

    def inside(self, part: Part) -> View:
        """Return what a part opens into."""
        if not part.parts:
            return primitives_of(part)
        return view_of(self.shown.network, part, self.shown.alike, self.shown.most, False)

    def link(self, part: Part) -> str | None:
        """Return the name of a part's drawing, which will be made."""
        if part.kind in ("input", "dropout") or (part.call is None and not part.parts):
            return None
        number = self.shown.alike.exact(part)
        if number not in self.known:
            self.known[number] = f"d{len(self.known)}"
            self.waiting.append(part)
        return self.known[number]


def svgs_of(dots: list[str]) -> list[str]:
    """Return the SVG of each DOT text: starting a program takes longer than drawing, so all of a kind go in one."""
    found: dict[int, str] = {}
    for placed in (True, False):  # Graphviz takes one way of layout for all that it is handed
        chosen = [i for i, dot in enumerate(dots) if is_placed(dot) is placed]
        if not chosen:
            continue
        texts = render("\n".join([dots[i] for i in chosen]), "svg").decode("utf-8").split("</svg>")[:-1]
        if len(texts) != len(chosen):  # a renderer that stops after the first graph
            texts = [render(dots[i], "svg").decode("utf-8").split("</svg>")[0] for i in chosen]
        found.update(zip(chosen, texts))
    return [f"{found[i]}</svg>" for i in range(len(dots))]


def slim(svg: str) -> str:
    """Return an SVG that repeats less, and whose links lead to drawings of the page."""
    changes: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
        (r'xlink:href="#g[0-9a-f]{10}-(d\d+)"', r'href="#\1"'),
        (r' (xml:space|font-family|xmlns|xmlns:xlink)="[^"]*"', ""),
        (r' id="g[0-9a-f]{10}-(?!title|desc)[^"]*"', ""),
        (r'role="img"', 'role="group"'),
        (r"<text[^>]*></text>", ""),
        (r">\s+<", "><"),
        (r' (d|points|x|y|[cr][xy])="[^"]*"', lambda found: re.sub(r"(\.\d)\d+", r"\1", found[0])),
    )
    for pattern, new in changes:
        svg = re.sub(pattern, new, svg)
    return svg


def described(title: str, view: View) -> str:
    """Return a drawing in words: what stands in it, in order, with the shapes that come out."""
    said = []
    for box in view.boxes[:_WORDS]:
        if box.more:
            said.append(f"{'the same weights' if box.shared else 'the like'} {len(box.more)} more times")
        elif box.part is not None and box.kind != "input":
            shape = shape_text(box.part.shape())
            said.append(f"{box.part.text} ({box.part.name})" + (f" to {shape}" if shape else ""))
        elif box.kind == "input":
            said.append(f"input {shape_text(box.outputs[0].shape[1:])}")
        elif box.text:
            said.append(box.text)
    left = len(view.boxes) - _WORDS
    more = f"; and {left} more boxes" if left > 0 else ""
    count = f"{counted([view.part])}, " if view.part.count() else ""
    return f"{title}: {count}{len(view.boxes)} boxes: {'; '.join(said)}{more}."
