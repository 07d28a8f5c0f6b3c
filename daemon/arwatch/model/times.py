"""When a frame was taken: the camera's clock and its distance from UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone
from typing import TYPE_CHECKING, Literal, TypeAlias
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from arwatch.model.frame import Exposure
    from arwatch.settings import Camera

Witness: TypeAlias = Literal["EXIF", "settings", "unknown"]

_FARTHEST_ZONE = timedelta(hours=16)
_NOON = time(12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """How a camera's clock was set when it took a frame."""

    zone: timezone | None
    """Its distance from UTC, east positive; None = unknown."""
    known_from: Witness
    """Who says so: the frame's EXIF, else `[camera] timezone`."""


def clock_of(exposure: Exposure, camera: Camera) -> Clock:
    """Tell how the camera's clock was set: always at one distance from UTC, whatever a zone's own clocks do.

    Of a zone with summer time, the distance in force at the noon before the frame counts. People set a camera's
    clock by hand and by day: at 02:00, when the zone's clocks jump, the camera's goes on as it was. So the frames of
    a night stay in their order and keep their intervals; by the zone's own rules two frames of the spring night,
    taken at 01:30 and 02:30 of the camera's clock, would get the same UTC.
    """
    if exposure.utc_offset is not None and abs(exposure.utc_offset) < _FARTHEST_ZONE:
        return Clock(zone=timezone(exposure.utc_offset), known_from="EXIF")
    if not camera.timezone:
        return Clock(zone=None, known_from="unknown")
    return Clock(zone=_fixed(camera.timezone, exposure.taken), known_from="settings")


def start_of(exposure: Exposure, camera: Camera) -> datetime | None:
    """Start of the exposure in UTC; where the zone is unknown it has none and is the camera's clock.

    None: EXIF tells no time, or one beyond the calendar.
    """
    if exposure.taken is None:
        return None
    zone = clock_of(exposure, camera).zone
    try:
        return exposure.taken.replace(tzinfo=zone).astimezone(UTC) if zone else exposure.taken.replace(tzinfo=None)
    except OverflowError:  # years 1 and 9999
        return None


def _fixed(zone: str, taken: datetime | None) -> timezone | None:
    """Read `+02:00`, or look a zone's distance up for the night of a time on the camera's clock."""
    if zone[0] in "+-":
        sign = -1 if zone[0] == "-" else 1
        return timezone(sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6])))
    if taken is None:
        return None
    try:
        evening = taken - timedelta(hours=12)
    except OverflowError:
        evening = taken
    distance = datetime.combine(evening.date(), _NOON, ZoneInfo(zone)).utcoffset()
    return None if distance is None else timezone(distance)
