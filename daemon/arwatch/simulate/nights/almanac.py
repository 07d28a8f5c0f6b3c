"""Where Sun and Moon stand, to a third of a degree: enough for the light that they give."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Hours = NDArray[np.float64]

LATITUDE_DEG, LONGITUDE_DEG = 48.1, 11.6
"""Of the simulated camera: Munich."""
_J2000_S = 946_728_000.0
"""Seconds from 1970 to noon of 2000-01-01, UTC."""


class SunMoon(NamedTuple):
    """Altitudes, degrees, and the lit part of the Moon, 0 to 1; (n,) each."""

    sun_deg: NDArray[np.float64]
    moon_deg: NDArray[np.float64]
    moon_part: NDArray[np.float64]


def sun_moon(seconds: NDArray[np.float64]) -> SunMoon:
    """Compute where both stand over the simulated camera.

    Parameters
    ----------
    seconds
        (n,) since 1970, UTC.

    Notes
    -----
    Source: The Astronomical Almanac, low-precision formulas for the Sun (section C) and the Moon (section D). The
    Moon's altitude is seen from the ground, not from the Earth's centre.
    """
    days = (np.asarray(seconds, np.float64) - _J2000_S) / 86400
    t = days / 36525
    anomaly = 357.528 + 0.9856003 * days
    sun = 280.460 + 0.9856474 * days + 1.915 * _sin(anomaly) + 0.020 * _sin(2 * anomaly)
    moon = (
        218.32 + 481267.881 * t
        + 6.29 * _sin(135.0 + 477198.87 * t) - 1.27 * _sin(259.3 - 413335.36 * t)
        + 0.66 * _sin(235.7 + 890534.22 * t) + 0.21 * _sin(269.9 + 954397.74 * t)
        - 0.19 * _sin(357.5 + 35999.05 * t) - 0.11 * _sin(186.5 + 966404.03 * t)
    )  # fmt: skip
    latitude = (
        5.13 * _sin(93.3 + 483202.02 * t) + 0.28 * _sin(228.2 + 960400.89 * t)
        - 0.28 * _sin(318.3 + 6003.15 * t) - 0.17 * _sin(217.6 - 407332.21 * t)
    )  # fmt: skip
    moon_deg = _altitude(moon, latitude, days)
    parallax = 0.95 * np.cos(np.radians(moon_deg))
    part = (1 - np.cos(np.radians(moon - sun)) * np.cos(np.radians(latitude))) / 2
    return SunMoon(_altitude(sun, np.zeros_like(days), days), moon_deg - parallax, part)


def _altitude(longitude: Hours, latitude: Hours, days: Hours) -> Hours:
    """Turn ecliptic longitude and latitude, degrees, into the altitude."""
    tilt = np.radians(23.439)
    lon, lat = np.radians(longitude), np.radians(latitude)
    x = np.cos(lat) * np.cos(lon)
    y = np.cos(tilt) * np.cos(lat) * np.sin(lon) - np.sin(tilt) * np.sin(lat)
    z = np.sin(tilt) * np.cos(lat) * np.sin(lon) + np.cos(tilt) * np.sin(lat)
    hour = np.radians(280.46062 + 360.98564737 * days + LONGITUDE_DEG) - np.arctan2(y, x)
    place = np.radians(LATITUDE_DEG)
    high = np.sin(place) * z + np.cos(place) * np.hypot(x, y) * np.cos(hour)
    return np.asarray(np.degrees(np.arcsin(np.clip(high, -1, 1))))


def _sin(degrees: Hours) -> Hours:
    return np.asarray(np.sin(np.radians(degrees)))
