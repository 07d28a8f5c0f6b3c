"""Settled frames -> workers -> their ends: the one way of a frame through the pool, for the daemon and for commands."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from arwatch.errors import FailureCode
from arwatch.model.job import Job, Source
from arwatch.model.outcome import Failed, Outcome, Skipped, Unsettled, Written
from arwatch.output.naming import output_path, output_root, root_of
from arwatch.output.publish import remove_stale
from arwatch.platform import machine
from arwatch.platform.fs import look
from arwatch.process.stages import recipe
from arwatch.work.happenings import Ended, Happening, Postponed, Returned, RoomAgain, RoomForecast, RoomLow
from arwatch.work.pool import Done
from arwatch.work.retry import TryAgain, WaitForRoom, decide
from arwatch.work.room import Room

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from multiprocessing.connection import Connection
    from pathlib import Path

    from arwatch.ledger.store import Entry, Ledger
    from arwatch.settings import Settings
    from arwatch.work.pool import Pool
    from arwatch.work.retry import Policy

ROOM_S = 2.0
"""How often a disk that is low is asked again."""


class Scheduler:
    """Gives the ledger's settled frames to free workers, and decides by each outcome what follows.

    Nothing here waits: `handles` and `sleep` say what to wait for.

    Parameters
    ----------
    settings : Settings
        In force; see `apply`.
    roots : sequence of Path
        The folders that frames are found under.
    ledger : Ledger
        The queue; see `use`.
    pool : Pool
        The workers.
    policy : Policy
        What is done about failures.
    free : callable
        folder -> bytes that can still be written there.
    force : bool
        Process frames also where their output is up to date.
    """

    def __init__(
        self,
        settings: Settings,
        roots: Sequence[Path],
        ledger: Ledger,
        pool: Pool,
        *,
        policy: Policy,
        free: Callable[[Path], int],
        force: bool = False,
    ) -> None:
        self._ledger = ledger
        self._pool = pool
        self._free = free
        self._force = force
        self._in_work: dict[Path, Entry] = {}
        self._rooms: dict[Path, Room] = {}
        self._next_pool: Callable[[], Pool] | None = None
        self.apply(settings, roots, policy)

    def apply(self, settings: Settings, roots: Sequence[Path], policy: Policy) -> None:
        """Let new settings rule from the next frame on."""
        self._settings, self._roots, self._policy = settings, tuple(roots), policy
        self._recipe = recipe(settings)
        self._ledger.watch(roots)
        for room in self._rooms.values():
            room.settings = settings.disk

    def renew_pool(self, make: Callable[[], Pool]) -> None:
        """Work with another pool as soon as the frames in work have ended."""
        self._next_pool = make

    def use(self, ledger: Ledger) -> None:
        """Go on with another ledger: the one before broke. A scan finds what it had."""
        self._ledger.close()
        self._ledger = ledger

    # -- what goes on ----------------------------------------------------------------------------------------

    @property
    def in_work(self) -> int:
        """How many frames workers have."""
        return len(self._in_work)

    def given(self, path: Path) -> Entry | None:
        """Give the frame as a worker was given it; None: no worker has it."""
        return self._in_work.get(path)

    @property
    def paused(self) -> bool:
        """Whether frames wait for room on a disk."""
        return any(room.paused for room in self._rooms.values())

    def waiting(self) -> int:
        """How many frames are in the queue."""
        return self._ledger.waiting()

    def could_go_on(self) -> bool:
        """Whether a frame is due that nothing but a free worker is missing for."""
        return bool(roots := self._open_roots()) and self._ledger.next(roots) is not None

    def handles(self) -> list[Connection]:
        """What to wait for until there may be reports."""
        return self._pool.handles()

    def sleep(self) -> float | None:
        """Seconds until something is to be done that no handle tells of; None: nothing is."""
        naps = [self._pool.sleep()]
        if self.paused:
            naps.append(ROOM_S)
        if self._pool.free():
            naps.append(self._ledger.next_retry_s())
        return min((nap for nap in naps if nap is not None), default=None)

    # -- work ------------------------------------------------------------------------------------------------

    def collect(self) -> Iterator[Happening]:
        """Take in what workers report; each frame's end is in the ledger before it is told."""
        for report in self._pool.collect():
            if isinstance(report, Done):
                yield from self._ended(report.job, report.outcome)
            else:
                yield report

    def dispatch(self) -> Iterator[Happening]:
        """Give frames to free workers while there is room for their outputs."""
        if self._next_pool is not None:
            if self._in_work:
                return
            self._pool.close()
            self._pool, self._next_pool = self._next_pool(), None
        yield from self._ask_rooms()
        while self._pool.free() and (roots := self._open_roots()) and (entry := self._ledger.next(roots)) is not None:
            job = self._job(entry)
            if (yield from self._has_room(job)):
                self._ledger.started(entry.path, job.output, self._recipe)
                self._in_work[entry.path] = entry
                self._pool.submit(job)

    def abandon(self) -> None:
        """End the workers, put back what they had, leave nothing half-written."""
        folders = {job.output.parent for job in self._pool.busy()}
        self._pool.close()
        for folder in folders:
            remove_stale(folder)
        # should the ledger fail now, a scan or the next start puts them back
        given, self._in_work = self._in_work, {}
        for path in given:
            self._ledger.put_back(path, uncounted=True)

    def close(self) -> None:
        """End the workers and close the ledger."""
        self._pool.close()
        self._ledger.close()

    def _job(self, entry: Entry) -> Job:
        output, workers = self._settings.output, self._settings.workers
        root = root_of(entry.path, self._roots)
        used = min(machine.worker_count(workers), self.in_work + self._ledger.waiting())
        return Job(
            source=Source(entry.path, entry.size or 0, entry.mtime_ns or 0),
            output=output_path(entry.path, root, output, lambda place: self._is_taken(place, entry.path)),
            root=output_root(output, root),
            settings=self._settings,
            threads=machine.threads_for(workers, used),
            force=self._force,
        )

    def _is_taken(self, output: Path, path: Path) -> bool:
        return any(owner != path and look(owner) is not None for owner in self._ledger.owners(output))

    # -- room on the disks -----------------------------------------------------------------------------------

    def _room_of(self, root: Path) -> tuple[Path, Room]:
        """Give the folder that the outputs of a root go to, and what is known of its disk."""
        folder = output_root(self._settings.output, root)
        if folder not in self._rooms:
            self._rooms[folder] = Room(self._settings.disk)
        return folder, self._rooms[folder]

    def _open_roots(self) -> list[Path]:
        return [root for root in self._roots if not self._room_of(root)[1].paused]

    def _has_room(self, job: Job) -> Generator[Happening, None, bool]:
        """Ask the room of a job's output; tell when it closes or will soon. Gives whether the job may begin."""
        folder, room = job.root, self._rooms[job.root]
        free = self._free(job.output.parent)
        sizes = [*self._sizes_in_work(folder), job.source.size]
        if not room.has_room(free, sizes, time.monotonic()):
            yield from self._pause(folder, free, sizes)
            return False
        if (hours := room.forecast(free)) is not None:
            yield RoomForecast(folder, free, hours)
        return True

    def _sizes_in_work(self, folder: Path) -> list[int]:
        """Bytes of the frames in work whose outputs go below a folder."""
        entries = self._in_work.values()
        return [entry.size or 0 for entry in entries if self._room_of(root_of(entry.path, self._roots))[0] == folder]

    def _pause(self, folder: Path, free: int, sizes: list[int]) -> Iterator[Happening]:
        room = self._rooms[folder]
        if not room.paused:
            room.paused = True
            yield RoomLow(folder, free, room.wanted(sizes))

    def _ask_rooms(self) -> Iterator[Happening]:
        """Open the rooms that were closed and are wide enough for what waits for them, or for which nothing waits."""
        for folder, room in self._rooms.items():
            if not room.paused:
                continue
            roots = [root for root in self._roots if output_root(self._settings.output, root) == folder]
            waits = self._ledger.next(roots)
            free = self._free(folder)
            sizes = [*self._sizes_in_work(folder), waits.size or 0] if waits else []
            if waits is None or room.has_room(free, sizes, time.monotonic()):
                room.paused = False
                yield RoomAgain(folder, free)

    # -- ends ------------------------------------------------------------------------------------------------

    def _ended(self, job: Job, outcome: Outcome) -> Iterator[Happening]:
        path = job.source.path
        entry = self._in_work.pop(path, None)
        if entry is None:
            return
        if isinstance(outcome, Written):
            self._ledger.written(path, outcome.size, outcome.figures)
            _, room = self._room_of(root_of(path, self._roots))
            room.wrote(job.source.size, outcome.size, job.source.mtime_ns / 1e9)
            yield Ended(entry, job, outcome)
        elif isinstance(outcome, Skipped):
            self._ledger.written(path, outcome.size, outcome.figures, skipped=True)
            yield Ended(entry, job, outcome)
        elif isinstance(outcome, Unsettled):
            yield Returned(entry, job, outcome)
        else:
            yield from self._failed(job, outcome, entry)

    def _failed(self, job: Job, failure: Failed, entry: Entry) -> Iterator[Happening]:
        path, attempt = job.source.path, entry.attempts + 1
        if failure.code in {FailureCode.TIMEOUT, FailureCode.WORKER_LOST}:
            remove_stale(job.output.parent)  # it was killed, perhaps while writing
        decision = decide(failure.code, attempt, self._policy)
        if isinstance(decision, TryAgain):
            self._ledger.put_back(path, delay_s=decision.delay_s, code=failure.code, reason=failure.reason)
            yield Postponed(job, failure, attempt, decision.delay_s)
        elif isinstance(decision, WaitForRoom):
            self._ledger.put_back(path, uncounted=True, code=failure.code, reason=failure.reason)
            folder, room = self._room_of(root_of(path, self._roots))
            room.refused(time.monotonic())
            yield from self._pause(folder, self._free(folder), [job.source.size])
        else:
            self._ledger.failed(path, job.source.look, failure.code, failure.reason)
            yield Ended(entry, job, failure)
