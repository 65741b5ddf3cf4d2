"""Activation functions: what is said of them is true, found from the engine's own rules, and drawn."""

from __future__ import annotations

import math
import re
import subprocess
import sys

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from viz.figures.activation_numbers import interval_text
from viz.figures.activations import NAMES, activation

INF = math.inf
TRUTH = {  # low, high, dead below 0.01, zero-centred, falls for, kinks
    "sigmoid": ((0, 1), ((-INF, -4.5848), (4.5848, INF)), False, (), ()),
    "tanh": ((-1, 1), ((-INF, -2.9932), (2.9932, INF)), True, (), ()),
    "relu": ((0, INF), ((-INF, 0),), False, (), ((0, 0, 0, 1),)),
    "leaky_relu": ((-INF, INF), (), False, (), ((0, 0.01, 0.01, 1),)),
    "elu": ((-1, INF), ((-INF, math.log(0.01)),), False, (), ()),
    "gelu": ((-0.169971, INF), ((-INF, -3.0674),), False, ((-INF, -0.75179),), ()),
    "silu": ((-0.278465, INF), ((-INF, -6.26139),), False, ((-INF, -1.27846),), ()),
    "softplus": ((0, INF), ((-INF, -4.5951),), False, (), ()),
    "softmax": ((0, 1), ((-INF, -4.5848), (4.5848, INF)), False, (), ()),
}
each = pytest.mark.parametrize("name", NAMES)


def test_every_name_has_its_truth():
    assert set(NAMES) == set(TRUTH)


@each
def test_what_is_known_of_it_is_found(name):
    ends, dead, centred, falls, kinks = TRUTH[name]
    a = activation(name)
    np.testing.assert_allclose(a.range, ends, atol=1e-5)
    np.testing.assert_allclose(np.reshape(a.dead, (-1, 2)), np.reshape(dead, (-1, 2)), atol=1e-3)
    assert a.zero_centred == centred
    assert a.monotone == (not falls)
    np.testing.assert_allclose(np.reshape(a.study.falls, (-1, 2)), np.reshape(falls, (-1, 2)), atol=1e-4)
    found = [(k.x, k.left, k.here, k.right) for k in a.study.kinks]
    np.testing.assert_allclose(np.reshape(found, (-1, 4)), np.reshape(kinks, (-1, 4)), atol=1e-6)


@each
def test_slopes_are_finite_differences(name):
    s = activation(name).study
    smooth = np.abs(s.x[1:-1]) > 0.02  # at 0 some have a kink, elu a curvature that jumps
    rough = (s.y[2:] - s.y[:-2]) / (s.x[2:] - s.x[:-2])
    np.testing.assert_allclose(rough[smooth], s.slope[1:-1][smooth], atol=1e-4)


@pytest.mark.oracle
@pytest.mark.parametrize("name", [name for name in NAMES if name != "softmax"])
def test_values_and_slopes_are_those_of_pytorch(name):
    import torch

    s = activation(name).study
    x = torch.tensor(s.x, requires_grad=True)
    y = (torch.tanh if name == "tanh" else getattr(torch.nn.functional, name))(x)
    y.sum().backward()
    np.testing.assert_allclose(s.y, y.detach().numpy(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(s.slope, x.grad.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("name", "words"), [
    ("sigmoid", "Values from 0 to 1: it squashes."),
    ("sigmoid", "it dies (below 0.01) for x < −4.58 and x > 4.58."),
    ("sigmoid", "The output is not zero-centred: its mean is 0.5"),
    ("sigmoid", "output near 0.5 (σ(0.01) = 0.5025), where it is steepest, not near 1: the course slips here."),
    ("sigmoid", "σ(x) = softmax([x, 0])[0]"),
    ("tanh", "The output is zero-centred"),
    ("relu", "not differentiable at 0: slope 0 on the left, 1 on the right, the engine takes 0 there."),
    ("relu", "Values from 0 to ∞."),
    ("leaky_relu", "it is nowhere below 0.01."),
    ("gelu", "It is not monotone: it falls for x < −0.75"),
    ("softmax", "softmax([x, 0])[0] is the sigmoid of x: the largest difference of 601 places is"),
])  # fmt: skip
def test_remarks(name, words):
    assert any(words in remark for remark in activation(name).remarks), activation(name).remarks


def test_softmax_of_a_pair_is_the_sigmoid():
    pair, one = activation("softmax").study, activation("sigmoid").study
    np.testing.assert_allclose(pair.y, one.y, rtol=1e-14)
    np.testing.assert_allclose(pair.slope, one.slope, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize(("name", "rule"), [
    ("sigmoid", "ḡ · y · (1 − y)"), ("tanh", "ḡ · (1 − y²)"), ("relu", "ḡ · [y > 0]"), ("softplus", "ḡ · σ(x)")
])  # fmt: skip
def test_the_formula_is_the_engines_rule(name, rule):
    assert activation(name).study.rules == (rule,)


@tg.primitive(symbol="bent")
def bent(x):
    return np.where(x > 1, 3 * x - 2, x)


@bent.vjp("x")
def bent_dx(g, out, x):
    return g * (1 + 2 * (x > 1))


def test_functions_of_your_own():
    a = activation(bent)
    assert (a.name, a.range, a.monotone) == ("bent", (-INF, INF), True)
    assert [(k.x, k.left, k.here, k.right) for k in a.study.kinks] == [(1.0, 1.0, 1.0, 3.0)]
    wave = activation(lambda x: x.sin(), threshold=0.1)
    assert wave.range == pytest.approx((-1, 1), abs=1e-5)
    assert not wave.monotone
    assert wave.dead == ()
    assert "more places" in wave.remarks[3]
    steep = activation(lambda x: (100 * x).tanh())
    assert steep.study.kinks == ()
    assert activation(nn.LeakyReLU(0.2)).study.kinks[0].left == pytest.approx(0.2)
    assert activation("leaky_relu", negative_slope=0.3).study.slope[0] == pytest.approx(0.3)
    assert activation("elu", alpha=2.0).study.kinks[0].left == pytest.approx(2.0)


@pytest.mark.parametrize(("given", "options", "error", "words"), [
    ("sigmiod", {}, ValueError, "no function 'sigmiod'; there are sigmoid, tanh, relu"),
    (3, {}, TypeError, "wanted a name or a function, got int"),
    (lambda x: x.sum(), {}, ValueError, "gave shape (); wanted a number for each"),
    (lambda x: x.data, {}, ValueError, "gave ndarray"),
    (lambda x: x.detach() * 2, {}, ValueError, "does not depend on its input in a way that has a gradient"),
    ("relu", {"low": 1, "high": 0}, ValueError, "low must be below high"),
    ("relu", {"threshold": 0}, ValueError, "threshold must be greater than 0"),
    ("relu", {"theme": "auto"}, ValueError, "theme='auto' is none of light, dark"),
])  # fmt: skip
def test_bad_input(given, options, error, words):
    with pytest.raises(error, match=re.escape(words)):
        activation(given, **options)


@pytest.mark.parametrize(("intervals", "words"), [
    ((), ""), (((-INF, INF),), "everywhere"), (((-INF, -1.5),), "x < −1.5"), (((2, INF),), "x > 2"),
    (((0, 1), (2, 3)), "0 < x < 1 and 2 < x < 3"),
    (((0, 1), (2, 3), (4, 5), (6, 7)), "0 < x < 1 and 2 < x < 3 and 4 < x < 5 and 1 more place"),
])  # fmt: skip
def test_intervals_in_words(intervals, words):
    assert interval_text(intervals) == words


def test_words_and_numbers_need_no_matplotlib():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from viz.figures.activations import activation\n"
        "a = activation('relu'); print(a); print(a._repr_mimebundle_()['text/plain'][-60:])\n"
        "try: a.save('relu.png')\n"
        "except ImportError as e: print(e)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "relu: y = relu(x)\ngradient: ḡ · [y > 0]" in said
    assert said.count('pip install "tinygrad-edu[plot]"') == 2


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["relu", "sigmoid", "softmax"])
def test_the_chart(name, theme, tmp_path):
    pytest.importorskip("matplotlib")
    a = activation(name, theme=theme)
    panels = a.figure.canvas.axes
    assert len(panels) == (3 if name == "softmax" else 2)
    curve = panels[0].lines[2]
    np.testing.assert_array_equal(curve.get_ydata(), a.study.y)
    assert panels[0].get_title(loc="left") == "function"
    said = a.figure.canvas.get_supxlabel()
    for remark in a.remarks:
        assert " ".join(remark.split())[:40] in " ".join(said.split())
    assert a.save(tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert a.save(tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<svg")
    assert set(a._repr_mimebundle_()) == {"image/svg+xml", "image/png", "text/plain"}


def test_what_is_dead_is_shaded_and_the_jump_is_marked():
    pytest.importorskip("matplotlib")
    values, slopes = activation("relu").figure.canvas.axes
    assert [patch.get_x() for patch in values.patches] == [-6]
    assert [patch.get_width() for patch in values.patches] == [6]
    marks = [line for line in slopes.lines if line.get_marker() == "o"]
    assert [list(line.get_ydata()) for line in marks] == [[0.0, 1.0], [0.0]]
    assert np.isnan(slopes.lines[2].get_ydata()).sum() >= 1
