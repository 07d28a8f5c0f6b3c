"""A simulated camera, which writes uncompressed ARW frames of a known sky one after the other."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from arwatch.model.frame import Exposure
from arwatch.simulate.arw_file import arw_bytes, colors_of

WHITE_LEVEL = 16383
"""ADU: the largest value of 14 bits."""

Bands: TypeAlias = tuple[float, float, float]
"""A value for red, green and blue."""

_STRIPE = 256  # rows rendered at once: a small computer has no memory for the noise of 61 Mpx
_CHUNKS = 20  # in which a slow frame is written
_SLOW_S = 2.0  # seconds that it takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Star:
    """A point source with a Gaussian profile."""

    x: float
    """Column of its centre; the first pixel's centre is 0."""
    y: float
    """Row of its centre."""
    flux: Bands
    """Sum over the whole profile, ADU, as if each pixel had the band's filter."""
    fwhm: float = 3.0
    """Pixels."""


def _example_exposure() -> Exposure:
    """Return the exposure of the default scene."""
    return Exposure(
        taken=datetime(2024, 8, 12, 23, 15, 7, 250_000),  # noqa: DTZ001  a camera's clock knows no zone
        utc_offset=timedelta(hours=2),
        exposure_s=30.0,
        iso=1600,
        f_number=2.8,
        focal_length_mm=135.0,
        make="SONY",
        model="ILCE-7M3",
        lens="FE 135mm F1.8 GM",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the camera looks at, and with what sensor and exposure."""

    height: int = 4024
    """Pixels; at least 22, because LibRaw opens no smaller frame."""
    width: int = 6024
    """Pixels; at least 22."""
    seed: int = 0
    """Seed of the star field and, with the frame's number, of the noise."""
    sky: Bands = (450.0, 800.0, 620.0)
    """ADU above the black level, in the middle of the frame."""
    gradient: tuple[float, float] = (0.2, 0.1)
    """Relative rise of the sky over the whole (height, width)."""
    vignetting: float = 0.3
    """Part of the light lost in the corners."""
    stars: int | tuple[Star, ...] = 500
    """The stars, or how many random ones."""
    read_noise: float = 3.0
    """ADU."""
    gain: float = 1.2
    """Electrons per ADU."""
    black_level: int = 512
    """ADU."""
    pattern: str = "RGGB"
    """Filters from the first pixel on: RGGB, BGGR, GRBG or GBRG."""
    exposure: Exposure = field(default_factory=_example_exposure)
    """The first frame's exposure; the time of each later one follows from its number."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shot:
    """A rendered frame, and the sky and stars that are in it."""

    mosaic: NDArray[np.uint16]
    """(ny, nx), ADU."""
    sky: NDArray[np.float32]
    """(ny, nx): black level and sky without stars and noise, ADU, each pixel in its own band."""
    stars: tuple[Star, ...]


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


def render(scene: Scene, frame_number: int = 1) -> Shot:
    """Compute one frame of a scene; the same scene and number always give the same frame."""
    bands = colors_of(scene.pattern)
    sky = _sky(scene, bands)
    light = sky.copy()
    stars = star_field(scene)
    for star in stars:
        _add_star(light, star, bands)
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


def _sky(scene: Scene, bands: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Compute black level and sky (ny, nx), ADU, each pixel in its own band."""
    rows = np.linspace(-1, 1, scene.height, dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, scene.width, dtype=np.float32)
    light = 1 + scene.gradient[0] / 2 * rows + scene.gradient[1] / 2 * columns
    light *= 1 - scene.vignetting / 2 * (rows**2 + columns**2)
    for y in (0, 1):
        for x in (0, 1):
            light[y::2, x::2] *= scene.sky[bands[y, x]]
    light += scene.black_level
    return light


def _add_star(light: NDArray[np.float32], star: Star, bands: NDArray[np.uint8]) -> None:
    """Add a star to the light (ny, nx), ADU, out to five standard deviations."""
    sigma = star.fwhm / 2.3548
    reach = int(np.ceil(5 * sigma))
    top, left = max(0, round(star.y) - reach), max(0, round(star.x) - reach)
    patch = light[top : round(star.y) + reach + 1, left : round(star.x) + reach + 1]
    ys, xs = np.arange(top, top + patch.shape[0]), np.arange(left, left + patch.shape[1])
    across = np.exp(-((xs - star.x) ** 2) / (2 * sigma**2))
    down = np.exp(-((ys - star.y) ** 2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
    flux = np.array(star.flux)[bands[np.ix_(ys % 2, xs % 2)]]
    patch += (flux * down[:, None] * across).astype(np.float32)


def save_truth(path: Path, shot: Shot) -> None:
    """Write sky and stars of a frame to an .npz file: `sky` (ny, nx), ADU, and `stars` (n, 6), see `Star`.

    A row of `stars` is (x, y, fwhm, flux in red, flux in green, flux in blue).
    """
    stars = np.array([(star.x, star.y, star.fwhm, *star.flux) for star in shot.stars]).reshape(-1, 6)
    np.savez(path, sky=shot.sky, stars=stars)


def camera(
    folder: Path,
    *,
    frames: int,
    interval_s: float = 0.0,
    scene: Scene | None = None,
    slow: bool = False,
    truth: bool = False,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[Path]:
    """Take frames into `folder` and yield each one's path when it is complete.

    Parameters
    ----------
    folder
        Folder for the frames; it is created if it does not exist. Numbers continue after the highest DSC number
        there.
    frames
        How many frames to take.
    interval_s
        Seconds from a frame's completion to the start of the next one.
    scene
        The scene to render; the default one if None.
    slow
        Write each frame under its final name in small pieces over two seconds, as a slow download does;
        otherwise the frame is written under another name and then renamed.
    truth
        Save what is in each frame beside it, as `DSC00001.truth.npz`; see `save_truth`.
    sleep
        Called with the seconds to wait.
    """
    scene = scene or Scene()
    folder.mkdir(parents=True, exist_ok=True)
    first = _highest_number(folder) + 1
    for index in range(frames):
        if index:
            sleep(interval_s)
        number = first + index
        shot = render(scene, number)
        data = arw_bytes(
            shot.mosaic,
            _later(scene.exposure, index, interval_s),
            pattern=scene.pattern,
            black_level=scene.black_level,
        )
        path = folder / f"DSC{number:05d}.ARW"
        if truth:
            save_truth(path.with_suffix(".truth.npz"), shot)
        if slow:
            _write_slowly(path, data, sleep)
        else:
            hidden = folder / f".{path.name}.part"
            hidden.write_bytes(data)
            hidden.rename(path)
        yield path


def _later(exposure: Exposure, frames: int, interval_s: float) -> Exposure:
    """Return the exposure that begins so many frames later."""
    if exposure.taken is None:
        return exposure
    pause = frames * ((exposure.exposure_s or 0.0) + interval_s)
    return replace(exposure, taken=exposure.taken + timedelta(seconds=pause))


def _write_slowly(path: Path, data: bytes, sleep: Callable[[float], object]) -> None:
    """Write a file in `_CHUNKS` pieces over `_SLOW_S` seconds."""
    step = -(-len(data) // _CHUNKS)
    with path.open("wb") as file:
        for start in range(0, len(data), step):
            file.write(data[start : start + step])
            file.flush()
            sleep(_SLOW_S / _CHUNKS)


def _highest_number(folder: Path) -> int:
    """Return the highest number of a DSC frame in a folder; 0 without any."""
    names = (re.fullmatch(r"DSC(\d{5})\.ARW", entry.name, re.IGNORECASE) for entry in folder.iterdir())
    return max((int(name[1]) for name in names if name), default=0)


def tonight(height: int, width: int) -> Scene:
    """Return the default scene at this size (pixels), taken now by a camera with this machine's time zone."""
    now = datetime.now(UTC).astimezone()
    scene = Scene(height=height, width=width)
    return replace(scene, exposure=replace(scene.exposure, taken=now.replace(tzinfo=None), utc_offset=now.utcoffset()))
