"""The third stage: the mosaic -> what is known of its stars. Whatever fails here costs the figures, never the frame."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from arwatch import formats
from arwatch.model.figures import Figures
from arwatch.model.times import start_of
from arwatch.output import fits
from arwatch.process.decode import decode
from arwatch.process.subtract import subtract
from arwatch.process.sun_moon import sun_and_moon
from arwatch.settings import Measure
from arwatch.stars import measure as measure_stars
from arwatch.stars.sighting import Sighting

if TYPE_CHECKING:
    from arwatch.model.frame import Frame
    from arwatch.model.job import Job
    from arwatch.settings import Settings

ARCSEC_PER_RADIAN = 206_264.8
FITS_ENDINGS = (".fits", ".fit", ".fts", ".fits.fz")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What is known of a frame's stars, and what of it later frames and readers need."""

    figures: Figures = dataclasses.field(default_factory=Figures)
    sighting: bytes = b""
    """The brightest stars and the map of the frame, packed (`arwatch.stars.sighting.Sighting`)."""
    field: bytes = b""
    """The star fields, this frame included, packed."""
    failure: str | None = None
    """Why nothing is known."""


def measure(frame: Frame, settings: Settings, field: bytes = b"", threads: int = 1) -> Measured:
    """Measure a frame's stars and its place in the night.

    Parameters
    ----------
    frame
        As decoded.
    settings
        With telescope and site, as far as they are known.
    field
        The star fields that the frame may be of, packed.
    threads
        How many share the work.
    """
    if not settings.measure.enabled:
        return Measured()
    exposure = frame.exposure
    try:
        found = measure_stars(
            frame.mosaic,
            frame.colors,
            black_level=frame.black_level,
            white_level=frame.white_level,
            exposure_s=exposure.exposure_s,
            iso=exposure.iso,
            arcsec_per_px=_arcsec_per_px(frame, settings),
            field=field,
            threads=threads,
        )
        sky = sun_and_moon(start_of(exposure, settings.camera), settings.site)
    except Exception as error:
        return Measured(failure=f"its stars could not be measured: {error!r}")
    figures = replace(found.figures, sun_deg=sky.sun_deg, moon_deg=sky.moon_deg, moon_part=sky.moon_part)
    return Measured(figures=figures, sighting=Sighting(found.cells, found.stars).pack(), field=found.field)


def measure_file(job: Job) -> Measured:
    """Measure a raw frame or an output of arwatch, and its sky; nothing is written.

    Raises
    ------
    FrameError, OSError, MemoryError
        It cannot be read.
    """
    path = job.source.path
    if path.name.lower().endswith(FITS_ENDINGS):
        known = fits.asked(path)
        frame = fits.open(path).frame()
        figures = known.figures if known else Figures()
    else:
        with formats.load(path) as file:
            decoded = decode(job, file, "")
        frame = decoded.frame
        figures = Figures.of(decoded.figures.known() | subtract(frame, job).figures.known())
    settings = job.settings.model_copy(update={"measure": Measure(enabled=True)})
    measured = measure(frame, settings, job.field, job.threads)
    return replace(measured, figures=Figures.of(figures.known() | measured.figures.known()))


def _arcsec_per_px(frame: Frame, settings: Settings) -> float | None:
    pixel_um = settings.telescope.pixel_size_um
    focal_mm = settings.telescope.focal_length_mm or frame.exposure.focal_length_mm
    if not pixel_um or not focal_mm or focal_mm < 0:
        return None
    return ARCSEC_PER_RADIAN * pixel_um / 1000 / focal_mm
