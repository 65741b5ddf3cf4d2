"""Colours and shapes: one table for every picture, in light and in dark, with AA contrast and print in mind."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "DARK_TEXT", "KINDS", "LEGEND", "NAN_COLOUR", "NAN_PALE", "NAN_PALEST", "PALETTES", "ROUTES", "Palette", "Style",
    "dark_css", "heat_colour", "size_colour",
]  # fmt: skip


@dataclass(frozen=True)
class Style:
    """How one kind of node is drawn: fill, line and text colour, the shape, and the pattern of its line."""

    fill: str
    line: str
    text: str
    shape: str
    pattern: str = ""
    width: float = 1.2
    peripheries: int = 1


@dataclass(frozen=True)
class Palette:
    """The colours of a picture."""

    background: str
    text: str
    faint: str
    forward: str
    backward: str
    failed: str
    kinds: dict[str, Style]


LEGEND = {
    "parameter": "parameter: a leaf that gets a gradient",
    "input": "input: data, no gradient",
    "constant": "constant",
    "op": "operation and its result",
    "composite": "function of several operations",
    "module": "module (layer)",
    "output": "output",
    "intermediate": "one of several results",
    "failed": "the operation that failed",
}

LIGHT = Palette(
    background="#ffffff",
    text="#1a1a1a",
    faint="#5f6368",
    forward="#3c4043",
    backward="#b3261e",
    failed="#b3261e",
    kinds={
        "parameter": Style("#dcebff", "#1f5fbf", "#0b2e66", "box", "rounded"),
        "input": Style("#e2f3e0", "#2c7a33", "#123d17", "note"),
        "constant": Style("#f4f4f4", "#777777", "#333333", "box", "dotted"),
        "intermediate": Style("#fdfdfd", "#8a8f98", "#1a1a1a", "box"),
        "output": Style("#fff0d1", "#a86400", "#4d2e00", "box", "bold", 2.4),
        "op": Style("#efe6fa", "#6b3fa0", "#361a5c", "box", "rounded"),
        "composite": Style("#f3e8f7", "#7a3b8f", "#41184f", "box", "rounded", peripheries=2),
        "module": Style("#e3eef0", "#1d6a75", "#0c363c", "component", "", 1.6),
        "failed": Style("#fde7e5", "#b3261e", "#7a1610", "box", "bold", 2.4, 2),
    },
)

DARK = Palette(
    background="#16181d",
    text="#e8eaed",
    faint="#a8adb5",
    forward="#c4c8ce",
    backward="#ff8a80",
    failed="#ff8a80",
    kinds={
        "parameter": Style("#12305c", "#7db2ff", "#dbe9ff", "box", "rounded"),
        "input": Style("#163a1b", "#7ccf84", "#dcf5de", "note"),
        "constant": Style("#2a2d33", "#9aa0a6", "#e0e0e0", "box", "dotted"),
        "intermediate": Style("#1f2228", "#9aa0a6", "#e8eaed", "box"),
        "output": Style("#4a3000", "#ffc266", "#ffe9c7", "box", "bold", 2.4),
        "op": Style("#33204d", "#c3a1f0", "#efe3ff", "box", "rounded"),
        "composite": Style("#3a1f45", "#d3a4e6", "#f5e3fb", "box", "rounded", peripheries=2),
        "module": Style("#12353a", "#7fcfda", "#d8f4f7", "component", "", 1.6),
        "failed": Style("#4d1512", "#ff8a80", "#ffdad6", "box", "bold", 2.4, 2),
    },
)

PALETTES = {"light": LIGHT, "dark": DARK}
KINDS = tuple(LEGEND)
# Paths over a graph: colours that people with colour-blindness tell apart too (Wong 2011, darkened), each with a dash.
ROUTES = {
    "light": (
        ("#0060a8", "solid"), ("#b34700", "dashed"), ("#00734f", "dotted"), ("#a8326f", "solid"), ("#7a5c00", "dashed"),
        ("#5b3fd0", "dotted"),
    ),
    "dark": (
        ("#6bb8f5", "solid"), ("#ff9d57", "dashed"), ("#3fcf9f", "dotted"), ("#f08cc0", "solid"), ("#e0c24a", "dashed"),
        ("#b3a1ff", "dotted"),
    ),
}  # fmt: skip
DARK_TEXT = "#111111"  # on fills that are the same in light and dark
NAN_COLOUR, NAN_PALE, NAN_PALEST = "#ff00ff", "#ff99ff", "#ffd9ff"  # where it starts, has come to, flows back to


def dark_css(light: Palette = LIGHT, dark: Palette = DARK) -> dict[str, str]:
    """Return CSS declarations by selector that turn every colour of the light picture into its dark counterpart."""
    pairs = [
        (getattr(light, role), getattr(dark, role)) for role in ("background", "text", "faint", "forward", "backward")
    ]
    for kind, style in light.kinds.items():
        other = dark.kinds[kind]
        pairs += [(style.fill, other.fill), (style.line, other.line), (style.text, other.text)]
    pairs += [(bright, dim) for (bright, _), (dim, _) in zip(ROUTES["light"], ROUTES["dark"])]
    rules = {}
    for bright, dim in dict(pairs).items():
        rules[f'[fill="{bright}"]'] = f"fill:{dim}"
        rules[f'[stroke="{bright}"]'] = f"stroke:{dim}"
    return rules


def heat_colour(value: float, largest: float) -> str:
    """Return a colour for a number: blue below 0, white at 0, orange above, by its share of the largest size."""
    if value != value:
        return NAN_COLOUR
    share = max(-1.0, min(1.0, value / largest if largest > 0 else 0.0))
    end = (196, 84, 0) if share > 0 else (20, 84, 180)
    white = 254  # not the paper's 255, which turns dark on a dark page
    return "#" + "".join(f"{round(white + (c - white) * abs(share)):02x}" for c in end)


def size_colour(exponent: float) -> str:
    """Return a colour for a gradient's size by its logarithm to base 10: pale at 1e-8, orange at 1."""
    share = max(0.0, min(1.0, (exponent + 8) / 8))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip((255, 249, 219), (217, 95, 14)))
