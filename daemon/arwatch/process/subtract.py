"""The second stage: the mosaic -> its sky, and the mosaic without it, computed while it is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from arwatch.errors import NoSkyError
from arwatch.model.figures import Figures
from arwatch.sky import MODELS, Rows, Sky

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
    """Level and noise of each band's sky."""


def subtract(frame: Frame, job: Job) -> Subtracted:
    """Find the sky of each band.

    Raises
    ------
    NoSkyError
        Nearly all samples of a band are missing or saturated.
    """
    try:
        sky, rows = MODELS["mesh"](frame.mosaic, frame.colors, job.settings.background, threads=job.threads)
    except ValueError as error:
        raise NoSkyError(f"the sky cannot be measured: {error}") from error
    figures = Figures(
        red_level=sky.red.level,
        red_noise=sky.red.noise,
        green_level=sky.green.level,
        green_noise=sky.green.noise,
        blue_level=sky.blue.level,
        blue_noise=sky.blue.noise,
    )
    return Subtracted(sky=sky, rows=rows, figures=figures)
