"""An SVG as Graphviz writes it, made fit to stand in a page: scoped, described, scaling, harmless, light and dark."""

from __future__ import annotations

import functools
import hashlib
import re
from xml.etree import ElementTree

from viz.output.render import RenderError
from viz.style.escape import plain_text
from viz.style.roles import DARK_HOST, LIGHT_HOST

__all__ = ["finish_svg"]

_SVG = "http://www.w3.org/2000/svg"
_NAMESPACES = {
    f"{{{_SVG}}}": "",
    "{http://www.w3.org/1999/xlink}": "xlink:",
    "{http://www.w3.org/XML/1998/namespace}": "xml:",
}
# What Graphviz draws with; anything else (script, foreignObject, animate ...) has no business in a picture.
_SHAPES = {"g", "a", "title", "defs", "linearGradient", "radialGradient", "stop", "clipPath", "image"}
_SHAPES |= {"polygon", "polyline", "path", "ellipse", "circle", "rect", "line", "text", "tspan", "textPath"}
_TEXT = {"xlink:title", "points", "d", "x", "y"}  # attributes that hold no CSS
_FOREIGN = re.compile(r"url\((?!#)|@import", re.I)
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def finish_svg(
    svg: str,
    *,
    title: str,
    description: str,
    light: dict[str, str] | None = None,
    dark: dict[str, str] | None = None,
    widest: float | None = None,
) -> str:
    """Return the SVG element alone, with ids of its own, a title and a description, and colours for light and dark.

    The same bytes for the same picture. light, dark: CSS declarations by selector; dark ones hold where the page or
    the notebook is dark, never in print. Tooltips become ``<title>`` elements; scripts, handlers and links that run
    something are left out. widest: points (1/72 inch) that it may be wide when nothing around it says; a wider one is
    scaled down. Raises RenderError for what is no SVG.
    """
    key = "g" + hashlib.sha256("\0".join((svg, title, description)).encode("utf-8", "replace")).hexdigest()[:10]
    try:
        root = ElementTree.fromstring(_NOT_XML.sub("�", svg[max(svg.find("<svg"), 0) :]))
    except ElementTree.ParseError as error:
        raise RenderError(f"Graphviz wrote something that is no SVG ({error}); please report it") from error
    for element in root.iter():
        tidy(element, key)
    root.tag = "svg"
    attributes = {"class": key, "role": "img", "aria-labelledby": f"{key}-title {key}-desc", "xmlns": _SVG}
    attributes |= {name: root.attrib[name] for name in ("width", "height", "viewBox") if name in root.attrib}
    if widest is not None:
        attributes |= scaled(attributes, widest)
    root.attrib = {**attributes, "xmlns:xlink": "http://www.w3.org/1999/xlink", "style": "max-width:100%;height:auto"}
    body = "".join(ElementTree.tostring(child, encoding="unicode") for child in root)
    head = [text_element("title", title, 200, f"{key}-title"), text_element("desc", description, 2000, f"{key}-desc")]
    root[:] = [*head, *style_element(f".{key}", light or {}, dark or {}, body), *root]
    return ElementTree.tostring(root, encoding="unicode").strip()


def scaled(attributes: dict[str, str], widest: float) -> dict[str, str]:
    """Return width and height, made smaller in proportion where the width is above ``widest`` points."""
    lengths = {side: re.fullmatch(r"([0-9.]+)pt", attributes.get(side, "")) for side in ("width", "height")}
    sizes = {side: float(length.group(1)) for side, length in lengths.items() if length}
    if len(sizes) < 2 or sizes["width"] <= widest:
        return {}
    return {side: f"{size * widest / sizes['width']:.6g}pt" for side, size in sizes.items()}


def tidy(element: ElementTree.Element, key: str) -> None:
    """Give an element plain names and ids of this picture, its tooltip as a title, and no children that do harm."""
    element.attrib = {
        name: own_ids(name, value, key)
        for name, value in ((plain_name(name), value) for name, value in element.attrib.items())
        if harmless(name, value, element.tag)
    }
    named = bool({"node", "edge", "cluster", "graph"} & set(element.get("class", "").split()))
    for child in list(element):
        child.tag = plain_name(child.tag)
        if child.tag not in _SHAPES or (named and child.tag == "title"):  # Graphviz titles a node by its DOT name
            element.remove(child)
    if element.tag == "a":
        tip = element.attrib.pop("xlink:title", "")
        if tip:
            element.insert(0, text_element("title", tip, 2000))
        if "xlink:href" not in element.attrib:
            element.tag = "g"  # no link: pages underline what is one


@functools.cache
def plain_name(name: object) -> str:
    """Return a name with its usual prefix in place of its namespace; names of other worlds become empty."""
    text = name if isinstance(name, str) else ""
    for namespace, prefix in _NAMESPACES.items():
        if text.startswith(namespace):
            return prefix + text[len(namespace) :]
    return "" if text.startswith("{") else text


def harmless(name: str, value: str, tag: str) -> bool:
    """Return whether an attribute only draws, or links to a page."""
    if name in ("href", "xlink:href"):
        allowed = ("data:image/png;", "data:image/jpeg;") if tag == "image" else ("#", "https://", "http://")
        return value.strip().lower().startswith(allowed)
    if not name or name.lower().startswith("on"):
        return False
    return name in _TEXT or not _FOREIGN.search(value)


def own_ids(name: str, value: str, key: str) -> str:
    """Return an attribute's value with every id in it prefixed."""
    if name == "id":
        return f"{key}-{value}"
    if name in ("href", "xlink:href"):
        return f"#{key}-{value[1:]}" if value.startswith("#") else value
    return value if name in _TEXT else value.replace("url(#", f"url(#{key}-")


def text_element(tag: str, text: str, limit: int, identity: str = "") -> ElementTree.Element:
    """Return an element that holds nothing but text, a line of it at a time."""
    element = ElementTree.Element(tag, {"id": identity} if identity else {})
    element.text = "\n".join(plain_text(line, limit) for line in text[: limit + 1].splitlines())
    return element


def style_element(root: str, light: dict[str, str], dark: dict[str, str], body: str) -> list[ElementTree.Element]:
    """Return a style element whose rules touch this picture alone, or nothing to style."""
    bright, dim = rules(root, light, body), rules(f"{DARK_HOST} {root}", dark, body)
    if not bright and not dim:
        return []
    by_system = rules(f"{root}:not({LIGHT_HOST} *)", dark, body)
    element = ElementTree.Element("style")
    element.text = f"{bright}@media screen{{{dim}}}@media screen and (prefers-color-scheme:dark){{{by_system}}}"
    return [element]


def rules(before: str, declarations: dict[str, str], body: str) -> str:
    """Return the CSS rules for what is in this picture: a selector by an attribute's value must find that value."""
    text = []
    for selector, declaration in declarations.items():
        if re.search("[<>{}]", declaration) or re.search("[<{}]", selector):
            raise ValueError(f"finish_svg: {selector!r}: {declaration!r} is no CSS selector with declarations")
        if all(found in body for found in re.findall(r'\[([^\]]*="[^"]*")\]', selector)):
            text.append(",".join(f"{before} {part}" for part in selector.split(",")) + "{" + declaration + "}")
    return "".join(text)
