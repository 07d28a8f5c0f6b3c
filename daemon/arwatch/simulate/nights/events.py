"""What happens in a night: how strong each kind of event is, and what it does to a frame."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from arwatch.simulate.nights.values import FOR_GOOD, Event, Night, Patch, State

if TYPE_CHECKING:
    from collections.abc import Callable

    Effect = Callable[["At"], State]

GUST = 0.6
"""Part of the frames of a windy while that are shaken; the first one always is."""
TOWN = 0.6
"""By how much of itself the sky grows under thick clouds, which a town lights."""


class At(NamedTuple):
    """An event at work in a frame."""

    night: Night
    now: State
    """The frame without it."""
    event: Event
    part: float
    """Of its strength, 0 to 1."""


def drawn(kind: str, rng: np.random.Generator, begin: int, room: int, *, cadence_s: float, exposure_s: float) -> Event:
    """Draw an event of a kind that begins at a frame and takes `room` frames at most."""
    length, rise, strength = room, 1.0, 1.0
    if kind in {"clouds", "cirrus"}:
        length, rise = int(rng.integers(8, 30)), float(rng.integers(1, 6))
        strength = rng.uniform(0.3, 0.85) if kind == "clouds" else rng.uniform(0.15, 0.3)
    elif kind == "patches":
        length, strength = int(rng.integers(8, 30)), rng.uniform(0.5, 0.9)
    elif kind == "dew":
        rise, strength = rng.uniform(10, 45) * 60 / cadence_s, rng.uniform(0.35, 0.75)
    elif kind == "defocus":
        rise, strength = 1.0 if rng.random() < 0.5 else rng.uniform(10, 30), rng.uniform(2.2, 4.0)
    elif kind == "drift":
        length, strength = int(rng.integers(10, 25)), rng.uniform(0.8, 2.5) / exposure_s
    elif kind == "wind":
        length, strength = int(rng.integers(1, 5)), rng.uniform(0.75, 1.8)
    elif kind == "stray_light":
        length, strength = int(rng.integers(1, 6)), rng.uniform(0.4, 2.0)
    elif kind == "cap_on":
        length = int(rng.integers(3, 12))
    elif kind == "obstruction":
        rise, strength = rng.uniform(8, 40), rng.uniform(0.5, 1.0)
    length = room if kind in FOR_GOOD else max(1, min(length, room))
    return Event(
        kind=kind,
        onset=begin,
        end=begin + length,
        rise=max(1.0, min(rise, 0.7 * length)),
        strength=float(strength),
        angle=float(90 * rng.integers(0, 4) if kind == "obstruction" else rng.uniform(0, 360)),
        seed=int(rng.integers(1 << 30)),
    )


def _clouds(at: At) -> State:
    """Take `strength` of the light, more or less so; a town lights the clouds from below."""
    rng = np.random.default_rng((at.event.seed, at.now.index))
    lost = min(0.95, at.event.strength * at.part * math.exp(rng.normal(0, 0.1 if at.event.kind == "clouds" else 0.04)))
    town = 1 + (TOWN * lost if at.event.kind == "clouds" and at.event.seed % 2 else 0.0)
    return replace(at.now, light=at.now.light * (1 - lost), sky=_times(at.now.sky, town))


def _patches(at: At) -> State:
    """Let one to three small clouds stand in the frame; at first two, so that the first frame shows them."""
    rng = np.random.default_rng((at.event.seed, at.now.index))
    count = 2 if at.now.index == at.event.onset else int(rng.integers(1, 4))
    high = at.night.height / at.night.width
    return replace(
        at.now,
        patches=tuple(
            Patch(
                x=rng.uniform(0, 1),
                y=rng.uniform(0, high),
                size=rng.uniform(0.2, 0.45),
                depth=at.event.strength,
            )
            for _ in range(count)
        ),
    )


def _dew(at: At) -> State:
    """Take `strength` of the light; what is left is scattered about the star, or makes it wide."""
    light = at.now.light * (1 - at.event.strength * at.part)
    if at.event.seed % 2:
        return replace(at.now, light=light, halo=0.75 * at.part)
    return replace(at.now, light=light, fwhm=_times(at.now.fwhm, 1 + at.part))


def _defocus(at: At) -> State:
    """Make a ring of each star, `strength` times as large as the star."""
    return replace(at.now, ring_px=min(14.0, at.event.strength * at.night.fwhm_px) * at.part)


def _drift(at: At) -> State:
    """Let the field move by `strength` star sizes a second while it lasts."""
    speed = at.event.strength * at.night.fwhm_px
    far = speed * at.night.cadence_s * (min(at.now.index, at.event.end) - at.event.onset)
    x, y = math.cos(math.radians(at.event.angle)), math.sin(math.radians(at.event.angle))
    trail = speed * at.night.exposure_s if at.part else 0.0
    return replace(
        at.now, dx=at.now.dx + far * x, dy=at.now.dy + far * y, trail_px=trail, trail_deg=at.event.angle % 180
    )


def _wind(at: At) -> State:
    """Shake the camera along a line, by `strength` times a star's standard deviation rms."""
    rng = np.random.default_rng((at.event.seed, at.now.index))
    if at.now.index > at.event.onset and rng.random() > GUST:
        return at.now
    rms = at.event.strength * at.now.fwhm[1] / 2.3548
    return replace(at.now, trail_px=math.sqrt(12) * rms, trail_deg=float(rng.uniform(0, 180)))


def _stray_light(at: At) -> State:
    return replace(at.now, stray=at.event.strength * at.now.sky[1], stray_deg=at.event.angle)


def _cap_on(at: At) -> State:
    return replace(at.now, capped=True)


def _obstruction(at: At) -> State:
    """Cover up to `strength` of the frame from an edge."""
    return replace(at.now, covered=at.event.strength * at.part, covered_deg=at.event.angle)


def _nothing(at: At) -> State:
    """Change nothing: Sun and Moon are in every frame, by the hour at which the night begins."""
    return at.now


def _times(bands: tuple[float, float, float], factor: float) -> tuple[float, float, float]:
    return bands[0] * factor, bands[1] * factor, bands[2] * factor


EFFECTS: dict[str, Effect] = {
    "clouds": _clouds,
    "cirrus": _clouds,
    "patches": _patches,
    "dew": _dew,
    "defocus": _defocus,
    "drift": _drift,
    "wind": _wind,
    "stray_light": _stray_light,
    "cap_on": _cap_on,
    "obstruction": _obstruction,
    "moon": _nothing,
    "twilight": _nothing,
}
"""Kind of event -> what it does to a frame in which a part of it, 0 to 1, is at work."""
