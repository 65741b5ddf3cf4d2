"""Looking into a model: its layers, and what flows through them."""

from tinygrad_edu.inspection.course_table import Network, Networks, networks
from tinygrad_edu.inspection.flow import LayerFlow, layer_flow
from tinygrad_edu.inspection.lab import InitLab, init_lab
from tinygrad_edu.inspection.layers import Row, Summary, summary

__all__ = [
    "InitLab", "LayerFlow", "Network", "Networks", "Row", "Summary", "init_lab", "layer_flow", "networks", "summary",
]  # fmt: skip
