"""From a scene to a frame: sky, lens, galaxies, stars, photons, and the sensor's noise."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from arwatch.simulate.arw_file import colors_of
from arwatch.simulate.galaxies import add_galaxy
from arwatch.simulate.scene import SENSOR_MM, Dome, Lens, Scene, Shot
from arwatch.simulate.stars import add_stars, star_field

WHITE_LEVEL = 16383
"""ADU: the largest value of 14 bits."""

_STRIPE = 256  # rows rendered at once: a small computer has no memory for the noise of 61 Mpx
_DISTANCES = 100_000


def render(scene: Scene, frame_number: int = 1) -> Shot:
    """Compute one frame of a scene; the same scene and number always give the same frame."""
    bands = colors_of(scene.pattern)
    passes = None if scene.lens is None else lens_law(scene.lens, scene)
    sky = _sky(scene, bands, passes)
    light = sky.copy()
    stars = star_field(scene)
    for galaxy in scene.galaxies:
        add_galaxy(light, galaxy, bands, passes)
    add_stars(light, stars, bands, passes)
    rng = np.random.default_rng((scene.seed, frame_number))
    mosaic = np.empty(sky.shape, np.uint16)
    for top in range(0, scene.height, _STRIPE):
        mean = light[top : top + _STRIPE]
        # photon noise; the normal distribution is close to Poisson's for so many photons
        noise = np.sqrt(np.maximum(mean - scene.black_level, 0) / scene.gain + scene.read_noise**2)
        noise *= rng.standard_normal(mean.shape, np.float32)
        noise += mean
        mosaic[top : top + _STRIPE] = np.clip(np.rint(noise, out=noise), 0, WHITE_LEVEL, out=noise)
    return Shot(mosaic=mosaic, sky=sky, stars=stars)


def _sky(scene: Scene, bands: NDArray[np.uint8], passes: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """Compute black level and sky (ny, nx), ADU, each pixel in its own band."""
    rows = np.linspace(-1, 1, scene.height, dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, scene.width, dtype=np.float32)
    light = 1 + scene.gradient[0] / 2 * rows + scene.gradient[1] / 2 * columns
    light *= 1 - scene.vignetting / 2 * (rows**2 + columns**2)
    if passes is not None:
        light *= passes
    dome = None if scene.dome is None else _dome(scene.dome, light.shape)
    for y in (0, 1):
        for x in (0, 1):
            band, own = bands[y, x], np.s_[y::2, x::2]
            if scene.dome is not None and dome is not None:
                light[own] *= 1 + np.float32(scene.dome.amount[band]) * dome[own]
            light[own] *= scene.sky[band]
    light += scene.black_level
    return light


def lens_law(lens: Lens, scene: Scene) -> NDArray[np.float32]:
    """Compute which part of the light a lens lets through, (ny, nx); 1 in the middle.

    The pupil and the barrel's rim are circles of the radii 1 and `lens.rim`, whose centres lie `lens.shift` times the
    distance from the middle (1 in the corner) apart; light comes through where they overlap. A sensor behind a lens of
    focal length f gets cos^4 of the angle beside (the natural law).

    Source: S. F. Ray, Applied Photographic Optics, on natural and mechanical vignetting.
    """
    y = np.linspace(-1, 1, scene.height, dtype=np.float32)[:, None] * scene.height / scene.width
    square = np.linspace(-1, 1, scene.width, dtype=np.float32) ** 2 + y**2
    corner = math.hypot(1, scene.height / scene.width)
    focal = (scene.exposure.focal_length_mm or 50.0) / (SENSOR_MM / 2)  # in half widths, as `square` is
    # the law is smooth: it is worked out at so many distances that none is farther than 1e-5 of it from the next
    distances = np.sqrt(np.linspace(0, 1, _DISTANCES))
    d, rim = np.maximum(lens.shift * distances, max(lens.rim - 1, 1e-9)), lens.rim
    pupil, barrel = (d * d + 1 - rim**2) / (2 * d), (d * d + rim**2 - 1) / (2 * d)
    overlap = np.arccos(np.clip(pupil, -1, 1)) + rim**2 * np.arccos(np.clip(barrel / rim, -1, 1))
    overlap -= d * np.sqrt(np.clip(1 - pupil**2, 0, None))
    natural = (1 + (distances * corner / focal) ** 2) ** -2
    law = (overlap / np.pi * natural).astype(np.float32)
    square *= (_DISTANCES - 1) / corner**2
    return np.take(law / law[0], np.rint(square, out=square).astype(np.int32))


def _dome(dome: Dome, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Compute the light of a town, (ny, nx); 1 where it is brightest."""
    direction = math.radians(dome.angle)
    towards = np.arange(shape[0], dtype=np.float32)[:, None] * math.sin(direction)
    towards = towards + np.arange(shape[1], dtype=np.float32) * math.cos(direction)
    return np.asarray(np.exp((towards - towards.max()) / (dome.reach * shape[1])), np.float32)
