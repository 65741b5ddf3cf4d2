"""``viz.conv_arithmetic``: a convolution step by step, as a picture, a strip of pictures, a GIF and a page."""

from __future__ import annotations

import dataclasses
import html
import io
from pathlib import Path
from typing import Any

import numpy as np

from viz.convolution.drawing import Look, draw_step
from viz.convolution.geometry import Geometry, geometry_of
from viz.convolution.numbers import Numbers, Source, numbers_of, source_of
from viz.convolution.page import page
from viz.convolution.scene import Scene, Words
from viz.output.save import save_file
from viz.style.theme import PALETTES

__all__ = ["ConvArithmetic", "Strip", "conv_arithmetic"]

_NAME = "conv_arithmetic"
_FRAMES = 64  # of a GIF
_DPI = 96.0  # of its pixels
_CELL = 640.0  # points that a notebook's cell shows
_FRAME = 700  # pixels: the height of the page in a notebook's cell


class ConvArithmetic:
    """A convolution to look at. In Jupyter it shows itself; ``.save(path)`` writes svg, png, pdf, gif or html.

    geometry: the sizes. numbers: the arrays, ``.x .weight .bias .y .upstream``, and ``.gradients(first, last)``.
    """

    def __init__(self, geometry: Geometry, numbers: Numbers, look: Look, step: int, theme: str, live: bool) -> None:
        self.geometry, self.numbers, self.look = geometry, numbers, look
        self.step, self.theme, self.live = step, theme, live

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Channels, height and width of the output; of a sequence, channels and length."""
        g = self.geometry
        return (g.out_channels, g.output[1]) if g.flat else (g.out_channels, *g.output)

    @property
    def title(self) -> str:
        """What it is, in a line."""
        return self.geometry.title

    @property
    def description(self) -> str:
        """The picture in words."""
        return self.scene().description

    def scene(self, step: int | None = None) -> Scene:
        """Return the picture of one step: one number of the output, counted along rows, then channels."""
        return draw_step(self.numbers, self.step if step is None else step_in(step, self.geometry), self.look)

    def strip(self, steps: Any = 4) -> Strip:
        """Return a row of steps: a number of them, spread evenly, or a list. The output fills up from left to right."""
        total = self.geometry.steps
        if isinstance(steps, int):
            if steps < 1:
                raise ValueError(f"{_NAME}: a strip has at least 1 step, got {steps}")
            steps = spread(total, steps)
        return Strip(self, [step_in(one, self.geometry) for one in steps])

    def svg(self, widest: float | None = None) -> str:
        """The picture as an SVG element, for a page; follows the page's light or dark theme if ``theme="auto"``."""
        return self.scene().svg(self.theme == "auto", widest)

    def png(self) -> bytes:
        """The picture as PNG, 1,600 pixels wide or more; needs matplotlib."""
        return self.scene().png()

    def pdf(self) -> bytes:
        """The picture as PDF; needs matplotlib."""
        return self.scene().pdf()

    def gif(self, seconds: float = 0.7) -> bytes:
        """All steps as an animated GIF, at most 64, spread evenly; needs matplotlib and the Pillow that it brings."""
        image = pillow()
        steps = spread(self.geometry.steps, _FRAMES)
        scenes = [draw_step(self.numbers, step, dataclasses.replace(self.look, filled=step)) for step in steps]
        tall = max(scene.height for scene in scenes)
        scenes = [dataclasses.replace(scene, height=tall) for scene in scenes]
        colours = commonest([packed(scene) for scene in (scenes[0], scenes[-1])])
        images = [indexed(packed(scene), colours, image) for scene in scenes]
        file = io.BytesIO()
        times = [round(1000 * seconds)] * (len(images) - 1) + [round(2500 * seconds)]
        images[0].save(file, "GIF", save_all=True, append_images=images[1:], duration=times, loop=0)
        return file.getvalue()

    def html(self) -> str:
        """The page with sliders: works out every setting by itself, needs no kernel, makes no request."""
        return page(self)

    def save(self, path: Any) -> Path:
        """Write it; the suffix says how: .svg .png .pdf the step, .gif all steps, .html the page with sliders.

        An existing file is replaced whole. Returns the path. Raises ValueError for another suffix, ImportError where
        matplotlib is missing for .png, .pdf and .gif.
        """
        makers = {".svg": self.svg, ".png": self.png, ".pdf": self.pdf, ".gif": self.gif, ".html": self.html}
        return save_as(path, makers)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """The page in a frame, which survives an export without a kernel; SVG and text where scripts are stripped."""
        frame = (
            f'<iframe srcdoc="{html.escape(self.html())}" title="{html.escape(self.title)}" sandbox="allow-scripts" '
            f'style="width:100%;height:{_FRAME}px;border:1px solid #8888;border-radius:6px"></iframe>'
        )
        return {"text/html": frame, "image/svg+xml": self.svg(widest=_CELL), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<{self.title}; {'; '.join(self.geometry.sizes)}; .save() writes svg, png, pdf, gif or html>"


class Strip:
    """Steps in a row. In Jupyter it shows itself; ``.save(path)`` writes svg, png or pdf."""

    def __init__(self, whole: ConvArithmetic, steps: list[int]) -> None:
        self.whole, self.steps = whole, steps

    def scene(self) -> Scene:
        """Return the steps side by side, in rows of at most four."""
        arithmetic, look = self.whole, self.whole.look
        across = min(len(self.steps), 4)
        small = dataclasses.replace(look, arranged=False, widest=1080.0 / across)
        parts = [draw_step(arithmetic.numbers, step, dataclasses.replace(small, filled=step)) for step in self.steps]
        wide, tall = max(part.width for part in parts), max(part.height for part in parts) + 4
        rows = -(-len(parts) // across)
        scene = Scene(wide * across, tall * rows + 38, arithmetic.title, arithmetic.description,
                      look.palette.background)  # fmt: skip
        scene.things.append(Words(18, 20, arithmetic.title, 14, look.palette.text, "start", True))
        for position, (part, step) in enumerate(zip(parts, self.steps)):
            down, right = divmod(position, across)
            x, y = right * wide, 38 + down * tall
            said = f"step {step + 1} of {arithmetic.geometry.steps}"
            scene.things.append(Words(x + 18, y + 6, said, 10, look.palette.faint, "start"))
            scene.things += [moved(thing, x, y + 8) for thing in part.things]
        return scene

    def svg(self, widest: float | None = None) -> str:
        """The strip as an SVG element."""
        return self.scene().svg(self.whole.theme == "auto", widest)

    def png(self) -> bytes:
        """The strip as PNG, 1,600 pixels wide or more; needs matplotlib."""
        return self.scene().png()

    def pdf(self) -> bytes:
        """The strip as PDF; needs matplotlib."""
        return self.scene().pdf()

    def save(self, path: Any) -> Path:
        """Write the strip as .svg, .png or .pdf; ValueError for another suffix."""
        return save_as(path, {".svg": self.svg, ".png": self.png, ".pdf": self.pdf})

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """SVG and text."""
        return {"image/svg+xml": self.svg(widest=_CELL), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<{len(self.steps)} steps of {self.whole.title}>"


def conv_arithmetic(
    input: Any = None,
    kernel: Any = None,
    stride: Any = None,
    padding: Any = None,
    dilation: Any = None,
    transposed: bool | None = None,
    output_padding: Any = None,
    groups: Any = None,
    values: Any = None,
    *,
    in_channels: int | None = None,
    out_channels: int | None = None,
    backward: bool = False,
    gradient: Any = None,
    step: int | None = None,
    numbers: bool = True,
    theme: str = "auto",
) -> ConvArithmetic:
    """Show what a convolution does: which pixels each number of the output is made of, and how large the output is.

    input, kernel: sizes, 5 and 3 if left out; an integer, a pair (height, width), or ``(7,)`` for a sequence. stride,
    padding, dilation, transposed, output_padding, groups: as ``tg.functional.conv2d`` and ``conv_transpose2d``.
    values: the numbers: a layer (whose settings then hold), ``(layer, x)``, ``(x, weight)`` or ``(x, weight, bias)``,
    arrays or Tensors; of a batch the first image. Small whole numbers if left out. numbers: False draws none.
    backward: also the way of the gradient, to the input and to the kernel; gradient: what arrives at the output, 1
    everywhere if left out. step: which number of the output is highlighted. theme: ``auto``, ``light`` or ``dark``.

    The output has ⌊(W − F + 2P) / S⌋ + 1 pixels a side, F being (kernel − 1) · dilation + 1, a transposed one
    (W − 1) · S + F − 2P + output_padding. After Dumoulin and Visin (2016), A guide to convolution arithmetic for deep
    learning, arXiv 1603.07285. Outputs and gradients are the engine's. As everywhere in deep learning the kernel is
    not flipped: mathematics calls it cross-correlation.
    Raises ValueError, before any work, for a kernel larger than the padded input, an output_padding that is not
    smaller than stride or dilation, groups that do not divide the channels, arrays that do not fit, and more than 64
    pixels a side; TypeError for what is no integer.
    """
    if theme not in ("auto", *PALETTES):
        raise ValueError(f"{_NAME}: theme={theme!r} is none of auto, {', '.join(PALETTES)}")
    source = source_of(values)
    given = {
        "input": input, "kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation,
        "transposed": transposed, "output_padding": output_padding, "groups": groups, "in_channels": in_channels,
        "out_channels": out_channels,
    }  # fmt: skip
    geometry = geometry_of(**settled(given, source))
    found = numbers_of(geometry, source, gradient)
    last = geometry.steps - 1 if backward else 0
    look = Look(PALETTES["dark" if theme == "dark" else "light"], bool(numbers), bool(backward))
    at = last if step is None else step_in(step, geometry)
    return ConvArithmetic(geometry, found, look, at, theme, values is not None)


def settled(given: dict[str, Any], source: Source) -> dict[str, Any]:
    """Return every setting: what was asked for, else what the values say, else the usual; ValueError if they differ."""
    flat = source.settings.get("flat", isinstance(given["input"], (tuple, list)) and len(given["input"]) == 1)
    said = {name: value for name, value in source.settings.items() if name != "flat"} | sizes_said(given, source)
    usual = {"input": 5, "kernel": 3, "stride": 1, "padding": 0, "dilation": 1, "transposed": False}
    usual |= {"output_padding": 0, "groups": 1}
    found: dict[str, Any] = {"flat": flat}
    for name, value in given.items():
        if value is None:
            found[name] = said.get(name, usual.get(name))
        elif name in said and not same(value, said[name]):
            raise ValueError(f"{_NAME}: {name}={value!r}, but the values say {said[name]!r}; leave it out")
        else:
            found[name] = value
    if not isinstance(found["transposed"], bool):
        raise TypeError(f"{_NAME}: transposed must be True or False, got {found['transposed']!r}")
    for name in ("in_channels", "out_channels"):
        if found[name] is None:
            found[name] = found["groups"] if isinstance(found["groups"], int) else 1
    return found


def sizes_said(given: dict[str, Any], source: Source) -> dict[str, Any]:
    """Return the sizes that the arrays have; ValueError where image and weight do not fit."""
    if source.weight is None:
        return {}
    transposed = source.settings.get("transposed", bool(given["transposed"]))
    groups = source.settings.get("groups", given["groups"] or 1)
    first, second, *kernel = source.weight.shape
    channels = (first, second * groups) if transposed else (second * groups, first)
    said: dict[str, Any] = {"kernel": tuple(kernel), "in_channels": channels[0], "out_channels": channels[1]}
    if source.x is not None:
        said["input"] = tuple(source.x.shape[1:])
        if source.x.shape[0] != channels[0]:
            raise ValueError(
                f"{_NAME}: expected {channels[0]} channels, got {source.x.shape[0]} (x {source.x.shape}, "
                f"weight {source.weight.shape}, groups {groups})"
            )
    return said


def same(one: Any, other: Any) -> bool:
    """Whether two settings agree: 3 is (3, 3)."""
    parts = [tuple(part) if isinstance(part, (tuple, list)) else part for part in (one, other)]
    if isinstance(parts[0], int) and isinstance(parts[1], tuple):
        return all(same(parts[0], part) for part in parts[1])
    return bool(parts[0] == parts[1])


def step_in(step: Any, geometry: Geometry) -> int:
    """Return a step counted from the start; IndexError for one that is not there."""
    if isinstance(step, bool) or not isinstance(step, int):
        raise TypeError(f"{_NAME}: step must be an integer, got {step!r}")
    if not -geometry.steps <= step < geometry.steps:
        raise IndexError(f"{_NAME}: there are {geometry.steps} steps, 0 to {geometry.steps - 1}; got {step}")
    return step % geometry.steps


def spread(total: int, wanted: int) -> list[int]:
    """Return at most ``wanted`` steps, the first and the last among them, evenly."""
    if total <= wanted:
        return list(range(total))
    return [round(i * (total - 1) / max(wanted - 1, 1)) for i in range(wanted)]


def save_as(path: Any, makers: dict[str, Any]) -> Path:
    """Write what the suffix asks for."""
    target = Path(path)
    maker = makers.get(target.suffix.lower())
    if maker is None:
        raise ValueError(f"save: the suffix {target.suffix!r} of {target.name} is none of {', '.join(makers)}")
    save_file(target, maker())
    return target


def pillow() -> Any:
    """Return Pillow's module of images; ImportError that says what to install."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            'a GIF is written by Pillow, which is not installed; pip install "tinygrad-edu[plot]"'
        ) from error
    return Image


def packed(scene: Scene) -> Any:
    """Return the picture's pixels, a whole number for each."""
    red, green, blue = np.moveaxis(scene.pixels(_DPI)[..., :3].astype(np.int32), -1, 0)
    return red << 16 | green << 8 | blue


def commonest(frames: list[Any]) -> Any:
    """Return the at most 256 commonest colours: with one table for all frames, only what changes is written."""
    colours, counts = np.unique(np.concatenate([frame.ravel() for frame in frames]), return_counts=True)
    return np.sort(colours[np.argsort(-counts, kind="stable")[:256]])


def indexed(frame: Any, colours: Any, image: Any) -> Any:
    """Return a frame as an image of indices into a table of colours, each pixel the nearest one."""
    there = np.zeros(1 << 24, bool)
    there[frame] = True
    found = np.flatnonzero(there)
    parts = [np.stack([values >> 16, values >> 8 & 255, values & 255], axis=-1) for values in (found, colours)]
    table = np.zeros(1 << 24, np.uint8)
    table[found] = [np.square(parts[1] - colour).sum(axis=1).argmin() for colour in parts[0]]
    made = image.fromarray(table[frame])
    made.putpalette(parts[1].astype(np.uint8).tobytes())
    return made


def moved(thing: Any, x: float, y: float) -> Any:
    """Return a thing of a scene at another place."""
    if hasattr(thing, "points"):
        return dataclasses.replace(thing, points=tuple((a + x, b + y) for a, b in thing.points))
    return dataclasses.replace(thing, x=thing.x + x, y=thing.y + y)
