"""Where Sun and Moon stood when a frame was taken; astropy is loaded only where the site is known."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from arwatch.settings import Site


class SunMoon(NamedTuple):
    """Altitudes in degrees, the Moon's lit part from 0 to 1; None: not known."""

    sun_deg: float | None = None
    moon_deg: float | None = None
    moon_part: float | None = None


def sun_and_moon(taken: datetime | None, site: Site) -> SunMoon:
    """Give where Sun and Moon stand, without refraction, by astropy's built-in ephemeris (0.01 degrees).

    Parameters
    ----------
    taken
        Start of the exposure; without a zone nothing can be known.
    site
        Latitude and longitude are needed.
    """
    if taken is None or taken.tzinfo is None or site.latitude_deg is None or site.longitude_deg is None:
        return SunMoon()
    import numpy as np  # noqa: PLC0415
    from astropy import units  # noqa: PLC0415
    from astropy.coordinates import AltAz, EarthLocation, get_body  # noqa: PLC0415
    from astropy.time import Time  # noqa: PLC0415
    from astropy.utils import iers  # noqa: PLC0415

    place = EarthLocation.from_geodetic(
        site.longitude_deg * units.deg, site.latitude_deg * units.deg, (site.elevation_m or 0.0) * units.m
    )
    with (
        # nothing is asked of a network: the Earth's rotation that is not known yet matters by less than 0.01 degrees
        iers.conf.set_temp("auto_download", False),
        iers.conf.set_temp("auto_max_age", None),
        iers.conf.set_temp("iers_degraded_accuracy", "ignore"),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # of that
        time = Time(taken)
        sun, moon = get_body("sun", time, place), get_body("moon", time, place)
        frame = AltAz(obstime=time, location=place)
        sun_deg, moon_deg = (float(body.transform_to(frame).alt.deg) for body in (sun, moon))
        # the angle at the Moon between Sun and Earth (Meeus, Astronomical Algorithms, ch. 48)
        apart = sun.separation(moon, origin_mismatch="ignore")
        phase = np.arctan2(sun.distance * np.sin(apart), moon.distance - sun.distance * np.cos(apart))
    return SunMoon(sun_deg, moon_deg, float((1 + np.cos(phase)) / 2))
