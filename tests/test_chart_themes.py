"""Every chart is to be had dark: on the dark palette's paper, in colours that are seen there, and light as ever."""

from __future__ import annotations

import inspect
import io

import numpy as np
import pytest

pytest.importorskip("matplotlib")
from matplotlib.colors import to_hex, to_rgb
from matplotlib.image import imread
from matplotlib.text import Text

import tinygrad_edu as tg
import viz
from tinygrad_edu import nn
from tinygrad_edu.inspection import init_lab
from tinygrad_edu.labs import Lab, Series
from viz.figures.dark import _PAIRS, COLOURS, DARK_COLOURS, darken
from viz.style.theme import DARK, LIGHT

IMAGE = np.linspace(0, 1, 36, dtype=np.float32).reshape(1, 6, 6)
COUNTS = np.array([[40, 2, 0], [9, 30, 1], [0, 0, 12]])


def net():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(32, 3))


def trained():
    model = net()
    tg.functional.cross_entropy(model(IMAGE[None]), np.array([1])).backward()
    return model


def flow(**how):
    model = net()
    return viz.gradient_flow(model, tg.functional.cross_entropy(model(IMAGE[None]), np.array([1])), **how)


def result(*lengths):
    series = tuple([Series(str(n), tuple(np.linspace(2.0, 1.0, n))) for n in lengths])
    return Lab("name", "What?", "loss", series, (), (), "That.", False)


CHARTS = {
    "curves": lambda **how: viz.curves({"loss": [2.0, 1.0], "accuracy": [0.5, 0.6]}, **how),
    "confusion": lambda **how: viz.confusion(COUNTS, **how),
    "mistakes": lambda **how: viz.mistakes(IMAGE[None], [0], [1], np.array([[0.3, 0.7]]), **how),
    "init_lab": lambda **how: viz.init_lab(init_lab(net(), ["he", "zeros"], IMAGE[None], rng=0), **how),
    "gradient_flow": flow,
    "gradient_flow after backward": lambda **how: viz.gradient_flow(trained(), **how),
    "lab": lambda **how: viz.lab(result(3, 3), **how),
    "lab of bars": lambda **how: viz.lab(result(1, 1), **how),
    "filters": lambda **how: viz.filters(net(), **how),
    "feature_maps": lambda **how: viz.feature_maps(net(), IMAGE, **how),
    "maximize": lambda **how: viz.maximize(net(), steps=2, size=(1, 6, 6), **how),
    "gallery": lambda **how: viz.gallery(net(), units=[0, 1], steps=2, size=(1, 6, 6), **how),
    "saliency": lambda **how: viz.saliency(net(), IMAGE, **how),
    "grad_cam": lambda **how: viz.grad_cam(net(), IMAGE, **how),
    "occlusion": lambda **how: viz.occlusion(net(), IMAGE, stride=3, **how),
    "receptive_field": lambda **how: viz.receptive_field(net(), "0", size=(1, 6, 6), **how),
    "activation": lambda **how: viz.activation("relu", **how),
}


def luminance(colour):
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one, other):
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", CHARTS)
def test_a_dark_chart_is_on_dark_paper_and_its_words_are_read(name):
    shown = CHARTS[name](theme="dark")
    figure = getattr(shown, "figure", shown)
    pixels = imread(io.BytesIO(figure.png()))
    corners = [to_hex(pixels[y, x]) for y in (0, -1) for x in (0, -1)]
    assert corners == [DARK.background] * 4
    outside = [text for text in figure.canvas.findobj(Text) if text.get_text() and not on_a_fill(text)]
    assert outside
    for text in outside:
        assert contrast(text.get_color(), DARK.background) >= 4.5, text.get_text()


def on_a_fill(text):
    """Whether a text stands on a coloured cell, or is the dot of an empty one."""
    return text.axes is not None and text in text.axes.texts and bool(text.axes.images)


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_light_unless_told_and_only_by_name(name):
    function = getattr(viz, name.split()[0])
    theme = inspect.signature(function).parameters["theme"]
    assert (theme.kind, theme.default) == (inspect.Parameter.KEYWORD_ONLY, "light")
    figure = getattr(CHARTS[name](), "figure", CHARTS[name]())
    assert to_hex(imread(io.BytesIO(figure.png()))[0, 0]) == LIGHT.background


@pytest.mark.parametrize("name", CHARTS)
def test_another_theme_is_refused_by_name(name):
    with pytest.raises(ValueError, match=f"{name.split()[0]}: theme='blue' is none of light, dark"):
        CHARTS[name](theme="blue")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_counts_are_read_on_their_cells(theme):
    figure = viz.confusion(COUNTS, theme=theme)
    figure.png()
    (axes,) = figure.canvas.axes
    cells = axes.images[0].get_array()
    written = [text for text in axes.texts if text.get_text().isdigit()]
    assert len(written) == np.count_nonzero(COUNTS)
    for text in written:
        column, row = text.get_position()
        assert contrast(text.get_color(), cells[row, column]) >= 4, text.get_text()


def test_dark_lines_are_seen_and_told_apart():
    assert len(set(DARK_COLOURS)) == len(COLOURS)
    assert all(contrast(colour, DARK.background) >= 4.5 for colour in DARK_COLOURS)


def test_no_colour_is_exchanged_twice():
    assert not set(_PAIRS) & {dark for light, dark in _PAIRS.items() if light != dark}


def test_the_number_at_an_end_is_not_crossed_by_the_line_through_0():
    (said,) = [text for text in viz.activation("gelu").figure.canvas.axes[0].texts if text.get_text() == "−0.17"]
    assert to_hex(said.get_bbox_patch().get_facecolor()) == LIGHT.background


def test_colours_of_a_user_stay_and_a_chart_can_be_written_twice():
    figure = viz.curves({"loss": [2.0, 1.0]}, theme="dark")
    (line,) = figure.canvas.axes[0].plot([1, 2], [1, 2], color="#123456", alpha=0.5)
    first = figure.svg()
    assert line.get_color() == "#123456"
    assert figure.svg() == first
    darken(figure.canvas)
    assert figure.svg() == first
