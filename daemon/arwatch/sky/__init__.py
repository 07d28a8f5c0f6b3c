"""The engine: arrays in, arrays out; no files, no logging."""

from arwatch.sky.mesh.surface import render_surface
from arwatch.sky.model import BandModel, Quality, Rows, Sky, SkyModel, Subtraction
from arwatch.sky.subtract import MODELS, fit_sky, kernels_cached, subtract_background, warm_up

__all__ = [
    "MODELS",
    "BandModel",
    "Quality",
    "Rows",
    "Sky",
    "SkyModel",
    "Subtraction",
    "fit_sky",
    "kernels_cached",
    "render_surface",
    "subtract_background",
    "warm_up",
]
