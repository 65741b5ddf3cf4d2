"""The page with sliders: it works out every setting by itself, needs no kernel and makes no request."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from viz.output.page import document, fill, inlined, static
from viz.style.escape import plain_text
from viz.style.roles import kinds, roles, variables

if TYPE_CHECKING:
    from viz.convolution.arithmetic import ConvArithmetic

__all__ = ["PACKAGE", "page", "page_colours"]

PACKAGE = "viz.convolution"


def page(shown: ConvArithmetic) -> str:
    """Return the page of a convolution."""
    title = shown.title if shown.live else "Convolution arithmetic"
    body = fill(
        static("conv.html", PACKAGE),
        title=html.escape(plain_text(title, 200)),
        keys=static("keys.html", "viz.output"),
        svg=shown.svg(),
        data=inlined(payload(shown)),
    )
    script = "\n".join([static(name, PACKAGE) for name in ("reckon.js", "conv.js")])
    style = page_colours() + static("conv.css", PACKAGE)
    return document(body, title=title, style=style, script=script, theme=shown.theme)


def payload(shown: ConvArithmetic) -> dict[str, Any]:
    """Return what the script starts from: the settings and, of live values, the arrays."""
    g, numbers = shown.geometry, shown.numbers
    axes = (g.rows, g.columns)
    settings: dict[str, Any] = {
        "input": list(g.input), "kernel": list(g.kernel), "stride": [a.stride for a in axes],
        "padding": [list(a.padding) for a in axes], "dilation": [a.dilation for a in axes],
        "extra": [a.extra for a in axes], "transposed": g.transposed, "inputs": g.in_channels,
        "outputs": g.out_channels, "groups": g.groups, "flat": g.flat, "backward": shown.look.backward,
    }  # fmt: skip
    pairs = [settings[name] for name in ("input", "kernel", "stride", "padding", "dilation", "extra")]
    square = all(one == other for one, other in pairs)
    found: dict[str, Any] = {"settings": settings, "step": shown.step, "live": shown.live, "square": square or g.flat}
    if shown.look.backward and (numbers.upstream != 1).any():
        found["upstream"] = flat(numbers.upstream)
    if shown.live:
        found |= {"x": flat(numbers.x), "weight": flat(numbers.slid)}
        found |= {} if numbers.bias is None else {"bias": flat(numbers.bias)}
    return found


def flat(array: Any) -> list[float]:
    """Return an array's numbers in a row; those of float32 to 9 digits, which is all that they have."""
    values: list[float] = array.ravel().tolist()
    return [float(f"{value:.9g}") for value in values] if array.dtype.itemsize <= 4 else values


def page_colours() -> str:
    """Return the colours of ``viz.style.theme`` as CSS variables, light and dark."""
    return f":root{{{variables(roles('light'), roles('dark'))};{variables(kinds('light'), kinds('dark'))}}}"
