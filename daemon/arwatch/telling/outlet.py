"""What a sink of events is, and by what it is decided whether a process has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self, TextIO

from arwatch.telling import patient, systemd
from arwatch.telling.events import LEVELS
from arwatch.telling.screen import Screen

if TYPE_CHECKING:
    from arwatch.settings import Log as LogSettings
    from arwatch.telling.events import Event


class Sink(Protocol):
    """Takes events."""

    def take(self, event: Event) -> None:
        """Do with an event what the sink is for. Whatever it raises costs this one event in this one sink."""


@dataclass(frozen=True, slots=True)
class Outlet:
    """What a sink's `make` decides by: whether it has its place here, and how it looks there."""

    settings: LogSettings
    """The section `[log]`."""
    stream: TextIO
    """Where lines go."""
    screen: Screen
    """The same stream, as one that may be a terminal."""
    people: bool
    """Whether people read the stream, not programs."""
    journal: bool
    """Whether the stream leads to systemd's journal."""

    @classmethod
    def of(cls, settings: LogSettings, stream: TextIO | None) -> Self:
        """Look at a stream; None is this process's stderr."""
        lines = stream or patient.stderr()
        people = settings.format == "console" or (settings.format == "auto" and lines.isatty())
        leads_there = not people and stream is None and systemd.stderr_is_journal()
        return cls(settings, lines, Screen(lines), people, leads_there)

    @property
    def everything(self) -> bool:
        """Whether people want to see each event."""
        return self.settings.level == "debug"

    @property
    def progress(self) -> bool:
        """Whether there is a progress line: people look at a terminal, and what it counts (`info`) is told."""
        return self.people and self.screen.is_terminal and LEVELS[self.settings.level] <= LEVELS["info"]
