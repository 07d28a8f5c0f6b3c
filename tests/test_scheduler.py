"""The scheduler without processes and without waiting: a queue in memory, a pool whose outcomes the test decides."""

from __future__ import annotations

from pathlib import Path

import pytest

from arwatch.errors import FailureCode
from arwatch.ledger.store import Ledger
from arwatch.model.figures import Figures
from arwatch.model.job import Look
from arwatch.model.outcome import Failed, Skipped, Unsettled, Written
from arwatch.process.stages import recipe
from arwatch.settings import Disk, Output, Settings, Workers
from arwatch.work.disk import Free
from arwatch.work.happenings import Ended, Postponed, Returned, RoomAgain, RoomLow
from arwatch.work.pool import Done, Lost
from arwatch.work.retry import Policy
from arwatch.work.scheduler import Scheduler

NIGHT, CARD = Path("/nowhere/night"), Path("/nowhere/card")
MIB = 1 << 20
FIGURES = Figures(red_level=812.0)

PLENTY, NONE = Free(1 << 40, 1 << 20), Free(0, 0)


class TestPool:
    """A pool of the protocol in which the test says what becomes of jobs."""

    __test__ = False

    def __init__(self, workers=1):
        self.workers = workers
        self.jobs = []
        self.reports = []
        self.closed = False

    def free(self):
        return self.workers - len(self.jobs)

    def busy(self):
        return list(self.jobs)

    def submit(self, job):
        assert self.free()
        self.jobs.append(job)

    def handles(self):
        return []

    def collect(self):
        reports, self.reports = self.reports, []
        yield from reports

    def sleep(self):
        return None

    def give_up(self, job):
        self.jobs.remove(job)

    def left_behind(self):
        return []

    def close(self):
        self.closed = True
        self.jobs = []

    def end(self, outcome):
        """Let the oldest job end."""
        job = self.jobs.pop(0)
        self.reports.append(Done(job, outcome(job) if callable(outcome) else outcome))


def written(job):
    return Written(output=job.output, size=90 * MIB, figures=FIGURES)


class Bench:
    """A scheduler with frames in its queue."""

    def __init__(self, *frames, workers=1, policy=Policy.of_a_service, free=lambda _: PLENTY, **sections):
        self.settings = Settings(workers=Workers(attempts=2, retry_s=0.0), disk=Disk(min_free_mib=0), **sections)
        self.now = 1000.0
        self.ledger = Ledger(None, (), lambda: self.now)
        self.pool = TestPool(workers)
        self.scheduler = Scheduler(
            self.settings,
            [NIGHT, CARD],
            self.ledger,
            self.pool,
            policy=policy(self.settings.workers),
            free=free,
            clear_away=lambda *_: None,
        )
        for number, frame in enumerate(frames):
            self.settle(frame, mtime_ns=number)

    def settle(self, frame, *, live=False, mtime_ns=0):
        self.ledger.saw(frame, live=live)
        self.ledger.settled(frame, Look(25 * MIB, mtime_ns))

    def turn(self):
        return [*self.scheduler.collect(), *self.scheduler.dispatch()]

    def end(self, outcome):
        """Let the frame in work end; gives what happened until the next one is in work."""
        self.pool.end(outcome)
        return self.turn()


def names(jobs):
    return [job.source.path.name for job in jobs]


def test_frames_go_to_free_workers_in_the_ledger_s_order():
    bench = Bench(*(NIGHT / name for name in "abc"), workers=2)
    assert bench.turn() == []
    assert names(bench.pool.jobs) == ["a", "b"]
    assert (bench.scheduler.in_work, bench.scheduler.waiting()) == (2, 1)
    bench.settle(NIGHT / "live", live=True)
    (end,) = bench.end(written)
    assert (end.entry.path, end.outcome.figures) == (NIGHT / "a", FIGURES)
    assert names(bench.pool.jobs) == ["b", "live"]


def test_the_end_is_in_the_ledger_before_it_is_told():
    bench = Bench(NIGHT / "a")
    bench.turn()
    bench.pool.end(written)
    for _ in bench.scheduler.collect():
        entry = bench.ledger.get(NIGHT / "a")
        assert (entry.state, entry.figures, entry.output_size) == ("written", FIGURES, 90 * MIB)


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (lambda job: Skipped(output=job.output, size=1, reason="up to date"), "skipped"),
        (Failed(code=FailureCode.DAMAGED, reason="rows repeat"), "failed"),
    ],
)
def test_other_ends(outcome, state):
    bench = Bench(NIGHT / "a")
    bench.turn()
    (end,) = bench.end(outcome)
    assert isinstance(end, Ended)
    assert bench.ledger.get(NIGHT / "a").state == state
    assert bench.scheduler.in_work == 0


def test_what_may_pass_is_tried_again_until_the_attempts_are_used_up():
    bench = Bench(NIGHT / "a")
    bench.turn()
    failure = Failed(code=FailureCode.READ, reason="I/O error")
    (postponed,) = bench.end(failure)
    assert isinstance(postponed, Postponed)
    assert (postponed.attempt, bench.scheduler.in_work) == (1, 1)
    (end,) = bench.end(failure)
    assert (end.outcome, bench.ledger.get(NIGHT / "a").final) == (failure, False)


def test_a_command_does_not_wait_for_a_share_to_return():
    bench = Bench(NIGHT / "a", policy=Policy.of_a_command)
    bench.turn()
    (end,) = bench.end(Failed(code=FailureCode.READ, reason="I/O error"))
    assert isinstance(end, Ended)


def test_a_retry_that_is_due_lets_nothing_spin():
    bench = Bench(NIGHT / "a", policy=lambda _: Policy(attempts=2, first_delay_s=5.0, waits=True))
    bench.turn()
    bench.end(Failed(code=FailureCode.READ, reason="I/O error"))
    assert bench.scheduler.sleep() == 5.0
    bench.now += 6.0
    assert bench.scheduler.sleep() > 0.0, "whoever does not give it out, as at the end, is not called without a pause"
    bench.scheduler.close_roots([NIGHT, CARD])
    assert bench.turn() == []
    assert bench.scheduler.sleep() is None, "news of its folder wakes the loop"
    bench.scheduler.close_roots([])
    bench.turn()
    assert names(bench.pool.jobs) == ["a"]


def test_a_frame_that_changed_is_given_back():
    bench = Bench(NIGHT / "a")
    bench.turn()
    (returned,) = bench.end(Unsettled(reason="it changed"))
    assert isinstance(returned, Returned)
    assert bench.scheduler.given(NIGHT / "a") is None


def test_reports_of_workers_are_handed_on():
    bench = Bench()
    lost = Lost("the worker was killed", None)
    bench.pool.reports.append(lost)
    assert bench.turn() == [lost]


def test_what_cannot_be_taken_up_now_costs_no_other_report():
    """The ledger may fail when a lost worker is told; what became of its frame comes next."""
    bench = Bench(NIGHT / "a")
    bench.turn()
    (job,) = bench.pool.jobs
    bench.pool.reports.append(Lost("the worker was killed", job))
    bench.pool.end(Failed(code=FailureCode.WORKER_LOST, reason="the worker was killed"))
    broken_off = bench.scheduler.collect()
    assert isinstance(next(broken_off), Lost)
    broken_off.close()
    (postponed,) = bench.scheduler.collect()
    assert isinstance(postponed, Postponed)
    assert bench.scheduler.given(NIGHT / "a") is None


def test_too_little_room_is_told_once_and_room_again_too():
    room = [50 * MIB]
    bench = Bench(NIGHT / "a", free=lambda _: Free(room[0], 100))
    (low,) = bench.turn()
    assert isinstance(low, RoomLow)
    assert (low.free.bytes, low.wanted.bytes) == (50 * MIB, 100 * MIB)
    assert (bench.turn(), bench.scheduler.paused, bench.scheduler.in_work) == ([], True, 0)
    room[0] = 1 << 40
    (again,) = bench.turn()
    assert isinstance(again, RoomAgain)
    assert (bench.scheduler.paused, bench.scheduler.in_work) == (False, 1)


def test_a_disk_that_is_low_holds_up_no_other_disk():
    bench = Bench(NIGHT / "a", CARD / "b", free=lambda folder: NONE if folder.is_relative_to(NIGHT) else PLENTY)
    bench.turn()
    assert names(bench.pool.jobs) == ["b"]


def test_a_write_that_finds_no_room_waits_without_costing_an_attempt():
    bench = Bench(NIGHT / "a")
    bench.turn()
    (low,) = bench.end(Failed(code=FailureCode.NO_SPACE, reason="quota"))
    assert isinstance(low, RoomLow)
    entry = bench.ledger.get(NIGHT / "a")
    assert (entry.state, entry.attempts, bench.scheduler.in_work) == ("settled", 0, 0)


def test_when_nothing_waits_for_room_any_more_the_pause_ends():
    bench = Bench(NIGHT / "a", free=lambda _: NONE)
    bench.turn()
    assert bench.scheduler.paused
    bench.ledger.gone(NIGHT / "a")
    assert [type(happening) for happening in bench.turn()] == [RoomAgain]


def test_outputs_of_all_folders_may_go_to_one():
    bench = Bench(NIGHT / "a.ARW", CARD / "a.ARW", workers=2, output=Output(folder="/nowhere/fits"))
    bench.turn()
    outputs = [job.output for job in bench.pool.jobs]
    assert [job.root for job in bench.pool.jobs] == [Path("/nowhere/fits")] * 2
    assert {output.parent for output in outputs} == {Path("/nowhere/fits")}


def test_a_name_that_another_frame_has_got_is_given_to_no_other():
    """As the ledger has it, without a look at the disk: its output may have been moved away."""
    bench = Bench(NIGHT / "a.ARW", CARD / "a.ARW", CARD / "b.ARW", output=Output(folder="/nowhere/fits"))
    bench.turn()
    given_away = [bench.pool.jobs[0].given_away]
    for _ in range(2):
        bench.end(written)
        given_away.append(bench.pool.jobs[0].given_away)
    assert given_away == [False, True, False]


def test_of_two_in_work_the_first_to_be_done_gets_the_name():
    """They may be one frame, found over two paths."""
    bench = Bench(NIGHT / "a.ARW", CARD / "a.ARW", workers=2, output=Output(folder="/nowhere/fits"))
    bench.turn()
    assert [job.given_away for job in bench.pool.jobs] == [False, False]


def test_the_ledger_knows_where_the_output_is_and_what_it_was_made_with():
    bench = Bench(NIGHT / "a", NIGHT / "b")
    bench.turn()
    bench.end(Written(output=NIGHT / "a~1.fits", size=1, figures=FIGURES))
    bench.end(Skipped(output=NIGHT / "b~1.fits", size=1, reason="kept", recipe="older", outdated=True))
    a, b = (bench.ledger.get(NIGHT / name) for name in "ab")
    assert (a.output, a.recipe) == (NIGHT / "a~1.fits", recipe(bench.settings))
    assert (b.output, b.recipe) == (NIGHT / "b~1.fits", "older")


def test_another_pool_takes_over_when_the_frames_in_work_have_ended():
    bench = Bench(NIGHT / "a", NIGHT / "b")
    bench.turn()
    other = TestPool()
    bench.scheduler.renew_pool(lambda: other)
    bench.turn()
    assert not bench.pool.closed
    bench.end(written)
    assert (bench.pool.closed, names(other.jobs)) == (True, ["b"])


def test_a_worker_is_told_that_the_file_before_had_gone():
    bench = Bench(NIGHT / "a", workers=2)
    bench.turn()
    assert [job.fresh for job in bench.pool.jobs] == [False]
    bench.end(written)
    bench.ledger.vanished(NIGHT / "a")
    bench.settle(NIGHT / "a", mtime_ns=9)
    bench.turn()
    assert [job.fresh for job in bench.pool.jobs] == [True]


def test_what_workers_had_is_put_back_at_the_end():
    bench = Bench(NIGHT / "a")
    bench.turn()
    bench.scheduler.abandon()
    entry = bench.ledger.get(NIGHT / "a")
    assert (entry.state, entry.attempts, bench.pool.closed) == ("settled", 0, True)


@pytest.mark.parametrize(
    ("frames", "free", "workers", "could"),
    [((), 1 << 40, 0, False), ((NIGHT / "a",), 1 << 40, 0, True), ((NIGHT / "a",), 0, 1, False)],
)
def test_whether_only_a_worker_is_missing(frames, free, workers, *, could):
    bench = Bench(*frames, workers=workers, free=lambda _: Free(free, 1 << 20))
    bench.turn()
    assert bench.scheduler.could_go_on() is could
