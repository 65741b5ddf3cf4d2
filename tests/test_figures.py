"""Charts: written whole by suffix, shown in a notebook, harmless to the page, without pyplot; and what they show."""

from __future__ import annotations

import math
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from test_theme import AA_LINES, contrast

import tinygrad_edu as tg
import viz
from tinygrad_edu import nn
from tinygrad_edu.inspection import init_lab
from viz.figures.figure import COLOURS, Figure, dress, figure_text, legend
from viz.figures.flow import log_limits

pytest.importorskip("matplotlib")
STARTS = {".svg": b"<svg ", ".png": b"\x89PNG", ".pdf": b"%PDF", ".PNG": b"\x89PNG"}
HOSTILE = ["$x_1$", r"a\$b", "<b>&amp;", "two\nlines", "😀", "漢字", "$", "$$", r"\frac", "x" * 300, "", "\x00\x1b"]


def chart(title="Loss", description="Loss by epoch."):
    figure = Figure(title=title, description=description)
    (axes,) = figure.axes()
    dress(axes, title="training", x="epoch", y="loss")
    axes.plot([1, 2, 3], [3.0, 2.0, 1.5], label="loss")
    legend(axes)
    return figure


def texts(figure):
    from matplotlib.text import Text

    return [text.get_text() for text in figure.canvas.findobj(Text)]


def model():
    return nn.Sequential(nn.Linear(4, 6, rng=0), nn.ReLU(), nn.Linear(6, 3, rng=1))


@pytest.fixture
def x(rng):
    return rng.standard_normal((8, 4)).astype(np.float32)


# The figure itself


@pytest.mark.parametrize("suffix", STARTS)
def test_the_suffix_says_what_is_written_and_an_old_file_is_replaced(suffix, tmp_path):
    path = tmp_path / f"chart{suffix}"
    path.write_text("old" * 100_000)
    assert chart().save(str(path)) == path
    assert path.read_bytes().startswith(STARTS[suffix])
    assert b"old" not in path.read_bytes()[-100:]
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_another_suffix_is_refused_and_writes_nothing(tmp_path):
    with pytest.raises(ValueError, match=r"suffix '.jpg' of chart.jpg is none of .svg, .png, .pdf"):
        chart().save(tmp_path / "chart.jpg")
    assert list(tmp_path.iterdir()) == []


def test_the_same_chart_is_the_same_bytes():
    assert chart().svg() == chart().svg()
    assert chart().png() == chart().png()
    assert chart().pdf() == chart().pdf()


def test_the_svg_is_an_element_for_a_page_and_says_what_it_shows():
    root = ElementTree.fromstring(chart("A & <B>", 'falls "fast"').svg())
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == 'A & <B>: falls "fast"'
    text = chart().svg()
    assert "<metadata>" not in text
    assert ">*{" not in text  # no rule for the whole page
    assert ".tinygrad-edu-figure *{" in text
    assert "DOCTYPE" not in text


def test_it_shows_itself_as_svg_png_and_text():
    bundle = chart()._repr_mimebundle_()
    assert set(bundle) == {"image/svg+xml", "image/png", "text/plain"}
    assert bundle["text/plain"] == "Loss by epoch."
    assert set(chart()._repr_mimebundle_(include={"image/png"})) == {"image/png", "text/plain"}
    assert set(chart()._repr_mimebundle_(exclude={"image/png"})) == {"image/svg+xml", "text/plain"}


def test_display_never_raises():
    figure = chart()
    figure.canvas.text(0.5, 0.5, "$\\frac$")  # a formula that matplotlib can't read
    bundle = figure._repr_mimebundle_()
    assert set(bundle) == {"text/plain"}
    assert "Loss by epoch." in bundle["text/plain"]
    with pytest.raises(ValueError, match="frac"):
        figure.png()


@pytest.mark.parametrize("name", HOSTILE)
def test_text_of_users_is_never_a_formula(name):
    from matplotlib.text import Text

    shown = Text(0, 0, figure_text(name))
    assert shown._preprocess_math(shown.get_text())[1] is False
    figure = chart(title=name)
    dress(figure.canvas.axes[0], title=name, x=name, y=name)
    ElementTree.fromstring(figure.svg())
    assert figure.png().startswith(b"\x89PNG")


def test_lines_can_be_seen_on_the_paper():
    assert all(contrast(colour, "#ffffff") >= AA_LINES for colour in COLOURS)
    assert len(set(COLOURS)) == len(COLOURS)


def test_a_users_style_sheet_does_not_make_it_unreadable():
    import matplotlib

    with matplotlib.rc_context({"text.color": "white", "axes.facecolor": "black", "axes.labelcolor": "white"}):
        figure = chart()
    axes = figure.canvas.axes[0]
    assert matplotlib.colors.to_hex(axes.get_facecolor()) == "#ffffff"
    for text in (axes.xaxis.label, axes.yaxis.label, axes.get_legend().get_texts()[0]):
        assert contrast(matplotlib.colors.to_hex(text.get_color()), "#ffffff") > 4.5


NO_PYPLOT = """
import sys, viz
assert not any(name.startswith("matplotlib") for name in sys.modules), "import viz loads matplotlib"
from viz.figures.figure import Figure
import matplotlib
settings = ("svg.hashsalt", "svg.fonttype", "font.size", "axes.facecolor")
before = [matplotlib.rcParams[name] for name in settings]
Figure(description="x").png()
assert "matplotlib.pyplot" not in sys.modules
assert [matplotlib.rcParams[name] for name in settings] == before
"""
WITHOUT = """
import sys
sys.modules["matplotlib"] = None
import viz
try:
    viz.Figure(description="x")
except ImportError as error:
    print(error)
"""


def test_neither_pyplot_nor_its_settings_are_touched():
    subprocess.run([sys.executable, "-W", "error", "-c", NO_PYPLOT], check=True)


def test_without_matplotlib_it_says_what_to_install():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True)
    assert 'pip install "tinygrad-edu[plot]"' in done.stdout


# The flow through a model


def test_without_a_loss_the_gradients_held_are_drawn(x):
    net = model()
    net(x).sum().backward()
    net[0].bias.grad = None
    figure = viz.gradient_flow(net)
    shown = texts(figure)
    for path, _ in net.named_parameters():
        assert path in shown
    assert shown.count("no gradient") == 1
    assert "1 have no gradient" in figure.description
    (axes,) = figure.canvas.axes
    assert axes.get_xscale() == "log"
    sizes = axes.collections[1].get_offsets()[:, 0]
    want = [math.sqrt((p.grad.data.astype(float) ** 2).mean()) for _, p in net.named_parameters() if p.grad is not None]
    np.testing.assert_allclose(sizes, want, rtol=1e-6)


def test_the_legend_shows_what_a_hollow_mark_is(x):
    net = model()
    net(x).sum().backward()
    figure = viz.gradient_flow(net)
    *_, hollow = figure.canvas.legends[0].legend_handles
    assert (hollow.get_marker(), hollow.get_markerfacecolor()) == ("o", "#ffffff")


def test_with_a_loss_activations_too_and_nothing_is_touched(x):
    net = model()
    figure = viz.gradient_flow(net, loss=net(x).sum())
    assert all(p.grad is None for p in net.parameters())
    assert {"0 → relu", "2", "activation", "gradient", "off"} <= set(texts(figure))
    assert "2 layers" in figure.description
    assert viz.gradient_flow(net, loss=net(x), gradient=np.ones((8, 3))).png().startswith(b"\x89PNG")


def test_zero_gradients_are_said_and_not_lost_on_the_logarithm(x):
    net = model()
    (net(x) * 0.0).sum().backward()
    assert texts(viz.gradient_flow(net)).count("0") == 4


def test_no_gradient_at_all_says_what_to_do(x):
    with pytest.raises(ValueError, match=r"call loss.backward\(\) first, or pass the loss"):
        viz.gradient_flow(model())
    with pytest.raises(TypeError, match="wanted a module, got Tensor"):
        viz.gradient_flow(model()(x))


@pytest.mark.parametrize("layers", [1, 40])
def test_few_layers_and_many_can_be_drawn(layers, rng):
    net = nn.Sequential(*[nn.Linear(3, 3, rng=rng) for _ in range(layers)])
    loss = net(np.ones((2, 3), np.float32)).sum()
    assert viz.gradient_flow(net, loss=loss).png().startswith(b"\x89PNG")
    lab = init_lab(net, ["he"], np.ones((2, 3)), rng=0)
    assert viz.init_lab(lab).png().startswith(b"\x89PNG")


# The lab


def test_the_lab_has_a_panel_for_each_rule_with_its_verdict(x):
    rules = ["zeros", "normal 0.01", "he", "xavier"]
    lab = init_lab(model(), rules, x, rng=0)
    figure = viz.init_lab(lab)
    shown = " ".join(texts(figure))
    for result in lab.results:
        assert result.rule in shown
        assert result.verdict in shown
        assert f"{result.rule}: {result.verdict} ({result.reason})" in figure.description
    panels = [axes for axes in figure.canvas.axes if axes.get_yscale() == "log"]
    assert len(panels) == 4
    assert len({axes.get_ylim() for axes in panels}) == 1
    assert "hollow: 0" in texts(figure)


def test_points_of_the_lab_are_what_was_measured(x):
    lab = init_lab(model(), ["he"], x, rng=0)
    panel, strip = viz.init_lab(lab).canvas.axes
    found = [points.get_offsets()[:, 1] for points in panel.collections]
    for heights, name in zip(found, ("activation_std", "gradient_std")):
        np.testing.assert_allclose(heights, [getattr(row, name) for row in lab.rows], rtol=1e-6)
    theory = panel.lines[0].get_ydata()
    np.testing.assert_allclose(theory, [row.activation_std_theory for row in lab.rows], rtol=1e-6)
    np.testing.assert_allclose([bar.get_height() for bar in strip.patches], [row.off for row in lab.rows])


def test_what_is_infinite_or_no_number_can_be_drawn(rng):
    net = nn.Sequential(*[nn.Linear(50, 50, rng=0) for _ in range(6)])
    lab = init_lab(net, ["normal 1e10", "he"], rng.standard_normal((4, 50)), rng=0)
    assert not math.isfinite(lab.rows[5].activation_std)
    assert viz.init_lab(lab).png().startswith(b"\x89PNG")
    loss = net(np.full((2, 50), 1e38, np.float32)).sum()
    with np.errstate(all="ignore"):
        assert viz.gradient_flow(net, loss=loss).png().startswith(b"\x89PNG")


def test_a_scale_holds_all_values_and_at_least_one_power_of_ten():
    low, high = log_limits([0.0, 0.3, 0.4, math.nan, math.inf])
    assert low <= 0.1 < 1 <= high
    low, high = log_limits([1e-300, 1.0])
    assert low > 1e-20
    assert log_limits([]) == log_limits([0.0])


def test_layers_may_have_any_name(x):
    class Odd(nn.Module):
        def __init__(self):
            setattr(self, "$x$ <&> 漢", nn.Linear(4, 3, rng=0))

        def forward(self, x):
            return getattr(self, "$x$ <&> 漢")(x)

    net = Odd()
    ElementTree.fromstring(viz.gradient_flow(net, loss=net(x).sum()).svg())
    ElementTree.fromstring(viz.init_lab(init_lab(net, "he", tg.Tensor(x), rng=0)).svg())
