"""Where a kernel stands: sizes, padding, inserted zeros, which places each output reads, and what none of them reads.

Both directions are one picture. A transposed convolution is an ordinary one of stride 1 over the input with
``stride − 1`` zeros inserted between its pixels, with the kernel turned by 180° (Dumoulin and Visin 2016, chapter 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tinygrad_edu.functional.sizes import Pads, Pair, pads, pair, too_large, whole

__all__ = ["INSERTED", "PADDED", "Axis", "Geometry", "column_titles", "geometry_of", "times"]

PADDED, INSERTED = -1, -2  # what stands at a place that holds no pixel
LARGEST = 64  # pixels a side that are still drawn one by one
MOST_CHANNELS = 4096
_NAME = "conv_arithmetic"


@dataclass(frozen=True)
class Axis:
    """One axis: ``size`` pixels, a kernel of ``kernel`` entries; padding before and after; ``extra`` output padding."""

    size: int
    kernel: int
    stride: int
    padding: Pair
    dilation: int
    transposed: bool = False
    extra: int = 0

    @property
    def reach(self) -> int:
        """The places from the first to the last entry of the spread kernel."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def around(self) -> Pair:
        """The zeros before and after that the sliding kernel sees; fewer than 0: so many places are left out."""
        before, after = self.padding
        return (self.reach - 1 - before, self.reach - 1 - after + self.extra) if self.transposed else (before, after)

    @property
    def step(self) -> int:
        """The places between two windows."""
        return 1 if self.transposed else self.stride

    @cached_property
    def field(self) -> tuple[int, ...]:
        """What stands at each place: the index of a pixel, PADDED, or INSERTED."""
        gap = self.stride - 1 if self.transposed else 0
        inner = [index if part == 0 else INSERTED for index in range(self.size) for part in range(gap + 1)]
        inner = inner[: len(inner) - gap]
        before, after = (max(n, 0) for n in self.around)
        return (PADDED,) * before + tuple(inner) + (PADDED,) * after

    @property
    def out(self) -> int:
        """The size of the output; 0 or less where no window fits."""
        if self.transposed:
            return (self.size - 1) * self.stride - sum(self.padding) + self.reach + self.extra
        return (self.size + sum(self.padding) - self.reach) // self.stride + 1

    @property
    def lost(self) -> int:
        """The places at the end that the floor of the division leaves out."""
        return 0 if self.transposed else (self.size + sum(self.padding) - self.reach) % self.stride

    def taps(self, output: int) -> list[int]:
        """Return the places that an output reads, one per entry of the kernel."""
        start = max(-self.around[0], 0) + output * self.step
        return [start + entry * self.dilation for entry in range(self.kernel)]

    @cached_property
    def read(self) -> frozenset[int]:
        """The places that some window reads."""
        return frozenset(place for output in range(self.out) for place in self.taps(output))

    @property
    def arithmetic(self) -> str:
        """The output size as it is reckoned, with numbers."""
        before, after = self.padding
        twice = f"2·{before}" if before == after else f"({before} + {after})"
        if self.transposed:
            more = f" + {self.extra}" if self.extra else ""
            return f"({self.size} − 1)·{self.stride} + {self.reach} − {twice}{more} = {self.out}"
        inside = f"{self.size} − {self.reach} + {twice}"
        if self.lost:
            return f"⌊({inside}) / {self.stride}⌋ + 1 = {self.out}"
        return f"({inside}) / {self.stride} + 1 = {self.out}"


@dataclass(frozen=True)
class Geometry:
    """A convolution's sizes: two axes, vertical and horizontal (``flat``: a sequence), channels, groups."""

    rows: Axis
    columns: Axis
    in_channels: int = 1
    out_channels: int = 1
    groups: int = 1
    flat: bool = False

    @property
    def transposed(self) -> bool:
        return self.columns.transposed

    @property
    def input(self) -> Pair:
        return self.rows.size, self.columns.size

    @property
    def kernel(self) -> Pair:
        return self.rows.kernel, self.columns.kernel

    @property
    def output(self) -> Pair:
        return self.rows.out, self.columns.out

    @property
    def field(self) -> Pair:
        """Height and width of the input with its zeros."""
        return len(self.rows.field), len(self.columns.field)

    @property
    def steps(self) -> int:
        """How many numbers the output has: the kernel stands at so many places, for each output channel."""
        return self.out_channels * self.rows.out * self.columns.out

    def place(self, step: int) -> tuple[int, int, int]:
        """Return output channel, row and column of a step."""
        channel, rest = divmod(step, self.rows.out * self.columns.out)
        return channel, *divmod(rest, self.columns.out)

    def group(self, out_channel: int) -> int:
        """Return the group of an output channel."""
        return out_channel // (self.out_channels // self.groups)

    def inputs_of(self, out_channel: int) -> range:
        """Return the input channels that an output channel reads."""
        share = self.in_channels // self.groups
        return range(self.group(out_channel) * share, (self.group(out_channel) + 1) * share)

    def times(self, size: Pair) -> str:
        """Return a size as 5×5; of a sequence, its length."""
        return str(size[1]) if self.flat else times(size)

    @property
    def title(self) -> str:
        """What it is, in a line."""
        words = [f"{name} {value}" for name, value in self.unusual()]
        words += [f"{self.groups} groups"] if self.groups > 1 else []
        kind = "Transposed convolution" if self.transposed else "Convolution"
        return kind + (": " + ", ".join(words) if words else "")

    def unusual(self) -> list[tuple[str, str]]:
        """Return stride, padding, dilation and output padding where they are not as usual."""
        axes = (self.columns,) if self.flat else (self.rows, self.columns)
        given: list[tuple[str, list[Any], Any]] = [
            ("stride", [axis.stride for axis in axes], 1), ("padding", [axis.padding for axis in axes], (0, 0)),
            ("dilation", [axis.dilation for axis in axes], 1), ("output padding", [axis.extra for axis in axes], 0),
        ]  # fmt: skip
        return [(name, shortest(values)) for name, values, usual in given if set(values) != {usual}]

    @property
    def sizes(self) -> list[str]:
        """How the output's size comes about, a line for each axis that differs."""
        formula = "(W − 1)·S + F − 2P + output padding" if self.transposed else "(W − F + 2P) / S + 1"
        wide = [f"F is ({axis.kernel} − 1)·{axis.dilation} + 1 = {axis.reach}" for axis in (self.rows, self.columns)
                if axis.dilation > 1]  # fmt: skip
        said = f"; with dilation, {' and '.join(dict.fromkeys(wide))}" if wide else ""
        if self.flat:
            return [f"length {formula}: {self.columns.arithmetic}{said}"]
        if self.rows == self.columns:
            return [f"height and width {formula}: {self.rows.arithmetic}{said}"]
        return [f"height {formula}: {self.rows.arithmetic}", f"width: {self.columns.arithmetic}{said}"]

    @property
    def losses(self) -> str:
        """What the floor leaves out, in words; empty for nothing."""
        lost = [(self.rows.lost, "row", "at the bottom"), (self.columns.lost, "column", "on the right")]
        said = [f"{n} {word}{'s' if n > 1 else ''} {where}" for n, word, where in lost if n]
        if not said:
            return ""
        one = sum(n for n, _, _ in lost) == 1
        verb, them = ("is", "it") if one else ("are", "them")
        return f"{' and '.join(said)} {verb} lost to the floor: no window reads {them}"


def column_titles(g: Geometry) -> list[tuple[str, str]]:
    """Return what stands above input, kernel and output, with their sizes."""
    zeros = f", with zeros {g.times(g.field)}" if g.field != g.input else ""
    planes = f"{g.in_channels} channels of " if g.in_channels > 1 else ""
    made = f"{g.out_channels} channels of " if g.out_channels > 1 else ""
    turned = ", turned by 180°" if g.transposed else ""
    return [("input", f"{planes}{g.times(g.input)}{zeros}"), ("kernel", g.times(g.kernel) + turned),
            ("output", made + g.times(g.output))]  # fmt: skip


def times(size: Any) -> str:
    """Return a size as 5×5."""
    return "×".join(map(str, size))


def shortest(values: list[Any]) -> str:
    """Return one number where all are the same, else 1×2; of paddings that differ, before and after with a plus."""
    words = [
        str(value) if isinstance(value, int) else str(value[0]) if value[0] == value[1] else f"({value[0]}+{value[1]})"
        for value in values
    ]
    return words[0] if len(set(words)) == 1 else "×".join(words)


def geometry_of(
    input: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, transposed: bool, output_padding: Any,
    groups: Any, in_channels: Any, out_channels: Any, flat: bool,
) -> Geometry:  # fmt: skip
    """Check every argument before any work; return the geometry. See ``conv_arithmetic`` for what is raised."""
    size, window = along(input, "input", 1, 1, flat), along(kernel, "kernel", 1, 1, flat)
    down, spread = along(stride, "stride", 1, 1, flat), along(dilation, "dilation", 1, 1, flat)
    extra = along(output_padding, "output_padding", 0, 0, flat)
    around = pads_along(padding, window, (1, 1) if transposed else down, spread, flat)
    groups = whole(groups, "groups", _NAME, 1)
    planes, made = whole(in_channels, "in_channels", _NAME, 1), whole(out_channels, "out_channels", _NAME, 1)
    refuse_misfits(size, window, down, spread, around, transposed, extra, flat)
    refuse_channels(planes, made, groups)
    rows, columns = (Axis(size[i], window[i], down[i], around[i], spread[i], transposed, extra[i]) for i in range(2))
    found = Geometry(rows, columns, planes, made, groups, flat)
    if min(found.output) < 1:
        raise ValueError(
            f"{_NAME}: the output would have size {found.times(found.output)}; take less padding than {padding}"
        )
    sides = [*found.field, *found.kernel, *found.output]
    if max(sides) > LARGEST:
        raise ValueError(
            f"{_NAME}: every pixel is drawn, at most {LARGEST} a side; the input with its zeros has "
            f"{found.times(found.field)}, the kernel {found.times(found.kernel)}, the output "
            f"{found.times(found.output)}: take a crop of the input"
        )
    return found


def along(value: Any, name: str, least: int, across: int, flat: bool) -> Pair:
    """Return (vertical, horizontal); of a sequence, what the axis that it has not counts as, and its own number."""
    if not flat:
        return pair(value, name, _NAME, least)
    single = value[0] if isinstance(value, (tuple, list)) and len(value) == 1 else value
    if isinstance(single, (tuple, list)) and len(single) == 2 and single[0] == across:
        single = single[1]
    if isinstance(single, (tuple, list)):
        raise ValueError(f"{_NAME}: {name} of a sequence must be one integer, got {value}")
    return across, whole(single, name, _NAME, least)


def pads_along(padding: Any, kernel: Pair, stride: Pair, dilation: Pair, flat: bool) -> Pads:
    """Return ((above, below), (left, right)); a sequence takes one number or (before, after)."""
    if flat and not isinstance(padding, str):
        single = isinstance(padding, (tuple, list)) and len(padding) == 1
        side = padding[0] if single else padding
        padding = ((0, 0), tuple(side) if isinstance(side, (tuple, list)) else (side, side))
    return pads(padding, kernel, stride, dilation, _NAME)


def refuse_misfits(
    size: Pair, kernel: Pair, stride: Pair, dilation: Pair, padding: Pads, transposed: bool, extra: Pair, flat: bool
) -> None:
    """Raise ValueError for a kernel that finds no place, and for output padding that makes no sense."""
    problem = "" if transposed else too_large(_NAME, size, kernel, dilation, padding, flat)
    if any(extra) and not transposed:
        problem = f"{_NAME}: output_padding {extra} is for a transposed convolution; pass transposed=True"
    elif any(more and more >= max(s, d) for more, s, d in zip(extra, stride, dilation)):
        problem = f"{_NAME}: output_padding {extra} must be smaller than stride {stride} or dilation {dilation}"
    if problem:
        raise ValueError(problem)


def refuse_channels(inputs: int, outputs: int, groups: int) -> None:
    """Raise ValueError where groups can't share the channels, or there are too many."""
    for name, channels in (("in_channels", inputs), ("out_channels", outputs)):
        if channels % groups:
            raise ValueError(
                f"{_NAME}: {name} {channels} can't be shared evenly by {groups} groups; take a multiple of {groups}"
            )
        if channels > MOST_CHANNELS:
            raise ValueError(f"{_NAME}: {name} must be at most {MOST_CHANNELS}, got {channels}")
