"""Worker processes: one pipe each, nothing shared.

A process killed at any instant can hold no lock that another one needs (workers of multiprocessing's and
Pebble's pools share a queue and its locks), so a crash, a hang or the kernel's out-of-memory killer costs one
attempt of one frame. There is no thread and no polling: the service waits for the pipes.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from arwatch.errors import FailureCode
from arwatch.model.job import Job
from arwatch.model.outcome import Failed, Outcome
from arwatch.platform import machine
from arwatch.platform.processes import kill_fork_server, load_ahead
from arwatch.work.deaths import MemoryKills, explained
from arwatch.work.evidence import Evidence, named
from arwatch.work.pool import Done, Lost, PoolError, Report
from arwatch.work.start import Start
from arwatch.work.worker import Compiling, Ready

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path

    from arwatch.settings import Workers

START_S = 300.0
"""A worker that has not reported ready by then (compiling included) hangs."""
FIRST_DEATHS = 3
"""So many workers in a row dying before they are ready: the installation is broken, not a frame."""
KILL_S = 5.0
"""How long the end waits for killed workers."""
LONGEST_PAUSE_S = 60.0
"""Before another worker is tried where the machine refused some."""
DEFAULT_MEMORY_MIB = 2048
"""Bound on a worker's data: a 61-Mpx frame takes less than half of it."""


@dataclass(slots=True)
class _Worker:
    process: ForkServerProcess
    pipe: Connection
    deadline: float
    """Monotonic seconds: when it counts as hanging."""
    ready: bool = False
    job: Job | None = None
    jobs_done: int = 0


class LocalPool:
    """Processes on this machine, forked from a server that has the heavy libraries loaded.

    Parameters
    ----------
    count : int
        Workers.
    timeout_s : float
        Limit for one frame.
    memory_mib : int
        Bound on a worker's data (RLIMIT_DATA); 0 = `DEFAULT_MEMORY_MIB`.
    renew_after : int
        A worker is replaced after so many frames, whatever its libraries may have leaked.
    cache : Path
        Where compiled kernels are kept.
    """

    def __init__(self, count: int, *, timeout_s: float, memory_mib: int, renew_after: int, cache: Path) -> None:
        self.timeout_s = timeout_s
        self._count = count
        self._memory = (memory_mib or DEFAULT_MEMORY_MIB) << 20
        self._renew_after = renew_after
        self._deaths = 0
        self._once_ready = False
        self._not_before = 0.0
        self._workers: list[_Worker] = []
        self._starts: list[Start] = []
        self._killed: list[ForkServerProcess] = []
        """Were killed, and perhaps are still there."""
        self._evidence = Evidence(cache)
        self._memory_kills = MemoryKills()
        self._context = multiprocessing.get_context("forkserver")
        load_ahead(cache)

    @classmethod
    def from_settings(cls, settings: Workers, cache: Path) -> LocalPool:
        """Make the pool that the settings ask for on this machine."""
        return cls(
            machine.worker_count(settings),
            timeout_s=settings.timeout_s,
            memory_mib=settings.memory_mib,
            renew_after=settings.renew_after,
            cache=cache,
        )

    def free(self) -> int:
        """How many jobs can be taken now."""
        return sum(worker.ready and worker.job is None for worker in self._workers)

    def busy(self) -> list[Job]:
        """Give the jobs in work."""
        return [worker.job for worker in self._workers if worker.job is not None]

    def submit(self, job: Job) -> None:
        """Start a job; `free` must not be 0."""
        worker = next(w for w in self._workers if w.ready and w.job is None)
        worker.job, worker.deadline = job, time.monotonic() + self.timeout_s
        # a worker that has just died is found by `collect`, with its job
        with contextlib.suppress(OSError):
            worker.pipe.send(job)

    def handles(self) -> list[Connection]:
        """Pipes of the workers, and of those that are being started."""
        return [*(worker.pipe for worker in self._workers), *(start.pipe for start in self._starts)]

    def sleep(self) -> float | None:
        """Seconds until the next worker counts as hanging."""
        now = time.monotonic()
        naps = [w.deadline - now for w in self._workers if w.job is not None or not w.ready]
        naps += [start.overdue_s() for start in self._starts]
        if len(self._workers) + len(self._starts) < self._count:
            naps.append(self._not_before - now)
        return max(0.0, min(naps)) if naps else None

    def collect(self) -> Iterator[Report]:
        """Give what has happened; dead, hanging and worn-out workers are replaced.

        Raises
        ------
        PoolError
            Workers die before they are ready, again and again.
        """
        self.left_behind()
        for worker in list(self._workers):
            yield from self._read_messages(worker)
        for start in list(self._starts):
            yield from self._take_in(start)
        while len(self._workers) + len(self._starts) < self._count and time.monotonic() >= self._not_before:
            try:
                self._starts.append(Start(self._context, self._memory))
            except (OSError, RuntimeError) as error:  # RuntimeError: no room for a thread
                yield self._not_started(f"the worker cannot be started: {error}")
                return

    def close(self) -> None:
        """End all workers at once."""
        for start in self._starts:
            start.abandon()
        self._starts.clear()
        for worker in self._workers:
            worker.pipe.close()
            worker.process.kill()
            self._evidence.taken(worker.process.pid or 0)
        self._killed += [worker.process for worker in self._workers]
        self._workers.clear()
        deadline = time.monotonic() + KILL_S
        for process in self._killed:
            process.join(max(0.0, deadline - time.monotonic()))

    def give_up(self, job: Job) -> None:
        """End a job without an outcome: its worker waits for a file system that does not answer."""
        worker = next((w for w in self._workers if w.job == job), None)
        if worker is not None:
            worker.job = None
            self._retire(worker)

    def left_behind(self) -> list[str]:
        """Name workers that were killed and are still there: a file system holds them."""
        self._killed = [process for process in self._killed if process.is_alive()]
        return [f"worker {process.pid}" for process in self._killed]

    def _read_messages(self, worker: _Worker) -> Iterator[Report]:
        try:
            while worker.pipe.poll():
                message = worker.pipe.recv()
                if isinstance(message, Compiling):
                    yield message
                elif isinstance(message, Ready):
                    worker.ready, self._once_ready, self._deaths = True, True, 0
                    yield message
                elif worker.job is not None:
                    job, worker.job, worker.jobs_done = worker.job, None, worker.jobs_done + 1
                    if worker.jobs_done >= self._renew_after or _out_of_memory(message):
                        self._retire(worker)
                    yield Done(job, self._with_evidence(message))
                    if worker not in self._workers:
                        return
        except (EOFError, OSError):
            yield from self._replace_dead(worker, None)
            return
        if (worker.job is not None or not worker.ready) and time.monotonic() >= worker.deadline:
            limit = self.timeout_s if worker.job is not None else START_S
            yield from self._replace_dead(worker, f"took longer than {limit:g} s and was stopped")

    def _replace_dead(self, worker: _Worker, why: str | None) -> Iterator[Report]:
        """Replace a worker that died (or, with `why`, is stopped now); its job is given back as failed."""
        trace = self._retire(worker)
        how = why or explained(worker.process.exitcode, out_of_memory=self._memory_kills.just_now())
        reason = named(f"the worker {how}", trace)
        if not worker.ready:
            self._count_death(reason)
        yield Lost(reason, worker.job)
        if worker.job is not None:
            code = FailureCode.TIMEOUT if why else FailureCode.WORKER_LOST
            yield Done(worker.job, Failed(code=code, reason=reason))

    def _count_death(self, reason: str) -> None:
        """Count a worker that never got ready: at first that is the installation's fault, later the machine's."""
        self._deaths += 1
        if self._deaths >= FIRST_DEATHS and not self._once_ready:
            raise PoolError(f"workers cannot start: {reason}; run `arwatch check`")
        self._not_before = (
            time.monotonic() + min(2.0 ** min(self._deaths, 10), LONGEST_PAUSE_S) if self._once_ready else 0.0
        )

    def _with_evidence(self, outcome: Outcome) -> Outcome:
        """Name the file that has the traceback of a mistake in arwatch."""
        if isinstance(outcome, Failed) and outcome.evidence:
            return replace(outcome, reason=named(outcome.reason, self._evidence.keep(outcome.evidence)))
        return outcome

    def _retire(self, worker: _Worker) -> Path | None:
        """Kill a worker: one that is stopped (SIGSTOP) or hangs heeds nothing else, and an idle one loses nothing.

        Gives the file with the trace of its crash; None where it left none.
        """
        worker.pipe.close()
        worker.process.kill()
        worker.process.join(0.2)  # one that a file system holds must not hold the loop
        self._killed.append(worker.process)
        self._workers.remove(worker)
        return self._evidence.taken(worker.process.pid or 0)

    def _take_in(self, start: Start) -> Iterator[Report]:
        """Make a worker of a start that the fork server has answered."""
        if start.running():
            if start.overdue_s() == 0:
                self._starts.remove(start)
                kill_fork_server()
                start.abandon()
                yield self._not_started("the process that starts workers did not answer; it was replaced")
            return
        self._starts.remove(start)
        if start.error is not None:
            start.pipe.close()
            yield self._not_started(f"the worker cannot be started: {start.error}")
        else:
            self._workers.append(_Worker(start.process, start.pipe, time.monotonic() + START_S))

    def _not_started(self, reason: str) -> Lost:
        self._count_death(reason)
        return Lost(reason, None)


def _out_of_memory(outcome: Outcome) -> bool:
    """Whether the worker has reached its bound: its heap stays there, and what failed half-way may be left so."""
    return isinstance(outcome, Failed) and outcome.code is FailureCode.MEMORY
