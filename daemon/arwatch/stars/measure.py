"""The whole measurement of one frame's stars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arwatch.model.figures import Figures
from arwatch.sky.inputs import checked_mosaic, color_pattern
from arwatch.stars.ground import ground_of
from arwatch.stars.model import Measured, StarList

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def measure(
    mosaic: ArrayLike,
    colors: ArrayLike,
    *,
    black_level: float = 0.0,
    white_level: float = 65535.0,
    exposure_s: float | None = None,
    iso: int | None = None,
    arcsec_per_px: float | None = None,
    field: bytes = b"",
    threads: int = 1,
) -> Measured:
    """Find the stars of a frame, and measure them, on the mosaic as the camera stored it.

    Parameters
    ----------
    mosaic
        (ny, nx), ADU: real numbers. 0 means that a sample is missing. NaN and infinity are refused.
    colors
        LibRaw's colour indices, 0 red, 1 and 3 green, 2 blue: the map (ny, nx) of all pixels or one period
        of it from the first pixel on ((2, 2) for Bayer patterns, (6, 6) for X-Trans).
    black_level, white_level
        What the camera gives without light and at most, ADU.
    exposure_s, iso
        Exposure time in seconds and sensitivity, as far as they are known: fluxes of frames are compared by them.
    arcsec_per_px
        Pixel scale, for the star size in the sky.
    field
        The packed star field of the frames before, which this one is matched to; empty: there is none.
    threads
        How many threads share the work. The result does not depend on it.

    Returns
    -------
    Measured
        Figures, of which all that cannot be known are None; the brightest stars; coarse maps; and the star field with
        this frame in it.

    Raises
    ------
    TypeError
        The mosaic holds no real numbers, or the colours are not integers.
    ValueError
        Shapes do not fit, values are not finite, colour indices are unknown or not periodic, or `threads` is
        less than 1.
    """
    del black_level, white_level, exposure_s, iso, arcsec_per_px
    if threads < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")
    values = checked_mosaic(mosaic)
    colors = color_pattern(colors, values.shape)
    pattern = np.where(colors == 3, 1, colors).astype(np.uint8)
    shape = (values.shape[0], values.shape[1])
    ground = ground_of(values, pattern)
    if ground is None:
        return Measured(figures=Figures(), stars=StarList.none(shape), field=field)
    red, green, blue = (
        float(np.median(noise)) if known else None for noise, known in zip(ground.noise, ground.bands, strict=True)
    )
    figures = Figures(red_pixel_noise=red, green_pixel_noise=green, blue_pixel_noise=blue)
    return Measured(figures=figures, stars=StarList.none(shape), field=field)
