"""Draw a night: its camera, its field, when it begins, and what happens in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import numpy as np

from arwatch.simulate.nights.almanac import sun_moon
from arwatch.simulate.nights.events import drawn
from arwatch.simulate.nights.values import FOR_GOOD, KINDS, Event, Night

if TYPE_CHECKING:
    from collections.abc import Sequence

FIRST_DAY = datetime(2025, 10, 5, 12, tzinfo=UTC)
DAYS = 140
"""Nights are drawn from so many days of a winter: ten hours of darkness."""
ZONE = timezone(timedelta(hours=1))
"""Of the camera's clock."""
QUIET = 0.25
"""Part of a night at its beginning in which nothing happens."""
_STEP_S = 300.0
_SAMPLES = 16


def night(
    seed: int, *, frames: int = 300, height: int = 600, width: int = 900, kinds: Sequence[str] | None = None
) -> Night:
    """Draw a night; the same arguments always give the same.

    Parameters
    ----------
    seed
        Of all that is random.
    frames
        How many; more than 300 may not fit between dusk and dawn.
    height, width
        Of its frames, pixels.
    kinds
        What happens, keys of `KINDS`; None: none to three kinds by chance.

    Raises
    ------
    ValueError
        A kind is unknown, or the frames leave no room for all.
    """
    rng = np.random.default_rng((seed, 77))
    chosen = _chosen(rng) if kinds is None else list(kinds)
    if unknown := [kind for kind in chosen if kind not in KINDS]:
        raise ValueError(f"no kind of event: {', '.join(unknown)}; there are {', '.join(KINDS)}")
    exposure_s, pause_s = float(rng.choice([60, 90, 120])), float(round(rng.uniform(2, 10), 1))
    events = _events(rng, chosen, frames, exposure_s + pause_s, exposure_s)
    begin = _begin(rng, events, frames, exposure_s + pause_s)
    meridian = rng.uniform(0.2, 0.9) * frames
    free = all(not event.onset - 6 < meridian < event.end + 6 for event in events)
    return Night(
        seed=seed,
        frames=frames,
        height=height,
        width=width,
        begin=begin,
        exposure_s=exposure_s,
        pause_s=pause_s,
        fwhm_px=float(rng.uniform(1.9, 3.6)),
        beta=float(rng.uniform(2.6, 4.5)),
        sky=float(rng.uniform(60, 600) / exposure_s),
        stars=int(rng.uniform(6e-4, 12e-4) * height * width),
        dither_every=int(rng.choice([1, 3, 5, 1000])),
        flip=int(meridian) if free and rng.random() < 0.4 else None,
        declination_deg=float(rng.uniform(10, 65)),
        meridian_h=float(meridian * (exposure_s + pause_s) / 3600),
        events=events,
    )


def _chosen(rng: np.random.Generator) -> list[str]:
    passing = [kind for kind in KINDS if kind not in FOR_GOOD]
    count = int(rng.choice([0, 1, 2], p=[0.2, 0.5, 0.3]))
    chosen = [str(kind) for kind in rng.choice(passing, count, replace=False)]
    if rng.random() < 0.35:
        chosen.append(str(rng.choice(FOR_GOOD)))
    return chosen


def _events(
    rng: np.random.Generator, kinds: list[str], frames: int, cadence_s: float, exposure_s: float
) -> tuple[Event, ...]:
    """Give each kind its stretch of the night, those that end no more the last ones; a quiet while follows each."""
    if not kinds:
        return ()
    if sum(kind in FOR_GOOD for kind in kinds) > 1:
        raise ValueError(f"only one of {', '.join(FOR_GOOD)} fits into a night: each goes on to its end")
    kinds = sorted(kinds, key=lambda kind: kind in FOR_GOOD)
    lead = max(8, int(QUIET * frames))
    slot = (frames - lead) / len(kinds)
    if slot < 10:
        raise ValueError(f"{frames} frames have no room for {len(kinds)} events: take {lead + 10 * len(kinds)}")
    events = []
    for i, kind in enumerate(kinds):
        begin = int(lead + i * slot + rng.uniform(0, 0.2) * slot)
        last = int(lead + (i + 1) * slot)
        if kind == "twilight":  # the night ends when the Sun is 11 degrees below the horizon
            begin = max(begin, int(frames - 7 / 10 * 3600 / cadence_s))
        room = frames - begin if kind in FOR_GOOD else last - begin - max(4, int(0.2 * slot))
        events.append(drawn(kind, rng, begin, max(1, room), cadence_s=cadence_s, exposure_s=exposure_s))
    return tuple(events)


def _begin(rng: np.random.Generator, events: tuple[Event, ...], frames: int, cadence_s: float) -> datetime:
    """Find an evening on which Moon and Sun rise when they should, or not at all."""
    rising = {event.kind: event.onset for event in events if event.kind in {"moon", "twilight"}}
    first = FIRST_DAY.timestamp() + 86400 * int(rng.integers(0, DAYS - 60))
    starts = first + _STEP_S * np.arange(60 * 86400 / _STEP_S)
    offsets = cadence_s * np.linspace(0, frames, _SAMPLES)
    body = sun_moon(starts[:, None] + offsets)
    dark, moonless = body.sun_deg < -18.2, (body.moon_deg < -1) | (body.moon_part < 0.03)
    good = dark[:, 0] & (dark.all(1) | ("twilight" in rising)) & (moonless.all(1) | ("moon" in rising))
    if "twilight" in rising:
        then = sun_moon(starts + cadence_s * rising["twilight"])
        good &= (abs(then.sun_deg + 18) < 0.6) & (body.sun_deg[:, -1] > -18)
    if "moon" in rising:
        then = sun_moon(starts + cadence_s * rising["moon"])
        good &= (abs(then.moon_deg - 0.5) < 0.5) & (then.moon_part > 0.4)
        good &= (body.moon_deg[:, 0] < 0) & (body.moon_deg[:, -1] > 2)
    if not good.any():
        raise ValueError(f"{frames} frames of {cadence_s:.0f} s do not fit into a night: take fewer")
    start = rng.choice(starts[good])
    return datetime.fromtimestamp(float(start), UTC).astimezone(ZONE)
