"""Small frames with stars at known places, for tests; the benchmark's scenes are larger and have more in them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from arwatch.stars import Measured, measure
from scenes import RGGB, tiled

BLACK, WHITE, NOISE = 512, 16383, 20.0
SHAPE = (600, 900)
RESPONSE = np.array([0.6, 1.0, 0.7, 1.0])
"""Of LibRaw's colours to a star."""


@dataclass(frozen=True, eq=False)
class Stars:
    """Where stars are and how bright they are."""

    x: np.ndarray
    y: np.ndarray
    flux: np.ndarray
    """Green, ADU."""


@cache
def some(count: int = 150, seed: int = 1, shape=SHAPE, *, brightest: float = 40_000.0) -> Stars:
    """Throw stars on a frame, on a loose grid, so that none blend."""
    rng = np.random.default_rng(seed)
    step = int((shape[0] * shape[1] / count) ** 0.5)
    y, x = (grid.ravel() for grid in np.mgrid[step // 2 : shape[0] : step, step // 2 : shape[1] : step])
    move = rng.uniform(-0.25 * step, 0.25 * step, (2, x.size))
    return Stars(x + move[0], y + move[1], brightest * rng.uniform(0.05, 1, x.size) ** 2)


def frame_of(stars: Stars, fwhm: float = 3.0, *, colors=RGGB, shape=SHAPE, ratio: float = 1.0, angle: float = 0.0,
             sky: float = 800.0, noise: float = NOISE, seed: int = 2) -> np.ndarray:  # fmt: skip
    """Expose stars whose images, pixel included, are Gaussians of a size and b/a."""
    rng = np.random.default_rng(seed)
    response = RESPONSE[tiled(colors, shape)]
    light = np.full(shape, BLACK + sky)
    long, short = fwhm / 2.3548 / ratio**0.5, fwhm / 2.3548 * ratio**0.5
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    reach = int(3 * fwhm / ratio**0.5) + 3
    for x0, y0, flux in zip(stars.x, stars.y, stars.flux, strict=True):
        rows = np.arange(max(0, int(y0) - reach), min(shape[0], int(y0) + reach + 1))
        columns = np.arange(max(0, int(x0) - reach), min(shape[1], int(x0) + reach + 1))
        if rows.size and columns.size:
            box = np.ix_(rows, columns)
            dx, dy = columns - x0, rows[:, None] - y0
            u, v = c * dx + s * dy, -s * dx + c * dy
            image = np.exp(-(u * u) / 2 / long**2 - v * v / 2 / short**2) / (2 * np.pi * long * short)
            light[box] += flux * response[box] * image
    return np.clip(np.rint(rng.normal(light, noise)), 1, WHITE).astype(np.uint16)


def measured(mosaic: np.ndarray, colors=RGGB, **more) -> Measured:
    """Measure a frame of this module."""
    known = {"black_level": BLACK, "white_level": WHITE, "exposure_s": 30.0, "iso": 800}
    return measure(mosaic, colors, **known | more)


def disturbed(mosaic: np.ndarray, *, hot: int = 0, tracks: int = 0, seed: int = 3) -> np.ndarray:
    """Add hot pixels and the sharp tracks of particles."""
    rng = np.random.default_rng(seed)
    out = mosaic.astype(np.int64)
    y, x = (rng.integers(0, size, hot) for size in out.shape)
    out[y, x] += (30 * 10 ** rng.uniform(0, 2.5, hot)).astype(int)
    for _ in range(tracks):
        y, x = (rng.integers(5, size - 15) for size in out.shape)
        for t in range(rng.integers(1, 8)):
            out[y + t // 2, x + t] += rng.integers(200, 3000)
    return np.clip(out, 1, WHITE).astype(np.uint16)
