"""A replay as a page: the stepper's shell and style, two sliders, a curve, the plane, a table of the weights."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, Any

from viz.fold import fold
from viz.page import fill
from viz.replays.film import short
from viz.stepper.layout import laid_out
from viz.stepper.shell import alone, document, pack, script, static, style

if TYPE_CHECKING:
    from viz.replays.replay import Replay

__all__ = ["page", "payload", "still"]

_PACKAGE = "viz.replays"
_CURVE = 1500  # points of the loss curve


def page(replay: Replay) -> str:
    """Return a page of its own, which makes no request."""
    inside = fill(static("shell.html", _PACKAGE), key=replay.key, theme=replay.theme, title=html.escape(replay.title))
    return document(
        "tr-page", replay.key, replay.title, style() + static("replay.css", _PACKAGE), inside, pack(payload(replay)),
        script() + "\n" + static("replay.js", _PACKAGE),
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
