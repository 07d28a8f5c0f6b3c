"""Mosaics of a known sky for tests and benchmarks, and the colour patterns of cameras."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RGGB = np.array([[0, 1], [3, 2]])
BAYER = {"RGGB": RGGB, "BGGR": RGGB[::-1, ::-1], "GRBG": RGGB[:, ::-1], "GBRG": RGGB[::-1]}
XTRANS = np.array(
    [
        [1, 2, 1, 1, 0, 1],
        [0, 1, 0, 2, 1, 2],
        [1, 2, 1, 1, 0, 1],
        [1, 0, 1, 1, 2, 1],
        [2, 1, 2, 0, 1, 0],
        [1, 0, 1, 1, 2, 1],
    ]
)
COLOR_LEVELS = np.array([0.8, 1.0, 0.65, 1.0])
"""The sky's brightness in each of LibRaw's colours."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    mosaic: np.ndarray
    """uint16 (ny, nx), ADU."""
    sky: np.ndarray
    """float64 (ny, nx), ADU: what a perfect subtraction takes off."""
    colors: np.ndarray


def scene(kind: str, shape: tuple[int, int], *, colors=RGGB, seed: int = 1, gain: float = 2.0) -> Scene:
    """Expose a sky of some kind: photon noise of `gain` ADU an electron, and what stands in front."""
    rng = np.random.default_rng(seed)
    y = np.linspace(-1, 1, shape[0])[:, np.newaxis]
    x = np.linspace(-1, 1, shape[1])[np.newaxis]
    color_map = tiled(colors, shape)
    sky = SKIES[kind](y, x) * COLOR_LEVELS[color_map]
    light = sky.copy()
    if kind == "nebula":
        light += 1500 * np.exp(-(((x + 0.3) / 0.35) ** 2) - ((y - 0.1) / 0.5) ** 2) * NEBULA[color_map]
    add_stars(light, rng, density=2.5e-3 if kind == "crowded" else 1.5e-4)
    exposed = rng.poisson(light / gain) * gain + rng.normal(0, 4, shape)
    return Scene(mosaic=np.clip(np.rint(exposed), 1, 16383).astype(np.uint16), sky=sky, colors=colors)


def tiled(colors, shape: tuple[int, int]) -> np.ndarray:
    """Repeat a colour pattern over a frame."""
    py, px = np.shape(colors)
    return np.asarray(colors)[np.arange(shape[0])[:, np.newaxis] % py, np.arange(shape[1]) % px]


def moon_glow(y, x):
    return 900 + 2500 * np.exp(-np.hypot(x - 1.1, y + 0.9) / 0.6)


SKIES = {
    "linear gradient": lambda y, x: 1000 + 120 * x + 80 * y,
    "vignetting": lambda y, x: 1200 * (1 - 0.3 * (x**2 + y**2) / 2) ** 2,
    "nebula": lambda y, x: 800 + 20 * x + 0 * y,
    "crowded": lambda y, x: 1000 + 30 * x - 40 * y,
    "Moon glow": moon_glow,
}
NEBULA = np.array([1.0, 0.35, 0.3, 0.35])
"""A nebula's brightness in each of LibRaw's colours, mostly H alpha."""


def add_stars(light: np.ndarray, rng: np.random.Generator, *, density: float) -> None:
    """Add stars of many small and few great fluxes, 1.5 pixels wide, `density` a pixel."""
    reach = 6
    grid = np.arange(-reach, reach + 1)
    ny, nx = light.shape
    count = rng.poisson(density * light.size)
    fluxes = 10 ** np.minimum(rng.pareto(1.2, count) * 0.5 + 2.2, 5.5)
    for row, column, flux in zip(rng.uniform(0, ny, count), rng.uniform(0, nx, count), fluxes, strict=True):
        rows, columns = grid + int(row), grid + int(column)
        rows, columns = rows[(rows >= 0) & (rows < ny)], columns[(columns >= 0) & (columns < nx)]
        profile = np.exp(-((rows[:, np.newaxis] - row) ** 2 + (columns - column) ** 2) / (2 * 1.5**2))
        light[np.ix_(rows, columns)] += flux / (2 * np.pi * 1.5**2) * profile
