"""Take a whole night: its frames as ARW files, and a file that tells what was in each."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from arwatch.model.frame import Exposure
from arwatch.simulate.arw_file import arw_bytes, download
from arwatch.simulate.nights.almanac import LATITUDE_DEG, LONGITUDE_DEG
from arwatch.simulate.nights.exposing import BLACK_LEVEL, clearness, cover, expose
from arwatch.simulate.nights.state import noticeable, state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from arwatch.simulate.nights.values import Night, State
    from arwatch.simulate.scene import Bands

TRUTH = "night.truth.json"
"""Name of the file that tells the truth."""
VERSION = 1
"""Of its form."""
ISO, F_NUMBER, FOCAL_MM = 800, 4.0, 400.0


def take_night(
    folder: Path,
    night: Night,
    *,
    interval_s: float = 0.0,
    truth: bool = False,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[Path]:
    """Take a night's frames into `folder`, DSC00001.ARW and on, and yield each one's path when it is complete.

    Parameters
    ----------
    folder
        Is created if it does not exist.
    night
        See `arwatch.simulate.nights.night`.
    interval_s
        Seconds from a frame's completion to the start of the next one; what the frames say of their times follows
        from the night alone.
    truth
        Write `night.truth.json` beside them when the last one is complete.
    sleep
        Called with the seconds to wait.

    Raises
    ------
    FileExistsError
        There are frames in the folder already: they would be mixed up with the night's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / _name(0)).exists():
        raise FileExistsError(f"{folder} holds frames already; name another folder")
    rows: list[dict[str, Any]] = []
    for index in range(night.frames):
        if index:
            sleep(interval_s)
        now = state(night, index)
        mosaic, fwhm = expose(night, now)
        path = folder / _name(index)
        download(path, arw_bytes(mosaic, _exposure(night, now), black_level=BLACK_LEVEL))
        rows.append(_row(night, now, fwhm))
        yield path
    if truth:
        (folder / TRUTH).write_text(json.dumps(told(night, rows), indent=1) + "\n")


def told(night: Night, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Give a night's truth for programs, its frames as `_row` has them."""
    return {
        "version": VERSION,
        "seed": night.seed,
        "site": {"latitude_deg": LATITUDE_DEG, "longitude_deg": LONGITUDE_DEG},
        "exposure_s": night.exposure_s,
        "events": [
            {
                "kind": event.kind,
                "cause": event.cause,
                "onset": _name(event.onset),
                "noticeable": _name(min(noticeable(night, event), night.frames - 1)),
                "end": _name(event.end) if event.end < night.frames else None,
            }
            for event in night.events
        ],
        "frames": rows,
    }


def _name(index: int) -> str:
    return f"DSC{index + 1:05d}.ARW"


def _exposure(night: Night, now: State) -> Exposure:
    return Exposure(
        taken=now.taken.replace(tzinfo=None),
        utc_offset=now.taken.utcoffset(),
        exposure_s=night.exposure_s,
        iso=ISO,
        f_number=F_NUMBER,
        focal_length_mm=FOCAL_MM,
    )


def _moved(first: State, now: State) -> tuple[float, float]:
    """Give the field's move since the first frame, at the frame's middle, in pixels.

    A place p from the middle of the first frame is at turn(p - first) + now in this one.
    """
    turn = math.radians(now.rotation_deg - first.rotation_deg)
    x = now.dx - first.dx * math.cos(turn) + first.dy * math.sin(turn)
    return x, now.dy - first.dx * math.sin(turn) - first.dy * math.cos(turn)


def _row(night: Night, now: State, fwhm: Bands) -> dict[str, Any]:
    """Tell of a frame what the figures of `arwatch measure` tell, by their names, as it really was."""
    shape = (night.height, night.width)
    first = state(night, 0)
    dx, dy = _moved(first, now)
    seen = 0.0 if now.capped else now.light * float(np.mean(clearness(now, shape)))
    return {
        "frame": _name(now.index),
        "taken": now.taken.isoformat(timespec="milliseconds"),
        "causes": [event.cause for event in night.events if event.part(now.index)],
        "fwhm_px": _by_band(fwhm, 3),
        "transparency": round(seen, 4),
        "covered": round(float(np.mean(cover(now, shape))), 4),
        "dx_px": round(dx, 3),
        "dy_px": round(dy, 3),
        "rotation_deg": round(now.rotation_deg - first.rotation_deg, 4),
        "trail_px": round(now.trail_px, 3),
        "trail_deg": round(now.trail_deg, 2),
        "ring_px": round(now.ring_px, 2),
        "halo": round(now.halo, 3),
        "sky_adu_s": _by_band((0.0, 0.0, 0.0) if now.capped else now.sky, 4),
        "stray_adu_s": round(now.stray, 4),
        "sun_deg": round(now.sun_deg, 2),
        "moon_deg": round(now.moon_deg, 2),
        "moon_part": round(now.moon_part, 3),
        "airmass": round(now.airmass, 3),
        "streaks": now.streaks,
    }


def _by_band(values: Bands, digits: int) -> dict[str, float]:
    return {band: round(value, digits) for band, value in zip(("red", "green", "blue"), values, strict=True)}
