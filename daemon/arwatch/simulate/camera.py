"""A simulated camera, which writes uncompressed ARW frames of a known sky one after the other."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from arwatch.model.frame import Exposure
from arwatch.simulate.arw_file import arw_bytes, download
from arwatch.simulate.render import render
from arwatch.simulate.scene import Scene, Shot

_CHUNKS = 20  # in which a slow frame is written
_SLOW_S = 2.0  # seconds that it takes


def save_truth(path: Path, shot: Shot) -> None:
    """Write sky and stars of a frame to an .npz file: `sky` (ny, nx), ADU, and `stars` (n, 7), see `Star`.

    A row of `stars` is (x, y, fwhm, flux in red, flux in green, flux in blue, beta).
    """
    stars = np.array([(star.x, star.y, star.fwhm, *star.flux, star.beta) for star in shot.stars]).reshape(-1, 7)
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
            download(path, data)
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
