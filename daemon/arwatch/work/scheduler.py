"""Settled frames -> workers -> their ends: the one way of a frame through the pool, for the daemon and for commands."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from arwatch.errors import FailureCode
from arwatch.model.job import KEEP, Job, Replace, Source
from arwatch.model.outcome import Failed, Outcome, Skipped, Unsettled, Written
from arwatch.output.naming import output_folder, output_names, output_root, root_of
from arwatch.platform import machine
from arwatch.process.stages import recipe
from arwatch.work.disks import Rooms
from arwatch.work.happenings import Ended, Happening, Postponed, Returned
from arwatch.work.pool import Done
from arwatch.work.retry import TryAgain, WaitForRoom, decide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from multiprocessing.connection import Connection
    from pathlib import Path

    from arwatch.ledger.store import Entry, Ledger
    from arwatch.settings import Settings
    from arwatch.work.disk import Free
    from arwatch.work.pool import Pool, Report
    from arwatch.work.retry import Policy

ROOM_S = 2.0
"""How often a disk that is low is asked again."""
RETRY_S = 0.1
"""How soon it is looked again for a frame that is due and was not given to a worker."""


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
        folder -> what can still be written there.
    clear_away : callable
        (folder, root) -> removes what a killed worker left of unfinished outputs in a folder below `root`.
    replace : Replace
        Which outputs are made again though they are there.
    previews : Path or None
        Folder for the frames' previews; None: none are made.
    first_alone : bool
        Whether the other frames wait for the end of the first one: its stars are the field that they are matched to.
    """

    def __init__(
        self,
        settings: Settings,
        roots: Sequence[Path],
        ledger: Ledger,
        pool: Pool,
        *,
        policy: Policy,
        free: Callable[[Path], Free],
        clear_away: Callable[[Path, Path], None],
        replace: Replace = KEEP,
        previews: Path | None = None,
        first_alone: bool = False,
    ) -> None:
        self._ledger = ledger
        self._pool = pool
        self._clear_away = clear_away
        self._closed: frozenset[Path] = frozenset()
        self._replace = replace
        self._previews = previews
        self._first_alone = first_alone
        self._in_work: dict[Path, Entry] = {}
        self._reports: deque[Report] = deque()
        self._rooms = Rooms(settings, roots, free)
        self._next_pool: Callable[[], Pool] | None = None
        self.apply(settings, roots, policy)

    def apply(self, settings: Settings, roots: Sequence[Path], policy: Policy) -> None:
        """Let new settings rule from the next frame on."""
        self._settings, self._roots, self._policy = settings, tuple(roots), policy
        self._recipe = recipe(settings)
        self._ledger.watch(roots)
        self._rooms.apply(settings, roots)

    def renew_pool(self, make: Callable[[], Pool]) -> None:
        """Work with another pool as soon as the frames in work have ended."""
        self._next_pool = make

    def use(self, ledger: Ledger) -> None:
        """Go on with another ledger: the one before broke. A scan finds what it had."""
        self._ledger.close()
        self._ledger = ledger

    def close_roots(self, roots: Iterable[Path], stalled: Iterable[Path] = ()) -> None:
        """Let the frames below these roots wait, and only those: they or their outputs' folder cannot be used now.

        `stalled`: those that do not answer. Their frames are taken from the workers, which other frames need.
        """
        self._closed = frozenset(roots)
        hanging = frozenset(stalled)
        for job in self._pool.busy() if hanging else ():
            path = job.source.path
            if root_of(path, self._roots) in hanging and self._in_work.pop(path, None) is not None:
                self._pool.give_up(job)
                self._ledger.put_back(path, uncounted=True)
                self._clear_away(job.output.parent, job.root)

    def left_behind(self) -> list[str]:
        """Name workers that could not be ended: the kernel ends them when their file system answers."""
        return self._pool.left_behind()

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
        return self._rooms.paused

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
        # one that waits for its folder, too, must not let the loop spin, nor one that nobody gives out at the end
        if self._pool.free() and (retry_s := self._ledger.next_retry_s(self._open_roots())) is not None:
            naps.append(max(RETRY_S, retry_s))
        return min((nap for nap in naps if nap is not None), default=None)

    # -- work ------------------------------------------------------------------------------------------------

    def collect(self) -> Iterator[Happening]:
        """Take in what workers report; each frame's end is in the ledger before it is told."""
        self._reports.extend(self._pool.collect())
        while self._reports:  # where the ledger fails at one of them, the others wait for the next call
            report = self._reports.popleft()
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
        yield from self._rooms.ask_again(self._size_of_next, self._sizes_in_work)
        while self._has_turn() and (roots := self._open_roots()) and (entry := self._ledger.next(roots)) is not None:
            job = self._job(entry)
            if (yield from self._rooms.admit(job, self._sizes_in_work(job.root))):
                self._ledger.started(entry.path, job.output, self._recipe)
                self._in_work[entry.path] = entry
                self._pool.submit(job)

    def _has_turn(self) -> bool:
        """Whether another frame may be given to a worker now."""
        return bool(self._pool.free()) and not (self._first_alone and self._in_work)

    def abandon(self) -> None:
        """End the workers, put back what they had, leave nothing half-written."""
        folders = {(job.output.parent, job.root) for job in self._pool.busy()}
        self._pool.close()
        for folder, root in folders:
            self._clear_away(folder, root)
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
        wanted = output_folder(entry.path, root, output) / output_names(entry.path, output)[0]
        return Job(
            source=Source(entry.path, entry.size or 0, entry.mtime_ns or 0),
            output=wanted,
            root=output_root(output, root),
            settings=self._settings,
            threads=machine.threads_for(workers, used),
            replace=self._replace,
            given_away=self._is_given_away(wanted, entry.path),
            field=self._ledger.field(),
            previews=self._previews,
            fresh=self._ledger.had_gone(entry.path),
        )

    def _is_given_away(self, output: Path, path: Path) -> bool:
        """Whether another frame has got this output, as the ledger has it.

        Of two that are in work at once the first to be done gets it: they may be the same frame, found twice.
        """
        owners = (self._ledger.get(owner) for owner in self._ledger.owners(output) if owner != path)
        return any(owner is not None and owner.has_output for owner in owners)

    def _open_roots(self) -> list[Path]:
        """Give the roots whose frames can be worked on now."""
        return [root for root in self._rooms.open_roots() if root not in self._closed]

    def _sizes_in_work(self, folder: Path) -> list[int]:
        """Bytes of the frames in work whose outputs go to a folder."""
        return [entry.size or 0 for entry in self._in_work.values() if self._rooms.folder_of(entry.path) == folder]

    def _size_of_next(self, roots: list[Path]) -> int | None:
        """Bytes of the frame that waits below some roots; None: none does."""
        entry = self._ledger.next(roots)
        return None if entry is None else entry.size or 0

    # -- ends ------------------------------------------------------------------------------------------------

    def _ended(self, job: Job, outcome: Outcome) -> Iterator[Happening]:
        path = job.source.path
        entry = self._in_work.pop(path, None)
        self._first_alone = False
        if entry is None:
            return
        if isinstance(outcome, Written):
            self._ledger.written(
                path,
                outcome.size,
                outcome.figures,
                output=outcome.output,
                sighting=outcome.sighting,
                field=outcome.field,
            )
            self._rooms.wrote(job, outcome.size)
            yield Ended(entry, job, outcome)
        elif isinstance(outcome, Skipped):
            self._ledger.written(
                path, outcome.size, outcome.figures, output=outcome.output, recipe=outcome.recipe, skipped=True
            )
            yield Ended(entry, job, outcome)
        elif isinstance(outcome, Unsettled):
            yield Returned(entry, job, outcome)
        elif isinstance(outcome, Failed):
            yield from self._failed(job, outcome, entry)

    def _failed(self, job: Job, failure: Failed, entry: Entry) -> Iterator[Happening]:
        path, attempt = job.source.path, entry.attempts + 1
        if failure.code in {FailureCode.TIMEOUT, FailureCode.WORKER_LOST}:
            self._clear_away(job.output.parent, job.root)  # it was killed, perhaps while writing
        decision = decide(failure.code, attempt, self._policy)
        if isinstance(decision, TryAgain):
            self._ledger.put_back(path, delay_s=decision.delay_s, code=failure.code, reason=failure.reason)
            yield Postponed(job, failure, attempt, decision.delay_s)
        elif isinstance(decision, WaitForRoom):
            self._ledger.put_back(path, uncounted=True, code=failure.code, reason=failure.reason)
            yield from self._rooms.refused(job, failure.reason)
        else:
            self._ledger.failed(path, job.source.look, failure.code, failure.reason)
            yield Ended(entry, job, failure)
