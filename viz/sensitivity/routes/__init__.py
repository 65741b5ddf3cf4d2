"""``viz.paths``: every path from a value to the loss, what each contributes, and their sum, which is the gradient."""

from viz.sensitivity.routes.finding import paths
from viz.sensitivity.routes.result import Group, Path, Paths

__all__ = ["Group", "Path", "Paths", "paths"]
