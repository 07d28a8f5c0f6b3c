"""What a simulated camera looks at, and with what lens, sensor and exposure: plain values."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from arwatch.model.frame import Exposure

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Bands: TypeAlias = tuple[float, float, float]
"""A value for red, green and blue."""

SENSOR_MM = 36.0
"""Width of a full-frame sensor: whatever a frame's pixels, it covers the same field of the sky."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Star:
    """A point source with a Gaussian profile, or Moffat's, which has the wide wings of real star images."""

    x: float
    """Column of its centre; the first pixel's centre is 0."""
    y: float
    """Row of its centre."""
    flux: Bands
    """Sum over the whole profile, ADU, as if each pixel had the band's filter and without the scene's `lens`."""
    fwhm: float = 3.0
    """Pixels."""
    beta: float = math.inf
    """Moffat's exponent, more than 1: about 3 for real images; infinity is a Gaussian."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Galaxy:
    """An ellipse whose light follows Sersic's law: an exponential disk (index 1), a bulge, a dwarf galaxy."""

    x: float
    """Column of its centre; the first pixel's centre is 0."""
    y: float
    """Row of its centre."""
    flux: Bands
    """Sum over all of it, ADU, as if each pixel had the band's filter and without the scene's `lens`."""
    radius: float
    """Half of the longer axis of the ellipse that half of the light comes from, pixels."""
    index: float = 1.0
    """Sersic's: how steep the middle is."""
    axis_ratio: float = 1.0
    """Of the ellipse, 0 to 1; a disk that is tilted by i has cos i."""
    angle: float = 0.0
    """From the rows' direction to the longer axis, degrees; positive: downwards on the right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """How a lens darkens towards the corners: by cos^4 and by its barrel."""

    rim: float
    """Radius of the barrel's rim in radii of the pupil, as seen from the middle of the frame. At 1 the frame darkens
    from the middle on; a larger rim leaves the middle alone."""
    shift: float
    """How far the rim moves across the pupil from the frame's middle to its corner, radii of the pupil."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dome:
    """Light of a town beyond the frame's edge, which falls exponentially with the distance."""

    amount: Bands
    """Where it is brightest in the frame, part of the sky."""
    angle: float
    """Where it comes from, degrees: 0 right, 90 below."""
    reach: float
    """Distance over which it falls by e, part of the frame's width."""


def _example_exposure() -> Exposure:
    """Return the exposure of the default scene."""
    return Exposure(
        taken=datetime(2024, 8, 12, 23, 15, 7, 250_000),  # noqa: DTZ001  a camera's clock knows no zone
        utc_offset=timedelta(hours=2),
        exposure_s=30.0,
        iso=1600,
        f_number=2.8,
        focal_length_mm=135.0,
        make="SONY",
        model="ILCE-7M3",
        lens="FE 135mm F1.8 GM",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the camera looks at, and with what lens, sensor and exposure."""

    height: int = 4024
    """Pixels; at least 22, because LibRaw opens no smaller frame."""
    width: int = 6024
    """Pixels; at least 22."""
    seed: int = 0
    """Seed of the star field and, with the frame's number, of the noise."""
    sky: Bands = (450.0, 800.0, 620.0)
    """ADU above the black level, in the middle of the frame and without the `dome`."""
    gradient: tuple[float, float] = (0.2, 0.1)
    """Relative rise of the sky over the whole (height, width)."""
    vignetting: float = 0.3
    """Part of the light lost in the corners, with the square of the distance from the middle."""
    lens: Lens | None = None
    """Darkens sky, stars and galaxies as real lenses do; None: only `vignetting`, of the sky alone."""
    dome: Dome | None = None
    galaxies: tuple[Galaxy, ...] = ()
    stars: int | tuple[Star, ...] = 500
    """The stars, or how many random ones."""
    read_noise: float = 3.0
    """ADU."""
    gain: float = 1.2
    """Electrons per ADU."""
    black_level: int = 512
    """ADU."""
    pattern: str = "RGGB"
    """Filters from the first pixel on: RGGB, BGGR, GRBG or GBRG."""
    exposure: Exposure = field(default_factory=_example_exposure)
    """The first frame's exposure; the time of each later one follows from its number."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shot:
    """A rendered frame, and the sky and stars that are in it."""

    mosaic: NDArray[np.uint16]
    """(ny, nx), ADU."""
    sky: NDArray[np.float32]
    """(ny, nx): black level and sky without stars, galaxies and noise, ADU, each pixel in its own band."""
    stars: tuple[Star, ...]
