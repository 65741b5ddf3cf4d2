"""A chart's dark twin: drawn for white paper, then every colour of the project's exchanged for its dark counterpart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from viz.style.theme import DARK, LIGHT

__all__ = ["COLOURS", "DARK_COLOURS", "DARK_GRID", "GRID", "darken"]

# Dark enough for a line on white paper (3:1), apart for colour-blind eyes; dash and marker tell them apart in print.
COLOURS = ("#1f5fbf", "#c45400", "#00806b", "#8e3a80", "#8a6100", "#5f6368")
DARK_COLOURS = ("#7db2ff", "#ff9d57", "#3fcf9f", "#f08cc0", "#e0c24a", "#a8adb5")
GRID, DARK_GRID = "#e3e5e8", "#343840"
_ROLES = ("background", "text", "faint", "forward", "backward")
_PAIRS = {
    **{
        getattr(style, part): getattr(DARK.kinds[kind], part)
        for kind, style in LIGHT.kinds.items()
        for part in ("fill", "line", "text")
    },
    "#000000": DARK.text,  # what matplotlib takes unless told
    **dict(zip(COLOURS, DARK_COLOURS)),
    **{getattr(LIGHT, role): getattr(DARK, role) for role in _ROLES},
    GRID: DARK_GRID,
}


def darken(canvas: Any) -> None:
    """Exchange the colours of a matplotlib figure; what is dark already, images and a user's own colours stay."""
    from matplotlib.collections import Collection
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from matplotlib.text import Text

    for axes in canvas.findobj(lambda artist: hasattr(artist, "tick_params")):
        if axes.axison:
            axes.tick_params(which="both", color=DARK.faint, labelcolor=DARK.text, grid_color=DARK_GRID)
    for artist in canvas.findobj():
        if isinstance(artist, Text):
            artist.set_color(dark_of(artist.get_color()))
            darken_patch(artist.get_bbox_patch())
        elif isinstance(artist, Line2D):
            artist.set_color(dark_of(artist.get_color()))
            artist.set_markerfacecolor(dark_of(artist.get_markerfacecolor()))
            artist.set_markeredgecolor(dark_of(artist.get_markeredgecolor()))
        elif isinstance(artist, Patch):
            darken_patch(artist)
        elif isinstance(artist, Collection) and artist.get_array() is None:
            artist.set_facecolor([dark_of(colour) for colour in artist.get_facecolor()])
            artist.set_edgecolor([dark_of(colour) for colour in artist.get_edgecolor()])


def darken_patch(patch: Any) -> None:
    """Exchange the colours of a shape."""
    if patch is not None:
        patch.set_facecolor(dark_of(patch.get_facecolor()))
        patch.set_edgecolor(dark_of(patch.get_edgecolor()))


def dark_of(colour: Any) -> Any:
    """Return the dark counterpart of a colour, with its transparency; the colour itself where it has none."""
    from matplotlib.colors import to_hex, to_rgb, to_rgba

    if isinstance(colour, str) and colour in ("auto", "none"):
        return colour
    found = _PAIRS.get(to_hex(colour))
    alpha = to_rgba(colour)[3]
    if found is None or alpha == 0:
        return colour
    rgb: Sequence[float] = to_rgb(found)
    return (*rgb, alpha)
