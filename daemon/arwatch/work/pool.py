"""What the scheduler needs of workers, be they here or elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from arwatch.errors import ArwatchError
from arwatch.model.job import Job
from arwatch.model.outcome import Outcome
from arwatch.work.worker import Compiling, Ready

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection


class PoolError(ArwatchError):
    """Workers cannot be started at all."""


class Done(NamedTuple):
    """A job's end."""

    job: Job
    outcome: Outcome


class Lost(NamedTuple):
    """A worker died or was stopped."""

    reason: str
    job: Job | None


Report: TypeAlias = Ready | Compiling | Done | Lost


class Pool(Protocol):
    """What the service needs of workers, be they here or elsewhere."""

    def free(self) -> int:
        """How many jobs can be taken now."""

    def busy(self) -> list[Job]:
        """Give the jobs in work."""

    def submit(self, job: Job) -> None:
        """Start a job; `free` must not be 0."""

    def handles(self) -> list[Connection]:
        """What to wait for (multiprocessing.connection.wait) until there may be reports."""

    def collect(self) -> Iterator[Report]:
        """Give what has happened, end what is overdue, replace what has died."""

    def sleep(self) -> float | None:
        """Seconds until `collect` has to be called without any handle being ready."""

    def give_up(self, job: Job) -> None:
        """End a job without an outcome: its worker waits for a file system that does not answer."""

    def left_behind(self) -> list[str]:
        """Name workers that were killed and are still there: a file system holds them."""

    def close(self) -> None:
        """End all workers at once."""
