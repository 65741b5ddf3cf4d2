"""A replay as a page: the stepper's shell and style, two sliders, a curve, the plane, a table of the weights."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from viz.graph.fold import fold
from viz.output.page import static
from viz.stepper.layout import laid_out
from viz.stepper.replays.film import short
from viz.stepper.shell import alone, pack, script, shell_of, style, unpacking

if TYPE_CHECKING:
    from viz.stepper.replays.rerun import Replay

__all__ = ["page", "payload", "still"]

_PACKAGE = "viz.stepper.replays"
_CURVE = 1500  # points of the loss curve


def page(replay: Replay) -> str:
    """Return a page of its own, which makes no request."""
    return unpacking(
        shell_of(_PACKAGE, replay.key, replay.theme, replay.title),
        style() + "\n" + static("replay.css", _PACKAGE),
        script() + "\n" + static("replay.js", _PACKAGE),
        pack(payload(replay)),
        key=replay.key, title=replay.title, theme=replay.theme, kind="tr-page",
    )  # fmt: skip


def payload(replay: Replay) -> dict[str, Any]:
    """Return what the script is given, as strict JSON."""
    stride = math.ceil(len(replay.losses) / _CURVE)
    return {
        "key": replay.key,
        "title": replay.title,
        "svg": replay.layout.svg,
        "steps": [frame.step for frame in replay.frames],
        "losses": [short(frame.loss) for frame in replay.frames],
        "count": len(replay.losses),
        "stride": stride,
        "curve": [short(loss) for loss in replay.losses[::stride]],
        "said": {**replay.said, "lr": short(replay.said["lr"])},
        "notes": list(replay.notes),
        "parameters": replay.film.table({path: p.name for path, p in replay.model.named_parameters() if p.name}),
        "plane": None if replay.plane is None else replay.plane.to_dict(),
        "shots": [frame.plane for frame in replay.frames] if replay.plane else [],
        **replay.film.to_dict(),
    }


def still(replay: Replay) -> str:
    """Return the graph at the last step that was kept: an SVG that stands alone, in light colours."""
    key = f"{replay.key}s"
    view = fold(replay.frames[-1].trace, replay.film.view.level)
    return alone(laid_out(view, f"{key}-").svg, key, f"{replay.title}: step {replay.frames[-1].step}")
