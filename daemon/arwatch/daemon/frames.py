"""A frame's way through the daemon: sighted, settled, in work, ended; each step in the ledger and in the log."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from arwatch.daemon.settle import Gone, Refused, Settling, Waiting
from arwatch.formats import needed_length
from arwatch.model.job import Job, Look, Source
from arwatch.model.outcome import Failed, Outcome, Skipped, Unsettled, Written
from arwatch.output.naming import output_folder, output_path, output_root
from arwatch.output.publish import remove_stale
from arwatch.platform import machine
from arwatch.platform.fs import look
from arwatch.settings import Settings
from arwatch.settings.recipe import recipe
from arwatch.work.disk import Governor, free_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from arwatch.ledger.store import Entry, Ledger
    from arwatch.telling.log import Log
    from arwatch.work.pool import Pool

LIVE_S = 600.0
"""What is so much older than the newest frame, or than this start, comes from a card, not from the camera."""
LONGEST_RETRY_S = 300.0
BANDS = ("red", "green", "blue")


class Frames:
    """All frames that are known and not yet dealt with, and what is done with them next.

    Parameters
    ----------
    settings : Settings
        In force; see `apply`.
    roots : sequence of Path
        The watched folders.
    ledger : Ledger
        May be exchanged when it broke; what a lost step leaves behind is found by the next scan.
    pool : Pool
        The workers.
    log : Log
        Where events go.
    """

    def __init__(self, settings: Settings, roots: Sequence[Path], ledger: Ledger, pool: Pool, log: Log) -> None:
        self.ledger = ledger
        self.pool = pool
        self.log = log
        self.tally = {"written": 0, "skipped": 0, "failed": 0, "retried": 0}
        self.last: tuple[str, float, str] | None = None
        """The last frame written, when (monotonic seconds), its sky."""
        self._work: dict[Path, Entry] = {}
        self._changed_in_work: set[Path] = set()
        self._cleared: set[Path] = set()
        self._settling = Settling(settings.watch.settle_s, settings.watch.give_up_s, look, _needed_length)
        self.governor = Governor(settings.disk)
        self._newest_ns = time.time_ns()
        self.apply(settings, roots)

    def apply(self, settings: Settings, roots: Sequence[Path]) -> None:
        """Let new settings rule from the next frame on."""
        self._settings, self._roots, self._recipe = settings, tuple(roots), recipe(settings)
        self._settling.settle_s, self._settling.give_up_s = settings.watch.settle_s, settings.watch.give_up_s
        self.governor.settings = settings.disk
        self.ledger.watch(roots)

    @property
    def in_work(self) -> int:
        """How many frames workers have."""
        return len(self._work)

    @property
    def unsettled(self) -> int:
        """How many frames may still be growing."""
        return len(self._settling)

    def sleep(self, now: float) -> float | None:
        """Seconds until something is to be done that no event announces; None: nothing is."""
        naps = [self._settling.sleep(now)]
        if self.governor.paused:
            naps.append(2.0)
        elif self.pool.free():
            naps.append(self.ledger.next_retry_s())
        return min((nap for nap in naps if nap is not None), default=None)

    # -- arrival -------------------------------------------------------------------------------------------

    def sighted(self, path: Path, found: Look, *, starting: bool = False) -> None:
        """Take up a frame that is new or has changed; `starting`: what earlier runs did is checked, too."""
        if path in self._work:
            if found != (self._work[path].size, self._work[path].mtime_ns):
                self._changed_in_work.add(path)
            return
        entry = self.ledger.get(path)
        if entry is not None and entry.state == "working":
            # the ledger could not be written when the outcome came
            self.ledger.put_back(path, uncounted=True)
        elif entry is None or not self._dealt_with(entry, found, starting=starting):
            if path in self._settling:
                self._settling.sighted(path, time.monotonic())
                return
            self._newest_ns = max(self._newest_ns, min(found.mtime_ns, time.time_ns()))
            live = not starting and found.mtime_ns > self._newest_ns - LIVE_S * 1e9
            self.ledger.saw(path, live=live)
            self._settling.sighted(path, time.monotonic())
            self._tell("frame.seen", path, size=found.size)

    def clear_away(self, path: Path) -> None:
        """Remove what a power cut left of unfinished outputs where this frame's output belongs."""
        folder = output_folder(path, self._root_of(path), self._settings.output)
        if folder not in self._cleared:
            self._cleared.add(folder)
            remove_stale(folder)

    def settle(self, until: float) -> None:
        """Find out which frames are complete; not longer than until then (monotonic seconds)."""
        for verdict in self._settling.advance(time.monotonic()):
            path = verdict.path
            if isinstance(verdict, Source):
                self.ledger.settled(path, Look(verdict.size, verdict.mtime_ns))
                self._tell("frame.settled", path, size=verdict.size)
            elif isinstance(verdict, Waiting):
                self._tell("frame.waiting", path, size=verdict.look.size, needed=verdict.needed)
            elif isinstance(verdict, Refused):
                self._fail(path, verdict.look, verdict.error.code, str(verdict.error), final=True)
            elif isinstance(verdict, Gone):
                self.ledger.gone(path)
                self._tell("frame.gone", path)
            if time.monotonic() > until:
                return

    def _dealt_with(self, entry: Entry, found: Look, *, starting: bool) -> bool:
        if found != (entry.size, entry.mtime_ns) or entry.state in {"seen", "gone"}:
            return False
        if entry.state == "failed" and not entry.final:
            return not starting  # a disk or share that was away may be back
        if entry.state == "written" and starting:
            # outputs may be moved away while we run; at a start they must be there, made with these settings
            output = look(entry.output) if entry.output else None
            return entry.recipe == self._recipe and output is not None and output.size == entry.output_size
        return True

    # -- work ----------------------------------------------------------------------------------------------

    def dispatch(self) -> None:
        """Give frames to free workers while there is room for outputs."""
        while self.pool.free() and (entry := self.ledger.next()) is not None:
            job = self._job(entry)
            if not self._has_room(job):
                return
            self.ledger.started(entry.path, job.output, self._recipe)
            self._work[entry.path] = entry
            self.pool.submit(job)
        if self.governor.paused and not self.ledger.waiting():
            self._resume(self._roots[0])  # what waited for room is gone

    def _resume(self, folder: Path) -> None:
        self.governor.paused = False
        self.log("disk.resumed", folder=str(folder), free_mib=free_bytes(folder) >> 20)

    def finish(self, job: Job, outcome: Outcome) -> None:
        """Record what a worker made of a frame."""
        path = job.source.path
        entry = self._work.pop(path, None)
        if entry is None:
            return
        if isinstance(outcome, Written):
            self._written(job, outcome, entry)
        elif isinstance(outcome, Skipped):
            found = look(outcome.output)
            self.ledger.written(path, found.size if found else 0, {})
            self.tally["skipped"] += 1
            self._tell("frame.skipped", path, output=str(outcome.output), reason=outcome.reason)
        elif isinstance(outcome, Unsettled):
            self.ledger.saw(path, live=entry.live)
            self._settling.sighted(path, time.monotonic())
        else:
            self._failed(job, outcome, entry)
        if path in self._changed_in_work:
            self._changed_in_work.discard(path)
            if (found := look(path)) is not None:
                self.sighted(path, found)

    def abandon(self) -> None:
        """End the workers, put back what they had, leave nothing half-written."""
        folders = {job.output.parent for job in self.pool.busy()}
        self.pool.close()
        for folder in folders:
            remove_stale(folder)
        work, self._work = self._work, {}  # should the ledger fail now, a scan or the next start puts them back
        for path in work:
            self.ledger.put_back(path, uncounted=True)

    def close(self) -> None:
        """End the workers and close the ledger."""
        self.pool.close()
        self.ledger.close()

    def _job(self, entry: Entry) -> Job:
        output, workers = self._settings.output, self._settings.workers
        used = min(machine.worker_count(workers), len(self._work) + self.ledger.waiting())
        return Job(
            source=Source(entry.path, entry.size or 0, entry.mtime_ns or 0),
            output=self._output_of(entry.path),
            root=output_root(output, self._root_of(entry.path)),
            settings=self._settings,
            threads=machine.threads_for(workers, used),
        )

    def _output_of(self, path: Path) -> Path:
        return output_path(path, self._root_of(path), self._settings.output, lambda place: self._is_taken(place, path))

    def _root_of(self, path: Path) -> Path:
        above = [root for root in self._roots if path.is_relative_to(root)]
        return max(above, key=lambda root: len(root.parts), default=path.parent)

    def _is_taken(self, output: Path, path: Path) -> bool:
        return any(owner != path and look(owner) is not None for owner in self.ledger.owners(output))

    def _has_room(self, job: Job) -> bool:
        """Ask the disk governor; tell when it changes its mind."""
        folder = job.output.parent
        free, now = free_bytes(folder), time.monotonic()
        sizes = [*(entry.size or 0 for entry in self._work.values()), job.source.size]
        room = self.governor.has_room(free, sizes, now)
        if room and self.governor.paused:
            self._resume(folder)
        elif not room:
            self._pause(folder, free, sizes)
        if (hours := self.governor.forecast(free)) is not None:
            self.log("disk.forecast", folder=str(folder), free_mib=free >> 20, hours_left=hours)
        return room

    def _pause(self, folder: Path, free: int, sizes: list[int]) -> None:
        if not self.governor.paused:
            self.governor.paused = True
            wanted = self.governor.wanted(sizes)
            reason = "frames are received but wait; make room and work goes on by itself"
            self.log("disk.low", folder=str(folder), free_mib=free >> 20, wanted_mib=wanted >> 20, reason=reason)

    # -- ends ----------------------------------------------------------------------------------------------

    def _written(self, job: Job, outcome: Written, entry: Entry) -> None:
        facts: dict[str, float] = {}
        for name in BANDS:
            sky = getattr(outcome, name)
            facts |= {f"{name}_level": round(sky.level, 3), f"{name}_noise": round(sky.noise, 3)}
        facts |= {name: round(getattr(outcome, name), 3) for name in ("decode_s", "subtract_s", "write_s")}
        complete = (entry.settled or time.time()) - self._settings.watch.settle_s
        facts["since_complete_s"] = round(time.time() - complete, 3)
        self.ledger.written(job.source.path, outcome.size, facts)
        self.tally["written"] += 1
        self.governor.wrote(job.source.size, outcome.size, job.source.mtime_ns / 1e9)
        levels = " ".join(f"{name[0].upper()} {facts[f'{name}_level']:.0f}" for name in BANDS)
        self.last = (job.source.path.stem, time.monotonic(), f"sky {levels}")
        self._tell("frame.written", job.source.path, output=str(outcome.output), **facts, waiting=self.ledger.waiting())

    def _failed(self, job: Job, outcome: Failed, entry: Entry) -> None:
        path, workers = job.source.path, self._settings.workers
        attempt = entry.attempts + 1
        if outcome.code in {"timeout", "worker_lost"}:
            remove_stale(job.output.parent)  # it was killed, perhaps while writing
        if outcome.code == "no_space":
            self.governor.refused(time.monotonic())
            self.ledger.put_back(path, uncounted=True)
            self._pause(job.output.parent, free_bytes(job.output.parent), [job.source.size])
        elif outcome.retriable and attempt < workers.attempts:
            delay_s = min(workers.retry_s * 2 ** (attempt - 1), LONGEST_RETRY_S)
            self.ledger.put_back(path, delay_s=delay_s)
            self.tally["retried"] += 1
            self._tell("frame.retried", path, attempt=attempt, again_in_s=delay_s, reason=outcome.reason)
        else:
            seen = Look(job.source.size, job.source.mtime_ns)
            self._fail(path, seen, outcome.code, outcome.reason, final=not outcome.retriable)

    def _fail(self, path: Path, seen: Look, code: str, reason: str, *, final: bool) -> None:
        self.ledger.failed(path, seen, code, reason, final=final)
        self.tally["failed"] += 1
        self._tell("frame.failed", path, code=code, reason=reason)

    def _tell(self, event: str, path: Path, **facts: object) -> None:
        self.log(event, frame=path.name, path=str(path), **facts)


def _needed_length(path: Path, size: int) -> int:
    """Ask a file's own tables; where it cannot be read, the worker finds out why and tries again."""
    try:
        # a pipe that took its place must not keep us
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            return needed_length(file, size)
    except OSError:
        return size
