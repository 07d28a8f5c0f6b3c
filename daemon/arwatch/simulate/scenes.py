"""Scenes by name, of any size, taken tonight."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from arwatch.model.frame import Exposure
from arwatch.simulate.galaxies import andromeda_group
from arwatch.simulate.scene import SENSOR_MM, Dome, Lens, Scene
from arwatch.simulate.stars import counted_stars

if TYPE_CHECKING:
    from collections.abc import Callable

SKY_MAGNITUDE = 20.3
"""Of a square arc second of the sky of `andromeda`: the edge of a town."""
FAINTEST = 16.0
"""Magnitude of the faintest stars in it: twice the noise at their peak."""
DENSEST = 0.01
"""Stars a pixel at most: in frames of few pixels fainter ones would run together."""


def tonight(height: int, width: int) -> Scene:
    """Return the default scene at this size (pixels), taken now by a camera with this machine's time zone."""
    return _now(Scene(height=height, width=width))


def andromeda(height: int = 4024, width: int = 6024) -> Scene:
    """Return M31 before a lens of 135 mm at full aperture, at the edge of a town, taken tonight.

    What is hard about real frames is in it: a lens that loses half of its light in the corners, a town's light from
    one side, a galaxy whose disk fades into the sky, and all stars that such a frame shows. Whatever the size, the
    frame covers the same 15 degrees of the sky.
    """
    exposure = Exposure(
        exposure_s=60.0,
        iso=800,
        f_number=1.8,
        focal_length_mm=135.0,
        make="SONY",
        model="ILCE-7M3",
        lens="FE 135mm F1.8 GM",
    )
    arcsec = math.degrees(SENSOR_MM / width / 135.0) * 3600
    sky = (570.0, 1000.0, 740.0)
    flux_of_zero = sky[1] * 10 ** (0.4 * SKY_MAGNITUDE) / arcsec**2
    degrees = height * width * (arcsec / 3600) ** 2
    # the counts rise by about 10^0.38 a magnitude there
    crowded = math.log10(degrees * 10**3.17 / (DENSEST * height * width)) / 0.38
    stars = counted_stars(
        (height, width), degrees, flux_of_zero, FAINTEST - max(0.0, crowded), seed=31, fwhm=2.2, beta=3.0
    )
    return _now(
        Scene(
            height=height,
            width=width,
            seed=31,
            sky=sky,
            gradient=(0.0, 0.0),
            vignetting=0.0,
            lens=Lens(rim=1.1, shift=0.8),
            dome=Dome(amount=(0.75, 0.65, 0.45), angle=115.0, reach=0.35),
            galaxies=andromeda_group(
                0.47 * width,
                0.49 * height,
                arcsec=arcsec,
                north=-115.0,
                flux_of_zero=flux_of_zero,
                color=(0.57, 1.0, 0.74),
            ),
            stars=stars,
            read_noise=3.5,
            gain=0.72,
            exposure=exposure,
        )
    )


SCENES: dict[str, Callable[[int, int], Scene]] = {"plain": tonight, "andromeda": andromeda}
"""Name -> makes the scene of a height and a width, pixels."""


def _now(scene: Scene) -> Scene:
    now = datetime.now(UTC).astimezone()
    return replace(scene, exposure=replace(scene.exposure, taken=now.replace(tzinfo=None), utc_offset=now.utcoffset()))
