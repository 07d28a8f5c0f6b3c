"""A simulated camera: scenes of a known sky, rendered and written as raw files."""

from arwatch.simulate.arw_file import arw_bytes, colors_of, write_arw
from arwatch.simulate.camera import Scene, Shot, Star, camera, render, save_truth, tonight

__all__ = [
    "Scene",
    "Shot",
    "Star",
    "arw_bytes",
    "camera",
    "colors_of",
    "render",
    "save_truth",
    "tonight",
    "write_arw",
]
