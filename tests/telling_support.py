"""Events for the tests of the log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from arwatch.telling.events import EVENTS, Event

EVENING = datetime(2026, 11, 21, 21, 14, 8, tzinfo=UTC)

WRITTEN = {
    "frame": "DSC01234.ARW",
    "path": "/captures/DSC01234.ARW",
    "output": "/captures/DSC01234.bkg_subtracted.fits",
    "taken": "2026-11-21T21:12:05.250+00:00",
    "exposure_s": 120.0,
    "iso": 1600,
    "red_level": 812.31,
    "red_noise": 9.1,
    "green_level": 1404.2,
    "green_noise": 12.4,
    "blue_level": 963.0,
    "blue_noise": 10.0,
    "decode_s": 0.31,
    "subtract_s": 0.52,
    "write_s": 0.2,
    "since_complete_s": 3.2,
    "waiting": 0,
}


def event(name: str, after_s: float = 0.0, **facts: object) -> Event:
    """Make an event of the list, some seconds after `EVENING`."""
    return Event(name, EVENTS[name].level, EVENING + timedelta(seconds=after_s), facts)
