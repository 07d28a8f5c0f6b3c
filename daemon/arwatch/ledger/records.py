"""Rows of the ledger as values; the one place where rows are read, strictly: what no ledger wrote is damage."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from arwatch.ledger.columns import ATTEMPTS, FIRST_VERSION, HISTORY, QUEUE
from arwatch.ledger.faults import DamagedLedgerError
from arwatch.model.figures import Figures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from arwatch.ledger.columns import Reader

State: TypeAlias = Literal["asked", "seen", "settled", "working", "written", "skipped", "failed", "gone"]
Result: TypeAlias = Literal["written", "skipped", "failed", "dropped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A frame as it is now. Times are seconds since 1970; None is unknown, or not yet."""

    path: Path
    state: State
    size: int | None
    mtime_ns: int | None
    recipe: str | None
    live: bool
    attempts: int
    seen: float
    settled: float | None
    started: float | None
    ended: float | None = None
    code: str | None = None
    reason: str | None = None
    final: bool = False
    output: Path | None
    output_size: int | None = None
    figures: Figures = field(default_factory=Figures)

    @property
    def has_output(self) -> bool:
        """Whether its output was written, or was there before."""
        return self.state in {"written", "skipped"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An ended life of a frame. Times are seconds since 1970; None is unknown."""

    number: int
    """Counts up: of two records the later one has the higher number."""
    path: Path
    state: State
    size: int | None
    """Of the source, bytes."""
    mtime_ns: int | None
    """Of the source."""
    taken: str | None
    """Start of the exposure, ISO 8601; without a distance from UTC it is the camera's clock."""
    exposure_s: float | None
    iso: int | None
    figures: Figures
    recipe: str | None
    """Digest of the settings that shaped the output."""
    output: Path | None
    """The name that the output has, had before, or would have had."""
    output_size: int | None
    """Bytes."""
    code: str | None
    """Kind of the failure (`arwatch.errors.FailureCode`)."""
    reason: str | None
    final: bool
    """Whether another attempt at the same bytes fails in the same way."""
    work_s: float | None
    """Seconds that the stages took."""
    attempts: int
    live: bool
    """Whether it arrived while the daemon watched."""
    seen: float
    settled: float | None
    started: float | None
    ended: float | None
    recorded: float
    """When this was written down."""
    version: str | None
    """Of arwatch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One time that a worker had a frame. Times are seconds since 1970; None is unknown."""

    path: Path
    number: int
    """Counts up for each frame."""
    began: float | None
    ended: float | None
    result: Result
    """`failed` also where another attempt followed; `dropped`: the daemon ended, or the file changed meanwhile."""
    code: str | None
    reason: str | None
    recorded: float


ENDED_ENTRY = {name: read for name, read in HISTORY.items() if name in Entry.__slots__}
"""The columns of the history that tell a frame's state."""


def read_entry(row: Sequence[Any]) -> Entry:
    """Read a row of the queue, with the columns `QUEUE`."""
    return Entry(**_read(row, QUEUE))


def read_ended_entry(row: Sequence[Any]) -> Entry:
    """Read a row of the history as the state of its frame, with the columns `ENDED_ENTRY`."""
    return Entry(**_read(row, ENDED_ENTRY))


def read_record(row: Sequence[Any]) -> Record:
    """Read a row of the history, with the columns `HISTORY`."""
    return Record(**_read(row, HISTORY))


def read_attempt(row: Sequence[Any]) -> Attempt:
    """Read a row of the attempts, with the columns `ATTEMPTS`."""
    return Attempt(**_read(row, ATTEMPTS))


def read_first_version(row: Sequence[Any]) -> dict[str, Any]:
    """Read a row of version 1's only table, with the columns `FIRST_VERSION`."""
    return _read(row, FIRST_VERSION)


def read_path(value: Any) -> Path:
    """Read the path of a frame."""
    path: Path = _read((value,), {"path": QUEUE["path"]})["path"]
    return path


def read_wait(not_before: Any) -> float:
    """Read the time until which a frame in the queue waits, seconds since 1970."""
    if type(not_before) is not float:
        raise DamagedLedgerError(f"the ledger is damaged: not_before of a row is {not_before!r:.80}")
    return not_before


def _read(row: Sequence[Any], readers: Mapping[str, Reader]) -> dict[str, Any]:
    name = ""
    try:
        values = {}
        for (name, read), value in zip(readers.items(), row, strict=True):
            values[name] = read(value)
    except (ValueError, RecursionError) as error:
        raise DamagedLedgerError(f"the ledger is damaged: {name} of a row is {error}") from error
    return values
