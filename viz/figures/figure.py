"""A chart: a matplotlib figure of its own, with the project's look, that saves itself and shows itself in Jupyter.

matplotlib's object interface only: no pyplot, so no window, no current figure, and nothing to close.
"""

from __future__ import annotations

import html
import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from viz.figures.dark import COLOURS, GRID, darken
from viz.output.render import SLIDE
from viz.output.save import save_file
from viz.style.escape import plain_text
from viz.style.theme import LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

__all__ = ["COLOURS", "Figure", "dress", "figure_text", "known_theme", "legend"]

_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1)), (0, (1, 1)))
THEMES = ("light", "dark")
_FORMATS = (".svg", ".png", ".pdf")
_DPI = 144.0  # dots an inch of a PNG; a saved one is as wide as a slide at least
_INCHES = 7.2  # wide: a notebook's cell at 100 dots an inch, a slide's content at its own scale


class Figure:
    """A chart. In Jupyter it shows itself; ``.save(path)`` writes svg, png or pdf by the suffix.

    title: above the chart; empty for none. description: for people who hear the picture instead of seeing it.
    size: inches, width and height. theme: ``light`` or ``dark``; a dark chart is made as a light one, and its colours
    are exchanged when it is shown. canvas: the ``matplotlib.figure.Figure`` inside, for whatever else is wanted.
    Raises ImportError where matplotlib is missing, ValueError for another theme.
    """

    def __init__(
        self, *, title: str = "", description: str, size: tuple[float, float] = (_INCHES, 4.0), theme: str = "light"
    ) -> None:
        self.theme = known_theme(theme, "Figure")
        self.title = title
        self.description = description
        self.canvas = blank(size)
        if title:
            self.canvas.suptitle(figure_text(title, 120), fontsize=13, fontweight="bold", color=LIGHT.text)

    def axes(self, rows: int = 1, columns: int = 1, **options: Any) -> list[Axes]:
        """Return ``rows * columns`` empty axes in the project's look, row by row; options as ``Figure.subplots``."""
        made = self.canvas.subplots(rows, columns, squeeze=False, **options)
        return [dress(axes) for axes in made.flat]

    def svg(self) -> str:
        """The chart as an SVG element, for a page; letters are drawn as outlines, so that no font is needed."""
        raw = self._render("svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
        return finished(raw.decode("utf-8"), self.title, self.description)

    def png(self, dpi: float = _DPI) -> bytes:
        """The chart as PNG."""
        return self._render("png", dpi=dpi, metadata={"Software": None, "Description": plain_text(self.title, 200)})

    def pdf(self) -> bytes:
        """The chart as PDF."""
        return self._render("pdf", metadata={"CreationDate": None, "Title": plain_text(self.title, 200)})

    def save(self, path: Any) -> Path:
        """Write the chart; the suffix says how: .svg .png .pdf. An existing file is replaced whole.

        A PNG is as wide as a slide, 1,600 pixels or more. Returns the path. Raises ValueError for another suffix.
        """
        target = Path(path)
        suffix = target.suffix.lower()
        if suffix not in _FORMATS:
            raise ValueError(f"save: the suffix {target.suffix!r} of {target.name} is none of {', '.join(_FORMATS)}")
        sharp = partial(self.png, slide_dpi(self.canvas.get_figwidth()))
        makers: dict[str, Callable[[], str | bytes]] = {".svg": self.svg, ".png": sharp, ".pdf": self.pdf}
        save_file(target, makers[suffix]())
        return target

    def _render(self, kind: str, **options: Any) -> bytes:
        file = io.BytesIO()
        if self.theme == "dark":
            darken(self.canvas)
        with rendering():
            self.canvas.savefig(file, format=kind, **options)
        return file.getvalue()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str | bytes]:
        """SVG, PNG for a page that does not trust SVG, and text."""
        makers: dict[str, Any] = {"image/svg+xml": self.svg, "image/png": self.png}
        wanted = [kind for kind in makers if (include is None or kind in include) and kind not in (exclude or ())]
        bundle: dict[str, str | bytes] = {"text/plain": self.description}
        try:
            return bundle | {kind: makers[kind]() for kind in wanted}
        except (ValueError, TypeError, RuntimeError, OSError) as problem:  # display never raises
            return {"text/plain": f"{self.description}\n({problem})"}

    def __repr__(self) -> str:
        return f"<figure: {self.description}>"


def known_theme(theme: Any, what: str) -> str:
    """Return the theme of a chart; ValueError for one that there is not."""
    if theme not in THEMES:
        raise ValueError(f"{what}: theme={theme!r} is none of {', '.join(THEMES)}")
    return str(theme)


def slide_dpi(inches: float) -> float:
    """Return the dots an inch at which a picture so wide is sharp on a slide."""
    return max(_DPI, SLIDE / inches)


def blank(size: tuple[float, float]) -> Canvas:
    """Return an empty matplotlib figure on white paper; ImportError that says what to install."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure as Canvas
    except ImportError as error:
        raise ImportError(
            'charts are drawn by matplotlib, which is not installed; pip install "tinygrad-edu[plot]"'
        ) from error
    canvas = Canvas(figsize=size, facecolor=LIGHT.background, layout="constrained")
    FigureCanvasAgg(canvas)
    return canvas


def dress(axes: Axes, *, title: str = "", x: str = "", y: str = "") -> Axes:
    """Give axes the project's look, whatever the user's style sheet says, and titles; return them."""
    from cycler import cycler

    axes.set_facecolor(LIGHT.background)
    axes.set_prop_cycle(cycler(color=COLOURS, linestyle=_DASHES) + cycler(linewidth=[2.0] * len(COLOURS)))
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(LIGHT.faint)
        spine.set_linewidth(0.8)
    axes.tick_params(which="both", colors=LIGHT.faint, labelcolor=LIGHT.text, labelsize=10, width=0.8)
    axes.grid(visible=True, which="major", color=GRID, linewidth=0.8, linestyle="-")
    axes.set_axisbelow(True)
    axes.set_title(figure_text(title), fontsize=11.5, color=LIGHT.text, loc="left")
    axes.set_xlabel(figure_text(x), fontsize=10.5, color=LIGHT.text)
    axes.set_ylabel(figure_text(y), fontsize=10.5, color=LIGHT.text)
    return axes


def figure_text(text: str, limit: int = 60) -> str:
    """Return text from users for matplotlib: on one line, cut to ``limit``, and never read as a formula."""
    return plain_text(text, limit).replace("$", r"\$")


@contextmanager
def rendering() -> Iterator[None]:
    """Write the same bytes for the same chart, and no warning about a letter that the font has not (a box is drawn)."""
    import matplotlib

    with warnings.catch_warnings(), matplotlib.rc_context({"svg.hashsalt": "tinygrad-edu", "svg.fonttype": "path"}):
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def finished(svg: str, title: str, description: str) -> str:
    """Return the SVG element alone, with a title and description, its style sheet kept to itself, scaling in a page."""
    said = html.escape(": ".join(plain_text(part, 2000) for part in (title, description) if part))
    body = re.sub(r"\s*<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.S)
    body = body.replace('<style type="text/css">*{', '<style type="text/css">.tinygrad-edu-figure *{')
    frame = 'class="tinygrad-edu-figure" role="img" style="max-width:100%;height:auto"'
    return re.sub(r"<svg ([^>]*)>", rf'<svg {frame} aria-label="{as_literal(said)}" \1>', body, count=1).strip()


def as_literal(text: str) -> str:
    """Return text for the replacement of a regular expression."""
    return text.replace("\\", r"\\")


def legend(axes: Axes, **options: Any) -> None:
    """Say what the lines of some axes are; options as ``Axes.legend``."""
    look: dict[str, Any] = {"fontsize": 10, "labelcolor": LIGHT.text, "facecolor": LIGHT.background, "framealpha": 0.9}
    axes.legend(**{**look, "edgecolor": GRID, **options})
