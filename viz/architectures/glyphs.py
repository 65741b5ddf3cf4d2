"""How each kind of layer looks: a shape of its own, and a colour in light and dark."""

from __future__ import annotations

from dataclasses import dataclass

from viz.style.theme import DARK, LIGHT

__all__ = ["GLYPHS", "Glyph", "Look", "dark_rules", "look"]


@dataclass(frozen=True)
class Glyph:
    """A shape of Graphviz, its line's pattern, and (fill, line, text) in light and in dark."""

    shape: str
    light: tuple[str, str, str]
    dark: tuple[str, str, str]
    pattern: str = ""
    width: float = 1.2
    skew: float = 0.0  # of a polygon
    distortion: float = 0.0  # of a polygon: above 0 it is narrower below

    @property
    def more(self) -> dict[str, str]:
        """What else Graphviz is to know of the shape."""
        return (
            {"sides": "4", "distortion": f"{self.distortion:g}", "skew": f"{self.skew:g}"}
            if self.shape == "polygon"
            else {}
        )


_GREY = ("#f1f2f4", "#6d737c", "#2b2e33"), ("#2a2d33", "#9aa0a7", "#dfe1e4")
GLYPHS = {
    "input": Glyph("note", ("#e2f3e0", "#2c7a33", "#123d17"), ("#163a1b", "#7ccf84", "#dcf5de")),
    "entry": Glyph("note", ("#e2f3e0", "#2c7a33", "#123d17"), ("#163a1b", "#7ccf84", "#dcf5de")),
    "convolution": Glyph("box3d", ("#dcebff", "#1f5fbf", "#0b2e66"), ("#12305c", "#7db2ff", "#dbe9ff")),
    "pooling": Glyph("polygon", ("#fbdfe3", "#a8324a", "#5c1222"), ("#4d1a26", "#f090a3", "#ffdde3"), distortion=0.2),
    "dense": Glyph("hexagon", ("#efe6fa", "#6b3fa0", "#361a5c"), ("#33204d", "#c3a1f0", "#efe3ff")),
    "addition": Glyph("circle", ("#fff0d1", "#a86400", "#4d2e00"), ("#4a3000", "#ffc266", "#ffe9c7"), "", 2.0),
    "concatenation": Glyph(
        "polygon", ("#d5f1ec", "#10705f", "#06392f"), ("#0d3b33", "#5fd0bb", "#d3f7f0"), distortion=-0.3
    ),
    "normalisation": Glyph("polygon", ("#f6efc0", "#7a6400", "#3f3400"), ("#3d3405", "#d9c14a", "#faf3c8"), skew=0.2),
    "activation": Glyph("ellipse", ("#ffe3cf", "#b34700", "#5c2400"), ("#4d2508", "#ff9d57", "#ffe6d3")),
    "arrangement": Glyph("box", *_GREY, "dotted"),
    "dropout": Glyph("box", *_GREY, "dashed"),
    "arithmetic": Glyph("box", *_GREY, "rounded"),
    "block": Glyph("component", ("#e3eef0", "#1d6a75", "#0c363c"), ("#12353a", "#7fcfda", "#d8f4f7"), "", 1.6),
    "more": Glyph("box", ("#fdfdfc", "#5f6369", "#1a1a1c"), ("#1f2229", "#a8adb4", "#e8eaee"), "dashed"),
    "output": Glyph("box", ("#fdfdfc", "#3c4044", "#1a1a1c"), ("#1f2229", "#c4c8cd", "#e8eaee"), "bold", 2.0),
    "op": Glyph("box", ("#efe6fb", "#6b3fa1", "#361a5d"), ("#33204e", "#c3a1f1", "#efe3fe"), "rounded"),
    "parameter": Glyph("cylinder", ("#dcebfe", "#1f5fc0", "#0b2e67"), ("#12305d", "#7db2fe", "#dbe9fe")),
    "statistic": Glyph("cylinder", *_GREY, "dotted"),
}


@dataclass(frozen=True)
class Look:
    """Colours of a drawing's ground, text and lines."""

    background: str
    text: str
    faint: str
    line: str
    dark: bool


_LOOKS = {
    "light": Look(LIGHT.background, LIGHT.text, LIGHT.faint, LIGHT.forward, False),
    "dark": Look(DARK.background, DARK.text, DARK.faint, DARK.forward, True),
}


def look(theme: str) -> Look:
    """Return the colours of a theme; ``auto`` is drawn light, and ``dark_rules`` turn it."""
    return _LOOKS["dark" if theme == "dark" else "light"]


def dark_rules() -> dict[str, str]:
    """Return CSS declarations by selector that turn a light drawing dark."""
    light, dark = _LOOKS["light"], _LOOKS["dark"]
    pairs = [(getattr(light, role), getattr(dark, role)) for role in ("background", "text", "faint", "line")]
    pairs += [pair for glyph in GLYPHS.values() for pair in zip(glyph.light, glyph.dark)]
    found = dict(pairs)
    rules = {f'[fill="{bright}"]': f"fill:{dim}" for bright, dim in found.items()}
    return rules | {f'[stroke="{bright}"]': f"stroke:{dim}" for bright, dim in found.items()}
