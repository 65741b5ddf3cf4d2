"""The page with sliders: it works out every setting by itself, needs no kernel and makes no request."""

from __future__ import annotations

import html
import json
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from viz.escape import plain_text
from viz.page import fill
from viz.stepper.shell import roles

if TYPE_CHECKING:
    from viz.convolution.arithmetic import ConvArithmetic

__all__ = ["page", "page_colours", "script_hash", "static"]


def page(shown: ConvArithmetic) -> str:
    """Return the page of a convolution. Its policy lets it load nothing, and run its one script alone."""
    script = static("reckon.js") + static("conv.js")
    data = json.dumps(payload(shown), allow_nan=False, separators=(",", ":"))
    return fill(
        static("conv.html"),
        theme=shown.theme,
        script_hash=script_hash(script),
        title=html.escape(plain_text("Convolution arithmetic" if not shown.live else shown.title, 200)),
        css=page_colours() + static("conv.css"),
        svg=shown.svg(),
        data=data.replace("<", "\\u003c"),
        js=script,
    )


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
    """Return the colours of ``viz.theme`` as CSS variables, light and dark; print is light."""
    light, dark = roles("light"), roles("dark")
    found = ";".join(f"--{name}:light-dark({colour},{dark[name]})" for name, colour in light.items())
    return (
        f":root{{color-scheme:light dark;{found}}}"
        ':root[data-theme="light"]{color-scheme:light}:root[data-theme="dark"]{color-scheme:dark}'
        "@media print{:root:root{color-scheme:light!important}}"
    )


def script_hash(script: str) -> str:
    """Return what a page's policy names its script by."""
    return "sha256-" + b64encode(sha256(script.encode("utf-8")).digest()).decode("ascii")


def static(name: str) -> str:
    """Return the text of a file beside this one."""
    return (files("viz.convolution") / "static" / name).read_text(encoding="utf-8")
