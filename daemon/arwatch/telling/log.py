"""The log: what happened goes to the sinks that this process has."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, NoReturn, TextIO

import structlog

from arwatch.telling.events import EVENTS, LEVELS, Event
from arwatch.telling.outlet import Outlet
from arwatch.telling.sinks import choose

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence
    from typing import Any

    from arwatch.settings import Log as LogSettings
    from arwatch.telling.outlet import Sink


class Log:
    """Tells events: `log("frame.written", frame=..., ...)`; the level follows from the event.

    structlog filters by level and stamps level and time; its last processor makes the `Event` and hands it on.

    Parameters
    ----------
    settings : Log
        The section `[log]`: form and least level.
    stream : TextIO, optional
        Where lines go; by default stderr.
    """

    def __init__(self, settings: LogSettings, stream: TextIO | None = None) -> None:
        self._logger = structlog.wrap_logger(
            structlog.ReturnLogger(),  # never reached: the last processor hands the event on
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
                _HandOn(choose(Outlet.of(settings, stream))),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(LEVELS[settings.level]),
        )

    def __call__(self, event: str, **facts: object) -> None:
        """Tell one event.

        Parameters
        ----------
        event : str
            One of `EVENTS`; any other is a mistake of the program (KeyError).
        **facts
            What is known of it. `frame` is a file's name, `path` and `folder` are whole paths, `reason` is prose for
            people and may have several lines; a frame's figures have the names that `model.figures` gives them.
        """
        getattr(self._logger, EVENTS[event].level)(event, **facts)


class _HandOn:
    """structlog's last processor: makes the event and gives it to each sink."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = sinks

    def __call__(self, _logger: object, _method: str, values: MutableMapping[str, Any]) -> NoReturn:
        name, level, time = (values.pop(key) for key in ("event", "level", "time"))
        event = Event(name, level, datetime.fromisoformat(time), MappingProxyType(dict(values)))
        for sink in self._sinks:
            # A closed terminal, a full log disk or a mistake in one sink must not end the night, nor keep the event
            # from the other sinks.
            with suppress(Exception):
                sink.take(event)
        raise structlog.DropEvent
