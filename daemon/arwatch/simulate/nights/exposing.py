"""Expose a frame of a night: its sky, its stars, what stands before them, photons, and the sensor's faults."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from arwatch.simulate.arw_file import colors_of
from arwatch.simulate.nights.images import FINE, REACH, star_images, width_of
from arwatch.simulate.render import WHITE_LEVEL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from arwatch.simulate.nights.values import Night, State
    from arwatch.simulate.scene import Bands

    Light = NDArray[np.float32]

BLACK_LEVEL, GAIN, READ_NOISE = 512, 1.2, 3.0
"""ADU, electrons an ADU, ADU."""
PATTERN = colors_of("RGGB")
VIGNETTING = 0.25
"""Part of the light that the corners lose."""
MARGIN = 0.15
"""Of the frame's width: so far beyond its edge there are stars, too, which dithers bring in."""
FAINTEST, BRIGHTEST, SLOPE = 500.0, 3e5, 0.9
"""Light of the stars in green, ADU, and how their number falls with it."""
BRIGHT, FAINT_REACH = 6000.0, 10
"""Stars fainter than this are drawn no farther than so many pixels."""
HOT_PIXELS, HITS = 4e-4, 1e-5
"""Part of the pixels that are hot, and number of particles' hits a pixel."""
EDGE = 0.12
"""Parts of the frame over which what stands before it, far out of focus, lets more and more through."""


def expose(night: Night, now: State) -> tuple[NDArray[np.uint16], Bands]:
    """Take a frame.

    Returns
    -------
    tuple
        The mosaic (ny, nx), ADU; and the size of its stars in red, green and blue as they were drawn, trail included:
        see `arwatch.simulate.nights.images.width_of`.
    """
    shape = (night.height, night.width)
    rng = np.random.default_rng((night.seed, 8, now.index))
    images = star_images(now, night.beta)
    light = np.zeros(shape, np.float32)
    if not now.capped:
        lens, clear, covered = _lens(*shape), clearness(now, shape), cover(now, shape)
        light += _sky(night, now) * lens * (1 + 0.5 * (1 - clear))  # small clouds are lit, too
        light *= 1 - 0.6 * covered
        stars = np.zeros(shape, np.float32)
        _add_stars(stars, _stars_of(night, now), images)
        light += stars * lens * clear * (1 - covered)
        for _ in range(now.streaks):
            _add_streak(light, rng, 0.5 * math.sqrt(float(np.median(light)) / GAIN + READ_NOISE**2) + 10)
    noisy = light + BLACK_LEVEL
    noisy += rng.standard_normal(shape, np.float32) * np.sqrt(light / GAIN + READ_NOISE**2)
    y, x, height = _hot_pixels(night.seed, *shape)
    noisy[y, x] += height * (night.exposure_s / 120)
    _add_hits(noisy, rng)
    mosaic = np.clip(np.rint(noisy), 1, WHITE_LEVEL).astype(np.uint16)
    red, green, blue = (width_of(image) for image in images)
    return mosaic, (red, green, blue)


def clearness(now: State, shape: tuple[int, int]) -> Light:
    """Return which part of the light small clouds let through, (ny, nx)."""
    clear = np.ones(shape, np.float32)
    y, x = np.arange(shape[0]) / shape[1], np.arange(shape[1]) / shape[1]
    for patch in now.patches:
        bell = np.outer(np.exp(-(((y - patch.y) / patch.size) ** 2)), np.exp(-(((x - patch.x) / patch.size) ** 2)))
        clear *= (1 - patch.depth * bell).astype(np.float32)
    return clear


def cover(now: State, shape: tuple[int, int]) -> Light:
    """Return which part of the light something that stands before the frame takes, (ny, nx)."""
    if not now.covered:
        return np.zeros(shape, np.float32)
    y, x = np.linspace(0, 1, shape[0])[:, None], np.linspace(0, 1, shape[1])[None, :]
    along = {0: 1 - x + 0 * y, 90: 1 - y + 0 * x, 180: x + 0 * y, 270: y + 0 * x}[round(now.covered_deg) % 360]
    return np.asarray(np.clip((now.covered * (1 + EDGE) - along) / EDGE, 0, 1), np.float32)


def _sky(night: Night, now: State) -> Light:
    """Return the sky (ny, nx), ADU, each pixel in its own band."""
    y, x = np.linspace(-1, 1, night.height)[:, None], np.linspace(-1, 1, night.width)[None, :]
    slope = 1 + now.gradient[0] / 2 * y + now.gradient[1] / 2 * x
    angle = math.radians(now.stray_deg)
    beside = now.stray * np.exp(1.2 * (x * math.cos(angle) + y * math.sin(angle)))
    out = np.empty((night.height, night.width), np.float32)
    for py in (0, 1):
        for px in (0, 1):
            own = np.s_[py::2, px::2]
            out[own] = (now.sky[PATTERN[py, px]] * slope + beside)[own] * night.exposure_s
    return out


@lru_cache(maxsize=2)
def _lens(height: int, width: int) -> Light:
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None, :]
    return np.asarray(1 - VIGNETTING / 2 * (y**2 + x**2), np.float32)


@lru_cache(maxsize=2)
def _field(seed: int, height: int, width: int, count: int) -> NDArray[np.float64]:
    """Throw stars over the frame and around it, (n, 5): x and y from the middle, red, green and blue light."""
    rng = np.random.default_rng((seed, 9))
    far = MARGIN * width
    y, x = (rng.uniform(-size / 2 - far, size / 2 + far, count) for size in (height, width))
    steep = BRIGHTEST**-SLOPE - FAINTEST**-SLOPE
    flux = (FAINTEST**-SLOPE + rng.random(count) * steep) ** (-1 / SLOPE)
    hue = rng.normal(0, 0.15, count)
    return np.stack([x, y, 0.55 * flux * 10**hue, flux, 0.7 * flux * 10**-hue], 1)


def _stars_of(night: Night, now: State) -> NDArray[np.float64]:
    """Return the stars of a frame, as `_field` has them, with x and y from the middle of its first pixel."""
    far = MARGIN * night.width
    around = (night.width + 2 * far) * (night.height + 2 * far) / (night.width * night.height)
    stars = _field(night.seed, night.height, night.width, round(night.stars * around)).copy()
    turn = math.radians(now.rotation_deg)
    x, y = stars[:, 0].copy(), stars[:, 1].copy()
    stars[:, 0] = x * math.cos(turn) - y * math.sin(turn) + now.dx + (night.width - 1) / 2
    stars[:, 1] = x * math.sin(turn) + y * math.cos(turn) + now.dy + (night.height - 1) / 2
    stars[:, 2:] *= now.light
    return stars


def _add_stars(light: Light, stars: NDArray[np.float64], images: Light) -> None:
    """Add the stars' light, each at a place that is a whole step of the fine grid."""
    bright = stars[:, 3] > BRIGHT
    for group, reach in ((stars[~bright], FAINT_REACH), (stars[bright], REACH - 1)):
        near = (np.abs(group[:, :2] / [light.shape[1] - 1, light.shape[0] - 1] - 0.5) < 0.6).all(1)
        some = group[near]
        offset = np.arange(-reach, reach + 1)
        columns, rows = (np.rint(some[:, i, None]).astype(np.int64) + offset for i in (0, 1))
        fx, fy = (
            FINE * cells - np.rint(FINE * some[:, i, None]).astype(np.int64) + REACH * FINE
            for i, cells in ((0, columns), (1, rows))
        )
        band = PATTERN[(rows % 2)[:, :, None], (columns % 2)[:, None, :]]
        image = images[band, fy[:, :, None], fx[:, None, :]]
        flux = some[:, 2:].astype(np.float32)
        image *= np.take_along_axis(flux, band.reshape(len(flux), -1).astype(np.int64), 1).reshape(band.shape)
        inside = ((rows >= 0) & (rows < light.shape[0]))[:, :, None] & ((columns >= 0) & (columns < light.shape[1]))[
            :, None, :
        ]
        place = rows[:, :, None] * light.shape[1] + columns[:, None, :]
        np.add.at(light.reshape(-1), place[inside], image[inside])


@lru_cache(maxsize=2)
def _hot_pixels(seed: int, height: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Light]:
    """Return row, column and height, ADU in two minutes, of the sensor's hot pixels: mostly weak, some full."""
    rng = np.random.default_rng((seed, 10))
    count = round(HOT_PIXELS * height * width)
    y, x = rng.integers(0, height, count), rng.integers(0, width, count)
    return y, x, (rng.exponential(1.0, count) * 10 ** rng.uniform(1.3, 3.8, count)).astype(np.float32)


def _add_streak(light: Light, rng: np.random.Generator, height: float) -> None:
    """Draw a satellite's path across the frame."""
    ny, nx = light.shape
    angle, width = rng.uniform(0, math.pi), rng.uniform(1.0, 2.0)
    y, x = np.arange(ny)[:, None] - rng.uniform(0.2, 0.8) * ny, np.arange(nx) - rng.uniform(0.2, 0.8) * nx
    away = y * math.cos(angle) - x * math.sin(angle)
    color = np.array([0.6, 1.0, 0.7])[PATTERN[np.arange(ny)[:, None] % 2, np.arange(nx) % 2]]
    light += (height * np.exp(-((away / width) ** 2) / 2) * color).astype(np.float32)


def _add_hits(noisy: Light, rng: np.random.Generator) -> None:
    """Add tracks of particles: sharp, a few pixels long."""
    ny, nx = noisy.shape
    for _ in range(rng.poisson(HITS * ny * nx)):
        y, x, angle = rng.uniform(0, ny), rng.uniform(0, nx), rng.uniform(0, math.pi)
        charge = 10 ** rng.uniform(2.0, 3.7)
        for step in np.arange(0, rng.exponential(3.0) + 0.5, 0.5):
            row, column = int(y + step * math.sin(angle)), int(x + step * math.cos(angle))
            if 0 <= row < ny and 0 <= column < nx:
                noisy[row, column] += charge / 2
