"""The replay's page in a real browser: both sliders, keys, play, the numbers, nothing moves, light, dark, narrow."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.data import moons, spirals
from tinygrad_edu.models import two_layer_net
from viz.output.render import bundled_program
from viz.stepper.replays import replay

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bundled_program() is None, reason="graphviz-pure has no wheel here"),
]
XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([[0.0], [1.0], [1.0], [0.0]])
BOXES = """() => [...document.querySelectorAll('.ts-stage svg .n, .ts-stage svg .e, .ts-stage svg .k')].map(e => {
  const b = e.querySelector('rect') || e; const r = b.getBBox(), m = b.getScreenCTM();
  return [e.id, r.x, r.y, r.width, r.height, m.a, m.e, m.f]; })"""


def course(steps=6, **options):
    return replay(two_layer_net(dtype=np.float64, rng=1), XOR, steps=steps, lr=5.0, **options)


def two_moons(steps=5, **options):
    tg.manual_seed(3)
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
    return replay(model, moons(60), steps=steps, lr=0.5, **options)


@pytest.fixture
def opened(shown):
    def show(film, *, width=1280, scheme="light"):
        tab = shown(film.html(), width=width, scheme=scheme)
        tab.wait_for_selector(".ts-live")
        return tab

    return show


def press(tab, name):
    tab.get_by_role("button", name=name, exact=True).click()


def at(tab):
    return tab.locator(".ts-count").inner_text()


def phase(tab):
    return tab.locator(".ts-phase").inner_text()


def number(text):
    return float(text.split("=")[-1].strip().replace("−", "-"))


def rows(tab, name):
    """The numbers of a parameter's table: before, gradient, change, after."""
    box = tab.locator(".tr-table details", has_text=name).first
    if box.get_attribute("open") is None:
        box.locator("summary").click()
    return np.array(box.evaluate("""e => [...e.querySelectorAll('tbody tr')].map(
        r => [...r.cells].slice(1).map(c => +c.textContent.replaceAll('−', '-')))"""))  # fmt: skip


def test_both_sliders_show_the_numbers_of_their_step(opened):
    film = course()
    tab = opened(film)
    steps, phases = tab.get_by_role("slider", name="Training step"), tab.get_by_role("slider", name="Phase")
    assert (at(tab), phase(tab)) == ("Step 1 of 6", "backward")
    box = tab.locator(".n.parameter", has_text="b2")
    for frame in film.frames:
        steps.fill(str(frame.step))
        assert at(tab) == f"Step {frame.step} of 6"
        update = frame.updates["output.bias"]
        for k, expected in ((1, update.value), (3, update.value), (4, update.new)):
            phases.fill(str(k))
            assert number(box.locator("text.v").text_content()) == pytest.approx(expected.item(), rel=1e-3)
        assert number(box.locator("text.g").text_content()) == pytest.approx(update.gradient.item(), rel=1e-3)
        weights = frame.updates["hidden.weight"]
        expected = np.stack([weights.value, weights.gradient, weights.change, weights.new], axis=-1).reshape(6, 4)
        np.testing.assert_allclose(rows(tab, "W1"), expected, rtol=2e-3, atol=1e-12)
        assert number(tab.locator(".n.output", has_text="L").locator("text.v").text_content()) == pytest.approx(
            frame.loss, rel=1e-3
        )
    assert steps.get_attribute("aria-valuetext").startswith("Step 6 of 6, loss 0.2")
    assert phases.get_attribute("aria-valuetext") == "update"


def test_the_table_is_a_step_of_gradient_descent(opened):
    tab = opened(course())
    for _ in range(3):
        before, gradient, change, after = rows(tab, "W2").T
        np.testing.assert_allclose(change, -5.0 * gradient, rtol=2e-3, atol=1e-9)
        np.testing.assert_allclose(after, before + change, atol=2e-4)
        press(tab, "Next")
        np.testing.assert_allclose(rows(tab, "W2")[:, 0], after, rtol=1e-3)


def test_a_phase_hides_what_is_not_there_yet(opened):
    tab = opened(course())
    seen = "e => getComputedStyle(e).visibility === 'visible'"
    value, slope = (tab.locator(".n", has_text="linear").first.locator(f"text.{word}").last for word in "vg")
    found = []
    for k in "1234":
        tab.get_by_role("slider", name="Phase").fill(k)
        found.append((value.evaluate(seen), slope.evaluate(seen), tab.locator(".n.moved").count()))
    assert found == [(False, False, 0), (True, False, 0), (True, True, 0), (True, True, 4)]
    assert tab.locator(".e.bwd").count() == 0
    tab.get_by_role("slider", name="Phase").fill("3")
    assert tab.locator(".e.bwd").count() > 4


def test_buttons_and_keys(opened):
    tab = opened(course())
    for name, where in [("Next", 2), ("Next", 3), ("Previous", 2), ("Last", 6), ("First", 1)]:
        press(tab, name)
        assert at(tab) == f"Step {where} of 6"
    tab.locator("h1").click()
    for key, where in [("ArrowRight", 2), ("ArrowRight", 3), ("ArrowLeft", 2), ("End", 6), ("Home", 1)]:
        tab.keyboard.press(key)
        assert at(tab) == f"Step {where} of 6"
    for key, where in [
        ("ArrowUp", "forward"),
        ("ArrowUp", "weights"),
        ("ArrowUp", "weights"),
        ("ArrowDown", "forward"),
    ]:
        tab.keyboard.press(key)
        assert phase(tab) == where
    tab.keyboard.press("?")
    assert tab.get_by_role("dialog").is_visible()
    tab.keyboard.press("Escape")
    assert not tab.get_by_role("dialog").is_visible()
    slider = tab.get_by_role("slider", name="Training step")
    slider.focus()
    slider.press("ArrowRight")
    assert at(tab) == "Step 2 of 6"


def test_play_runs_to_the_end_and_is_not_read_out(opened):
    tab = opened(course())
    tab.get_by_label("Speed").select_option("5×")
    tab.locator("h1").click()
    tab.keyboard.press("Space")
    assert tab.locator(".ts-say").get_attribute("aria-live") == "off"
    tab.locator(".ts-count", has_text="Step 6 of 6").wait_for()
    tab.wait_for_selector("[data-act=play][aria-pressed=false]")
    assert tab.locator(".ts-say").get_attribute("aria-live") == "polite"
    tab.get_by_label("Speed").select_option("½×")
    press(tab, "Play")  # from the start again
    tab.locator(".ts-count", has_text="Step 2 of 6").wait_for()
    press(tab, "Play")
    assert tab.locator("[data-act=play]").get_attribute("aria-pressed") == "false"


def test_no_box_moves(opened):
    tab = opened(two_moons())
    before = tab.evaluate(BOXES)
    assert len(before) > 12
    for key in ("End", "ArrowDown", "Home", "ArrowUp", "ArrowUp", "ArrowRight"):
        tab.keyboard.press(key)
        assert tab.evaluate(BOXES) == before


def test_numbers_stay_in_their_boxes(opened):
    tab = opened(course(steps=20))
    inside = """() => [...document.querySelectorAll('.n')].every(n => {
      const r = n.querySelector('rect').getBBox();
      return [...n.querySelectorAll('text')].every(t => { const b = t.getBBox();
        return b.x >= r.x - 3 && b.x + b.width <= r.x + r.width + 3; }); })"""
    for k in range(20):
        tab.get_by_role("slider", name="Training step").fill(str(k + 1))
        assert tab.evaluate(inside), k


def test_the_curve_marks_the_step_and_goes_where_it_is_clicked(opened):
    film = course(steps=11)
    tab = opened(film)
    chart = tab.locator(".tr-curve svg")
    assert tab.locator(".tr-line").get_attribute("d").count("L") == 10
    dot = tab.locator(".tr-curve circle")
    left = float(dot.get_attribute("cx"))
    tab.get_by_role("slider", name="Training step").fill("11")
    right = float(dot.get_attribute("cx"))
    assert (left, right) == (46, 232)
    box = chart.bounding_box()
    chart.click(position={"x": box["width"] * (left + right) / 2 / 240, "y": 40})
    assert at(tab) == "Step 6 of 11"
    assert "at step 6" in chart.get_attribute("aria-label")


def cosine(a, b):
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b))


@pytest.mark.parametrize("classes", [2, 3])
def test_the_plane_is_painted_as_the_model_says(opened, classes):
    tg.manual_seed(3)
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, classes))
    film = replay(model, spirals(60, classes), steps=30, optimizer=tg.optim.Adam, lr=0.05)
    tab = opened(film)
    tab.keyboard.press("End")
    colours = tab.evaluate("""() => { const c = document.querySelector('.tr-plane canvas'), p = c.getContext('2d');
      return [[1, 1], [286, 1], [1, 286], [286, 286]].map(([x, y]) => [...p.getImageData(x, y, 1, 1).data]); }""")
    plane = film.plane
    (left, low), (right, high) = plane.least, plane.most
    corners = np.array([[left, high], [right, high], [left, low], [right, low]], np.float32)
    # the last frame is of before its update
    for name, p in film.model.named_parameters():
        p.data = film.frames[-1].updates[name].value
    best = film.model(corners).data.argmax(axis=1)
    hues = np.array([[31, 95, 191], [196, 84, 0], [30, 130, 60]])
    tints = 254 - np.array(colours)[:, :3]  # what is taken from white is the same share of each channel
    near = [max(range(classes), key=lambda k: cosine(254 - hues[k], tint)) for tint in tints]
    assert near == best.tolist()
    assert len(set(best)) > 1


def test_images_are_painted_anew(opened):
    tab = opened(two_moons())
    image = tab.locator(".n.parameter", has_text="0.weight").locator("image.iv")
    one = image.get_attribute("href")
    tab.keyboard.press("End")
    assert one.startswith("data:image/png")
    assert image.get_attribute("href") != one


def test_a_parameter_in_a_folded_layer_tells_its_gradient(opened):
    film = course(level="module")
    tab = opened(film)
    press(tab, "Last")
    text = tab.locator(".n.module", has_text="W1").locator("text.q").first.text_content()
    expected = np.linalg.norm(film.frames[-1].updates["hidden.weight"].gradient)
    assert text.startswith("gradient norm ")
    assert float(text.split()[-1].replace("−", "-")) == pytest.approx(expected, rel=1e-3)


def test_a_loss_that_is_no_number_is_shown_and_said(opened):
    film = replay(nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 1)), (XOR[0].astype(np.float32), XOR[1]), steps=90, lr=50)
    tab = opened(film)
    tab.keyboard.press("End")
    tab.keyboard.press("ArrowDown")
    assert "no number" in tab.locator(".ts-say").inner_text()
    assert "stopped at step" in tab.locator(".tr-notes").inner_text()


LUMINANCE = """e => { const f = c => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
  const lum = s => { const [r, g, b] = s.match(/[0-9.]+/g).map(Number).map(f);
    return .2126 * r + .7152 * g + .0722 * b; };
  let p = e, back = 'rgba(0, 0, 0, 0)';
  while (p && /, 0\\)$/.test(back)) { back = getComputedStyle(p).backgroundColor; p = p.parentElement; }
  const [a, b] = [lum(getComputedStyle(e).color), lum(back)];
  return (Math.max(a, b) + .05) / (Math.min(a, b) + .05); }"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_schemes_have_contrast(opened, scheme):
    tab = opened(course(), scheme=scheme)
    dark = "getComputedStyle(document.querySelector('.ts')).backgroundColor"
    assert tab.evaluate(dark) == ("rgb(22, 24, 29)" if scheme == "dark" else "rgb(255, 255, 255)")
    tab.get_by_role("slider", name="Phase").fill("4")
    words = tab.locator(
        ".ts-card :is(h2, p, figcaption, summary), .tr-table details[open] :is(td, th), .ts-legend li, .tr-names i"
    )
    assert words.count() > 20
    for word in words.all():
        assert word.evaluate(LUMINANCE) >= 4.5, word.inner_text()
    press(tab, "Light or dark")
    assert tab.evaluate(dark) == ("rgb(255, 255, 255)" if scheme == "dark" else "rgb(22, 24, 29)")


@pytest.mark.parametrize("width", [380, 640, 1280])
def test_nothing_sticks_out_and_everything_can_be_hit(opened, width):
    tab = opened(two_moons(), width=width)
    for key in ("Home", "End", "ArrowDown"):
        tab.keyboard.press(key)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    for control in [*tab.get_by_role("button").all(), *tab.get_by_role("slider").all()]:
        box = control.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert min(box["width"], box["height"]) >= 24


def test_everything_has_a_name_and_can_be_reached_by_tab(opened):
    tab = opened(course())
    reached = []
    for _ in range(30):
        tab.keyboard.press("Tab")
        reached.append(
            tab.evaluate("(e => e.getAttribute('aria-label') || e.textContent.trim())(document.activeElement)")
        )
    for name in ("First", "Previous", "Play", "Next", "Last", "Training step", "Phase", "Help", "This training step"):
        assert name in reached
    assert tab.get_by_role("img", name="Loss curve").count() == 1
    assert tab.get_by_role("img", name="What the model says").count() == 1
    assert tab.locator("[aria-live]").count() == 1


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (380, "light")])
def test_axe_finds_nothing_serious(opened, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    tab = opened(two_moons(), width=width, scheme=scheme)
    tab.emulate_media(reduced_motion="reduce", color_scheme=scheme)
    for k in "14":
        tab.get_by_role("slider", name="Phase").fill(k)
        bad = [v for v in axe.run(tab).response["violations"] if v["impact"] in ("serious", "critical")]
        assert not bad, [(v["id"], v["nodes"][0]["html"][:200]) for v in bad]


def test_less_motion_where_it_is_wanted(opened):
    tab = opened(course())
    moving = "getComputedStyle(document.querySelector('.n rect')).transitionProperty"
    tab.emulate_media(reduced_motion="reduce")
    assert tab.evaluate(moving) == "none"


@pytest.mark.parametrize(
    "text", ["</script><script>document.title='hacked'</script>", "{{svg}}<img src=x onerror=1>\\"]
)
def test_hostile_words_are_text(opened, text):
    model = nn.Linear(2, 1, dtype=np.float64)
    model.weight.name = text
    tab = opened(replay(model, XOR, steps=2, title=text))
    tab.keyboard.press("End")
    assert tab.title() != "hacked"
    assert tab.locator("h1").count() == 1
    assert tab.locator("img, .ts-card script, .ts-stage script").count() == 0


def test_two_in_one_notebook_do_not_touch_each_other(shown):
    tab = shown("".join(course()._repr_mimebundle_()["text/html"] for _ in range(2)))
    one, other = (tab.frame_locator("iframe").nth(i) for i in (0, 1))
    one.get_by_role("button", name="Next", exact=True).click()
    assert one.locator(".ts-count").inner_text() == "Step 2 of 6"
    assert other.locator(".ts-count").inner_text() == "Step 1 of 6"
