"""Frames whose stars are known: an optic, a shutter, photons, a colour sensor, and what disturbs them.

A star's image is made on a grid of a sixteenth of a pixel: the optic's profile, drawn out by a trail, summed over the
square of a pixel. Positions are whole sixteenths, so that what a pixel holds is exact. All sizes are those of the
profile with the pixel in it, which is what a sensor shows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from scipy.fft import irfft2, rfft2
from scipy.ndimage import gaussian_filter, zoom
from scipy.optimize import brentq

FINE = 16
"""Grid steps a pixel."""
REACH = 28
"""Pixels from a star's centre to its image's edge."""
BLACK, WHITE = 512.0, 16383.0
RGGB = np.array([[0, 1], [1, 2]], np.uint8)


@dataclass(frozen=True, kw_only=True)
class Optic:
    """What a point becomes."""

    fwhm: tuple[float, float, float] = (3.0, 3.0, 3.0)
    """Red, green, blue, pixels, without the trail."""
    beta: float | None = None
    """Moffat's exponent; None: a Gaussian."""
    ring: float = 0.0
    """Outer diameter of a defocused pupil, pixels; its hole is 0.4 of it."""
    trail: float = 0.0
    """Pixels that the sky moves during the exposure."""
    angle: float = 0.0
    """Where to, degrees from +x towards +y."""
    shift: tuple[float, float] = (0.0, 0.0)
    """Of red against green in x and y, pixels (blue moves the other way): the air's dispersion."""


def _axis() -> np.ndarray:
    return np.arange(-REACH * FINE, REACH * FINE) / FINE


def _profile(width: float, beta: float | None) -> np.ndarray:
    """Draw the optic alone on the fine grid; `width` is its own FWHM."""
    r2 = np.add.outer(_axis() ** 2, _axis() ** 2)
    if beta is None:
        return np.exp(-4 * np.log(2) * r2 / width**2)
    return (1 + (2 ** (1 / beta) - 1) * 4 * r2 / width**2) ** -beta


def _pixel() -> np.ndarray:
    """Return a pixel's square around the origin, sum 1, even on the grid."""
    line = np.where(np.abs(_axis()) < 0.5 - 1e-9, 1.0, 0.0) + np.where(np.isclose(np.abs(_axis()), 0.5), 0.5, 0.0)
    return np.outer(line, line) / line.sum() ** 2


def _joined(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.fft.fftshift(irfft2(rfft2(np.fft.ifftshift(one)) * rfft2(np.fft.ifftshift(other)), one.shape))


def fwhm_of(image: np.ndarray) -> float:
    """Measure the full width at half maximum along x of an image on the fine grid, pixels."""
    row = image[REACH * FINE, REACH * FINE :]
    half = row[0] / 2
    i = int(np.argmax(row < half))
    return 2 * (i - 1 + (row[i - 1] - half) / (row[i - 1] - row[i])) / FINE


@lru_cache(maxsize=8)
def _round_image(fwhm: float, beta: float | None) -> np.ndarray:
    """Draw the round image, pixel included, whose FWHM is as wanted; its sum is 1."""
    pixel = _pixel()
    width = brentq(lambda w: fwhm_of(_joined(_profile(w, beta), pixel)) - fwhm, max(0.3, fwhm - 1), fwhm, xtol=1e-4)
    image = _joined(_profile(width, beta), pixel)
    return image / image.sum()


def _trail(length: float, angle: float) -> np.ndarray:
    """Draw a segment through the origin."""
    out, c, s = np.zeros((2 * REACH * FINE,) * 2), np.cos(np.radians(angle)), np.sin(np.radians(angle))
    steps = np.linspace(-0.5, 0.5, 40 * max(1, int(length)) + 1) * length * FINE
    for t in steps:
        x, y = t * c + REACH * FINE, t * s + REACH * FINE
        ix, iy = int(np.floor(x)), int(np.floor(y))
        fx, fy = x - ix, y - iy
        out[iy : iy + 2, ix : ix + 2] += np.outer([1 - fy, fy], [1 - fx, fx])
    return out / out.sum()


@lru_cache(maxsize=8)
def images(optic: Optic) -> tuple[np.ndarray, ...]:
    """Draw a star in red, green and blue, each on the fine grid with the sum FINE^2: a pixel's part at each place."""
    found = []
    for band in range(3):
        image = _round_image(optic.fwhm[band], optic.beta)
        if optic.ring:
            r = np.sqrt(np.add.outer(_axis() ** 2, _axis() ** 2)) * 2 / optic.ring
            pupil = gaussian_filter(((r < 1) & (r > 0.4)).astype(float), 2)
            image = _joined(image, pupil / pupil.sum())
        if optic.trail:
            image = _joined(image, _trail(optic.trail, optic.angle))
        if band != 1 and any(optic.shift):
            move = [round(FINE * s) * (1 if band == 0 else -1) for s in optic.shift[::-1]]
            image = np.roll(image, move, (0, 1))
        found.append((np.maximum(image, 0) / image.sum() * FINE**2).astype(np.float32))
    return tuple(found)


def moments(optic: Optic, reach: float = 1e9) -> tuple[float, float]:
    """Return b/a and the long axis's angle (degrees) of the green image's second moments, within a radius of pixels."""
    image = np.array(images(optic)[1], float)
    y, x = np.meshgrid(_axis(), _axis(), indexing="ij")
    image[x * x + y * y > reach * reach] = 0
    xx, yy, xy = ((image * part).sum() / image.sum() for part in (x * x, y * y, x * y))
    root = np.hypot(xx - yy, 2 * xy)
    return float(np.sqrt((xx + yy - root) / (xx + yy + root))), float(np.degrees(np.arctan2(2 * xy, xx - yy)) / 2 % 180)


@dataclass(frozen=True, kw_only=True, eq=False)
class Catalogue:
    """Stars of a field, in pixels of its first frame."""

    x: np.ndarray
    y: np.ndarray
    flux: np.ndarray
    """(n, 3): in red, green, blue, ADU, as if each pixel had that filter."""

    def moved(self, dx: float, dy: float, rotation: float, shape: tuple[int, int], flip: bool = False) -> Catalogue:
        """Turn about the frame's middle by degrees (and 180 after a meridian flip), then move."""
        cx, cy = (shape[1] - 1) / 2, (shape[0] - 1) / 2
        a = np.radians(rotation + 180 * flip)
        x, y = self.x - cx, self.y - cy
        return Catalogue(
            x=cx + np.cos(a) * x - np.sin(a) * y + dx, y=cy + np.sin(a) * x + np.cos(a) * y + dy, flux=self.flux
        )


def field_of(rng, shape, count: int, *, faintest: float = 300.0, brightest: float = 3e5, margin: float = 0.0):
    """Throw stars over a frame (and a margin): few bright ones, many faint, of all colours."""
    slope = 0.9
    u = rng.random(count)
    flux = (faintest**-slope + u * (brightest**-slope - faintest**-slope)) ** (-1 / slope)
    hue = rng.normal(0, 0.15, count)
    three = np.stack([0.55 * flux * 10**hue, flux, 0.7 * flux * 10**-hue], 1)
    y, x = (rng.uniform(-margin, size - 1 + margin, count) for size in shape)
    return Catalogue(x=x, y=y, flux=three)


@dataclass(frozen=True, kw_only=True)
class Shot:
    """How a frame is taken."""

    shape: tuple[int, int] = (2000, 3000)
    pattern: np.ndarray = field(default_factory=lambda: RGGB)
    sky: tuple[float, float, float] = (450.0, 800.0, 620.0)
    """ADU above black."""
    gradient: float = 0.2
    gain: float = 1.2
    """Electrons an ADU."""
    read_noise: float = 3.0
    """ADU."""
    hot: int = 2000
    cosmic: int = 20
    streaks: int = 0
    streak_light: float = 60.0
    """ADU in the middle of a streak."""
    knots: int = 0
    knot_light: float = 150.0
    clouds: float = 0.0
    """How much light clouds take, at most."""
    transparency: float = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """A frame and what it was made of."""

    mosaic: np.ndarray
    x: np.ndarray
    """(n,) of the stars in the frame, on whole sixteenths of a pixel."""
    y: np.ndarray
    flux: np.ndarray
    """(n, 3), ADU, clouds taken off."""
    snr: np.ndarray
    """(n,) of the best measure of a star's flux on the green samples alone, against the noise of the sky."""
    index: np.ndarray
    """(n,) of each star in the catalogue."""
    noise: np.ndarray
    """(3,) of a sample in the middle of the frame, ADU."""
    clear: np.ndarray
    """(ny / 16, nx / 16) transparency."""


def expose(rng, optic: Optic, stars: Catalogue, shot: Shot) -> Truth:
    """Take a frame."""
    ny, nx = shot.shape
    py, px = shot.pattern.shape
    bands = shot.pattern[np.arange(ny)[:, None] % py, np.arange(nx) % px]
    ramp = 1 + shot.gradient * ((np.arange(ny)[:, None] / ny - 0.5) + (np.arange(nx) / nx - 0.5)) / 2
    light = (np.array(shot.sky, np.float32)[bands] * ramp).astype(np.float32)
    clear = np.full((-(-ny // 16), -(-nx // 16)), shot.transparency)
    if shot.clouds:
        rough = gaussian_filter(rng.normal(size=(12, 18)), 1.5)
        rough = (rough - rough.min()) / np.ptp(rough)
        rough = zoom(rough, (clear.shape[0] / 12, clear.shape[1] / 18), order=1, grid_mode=True, mode="nearest")
        clear = shot.transparency * (1 - shot.clouds * np.clip(rough, 0, 1))
    x, y = np.round(stars.x * FINE) / FINE, np.round(stars.y * FINE) / FINE
    inside = (x > -REACH) & (x < nx + REACH) & (y > -REACH) & (y < ny + REACH)
    part = clear[
        np.clip(y // 16, 0, clear.shape[0] - 1).astype(int), np.clip(x // 16, 0, clear.shape[1] - 1).astype(int)
    ]
    flux = stars.flux * part[:, None]
    drawn = images(optic)
    variance = np.array([sky / shot.gain + shot.read_noise**2 + 1 / 12 for sky in shot.sky])
    for i in np.flatnonzero(inside):
        add_star(light, bands, drawn, (x[i], y[i]), flux[i])
    for _ in range(shot.knots):
        add_knot(light, rng, bands, shot)
    for _ in range(shot.streaks):
        add_streak(light, rng, bands, shot.streak_light)
    noisy = (
        light
        + BLACK
        + rng.standard_normal(light.shape, np.float32) * np.sqrt(np.maximum(light, 0) / shot.gain + shot.read_noise**2)
    )
    add_hot(noisy, rng, shot.hot)
    add_cosmic(noisy, rng, shot.cosmic)
    mosaic = np.clip(np.rint(noisy), 1, WHITE).astype(np.uint16)
    keep = inside & (x >= 0) & (x <= nx - 1) & (y >= 0) & (y <= ny - 1)
    # the sum of squares of the image over the green samples, on average over the places of a star
    squares = float((drawn[1].astype(float) ** 2).sum() / FINE**2) * np.mean(shot.pattern == 1)
    snr = flux[:, 1] * np.sqrt(squares / variance[1])
    return Truth(
        mosaic=mosaic, x=x[keep], y=y[keep], flux=flux[keep], snr=snr[keep], index=np.flatnonzero(keep),
        noise=np.sqrt(variance), clear=clear,
    )  # fmt: skip


def add_star(light, bands, drawn, place, flux) -> None:
    """Add a star's light to a frame; `place` is (x, y)."""
    (ny, nx), (x, y) = light.shape, place
    reach = REACH - 1 if flux.max() > 2000 else 14
    top, left = round(y) - reach, round(x) - reach
    rows, columns = (
        np.arange(max(top, 0), min(top + 2 * reach + 1, ny)),
        np.arange(max(left, 0), min(left + 2 * reach + 1, nx)),
    )
    if not (rows.size and columns.size):
        return
    fy = np.rint((rows - y) * FINE).astype(int) + REACH * FINE
    fx = np.rint((columns - x) * FINE).astype(int) + REACH * FINE
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    here = bands[box]
    for band in range(3):
        image = drawn[band][fy[0] : fy[-1] + 1 : FINE, fx[0] : fx[-1] + 1 : FINE]
        light[box] += np.where(here == band, flux[band] * image, 0)


def add_knot(light, rng, bands, shot: Shot) -> None:
    """Add a knot of a nebula: wider than any star, of no sharp form, mostly red."""
    ny, nx = light.shape
    size = rng.uniform(5, 30)
    y, x, reach = rng.uniform(0, ny), rng.uniform(0, nx), int(4 * size)
    rows = np.arange(max(0, int(y) - reach), min(ny, int(y) + reach))
    columns = np.arange(max(0, int(x) - reach), min(nx, int(x) + reach))
    a, stretch = rng.uniform(0, np.pi), rng.uniform(1, 3)
    dy, dx = rows[:, None] - y, columns - x
    u, v = np.cos(a) * dx + np.sin(a) * dy, (-np.sin(a) * dx + np.cos(a) * dy) * stretch
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    knot = shot.knot_light * rng.uniform(0.3, 1.5) * np.exp(-(u * u + v * v) / 2 / size**2)
    light[box] += knot * np.array([1.0, 0.4, 0.35])[bands[box]]


def add_streak(light, rng, bands, height: float) -> None:
    """Draw a satellite's path across the frame."""
    ny, nx = light.shape
    a = rng.uniform(0, np.pi)
    y0, x0 = rng.uniform(0.2, 0.8) * ny, rng.uniform(0.2, 0.8) * nx
    width = rng.uniform(1.0, 2.0)
    for top in range(0, ny, 200):
        rows = np.arange(top, min(ny, top + 200))[:, None]
        d = (rows - y0) * np.cos(a) - (np.arange(nx) - x0) * np.sin(a)
        colour = np.array([0.6, 1.0, 0.7])[bands[top : top + 200]]
        light[top : top + 200] += (height * np.exp(-d * d / 2 / width**2) * colour).astype(np.float32)


def add_hot(noisy, rng, count: int) -> None:
    """Add hot pixels, mostly weak, some full."""
    y, x = (rng.integers(0, size, count) for size in noisy.shape)
    noisy[y, x] += np.minimum(rng.exponential(1.0, count) * 10 ** rng.uniform(1.3, 3.8, count), WHITE)


def add_cosmic(noisy, rng, count: int) -> None:
    """Add tracks of particles: sharp, a few pixels long."""
    ny, nx = noisy.shape
    for _ in range(count):
        y, x, a = rng.uniform(3, ny - 4), rng.uniform(3, nx - 4), rng.uniform(0, np.pi)
        charge = 10 ** rng.uniform(2.0, 3.7)
        for t in np.arange(0, rng.exponential(3.0) + 0.5, 0.5):
            iy, ix = int(y + t * np.sin(a)), int(x + t * np.cos(a))
            if 0 <= iy < ny and 0 <= ix < nx:
                noisy[iy, ix] += charge * 0.5


def half_light(optic: Optic) -> float:
    """Return the diameter that holds half of the green image's light, pixels."""
    image = np.array(images(optic)[1], float)
    y, x = np.meshgrid(_axis(), _axis(), indexing="ij")
    away = np.hypot(x, y).ravel()
    order = np.argsort(away)
    within = np.cumsum(image.ravel()[order])
    return float(2 * away[order][np.searchsorted(within, within[-1] / 2)])
