"""The log in systemd's journal, with fields to search by: `journalctl ARWATCH_FRAME=DSC01234.ARW`."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from arwatch.telling import systemd
from arwatch.telling.json_lines import as_json

if TYPE_CHECKING:
    from arwatch.telling.events import Event
    from arwatch.telling.outlet import Outlet

PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3}
"""Level -> syslog's number, which the journal keeps (sd-daemon(3))."""
_FIELDS = ("frame", "folder", "code")
"""Facts that are fields of their own."""


class Journal:
    """Writes each event as an entry whose message is the event's JSON.

    Parameters
    ----------
    stream : TextIO
        Leads to the journal, too, and takes the line where the journal's own socket does not.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def take(self, event: Event) -> None:
        """Write one entry."""
        line, priority = as_json(event), str(PRIORITY[event.level])
        fields = {f"ARWATCH_{name.upper()}": str(event.facts[name]) for name in _FIELDS if name in event.facts}
        fields |= {"ARWATCH_EVENT": event.name, "SYSLOG_IDENTIFIER": "arwatch"}
        if not systemd.write_journal(MESSAGE=line, PRIORITY=priority, **fields):
            self._stream.write(f"<{priority}>{line}\n")  # the journal reads a priority before each line
            self._stream.flush()


def make(outlet: Outlet) -> Journal | None:
    """Write to the journal where stderr leads there and is not set to be for people."""
    return Journal(outlet.stream) if outlet.journal else None
