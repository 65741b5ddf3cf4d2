"""The picture of ``viz.paths``: each way has its colour, dash and number, in light and dark."""

from __future__ import annotations

from dot_reading import read
from path_samples import leaf, named, residual
from test_theme import AA, contrast, turned

from viz.sensitivity.routes import paths
from viz.style.theme import PALETTES, ROUTES


def test_each_path_has_its_colour_dash_and_number():
    x = leaf(2, "x")
    found = paths(named(x * x + 3 * x, "L"), x)
    picture = read(found.picture.source)
    routes = [arrow for arrow in picture.arrows if arrow.attributes["class"] == "route"]
    words = sorted(word.strip() for arrow in routes for word in arrow.words)
    assert words == ["#1 ×1", "#1 ×3", "#2 ×1", "#2 ×2", "#3 ×1", "#3 ×2"]
    looks = {(a.words[0].strip()[:2], a.attributes["color"], a.attributes["style"]) for a in routes}
    assert looks == {(f"#{i + 1}", *ROUTES["light"][i]) for i in range(3)}
    assert all(a.attributes["dir"] == "back" for a in routes)
    text = "\n".join(picture.caption)
    assert "∂L/∂x = 3 + 2 + 2 = 7" in text
    assert "#2 (dashed) 28.6 %: 1 × 2 = 2" in text


def test_what_all_paths_share_is_one_line():
    x = leaf(2, "x")
    picture = read(paths((x * x) * 7, x).picture.source)
    words = sorted(word.strip() for arrow in picture.arrows for word in arrow.words)
    assert words == ["#1 ×2", "#2 ×2", "all ×7"]


def test_six_are_told_apart_and_the_others_counted(rng):
    _, x, loss = residual(rng)
    picture = read(paths(loss, x, "module").picture.source)
    words = {word.strip() for arrow in picture.arrows for word in arrow.words}
    assert words == {"all", *[f"#{i}" for i in range(1, 7)]}
    assert "the other 2 paths, not drawn:" in "\n".join(picture.caption)


def test_routes_look_different_in_both_themes():
    for name, looks in ROUTES.items():
        assert len({colour for colour, _ in looks}) == len(looks) == 6
        assert len({PALETTES[name].background, *[colour for colour, _ in looks]}) == 7
    assert [dash for _, dash in ROUTES["light"]] == [dash for _, dash in ROUTES["dark"]]


def test_css_makes_of_the_light_picture_the_dark_one(rng):
    _, x, loss = residual(rng)
    light, dark = (paths(loss, x, "module", theme=theme).picture.source for theme in ("light", "dark"))
    assert turned(light) == dark


def test_routes_can_be_seen_and_read_on_the_paper():
    for name, looks in ROUTES.items():
        assert all(contrast(colour, PALETTES[name].background) >= AA for colour, _ in looks)
    others = [colour for kind in PALETTES["light"].kinds.values() for colour in (kind.fill, kind.line, kind.text)]
    assert not {colour for colour, _ in ROUTES["light"]} & set(others)


def test_it_shows_and_saves_itself(tmp_path):
    x = leaf(2, "x<b>")
    found = paths(named(x * x + 3 * x, "L&"), x)
    bundle = found._repr_mimebundle_()
    assert bundle["text/plain"] == str(found)
    assert "<svg" in bundle["text/html"]
    assert "x&lt;b&gt;" in bundle["text/html"]
    assert "<b>>" not in bundle["text/html"]
    for suffix in (".svg", ".png", ".dot", ".html", ".txt"):
        assert found.save(tmp_path / f"p{suffix}").stat().st_size > 100
    assert (tmp_path / "p.txt").read_text(encoding="utf-8") == str(found) + "\n"
    assert repr(found).startswith("<3 paths from L& back to x<b>: ")
