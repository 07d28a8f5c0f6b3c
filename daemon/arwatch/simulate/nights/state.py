"""How a frame of a night is exposed: what always changes, and then what happens in this night."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from functools import cache

import numpy as np
from numpy.typing import NDArray

from arwatch.simulate.nights.almanac import LATITUDE_DEG, sun_moon
from arwatch.simulate.nights.events import EFFECTS, At
from arwatch.simulate.nights.values import Event, Night, State

EXTINCTION = 0.18
"""Natural logarithm of the light that each airmass takes."""
SKY_COLOR = (0.56, 1.0, 0.72)
"""Of a dark night."""
MOON_COLOR = (0.5, 1.0, 0.85)
SUN_COLOR = (0.42, 1.0, 1.05)
STREAKS = 0.1
"""Satellites a frame, on average."""
FLIP_S = 240.0
"""That the mount takes to go to the other side of the meridian."""


def taken(night: Night, index: int) -> datetime:
    """Give the start of an exposure."""
    flipping = FLIP_S if night.flip is not None and index >= night.flip else 0.0
    return night.begin + timedelta(seconds=index * night.cadence_s + flipping)


def state(night: Night, index: int) -> State:
    """Give how a frame is exposed; the same night and index always give the same."""
    now = undisturbed(night, index)
    for event in night.events:
        now = disturbed(night, now, event)
    return now


def disturbed(night: Night, now: State, event: Event) -> State:
    """Let an event change a frame; `now` itself where it is not at work."""
    part = event.part(now.index)
    moved = event.kind == "drift" and now.index >= event.onset  # the field does not come back afterwards
    return EFFECTS[event.kind](At(night, now, event, part)) if part or moved else now


def undisturbed(night: Night, index: int) -> State:
    """Give what a frame of this night would be if nothing happened in it."""
    moment = taken(night, index)
    hours = (moment - night.begin).total_seconds() / 3600
    rng = np.random.default_rng((night.seed, 1, index))
    airmass = _airmass(night, hours)
    width = night.fwhm_px * airmass**0.6 * math.exp(0.06 * _wander(night.seed, 2, hours / 0.5))
    flipped = night.flip is not None and index >= night.flip
    x, y = _dither(night, index) + rng.normal(0, 0.12, 2) + _flexure(night, hours)
    slope = np.random.default_rng((night.seed, 3)).uniform(-0.12, 0.12, 2) * (-1 if flipped else 1)
    body = sun_moon(np.array([moment.timestamp()]))
    sun, moon, lit = float(body.sun_deg[0]), float(body.moon_deg[0]), float(body.moon_part[0])
    dark = night.sky * airmass**0.3 * math.exp(0.02 * _wander(night.seed, 4, hours / 1.5))
    moonlight, sunlight = moon_light(moon, lit, airmass), sun_light(sun) * night.sky

    def light(band: int) -> float:
        return float(dark * SKY_COLOR[band] + moonlight * MOON_COLOR[band] + sunlight * SUN_COLOR[band])

    return State(
        index=index,
        taken=moment,
        airmass=airmass,
        sun_deg=sun,
        moon_deg=moon,
        moon_part=lit,
        light=math.exp(-EXTINCTION * airmass) * math.exp(rng.normal(0, 0.006)),
        fwhm=(0.98 * width, width, 1.04 * width),
        dx=float(x),
        dy=float(y),
        rotation_deg=(180.0 if flipped else 0.0) + 0.01 * hours,
        sky=(light(0), light(1), light(2)),
        gradient=(float(slope[0]), float(slope[1])),
        streaks=int(rng.poisson(STREAKS)),
    )


def noticeable(night: Night, event: Event) -> int:
    """Give the frame by which an event shows: it has changed light, star size or sky by 3 %.

    The Sun and the Moon are no effects of an event: they are in every frame of the night.
    """
    for index in range(event.onset, event.end):
        now = undisturbed(night, index)
        if event.kind in {"moon", "twilight"}:
            light = moon_light(now.moon_deg, now.moon_part, now.airmass) + sun_light(now.sun_deg) * night.sky
            if light > 0.03 * (now.sky[1] - light):
                return index
            continue
        bad = disturbed(night, now, event)
        width = math.hypot(bad.fwhm[1], 0.63 * bad.ring_px) / now.fwhm[1]  # a pupil's rms width is 0.63 of its size
        changed = (bad.light / now.light, width, 1 + bad.covered, 1 + bad.halo, bad.sky[1] / now.sky[1])
        others = bad.trail_px, bad.patches, bad.stray, bad.capped
        if any(abs(times - 1) > 0.03 for times in changed) or any(others):
            return index
    return event.end


def moon_light(moon_deg: float, part: float, airmass: float) -> float:
    """Give the Moon's light in the field's sky, green ADU a second, as Krisciunas and Schaefer (1991) have it, about.

    The light goes through as much air as the Moon's altitude asks for; the air before the field scatters it.
    """
    if moon_deg <= 0:
        return 0.0
    high = math.sin(math.radians(moon_deg))
    through = 1 / (high + 0.025 * math.exp(-11 * high))
    return 12.0 * math.pow(part, 2.5) * math.exp(-0.23 * through) * -math.expm1(-0.23 * airmass)


def sun_light(sun_deg: float) -> float:
    """Give the light of twilight by the dark sky's: twice at -14.5 degrees, a hundred times at -10, as measured ones.

    Source: Patat et al. 2006, UBVRI twilight sky brightness at ESO-Paranal.
    """
    return 0.04 * math.expm1(0.95 * (sun_deg + 18)) if sun_deg > -18 else 0.0


def _airmass(night: Night, hours: float) -> float:
    place, declination = math.radians(LATITUDE_DEG), math.radians(night.declination_deg)
    angle = math.radians(15 * (hours - night.meridian_h))
    high = math.sin(place) * math.sin(declination) + math.cos(place) * math.cos(declination) * math.cos(angle)
    return 1 / max(float(high), math.sin(math.radians(25)))


def _dither(night: Night, index: int) -> NDArray[np.float64]:
    after = 2000 if night.flip is not None and index >= night.flip else 0  # the field is centred anew
    return np.random.default_rng((night.seed, 5, index // night.dither_every + after)).normal(0, 5, 2)


def _flexure(night: Night, hours: float) -> NDArray[np.float64]:
    """Let the field creep by some pixels an hour, as it does even with a good guider."""
    return np.random.default_rng((night.seed, 6)).normal(0, 2, 2) * hours


@cache
def _waves(seed: int, stream: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng((seed, stream))
    return rng.uniform(0.3, 1.6, 8), rng.uniform(0, 2 * math.pi, 8)


def _wander(seed: int, stream: int, time: float) -> float:
    """Give a smooth random function of time: mean 0, deviation 1, waves of about one unit."""
    rates, phases = _waves(seed, stream)
    return float(np.sin(2 * math.pi * rates * time + phases).sum() / 2)
