"""Floods of noise are cut short: a program that makes and removes thousands of names fills no log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from arwatch.telling.events import EVENTS, Event

if TYPE_CHECKING:
    from datetime import datetime

    from arwatch.telling.outlet import Sink

BURST = 200
"""Events of one name that are written at once: more than a camera makes within minutes."""
PER_S = 1.0
"""Events of one name a second that are written beyond that."""
QUIET_S = 5.0
"""A flood is over when nothing was left out for so long."""
TELL_S = 60.0
"""How often it is told of a flood that goes on."""


@dataclass(slots=True)
class _Bucket:
    """What may still be written of one name (a token bucket), and what was left out."""

    tokens: float
    filled: datetime
    left_out: int = 0
    since: datetime | None = None
    """When the first of those was left out."""
    until: datetime | None = None
    """When the last one was."""

    def passes(self, now: datetime) -> bool:
        elapsed = max(0.0, (now - self.filled).total_seconds())  # a clock that was set back fills nothing
        self.tokens, self.filled = min(float(BURST), self.tokens + PER_S * elapsed), now
        if self.tokens >= 1.0:
            self.tokens -= 1.0
            return True
        self.since, self.until = self.since or now, now
        self.left_out += 1
        return False

    def is_due(self, now: datetime) -> bool:
        """Whether it is time to tell how many were left out."""
        if self.since is None or self.until is None:
            return False
        return (now - self.until).total_seconds() >= QUIET_S or (now - self.since).total_seconds() >= TELL_S


class Limited:
    """A sink before another one: of noisy events it passes on `BURST`, then one a second, and counts the others.

    How many were left out is told by `log.suppressed`, ahead of the next event after the flood. Only events that
    `EVENTS` calls noisy are ever left out.

    Parameters
    ----------
    sink : Sink
        Gets the events.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._buckets: dict[str, _Bucket] = {}

    def take(self, event: Event) -> None:
        """Pass an event on, or count it."""
        kind = EVENTS[event.name]
        for name, bucket in self._buckets.items():
            if bucket.left_out and (kind.last or bucket.is_due(event.time)):
                facts = {"events": name, "left_out": bucket.left_out}
                bucket.left_out, bucket.since, bucket.until = 0, None, None
                self._sink.take(Event("log.suppressed", EVENTS["log.suppressed"].level, event.time, facts))
        if not kind.noisy or self._buckets.setdefault(event.name, _Bucket(BURST, event.time)).passes(event.time):
            self._sink.take(event)
