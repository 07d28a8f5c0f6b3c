"""The log: a closed list of events, each with its level, in a form for people or for programs."""

from __future__ import annotations

import io
import json
import os
import select
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, TextIO

import structlog

from arwatch.model.figures import Figures, line
from arwatch.telling import systemd
from arwatch.telling.text import printable

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from arwatch.settings import Log as LogSettings

Level = Literal["debug", "info", "warning", "error"]
LEVELS: dict[str, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40}
PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3}
"""syslog's numbers, as sd-daemon(3) wants them before a line."""


class Event(NamedTuple):
    """An event's level and what it tells."""

    level: Level
    meaning: str


EVENTS: dict[str, Event] = {
    "service.started": Event("info", "the daemon runs; which folders, which settings, how many workers"),
    "service.compiling": Event("info", "the kernels are compiled once for this machine; takes a minute at most"),
    "service.ready": Event("info", "folders are watched and a worker has processed a test frame"),
    "service.reloaded": Event("info", "the settings were read again and apply from the next frame on"),
    "service.reload_failed": Event("error", "the new settings are invalid; the old ones stay in force"),
    "service.stopping": Event("info", "a signal asked to stop; frames in work are finished first"),
    "service.stopped": Event("info", "the summary of this run"),
    "service.failed": Event("error", "the daemon cannot go on; the reason says what to do"),
    "ledger.created": Event("info", "there was no ledger: it is rebuilt from the folders and their outputs"),
    "ledger.set_aside": Event("warning", "the ledger was unreadable: it was renamed and is rebuilt"),
    "ledger.failed": Event("error", "the ledger could not be written; the frame is checked again later"),
    "watch.started": Event("info", "a folder is watched, natively or by polling"),
    "watch.scanned": Event("info", "what is in a folder at the start: how many frames wait, how big their outputs get"),
    "watch.subfolders": Event("warning", "frames lie in subfolders, which are not watched"),
    "watch.lost": Event("warning", "a folder to watch is not there (yet), or vanished (unmounted, renamed)"),
    "watch.returned": Event("info", "a lost folder is back, is watched again and was scanned"),
    "watch.stalled": Event("warning", "a folder's file system does not answer; its frames wait, others go on"),
    "watch.failed": Event("error", "a mistake in arwatch ended the watching of a folder, which begins anew; report it"),
    "watch.restarted": Event(
        "warning", "an observer of file events ended by an error and was replaced; folders are scanned"
    ),
    "output.blocked": Event("warning", "outputs cannot be written to a folder; frames wait until they can"),
    "output.resumed": Event("info", "outputs can be written to the folder again; work goes on"),
    "watch.overflowed": Event("warning", "the kernel dropped file events; the folders are scanned at once"),
    "frame.seen": Event("info", "a new frame was noticed"),
    "frame.waiting": Event("info", "the frame has stopped growing, but its tables promise more data"),
    "frame.settled": Event("info", "the frame is complete"),
    "frame.written": Event("info", "the subtracted frame exists under its final name"),
    "frame.skipped": Event("info", "nothing to do: the output is up to date"),
    "frame.retried": Event("warning", "an attempt failed for a reason that may pass; there will be another"),
    "frame.failed": Event("error", "no output for this frame; the reason says why"),
    "frame.gone": Event("info", "the frame was removed or renamed before it was processed"),
    "backlog.progress": Event("info", "how many frames wait, the rate, the time left"),
    "disk.low": Event("warning", "too little room for outputs: frames are received, but wait"),
    "disk.resumed": Event("info", "there is room again; work goes on"),
    "disk.forecast": Event("warning", "at the present rate the disk will be full soon"),
    "worker.lost": Event("warning", "a worker process died, was stopped or could not be started; it is replaced"),
}

PATIENCE_MS = 200
"""How long a reader of the log may keep the daemon waiting."""


class Log:
    """Writes events: `log("frame.written", frame=..., ...)`; the level follows from the event."""

    def __init__(self, settings: LogSettings, stream: TextIO | None = None) -> None:
        ours = stream is None
        stream = stream or _stderr()
        human = settings.format == "console" or (settings.format == "auto" and stream.isatty())
        # the journal reads a priority before each line
        journal = not human and ours and systemd.stderr_is_journal()
        render: list[Any]
        if human:
            render = [ConsoleRenderer(colour=stream.isatty() and "NO_COLOR" not in os.environ)]
        else:
            render = [_ordered, structlog.processors.JSONRenderer(default=str)] + ([_prefixed] if journal else [])
            if journal:
                render.insert(1, _to_journal)
        self._logger = structlog.wrap_logger(
            structlog.WriteLogger(stream),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
                *render,
            ],
            wrapper_class=structlog.make_filtering_bound_logger(LEVELS[settings.level]),
        )

    def __call__(self, event: str, **facts: object) -> None:
        """Write one event of `EVENTS` with its facts."""
        write = getattr(self._logger, EVENTS[event].level)
        try:
            write(event, **facts)
        except (OSError, ValueError):
            # a closed terminal or a full log disk must not end the night
            return


class Patient(io.TextIOBase):
    """Lines to a descriptor, dropped where nobody takes them: a stopped terminal or a full pipe stops no night.

    Nothing is kept back: what a broken pipe leaves in Python's own buffer would make it fail again elsewhere.
    """

    def __init__(self, descriptor: int, encoding: str) -> None:
        self._descriptor = descriptor
        self._encoding = encoding
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._patience_ms = PATIENCE_MS

    def write(self, text: str) -> int:
        """Write as much as is taken."""
        data = text.encode(self._encoding, "backslashreplace")
        while data:
            ready = self._poll.poll(self._patience_ms)
            self._patience_ms = PATIENCE_MS if ready else 0  # who does not read is not waited for again
            if not ready:
                break
            data = data[os.write(self._descriptor, data[: select.PIPE_BUF]) :]
        return len(text)

    def isatty(self) -> bool:
        """Whether it leads to a terminal."""
        return os.isatty(self._descriptor)


def _stderr() -> TextIO:
    try:
        return Patient(sys.stderr.fileno(), sys.stderr.encoding)  # type: ignore[return-value]
    except (OSError, ValueError):  # replaced by something without a descriptor
        return sys.stderr


def _ordered(_logger: object, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    return {key: event.pop(key) for key in ("time", "level", "event")} | dict(event)


def _to_journal(_logger: object, method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Hand an event to the journal with fields to search by; where that fails, stderr leads there, too."""
    fields = {f"ARWATCH_{key.upper()}": str(event[key]) for key in ("event", "frame", "folder", "code") if key in event}
    line = json.dumps(event, default=str)
    if systemd.write_journal(MESSAGE=line, PRIORITY=str(PRIORITY[method]), SYSLOG_IDENTIFIER="arwatch", **fields):
        raise structlog.DropEvent
    return event


def _prefixed(_logger: object, method: str, line: str) -> str:
    return f"<{PRIORITY[method]}>{line}"


class ConsoleRenderer:
    """One event a line, for eyes at night: local time, event, frame, then the facts, within 80 columns if it can."""

    COLOURS: ClassVar[dict[str, str]] = {"warning": "\x1b[33m", "error": "\x1b[31m", "debug": "\x1b[2m"}

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour

    def __call__(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
        """Render an event dictionary (a structlog processor)."""
        facts = dict(event)
        name, level, when = facts.pop("event"), facts.pop("level", "info"), facts.pop("time", None)
        clock = datetime.fromisoformat(when).astimezone().strftime("%H:%M:%S") if when else "--:--:--"
        text = f"{clock} {name:<15} {_human(name, facts)}".rstrip()
        colour = self.COLOURS.get(level) if self._colour else None
        return f"{colour}{text}\x1b[0m" if colour else text


def _human(name: str, facts: dict[str, Any]) -> str:
    """Facts as people read them; a closing `reason` is given as prose."""
    if name == "frame.written":
        return _written(facts)
    reason = facts.pop("reason", None)
    frame = facts.pop("frame", None)
    folder = facts.pop("folder", None)
    parts = [_short(frame)] if frame is not None else []
    parts += [_value(folder)] if folder is not None else []
    parts += [f"{key}={_value(value)}" for key, value in facts.items() if key != "path" and value is not None]
    parts += [f"· {printable(str(reason))}" if parts else printable(str(reason))] if reason is not None else []
    return " ".join(parts)


def _written(facts: dict[str, Any]) -> str:
    """What is known of the frame in a few words, seconds of work, and the queue if there is one."""
    figures = Figures.of(facts)
    waiting = f" {facts['waiting']} wait" if facts["waiting"] else ""
    return f"{_short(facts['frame'])} {line(figures)} {figures.work_s:.1f}s{waiting}"


def _short(frame: object) -> str:
    """A frame's name without its folder, cut in the middle where it would fill the line."""
    text = printable(os.path.basename(str(frame)))  # noqa: PTH119 -- the name may hold any bytes
    return text if len(text) <= 40 else f"{text[:24]}…{text[-15:]}"


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
    if isinstance(value, (list, tuple)):
        return ",".join(printable(str(item)) for item in value)
    return printable(str(value))
