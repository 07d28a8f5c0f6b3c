"""The engine: arrays in, arrays out; no files, no logging."""

from arwatch.background.model import BandModel, Rows, Sky, Subtraction
from arwatch.background.subtract import fit_sky, kernels_cached, subtract_background, warm_up
from arwatch.background.surface import render_surface

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
