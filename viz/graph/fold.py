"""A Trace with some of its regions folded into single boxes: a View. Four zoom levels of one recording."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tinygrad_edu.engine.trace.tracing import Call, Region, Snapshot, Trace, Turn, Value

__all__ = ["LEVELS", "Arrow", "Box", "View", "fold", "folded_regions"]

LEVELS = ("module", "op", "primitive", "scalar")


@dataclass(frozen=True)
class Box:
    """A node of the picture: a leaf, a call with its result, or a folded region with its result if it has just one."""

    id: str
    kind: str
    cluster: int | None  # the region it is drawn in
    value: Value | None = None
    call: Call | None = None
    region: Region | None = None
    held: tuple[Value, ...] = ()  # the parameters hidden inside a folded module
    count: int = 1  # how many calls it stands for


@dataclass(frozen=True)
class Arrow:
    """A value's way from the box that holds it into a box that uses it; ``back`` is what flows the other way."""

    source: str
    target: str
    value: int
    back: tuple[Snapshot, ...] = ()
    summed: tuple[int, ...] | None = None


@dataclass(frozen=True)
class View:
    """What is drawn: boxes, arrows, and the clusters around boxes."""

    trace: Trace
    level: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    clusters: tuple[Region, ...]


def fold(trace: Trace, level: str) -> View:
    """Return the View of a Trace at a level: ``module``, ``op``, ``primitive`` or ``scalar``."""
    if level not in LEVELS:
        raise ValueError(f"level must be one of {', '.join(LEVELS)}, got {level!r}")
    folded = folded_regions(trace, level)
    owner = {call.output: folded[call.id] for call in trace.calls}  # by value
    users: dict[int, list[Call]] = {}
    for call in trace.calls:
        for x in dict.fromkeys(call.inputs):
            users.setdefault(x, []).append(call)
    hidden = {value.id for value in trace.values if is_hidden(value, trace, folded, owner, users)}
    boxes = merged(trace, value_boxes(trace, hidden, folded, owner, users), call_boxes(trace, folded, hidden), owner)
    holder = {box.value.id: box.id for box in boxes if box.value is not None}
    arrows = arrows_of(trace, folded, hidden, holder)
    shown = {box.cluster for box in boxes if box.cluster is not None}
    around: set[int] = set()
    for region in shown:
        around.update(ancestors(trace, region))
    clusters = tuple([region for region in trace.scopes if region.id in around])
    return View(trace, level, tuple(boxes), tuple(arrows), clusters)


def folded_regions(trace: Trace, level: str) -> dict[int, int | None]:
    """Return, by the id of every call, the region that it disappears in at a level; None if it stays a box."""
    holding = modules_with_modules(trace)
    return {call.id: folded_region(trace, call, level, holding) for call in trace.calls}


def ancestors(trace: Trace, region: int | None) -> list[int]:
    """Return a region and those around it, innermost first."""
    found = []
    while region is not None:
        found.append(region)
        region = trace.scopes[region].parent
    return found


def folded_region(trace: Trace, call: Call, level: str, holding: set[int]) -> int | None:
    """Return the region that a call disappears in at a level, the outermost such one; None if it stays.

    holding: the regions in which a module was called: those stay open.
    """
    if level in ("primitive", "scalar") or call.failure:
        return None
    around = ancestors(trace, call.region)
    if level == "module":
        leaf_modules = [r for r in around if trace.scopes[r].kind == "module"][:1]
        if leaf_modules and leaf_modules[0] not in holding:
            return leaf_modules[0]
    composites = [r for r in around if trace.scopes[r].kind == "composite"]
    return composites[-1] if composites else None


def modules_with_modules(trace: Trace) -> set[int]:
    """Return the regions inside which another module was called."""
    return {outer for r in trace.scopes if r.kind == "module" for outer in ancestors(trace, r.parent)}


def is_hidden(
    value: Value,
    trace: Trace,
    folded: dict[int, int | None],
    owner: dict[int | None, int | None],
    users: dict[int, list[Call]],
) -> bool:
    """Whether a value lives wholly inside one folded region."""
    if value.id in trace.outputs:
        return False
    inside = {folded[call.id] for call in users.get(value.id, [])}
    if value.made_by is not None:
        inside.add(owner[value.id])
    if len(inside) != 1 or None in inside:
        return False
    region = next(iter(inside))
    is_module = region is not None and trace.scopes[region].kind == "module"
    return value.made_by is not None or (is_module and value.kind != "input") or value.kind == "constant"


def value_boxes(
    trace: Trace,
    hidden: set[int],
    folded: dict[int, int | None],
    owner: dict[int | None, int | None],
    users: dict[int, list[Call]],
) -> list[Box]:
    """Return a box for each value that is seen; a parameter stands in the cluster that alone uses it."""
    boxes = []
    regions = {call.id: call.region for call in trace.calls}
    for value in trace.values:
        if value.id in hidden:
            continue
        cluster: int | None = None
        if value.made_by is not None:
            region = owner[value.id]
            cluster = regions[value.made_by] if region is None else trace.scopes[region].parent
        else:
            around = [
                ancestors(trace, call.region if folded[call.id] is None else trace.scopes[folded[call.id] or 0].parent)
                for call in users.get(value.id, [])
            ]
            common = [r for r in around[0] if all(r in other for other in around)] if around else []
            cluster = common[0] if common and value.kind != "input" else None
        boxes.append(Box(f"v{value.id}", value.kind, cluster, value=value))
    return boxes


def call_boxes(trace: Trace, folded: dict[int, int | None], hidden: set[int]) -> list[Box]:
    """Return a box for each call that stays, and one for each folded region."""
    boxes: list[Box] = []
    by_region: dict[int, list[Call]] = {}
    for call in trace.calls:
        region = folded[call.id]
        if region is None:
            boxes.append(Box(f"c{call.id}", "failed" if call.failure else "op", call.region, call=call))
        else:
            by_region.setdefault(region, []).append(call)
    for number, calls in by_region.items():
        scope = trace.scopes[number]
        inside = {x for call in calls for x in call.inputs}
        held = tuple([v for v in trace.values if v.id in inside and v.id in hidden and v.kind == "parameter"])
        boxes.append(Box(f"r{number}", scope.kind, scope.parent, region=scope, held=held, count=len(calls)))
    return boxes


def merged(trace: Trace, values: list[Box], calls: list[Box], owner: dict[int | None, int | None]) -> list[Box]:
    """Return the boxes, each result drawn in the box that made it, unless a folded region made several."""
    results: dict[str, list[Box]] = {}
    for box in values:
        value = box.value
        if value is not None and value.made_by is not None:
            region = owner[value.id]
            results.setdefault(f"c{value.made_by}" if region is None else f"r{region}", []).append(box)
    boxes = [box for box in values if box.value is not None and box.value.made_by is None]
    for call in calls:
        made = results.get(call.id, [])
        if len(made) == 1:
            value = made[0].value
            last = value is not None and value.id in trace.outputs
            boxes.append(replace(call, value=value, kind="output" if last else call.kind))
        else:
            boxes += [call, *made]
    return boxes


def arrows_of(trace: Trace, folded: dict[int, int | None], hidden: set[int], holder: dict[int, str]) -> list[Arrow]:
    """Return every operand's arrow, also both of ``x * x``, with what flows back along it."""
    turns: dict[int, Turn] = {turn.call: turn for turn in trace.steps}
    arrows: list[Arrow] = []
    gathered: dict[tuple[str, str], int] = {}
    for call in trace.calls:
        region = folded[call.id]
        box = f"c{call.id}" if region is None else f"r{region}"
        turn = turns.get(call.id)
        for position, x in enumerate(call.inputs):
            if x in hidden or made_inside(trace, x, folded, region):
                continue
            piece = turn.contributions[position] if turn else None
            back = (piece,) if piece is not None else ()
            summed = turn.summed[position] if turn else None
            key = (holder[x], box)
            if region is not None and key in gathered:
                old = arrows[gathered[key]]
                arrows[gathered[key]] = replace(old, back=old.back + back, summed=old.summed or summed)
                continue
            gathered[key] = len(arrows)
            arrows.append(Arrow(holder[x], box, x, back, summed))
        if call.output is not None and holder.get(call.output, box) != box:
            arrows.append(Arrow(box, holder[call.output], call.output, (turn.upstream,) if turn else ()))
    return arrows


def made_inside(trace: Trace, x: int, folded: dict[int, int | None], region: int | None) -> bool:
    """Whether a value that is seen outside was made in the same folded region: its use inside is not drawn."""
    if region is None:
        return False
    node = trace.nodes[x]
    return isinstance(node, Value) and node.made_by is not None and folded[node.made_by] == region
