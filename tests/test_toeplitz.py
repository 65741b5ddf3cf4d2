"""The convolution as a matrix: it is the convolution, its transpose the gradient, its picture what is shared."""

from __future__ import annotations

import re
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import functional as F
from tinygrad_edu import nn
from viz.convolution.matrix import toeplitz
from viz.convolution.matrix_drawing import entry_colour
from viz.style.theme import DARK_TEXT

CASES = [  # weight, input, settings
    ((1, 1, 3, 3), (1, 4, 4), {}),
    ((1, 1, 3, 3), (1, 5, 6), {"stride": 2, "padding": 1}),
    ((2, 3, 2, 3), (3, 5, 4), {"stride": (2, 1), "padding": (0, 2), "dilation": (1, 2)}),
    ((4, 2, 3, 3), (4, 5, 5), {"groups": 2, "padding": "same"}),
    ((3, 1, 2, 2), (3, 4, 4), {"groups": 3, "dilation": 2}),
    ((2, 1, 1, 1), (1, 3, 3), {"stride": 2}),
    ((1, 1, 2, 2), (1, 4, 4), {"padding": ((0, 1), (2, 0))}),
    ((2, 3, 3), (3, 9), {"stride": 2, "padding": 1}),
    ((2, 1, 3), (2, 7), {"groups": 2, "dilation": 2}),
]
each = pytest.mark.parametrize(("weight", "shape", "settings"), CASES, ids=str)


@pytest.fixture(params=[pytest.param("scipy", marks=pytest.mark.extra), "no scipy"])
def with_and_without_scipy(request, monkeypatch):
    if request.param == "scipy":
        pytest.importorskip("scipy.sparse")
    else:
        monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    return request.param


@each
def test_it_is_the_convolution_and_its_transpose_the_gradient(weight, shape, settings, rng, with_and_without_scipy):
    w, x = rng.standard_normal(weight), tg.Tensor(rng.standard_normal(shape), requires_grad=True)
    t = toeplitz(w, shape, **settings)
    assert isinstance(t.matrix, np.ndarray) == (with_and_without_scipy == "no scipy")
    y = (F.conv2d if len(weight) == 4 else F.conv1d)(x, w, **settings)
    g = rng.standard_normal(y.shape)
    np.testing.assert_allclose(t.matrix @ x.data.ravel(), y.data.ravel(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(t.matrix.T @ g.ravel(), tg.grad(y, x, gradient=g).data.ravel(), rtol=1e-12, atol=1e-12)


@pytest.mark.oracle
@each
def test_it_is_the_convolution_of_pytorch(weight, shape, settings, rng):
    import torch

    if isinstance(settings.get("padding"), tuple) and isinstance(settings["padding"][0], tuple):
        pytest.skip("PyTorch has one padding for both sides")
    w, x = rng.standard_normal(weight), torch.tensor(rng.standard_normal(shape), requires_grad=True)
    convolve = torch.nn.functional.conv2d if len(weight) == 4 else torch.nn.functional.conv1d
    y = convolve(x[None], torch.tensor(w), **settings)
    g = rng.standard_normal(tuple(y.shape))
    y.backward(torch.tensor(g))
    t = toeplitz(w, shape, **settings)
    np.testing.assert_allclose(
        t.matrix @ x.detach().numpy().ravel(), y.detach().numpy().ravel(), rtol=1e-12, atol=1e-12
    )
    np.testing.assert_allclose(t.matrix.T @ g.ravel(), x.grad.numpy().ravel(), rtol=1e-12, atol=1e-12)


def test_the_matrix_of_the_course_has_rows_of_one_length():
    t = toeplitz(np.arange(1, 10).reshape(3, 3), (4, 4))
    wanted = [
        [1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0, 0, 0, 0, 0],
        [0, 1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0, 0, 0, 0],
        [0, 0, 0, 0, 1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0],
        [0, 0, 0, 0, 0, 1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9],
    ]
    np.testing.assert_array_equal(t.matrix @ np.eye(16), wanted)
    assert (t.parameters, t.dense_parameters, t.zeros, t.nonzeros) == (9, 64, 28, 36)
    assert t.counts == (
        "9 parameters instead of 64: a dense layer learns all 4×16 entries; here 28 are 0 (43.8%) and the other 36 are "
        "the kernel's, each of them 4 times"
    )
    assert "all rows are equally long" in t.description
    assert "cross-correlation" in t.description


def test_entries_are_counted_by_place_not_by_value():
    t = toeplitz(np.array([[0.0, 1.0]]), (1, 3))
    assert (t.nonzeros, t.zeros) == (4, 2)
    padded = toeplitz(np.ones((3, 3)), (4, 4), padding=1)
    np.testing.assert_array_equal(padded.uses[0, 0], [[9, 12, 9], [12, 16, 12], [9, 12, 9]])


def test_a_layer_brings_its_settings(rng):
    layer = nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2, bias=False, rng=0, dtype=np.float64)
    x = rng.standard_normal((2, 5, 5))
    t = toeplitz(layer, (2, 5, 5), x=x)
    np.testing.assert_allclose(t.matrix @ x.ravel(), layer(x[None]).data.ravel(), rtol=1e-12)
    np.testing.assert_allclose(t.y, layer(x[None]).data[0], rtol=1e-12)


@pytest.mark.parametrize(("weight", "shape", "settings", "error", "words"), [
    (np.ones((5, 5)), (3, 3), {}, ValueError, "the kernel (5, 5) is larger than the image, (3, 3)"),
    (np.ones((1, 2, 3, 3)), (3, 4, 4), {}, ValueError, "wants 2 channels"),
    (np.ones((3, 1, 3, 3)), (2, 4, 4), {"groups": 2}, ValueError, "input_shape (2, 4, 4) has 2"),
    (np.ones((3, 3)), (4, 4), {"stride": 0}, ValueError, "stride must be at least 1"),
    (np.ones((3, 3)), (4, 4), {"row": 4}, IndexError, "there are 4 rows; got row 4"),
    (np.ones((3, 3)), (4, 4), {"theme": "red"}, ValueError, "is none of auto, light, dark"),
    (np.ones((3, 3)), (4, 4), {"x": np.ones(15)}, ValueError, "x (15,) must have the 16 numbers"),
    (np.ones((3, 3)), (1, 1, 4, 4), {}, ValueError, "input_shape must be (channels, height, width)"),
    (np.ones((3, 3)), (4, 4.5), {}, TypeError, "input_shape must be an integer"),
    (np.array([["a", "b"]]), (4, 4), {}, ValueError, "weight must be (out, in / groups, k_h, k_w) numbers"),
    (np.ones((64, 64, 3, 3)), (64, 56, 56), {}, ValueError, "more than 10,000,000; take a crop of the input"),
])  # fmt: skip
def test_bad_input_is_refused(weight, shape, settings, error, words):
    with pytest.raises(error, match=re.escape(words)):
        toeplitz(weight, shape, **settings)


def test_a_dense_matrix_has_a_budget(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    with pytest.raises(ValueError, match=r"MiB without scipy; pip install scipy"):
        toeplitz(np.ones((8, 1, 3, 3)), (1, 96, 96))


def elements(svg, tag):
    return list(ElementTree.fromstring(svg).iter(f"{{http://www.w3.org/2000/svg}}{tag}"))


def test_the_picture_shows_the_kernels_colours_and_numbers():
    t = toeplitz(np.arange(1, 10).reshape(3, 3), (4, 4), row=2)
    svg = t.svg()
    for a in range(3):
        for b in range(3):
            assert entry_colour(a, b, 3, 3) in svg
    said = ["".join(text.itertext()) for text in elements(svg, "text")]
    assert said.count("9") == 1 + t.uses[0, 0, 2, 2]
    assert any(line.startswith("9 parameters instead of 64") for line in said)
    assert any(line.startswith("framed: row 2") for line in said)


def test_large_matrices_show_their_structure_within_a_budget():
    t = toeplitz(np.ones((6, 1, 5, 5)), (1, 28, 28))
    svg = t.svg()
    assert len(svg) < 400_000
    said = ["".join(text.itertext()) for text in elements(svg, "text")]
    assert any("drawn together: 29 × 29 entries to a cell" in line for line in said)
    assert not [line for line in said if re.fullmatch(r"[−0-9.]+", line)]
    with pytest.raises(ValueError, match=r"at most 20,000; this matrix has 3,456 × 784"):
        t.html()


def test_dark_text_can_be_read_on_the_kernels_colours():
    from test_theme import AA, contrast

    for rows in range(1, 8):
        for columns in range(1, 8):
            colours = [entry_colour(a, b, rows, columns) for a in range(rows) for b in range(columns)]
            assert all(contrast(DARK_TEXT, colour) >= AA for colour in colours)
            assert len(set(colours)) == rows * columns


def test_files_by_suffix(tmp_path):
    t = toeplitz(np.ones((2, 2)), (3, 3))
    assert t.save(tmp_path / "t.svg").read_text(encoding="utf-8").startswith("<svg")
    with pytest.raises(ValueError, match=r"none of .svg, .png, .pdf, .html"):
        t.save(tmp_path / "t.gif")
    pytest.importorskip("matplotlib")
    assert t.save(tmp_path / "t.png").read_bytes().startswith(b"\x89PNG")
    assert t.save(tmp_path / "t.pdf").read_bytes().startswith(b"%PDF")
    assert "9 parameters" not in repr(t)
    assert repr(t).startswith("<toeplitz: 4 parameters instead of 36")


@pytest.mark.browser
def test_the_page_links_pixels_entries_and_rows(shown):
    t = toeplitz(np.arange(1, 10).reshape(3, 3), (5, 5), stride=2, padding=1)
    tab = shown(t.html())
    say = tab.locator(".say")
    for row in range(t.shape[0]):
        reads = t.places[1][t.places[0] == row].tolist()
        lit = tab.evaluate("[...document.querySelectorAll('figure td.lit')].map(e => Number(e.dataset.pixel))")
        assert lit == reads
        assert say.inner_text().startswith(f"Row {row} makes y.ravel()[{row}]: ")
        assert say.inner_text().endswith(f"= {t.y.ravel()[row]:g}")
        tab.keyboard.press("ArrowDown")
    for pixel in (0, 7, 12):
        tab.locator(f"figure [data-pixel='{pixel}']").hover()
        users = t.places[0][t.places[1] == pixel].tolist()
        rows = tab.evaluate("[...document.querySelectorAll('figure td.output.lit')].map(e => Number(e.dataset.row))")
        assert rows == users
    for entry in (0, 4):
        tab.locator(f"figure [data-entry='{entry}']").hover()
        assert tab.locator(".scroll td.keep").count() == t.uses.ravel()[entry]
        assert f"stands in the matrix {t.uses.ravel()[entry]} times" in say.inner_text()
    tab.locator("[data-act=theme]").click()
    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"


@pytest.mark.browser
@pytest.mark.parametrize("width", [380, 1280])
def test_only_the_matrix_scrolls(shown, width):
    tab = shown(toeplitz(np.ones((2, 2, 3, 3)), (2, 5, 5)).html(), width=width)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
