"""What the causes look at in a frame: its figures as numbers that mean the same in every frame, or None."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from arwatch.night.totals import PROCESSED

if TYPE_CHECKING:
    from collections.abc import Hashable

    from arwatch.night.seen import Map, Seen

FEWEST_STARS = 20
"""Below this no figure of the stars is believed: the median of fewer is as uncertain as what it should tell."""
_DARKEST = 1e-3
"""Transparency of a frame in which most of the field's stars are missing."""
_PER_SIGMA = 2.3548
"""FWHM of a Gaussian by its standard deviation."""
_NARROW_PX, _WIDE_PX = 1.5, 7.0
"""Radii of the apertures whose fluxes make the concentration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """One frame, as the causes see it."""

    when: float
    exposure_s: float
    stars: int | None
    """Stars that its figures rest on."""
    starlight: float | None
    """Transparency, freed from the light that wide stars lose beyond the aperture."""
    concentration: float | None
    fwhm_px: float | None
    narrow_px: float | None
    """Width of the stars across their long axis: trails do not change it."""
    elongation: complex | None
    """(a^2-b^2)/(a^2+b^2) with twice the angle as its direction: opposite ends of an axis are the same axis."""
    coherence: float | None
    place: tuple[float, float] | None
    """dx, dy; pixels."""
    field: str | None
    flipped: bool
    """The other side of the meridian: the camera lies upside down."""
    sky: float | None
    """ADU per second above black; where there are no maps, the noise's square, which grows with it."""
    setup: Hashable
    """What the sky's level depends on beside the sky: only frames that are alike in it can be compared."""
    sky_cells: tuple[float, ...] | None
    light_cells: tuple[float, ...] | None
    """The same by cell, row after row; NaN where no star is seen again."""
    columns: int
    """Of the maps."""
    levels: tuple[float, ...]
    """Sky levels of the bands, ADU with black, as far as known."""
    noise: float | None
    """Of green samples, ADU."""
    sun_deg: float | None
    moon_deg: float | None
    moon_part: float | None

    @property
    def enough_stars(self) -> bool:
        """Whether figures of the stars are believed; also where nobody counted them."""
        return self.stars is None or self.stars >= FEWEST_STARS


def signs(frame: Seen) -> Signs:
    """Read a frame's signs; figures that cannot be true (infinite, negative sizes) are unknown."""
    figures = frame.figures if frame.state in PROCESSED else type(frame.figures)()
    stars = figures.matched if figures.matched and figures.transparency is not None else figures.green_stars
    if figures.green_stars is not None and stars is not None and figures.green_stars < FEWEST_STARS:
        stars = min(stars, figures.green_stars)
    believed = stars is None or stars >= FEWEST_STARS
    fwhm = _positive(figures.green_fwhm_px) if believed else None
    ratio = _positive(figures.axis_ratio) if believed else None
    noise = _positive(figures.green_pixel_noise) or _positive(figures.green_noise)
    light = _finite(figures.transparency) if believed else None
    light = None if light is None else max(light, _DARKEST)
    cells = frame.cells
    within = _within(fwhm, _WIDE_PX) if fwhm else 1.0
    sky_cells = _flat(cells.sky) if cells else None
    light_cells = tuple(value / within for value in _flat(cells.transparency)) if cells and light is not None else None
    known_sky = [value for value in sky_cells or () if math.isfinite(value)]
    dx, dy = _finite(figures.dx_px), _finite(figures.dy_px)
    return Signs(
        when=frame.when,
        exposure_s=_positive(figures.exposure_s) or 0.0,
        stars=stars,
        starlight=None if light is None else light / within,
        concentration=_positive(figures.concentration) if believed else None,
        fwhm_px=fwhm,
        narrow_px=fwhm * min(1.0, ratio) ** 0.5 if fwhm and ratio else fwhm,
        elongation=_elongation(ratio, _finite(figures.angle_deg)),
        coherence=_finite(figures.coherence),
        place=(dx, dy) if dx is not None and dy is not None else None,
        field=figures.field,
        flipped=abs(((_finite(figures.rotation_deg) or 0.0) + 180) % 360 - 180) > 90,
        sky=median(known_sky) if known_sky else noise and noise**2,
        setup=(figures.field, figures.exposure_s, figures.iso, bool(known_sky)),
        sky_cells=sky_cells,
        light_cells=light_cells,
        columns=next((sum(1 for _ in row) for row in cells.sky), 0) if cells else 0,
        levels=tuple(
            level
            for level in map(_finite, (figures.red_level, figures.green_level, figures.blue_level))
            if level is not None
        ),
        noise=noise,
        sun_deg=_finite(figures.sun_deg),
        moon_deg=_finite(figures.moon_deg),
        moon_part=_finite(figures.moon_part),
    )


def concentration_of(fwhm_px: float) -> float:
    """Give the concentration of a Gaussian star of this width: what blur alone would make of it."""
    return _within(fwhm_px, _NARROW_PX) / _within(fwhm_px, _WIDE_PX)


def _within(fwhm_px: float, radius_px: float) -> float:
    """Give the part of a Gaussian's light within a radius."""
    sigma = max(fwhm_px, 0.1) / _PER_SIGMA
    return -math.expm1(-(radius_px**2) / (2 * sigma**2))


def _elongation(ratio: float | None, angle_deg: float | None) -> complex | None:
    if ratio is None or angle_deg is None:
        return None
    square = min(1.0, ratio) ** 2
    angle = 2 * math.radians(angle_deg)
    return (1 - square) / (1 + square) * complex(math.cos(angle), math.sin(angle))


def _finite(value: float | None) -> float | None:
    return value if value is not None and abs(value) < 1e12 else None


def _positive(value: float | None) -> float | None:
    value = _finite(value)
    return value if value is not None and value > 1e-6 else None


def _flat(cells: Map) -> tuple[float, ...]:
    return tuple(float(value) for row in cells for value in row)
