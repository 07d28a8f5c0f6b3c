"""Frames whose sky is known: a lens in front of a sky, photons, a sensor.

Directions in the sky follow from the focal length on a sensor of 36 x 24 mm; the light comes from airglow
(van Rhijn's layer), towns, the Moon (Krisciunas and Schaefer 1991) and twilight; stars follow a luminosity
function that goes far below the noise. The lens darkens by cos^4 and by a barrel that cuts its pupil off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft2, next_fast_len, rfft2
from scipy.ndimage import zoom

BLACK, WHITE = 512.0, 16383.0
PATTERN = np.array([[0, 1], [1, 2]], np.uint8)
COLOR = np.array([0.45, 1.0, 0.62])
"""Of the sky in the raw bands."""

FOCAL = {
    "tele": (85, 135), "normal": (35, 85), "wide": (14, 24), "towns": (14, 20), "moon": (24, 85), "twilight": (20, 50),
    "nebula": (85, 135), "clouds": (85, 135), "andromeda": (100, 135), "milky way": (14, 35), "crowded": (50, 135),
    "faint": (85, 135),
}  # fmt: skip
"""Scenes, and the focal lengths that they are taken with, mm."""
KINDS = tuple(FOCAL)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """A frame and what it was made of."""

    mosaic: np.ndarray
    """(ny, nx) uint16, ADU."""
    sky: np.ndarray
    """(ny, nx), ADU above black: of each pixel's own band."""
    objects: np.ndarray
    """(ny, nx), ADU: nebulae and galaxies."""
    faint: float
    """Median light of the stars, part of the sky."""


def barrel(rng, r):
    """Which part of the light the barrel lets through, r = 1 in the corner: a rim of one of several kinds."""
    kind = rng.integers(3)
    if kind == 0:  # a small one far out: steep and late
        return 1 / (1 + (r / rng.uniform(1.1, 1.6)) ** rng.uniform(4, 8))
    # a round rim that moves across the round pupil: as large as the pupil (from the middle on) or larger (later)
    wide = 1.0 if kind == 1 else rng.uniform(1.1, 1.5)
    d = np.maximum(r * rng.uniform(0.2, 0.9), max(wide - 1, 1e-6))
    a, b = (d * d + 1 - wide**2) / (2 * d), (d * d + wide**2 - 1) / (2 * d)
    caps = np.arccos(np.clip(a, -1, 1)) + wide**2 * np.arccos(np.clip(b / wide, -1, 1))
    return (caps - d * np.sqrt(np.clip(1 - a * a, 0, None))) / np.pi


class Camera:
    """A lens of some focal length that points at some height."""

    def __init__(self, rng, shape, focal, height):
        ny, nx = shape
        self.rng, self.shape, self.focal = rng, shape, focal
        y, x = (np.mgrid[:ny, :nx].astype(np.float32) + 0.5) / nx * 36.0
        self.x, self.y = x - 18.0, y - 18.0 * ny / nx
        up = -self.y / focal
        right = self.x / focal
        s, c = np.sin(height), np.cos(height)
        length = np.sqrt(1 + up * up + right * right)
        self.altitude = np.arcsin((s + up * c) / length)
        self.azimuth = np.arctan2(right, c - up * s)
        cx, cy = rng.normal(0, 0.3, 2)
        r = np.hypot(self.x - cx, self.y - cy)
        self.lens = (1 + (r / focal) ** 2) ** -rng.uniform(1.2, 2.0) * barrel(rng, r / 21.6)
        for _ in range(rng.poisson(2)):  # dust on the filter
            py, px, size = rng.uniform(0, ny), rng.uniform(0, nx), rng.uniform(10, 25) * nx / 3000
            d = np.hypot(*np.ogrid[-py : ny - py - 0.5, -px : nx - px - 0.5]) / size
            self.lens *= 1 - rng.uniform(0.005, 0.03) * np.exp(-((d - 0.8) ** 2) * 3)

    def bands(self, three):
        out = np.empty(self.shape, np.float32)
        for y in (0, 1):
            for x in (0, 1):
                out[y::2, x::2] = three[PATTERN[y, x]][y::2, x::2]
        return out

    def own(self, color):
        return self.bands([np.broadcast_to(np.float32(c), self.shape) for c in color])

    def airglow(self, extinction=0.2):
        z = np.pi / 2 - np.clip(self.altitude, 0.05, None)
        mass = 1 / np.sqrt(1 - 0.96 * np.sin(z) ** 2)
        return mass * 10 ** (-0.4 * extinction * (mass - 1))

    def town(self, azimuth, high, wide):
        away = np.angle(np.exp(1j * (self.azimuth - azimuth)))
        return np.exp(-np.clip(self.altitude, 0, None) / high) / (1 + (away / wide) ** 2)

    def moon(self, altitude, azimuth):
        rho = np.degrees(np.arccos(np.clip(
            np.sin(self.altitude) * np.sin(altitude)
            + np.cos(self.altitude) * np.cos(altitude) * np.cos(self.azimuth - azimuth), -1, 1)))  # fmt: skip
        scattered = 10**5.36 * (1.06 + np.cos(np.radians(rho)) ** 2) + 10 ** (6.15 - rho / 40)
        mass = 1 / np.sqrt(1 - 0.96 * np.sin(np.pi / 2 - np.clip(self.altitude, 0.05, None)) ** 2)
        return scattered / 10**5.8 * (1 - 10 ** (-0.4 * 0.2 * mass))

    def twilight(self, azimuth):
        away = np.angle(np.exp(1j * (self.azimuth - azimuth)))
        return 10 ** (-np.degrees(self.altitude) / 25) * (1 + 0.8 * np.cos(away))

    def fractal(self, slope, cells=256):
        """Turbulence with a power spectrum of that slope, mean 0, deviation 1."""
        ny, nx = self.shape
        h = max(8, cells * ny // nx)
        k = np.hypot(np.fft.fftfreq(h)[:, None], np.fft.rfftfreq(cells)[None])
        k[0, 0] = np.inf
        z = np.fft.irfft2(np.fft.rfft2(self.rng.normal(size=(h, cells))) * k ** (-slope / 2), (h, cells))
        z = zoom((z - z.mean()) / z.std(), (ny / h, nx / cells), order=1, mode="nearest", grid_mode=True)
        return z[:ny, :nx].astype(np.float32)

    def stars(self, count, faintest, brightest, density=None, fwhm=2.6):
        """Light of `count` stars with fluxes from faintest to brightest, N(> F) ~ F^-0.8, Moffat images."""
        ny, nx = self.shape
        u = self.rng.random(count)
        flux = (faintest**-0.8 - u * (faintest**-0.8 - brightest**-0.8)) ** (-1 / 0.8)
        if density is None:
            place = self.rng.integers(0, ny * nx, count)
        else:
            place = np.searchsorted(np.cumsum(density.ravel() / density.sum(dtype=np.float64)), self.rng.random(count))
        light = np.bincount(np.minimum(place, ny * nx - 1), flux, ny * nx).reshape(ny, nx)
        shape = next_fast_len(ny + 200), next_fast_len(nx + 200)
        ys, xs = (np.fft.fftfreq(n, 1 / n) for n in shape)
        core = fwhm / 2 / np.sqrt(2 ** (1 / 3) - 1)
        image = (1 + (ys[:, None] ** 2 + xs[None] ** 2) / core**2) ** -3.0
        padded = np.zeros(shape)
        padded[:ny, :nx] = light
        return irfft2(rfft2(padded) * rfft2(image / image.sum()), shape)[:ny, :nx].clip(0).astype(np.float32)


def sky_of(kind, camera, level, colors):
    """Return the light of the sky behind the lens, ADU."""
    rng = camera.rng

    def tint(spread):
        return 1 + rng.normal(0, spread, 3)

    lights = [(1.0, camera.airglow(), np.ones(3))]
    lights.append((rng.uniform(0.1, 1.0), camera.town(rng.uniform(-3, 3), rng.uniform(0.2, 0.5), 1.0), tint(0.15)))
    if kind == "towns":
        for _ in range(rng.integers(1, 3)):
            glow = camera.town(rng.uniform(-0.9, 0.9), rng.uniform(0.1, 0.25), rng.uniform(0.25, 0.7))
            lights.append((rng.uniform(5, 10) / glow.max(), glow, tint(0.25)))
    if kind == "moon":
        half = np.arctan(18 / camera.focal)
        altitude = np.radians(rng.uniform(20, 60))
        aside = (half + rng.uniform(0.1, 0.8)) / np.cos(altitude)  # in azimuth, so that it is beside the frame
        glow = camera.moon(altitude, rng.choice([-1, 1]) * aside)
        lights.append((rng.uniform(1, 5) / np.median(glow), glow, tint(0.15)))
    if kind == "twilight":
        glow = camera.twilight(rng.uniform(-2, 2))
        lights.append((rng.uniform(3, 20) / np.median(glow), glow, tint(0.2)))
    total = [sum(a * t[b] * g for a, g, t in lights) for b in range(3)]
    norm = level / np.median(total[1])
    return camera.bands([norm * colors[b] * total[b] for b in range(3)]) * camera.lens


def objects_of(kind, camera, level, colors, focal):
    """Return the light of nebulae and galaxies before the lens, ADU, and the density of stars (None: even)."""
    rng = camera.rng
    objects, density = np.zeros(camera.shape, np.float32), None
    u, v = camera.x / 36, camera.y / 36
    if kind == "nebula":
        for _ in range(rng.integers(1, 4)):
            size, cu, cv = rng.uniform(0.06, 0.2), *rng.uniform(-0.3, 0.3, 2)
            cloud = np.exp(camera.fractal(3.4) * 0.7) * np.exp(-(((u - cu) ** 2 + (v - cv) ** 2) / size**2))
            hue = np.array([[1.0, 0.2, 0.35], [0.3, 0.9, 0.8]][rng.integers(2)])
            objects += level * rng.uniform(0.1, 0.6) * cloud * camera.own(hue)
    if kind == "andromeda":
        pa, cu, cv = rng.uniform(0, np.pi), *rng.uniform(-0.12, 0.12, 2)
        a, b = (u - cu) * np.cos(pa) + (v - cv) * np.sin(pa), (v - cv) * np.cos(pa) - (u - cu) * np.sin(pa)
        r = np.hypot(a, 3.2 * b) / np.radians(1.5) * 36 / focal
        galaxy = 0.5 * np.exp(-r * 2.2) + 3 * np.exp(-((r * 25) ** 0.6)) + 0.008 / (1 + r**2)
        objects += level * galaxy * camera.own(colors * [1.1, 1, 0.85])
    if kind in ("milky way", "clouds"):
        th, off = rng.uniform(0, np.pi), rng.uniform(-0.15, 0.15)
        w = u * np.sin(th) + v * np.cos(th) - off
        band = (
            np.exp(-((w / rng.uniform(0.12, 0.25)) ** 2)) if kind == "milky way" else np.ones(camera.shape, np.float32)
        )
        dust = np.clip(camera.fractal(3.2) - rng.uniform(0.2, 0.8), 0, None)
        density = (band * np.exp(-1.5 * dust) + (0.15 if kind == "milky way" else 0.02)).astype(np.float32)
        if kind == "milky way":
            part = (
                rng.uniform(0.15, 0.6) * band * np.exp(-1.2 * dust) * np.clip(1 + 0.2 * camera.fractal(3.0), 0.2, None)
            )
            objects += (level * part * camera.own(colors * [1.1, 1, 0.85])).astype(np.float32)
    return objects, density


def scene(kind: str, seed: int, shape: tuple[int, int] = (1340, 2008)) -> Truth:
    """Take a frame."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    focal = rng.uniform(*FOCAL[kind])
    low = {"towns": (25, 40), "twilight": (25, 50), "milky way": (35, 60), "wide": (50, 80)}.get(kind, (30, 80))
    highest = np.degrees(np.arctan(18 * shape[0] / shape[1] / focal)) + 3  # no horizon in the frame
    camera = Camera(rng, shape, focal, np.radians(max(highest, rng.uniform(*low))))
    level = rng.uniform(10, 30) if kind == "faint" else 10 ** rng.uniform(2.2, 2.9)
    colors = COLOR * 10 ** rng.normal(0, 0.04, 3)

    sky = sky_of(kind, camera, level, colors)
    objects, density = objects_of(kind, camera, level, colors, focal)
    mega = shape[0] * shape[1] / 1e6
    gain = rng.choice([0.15, 0.3, 0.6, 1.2])
    noise = np.sqrt(level / gain)
    count = int({"crowded": 60000, "clouds": 40000, "milky way": 25000}.get(kind, 4000) * mega * rng.uniform(0.5, 1.5))
    faintest = 0.5 * noise
    stars = camera.stars(count, faintest, 3e5, density)
    stars *= camera.own(colors)
    objects *= camera.lens
    light = sky + objects + stars * camera.lens
    read = 3.0 if gain > 0.5 else 1.5 / gain
    mosaic = rng.poisson(light * gain) / gain + rng.normal(0, read, shape) + BLACK
    return Truth(
        mosaic=np.clip(np.rint(mosaic), 1, WHITE).astype(np.uint16),
        sky=np.minimum(sky, WHITE - BLACK),
        objects=objects,
        faint=float(np.median(stars * camera.lens / sky)),
    )
