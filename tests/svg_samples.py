"""An SVG as Graphviz writes it, hostile words, and what an HTML parser sees."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from viz.output.render import bundled_program
from viz.output.svg import finish_svg
from viz.style.escape import plain_text

__all__ = ["DARK", "DOT", "HOSTILE", "RAW", "Tags", "finished", "hostile", "needs_bundled", "plain_text_lines"]

HOSTILE = {
    "quotes": "a\"b'c`",
    "angles": "<b>bold</b>",
    "script": "</script><script>document.title='hacked'</script>",
    "handler": "<img src=x onerror=\"document.title='hacked'\">",
    "end of title": "</title></svg></style><h1>hacked</h1>",
    "cdata": "]]><![CDATA[x",
    "comment": "--><!--",
    "entity": "&lt;&amp;&#60;&bogus;",
    "backslashes": "a\\b\\\\c\\",
    "escapes of Graphviz": "\\N \\G \\L",
    "backslash and quote": 'a\\"];hacked [label="x',
    "dot injection": '"]; hacked [URL="javascript:alert(1)"]; x [label="',
    "newlines": "a\nb\r\nc\\nd",
    "controls": "a\x00b\x1bc\ufffed",
    "braces": "{{svg}}{{js}}{}%s",
    "long": "m" * 10_000,
    "right to left": "a\u202eb",
}
DOT = """digraph {
  bgcolor="#ffffff"
  a [id="a" class="op" label="a·b" tooltip="full \\"numbers\\" <1.23456789>" style=filled fillcolor="#dcebff"]
  b [id="b" label=<<TABLE><TR><TD BGCOLOR="#ff0000:#0000ff">x</TD></TR></TABLE>>]
  a -> b
}"""
RAW = """<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/svg11.dtd">
<svg width="300pt" height="100pt" viewBox="0 0 300 100" xmlns="http://www.w3.org/2000/svg"
 xmlns:xlink="http://www.w3.org/1999/xlink"><g id="graph0" class="graph"><title>graph</title>
<polygon fill="#ffffff" stroke="none" points="0,0 300,0 300,100 0,100"/>
<g id="a" class="node op"><title>a</title><g id="a_a"><a xlink:title="tip url(#x) &lt;1&gt;">
<text x="5" y="50" font-size="14">id="a"</text></a></g></g>
<g id="b" class="node"><title>b</title><defs><linearGradient id="l0"><stop offset="0" style="stop-color:red;"/>
</linearGradient></defs><polygon fill="url(#l0)" points="200,20 290,20 290,80 200,80"/></g></g></svg>"""
DARK = {'[fill="#ffffff"]': "fill:#111111", '[fill="#abcdef"]': "fill:#222222", ".op text, .op path": "fill:#eeeeee"}


def finished(svg: str = RAW, title: str = "T", description: str = "D", **colours: dict[str, str]) -> str:
    return finish_svg(svg, title=title, description=description, **colours)


needs_bundled = pytest.mark.skipif(bundled_program() is None, reason="graphviz-pure has no wheel here")
hostile = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())


class Tags(HTMLParser):
    """What an HTML parser sees: tags, attributes, text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


def plain_text_lines(text: str, limit: int) -> str:
    return "\n".join(plain_text(line, limit) for line in text[: limit + 1].splitlines())
