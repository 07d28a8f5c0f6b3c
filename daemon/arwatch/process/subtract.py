"""The second stage: the mosaic -> its sky, and the mosaic without it, computed while it is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from arwatch.errors import NoSkyError
from arwatch.model.figures import Figures
from arwatch.sky import Rows, Sky, fit_sky

if TYPE_CHECKING:
    from arwatch.model.frame import Frame
    from arwatch.model.job import Job


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subtracted:
    """A frame's sky, and what is left without it."""

    sky: Sky
    rows: Rows
    """(ny, nx), float32, ADU times the band's normalisation."""
    figures: Figures
    """Level and noise of each band's sky, and how good a smooth surface is."""


def subtract(frame: Frame, job: Job) -> Subtracted:
    """Find the sky of each band.

    Raises
    ------
    NoSkyError
        Nearly all samples of a band are missing or saturated.
    """
    try:
        sky, rows = fit_sky(
            frame.mosaic,
            frame.colors,
            job.settings.background,
            black_level=frame.black_level,
            white_level=frame.white_level,
            threads=job.threads,
        )
    except ValueError as error:
        raise NoSkyError(f"the sky cannot be measured: {error}") from error
    return Subtracted(sky=sky, rows=rows, figures=figures_of(sky, frame.black_level))


def figures_of(sky: Sky, black_level: int) -> Figures:
    """Give the figures that follow from a sky; `black_level` is the camera's, ADU."""
    levels = Figures(
        red_level=sky.red.level,
        red_noise=sky.red.noise,
        green_level=sky.green.level,
        green_noise=sky.green.noise,
        blue_level=sky.blue.level,
        blue_noise=sky.blue.noise,
    )
    light = sky.green.level - black_level
    if sky.rim is not None and light > 0:
        levels = replace(levels, sky_rim=100 * sky.rim.level / light, sky_rim_noise=100 * sky.rim.noise / light)
    quality = sky.quality
    if quality is None:
        return levels
    return replace(
        levels,
        sky_model=sky.model,
        sky_used=100 * quality.used,
        sky_residual=100 * quality.residual,
        sky_spread=100 * quality.spread,
        sky_doubt=quality.doubt or None,
    )
