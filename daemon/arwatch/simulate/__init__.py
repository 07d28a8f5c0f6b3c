"""A simulated camera: scenes of a known sky, rendered and written as raw files."""

from arwatch.simulate.arw_file import arw_bytes, colors_of, write_arw
from arwatch.simulate.camera import camera, save_truth
from arwatch.simulate.render import render
from arwatch.simulate.scene import Dome, Galaxy, Lens, Scene, Shot, Star
from arwatch.simulate.scenes import SCENES, andromeda, tonight

__all__ = [
    "SCENES",
    "Dome",
    "Galaxy",
    "Lens",
    "Scene",
    "Shot",
    "Star",
    "andromeda",
    "arw_bytes",
    "camera",
    "colors_of",
    "render",
    "save_truth",
    "tonight",
    "write_arw",
]
