"""The log for programs: one JSON object a line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from arwatch.telling.events import Event
    from arwatch.telling.outlet import Outlet


def as_json(event: Event) -> str:
    """Give an event as one line: its time in UTC (ISO 8601), level and name as `event`, then its facts."""
    time = event.time.isoformat().replace("+00:00", "Z")
    return json.dumps({"time": time, "level": event.level, "event": event.name, **event.facts}, default=str)


class JsonLines:
    """Writes each event as a line of JSON.

    Parameters
    ----------
    stream : TextIO
        Where they go.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def take(self, event: Event) -> None:
        """Write one line."""
        self._stream.write(as_json(event) + "\n")
        self._stream.flush()


def make(outlet: Outlet) -> JsonLines | None:
    """Write JSON where neither people nor the journal read."""
    return None if outlet.people or outlet.journal else JsonLines(outlet.stream)
