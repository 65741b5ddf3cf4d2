"""Save and load: arrays, and whatever holds them, in files that run nothing and are never half written."""

from __future__ import annotations

from tinygrad_edu.files.door import load, save

__all__ = ["load", "save"]
