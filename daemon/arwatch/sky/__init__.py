"""The engine: arrays in, arrays out; no files, no logging."""

from arwatch.sky.mesh.subtract import fit_sky, kernels_cached, subtract_background, warm_up
from arwatch.sky.mesh.surface import render_surface
from arwatch.sky.model import BandModel, Rows, Sky, Subtraction

__all__ = [
    "BandModel",
    "Rows",
    "Sky",
    "Subtraction",
    "fit_sky",
    "kernels_cached",
    "render_surface",
    "subtract_background",
    "warm_up",
]
