"""Stars: where they are, how bright, and what their images add to a frame."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from arwatch.simulate.scene import Scene, Star

FAINTEST_ADU = 0.3
"""Images are drawn out to where they are this faint."""
WIDEST = 200
"""Pixels: no image is drawn farther out."""
_CORE = 2  # pixels beside the middle one that are integrated, not sampled: of an image 2 pixels wide, all that is steep
_AT_ONCE = 4_000_000  # pixels of images that are computed at once

COUNTS = {2: -2.9, 4: -1.9, 6: -0.96, 8: -0.02, 10: 0.90, 12: 1.74, 14: 2.50, 16: 3.17, 18: 3.75}
"""Magnitude V -> log10 of how many stars of a square degree are brighter, 20 degrees from the Milky Way's plane.

About as in the tables of star counts by galactic latitude of Allen's Astrophysical Quantities.
"""


def star_field(scene: Scene) -> tuple[Star, ...]:
    """Return the scene's stars; random ones are mostly faint, and of all colours from blue to red."""
    if not isinstance(scene.stars, int):
        return scene.stars
    rng = np.random.default_rng(scene.seed)
    count = scene.stars
    xs = rng.uniform(0, scene.width - 1, count)
    ys = rng.uniform(0, scene.height - 1, count)
    fluxes = 2000.0 * (1 - rng.random(count)) ** (-1 / 1.2)  # stars ten times as bright are sixteen times as rare
    hues = rng.normal(0, 0.2, count)
    return tuple(
        Star(x=x, y=y, flux=(0.7 * flux * 10**hue, flux, 0.7 * flux * 10**-hue))
        for x, y, flux, hue in zip(
            xs.tolist(), ys.tolist(), np.minimum(fluxes, 1e6).tolist(), hues.tolist(), strict=True
        )
    )


def counted_stars(
    shape: tuple[int, int], degrees: float, flux_of_zero: float, faintest: float, *, seed: int, fwhm: float, beta: float
) -> tuple[Star, ...]:
    """Return as many stars of each brightness as the sky has there (`COUNTS`), anywhere, in the colours of stars.

    Parameters
    ----------
    shape
        (ny, nx) of the frame.
    degrees
        Square degrees that it covers.
    flux_of_zero
        ADU that a star of magnitude 0 leaves in green pixels.
    faintest
        Magnitude; fainter stars are left to the sky.
    seed
        The same seed gives the same stars.
    fwhm, beta
        Of all images, see `Star`.
    """
    rng = np.random.default_rng((seed, 31))
    magnitudes, logs = np.array(list(COUNTS)), np.array(list(COUNTS.values()))
    whole = degrees * 10 ** np.interp(faintest, magnitudes, logs)
    count = rng.poisson(whole)
    # how many stars are brighter is evenly distributed
    number = np.log10(rng.uniform(0, whole, count) / degrees)
    flux = flux_of_zero * 10 ** (-0.4 * np.interp(number, logs, magnitudes))
    hue = rng.normal(0.0, 0.11, count) + np.where(rng.random(count) < 0.15, 0.15, 0.0)  # giants are red
    columns = (rng.uniform(-0.5, shape[1] - 0.5, count), rng.uniform(-0.5, shape[0] - 0.5, count))
    fluxes = (0.6 * flux * 10**hue, flux, 0.72 * flux * 10**-hue)
    rows = zip(*(values.tolist() for values in (*columns, *fluxes)), strict=True)
    return tuple(Star(x=x, y=y, flux=(r, g, b), fwhm=fwhm, beta=beta) for x, y, r, g, b in rows)


def add_stars(
    light: NDArray[np.float32],
    stars: tuple[Star, ...],
    bands: NDArray[np.uint8],
    passes: NDArray[np.float32] | None = None,
) -> None:
    """Add stars to the light (ny, nx), ADU; `passes` is the part of it that the lens lets through, `bands` (2, 2)."""
    table = np.array([(s.x, s.y, s.fwhm, s.beta, *s.flux) for s in stars]).reshape(-1, 7)
    if passes is not None and len(table):
        y, x = (np.clip(np.rint(table[:, i]).astype(int), 0, light.shape[1 - i] - 1) for i in (1, 0))
        table[:, 4:] *= passes[y, x][:, None]
    moffat = np.isfinite(table[:, 3])
    for star in table[~moffat]:
        _add_gaussian(light, star, bands)
    _add_moffats(light, table[moffat], bands)


def _add_gaussian(light: NDArray[np.float32], star: NDArray[np.float64], bands: NDArray[np.uint8]) -> None:
    """Add a star, as in the table of `_add_moffats`, out to five standard deviations."""
    x, y, fwhm, _ = star[:4].tolist()
    flux = star[4:]
    sigma = fwhm / 2.3548
    reach = int(np.ceil(5 * sigma))
    top, left = max(0, round(y) - reach), max(0, round(x) - reach)
    patch = light[top : round(y) + reach + 1, left : round(x) + reach + 1]
    ys, xs = np.arange(top, top + patch.shape[0]), np.arange(left, left + patch.shape[1])
    across = np.exp(-((xs - x) ** 2) / (2 * sigma**2))
    down = np.exp(-((ys - y) ** 2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
    patch += (flux[bands[np.ix_(ys % 2, xs % 2)]] * down[:, None] * across).astype(np.float32)


def _add_moffats(light: NDArray[np.float32], table: NDArray[np.float64], bands: NDArray[np.uint8]) -> None:
    """Add the stars of a table (n, 7): x, y, FWHM, beta, and the flux of the bands; those of like extent at once."""
    beta, core = table[:, 3], _core(table)
    peak = table[:, 4:].max(1, initial=0) * (beta - 1) / (np.pi * core**2)
    reach = core * np.sqrt(np.maximum((peak / FAINTEST_ADU) ** (1 / beta) - 1, 0))
    # extents are rounded up to some that are a third apart
    steps = np.ceil(np.log(np.clip(reach, _CORE + 1, WIDEST)) / math.log(4 / 3))
    flat = light.reshape(-1)
    for step in np.unique(steps):
        half = math.ceil((4 / 3) ** step)
        group = np.flatnonzero(steps == step)
        for some in np.array_split(group, -(-len(group) * (2 * half + 1) ** 2 // _AT_ONCE)):
            _add_alike(flat, light.shape, table[some], half, bands)


def _core(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Moffat's radius of each star's core, pixels."""
    return np.asarray(table[:, 2] / (2 * np.sqrt(2 ** (1 / table[:, 3]) - 1)))


def _add_alike(
    flat: NDArray[np.float32],
    shape: tuple[int, ...],
    table: NDArray[np.float64],
    half: int,
    bands: NDArray[np.uint8],
) -> None:
    """Add Moffat images of 2 `half` + 1 pixels to the light, given as one row of all pixels."""
    beta, core = table[:, 3], _core(table)
    middle = np.rint(table[:, :2]).astype(np.int64)
    offset = np.arange(-half, half + 1)
    xs, ys = (middle[:, i, None] + offset for i in (0, 1))
    dx, dy = ((cells - table[:, i, None]) / core[:, None] for i, cells in ((0, xs), (1, ys)))

    def profile(dx: NDArray[np.float64], dy: NDArray[np.float64]) -> NDArray[np.float32]:
        square = (dy**2)[:, :, None].astype(np.float32) + (dx**2)[:, None, :].astype(np.float32)
        square += 1
        return np.asarray(np.exp(-beta[:, None, None].astype(np.float32) * np.log(square)))

    image = profile(dx, dy)
    inner = slice(half - _CORE, half + _CORE + 1)
    points, weights = np.polynomial.legendre.leggauss(3)
    image[:, inner, inner] = 0
    for px, wx in zip(points / 2, weights / 2, strict=True):
        for py, wy in zip(points / 2, weights / 2, strict=True):
            part = profile(dx[:, inner] + px / core[:, None], dy[:, inner] + py / core[:, None])
            image[:, inner, inner] += np.float32(wx * wy) * part
    scale = (beta - 1) / (np.pi * core**2)
    inside = ((ys >= 0) & (ys < shape[0]))[:, :, None] & ((xs >= 0) & (xs < shape[1]))[:, None, :]
    of_band = bands[(ys % 2)[:, :, None], (xs % 2)[:, None, :]]
    flux = (table[:, 4:] * scale[:, None]).astype(np.float32)
    image *= np.take_along_axis(flux, of_band.reshape(len(flux), -1).astype(np.int64), 1).reshape(image.shape)
    place = ys[:, :, None] * shape[1] + xs[:, None, :]
    np.add.at(flat, place[inside], image[inside])
