"""The engine: arrays in, arrays out; no files, no logging."""

from arwatch.sky.mesh.subtract import fit_sky, kernels_cached, subtract_background, warm_up
from arwatch.sky.mesh.surface import render_surface
from arwatch.sky.model import BandModel, Rows, Sky, SkyModel, Subtraction

MODELS: dict[str, SkyModel] = {"mesh": fit_sky}
"""Every way to find the sky, by its name; the first one is the method."""

__all__ = [
    "MODELS",
    "BandModel",
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
