"""Galaxies: what their light adds to a frame, and those around M31 as they are in the sky."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from arwatch.simulate.scene import Bands, Galaxy

FAINTEST_ADU = 0.05
"""Light is drawn out to where it is this faint."""
SEEING = 0.7
"""Pixels over which the steep middle of a galaxy is flattened, as the seeing and the lens do."""


def add_galaxy(
    light: NDArray[np.float32], galaxy: Galaxy, bands: NDArray[np.uint8], passes: NDArray[np.float32] | None = None
) -> None:
    """Add a galaxy to the light (ny, nx), ADU; `passes` is the part of it that the lens lets through, `bands` (2, 2).

    The brightness falls with the distance r from the middle, measured along the longer axis, as
    exp(-b (r / radius)^(1 / index)).

    Source: Graham and Driver 2005, A Concise Reference to (Projected) Sersic R^(1/n) Quantities.
    """
    n, ratio = galaxy.index, galaxy.axis_ratio
    b = 2 * n - 1 / 3 + 0.009876 / n
    whole = 2 * math.pi * n * galaxy.radius**2 * ratio * b ** (-2 * n) * math.gamma(2 * n)
    peak = max(galaxy.flux) / whole
    if peak <= FAINTEST_ADU:
        return
    reach = math.ceil(galaxy.radius * (math.log(peak / FAINTEST_ADU) / b) ** n)
    # the window begins with the pattern of the filters
    top, left = (max(0, round(place) - reach) // 2 * 2 for place in (galaxy.y, galaxy.x))
    window = np.s_[top : round(galaxy.y) + reach + 1, left : round(galaxy.x) + reach + 1]
    y = np.arange(light.shape[0], dtype=np.float32)[window[0], None] - np.float32(galaxy.y)
    x = np.arange(light.shape[1], dtype=np.float32)[None, window[1]] - np.float32(galaxy.x)
    cos, sin = math.cos(math.radians(galaxy.angle)), math.sin(math.radians(galaxy.angle))
    square = (x * cos + y * sin) ** 2 + ((y * cos - x * sin) / ratio) ** 2
    shape = np.exp(np.float32(-b) * ((square + SEEING**2) / np.float32(galaxy.radius**2)) ** np.float32(0.5 / n))
    if passes is not None:
        shape *= passes[window]
    patch = light[window]
    for dy in (0, 1):
        for dx in (0, 1):
            patch[dy::2, dx::2] += np.float32(galaxy.flux[bands[dy, dx]] / whole) * shape[dy::2, dx::2]


def andromeda_group(
    x: float, y: float, *, arcsec: float, north: float, flux_of_zero: float, color: Bands
) -> tuple[Galaxy, ...]:
    """Return M31, a bulge and a disk that is tilted by 77 degrees, with M32 and M110, at their places.

    Parameters
    ----------
    x, y
        Column and row of M31's nucleus.
    arcsec
        Of a pixel.
    north
        Direction of north, degrees: 0 right, -90 up; east is to the left of it.
    flux_of_zero
        ADU that magnitude 0 leaves in green pixels.
    color
        Of magnitude 0 in red, green and blue, green being 1.

    Notes
    -----
    Sources: magnitudes V 3.44, 8.08 and 8.07 (de Vaucouleurs et al. 1991, RC3); bulge and disk of M31 of 4.4 and 24
    arc minutes (half light, scale), a third of the light in the bulge (Courteau et al. 2011).
    """
    up = math.radians(north)

    def part(
        magnitude: float,
        radius: float,
        place: tuple[float, float],
        turned: float,
        *,
        index: float,
        ratio: float,
        red: float,
    ) -> Galaxy:
        """Give one: radius and place (east, north) in arc minutes, `turned` from north to east in degrees."""
        flux = flux_of_zero * 10 ** (-0.4 * magnitude)
        east, northward = (60 * offset / arcsec for offset in place)
        return Galaxy(
            x=x + northward * math.cos(up) + east * math.sin(up),
            y=y + northward * math.sin(up) - east * math.cos(up),
            flux=(flux * color[0] * red, flux * color[1], flux * color[2] / red),
            radius=60 * radius / arcsec,
            index=index,
            axis_ratio=ratio,
            angle=north - turned,
        )  # fmt: skip

    return (
        part(3.44 + 1.19, 4.4, (0, 0), 48, index=2.2, ratio=0.72, red=1.12),
        part(3.44 + 0.44, 1.678 * 24, (0, 0), 38, index=1.0, ratio=0.24, red=0.98),
        part(8.08, 0.5, (-0.47, -24.2), 170, index=2.0, ratio=0.8, red=1.1),
        part(8.07, 2.5, (-26.7, 25.0), 170, index=1.4, ratio=0.5, red=1.0),
    )
