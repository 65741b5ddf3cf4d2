"""Convolution arithmetic: sizes, windows, sums and gradients are the engine's; bad settings are refused first."""

from __future__ import annotations

import io
import itertools
import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import functional as F
from tinygrad_edu import nn
from viz.convolution import conv_arithmetic
from viz.convolution.sums import cell_number, sum_lines
from viz.style.theme import heat_colour

SETTINGS = [
    {},
    {"input": 6, "stride": 2},
    {"input": (5, 8), "kernel": (2, 3), "stride": (2, 3), "padding": (1, 0)},
    {"input": 7, "dilation": 2, "padding": 2, "stride": 2},
    {"input": 5, "padding": "same"},
    {"input": 6, "padding": ((0, 1), (2, 0)), "kernel": 2},
    {"input": 4, "in_channels": 2, "out_channels": 3},
    {"input": 4, "in_channels": 4, "out_channels": 2, "groups": 2},
    {"input": 3, "groups": 3, "kernel": 1},
    {"input": (9,), "kernel": 3, "stride": 2, "padding": 1},
    {"input": (9,), "kernel": (2,), "dilation": 3, "in_channels": 2},
    {"input": 3, "transposed": True},
    {"input": 3, "transposed": True, "stride": 2, "padding": 1, "output_padding": 1},
    {"input": (2, 4), "kernel": (3, 2), "transposed": True, "stride": (3, 2), "output_padding": (2, 0)},
    {"input": 6, "transposed": True, "padding": 3, "kernel": 3},
    {"input": 3, "transposed": True, "dilation": 2, "stride": 2, "padding": 1},
    {"input": 3, "transposed": True, "groups": 2, "in_channels": 4, "out_channels": 2, "stride": 2},
    {"input": (4,), "transposed": True, "stride": 2, "output_padding": 1},
]
each = pytest.mark.parametrize("setting", SETTINGS, ids=str)


def by_functional(shown, x, weight):
    """The output as ``tg.functional`` gives it from the arrays that the picture shows."""
    g, n = shown.geometry, shown.numbers
    axes = (g.rows, g.columns)
    way = {name: tuple(getattr(a, name) for a in axes) for name in ("stride", "dilation", "padding")}
    if g.transposed:
        extra = tuple(a.extra for a in axes)
        return F.conv_transpose2d(x, weight, n.bias, groups=g.groups, output_padding=extra, **way)
    return F.conv2d(x, weight, n.bias, groups=g.groups, **way)


@each
def test_the_highlighted_patch_times_the_kernel_is_the_highlighted_output(setting):
    shown = conv_arithmetic(**setting)
    n = shown.numbers
    y = by_functional(shown, n.x, n.weight).data
    assert y.shape == (shown.geometry.out_channels, *shown.geometry.output)
    for step in range(shown.geometry.steps):
        total = math.fsum(pixel * entry for _, pixel, entry in n.products(step))
        np.testing.assert_allclose(total, y.ravel()[step], rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(n.y, y)


@each
def test_gradients_of_the_steps_add_up_to_those_of_the_engine(setting, rng):
    plain = conv_arithmetic(**setting, backward=True)
    gradient = rng.standard_normal(plain.output_shape)
    shown = conv_arithmetic(**setting, backward=True, gradient=gradient)
    n, g = shown.numbers, shown.geometry
    x, w = tg.Tensor(n.x, requires_grad=True), tg.Tensor(n.weight, requires_grad=True)
    y = by_functional(shown, x, w)
    dx, dw = tg.grad(y, [x, w], gradient=gradient.reshape(y.shape))
    parts = [n.gradients(step, step) for step in range(g.steps)]
    np.testing.assert_allclose(sum(part[0] for part in parts), dx, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(sum(part[1] for part in parts), n.as_slid(dw.data), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(n.gradients(0, g.steps - 1)[0], dx, rtol=1e-12, atol=1e-14)


@each
def test_a_step_hands_its_gradient_to_the_places_that_it_read(setting):
    shown = conv_arithmetic(**setting)
    g, n = shown.geometry, shown.numbers
    step = g.steps // 2
    channel, row, column = g.place(step)
    dx, dw = np.zeros_like(n.x), np.zeros_like(n.slid)
    for at, source in enumerate(g.inputs_of(channel)):
        for a, i in enumerate(g.rows.taps(row)):
            for b, j in enumerate(g.columns.taps(column)):
                down, across = g.rows.field[i], g.columns.field[j]
                if min(down, across) >= 0:
                    dx[source, down, across] += n.slid[channel, at, a, b]
                    dw[channel, at, a, b] += n.x[source, down, across]
    np.testing.assert_array_equal(n.gradients(step, step)[0], dx)
    np.testing.assert_array_equal(n.gradients(step, step)[1], dw)


@pytest.mark.oracle
@each
def test_outputs_are_those_of_pytorch(setting):
    import torch

    shown = conv_arithmetic(**setting)
    g, n = shown.geometry, shown.numbers
    if any(a.padding[0] != a.padding[1] for a in (g.rows, g.columns)):
        pytest.skip("PyTorch has one padding for both sides")
    axes = (g.rows, g.columns)
    way = {"stride": tuple(a.stride for a in axes), "dilation": tuple(a.dilation for a in axes), "groups": g.groups}
    way["padding"] = tuple(a.padding[0] for a in axes)
    x, w = torch.from_numpy(n.x[None].copy()), torch.from_numpy(n.weight.copy())
    if g.transposed:
        y = torch.nn.functional.conv_transpose2d(x, w, output_padding=tuple(a.extra for a in axes), **way)
    else:
        y = torch.nn.functional.conv2d(x, w, **way)
    np.testing.assert_allclose(n.y, y[0].numpy(), rtol=1e-12)


@pytest.mark.parametrize(("setting", "words", "lost"), [
    ({}, "(5 − 3 + 2·0) / 1 + 1 = 3", ""),
    ({"input": 6, "stride": 2}, "⌊(6 − 3 + 2·0) / 2⌋ + 1 = 2",
     "1 row at the bottom and 1 column on the right are lost to the floor"),
    ({"input": (5, 8), "kernel": 2, "stride": (2, 3)}, "width: (8 − 2 + 2·0) / 3 + 1 = 3",
     "1 row at the bottom is lost"),
    ({"input": (9,), "stride": 3, "kernel": 2}, "length (W − F + 2P) / S + 1: ⌊(9 − 2 + 2·0) / 3⌋ + 1 = 3",
     "1 column on the right is lost"),
    ({"input": 7, "dilation": 2}, "F is (3 − 1)·2 + 1 = 5", ""),
    ({"input": 3, "transposed": True, "stride": 2, "padding": 1, "output_padding": 1},
     "(3 − 1)·2 + 3 − 2·1 + 1 = 6", ""),
    ({"input": 6, "padding": ((0, 1), (0, 1)), "kernel": 2}, "(6 − 2 + (0 + 1)) / 1 + 1 = 6", ""),
])  # fmt: skip
def test_the_size_is_reckoned_with_the_floor_and_what_it_loses(setting, words, lost):
    g = conv_arithmetic(**setting).geometry
    assert any(words in line for line in g.sizes), g.sizes
    assert g.losses.startswith(lost)
    assert bool(g.losses) == bool(lost)


def test_what_the_floor_loses_is_what_no_window_reads():
    for size in range(3, 12):
        for stride in range(1, 4):
            axis = conv_arithmetic(size, 3, stride).geometry.columns
            unread = [place for place in range(size) if place not in axis.read]
            assert unread == list(range(size - axis.lost, size))


@pytest.mark.parametrize(("setting", "error", "words"), [
    ({"input": 3, "kernel": 5}, ValueError, "(5, 5) is larger than the image, (3, 3); take a smaller kernel"),
    ({"input": 3, "kernel": 3, "dilation": 2, "padding": 0}, ValueError, "which covers (5, 5), is larger"),
    ({"input": (4,), "kernel": 5}, ValueError, "the kernel 5 is larger than the sequence, 4"),
    ({"stride": 0}, ValueError, "stride must be at least 1, got 0"),
    ({"padding": -1}, ValueError, "padding must be at least 0"),
    ({"input": 2.5}, TypeError, "input must be an integer or a pair"),
    ({"output_padding": 1}, ValueError, "is for a transposed convolution; pass transposed=True"),
    ({"transposed": True, "stride": 2, "output_padding": 2}, ValueError, "must be smaller than stride (2, 2) or"),
    ({"transposed": True, "input": 1, "kernel": 1, "padding": 1}, ValueError, "take less padding than 1"),
    ({"groups": 2, "in_channels": 3}, ValueError, "in_channels 3 can't be shared evenly by 2 groups"),
    ({"groups": 2, "in_channels": 2, "out_channels": 3}, ValueError, "out_channels 3 can't be shared evenly"),
    ({"input": 65}, ValueError, "at most 64 a side; the input with its zeros has 65×65"),
    ({"input": 64, "transposed": True, "stride": 2}, ValueError, "take a crop of the input"),
    ({"step": 9}, IndexError, "there are 9 steps, 0 to 8; got 9"),
    ({"theme": "blue"}, ValueError, "theme='blue' is none of auto, light, dark"),
    ({"transposed": 1}, TypeError, "transposed must be True or False"),
    ({"values": 3}, TypeError, "values must be a convolution layer, (layer, x)"),
    ({"values": (np.ones((2, 5, 5)), np.ones((1, 3, 3, 3)))}, ValueError, "expected 3 channels, got 2"),
    ({"values": (np.ones((5, 5)), np.ones((3, 3))), "kernel": 2}, ValueError, "kernel=2, but the values say (3, 3)"),
    ({"values": (np.ones((5, 5)), np.ones((3, 3)), np.ones(2))}, ValueError, "bias (2,) must hold one number"),
    ({"values": (np.ones((5, 5)), np.array([["a"]]))}, TypeError, "weight must hold numbers"),
    ({"values": (np.full((5, 5), np.nan), np.ones((3, 3)))}, ValueError, "x holds 25 numbers that are NaN or infinite"),
    ({"in_channels": 0}, ValueError, "in_channels must be at least 1"),
    ({"input": (7,), "kernel": (3, 3)}, ValueError, "kernel of a sequence must be one integer, got (3, 3)"),
    ({"gradient": np.ones((2, 2))}, ValueError, "gradient (2, 2) must have the shape of the output, (1, 3, 3)"),
])  # fmt: skip
def test_bad_settings_are_refused_with_the_remedy(setting, error, words):
    with pytest.raises(error, match=re.escape(words)):
        conv_arithmetic(**setting)


def test_a_live_layer_shows_its_own_numbers(rng):
    layer = nn.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=1, groups=2, rng=0, dtype=np.float64)
    x = rng.standard_normal((3, 2, 6, 5))
    shown = conv_arithmetic(values=(layer, x))
    np.testing.assert_allclose(shown.numbers.y, layer(x).data[0], rtol=1e-12)
    assert shown.title == "Convolution: stride 2×1, padding 1, 2 groups"
    bias = float(layer.bias.data[0])
    said = sum_lines(shown.numbers, 0)[0]
    assert f"{abs(bias):.4g} (bias) = " in said
    assert conv_arithmetic(4, values=layer).geometry.input == (4, 4)


@pytest.mark.parametrize("layer", [
    nn.ConvTranspose2d(2, 2, 3, stride=2, padding=1, output_padding=1, rng=0), nn.Conv1d(2, 3, 3, stride=2, rng=0),
    nn.Conv2d(1, 1, 3, padding="same", bias=False, rng=0),
])  # fmt: skip
def test_other_layers(layer, rng):
    size = (layer.in_channels, 7) if layer.weight.ndim == 3 else (layer.in_channels, 5, 6)
    x = rng.standard_normal(size).astype(np.float32)
    shown = conv_arithmetic(values=(layer, x))
    y = layer(x[None]).data[0]
    np.testing.assert_allclose(shown.numbers.y.reshape(y.shape), y, rtol=1e-5, atol=1e-6)
    assert shown.output_shape == y.shape


def test_tensors_are_taken_and_not_touched(rng):
    x = tg.Tensor(rng.standard_normal((5, 5)), requires_grad=True)
    w = tg.Tensor(rng.standard_normal((3, 3)), requires_grad=True)
    shown = conv_arithmetic(values=(x, w), backward=True)
    shown.svg()
    np.testing.assert_allclose(shown.numbers.y[0], F.conv2d(x.data[None, None], w.data[None, None]).data[0, 0])
    assert x.grad is None
    assert w.grad is None


def texts(svg):
    root = ElementTree.fromstring(svg)
    return ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]


@each
def test_the_picture_holds_every_number_and_its_sum(setting):
    shown = conv_arithmetic(**setting, backward=True, step=0)
    said = texts(shown.svg())
    for number in {cell_number(v) for v in shown.numbers.y[0].ravel()}:
        assert number in said
    assert any(line.startswith("back: the gradient here is 1") for line in said)
    assert f"= {shown.numbers.y.ravel()[0]:g}".replace("-", "−") in " ".join(said)
    ElementTree.fromstring(shown.strip(3).svg())


def test_lost_places_are_hatched_and_others_not():
    lost, none = conv_arithmetic(6, stride=2).svg(), conv_arithmetic(7, stride=2).svg()
    cells, strokes, in_legend = 11, 3, 2
    assert lost.count("<polyline") - none.count("<polyline") == cells * strokes + in_legend
    assert "read by no window" in texts(lost)
    assert "read by no window" not in texts(none)


def test_the_svg_is_small_describes_itself_and_turns_dark():
    svg = conv_arithmetic(padding=1).svg()
    assert len(svg) < 20_000
    assert "prefers-color-scheme:dark" in svg
    assert "Output [0, 0] is 0·(−1) + 0·1" in ElementTree.fromstring(svg)[1].text
    assert "prefers-color-scheme" not in conv_arithmetic(theme="dark").svg()
    assert svg == conv_arithmetic(padding=1).svg()


def test_numbers_can_be_left_out_and_hide_where_they_cannot_be_read():
    assert "13" not in texts(conv_arithmetic(numbers=False).svg())
    large = texts(conv_arithmetic(60).svg())
    assert [text for text in large if re.fullmatch(r"[−0-9]+", text)] == []


def test_many_channels_are_cut_and_said():
    layer = nn.Conv2d(32, 64, 3, rng=0)
    said = " ".join(texts(conv_arithmetic(5, values=layer).svg()))
    assert "4 of 32 input channels are drawn, the sums are of all" in said
    assert "4 of 64 output channels are drawn" in said
    assert "+ … (32 channels)" in said


def test_files_by_suffix(tmp_path):
    shown = conv_arithmetic(3, 2)
    assert shown.save(tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<svg")
    assert shown.save(tmp_path / "a.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    with pytest.raises(ValueError, match=r"the suffix '.bmp' of a.bmp is none of .svg, .png, .pdf, .gif, .html"):
        shown.save(tmp_path / "a.bmp")
    with pytest.raises(ValueError, match=r"none of .svg, .png, .pdf"):
        shown.strip().save(tmp_path / "a.gif")


def test_pdf_holds_words_and_lines_and_no_pixels(tmp_path):
    pytest.importorskip("matplotlib")
    shown = conv_arithmetic(3, 2)
    for one, name in ((shown, "a.pdf"), (shown.strip(2), "s.pdf")):
        written = one.save(tmp_path / name).read_bytes()
        assert written.startswith(b"%PDF")
        assert b"/Font" in written
        assert b"/Subtype /Image" not in written


def test_png_and_gif(tmp_path):
    pytest.importorskip("matplotlib")
    image = pytest.importorskip("PIL.Image")
    shown = conv_arithmetic(3, 2, padding=(0, 1))
    assert shown.save(tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert shown.strip(2).save(tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")
    with image.open(io.BytesIO(shown.save(tmp_path / "a.gif").read_bytes())) as film:
        assert film.n_frames == shown.geometry.steps == 8
        frames = []
        for index in range(8):
            film.seek(index)
            frames.append(np.asarray(film.convert("RGB")))
    assert all((one != other).any() for one, other in itertools.pairwise(frames))
    assert (frames[3][0, 0] == 255).all()  # paper stays white


def test_numbers_too_small_to_read_are_painted():
    image = np.zeros((30, 30))
    image[3, 4], image[20, 9] = 2.0, -1.0
    svg = conv_arithmetic(values=(image, np.ones((3, 3)))).svg()
    for value in (2.0, -1.0, 0.0):
        assert f'fill="{heat_colour(value, 2.0)}"' in svg
    assert any("numbers as colours" in text for text in texts(svg))
    assert "#c45400" not in conv_arithmetic(numbers=False, input=30).svg()


def test_strips_spread_their_steps():
    shown = conv_arithmetic(5)
    assert shown.strip(3).steps == [0, 4, 8]
    assert shown.strip([2, -1]).steps == [2, 8]
    assert shown.strip(100).steps == list(range(9))
    with pytest.raises(IndexError, match="there are 9 steps"):
        shown.strip([9])


def test_a_notebook_gets_page_picture_and_text():
    bundle = conv_arithmetic()._repr_mimebundle_()
    assert set(bundle) == {"text/html", "image/svg+xml", "text/plain"}
    assert 'sandbox="allow-scripts"' in bundle["text/html"]
