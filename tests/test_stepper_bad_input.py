"""What a stepper is given that is strange: each is shown safely, or refused with what to do instead."""

from __future__ import annotations

import importlib.util
import math

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import functional as F
from viz.output.render import bundled_program
from viz.stepper import record, step

pytestmark = pytest.mark.skipif(bundled_program() is None, reason="graphviz-pure has no wheel here")
HOSTILE = "</script><img src=x onerror=document.title='hacked'>{{key}}"


def leaf(data=2.0, name="x"):
    return tg.Tensor(data, requires_grad=True, name=name)


def without_gradients():
    with tg.no_grad():
        return leaf() * 3.0


@pytest.mark.parametrize(
    ("make", "options", "error", "words"),
    [
        (lambda: None, {}, TypeError, "wanted a Tensor"),
        (list, {}, TypeError, "nothing to step through; step through the loss"),
        (leaf, {}, TypeError, "requires_grad=True"),
        (without_gradients, {}, TypeError, r"outside tg.no_grad\(\)"),
        (lambda: leaf() * 3, {"max_nodes": 0}, ValueError, "max_nodes=0 is no number of boxes"),
        (lambda: leaf() * 3, {"max_nodes": "9"}, ValueError, "max_nodes='9'"),
        (lambda: leaf() * 3, {"levels": ()}, ValueError, "levels is empty; leave it out"),
        (lambda: leaf() * 3, {"level": ["op"]}, ValueError, "is none of module, op, primitive, scalar"),
        (lambda: leaf() * 3, {"theme": []}, ValueError, "is none of auto, light, dark"),
        (lambda: leaf() * 3, {"check": np.ones(2)}, ValueError, "is none of auto, True, False"),
        (lambda: leaf() * 3, {"lr": 0.0}, ValueError, "lr=0.0 is no learning rate; pass a number above 0"),
        (lambda: leaf() * 3, {"lr": math.nan}, ValueError, "lr=nan"),
        (lambda: leaf() * 3, {"names": ["x"]}, TypeError, "names wants a dict"),
        (lambda: leaf([1.0, 2.0]) * 3, {"gradient": [1.0, 2.0, 3.0]}, ValueError, r"has shape \(3,\).* has \(2,\)$"),
    ],
)
def test_what_cannot_be_stepped_through_is_refused_with_the_remedy(make, options, error, words):
    with pytest.raises(error, match=words):
        step(make(), **options)


def test_empty_arrays_have_steps_but_no_scalars():
    recording = record((leaf(np.zeros((0, 3))) * 2).sum())
    assert [level.name for level in recording.levels] == ["op"]
    assert "all values are empty" in recording.notes[0]


def test_every_rule_of_lenet_is_checked_when_asked():
    tg.manual_seed(0)
    image = np.random.default_rng(0).standard_normal((1, 1, 28, 28)).astype(np.float32)
    loss = F.cross_entropy(tg.models.lenet5()(image), np.array([3]))
    recording = record(loss, level="module", levels="module", check=True)
    (level,) = recording.levels
    end = recording.cards[level.steps[-1]["card"]]
    assert len(end["fd"]) == len(end["all"]) == 10
    assert "a random direction" in {fd[2] for fd in end["fd"]}
    assert all(fd[0] == 1 for fd in end["fd"])
    assert "wrong" not in level.extra


@tg.primitive
def slanted(x):
    """x², with a wrong rule."""
    return x * x


@slanted.vjp("x")
def slanted_dx(g, out, x):
    return g * x


def test_a_wrong_rule_on_a_large_array_is_found_along_a_random_direction(rng):
    recording = record(slanted(leaf(rng.standard_normal((30, 30)))).sum(), level="op", levels="op", check=True)
    cards = [recording.cards[s["card"]] for s in recording.levels[0].steps]
    assert [card["fd"][0][0] for card in cards if "all" in card] == [0]
    (said,) = {text for card in cards for text in card.get("bad", ())}
    assert "slanted_dx" in said
    assert "along a random direction it gives" in said


# In a browser


def walk(shown, loss, **options):
    """Open a page and go through all its steps; every card's text."""
    tab = shown(step(loss, **options).html(), width=1000)
    tab.set_default_timeout(10_000)
    tab.wait_for_selector(".ts-live")
    texts = []
    for name in tab.locator(".ts-levels button").all_text_contents():
        if tab.locator(".ts-levels").is_visible():
            tab.locator(".ts-levels button", has_text=name).click()
        tab.keyboard.press("Home")
        for _ in range(int(tab.locator(".ts-count").inner_text().split()[-1])):
            texts.append(tab.locator(".ts-card").inner_text())
            tab.keyboard.press("ArrowRight")
    return tab, "\n".join(texts)


def unfinished():
    x = leaf(np.ones((2, 3)))
    with pytest.raises(ValueError, match="matmul") as caught:
        (x + 1) @ x
    return caught.value.graph


@pytest.mark.browser
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (unfinished, ["failed", "matmul"]),
        (lambda: (leaf([math.nan, 1.0]) * 2).sum(), ["NaN"]),
        (lambda: tg.log(leaf([0.0, 1.0])).sum(), ["−∞", "∞"]),
        (lambda: (leaf(np.full((9, 9), math.inf)) * 2).sum(), ["81 NaN or Inf"]),
        (lambda: leaf() * 10**30, ["2e30"]),
        (lambda: (leaf(np.ones(2)) * tg.Tensor(np.array([2**62, 7]))).sum(), ["4.612e18"]),
        (lambda: leaf(5e-324) * 1e308, ["4.941e−324", "1e308"]),
        (lambda: leaf(name="3+4j") * 2.0, ["3+4j"]),
        (lambda: leaf(name="w₁/∂L\n<b>&amp;") * 2.0, ["w₁/∂L", "<b>&amp;"]),
        (lambda: leaf(name="\ud800😀" * 40) * 2.0, ["😀"]),
        (lambda: leaf(name=" ") * leaf(name=""), ["multiply"]),
    ],
)  # fmt: skip
def test_strange_values_and_names_are_shown(shown, make, words):
    tab, said = walk(shown, make())
    for word in words:
        assert word in said
    for mode in tab.get_by_label("Colour by").locator("option").all() if tab.get_by_label("Colour by").count() else []:
        tab.get_by_label("Colour by").select_option(mode.get_attribute("value"))
    assert tab.locator(".ts-count").inner_text().startswith("Step ")


@pytest.mark.browser
def test_hostile_source_lines_docstrings_and_options_are_text(shown, tmp_path):
    source = f'''import tinygrad_edu as tg

@tg.primitive
def sneaky(x, how):
    """{HOSTILE}"""
    return x * 1.0

@sneaky.vjp("x")
def sneaky_dx(g, out, x, how):
    return g * 1.0  # {HOSTILE}

with tg.record_lines():
    y = sneaky(tg.Tensor(2.0, requires_grad=True), how={HOSTILE!r})  # {HOSTILE}
'''
    file = tmp_path / "sneaky.py"
    file.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("sneaky", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tab, said = walk(shown, module.y, level="op")
    tab.evaluate("document.querySelectorAll('.ts-card details').forEach((d) => { d.open = true; })")
    assert tab.title() != "hacked"
    assert tab.locator("img, .ts-card script").count() == 0
    assert "</script><img" in said


@tg.primitive
def gate(x, w):
    """x, whatever w is: no gradient goes to w."""
    return x * 1.0


@gate.vjp("x")
def gate_dx(g, out, x, w):
    return g * 1.0


gate.constant("w")


@pytest.mark.browser
def test_a_parameter_that_no_gradient_reached_is_hatched_and_named(shown):
    tab, said = walk(shown, gate(leaf(name="used"), leaf(name="lost")), level="op", levels="op")
    assert tab.locator(".n.cut", has_text="lost").locator(".hatch").count() == 1
    assert tab.locator(".hatch").count() == 1
    assert "No gradient reached lost." in said
    assert "hatched: no gradient reached it" in tab.locator(".ts-legend").inner_text()
