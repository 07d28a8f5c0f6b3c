"""A decoded frame and what its camera said about the exposure: plain values, no files, no libraries."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What EXIF and the maker's notes tell; None where the file is silent."""

    taken: datetime | None = None
    """Start of the exposure on the camera's clock, sub-seconds included; naive (see `utc_offset`)."""
    utc_offset: timedelta | None = None
    """The camera clock's distance from UTC (EXIF OffsetTimeOriginal), east positive."""
    exposure_s: float | None = None
    """Exposure time in seconds."""
    iso: int | None = None
    f_number: float | None = None
    focal_length_mm: float | None = None
    make: str | None = None
    model: str | None = None
    lens: str | None = None
    camera_temperature_c: float | None = None
    """Degrees Celsius, from the maker's notes."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """One visible mosaic as the camera stored it: no black-level subtraction, no demosaicing, no rotation."""

    mosaic: NDArray[np.uint16]
    """(ny, nx) in ADU; row 0 is the top as displayed."""
    colors: NDArray[np.uint8]
    """(py, px): one period of the colour pattern from the visible area's first pixel on;
    0 red, 1 and 3 green, 2 blue (2 x 2 Bayer, 6 x 6 X-Trans)."""
    black_level: int
    """ADU."""
    white_level: int
    """Saturation, ADU."""
    exposure: Exposure = field(default_factory=Exposure)
