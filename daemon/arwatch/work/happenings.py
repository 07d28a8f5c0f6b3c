"""What the scheduler tells of frames and disks; who runs it decides what becomes of that (events, rows of a table)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from arwatch.work.pool import Lost
from arwatch.work.worker import Compiling, Ready

if TYPE_CHECKING:
    from pathlib import Path

    from arwatch.ledger.store import Entry
    from arwatch.model.job import Job
    from arwatch.model.outcome import End, Failed, Unsettled
    from arwatch.work.disk import Free


@dataclass(frozen=True, slots=True)
class Ended:
    """A frame has its output, or has failed for good."""

    entry: Entry
    """The frame as it was when it was given to a worker."""
    job: Job
    outcome: End


@dataclass(frozen=True, slots=True)
class Returned:
    """A frame changed while it was read: it must settle again."""

    entry: Entry
    job: Job
    outcome: Unsettled


@dataclass(frozen=True, slots=True)
class Postponed:
    """An attempt failed; there will be another."""

    job: Job
    failure: Failed
    attempt: int
    delay_s: float


@dataclass(frozen=True, slots=True)
class RoomLow:
    """There is too little room for the next output; frames that go there wait."""

    folder: Path
    free: Free
    """When the disk was last asked."""
    wanted: Free
    refused: str | None = None
    """How a write failed that was thought to have room; None: none was tried."""


@dataclass(frozen=True, slots=True)
class RoomAgain:
    """There is room again."""

    folder: Path
    free: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class RoomForecast:
    """The disk will be low soon."""

    folder: Path
    free: int
    """Bytes."""
    hours_left: float


Happening: TypeAlias = Ready | Compiling | Lost | Ended | Returned | Postponed | RoomLow | RoomAgain | RoomForecast
