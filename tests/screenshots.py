"""Screenshots are kept, so that a person can look at them: in the folder $TINYGRAD_EDU_SCREENSHOTS, or screenshots/."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["keep"]


def keep(shown, name: str, **options) -> None:
    """Write what a page or an element shows as NAME.png."""
    folder = Path(os.environ.get("TINYGRAD_EDU_SCREENSHOTS") or Path(__file__).parents[1] / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    shown.screenshot(path=folder / f"{name}.png", **options)
