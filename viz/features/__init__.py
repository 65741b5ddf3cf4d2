"""What a network sees: images that a unit likes best, its filters and maps, what a decision looks at."""

from viz.features.ascent import Maximized, maximize
from viz.features.attention import Heat, grad_cam, occlusion, saliency
from viz.features.collection import gallery
from viz.features.maps import feature_maps, filters
from viz.features.receptive import ReceptiveField, receptive_field

__all__ = [
    "Heat", "Maximized", "ReceptiveField", "feature_maps", "filters", "gallery", "grad_cam", "maximize", "occlusion",
    "receptive_field", "saliency",
]  # fmt: skip
