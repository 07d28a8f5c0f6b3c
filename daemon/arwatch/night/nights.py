"""Which night a frame belongs to: nights go from noon to noon on the local clock, and are named by their evening."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo

    from arwatch.night.seen import Seen

NOON_H = 12
"""Hour at which a night begins and ends."""


def clock_time(when: float, *, on_camera_clock: bool) -> datetime:
    """Give seconds as `Seen.when` counts them as a time: UTC, or without a zone what the camera's clock showed."""
    moment = datetime.fromtimestamp(when, UTC)
    return moment.replace(tzinfo=None) if on_camera_clock else moment


def night_of(frame: Seen, zone: tzinfo | None = None) -> date:
    """Give the day on whose evening the frame's night began.

    Parameters
    ----------
    frame : Seen
        A time on the camera's clock is taken as it stands there: that clock is a local one.
    zone : tzinfo, optional
        Of the place; None: that of this machine.
    """
    when = clock_time(frame.when, on_camera_clock=frame.on_camera_clock)
    if not frame.on_camera_clock:
        when = when.astimezone(zone)
    # wall time, so that noon is noon also on the days on which the clocks change
    return (when.replace(tzinfo=None) - timedelta(hours=NOON_H)).date()


def nights(frames: Iterable[Seen], zone: tzinfo | None = None) -> dict[date, list[Seen]]:
    """Sort frames into their nights; the oldest night first, and in each the frames in time order."""
    found: dict[date, list[Seen]] = {}
    for frame in in_order(frames):
        found.setdefault(night_of(frame, zone), []).append(frame)
    return dict(sorted(found.items()))


def in_order(frames: Iterable[Seen]) -> list[Seen]:
    """Sort frames by the time of their exposure; of equal ones, the one recorded first comes first."""
    return sorted(frames, key=lambda frame: (frame.when, frame.number))
