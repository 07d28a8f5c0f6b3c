"""The engine: arrays in, arrays out; no files, no logging."""

from arwatch.background.model import BandModel, Subtraction
from arwatch.background.subtract import kernels_cached, subtract_background, warm_up
from arwatch.background.surface import render_surface

__all__ = ["BandModel", "Subtraction", "kernels_cached", "render_surface", "subtract_background", "warm_up"]
