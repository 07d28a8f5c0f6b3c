"""What the night suffers from, as it goes on: told when it begins and when it ends, never frame by frame."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from arwatch.model.maps import Maps
from arwatch.night.causes import Cause
from arwatch.night.conditions import judge
from arwatch.night.nights import clock_time, in_order
from arwatch.night.seen import Seen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from arwatch.model.job import Job
    from arwatch.model.outcome import Written
    from arwatch.night.causes import Condition
    from arwatch.telling.log import Log

MOST = 500
"""Frames that are judged: 40 ms of the loop for each new one."""
BREAK = 20
"""How many times longer than a judgement the pause after it is: frames of a backlog come several a second."""
LONGEST_S = 43_200.0
"""Frames older than this before the newest one are of another night."""


class Conditions:
    """Judges the frames of the night each time that one is added.

    Parameters
    ----------
    frames
        Those of tonight that ended before this start: what they suffered from was told then.
    """

    def __init__(self, frames: Iterable[Seen] = ()) -> None:
        self._frames = deque(frames, MOST)
        self._number = max((frame.number for frame in self._frames), default=0)
        self._judged, self._took_s = 0.0, 0.0
        self._going_on = set(self._now())

    def add(self, job: Job, outcome: Written, recorded: float, log: Log) -> None:
        """Take a frame in; what began or ended with it is told.

        Parameters
        ----------
        job, outcome
            The frame, and what is known of it.
        recorded
            Seconds since 1970, where the frame has no time of its own.
        log
            For `condition.changed`.
        """
        self._number += 1
        seen = Seen.of(self._number, job.source.path, recorded, outcome.figures, cells=Maps.unpack(outcome.sighting))
        newest = max((frame.when for frame in self._frames), default=seen.when)
        if seen.when < newest - LONGEST_S:  # an old frame that was found now
            return
        kept = [frame for frame in self._frames if frame.when > seen.when - LONGEST_S]
        self._frames = deque(in_order([*kept, seen]), MOST)
        if time.monotonic() < self._judged + BREAK * self._took_s:
            return  # a backlog: the next frame tells
        now = self._now()
        for cause in sorted(self._going_on - now.keys()):
            log("condition.changed", cause=cause.value, state="ended", frame=job.source.path.name)
        for cause in sorted(now.keys() - self._going_on):
            since = clock_time(now[cause].onset, on_camera_clock=seen.on_camera_clock)
            log(
                "condition.changed",
                cause=cause.value,
                state="began",
                frame=job.source.path.name,
                since=since.isoformat(timespec="seconds"),
                reason=now[cause].evidence,
            )
        self._going_on = set(now)

    def _now(self) -> dict[Cause, Condition]:
        """What is at work; that nothing can be said is nothing to tell."""
        began = time.monotonic()
        going_on = judge(list(self._frames)).now
        self._judged = time.monotonic()
        self._took_s = self._judged - began
        return {condition.cause: condition for condition in going_on if condition.cause is not Cause.NO_VERDICT}
