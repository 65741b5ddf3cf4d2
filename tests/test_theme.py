"""Colours: text can be read on what it stands on (WCAG AA), in light, in dark, and where the two meet."""

from __future__ import annotations

import itertools
import re

import pytest

import viz
from tinygrad_edu.models import example
from viz.style.theme import DARK_TEXT, LEGEND, PALETTES, dark_css, heat_colour, size_colour

AA, AA_LINES = 4.5, 3.0
both = pytest.mark.parametrize("name", PALETTES)


def brightness(colour):
    """Relative luminance, WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one, other):
    dim, bright = sorted((brightness(one), brightness(other)))
    return (bright + 0.05) / (dim + 0.05)


def test_the_measure_itself():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@both
def test_text_can_be_read_in_every_box(name):
    palette = PALETTES[name]
    for kind, style in palette.kinds.items():
        for ink in (style.text, palette.faint, palette.backward, palette.failed):
            assert contrast(ink, style.fill) >= AA, (kind, ink)


@both
def test_text_and_arrows_can_be_seen_on_the_paper(name):
    palette = PALETTES[name]
    for ink in (palette.text, palette.faint, palette.forward, palette.backward, palette.failed):
        assert contrast(ink, palette.background) >= AA
    for kind, style in palette.kinds.items():
        assert contrast(style.line, palette.background) >= AA_LINES, kind


def test_dark_text_can_be_read_on_every_size_of_gradient():
    assert all(contrast(DARK_TEXT, size_colour(power / 4)) >= AA for power in range(-48, 9))
    assert size_colour(-20) == size_colour(-8)
    assert size_colour(3) == size_colour(0)


def test_sizes_get_darker_step_by_step():
    scale = [brightness(size_colour(power)) for power in range(-8, 1)]
    assert scale == sorted(scale, reverse=True)
    assert len(set(scale)) == len(scale)


@pytest.mark.parametrize(("value", "colour"), [
    (0.0, "#fefefe"), (2.0, "#c45400"), (-2.0, "#1454b4"), (5.0, "#c45400"), (float("inf"), "#c45400"),
    (float("-inf"), "#1454b4"), (float("nan"), "#ff00ff"),
])  # fmt: skip
def test_heat(value, colour):
    assert heat_colour(value, 2.0) == colour


def test_heat_of_zeros_is_white():
    assert heat_colour(0.0, 0.0) == "#fefefe"
    assert heat_colour(0.0, float("nan")) == "#fefefe"


def test_kinds_are_the_same_in_both():
    assert set(PALETTES["light"].kinds) == set(PALETTES["dark"].kinds) == set(LEGEND)
    for kind in LEGEND:
        light, dark = (PALETTES[name].kinds[kind] for name in PALETTES)
        assert (light.shape, light.pattern, light.width, light.peripheries) == (
            dark.shape, dark.pattern, dark.width, dark.peripheries,
        )  # fmt: skip


# The light picture turned dark by CSS is the dark picture


def turned(source):
    """Replace every colour of the light picture as the CSS would."""
    pairs = {
        re.search("#[0-9a-f]{6}", selector).group(): re.search("#[0-9a-f]{6}", declaration).group()
        for selector, declaration in dark_css().items()
    }
    return re.sub("#[0-9a-f]{6}", lambda found: pairs.get(found.group(), found.group()), source)


@pytest.mark.parametrize(("level", "options"), [
    (level, options)
    for level, options in itertools.product(
        ("module", "op", "scalar"),
        ({}, {"backward": True}, {"color_by": "grad"}, {"show": ("value", "image", "grad")}, {"dead": True}),
    )
])  # fmt: skip
def test_css_makes_of_the_light_picture_the_dark_one(level, options):
    output = example("two_layer_net")[0]
    light = viz.draw(output, level, theme="light", **options).source
    assert turned(light) == viz.draw(output, level, theme="dark", **options).source


def test_no_colour_of_the_light_picture_has_two_dark_ones():
    light, dark = PALETTES["light"], PALETTES["dark"]
    pairs = {
        (getattr(light, role), getattr(dark, role))
        for role in ("background", "text", "faint", "forward", "backward", "failed")
    }
    for kind, style in light.kinds.items():
        other = dark.kinds[kind]
        pairs |= {(style.fill, other.fill), (style.line, other.line), (style.text, other.text)}
    assert len({bright for bright, _ in pairs}) == len(pairs)
