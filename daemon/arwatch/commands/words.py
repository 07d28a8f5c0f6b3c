"""A night's causes, times and durations as people and programs get them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arwatch.night.causes import Cause
from arwatch.night.nights import clock_time

if TYPE_CHECKING:
    from datetime import datetime

    from arwatch.night.causes import Condition
    from arwatch.night.conditions import Night

WORDS = {cause: cause.value.replace("_", " ") for cause in Cause}
"""Causes as people read them."""


def condition_object(condition: Condition, night: Night) -> dict[str, Any]:
    """Give a condition for programs; `end` is null while it goes on."""
    clock = night.on_camera_clock
    return {
        "cause": condition.cause.value,
        "onset": iso_time(condition.onset, on_camera_clock=clock),
        "end": None if condition.end is None else iso_time(condition.end, on_camera_clock=clock),
        "frames": condition.frames,
        "evidence": condition.evidence,
    }


def local_time(when: float, *, on_camera_clock: bool) -> datetime:
    """Give a time as clocks here show it; the camera's clock as it was."""
    moment = clock_time(when, on_camera_clock=on_camera_clock)
    return moment if on_camera_clock else moment.astimezone()


def iso_time(when: float, *, on_camera_clock: bool) -> str:
    """Give a time for programs: UTC, or the camera's clock without a zone."""
    return clock_time(when, on_camera_clock=on_camera_clock).isoformat(timespec="seconds")


def hours(seconds: float) -> str:
    """Give a duration as people say it: `8.2 h`, `34 min`, `30 s`."""
    if seconds >= 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"
