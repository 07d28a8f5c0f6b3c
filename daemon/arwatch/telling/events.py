"""The closed list of events, and an event as the value that sinks are given.

A new event is a new line of `EVENTS` (and of the table in the documentation).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Level: TypeAlias = Literal["debug", "info", "warning", "error"]
LEVELS: dict[str, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40}
"""From noise to failure; the numbers are those of Python's own `logging`."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened."""

    name: str
    """One of `EVENTS`, such as `frame.written`; in a journal also one of another version of arwatch."""
    level: Level
    """How grave it is."""
    time: datetime
    """When, with its distance from UTC."""
    facts: Mapping[str, object]
    """What is known of it, by name: `frame`, `path`, `folder`, `reason`, a frame's figures, counts."""


class Kind(NamedTuple):
    """What the list of events says of one."""

    level: Level
    """How grave it is."""
    meaning: str
    """What it tells, for the documentation."""
    step: bool = False
    """Whether it is only a step on a frame's way: people see it in the progress line, not as a line of its own."""
    noisy: bool = False
    """Whether other programs that use a watched folder can cause any number of it: floods are cut short."""
    last: bool = False
    """Whether nothing follows: the daemon ends."""


EVENTS: dict[str, Kind] = {
    "service.started": Kind("info", "the daemon runs; which folders, which settings, how many workers"),
    "service.compiling": Kind("info", "the kernels are compiled once for this machine; takes a minute at most"),
    "service.ready": Kind("info", "folders are watched and a worker has processed a test frame"),
    "service.reloaded": Kind("info", "the settings were read again and apply from the next frame on; what has changed"),
    "service.restart_needed": Kind("warning", "a setting that has changed has no effect before a restart"),
    "service.reload_failed": Kind("error", "the new settings are invalid; the old ones stay in force"),
    "service.stopping": Kind("info", "a signal asked to stop; frames in work are finished first"),
    "service.stopped": Kind("info", "the summary of this run", last=True),
    "service.failed": Kind("error", "the daemon cannot go on; the reason says what to do", last=True),
    "ledger.created": Kind("info", "there was no ledger: it is rebuilt from the folders and their outputs"),
    "ledger.set_aside": Kind("warning", "the ledger was unreadable: it was renamed and is rebuilt"),
    "ledger.failed": Kind("error", "the ledger could not be written; the frame is checked again later"),
    "watch.started": Kind("info", "a folder is watched, natively or by polling"),
    "watch.scanned": Kind("info", "frames wait in a folder at the start: how many, and how big their outputs get"),
    "watch.subfolders": Kind("warning", "frames lie in subfolders, which are not watched"),
    "watch.lost": Kind("warning", "a folder to watch is not there (yet), or vanished (unmounted, renamed)"),
    "watch.returned": Kind("info", "a lost folder is back, is watched again and was scanned"),
    "watch.stalled": Kind("warning", "a folder's file system does not answer; its frames wait, others go on"),
    "watch.failed": Kind("error", "a mistake in arwatch ended the watching of a folder, which begins anew; report it"),
    "watch.restarted": Kind(
        "warning", "an observer of file events ended by an error; it was replaced, folders scanned"
    ),
    "output.blocked": Kind("warning", "outputs cannot be written to a folder; frames wait until they can"),
    "output.resumed": Kind("info", "outputs can be written to the folder again; work goes on"),
    "watch.overflowed": Kind("warning", "the kernel dropped file events; the folders are scanned at once", noisy=True),
    "frame.seen": Kind("info", "a new frame was noticed", step=True, noisy=True),
    "frame.waiting": Kind("info", "the frame has stopped growing, but its tables promise more data", noisy=True),
    "frame.settled": Kind("info", "the frame is complete", step=True),
    "frame.written": Kind("info", "the subtracted frame exists under its final name"),
    "condition.changed": Kind("info", "what the night suffers from began or ended, such as clouds; the evidence"),
    "frame.skipped": Kind("info", "nothing to do: the output is up to date"),
    "frame.retried": Kind("warning", "an attempt failed for a reason that may pass; there will be another"),
    "frame.failed": Kind("error", "no output for this frame; the reason says why"),
    "sky.rim": Kind(
        "warning", "the default model leaves dark edges; told once a night, with the setting that mends it"
    ),
    "preview.failed": Kind("warning", "a preview could not be made or kept; told once a night, with the reason"),
    "outputs.kept": Kind("info", "outputs made with other settings were kept; the reason says how to renew them"),
    "frame.gone": Kind("info", "the frame was removed or renamed before it was processed", noisy=True),
    "backlog.progress": Kind("info", "how many frames wait, the rate, the time left"),
    "disk.low": Kind("warning", "too little room for outputs: frames are received, but wait"),
    "disk.resumed": Kind("info", "there is room again; work goes on"),
    "disk.forecast": Kind("warning", "at the present rate the disk will be full soon"),
    "worker.lost": Kind("warning", "a worker process died, was stopped or could not be started; it is replaced"),
    "log.suppressed": Kind("info", "too many events of one name at a time: how many were left out"),
}
