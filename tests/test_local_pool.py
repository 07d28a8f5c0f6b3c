"""Real worker processes, really killed."""

import os
import re
import signal
import time
from dataclasses import replace
from multiprocessing import forkserver
from multiprocessing.connection import wait
from pathlib import Path

import pytest

from arwatch.errors import FailureCode
from arwatch.model.job import Job, Replace, Source
from arwatch.model.outcome import Failed, Skipped, Written
from arwatch.platform import paths
from arwatch.platform.fs import look
from arwatch.settings import Settings
from arwatch.simulate import Scene, camera
from arwatch.work.evidence import KEPT, LARGEST, Evidence
from arwatch.work.local_pool import LocalPool
from arwatch.work.pool import Done, Lost
from arwatch.work.worker import Ready

PATIENCE_S = 60.0
ANSWER_S = 4.0
"""Instead of a minute; the machine may have other things to do for some seconds."""
AGAIN = Replace(current=True)


@pytest.fixture
def make_pool():
    pools = []

    def make(*, count=1, timeout_s=60.0, memory_mib=0, renew_after=100):
        pool = LocalPool(
            count, timeout_s=timeout_s, memory_mib=memory_mib, renew_after=renew_after, cache=paths.cache_folder()
        )
        pools.append(pool)
        return pool

    yield make
    for pool in pools:
        pool.close()


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """A small frame's job and a large one's."""
    made = []
    for name, height, width in (("small", 100, 150), ("large", 4024, 6024)):
        folder = tmp_path_factory.mktemp(name)
        (path,) = camera(folder, frames=1, scene=Scene(height=height, width=width, stars=5))
        seen = look(path)
        source = Source(path, seen.size, seen.mtime_ns)
        made.append(Job(source=source, output=folder / "out.fits", root=folder, settings=Settings(), replace=AGAIN))
    return made


def reports(pool, kind, count=1):
    """Wait for reports of a kind; the others are dropped."""
    found = []
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found += [report for report in pool.collect() if isinstance(report, kind)]
        if len(found) >= count:
            return found
        assert time.monotonic() < deadline, found
        nap = pool.sleep()
        wait(pool.handles(), PATIENCE_S if nap is None else min(nap, PATIENCE_S))


def test_a_signal_without_a_name(make_pool):
    pool = make_pool()
    reports(pool, Ready)
    os.kill(only_process(pool).pid, signal.SIGRTMIN + 3)
    (lost,) = reports(pool, Lost)
    assert f"signal {signal.SIGRTMIN + 3}" in lost.reason


def only_process(pool):
    return pool._workers[0].process


def test_a_stopped_fork_server_costs_no_waiting_and_is_replaced(make_pool, monkeypatch):
    pool = make_pool()
    reports(pool, Ready)
    monkeypatch.setattr("arwatch.work.start.ANSWER_S", ANSWER_S)
    os.kill(forkserver._forkserver._forkserver_pid, signal.SIGSTOP)
    os.kill(only_process(pool).pid, signal.SIGKILL)
    began = time.monotonic()
    assert reports(pool, Lost)
    for _ in range(3):
        assert list(pool.collect()) == []
    assert time.monotonic() - began < ANSWER_S, "the caller waited for the fork server"
    (lost,) = reports(pool, Lost)
    assert "did not answer" in lost.reason
    monkeypatch.undo()
    reports(pool, Ready)


def test_a_job_is_done_and_then_need_not_be_done_again(make_pool, jobs):
    pool = make_pool()
    reports(pool, Ready)
    assert pool.free() == 1
    pool.submit(jobs[0])
    assert (pool.free(), pool.busy()) == (0, [jobs[0]])
    (done,) = reports(pool, Done)
    assert isinstance(done.outcome, Written)
    assert done.job == jobs[0]
    assert pool.free() == 1
    pool.submit(Job(**{f: getattr(jobs[0], f) for f in ("source", "output", "root", "settings")}))
    (done,) = reports(pool, Done)
    assert isinstance(done.outcome, Skipped)


def test_a_mistake_of_arwatch_leaves_a_trace_for_a_report(make_pool, jobs):
    pool = make_pool()
    reports(pool, Ready)
    pool.submit(replace(jobs[0], settings=None))
    (done,) = reports(pool, Done)
    assert done.outcome.code is FailureCode.INTERNAL
    trace = Path(done.outcome.reason.rpartition(" ")[2])
    assert re.search(r"^arwatch .*Traceback .*AttributeError", trace.read_text(), re.DOTALL)


def test_the_last_traces_are_kept_and_their_ends(tmp_path):
    evidence = Evidence(tmp_path)
    kept = [evidence.keep(f"{number}: " + "x" * LARGEST + f" {number}") for number in range(KEPT + 5)]
    assert sorted((tmp_path / "traces").iterdir()) == kept[5:]
    assert kept[-1].read_text().endswith(f"x {KEPT + 4}\n")
    assert kept[-1].stat().st_size < LARGEST + 1000


def test_a_crash_leaves_a_trace_for_a_report(make_pool, jobs):
    pool = make_pool()
    reports(pool, Ready)
    pool.submit(jobs[1])
    os.kill(only_process(pool).pid, signal.SIGSEGV)
    (lost,) = reports(pool, Lost)
    trace = Path(lost.reason.rpartition(" ")[2]).read_text()
    assert "Segmentation fault" in trace
    assert "most recent call first" in trace


def test_workers_leave_no_empty_traces(make_pool):
    pool = make_pool()
    reports(pool, Ready)
    running = paths.cache_folder() / "traces" / f"{only_process(pool).pid}.running"
    assert running.exists()
    pool.close()
    assert not running.exists()


def test_what_a_killed_service_left_is_taken_up(tmp_path):
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces" / f"{2**22 + 1}.running").write_text("Fatal Python error: Segmentation fault")
    (tmp_path / "traces" / f"{2**22 + 2}.running").touch()
    Evidence(tmp_path)
    (kept,) = (tmp_path / "traces").iterdir()
    assert kept.read_text().endswith("Segmentation fault\n")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_killed_worker_costs_one_attempt_and_is_replaced(make_pool, jobs, number):
    pool = make_pool()
    reports(pool, Ready)
    pool.submit(jobs[1])
    os.kill(only_process(pool).pid, number)
    lost, done = reports(pool, (Lost, Done), count=2)
    assert lost.job == done.job == jobs[1]
    assert number.name in lost.reason
    assert done.outcome.code is FailureCode.WORKER_LOST
    reports(pool, Ready)
    pool.submit(jobs[0])
    assert isinstance(reports(pool, Done)[0].outcome, Written)


def test_a_stopped_worker_is_ended_at_its_time_limit(make_pool, jobs):
    pool = make_pool(timeout_s=0.5)
    reports(pool, Ready)
    os.kill(only_process(pool).pid, signal.SIGSTOP)
    pool.submit(jobs[0])
    (done,) = reports(pool, Done)
    assert done.outcome.code == "timeout"
    reports(pool, Ready)


def test_an_idle_worker_that_dies_is_replaced(make_pool):
    pool = make_pool()
    reports(pool, Ready)
    only_process(pool).kill()
    (lost,) = reports(pool, Lost)
    assert lost.job is None
    reports(pool, Ready)


def test_memory_is_bounded_and_who_ran_out_of_it_is_replaced(make_pool, jobs):
    pool = make_pool(memory_mib=250)
    reports(pool, Ready)
    before = only_process(pool).pid
    pool.submit(jobs[1])
    (done,) = reports(pool, Done)
    assert isinstance(done.outcome, Failed)
    assert done.outcome.code is FailureCode.MEMORY
    reports(pool, Ready)
    assert only_process(pool).pid != before


def test_workers_are_renewed(make_pool, jobs):
    pool = make_pool(renew_after=2)
    reports(pool, Ready)
    first = only_process(pool).pid
    for _ in range(2):
        pool.submit(jobs[0])
        reports(pool, Done)
    reports(pool, Ready)
    assert only_process(pool).pid != first


def test_workers_end_with_their_pool(make_pool):
    pool = make_pool(count=2)
    reports(pool, Ready, count=2)
    processes = [worker.process for worker in pool._workers]
    pool.close()
    assert not any(process.is_alive() for process in processes)
