"""The page of a network in a browser: each box opens by mouse and by keyboard, and nothing is asked of any network."""

from __future__ import annotations

import pytest
from screenshots import keep
from test_architecture import Again, Block, drawn

from tinygrad_edu import nn
from viz.architectures import architecture

pytestmark = pytest.mark.browser
HEADING = "#inside-title"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1300, 380])
def test_a_box_opens_down_to_the_ops_of_a_convolution(shown, width, scheme):
    tab = shown(drawn("resnet50").html(), width=width, scheme=scheme)
    keep(tab, f"architecture-resnet50-{width}-{scheme}")
    tab.locator("main a", has_text="conv1 · 9,600").click()
    tab.wait_for_selector(f"{HEADING}:has-text('7×7 conv, 64, /2')")
    tab.locator(".inside .stage a", has_text="7×7 conv").click()
    tab.wait_for_selector(".inside .stage text:has-text('windows 7×7')")
    words = tab.locator(".inside .stage").inner_text()
    assert all(op in words for op in ("windows 7×7", "matmul", "add", "weight", "64×3×7×7"))
    keep(tab, f"architecture-conv-{width}-{scheme}")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_every_box_that_is_a_link_opens(shown):
    tab = shown(architecture(Again(), (8,)).html())
    links = tab.locator("main a[href]")
    assert links.count() >= 6
    for i in range(links.count()):
        links.nth(i).focus()
        tab.keyboard.press("Enter")
        tab.wait_for_function("i => document.querySelectorAll('main a[href]')[i].classList.contains('now')", arg=i)
        tab.wait_for_selector(".inside .stage svg")
        assert tab.evaluate("document.activeElement.id") == "inside-title"
        tab.keyboard.press("Escape")
        assert tab.locator(".inside").is_hidden()
        assert links.nth(i).evaluate("link => link === document.activeElement")


def test_all_links_of_all_drawings_lead_somewhere(shown):
    tab = shown(drawn("inception_v3").html())
    lost = tab.evaluate("""async () => {
      const bytes = Uint8Array.from(atob(document.getElementById("drawings").textContent), c => c.charCodeAt(0));
      const all = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
      const links = Object.values(all).flatMap(([, , svg]) => [...svg.matchAll(/href="#(\\w+)"/g)].map(m => m[1]));
      return [Object.keys(all).length, links.filter(name => !(name in all))];
    }""")
    assert lost[0] > 50
    assert lost[1] == []


def test_the_way_back_is_there(shown):
    tab = shown(drawn("inception_v1").html())
    tab.locator("main a", has_text="inception4a").click()
    tab.locator(".inside .stage a", has_text="5×5 conv").click()
    tab.wait_for_selector(f"{HEADING}:has-text('5×5 conv, 48')")
    tab.locator(".inside nav button", has_text="inception4a").click()
    tab.wait_for_selector(f"{HEADING}:has-text('Inception')")
    tab.locator(".inside .close").click()
    assert tab.locator(".inside").is_hidden()


def test_hostile_names_are_text(shown):
    hostile = type("</script><img src=x onerror=alert(1)>", (Block,), {})
    tab = shown(architecture(nn.Sequential(hostile(), nn.Linear(8, 8), hostile(), nn.ReLU()), (8,), max_boxes=7).html())
    for link in tab.locator("main a[href]").all():
        link.click()
        tab.wait_for_selector(".inside .stage svg")
    assert tab.locator("img").count() == 0
