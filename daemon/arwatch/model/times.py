"""When a frame was taken: the camera's clock and its distance from UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from arwatch.model.frame import Exposure
    from arwatch.settings import Camera

_FARTHEST_ZONE = timedelta(hours=16)


def start_of(exposure: Exposure, camera: Camera) -> datetime | None:
    """Start of the exposure in UTC; where the zone is unknown it has none and is the camera's clock.

    The zone is what EXIF says, else `[camera] timezone`. None: EXIF tells no time, or one beyond the calendar.
    """
    if exposure.taken is None:
        return None
    zone = _zone(exposure, camera)
    try:
        return exposure.taken.replace(tzinfo=zone).astimezone(UTC) if zone else exposure.taken.replace(tzinfo=None)
    except OverflowError:  # years 1 and 9999
        return None


def _zone(exposure: Exposure, camera: Camera) -> tzinfo | None:
    if exposure.utc_offset is not None and abs(exposure.utc_offset) < _FARTHEST_ZONE:
        return timezone(exposure.utc_offset)
    if not camera.timezone:
        return None
    if camera.timezone[0] not in "+-":
        return ZoneInfo(camera.timezone)
    sign = -1 if camera.timezone[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(camera.timezone[1:3]), minutes=int(camera.timezone[4:6])))
