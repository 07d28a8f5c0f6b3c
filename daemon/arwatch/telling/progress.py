"""The progress line at the bottom of a terminal: `3 arriving · 12 wait · 85/min · 9 s left`."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from arwatch.telling.events import EVENTS

if TYPE_CHECKING:
    from datetime import datetime

    from arwatch.telling.events import Event
    from arwatch.telling.outlet import Outlet
    from arwatch.telling.screen import Screen

RECENT_S = 60.0
"""The rate is that of the frames that ended within this time."""
_ENDS = {"frame.written", "frame.skipped", "frame.failed"}
_COUNTS = {"frame.written", "backlog.progress"}
"""Events that say how many frames are in the queue; the `waiting` of watch.scanned may still grow."""


class Tally(NamedTuple):
    """What the progress line tells."""

    arriving: int
    """Frames that may still grow."""
    waiting: int
    """Complete frames without an output."""
    per_s: float | None
    """Frames a second; None: too few have ended to tell."""

    def __str__(self) -> str:
        """Give the line; empty where nothing is to be done."""
        parts = [f"{self.arriving} arriving"] if self.arriving else []
        if self.waiting:
            parts.append(f"{self.waiting} wait")
            if self.per_s:
                parts += [f"{60 * self.per_s:.0f}/min", f"{_duration(self.waiting / self.per_s)} left"]
        return " · ".join(parts)


class Counter:
    """Follows frames by their events; `take` what happens, read `tally`."""

    def __init__(self) -> None:
        self._arriving: set[object] = set()
        self._waiting = 0
        self._ended: deque[datetime] = deque(maxlen=200)
        self._now: datetime | None = None

    def take(self, event: Event) -> None:
        """Count a frame on or off."""
        self._now = event.time
        path = event.facts.get("path")
        if event.name == "frame.seen":
            self._arriving.add(path)
        elif event.name == "frame.settled":
            self._arriving.discard(path)
            self._waiting += 1
        elif event.name == "frame.gone":
            self._arriving.discard(path)
        elif event.name in _ENDS:
            self._ended.append(event.time)
            if path in self._arriving:  # refused before it was complete
                self._arriving.discard(path)
            else:
                self._waiting = max(0, self._waiting - 1)
        # the queue's own count: frames of earlier runs are in it, of which no event told
        if event.name in _COUNTS and isinstance(waiting := event.facts.get("waiting"), int):
            self._waiting = waiting

    @property
    def tally(self) -> Tally:
        """What there is to tell now."""
        recent = [when for when in self._ended if self._now and (self._now - when).total_seconds() <= RECENT_S]
        span = (recent[-1] - recent[0]).total_seconds() if len(recent) > 1 else 0.0
        return Tally(len(self._arriving), self._waiting, (len(recent) - 1) / span if span > 0 else None)


class Progress:
    """Shows at the bottom of the screen how many frames arrive and wait; nothing when there is nothing to be done.

    Parameters
    ----------
    screen : Screen
        A terminal.
    """

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._counter = Counter()

    def take(self, event: Event) -> None:
        """Count the event and redraw the line if it changes by that."""
        self._counter.take(event)
        self._screen.bottom("" if EVENTS[event.name].last else str(self._counter.tally))


def make(outlet: Outlet) -> Progress | None:
    """Show progress where there is a line for it."""
    return Progress(outlet.screen) if outlet.progress else None


def _duration(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
